"""Gamry .DTA: curves of current and potential over time.

Text of sections: a line "CURVE1<tab>TABLE<tab>n", a line of names (Pt, T, Vf, Im...), a line of units, and rows, each
beginning with a tab. What stands before and after are settings, one a line: name, kind, value, label.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UnreadableFile
from ..spectrum import FloatArray
from .measured import Measured, TableReader
from .text import decode, read_lines, to_number

_TABLE = re.compile(r"(?P<name>\w*?CURVE)(?P<number>\d*)\tTABLE(?:\t(?P<rows>\d+))?", re.IGNORECASE)
_COLUMNS = {"T": "time", "TIME": "time", "VF": "voltage", "VM": "voltage", "IM": "current", "TEMP": "temperature"}
_NO_SENSOR = -273.15
_LABELS = {"TITLE": "title", "DATE": "date", "TIME": "time"}
_NUMBERS = {"AREA": ("area_cm2", 1.0), "SCANRATE": ("scan_rate_V_s", 1e-3)}


@dataclass(frozen=True)
class _Curve:
    """One section: its name, its number (0: none) and its columns of use [row] by quantity."""

    name: str
    number: int
    columns: dict[str, FloatArray]


def read_gamry_table(path: Path) -> Measured:
    """Read the curves of a Gamry .DTA file: voltammetry, charge and discharge, potential and current steps.

    Each of several curves is a cycle. Files that hold nothing but a curve of the open-circuit potential get a current
    of zero. Curves of other kinds (impedance, capacity by cycle) are left out and noted.

    Raises
    ------
    UnreadableFile
        If there is no curve with time and potential, or a row before the last cannot be read.
    """
    lines = read_lines(path)
    notes: list[str] = []
    curves: list[_Curve] = []
    for at, match in _sections(lines):
        curve = _read_curve(path, lines, at, match, notes)
        if curve is not None:
            curves.append(curve)
    named = {curve.name for curve in curves}
    main = [curve for curve in curves if curve.name == ("CURVE" if "CURVE" in named else "OCVCURVE")]
    if not main:
        there = ", ".join(match[0].split("\t")[0] for _, match in _sections(lines)) or "no table at all"
        raise UnreadableFile(
            f"{path}: no curve of potential and current over time in this Gamry file; there is {there}"
            + (". read() reads its impedance" if "ZCURVE" in there else "")
        )
    notes += [f"the curve {name} was not read: {main[0].name} was" for name in sorted(named - {main[0].name})]
    quantities = set.intersection(*(set(curve.columns) for curve in main))
    table = {quantity: np.concatenate([curve.columns[quantity] for curve in main]) for quantity in quantities}
    if len(main) > 1:
        table["cycle"] = np.repeat([curve.number for curve in main], [c.columns["time"].size for c in main]).astype(
            float
        )
        notes.append(f"{len(main)} curves, each a cycle")
    settings = _settings(lines)
    if "scan_rate_V_s" in settings:
        table["scan_rate"] = np.full(table["time"].size, settings["scan_rate_V_s"])
    return Measured(table, notes, attributes=settings)


def _sections(lines: Sequence[str]) -> Iterator[tuple[int, re.Match[str]]]:
    for at, line in enumerate(lines):
        match = _TABLE.match(line)
        if match:
            yield at, match


def _read_curve(path: Path, lines: Sequence[str], at: int, match: re.Match[str], notes: list[str]) -> _Curve | None:
    """Read one section; None, and noted, if it is none of potential over time."""
    title, name = match[0].split("\t")[0], match["name"].upper()
    names = [cell.strip().upper() for cell in lines[at + 1].split("\t")] if at + 1 < len(lines) else []
    places = {_COLUMNS[cell]: place for place, cell in reversed(list(enumerate(names))) if cell in _COLUMNS}
    at_rest = name == "OCVCURVE"
    if not {"time", "voltage"} <= places.keys() or not (at_rest or "current" in places) or "FREQ" in names:
        notes.append(f"the table {title} (line {at + 1}) was not read: it is no potential and current over time")
        return None
    rows: list[list[str]] = []
    for line in lines[at + 3 :]:
        if not line.startswith("\t") or not line.strip():
            break
        rows.append(line.split("\t"))
    columns = _numbers(path, rows, at + 4, title, places, notes)
    if not columns["time"].size:
        notes.append(f"the table {title} (line {at + 1}) has no row")
        return None
    if match["rows"] and int(match["rows"]) != columns["time"].size:
        notes.append(
            f"{title} announces {int(match['rows'])} rows and has {columns['time'].size}: it was stopped early"
        )
    if at_rest and "current" not in columns:
        columns["current"] = np.zeros(columns["time"].size)
        notes.append(f"no current is recorded in {title}: it was taken as zero")
    if "temperature" in columns and (columns["temperature"] < _NO_SENSOR).any():
        del columns["temperature"]  # what Gamry writes without a sensor
    return _Curve(name, int(match["number"] or 0), columns)


def _numbers(
    path: Path, rows: list[list[str]], first: int, title: str, places: dict[str, int], notes: list[str]
) -> dict[str, FloatArray]:
    """Read the columns of use; a last row that is cut short is dropped and noted, any other is an error."""
    decimal = "," if any("," in row[place] for row in rows for place in places.values() if place < len(row)) else "."
    values: dict[str, list[float]] = {quantity: [] for quantity in places}
    for number, row in enumerate(rows):
        try:
            found = {quantity: to_number(row[place], decimal) for quantity, place in places.items()}
        except (IndexError, ValueError):
            if number == len(rows) - 1:
                notes.append(f"dropped the last row of {title} (line {first + number}), which is incomplete")
                break
            raise UnreadableFile(
                f"{path}, line {first + number}: {' '.join(row).strip()[:80]!r} is no row of {title}; correct it"
            ) from None
        for quantity, value in found.items():
            values[quantity].append(value)
    return {quantity: np.array(column) for quantity, column in values.items()}


def _settings(lines: Sequence[str]) -> dict[str, str | float]:
    """Read what the file tells of the whole."""
    found: dict[str, str | float] = {}
    for line in lines:
        key, kind, value, *_ = [*line.split("\t"), "", "", ""]
        if key == "TAG":
            found.setdefault("technique", kind.strip())
        elif key in _LABELS and kind == "LABEL":
            found.setdefault(_LABELS[key], value.strip())
        elif key in _NUMBERS and kind == "QUANT":
            name, factor = _NUMBERS[key]
            with contextlib.suppress(ValueError):
                number = to_number(value, ",") * factor
                if 0 < number < np.inf:
                    found.setdefault(name, number)
    return found


def _recognizes(path: Path, head: bytes) -> bool:
    text = decode(head) or ""
    return path.suffix.lower() == ".dta" or text.startswith("EXPLAIN")


READER = TableReader("gamry", _recognizes, read_gamry_table)
