"""Single points that stand out."""

from __future__ import annotations

import numpy as np

from ..spectrum import BoolArray, FloatArray, IntArray
from .limits import PASS, WARN, KkLimits
from .linear import Fit, Grid
from .structure import Judgement, fit_standard, judge_structure

MOST_FLAGGED = 0.1
"""Share of the points of a spectrum that may be left out."""
_LEVERAGE_CAP = 0.9
_NEIGHBOURS = 11
_LOCAL_EXCESS = 2.0
"""A neighbourhood this much noisier than the whole sets its own scale."""
_LARGE = 0.02
_MANY = 3
_TO_SIGMA = 1.4826
"""Median of the absolute values to the standard deviation of a normal distribution."""
_SCREEN, _SCREEN_TYPICAL = 0.4, 4.5
"""A point can only stand out if, before its leverage is known, it reaches so much of the limit and so many medians."""


def has_suspects(found: Judgement, limits: KkLimits) -> BoolArray:
    """Whether a point may stand out; judged without leverages, which cost as much as the rest."""
    size = np.abs(found.rest)
    typical = np.median(np.concatenate([np.abs(found.rest.real), np.abs(found.rest.imag)], axis=1), axis=1)
    return np.asarray((size > np.maximum(_SCREEN * limits.point, _SCREEN_TYPICAL * typical[:, None])).any(axis=1))


def judge_points(grid: Grid, rows: IntArray, limits: KkLimits, representation: str, found: Judgement) -> None:
    """Leave out points that stand out, the worst first, and judge again what is left."""
    most = max(1, int(MOST_FLAGGED * grid.frequency.size))
    for admittance in (False, True):
        for fine in (False, True):
            active = rows[(found.admittance[rows] == admittance) & (found.fine[rows] == fine)]
            for removed in range(most + 1):
                if active.size == 0:
                    break
                here = grid.take(active).without(found.flagged[active])
                fit = fit_standard(here, admittance=admittance, fine=fine, leverage=True)
                deviation, excess = _deviations(here, fit, limits)
                worst = excess.argmax(axis=1)
                outstanding = np.take_along_axis(excess, worst[:, None], axis=1)[:, 0] > 0
                active, worst, deviation = active[outstanding], worst[outstanding], deviation[outstanding]
                if removed == most:
                    found.uncleaned[active] = True
                else:
                    found.flagged[active, worst] = True
                    found.deviation[active, worst] = deviation[np.arange(worst.size), worst]
    rows = rows[found.flagged[rows].any(axis=1)]
    if rows.size == 0:
        return
    again = judge_structure(grid.take(rows).without(found.flagged[rows]), limits, representation)
    clean = ~found.uncleaned[rows]
    serious = (found.deviation[rows].max(axis=1) >= _LARGE) | (found.flagged[rows].sum(axis=1) >= _MANY)
    tier = np.maximum(again.tier, np.where(serious, WARN, PASS))
    tier = np.where(clean, tier, np.maximum(np.maximum(found.tier[rows], again.tier), WARN))
    found.replace(rows, again, clean)
    found.fitted[rows[clean]] = ~found.flagged[rows[clean]]
    found.tier[rows] = tier


def _deviations(grid: Grid, fit: Fit, limits: KkLimits) -> tuple[FloatArray, FloatArray]:
    """Deviation of each point relative to abs(Z), and how far it exceeds chance (0 where it does not)."""
    from scipy.special import fdtri

    used = grid.weights > 0
    parts = np.abs(np.stack([fit.rest.real, fit.rest.imag], axis=2)) / np.sqrt(
        1 - np.minimum(fit.leverage, _LEVERAGE_CAP)
    )
    known = np.where(used[:, :, None], parts, np.nan)
    scale = np.repeat(_TO_SIGMA * np.nanmedian(known.reshape(len(parts), -1), axis=1)[:, None], used.shape[1], axis=1)
    square = (parts**2).sum(axis=2)
    highest = fdtri(2, np.maximum(fit.degrees, 10), 1 - limits.p_point / used.sum(axis=1))[:, None]
    may = used & (square > 2 * highest * scale**2) & (square > limits.point**2)
    rows, points = np.nonzero(may)
    x = np.log(grid.frequency)
    near = np.argsort(np.abs(x[:, None] - x), axis=1, kind="stable")[:, :_NEIGHBOURS]
    around = _TO_SIGMA * np.nanmedian(known[rows[:, None], near[points]], axis=(1, 2))
    local = around > _LOCAL_EXCESS * scale[rows, points]
    scale[rows[local], points[local]] = around[local]
    excess = square / (2 * highest * scale**2)
    return np.sqrt(square), np.where(may & (excess > 1), excess, 0.0)
