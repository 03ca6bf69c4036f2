"""Ridge regularisation with gamma free of sign in a range of tau, for inductive loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .basis import Basis
from .design import free_columns, stack_parts, stacked_weights
from .errors import InvalidInput, Status
from .spectrum import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ._core import Problem


class LoopSolution(NamedTuple):
    """Coefficients [spectrum, node], free unknowns [spectrum, unknown], numerical error and status [spectrum]."""

    coefficients: FloatArray
    free: FloatArray
    error: FloatArray
    status: NDArray[np.int8]


def check_free(free: object, band: object) -> tuple[float, float] | None:
    """Return the range of relaxation times in which gamma may be negative.

    Raises
    ------
    InvalidInput
        If it is no such range, or a band is asked for too.
    """
    if free is None:
        return None
    if band is not None:
        raise InvalidInput("there are no bands for gamma that is free= in a range of tau alone; leave one of them out")
    try:
        low, high = (float(end) for end in free)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise InvalidInput(f"free must lie between two relaxation times in s, such as (1, 100), got {free!r}") from None
    if not 0 <= low < high:
        raise InvalidInput(f"free must lie between two relaxation times in s, 0 <= from < to, got {free!r}")
    return low, high


def free_nodes(tau: FloatArray, free: tuple[float, float]) -> BoolArray:
    """Say at which nodes gamma may be negative.

    Raises
    ------
    InvalidInput
        If there is no such node.
    """
    inside: BoolArray = (tau >= free[0]) & (tau <= free[1])
    if not inside.any():
        raise InvalidInput(
            f"free={free!r} holds none of the nodes, which reach from {tau[0]:.3g} to {tau[-1]:.3g} s; change it"
        )
    return inside


def solve_with_loops(
    problem: Problem,
    basis: Basis,
    weights: FloatArray | str,
    rows: IntArray,
    points: BoolArray,
    lambda_: FloatArray,
    free: tuple[float, float],
) -> LoopSolution:
    """Minimise what the core does, coefficients outside of the range `free` alone being >= 0.

    What has no bound is eliminated; the rest is a problem of non-negative least squares for each spectrum.

    Parameters
    ----------
    problem : Problem
    basis : Basis
    weights : str or ndarray
        As given to `fit_drt`, checked.
    rows, points : ndarray
        Which spectra and points of the campaign.
    lambda_ : ndarray, shape [1 or spectrum]
    free : (float, float)
        In s.

    Returns
    -------
    LoopSolution

    Notes
    -----
    Lawson, Hanson, Solving Least Squares Problems, SIAM 1995, doi:10.1137/1.9781611971217, chapter 23.
    """
    from scipy.optimize import nnls

    Z, f, n = problem["Z"], problem["omega"] / (2 * np.pi), basis.tau.size
    fitted = np.repeat([problem["part"] != 2, problem["part"] != 1], f.size)
    columns = free_columns(f, inductance=problem["inductance"], capacitance=problem["capacitance"])
    kernel = stack_parts(np.concatenate([basis.kernel(f), columns], axis=1).T).T[fitted]
    seen = kernel.any(axis=0)  # R_inf is not in the imaginary part, L_0 and C_0 are not in the real part
    kernel = kernel[:, seen]
    w = stacked_weights(weights, Z, rows, points)[:, fitted]
    w = w / np.sqrt(np.mean(w**2, axis=1, keepdims=True))
    size, vectors = np.linalg.eigh(basis.penalty(problem["order"]))
    penalty = np.zeros((n, kernel.shape[1]))
    penalty[:, :n] = np.sqrt(np.maximum(size, 0))[:, None] * vectors.T
    bounded = np.zeros(kernel.shape[1], dtype=bool)
    bounded[:n] = ~free_nodes(basis.tau, free)
    data = stack_parts(Z)[:, fitted]

    solution = np.full((len(Z), kernel.shape[1]), np.nan)
    error, status = np.full(len(Z), np.nan), np.full(len(Z), Status.OK, dtype=np.int8)
    for i, strength in enumerate(np.broadcast_to(lambda_, len(Z))):
        A = np.vstack([kernel * w[i, :, None], np.sqrt(strength) * penalty])
        y = np.concatenate([data[i] * w[i], np.zeros(n)])
        Q, R = np.linalg.qr(A[:, ~bounded])
        if np.abs(np.diagonal(R)).min() <= 1e-13 * np.abs(np.diagonal(R)).max():
            status[i] = Status.SINGULAR
            continue
        reduced = np.column_stack([A[:, bounded], y])
        reduced -= Q @ (Q.T @ reduced)
        try:
            positive = nnls(reduced[:, :-1], reduced[:, -1], maxiter=30 * n)[0] if bounded.any() else np.empty(0)
        except RuntimeError:
            status[i] = Status.UNCONVERGED
            continue
        solution[i, bounded] = positive
        solution[i, ~bounded] = np.linalg.solve(R, Q.T @ (y - A[:, bounded] @ positive))
        moving = solution[i] != 0
        correction = np.linalg.lstsq(A[:, moving], y - A @ solution[i], rcond=None)[0]
        error[i] = np.abs(correction).max(initial=0) / np.abs(solution[i]).max()
    unknowns = iter(solution[:, n:].T)
    scales = np.array([1.0, 1 / problem["omega"].max(), problem["omega"].min()])
    scales = scales[[True, problem["inductance"], problem["capacitance"]]][seen[n:]]
    found = [scale * values for scale, values in zip(scales, unknowns, strict=True)]
    return LoopSolution(solution[:, :n], np.stack(found, axis=1) if found else np.empty((len(Z), 0)), error, status)
