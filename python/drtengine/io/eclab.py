"""BioLogic EC-Lab (and BT-Lab) text: .mpt with its header block, and plain tables exported from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import UnreadableFile
from ..spectrum import Spectrum
from .columns import hold_impedance, required_columns, understand_all
from .metadata import Coordinate, known, named_values, number, parse_date
from .registry import Reader
from .sweeps import spectra_from_table
from .text import Layout, build_table, decode_head, read_lines

_FIRST_LINE = re.compile(r"(EC|BT)-Lab ASCII FILE")
_HEADER_LENGTH = re.compile(r"Nb header lines\s*:\s*(\d+)")
_NOT_TYPED = (0.0, 0.001)
_BARE_COLUMNS = ("time/s", "cycle number", "freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm", "|Z|/Ohm", "Phase(Z)/deg")


def read_eclab(path: Path) -> list[Spectrum]:
    """Read the spectra of an EC-Lab text file, one per cycle and sweep.

    The header block may be missing, and even the line of column names if the seven columns are time, cycle,
    frequency, Re, -Im, |Z| and phase, which modulus and phase prove. Coordinates: cycle, time (s, start of
    the sweep), voltage (V) and current (A) as means over the sweep where the file has them; date (the start of the
    sweep by the computer's clock), area (cm²) and comment from the header.

    Raises
    ------
    UnreadableFile
        If the header is broken, the columns hold no impedance, or a line cannot be read.
    """
    lines = read_lines(path)
    notes = []
    if _FIRST_LINE.match(lines[0]):
        start = _header_lines(path, lines)
        names = lines[start - 1].split("\t")
    elif _are_bare_columns(lines[0]):
        start, names = 0, list(_BARE_COLUMNS)
        notes.append(f"no header: columns taken as {', '.join(names)}, which modulus and phase confirm")
    else:
        start, names = 1, lines[0].split("\t")
    while names and not names[-1].strip():
        names.pop()
    columns, remarks = understand_all(names)
    if not hold_impedance(columns):
        technique = f" ({lines[3].strip()})" if start > 3 else ""
        found = ", ".join(repr(name.strip()) for name in names[:12])
        raise UnreadableFile(
            f"{path}, line {start}: no impedance in this EC-Lab file{technique}; it has the columns {found}, "
            "needed are freq/Hz, Re(Z)/Ohm and -Im(Z)/Ohm"
        )
    table = build_table(Layout(path, lines, start, "\t", names), required_columns(columns))
    spectra = spectra_from_table(table, columns, notes + remarks)
    header = named_values(lines[: start - 1], " : ")
    begin = parse_date(header.get("Acquisition started on", ""), month_first=True)[0]  # so in every language
    return [replace(s, coordinates={**_coordinates(header, begin, s), **s.coordinates}) for s in spectra]


def _coordinates(header: Mapping[str, str], begin: np.datetime64 | None, spectrum: Spectrum) -> dict[str, Coordinate]:
    """Collect what the header says; the area that EC-Lab writes where nobody typed one does not count."""
    area, time = number(header.get("Electrode surface area")), spectrum.coordinates.get("time", 0.0)
    date = None if begin is None else begin + np.timedelta64(round(float(time) * 1e6), "us")
    return known(date=date, area=None if area in _NOT_TYPED else area, comment=header.get("Comments"))


def _header_lines(path: Path, lines: Sequence[str]) -> int:
    """Return how many lines the header has; the last of them names the columns."""
    match = next((m for m in map(_HEADER_LENGTH.match, lines[:10]) if m), None)
    if match is None:
        raise UnreadableFile(f"{path}, line 2: 'Nb header lines : <n>' is missing; export the file again")
    count = int(match[1])
    if not 3 <= count <= len(lines):
        raise UnreadableFile(f"{path}, line 2: {count} header lines announced, but the file has {len(lines)} lines")
    return count


def _are_bare_columns(line: str) -> bool:
    """Whether a line has the seven numbers of an EC-Lab impedance export, |Z| and phase agreeing with Re, -Im."""
    try:
        numbers = [float(cell.replace(",", ".")) for cell in line.split("\t")]
    except ValueError:
        return False
    if len(numbers) != len(_BARE_COLUMNS):
        return False
    _, _, frequency, re_, minus_im, modulus, phase = numbers
    misfit = abs(complex(re_, -minus_im) - modulus * np.exp(1j * np.deg2rad(phase)))
    return frequency > 0 and modulus > 0 and bool(misfit < 1e-3 * modulus)


def _recognizes(_path: Path, head: bytes) -> bool:
    line = re.split(r"[\r\n]", decode_head(head), maxsplit=1)[0]
    is_table = {"freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm"} <= {cell.strip() for cell in line.split("\t")}
    return is_table or bool(_FIRST_LINE.match(line)) or _are_bare_columns(line)


READER = Reader(
    name="eclab",
    suffixes=(".mpt", ".txt"),
    description="BioLogic EC-Lab text",
    recognizes=_recognizes,
    read=read_eclab,
)
