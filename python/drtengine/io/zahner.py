"""Zahner Thales .ism: one spectrum in a big-endian binary file.

The layout, in order: int48 version; int48 n - 1; n float64 each of frequency (Hz), modulus (ohm), phase (rad)
and time (s since 1980-01-01, the instrument's clock); n int16 significance; twelve strings (int16 length, ASCII
in swapped case, units too: "1.825Na" is nA); int16 acquisition flag; 32 float64 settings; and, not in every
file, n pairs of float64 DC potential (V) and current (A). Old versions may end after the arrays.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableFile
from ..spectrum import FloatArray, Spectrum
from .columns import PREFIXES
from .registry import Reader

_ARRAYS_AT = 12
_BYTES_A_POINT = 4 * 8 + 2
_STRINGS = 12
_SETTINGS = 32
_AMPLITUDE = 25
_SECONDS_1970_TO_1980 = 315_532_800
_LONGEST = 1e11  # s
_AREA = re.compile(r"\s*(\d+(?:\.\d*)?(?:e[-+]?\d+)?)\s*cm", re.IGNORECASE)
_NAME_CLASH = 0.005
"""A DC potential may differ by so many volts from the one in the file name before it is reported."""


@dataclass
class _Header:
    """What follows the arrays, as far as it is there."""

    potential: str = ""
    current: str = ""
    temperature: str = ""
    comment: str = ""
    area: str = ""
    amplitude: float | None = None
    dc: FloatArray | None = None
    notes: list[str] = field(default_factory=list)


def read_zahner(path: Path) -> list[Spectrum]:
    """Read the spectrum of a Zahner .ism file.

    Only the points between the highest and the lowest frequency are kept: what comes before is the lead-in
    of the sweep, measured twice. Coordinates: voltage (V) and current (A), the means of the recorded DC
    values or else those of the header; temperature (°C) if a sensor gave one; amplitude (V, or A in
    galvanostatic mode); time, the start in s since 1970-01-01 by the instrument's clock (its time zone is
    not recorded), and date, the same; area (cm²) and comment where somebody gave them. `point_time` is in the
    seconds of "time". The header wins over the file name.

    Raises
    ------
    UnreadableFile
        If the arrays are truncated or cannot be right; the message gives the byte. A broken header is noted.
    """
    data = path.read_bytes()
    frequency, modulus, phase, seconds = _arrays(path, data)
    header = _header(data, frequency.size)
    first, last = sorted((int(frequency.argmin()), int(frequency.argmax())))
    kept = slice(first, last + 1)
    notes = header.notes
    if last - first + 1 < frequency.size:
        notes.append(
            f"kept points {first + 1} to {last + 1} of {frequency.size}, from one end of the frequency range to the "
            "other; the rest is the overlap at the start"
        )
    point_time = np.where(np.isfinite(seconds), seconds, np.nan)[kept] + _SECONDS_1970_TO_1980
    if not np.isfinite(point_time).all():
        notes.append("the times of the points are broken and were not read")
    return [
        Spectrum(
            frequency[kept],
            (modulus * np.exp(1j * phase))[kept],
            coordinates=_coordinates(path, header, kept, point_time),
            point_time=point_time if np.isfinite(point_time).all() else None,
            notes=notes,
        )
    ]


def announced_points(path: Path, data: bytes, begin: int, width: int) -> int:
    """Return the number of points, whose int48 n - 1 ends at byte `begin`, after checking that so many are there.

    Raises
    ------
    UnreadableFile
        If the file ends before, or holds fewer points of `width` bytes.
    """
    if len(data) < begin:
        raise UnreadableFile(f"{path}, byte {len(data)}: the file ends within its first {begin} bytes")
    count, at = int.from_bytes(data[begin - 6 : begin], "big", signed=True) + 1, begin - 6
    available = (len(data) - begin) // width
    kind = path.suffix.lower()
    if count < 1:
        raise UnreadableFile(f"{path}, byte {at}: {count} points announced; this is no {kind} file or a corrupt one")
    if count > available:
        raise UnreadableFile(
            f"{path}, byte {len(data)}: the file ends within its arrays: {count} points announced at byte {at}, room "
            f"for {available}; it was truncated, or is no {kind} file"
        )
    return count


def _arrays(path: Path, data: bytes) -> FloatArray:
    """Return frequency, modulus, phase and time [4, point] after checking that they can be right."""
    count = announced_points(path, data, _ARRAYS_AT, _BYTES_A_POINT)
    arrays = np.frombuffer(data, ">f8", 4 * count, _ARRAYS_AT).reshape(4, count).astype(np.float64)
    frequency, modulus, phase, _ = arrays
    for row, (name, sound) in enumerate(
        (
            ("frequency", (frequency > 1e-12) & (frequency < 1e12)),
            ("modulus", (modulus >= 0) & (modulus < 1e30)),
            ("phase", np.abs(phase) <= 2 * np.pi),
        )
    ):
        if not sound.all():
            point = int(np.flatnonzero(~sound)[0])
            raise UnreadableFile(
                f"{path}, byte {_ARRAYS_AT + 8 * (row * count + point)}: {name} of point {point + 1} is "
                f"{arrays[row, point]:g}, which cannot be; the file is corrupt"
            )
    return arrays


def _header(data: bytes, count: int) -> _Header:
    """Read what follows the arrays; what is missing or broken is noted."""
    header = _Header()
    at = _ARRAYS_AT + _BYTES_A_POINT * count
    try:
        strings = []
        for _ in range(_STRINGS):
            (length,) = struct.unpack_from(">h", data, at)
            if not 0 <= length <= len(data) - at - 2:
                raise ValueError(f"a text of {length} bytes at byte {at}")
            strings.append(data[at + 2 : at + 2 + length].decode("latin-1").swapcase())
            at += 2 + length
        _, _, header.potential, header.current, header.temperature, _, *comments, header.area, _ = strings
        header.comment = "\n".join(comment.strip() for comment in comments if comment.strip())
        settings = struct.unpack_from(f">{_SETTINGS}d", data, at + 2)
        header.amplitude = settings[_AMPLITUDE] / 1000
        at += 2 + 8 * _SETTINGS
    except (struct.error, ValueError) as error:
        header.notes.append(f"header incomplete or broken ({error}); what could be read of it was used")
        return header
    dc: NDArray[Any] = np.frombuffer(data, ">f8", min(2 * count, (len(data) - at) // 8), at).astype(np.float64)
    if dc.size == 2 * count and np.isfinite(dc).all():
        header.dc = dc.reshape(count, 2)
    elif len(data) > at:
        header.notes.append(f"DC potential and current of the points, from byte {at} on, are truncated or broken")
    return header


def _coordinates(
    path: Path, header: _Header, kept: slice, point_time: FloatArray
) -> dict[str, float | str | np.datetime64]:
    """Collect what places the spectrum in a campaign; odd things are noted in the header."""
    area = _AREA.match(header.area)
    found: dict[str, float | None] = {
        "area": float(area[1]) if area else None,
        "voltage": _quantity(header.potential, "V"),
        "current": _quantity(header.current, "A"),
        "temperature": _quantity(header.temperature, "C"),
        "amplitude": header.amplitude,
        "time": float(point_time.min()),
    }
    if header.dc is not None:
        found["voltage"], found["current"] = header.dc[kept].mean(axis=0).tolist()
    if found["temperature"] is not None and found["temperature"] <= -273.15:
        found["temperature"] = None  # what Thales writes without a sensor
    named = re.search(r"(\d+(?:\.\d+)?)[ _]?(m?)v(?:dc)?(?![a-z0-9])", path.stem, re.IGNORECASE)
    if named and found["voltage"] is not None:
        volts = float(named[1]) * PREFIXES[named[2].lower()]
        if abs(volts - abs(found["voltage"])) > _NAME_CLASH:  # a minus in a name may be a hyphen
            header.notes.append(
                f"the file name says {volts:g} V but the file holds {found['voltage']:.4g} V, which was used"
            )
    known: dict[str, float | str | np.datetime64] = {
        name: value for name, value in found.items() if value is not None and np.isfinite(value)
    }
    begin = point_time.min()
    if abs(begin) < _LONGEST:
        known["date"] = np.datetime64(round(begin * 1e6), "us")
    return known | ({"comment": header.comment} if header.comment else {})


def _quantity(text: str, unit: str) -> float | None:
    """Return the leading number of a header text such as "153.5mA", scaled by its prefix, None if it is not one."""
    match = re.match(rf"\s*([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)[-+\d. ]*?({'|'.join(PREFIXES)}){unit}", text)
    return float(match[1]) * PREFIXES[match[2]] if match else None


def _recognizes(path: Path, head: bytes) -> bool:
    if path.suffix.lower() == ".ism" or len(head) < _ARRAYS_AT + _BYTES_A_POINT:
        return path.suffix.lower() == ".ism"
    count = int.from_bytes(head[6:_ARRAYS_AT], "big", signed=True) + 1  # under another name: can these be frequencies?
    here = min(count, (len(head) - _ARRAYS_AT) // 8)
    frequency = np.frombuffer(head, ">f8", max(here, 0), _ARRAYS_AT)
    return here > 2 and bool(((frequency > 1e-7) & (frequency < 1e9)).all())


READER = Reader(
    name="zahner",
    suffixes=(".ism",),
    description="Zahner Thales spectra",
    recognizes=_recognizes,
    read=read_zahner,
)
