"""Distributions of relaxation times, for a whole campaign at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import options
from .bands import check_band
from .basis import Basis, tau_grid
from .campaign import Campaign, frequency_grids
from .choice import CampaignFit, add_elements
from .errors import InvalidInput, Status
from .joint import halfway, order_branches, solve_joint
from .loops import check_free, free_nodes
from .methods import METHODS, SOLVERS, Band, GridProblem, closing_notes, empty_arrays, pose, rescue
from .options import PARTS
from .points import explain, judge_points
from .result import DrtResult
from .sampling import DEFAULT_SAMPLES, SAMPLING_VARIABLES, sampling_notes, sampling_of
from .selection import check_selector
from .smooth import can_hold, hats
from .spectrum import BoolArray, FloatArray, IntArray, Spectrum


def fit_drt(
    data: Campaign | Spectrum,
    *,
    method: str = "auto",
    per_spectrum: bool = False,
    along: str | None = None,
    basis: str = "gaussian",
    order: int = 1,
    lambda_: float | str | ArrayLike = "evidence",
    refine: bool = False,
    noise: float | ArrayLike | None = None,
    n_folds: int = 5,
    nonneg: bool = True,
    free: tuple[float, float] | None = None,
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
    band: float | None = None,
    band_kind: str = "calibrated",
    samples: int | None = None,
    seed: int = 0,
    n_threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> DrtResult:
    """Invert impedance spectra to distributions of relaxation times.

    The model is Z = R_inf + i w L_0 + 1/(i w C_0) + int gamma(ln tau)/(1 + i w tau) d ln tau.

    Parameters
    ----------
    data : Campaign or Spectrum
        A single spectrum counts as a campaign of one, but its defects raise.
    method : {"ridge", "log", "elements", "auto", "joint"}
        "ridge": gamma is a sum of basis functions; for each spectrum the sum of squared weighted
        residuals plus ``lambda_`` times the integral of the squared derivative of gamma is
        minimised. "log": gamma = exp(u), where u is smooth, the more so where it is straight; positive by
        construction, with smoothness and noise from the evidence. "elements": a sum of Havriliak-Negami
        elements, found by search from the smooth gamma; see `DrtResult.elements`. "auto": "log" or "elements",
        whichever has the larger evidence; `notes` say by how much. Where an option asks for what ridge
        regularisation alone can do, "auto" is "ridge", and `notes` say so: any other `lambda_` than "evidence",
        `refine`, `nonneg=False`, `free`, one `part` only, a `basis`, `fwhm`, `shape_factor` or `order` other than the
        defaults, or nodes `tau` that are named or uneven. "joint": as "log", and smooth along a coordinate of the
        campaign too; how much so, and where the series jumps, comes from the evidence. Spectra with nothing in
        common come back as "log" fits them.
    per_spectrum : bool
        Whether "auto" chooses for each spectrum; otherwise one method serves the campaign: elements where the sum of
        its spectra's evidence asks for them and none of the spectra refutes them.
    along : str
        Of "joint". The coordinate, such as "voltage". Spectra are tied to their neighbours within a branch
        (coordinate "branch", if there is one), the closer the stronger.
    basis : str
        Of "ridge". "gaussian", "piecewise_linear", "c0", "c2", "c4", "c6", "inverse_quadratic",
        "inverse_quadric" or "cauchy".
    order : {0, 1, 2}
        Of "ridge". Which derivative of gamma is penalised.
    lambda_ : float, array_like of shape [spectrum], or str
        Of "ridge". Strength of the penalty, or how it is chosen for each spectrum over a lattice of 20 values a
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
        Ask for coefficients >= 0. Without this lambda is chosen by "ml" where it says "evidence".
    free : (float, float), optional
        Range of tau in s where coefficients may be negative all the same, as an inductive loop asks for; lambda is
        chosen as if all were free. Costs about a millisecond a spectrum.
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
    band : float, optional
        Level, such as 0.95, of a band of gamma: `gamma_low` and `gamma_high` of the result, and `u_R_inf`,
        `u_R_pol`, `u_R_pol_window`. For "log"; "joint" has those of "log", narrowed by what the neighbours say, and
        none where a spectrum has no fit of its own; "elements" has that of its parameters, which takes the number and
        the kinds of the elements for granted; for "ridge" a sampled one.
    band_kind : {"calibrated", "one-sided", "simultaneous", "sampled"}
        "calibrated": pointwise, covers as often as it says on average over tau. "one-sided": never too
        narrow, about a fifth wider. "simultaneous": holds for the whole curve at once. All three take gamma
        to be smooth: at a jump or a pole of gamma (a Gerischer element, an ideal RC) none is valid, while
        the uncertainties of integrals stay so. "sampled": quantiles of draws, for joint questions. For "log" draws
        of ln(gamma) with smoothness and noise unknown; for "ridge" of a gamma that is not negative (or free, without
        `nonneg`) given `lambda_` and the noise the residuals show. Neither is calibrated: docs/uncertainty.md says
        what they cover. How well the chains have mixed is told by `sampling` and, where they have not, `notes`.
    samples : int, optional
        How many draws to keep in `samples`, for `integrate_samples` and the like: 8 bytes times spectra times
        draws times nodes. None keeps none; a sampled band then rests on 3000.
    seed : int
        Of the draws that simultaneous and sampled bands need. The draws of a spectrum depend on the seed and
        its own data alone.
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
    options.check_choice("method", method, METHODS)
    options.check_choice("part", part, PARTS)
    order = options.check_order(order, basis)
    refine, nonneg = options.check_flag("refine", refine), options.check_flag("nonneg", nonneg)
    inductance, capacitance = (
        options.check_flag(name, flag) for name, flag in (("inductance", inductance), ("capacitance", capacitance))
    )
    area = None if area is None else options.check_positive("area", area)
    f_min, f_max = options.check_limits(f_min, f_max)
    threads = options.check_threads(n_threads)
    strength = options.check_lambda(lambda_, campaign)
    loops = check_free(free, band)
    method, settled = options.settle_method(
        method,
        {"lambda_": strength, "refine": refine, "nonneg": nonneg, "free": loops, "part": part, "basis": basis,
         "order": order, "fwhm": fwhm, "shape_factor": shape_factor},
        even=tau is None or (not isinstance(tau, str) and can_hold(tau_grid(1.0, 1.0, None, tau))),
    )  # fmt: skip
    if method == "ridge" and isinstance(weights, str) and weights == "auto":
        weights = "unit"
    options.check_method(method, along, strength, refine, nonneg and loops is None, part)
    chosen = check_selector(strength, refine, noise, n_folds, part, campaign)
    per_spectrum = options.check_flag("per_spectrum", per_spectrum)
    check_band(band, band_kind, seed, samples, method)
    if band is not None and loops is not None:
        raise InvalidInput("free=(low, high) has no band; nonneg=False, free throughout, has band_kind='sampled'")
    wanted = None if band is None else Band(float(band), band_kind, int(seed), samples and int(samples))
    branches = order_branches(campaign, along) if method == "joint" else []

    used, status, notes = judge_points(campaign, f_min, f_max, exclude, weights)
    row_weights = options.check_weights(weights, campaign, used, status == Status.OK)
    grids = [
        (rows[sound], points)
        for rows, points in frequency_grids(campaign.frequency, used)
        if (sound := status[rows] == Status.OK).any()
    ]
    nodes = _nodes(campaign, grids, tau)
    ridge = Basis.on(nodes, basis, fwhm=fwhm, shape_factor=shape_factor)  # checks its options in any case
    if loops is not None:
        free_nodes(nodes, loops)
    functions = ridge if method == "ridge" else hats(nodes)

    Z = campaign.Z if area is None else campaign.Z * area
    arrays = empty_arrays(len(campaign), campaign.Z.shape[1], nodes.size, method if grids else None, wanted)
    within = _within if method in ("ridge", "log") else halfway
    done = len(campaign) - sum(rows.size for rows, _ in grids)
    problems = []
    for rows, points in grids:
        problem = pose(
            functions, campaign, rows, points, row_weights if method == "ridge" else "unit",
            order=order, inductance=inductance, capacitance=capacitance, part=part,
            nonneg=nonneg and loops is None, area=area, n_threads=threads,
        )  # fmt: skip
        report = None if progress is None else within(progress, done, rows.size, len(campaign))
        grid = GridProblem(problem, functions, campaign, rows, points, row_weights, chosen, wanted, area, loops, report)
        problems.append(grid)
        done += rows.size
    fit = CampaignFit(campaign, Z, used, status, nodes, arrays)
    extras, found = _solve(method, problems, fit, branches, along, per_spectrum, wanted, progress)

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
            "per_spectrum": per_spectrum,
            "along": along,
            "basis": basis,
            "order": order,
            "lambda_": lambda_ if isinstance(lambda_, str) else np.asarray(lambda_, dtype=float).tolist(),
            "refine": refine,
            "noise": None if noise is None else np.asarray(noise, dtype=float).tolist(),
            "n_folds": int(n_folds),
            "nonneg": nonneg,
            "free": loops and list(loops),
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
            "band": wanted and wanted.level,
            "band_kind": wanted and wanted.kind,
            "samples": wanted and wanted.samples,
            "seed": wanted and wanted.seed,
        },
        notes=(
            *campaign.notes,
            *settled,
            *notes,
            *found,
            *closing_notes(problems, arrays),
            *sampling_notes(arrays, campaign, samples or DEFAULT_SAMPLES),
            *unusual,
        ),
        sampling=sampling_of(arrays),
        **extras,
        **{name: values for name, values in arrays.items() if name not in ("squared_weights", *SAMPLING_VARIABLES)},
    )


