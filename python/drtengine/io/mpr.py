"""BioLogic EC-Lab .mpr: records of any technique in a binary file of modules.

After 52 bytes of magic come modules, each with a header (name, length, version) and a body: "VMP Set" (settings),
"VMP data" (the records), and perhaps "VMP LOG" (when it began) and "VMP loop" (where loops begin). The places and
types below were found by setting sample files beside their text exports; `mpr_layout` lists the columns.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableFile
from ..spectrum import FloatArray, IntArray, Spectrum
from .columns import hold_impedance, understand_all
from .metadata import complete, known
from .mpr_layout import COLUMNS, FLAGS, MAGIC, TECHNIQUES, VERSIONS, Records, lay_out
from .registry import Reader
from .sweeps import spectra_from_values, unit_notes

_MARK = 22
_MODULE = b"MODULE"
_OLD_BODY, _NEW_BODY = 57, 65
_NEW = 0xFFFFFFFF
_START_AT = 585
_DAYS_1899_TO_1970 = 25_569
_DAYS_SOUND = 32_874, 73_050  # 1990 to 2099
_SETTINGS_END = 608
_UNSET = 0.0011
_UNSET_TEXT = "(unspecified)"
_HIGHEST_FREQUENCY = 1e12

_TEXTS = {
    "comment": (7, 255),
    "electrode": (286, 80),
    "initial_state": (367, 80),
    "electrolyte": (448, 80),
    "reference_electrode": (533, 50),
}
_NUMBERS = {"active_mass_mg": 263, "capacity_mAh": 604}
_WITH_UNIT = {"area_cm2": (529, 592, {2: 1.0, 3: 1e-2}), "characteristic_mass_mg": (588, 593, {1: 1e3, 2: 1.0})}
_COORDINATES = {"comment": "comment", "area_cm2": "area", "active_mass_mg": "mass"}


@dataclass(frozen=True)
class Recording:
    """Everything that is read of an .mpr file.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape [record]
        By EC-Lab's names, in EC-Lab's units; those of flags as well.
    loops : ndarray of int or None, shape [loop + 1]
        Record at which each loop begins, and the number of records.
    start : datetime64 or None
        When the acquisition began, by the clock of the computer, to the millisecond.
    settings : mapping
        Technique, texts and numbers that somebody typed in; units stand in the names.
    notes : list of str
    place : tuple of int
        Byte at which the records begin, and their length.
    offsets : mapping of str to int
        Place of the columns in a record.
    """

    columns: Mapping[str, FloatArray]
    loops: IntArray | None
    start: np.datetime64 | None
    settings: Mapping[str, str | float]
    notes: list[str]
    place: tuple[int, int]
    offsets: Mapping[str, int]

    @property
    def technique(self) -> str:
        """EC-Lab's short name, or its number where the name is not known."""
        return str(self.settings.get("technique", "unknown"))


@dataclass
class _Modules:
    """Bodies by short name, each with its place and version."""

    body: dict[str, bytes] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)
    version: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_recording(path: Path) -> Recording:
    """Read all records of an .mpr file, whatever the technique.

    Columns of unknown number are left out and noted: where they stand alone or as neighbours their width follows
    from the length of the records, otherwise all between the first and the last of them is left out.

    Raises
    ------
    UnreadableFile
        If the file is truncated before the end of the records, corrupt or of another version; the message names
        the module and the byte. What is missing after the records is noted.
    """
    data = path.read_bytes()
    modules = _split(path, data)
    notes = list(modules.notes)
    table, records, place = _records(path, modules)
    if records.unread:
        known = {**{n: name for n, (name, _) in COLUMNS.items()}, **{n: name for n, (name, *_) in FLAGS.items()}}
        names = [f"{n} ({known[n]})" if n in known else str(n) for n in records.unread]
        hides = any(n in known for n in records.unread)
        why = " (their places between unknown columns cannot be told)" if hides else ""
        notes.append(f"columns not read, whose meaning is not known: {', '.join(names)}{why}")
    columns: dict[str, FloatArray] = {}
    offsets: dict[str, int] = {}
    for name in table.dtype.names or ():
        offset = int(records.dtype.fields[name][1]) if records.dtype.fields else 0
        if name == "flags":
            for number in records.flags:
                flag, mask, shift = FLAGS[number]
                columns[flag], offsets[flag] = ((table["flags"] >> shift) & mask).astype(np.float64), offset
            continue
        title = COLUMNS[int(name)][0]
        if title in columns:
            notes.append(f"column {title!r} stands twice; the second, number {name}, was not read")
        else:
            columns[title], offsets[title] = _as_numbers(table[name]), offset
    return Recording(
        columns,
        _loops(modules, table.size, notes),
        _start(modules, notes),
        _settings(modules, notes),
        notes,
        place,
        offsets,
    )


