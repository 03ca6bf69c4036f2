"""Binary files made byte by byte from the layouts that the readers document."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

MAGIC = b"BIO-LOGIC MODULAR FILE\x1a" + b" " * 25 + b"\0" * 4
DAYS_TO_2025 = 45658.25  # 2025-01-01 06:00


def module(short: str, body: bytes, version: int, *, new: bool = True) -> bytes:
    head = b"MODULE" + short.encode().ljust(10) + f"{short} long name".encode().ljust(25)
    if new:
        return head + struct.pack("<4I", 0xFFFFFFFF, len(body), 0, version) + b"01/02/25" + body
    return head + struct.pack("<2I", len(body), version) + b"01.02.25" + body


def data_body(columns: Sequence[tuple[int, str, ArrayLike]], version: int, count: int | None = None) -> bytes:
    """Records of columns given as number, numpy type ("" for a flag, whose bits come with the first) and values."""
    stored = [(f"{place}", kind) for place, (_, kind, _) in enumerate(columns) if kind]
    rows = len(np.asarray(columns[0][2])) if count is None else count
    table = np.zeros(rows, np.dtype(stored))
    for place, (_, kind, values) in enumerate(columns):
        if kind:
            table[f"{place}"] = values
    numbers = [number for number, *_ in columns]
    if version == 11:
        head = struct.pack("<IH500H", rows, len(numbers), *numbers, *[0] * (500 - len(numbers))) + b"\x01"
    else:
        head = struct.pack("<IB200H", rows, len(numbers), *numbers, *[0] * (200 - len(numbers)))
        head += b"\x01" if version == 3 else b""
    return head + table.tobytes()


def settings_body(technique: int, texts: Mapping[int, str] = {}, numbers: Mapping[int, float] = {}) -> bytes:
    body = bytearray(700)
    body[0] = technique
    for at in (263, 271, 529, 588):
        struct.pack_into("<f", body, at, 0.001)
    body[592], body[593] = 2, 1
    for at, text in texts.items():
        coded = text.encode("cp1252")
        body[at : at + 1 + len(coded)] = bytes([len(coded)]) + coded
    for at, number in numbers.items():
        if at in (592, 593):
            body[at] = int(number)
        else:
            struct.pack_into("<f", body, at, number)
    return bytes(body)


def log_body(days: float = DAYS_TO_2025) -> bytes:
    return bytes(585) + struct.pack("<d", days) + bytes(100)


def loop_body(firsts: Sequence[int]) -> bytes:
    return struct.pack(f"<I{len(firsts)}I", len(firsts), *firsts) + bytes(256)


def mpr(
    columns: Sequence[tuple[int, str, ArrayLike]],
    *,
    version: int = 11,
    settings: bytes | None = None,
    log: bytes | None = log_body(),
    loops: Sequence[int] | None = None,
) -> bytes:
    new = version == 11
    data = MAGIC + module("VMP Set", settings_body(29) if settings is None else settings, 10, new=new)
    data += module("VMP data", data_body(columns, version), version, new=new)
    data += b"" if log is None else module("VMP LOG", log, 10, new=new)
    return data + (b"" if loops is None else module("VMP loop", loop_body(loops), 10, new=new))


def int48(value: int) -> bytes:
    return value.to_bytes(6, "big", signed=True)


ISM_STRINGS = ("151021", "iM6", "0.5012v, aMPL: 10Mv", "-1.825Na", "23.5+-0.1c", "07:14:31 - 07:15:31", *[""] * 6)
"""As they stand in the file: case is swapped, in units too."""


def ism(
    frequency: Sequence[float],
    Z: Sequence[complex],
    strings: Sequence[str] = ISM_STRINGS,
    dc: Sequence[tuple[float, float]] | None = None,
    seconds: Sequence[float] | None = None,
) -> bytes:
    n = len(frequency)
    seconds = np.arange(n) + 1e9 if seconds is None else seconds
    arrays = np.concatenate([frequency, np.abs(Z), np.angle(Z), seconds]).astype(">f8").tobytes()
    header = b"".join(struct.pack(">h", len(s)) + s.encode("latin-1") for s in strings)
    settings = np.zeros(32)
    settings[25] = 10.0
    data = int48(4294967294) + int48(n - 1) + arrays + np.full(n, 999, ">i2").tobytes()
    data += header + struct.pack(">h", 864) + settings.astype(">f8").tobytes()
    return data if dc is None else data + np.array(dc).astype(">f8").tobytes()


def strings(texts: Sequence[str]) -> bytes:
    return b"".join(struct.pack(">h", len(s)) + s.swapcase().encode("latin-1") for s in texts)


def isc(
    codes: Sequence[int],
    current: Sequence[float],
    *,
    step: float = 0.1,
    begin: float = 0.0,
    rate: float = 50.0,
    scale: str = "0.5,2.0  PO.PF 0, 0",
) -> bytes:
    settings = np.zeros(17)
    settings[[6, 12, 15]] = rate, begin, step
    texts = ["151021", "IM6", "23.5", "07:14:31-07:15:31", "50mV/s", "a", "comment", "", "", "", "1.0 cm2", scale]
    data = settings.astype(">f8").tobytes() + int48(len(codes) - 1) + np.array(codes, ">i2").tobytes()
    return data + np.array(current, ">f8").tobytes() + strings(texts)


def isw(voltage: ArrayLike, current: ArrayLike, time: ArrayLike) -> bytes:
    points = (np.transpose([voltage, current, time]) * 1e3).astype(">f8")
    return int48(1) + int48(0) + int48(len(points) - 1) + points.tobytes()
