"""Distributions that are smooth in ln(gamma), `method="log"` of `fit_drt`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ._native import core
from .basis import Basis
from .errors import InvalidInput, Status
from .options import weights_on_grid
from .spectrum import BoolArray, ComplexArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ._core import LogSolution, Problem

FEWEST_NODES = 8
SMOOTH = ("log", "joint")
"""Methods whose gamma is given at the nodes and smooth in ln(gamma) between them."""

CANDIDATES = ("modulus", "unit")
"""Weights that the evidence chooses from where none are given."""

_UNEVEN = 1e-6
"""Differences of ln(tau) may vary by this much, relative to the largest."""


def hats(tau: FloatArray) -> Basis:
    """Give the basis that a smooth gamma is integrated with: the trapezoid rule over its nodes.

    For a gamma that is smooth on the scale of the nodes the rule is as exact as the nodes allow, since the
    Debye kernel is analytic in ln(tau).

    Raises
    ------
    InvalidInput
        If the nodes are not evenly spaced in ln(tau), or too few.
    """
    if tau.size < FEWEST_NODES:
        raise InvalidInput(f"method='log' needs at least {FEWEST_NODES} nodes in tau, got {tau.size}")
    if not can_hold(tau):
        raise InvalidInput(
            "method='log' needs nodes in tau that are evenly spaced on a logarithmic axis; "
            "leave tau=None or use method='ridge'"
        )
    return Basis("piecewise_linear", 1.0, tau)


def can_hold(tau: FloatArray) -> bool:
    """Say whether nodes are enough for a smooth gamma, and evenly spaced on a logarithmic axis."""
    steps = np.diff(np.log(tau))
    return tau.size >= FEWEST_NODES and bool(np.ptp(steps) <= _UNEVEN * steps.max())


def candidate_weights(
    weights: FloatArray | str, Z: ComplexArray, rows: IntArray, points: BoolArray
) -> dict[str, FloatArray]:
    """Give the weights that the evidence chooses from, by name, as the core takes them; one unless "auto"."""
    if not isinstance(weights, str):
        return {"array": weights_on_grid(weights, Z, rows, points)}
    names = CANDIDATES if weights == "auto" else (weights,)
    return {name: weights_on_grid(name, Z, rows, points) for name in names}


def solve_log(problem: Problem, candidates: Mapping[str, FloatArray]) -> LogSolution:
    """Fit the spectra of one grid with the likeliest of the candidate weights; NaN where that did not converge."""
    solution = core.fit_log(problem, list(candidates.values()))
    solution["log_gamma"][solution["status"] == Status.UNCONVERGED] = np.nan
    return solution


def between_nodes(tau: FloatArray, gamma: FloatArray, at: FloatArray) -> FloatArray:
    """Interpolate gamma [spectrum, node] smoothly in ln(gamma) over ln(tau); zero outside the nodes.

    Parameters
    ----------
    tau : ndarray, shape [node]
    gamma : ndarray, shape [spectrum, node]
        Positive, or NaN throughout a row.
    at : ndarray, shape [tau]
        In s.

    Returns
    -------
    ndarray, shape [spectrum, tau]
    """
    from scipy.interpolate import CubicSpline

    values = np.full((len(gamma), at.size), np.nan)
    known = np.isfinite(gamma).all(axis=1)
    if known.any():
        x, inside = np.log(at), (at >= tau[0] * (1 - 1e-12)) & (at <= tau[-1] * (1 + 1e-12))
        log_gamma = CubicSpline(np.log(tau), np.log(gamma[known]), axis=1)(x)
        values[known] = np.where(inside, np.exp(log_gamma), 0.0)
    return values


def monotone_between_nodes(tau: FloatArray, gamma: FloatArray, at: FloatArray) -> FloatArray:
    """Interpolate gamma [spectrum, node], of any sign, without overshoot over ln(tau); zero outside the nodes.

    Parameters and return value as for `between_nodes`.
    """
    from scipy.interpolate import PchipInterpolator

    values = np.full((len(gamma), at.size), np.nan)
    known = np.isfinite(gamma).all(axis=1)
    if known.any():
        inside = (at >= tau[0] * (1 - 1e-12)) & (at <= tau[-1] * (1 + 1e-12))
        x = np.clip(np.log(at), np.log(tau[0]), np.log(tau[-1]))
        values[known] = np.where(inside, PchipInterpolator(np.log(tau), gamma[known], axis=1)(x), 0.0)
    return values