def _as_numbers(values: NDArray[Any]) -> FloatArray:
    """Copy a column as float64 in which every NaN is a quiet one: signalling ones raise warnings later on."""
    with np.errstate(invalid="ignore"):
        numbers = values.astype(np.float64)
    numbers[np.isnan(numbers)] = np.nan
    return numbers


def read_mpr(path: Path) -> list[Spectrum]:
    """Read the spectra of a BioLogic .mpr file, one per loop, cycle and sweep.

    Coordinates: cycle (number of the loop where there are several, else EC-Lab's), date (start of the acquisition
    by the clock of the computer, whose time zone is not recorded), time (start of the sweep, in s since then),
    voltage (V) and current (A) as means over the sweep, and what was typed into EC-Lab's settings: comment,
    area (cm²), mass (of active material, mg). `point_time` is in the seconds of "time".

    Raises
    ------
    UnreadableFile
        See `read_recording`; also if the file holds no impedance, or a frequency that cannot be.
    """
    recording = read_recording(path)
    names = sorted(recording.columns, key=lambda name: not name.startswith("<"))  # means before single values
    columns, notes = understand_all(names)
    notes = [*recording.notes, *notes]
    if not hold_impedance(columns):
        raise UnreadableFile(
            f"{path}, module 'VMP data': no impedance in this file of technique {recording.technique}; it has the "
            f"columns {', '.join(map(repr, recording.columns))}. read_table() reads it"
        )
    others = [name for name in ("Re(Zce)/Ohm", "Re(Zwe-ce)/Ohm") if name in recording.columns]
    if others:
        notes.append(f"the impedance of {' and '.join(o[3:-5] for o in others)} was not read; read_table() gives it")
    values = {quantity: recording.columns[column.name] * column.factor for quantity, column in columns.items()}
    frequency = values["frequency"]
    broken = np.flatnonzero(~((frequency >= 0) & (frequency < _HIGHEST_FREQUENCY)))
    if broken.size:
        row, (at, length) = int(broken[0]), recording.place
        raise UnreadableFile(
            f"{path}, byte {at + row * length + recording.offsets['freq/Hz']} (module 'VMP data'): frequency of record "
            f"{row + 1} is {frequency[row]:g}, which cannot be; the file is corrupt"
        )
    values, kept = _without_broken(values, np.arange(frequency.size), notes)
    if not kept.size:
        raise UnreadableFile(f"{path}, byte {recording.place[0]} (module 'VMP data'): no impedance in it is a number")
    if recording.loops is not None and recording.loops.size > 2:
        values["cycle"] = loop_numbers(recording.loops, kept)
        notes.append("cycle is the number of EC-Lab's loop")
    spectra = spectra_from_values(path, values, columns, notes + unit_notes(columns))
    settings = recording.settings
    typed = {name: settings[key] for key, name in _COORDINATES.items() if key in settings}
    return complete(spectra, known(date=recording.start, **typed))


def loop_numbers(loops: IntArray, records: IntArray) -> FloatArray:
    """Give each of the records the number of its loop, from 1."""
    return np.searchsorted(loops, records, side="right").astype(np.float64)


