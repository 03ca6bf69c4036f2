"""Zahner Thales .isc (cyclic voltammetry) and .isw (current and potential over time), big-endian binary files.

The layouts are those that the vendor publishes with its own importer (zahner_analysis, MIT licence):

.isc : 17 float64 settings; int48 n - 1; n int16 codes of the potential; n float64 current (A); twelve strings (int16
length, ASCII in swapped case) of which the last gives offset and factor of the codes, in V. Potential = code factor /
8000 + offset; the time of point i is settings[12] + i settings[15], in s; settings[6] is the scan rate in mV/s.

.isw : int48 version; int48; int48 n - 1; n times three float64: potential (mV), current (mA), time (ms).

No measured file of either kind was at hand: both are tested on files that the tests make from these layouts.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np

from ..errors import UnreadableFile
from ..spectrum import FloatArray
from .measured import Measured, TableReader
from .zahner import announced_points

_SETTINGS = 17
_SCAN_RATE, _FIRST_TIME, _TIME_STEP = 6, 12, 15
_CODES_AT = 8 * _SETTINGS + 6
_STRINGS = 12
_DATE, _TEMPERATURE, _CLOCK, _FIRST_COMMENT, _AREA, _SCALE = 0, 2, 3, 5, 10, 11
_SCALE_TEXT = re.compile(r"\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*PO.PF", re.IGNORECASE)
_CODES_PER_UNIT = 8000.0
_RATES_AGREE = 0.1
_LARGEST = 1e6
_ISW_AT = 18


def read_isc(path: Path) -> Measured:
    """Read a voltammogram of Zahner Thales.

    Raises
    ------
    UnreadableFile
        If the arrays are truncated or cannot be right; the message gives the byte. What is missing after them is
        noted.
    """
    data = path.read_bytes()
    count = announced_points(path, data, _CODES_AT, 10)
    settings = np.frombuffer(data, ">f8", _SETTINGS).astype(np.float64)
    codes = np.frombuffer(data, ">i2", count, _CODES_AT).astype(np.float64)
    current_at = _CODES_AT + 2 * count
    current = np.frombuffer(data, ">f8", count, current_at).astype(np.float64)
    _refuse_absurd(path, "current", current, current_at, 8)
    begin, step, rate = settings[[_FIRST_TIME, _TIME_STEP, _SCAN_RATE]].tolist()
    if not (0 < step < _LARGEST and abs(begin) < _LARGEST):
        raise UnreadableFile(
            f"{path}, byte {8 * _TIME_STEP}: {step:g} s from point to point, the first at {begin:g} s, cannot be; "
            "the file is corrupt"
        )
    notes: list[str] = []
    strings = _strings(data, current_at + 8 * count, notes)
    scale = _SCALE_TEXT.match(strings[_SCALE])
    if scale is None:
        notes.append("the file names no scale of the potential: 8000 codes were taken as 1 V")
    offset, factor = (_number(scale[1]), _number(scale[2])) if scale else (0.0, 1.0)
    if not (abs(offset) < _LARGEST and 0 < abs(factor) < _LARGEST):
        raise UnreadableFile(f"{path}: the scale of the potential, {strings[_SCALE]!r}, cannot be; the file is corrupt")
    time = begin + step * np.arange(count)
    table = {"time": time, "current": current, "voltage": codes * (factor / _CODES_PER_UNIT) + offset}
    if 0 < rate < _LARGEST:
        table["scan_rate"] = np.full(count, rate * 1e-3)
        notes += _doubt_rate(table["voltage"], step, rate * 1e-3)
    named = {"date": _DATE, "time": _CLOCK, "temperature": _TEMPERATURE, "area": _AREA}
    attributes: dict[str, str | float] = {name: strings[at].strip() for name, at in named.items()}
    attributes["comment"] = " ".join(text.strip() for text in strings[_FIRST_COMMENT:_AREA] if text.strip())
    attributes["technique"] = "CV"
    return Measured(table, notes, attributes={k: v for k, v in attributes.items() if v}, counts_on=True)


def read_isw(path: Path) -> Measured:
    """Read current and potential over time of Zahner Thales.

    Raises
    ------
    UnreadableFile
        If the array is truncated or cannot be right; the message gives the byte.
    """
    data = path.read_bytes()
    count = announced_points(path, data, _ISW_AT, 24)
    points = np.frombuffer(data, ">f8", 3 * count, _ISW_AT).reshape(count, 3).astype(np.float64)
    for column, name in enumerate(("potential", "current", "time")):
        _refuse_absurd(path, name, points[:, column], _ISW_AT + 8 * column, 24)
    voltage, current, time = points.T * 1e-3
    notes = ["potential, current and time multiplied by 0.001"]
    end = _ISW_AT + 24 * count
    if len(data) > end:
        notes.append(f"nothing was read from byte {end} on")
    return Measured({"time": time, "current": current, "voltage": voltage}, notes, counts_on=True)


def _refuse_absurd(path: Path, name: str, values: FloatArray, begin: int, stride: int) -> None:
    broken = np.flatnonzero(~(np.abs(values) < np.finfo(np.float32).max))
    if broken.size:
        point = int(broken[0])
        raise UnreadableFile(
            f"{path}, byte {begin + stride * point}: {name} of point {point + 1} is {values[point]:g}, which cannot "
            "be; the file is corrupt"
        )


def _strings(data: bytes, at: int, notes: list[str]) -> list[str]:
    """Read the twelve strings; those that are missing or broken are empty, and this is noted."""
    strings = []
    for _ in range(_STRINGS):
        (length,) = struct.unpack_from(">h", data, at) if at + 2 <= len(data) else (-1,)
        if not 0 <= length <= len(data) - at - 2:
            notes.append(f"header incomplete or broken from byte {at} on; what could be read of it was used")
            break
        strings.append(data[at + 2 : at + 2 + length].decode("latin-1").swapcase())
        at += 2 + length
    return strings + [""] * (_STRINGS - len(strings))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _doubt_rate(voltage: FloatArray, step: float, rate: float) -> list[str]:
    """Note where the scan rate in the header is not that of the points."""
    moves = np.abs(np.diff(voltage))
    moves = moves[moves > 0]
    if moves.size == 0:
        return []
    measured = float(np.median(moves)) / step
    if abs(measured / rate - 1) < _RATES_AGREE:
        return []
    return [f"the header gives a scan rate of {rate:g} V/s, the points {measured:.3g} V/s (half of them, median)"]


def _read(path: Path) -> Measured:
    return read_isc(path) if path.suffix.lower() == ".isc" else read_isw(path)


READER = TableReader("zahner", lambda path, _head: path.suffix.lower() in (".isc", ".isw"), _read)
