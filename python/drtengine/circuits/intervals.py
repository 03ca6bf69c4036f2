"""How well a fit knows its parameters: standard errors, profiles of the sum of squares, and the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..spectrum import BoolArray, FloatArray, IntArray
from .levenberg import Minima, minimise
from .problem import Problem

INTERVALS = ("wald", "profile", "bootstrap")
BOOTSTRAP_COUNT = 400

_PROFILE_STEPS = 12
_PROFILE_TOLERANCE = 1e-3
_SINGULAR = 1e-13


@dataclass(frozen=True)
class Uncertainty:
    """What is known of the free numbers of each fit.

    Attributes
    ----------
    covariance : ndarray, shape [row, free, free]
        NaN for numbers held by a bound, infinite variance for those that the data say nothing of.
    held : ndarray of bool, shape [row, free]
        Numbers that a bound keeps from getting better.
    variance : ndarray, shape [row]
        Of the weighted residuals: sum of squares over degrees of freedom.
    degrees : ndarray of int, shape [row]
        Degrees of freedom.
    """

    covariance: FloatArray
    held: BoolArray
    variance: FloatArray
    degrees: IntArray

    @property
    def error(self) -> FloatArray:
        """Standard errors [row, free]."""
        return np.asarray(np.sqrt(np.einsum("kii->ki", self.covariance)))


def estimate_covariance(problem: Problem, rows: IntArray, minima: Minima) -> Uncertainty:
    """Invert J'J of what no bound holds, and scale it by the variance of the residuals."""
    held = minima.held(problem.lower[rows], problem.upper[rows])
    degrees = problem.data_count[rows] - (~held).sum(axis=1)
    variance = minima.cost / np.maximum(degrees, 1)
    diagonal = np.einsum("kii->ki", minima.hessian)
    silent = ~held & (diagonal <= 0)
    free = ~held & ~silent
    inverse_root = np.where(free, 1 / np.sqrt(np.where(free, diagonal, 1.0)), 0.0)
    scaled = minima.hessian * inverse_root[:, :, None] * inverse_root[:, None, :]
    np.einsum("kii->ki", scaled)[...] += np.where(free, _SINGULAR, 1.0)  # singular directions get huge errors
    covariance = np.linalg.inv(scaled) * (inverse_root[:, :, None] * inverse_root[:, None, :])
    covariance *= variance[:, None, None]
    covariance[held[:, :, None] | held[:, None, :]] = np.nan
    np.einsum("kii->ki", covariance)[silent] = np.inf
    return Uncertainty(covariance, held, variance, degrees)


