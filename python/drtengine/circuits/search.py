"""The search for the best fit of each spectrum: several starts, then the answers of its neighbours."""

from __future__ import annotations

import numpy as np

from ..spectrum import FloatArray, IntArray
from .levenberg import MAX_ITERATIONS, TOLERANCE, Minima, minimise
from .problem import Problem

_FIRST_STEPS = 10
_KEPT = 4
_ALIKE = 1.01
"""Starts with sums of squares nearer than this factor count as one."""
_ROUGH = 1e-2
"""Standard errors to which the kept starts are followed before the best is chosen."""
_NEIGHBOUR_STEPS = 12
_MOST_SWEEPS = 20
_LOWER = 1e-6
"""A neighbour's answer is followed where it lowers the sum of squares by more than this share."""


def search(problem: Problem, rows: IntArray, starts: FloatArray, *, neighbours: bool) -> Minima:
    """Find the lowest minimum of each spectrum.

    All starts are followed a few steps, the best four further, the best of these to the end. Then each spectrum
    tries the answers of the spectra before and after it, again and again as long as that lowers any sum of squares:
    a warm start forward and backward along the campaign.

    Parameters
    ----------
    problem : Problem
    rows : ndarray of int, shape [row]
        Spectra to fit.
    starts : ndarray, shape [start, row, free]
    neighbours : bool
        Whether neighbours are asked.
    """
    if len(starts) > _KEPT:
        starts = _best(_run(problem, rows, starts, _FIRST_STEPS), len(starts), _KEPT)
    if len(starts) > 1:
        starts = _best(_run(problem, rows, starts, tolerance=_ROUGH), len(starts), 1)
    minima = _run(problem, rows, starts)
    if neighbours:
        _ask_neighbours(problem, rows, minima)
    return minima


def _run(
    problem: Problem,
    rows: IntArray,
    starts: FloatArray,
    iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> Minima:
    """Follow starts [start, row, free]; the answers stand start by start."""
    at = np.tile(rows, len(starts))
    bounds = problem.lower[at], problem.upper[at]
    flat = starts.reshape(at.size, starts.shape[2])
    return minimise(problem, at, flat, *bounds, problem.negligible[at], iterations=iterations, tolerance=tolerance)


def _best(minima: Minima, starts: int, kept: int) -> FloatArray:
    """Where the best few of the starts of each spectrum ended, those that seem to be on the same way once."""
    x = minima.x.reshape(starts, -1, minima.x.shape[1])
    cost = minima.cost.reshape(starts, -1)
    order = np.argsort(cost, axis=0, kind="stable")
    ordered = np.take_along_axis(cost, order, axis=0)
    alike = np.zeros(cost.shape, dtype=bool)
    alike[1:] = ordered[1:] <= ordered[:-1] * _ALIKE
    chosen = np.take_along_axis(order, np.argsort(alike, axis=0, kind="stable")[:kept], axis=0)
    return np.take_along_axis(x, chosen[:, :, None], axis=0)


def _ask_neighbours(problem: Problem, rows: IntArray, minima: Minima) -> None:
    """Spread good answers to neighbours until nothing changes."""
    changed = np.ones(rows.size, dtype=bool)
    for _ in range(_MOST_SWEEPS):
        asked, changed = changed, np.zeros(rows.size, dtype=bool)
        for step in (1, -1):
            teachers = np.flatnonzero(asked)
            pupils = teachers + step
            within = (pupils >= 0) & (pupils < rows.size)
            teachers, pupils = teachers[within], pupils[within]
            tried = _run(problem, rows[pupils], minima.x[None, teachers], _NEIGHBOUR_STEPS)
            lower = tried.cost < minima.cost[pupils] * (1 - _LOWER)
            pupils = pupils[lower]
            if pupils.size:
                minima.replace(pupils, _run(problem, rows[pupils], tried.x[None, lower]))
                changed[pupils] = True
        if not changed.any():
            return
