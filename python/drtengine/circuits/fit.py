"""Fits of equivalent circuits to whole campaigns at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import options
from ..campaign import Campaign
from ..errors import InvalidInput, Status
from ..points import explain, judge_points
from ..spectrum import BoolArray, FloatArray, IntArray, Spectrum
from .exchange import put_in_order
from .intervals import INTERVALS, Uncertainty, estimate_covariance, find_intervals
from .levenberg import Minima
from .problem import Problem, build_problem, read_values
from .result import CircuitResult
from .search import search
from .start import draw_starts
from .topology import EquivalentCircuit, parse_circuit

_KNOWN = 1.0
"""A parameter with a larger relative standard uncertainty is not identifiable,"""
_KNOWN_EXPONENT = 0.3
"""nor is an exponent with a larger absolute one."""


def fit_circuit(
    data: Campaign | Spectrum,
    circuit: str | EquivalentCircuit,
    *,
    guess: Mapping[str, ArrayLike] | None = None,
    fixed: Mapping[str, ArrayLike] | None = None,
    ties: Mapping[str, str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    weights: str | ArrayLike = "modulus",
    starts: int = 8,
    warm_start: bool = True,
    interval: str = "wald",
    confidence: float = 0.95,
    seed: int = 0,
    f_min: float | None = None,
    f_max: float | None = None,
    exclude: ArrayLike | None = None,
) -> CircuitResult:
    """Fit an equivalent circuit to impedance spectra by complex non-linear least squares.

    Positive parameters are fitted as their logarithms, exponents as they are, all spectra side by side by
    Levenberg-Marquardt with exact derivatives. Searches start from the distribution of relaxation times of each
    spectrum; then every spectrum tries the answers of its neighbours in the campaign, in both directions.

    Parameters
    ----------
    data : Campaign or Spectrum
        A single spectrum counts as a campaign of one, but its defects raise.
    circuit : str or EquivalentCircuit
        As impedance.py writes it, such as ``"R0-p(R1,CPE1)-p(R2-W1,CPE2)"``; `parse_circuit` lists the elements.
    guess : mapping, optional
        Where to start, by name of parameter: a number, or one a spectrum. What is not named comes from the
        distribution of relaxation times.
    fixed : mapping, optional
        Parameters not to be fitted, by name: a number, or one a spectrum.
    ties : mapping, optional
        Parameters equal to others, by name, such as ``{"CPE2_alpha": "CPE1_alpha"}``.
    bounds : mapping, optional
        Lowest and highest value by name. Otherwise far outside of what the spectrum can show; exponents 0.01 to 1.
    weights : {"unit", "modulus", "proportional"} or array_like
        Weights of the residuals: 1; 1/abs(Z); 1/abs(Z') and 1/abs(Z'') of each part, none taken for
        smaller than 1 % of abs(Z); or an array of shape [spectrum, point], or [point] if the spectra
        share their frequencies.
    starts : int
        How many starts are tried a spectrum.
    warm_start : bool
        Whether neighbours in the campaign are asked for their answers; without, no spectrum knows of the others.
    interval : {"wald", "profile", "bootstrap"}
        How `values_low` and `values_high` are found: from the standard errors and Student's t, in the logarithms;
        from profiles of the sum of squares; or from refits to spectra made with residuals drawn anew.
    confidence : float
        Of the intervals.
    seed : int
        Of the bootstrap.
    f_min, f_max : float, optional
        Points outside these limits (Hz) are left out.
    exclude : array_like, optional
        Points to leave out: frequencies in Hz, or a boolean mask of shape [spectrum, point], or [point]
        if the spectra share their frequencies.

    Returns
    -------
    CircuitResult
        Each spectrum has a `Status`: PARAMETER_AT_BOUND and NOT_IDENTIFIABLE carry numbers and say what
        to think of them.

    Raises
    ------
    InvalidInput
        For a circuit, a name or an option that cannot be used, and for a single `Spectrum` that cannot.

    Notes
    -----
    The uncertainties take the size of the noise from the residuals: they count no error of the circuit itself.
    Branches in series that are built alike are numbered from fast to slow, unless named in an option.

    Macdonald, Garber, J. Electrochem. Soc. 124, 1022 (1977), doi:10.1149/1.2133473;
    Boukamp, Solid State Ionics 20, 31 (1986), doi:10.1016/0167-2738(86)90031-7;
    Hurvich, Tsai, Biometrika 76, 297 (1989), doi:10.1093/biomet/76.2.297.

    Examples
    --------
    >>> import drtengine as dt
    >>> cell = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> result = dt.fit_circuit(dt.Spectrum(frequency, cell.impedance(frequency)), "R0-Zarc1")
    >>> [f"{name} {value:.4g}" for name, value in zip(result.names, result.values[0])]
    ['R0 10', 'Zarc1_R 50', 'Zarc1_tau 0.01', 'Zarc1_alpha 0.8']
    """
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(
            f"data must be a Campaign or a Spectrum, got {type(data).__name__}; see Campaign.from_arrays, from_spectra"
        )
    model = circuit if isinstance(circuit, EquivalentCircuit) else parse_circuit(circuit)
    f_min, f_max = options.check_limits(f_min, f_max)
    options.check_choice("interval", interval, INTERVALS)
    warm_start = options.check_flag("warm_start", warm_start)
    starts, seed = _count("starts", starts, 1), _count("seed", seed, 0)
    confidence = options.check_positive("confidence", confidence)
    if confidence >= 1:
        raise InvalidInput(f"confidence must lie between 0 and 1, got {confidence:g}")

    used, status, notes = judge_points(campaign, f_min, f_max, exclude, weights)
    sound = status == Status.OK
    row_weights = options.check_weights(weights, campaign, used, sound)
    problem = build_problem(model, campaign, used & sound[:, None], row_weights, fixed=fixed, ties=ties, bounds=bounds)
    status[sound & (problem.data_count <= problem.free_count)] = Status.TOO_FEW_POINTS
    given = _read_guess(problem, len(campaign), guess)
    rows = np.flatnonzero(status == Status.OK)
    arrays = _empty_arrays(len(campaign), len(model.names))
    if rows.size:
        minima = _fit_rows(problem, campaign, used, rows, given, starts, warm_start)
        pinned = {model.index(name) for each in (guess, fixed, ties, bounds) for name in each or {}}
        put_in_order(problem, rows, minima, pinned | {model.index(name) for name in (ties or {}).values()})
        known = estimate_covariance(problem, rows, minima)
        ends = find_intervals(interval, problem, rows, minima, known, confidence=confidence, seed=seed)
        _fill(arrays, problem, rows, minima, known, ends)
        status[rows] = _judge(problem, minima, known, ends)
        lost = rows[status[rows] == Status.UNCONVERGED]
        for name in ("values", "u_values", "values_low", "values_high", "correlation", "chi2"):
            arrays[name][lost] = np.nan
        arrays["at_bound"][lost] = False

    unusual = [
        _explain(campaign, int(i), Status(status[i]), used, problem, arrays)
        for i in np.flatnonzero(status != Status.OK)
    ]
    if isinstance(data, Spectrum) and not Status(status[0]).has_answer:
        raise InvalidInput(unusual[0])
    return CircuitResult(
        circuit=model,
        **arrays,
        degrees=problem.data_count - problem.free_count,
        free=problem.free_count,
        status=status,
        campaign=campaign,
        used=used,
        options={
            "guess": None if guess is None else {name: np.asarray(value).tolist() for name, value in guess.items()},
            "fixed": None if fixed is None else {name: np.asarray(value).tolist() for name, value in fixed.items()},
            "ties": None if ties is None else dict(ties),
            "bounds": None if bounds is None else {name: list(map(float, pair)) for name, pair in bounds.items()},
            "weights": weights if isinstance(weights, str) else "array",
            "starts": starts,
            "warm_start": warm_start,
            "interval": interval,
            "confidence": confidence,
            "seed": seed,
            "f_min": f_min,
            "f_max": f_max,
            "exclude": None if exclude is None else "points",
        },
        notes=(*campaign.notes, *notes, *unusual),
    )


def _read_guess(problem: Problem, count: int, guess: Mapping[str, ArrayLike] | None) -> FloatArray:
    """Parameters given to start from, as they are fitted [spectrum, free]; NaN where none is."""
    values = read_values("guess", problem.circuit, count, guess)
    for name in guess or {}:
        if problem.slot[problem.circuit.index(name)] < 0:
            raise InvalidInput(f"guess names {name}, which is fixed; leave it out of one of them")
    return values[:, problem.free]


def _fit_rows(
    problem: Problem,
    campaign: Campaign,
    used: BoolArray,
    rows: IntArray,
    given: FloatArray,
    count: int,
    warm_start: bool,
) -> Minima:
    """Fit the sound spectra."""
    given = given[rows]
    if np.isnan(given).any():
        chosen, points = (campaign, used) if rows.size == len(campaign) else (campaign[rows], used[rows])
        drawn = draw_starts(problem.circuit, chosen, points, count)[:, :, problem.free]
        first = np.where(np.isnan(given), drawn, given)
    else:
        first = given[None]
    return search(problem, rows, first, neighbours=warm_start)


def _fill(
    arrays: dict[str, Any],
    problem: Problem,
    rows: IntArray,
    minima: Minima,
    known: Uncertainty,
    ends: tuple[FloatArray, FloatArray],
) -> None:
    """Put answers, in units, into their rows."""
    circuit, slot = problem.circuit, problem.slot
    fitted = slot >= 0

    def spread(free: FloatArray) -> FloatArray:
        return np.where(fitted, free[:, slot], np.nan)

    values = circuit.to_units(problem.complete(rows, minima.x))
    arrays["values"][rows] = values
    arrays["u_values"][rows] = spread(known.error) * np.where(circuit.is_exponent, 1.0, values)
    for name, end in zip(("values_low", "values_high"), ends, strict=True):
        in_units = circuit.to_units(spread(end))
        arrays[name][rows] = np.where(circuit.is_exponent, np.clip(in_units, 0, 1), in_units)
    error = known.error
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = known.covariance / (error[:, :, None] * error[:, None, :])
    both = fitted[:, None] & fitted
    arrays["correlation"][rows] = np.where(both, correlation[:, slot[:, None], slot], np.nan)
    arrays["at_bound"][rows] = fitted & known.held[:, slot]
    arrays["chi2"][rows] = minima.cost


def _judge(
    problem: Problem, minima: Minima, known: Uncertainty, ends: tuple[FloatArray, FloatArray]
) -> NDArray[np.int8]:
    """Status of each fit."""
    status = np.full(len(minima.x), Status.OK, dtype=np.int8)
    most = np.where(problem.circuit.is_exponent[problem.free], _KNOWN_EXPONENT, _KNOWN)
    with np.errstate(invalid="ignore"):
        unknown = (known.error > most).any(axis=1) | np.isinf(ends[0]).any(axis=1) | np.isinf(ends[1]).any(axis=1)
    status[unknown] = Status.NOT_IDENTIFIABLE
    status[known.held.any(axis=1)] = Status.PARAMETER_AT_BOUND
    # a search that got stuck where the sum of squares is flat has found that it is flat
    status[~minima.converged & ~(unknown & (minima.left <= 1))] = Status.UNCONVERGED
    return status


def _explain(
    campaign: Campaign, index: int, status: Status, used: BoolArray, problem: Problem, arrays: dict[str, Any]
) -> str:
    """Put into one sentence what a status other than `Status.OK` means."""
    names, label = problem.circuit.names, campaign.label(index)
    match status:
        case Status.TOO_FEW_POINTS:
            return f"{label}: {used[index].sum()} point(s) are too few for {problem.free_count} free parameters"
        case Status.PARAMETER_AT_BOUND:
            held = [name for name, at in zip(names, arrays["at_bound"][index], strict=True) if at]
            return f"{label}: at its bound: {', '.join(held)}; the spectrum may not need all of the circuit"
        case Status.NOT_IDENTIFIABLE:
            most = np.where(problem.circuit.is_exponent, _KNOWN_EXPONENT, _KNOWN * arrays["values"][index])
            endless = (arrays["values_low"][index] <= 0) | np.isinf(arrays["values_high"][index])
            loose = (arrays["u_values"][index] > most) | endless
            unknown = [name for name, is_loose in zip(names, loose, strict=True) if is_loose]
            return f"{label}: not identifiable: {', '.join(unknown)}; fix them or take a smaller circuit"
        case Status.UNCONVERGED:
            return f"{label}: the search did not converge; take a smaller circuit, more starts, or give a guess"
        case _:
            return explain(campaign, index, status, used)


def _empty_arrays(count: int, parameters: int) -> dict[str, Any]:
    """NaN for everything a spectrum may turn out not to have."""
    arrays: dict[str, Any] = {
        name: np.full((count, parameters), np.nan) for name in ("values", "u_values", "values_low", "values_high")
    }
    arrays["correlation"] = np.full((count, parameters, parameters), np.nan)
    arrays["at_bound"] = np.zeros((count, parameters), dtype=bool)
    arrays["chi2"] = np.full(count, np.nan)
    return arrays


def _count(name: str, value: object, least: int) -> int:
    """Return a whole number from `least` on."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInput(f"{name} must be a whole number from {least} on, got {value!r}")
    return int(value)
