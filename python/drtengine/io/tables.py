"""`read_table`: what cyclers and potentiostats record over time, as a DataFrame whose columns name their units.

Delimited text of any separator, encoding and decimal sign, EC-Lab text, and Neware's two csv exports: flat, and
layered by cycle, step and record.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableFile
from ..spectrum import FloatArray
from .columns import split_unit
from .text import read_lines, split_cells

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {
    "time": "time t totaltime cumulativetime testtime elapsedtime seconds sec timeelapsed runtime",
    "step_time": "steptime relativetime recordtime timeinstep",
    "current": "current i cur amps amp idc measuredcurrent currentmean we1current wecurrent",
    "voltage": "voltage potential e ewe ecell volts v u vf ewemean we1potential wepotential potentialapplied",
    "cycle": "cycle cycleindex cyclenumber cyclenr cycleid cycleno cyc cycn",
    "step": "step stepindex stepid stepnumber stepno ns",
    "scan_rate": "scanrate sweeprate",
    "temperature": "temperature temp",
    "date": "date datetime datetimestamp absolutetime realtime systemtime timestamp",
}
_BY_NAME = {name: quantity for quantity, names in _NAMES.items() for name in names.split()}
_COLUMN = {
    "time": "time_s",
    "step_time": "step_time_s",
    "current": "current_A",
    "voltage": "voltage_V",
    "cycle": "cycle",
    "step": "step",
    "scan_rate": "scan_rate_V_s",
    "temperature": "temperature_C",
}
_DIMENSION = {"step_time": "time", "cycle": "number", "step": "number"}
_HEADER_WITHIN = 300
_NB_HEADER = re.compile(r"Nb header lines\s*:\s*(\d+)")
_RATE = re.compile(r"(?P<name>.*?)[\s_]*[(\[/_ ]*(?P<unit>m?v)[\s_/·]*s(?:\^?-1)?[)\]]?$", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+)[-d ]+)?(\d+):(\d+):(\d+(?:[.,]\d+)?)$")


@dataclass(frozen=True)
class _Column:
    """A column of use: where it stands, what it is, and its factor to the unit of the result."""

    index: int
    name: str
    quantity: str
    factor: float


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a record of time, current and voltage: cycling, titrations, interrupted currents, voltammograms.

    Parameters
    ----------
    path : path-like
        Delimited text with a header that names time, current and voltage with their units ("Voltage(V)", "I/mA",
        "time_s"), EC-Lab text (.mpt), or a csv export of Neware, flat or layered.

    Returns
    -------
    DataFrame
        Of these columns those that the file has: time_s, step_time_s, current_A, voltage_V, cycle, step,
        scan_rate_V_s, temperature_C. ``attrs["notes"]`` says what was converted, guessed and left out,
        ``attrs["sources"]`` gives the SHA-256 of the file.

    Raises
    ------
    UnreadableFile
        If the file has no such table, or a line cannot be read.

    Examples
    --------
    >>> frame = read_table("cell_7.csv")  # doctest: +SKIP
    """
    file = Path(path).expanduser()
    try:
        lines = read_lines(file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be opened: {error.strerror or error}") from error
    notes: list[str] = []
    layered = _layers(lines)
    if layered is None:
        start, separator, columns = _find_header(file, lines)
        table = _parse(file, lines, start, separator, columns, notes)
    else:
        table = _read_layered(file, lines, *layered, notes)
    frame = _complete(file, table, notes)
    frame.attrs = {"notes": notes, "sources": {str(file): digest}}
    return frame


# flat tables


def _find_header(file: Path, lines: Sequence[str]) -> tuple[int, str | None, list[_Column]]:
    """Find the line that names voltage and current: the row after it, the separator, the columns."""
    announced = next((m for m in map(_NB_HEADER.match, lines[:10]) if m), None)
    rows = [int(announced[1]) - 1] if announced else range(min(len(lines), _HEADER_WITHIN))
    seen = ""
    for row in rows:
        if row >= len(lines):
            raise UnreadableFile(f"{file}, line 2: {row + 1} header lines announced, the file has {len(lines)} lines")
        line = lines[row].strip("\r\n").lstrip("#%")
        for separator in ("\t", ";", ",", None):
            columns = _understand(split_cells(line, separator))
            found = {column.quantity for column in columns}
            if {"voltage", "current"} <= found:
                return row + 1, separator, columns
        if not seen and len(split_cells(line, ",")) + len(split_cells(line, "\t")) > 3:
            seen = f"; line {row + 1} is {line.strip()[:200]!r}"
    raise UnreadableFile(
        f"{file}: no line names the columns; needed are voltage and current, and time or scan rate, with units: "
        f"'time_s,current_A,voltage_V' or 'Time(s), Current(mA), Voltage(V)'{seen}"
    )


def _understand(names: Sequence[str]) -> list[_Column]:
    """Tell what the columns are; of several for one quantity the first counts."""
    columns: dict[str, _Column] = {}
    for index, name in enumerate(names):
        column = _understand_one(name.strip(), index)
        if column is not None and column.quantity not in columns:
            columns[column.quantity] = column
        elif column is not None and column.quantity == "time" and _key(columns["time"].name) == "time":
            # where a total time stands beside it, plain "Time" is that of the step
            columns["step_time"] = _Column(
                columns["time"].index, columns["time"].name, "step_time", columns["time"].factor
            )
            columns["time"] = column
    return list(columns.values())


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", split_unit(name)[0].lower().split("(h:")[0])


def _understand_one(name: str, index: int) -> _Column | None:
    rate = _RATE.match(name)
    if rate and _BY_NAME.get(re.sub(r"[^a-z]", "", rate["name"].lower())) == "scan_rate":
        return _Column(index, name, "scan_rate", 1e-3 if rate["unit"].lower() == "mv" else 1.0)
    bare, unit = split_unit(name)
    if "-" in bare and "ewe" in bare.lower():  # Ewe-Ece is another voltage
        return None
    quantity = _BY_NAME.get(_key(name))
    if quantity is None:
        return None
    if unit is not None and unit[0] != _DIMENSION.get(quantity, quantity):
        return None
    return _Column(index, name, quantity, unit[1] if unit else 1.0)


def _parse(
    file: Path,
    lines: Sequence[str],
    start: int,
    separator: str | None,
    columns: Sequence[_Column],
    notes: list[str],
) -> dict[str, NDArray[Any]]:
    """Read the columns of a flat table; numbers as float, clock times and dates as text."""
    import pandas as pd

    while start < len(lines) and not lines[start].strip():
        start += 1
    if start >= len(lines):
        raise UnreadableFile(f"{file}, line {start}: no data row follows the header")
    units = split_cells(lines[start], separator)
    if not re.search(r"\d", "".join(units)):  # a line of units
        names = [f"{c.name} ({units[c.index].strip()})" if c.index < len(units) else c.name for c in columns]
        columns = [
            _Column(
                c.index, name, c.quantity, better.factor if (better := _understand_one(name, c.index)) else c.factor
            )
            for c, name in zip(columns, names, strict=True)
        ]
        start += 1
    rows = lines[start:]
    decimal = "," if separator != "," and any(re.search(r"\d,\d", row) for row in rows[:_HEADER_WITHIN]) else "."
    frame = pd.read_csv(
        io.StringIO("\n".join(rows)),
        sep=r"\s+" if separator is None else separator,
        header=None,
        usecols=sorted({c.index for c in columns}),
        decimal=decimal,
        skip_blank_lines=True,
        on_bad_lines="skip",
        skipinitialspace=True,
        low_memory=False,
    ) if any(row.strip() for row in rows[:1]) else pd.DataFrame()  # fmt: skip
    if frame.empty:
        raise UnreadableFile(f"{file}, line {start}: no data row follows the header")
    table = {}
    for column in columns:
        values = frame[column.index]
        numeric = pd.api.types.is_numeric_dtype(values)
        if not numeric and column.quantity in ("time", "step_time", "date"):
            table[column.quantity] = values.to_numpy(dtype=object)
            continue
        numbers = values if numeric else _numbers(file, values, column, lines, start, notes)
        table[column.quantity] = numbers.to_numpy(dtype=np.float64) * column.factor
        if column.factor != 1:
            notes.append(f"column {column.name!r} multiplied by {column.factor:g}")
    return table


def _numbers(
    file: Path, values: pd.Series[Any], column: _Column, lines: Sequence[str], start: int, notes: list[str]
) -> pd.Series[Any]:
    """Turn text into numbers; rows at the end that hold none become NaN, others are an error."""
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    bad = np.flatnonzero(numbers.isna() & values.notna())
    good = np.flatnonzero(numbers.notna())
    if good.size == 0 or (bad.size and bad[0] < good[-1]):
        row = int(bad[0]) if bad.size else 0
        number = next((n for n, line in enumerate(lines[start:], start + 1) if str(values[row]) in line), start + 1)
        raise UnreadableFile(
            f"{file}, line {number}: {column.name!r} is {values[row]!r}, not a number; correct or delete the line"
        )
    notes.append(f"dropped {bad.size} line(s) at the end that are no data rows")
    return numbers


# Neware's layered csv: lines of a cycle, indented lines of its steps, twice indented lines of their records


def _layers(lines: Sequence[str]) -> tuple[str, list[int]] | None:
    """Recognise three lines of names, each indented by one cell more: separator, and the rows of the names."""
    heads = [row for row, line in enumerate(lines[:20]) if line.strip(", \t;")][:3]
    if len(heads) < 3:
        return None
    for separator in (",", "\t", ";"):
        cells = [split_cells(lines[row], separator) for row in heads]
        indents = [next((i for i, cell in enumerate(row) if cell.strip()), -1) for row in cells]
        texts = [row[indent].lower() for row, indent in zip(cells, indents, strict=True) if indent >= 0]
        if len(texts) == 3 and indents[0] < indents[1] < indents[2] and "cycle" in texts[0] and "step" in texts[1]:
            return separator, heads
    return None


def _read_layered(
    file: Path, lines: Sequence[str], separator: str, heads: list[int], notes: list[str]
) -> dict[str, NDArray[Any]]:
    names = [split_cells(lines[row], separator) for row in heads]
    indent = [next(i for i, cell in enumerate(row) if cell.strip()) for row in names]
    columns = [
        _Column(c.index, c.name, "step_time" if c.quantity == "time" else c.quantity, c.factor)
        for c in _understand(names[2])
        if c.quantity not in ("cycle", "step")
    ]
    if not {"voltage", "current"} <= {c.quantity for c in columns}:
        raise UnreadableFile(f"{file}, line {heads[2] + 1}: the records of this layered export lack voltage or current")
    cycle = step = np.nan
    rows: list[list[str]] = []
    places: list[tuple[float, float]] = []
    for number, line in enumerate(lines[heads[2] + 1 :], heads[2] + 2):
        cells = split_cells(line, separator)
        first = next((i for i, cell in enumerate(cells) if cell.strip()), -1)
        if first < 0:
            continue
        try:
            if first == indent[0]:
                cycle = float(cells[first])
            elif first == indent[1]:
                step = float(cells[first])
            else:
                rows.append([cells[c.index].strip() for c in columns])
                places.append((cycle, step))
        except (ValueError, IndexError):
            raise UnreadableFile(f"{file}, line {number}: {line.strip()[:80]!r} is no cycle, step or record") from None
    if not rows:
        raise UnreadableFile(f"{file}: no record follows the three lines of names")
    notes.append("layered export: cycles, steps and records told by their indent")
    table: dict[str, NDArray[Any]] = {"cycle": np.array(places)[:, 0], "step": np.array(places)[:, 1]}
    for place, column in enumerate(columns):
        texts = [row[place] for row in rows]
        if column.quantity in ("step_time", "date"):
            table[column.quantity] = np.array(texts, dtype=object)
            continue
        try:
            table[column.quantity] = np.array(texts, dtype=np.float64) * column.factor
        except ValueError:
            raise UnreadableFile(f"{file}: column {column.name!r} does not hold numbers throughout") from None
        if column.factor != 1:
            notes.append(f"column {column.name!r} multiplied by {column.factor:g}")
    return table


# times


def _complete(file: Path, table: dict[str, NDArray[Any]], notes: list[str]) -> pd.DataFrame:
    """Make seconds of all times, and a time since the start from what there is."""
    import pandas as pd

    sound = np.isfinite(table["voltage"]) & np.isfinite(table["current"])
    if not sound.all():
        notes.append(f"left out {(~sound).sum()} row(s) without voltage and current")
        table = {name: values[sound] for name, values in table.items()}
    if sound.sum() == 0:
        raise UnreadableFile(f"{file}: no row has both voltage and current")
    for name in ("time", "step_time"):
        if name in table and table[name].dtype == object:
            seconds = _seconds(table[name])
            if seconds is None:
                notes.append(
                    f"the column of {name.replace('_', ' ')} was not read: it holds neither numbers nor clock times"
                )
                del table[name]
            else:
                table[name] = seconds
    if "time" in table and (np.diff(table["time"]) < 0).any() and "step_time" not in table:
        table["step_time"] = table.pop("time")
        notes.append("time starts again in places: it was taken for the time within steps")
    if "time" not in table and "step_time" in table:
        table["time"] = _add_up(table["step_time"])
        notes.append("time since the start added up from the times of the steps")
    if "time" not in table and "date" in table:
        dates = pd.to_datetime(pd.Series(table["date"]), errors="coerce")
        if dates.notna().all():
            table["time"] = (dates - dates.iloc[0]).dt.total_seconds().to_numpy()
            notes.append("time since the start taken from the dates")
    if "time" not in table and "scan_rate" not in table:
        raise UnreadableFile(f"{file}: there is no column of time that can be read, and none of scan rate")
    return pd.DataFrame({_COLUMN[name]: table[name] for name in _COLUMN if name in table})


def _seconds(texts: NDArray[Any]) -> FloatArray | None:
    """Turn "12:03:04.5" or "1-12:03:04" (days first) or numbers into s; None if some are neither."""
    out = np.empty(len(texts))
    for i, text in enumerate(texts):
        match = _CLOCK.match(str(text).strip())
        if match:
            days, hours, minutes, seconds = match.groups()
            out[i] = 86400 * int(days or 0) + 3600 * int(hours) + 60 * int(minutes) + float(seconds.replace(",", "."))
            continue
        try:
            out[i] = float(str(text).replace(",", "."))
        except ValueError:
            return None
    return out


def _add_up(step_time: FloatArray) -> FloatArray:
    """Give the time since the start from that within steps, which begin where it falls."""
    begins = np.concatenate([[False], np.diff(step_time) < 0])
    ends = np.where(np.concatenate([begins[1:], [False]]), step_time, 0.0)
    offset = np.concatenate([[0.0], np.cumsum(ends)[:-1]])
    total: FloatArray = step_time + offset
    return total
