"""Limits that cut through narrow peaks: were these lines, all of each would stand on one side.

A line that stands within the resolution of a limit is shown as a peak on both sides of it. No covariance knows that its
resistance is either wholly in the range or wholly out of it.
"""

from __future__ import annotations

import numpy as np

from ..basis import between_nodes
from ..points import measured_window
from ..result import DrtResult
from ..spectrum import BoolArray, FloatArray
from .shapes import POINTS_PER_NODE, Shape, search_maxima

WIDEST_LINE = {"log": 0.55, "joint": 0.55, "elements": 0.35}
"""Decades at half height up to which a peak may be a line, by method; found by simulation, 0.1 to 1 % noise."""
_EXTENT = 2.0
"""How far a line reaches in the estimate, in half widths at half height."""
_UNDECIDED = 0.3
"""Half widths from a limit within which a line may stand on either side of it."""
_LOWEST = (0.02, 0.01)
"""Height and prominence of the least peak that counts, as of `find_peaks`."""


def carried_by_lines(result: DrtResult, limits: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Give what a range may have gained from lines outside of it, and lost from lines inside, over its limits.

    Parameters
    ----------
    result : DrtResult
    limits : ndarray, shape [range, 2]
        In s.

    Returns
    -------
    gained, lost : ndarray, shape [spectrum, range]
        Ohm; zero where no narrow peak stands at a limit, and for ridge, whose blur counts it.
    cut : ndarray of bool, shape [spectrum, range, 2]
        Which limits cut through a narrow peak.
    """
    gained, lost = np.zeros((2, len(result), len(limits)))
    cut = np.zeros((len(result), len(limits), 2), dtype=bool)
    tau = between_nodes(result.tau, POINTS_PER_NODE)
    x, curves = np.log(tau), result.evaluate(tau)
    with np.errstate(divide="ignore"):
        ends = np.log(limits)
    step = np.log(result.tau[-1] / result.tau[0]) / (result.tau.size - 1)  # no line stands where it does to less
    window = np.stack(measured_window(result.frequency, result.used), axis=1)
    for i in np.flatnonzero(np.isfinite(curves).all(axis=1) & (result.method != "ridge")):
        below = np.concatenate([[0.0], np.cumsum((curves[i, 1:] + curves[i, :-1]) / 2 * np.diff(x))])
        widest = WIDEST_LINE[str(result.method[i])]
        for shape in search_maxima(int(i), tau, curves[i], window[i], _LOWEST):
            if not (shape.width < widest or shape.at_edge):
                continue
            half = max(shape.width * np.log(10), step) / 2
            for k, side in zip(*np.nonzero(np.abs(ends - shape.ln_tau) < half), strict=True):
                inside, outside = _masses(shape, half, float(ends[k, side]), x, below)[:: 1 if side else -1]
                off = (shape.ln_tau - ends[k, side]) * (1 if side else -1)  # beyond the limit where positive
                if off > -_UNDECIDED * half:
                    gained[i, k] += inside
                if off < _UNDECIDED * half:
                    lost[i, k] += outside
                cut[i, k, side] = True
    return gained, lost, cut


def _masses(shape: Shape, half: float, limit: float, x: FloatArray, below: FloatArray) -> list[float]:
    """Resistance of a peak on the left and on the right of a limit, each with what a step of the grid blurs."""
    start = max(np.log(shape.left), shape.ln_tau - _EXTENT * half)
    end = min(np.log(shape.right), shape.ln_tau + _EXTENT * half)
    step = x[1] - x[0]
    at = np.interp([start, min(limit + step, end), max(limit - step, start), end], x, below)
    return [float(at[1] - at[0]), float(at[3] - at[2])]
