"""Time, current and voltage as a cycler records them, and the steps in them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataWarning, InvalidInput
from .options import check_choice, check_positive
from .regression import fit_linear
from .spectrum import BoolArray, FloatArray, IntArray, frozen_array

if TYPE_CHECKING:
    import pandas as pd

    Frame: TypeAlias = pd.DataFrame | Mapping[str, ArrayLike]

REST_CURRENT = 0.02
"""Currents below this share of the largest count as rest."""
_HOVERS = 3.0
"""A current between the threshold over this and times this may be noise about the threshold."""

_MIN_LATE = 5

_UNITS = {
    "time": {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0},
    "step_time": {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0},
    "current": {"A": 1.0, "mA": 1e-3, "uA": 1e-6, "µA": 1e-6},
    "voltage": {"V": 1.0, "mV": 1e-3},
    "scan_rate": {"V_s": 1.0, "mV_s": 1e-3},
    "cycle": {"": 1.0},
    "step": {"": 1.0},
}
_OTHER_NAMES = {"potential": "voltage", "cycle_number": "cycle", "step_number": "step"}
_IMPLAUSIBLE = {
    "voltage": (20.0, "was it given in mV? Then call the column voltage_mV"),
    "current": (1e3, "was it given in mA or µA? Then call the column current_mA or current_uA"),
    "scan_rate": (1e3, "was it given in mV/s? Then call the column scan_rate_mV_s"),
}
"""Largest plausible values in SI units, and what to ask beyond."""


@dataclass(frozen=True, eq=False)
class Record:
    """A time series of one cell, in SI units.

    Parameters
    ----------
    time, current, voltage : ndarray, shape [row]
        s, A and V; time never falls.
    step_time : ndarray or None, shape [row]
        s since the step began, where that is recorded.
    cycle, step : ndarray or None, shape [row]
        Numbers that the instrument counts.
    notes : sequence of str
        What was converted, dropped or found odd.
    """

    time: FloatArray
    current: FloatArray
    voltage: FloatArray
    step_time: FloatArray | None
    cycle: FloatArray | None
    step: FloatArray | None
    notes: Sequence[str]


@dataclass(frozen=True, eq=False)
class Steps:
    """Runs of rows with a current of one sign; rests between.

    Parameters
    ----------
    start, stop : ndarray of int, shape [step]
        Rows: those from `start` to before `stop`.
    sign : ndarray of int, shape [step]
        Of the current: -1, 0 (rest) or 1.
    """

    start: IntArray
    stop: IntArray
    sign: IntArray

    def __len__(self) -> int:
        return self.sign.size


def read_columns(
    frame: Frame | None, arrays: Mapping[str, ArrayLike | None], needed: Sequence[str], optional: Sequence[str] = ()
) -> tuple[dict[str, FloatArray], list[str]]:
    """Take quantities from a table or from arrays, in SI units.

    Parameters
    ----------
    frame : DataFrame or mapping of str to array_like, shape [row]
        Columns named by quantity and unit: time_s, current_A (or current_mA), voltage_V (or potential_V).
    arrays : mapping
        The same by keyword, in SI units; None where not given.
    needed, optional : sequence of str
        Quantities.

    Returns
    -------
    values : dict of str to ndarray, shape [row]
        Rows in which a needed quantity is no number are left out.
    notes : list of str

    Raises
    ------
    InvalidInput
        If a quantity is missing or given twice, or columns differ in length or hold no numbers.

    Warns
    -----
    DataWarning
        If values are so large that their unit may be another.
    """
    notes: list[str] = []
    given: Frame = {name: value for name, value in arrays.items() if value is not None}
    if frame is not None:
        if isinstance(frame, str | bytes) or not hasattr(frame, "keys"):
            raise InvalidInput(
                f"needed is a DataFrame or mapping with named columns, got {type(frame).__name__}; "
                "files are read by read_table()"
            )
        if given:
            raise InvalidInput(f"give either a table or arrays, got a table and {', '.join(given)}")
        given = frame
    names = [str(name) for name in given.keys()]  # noqa: SIM118  # a DataFrame is no mapping
    columns = {quantity: _find(names, quantity, quantity in needed) for quantity in (*needed, *optional)}
    values: dict[str, FloatArray] = {}
    for quantity, found in columns.items():
        if found is None:
            continue
        name, factor = found
        values[quantity] = frozen_array(np.asarray(given[name]), np.float64, name, 1) * factor
        if factor != 1:
            notes.append(f"column {name!r} multiplied by {factor:g}")
    sizes = {quantity: column.size for quantity, column in values.items()}
    if len(set(sizes.values())) > 1:
        raise InvalidInput(f"columns differ in length: {', '.join(f'{q} {n}' for q, n in sizes.items())}")
    sound = np.logical_and.reduce([np.isfinite(values[quantity]) for quantity in needed])
    if not sound.all():
        rows = np.flatnonzero(~sound)
        notes.append(f"dropped {rows.size} row(s) in which a value is missing, the first is row {rows[0]}")
        values = {quantity: column[sound] for quantity, column in values.items()}
    for quantity, (most, question) in _IMPLAUSIBLE.items():
        if quantity in values and values[quantity].size and (largest := np.abs(values[quantity]).max()) > most:
            message = f"{quantity} reaches {largest:.4g} {next(iter(_UNITS[quantity])).replace('_', '/')}: {question}"
            warnings.warn(message, DataWarning, stacklevel=4)
            notes.append(message)
    return values, notes


def _find(names: Sequence[str], quantity: str, needed: bool) -> tuple[str, float] | None:
    """Find the one column that holds a quantity, and its factor to SI units; None if there is none."""
    found = [(name, factor) for name in names if (factor := _factor(name, quantity)) is not None]
    if len(found) > 1:
        raise InvalidInput(f"{quantity} is given twice: {', '.join(name for name, _ in found)}; leave one out")
    if found or not needed:
        return found[0] if found else None
    expected = f"{quantity}_{next(iter(_UNITS[quantity]))}"
    there = f"; there are {', '.join(map(repr, names[:12]))}" if names else ""
    raise InvalidInput(f"there is no column {expected!r}{there}")


def _factor(name: str, quantity: str) -> float | None:
    """Tell what a column is to be multiplied with to give a quantity in SI units; None if it is another one."""
    for unit, factor in _UNITS[quantity].items():
        stem = name.removesuffix(f"_{unit}") if unit else name
        if (stem != name or not unit) and _OTHER_NAMES.get(stem, stem) == quantity:
            return factor
    return None


def as_record(frame: Frame | None, arrays: Mapping[str, ArrayLike | None]) -> Record:
    """Take a time series from a table or arrays, see `read_columns`.

    Raises
    ------
    InvalidInput
        Also if time runs backwards, or there are fewer than three rows.
    """
    values, notes = read_columns(frame, arrays, ("time", "current", "voltage"), ("step_time", "cycle", "step"))
    time = values["time"]
    if time.size < 3:
        raise InvalidInput(f"there are {time.size} rows with time, current and voltage; at least three are needed")
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        raise InvalidInput(
            f"time falls {back.size} time(s), first from {time[back[0]]:g} to {time[back[0] + 1]:g} s after row "
            f"{back[0]}: give the time since the start of the test (time within a step is step_time_s), in order"
        )
    step_time = values.get("step_time")
    if step_time is not None and (problem := _step_time_problem(time, step_time)):
        notes.append(f"step_time was not used: {problem}")
        step_time = None
    return Record(
        time, values["current"], values["voltage"], step_time, values.get("cycle"), values.get("step"), tuple(notes)
    )


def _step_time_problem(time: FloatArray, step_time: FloatArray) -> str:
    """Say why a column cannot be the time within steps, or return ""."""
    if not np.isfinite(step_time).all() or step_time.min() < 0:
        return "it is not a number or negative in places"
    starts = np.flatnonzero(np.diff(step_time) < 0) + 1
    if starts.size == 0:
        return "it never starts again"
    gap = time[starts] - time[starts - 1]
    if (step_time[starts] > gap + 1e-3 + 1e-6 * gap).any():
        return "it says that steps began before the step before them ended"
    return ""


def find_steps(record: Record, threshold: float = REST_CURRENT, notes: list[str] | None = None) -> Steps:
    """Cut a record where the current starts, stops, turns or, under current, where the step number changes.

    A current that hovers about the threshold, such as that at the end of a charge, makes no steps: where neither a
    step reaches three times the threshold nor a rest beside it comes below a third of it, both are rest.

    Parameters
    ----------
    record : Record
    threshold : float
        Share of the largest current below which it counts as rest. A single row does not make the largest current.
    notes : list of str, optional
        Is told of a current that hovers.

    Raises
    ------
    InvalidInput
        If there is no current at all, or it never rests or turns.
    """
    if not (np.isfinite(threshold) and 0 < threshold < 1):
        raise InvalidInput(f"threshold is a share of the largest current, between 0 and 1, got {threshold!r}")
    size = np.abs(record.current)
    largest = np.minimum(size[1:], size[:-1]).max()
    if not largest > 0:
        raise InvalidInput("the current is zero throughout: there is no pulse in this record")
    sign = np.where(size > threshold * largest, np.sign(record.current), 0).astype(np.intp)
    alone = (sign[1:-1] != 0) & (sign[:-2] == 0) & (sign[2:] == 0)  # a spike is no pulse
    sign[1:-1][alone] = 0
    hovers = _hovers(sign, size / (threshold * largest))
    if hovers.any() and notes is not None:
        first = record.time[np.argmax(hovers)]
        notes.append(
            f"{hovers.sum()} row(s), the first at {first:g} s, were taken for rest: their current hovers about the "
            f"threshold of {threshold * largest:.3g} A (threshold= moves it)"
        )
    sign[hovers] = 0
    cut = np.diff(sign) != 0
    if record.step is not None:
        cut |= (np.diff(record.step) != 0) & (sign[1:] != 0)
    edges = np.concatenate([[0], np.flatnonzero(cut) + 1, [sign.size]])
    return Steps(edges[:-1], edges[1:], sign[edges[:-1]])


def _hovers(sign: IntArray, size: FloatArray) -> BoolArray:
    """Rows of weak steps beside weak rests; `size` is the current relative to the threshold [row]."""
    start = np.concatenate([[0], np.flatnonzero(np.diff(sign) != 0) + 1])
    rest = sign[start] == 0
    weak = np.where(rest, np.minimum.reduceat(size, start) > 1 / _HOVERS, np.maximum.reduceat(size, start) < _HOVERS)
    weak_rest = np.concatenate([[False], weak & rest, [False]])
    hovers = weak & ~rest & (weak_rest[:-2] | weak_rest[2:])
    return np.repeat(hovers, np.diff(np.append(start, sign.size)))


def oxidation_sign(record: Record, steps: Steps, positive: str, notes: list[str]) -> int:
    """Tell whether a positive current raises (1) or lowers (-1) the voltage.

    Parameters
    ----------
    record : Record
    steps : Steps
    positive : str
        "charge" (1), "discharge" (-1), or "auto" for the majority of the jumps at switches.
    notes : list of str
        Is told when the jumps do not agree.
    """
    check_choice("positive", positive, ("auto", "charge", "discharge"))
    if positive != "auto":
        return 1 if positive == "charge" else -1
    first, last = steps.start[1:], steps.start[1:] - 1
    change = (record.voltage[first] - record.voltage[last]) * (record.current[first] - record.current[last])
    up, down = int((change > 0).sum()), int((change < 0).sum())
    if min(up, down) > 0.1 * (up + down):
        what = "charge" if up >= down else "discharge"
        notes.append(
            f"positive current was taken for {what}: the voltage rises with it at {up} of {up + down} switches "
            "(positive= says what it is)"
        )
    return 1 if up >= down else -1


def switch_instant(record: Record, row: int) -> tuple[float, float]:
    """Tell between which times the step that starts at `row` was switched on; equal where that is known."""
    if record.step_time is not None:
        began = float(record.time[row] - record.step_time[row])
        return began, began
    return float(record.time[max(row - 1, 0)]), float(record.time[row])


@dataclass(frozen=True)
class Rest:
    """How a rest ended: voltage in V and slope in V/s, with their standard uncertainties; NaN where there is none."""

    E: float = np.nan
    u_E: float = np.nan
    slope: float = np.nan
    u_slope: float = np.nan


def end_of_rest(record: Record, steps: Steps, number: int, noise: float) -> Rest:
    """Tell how a rest ended, from a line through its last tenth, or its last two rows if that has fewer than five.

    Parameters
    ----------
    record : Record
    steps : Steps
    number : int
        Of the step; there is no answer if it is none, or no rest.
    noise : float
        Scatter of a single voltage in V, for rests of few rows.
    """
    if not 0 <= number < len(steps) or steps.sign[number] != 0:
        return Rest()
    rows = slice(int(steps.start[number]), int(steps.stop[number]))
    time, voltage = record.time[rows], record.voltage[rows]
    late: BoolArray = time >= time[-1] - 0.1 * (time[-1] - time[0])
    if late.sum() >= _MIN_LATE and time[-1] > time[late][0]:
        fit = fit_linear(np.column_stack([np.ones(late.sum()), time[late] - time[-1]]), voltage[late])
        return Rest(*(float(value) for pair in zip(fit.values, fit.u_values, strict=True) for value in pair))
    step = time[-1] - time[-2] if time.size > 1 else 0.0
    if not step > 0:
        return Rest(float(voltage[-1]), noise)
    slope = float((voltage[-1] - voltage[-2]) / step)
    return Rest(float(voltage[-1]), noise, slope, float(noise * np.sqrt(2) / step))


def place(
    record: Record, oxidation: int, time: FloatArray, capacity: float | None, notes: list[str]
) -> tuple[FloatArray, FloatArray]:
    """Charge inserted, and lithiation, at instants of a record.

    Parameters
    ----------
    record : Record
    oxidation : int
        1 if positive current raises the voltage, else -1.
    time : ndarray, shape [item]
        s.
    capacity : float or None
        Charge in C from lithiation 0 to 1; the range of charge in the record if None.
    notes : list of str
        Is told which capacity was taken.

    Returns
    -------
    charge, lithiation : ndarray, shape [item]
        C since the start of the record, and 0 at the lowest charge.

    Raises
    ------
    InvalidInput
        If the capacity is not positive.
    """
    between = np.diff(record.time) * (record.current[1:] + record.current[:-1]) / 2
    inserted = -oxidation * np.concatenate([[0.0], np.cumsum(between)])
    span = float(np.ptp(inserted))
    if capacity is None:
        notes.append(f"lithiation counts from 0 to 1 over the {span:.4g} C of this record (give capacity=)")
        capacity = span if span > 0 else np.nan
    elif span > check_positive("capacity", capacity) * 1.001:
        notes.append(f"the record passes {span:.4g} C, more than the capacity of {capacity:.4g} C")
    charge = np.interp(time, record.time, inserted)
    return charge, (charge - inserted.min()) / capacity


def join_words(words: Sequence[NDArray[np.bool_]], names: Sequence[str]) -> NDArray[np.str_]:
    """Write for each item which of several statements hold, "" where none does [item]."""
    table = [", ".join(name for name, here in zip(names, row, strict=True) if here) for row in zip(*words, strict=True)]
    return np.array(table, dtype=np.str_)
