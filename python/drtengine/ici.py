"""Intermittent current interruption (ICI): resistance and diffusion from brief pauses of a constant current."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput
from .geometry import Geometry, choose_geometry
from .records import (
    REST_CURRENT,
    Record,
    Steps,
    as_record,
    find_steps,
    join_words,
    oxidation_sign,
    place,
    switch_instant,
)
from .regression import student_factor
from .spectrum import FloatArray, IntArray
from .tabular import Diffusivities
from .transients import Transient, fit_transient

if TYPE_CHECKING:
    from .records import Frame

WINDOW = (1.0, 10.0)
"""Part of a pause that is fitted, s after the current stopped."""

_UNSTEADY = 0.01
"""Share by which a profile may still differ from the steady one of a constant flux."""


@dataclass(frozen=True, eq=False, repr=False)
class IciResult(Diffusivities):
    """Resistance and diffusion coefficients along a charge or discharge; made by `fit_ici`.

    All arrays are [pause], `window` [pause, 2].

    Attributes
    ----------
    E, E_0, u_E_0 : ndarray
        V: last under current, and extrapolated to the start of the pause.
    R, u_R : ndarray
        Ohm: (E_0 - E)/ΔI, ohmic and charge transfer; positive for a voltage that falls back.
    k, u_k : ndarray
        Ohm s^-1/2: -(dE/d√t)/ΔI, the resistance of diffusion; positive likewise.
    rate, u_rate : ndarray
        V/s: change of E_0 per s under current, between the pauses before and after.
    D, u_D, D_low, D_high : ndarray
        m2/s: (4/π) ℓ² (rate/slope)², its standard uncertainty and 95 % interval; NaN without a geometry.
    flag : ndarray of str
        Reasons for doubt, "" where there is none.
    geometry : Geometry or None
    record : Record
    notes : sequence of str
    """

    time: FloatArray
    time_on: FloatArray
    half_cycle: FloatArray
    current: FloatArray
    direction: NDArray[np.str_]
    charge: FloatArray
    lithiation: FloatArray
    E: FloatArray
    E_0: FloatArray
    u_E_0: FloatArray
    slope: FloatArray
    u_slope: FloatArray
    R: FloatArray
    u_R: FloatArray
    k: FloatArray
    u_k: FloatArray
    rate: FloatArray
    u_rate: FloatArray
    D: FloatArray
    u_D: FloatArray
    D_low: FloatArray
    D_high: FloatArray
    rms: FloatArray
    window: FloatArray
    flag: NDArray[np.str_]
    geometry: Geometry | None
    record: Record
    notes: Sequence[str]

    ROW: ClassVar[str] = "pause"
    COLUMNS: ClassVar[Mapping[str, tuple[str, str]]] = {
        "time": ("s", "start of the pause"),
        "time_on": ("s", "time under current since the half-cycle began"),
        "half_cycle": ("1", "number of the half-cycle, from 1"),
        "current": ("A", "current before the pause, sign as recorded"),
        "direction": ("", "lithiation (voltage falls under current) or delithiation"),
        "charge": ("C", "charge inserted since the start of the record"),
        "lithiation": ("1", "charge inserted over the capacity"),
        "E": ("V", "last voltage under current"),
        "E_0": ("V", "voltage at the start of the pause, extrapolated"),
        "u_E_0": ("V", "standard uncertainty of E_0"),
        "slope": ("V s-1/2", "dE/d√t in the pause"),
        "u_slope": ("V s-1/2", "standard uncertainty of the slope"),
        "R": ("ohm", "jump over current: ohmic and charge transfer resistance"),
        "u_R": ("ohm", "standard uncertainty of R"),
        "k": ("ohm s-1/2", "slope over current: resistance of diffusion"),
        "u_k": ("ohm s-1/2", "standard uncertainty of k"),
        "rate": ("V s-1", "change of E_0 with the time under current"),
        "u_rate": ("V s-1", "standard uncertainty of the rate"),
        **Diffusivities.D_COLUMNS,
        "rms": ("V", "scatter about the fit"),
        "window": ("s", "part of the pause that was fitted, from its start"),
        "flag": ("", "reasons for doubt"),
    }

    def __repr__(self) -> str:
        fine = int((self.flag == "").sum())
        geometry = "R and k only" if self.geometry is None else str(self.geometry)
        return f"<IciResult: {len(self)} pauses, {fine} without doubt, {geometry}>"

    def _attributes(self) -> dict[str, Any]:
        return {} if self.geometry is None else self.geometry.attributes()


def fit_ici(
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
    window: tuple[float, float] = WINDOW,
    drift: bool = True,
    threshold: float = REST_CURRENT,
    positive: str = "auto",
) -> IciResult:
    """Get resistance R, resistance of diffusion k and D from pauses of a constant current.

    In each pause E = E_0 + s √t + b t is fitted, t from the instant of switching; b takes the drift of the
    equilibrium potential and the curvature of spheres (without it, 1 to 10 s give a D 11 % too high), whose higher
    terms are put into √t from the D found. Then
    R = (E_0 - E)/ΔI, k = -s/ΔI and D = (4/π) ℓ² (dE_0/dt_on / s)², t_on the time under current alone.
    Chien et al., 10.1038/s41467-023-37989-6.

    Parameters
    ----------
    frame : DataFrame or mapping, optional
        Columns time_s, current_A, voltage_V (or in mA, mV, h, min, by name), and where known step_time_s and step.
    time_s, current_A, voltage_V, step_time_s : array_like, shape [row], optional
        The same as arrays.
    sphere_radius, plane_thickness, volume_area : float, optional
        At most one, in m; without one there are R and k alone.
    u_length : float
        Standard uncertainty of that length in m.
    capacity : float, optional
        Charge in C from lithiation 0 to 1; by default the range of charge in the record.
    window : tuple of float
        Start and end of what is fitted, in s after the current stopped.
    drift : bool
        Whether the linear term is fitted.
    threshold : float
        Share of the largest current below which it counts as rest.
    positive : {"auto", "charge", "discharge"}
        What positive current is; told from the jumps of the voltage by default.

    Returns
    -------
    IciResult
        One item for each rest after a current.

    Raises
    ------
    InvalidInput
        If columns, geometry or options cannot be used, or there is no pause.

    Warns
    -----
    DataWarning
        If a value is so large that its unit may be another.

    Examples
    --------
    >>> from drtengine import simulate
    >>> cell = simulate.ici(D=1e-14, sphere_radius=5e-6, count=20)
    >>> result = fit_ici(cell.frame, sphere_radius=5e-6)
    >>> f"R {result.R[10]:.2f} ohm, D {result.D[10]:.3g} m2/s"
    'R 30.00 ohm, D 1e-14 m2/s'
    """
    shaped = any(length is not None for length in (sphere_radius, plane_thickness, volume_area))
    geometry = choose_geometry(sphere_radius, plane_thickness, volume_area, u_length) if shaped else None
    if not (len(window) == 2 and 0 <= window[0] < window[1]):
        raise InvalidInput(f"window is start and end in s after the current stopped, such as (1, 10), got {window!r}")
    arrays = {"time_s": time_s, "current_A": current_A, "voltage_V": voltage_V, "step_time_s": step_time_s}
    record = as_record(frame, arrays)
    notes = list(record.notes)
    steps = find_steps(record, threshold, notes)
    pauses = np.flatnonzero((steps.sign[1:] == 0) & (steps.sign[:-1] != 0)) + 1
    if pauses.size == 0:
        raise InvalidInput("the current never pauses: there is no rest after a current (threshold=)")
    fits = [_fit_pause(record, steps, int(number), window, drift) for number in pauses]
    if geometry is not None and geometry.shape == "sphere" and drift:
        fits = _bend(record, steps, pauses, fits, geometry)
    sign = oxidation_sign(record, steps, positive, notes)
    return _result(record, steps, pauses, fits, sign, geometry, capacity, notes)


def _fit_pause(record: Record, steps: Steps, number: int, window: tuple[float, float], drift: bool) -> Transient:
    rows = slice(int(steps.start[number]), int(steps.stop[number]))
    switch = switch_instant(record, rows.start)
    return fit_transient(
        record.time[rows], record.voltage[rows], switch, window, seek_RC=drift and window == WINDOW, drift=drift
    )


def _bend(
    record: Record, steps: Steps, pauses: IntArray, fits: Sequence[Transient], geometry: Geometry
) -> list[Transient]:
    """Fit again with the shape of √t that the curvature of a sphere gives at the D found."""
    half_cycle, time_on = _time_on(record, steps, pauses)
    E_0, u_E_0, slope = (np.array([getattr(fit, name) for fit in fits]) for name in ("E_start", "u_E_start", "slope"))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(_rates(time_on, half_cycle, E_0, u_E_0)[0] / slope)
    D = 4 / np.pi * (geometry.length * ratio) ** 2
    bent = []
    for number, fit, value in zip(pauses.tolist(), fits, D.tolist(), strict=True):
        rows = slice(int(steps.start[number]), int(steps.stop[number]))
        if not (np.isfinite(value) and np.isfinite(fit.window[1])):
            bent.append(fit)
            continue
        again = fit_transient(
            record.time[rows],
            record.voltage[rows],
            (fit.switch, fit.switch),
            fit.window,
            root=partial(geometry.root, D=value),
            seek_RC=False,
        )
        u_slope = float(np.hypot(again.u_slope, fit.u_slope if fit.u_switch else 0.0))
        bent.append(replace(again, tau_RC=fit.tau_RC, u_switch=fit.u_switch, u_slope=u_slope))
    return bent


def _result(
    record: Record,
    steps: Steps,
    pauses: IntArray,
    fits: Sequence[Transient],
    sign: int,
    geometry: Geometry | None,
    capacity: float | None,
    notes: list[str],
) -> IciResult:
    """Put the pauses together: R, k, D, intervals and flags."""
    last = steps.start[pauses] - 1
    start = np.array([fit.switch for fit in fits])
    half_cycle, time_on = _time_on(record, steps, pauses)
    E, current = record.voltage[last], _current_before(record, steps, pauses)
    E_0, u_E_0, slope, u_slope, rms = (
        np.array([getattr(fit, name) for fit in fits]) for name in ("E_start", "u_E_start", "slope", "u_slope", "rms")
    )
    oxidation = sign * current
    rate, u_rate = _rates(time_on, half_cycle, E_0, u_E_0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(rate / slope)
        u_ratio = ratio * np.hypot(u_rate / rate, u_slope / slope)
    factor = np.array([student_factor(fit.freedom) for fit in fits])
    estimates = [np.full(len(fits), np.nan)] * 4
    early = np.zeros(len(fits), dtype=bool)
    if geometry is not None:
        estimates = list(geometry.diffusivity(ratio, u_ratio, factor))
        rate_of_profile = geometry.slowest * estimates[0] / geometry.size**2
        early = 2 * np.exp(-rate_of_profile * time_on) > _UNSTEADY
    D, u_D, D_low, D_high = estimates
    charge, lithiation = place(record, sign, start, capacity, notes)
    window = np.array([fit.window for fit in fits])
    with np.errstate(invalid="ignore"):
        R, k = -(E_0 - E) / oxidation, -slope / oxidation
        statements = {
            "profile not yet steady": early,
            "no neighbour": np.isnan(rate) & (geometry is not None),
            "few points": np.array([fit.freedom < 3 for fit in fits]),
            "R not positive": ~(R > 0),
            "k not positive": ~(k > 0),
            "rate against the current": rate * oxidation < 0,
            "switch unknown": np.array([fit.u_switch > 0.02 * fit.window[1] for fit in fits]),
            "interval wide": u_D > 0.5 * D,
        }
    notes += [f"{here.sum()} of {len(fits)} pauses: {text}" for text, here in statements.items() if here.any()]
    return IciResult(
        time=start, time_on=time_on, half_cycle=half_cycle, current=current,
        direction=np.where(oxidation < 0, "lithiation", "delithiation"), charge=charge, lithiation=lithiation,
        E=E, E_0=E_0, u_E_0=u_E_0, slope=slope, u_slope=u_slope, R=R, u_R=u_E_0 / np.abs(current), k=k,
        u_k=u_slope / np.abs(current), rate=rate, u_rate=u_rate, D=D, u_D=u_D, D_low=D_low, D_high=D_high, rms=rms,
        window=window, flag=join_words(list(statements.values()), list(statements)), geometry=geometry,
        record=record, notes=tuple(notes),
    )  # fmt: skip


def _current_before(record: Record, steps: Steps, pauses: IntArray) -> FloatArray:
    """Median current of the step before each pause in A [pause]."""
    return np.array([np.median(record.current[steps.start[i] : steps.stop[i]]) for i in pauses - 1])


def _time_on(record: Record, steps: Steps, pauses: IntArray) -> tuple[FloatArray, FloatArray]:
    """Count half-cycles and add up the time under current in each, at each pause [pause]."""
    on = np.flatnonzero(steps.sign != 0)
    begin = np.array([switch_instant(record, int(row))[0] for row in steps.start[on]])
    duration = record.time[steps.stop[on] - 1] - begin
    turned = np.concatenate([[True], np.diff(steps.sign[on]) != 0])
    number = np.cumsum(turned)
    passed = np.cumsum(duration)
    passed = passed - (passed - duration)[np.flatnonzero(turned)[number - 1]]
    where = np.searchsorted(on, pauses - 1)
    return number[where].astype(np.float64), passed[where]


def _rates(
    time_on: FloatArray, half_cycle: FloatArray, E_0: FloatArray, u_E_0: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Slope of E_0 over the time under current, by the parabola through three pauses; NaN at the ends [pause]."""
    rate, u_rate = np.full((2, E_0.size), np.nan)
    rises = np.diff(time_on) > 0
    inner = np.flatnonzero((half_cycle[2:] == half_cycle[:-2]) & rises[1:] & rises[:-1]) + 1
    before, after = time_on[inner] - time_on[inner - 1], time_on[inner + 1] - time_on[inner]
    whole = before + after
    weights = np.stack([-after / (before * whole), (after - before) / (before * after), before / (after * whole)])
    rate[inner] = (weights * np.stack([E_0[inner - 1], E_0[inner], E_0[inner + 1]])).sum(axis=0)
    u_rate[inner] = np.sqrt(
        (weights**2 * np.stack([u_E_0[inner - 1], u_E_0[inner], u_E_0[inner + 1]]) ** 2).sum(axis=0)
    )
    return rate, u_rate
