"""Bayesian Hilbert transform: each part of Z predicted from the other one, with its uncertainty.

J. Liu, T. H. Wan, F. Ciucci, Electrochim. Acta 357, 136864 (2020), doi:10.1016/j.electacta.2020.136864.

The coefficients of gamma have a normal prior with a smooth second derivative; R_inf, L_0 and 1/C_0 are free. The
evidence of each part chooses the size of the noise and the strength of the prior. All spectra of a grid share
the eigenvectors, so that the evidence is a sum, and it is looked up on a lattice: the search always ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._native import core
from ..basis import Basis
from ..errors import Status
from ..spectrum import FloatArray, IntArray
from .limits import FAIL, PASS, WARN
from .linear import Grid
from .opinion import Opinion

WARN_AT, FAIL_AT = 0.85, 0.75
"""Score of agreement, s_mu of the worse part, below which a spectrum is doubted; real valid ones reach 0.82."""

_RIDGES = 10.0 ** np.arange(-8.0, 1.0, 2.0)
"""Strength of the ridge beside the smoothness, relative to it."""
_RATIOS = 10.0 ** np.linspace(-12, 2, 85)
"""Variance of the noise relative to that of the prior."""


@dataclass(frozen=True)
class _Prior:
    """One prior, seen from one part: covariances turned so that they are diagonal.

    Attributes
    ----------
    values : ndarray, shape [k]
        Eigenvalues of the covariance of the data beside the free elements.
    vectors : ndarray, shape [point, k]
    own, other : ndarray, shape [point, k]
        From turned data to the part itself and to the other one, without free elements.
    other_prior : ndarray, shape [point]
        Variance of the other part before any data are seen.
    """

    values: FloatArray
    vectors: FloatArray
    own: FloatArray
    other: FloatArray
    other_prior: FloatArray


@dataclass(frozen=True)
class _Prediction:
    """Means and variances [spectrum, point] of one part by itself and of the other part from it."""

    mean: FloatArray
    variance: FloatArray
    free: FloatArray  # what the free elements contribute to the mean
    other: FloatArray  # without the free elements of the other part
    other_variance: FloatArray
    noise: FloatArray  # [spectrum], standard deviation


def transform(grid: Grid) -> Opinion:
    """Predict each part from the other and score the agreement; see `SCORES`.

    What a part cannot know of the other (R_inf; L_0 and 1/C_0) is taken from the fit of the other to itself.
    """
    f = grid.frequency
    basis = Basis.on(np.sort(1 / (2 * np.pi * f)), "piecewise_linear")
    A, omega = basis.kernel(f), 2 * np.pi * f
    penalty = basis.penalty(2)
    ones = np.ones((f.size, 1))
    bent = np.column_stack([omega / omega.max(), omega.min() / omega])
    real = _predict(grid.Z.real, A.real, A.imag, ones, penalty)
    imag = _predict(grid.Z.imag, A.imag, A.real, bent, penalty)
    scores: dict[str, list[FloatArray]] = {name: [] for name in SCORES}
    residual = np.empty(grid.Z.shape, complex)
    modulus = np.abs(grid.Z)
    for own, across, data, part in ((real, imag, grid.Z.real, "real"), (imag, real, grid.Z.imag, "imag")):
        predicted = own.free + across.other
        u2 = across.other_variance + own.noise[:, None] ** 2
        for name, score in SCORES.items():
            scores[name].append(score(data, predicted, u2, own.mean, own.variance + own.noise[:, None] ** 2))
        setattr(residual, part, (data - predicted) / modulus)
    table = {name: np.stack(pair, axis=1) for name, pair in scores.items()}
    worst = table["s_mu"].min(axis=1)
    tier = np.where(worst < FAIL_AT, FAIL, np.where(worst < WARN_AT, WARN, PASS))
    reasons = [
        f"the parts predict each other with scores of {re:.3f} (Re) and {im:.3f} (Im)" for re, im in table["s_mu"]
    ]
    noise = np.sqrt((real.noise**2 + imag.noise**2) / 2) / np.median(modulus, axis=1)
    return Opinion(tier, residual, reasons, np.full(len(tier), Status.OK), noise, table)


def _predict(y: FloatArray, A: FloatArray, other: FloatArray, free: FloatArray, penalty: FloatArray) -> _Prediction:
    """Choose prior and noise of one part of all spectra by the evidence, and predict."""
    scale = np.median(np.abs(y), axis=1, keepdims=True)
    scale = np.where(scale > 0, scale, 1)
    y = y / scale
    priors = [_turn(A, other, free, penalty, ridge) for ridge in _RIDGES]
    best = np.full(len(y), -np.inf)
    which: IntArray = np.zeros((len(y), 2), dtype=np.intp)
    for i, prior in enumerate(priors):
        turned2 = core.multiply_rows(np.ascontiguousarray(y), prior.vectors) ** 2
        for k, ratio in enumerate(_RATIOS):
            total = prior.values + ratio
            evidence = -np.log(total).sum() - total.size * np.log((turned2 / total).mean(axis=1))
            better = evidence > best
            best[better] = evidence[better]
            which[better] = i, k
    shape = y.shape
    mean, variance, free_part, across, across_variance = (np.empty(shape) for _ in range(5))
    found = _Prediction(mean, variance, free_part, across, across_variance, np.empty(len(y)))
    for i, k in np.unique(which, axis=0):
        rows = np.flatnonzero((which == (i, k)).all(axis=1))
        prior, ratio = priors[i], _RATIOS[k]
        turned = core.multiply_rows(np.ascontiguousarray(y[rows]), prior.vectors)
        weighted = turned / (prior.values + ratio)
        s2 = (turned * weighted).mean(axis=1)[:, None] * scale[rows] ** 2
        misfit = ratio * core.multiply_rows(weighted, np.ascontiguousarray(prior.vectors.T)) * scale[rows]
        gamma_part = core.multiply_rows(weighted, np.ascontiguousarray(prior.own.T)) * scale[rows]
        found.mean[rows] = y[rows] * scale[rows] - misfit
        found.free[rows] = found.mean[rows] - gamma_part
        found.variance[rows] = s2 * ratio * (1 - ratio * (prior.vectors**2 / (prior.values + ratio)).sum(axis=1))
        found.other[rows] = core.multiply_rows(weighted, np.ascontiguousarray(prior.other.T)) * scale[rows]
        seen = (prior.other**2 / (prior.values + ratio)).sum(axis=1)
        found.other_variance[rows] = s2 * np.maximum(prior.other_prior - seen, 0)
        found.noise[rows] = np.sqrt(ratio * s2[:, 0])
    return found


def _turn(A: FloatArray, other: FloatArray, free: FloatArray, penalty: FloatArray, ridge: float) -> _Prior:
    """Diagonalise the covariance of the data beside the free elements."""
    n = penalty.shape[0]
    covariance = np.linalg.inv(penalty / np.trace(penalty) * n + ridge * np.eye(n))
    covariance /= np.trace(A @ covariance @ A.T) / len(A)
    complement = np.linalg.qr(free, mode="complete")[0][:, free.shape[1] :]
    values, vectors = np.linalg.eigh(complement.T @ A @ covariance @ A.T @ complement)
    vectors = complement @ vectors
    to_gamma = covariance @ A.T @ vectors
    return _Prior(
        np.maximum(values, 0),
        np.ascontiguousarray(vectors),
        A @ to_gamma,
        other @ to_gamma,
        np.einsum("ij,jk,ik->i", other, covariance, other),
    )


# ---------------------------------------------------------------- scores


def _agreement(data: FloatArray, mean: FloatArray, *_: FloatArray) -> FloatArray:
    """1 - |data - prediction|/|data|."""
    return np.asarray(1 - np.linalg.norm(data - mean, axis=1) / np.linalg.norm(data, axis=1))


def _within(factor: float) -> Callable[..., FloatArray]:
    """Share of the points within so many standard deviations of the prediction."""

    def share(data: FloatArray, mean: FloatArray, variance: FloatArray, *_: FloatArray) -> FloatArray:
        return np.asarray(np.mean(np.abs(data - mean) <= factor * np.sqrt(variance), axis=1))

    return share


def _hellinger(
    _: FloatArray, mean: FloatArray, variance: FloatArray, own: FloatArray, own_variance: FloatArray
) -> FloatArray:
    """1 - Hellinger distance between the two predictive distributions, averaged over the points."""
    both = variance + own_variance
    overlap = np.sqrt(2 * np.sqrt(variance * own_variance) / both) * np.exp(-((mean - own) ** 2) / (4 * both))
    return np.asarray(1 - np.sqrt(np.maximum(1 - overlap, 0)).mean(axis=1))


def _jensen_shannon(
    _: FloatArray, mean: FloatArray, variance: FloatArray, own: FloatArray, own_variance: FloatArray
) -> FloatArray:
    """1 - Jensen-Shannon distance (base 2) between them, averaged over the points; Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()

    def log_density(x: FloatArray, m: FloatArray, v: FloatArray) -> FloatArray:
        return np.asarray(-((x - m[..., None]) ** 2) / (2 * v[..., None]) - 0.5 * np.log(v[..., None]))

    divergence = np.zeros(mean.shape)
    for m, v in ((mean, variance), (own, own_variance)):
        x = m[..., None] + np.sqrt(v)[..., None] * nodes
        this = log_density(x, m, v)
        mixed = np.logaddexp(log_density(x, mean, variance), log_density(x, own, own_variance)) - np.log(2)
        divergence += 0.5 * ((this - mixed) * weights).sum(axis=-1) / np.log(2)
    return np.asarray(1 - np.sqrt(np.clip(divergence, 0, 1)).mean(axis=1))


SCORES: dict[str, Callable[..., FloatArray]] = {
    "s_mu": _agreement,
    "s_res_1": _within(1),
    "s_res_2": _within(2),
    "s_res_3": _within(3),
    "s_HD": _hellinger,
    "s_JSD": _jensen_shannon,
}
"""Scores of each part, 1 where all is well."""
