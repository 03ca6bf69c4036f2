"""RelaxIS text export: spectra side by side, tab separated.

The first line is "RelaxIS <version> Spectrum export", the second the date of the export, the third names the
columns ("Data: Frequency", "Data: Z'", ...), five or so for each spectrum; the fourth holds, under the columns of
each spectrum, its data ("DC=-0.08, TM=33.7, J=-5E-6, ..."), its model and its title. Compared with the EC-Lab
file of the same measurement, DC is the mean potential (V), J the mean current (mA) and TM the mean time (s).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import UnreadableFile
from ..spectrum import Spectrum
from .beside import cut_columns, side_by_side
from .columns import hold_impedance, required_columns, understand_all
from .metadata import Coordinate, complete, known, number
from .registry import Reader
from .sweeps import spectra_from_table
from .text import Layout, build_table, decode_head, read_lines

_FIRST_LINE = re.compile(r"RelaxIS [\d.]+ Spectrum export")
_HEADER = 4


def read_relaxis(path: Path) -> list[Spectrum]:
    """Read the spectra of a RelaxIS text export.

    Coordinates: voltage (V), current (A), mean_time (s) and the title of each spectrum.

    Raises
    ------
    UnreadableFile
        If the columns hold no impedance, or a line cannot be read.
    """
    lines = read_lines(path)
    names = lines[2].split("\t") if len(lines) >= _HEADER else []
    groups = side_by_side(names) or [list(range(len(names)))]
    if not hold_impedance(understand_all([names[i] for i in groups[0]])[0]):
        raise UnreadableFile(f"{path}, line 3: these columns hold no impedance: {', '.join(names[:12])}")
    about = lines[_HEADER - 1].split("\t")
    spectra = []
    for group in groups:
        layout = cut_columns(Layout(path, lines, _HEADER, "\t", names), group)
        columns, notes = understand_all(layout.names)
        table = build_table(layout, required_columns(columns))
        coordinates = _coordinates([about[i] for i in group if i < len(about)])
        spectra += complete(spectra_from_table(table, columns, notes), coordinates)
    return spectra


def _coordinates(cells: Sequence[str]) -> dict[str, Coordinate]:
    """Read the cells above the data of one spectrum."""
    values = dict(re.findall(r"(\w+)=([-+.\deE]+)", cells[0] if cells else ""))
    milliamperes = number(values.get("J"))
    return known(
        voltage=number(values.get("DC")),
        current=None if milliamperes is None else milliamperes / 1000,
        mean_time=number(values.get("TM")),
        title=cells[2].strip() if len(cells) > 2 else None,
    )


def _recognizes(_path: Path, head: bytes) -> bool:
    return bool(_FIRST_LINE.match(decode_head(head)))


READER = Reader(
    name="relaxis",
    suffixes=(".txt",),
    description="RelaxIS text exports",
    recognizes=_recognizes,
    read=read_relaxis,
)
