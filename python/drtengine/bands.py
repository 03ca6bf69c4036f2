"""Bands of uncertainty for gamma = exp(u), and the uncertainty of its integrals."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from ._native import core
from .basis import Basis
from .errors import InvalidInput, Status
from .options import check_choice, check_count, weights_on_grid
from .sampling import FEWEST_SAMPLES, MOST_SAMPLES
from .spectrum import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ._core import BandSolution, Problem

BAND_KINDS = ("calibrated", "one-sided", "simultaneous", "sampled")
"""The first three in the order of the core."""


def check_band(band: float | None, kind: str, seed: int, samples: int | None, method: str) -> None:
    """Raise unless a band of this level and kind, and so many draws, can be had.

    Raises
    ------
    InvalidInput
    """
    check_choice("band_kind", kind, BAND_KINDS)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise InvalidInput(f"seed must be a whole number from 0 on, got {seed!r}")
    if samples is not None:
        if band is None or kind != "sampled":
            raise InvalidInput("samples are draws of a band: ask for band=0.95, band_kind='sampled' too")
        if check_count("samples", samples, FEWEST_SAMPLES) > MOST_SAMPLES:
            raise InvalidInput(f"samples must be at most {MOST_SAMPLES}, got {samples}")
    if band is None:
        return
    if isinstance(band, bool) or not isinstance(band, int | float | np.number) or not 0 < band < 1:
        raise InvalidInput(f"band must be a level between 0 and 1, such as 0.95, got {band!r}")
    if kind == "sampled":
        if method not in ("log", "ridge"):
            raise InvalidInput(f"band_kind='sampled' goes with method='log' or 'ridge'; method={method!r} has none")
        return
    if method == "ridge":
        raise InvalidInput(
            "bands that cover what they claim exist for method='log' and 'joint'; method='ridge' has none; "
            "it has band_kind='sampled', which is not calibrated"
        )
    if method == "joint" and kind != "calibrated":
        raise InvalidInput(f"method='joint' has band_kind='calibrated' alone, got {kind!r}")


def half_width(level: float) -> float:
    """How many standard deviations a pointwise band of this level reaches to each side."""
    return NormalDist().inv_cdf((1 + level) / 2)


def log_normal(value: FloatArray, u: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Give the pointwise band of positive numbers whose logarithms have an error u / value."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = np.exp(half_width(level) * np.where(value > 0, u / value, 0.0))
        return value / factor, value * factor


def find_bands(
    problem: Problem,
    weights: FloatArray | str,
    rows: IntArray,
    points: BoolArray,
    relief: FloatArray,
    windows: list[tuple[float, float]],
    *,
    level: float = 0.95,
    kind: str = "calibrated",
    seed: int = 0,
) -> tuple[FloatArray, FloatArray, BandSolution]:
    """Find the band of each spectrum of one grid, and the uncertainties of integrals.

    Parameters
    ----------
    problem : Problem
        Its basis is that of `smooth.hats`.
    weights : str or ndarray
        As given to `fit_drt`. With "auto" and "modulus" the noise is taken to grow as a power of abs(Z),
        which the residuals tell; otherwise it is as the weights say.
    rows, points : ndarray
        Which spectra and points of the campaign.
    relief : ndarray, shape [spectrum, 2 * point]
        By how much the weights of outliers are lowered, else 1.
    windows : list of (float, float)
        Relaxation times (s) between which gamma is integrated.
    level : float
    kind : {"calibrated", "one-sided", "simultaneous"}
    seed : int
        For "simultaneous".

    Returns
    -------
    low, high : ndarray, shape [spectrum, node]
        Of gamma, ohm.
    solution : BandSolution
        All that the core found.
    """
    Z = problem["Z"]
    automatic = isinstance(weights, str) and weights in ("auto", "modulus")
    rule = "modulus" if automatic else weights
    basis = Basis("piecewise_linear", 1.0, np.exp(problem["log_tau"]))
    functionals = np.column_stack([basis.integrals(*window) for window in windows])
    solution = core.find_bands(
        {**problem, "weights": weights_on_grid(rule, Z, rows, points)},
        relief,
        np.ascontiguousarray(functionals),
        BAND_KINDS.index(kind),
        float(level),
        automatic,
        int(seed),
    )
    lost = solution["status"] != Status.OK
    for name in ("centre", "deviation", "integral", "u_integral"):
        solution[name][lost] = np.nan
    reach = solution["factor"][:, None] if kind == "simultaneous" else half_width(level)
    centre, deviation = solution["centre"], solution["deviation"]
    with np.errstate(over="ignore"):
        return np.exp(centre - reach * deviation), np.exp(centre + reach * deviation), solution
