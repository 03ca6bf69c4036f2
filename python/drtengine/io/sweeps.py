"""From the columns of a table to spectra: impedance from what is there, DC rows, sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableFile
from ..spectrum import MIN_POINTS, ComplexArray, FloatArray, IntArray, Spectrum
from .columns import Column, coordinate_of, required_columns
from .text import Table

_LABELS = ("cell", "branch", "soc", "area")
"""Coordinates that a table may give in each row."""

_SAME_Z = 0.01
"""Re/Im and |Z|/phase that differ by more than this part of |Z| contradict each other (rounding does less)."""

_TYPICAL_SWEEP = 5
"""Where the frequency turns back, sweeps are only told from unsorted data if half of them have so many points."""


def spectra_from_table(table: Table, columns: Mapping[str, Column], notes: Sequence[str]) -> list[Spectrum]:
    """Turn a table with one point a row into spectra, one per sweep.

    Rows at 0 Hz (DC) are dropped and noted. A sweep ends where a column of cycles or labels (cell, branch, soc...)
    changes, or where the frequency turns back over more than half of the range it has swept.

    Parameters
    ----------
    table : Table
    columns : mapping
        Quantity to column; `hold_impedance` is true for them.
    notes : sequence of str
        What was noted so far.

    Raises
    ------
    UnreadableFile
        If every row is at 0 Hz.
    """
    notes = [*notes, *table.notes]
    values: dict[str, FloatArray] = {}
    required = required_columns(columns)
    for quantity, column in columns.items():
        index = column.index
        numbers = table.numbers(index) if index in required else table.numbers_or_none(index)
        if numbers is None:
            notes.append(f"column {column.name!r} not read: it does not hold numbers")
            continue
        values[quantity] = numbers if column.factor == 1 else numbers * column.factor
    notes += unit_notes(columns)
    return spectra_from_values(table.path, values, columns, notes, labels=_labels(table))


def spectra_from_values(
    path: Path,
    values: Mapping[str, FloatArray],
    columns: Mapping[str, Column],
    notes: Sequence[str],
    *,
    labels: Mapping[str, NDArray[Any]] | None = None,
) -> list[Spectrum]:
    """Turn quantities [row] in Hz, ohm, rad, s, V and A into spectra; see `spectra_from_table`.

    Parameters
    ----------
    path : Path
        For messages.
    values : mapping of str to ndarray, shape [row]
    columns, notes
        As in `spectra_from_table`.
    labels : mapping of str to ndarray, shape [row], optional
        Numbers or text that tell spectra apart, by the name of their coordinate.

    Raises
    ------
    UnreadableFile
        If every row is at 0 Hz.
    """
    notes, labels = list(notes), labels or {}
    dc = values["frequency"] == 0
    if dc.all():
        raise UnreadableFile(f"{path}: all {dc.size} rows are at 0 Hz (DC); there is no impedance in it")
    if dc.any():
        notes.append(f"dropped {dc.sum()} row(s) at 0 Hz (DC)")
        values = {quantity: column[~dc] for quantity, column in values.items()}
        labels = {name: column[~dc] for name, column in labels.items()}
    Z, remarks = _impedance(values, columns)
    notes += remarks
    changing = {**labels, "cycle": values["cycle"]} if "cycle" in values else labels
    starts, remarks = _sweep_starts(values["frequency"], changing)
    notes += remarks
    if starts.size > 1:
        notes.append(f"split into {starts.size} sweeps")
    stops = [*starts[1:].tolist(), Z.size]
    return [
        _sweep(
            {quantity: column[a:b] for quantity, column in values.items()},
            {name: column[a:b] for name, column in labels.items()},
            Z[a:b],
            notes,
        )
        for a, b in zip(starts.tolist(), stops, strict=True)
    ]


def _labels(table: Table) -> dict[str, NDArray[Any]]:
    """Return columns [row] of numbers or text that tell spectra apart, by the name of their coordinate."""
    labels: dict[str, NDArray[Any]] = {}
    for index, given in enumerate(table.names):
        name, factor = coordinate_of(given)
        if name not in _LABELS or name in labels:
            continue
        numbers = table.numbers_or_none(index)
        labels[name] = np.array(table.text(index)) if numbers is None else numbers * factor
    return {name: column for name, column in labels.items() if column.dtype.kind == "f" or column.any()}


def unit_notes(columns: Mapping[str, Column]) -> list[str]:
    """Say which columns were converted, and whether the impedance is one of an area."""
    notes = []
    for column in columns.values():
        if column.quantity != "phase" and abs(column.factor) != 1:
            notes.append(f"column {column.name!r} multiplied by {abs(column.factor):g}")
        if column.per_area:
            notes.append(f"column {column.name!r} is in ohm cm²: read ohm cm² wherever ohm stands")
    return notes


def _sweep(
    values: Mapping[str, FloatArray], labels: Mapping[str, NDArray[Any]], Z: ComplexArray, notes: list[str]
) -> Spectrum:
    """Build one spectrum and its coordinates from the rows of one sweep."""
    coordinates: dict[str, float | str] = {
        name: column[0].item() for name, column in labels.items() if (column == column[0]).all()
    }
    for quantity in ("cycle", "time"):
        if quantity in values:
            coordinates[quantity] = float(values[quantity][0])
    for quantity in ("voltage", "current", "temperature"):
        known = values[quantity][~np.isnan(values[quantity])] if quantity in values else np.empty(0)
        if known.size:
            coordinates[quantity] = float(known.mean())
    time = values.get("time")
    if time is not None and not (np.diff(time[~np.isnan(time)]) != 0).any():
        time = None  # one time for all points is that of the sweep
    return Spectrum(values["frequency"], Z, coordinates=coordinates, point_time=time, notes=notes)


def _impedance(values: Mapping[str, FloatArray], columns: Mapping[str, Column]) -> tuple[ComplexArray, list[str]]:
    """Return Z [row] from real and imaginary part or modulus and phase; the latter decide if they disagree."""
    cartesian = as_complex(values["re"], values["im"]) if {"re", "im"} <= values.keys() else None
    if cartesian is not None and not {"modulus", "phase"} <= values.keys():
        return cartesian, []
    notes = []
    modulus, phase = values["modulus"], values["phase"]
    with np.errstate(invalid="ignore"):  # NaN and Inf stay what they are
        if not columns["phase"].has_unit:
            radian = _phase_is_in_rad(modulus, phase, cartesian)
            phase = phase if radian else np.deg2rad(phase)
            notes.append(f"column {columns['phase'].name!r} has no unit: taken as {'rad' if radian else 'degrees'}")
        polar = as_complex(modulus * np.cos(phase), modulus * np.sin(phase))
        if cartesian is None:
            return polar, notes
        differ = np.abs(polar - cartesian) > _SAME_Z * np.abs(polar)
        mirrored = np.abs(polar - cartesian.conj()) <= 2 * _SAME_Z * np.abs(polar)
    if not differ.any():
        return cartesian, notes
    what = "the sign of Z''" if mirrored[differ].all() else "real and imaginary part"
    notes.append(f"{what} contradicts modulus and phase in {differ.sum()} row(s): modulus and phase were used")
    return np.where(np.isnan(polar), cartesian, polar), notes


def as_complex(real: FloatArray, imag: FloatArray) -> ComplexArray:
    """Join two parts; unlike ``real + 1j * imag`` this keeps one where the other is NaN or infinite."""
    Z = np.empty(real.shape, dtype=np.complex128)
    Z.real, Z.imag = real, imag
    return Z


def _phase_is_in_rad(modulus: FloatArray, phase: FloatArray, cartesian: ComplexArray | None) -> bool:
    """Tell rad from degrees by the agreement with Z', or else by the phase staying within pi/2."""
    if cartesian is None:
        return bool(np.nanmax(np.abs(phase), initial=0) <= np.pi / 2)
    misfit = [np.nansum(np.abs(modulus * np.cos(angle) - cartesian.real)) for angle in (phase, np.deg2rad(phase))]
    return bool(misfit[0] < misfit[1])


