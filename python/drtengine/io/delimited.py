"""Delimited text: csv, tsv, txt and dat, with or without a header line."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import UnreadableFile
from ..spectrum import Spectrum
from .beside import cut_columns, side_by_side, title_above
from .columns import (
    WideColumns,
    coordinate_of,
    hold_impedance,
    parse_unit,
    required_columns,
    understand_all,
    understand_wide,
)
from .metadata import complete, known
from .registry import Reader
from .sweeps import as_complex, spectra_from_table, unit_notes
from .text import Layout, Table, build_table, decode_head, looks_like_number, read_lines, split_cells, to_number

_SEPARATORS = ("\t", ";", ",", None)
_MAY_BE_HEADER = re.compile(r"freq|hz|\bf\b|re.*im", re.IGNORECASE)
_HEADERLESS = ("frequency / Hz", "Z' / ohm", "Z'' / ohm")
NOT_READ, _ONLY_TITLES = "nothing above it was read", "above it only the titles were read"
_WHAT_IS_NEEDED = (
    "needed are a column of frequency with Z' and Z'', or with |Z| and phase, under names such as "
    "'Frequency / Hz', 'Re(Z)/Ohm', '-Im(Z)/Ohm' (or three columns f, Z', Z'' without a header)"
)


def read_delimited(path: Path) -> list[Spectrum]:
    """Read the spectra of a delimited text file.

    The header may stand anywhere; without one, three columns are frequency (Hz), Z' and Z'' (ohm, true sign).
    Separator (tab, semicolon, comma, white space), decimal sign and encoding are told from the content.
    A table with columns "Re(Z)<f>" and "-Im(Z)<f>" holds a spectrum in each row.

    Raises
    ------
    UnreadableFile
        If there is no such table, or one of its lines cannot be read.
    """
    return spectra_of_lines(path, read_lines(path))


def spectra_of_lines(path: Path, lines: Sequence[str]) -> list[Spectrum]:
    """Read the spectra of a delimited text given as lines; `path` names it in messages."""
    for number, line in enumerate(lines):
        header = _understand_header(line) if _MAY_BE_HEADER.search(line) else None
        if header is None:
            continue
        layout = Layout(path, lines, number + 1, header.separator, list(header.names))
        if header.groups:
            return _read_beside(layout, header.groups)
        return _read_wide(layout, header.wide) if header.wide else _read_long(layout)
    return _read_headerless(path, lines)


@dataclass(frozen=True)
class _Header:
    """A line that names the columns of impedance."""

    separator: str | None
    names: tuple[str, ...]
    groups: list[list[int]]
    """Columns of each spectrum, where they stand side by side."""
    wide: WideColumns | None
    """Columns named after frequencies, where each row is a spectrum."""


@functools.lru_cache(maxsize=64)  # files of one campaign have the same header
def _understand_header(line: str) -> _Header | None:
    """Find the separator with which a line names columns of impedance, None if there is none."""
    for separator in _SEPARATORS:
        names = _header_cells(line, separator)
        groups = side_by_side(names)
        wide = None if groups else understand_wide(names)
        if groups or wide or hold_impedance(understand_all(names)[0]):
            return _Header(separator, tuple(names), groups, wide)
    return None


def _header_cells(line: str, separator: str | None) -> list[str]:
    """Split a header line; names may hold spaces before a unit even where white space separates."""
    line = line.strip("\r\n").lstrip("#%")
    if separator is None:
        line = re.sub(r"\s+(?=[(\[/])|(?<=/)\s+", "", line.strip())
        cells = re.split(r"\s{2,}", line)
        return cells if len(cells) > 2 else split_cells(line, None)
    cells = split_cells(line, separator)
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _read_beside(layout: Layout, groups: Sequence[Sequence[int]]) -> list[Spectrum]:
    """Read a table with several spectra side by side; a title above the columns of each becomes a coordinate."""
    spectra = []
    for group in groups:
        title = next(filter(None, (title_above(layout, i) for i in group)), "")
        found = _read_long(cut_columns(layout, group))
        if title:
            found = [replace(s, notes=[note.replace(NOT_READ, _ONLY_TITLES) for note in s.notes]) for s in found]
        spectra += complete(found, known(title=title), [f"{len(groups)} spectra stand side by side"])
    return spectra


def _read_long(layout: Layout) -> list[Spectrum]:
    """Read a table with one point a row."""
    names = list(layout.names)
    columns, notes = understand_all(names)
    start, units = _first_data_line(layout, columns["frequency"].index)
    if units:
        for column in columns.values():
            unit = units[column.index].strip() if column.index < len(units) else ""
            if not column.has_unit and parse_unit(unit):
                names[column.index] = f"{column.name} ({unit})"
        columns, notes = understand_all(names)
        if not hold_impedance(columns):
            raise UnreadableFile(
                f"{layout.path}, line {start}: these units do not fit their columns: {', '.join(names)}"
            )
    if any(line.strip() for line in layout.lines[: layout.start - 1]):
        notes.insert(0, f"the header is line {layout.start}; {NOT_READ}")
    if sum(bool(line.strip()) for line in layout.lines[layout.start : start]) > (units is not None):
        notes.append(f"nothing between the header and line {start + 1} was read" + (" but the units" if units else ""))
    table = build_table(replace(layout, start=start, names=names), required_columns(columns))
    return spectra_from_table(table, columns, notes)


def _first_data_line(layout: Layout, frequency: int) -> tuple[int, list[str] | None]:
    """Return where the data begin, and the cells of the line between (of three at most) that holds units."""
    units = None
    for index in range(layout.start, min(layout.start + 4, len(layout.lines))):
        cells = split_cells(layout.lines[index], layout.separator)
        if len(cells) > frequency and looks_like_number(cells[frequency]):
            return index, units
        if units is None and len(cells) > frequency and parse_unit(cells[frequency]):
            units = cells
    return layout.start, None


def _read_wide(layout: Layout, wide: WideColumns) -> list[Spectrum]:
    """Read a table with one spectrum a row; the other columns become coordinates."""
    pairs = [*wide.re, *wide.im]
    table = build_table(layout, [column.index for column in pairs], sparse=True)
    values = np.array([table.numbers(column.index) * column.factor for column in pairs])
    blank = np.array([[not cell for cell in table.text(column.index)] for column in pairs])
    half = len(wide.re)
    Z, measured = as_complex(values[:half], values[half:]).T, ~(blank[:half] & blank[half:]).T
    frequency = np.array(wide.frequency)
    notes = [f"each row is a spectrum; {half} frequencies from the column names", *table.notes]
    notes += [f"column {name!r} not read: real or imaginary part is missing" for name in wide.unpaired]
    notes += unit_notes({column.name: column for column in pairs})
    if (frequency == 0).any():
        notes.append("dropped the columns at 0 Hz (DC)")
        measured &= frequency != 0
    coordinates = _coordinates(table, wide.others)
    return [
        Spectrum(
            frequency[measured[row]],
            Z[row, measured[row]],
            coordinates={name: column[row] for name, column in coordinates.items()},
            notes=notes,
        )
        for row in range(len(Z))
    ]


def _coordinates(table: Table, indices: Sequence[int]) -> dict[str, list[float] | list[str]]:
    """Turn named columns into coordinates [row]; blank columns and row counters without a name are left out."""
    coordinates: dict[str, list[float] | list[str]] = {}
    for index in indices:
        name = table.names[index].strip()
        texts = table.text(index)
        if not name or not any(texts):
            continue
        numbers = table.numbers_or_none(index)
        name, factor = coordinate_of(name) if numbers is not None else (name, 1.0)
        coordinates[name] = texts if numbers is None else (numbers * factor).tolist()
    return coordinates


def _read_headerless(path: Path, lines: Sequence[str]) -> list[Spectrum]:
    """Read three columns of numbers, or say what was found instead."""
    start = next((i for i, line in enumerate(lines) if line.strip() and line.lstrip()[0] not in "#%"), len(lines))
    if start == len(lines):
        raise UnreadableFile(f"{path}: there are only blank or comment lines in it")
    for separator in _SEPARATORS:
        if _width_of_numbers(lines[start], separator) == 3:
            break
    else:
        raise UnreadableFile(f"{path}: {_what_was_found(lines, start)}; {_WHAT_IS_NEEDED}")
    table = build_table(Layout(path, lines, start, separator, list(_HEADERLESS)), [0, 1, 2])
    if (table.numbers(0) < 0).any():
        raise UnreadableFile(f"{path}: without a header column 1 must be frequency, but it has negative values")
    note = f"no header: the columns were taken as {', '.join(_HEADERLESS)} with its true sign"
    return spectra_from_table(table, understand_all(table.names)[0], [note])


def _width_of_numbers(line: str, separator: str | None) -> int:
    """Return how many numbers a line holds, 0 if it holds anything else."""
    cells = split_cells(line, separator)
    while cells and not cells[-1].strip():
        cells.pop()
    try:
        return 0 if any(np.isnan(to_number(cell, ",")) for cell in cells) else len(cells)
    except ValueError:
        return 0


def _what_was_found(lines: Sequence[str], start: int) -> str:
    """Describe the table that holds no impedance, as far as one can be seen."""
    for separator in _SEPARATORS:
        width = _width_of_numbers(lines[start], separator)
        if width:
            return f"no header line, and {width} column(s) of numbers from line {start + 1} on"
    for number, (line, following) in enumerate(itertools.pairwise(lines[start : start + 1000]), start + 1):
        for separator in _SEPARATORS[:3]:
            names = _header_cells(line, separator)
            if len(names) < 2 or len(names) > len(split_cells(following, separator)) or not re.search(r"\d", following):
                continue
            if _width_of_numbers(line, separator):
                return f"{len(names)} columns of numbers from line {number} on, without a header of as many names"
            more = f" and {len(names) - 12} more" if len(names) > 12 else ""
            return f"line {number} has the columns {', '.join(repr(name.strip()) for name in names[:12])}{more}"
    return "no table in it"


def _recognizes(path: Path, head: bytes) -> bool:
    text = decode_head(head)
    if not text or path.suffix.lower() in READER.suffixes:
        return bool(text)
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] not in "#%"]
    if lines and 3 in (_width_of_numbers(lines[0], separator) for separator in _SEPARATORS):
        return True  # under whatever name
    return any(_MAY_BE_HEADER.search(line) and _understand_header(line) for line in lines)


READER = Reader(
    name="delimited",
    suffixes=(".csv", ".tsv", ".txt", ".dat"),
    description="delimited text with named columns, or frequency, Z', Z'' without a header",
    recognizes=_recognizes,
    read=read_delimited,
)
