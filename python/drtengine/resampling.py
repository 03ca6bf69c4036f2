"""Spectra put on one frequency grid, by interpolation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import InvalidInput
from .spectrum import ComplexArray, FloatArray

_EDGE = 1e-9
"""By how much, relatively, a grid may reach beyond the measured range: the digits of a file."""


def common_grid(frequencies: Sequence[FloatArray]) -> FloatArray:
    """Return a falling grid in the range that all spectra share, with the points per decade of the densest.

    Raises
    ------
    InvalidInput
        If the spectra share no range.
    """
    low, high = max(f.min() for f in frequencies), min(f.max() for f in frequencies)
    if not low < high:
        raise InvalidInput("the spectra share no range of frequencies; resample those that do")
    per_decade = max((f.size - 1) / np.log10(f.max() / f.min()) for f in frequencies if f.max() > f.min())
    grid: FloatArray = np.geomspace(high, low, max(2, round(per_decade * np.log10(high / low)) + 1))
    return grid


def interpolate(frequency: FloatArray, Z: ComplexArray, grid: FloatArray, name: str) -> ComplexArray:
    """Interpolate one spectrum by cubic splines of Re and Im over ln f.

    Parameters
    ----------
    frequency, Z : ndarray, shape [point]
        Hz and ohm: the points of one spectrum.
    grid : ndarray, shape [grid]
        Hz, within the measured range.
    name : str
        Of the spectrum, for messages.

    Raises
    ------
    InvalidInput
        If a value is not finite, a frequency is not positive or occurs twice, or the grid reaches beyond.
    """
    from scipy.interpolate import CubicSpline

    order = np.argsort(frequency)
    f, z = frequency[order], Z[order]
    if not (np.isfinite(f).all() and np.isfinite(z).all() and f[0] > 0 and (np.diff(f) > 0).all() and f.size > 1):
        raise InvalidInput(
            f"{name}: only spectra of two or more finite points with distinct positive frequencies can be resampled; "
            "leave it out, or what is wrong in it, with masked()"
        )
    if grid.min() < f[0] * (1 - _EDGE) or grid.max() > f[-1] * (1 + _EDGE):
        raise InvalidInput(
            f"{name}: measured from {f[0]:.6g} to {f[-1]:.6g} Hz, the grid reaches from {grid.min():.6g} to "
            f"{grid.max():.6g} Hz; nothing is extrapolated"
        )
    at = np.log(np.clip(grid, f[0], f[-1]))
    splines = (CubicSpline(np.log(f), part) for part in (z.real, z.imag))
    real, imag = (np.asarray(spline(at)) for spline in splines)
    return np.asarray(real + 1j * imag)
