"""Coordinates from a table or from file names: what the user says of spectra that their files do not."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..campaign import Campaign
from ..errors import InvalidInput
from ..places import listed
from .columns import coordinate_of, parse_unit, understand
from .text import read_lines, split_cells

if TYPE_CHECKING:
    import pandas as pd

CoordinateTable: TypeAlias = "str | os.PathLike[str] | pd.DataFrame | Mapping[str, ArrayLike]"
"""A path to a delimited text file, a table, or columns by name."""

_KEYS = ("file", "filename", "file name", "name", "spectrum")
_FIELD = re.compile(r"\{(?P<name>[^{}:]*)(?::(?P<kind>[^{}]*))?\}|(?P<any>\*+)")
_NUMERIC = ("voltage", "current", "temperature", "time", "cycle", "soc")
_KINDS = {
    "": r".+?",
    "d": r"[-+]?\d+",
    "f": r"[-+]?(?:\d+[.,p]\d+|\d+|[.,]\d+)(?:[eE][-+]?\d+)?",
}
"""Text, whole number, number; the decimal sign of a file name may be a comma or a "p"."""


def assign_pattern(campaign: Campaign, pattern: str, *, alone: bool = True) -> Campaign:
    """Take coordinates from the names of files, such as ``"{cell}_{voltage:f}V"`` from "A7_0.35V.mpt".

    Parameters
    ----------
    campaign : Campaign
        With a coordinate "file".
    pattern : str
        What the name of a file looks like, with or without its suffix: ``{name:f}`` is a number, ``{name:d}`` a
        whole number, ``{name}`` text, or a number if it is voltage, current, temperature, time, cycle or soc; ``*``
        is anything. A unit after a field or in its name is converted: ``{voltage}mV``, ``{voltage_mV}``.
    alone : bool
        Whether there is no more than this campaign, so that some file must have such a name.

    Raises
    ------
    InvalidInput
        If the pattern makes no sense, or no file has such a name.
    """
    expression, fields = _compile(pattern)
    files = _files(campaign)
    matches = [_match(expression, file) for file in files]
    if alone and not any(matches):
        raise InvalidInput(f"pattern {pattern!r} fits no file name; the first is {files[0]!r}")
    notes = []
    strangers = list(dict.fromkeys(file for file, match in zip(files, matches, strict=True) if match is None))
    if strangers:
        notes.append(f"the pattern {pattern!r} does not fit {len(strangers)} file name(s): {listed(strangers)}")
    columns: dict[str, NDArray[Any]] = {}
    for group, field in enumerate(fields, 1):
        texts = [match[group] if match else "" for match in matches]
        columns[field.name] = _numbers(texts) * field.factor if field.kind else np.array(texts)
        if field.factor != 1:
            notes.append(f"{field.name!r} of the file names multiplied by {field.factor:g}, for the unit after it")
    return _assign(campaign, columns, np.array([m is not None for m in matches]), "the file name", notes)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that makes no sense; see `assign_pattern`."""
    _compile(pattern)


def _match(expression: re.Pattern[str], file: str) -> re.Match[str] | None:
    return expression.fullmatch(Path(file).stem) or expression.fullmatch(file)


def assign_table(campaign: Campaign, table: CoordinateTable) -> Campaign:
    """Take coordinates from a table with a row for each file or spectrum.

    Parameters
    ----------
    campaign : Campaign
        With a coordinate "file".
    table : path, DataFrame or mapping of str to array_like, shape [row]
        One column, called "file" (or "name", or else the first), tells whom a row is for: the name of a spectrum
        such as "cell#3", or of a file, with or without its suffix. The others are coordinates; units in their
        names are converted to V, A, s and °C: "voltage (mV)".

    Raises
    ------
    InvalidInput
        If the table cannot be read, names something twice, or nothing of the campaign.
    """
    return CoordinateRows.of(table).assign(campaign)


