"""Ask every part of the engine 100,000 times and watch the memory: leaks.py [CALLS] [--minutes M].

Prints the resident memory after each tenth of the calls, or, with ``--minutes``, once a minute for so long.
Ends with 1 if it grew after the first tenth.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import drtengine as dt
from drtengine.simulate import ZARC, Circuit, Resistor

ALLOWED = 4.0
"""MB that may be added after the first tenth: allocators settle late."""
RARELY = 20
"""One of the slow jobs follows so many rounds of the quick ones."""


def resident() -> float:
    """MB of this process in memory (Linux)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def questions() -> tuple[dict[str, Callable[[], object]], dict[str, Callable[[], object]]]:
    """Return what is asked, quick and slow, by name."""
    frequency = np.geomspace(1e4, 1e-1, 31)
    cell = Circuit([Resistor(10), ZARC(50, 1e-3, 0.8), ZARC(30, 0.1, 0.9)])
    good = dt.simulate.campaign([cell] * 2, frequency, level=0.005)
    broken = dt.Campaign.from_arrays(frequency, np.where(np.arange(31) == 7, np.nan, good.Z))
    file = os.path.join(tempfile.mkdtemp(), "spectrum.csv")
    np.savetxt(file, np.column_stack([frequency, good.Z[0].real, good.Z[0].imag]), delimiter=",")
    series = dt.simulate.campaign([cell] * 4, frequency, coordinates={"voltage": np.arange(4.0)}, level=0.005)
    fitted = dt.fit_drt(good, method="ridge", n_threads=1)

    def refused() -> None:
        try:
            dt.fit_drt(broken[0])
        except dt.InvalidInput:
            return
        raise AssertionError

    sampled: dict[str, Any] = {"band": 0.95, "band_kind": "sampled", "samples": 100}
    quick: dict[str, Callable[[], object]] = {
        "ridge": lambda: dt.fit_drt(good, method="ridge", lambda_=1e-3, n_threads=2),
        "evidence": lambda: dt.fit_drt(good, method="ridge", n_threads=1),
        "log and band": lambda: dt.fit_drt(good, method="log", band=0.95, n_threads=1),
        "broken spectra": lambda: dt.fit_drt(broken, method="ridge", n_threads=1),
        "errors": refused,
        "Kramers-Kronig": lambda: dt.check_kk(good, n_threads=1),
        "peaks": lambda: dt.find_peaks(fitted),
        "reading": lambda: dt.read(file),
    }
    slow: dict[str, Callable[[], object]] = {
        "auto": lambda: dt.fit_drt(good, n_threads=2),
        "elements": lambda: dt.fit_drt(good, method="elements", n_threads=1),
        "joint": lambda: dt.fit_drt(series, method="joint", along="voltage", n_threads=2),
        "circuit": lambda: dt.fit_circuit(good, "R0-p(R1,CPE1)-p(R2,CPE2)"),
        "log sampled": lambda: dt.fit_drt(good, method="log", **sampled, n_threads=1),
        "ridge sampled": lambda: dt.fit_drt(good, method="ridge", **sampled, n_threads=1),
        "Z-HIT": lambda: dt.check_kk(good, method="z_hit"),
        "Hilbert": lambda: dt.check_kk(good, method="bayesian_hilbert", n_threads=1),
        "Warburg": lambda: dt.fit_warburg(good),
        "table": fitted.to_dataset,
    }
    return quick, slow


def in_turn(quick: list[Callable[[], object]], slow: list[Callable[[], object]]) -> Iterator[Callable[[], object]]:
    """Yield the quick ones in rounds, and after every so many rounds one of the slow ones."""
    i = 0
    while True:
        for _ in range(RARELY):
            yield from quick
        yield slow[i % len(slow)]
        i += 1


def main() -> int:
    """Call in turn, print the memory as it goes, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="?", type=int, default=100_000)
    parser.add_argument("--minutes", type=int, help="go on for so long instead")
    options = parser.parse_args()
    quick, slow = questions()
    for job in (*quick.values(), *slow.values()):  # caches fill, modules are imported
        job()
    history: list[float] = []
    start = time.monotonic()
    samples = options.minutes or 10
    for calls, job in enumerate(in_turn([*quick.values()], [*slow.values()]), 1):
        job()
        done = (time.monotonic() - start) / 60 if options.minutes else calls / max(options.calls // 10, 1)
        if done >= len(history) + 1:
            gc.collect()
            history.append(resident())
            minutes = (time.monotonic() - start) / 60
            print(f"{minutes:5.1f} min, {calls:8d} calls: {history[-1]:.1f} MB", flush=True)
        if len(history) == samples:
            break
    settled = history[max(samples // 10, 1) - 1]
    grown = history[-1] - settled
    print(f"{', '.join([*quick, *slow])}: {settled:.1f} MB after a tenth, {grown:+.1f} MB since")
    return int(grown > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
