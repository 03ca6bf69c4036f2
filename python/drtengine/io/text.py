"""Text tables: bytes to lines, lines to cells, cells to numbers."""

from __future__ import annotations

import csv
import functools
import gzip
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import UnreadableFile
from ..spectrum import FloatArray

_GZIP = b"\x1f\x8b"
_BLANK = ' \t\xa0;,"'

_LIKE_A_NUMBER = re.compile(r"[-+]?[\d.,']*\d[\d.,']*(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)", re.IGNORECASE)


@functools.lru_cache(maxsize=1)  # every reader asks for the same head of a file
def decode_head(head: bytes) -> str:
    """Turn the first bytes of a file into text, "" if they are not text; a character cut at the end does not count."""
    return decode(head) or decode(head[:-3]) or ""


def decode(data: bytes) -> str | None:
    """Turn the bytes of a text file into text, or None if they are not text.

    UTF-8 with or without mark, UTF-16 with or without mark, else Latin-1. The minus sign U+2212 becomes "-".
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in data:
        # Latin letters and digits fill every second byte of UTF-16 with zeros
        zeros = data[0::2].count(0), data[1::2].count(0)
        if max(zeros) < 0.4 * len(data) or min(zeros) > 0:
            return None
        encoding = "utf-16-be" if zeros[0] else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8-sig":
            return None
        text = data.decode("latin-1")
    return text.replace("\u2212", "-")


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, whatever its encoding and line ends; also of one that gzip packed.

    Raises
    ------
    UnreadableFile
        If the file is not text.
    """
    data = path.read_bytes()
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFile(f"{path} was packed by gzip and is damaged: {error}") from None
    text = decode(data)
    if text is None:
        raise UnreadableFile(f"{path} is not a text file")
    for line_end in ("\r\r\n", "\r\n", "\r"):
        text = text.replace(line_end, "\n")
    return text.split("\n")


def split_cells(line: str, separator: str | None) -> list[str]:
    """Split a line at `separator`, or at white space if it is None; quoted cells lose their quotes."""
    if '"' not in line:
        return line.split(separator)
    if separator is None:
        return [cell.strip('"') for cell in line.split()]
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return line.split(separator)


def looks_like_number(cell: str) -> bool:
    """Whether a cell holds a number, be it with signs between thousands."""
    return bool(_LIKE_A_NUMBER.fullmatch(cell.strip()))


def to_number(cell: str, decimal: str = ".") -> float:
    """Return the number in a cell, NaN for a blank one; ValueError if it holds something else."""
    cell = cell.strip()
    return float(cell.replace(",", ".") if decimal == "," else cell) if cell else math.nan


@dataclass(frozen=True)
class Table:
    """The data rows of a text file, as cells.

    Parameters
    ----------
    path : Path
    names : list of str
        Column names as the file has them.
    cells : list of rows
    line_numbers : list of int
        Line of each row in the file, from 1.
    decimal : str
        "." or ",".
    notes : list of str
        What was dropped or guessed.
    """

    path: Path
    names: list[str]
    cells: list[list[str]]
    line_numbers: list[int]
    decimal: str
    notes: list[str]
    _parsed: dict[int, FloatArray] = field(default_factory=dict)

    def numbers(self, index: int) -> FloatArray:
        """Return column `index` [row], blank cells as NaN; ValueError or IndexError if it is not all numbers."""
        if index not in self._parsed:
            column = [row[index] for row in self.cells]
            if self.decimal == ",":
                column = [cell.replace(",", ".") for cell in column]
            try:
                self._parsed[index] = np.array([float(cell) for cell in column])
            except ValueError:
                self._parsed[index] = np.array([to_number(cell) for cell in column])
        return self._parsed[index]

    def numbers_or_none(self, index: int) -> FloatArray | None:
        """Like `numbers`, but None if the column holds something else than numbers, or nothing at all."""
        try:
            column = self.numbers(index)
        except (ValueError, IndexError):
            return None
        return None if np.isnan(column).all() else column

    def text(self, index: int) -> list[str]:
        """Return column `index` as stripped text [row], "" where a row is too short."""
        return [row[index].strip() if index < len(row) else "" for row in self.cells]


@dataclass(frozen=True)
class Layout:
    """Where a table stands in a text file.

    Parameters
    ----------
    path : Path
    lines : sequence of str
        All lines of the file.
    start : int
        Index of the line after the header.
    separator : str or None
        None for white space.
    names : list of str
        Column names as the file has them.
    """

    path: Path
    lines: Sequence[str]
    start: int
    separator: str | None
    names: list[str]


def build_table(layout: Layout, required: Sequence[int], *, sparse: bool = False) -> Table:
    """Cut the lines after the header into a table in which every required column holds numbers.

    Blank lines are skipped. Lines at the end that are no data rows (a footer, an aborted last row) are
    dropped and noted; anywhere else such a line is an error. Blank cells are read as NaN and noted; in the
    last row they mean that it was aborted, unless the table is `sparse`.

    Raises
    ------
    UnreadableFile
        If there is no data row, or a line cannot be read.
    """
    path, start = layout.path, layout.start
    numbered = [(number, line) for number, line in enumerate(layout.lines[start:], start + 1) if line.strip(_BLANK)]
    cells = [split_cells(line, layout.separator) for _, line in numbered]
    comma_cell = '"' if layout.separator == "," else ","  # without it no cell can hold a comma
    decimal, notes = ".", []
    if any(comma_cell in line or "'" in line for _, line in numbered):
        notes = _remove_thousands(cells, required)
        decimal = _decimal_sign(path, cells, required)
        if decimal == "," and _may_be_thousands(cells, required):
            notes.append("',' was taken as the decimal sign, but may stand between thousands: check the numbers")
    table = Table(path, layout.names, cells, [number for number, _ in numbered], decimal, notes)
    if cells and not _all_numbers(table, required):
        table = _without_footer(table, required, sparse)
    if not table.cells:
        raise UnreadableFile(f"{path}, line {start}: no data row follows the header")
    return table


