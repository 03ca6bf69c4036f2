"""How the spectra of one frequency grid are inverted: one function a method, each filling the rows it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._native import core
from .bands import find_bands
from .basis import Basis
from .campaign import Campaign
from .errors import Status
from .loops import solve_with_loops
from .options import PARTS, weights_on_grid
from .sampling import add_sampling_arrays, put_draws, sample_smooth, sampling_options
from .selection import Selector, choose_lambda, noise_on_grid
from .smooth import candidate_weights, solve_log
from .spectrum import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ._core import LogSolution, Problem

COMMON_COST, LOCAL_COST = 2.0, 6.0
"""What the two evidences of a smooth fit are worth less beside a sum of elements: a common precision for all second
differences, and one for each; found by simulation."""

TAIL = 0.2
"""Share of R_pol beyond the measured window from which on a result says so."""

METHODS = ("ridge", "log", "elements", "auto", "joint")

PER_SPECTRUM = (
    *("R_inf", "L_0", "C_0", "R_pol", "R_pol_window", "lambda_", "noise", "error"),
    *("u_R_inf", "u_R_pol", "u_R_pol_window"),
)
"""Arrays [spectrum] of a result."""


class Band(NamedTuple):
    """What is asked of a band: level, kind, the seed of its draws, and how many of these are kept."""

    level: float
    kind: str
    seed: int
    samples: int | None = None

    @property
    def is_sampled(self) -> bool:
        """Whether it comes from draws."""
        return self.kind == "sampled"


@dataclass(frozen=True, eq=False)
class GridProblem:
    """Spectra that share their frequencies, and what is asked of them.

    Attributes
    ----------
    core : Problem
        As the core takes it.
    basis : Basis
        `smooth.hats` for the smooth method.
    campaign : Campaign
    rows : ndarray, shape [spectrum]
        Which spectra of the campaign.
    points : ndarray of bool, shape [column]
        Which columns of the campaign.
    weights : str or ndarray
        As given.
    lambda_ : Selector or ndarray, shape [1 or spectrum of the campaign]
    band : Band or None
    area : float or None
        cm2.
    free : (float, float) or None
        Range of tau, s, where coefficients may be negative although others must not.
    progress : callable or None
    """

    core: Problem
    basis: Basis
    campaign: Campaign
    rows: IntArray
    points: BoolArray
    weights: FloatArray | str
    lambda_: Selector | FloatArray
    band: Band | None
    area: float | None
    free: tuple[float, float] | None
    progress: Callable[[int, int], object] | None

    @property
    def window(self) -> tuple[float, float]:
        """The measured relaxation times, s."""
        omega = self.core["omega"]
        return float(1 / omega.max()), float(1 / omega.min())

    @property
    def size(self) -> FloatArray:
        """Geometric mean of abs(Z) [spectrum], which `noise` is relative to."""
        modulus = np.abs(self.core["Z"])
        return np.asarray(np.exp(np.log(np.where(modulus > 0, modulus, 1)).mean(axis=1)))

    @property
    def has_R_inf(self) -> bool:
        """Whether the fitted part knows R_inf."""
        return self.core["part"] != PARTS.index("imaginary")

    def take(self, members: IntArray) -> GridProblem:
        """Give the problem of some of the spectra."""
        core: Problem = {**self.core, "Z": np.ascontiguousarray(self.core["Z"][members])}
        return replace(self, core=core, rows=self.rows[members])


def pose(
    functions: Basis,
    campaign: Campaign,
    rows: IntArray,
    points: BoolArray,
    weights: FloatArray | str,
    *,
    order: int,
    inductance: bool,
    capacitance: bool,
    part: str,
    nonneg: bool,
    area: float | None,
    n_threads: int,
) -> Problem:
    """Pose the problem of the spectra of one grid to the core; the arguments have been checked."""
    Z = campaign.Z if points.all() and len(rows) == len(campaign) else campaign.Z[np.ix_(rows, points)]
    Z = np.ascontiguousarray(Z if area is None else Z * area)
    shape, epsilon, log_tau = functions.key
    return {
        "shape": shape,
        "epsilon": epsilon,
        "log_tau": log_tau,
        "omega": 2 * np.pi * campaign.frequency[rows[0], points],
        "order": order,
        "inductance": inductance,
        "capacitance": capacitance,
        "part": PARTS.index(part),
        "Z": Z,
        "weights": weights_on_grid(weights, Z, rows, points),
        "own_weights": isinstance(weights, str) or weights.ndim == 2,
        "nonneg": nonneg,
        "n_threads": n_threads,
        "progress": None,
    }


def empty_arrays(n_spectra: int, n_points: int, n_tau: int, solver: str | None, band: Band | None) -> dict[str, Any]:
    """NaN for everything a spectrum may turn out not to have; a solver by ridge puts its curves there itself."""
    curves = (
        *(() if solver == "ridge" else ("coefficients", "gamma")),
        *(("gamma_low", "gamma_high") if band is not None else ()),
    )
    arrays: dict[str, Any] = {name: np.full((n_spectra, n_tau), np.nan) for name in curves}
    for name in PER_SPECTRUM:
        arrays[name] = np.full(n_spectra, np.nan)
    for name in ("evidence_log", "evidence_elements"):
        arrays[name] = np.full(n_spectra, np.nan)
    if solver != "ridge":
        arrays["squared_weights"] = np.zeros((n_spectra, 2 * n_points))
    arrays["outliers"] = np.zeros((n_spectra, n_points), dtype=bool)
    arrays["method"] = np.full(n_spectra, "", dtype="U8")
    arrays["weighting"] = np.full(n_spectra, "", dtype="U12")
    if band is not None and band.is_sampled:
        add_sampling_arrays(arrays, n_spectra, n_tau, band.samples)
    return arrays


def solve_ridge(grid: GridProblem, arrays: dict[str, Any]) -> NDArray[np.int8]:
    """Coefficients of the basis, at a lambda given or selected; returns the status of each spectrum."""
    problem, rule = grid.core, grid.weights
    if isinstance(grid.lambda_, Selector):
        part = PARTS[problem["part"]]
        level = noise_on_grid(grid.lambda_, grid.campaign, rule, grid.rows, grid.points, part)
        lambda_, chosen = choose_lambda(problem, grid.lambda_, level * (grid.area or 1.0))
    else:
        lambda_ = grid.lambda_ if grid.lambda_.size == 1 else grid.lambda_[grid.rows]
        chosen = np.full(grid.rows.size, Status.OK, dtype=np.int8)
    problem = {**problem, "progress": grid.progress}
    basis = grid.basis
    outputs = np.column_stack(
        [basis.values(basis.tau).T, basis.integrals(basis.tau[0], basis.tau[-1]), basis.integrals(*grid.window)]
    )
    if grid.free is None:
        coefficients, free, values, error, status = core.solve_ridge(
            problem, np.ascontiguousarray(lambda_), np.ascontiguousarray(outputs)
        )
    else:
        coefficients, free, error, status = solve_with_loops(
            problem, basis, rule, grid.rows, grid.points, lambda_, grid.free
        )
        # not `@`, whose last bits depend on how many spectra there are
        values = core.multiply_rows(np.ascontiguousarray(coefficients), np.ascontiguousarray(outputs))
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
    if grid.band is not None:
        draws = core.sample_ridge(
            problem,
            np.ascontiguousarray(lambda_),
            coefficients,
            free,
            np.ascontiguousarray(outputs),
            count,
            sampling_options(grid.band.level, grid.band.samples, grid.band.seed),
        )
        put_draws(arrays, grid.rows, draws, status == Status.OK, has_R_inf=grid.has_R_inf)
    return np.where(status == Status.OK, chosen, status)


def solve_smooth(grid: GridProblem, arrays: dict[str, Any]) -> NDArray[np.int8]:
    """Fit gamma = exp(u), u smooth; returns the status of each spectrum."""
    problem: Problem = {**grid.core, "progress": grid.progress}
    rows = grid.rows
    candidates = candidate_weights(grid.weights, problem["Z"], rows, grid.points)
    solution = solve_log(problem, candidates)
    arrays["lambda_"][rows] = solution["lambda_"]
    arrays["noise"][rows] = solution["noise"] / grid.size
    relieved = (solution["relief"] < 1).reshape(rows.size, -1, 2).any(axis=2)
    arrays["outliers"][np.ix_(rows, grid.points)] = relieved
    arrays["weighting"][rows] = np.array(list(candidates))[solution["weighting"]]
    put_log_gamma(grid, arrays, "log", solution["log_gamma"], solution["free"])
    arrays["evidence_log"][rows] = np.fmax(solution["evidence"] - COMMON_COST, solution["evidence_local"] - LOCAL_COST)
    arrays["squared_weights"][np.ix_(rows, np.repeat(grid.points, 2))] = _squared_weights(candidates, solution)
    if grid.band is not None and grid.band.is_sampled:
        _sample(arrays, grid, problem, solution["status"] == Status.OK)
    elif grid.band is not None:
        _put_band(arrays, grid, problem, solution["relief"])
    return solution["status"]


def rescue(grid: GridProblem, arrays: dict[str, Any], status: NDArray[np.int8]) -> list[str]:
    """Fit by ridge regularisation where no smooth fit converged, as with ideal data of a single line; returns notes."""
    members = np.flatnonzero(status[grid.rows] == Status.UNCONVERGED)
    if not members.size:
        return []
    some = grid.take(members)
    rule = "unit" if isinstance(grid.weights, str) and grid.weights == "auto" else grid.weights
    weights = weights_on_grid(rule, some.core["Z"], some.rows, some.points)
    own: Problem = {**some.core, "weights": weights, "own_weights": isinstance(rule, str) or rule.ndim == 2}
    status[some.rows] = solve_ridge(replace(some, core=own, weights=rule, band=None, progress=None), arrays)
    for name in ("noise", "u_R_inf", "u_R_pol", "u_R_pol_window", "evidence_log", "gamma_low", "gamma_high"):
        if name in arrays:
            arrays[name][some.rows] = np.nan
    label = grid.campaign.label
    return [f"{label(int(i))}: no smooth fit converged; ridge regularisation instead" for i in some.rows]


def put_log_gamma(
    grid: GridProblem, arrays: dict[str, Any], method: str, log_gamma: FloatArray, free: FloatArray
) -> None:
    """Put gamma [spectrum, node], what follows from it, and the free unknowns in their places."""
    basis, gamma = grid.basis, np.exp(log_gamma)
    arrays["gamma"][grid.rows] = arrays["coefficients"][grid.rows] = gamma
    integrals = np.column_stack([basis.integrals(basis.tau[0], basis.tau[-1]), basis.integrals(*grid.window)])
    # not `@`, whose last bits depend on how many spectra there are
    arrays["R_pol"][grid.rows], arrays["R_pol_window"][grid.rows] = core.multiply_rows(gamma, integrals).T
    arrays["method"][grid.rows] = method
    _put_free(arrays, grid, free)


def _squared_weights(candidates: Mapping[str, FloatArray], solution: LogSolution) -> FloatArray:
    """Squared weights of Re and Im in turn as the smooth fit had them: geometric mean one, less for outliers."""
    w2 = np.ones_like(solution["relief"])
    for k, own in enumerate(candidates.values()):
        here = solution["weighting"] == k
        if own.size:
            w = np.broadcast_to(own, (len(w2), own.shape[1]))[here]
            w2[here] = (w if w.shape[1] == w2.shape[1] else np.repeat(w, 2, axis=1)) ** 2
    positive = w2 > 0
    w2 /= np.exp(np.log(w2, where=positive, out=np.zeros_like(w2)).sum(axis=1) / positive.sum(axis=1))[:, None]
    return np.asarray(w2 * solution["relief"] ** 2)


def _put_band(arrays: dict[str, Any], grid: GridProblem, problem: Problem, relief: FloatArray) -> None:
    assert grid.band is not None
    tau, rows = grid.basis.tau, grid.rows
    windows = [(tau[0], tau[-1]), grid.window]
    level, kind, seed, _ = grid.band
    low, high, found = find_bands(
        problem, grid.weights, rows, grid.points, relief, windows, level=level, kind=kind, seed=seed
    )
    arrays["gamma_low"][rows], arrays["gamma_high"][rows] = low, high
    arrays["u_R_pol"][rows], arrays["u_R_pol_window"][rows] = found["u_integral"].T
    arrays["u_R_inf"][rows] = found["u_R_inf"]


def _sample(arrays: dict[str, Any], grid: GridProblem, problem: Problem, known: BoolArray) -> None:
    """Draw with the weights of the fit."""
    assert grid.band is not None
    tau, rows = grid.basis.tau, grid.rows
    weights = np.sqrt(arrays["squared_weights"][np.ix_(rows, np.repeat(grid.points, 2))])
    functionals = np.column_stack([grid.basis.integrals(tau[0], tau[-1]), grid.basis.integrals(*grid.window)])
    options = sampling_options(grid.band.level, grid.band.samples, grid.band.seed)
    draws = sample_smooth({**problem, "weights": weights}, functionals, options)
    put_draws(arrays, rows, draws, known, has_R_inf=grid.has_R_inf)


SOLVERS = {"ridge": solve_ridge, "log": solve_smooth, "elements": solve_smooth, "auto": solve_smooth}
"""What every grid goes through; a search for elements starts from the smooth fits of the whole campaign."""


def _put_rows(arrays: dict[str, Any], rows: IntArray, name: str, values: FloatArray) -> None:
    """Put the values of some spectra in their places, without a copy where that is all of them."""
    count = len(arrays["lambda_"])
    if rows.size == count:
        arrays[name] = values
        return
    if name not in arrays:
        arrays[name] = np.full((count, values.shape[1]), np.nan)
    arrays[name][rows] = values


def _put_free(arrays: dict[str, Any], grid: GridProblem, free: FloatArray) -> None:
    """Put the free unknowns [spectrum, those that the part and the options give] in their places."""
    columns = iter(free.T)
    if grid.has_R_inf:
        arrays["R_inf"][grid.rows] = next(columns)
    if grid.core["part"] != PARTS.index("real"):
        if grid.core["inductance"]:
            arrays["L_0"][grid.rows] = next(columns)
        if grid.core["capacitance"]:
            with np.errstate(divide="ignore"):
                arrays["C_0"][grid.rows] = 1 / next(columns)


def closing_notes(grids: list[GridProblem], arrays: dict[str, Any]) -> list[str]:
    """Tell how many points weigh less, and where much of R_pol lies beyond what was measured."""
    return [*_tail_notes(grids, arrays), *_outlier_notes(arrays["outliers"])]


def _tail_notes(grids: list[GridProblem], arrays: dict[str, Any]) -> list[str]:
    unfinished: list[int] = []
    for grid in grids:
        slowest, last = grid.window[1], grid.basis.tau[-1]
        integrals = grid.basis.integrals(slowest, max(slowest, last))
        few = slice(int(np.argmax(integrals != 0)), None)  # the nodes that reach there
        beyond = arrays["coefficients"][:, few] @ integrals[few]
        unfinished += grid.rows[(beyond > TAIL * np.abs(arrays["R_pol"]))[grid.rows]].tolist()
    if not unfinished:
        return []
    which = grids[0].campaign.label(unfinished[0]) if len(unfinished) == 1 else f"{len(unfinished)} spectra"
    cure = "" if grids[0].core["capacitance"] else "; where a capacitance in series ends it, capacitance=True says so"
    return [
        f"{which}: more than {TAIL:.0%} of R_pol lies beyond the longest relaxation time measured, as the "
        f"low-frequency branch does not end; peaks there are extrapolated{cure}"
    ]


def _outlier_notes(outliers: BoolArray) -> list[str]:
    """Tell how many points [spectrum, point] weigh less."""
    if not outliers.any():
        return []
    count, spectra = int(outliers.sum()), int(outliers.any(axis=1).sum())
    return [f"{count} point(s) stand out and weigh less, in {spectra} spectra; see outliers"]
