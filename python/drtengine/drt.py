"""Distributions of relaxation times by Tikhonov regularisation, for a whole campaign at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import options
from ._native import core
from .basis import Basis, tau_grid
from .campaign import Campaign, find_problems, frequency_grids
from .errors import InvalidInput, Status
from .options import PARTS
from .points import explain, select_points, vanishing_points
from .result import DrtResult
from .selection import Selector, check_selector, choose_lambda, noise_on_grid
from .spectrum import BoolArray, FloatArray, IntArray, Spectrum

if TYPE_CHECKING:
    from ._core import Problem


def fit_drt(
    data: Campaign | Spectrum,
    *,
    basis: str = "gaussian",
    order: int = 1,
    lambda_: float | str | ArrayLike = "evidence",
    refine: bool = False,
    noise: float | ArrayLike | None = None,
    n_folds: int = 5,
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
    lambda_ : float, array_like of shape [spectrum], or str
        Strength of the penalty, or how it is chosen for each spectrum over a lattice of 20 values a
        decade from 1e-8 to 1e2: by "evidence", "ml", "gcv", "mgcv", "rgcv", "lcurve", "reim", "kfold"
        or "discrepancy"; see `lambda_scores`, which shows the curves.
    refine : bool
        Search on between the values of the lattice. Costs a factorisation a spectrum.
    noise : float or array_like of shape [spectrum], optional
        For "discrepancy": standard deviation of the noise of Z' and of Z'', times the weight; so in ohm
        for unit weights, and relative to abs(Z) for `weights="modulus"`.
    n_folds : int
        For "kfold": into how many parts the frequencies are dealt, at most one for each.
    nonneg : bool
        Ask for coefficients >= 0.
    inductance, capacitance : bool
        Whether the model has L_0 and C_0.
    part : {"both", "real", "imaginary"}
        What is fitted. The real part knows nothing of L_0 and C_0, the imaginary nothing of R_inf;
        what is not known is NaN.
    weights : {"unit", "modulus", "proportional"} or array_like
        Weights of the residuals: 1; 1/abs(Z); 1/abs(Z') and 1/abs(Z'') of each part, none taken for
        smaller than 1 % of abs(Z); or an array of shape [spectrum, point], or [point] if the spectra
        share their frequencies. They are scaled to a mean square of one for each spectrum, so that
        `lambda_` depends on no unit.
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
        Points to leave out: frequencies in Hz, or a boolean mask of shape [spectrum, point], or [point]
        if the spectra share their frequencies.
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
    Wan, Saccoccio, Chen, Ciucci, Electrochim. Acta 184, 483 (2015), doi:10.1016/j.electacta.2015.09.097.

    Examples
    --------
    >>> import drtengine as dt
    >>> circuit = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> result = dt.fit_drt(dt.Spectrum(frequency, circuit.impedance(frequency)))
    >>> f"{result.R_inf[0]:.2f} {result.R_pol[0]:.1f}"
    '10.00 50.0'
    """
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(
            f"data must be a Campaign or a Spectrum, got {type(data).__name__}; see Campaign.from_arrays, from_spectra"
        )
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress must be callable with (done, total), got {progress!r}")
    options.check_choice("part", part, PARTS)
    order = options.check_order(order, basis)
    refine, nonneg = options.check_flag("refine", refine), options.check_flag("nonneg", nonneg)
    inductance = options.check_flag("inductance", inductance)
    capacitance = options.check_flag("capacitance", capacitance)
    area = None if area is None else options.check_positive("area", area)
    f_min, f_max = options.check_limits(f_min, f_max)
    threads = options.check_threads(n_threads)
    chosen = check_selector(options.check_lambda(lambda_, campaign), refine, noise, n_folds, part, campaign)

    used, notes = select_points(campaign, f_min, f_max, exclude)
    status = (
        campaign.problems.copy() if used is campaign.is_point else find_problems(campaign.frequency, campaign.Z, used)
    )
    if isinstance(weights, str) and weights != "unit":
        weightless = vanishing_points(campaign.Z, used).any(axis=1)
        status[weightless & (status == Status.OK)] = Status.ZERO_IMPEDANCE
    row_weights = options.check_weights(weights, campaign, used & (status == Status.OK)[:, None])
    grids = [
        (rows[sound], points)
        for rows, points in frequency_grids(campaign.frequency, used)
        if (sound := status[rows] == Status.OK).any()
    ]
    nodes = _nodes(campaign, grids, tau)
    functions = Basis.on(nodes, basis, fwhm=fwhm, shape_factor=shape_factor)

    arrays = _empty_arrays(len(campaign), nodes.size)
    done = len(campaign) - sum(rows.size for rows, _ in grids)
    for rows, points in grids:
        problem = pose(
            functions, campaign, rows, points, row_weights,
            order=order, inductance=inductance, capacitance=capacitance, part=part, nonneg=nonneg, area=area,
            n_threads=threads,
        )  # fmt: skip
        if isinstance(chosen, Selector):
            level = noise_on_grid(chosen, campaign, row_weights, rows, points, part) * (area or 1.0)
            lambda_here, chosen_status = choose_lambda(problem, chosen, level)
        else:
            lambda_here = chosen if chosen.size == 1 else chosen[rows]
            chosen_status = np.full(rows.size, Status.OK, dtype=np.int8)
        if progress is not None:
            problem["progress"] = _within(progress, done, rows.size, len(campaign))
        solved = _solve_grid(problem, functions, campaign.frequency[rows[0], points], lambda_here, rows, arrays)
        status[rows] = np.where(solved == Status.OK, chosen_status, solved)
        done += rows.size

    unusual = [explain(campaign, int(i), Status(status[i]), used) for i in np.flatnonzero(status != Status.OK)]
    if isinstance(data, Spectrum) and not Status(status[0]).has_answer:
        raise InvalidInput(unusual[0])
    return DrtResult(
        basis=functions,
        status=status,
        campaign=campaign,
        used=used,
        options={
            "basis": basis,
            "order": order,
            "lambda_": lambda_ if isinstance(lambda_, str) else np.asarray(lambda_, dtype=float).tolist(),
            "refine": refine,
            "noise": None if noise is None else np.asarray(noise, dtype=float).tolist(),
            "n_folds": int(n_folds),
            "nonneg": nonneg,
            "inductance": inductance,
            "capacitance": capacitance,
            "part": part,
            "weights": weights if isinstance(weights, str) else "array",
            "tau": tau if tau is None or isinstance(tau, str) else "array",
            "epsilon": functions.epsilon,
            "f_min": f_min,
            "f_max": f_max,
            "exclude": None if exclude is None else "points",
            "area": area,
        },
        notes=(*campaign.notes, *notes, *unusual),
        **arrays,
    )


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
        "weights": options.weights_on_grid(weights, Z, rows, points),
        "own_weights": isinstance(weights, str) or weights.ndim == 2,
        "nonneg": nonneg,
        "n_threads": n_threads,
        "progress": None,
    }