def _without_broken(
    values: Mapping[str, FloatArray], records: IntArray, notes: list[str]
) -> tuple[dict[str, FloatArray], IntArray]:
    """Drop rows whose impedance is NaN or infinite, and other columns that hold such values; both are noted."""
    parts = [values[quantity] for quantity in ("re", "im", "modulus", "phase") if quantity in values]
    sound = np.logical_and.reduce([np.isfinite(part) for part in parts])
    if not sound.all():
        rows = np.flatnonzero(~sound)
        notes.append(f"dropped {rows.size} record(s) whose impedance is no number, the first is record {rows[0] + 1}")
    kept = {quantity: column[sound] for quantity, column in values.items()}
    for quantity in [quantity for quantity, column in kept.items() if not np.isfinite(column).all()]:
        notes.append(f"{quantity} is no number in places and was not read")
        del kept[quantity]
    return kept, records[sound]


def _split(path: Path, data: bytes) -> _Modules:
    """Cut the file into its modules; one that is broken after the records is noted."""
    if not data.startswith(MAGIC[:_MARK]):
        raise UnreadableFile(f"{path}, byte 0: this is no EC-Lab .mpr file, it begins with {data[:_MARK]!r}")
    modules, at = _Modules(), len(MAGIC)
    while at < len(data):
        name = data[at + 6 : at + 16].decode("latin-1").strip()
        problem = ""
        if data[at : at + 6] != _MODULE[: len(data) - at]:
            name, problem = "unknown", f"a module should begin here, there is {data[at : at + 6]!r}"
        elif len(data) < at + _OLD_BODY:
            problem = "the file ends within the header of a module"
        else:
            length, version = struct.unpack_from("<2I", data, at + 41)
            body = at + _OLD_BODY
            if length == _NEW:
                body = at + _NEW_BODY
                length, _, version = struct.unpack_from("<3I", data, at + 45) if len(data) >= body else (0, 0, 0)
            if body + length > len(data):
                problem = f"{length} bytes announced, the file ends after {max(len(data) - body, 0)} of them"
        if problem:
            where = f"byte {at} (module {name!r}): {problem}; the file was truncated or is corrupt"
            if "VMP data" not in modules.body:
                raise UnreadableFile(f"{path}, {where}")
            modules.notes.append(f"nothing was read from {where}")
            return modules
        if name in modules.body:
            modules.notes.append(f"the second module {name!r}, at byte {at}, was not read")
        else:
            modules.body[name], modules.at[name], modules.version[name] = data[body : body + length], body, version
        at = body + length
    if "VMP data" not in modules.body:
        raise UnreadableFile(
            f"{path}, byte {at}: the file ends without a module 'VMP data' (there are "
            f"{', '.join(map(repr, modules.body)) or 'none'}); it was truncated"
        )
    return modules


def _records(path: Path, modules: _Modules) -> tuple[NDArray[Any], Records, tuple[int, int]]:
    """Read the records [record] after checking that columns and lengths fit each other."""
    body, at, version = modules.body["VMP data"], modules.at["VMP data"], modules.version["VMP data"]

    def refuse(byte: int, problem: str) -> UnreadableFile:
        return UnreadableFile(f"{path}, byte {at + byte} (module 'VMP data'): {problem}")

    if version not in VERSIONS:
        known = ", ".join(map(str, VERSIONS))
        raise refuse(0, f"version {version} is not known, only {known}; export the file as text (.mpt) from EC-Lab")
    kind, numbers_at, slots, begin = VERSIONS[version]
    if len(body) < begin:
        raise refuse(len(body), f"the module ends within its first {begin} bytes; the file is corrupt")
    (count,) = struct.unpack_from("<I", body)
    (width,) = struct.unpack_from(kind, body, 4)
    if not 1 <= width <= slots:
        raise refuse(4, f"{width} columns announced, 1 to {slots} are possible; the file is corrupt")
    if count == 0:
        raise refuse(0, "there is no record in it; the technique was stopped before the first point")
    numbers = np.frombuffer(body, "<u2", width, numbers_at).tolist()
    length, rest = divmod(len(body) - begin, count)
    if rest:
        raise refuse(
            0, f"{count} records announced, but {len(body) - begin} bytes are no multiple of that; the file is corrupt"
        )
    records = lay_out(numbers, length)
    if records is None:
        raise refuse(
            numbers_at,
            f"records of {length} bytes cannot hold the columns {', '.join(map(str, numbers))}; the file is corrupt",
        )
    return np.frombuffer(body, records.dtype, count, begin), records, (at + begin, length)


