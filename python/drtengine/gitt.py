"""Galvanostatic intermittent titration (GITT): diffusion coefficients from pulses and rests."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataWarning, InvalidInput
from .geometry import Geometry, choose_geometry
from .records import (
    REST_CURRENT,
    Record,
    Rest,
    as_record,
    end_of_rest,
    find_steps,
    join_words,
    oxidation_sign,
    place,
    switch_instant,
)
from .regression import student_factor
from .tabular import Diffusivities
from .transients import Transient, fit_transient

if TYPE_CHECKING:
    from .records import Frame, Steps
    from .spectrum import BoolArray, FloatArray

WINDOW = (0.01, 0.3)
"""Part of the pulse that is fitted, unless a double layer or the far side of the particle stand in the way."""

_RC_LEFT = 0.02
"""Share of an exponential that may remain at the start of the window."""
_DRIFT = 0.05
"""A rest is incomplete if this share of the step in voltage, or more, may be missing at its end."""
_STEADY_CURRENT = 0.02
_WIDE = 0.5
"""u_D beyond this share of D is a doubt."""
_SWITCH = 0.02
"""So is an instant of switching that is uncertain by this share of the window."""
_GAP, _GAP_TIMES = 0.2, 5.0
"""Part of a pulse without a row, if it is so many times as long as the steps beside it: something is missing there."""
_SHORTEST = 1.0
"""s; pulses rarely are shorter."""
_CLEAR = 3.0
"""A step in voltage below so many of its uncertainties is a plateau: there D is not identifiable."""


@dataclass(frozen=True, eq=False, repr=False)
class GittResult(Diffusivities):
    """Diffusion coefficients of a titration; made by `fit_gitt`.

    All arrays are [pulse], `window` [pulse, 2]. D is NaN where it cannot be told; `flag` says why, and also what
    makes a D doubtful.

    Attributes
    ----------
    D, u_D : ndarray
        m2/s. D = (4/π) ℓ² ((dE_eq/dt)/(dE/d√t))²: the slope of the rest potentials at the start of the pulse over
        the slope of the transient, dE/d√t from the early window.
    D_low, D_high : ndarray
        95 % interval; where D is NaN for a plateau, `D_high` is still a bound. Uncertainties come from scatter, drift
        at rest, window, switch and length; slow processes other than diffusion in the particle (electrolyte) are
        not among them.
    D_classical : ndarray
        (4/πτ) ℓ² (ΔE_s/ΔE_t)², ΔE_t without the jump E_start - E_before.
    direction : ndarray of str
        "lithiation" where the voltage falls during the pulse (of a working electrode against lithium; "reduction"
        in general), else "delithiation".
    lithiation : ndarray
        At the start of the pulse: charge over `capacity`, or over the range of the record.
    validity : ndarray
        D τ/ℓ². Up to about 0.3 (plane) the whole pulse is short; the fit uses a part of longer ones.
    flag : ndarray of str
        Reasons for doubt, "" where there is none.
    geometry : Geometry
        Shape, size and ℓ = volume/area; D goes with its square.
    record : Record
        What was measured.
    notes : sequence of str
    """

    time: FloatArray
    duration: FloatArray
    current: FloatArray
    direction: NDArray[np.str_]
    charge: FloatArray
    lithiation: FloatArray
    E_before: FloatArray
    E_start: FloatArray
    E_end: FloatArray
    E_after: FloatArray
    delta_E_s: FloatArray
    u_delta_E_s: FloatArray
    R: FloatArray
    tau_RC: FloatArray
    slope: FloatArray
    u_slope: FloatArray
    drift: FloatArray
    D: FloatArray
    u_D: FloatArray
    D_low: FloatArray
    D_high: FloatArray
    D_classical: FloatArray
    validity: FloatArray
    rest_slope: FloatArray
    rms: FloatArray
    window: FloatArray
    flag: NDArray[np.str_]
    geometry: Geometry
    record: Record
    notes: Sequence[str]

    ROW: ClassVar[str] = "pulse"
    COLUMNS: ClassVar[Mapping[str, tuple[str, str]]] = {
        "time": ("s", "start of the pulse"),
        "duration": ("s", "duration of the pulse"),
        "current": ("A", "mean current, sign as recorded"),
        "direction": ("", "lithiation (voltage falls) or delithiation"),
        "charge": ("C", "charge inserted since the start of the record, at the start of the pulse"),
        "lithiation": ("1", "charge inserted over the capacity, at the start of the pulse"),
        "E_before": ("V", "end of the rest before"),
        "E_start": ("V", "start of the transient, extrapolated: E_before and the jump"),
        "E_end": ("V", "end of the pulse"),
        "E_after": ("V", "end of the rest after"),
        "delta_E_s": ("V", "E_after - E_before"),
        "u_delta_E_s": ("V", "standard uncertainty of delta_E_s, incomplete rest included"),
        "R": ("ohm", "jump over current: ohmic and charge transfer resistance"),
        "tau_RC": ("s", "time constant of the double layer where one is seen"),
        "slope": ("V s-1/2", "dE/d√t of the transient"),
        "u_slope": ("V s-1/2", "standard uncertainty of the slope"),
        "drift": ("V s-1", "linear term of the transient"),
        **Diffusivities.D_COLUMNS,
        "D_classical": ("m2 s-1", "D by (ΔE_s/ΔE_t)²"),
        "validity": ("1", "D τ/ℓ²"),
        "rest_slope": ("V s-1", "dE/dt at the end of the rest after"),
        "rms": ("V", "scatter about the fit"),
        "window": ("s", "part of the pulse that was fitted, from its start"),
        "flag": ("", "reasons for doubt"),
    }

    def __repr__(self) -> str:
        fine = int(self.trusted.sum())
        return f"<GittResult: {len(self)} pulses, {fine} without doubt, {self.geometry}>"

    def _attributes(self) -> dict[str, Any]:
        return self.geometry.attributes()


def fit_gitt(
    frame: Frame | None = None,
    *,
    time_s: ArrayLike | None = None,
    current_A: ArrayLike | None = None,
    voltage_V: ArrayLike | None = None,
    step_time_s: ArrayLike | None = None,
    sphere_radius: float | None = None,
    plane_thickness: float | None = None,
    volume_area: float | None = None,
    u_length: float = 0.0,
    capacity: float | None = None,
    window: tuple[float, float] | None = None,
    threshold: float = REST_CURRENT,
    positive: str = "auto",
) -> GittResult:
    """Get a diffusion coefficient from every pulse of a galvanostatic intermittent titration.

    E = E_start + a √t + b t is fitted to an early part of each pulse, t from the instant of switching; b takes what
    the equilibrium potential, the relaxation before and, for spheres, the curvature add (a sphere's higher terms
    are put into √t from the D found). With the slope of the rest potentials at the start of the pulse, where the
    early window looks, D = (4/π) ℓ² ((dE_eq/dt)/a)². Eq. 6 of the field, (4/πτ) ℓ² (ΔE_s/ΔE_t)², stands beside it
    as `D_classical`. Weppner and Huggins, 10.1149/1.2133112.

    Parameters
    ----------
    frame : DataFrame or mapping, optional
        Columns time_s, current_A and voltage_V (or in mA, mV, h, min, by name: current_mA), and where known
        step_time_s and step. Rows with missing values are dropped and noted.
    time_s, current_A, voltage_V, step_time_s : array_like, shape [row], optional
        The same as arrays.
    sphere_radius, plane_thickness, volume_area : float
        Exactly one, in m: radius of the particles; thickness of a layer filled from one side; or volume over area
        of anything. D goes with its square.
    u_length : float
        Standard uncertainty of that length in m.
    capacity : float, optional
        Charge in C from lithiation 0 to 1; by default the range of charge in the record.
    window : tuple of float, optional
        Start and end in s after the switch of the part that is fitted. By default from 1 % (but not before a double
        layer is charged) to 30 % of the pulse (but not beyond 0.15 size²/D).
    threshold : float
        Share of the largest current below which it counts as rest.
    positive : {"auto", "charge", "discharge"}
        What positive current is; told from the jumps of the voltage by default.

    Returns
    -------
    GittResult
        Pulses with three rows or more, in order. The last one counts only with a rest after it.

    Raises
    ------
    InvalidInput
        If columns, geometry or options cannot be used, or there is no pulse between rests.

    Warns
    -----
    DataWarning
        If a value is so large, or the pulses so short, that a unit may be another.

    Examples
    --------
    >>> from drtengine import simulate
    >>> cell = simulate.gitt(D=1e-15, sphere_radius=5e-6, count=4)
    >>> result = fit_gitt(cell.frame, sphere_radius=5e-6)
    >>> result.D.round(17).tolist(), result.direction[0]
    ([1e-15, 1e-15, 1e-15, 1e-15], np.str_('lithiation'))
    """
    geometry = choose_geometry(sphere_radius, plane_thickness, volume_area, u_length)
    arrays = {"time_s": time_s, "current_A": current_A, "voltage_V": voltage_V, "step_time_s": step_time_s}
    record = as_record(frame, arrays)
    if window is not None and not (len(window) == 2 and 0 <= window[0] < window[1]):
        raise InvalidInput(f"window is start and end in s after the switch, such as (5, 120), got {window!r}")
    notes = list(record.notes)
    steps = find_steps(record, threshold, notes)
    pulses = [_measure(record, steps, number) for number in _choose(record, steps, notes)]
    _question_times(pulses)
    slopes = _slopes_at_start(pulses)
    fits = [_fit_pulse(record, pulse, slope, geometry, window) for pulse, slope in zip(pulses, slopes[0], strict=True)]
    oxidation = oxidation_sign(record, steps, positive, notes)
    return _result(record, oxidation, pulses, fits, slopes, geometry, capacity, notes)


def _choose(record: Record, steps: Steps, notes: list[str]) -> list[int]:
    """Choose the steps that are pulses, and say what is left out."""
    on = np.flatnonzero(steps.sign != 0)
    lasts = record.time[steps.stop[on] - 1] > record.time[steps.start[on]]
    short = on[(steps.stop[on] - steps.start[on] < 3) | ~lasts]
    if short.size:
        first = record.time[steps.start[short[0]]]
        notes.append(f"left out {short.size} pulse(s) of fewer than three instants, the first at {first:g} s")
    pulses = np.setdiff1d(on, short)
    if pulses.size and pulses[-1] == len(steps) - 1:
        notes.append("left out the last pulse: there is no rest after it")
        pulses = pulses[:-1]
    if pulses.size == 0:
        raise InvalidInput(
            f"no pulse with a rest after it was found among {on.size} step(s) of current; "
            "is this a titration, and is the current at rest small enough (threshold=)?"
        )
    return [int(number) for number in pulses]


@dataclass(frozen=True)
class _Pulse:
    """Where a pulse stands, and the rests around it."""

    number: int
    rows: slice
    switch: tuple[float, float]
    off: float
    current: float
    steady: bool
    gap: bool
    before: Rest
    after: Rest

    @property
    def duration(self) -> float:
        return self.off - self.switch[0]

    @property
    def delta_E(self) -> float:
        return self.after.E - self.before.E

    @property
    def u_delta_E(self) -> float:
        return float(np.hypot(self.before.u_E, self.after.u_E))


def _measure(record: Record, steps: Steps, number: int) -> _Pulse:
    """Take what the record says of one pulse without a fit."""
    rows = slice(int(steps.start[number]), int(steps.stop[number]))
    switch, off = switch_instant(record, rows.start), float(record.time[rows.stop - 1])
    current = record.current[rows]
    usual = float(np.median(current))
    whole = WINDOW[0] * (off - switch[0]), off - switch[0]
    noise = fit_transient(record.time[rows], record.voltage[rows], switch, whole, seek_RC=False).rms
    return _Pulse(
        number=number,
        rows=rows,
        switch=switch,
        off=off,
        current=usual,
        steady=bool(np.quantile(np.abs(current - usual), 0.9) < _STEADY_CURRENT * abs(usual)),
        gap=_has_gap(record.time[rows]),
        before=end_of_rest(record, steps, number - 1, noise),
        after=end_of_rest(record, steps, number + 1, noise),
    )


def _has_gap(time: FloatArray) -> bool:
    """Whether a long part of a pulse has no row, as where a rest between two pulses was not recorded."""
    step = np.diff(time)
    beside = np.maximum(np.append(step[1:], 0.0), np.insert(step[:-1], 0, 0.0))
    return bool(((step > _GAP * (time[-1] - time[0])) & (step > _GAP_TIMES * beside)).any())


def _question_times(pulses: Sequence[_Pulse]) -> None:
    usual = float(np.median([pulse.duration for pulse in pulses]))
    if usual < _SHORTEST:
        warnings.warn(
            f"the pulses last {usual:.2g} s: was the time given in h or min? Then call the column time_h or time_min",
            DataWarning,
            stacklevel=3,
        )


def _slopes_at_start(pulses: Sequence[_Pulse]) -> tuple[FloatArray, FloatArray]:
    """Slope of the rest potentials at the start of each pulse in V/s, and its uncertainty from scatter [pulse].

    Through the three potentials at the ends of the pulse before and of this one (or of this one and the next)
    goes a parabola; where there is no such neighbour, it is a line.
    """
    tau = np.array([pulse.duration for pulse in pulses])
    rate = np.array([pulse.delta_E for pulse in pulses]) / tau
    u_E = np.array([pulse.u_delta_E for pulse in pulses])
    slope, u_slope = rate.copy(), u_E / tau

    def joined(first: int, second: int) -> bool:
        """Whether two pulses follow each other with one rest between, the same current, and potentials known."""
        if not 0 <= first < second < len(pulses):
            return False
        one, two = pulses[first], pulses[second]
        alike = abs(one.current - two.current) <= _STEADY_CURRENT * abs(one.current)
        return alike and bool(np.isfinite(rate[[first, second]]).all()) and two.number == one.number + 2

    for i in range(len(pulses)):
        if joined(i - 1, i):
            share = tau[i] / (tau[i - 1] + tau[i])
            slope[i] = share * rate[i - 1] + (1 - share) * rate[i]
            ends = pulses[i - 1].before.u_E, pulses[i].after.u_E
            middle = share / tau[i - 1] - (1 - share) / tau[i]
            u_slope[i] = np.sqrt(
                (share * ends[0] / tau[i - 1]) ** 2
                + ((1 - share) * ends[1] / tau[i]) ** 2
                + (middle * pulses[i].before.u_E) ** 2
            )
        elif joined(i, i + 1):
            share = tau[i] / (tau[i] + tau[i + 1])
            slope[i] = (1 + share) * rate[i] - share * rate[i + 1]
            u_slope[i] = np.hypot((1 + share) * u_slope[i], share * u_E[i + 1] / tau[i + 1])
    return slope, u_slope


def _fit_pulse(
    record: Record, pulse: _Pulse, slope_eq: float, geometry: Geometry, window: tuple[float, float] | None
) -> Transient:
    """Fit the transient; its window and shape follow the D that comes out of it."""
    low, high = window or (WINDOW[0] * pulse.duration, WINDOW[1] * pulse.duration)
    fit = partial(fit_transient, record.time[pulse.rows], record.voltage[pulse.rows], pulse.switch)
    tau_RC = np.nan
    for _ in range(8):  # a window once shortened stays short: what reaches beyond would lead astray
        found = fit((min(low, high / 3), high), seek_RC=window is None)
        D = _diffusivity(geometry, slope_eq, found.slope)
        if np.isfinite(found.tau_RC):  # in a shorter window it is seen no more, but still there
            tau_RC, low = np.fmax(tau_RC, found.tau_RC), max(low, found.window[0])
        if window is not None or geometry.longest(D) >= high:
            break
        high = geometry.longest(D)
    limits = found.window
    for _ in range(8):
        found = fit(limits, root=partial(geometry.root, D=D), seek_RC=False)
        before, D = D, _diffusivity(geometry, slope_eq, found.slope)
        if not abs(D - before) > 1e-7 * D:
            break
    return replace(found, tau_RC=float(tau_RC))


def _diffusivity(geometry: Geometry, slope_eq: Any, slope: Any) -> Any:
    """D = (4/π) ℓ² ((dE_eq/dt)/(dE/d√t))² in m2/s."""
    return 4 / np.pi * (geometry.length * slope_eq / slope) ** 2


def _result(
    record: Record,
    oxidation: int,
    pulses: Sequence[_Pulse],
    fits: Sequence[Transient],
    slopes_eq: tuple[FloatArray, FloatArray],
    geometry: Geometry,
    capacity: float | None,
    notes: list[str],
) -> GittResult:
    """Put the pulses together: D, intervals and doubts."""
    start = np.array([fit.switch for fit in fits])
    tau = np.array([pulse.off for pulse in pulses]) - start
    current = np.array([pulse.current for pulse in pulses])
    E_before, E_after = np.array([pulse.before.E for pulse in pulses]), np.array([pulse.after.E for pulse in pulses])
    E_end = record.voltage[[pulse.rows.stop - 1 for pulse in pulses]]
    E_start, slope, u_slope, drift, rms, tau_RC = (
        np.array([getattr(fit, name) for fit in fits])
        for name in ("E_start", "slope", "u_slope", "drift", "rms", "tau_RC")
    )
    falls = np.where(np.isfinite(E_before), E_end < E_before, slope < 0)
    slope_eq, u_slope_eq = slopes_eq
    with np.errstate(invalid="ignore", divide="ignore"):
        to_come, missing = _missing(pulses, geometry, _diffusivity(geometry, slope_eq, slope))
        u_slope_eq = np.hypot(u_slope_eq, missing / tau / np.sqrt(3))
        ratio = np.abs(slope_eq / slope)
        u_ratio = np.hypot(ratio * u_slope, u_slope_eq) / np.abs(slope)
        factor = np.array([student_factor(fit.freedom) for fit in fits])
        D, u_D, D_low, D_high = geometry.diffusivity(ratio, u_ratio, factor)
        classical = 4 / (np.pi * tau) * (geometry.length * (E_after - E_before) / (E_end - E_start)) ** 2
        plateau = np.abs(slope_eq) <= _CLEAR * u_slope_eq
        wrong_way = ((E_after - E_before) * (E_end - E_before) < 0) & ~plateau
        doubts = {
            "no rest before": ~np.isfinite(E_before),
            "no rest after": ~np.isfinite(E_after),
            "plateau": plateau,
            "rest potential moves against the pulse": wrong_way,
            "rest incomplete": (to_come > _DRIFT * np.abs(E_after - E_before)) & ~plateau,
            "pulse long": geometry.longest(1.0) < WINDOW[1] * tau * D,
            "interval wide": (u_D > _WIDE * D) & ~plateau,
            **_doubts_of_fits(pulses, fits),
        }
        unknown = plateau | wrong_way
        D, u_D, D_low = np.where(unknown, np.nan, D), np.where(unknown, np.nan, u_D), np.where(unknown, 0.0, D_low)
        validity, R = D * tau / geometry.length**2, np.abs((E_start - E_before) / current)
    charge, lithiation = place(record, oxidation, start, capacity, notes)
    notes += [f"{here.sum()} of {len(pulses)} pulses: {text}" for text, here in doubts.items() if here.any()]
    return GittResult(
        time=start, duration=tau, current=current, direction=np.where(falls, "lithiation", "delithiation"),
        charge=charge, lithiation=lithiation, E_before=E_before, E_start=E_start, E_end=E_end, E_after=E_after,
        delta_E_s=E_after - E_before, u_delta_E_s=np.array([pulse.u_delta_E for pulse in pulses]), R=R, tau_RC=tau_RC,
        slope=slope, u_slope=u_slope, drift=drift, D=D, u_D=u_D, D_low=D_low, D_high=D_high, D_classical=classical,
        validity=validity, rest_slope=np.array([pulse.after.slope for pulse in pulses]), rms=rms,
        window=np.array([fit.window for fit in fits]), flag=join_words(list(doubts.values()), list(doubts)),
        geometry=geometry, record=record, notes=tuple(notes),
    )  # fmt: skip


def _doubts_of_fits(pulses: Sequence[_Pulse], fits: Sequence[Transient]) -> dict[str, BoolArray]:
    """Collect what pulses and fits say against themselves [pulse]."""
    left = np.array([np.exp(-fit.window[0] / fit.tau_RC) for fit in fits])
    return {
        "rows missing": np.array([pulse.gap for pulse in pulses]),
        "current not steady": ~np.array([pulse.steady for pulse in pulses]),
        "few points": np.array([fit.freedom < 3 for fit in fits]),
        "switch unknown": np.array([fit.u_switch > _SWITCH * fit.window[1] for fit in fits]),
        "double layer in the window": left > _RC_LEFT,
    }


def _missing(pulses: Sequence[_Pulse], geometry: Geometry, D: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Voltage that is still to come after each rest, and by how much the step between rests is off, in V [pulse].

    The slowest mode of diffusion still moves the potential by (dE/dt)/(its rate), all faster ones by less. Slopes
    count beyond twice their uncertainty.
    """
    before, after = (
        np.array([(rest.slope, rest.u_slope) for rest in rests]).T
        for rests in zip(*((pulse.before, pulse.after) for pulse in pulses), strict=True)
    )
    rate = geometry.slowest * D / geometry.size**2

    def left(change: FloatArray, u_change: FloatArray) -> FloatArray:
        volts = np.fmax(np.abs(change) - 2 * u_change, 0) / rate
        return np.where(np.isfinite(volts), volts, 0.0)

    return left(*after), left(after[0] - before[0], np.hypot(before[1], after[1]))