def _sweep_starts(frequency: FloatArray, changing: Mapping[str, NDArray[Any]]) -> tuple[IntArray, list[str]]:
    """Return the index of the first row of each sweep, and notes; columns [row] that change start a new one."""
    edges = np.array([0, frequency.size])
    notes = []
    for name, column in changing.items():
        changes = np.concatenate([[0], np.flatnonzero(column[1:] != column[:-1]) + 1, [column.size]])
        if np.median(np.diff(changes)) < MIN_POINTS:
            notes.append(f"the {name} column changes from row to row and was not used to split the table")
        else:
            edges = np.union1d(edges, changes)
    starts = [a + _turns(frequency[a:b]) for a, b in itertools.pairwise(edges)]
    return np.concatenate(starts).astype(np.intp), notes


def _turns(frequency: FloatArray) -> IntArray:
    """Return where sweeps start in one table of frequencies [row] -> [sweep], the first at 0.

    A run of rows against the direction of the sweep starts a new one if it undoes more than half of the
    span of the sweep so far (in decades), and is either one jump or the way back of an up-and-down sweep.
    """
    whole = np.zeros(1, dtype=np.intp)
    if (frequency[1:] < frequency[:-1]).all() or (frequency[1:] > frequency[:-1]).all():
        return whole
    rows = np.flatnonzero((frequency > 0) & np.isfinite(frequency))
    level = np.log(frequency[rows])
    steps = np.diff(level)
    moving = np.flatnonzero(steps)  # a repeated frequency does not turn
    turn = np.flatnonzero(np.diff(np.sign(steps[moving])))
    if turn.size == 0:
        return whole
    first, last = moving[[0, *(turn + 1)]], moving[[*turn, -1]] + 1  # of each run in one direction
    usual_step, total_span = np.median(np.abs(steps[moving])), np.ptp(level)
    starts, before, low, high = [0], 0, level[0], level[0]
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        travel, span = abs(level[end] - level[begin]), high - low
        is_jump = end == begin + 1 and travel > 2 * usual_step
        if begin > starts[-1] and travel > span / 2 and (is_jump or span > total_span / 2):
            starts.append((begin if is_jump else before) + 1)
            low = high = level[starts[-1]]
        low, high, before = min(low, level[end]), max(high, level[end]), end
    if np.median(np.diff([*starts, level.size])) < _TYPICAL_SWEEP:
        return whole
    return np.concatenate([whole, rows[starts[1:]]])