def _loops(modules: _Modules, records: int, notes: list[str]) -> IntArray | None:
    """Read where loops begin; None if that is not recorded or cannot be right."""
    body = modules.body.get("VMP loop")
    if body is None:
        return None
    count = int.from_bytes(body[:4], "little")
    if 2 <= count <= (len(body) - 4) // 4:
        loops = np.frombuffer(body, "<u4", count, 4).astype(np.intp)
        if loops[0] == 0 and loops[-1] == records and (np.diff(loops) > 0).all():
            return loops
    notes.append(f"the loops (module 'VMP loop', byte {modules.at['VMP loop']}) cannot be right and were not used")
    return None


def _start(modules: _Modules, notes: list[str]) -> np.datetime64 | None:
    """Read when the acquisition began; None, and noted, if that is not recorded or cannot be right."""
    body = modules.body.get("VMP LOG")
    if body is None:
        notes.append("the file has no log: the date is not known")
        return None
    if len(body) >= _START_AT + 8:
        (days,) = struct.unpack_from("<d", body, _START_AT)
        if _DAYS_SOUND[0] < days < _DAYS_SOUND[1]:
            return np.datetime64(round((days - _DAYS_1899_TO_1970) * 86_400_000), "ms")
    notes.append(
        f"the time of the start (module 'VMP LOG', byte {modules.at['VMP LOG'] + _START_AT}) cannot be right: the "
        "date is not known"
    )
    return None


def _settings(modules: _Modules, notes: list[str]) -> dict[str, str | float]:
    """Read what somebody typed in; defaults (0 and 0.001) are left out."""
    body = modules.body.get("VMP Set", b"")
    found: dict[str, str | float] = {}
    if len(body) < _SETTINGS_END:
        notes.append(
            f"the settings (module 'VMP Set') have {len(body)} of {_SETTINGS_END} bytes; the rest was not read"
        )
    if body:
        found["technique"] = TECHNIQUES.get(body[0], f"number {body[0]}")
    for name, (at, longest) in _TEXTS.items():
        if at >= len(body):
            continue
        size = body[at]
        text = body[at + 1 : at + 1 + size].decode("cp1252", errors="replace").strip("\0\r\n ")
        if size > longest or at + 1 + size > len(body):
            notes.append(f"the setting {name!r} (module 'VMP Set', byte {modules.at['VMP Set'] + at}) is broken")
        elif text and text != _UNSET_TEXT:
            found[name] = text.replace("\r\n", "\n")
    numbers = {name: (_float(body, at), 1.0) for name, at in _NUMBERS.items()}
    for name, (at, unit_at, units) in _WITH_UNIT.items():
        value, unit = _float(body, at), body[unit_at] if unit_at < len(body) else 0
        if value and unit not in units:
            notes.append(f"the setting {name!r} was not read: its unit, number {unit}, is not known")
        numbers[name] = value, units.get(unit, 0.0)
    found |= {name: value * factor for name, (value, factor) in numbers.items() if value * factor > 0}
    return found


def _float(body: bytes, at: int) -> float:
    """Return the number at a place of the settings, 0 where it is unset."""
    value = float(np.frombuffer(body, "<f4", 1, at)[0]) if len(body) >= at + 4 else 0.0
    return value if _UNSET < value < np.inf else 0.0


def _recognizes(path: Path, head: bytes) -> bool:
    return head.startswith(MAGIC[:_MARK]) or path.suffix.lower() == ".mpr"


READER = Reader(
    name="mpr",
    suffixes=(".mpr",),
    description="BioLogic EC-Lab binary",
    recognizes=_recognizes,
    read=read_mpr,
)
