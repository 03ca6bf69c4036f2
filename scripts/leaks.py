"""Ask every part of the core 100,000 times and watch the memory: leaks.py [CALLS]. Ends with 1 if it grew."""

from __future__ import annotations

import gc
import os
import sys
import tempfile

import numpy as np

import drtengine as dt
from drtengine.simulate import ZARC, Circuit, Resistor

ALLOWED = 4.0
"""MB that may be added after the first tenth of the calls: allocators settle late."""


def resident() -> float:
    """MB of this process in memory (Linux)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    """Call in turn and print the memory after each tenth."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    frequency = np.geomspace(1e4, 1e-1, 31)
    cell = Circuit([Resistor(10), ZARC(50, 1e-3, 0.8), ZARC(30, 0.1, 0.9)])
    good = dt.simulate.campaign([cell] * 2, frequency, level=0.005)
    broken = dt.Campaign.from_arrays(frequency, np.where(np.arange(31) == 7, np.nan, good.Z))
    file = os.path.join(tempfile.mkdtemp(), "spectrum.csv")
    np.savetxt(file, np.column_stack([frequency, good.Z[0].real, good.Z[0].imag]), delimiter=",")

    def refused() -> None:
        try:
            dt.fit_drt(broken[0])
        except dt.InvalidInput:
            return
        raise AssertionError

    asked = {
        "ridge": lambda: dt.fit_drt(good, method="ridge", lambda_=1e-3, n_threads=2),
        "evidence": lambda: dt.fit_drt(good, method="ridge", n_threads=1),
        "log and band": lambda: dt.fit_drt(good, method="log", band=0.95, n_threads=1),
        "broken spectra": lambda: dt.fit_drt(broken, method="ridge", n_threads=1),
        "errors": refused,
        "Kramers-Kronig": lambda: dt.check_kk(good, n_threads=1),
        "reading": lambda: dt.read(file),
    }
    jobs = list(asked.values())
    history = []
    for i in range(calls):
        jobs[i % len(jobs)]()
        if (i + 1) % (calls // 10) == 0:
            gc.collect()
            history.append(resident())
            print(f"{i + 1:7d} calls: {history[-1]:.1f} MB", flush=True)
    grown = history[-1] - history[0]
    print(f"{', '.join(asked)}: {history[0]:.1f} MB after {calls // 10} calls, {grown:+.1f} MB since")
    return int(grown > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