@dataclass(frozen=True, eq=False)
class CoordinateRows:
    """A table of coordinates.

    Attributes
    ----------
    what : str
        What it is called.
    key : str
        Name of the column that tells whom a row is for.
    names : list of str, [row]
        Names of spectra or of files, with or without suffix.
    columns : dict of str to ndarray, [row]
    """

    what: str
    key: str
    names: Sequence[str]
    columns: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, table: CoordinateTable) -> CoordinateRows:
        """Read or take a table; see `assign_table`."""
        what = f"the table {Path(table).name}" if isinstance(table, str | os.PathLike) else "the table"
        columns = _read_table(Path(table)) if isinstance(table, str | os.PathLike) else _as_columns(table)
        key = next((name for name in columns if name.strip().lower() in _KEYS), next(iter(columns), None))
        if key is None or len(columns) < 2:
            raise InvalidInput(
                f"{what} needs a column that names files and at least one of coordinates, got {[*columns]}"
            )
        names = [str(value) for value in columns.pop(key)]
        twice = sorted({name for name in names if names.count(name) > 1}) if len({*names}) < len(names) else []
        if twice:
            raise InvalidInput(f"{what} names {listed(twice)} more than once in its column {key!r}")
        return cls(what, key, names, columns)

    def take(self, rows: Sequence[int]) -> CoordinateRows:
        """Give some of the rows."""
        index = np.asarray(rows, dtype=np.intp)
        columns = {name: values[index] for name, values in self.columns.items()}
        return CoordinateRows(self.what, self.key, [self.names[row] for row in rows], columns)

    def assign(self, campaign: Campaign, *, alone: bool = True) -> Campaign:
        """Put what the table says over the coordinates; `alone` if its rows speak of no other campaign."""
        row_of = {name: row for row, name in enumerate(self.names)}
        files = _files(campaign)
        candidates = [(campaign.label(i), file, Path(file).stem) for i, file in enumerate(files)]
        rows = [next((row_of[name] for name in names if name in row_of), None) for names in candidates]
        known = np.array([row is not None for row in rows])
        if alone and not known.any():
            raise InvalidInput(
                f"{self.what} names none of the files; it has {self.names[0]!r}, the first file is {files[0]!r}"
            )
        notes = []
        used = {*rows}
        unused = [name for row, name in enumerate(self.names) if row not in used]
        if alone and unused:
            notes.append(self.without_files(unused))
        without = list(dict.fromkeys(file for file, row in zip(files, rows, strict=True) if row is None))
        if without:
            notes.append(f"{self.what} says nothing of {len(without)} file(s): {listed(without)}")
        if not known.any():
            return replace(campaign, notes=[*campaign.notes, *notes])
        index = np.array([row or 0 for row in rows])
        columns = {name: values[index] for name, values in self.columns.items()}
        return _assign(campaign, columns, known, self.what, notes)

    def without_files(self, names: Sequence[str]) -> str:
        """Say that some of the rows are for nothing that was read."""
        return f"{self.what} has {len(names)} row(s) for files that were not read: {listed(names)}"


def _files(campaign: Campaign) -> list[str]:
    if "file" not in campaign.coordinates:
        raise InvalidInput("coordinates are assigned by file, but the campaign has no coordinate 'file'")
    return [str(file) for file in campaign.coordinates["file"]]


@dataclass(frozen=True)
class _Field:
    """A field of a pattern: its name, one of `_KINDS`, and the factor to V, A, s or °C of the unit after it."""

    name: str
    kind: str
    factor: float


def _compile(pattern: str) -> tuple[re.Pattern[str], list[_Field]]:
    """Turn a pattern into a regular expression and its fields."""
    if not isinstance(pattern, str):
        raise InvalidInput(f"pattern must be text such as '{{cell}}_{{voltage:f}}V', got {pattern!r}")
    fields: list[_Field] = []
    expression, at = "", 0
    for match in _FIELD.finditer(pattern):
        expression += re.escape(pattern[at : match.start()])
        at = match.end()
        if match["any"]:
            expression += ".*?"
            continue
        name, kind = match["name"].strip(), match["kind"] or ""
        if not name or kind not in _KINDS or name in [field.name for field in fields]:
            raise InvalidInput(
                f"pattern {pattern!r}: {match[0]} is not {{name}} (text), {{name:f}} (number) or {{name:d}} (whole "
                "number) with a name of its own"
            )
        kind = kind or ("f" if coordinate_of(name)[0] in _NUMERIC else "")
        fields.append(_Field(name, kind, _factor_after(name, pattern[at:]) if kind else 1.0))
        expression += f"({_KINDS[kind]})"
    rest = pattern[at:]
    if not fields or "{" in expression.replace(r"\{", "{") + rest or "}" in rest:
        raise InvalidInput(f"pattern {pattern!r} needs fields such as {{cell}} or {{voltage:f}}, with both braces")
    return re.compile(expression + re.escape(rest), re.IGNORECASE), fields


