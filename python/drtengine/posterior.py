"""How uncertain are sums of the coefficients: gamma at some tau, resistances, heights and places of peaks.

A ridge inversion is the most probable gamma under normal noise and a normal prior of precision
lambda times the penalty. Around it, among the coefficients that the bound at zero leaves free, with
A the weighted kernel and P the penalty,

    H = A'A + P,    V = H^-1 (A' S A + s^2 P) H^-1

is the covariance of noise and prior (Laplace's approximation; for S = s^2 it is s^2 H^-1). The
variance of the noise, S, is a power of abs(Z) between the 0th (the same everywhere) and the 2nd
(proportional), fitted to the residuals; s^2 is their mean square over the degrees of freedom left.

Such a prior knows no edges and no sharp peaks. What it may have cost a sum r'x is bounded by
sum_m abs(r' H^-1 P)_m x_m, the resistance that smoothing carries over the limits of an integral or off
a summit: the `blur`. It adds to an interval as it is, since it does not average out.

A smooth gamma = exp(u) has a covariance in u, which takes u to be as smooth as the estimate is. Where gamma may have
sharp peaks, lines or edges, the covariance is that of a prior several times weaker: then it counts what the data
leave undecided.

Of a sum of elements, the covariance is that of its parameters, which takes the elements for granted. Where they are
not to be, it is at least that of a smooth gamma of their shape, with the same weaker prior.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ._native import core
from .bands import half_width, log_normal
from .campaign import frequency_grids
from .choice import cell_edges
from .design import free_columns, stack_parts, stacked_weights
from .errors import Status
from .result import DrtResult
from .smooth import SMOOTH, hats
from .spectrum import BoolArray, ComplexArray, FloatArray, IntArray

_TINY = np.finfo(float).tiny
_POWERS = np.linspace(0, 1, 11)
"""Powers of abs(Z)^2 that the variance of the noise may follow."""


class Share(NamedTuple):
    """What makes an interval cover: a share of the blur, and how many times less smooth ln(gamma) may be than shown.

    Found by simulation; docs/accuracy.md and docs/uncertainty.md show what they cover.
    """

    blur: float
    freer: float


# The blur adds up what may move to either side: at a limit all of it may move one way; at a point it partly cancels.
INTEGRAL, POINT, PLACE = Share(1.0, 50.0), Share(0.3, 10.0), Share(0.0, 3.0)
"""Of a resistance, of gamma at a tau, of the tau of a maximum."""

_BROADER = 1.5
"""Nodes by which gamma of elements is broadened to be taken for smooth: the standard deviation of a normal."""


class Spread(NamedTuple):
    """Uncertainty of numbers: a standard uncertainty, what smoothing may have carried away or in, and notes."""

    u: FloatArray
    blur: FloatArray
    notes: tuple[str, ...] = ()


class _Posterior(NamedTuple):
    """Of one spectrum.

    Attributes
    ----------
    deviations : callable
        Gives the standard uncertainties of sums from their rows [sum, node] and `freer` [sum].
    smoothing : ndarray, shape [node, node], or None
        Share that smoothing takes.
    """

    deviations: Callable[[FloatArray, FloatArray], FloatArray]
    smoothing: FloatArray | None = None


def spread(
    result: DrtResult, rows: FloatArray, spectrum: IntArray | None = None, *, freer: float | FloatArray = 1.0
) -> Spread:
    """Give the uncertainty of sums of the coefficients.

    Parameters
    ----------
    result : DrtResult
    rows : ndarray, shape [sum, node]
        What each sum multiplies the coefficients by; a row that is not finite has no uncertainty.
    spectrum : ndarray of int, shape [sum], optional
        The spectrum that each sum is of; all sums are taken of every spectrum otherwise.
    freer : float or ndarray, shape [sum]
        How many times less smooth than the estimate ln(gamma) may be; above 1 a sum of elements is not taken for
        granted either. Ridge, which has a blur, does not heed it.

    Returns
    -------
    Spread
        Of shape [sum], or [spectrum, sum] without `spectrum`. NaN where there is none; the notes say why.

    Notes
    -----
    What the intervals of `interval` cover is measured in docs/decisions/0004-uncertainty-of-ridge.md. In short: the
    resistance of a range of tau, as often as claimed or more, unless the range holds next to nothing or a discrete
    line stands near a limit; height and tau of a peak likewise; gamma at a single point on average only.
    """
    known = np.asarray(np.isfinite(rows).all(axis=1))
    rows = np.where(known[:, None], rows, 0)
    u, blur = np.full((2, len(result), len(rows)) if spectrum is None else (2, len(rows)), np.nan)
    order = np.argsort(spectrum, kind="stable") if spectrum is not None else None
    in_order = None if spectrum is None else spectrum[order]
    notes = _reasons(result)
    freedom = np.broadcast_to(freer, len(rows))
    for i, posterior in () if notes else _posteriors(result):
        if posterior is None:
            notes.append(f"{result.campaign.label(i)}: no uncertainty: no residuals are left to tell the noise from")
            continue
        at: Any = i
        here, free = rows, freedom
        if order is not None and in_order is not None:
            at = order[slice(*np.searchsorted(in_order, [i, i + 1]))]
            here, free = rows[at], freedom[at]
        u[at] = posterior.deviations(here, free)
        x = np.abs(result.coefficients[i])
        blur[at] = 0.0 if posterior.smoothing is None else np.abs(here @ posterior.smoothing) @ x
    u[..., ~known] = blur[..., ~known] = np.nan
    return Spread(u, blur, tuple(notes))


def interval(value: FloatArray, spread: Spread, level: float, share: Share = INTEGRAL) -> tuple[FloatArray, FloatArray]:
    """Give the ends of an interval of probability `level`, in which a share of the blur is counted."""
    half = half_width(level) * spread.u + share.blur * spread.blur
    return value - half, value + half


class Band(NamedTuple):
    """Uncertainty of gamma [spectrum, tau]: standard uncertainty, and ends of an interval of probability `level`."""

    u: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    notes: tuple[str, ...]


def gamma_band(result: DrtResult, tau: FloatArray, level: float) -> Band:
    """Give the uncertainty of gamma at any tau.

    A result with a band of its own (`evaluate_band`, of probability `options["band"]`) gives that one, and half its
    width in standard uncertainties; for others see `spread`.
    """
    evaluate_band = getattr(result, "evaluate_band", None)
    if evaluate_band is not None and result.options.get("band") is not None:
        level = float(result.options["band"])
        low, high = evaluate_band(tau)
        return Band((high - low) / (2 * half_width(level)), low, high, level, ())
    known = spread(result, result.basis.values(tau), freer=POINT.freer)
    value = result.evaluate(tau)
    low, high = interval(value, known, level, POINT)
    if (smooth := np.isin(result.method, SMOOTH)).any():
        low[smooth], high[smooth] = log_normal(value[smooth], known.u[smooth], level)
    return Band(known.u, np.maximum(low, 0) if result.is_positive else low, high, level, known.notes)


def _reasons(result: DrtResult) -> list[str]:
    """Say why a result has no uncertainty; nothing if it has one."""
    if ((result.weighting == "array") & (result.method != "elements")).any():
        return ["no uncertainty: the weights were given as an array, which the result does not keep"]
    return []


def _posteriors(result: DrtResult) -> Iterator[tuple[int, _Posterior | None]]:
    """Posterior of each spectrum that has an answer."""
    answered = np.isin(result.status, [s for s in Status if s.has_answer])
    for rows, points in frequency_grids(result.frequency, result.used):
        here = rows[answered[rows]]
        for rule in np.unique(result.weighting[here]):
            alike = here[result.weighting[here] == rule]
            method = result.method[alike]
            if (smooth := np.isin(method, SMOOTH)).any():
                yield from _smooth_posteriors(result, alike[smooth], points, str(rule))
            if (ridge := method == "ridge").any():
                yield from _ridge_posteriors(result, alike[ridge], points, str(rule))
            if (summed := method == "elements").any():
                yield from _element_posteriors(result, alike[summed], points)


def _smooth_posteriors(
    result: DrtResult, rows: IntArray, points: BoolArray, rule: str
) -> Iterator[tuple[int, _Posterior]]:
    """Posteriors of smooth distributions."""
    Z = np.ascontiguousarray(result.Z[np.ix_(rows, points)])
    linear = _Linearized(result, rows, points, stacked_weights(rule, Z, rows, points))
    for k, i in enumerate(rows):
        yield int(i), _Posterior(partial(linear.deviations, k, result.gamma[i]))


def _element_posteriors(result: DrtResult, rows: IntArray, points: BoolArray) -> Iterator[tuple[int, _Posterior]]:
    """Posteriors of sums of elements, beside those of a smooth distribution of the same shape."""
    from scipy.ndimage import gaussian_filter1d

    assert result.elements is not None
    elements, edges = result.elements, cell_edges(result.tau)
    w2 = elements.weights[np.ix_(rows, np.repeat(points, 2))]
    linear = _Linearized(result, rows, points, np.sqrt(np.concatenate([w2[:, ::2], w2[:, 1::2]], axis=1)))
    for k, i in enumerate(rows):

        def deviations(sums: FloatArray, freer: FloatArray, k: int = k, i: int = i) -> FloatArray:
            u, more = _deviations(elements.cell_covariance(edges, int(i)), sums), freer > 1
            if more.any() and np.isfinite(result.lambda_[i]):
                broad = gaussian_filter1d(result.gamma[i], _BROADER, mode="nearest")
                u[more] = np.fmax(u[more], linear.deviations(k, broad, sums[more], freer[more]))
            return u

        yield int(i), _Posterior(deviations)


def _deviations(covariance: FloatArray, sums: FloatArray, _: FloatArray | None = None) -> FloatArray:
    """Give the standard uncertainties of sums from the covariance of the coefficients."""
    return np.asarray(np.sqrt(np.maximum(((sums @ covariance) * sums).sum(axis=1), 0)))


class _Linearized:
    """The model of spectra that share their frequencies, about any positive gamma; weights [spectrum, Re then Im]."""

    def __init__(self, result: DrtResult, rows: IntArray, points: BoolArray, weights: FloatArray) -> None:
        f = result.frequency[rows[0], points]
        part = result.options["part"]
        fitted = np.repeat([part != "imaginary", part != "real"], f.size)
        free = _free_columns(f, result.options)
        kernel = stack_parts(np.concatenate([hats(result.tau).kernel(f), free], axis=1).T).T[fitted]
        seen = kernel.any(axis=0)  # all but free unknowns that the fitted part does not see
        self._kernel = np.ascontiguousarray(kernel[:, seen])
        weights = weights[:, fitted]
        positive = weights > 0
        log_mean = np.log(weights, where=positive, out=np.zeros_like(weights)).sum(axis=1) / positive.sum(axis=1)
        size = np.exp(np.log(np.abs(result.Z[np.ix_(rows, points)])).mean(axis=1))
        self._scale = weights / (np.exp(log_mean) * result.noise[rows] * size)[:, None]
        self._lambda = result.lambda_[rows]
        self._h = float(np.log(result.tau[-1] / result.tau[0])) / (result.tau.size - 1)

    def deviations(self, k: int, gamma: FloatArray, sums: FloatArray, freer: FloatArray) -> FloatArray:
        """Give the standard uncertainties of sums of the k-th gamma, with priors that are `freer` times weaker."""
        sums, precision = np.ascontiguousarray(sums), self._lambda[k] / freer
        return core.sum_deviations(self._kernel, self._scale[k], gamma, sums, precision, self._h)


def _ridge_posteriors(
    result: DrtResult, rows: IntArray, points: BoolArray, rule: str
) -> Iterator[tuple[int, _Posterior | None]]:
    """Posteriors of spectra that share their frequencies."""
    options, n = result.options, result.tau.size
    f = result.frequency[rows[0], points]
    Z, Z_fit = (np.ascontiguousarray(z[np.ix_(rows, points)]) for z in (result.Z, result.Z_fit))
    fitted = np.repeat([options["part"] != "imaginary", options["part"] != "real"], f.size)
    kernel = stack_parts(np.concatenate([result.basis.kernel(f), _free_columns(f, options)], axis=1).T).T[fitted]
    kernel = kernel[:, kernel.any(axis=0)]  # a free unknown that the fitted part does not see
    gram = result.basis.penalty(options["order"])
    residual, size = stack_parts(Z - Z_fit)[:, fitted], 2 * np.tile(np.log(np.maximum(np.abs(Z), _TINY)), 2)[:, fitted]
    weights = stacked_weights(rule, Z, rows, points)[:, fitted]
    weights /= np.sqrt(np.mean(weights**2, axis=1, keepdims=True))
    for k, i in enumerate(rows):
        x = result.coefficients[i]
        free = np.append(x != 0 if options["nonneg"] else np.ones(n, dtype=bool), np.ones(kernel.shape[1] - n, bool))
        A = kernel[:, free] * weights[k, :, None]
        P = np.zeros((free.sum(),) * 2)
        nodes = free[:n].sum()
        P[:nodes, :nodes] = result.lambda_[i] * gram[np.ix_(free[:n], free[:n])]
        H_inverse = np.linalg.inv(A.T @ A + P)
        leverage = np.einsum("ij,jk,ik->i", A, H_inverse, A, optimize=True)
        spare = len(A) - leverage.sum()
        if spare < 1:
            yield int(i), None
            continue
        weighted = residual[k] * weights[k]
        s2 = weighted @ weighted / spare
        variance = _noise_variance(residual[k] ** 2 / np.clip(1 - leverage, 0.05, 1), size[k])
        noisy = A * (weights[k] * np.sqrt(variance))[:, None]
        V = H_inverse @ (noisy.T @ noisy + s2 * P) @ H_inverse
        covariance, smoothing = np.zeros((2, n, n))
        at = np.ix_(free[:n], free[:n])
        covariance[at], smoothing[at] = V[:nodes, :nodes], (H_inverse @ P)[:nodes, :nodes]
        yield int(i), _Posterior(partial(_deviations, covariance), smoothing)


def _noise_variance(squares: FloatArray, size: FloatArray) -> FloatArray:
    """Variance of the noise of each row, a power of abs(Z)^2, by maximum likelihood; `size` is ln abs(Z)^2."""
    if not squares.any():
        return squares
    size = size - size.mean()
    level = np.log(np.mean(squares * np.exp(-_POWERS[:, None] * size), axis=1))  # best for each power
    best = level.argmin()  # the mean of ln(variance), as `size` has mean zero
    return np.asarray(np.exp(level[best] + _POWERS[best] * size))


def _free_columns(f: FloatArray, options: Mapping[str, Any]) -> ComplexArray:
    return free_columns(f, inductance=options["inductance"], capacitance=options["capacitance"])
