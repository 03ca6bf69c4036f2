"""Gamry Framework .DTA: text with a table ZCURVE for each spectrum.

The first line is EXPLAIN. Lines of "NAME <tab> KIND <tab> value..." follow, among them DATE, TIME, AREA (cm²),
VDC or IDC, NOTES (with the number of note lines, which begin with a tab), and tables: a line
"ZCURVE <tab> TABLE [<tab> rows]", a line of column names, one of units, and rows, all of which begin with a tab.
Decimal sign and the order of a date are those of the computer that wrote the file. After an aborted run the line
EXPERIMENTABORTED follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UnreadableFile
from ..spectrum import Spectrum
from .columns import hold_impedance, required_columns, understand_all
from .metadata import Coordinate, complete, known, number, parse_date
from .registry import Reader
from .sweeps import spectra_from_table
from .text import Layout, build_table, decode_head, read_lines

_TABLE = "ZCURVE"
_ABORTED = "EXPERIMENTABORTED"


def read_gamry(path: Path) -> list[Spectrum]:
    """Read the spectra of a Gamry .DTA file, one per ZCURVE and sweep.

    Coordinates: time (s, as the file counts it), voltage (V) and current (A) as means over the sweep, else those
    set; area (cm²), date and comment.

    Raises
    ------
    UnreadableFile
        If there is no table ZCURVE with rows, or a line cannot be read.
    """
    lines = read_lines(path)
    heads = [i for i, line in enumerate(lines) if line.startswith(_TABLE)]
    if not heads:
        title = next((line.split("\t")[2] for line in lines if line.startswith("TITLE\t") and line.count("\t") > 1), "")
        raise UnreadableFile(f"{path}: no table {_TABLE} in this Gamry file{f' ({title})' if title else ''}")
    spectra = [spectrum for head in heads for spectrum in _curve(path, lines, head)]
    if not spectra:
        raise UnreadableFile(f"{path}, line {heads[0] + 1}: no row follows {_TABLE}; the run was aborted at its start")
    return complete(spectra, *_header(lines, heads[0]))


def _curve(path: Path, lines: Sequence[str], head: int) -> list[Spectrum]:
    """Read the table whose name stands in line `head`; none if it has no rows."""
    end = next((i for i in range(head + 1, len(lines)) if not lines[i].startswith("\t")), len(lines))
    names = [name.strip() for name in lines[head + 1].split("\t")] if end > head + 1 else []
    units = [unit.strip() for unit in lines[head + 2].split("\t")] if end > head + 2 else []
    while names and not names[-1]:
        names.pop()
    with_units = [f"{n} ({u})" if n and u else n for n, u in zip(names, [*units, *names], strict=False)]
    columns, notes = understand_all(with_units)
    if not hold_impedance(columns):
        columns, notes = understand_all(names)
    if not hold_impedance(columns):
        raise UnreadableFile(
            f"{path}, line {head + 2}: {_TABLE} has the columns {', '.join(filter(None, names))}; needed are Freq, "
            "Zreal and Zimag"
        )
    if end <= head + 3:
        return []
    table = build_table(Layout(path, lines[:end], head + 3, "\t", with_units), required_columns(columns))
    announced = number("".join(lines[head].split("\t")[2:3]))
    if announced and announced != len(table.cells):
        notes.append(f"{len(table.cells)} of {announced:g} announced points are there")
    return spectra_from_table(table, columns, notes)


def _header(lines: Sequence[str], end: int) -> tuple[dict[str, Coordinate], list[str]]:
    """Collect coordinates and notes from the lines of names and values."""
    values: dict[str, str] = {}
    comment: list[str] = []
    for i, line in enumerate(lines[:end]):
        name, _, value, *_ = [*line.split("\t"), "", ""]
        if name == "NOTES":
            count = int(number(value) or 0)
            comment = [note.strip() for note in lines[i + 1 : i + 1 + count] if note.startswith("\t")]
        elif name:
            values.setdefault(name, value)
    date, notes = parse_date(f"{values.get('DATE', '')} {values.get('TIME', '')}")
    if any(line.startswith(_ABORTED) for line in lines):
        notes.append("the run was aborted")
    coordinates = known(
        date=date,
        voltage=number(values.get("VDC")),
        current=number(values.get("IDC")),
        area=number(values.get("AREA")),
        comment=" ".join(filter(None, comment)),
    )
    return coordinates, notes


def _recognizes(path: Path, head: bytes) -> bool:
    text = decode_head(head)
    return text.startswith("EXPLAIN") and (path.suffix.lower() == ".dta" or "\nTAG" in text[:40])


READER = Reader(
    name="gamry",
    suffixes=(".dta",),
    description="Gamry Framework files",
    recognizes=_recognizes,
    read=read_gamry,
)
