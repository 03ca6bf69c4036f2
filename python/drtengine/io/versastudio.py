"""Princeton Applied Research VersaStudio .par: sections like those of XML, the data in <Segment1>.

Lines "name=value" stand between <Section> and </Section>; in <Segment1> the line "Definition=..." names the
columns and the rows follow, comma separated; rows of other techniques than impedance have a frequency of 0.
What is stored is what the instrument measured before VersaStudio applies its calibration of phase and modulus,
which the file does not hold; tables exported by VersaStudio itself are calibrated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import UnreadableFile
from ..spectrum import Spectrum
from .columns import hold_impedance, required_columns, understand_all
from .metadata import Coordinate, complete, known, named_values, number, parse_date
from .registry import UNCALIBRATED, Reader
from .sweeps import spectra_from_table
from .text import Layout, build_table, decode_head, read_lines

_DATA = re.compile(r"<Segment\d+>")
_DEFINITION = "Definition="


def read_versastudio(path: Path) -> list[Spectrum]:
    """Read the spectra of a VersaStudio .par file, one per sweep, and note that they are not calibrated.

    Coordinates: time (s, as the file counts it), voltage (V) and current (A) as means over the sweep, amplitude
    (V), area (cm²), date and comment.

    Raises
    ------
    UnreadableFile
        If there is no segment with impedance, or a line cannot be read.
    """
    lines = read_lines(path)
    start = next((i for i, line in enumerate(lines) if _DATA.match(line.strip())), None)
    head = next((i for i, line in enumerate(lines) if line.startswith(_DEFINITION) and i > (start or 0)), None)
    if start is None or head is None:
        raise UnreadableFile(f"{path}: no <Segment1> with a line {_DEFINITION!r}; nothing was measured, or it was cut")
    end = next((i for i in range(head, len(lines)) if lines[i].startswith("</")), len(lines))
    names = lines[head].removeprefix(_DEFINITION).split(",")
    columns, notes = understand_all(names)
    if not hold_impedance(columns):
        raise UnreadableFile(f"{path}, line {head + 1}: no impedance; the columns are {', '.join(names[:12])}")
    table = build_table(Layout(path, lines[:end], head + 1, ",", names), required_columns(columns))
    coordinates, remarks = _header(lines[:start])
    return complete(spectra_from_table(table, columns, notes), coordinates, [*remarks, UNCALIBRATED])


def _header(lines: Sequence[str]) -> tuple[dict[str, Coordinate], list[str]]:
    """Collect coordinates from the lines of names and values."""
    values = named_values(lines, "=")
    date, notes = parse_date(f"{values.get('DateAcquired', '')} {values.get('TimeAcquired', '')}")
    millivolts = number(values.get("Amplitude (mV RMS)"))
    return known(
        date=date,
        amplitude=None if millivolts is None else millivolts / 1000,
        area=number(values.get("Working Electrode Area (cm2)")),
        comment=values.get("Comment"),
    ), notes


def _recognizes(_path: Path, head: bytes) -> bool:
    text = decode_head(head)
    return text.startswith("<Application>") and "Name=VersaStudio" in text[:400]


READER = Reader(
    name="versastudio",
    suffixes=(".par",),
    description="VersaStudio files, not calibrated",
    recognizes=_recognizes,
    read=read_versastudio,
)
