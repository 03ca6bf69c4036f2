"""Distributions of relaxation times by Tikhonov regularisation, for a whole campaign at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from . import options
from .basis import Basis, tau_grid
from .campaign import Campaign, find_problems, frequency_grids
from .errors import InvalidInput, Status
from .joint import halfway, order_branches, solve_joint
from .methods import METHODS, SOLVERS, GridProblem, empty_arrays
from .options import PARTS
from .points import explain, select_points, vanishing_points
from .result import DrtResult
from .spectrum import BoolArray, FloatArray, IntArray, Spectrum

if TYPE_CHECKING:
    from ._core import Problem


def fit_drt(
    data: Campaign | Spectrum,
    *,
    method: str = "ridge",
    along: str | None = None,
    basis: str = "gaussian",
    order: int = 1,
    lambda_: float | str | ArrayLike = "gcv",
    refine: bool = False,
    nonneg: bool = True,
    inductance: bool = True,
    capacitance: bool = False,
    part: str = "both",
    weights: str | ArrayLike = "auto",
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

    The model is Z = R_inf + i w L_0 + 1/(i w C_0) + int gamma(ln tau)/(1 + i w tau) d ln tau.

    Parameters
    ----------
    data : Campaign or Spectrum
        A single spectrum counts as a campaign of one, but its defects raise.
    method : {"ridge", "log", "joint"}
        "ridge": gamma is a sum of basis functions; for each spectrum the sum of squared weighted
        residuals plus ``lambda_`` times the integral of the squared derivative of gamma is
        minimised. "log": gamma = exp(u), where u is smooth, the more so where it is straight; positive by
        construction, with smoothness and noise from the evidence. "joint": the same, smooth along a coordinate
        of the campaign too; how much so, and where the series jumps, comes from the evidence. Spectra with
        nothing in common come back as "log" fits them.
    along : str
        Of "joint". The coordinate, such as "voltage". Spectra are tied to their neighbours within a branch
        (coordinate "branch", if there is one), the closer the stronger.
    basis : str
        Of "ridge". "gaussian", "piecewise_linear", "c0", "c2", "c4", "c6", "inverse_quadratic",
        "inverse_quadric" or "cauchy".
    order : {0, 1, 2}
        Of "ridge". Which derivative of gamma is penalised.
    lambda_ : float, array_like of shape [spectrum], or "gcv"
        Of "ridge". Strength of the penalty. "gcv" chooses it for each spectrum by generalised cross-validation
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
    weights : {"auto", "unit", "modulus", "proportional"} or array_like
        Weights of the residuals. "auto": for "log" the likelier of "unit" and "modulus" for each spectrum,
        for "ridge" "unit". The others: 1; 1/abs(Z); 1/abs(Z') and 1/abs(Z'') of each part, none taken for
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
        For an option that is unknown or out of range, for a single `Spectrum` that cannot be used, and for
        a coordinate `along` that is unknown somewhere or repeats inside a branch.

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
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(
            f"data must be a Campaign or a Spectrum, got {type(data).__name__}; see Campaign.from_arrays, from_spectra"
        )
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress must be callable with (done, total), got {progress!r}")
    options.check_choice("method", method, METHODS)
    options.check_choice("part", part, PARTS)
    order = options.check_order(order, basis)
    refine, nonneg = options.check_flag("refine", refine), options.check_flag("nonneg", nonneg)
    inductance = options.check_flag("inductance", inductance)
    capacitance = options.check_flag("capacitance", capacitance)
    area = None if area is None else options.check_positive("area", area)
    f_min, f_max = options.check_limits(f_min, f_max)
    threads = options.check_threads(n_threads)
    chosen = options.check_lambda(lambda_, campaign)
    options.check_method(method, along, chosen, refine, nonneg)
    branches = order_branches(campaign, along) if method == "joint" else []

    used, notes = select_points(campaign, f_min, f_max, exclude)
    status = (
        campaign.problems.copy() if used is campaign.is_point else find_problems(campaign.frequency, campaign.Z, used)
    )
    if isinstance(weights, str) and weights != "unit" and (method, weights) != ("ridge", "auto"):
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

    Z = campaign.Z if area is None else campaign.Z * area
    arrays = empty_arrays(len(campaign), nodes.size)
    shape, epsilon, log_tau = functions.key
    within = halfway if method == "joint" else _within
    done = len(campaign) - sum(rows.size for rows, _ in grids)
    problems = []
    for rows, points in grids:
        Z_here = np.ascontiguousarray(Z if points.all() and len(rows) == len(Z) else Z[np.ix_(rows, points)])
        frequency = campaign.frequency[rows[0], points]
        problem: Problem = {
            "shape": shape,
            "epsilon": epsilon,
            "log_tau": log_tau,
            "omega": 2 * np.pi * frequency,
            "order": order,
            "inductance": inductance,
            "capacitance": capacitance,
            "part": PARTS.index(part),
            "Z": Z_here,
            "weights": np.empty((0, 0)),
            "nonneg": nonneg,
            "n_threads": threads,
            "progress": None if progress is None else within(progress, done, rows.size, len(campaign)),
        }
        problems.append(GridProblem(problem, functions, frequency, rows, points, row_weights, chosen, refine))
        done += rows.size
    series = None
    if along is not None:
        series, found = solve_joint(problems, branches, along, campaign, arrays, status, progress)
        notes = [*notes, *found]
    else:
        for grid in problems:
            status[grid.rows] = SOLVERS[method](grid, arrays)

    unusual = [explain(campaign, int(i), Status(status[i]), used) for i in np.flatnonzero(status != Status.OK)]
    if isinstance(data, Spectrum) and not Status(status[0]).has_answer:
        raise InvalidInput(unusual[0])
    return DrtResult(
        basis=functions,
        status=status,
        campaign=campaign,
        used=used,
        options={
            "method": method,
            "along": along,
            "basis": basis,
            "order": order,
            "lambda_": chosen if isinstance(chosen, str) else chosen.tolist() if np.ndim(lambda_) else float(chosen[0]),
            "refine": refine,
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
        series=series,
        **arrays,
    )


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
