"""Levenberg-Marquardt for many small problems side by side, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..spectrum import BoolArray, FloatArray, IntArray

Evaluate: TypeAlias = Callable[[IntArray, FloatArray], tuple[FloatArray, FloatArray]]
"""(problems, x [problem, parameter]) -> residual [problem, row], Jacobian [problem, parameter, row]."""

TOLERANCE = 1e-5
"""How far from the minimum a search stops, in standard errors."""

ACCEPTED = 1e-2
"""How far from the minimum a search that got stuck may be to count as converged, in standard errors."""

MAX_ITERATIONS = 300

_LONGEST_STEP = 2.0
_MOST_RETRIES, _MOST_CROSSINGS = 12, 3
_FORGET = 0.1  # how much of the largest curvature seen counts on: directions that get flat are soon free to move
_SMALLEST_STEP = 1e-11
_LEAST_DAMPING, _MOST_DAMPING = 1e-10, 1e14  # the least keeps singular problems solvable
_BLOCK = 64


@dataclass
class Minima:
    """Where searches ended.

    Attributes
    ----------
    x : ndarray, shape [problem, parameter]
    cost : ndarray, shape [problem]
        Sum of squares of the residuals; infinite where they are not finite.
    hessian : ndarray, shape [problem, parameter, parameter]
        J'J at `x`.
    gradient : ndarray, shape [problem, parameter]
        J'r at `x`.
    left : ndarray, shape [problem]
        What a whole step would still take off the cost, over the variance of the residuals: the distance from the
        minimum in standard errors, squared.
    """

    x: FloatArray
    cost: FloatArray
    hessian: FloatArray
    gradient: FloatArray
    left: FloatArray

    @property
    def converged(self) -> BoolArray:
        """Whether the minimum is as near as `ACCEPTED` standard errors [problem]."""
        return self.left <= ACCEPTED**2

    def replace(self, rows: IntArray, others: Minima) -> None:
        """Put other minima into some places."""
        self.x[rows], self.cost[rows] = others.x, others.cost
        self.hessian[rows], self.gradient[rows] = others.hessian, others.gradient
        self.left[rows] = others.left

    def held(self, lower: FloatArray, upper: FloatArray) -> BoolArray:
        """Parameters that a bound keeps from getting better [problem, parameter]."""
        return ((self.x <= lower) & (self.gradient >= 0)) | ((self.x >= upper) & (self.gradient <= 0))


def minimise(
    evaluate: Evaluate,
    problems: IntArray,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    negligible: FloatArray,
    *,
    iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> Minima:
    """Minimise the sums of squares of many problems of one size.

    Steps solve (J'J + mu D) step = -J'r, D the largest diagonal of J'J seen, mu by Nielsen's rule; parameters
    held by a bound stand aside. A search stops when the step still to go is below `tolerance` standard errors.
    No problem knows of the others: results do not depend on which are solved together.

    Parameters
    ----------
    evaluate : callable
    problems : ndarray of int, shape [problem]
        Handed to `evaluate`, which may see one problem with many starts.
    start, lower, upper : ndarray, shape [problem, parameter]
    negligible : ndarray, shape [problem]
        A sum of squares that counts as zero, for exact data.
    iterations : int
        At most.
    tolerance : float

    Notes
    -----
    Marquardt, J. SIAM 11, 431 (1963), doi:10.1137/0111030; Nielsen, report IMM-REP-1999-05, DTU (1999).
    """
    x = np.clip(start, lower, upper)
    residual_count = 0
    count, size = x.shape
    cost, gradient = np.empty(count), np.empty((count, size))
    hessian = np.empty((count, size, size))
    for block in _blocks(np.arange(count)):
        cost[block], gradient[block], hessian[block], residual_count = _normal(evaluate, problems[block], x[block])
    minima = Minima(x, cost, hessian, gradient, np.full(count, np.inf))
    scale = np.zeros((count, size))
    damping, factor = np.full(count, 1e-3), np.full(count, 2.0)
    active = np.flatnonzero(np.isfinite(cost))
    degrees = max(residual_count - size, 1)
    for _ in range(iterations):
        if active.size == 0:
            break
        remaining = []
        for rows in _blocks(active):
            low, high = lower[rows], upper[rows]
            H, g = minima.hessian[rows], minima.gradient[rows]
            here, cost_here = minima.x[rows], minima.cost[rows]
            free = ~(((here <= low) & (g >= 0)) | ((here >= high) & (g <= 0)))
            diagonal = np.einsum("kii->ki", H)
            scale[rows] = np.maximum(_FORGET * scale[rows], diagonal)
            D = np.maximum(scale[rows], np.finfo(float).tiny)
            step, damping[rows] = _short_step(H, g, D, damping[rows], free)
            there, step = _stay_within(here, step, low, high, H, g, D, damping[rows], free)
            predicted = -(step * (2 * g + np.matmul(H, step[:, :, None])[:, :, 0])).sum(axis=1)
            new_cost, new_gradient, new_hessian, _ = _normal(evaluate, problems[rows], there)
            gain = np.where(predicted > 0, cost_here - new_cost, 0) / np.where(predicted > 0, predicted, 1)
            better = (new_cost < cost_here) & (gain > 1e-4)
            length = np.abs(step).max(axis=1)
            # with little damping, the step predicts the whole of what is left to gain
            near = (predicted <= tolerance**2 * cost_here / degrees) & (damping[rows] <= 1e-1)
            done = near | (new_cost <= negligible[rows]) | (length <= _SMALLEST_STEP) | (damping[rows] > _MOST_DAMPING)
            taken = rows[better]
            minima.x[taken], minima.cost[taken] = there[better], new_cost[better]
            minima.gradient[taken], minima.hessian[taken] = new_gradient[better], new_hessian[better]
            slower = np.maximum(1 / 3, 1 - (2 * np.clip(gain, 0, 1) - 1) ** 3)
            damping[rows] = np.where(better, damping[rows] * slower, damping[rows] * factor[rows]).clip(_LEAST_DAMPING)
            factor[rows] = np.where(better, 2.0, 2 * factor[rows])
            remaining.append(rows[~done])
        active = np.concatenate(remaining)
    minima.left = np.where(minima.cost <= negligible, 0.0, _left_to_gain(minima, lower, upper, degrees))
    return minima


def _left_to_gain(minima: Minima, lower: FloatArray, upper: FloatArray, degrees: int) -> FloatArray:
    """Tell what a whole step would still take off the cost, over the variance of the residuals."""
    free = ~minima.held(lower, upper)
    gradient = np.where(free, minima.gradient, 0.0)
    left = np.full(len(minima.x), np.inf)
    sound = np.flatnonzero(np.isfinite(minima.cost))
    for rows in _blocks(sound):
        D = np.maximum(np.einsum("kii->ki", minima.hessian[rows]), np.finfo(float).tiny)
        step = _solve(minima.hessian[rows], gradient[rows], D, np.full(rows.size, _LEAST_DAMPING), free[rows])
        with np.errstate(invalid="ignore", divide="ignore"):
            left[rows] = -np.einsum("ki,ki->k", step, gradient[rows]) * degrees / minima.cost[rows]
    return left


def _normal(evaluate: Evaluate, problems: IntArray, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Sum of squares (infinite if not finite), J'r, J'J and the number of residuals."""
    with np.errstate(all="ignore"):
        residual, jacobian = evaluate(problems, x)
        cost = np.einsum("kn,kn->k", residual, residual)
        gradient = np.matmul(jacobian, residual[:, :, None])[:, :, 0]
        hessian = np.matmul(jacobian, jacobian.transpose(0, 2, 1))
        sound = np.isfinite(cost) & np.isfinite(hessian).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1)
    return np.where(sound, cost, np.inf), gradient, hessian, residual.shape[1]


