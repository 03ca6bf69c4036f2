"""Where a spectrum that fails is valid: without a short stretch of points, or between two frequencies."""

from __future__ import annotations

import numpy as np

from ..spectrum import BoolArray, FloatArray, IntArray
from .limits import FAIL, PASS, WARN, KkLimits
from .linear import Grid
from .structure import Judgement, fit_standard

_BLOCK = 1 / 3
"""Windows shrink by so many decades at a time."""
_NARROWEST, _NARROWEST_SHARE, _FEWEST_POINTS = 1.5, 0.3, 20
"""Least width of a window in decades, as a share of the whole, and in points."""
_STRETCHES = (1 / 3, 1 / 2, 2 / 3)
"""Lengths of stretches that are left out on trial, in decades."""
_STRETCH_STEP = 1 / 6
_LONGEST_STRETCH = 0.15
"""Share of the points that a stretch may hold."""


def find_stretches(grid: Grid, limits: KkLimits, found: Judgement) -> None:
    """Flag a stretch of points, away from the ends, without which a spectrum would pass; the shortest that does it."""
    rows = np.flatnonzero((found.tier > PASS) & (found.p_value < limits.p_warn) & ~found.flagged.any(axis=1))
    decade = np.log10(grid.frequency / grid.frequency[-1])
    for length in _STRETCHES:
        best = np.full(rows.size, np.inf)
        choice = np.zeros((rows.size, decade.size), dtype=bool)
        for start in np.arange(_BLOCK, decade[0] - length - _BLOCK, _STRETCH_STEP):
            stretch = (decade >= start) & (decade <= start + length)
            if rows.size == 0 or not 0 < stretch.sum() <= _LONGEST_STRETCH * decade.size:
                continue
            for admittance in (False, True):
                at = np.flatnonzero(found.admittance[rows] == admittance)
                if at.size == 0:
                    continue
                fit = fit_standard(grid.take(rows[at]).without(stretch), admittance=admittance)
                misfit = np.where(limits.tier(fit) == PASS, fit.structure**2 + fit.noise**2, np.inf)
                better = misfit < best[at]
                best[at[better]] = misfit[better]
                choice[at[better]] = stretch
        solved = np.isfinite(best)
        found.flagged[rows[solved]] = choice[solved]
        found.stretch[rows[solved]] = True
        rows = rows[~solved]


def find_windows(grid: Grid, limits: KkLimits, representation: str, found: Judgement) -> None:
    """Narrow the window of spectra that fail from the worse end until they pass."""
    rows = np.flatnonzero(found.tier == FAIL)
    found.window[rows] = np.nan
    decade = np.log10(grid.frequency / grid.frequency[-1])
    cuts: IntArray = np.zeros((rows.size, 2), np.intp)  # thirds of a decade, at the low and the high end
    while rows.size:
        trials = [cuts + step for step in ([1, 0], [0, 1])]
        scores = [_try_windows(grid, rows, trial, decade, limits, representation, found) for trial in trials]
        (tier_low, misfit_low), (tier_high, misfit_high) = scores
        low = (tier_low < tier_high) | ((tier_low == tier_high) & (misfit_low <= misfit_high))
        cuts = np.where(low[:, None], *trials)
        tier, misfit = np.where(low, tier_low, tier_high), np.where(low, misfit_low, misfit_high)
        passed = tier == PASS
        for row, cut in zip(rows[passed], cuts[passed], strict=True):
            inside = grid.frequency[_inside(decade, cut)]
            found.window[row] = inside[-1], inside[0]
        going = ~passed & np.isfinite(misfit)
        rows, cuts = rows[going], cuts[going]


def _inside(decade: FloatArray, cut: IntArray) -> BoolArray:
    slack = 1e-9
    inside: BoolArray = (decade >= cut[0] * _BLOCK - slack) & (decade <= decade[0] - cut[1] * _BLOCK + slack)
    return inside


def _try_windows(
    grid: Grid, rows: IntArray, cuts: IntArray, decade: FloatArray, limits: KkLimits, representation: str,
    found: Judgement,
) -> tuple[IntArray, FloatArray]:  # fmt: skip
    """Tier and misfit of spectra in windows; where a window is too narrow, FAIL and infinity."""
    tier, misfit = np.full(rows.size, FAIL), np.full(rows.size, np.inf)
    least = max(_NARROWEST, _NARROWEST_SHARE * decade[0])
    for cut in np.unique(cuts, axis=0):
        points = _inside(decade, cut)
        if points.sum() < _FEWEST_POINTS or np.ptp(decade[points]) < least:
            continue
        here = np.flatnonzero((cuts == cut).all(axis=1))
        window = grid.take(rows[here], points).without(found.flagged[rows[here]][:, points])
        fit = fit_standard(window, admittance=representation == "admittance")
        worth = limits.tier(fit)
        tier[here] = np.where((worth == PASS) & (fit.noise >= limits.noise_warn), WARN, worth)
        misfit[here] = fit.structure**2 + fit.noise**2
    return tier, misfit
