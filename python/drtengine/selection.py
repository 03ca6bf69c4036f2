"""Choosing lambda from the data: the criteria, and what each needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._native import core
from .campaign import Campaign
from .errors import InvalidInput
from .options import PARTS, raw_weights_on_grid
from .spectrum import BoolArray, FloatArray, IntArray, frozen_array

if TYPE_CHECKING:
    from ._core import Problem

LATTICE: FloatArray = 10.0 ** (np.arange(-8 * 20, 2 * 20 + 1) / 20)
"""Values of lambda that a selector tries: 20 a decade, so that spectra share factorisations."""

CRITERIA = ("evidence", "ml", "gcv", "mgcv", "rgcv", "lcurve", "folds", "discrepancy")
"""In the core's order; "reim" and "kfold" are folds."""


@dataclass(frozen=True)
class Selector:
    """A criterion with what it needs.

    Attributes
    ----------
    name : str
        One of `options.SELECTORS`.
    refine : bool
        Search on between the values of the lattice.
    noise : ndarray, shape [1] or [spectrum], or None
        Standard deviation of a weighted residual.
    n_folds : int
    """

    name: str
    refine: bool
    noise: FloatArray | None
    n_folds: int


def check_selector(
    lambda_: FloatArray | str,
    refine: bool,
    noise: float | ArrayLike | None,
    n_folds: int,
    part: str,
    campaign: Campaign,
) -> Selector | FloatArray:
    """Return a selector whose arguments fit together; lambda that is given as numbers comes back as it is."""
    if isinstance(n_folds, bool) or not isinstance(n_folds, int | np.integer) or n_folds < 2:
        raise InvalidInput(f"n_folds must be a whole number from 2 on, got {n_folds!r}")
    if noise is not None and not (isinstance(lambda_, str) and lambda_ == "discrepancy"):
        raise InvalidInput("noise= serves lambda_='discrepancy' alone; leave it out")
    if not isinstance(lambda_, str):
        return lambda_
    if lambda_ == "reim" and part != "both":
        raise InvalidInput(f"lambda_='reim' predicts each part from the other and needs part='both', got {part!r}")
    if lambda_ != "discrepancy":
        return Selector(lambda_, refine, None, int(n_folds))
    if noise is None:
        raise InvalidInput("lambda_='discrepancy' needs noise=, the standard deviation of the data")
    level = frozen_array(np.atleast_1d(np.asarray(noise)), np.float64, "noise", 1)
    if level.size not in (1, len(campaign)):
        raise InvalidInput(f"noise has {level.size} values; give one number or one a spectrum ({len(campaign)})")
    bad = np.flatnonzero(~(np.isfinite(level) & (level > 0)))
    if bad.size:
        where = f" for {campaign.label(int(bad[0]))}" if level.size > 1 else ""
        raise InvalidInput(f"noise must be positive and finite, got {level[bad[0]]:g}{where}")
    return Selector(lambda_, refine, level, int(n_folds))


def choose_lambda(problem: Problem, selector: Selector, noise: FloatArray) -> tuple[FloatArray, NDArray[np.int8]]:
    """Choose lambda for every spectrum of a problem.

    Parameters
    ----------
    problem : Problem
        See `_core.pyi`.
    selector : Selector
    noise : ndarray, shape [spectrum]
        See `noise_on_grid`; in ohm cm2 if Z is.

    Returns
    -------
    lambda_ : ndarray, shape [spectrum]
    status : ndarray of int8, shape [spectrum]
        `Status.LAMBDA_AT_BOUND` where the score is lowest at an end of the lattice.
    """
    criterion, fold = _criterion(problem, selector)
    return core.select_lambda(problem, criterion, LATTICE, selector.refine, noise, fold)


def scores_on_lattice(problem: Problem, selector: Selector, noise: FloatArray) -> FloatArray:
    """Return the scores [spectrum, lambda], the lowest being the best; arguments as for `choose_lambda`."""
    criterion, fold = _criterion(problem, selector)
    return core.lambda_scores(problem, criterion, LATTICE, noise, fold)


def noise_on_grid(
    selector: Selector, campaign: Campaign, weights: FloatArray | str, rows: IntArray, points: BoolArray, part: str
) -> FloatArray:
    """Turn the noise as it is given into that of a row whose weights have a mean square of one.

    Parameters
    ----------
    selector : Selector
    campaign : Campaign
    weights : ndarray or str
        As `options.check_weights` returns them; the noise of Z is `selector.noise` over the weight.
    rows, points : ndarray
        The spectra, and the points that take part.
    part : {"both", "real", "imaginary"}

    Returns
    -------
    ndarray, shape [spectrum] or, without noise, [0]
        Ohm.
    """
    if selector.noise is None:
        return np.empty(0)
    noise = selector.noise if selector.noise.size == 1 else selector.noise[rows]
    raw = raw_weights_on_grid(weights, campaign.Z[np.ix_(rows, points)], rows, points)
    if raw is not None:
        one_part = part != "both" and raw.shape[1] == 2 * np.count_nonzero(points)
        fitted = raw[:, PARTS.index(part) - 1 :: 2] if one_part else raw
        noise = noise / np.sqrt(np.mean(fitted**2, axis=1))
    return np.ascontiguousarray(np.broadcast_to(noise, (rows.size,)))


def _criterion(problem: Problem, selector: Selector) -> tuple[int, NDArray[np.int32]]:
    """Return the core's number for a selector, and the fold [row] of cross-validation."""
    fold = np.empty(0, dtype=np.int32)
    points = problem["omega"].size
    if selector.name == "reim":
        fold = np.tile(np.arange(2, dtype=np.int32), points)
    elif selector.name == "kfold":
        rank = np.argsort(np.argsort(problem["omega"]))
        fold = np.repeat(rank % selector.n_folds, 2).astype(np.int32)
    return CRITERIA.index("folds" if fold.size else selector.name), fold