def _solve_grid(
    p: Problem,
    basis: Basis,
    frequency: FloatArray,
    lambda_: FloatArray,
    rows: IntArray,
    arrays: dict[str, Any],
) -> NDArray[np.int8]:
    """Solve the spectra of one grid, put the answers into their rows and return the status of each."""
    window = 1 / (2 * np.pi * frequency.max()), 1 / (2 * np.pi * frequency.min())
    outputs = np.column_stack(
        [basis.values(basis.tau).T, basis.integrals(basis.tau[0], basis.tau[-1]), basis.integrals(*window)]
    )
    coefficients, free, values, error, status = core.solve_ridge(
        p, np.ascontiguousarray(lambda_), np.ascontiguousarray(outputs)
    )
    whole = rows.size == len(arrays["lambda_"])
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
    columns = iter(free.T)
    if p["part"] != PARTS.index("imaginary"):
        arrays["R_inf"][rows] = next(columns)
    if p["part"] != PARTS.index("real"):
        if p["inductance"]:
            arrays["L_0"][rows] = next(columns)
        if p["capacitance"]:
            with np.errstate(divide="ignore"):
                arrays["C_0"][rows] = 1 / next(columns)
    return status


def _empty_arrays(n_spectra: int, n_tau: int) -> dict[str, Any]:
    """NaN for everything a spectrum may turn out not to have."""
    arrays: dict[str, Any] = {name: np.full((n_spectra, n_tau), np.nan) for name in ("coefficients", "gamma")}
    for name in ("R_inf", "L_0", "C_0", "R_pol", "R_pol_window", "lambda_", "error"):
        arrays[name] = np.full(n_spectra, np.nan)
    return arrays


def _nodes(campaign: Campaign, grids: list[tuple[IntArray, BoolArray]], tau: str | ArrayLike | None) -> FloatArray:
    """One grid of tau for the whole campaign."""
    frequencies = [campaign.frequency[rows[0], points] for rows, points in grids]
    if not frequencies:  # no spectrum can be used; any nodes show that
        return tau_grid(1e-2, 1e5, np.array([1e-2, 1e5]), tau)
    f_min, f_max = min(f.min() for f in frequencies), max(f.max() for f in frequencies)
    return tau_grid(f_min, f_max, frequencies[0] if len(frequencies) == 1 else None, tau)


def _within(progress: Callable[[int, int], object], done: int, count: int, total: int) -> Callable[[int, int], object]:
    """Report the core's progress, in steps of its own, within one grid as progress in spectra."""
    return lambda step, steps: progress(done + count * step // steps, total)
