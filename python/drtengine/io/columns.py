"""What column names of impedance tables mean: quantity, unit and sign."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

# Quantity: its dimension, and its names with everything but letters, digits, "'", "|" and "-" removed.
_QUANTITIES: dict[str, tuple[str, str]] = {
    "frequency": ("frequency", "f freq frequency frequencies frequenz"),
    "re": (
        "impedance",
        "re rez zre zr real realz zreal z' z'real z're rez' zprime realimpedance impedancereal realpart zrealpart",
    ),
    "im": (
        "impedance",
        "im imz zim zi imag imagz zimag zimg z'' z''imag z''im imz'' imaginary zimaginary imaginaryimpedance "
        "impedanceimag impedanceimaginary imaginarypart zimagpart zdoubleprime",
    ),
    "modulus": (
        "impedance",
        "|z| z zmod modz absz zabs mag magnitude modulus zmodulus impedance |impedance| impedancemodulus "
        "absoluteimpedance impedancemagnitude zmagnitude",
    ),
    "phase": ("angle", "phase phasez zphase zphz phz phaseangle theta thetaz phi arg argz"),
    "time": ("time", "time elapsedtime testtime times uts"),
    "cycle": ("number", "cycle cyclenumber cyclenr cycleno cycleindex cyclecount cyc"),
    "voltage": ("voltage", "e ewe voltage potential vdc edc dcpotential dcvoltage"),
    "current": ("current", "i current idc dccurrent"),
    "temperature": ("temperature", "temperature temp ambienttemperature celltemperature"),
}
_BY_NAME = {name: quantity for quantity, (_, names) in _QUANTITIES.items() for name in names.split()}

_COORDINATES = ("time", "cycle", "voltage", "current", "temperature", "soc", "branch", "cell", "area", "date")
_UNITS: dict[str, tuple[str, float]] = {
    "°": ("angle", math.pi / 180),
    "º": ("angle", math.pi / 180),
    "deg": ("angle", math.pi / 180),
    "degree": ("angle", math.pi / 180),
    "degrees": ("angle", math.pi / 180),
    "rad": ("angle", 1.0),
    "radian": ("angle", 1.0),
    "radians": ("angle", 1.0),
    "min": ("time", 60.0),
    "h": ("time", 3600.0),
    "hr": ("time", 3600.0),
    "c": ("temperature", 1.0),
    "°c": ("temperature", 1.0),
    "degc": ("temperature", 1.0),
    "1": ("number", 1.0),
}
_PREFIXED_UNITS = {
    "hz": "frequency",
    "hertz": "frequency",
    "ohm": "impedance",
    "ohms": "impedance",
    "ω": "impedance",
    "v": "voltage",
    "volt": "voltage",
    "volts": "voltage",
    "a": "current",
    "amp": "current",
    "amps": "current",
    "ampere": "current",
    "s": "time",
    "sec": "time",
    "second": "time",
    "seconds": "time",
}
PREFIXES = {
    "a": 1e-18,
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "G": 1e9,
}

LONGEST_NAME = 60
"""Longer cells are no names: patterns would take minutes on the longest lines of some file."""
_UNIT_IN_NAME = (
    re.compile(r"^(?P<name>.+?)\s*[(\[{]\s*(?P<unit>[^()\[\]{}]+?)\s*[)\]}]$"),  # Z' (ohm), Phase [deg]
    re.compile(r"^(?P<name>.+?)\s*/\s*(?P<unit>[^/]+)$"),  # Re(Z)/Ohm, Frequency / Hz
    re.compile(r"^(?P<name>.+?)[\s_,]+(?P<unit>[^\s_,]+)$"),  # freq_Hz, Z_re_ohm
)
_PER_AREA = re.compile(r"[\s.*·]*cm\^?[2²]$")
_SAME_CHARACTERS = str.maketrans({"′": "'", "’": "'", "‘": "'", "´": "'", "`": "'", "″": "''", '"': "''", "–": "-"})
_FREQUENCY_IN_NAME = re.compile(
    r"^(?P<name>.*?)[\s_@]*(?P<number>\d+\.?\d*(?:e[+-]?\d+)?)\s*(?P<unit>[kmMG]?hz)?$", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """A column whose name was understood.

    Parameters
    ----------
    index : int
    name : str
        As the file has it (without the frequency that a wide table appends).
    quantity : str
        "frequency", "re", "im", "modulus", "phase", "time", "cycle", "voltage", "current" or "temperature".
    factor : float
        What the numbers are to be multiplied with to give Hz, ohm, rad, s, V, A, and the true sign.
    has_unit : bool
        Whether the name says the unit.
    per_area : bool
        Whether the impedance is one of an area, in ohm cm².
    """

    index: int
    name: str
    quantity: str
    factor: float
    has_unit: bool
    per_area: bool


def understand(name: str, index: int = 0) -> Column | None:
    """Tell what a column name means, or None if it is not the name of a known quantity in a known unit."""
    column = _understand(name)
    return column if column is None or index == 0 else replace(column, index=index)


@functools.lru_cache(maxsize=4096)  # files of one campaign have the same names
def _understand(name: str) -> Column | None:
    clean = name.strip().translate(_SAME_CHARACTERS)
    clean = re.sub(r"^data:\s*", "", clean, flags=re.IGNORECASE)
    bare, unit = split_unit(clean)
    key = re.sub(r"[^a-z0-9'|-]", "", bare.lower())
    key, minus = re.subn(r"^(-|minus|negative|neg)", "", key)
    quantity = _BY_NAME.get(key)
    if quantity is None or (minus and quantity not in ("im", "phase")):
        return None
    dimension, factor, per_area = unit or (_QUANTITIES[quantity][0], 1.0, False)
    if dimension != _QUANTITIES[quantity][0]:
        return None
    return Column(0, name.strip(), quantity, -factor if minus else factor, unit is not None, per_area)


def coordinate_of(name: str) -> tuple[str, float]:
    """Return what a column is called as a coordinate, and the factor to V, A, s or °C: "E (mV)" is voltage, 0.001."""
    column = understand(name)
    if column is not None and column.quantity in _COORDINATES:
        return column.quantity, column.factor
    bare, unit = split_unit(name.strip())
    if unit is not None and unit[0] == "temperature" and bare.strip() in ("T", "t"):
        return "temperature", unit[1]
    lower = name.strip().lower()
    return (lower if lower in _COORDINATES else name.strip()), 1.0


def split_unit(name: str) -> tuple[str, tuple[str, float, bool] | None]:
    """Split "Re(Z)/Ohm" into "Re(Z)" and what its unit means."""
    for pattern in _UNIT_IN_NAME if len(name) <= LONGEST_NAME else ():
        match = pattern.match(name)
        unit = parse_unit(match["unit"]) if match else None
        if match and unit:
            return match["name"], unit
    return name, None


def parse_unit(text: str) -> tuple[str, float, bool] | None:
    """Return dimension, factor to the base unit and whether it is per area, or None if it is no known unit.

    Prefixes are told by case, m being milli and M mega; the units themselves are not.
    """
    text, per_area = _PER_AREA.subn("", text.strip())
    if text.lower() in _UNITS:
        return (*_UNITS[text.lower()], False) if not per_area else None
    for unit, dimension in _PREFIXED_UNITS.items():
        prefix = text[: -len(unit)]
        if text.lower().endswith(unit) and prefix in PREFIXES:
            return (dimension, PREFIXES[prefix], bool(per_area)) if dimension == "impedance" or not per_area else None
    return None


def understand_all(names: Sequence[str]) -> tuple[dict[str, Column], list[str]]:
    """Map quantities to columns; of several columns for one quantity the first counts and this is noted."""
    columns: dict[str, Column] = {}
    notes = []
    for index, name in enumerate(names):
        column = understand(name, index)
        if column is None:
            continue
        if column.quantity in columns:
            notes.append(f"column {column.name!r} not read: {columns[column.quantity].name!r} gives the same quantity")
        else:
            columns[column.quantity] = column
    return columns, notes


def hold_impedance(columns: Mapping[str, Column]) -> bool:
    """Whether the columns make a spectrum: frequency, with real and imaginary part or modulus and phase."""
    return "frequency" in columns and ({"re", "im"} <= columns.keys() or {"modulus", "phase"} <= columns.keys())


def required_columns(columns: Mapping[str, Column]) -> list[int]:
    """Return the indices of the columns every row must fill: frequency and one form of impedance."""
    parts = ("re", "im") if {"re", "im"} <= columns.keys() else ("modulus", "phase")
    return [columns[quantity].index for quantity in ("frequency", *parts)]


@dataclass(frozen=True)
class WideColumns:
    """Columns named "Re(Z)<f>" and "-Im(Z)<f>": a row of the table is a spectrum.

    Parameters
    ----------
    frequency : list of float, [point]
        Hz.
    re, im : list of Column, [point]
    unpaired : list of str
        Names of columns that lack the other part.
    others : list of int
        Indices of the remaining columns.
    """

    frequency: list[float]
    re: list[Column]
    im: list[Column]
    unpaired: list[str]
    others: list[int]


def understand_wide(names: Sequence[str]) -> WideColumns | None:
    """Find pairs of columns named after real or imaginary part and a frequency; None if there are not three.

    Numbers that merely count 0, 1, 2... or 1, 2, 3... are no frequencies.
    """
    parts: dict[str, dict[float, Column]] = {"re": {}, "im": {}}
    for index, name in enumerate(names):
        match = _FREQUENCY_IN_NAME.match(name.strip()) if len(name) <= LONGEST_NAME else None
        column = understand(match["name"], index) if match else None
        if match is None or column is None or column.quantity not in parts:
            continue
        unit = parse_unit(match["unit"] or "Hz")
        parts[column.quantity].setdefault(float(match["number"]) * (unit[1] if unit else 1.0), column)
    frequency = [f for f in parts["re"] if f in parts["im"]]
    counted = [float(i) for i in range(len(frequency) + 1)]
    if len(frequency) < 3 or frequency in (counted[:-1], counted[1:]):
        return None
    used = {column.index for part in parts.values() for column in part.values()}
    return WideColumns(
        frequency,
        [parts["re"][f] for f in frequency],
        [parts["im"][f] for f in frequency],
        [column.name for part in parts.values() for f, column in part.items() if f not in frequency],
        [index for index in range(len(names)) if index not in used],
    )
