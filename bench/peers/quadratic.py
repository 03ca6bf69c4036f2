"""General solvers on the quadratic programs of `problems.quadratic_programs`.

What spectra share (matrices, set-up, compilation) is prepared once and not timed, which is more than
their callers usually grant them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from drtengine.spectrum import FloatArray
from problems import QuadraticPrograms

Solve = Callable[[int], FloatArray]
"""From the number of the spectrum to x."""


@dataclass(frozen=True)
class Solver:
    """A peer: the module it needs, how to prepare it, and how far off its answers may be.

    Attributes
    ----------
    module : str
        To be installed.
    prepare : callable
        Gives a function that solves one spectrum.
    tolerance : float
        Largest error of the coefficients relative to their norm, at the solver's default settings
        and lambda = 1e-3. H has a condition number above 1e6, which the defaults do not resolve.
    """

    module: str
    prepare: Callable[[QuadraticPrograms], Solve]
    tolerance: float


def _cvxopt(programs: QuadraticPrograms, *, sparse: bool = False) -> Solve:
    """The constraints are G x <= h with G = -1, which pyDRTtools passes as a dense matrix."""
    from cvxopt import matrix, solvers, spmatrix

    solvers.options["show_progress"] = False
    n = len(programs.H)
    G = spmatrix(-1.0, range(n), range(n)) if sparse else matrix(-np.eye(n))
    H, h = matrix(programs.H), matrix(np.zeros(n))

    def solve(i: int) -> FloatArray:
        return np.array(solvers.qp(H, matrix(-programs.g[i]), G, h)["x"]).ravel()

    return solve


def _nnls(programs: QuadraticPrograms) -> Solve:
    from scipy.optimize import nnls

    def solve(i: int) -> FloatArray:
        x: FloatArray = nnls(programs.rows, programs.right[i])[0]
        return x

    return solve


def _daqp(programs: QuadraticPrograms) -> Solve:
    """One workspace, of which only the linear term changes; it starts from the answer before."""
    import daqp

    n = len(programs.H)
    model = daqp.Model()
    # of the unknowns alone there are bounds, so the matrix of further constraints is empty
    model.setup(programs.H, -programs.g[0], np.empty((0, n)), np.full(n, 1e30), np.zeros(n))

    def solve(i: int) -> FloatArray:
        model.update(f=-programs.g[i])
        x, _, flag, _ = model.solve()
        assert flag == 1, f"daqp gave up: {flag}"
        return np.asarray(x)

    return solve


def _clarabel(programs: QuadraticPrograms) -> Solve:
    """A cvxpy problem compiled once, with the linear term as its parameter."""
    cp: Any = importlib.import_module("cvxpy")
    factor = np.linalg.cholesky(programs.H).T
    x, g = cp.Variable(len(programs.H), nonneg=True), cp.Parameter(len(programs.H))
    problem = cp.Problem(cp.Minimize(cp.sum_squares(factor @ x) / 2 - g @ x))

    def solve(i: int) -> FloatArray:
        g.value = programs.g[i]
        problem.solve(solver="CLARABEL")
        return np.asarray(x.value)

    return solve


CVXOPT = "cvxopt.solvers.qp"
"""The call that pyDRTtools makes."""

SOLVERS = {
    CVXOPT: Solver("cvxopt", _cvxopt, 0.15),
    "cvxopt.solvers.qp, sparse G": Solver("cvxopt", partial(_cvxopt, sparse=True), 0.15),
    "scipy.optimize.nnls": Solver("scipy", _nnls, 1e-8),
    "daqp": Solver("daqp", _daqp, 1e-8),
    "cvxpy + Clarabel": Solver("cvxpy", _clarabel, 0.03),
}


def solve_all(solve: Solve, count: int) -> FloatArray:
    """Solve the first spectra one after the other: x [spectrum, unknown]."""
    return np.array([solve(i) for i in range(count)])


def difference(x: FloatArray, coefficients: FloatArray) -> float:
    """Largest distance of peers' x [spectrum, unknown] from our coefficients, relative to their norm."""
    distance = np.linalg.norm(x[:, 2:] - coefficients, axis=1)
    return float((distance / np.linalg.norm(coefficients, axis=1)).max())