def _factor_after(name: str, rest: str) -> float:
    """Return the factor of the unit that follows a field, such as mV in "{voltage}mV_01"; 1 if there is none."""
    unit = parse_unit(re.split(r"[^A-Za-zµμ°]", rest, maxsplit=1)[0])
    column = understand(name)
    fits = column is not None and not column.has_unit and unit is not None and unit[0] == column.quantity
    return unit[1] if fits and unit is not None else 1.0


def _assign(
    campaign: Campaign, columns: Mapping[str, NDArray[Any]], known: NDArray[np.bool_], what: str, notes: list[str]
) -> Campaign:
    """Put columns [spectrum] over the coordinates where they are `known`; tell where they replace something else."""
    table = dict(campaign.coordinates)
    for given, column in columns.items():
        name, factor = coordinate_of(given)
        values = column * factor if column.dtype.kind in "fiu" else column
        here = known & ~_blank(values)
        before = table.get(name)
        if before is None or before.dtype.kind != values.dtype.kind:
            if before is not None:
                notes.append(f"coordinate {name!r} of the files was replaced by that of {what}")
            before = np.full(len(campaign), _unknown(values), dtype=values.dtype)
        clash = here & ~_blank(before) & ~_same(before, values)
        if clash.any():
            first = int(np.flatnonzero(clash)[0])
            notes.append(
                f"coordinate {name!r} of {clash.sum()} spectra is another in {what} than in the file and was taken "
                f"from there: {campaign.label(first)}: {_short(values[first])} instead of {_short(before[first])}"
            )
        table[name] = np.where(here, values, before)
    return Campaign(
        campaign.frequency,
        campaign.Z,
        table,
        campaign.names,
        campaign.point_time,
        sources=campaign.sources,
        notes=[*campaign.notes, *notes],
    )


def _blank(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(values == "" if values.dtype.kind == "U" else np.isnan(values))


def _unknown(values: NDArray[Any]) -> Any:
    return {"U": "", "M": np.datetime64("NaT")}.get(values.dtype.kind, np.nan)


def _same(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    return np.isclose(a, b, rtol=1e-9, atol=0) if a.dtype.kind == "f" else np.asarray(a == b)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(str(value))


def _read_table(path: Path) -> dict[str, NDArray[Any]]:
    """Read a delimited text with a header line into columns of numbers or text."""
    try:
        lines = [line for line in read_lines(path) if line.strip(" \t,;")]
    except OSError as error:
        raise InvalidInput(f"{path} cannot be opened: {error.strerror or error}") from error
    if len(lines) < 2:
        raise InvalidInput(f"{path}: a table of coordinates needs a header line and at least one row")
    separator = max("\t;,", key=lines[0].count)
    names = [name.strip() for name in split_cells(lines[0], separator)]
    rows = [[cell.strip() for cell in split_cells(line, separator)] for line in lines[1:]]
    for number, row in enumerate(rows, 2):
        if len(row) > len(names) and any(row[len(names) :]):
            raise InvalidInput(f"{path}, row {number}: {len(row)} cells under {len(names)} column names")
    texts = {name: [row[i] if i < len(row) else "" for row in rows] for i, name in enumerate(names) if name}
    return {name: _numbers_or_text(column) for name, column in texts.items()}


def _as_columns(table: Any) -> dict[str, NDArray[Any]]:
    """Check a table in memory and make arrays of numbers, text or times of its columns."""
    try:
        columns = {str(name): np.asarray(table[name]) for name in table}
    except (TypeError, KeyError, IndexError) as error:
        raise InvalidInput(f"coordinates must be a path, a DataFrame or columns by name, got {table!r}") from error
    lengths = {column.shape for column in columns.values()}
    if len(lengths) > 1 or any(len(shape) != 1 or shape == (0,) for shape in lengths):
        raise InvalidInput(f"the columns of coordinates must have one length, got {[*lengths]}")
    return {name: _plain(column) for name, column in columns.items()}


def _plain(column: NDArray[Any]) -> NDArray[Any]:
    """Numbers as float64, times as they are, all else as numbers or text; None and NaN among text are blank."""
    if column.dtype.kind in "iufb":
        return column.astype(np.float64)
    if column.dtype.kind == "M":
        return column
    texts = ["" if value is None or str(value).lower() in ("nan", "nat", "<na>") else str(value) for value in column]
    return _numbers_or_text(texts)


def _numbers_or_text(texts: Sequence[str]) -> NDArray[Any]:
    try:
        return _numbers(texts)
    except ValueError:
        return np.array(texts)


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Numbers of texts, NaN for blank ones; ValueError if one is something else."""
    return np.array([float(re.sub("[,p]", ".", text)) if text else np.nan for text in texts])
