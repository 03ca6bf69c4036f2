"""Tables of time, current and voltage in text: delimited, EC-Lab's, and Neware's two csv exports.

Neware exports are flat, or layered by cycle, step and record.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableFile
from .measured import Measured, TableReader
from .table_names import Column, understand_name, understand_names
from .text import read_lines, split_cells

if TYPE_CHECKING:
    import pandas as pd

_HEADER_WITHIN = 300
_NAMES_WITHIN = 65_536
_VOLTAGE_IN_GB = "电压".encode("gb18030")
_WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".ods")
"""Files that are text by no means; those that can be read have a reader of their own."""
_AT_REST = "Open Circuit Voltage"
_NB_HEADER = re.compile(r"Nb header lines\s*:\s*(\d+)")


def read_text_table(path: Path) -> Measured:
    """Read the table of a text file whose header names voltage and current.

    Raises
    ------
    UnreadableFile
        If there is no such header, or a line cannot be read.
    """
    if path.suffix.lower() in _WORKBOOKS:
        raise UnreadableFile(
            f"{path} is no workbook that can be read, or a damaged one; save it as .xlsx or csv, or try "
            f"read_table(pandas.read_excel({path.name!r}))"
        )
    return table_of_lines(path, _lines(path))


def table_of_lines(path: Path, lines: Sequence[str]) -> Measured:
    """Read the table of lines that have a header with voltage and current; `path` is what errors name.

    Raises
    ------
    UnreadableFile
        If there is no such header, or a line cannot be read.
    """
    notes: list[str] = []
    layered = _layers(lines)
    if layered is not None:
        return Measured(_read_layered(path, lines, *layered, notes), notes)
    start, separator, columns = _find_header(path, lines)
    table = _parse(path, lines, start, separator, columns, notes)
    if "current" not in table:
        table["current"] = np.zeros(table["voltage"].size)
        notes.append("no current is recorded at open circuit: it was taken as zero")
    return Measured(table, notes)


def _lines(path: Path) -> list[str]:
    """Give the lines of a text file, those of a Chinese export in its national encoding too."""
    with path.open("rb") as stream:
        if _VOLTAGE_IN_GB not in stream.read(_NAMES_WITHIN):
            return read_lines(path)
    return path.read_bytes().decode("gb18030", errors="replace").replace("\r\n", "\n").split("\n")


# flat tables


def _find_header(file: Path, lines: Sequence[str]) -> tuple[int, str | None, list[Column]]:
    """Find the line that names voltage and current: the row after it, the separator, the columns."""
    announced = next((m for m in map(_NB_HEADER.match, lines[:10]) if m), None)
    at_rest = any(_AT_REST in line for line in lines[:10])
    rows = [int(announced[1]) - 1] if announced else range(min(len(lines), _HEADER_WITHIN))
    seen = ""
    for row in rows:
        if row >= len(lines):
            raise UnreadableFile(f"{file}, line 2: {row + 1} header lines announced, the file has {len(lines)} lines")
        line = lines[row].strip("\r\n").lstrip("#%")
        for separator in ("\t", ";", ",", None):
            columns = understand_names(split_cells(line, separator))
            found = {column.quantity for column in columns}
            if {"voltage", "current"} <= found or (announced and at_rest and "voltage" in found):
                return row + 1, separator, columns
        if not seen and len(split_cells(line, ",")) + len(split_cells(line, "\t")) > 3:
            seen = f"; line {row + 1} is {line.strip()[:200]!r}"
    raise UnreadableFile(
        f"{file}: no line names the columns; needed are voltage and current, and time or scan rate, with units: "
        f"'time_s,current_A,voltage_V' or 'Time(s), Current(mA), Voltage(V)'{seen}"
    )


def _parse(
    file: Path,
    lines: Sequence[str],
    start: int,
    separator: str | None,
    columns: Sequence[Column],
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
            Column(c.index, name, c.quantity, better.factor if (better := understand_name(name, c.index)) else c.factor)
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
    file: Path, values: pd.Series[Any], column: Column, lines: Sequence[str], start: int, notes: list[str]
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
        Column(c.index, c.name, "step_time" if c.quantity == "time" else c.quantity, c.factor)
        for c in understand_names(names[2])
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


READER = TableReader("text", lambda _path, _head: True, read_text_table)
