"""CH Instruments text: a date, "A.C. Impedance", lines "name = value" and a table like any other.

The columns are Freq/Hz, Z'/ohm, Z"/ohm, Z/ohm, Phase/deg, comma separated.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ..spectrum import Spectrum
from .delimited import NOT_READ, spectra_of_lines
from .metadata import complete, known, named_values, number, parse_date
from .registry import Reader
from .text import decode_head, read_lines

_SECOND_LINE = re.compile(r"[^\r\n]*[\r\n]+A\.C\. Impedance")


def read_chinstruments(path: Path) -> list[Spectrum]:
    """Read the spectra of a CH Instruments text file.

    Coordinates: voltage (V), that of the start; amplitude (V), date and comment.

    Raises
    ------
    UnreadableFile
        If there is no table of impedance, or a line cannot be read.
    """
    lines = read_lines(path)
    values = named_values(lines[2:60], ":") | named_values(lines[2:60], "=")
    date, notes = parse_date(lines[0], month_first=True)
    comment = " ".join(filter(None, (values.get("Header"), values.get("Note"))))
    coordinates = known(
        date=date,
        voltage=number(values.get("Init E (V)")),
        amplitude=number(values.get("Amplitude (V)")),
        comment=comment,
    )
    spectra = spectra_of_lines(path, lines)
    spectra = [replace(s, notes=[note for note in s.notes if not note.endswith(NOT_READ)]) for s in spectra]
    return complete(spectra, coordinates, notes)


def _recognizes(_path: Path, head: bytes) -> bool:
    return bool(_SECOND_LINE.match(decode_head(head)))


READER = Reader(
    name="chinstruments",
    suffixes=(".txt", ".csv"),
    description="CH Instruments text",
    recognizes=_recognizes,
    read=read_chinstruments,
)