def _short_step(
    H: FloatArray, g: FloatArray, D: FloatArray, damping: FloatArray, free: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Solve for steps and damp those that are too long until they are not; returns steps and dampings."""
    g, damping = np.where(free, g, 0.0), damping.copy()
    step = _solve(H, g, D, damping, free)
    for _ in range(_MOST_RETRIES):
        far = np.flatnonzero(np.abs(step).max(axis=1) > _LONGEST_STEP)
        if far.size == 0:
            break
        damping[far] *= 10
        step[far] = _solve(H[far], g[far], D[far], damping[far], free[far])
    length = np.maximum(np.abs(step).max(axis=1), _LONGEST_STEP)
    return step * (_LONGEST_STEP / length)[:, None], damping


def _stay_within(
    here: FloatArray,
    step: FloatArray,
    low: FloatArray,
    high: FloatArray,
    H: FloatArray,
    g: FloatArray,
    D: FloatArray,
    damping: FloatArray,
    free: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """Stop what would cross a bound there and solve for the rest again; returns where the step ends, and the step."""
    step = step.copy()
    free = free.copy()
    for _ in range(_MOST_CROSSINGS):
        crosses = free & ((here + step < low) | (here + step > high))
        rows = np.flatnonzero(crosses.any(axis=1))
        if rows.size == 0:
            break
        stopped = np.clip(here[rows] + step[rows], low[rows], high[rows]) - here[rows]
        free[rows] &= ~crosses[rows]
        moved = np.where(free[rows], 0.0, stopped)
        pull = g[rows] + np.matmul(H[rows], moved[:, :, None])[:, :, 0]
        rest = _solve(H[rows], np.where(free[rows], pull, 0.0), D[rows], damping[rows], free[rows])
        length = np.maximum(np.abs(rest).max(axis=1), _LONGEST_STEP)
        step[rows] = np.where(free[rows], rest * (_LONGEST_STEP / length)[:, None], moved)
    there = np.clip(here + step, low, high)
    return there, there - here


def _solve(H: FloatArray, g: FloatArray, D: FloatArray, damping: FloatArray, free: BoolArray) -> FloatArray:
    """Solve (H + damping diag(D)) step = -g for the free parameters, scaled to a unit diagonal of D first."""
    inverse_root = np.where(free, 1 / np.sqrt(D), 0.0)
    scaled = H * inverse_root[:, :, None] * inverse_root[:, None, :]
    np.einsum("kii->ki", scaled)[...] += np.where(free, damping[:, None], 1.0)
    return np.asarray(-inverse_root * np.linalg.solve(scaled, (inverse_root * g)[:, :, None])[:, :, 0])


def _blocks(rows: IntArray) -> list[IntArray]:
    """Cut rows into pieces whose Jacobians stay in the cache."""
    return [rows[i : i + _BLOCK] for i in range(0, rows.size, _BLOCK)]
