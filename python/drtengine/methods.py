"""How the spectra of one frequency grid are inverted: one function a method, each filling the rows it is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._native import core
from .basis import Basis
from .errors import Status
from .options import PARTS, weights_on_grid
from .smooth import CANDIDATES, hats, solve_log
from .spectrum import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ._core import Problem

LATTICE: FloatArray = 10.0 ** (np.arange(-8 * 20, 2 * 20 + 1) / 20)
"""Values of lambda that a selector tries: 20 a decade, so that spectra share factorisations."""

METHODS = ("ridge", "log", "joint")


@dataclass(frozen=True, eq=False)
class GridProblem:
    """Spectra that share their frequencies, and what is asked of them.

    Attributes
    ----------
    core : Problem
        As the core takes it; its weights are those of `basis_weights`.
    basis : Basis
        Of the ridge; its nodes serve every method.
    frequency : ndarray, shape [point]
    rows : ndarray, shape [spectrum]
        Which spectra of the campaign.
    points : ndarray of bool, shape [column]
        Which columns of the campaign.
    weights : str or ndarray
        As given.
    lambda_ : str or ndarray, shape [1 or spectrum of the campaign]
    refine : bool
    """

    core: Problem
    basis: Basis
    frequency: FloatArray
    rows: IntArray
    points: BoolArray
    weights: FloatArray | str
    lambda_: FloatArray | str
    refine: bool

    @property
    def window(self) -> tuple[float, float]:
        """The measured relaxation times, s."""
        return 1 / (2 * np.pi * self.frequency.max()), 1 / (2 * np.pi * self.frequency.min())

    @property
    def size(self) -> FloatArray:
        """Geometric mean of abs(Z) [spectrum], which `noise` is relative to."""
        size: FloatArray = np.exp(np.log(np.abs(self.core["Z"])).mean(axis=1))
        return size

    def take(self, members: IntArray) -> GridProblem:
        """Give the problem of some of the spectra."""
        core: Problem = {**self.core, "Z": np.ascontiguousarray(self.core["Z"][members])}
        return replace(self, core=core, rows=self.rows[members])


def empty_arrays(n_spectra: int, n_tau: int) -> dict[str, Any]:
    """NaN for everything a spectrum may turn out not to have."""
    arrays: dict[str, Any] = {name: np.full((n_spectra, n_tau), np.nan) for name in ("coefficients", "gamma")}
    for name in ("R_inf", "L_0", "C_0", "R_pol", "R_pol_window", "lambda_", "error", "noise"):
        arrays[name] = np.full(n_spectra, np.nan)
    arrays["method"] = np.full(n_spectra, "", dtype="U8")
    arrays["weighting"] = np.full(n_spectra, "", dtype="U12")
    return arrays


def solve_ridge(grid: GridProblem, arrays: dict[str, Any]) -> NDArray[np.int8]:
    """Coefficients of the basis, at a lambda given or selected; returns the status of each spectrum."""
    rule = "unit" if isinstance(grid.weights, str) and grid.weights == "auto" else grid.weights
    problem: Problem = {
        **grid.core,
        "weights": weights_on_grid(rule, grid.core["Z"], grid.rows, grid.points),
        "own_weights": isinstance(rule, str) or rule.ndim == 2,
    }
    if isinstance(grid.lambda_, str):
        lambda_, chosen = core.select_gcv({**problem, "progress": None}, LATTICE, grid.refine)
    else:
        lambda_ = grid.lambda_ if grid.lambda_.size == 1 else grid.lambda_[grid.rows]
        chosen = np.full(grid.rows.size, Status.OK, dtype=np.int8)
    basis = grid.basis
    outputs = np.column_stack(
        [basis.values(basis.tau).T, basis.integrals(basis.tau[0], basis.tau[-1]), basis.integrals(*grid.window)]
    )
    coefficients, free, values, error, status = core.solve_ridge(
        problem, np.ascontiguousarray(lambda_), np.ascontiguousarray(outputs)
    )
    count = basis.tau.size
    _put_rows(arrays, grid.rows, "coefficients", coefficients)
    _put_rows(arrays, grid.rows, "gamma", values[:, :count])
    arrays["R_pol"][grid.rows] = values[:, count]
    arrays["R_pol_window"][grid.rows] = values[:, count + 1]
    arrays["lambda_"][grid.rows] = lambda_
    arrays["error"][grid.rows] = error
    arrays["method"][grid.rows] = "ridge"
    arrays["weighting"][grid.rows] = rule if isinstance(rule, str) else "array"
    _put_free(arrays, grid, free)
    return np.where(status == Status.OK, chosen, status)


def solve_smooth(grid: GridProblem, arrays: dict[str, Any]) -> NDArray[np.int8]:
    """Fit gamma = exp(u), u smooth; returns the status of each spectrum."""
    basis = hats(grid.basis.tau)
    shape, epsilon, log_tau = basis.key
    problem: Problem = {**grid.core, "shape": shape, "epsilon": epsilon, "log_tau": log_tau}
    solution = solve_log(problem, grid.weights, grid.core["Z"], grid.rows, grid.points)
    rows = grid.rows
    arrays["lambda_"][rows] = solution["lambda_"]
    arrays["noise"][rows] = solution["noise"] / grid.size
    automatic = isinstance(grid.weights, str) and grid.weights == "auto"
    names = CANDIDATES if automatic else (grid.weights if isinstance(grid.weights, str) else "array",)
    arrays["weighting"][rows] = np.array(names)[solution["weighting"]]
    put_log_gamma(grid, arrays, "log", solution["log_gamma"], solution["free"])
    return solution["status"]


def put_log_gamma(
    grid: GridProblem, arrays: dict[str, Any], method: str, log_gamma: FloatArray, free: FloatArray
) -> None:
    """Put gamma [spectrum, node], what follows from it, and the free unknowns in their places."""
    basis, gamma = hats(grid.basis.tau), np.exp(log_gamma)
    arrays["gamma"][grid.rows] = arrays["coefficients"][grid.rows] = gamma
    arrays["R_pol"][grid.rows] = gamma @ basis.integrals(basis.tau[0], basis.tau[-1])
    arrays["R_pol_window"][grid.rows] = gamma @ basis.integrals(*grid.window)
    arrays["method"][grid.rows] = method
    _put_free(arrays, grid, free)


SOLVERS = {"ridge": solve_ridge, "log": solve_smooth}


def _put_rows(arrays: dict[str, Any], rows: IntArray, name: str, values: FloatArray) -> None:
    """Put the values of some spectra in their places, without a copy where that is all of them."""
    if rows.size == len(arrays["lambda_"]):
        arrays[name] = values
    else:
        arrays[name][rows] = values


def _put_free(arrays: dict[str, Any], grid: GridProblem, free: FloatArray) -> None:
    """Put the free unknowns [spectrum, those that the part and the options give] in their places."""
    columns = iter(free.T)
    if grid.core["part"] != PARTS.index("imaginary"):
        arrays["R_inf"][grid.rows] = next(columns)
    if grid.core["part"] != PARTS.index("real"):
        if grid.core["inductance"]:
            arrays["L_0"][grid.rows] = next(columns)
        if grid.core["capacitance"]:
            with np.errstate(divide="ignore"):
                arrays["C_0"][grid.rows] = 1 / next(columns)