def _solve(
    method: str,
    problems: list[GridProblem],
    fit: CampaignFit,
    branches: list[IntArray],
    along: str | None,
    per_spectrum: bool,
    band: Band | None,
    progress: Callable[[int, int], object] | None,
) -> tuple[dict[str, Any], list[str]]:
    """Fill the arrays and the status of `fit`; returns what else the result holds, and notes."""
    if along is not None:
        series, notes = solve_joint(problems, branches, along, fit.campaign, fit.arrays, fit.status, progress)
        return {"series": series}, notes
    for grid in problems:
        fit.status[grid.rows] = SOLVERS[method](grid, fit.arrays)
    if method not in ("elements", "auto") or not problems:
        return {}, []
    rescued = [rescue(grid, fit.arrays, fit.status) for grid in problems] if method == "auto" else []
    core = problems[0].core
    elements, fit.status[:], notes = add_elements(
        fit,
        per_spectrum=None if method == "elements" else per_spectrum,
        level=band.level if band is not None and band.kind == "calibrated" else None,
        inductance=core["inductance"],
        capacitance=core["capacitance"],
        n_threads=core["n_threads"],
        progress=progress and (lambda done, total: progress((total + done) // 2, total)),
    )
    return {"elements": elements}, [*notes, *(note for some in rescued for note in some)]


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
