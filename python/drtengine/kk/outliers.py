"""Single points that stand out."""

from __future__ import annotations

from dataclasses import replace

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
_FEW_DEGREES, _LONE = 40, 2.0
"""With fewer degrees of freedom a point is compared with the noise without it, and must exceed chance so many times."""
_EXCUSED = 4.0
"""So many times must a point that its neighbourhood excuses exceed chance in a fit without it."""
_DIP = 0.7
"""Of the smaller abs(Z) of both neighbours, below which a point weighs less."""
_LARGE = 0.02
_MANY = 3
_TO_SIGMA = 1.4826
"""Median of the absolute values to the standard deviation of a normal distribution."""
_SCREEN, _SCREEN_TYPICAL, _SCREEN_LEVERAGE = 0.4, 4.5, 2.5
"""Before leverages are known: a point can only stand out if it reaches so much of the limit, and so many medians, or
so much of all squares."""


def lighten_dips(grid: Grid, rows: IntArray) -> tuple[Grid, IntArray]:
    """Weigh points whose abs(Z) is far below that of both neighbours as if it were the smaller of these.

    By its own abs(Z) a point that is nearly zero by mistake would weigh so much that every model goes through it.

    Returns
    -------
    Grid
        With these weights.
    ndarray of int
        Those of the rows that have such points.
    """
    size = np.abs(grid.Z[rows])
    ratio = np.ones(size.shape)
    ratio[:, 1:-1] = size[:, 1:-1] / np.minimum(size[:, :-2], size[:, 2:])
    ratio[ratio >= _DIP] = 1
    dips = (ratio < 1).any(axis=1)
    if not dips.any():
        return grid, rows[:0]
    weights = grid.weights.copy()
    weights[rows] *= ratio
    return replace(grid, weights=weights), rows[dips]


def has_suspects(found: Judgement, limits: KkLimits) -> BoolArray:
    """Whether a point may stand out; judged without leverages, which cost as much as the rest."""
    from scipy.special import fdtri

    parts = np.concatenate([found.rest.real, found.rest.imag], axis=1)
    size = np.abs(found.rest).max(axis=1)
    typical = np.median(np.abs(parts), axis=1)
    squares = (parts**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = np.maximum(squares / found.noise**2, 3)
        highest = 2 * fdtri(2, degrees - 2, 1 - limits.p_point / found.rest.shape[1])
        lone = _SCREEN_LEVERAGE * size**2 / squares > highest / (degrees - 2 + highest)
        lone &= degrees < _FEW_DEGREES
    return np.asarray((size > _SCREEN * limits.point) & ((size > _SCREEN_TYPICAL * typical) | lone))


def flag_points(grid: Grid, rows: IntArray, limits: KkLimits, representation: str, found: Judgement) -> None:
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
                deviation, excess = _deviations(here, fit, limits, fine=fine)
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


def _deviations(grid: Grid, fit: Fit, limits: KkLimits, *, fine: bool) -> tuple[FloatArray, FloatArray]:
    """Deviation of each point relative to abs(Z), and how far it exceeds chance (0 where it does not)."""
    from scipy.special import fdtri

    used = grid.weights > 0
    parts = _parts(grid, fit)
    square = np.nansum(parts**2, axis=2)
    chance = 1 - limits.p_point / used.sum(axis=1)
    highest = 2 * fdtri(2, np.maximum(fit.degrees, 10), chance)[:, None]
    alike = square / (highest * _scale(parts)[:, None] ** 2)
    may = used & (alike > 1) & (square > limits.point**2)
    rows, points = np.nonzero(may)
    excess = np.zeros(square.shape)
    excess[rows, points] = (square / highest)[rows, points] / _scale_around(grid, parts, rows, points) ** 2
    # with few degrees of freedom a point that is off raises every residual: compare with the noise without it
    spare = (np.maximum(fit.degrees, 3) - 2)[:, None]
    counted = square * grid.weights**2
    left = np.maximum((fit.degrees * fit.noise**2)[:, None] - counted, np.fmax(1e-12 * counted, 1e-300)) / spare
    alone = counted / (2 * left * fdtri(2, spare[:, 0], chance)[:, None])
    lone = used & (alone > _LONE) & (alone == alone.max(axis=1, keepdims=True)) & (square > limits.point**2)
    lone &= (fit.degrees < _FEW_DEGREES)[:, None]
    excess = np.where(lone & (excess <= 1), alone, excess)
    # a model that bends towards a point leaves residuals around it, which excuse it and stand out themselves: so the
    # farthest point comes first, and its neighbourhood is that of a fit without it
    every, first = np.arange(len(parts)), np.where(may, alike, 0.0).argmax(axis=1)
    rows = np.flatnonzero(may[every, first] & (excess[every, first] <= 1))
    if rows.size:
        chosen = first[rows]
        here = grid.take(rows).without(~used[rows] | (np.arange(used.shape[1]) == chosen[:, None]))
        again = fit_standard(here, admittance=fit.model.admittance, fine=fine, leverage=True)
        scale = _scale_around(here, _parts(here, again), np.arange(rows.size), chosen, least=1.0)
        excess[rows, chosen] = (square / highest)[rows, chosen] / scale**2 / _EXCUSED
    excess[every, first] = np.where(excess[every, first] > 1, np.inf, 0.0)
    return np.sqrt(square), np.where(excess > 1, excess, 0.0)


def _parts(grid: Grid, fit: Fit) -> FloatArray:
    """Size of the residuals of Re and Im, as large as the noise at every point; NaN where no point was fitted."""
    parts = np.abs(np.stack([fit.rest.real, fit.rest.imag], axis=2))
    parts /= np.sqrt(1 - np.minimum(fit.leverage, _LEVERAGE_CAP))
    return np.where(grid.weights[:, :, None] > 0, parts, np.nan)


def _scale(parts: FloatArray) -> FloatArray:
    """Noise of a part of each spectrum, from the median."""
    return np.asarray(_TO_SIGMA * np.nanmedian(parts.reshape(len(parts), -1), axis=1))


def _scale_around(
    grid: Grid, parts: FloatArray, rows: IntArray, points: IntArray, least: float = _LOCAL_EXCESS
) -> FloatArray:
    """Noise of a part at points of spectra: of the whole spectrum, or of a neighbourhood `least` times noisier."""
    x = np.log(grid.frequency)
    near = np.argsort(np.abs(x[:, None] - x), axis=1, kind="stable")[:, :_NEIGHBOURS]
    around = _TO_SIGMA * np.nanmedian(parts[rows[:, None], near[points]], axis=(1, 2))
    whole = _scale(parts)[rows]
    return np.where(around > least * whole, around, whole)
