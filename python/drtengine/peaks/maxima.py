"""Maxima of a curve and how far they stand out.

As `scipy.signal.find_peaks` has them; importing that loads half of SciPy, which takes longer than the peaks of a
thousand spectra.
"""

from __future__ import annotations

import numpy as np

from ..spectrum import FloatArray, IntArray


def find_maxima(curve: FloatArray, height: float, prominence: float) -> tuple[IntArray, IntArray]:
    """Find the maxima of a curve that have at least a height and a prominence.

    Parameters
    ----------
    curve : ndarray, shape [place]
    height, prominence : float
        Prominence is the height above the higher one of the lowest places between the maximum and the next higher
        ground, or the end, on either side.

    Returns
    -------
    maxima : ndarray of int, shape [maximum]
        Places, the middle of those that are equal; never the ends of the curve.
    bases : ndarray of int, shape [side, maximum]
        The lowest place on either side, the nearest of those that are equal.
    """
    step = np.diff(curve)
    at = np.flatnonzero(step)
    rises = step[at] > 0
    tops = np.flatnonzero(rises[:-1] & ~rises[1:])
    maxima = (at[tops] + 1 + at[tops + 1]) // 2
    maxima = maxima[curve[maxima] >= height]
    left = [peak - _lowest(curve[peak::-1]) for peak in maxima]
    right = [peak + _lowest(curve[peak:]) for peak in maxima]
    bases = np.array([left, right], dtype=np.intp).reshape(2, maxima.size)
    enough = curve[maxima] - curve[bases].max(axis=0) >= prominence
    return maxima[enough], bases[:, enough]


def _lowest(way: FloatArray) -> int:
    """Count the steps from the begin of a way to its lowest place before it rises above the begin."""
    above = way > way[0]
    return int(np.argmin(way[: int(above.argmax()) if above.any() else way.size]))
