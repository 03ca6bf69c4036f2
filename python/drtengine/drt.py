"""Distributions of relaxation times by Tikhonov regularisation, for a whole campaign at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ._native import core
from .basis import SHAPES, Basis, tau_grid
from .campaign import Campaign, find_problems, frequency_grids
from .errors import InvalidInput, Status, near_miss
from .result import DrtResult
from .spectrum import BoolArray, FloatArray, IntArray, Spectrum, frozen_array

if TYPE_CHECKING:
    from ._core import Problem

PARTS = ("both", "real", "imaginary")
WEIGHTS = ("unit", "modulus", "proportional")
SELECTORS = ("gcv",)

LATTICE: FloatArray = 10.0 ** (np.arange(-8 * 20, 2 * 20 + 1) / 20)
"""Values of lambda that a selector tries: 20 a decade, so that spectra share factorisations."""

PROPORTIONAL_FLOOR = 0.01
"""Proportional weights take no part of Z for smaller than this share of |Z|."""

_CHECK_LAMBDA = 1e-3
_CHECK_GAIN = 3.0


def fit_drt(
    data: Campaign | Spectrum,
    *,
    basis: str = "gaussian",
    order: int = 1,
    lambda_: float | str | ArrayLike = "gcv",
    refine: bool = False,
    nonneg: bool = True,
    inductance: bool = True,
    capacitance: bool = False,
    part: str = "both",
    weights: str | ArrayLike = "unit",
    tau: str | ArrayLike | None = None,
    fwhm: float = 0.5,
    shape_factor: float | None = None,
    f_min: float | None = None,
    f_max: float | None = None,
    exclude: ArrayLike | None = None,
    area: float | None = None,
    n_threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> DrtResult:
    """Invert impedance spectra to distributions of relaxation times.

    The model is Z = R_inf + i w L_0 + 1/(i w C_0) + int gamma(ln tau)/(1 + i w tau) d ln tau, gamma a
    sum of basis functions. For each spectrum the sum of squared weighted residuals plus
    ``lambda_`` times the integral of the squared derivative of gamma is minimised.

    Parameters
    ----------
    data : Campaign or Spectrum
        A single spectrum counts as a campaign of one, but its defects raise.
    basis : str
        "gaussian", "piecewise_linear", "c0", "c2", "c4", "c6", "inverse_quadratic",
        "inverse_quadric" or "cauchy".
    order : {0, 1, 2}
        Which derivative of gamma is penalised.
    lambda_ : float, array_like of shape [spectrum], or "gcv"
        Strength of the penalty. "gcv" chooses it for each spectrum by generalised cross-validation
        over a lattice of 20 values a decade from 1e-8 to 1e2.
    refine : bool
        Search on between the values of the lattice. Costs a factorisation a spectrum.
    nonneg : bool
        Ask for coefficients >= 0.
    inductance, capacitance : bool
        Whether the model has L_0 and C_0.
    part : {"both", "real", "imaginary"}
        What is fitted. The real part knows nothing of L_0 and C_0, the imaginary nothing of R_inf;
        what is not known is NaN.
    weights : {"unit", "modulus", "proportional"} or array_like
        Weights of the residuals: 1; 1/abs(Z); 1/abs(Z') and 1/abs(Z'') of each part, none taken for
        smaller than 1 % of abs(Z); or an array of shape [point] or [spectrum, point]. They are scaled
        to a mean square of one for each spectrum, so that `lambda_` depends on no unit.
    tau : None, "frequency", "drttools" or array_like
        Nodes of the basis in s. None: 10 a decade on a lattice through 1 s, covering the
        campaign's 1/(2 pi f) and a decade more on each side. "frequency": 1/(2 pi f).
        "drttools": 1/f, which is where DRTtools has them.
    fwhm : float
        Width of the basis functions: distance of the nodes over full width at half maximum.
    shape_factor : float, optional
        Their width given directly as epsilon, see `Basis`.
    f_min, f_max : float, optional
        Points outside these limits (Hz) are left out.
    exclude : array_like, optional
        Points to leave out: a boolean mask of shape [point] or [spectrum, point], or frequencies in Hz.
    area : float, optional
        Electrode area in cm2: all results are then in ohm cm2, H cm2 and F/cm2.
    n_threads : int, optional
        Default: the CPUs this process may use. The result does not depend on it.
    progress : callable, optional
        Called now and then with (spectra done, spectra in all).

    Returns
    -------
    DrtResult
        Each spectrum has a `Status`; where it says so, the numbers are NaN.

    Raises
    ------
    InvalidInput
        For an option that is unknown or out of range, and for a single `Spectrum` that cannot be used.

    Notes
    -----
    Saccoccio, Wan, Chen, Ciucci, Electrochim. Acta 147, 470 (2014), doi:10.1016/j.electacta.2014.09.058;
    Wan, Saccoccio, Chen, Ciucci, Electrochim. Acta 184, 483 (2015), doi:10.1016/j.electacta.2015.09.097;
    Golub, Heath, Wahba, Technometrics 21, 215 (1979), doi:10.1080/00401706.1979.10489751.

    Examples
    --------
    >>> import drtengine as dt
    >>> circuit = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> result = dt.fit_drt(dt.Spectrum(frequency, circuit.impedance(frequency)))
    >>> f"{result.R_inf[0]:.2f} {result.R_pol[0]:.1f}"
    '10.00 50.0'
    """
    single = isinstance(data, Spectrum)
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(f"data must be a Campaign or a Spectrum, got {type(data).__name__}")
    _check_choice("part", part, PARTS)
    if order not in (0, 1, 2):
        raise InvalidInput(f"order must be 0, 1 or 2, got {order!r}")
    threads = _threads(n_threads)
    chosen = _lambda_argument(lambda_, len(campaign))
    weight_table = _weights_argument(weights, campaign)
    Z = campaign.Z if area is None else campaign.Z * _positive("area", area)
    used, notes = _used_points(campaign, f_min, f_max, exclude)
    status = (
        campaign.problems.copy()
        if f_min is None and f_max is None and exclude is None
        else find_problems(campaign.frequency, campaign.Z, used)
    )
    grids = [
        (rows[fit], points)
        for rows, points in frequency_grids(campaign.frequency, used)
        if (fit := (status[rows] == Status.OK) | (status[rows] == Status.SIGN_FLIPPED)).any()
    ]
    nodes = _nodes(campaign, grids, tau)
    functions = Basis.on(nodes, basis, fwhm=fwhm, shape_factor=shape_factor)
    if order == 2 and basis in ("c0", "cauchy"):
        raise InvalidInput(
            f"order=2 is ill-posed for basis={basis!r}: its second derivative is not square integrable; "
            "choose order=1 or another basis"
        )

    def problem(rows: IntArray, points: BoolArray, report: Callable[[int, int], object] | None) -> Problem:
        shape, epsilon, log_tau = functions.key
        Z_here = np.ascontiguousarray(Z if points.all() and len(rows) == len(Z) else Z[np.ix_(rows, points)])
        return {
            "shape": shape,
            "epsilon": epsilon,
            "log_tau": log_tau,
            "omega": 2 * np.pi * campaign.frequency[rows[0], points],
            "order": order,
            "inductance": bool(inductance),
            "capacitance": bool(capacitance),
            "part": PARTS.index(part),
            "Z": Z_here,
            "weights": _weights_of(weight_table, weights, Z_here, rows, points),
            "nonneg": bool(nonneg),
            "n_threads": threads,
            "progress": report,
        }

    grids = [(_confirm_signs(problem, rows, points, status), points) for rows, points in grids]
    arrays = _empty_arrays(len(campaign), nodes.size)
    done = 0
    for rows, points in grids:
        if rows.size == 0:
            continue
        report = None if progress is None else _shifted(progress, done, len(campaign))
        p = problem(rows, points, report)
        if isinstance(chosen, str):
            lambda_here, lambda_status = core.select_gcv({**p, "progress": None}, LATTICE, bool(refine))
        else:
            lambda_here, lambda_status = (chosen if chosen.size == 1 else chosen[rows]), None
        _solve_grid(p, functions, campaign.frequency[rows[0], points], lambda_here, rows, arrays)
        solved = arrays["status"][rows]
        if lambda_status is not None:
            solved = np.where(solved == Status.OK, lambda_status, solved)
        status[rows] = solved
        done += rows.size
    arrays["status"] = status
    if single and not Status(status[0]).has_answer:
        raise InvalidInput(_explain(campaign, 0, Status(status[0]), used))
    notes += [_explain(campaign, int(i), Status(status[i]), used) for i in np.flatnonzero(status != Status.OK)]
    options: dict[str, Any] = {
        "basis": basis,
        "order": order,
        "lambda_": lambda_ if isinstance(lambda_, str) else np.asarray(lambda_, dtype=np.float64).tolist(),
        "refine": bool(refine),
        "nonneg": bool(nonneg),
        "inductance": bool(inductance),
        "capacitance": bool(capacitance),
        "part": part,
        "weights": weights if isinstance(weights, str) else "array",
        "tau": tau if tau is None or isinstance(tau, str) else "array",
        "epsilon": functions.epsilon,
        "f_min": f_min,
        "f_max": f_max,
        "area": area,
    }
    return DrtResult(
        basis=functions,
        campaign=campaign,
        used=used,
        options=options,
        notes=(*campaign.notes, *notes),
        **arrays,
    )


def _solve_grid(
    p: Problem,
    basis: Basis,
    frequency: FloatArray,
    lambda_: FloatArray,
    rows: IntArray,
    arrays: dict[str, Any],
) -> None:
    """Solve the spectra of one grid and put the answers into their rows."""
    window = 1 / (2 * np.pi * frequency.max()), 1 / (2 * np.pi * frequency.min())
    outputs = np.column_stack(
        [basis.values(basis.tau).T, basis.integrals(basis.tau[0], basis.tau[-1]), basis.integrals(*window)]
    )
    coefficients, free, values, error, status = core.solve_ridge(
        p, np.ascontiguousarray(lambda_), np.ascontiguousarray(outputs)
    )
    whole = rows.size == len(arrays["status"])
    count = basis.tau.size
    for name, array in (("coefficients", coefficients), ("gamma", values[:, :count])):
        if whole:
            arrays[name] = array
        else:
            arrays[name][rows] = array
    arrays["R_pol"][rows] = values[:, count]
    arrays["R_pol_window"][rows] = values[:, count + 1]
    arrays["lambda_"][rows] = lambda_
    arrays["error"][rows] = error
    arrays["status"][rows] = status
    columns = iter(free.T)
    if p["part"] != PARTS.index("imaginary"):
        arrays["R_inf"][rows] = next(columns)
    if p["part"] != PARTS.index("real"):
        if p["inductance"]:
            arrays["L_0"][rows] = next(columns)
        if p["capacitance"]:
            with np.errstate(divide="ignore"):
                arrays["C_0"][rows] = 1 / next(columns)


def _empty_arrays(n_spectra: int, n_tau: int) -> dict[str, Any]:
    """NaN for everything a spectrum may turn out not to have."""
    arrays: dict[str, Any] = {name: np.full((n_spectra, n_tau), np.nan) for name in ("coefficients", "gamma")}
    for name in ("R_inf", "L_0", "C_0", "R_pol", "R_pol_window", "lambda_", "error"):
        arrays[name] = np.full(n_spectra, np.nan)
    arrays["status"] = np.full(n_spectra, Status.OK, dtype=np.int8)
    return arrays


def _used_points(
    campaign: Campaign, f_min: float | None, f_max: float | None, exclude: ArrayLike | None
) -> tuple[BoolArray, list[str]]:
    """Which points are fitted [spectrum, point], and what is to be said of the others."""
    notes = []
    f = campaign.frequency
    used = campaign.is_point
    dc = used & (f == 0)
    if dc.any():
        notes.append(f"{int(dc.sum())} point(s) at 0 Hz dropped, in {int(dc.any(axis=1).sum())} spectra")
        used = used & ~dc
    for name, limit, inside in (("f_min", f_min, np.greater_equal), ("f_max", f_max, np.less_equal)):
        if limit is not None:
            used = used & inside(f, _positive(name, limit))
    if exclude is not None:
        used = used & ~_excluded(campaign, exclude)
    left_out = int((campaign.is_point & ~used & ~dc).sum())
    if left_out:
        notes.append(f"{left_out} point(s) left out by f_min, f_max or exclude")
    return used, notes


def _excluded(campaign: Campaign, exclude: ArrayLike) -> BoolArray:
    mask = np.asarray(exclude)
    if mask.dtype == np.bool_:
        if mask.shape not in (campaign.Z.shape, campaign.Z.shape[1:]):
            raise InvalidInput(
                f"exclude has shape {mask.shape}; needed is {campaign.Z.shape} or {campaign.Z.shape[1:]}"
            )
        return np.broadcast_to(mask, campaign.Z.shape)
    excluded = np.zeros(campaign.Z.shape, dtype=bool)
    for value in frozen_array(np.atleast_1d(mask), np.float64, "exclude", 1):
        hit = np.isclose(campaign.frequency, value, rtol=1e-6, atol=0)
        if not hit.any():
            raise InvalidInput(f"exclude names {value:g} Hz, but no spectrum has a point there")
        excluded |= hit
    return excluded


def _nodes(campaign: Campaign, grids: list[tuple[IntArray, BoolArray]], tau: str | ArrayLike | None) -> FloatArray:
    """One grid of tau for the whole campaign."""
    used = [campaign.frequency[rows[0], points] for rows, points in grids]
    if not used:  # nothing to fit; any grid shows that
        return tau_grid(1e-2, 1e5, None, None if isinstance(tau, str) else tau)
    f_min, f_max = min(f.min() for f in used), max(f.max() for f in used)
    return tau_grid(f_min, f_max, used[0] if len(used) == 1 else None, tau)


def _confirm_signs(problem: Callable[..., Problem], rows: IntArray, points: BoolArray, status: Any) -> IntArray:
    """Settle suspicions of a flipped Z'' and return the spectra to be fitted.

    A suspicion stands where the conjugate spectrum fits much better than the spectrum as it is.
    """
    suspects = rows[status[rows] == Status.SIGN_FLIPPED]
    if suspects.size:
        p = problem(suspects, points, None)
        misfit = [_misfit(p, Z) for Z in (p["Z"], p["Z"].conj())]
        status[suspects[misfit[0] <= _CHECK_GAIN * misfit[1]]] = Status.OK
    sound: IntArray = rows[status[rows] == Status.OK]
    return sound


def _misfit(p: Problem, Z: Any) -> FloatArray:
    """Root mean square residual relative to |Z| [spectrum] of a plain fit."""
    basis = Basis(SHAPES[p["shape"]], p["epsilon"], np.exp(p["log_tau"]))
    plain: Problem = {**p, "Z": Z, "part": 0, "inductance": True, "nonneg": True, "weights": np.empty((0, 0))}
    coefficients, free, *_ = core.solve_ridge(plain, np.array([_CHECK_LAMBDA]), np.empty((basis.tau.size, 0)))
    columns = [np.ones(p["omega"].size), 1j * p["omega"]] + [1 / (1j * p["omega"])] * p["capacitance"]
    fit = coefficients @ basis.kernel(p["omega"] / (2 * np.pi)).T + free @ np.array(columns)
    misfit: FloatArray = np.sqrt(np.mean(np.abs((Z - fit) / Z) ** 2, axis=1))
    return misfit


def _weights_argument(weights: str | ArrayLike, campaign: Campaign) -> FloatArray | None:
    if isinstance(weights, str):
        _check_choice("weights", weights, WEIGHTS)
        return None
    array = np.asarray(weights)
    if array.shape not in (campaign.Z.shape, campaign.Z.shape[1:]):
        raise InvalidInput(
            f"weights have shape {array.shape}; needed is [point] {campaign.Z.shape[1:]} or "
            f"[spectrum, point] {campaign.Z.shape}"
        )
    return frozen_array(array, np.float64, "weights", array.ndim)


def _weights_of(table: FloatArray | None, kind: Any, Z: Any, rows: IntArray, points: BoolArray) -> FloatArray:
    """Weights as the core wants them: none, [1 or spectrum, point] or [spectrum, 2 * point]."""
    if table is not None:
        chosen = table[None, points] if table.ndim == 1 else table[np.ix_(rows, points)]
        bad = ~np.isfinite(chosen) | (chosen < 0)
        if bad.any():
            raise InvalidInput(f"weights must be finite and not negative, got {chosen[bad][0]:g}")
        if (chosen.max(axis=1) == 0).any():
            raise InvalidInput("weights of a spectrum are all zero; leave the spectrum out instead")
        return np.ascontiguousarray(chosen)
    if kind == "unit":
        return np.empty((0, 0))
    modulus = np.abs(Z)
    if kind == "modulus":
        return np.asarray(1 / modulus)
    parts = np.abs(np.ascontiguousarray(Z).view(np.float64))
    return np.asarray(1 / np.maximum(parts, PROPORTIONAL_FLOOR * np.repeat(modulus, 2, axis=1)))


def _lambda_argument(lambda_: float | str | ArrayLike, count: int) -> FloatArray | str:
    if isinstance(lambda_, str):
        _check_choice("lambda_", lambda_, SELECTORS)
        return lambda_
    array = np.atleast_1d(np.asarray(lambda_, dtype=np.float64))
    if array.shape not in ((1,), (count,)):
        raise InvalidInput(f"lambda_ has shape {array.shape}; give one number, one a spectrum ({count}) or a selector")
    if not (np.isfinite(array) & (array > 0)).all():
        raise InvalidInput(f"lambda_ must be positive and finite, got {array[~(array > 0) | ~np.isfinite(array)][0]:g}")
    return array


def _explain(campaign: Campaign, index: int, status: Status, used: BoolArray) -> str:
    """One sentence about a spectrum that is not simply fine."""
    f, Z = campaign.frequency[index][used[index]], campaign.Z[index][used[index]]
    label = campaign.label(index)
    match status:
        case Status.NOT_FINITE:
            at = np.flatnonzero(~(np.isfinite(Z) & np.isfinite(f)))
            return f"{label}: NaN or Inf at {_points(at, f)}; leave these points out with exclude="
        case Status.NEGATIVE_FREQUENCY:
            return f"{label}: negative frequency at {_points(np.flatnonzero(f < 0), f)}"
        case Status.REPEATED_FREQUENCY:
            values, counts = np.unique(f, return_counts=True)
            at = np.flatnonzero(f == values[counts > 1][0])
            return f"{label}: {_points(at, f)} stand at the same frequency; split the sweeps or exclude= one of them"
        case Status.TOO_FEW_POINTS:
            return f"{label}: {f.size} usable point(s), at least 3 are needed"
        case Status.SIGN_FLIPPED:
            return (
                f"{label}: Z'' has the wrong sign (Z' falls with frequency while Z'' > 0, and the conjugate fits); "
                "capacitive spectra have Z'' < 0 here: pass Z.conj()"
            )
        case Status.LAMBDA_AT_BOUND:
            return (
                f"{label}: the selector has no minimum between {LATTICE[0]:g} and {LATTICE[-1]:g}; lambda is the bound"
            )
        case Status.SINGULAR:
            return f"{label}: the problem is singular; raise lambda_ or use fewer nodes"
        case _:
            return f"{label}: the solver did not converge; raise lambda_"


def _points(at: Any, f: FloatArray) -> str:
    shown = ", ".join(f"{i} ({f[i]:.6g} Hz)" for i in at[:4])
    return f"point(s) {shown}{' and more' if len(at) > 4 else ''}"


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidInput(f"unknown {name} {value!r}; {near_miss(value, allowed)}")


def _positive(name: str, value: float) -> float:
    number = float(value)
    if not (np.isfinite(number) and number > 0):
        raise InvalidInput(f"{name} must be positive and finite, got {value!r}")
    return number


def _threads(n_threads: int | None) -> int:
    if n_threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not isinstance(n_threads, int | np.integer) or n_threads < 1:
        raise InvalidInput(f"n_threads must be a whole number from 1 on, got {n_threads!r}")
    return int(n_threads)


def _shifted(progress: Callable[[int, int], object], done: int, total: int) -> Callable[[int, int], object]:
    """Report progress within one grid as progress within the campaign."""
    return lambda here, _: progress(done + here, total)
