"""Where a spectrum that fails is valid: without a short stretch of points, or between two frequencies."""

from __future__ import annotations

import numpy as np

from ..spectrum import BoolArray, FloatArray
from .limits import FAIL, PASS, KkLimits
from .linear import Grid
from .structure import Judgement, fit_standard, judge_structure

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
    """Find the widest window in which a spectrum that fails passes, ends cut off by thirds of a decade."""
    rows = np.flatnonzero(found.tier == FAIL)
    found.window[rows] = np.nan
    decade = np.log10(grid.frequency / grid.frequency[-1])
    least = max(_NARROWEST, _NARROWEST_SHARE * decade[0])
    for total in range(1, int((decade[0] - least) / _BLOCK) + 1):
        best = np.full(rows.size, np.inf)
        window = np.full((rows.size, 2), np.nan)
        for low in range(total + 1):
            points = _inside(decade, low * _BLOCK, (total - low) * _BLOCK)
            if rows.size == 0 or points.sum() < _FEWEST_POINTS or np.ptp(decade[points]) < least:
                continue
            here = grid.take(rows, points).without(found.flagged[rows][:, points])
            inside = judge_structure(here, limits, representation)
            passes = (inside.tier == PASS) & (inside.noise < limits.noise_warn)
            misfit = np.where(passes, inside.structure**2 + inside.noise**2, np.inf)
            better = misfit < best
            best[better] = misfit[better]
            window[better] = here.frequency[[-1, 0]]
        found.window[rows] = window
        rows = rows[~np.isfinite(best)]


def _inside(decade: FloatArray, low: float, high: float) -> BoolArray:
    slack = 1e-9
    inside: BoolArray = (decade >= low - slack) & (decade <= decade[0] - high + slack)
    return inside