def _remove_thousands(cells: list[list[str]], required: Sequence[int]) -> list[str]:
    """Take the signs between thousands out of the required columns where nothing else can be meant; return notes.

    "1,234.5", "1.234,5", "1,234,567" and "1'234" show such a sign; every other cell must agree with it.
    """
    column = [(row, i) for row in cells for i in required if i < len(row)]
    texts = [row[i].strip() for row, i in column]
    if not any("'" in t or ("," in t and "." in t) or t.count(",") > 1 or t.count(".") > 1 for t in texts):
        return []
    fitting = []
    for sign, decimal in ((",", "."), (".", ","), ("'", "."), ("'", ",")):
        number = re.compile(
            rf"[-+]?(?:\d+|\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+)?(?:{re.escape(decimal)}\d*)?(?:[eE][-+]?\d+)?"
        )
        if all(map(number.fullmatch, texts)):
            fitting.append(sign)
    if len({*fitting}) != 1:
        return []
    for (row, i), text in zip(column, texts, strict=True):
        row[i] = text.replace(fitting[0], "")
    return [f"{fitting[0]!r} between thousands was removed"]


def _decimal_sign(path: Path, cells: list[list[str]], required: Sequence[int]) -> str:
    """Find the decimal sign of the required columns; both signs in one table cannot be told from thousands."""
    found = {
        sign: any(
            sign in row[index] and _is_number(row[index]) for index in required for row in cells if index < len(row)
        )
        for sign in ".,"
    }
    if found["."] and found[","]:
        raise UnreadableFile(
            f"{path}: numbers hold both '.' and ','; save the file with one decimal sign and no thousands separator"
        )
    return "," if found[","] else "."


def _may_be_thousands(cells: list[list[str]], required: Sequence[int]) -> bool:
    """Whether every comma has three digits after it and the end of the number."""
    texts = [row[i].strip() for row in cells for i in required if i < len(row)]
    return all(re.fullmatch(r"[-+]?\d{1,3},\d{3}", text) for text in texts if "," in text)


def _is_number(cell: str) -> bool:
    try:
        to_number(cell, ",")
    except ValueError:
        return False
    return True


def _all_numbers(table: Table, required: Sequence[int]) -> bool:
    """Whether every row fits the header and every required cell is a number; the fast way."""
    if max(map(len, table.cells), default=0) > len(table.names):
        return False
    try:
        return not any(np.isnan(table.numbers(index)).any() for index in required)
    except (ValueError, IndexError):
        return False


def _without_footer(table: Table, required: Sequence[int], sparse: bool) -> Table:
    """Drop rows without any required number, and bad rows at the end; raise at a bad row before a good one."""
    reasons = [_why_unreadable(row, table, required) for row in table.cells]
    if not sparse and not reasons[-1] and not all(table.cells[-1][index].strip() for index in required):
        reasons[-1] = "a cell is blank"
    end = len(reasons)
    while end and reasons[end - 1]:
        end -= 1
    if end == 0:
        raise UnreadableFile(
            f"{table.path}, line {table.line_numbers[0]}: {reasons[0]}; no data row follows the header"
        )
    notes = [*table.notes]
    if end < len(reasons):
        count, first = len(reasons) - end, table.line_numbers[end]
        notes.append(f"dropped {count} line(s) at the end that are no data rows, from line {first} ({reasons[end]})")
    for number, reason in zip(table.line_numbers[:end], reasons, strict=False):
        if reason:
            raise UnreadableFile(f"{table.path}, line {number}: {reason}; correct or delete the line")
    rows = [i for i in range(end) if any(table.cells[i][index].strip() for index in required)]
    if len(rows) < end:
        notes.append(f"dropped {end - len(rows)} row(s) without frequency and impedance")
    blank = sum(not table.cells[i][index].strip() for i in rows for index in required)
    if blank:
        notes.append(f"{blank} blank cell(s) read as NaN")
    return Table(
        table.path,
        table.names,
        [table.cells[i] for i in rows],
        [table.line_numbers[i] for i in rows],
        table.decimal,
        notes,
    )


def _why_unreadable(row: list[str], table: Table, required: Sequence[int]) -> str:
    """Say why a row is no data row, or return "" if it is one."""
    if any(cell.strip() for cell in row[len(table.names) :]):
        hint = " (decimal commas need another separator than the comma)" if table.decimal == "." else ""
        return f"{len(row)} cells under {len(table.names)} column names{hint}"
    for index in required:
        if index >= len(row):
            return f"only {len(row)} of {len(table.names)} cells"
        try:
            to_number(row[index], table.decimal)
        except ValueError:
            return f"{table.names[index].strip()!r} is {row[index].strip()!r}, not a number"
    return ""
