"""Ordinary least squares with what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .spectrum import FloatArray


@dataclass(frozen=True)
class LinearFit:
    """A linear model fitted to points.

    Parameters
    ----------
    values : ndarray, shape [..., term]
        Coefficients.
    u_values : ndarray, shape [..., term]
        Their standard uncertainties, from the scatter of the residuals.
    rms : ndarray, shape [...]
        Standard deviation of the residuals, for the degrees of freedom.
    freedom : int
        Points less terms.
    """

    values: FloatArray
    u_values: FloatArray
    rms: FloatArray
    freedom: int


def fit_linear(terms: FloatArray, y: FloatArray) -> LinearFit:
    """Fit ``y = terms @ values`` for one or many rows of y.

    Parameters
    ----------
    terms : ndarray, shape [point, term]
    y : ndarray, shape [..., point]

    Returns
    -------
    LinearFit
        All NaN where there are fewer points than terms, or the terms depend on each other; without a degree of
        freedom the uncertainties are NaN.
    """
    points, count = terms.shape
    scale = np.sqrt((terms**2).sum(axis=0))
    nothing = np.full((*y.shape[:-1], count), np.nan)
    if points < count or not (scale > 0).all():
        return LinearFit(nothing, nothing, nothing[..., 0], points - count)
    Q, R = np.linalg.qr(terms / scale)
    if np.abs(np.diag(R)).min() < points * np.finfo(np.float64).eps:
        return LinearFit(nothing, nothing, nothing[..., 0], points - count)
    inverse = np.linalg.inv(R)
    values = (y @ Q) @ inverse.T / scale
    squares = ((y - values @ terms.T) ** 2).sum(axis=-1)
    rms = np.sqrt(squares / (points - count)) if points > count else np.full(squares.shape, np.nan)
    u_values = np.sqrt((inverse**2).sum(axis=1)) / scale * rms[..., None]
    return LinearFit(values, u_values, rms, points - count)


def student_factor(freedom: int) -> float:
    """Give the half width of a 95 % interval in standard uncertainties; NaN without a degree of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975)) if freedom > 0 else float("nan")
