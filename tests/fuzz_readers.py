"""Mutated files for every reader: each is read or refused with one of our own errors.

``python tests/fuzz_readers.py 100000`` tries so many for each text reader and prints what came out;
`test_io_fuzz.py` tries some in every run.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from drtengine.errors import DrtengineError
from drtengine.io import read

_F = [1e4, 1e3, 99.5, 10.0, 1.0, 0.1]
_Z = [1.5 - 0.25j, 2.0 - 1j, 4.0 - 2.5j, 6.0 - 2j, 7.0 - 1j, 7.5 - 0.125j]


def _table(separator: str, *names: str, start: str = "", end: str = "") -> str:
    """A table with the columns asked for, with whatever stands before and after it."""
    columns: dict[str, Callable[[int], float]] = {
        "f": lambda i: _F[i],
        "re": lambda i: _Z[i].real,
        "im": lambda i: _Z[i].imag,
        "-im": lambda i: -_Z[i].imag,
        "mod": lambda i: round(abs(_Z[i]), 4),
        "phase": lambda i: round(float(np.degrees(np.angle(_Z[i]))), 3),
        "t": lambda i: 0.5 + i,
        "0": lambda i: 0,
        "": lambda i: 0,
    }
    kinds = [name.split("=")[-1] for name in names]
    rows = [
        "" * (kinds[0] == "") + separator.join("" if k == "" else f"{columns[k](i)}" for k in kinds) for i in range(6)
    ]
    head = separator.join(name.split("=")[0] for name in names)
    return "\n".join([start + head, *rows]) + end


_PLAIN = ("Frequency (Hz)=f", "Z' (ohm)=re", "Z'' (ohm)=im")
_MPT = (
    "freq/Hz=f",
    "Re(Z)/Ohm=re",
    "-Im(Z)/Ohm=-im",
    "|Z|/Ohm=mod",
    "Phase(Z)/deg=phase",
    "time/s=t",
    "cycle number=0",
)
_GAMRY = (
    "EXPLAIN\nTAG\tEISPOT\nDATE\tLABEL\t4/23/2018\tDate\nNOTES\tNOTES\t1\t&Notes...\n\tcell\nAREA\tQUANT\t1.0\t&Area\n"
)
_GAMRY_NAMES = "\tPt\tTime\tFreq\tZreal\tZimag\tZmod\tZphz\n"
_Z60 = '"ZPlotW Data File: Version 3.2c"\nDate: 12-17-2019    Time: 16:24:35\n6\n'
_Z60_NAMES = "\"  Freq(Hz)    Ampl     Bias   Time(Sec)   Z'(a)    Z''(b)    GD   Err   Range\"\n"
_ZPLOT2 = "ZPLOT2 ASCII\n  Date:  10-12-2018\n  Surface Area:   1\n  Data Points:  6\nEnd Comments\n"
_NINE = ("f", "0", "0", "t", "re", "im", "0", "0", "0")


def _rows(text: str) -> str:
    return text.split("\n", 1)[1]


SEEDS: dict[str, list[tuple[str, str]]] = {
    "delimited": [
        ("x.csv", _table(",", *_PLAIN)),
        ("x.csv", _table(";", *_PLAIN, "time=t").replace(".", ",")),
        ("x.txt", _rows(_table("\t", *_PLAIN))),
        ("x.dat", _table("\t", "f=f", "|Z|=mod", "phase=phase", start="# a title\n\n", end="\nend of data\n")),
        ("x.csv", "cycle,Re(Z)0.5,-Im(Z)0.5,Re(Z)5,-Im(Z)5,Re(Z)70,-Im(Z)70\n1,1,2,3,4,5,6\n2,1,2,3,4,,\n"),
        ("x.csv", _table(",", *_PLAIN, *_PLAIN, start="a,,,b,,\n")),
        ("x.csv", _table(";", "f=f", "Re_1=re", "Im_1=im", "Re_2=re", "Im_2=im")),
        ("x.csv", 'f;Re;Im\n1,000.5;1.5;2\n100;"1,200";1\n10;1;1\n'),
    ],
    "eclab": [
        ("x.mpt", _table("\t", *_MPT, start="EC-Lab ASCII FILE\nNb header lines : 4\nComments : a\n")),
        ("x.txt", _table("\t", *_MPT)),
        ("x.txt", _rows(_table("\t", "t", "0", "f", "re", "-im", "mod", "phase"))),
    ],
    "gamry": [
        (
            "x.DTA",
            _GAMRY
            + "ZCURVE\tTABLE\t6\n"
            + _GAMRY_NAMES
            + _table("\t", "=", "#=0", "s=t", "Hz=f", "ohm=re", "ohm=im", "ohm=mod", "°=phase")
            + "\nEXPERIMENTABORTED\tTOGGLE\tT\tx\n",
        )
    ],
    "zplot": [
        ("x.z", _Z60 + _Z60_NAMES + _rows(_table(",", *_NINE))),
        ("x.z", _ZPLOT2 + _rows(_table("\t", *_NINE))),
    ],
    "versastudio": [
        (
            "x.par",
            "<Application>\nName=VersaStudio\n</Application>\n<Experiment>\nTimeAcquired=9:40:30 AM\n"
            "DateAcquired=Thursday, July 19, 2018\n</Experiment>\n<Segment1>\nType=2\n"
            + _table(
                ",", "Frequency(Hz)=f", "E(V)=0", "Z Real=re", "Z Imag=im", start="Definition=", end="\n</Segment1>\n"
            ),
        )
    ],
    "relaxis": [
        (
            "x.txt",
            "RelaxIS 3.0 Spectrum export\nDate: 12/16/2025 2:29:15 PM\n"
            + _table("\t", "Data: Frequency=f", "Data: Z'=re", "Data: Z''=im").replace(
                "\n", "\nDC=-0.08, J=-5E-6\tM\tx\n", 1
            ),
        )
    ],
    "chinstruments": [
        (
            "x.txt",
            "Feb. 20, 2020   15:55:08\nA.C. Impedance\nInit E (V) = 0\nNote: a\n\n"
            + _table(", ", "Freq/Hz=f", "Z'/ohm=re", 'Z"/ohm=im', "Z/ohm=mod", "Phase/deg=phase"),
        )
    ],
}
"""By reader: names and contents of sound files, small so that many can be tried."""

_PIECES = (
    *(",", ";", "\t", " ", "\n", "\r", "\r\n", '"', "'", ".", "-", "+", "e", "E5", "e999", "nan", "NaN", "inf", "-inf"),
    *("\0", "\ufeff", "\xa0", "²", "\u2028", "\x1c", "\x85", "１", "_", "1_0", "0x10", "0", "1", "(", ")", "[", "/"),
    *("=", ":", "#", "%", "Hz", "kHz", "ohm", "f", "Re", "Im", "freq", "99999999999999999999", "1e-320", "ZCURVE"),
)


def mutate(content: bytes, random_: random.Random) -> bytes:
    """Change a file in up to six places, as disks, editors and spreadsheets do, and worse."""
    data = bytearray(content)
    for _ in range(random_.choice((1, 1, 1, 2, 2, 6))):
        at = random_.randrange(len(data) + 1)
        choice = random_.randrange(11)
        if choice == 0:  # one byte becomes another
            data[at : at + 1] = bytes([random_.randrange(256)])
        elif choice <= 3:  # something is inserted or overwrites
            piece = random_.choice(_PIECES).encode("utf-8", "surrogatepass")
            data[at : at + (len(piece) if choice == 3 else 0)] = piece
        elif choice == 4:  # the file was cut
            del data[at:]
        elif choice == 5:  # a piece is lost
            del data[at : at + random_.randint(1, 40)]
        elif choice == 6:  # a piece is there again, elsewhere
            other = random_.randrange(len(data) + 1)
            data[other:other] = data[at : at + random_.randint(1, 60)]
        elif choice in (7, 8):  # a line is lost, doubled, blank or moved
            lines = data.split(b"\n")
            row = random_.randrange(len(lines))
            line = lines.pop(row)
            where = random_.randrange(len(lines) + 1)
            lines[where:where] = [[], [line, line], [b""], [line]][random_.randrange(4)]
            data = bytearray(b"\n".join(lines))
        elif choice == 9:  # one sign for another, everywhere
            pairs = ((b".", b","), (b",", b";"), (b"\t", b" "), (b"\n", b"\r"), (b";", b"\t"), (b"0", b""), (b"-", b""))
            data = data.replace(*random_.choice(pairs))
        else:
            text = data.decode("utf-8", "replace")
            data = bytearray(text.encode(random_.choice(("utf-16", "utf-16-le", "latin-1", "utf-8-sig")), "replace"))
    return bytes(data)


def outcome(path: Path, content: bytes, reader: str | None) -> str:
    """Read what is to be read, and raise AssertionError if the answer is not sound: in words, what came out."""
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            campaign = read(path, format=reader)
    except DrtengineError as error:
        if str(path) not in str(error) or " failed: " in str(error):  # as `read` says of readers that crash
            raise AssertionError(str(error)) from error
        return "refused"
    assert campaign.Z.shape == campaign.frequency.shape
    assert campaign.is_point.any(axis=1).all()
    if campaign.problems.any():
        return "read, with a problem that is named"
    assert np.isfinite(campaign.Z[campaign.is_point]).all()
    assert (campaign.frequency[campaign.is_point] > 0).all()
    return "read" + (" with notes" if campaign.notes else "")


def fuzz(reader: str, count: int, seed: int, folder: Path) -> Counter[str]:
    """Try `count` mutated files of a reader; half of them by the reader itself, half as whatever they look like."""
    random_ = random.Random(f"{reader} {seed}")
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        name, text = random_.choice(SEEDS[reader])
        content = mutate(text.encode(random_.choice(("utf-8", "utf-8", "latin-1")), "replace"), random_)
        try:
            began = time.process_time()
            outcomes[outcome(folder / name, content, random_.choice((reader, None)))] += 1
            assert time.process_time() - began < 5, "took more than five seconds"
        except Exception as error:
            raise AssertionError(f"{reader}: {content!r}") from error
    return outcomes


def main() -> None:
    """Try as many files for each reader as the first argument says, from the seed in the second."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for reader in sys.argv[3:] or SEEDS:
            began = time.process_time()
            try:
                outcomes = fuzz(reader, count, seed, Path(folder))
            except AssertionError:
                traceback.print_exc()
                failed = True
                continue
            print(f"{reader:<14} {dict(outcomes)} {time.process_time() - began:.0f} s", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
