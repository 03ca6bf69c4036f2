"""The same inversion as `fit_drt`, posed in cvxpy: slow, independent, and open to further terms.

Any convex penalty or constraint of one's own can be added, and any solver that cvxpy knows can be
asked. The matrix elements are those of `Basis.kernel` and `Basis.penalty`; everything after them
(model, weights, scaling, optimisation) is written anew and shares no code with the core.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import options
from .basis import Basis, tau_grid
from .errors import InvalidInput, require
from .spectrum import MIN_POINTS, ComplexArray, FloatArray, Spectrum, frozen_array


@dataclass(frozen=True, eq=False)
class Unknowns:
    """What a penalty or constraint of one's own is written in: cvxpy expressions in ohm, H and 1/F.

    Attributes
    ----------
    coefficients, gamma : cvxpy.Expression, shape [node]
        Coefficients of the basis functions (ohm) and gamma at the nodes (ohm per unit ln tau).
    R_inf, L_0, inverse_C_0 : cvxpy.Expression or None
        Ohm, H and 1/F; None where the model or the fitted part has none.
    residual : cvxpy.Expression, shape [2 * point]
        Weighted residual in ohm, Re and Im of each point in turn; zero for a part that is not fitted.
    basis : Basis
        Gives `values`, `integrals`, `kernel` and `penalty` to build more expressions with.
    """

    coefficients: Any
    gamma: Any
    R_inf: Any
    L_0: Any
    inverse_C_0: Any
    residual: Any
    basis: Basis


@dataclass(frozen=True, eq=False)
class ReferenceSolution:
    """What `solve` found.

    Attributes
    ----------
    tau : ndarray, shape [node]
        Nodes in s.
    gamma, coefficients : ndarray, shape [node]
        gamma at the nodes (ohm per unit ln tau) and the coefficients of the basis functions (ohm).
    R_inf, L_0, C_0 : float
        Ohm, H, F; NaN where the model or the fitted part has none.
    value : float
        Minimum in ohm^2: sum of squared weighted residuals, penalty, and what was added to them.
    status : str
        As cvxpy has it. Unless it starts with "optimal", the numbers are NaN.
    """

    tau: FloatArray
    gamma: FloatArray
    coefficients: FloatArray
    R_inf: float
    L_0: float
    C_0: float
    value: float
    status: str


def solve(
    spectrum: Spectrum,
    *,
    lambda_: float,
    basis: str = "gaussian",
    order: int = 1,
    nonneg: bool = True,
    inductance: bool = True,
    capacitance: bool = False,
    part: str = "both",
    weights: str | ArrayLike = "unit",
    tau: str | ArrayLike | None = None,
    fwhm: float = 0.5,
    shape_factor: float | None = None,
    solver: str = "CLARABEL",
    objective: Callable[[Unknowns], Any] | None = None,
    constraints: Callable[[Unknowns], Sequence[Any]] | None = None,
    **solver_options: Any,
) -> ReferenceSolution:
    """Invert one spectrum with cvxpy.

    Parameters
    ----------
    spectrum : Spectrum
        All its points are used; they must be finite, at frequencies above 0 Hz.
    lambda_ : float
        Strength of the penalty.
    basis, order, nonneg, inductance, capacitance, part, weights, tau, fwhm, shape_factor
        As in `fit_drt`, with the same meaning of `lambda_`.
    solver : str
        One of ``cvxpy.installed_solvers()`` that takes the problem.
    objective : callable, optional
        Takes the `Unknowns` and returns a convex scalar expression in ohm^2 that is added to the objective.
    constraints : callable, optional
        Takes the `Unknowns` and returns a list of cvxpy constraints.
    **solver_options
        Passed on to the solver, such as ``tol_gap_rel=1e-12`` for CLARABEL. The problem is divided by the
        median of abs(Z) before it is solved, so tolerances are relative to it.

    Returns
    -------
    ReferenceSolution

    Raises
    ------
    InvalidInput
        For an option that is unknown or out of range, or a spectrum that cannot be used.
    MissingExtra
        If cvxpy is not installed.

    Notes
    -----
    Diamond, Boyd, J. Mach. Learn. Res. 17 (83), 1 (2016); Goulart, Chen, arXiv:2405.12762 (Clarabel).

    Examples
    --------
    Let R_inf be known, and let gamma have few changes of slope rather than small ones:

    >>> import cvxpy as cp
    >>> import drtengine as dt
    >>> from drtengine import reference
    >>> frequency = np.geomspace(1e4, 1e-1, 31)
    >>> spectrum = dt.Spectrum(frequency, 10 + 50 / (1 + 2j * np.pi * frequency * 1e-2))
    >>> solution = reference.solve(
    ...     spectrum,
    ...     lambda_=1e-6,
    ...     objective=lambda u: 1e-3 * cp.norm1(cp.diff(u.gamma, 2)),
    ...     constraints=lambda u: [u.R_inf == 10],
    ... )
    >>> f"{solution.status} {solution.R_inf:.3f}"
    'optimal 10.000'
    """
    require("cvxpy", "reference")
    cp: Any = importlib.import_module("cvxpy")

    options.check_choice("part", part, options.PARTS)
    options.check_choice("solver", solver, tuple(cp.installed_solvers()))
    options.check_order(order, basis)
    options.check_positive("lambda_", lambda_)
    for name, switch in (("nonneg", nonneg), ("inductance", inductance), ("capacitance", capacitance)):
        options.check_flag(name, switch)
    frequency, z = _points(spectrum)
    nodes = tau_grid(frequency.min(), frequency.max(), frequency, tau)
    functions = Basis.on(nodes, basis, fwhm=fwhm, shape_factor=shape_factor)
    row_weights = _row_weights(weights, spectrum.Z, part)

    # everything is of order one: Z in units of its median modulus, columns of at most one
    ohm = float(np.median(np.abs(spectrum.Z))) or 1.0
    coefficients = cp.Variable(nodes.size, nonneg=nonneg)
    fit = _pairs(functions.kernel(frequency)) @ coefficients
    columns = _free_columns(frequency, inductance, capacitance, part)
    free = {name: cp.Variable() for name in columns}
    for name, (column, _) in columns.items():
        fit = fit + column * free[name]
    residual = cp.multiply(row_weights, z / ohm - fit)
    cost = cp.sum_squares(residual) + lambda_ * cp.sum_squares(_half(functions.penalty(order)) @ coefficients)

    in_units = {name: ohm * unit * free[name] for name, (_, unit) in columns.items()}
    unknowns = Unknowns(
        coefficients=ohm * coefficients,
        gamma=functions.values(nodes) @ (ohm * coefficients),
        R_inf=in_units.get("R_inf"),
        L_0=in_units.get("L_0"),
        inverse_C_0=in_units.get("inverse_C_0"),
        residual=ohm * residual,
        basis=functions,
    )
    if objective is not None:
        cost = cost + objective(unknowns) / ohm**2
    problem = cp.Problem(cp.Minimize(cost), [] if constraints is None else list(constraints(unknowns)))
    try:
        problem.solve(solver=solver, **solver_options)
    except cp.SolverError as error:
        return _no_solution(nodes, f"solver_error: {error}")
    if not problem.status.startswith("optimal"):
        return _no_solution(nodes, problem.status)

    found = {name: float(expression.value) for name, expression in in_units.items()}
    inverse_C_0 = found.get("inverse_C_0", np.nan)
    return ReferenceSolution(
        tau=nodes,
        gamma=unknowns.gamma.value,
        coefficients=unknowns.coefficients.value,
        R_inf=found.get("R_inf", np.nan),
        L_0=found.get("L_0", np.nan),
        C_0=np.inf if inverse_C_0 == 0 else 1 / inverse_C_0,
        value=float(problem.value) * ohm**2,
        status=problem.status,
    )


def _points(spectrum: Spectrum) -> tuple[FloatArray, FloatArray]:
    """Frequencies in Hz, and Re and Im of Z in turn."""
    f, Z = spectrum.frequency, spectrum.Z
    bad = ~(np.isfinite(f) & np.isfinite(Z) & (f > 0))
    if bad.any():
        raise InvalidInput(
            f"point {np.flatnonzero(bad)[0]} is not finite or not above 0 Hz; leave such points out of the spectrum"
        )
    if len(spectrum) < MIN_POINTS:
        raise InvalidInput(f"{len(spectrum)} point(s), at least {MIN_POINTS} are needed")
    return f, _pairs(Z)


def _pairs(Z: Any) -> FloatArray:
    """Rows Re and Im in turn of rows of complex numbers."""
    return np.stack([Z.real, Z.imag], axis=1).reshape(2 * len(Z), *Z.shape[1:])


def _row_weights(weights: str | ArrayLike, Z: ComplexArray, part: str) -> FloatArray:
    """Weights of the rows, mean square one over the part that is fitted and zero elsewhere."""
    rows = 1 / _sizes(weights, Z) if isinstance(weights, str) else np.repeat(_given_weights(weights, Z.size), 2)
    fitted = np.tile([part != "imaginary", part != "real"], Z.size)
    return np.asarray(np.where(fitted, rows, 0) / np.sqrt(np.mean(rows[fitted] ** 2)))


def _sizes(rule: str, Z: ComplexArray) -> FloatArray:
    """Give what each row is measured by [row]."""
    options.check_choice("weights", rule, options.WEIGHTS)
    modulus = np.repeat(np.abs(Z), 2)
    if rule == "unit":
        return np.ones(modulus.size)
    if not modulus.all():
        raise InvalidInput(f"weights={rule!r} need Z to differ from zero at every point")
    return modulus if rule == "modulus" else np.maximum(np.abs(_pairs(Z)), options.PROPORTIONAL_FLOOR * modulus)


def _given_weights(weights: ArrayLike, count: int) -> FloatArray:
    given: FloatArray = frozen_array(weights, np.float64, "weights", 1)
    if given.size != count or not (np.isfinite(given) & (given >= 0)).all() or not given.any():
        raise InvalidInput(f"weights must be {count} finite numbers, none negative and not all zero")
    return given


def _free_columns(
    frequency: FloatArray, inductance: bool, capacitance: bool, part: str
) -> dict[str, tuple[FloatArray, float]]:
    """Name of each unpenalised unknown: its column, and what one of it is in SI units per ohm."""
    omega = 2 * np.pi * frequency
    columns: dict[str, tuple[FloatArray, float]] = {}
    if part != "imaginary":
        columns["R_inf"] = _pairs(np.ones(omega.size, dtype=np.complex128)), 1.0
    if part != "real" and inductance:
        columns["L_0"] = _pairs(1j * omega / omega.max()), 1 / omega.max()
    if part != "real" and capacitance:
        columns["inverse_C_0"] = _pairs(omega.min() / (1j * omega)), omega.min()
    return columns


def _half(gram: FloatArray) -> FloatArray:
    """R with R'R = gram; rounding may have left tiny negative eigenvalues."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    return np.asarray(np.sqrt(np.maximum(eigenvalues, 0))[:, None] * vectors.T)


def _no_solution(nodes: FloatArray, status: str) -> ReferenceSolution:
    nothing = np.full(nodes.size, np.nan)
    return ReferenceSolution(nodes, nothing, nothing, np.nan, np.nan, np.nan, np.nan, status)
