"""What EC-Lab .mpr files hold where, found by setting sample files beside their text exports.

Every name below is the one that EC-Lab's own text export gives the column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAGIC = b"BIO-LOGIC MODULAR FILE\x1a" + 25 * b" " + 4 * b"\0"

COLUMNS = {
    4: ("time/s", "f8"),
    5: ("control/V/mA", "f4"),
    6: ("Ewe/V", "f4"),
    7: ("dq/mA.h", "f8"),
    8: ("I/mA", "f4"),
    9: ("Ece/V", "f4"),
    11: ("<I>/mA", "f8"),
    13: ("(Q-Qo)/mA.h", "f8"),
    16: ("Analog IN 1/V", "f4"),
    17: ("Analog IN 2/V", "f4"),
    19: ("control/V", "f4"),
    20: ("control/mA", "f4"),
    23: ("dQ/mA.h", "f8"),
    24: ("cycle number", "f8"),
    32: ("freq/Hz", "f4"),
    33: ("|Ewe|/V", "f4"),
    34: ("|I|/A", "f4"),
    35: ("Phase(Z)/deg", "f4"),
    36: ("|Z|/Ohm", "f4"),
    37: ("Re(Z)/Ohm", "f4"),
    38: ("-Im(Z)/Ohm", "f4"),
    39: ("I Range", "u2"),
    70: ("P/W", "f4"),
    74: ("|Energy|/W.h", "f8"),
    76: ("<I>/mA", "f4"),
    77: ("<Ewe>/V", "f4"),
    96: ("|Ece|/V", "f4"),
    98: ("Phase(Zce)/deg", "f4"),
    99: ("|Zce|/Ohm", "f4"),
    100: ("Re(Zce)/Ohm", "f4"),
    101: ("-Im(Zce)/Ohm", "f4"),
    123: ("Energy charge/W.h", "f8"),
    124: ("Energy discharge/W.h", "f8"),
    125: ("Capacitance charge/µF", "f8"),
    126: ("Capacitance discharge/µF", "f8"),
    131: ("Ns", "u2"),
    168: ("Rcmp/Ohm", "f4"),
    169: ("Cs/µF", "f4"),
    172: ("Cp/µF", "f4"),
    174: ("<Ewe>/V", "f4"),
    430: ("Phase(Zwe-ce)/deg", "f4"),
    431: ("|Zwe-ce|/Ohm", "f4"),
    432: ("Re(Zwe-ce)/Ohm", "f4"),
    433: ("-Im(Zwe-ce)/Ohm", "f4"),
    434: ("(Q-Qo)/C", "f4"),
    435: ("dQ/C", "f4"),
    438: ("step time/s", "f8"),
    441: ("<Ece>/V", "f4"),
    467: ("Q charge/discharge/mA.h", "f8"),
    468: ("half cycle", "u4"),
    469: ("z cycle", "u4"),
    471: ("<Ece>/V", "f4"),
    473: ("THD Ewe/%", "f4"),
    474: ("THD I/%", "f4"),
    476: ("NSD Ewe/%", "f4"),
    477: ("NSD I/%", "f4"),
    479: ("NSR Ewe/%", "f4"),
    480: ("NSR I/%", "f4"),
    **{484 + h: (f"|Ewe h{h}|/V", "f4") for h in range(2, 8)},
    **{490 + h: (f"|I h{h}|/A", "f4") for h in range(2, 8)},
    880: ("Energy we/W.h", "f8"),
    883: ("column 883", "f8"),
    884: ("column 884", "f8"),
}
"""Name and little-endian type of the columns by their number in the file; what 883 and 884 hold is not known."""

FLAGS = {
    1: ("mode", 0b11, 0),
    2: ("ox/red", 0b1, 2),
    3: ("error", 0b1, 3),
    21: ("control changes", 0b1, 4),
    31: ("Ns changes", 0b1, 5),
    65: ("counter inc.", 0b1, 7),
}
"""Name, mask and shift of the columns that share one byte, at the place of the first of them."""

TECHNIQUES = {
    4: "GCPL",
    6: "CV",
    11: "OCV",
    24: "CA",
    25: "CP",
    28: "Wait",
    29: "PEIS",
    30: "GEIS",
    50: "ZIR",
    51: "CVA",
    108: "LSV",
    117: "constant voltage",
    118: "constant current",
    127: "Modulo Bat",
    136: "BCD",
}

VERSIONS = {2: ("<B", 5, 200, 405), 3: ("<B", 5, 200, 406), 11: ("<H", 6, 500, 1007)}
"""By version of the data module: type of the number of columns, where their numbers begin, slots, begin of the data."""


@dataclass(frozen=True)
class Records:
    """How one record is packed.

    Parameters
    ----------
    dtype : numpy dtype
        Of those columns whose place is known, with the length of a record as item size.
    flags : list of int
        Numbers of the columns in the shared byte, which is the field "flags".
    unread : list of int
        Numbers of the columns that were left out, their width or place being unknown.
    """

    dtype: np.dtype[np.void]
    flags: list[int]
    unread: list[int]


def lay_out(numbers: Sequence[int], length: int) -> Records | None:
    """Place the columns within a record of `length` bytes; None if they do not fit.

    Columns stand packed in the order of `numbers`. Bytes beyond those of the known columns belong to unknown ones:
    no bytes, and they are bits of the shared byte; where the unknown ones are neighbours, one block; else only what
    stands before the first and after the last has a known place.
    """
    fields = _fields(numbers)
    rest = length - sum(width for *_, width in fields)
    unknown = [place for place, (name, *_) in enumerate(fields) if not name]
    if rest < 0 or length == 0 or (rest and not unknown):
        return None
    first, last = (unknown[0], unknown[-1] + 1) if rest else (len(fields), len(fields))
    placed: dict[str, tuple[str, int]] = {}
    at = length
    for name, kind, width in reversed(fields[last:]):
        at -= width
        placed[name] = kind, at
    at = 0
    for name, kind, width in fields[:first]:
        if name:
            placed[name] = kind, at
        at += width
    names = sorted(placed, key=lambda name: placed[name][1])
    dtype = np.dtype(
        {
            "names": names,
            "formats": [placed[name][0] for name in names],
            "offsets": [placed[name][1] for name in names],
            "itemsize": length,
        }
    )
    flags = [number for number in dict.fromkeys(numbers) if number in FLAGS and "flags" in placed]
    read = {*flags, *(int(name) for name in names if name != "flags")}
    return Records(dtype, flags, sorted(set(numbers) - read))


def _fields(numbers: Sequence[int]) -> list[tuple[str, str, int]]:
    """Name, type and width of what stands in a record; name and type are empty where the column is not known."""
    fields: list[tuple[str, str, int]] = []
    for number in numbers:
        if number in COLUMNS:
            kind = COLUMNS[number][1]
            fields.append((str(number), "<" + kind, np.dtype(kind).itemsize))
        elif number not in FLAGS:
            fields.append(("", "", 0))
        elif all(name != "flags" for name, *_ in fields):
            fields.append(("flags", "u1", 1))
    return fields