def find_intervals(
    kind: str,
    problem: Problem,
    rows: IntArray,
    minima: Minima,
    known: Uncertainty,
    *,
    confidence: float,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    """Give lower and upper ends of the intervals of the free numbers, [row, free] each.

    Parameters
    ----------
    kind : {"wald", "profile", "bootstrap"}
        Standard errors times Student's t; where the sum of squares, minimised over all other numbers, has grown by
        t^2 variances; or quantiles of fits to spectra made from the fit and its own residuals.
    confidence : float
    seed : int
        Of the bootstrap.
    """
    from scipy.special import stdtrit

    t = stdtrit(np.maximum(known.degrees, 1), 0.5 + confidence / 2)
    if kind == "profile":
        return tuple(_profile(problem, rows, minima, known, t, side) for side in (-1, 1))  # type: ignore[return-value]
    if kind == "bootstrap":
        return _bootstrap(problem, rows, minima, known, confidence, seed)
    reach = t[:, None] * known.error
    return minima.x - reach, minima.x + reach


def _profile(
    problem: Problem, rows: IntArray, minima: Minima, known: Uncertainty, t: FloatArray, side: int
) -> FloatArray:
    """One end of the interval of every number, infinite where its bound comes first.

    The root of (excess of the sum of squares)/variance = t^2, with all other numbers refitted at each step.
    """
    row, number = np.nonzero(~known.held)
    at, each = rows[row], np.arange(row.size)
    lower, upper = problem.lower[at], problem.upper[at]
    best, cost = minima.x[row, number], minima.cost[row]
    wanted = t[row]
    limit = np.where(side > 0, upper[each, number], lower[each, number])
    error = np.minimum(known.error[row, number], np.abs(limit - best))
    inner, outer = np.zeros(row.size), np.abs(limit - best)
    inner_value, outer_value = np.zeros(row.size), np.full(row.size, np.nan)
    distance = np.minimum(wanted * error, outer)
    x = minima.x[row].copy()
    for _ in range(_PROFILE_STEPS):
        low, high = lower.copy(), upper.copy()
        low[each, number] = high[each, number] = best + side * distance
        refitted = minimise(problem, at, x, low, high, problem.negligible[at], tolerance=1e-3)
        value = np.sqrt(np.maximum(refitted.cost - cost, 0) / np.maximum(known.variance[row], np.finfo(float).tiny))
        x = refitted.x
        inside = value < wanted
        inner, inner_value = np.where(inside, distance, inner), np.where(inside, value, inner_value)
        outer, outer_value = np.where(inside, outer, distance), np.where(inside, outer_value, value)
        bracketed = np.isfinite(outer_value)
        with np.errstate(invalid="ignore", divide="ignore"):
            between = inner + (wanted - inner_value) / (outer_value - inner_value) * (outer - inner)
            beyond = np.where(value > 0, distance * np.clip(1.05 * wanted / value, 1.05, 4.0), 4 * distance)
        step = np.where(bracketed, between, np.minimum(beyond, outer))
        if np.all(np.abs(step - distance) <= _PROFILE_TOLERANCE * np.maximum(error, 1e-300)):
            break
        distance = step
    end = np.full(minima.x.shape, np.nan)
    end[row, number] = np.where(np.isfinite(outer_value), best + side * distance, side * np.inf)
    return end


def _bootstrap(
    problem: Problem, rows: IntArray, minima: Minima, known: Uncertainty, confidence: float, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Quantiles of refits to the fit plus residuals drawn, point by point, from its own."""
    low, high = np.full(minima.x.shape, np.nan), np.full(minima.x.shape, np.nan)
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    for i, row in enumerate(rows):
        weights = problem.weights[row]
        points = np.flatnonzero(weights[::2] + weights[1::2] > 0)
        residual = problem(rows[i : i + 1], minima.x[i : i + 1])[0].reshape(-1, 2)[points]
        residual *= np.sqrt(problem.data_count[row] / max(known.degrees[i], 1))
        rng = np.random.default_rng(seed)  # the same draws for every spectrum, wherever it stands
        drawn = np.zeros((BOOTSTRAP_COUNT, weights.size // 2, 2))
        drawn[:, points] = residual[rng.integers(points.size, size=(BOOTSTRAP_COUNT, points.size))]
        with np.errstate(divide="ignore", invalid="ignore"):
            noise = np.where(weights > 0, drawn.reshape(BOOTSTRAP_COUNT, -1) / weights, 0.0)
        omega = problem.omega if len(problem.omega) == 1 else problem.omega[row : row + 1]
        own = replace(problem, omega=omega)
        fit = own.circuit.evaluate(own.axis, own.complete(rows[i : i + 1], minima.x[i : i + 1]))[0]
        made = replace(
            own,
            Z=np.where(problem.Z[row] == 0, 0, fit) + noise.view(np.complex128),
            weights=np.broadcast_to(weights, noise.shape),
            fixed=np.broadcast_to(problem.fixed[row], (BOOTSTRAP_COUNT, problem.slot.size)),
        )
        count = (BOOTSTRAP_COUNT, 1)
        limits = np.tile(problem.lower[row], count), np.tile(problem.upper[row], count)
        start = np.tile(minima.x[i], count)
        fits = minimise(made, np.arange(BOOTSTRAP_COUNT), start, *limits, made.negligible, tolerance=1e-2)
        free = ~known.held[i]
        low[i, free], high[i, free] = np.quantile(fits.x[:, free], tails, axis=0)
    return low, high
