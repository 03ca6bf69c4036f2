"""Scribner ZPlot .z, and the Z60W files that Autolab's FRA software exports: nine columns under a header.

The older layout begins with '"ZPlotW Data File: ...' or '"Z60W Data File: ...'; then free lines, among them date
and open-circuit potential; the number of points; the column names in quotes; rows, comma separated. The newer one
begins with "ZPLOT2 ASCII"; lines "Name: value" up to "End Comments", among them "Data Points: n" and the column
names; rows, tab separated. The columns are always frequency (Hz), amplitude and bias (V, or A under current
control), time (s), Z', Z'' (ohm, true sign), group delay, error and range.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import UnreadableFile
from ..spectrum import Spectrum
from .columns import required_columns, understand_all
from .metadata import Coordinate, complete, known, number, parse_date
from .registry import Reader
from .sweeps import spectra_from_table
from .text import Layout, build_table, decode_head, read_lines

_FIRST_LINE = re.compile(r'"?(ZPLOT2 ASCII|(ZPlotW|Z60W) Data File)')
_COLUMNS = ("Freq(Hz)", "Amplitude", "Bias", "Time(Sec)", "Z' (ohm)", "Z'' (ohm)", "GD", "Err", "Range")
_NAMES = re.compile(r'\s*"?\s*Freq ?\(Hz\)\s+Ampl\s', re.IGNORECASE)
_END = "End Comments"


def read_zplot(path: Path) -> list[Spectrum]:
    """Read the spectra of a ZPlot file, one per sweep.

    Coordinates: time (s, as the file counts it), bias and amplitude (V, or A under current control), the bias as
    it was set, be it against the reference or the open circuit; open_circuit (V), date, area (cm²) and comment.

    Raises
    ------
    UnreadableFile
        If the header has no end, or a line cannot be read.
    """
    lines = read_lines(path)
    names = next((i for i, line in enumerate(lines) if _NAMES.match(line)), None)
    end = next((i for i, line in enumerate(lines) if line.strip() == _END), names)
    if end is None:
        raise UnreadableFile(f"{path}: neither column names nor {_END!r}; the file was cut within its header")
    separator = "\t" if any("\t" in line for line in lines[end + 1 : end + 2]) else ","
    columns, notes = understand_all(_COLUMNS)
    table = build_table(Layout(path, lines, end + 1, separator, list(_COLUMNS)), required_columns(columns))
    header = "\n".join(lines[: end + 1])
    announced = number(_value(header, "Data Points")) or number(lines[end - 1] if end else "")
    if announced and announced != len(table.cells):
        notes.append(f"{len(table.cells)} of {announced:g} announced points are there")
    errors = table.numbers_or_none(_COLUMNS.index("Err"))
    if errors is not None and np.any(errors[~np.isnan(errors)]):
        notes.append(f"{np.count_nonzero(errors > 0)} point(s) are marked as faulty by the instrument (column Err)")
    coordinates, remarks = _coordinates(header, lines[:end])
    amplitude, bias, time = (table.numbers_or_none(_COLUMNS.index(n)) for n in ("Amplitude", "Bias", "Time(Sec)"))
    if amplitude is not None and amplitude.any():  # else neither is recorded
        coordinates["amplitude"] = float(np.nanmean(amplitude))
        if bias is not None:
            coordinates["bias"] = float(np.nanmean(bias))
    if time is not None and not time.any():
        del columns["time"]
    return complete(spectra_from_table(table, columns, notes), coordinates, remarks)


def _coordinates(header: str, lines: Sequence[str]) -> tuple[dict[str, Coordinate], list[str]]:
    """Collect what the header says."""
    date, notes = parse_date(f"{_value(header, 'Date')} {_value(header, 'Time')}")
    comment = re.search(r"Begin User Comments:.*?\n(.*?)\s*End User Comments:", header, re.DOTALL)
    free = [line for line in lines[3:6] if line.strip() and not line.startswith('"') and "Date:" not in line]
    return known(
        date=date,
        open_circuit=number(_value(header, r"Open Circuit Potential \(V\)")),
        area=number(_value(header, "Surface Area")),
        comment=comment[1].strip() if comment else " ".join(map(str.strip, free)) if '"' in header[:1] else None,
    ), notes


def _value(header: str, name: str) -> str:
    """Return what follows a name and a colon, up to the end of the line or a wide gap."""
    match = re.search(rf"{name}:[ \t]*(.*?)(?:\s{{3,}}|$)", header, re.MULTILINE)
    return match[1] if match else ""


def _recognizes(_path: Path, head: bytes) -> bool:
    return bool(_FIRST_LINE.match(decode_head(head)))


READER = Reader(
    name="zplot",
    suffixes=(".z", ".txt"),
    description="Scribner ZPlot files and Autolab's Z60W export",
    recognizes=_recognizes,
    read=read_zplot,
)
