"""Questions to the draws of gamma that `fit_drt(..., band_kind="sampled", samples=...)` keeps.

Each function gives one number a draw, so that any joint question is answered by counting: with
``a = integrate_samples(r, 0, 1e-3)`` and ``b = integrate_samples(r, 1e-2, 1)``, ``(a > b).mean(axis=1)`` is the
probability that the fast process has the larger resistance, and ``np.quantile(a / b, [0.025, 0.975], axis=1)`` an
interval of their ratio.
"""

from __future__ import annotations

import numpy as np

from .basis import Basis
from .errors import InvalidInput
from .result import DrtResult
from .spectrum import BoolArray, FloatArray


def integrate_samples(result: DrtResult, low: float = 0.0, high: float = np.inf) -> FloatArray:
    """Integrate each draw of gamma over ln(tau): the resistance of a process.

    By the trapezoid rule over the nodes, gamma between two nodes taken for straight.

    Parameters
    ----------
    result : DrtResult
        With `samples`.
    low, high : float
        Relaxation times in s; 0 and infinity stand for the ends of the grid of tau.

    Returns
    -------
    ndarray, shape [spectrum, draw]
        Ohm. NaN for spectra without draws.

    Raises
    ------
    InvalidInput
        If the result has no draws, or the range is empty.

    Examples
    --------
    >>> import drtengine as dt
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> cell = dt.simulate.Resistor(10) + dt.simulate.ZARC(50, 1e-3, 0.8) + dt.simulate.ZARC(20, 1e-1, 0.8)
    >>> Z = dt.simulate.add_noise(cell.impedance(frequency), 0.005, seed=1)
    >>> spectrum = dt.Spectrum(frequency, Z)
    >>> r = dt.fit_drt(spectrum, method="log", band=0.95, band_kind="sampled", samples=1000)
    >>> fast, slow = integrate_samples(r, 0, 1e-2), integrate_samples(r, 1e-2)
    >>> bool((fast > slow).mean() > 0.99)
    True
    """
    samples, tau = _samples(result), result.tau
    low, high = max(float(low), float(tau[0])), min(float(high), float(tau[-1]))
    if not low < high:
        raise InvalidInput(
            f"the range of tau, {low:g} to {high:g} s, is empty or off the grid ({tau[0]:.3g} to {tau[-1]:.3g} s)"
        )
    return np.asarray(samples @ Basis("piecewise_linear", 1.0, tau).integrals(low, high))


def locate_peak_samples(result: DrtResult, low: float = 0.0, high: float = np.inf) -> tuple[FloatArray, FloatArray]:
    """Find the highest point of each draw of gamma within a range of tau.

    A parabola in ln(gamma), or in gamma where it is not positive, through the highest node and its neighbours.

    Parameters
    ----------
    result : DrtResult
        With `samples`.
    low, high : float
        Relaxation times in s that the highest node stands between.

    Returns
    -------
    height, tau : ndarray, shape [spectrum, draw]
        Ohm per unit ln(tau), and s. A draw that is highest at an end of the range has its peak elsewhere, if any:
        then `tau` is that end's node. NaN for spectra without draws.

    Raises
    ------
    InvalidInput
        If the result has no draws, or fewer than three nodes stand in the range.

    Examples
    --------
    >>> import numpy as np, drtengine as dt
    >>> cell = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
    >>> spectra = dt.simulate.campaign([cell], np.geomspace(1e5, 1e-2, 71), level=0.005)
    >>> result = dt.fit_drt(spectra, method="log", band=0.95, band_kind="sampled", samples=500)
    >>> height, tau = dt.locate_peak_samples(result, 1e-3, 1e-1)
    >>> bool(abs(np.median(tau) / 1e-2 - 1) < 0.1)
    True
    """
    samples, tau = _samples(result), result.tau
    inside = np.flatnonzero((tau >= low) & (tau <= high))
    if inside.size < 3:
        raise InvalidInput(f"fewer than three nodes of tau between {low:g} and {high:g} s; widen the range")
    part = samples[:, :, inside]
    known: BoolArray = np.asarray(np.isfinite(part).all(axis=2))
    top = np.where(known[..., None], part, 0).argmax(axis=2)
    centre = np.clip(top, 1, inside.size - 2)
    three = np.stack([np.take_along_axis(part, (centre + k)[..., None], 2)[..., 0] for k in (-1, 0, 1)])
    positive = (three > 0).all(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = np.where(positive, np.log(np.where(positive, three, 1)), three)
        bend, slope = y[0] - 2 * y[1] + y[2], (y[2] - y[0]) / 2
        away = np.where(bend < 0, np.clip(-slope / bend, -1, 1), 0.0)
        summit = y[1] + slope * away + bend * away**2 / 2
    at_end = top != centre
    x, h = np.log(tau[inside]), np.diff(np.log(tau[inside]))
    place = np.exp(x[centre] + away * np.where(away > 0, h[centre], h[centre - 1]))
    height = np.where(positive, np.exp(summit), summit)
    highest = np.take_along_axis(part, top[..., None], 2)[..., 0]
    height, place = np.where(at_end, highest, height), np.where(at_end, tau[inside][top], place)
    return np.where(known, height, np.nan), np.where(known, place, np.nan)


def _samples(result: DrtResult) -> FloatArray:
    if not isinstance(result, DrtResult) or result.samples is None:
        raise InvalidInput("there are no draws; ask fit_drt for them with band=0.95, band_kind='sampled', samples=3000")
    return result.samples
