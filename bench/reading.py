"""How fast are files read? Files and spectra a second, in one process and in two."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor

from drtengine import Campaign, read, simulate
from problems import frequencies, write_eclab
from table import cpu_model

FILES, SWEEPS = 2000, 200


def main() -> None:
    """Write files, read them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, help="a folder of measured files, read too")
    options = parser.parse_args()
    print(f"{cpu_model()}, best of {options.rounds}, ms; files/s and spectra/s by CPU time\n")
    head = (
        "files",
        "spectra",
        "CPU time",
        "files/s",
        "spectra/s",
        "wall time",
        "two new processes",
        "two running ones",
    )
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small", Path(folder) / "large"
        write_small(small)
        write_large(large)
        folders = {"csv of one spectrum": small, f"EC-Lab text of {SWEEPS} sweeps": large, "measured": options.data}
        for name, where in folders.items():
            if where is not None:
                print(row(name, where, options.rounds), flush=True)


def row(name: str, folder: Path, rounds: int) -> str:
    """Measure one folder."""
    campaign = read(folder)
    files = [Path(path) for path in campaign.sources]
    cpu = best(lambda: read(folder), time.process_time, rounds)
    walls = [
        best(lambda: read(folder), time.perf_counter, rounds),
        best(lambda: in_processes(files, fresh=True), time.perf_counter, rounds),
        best(lambda: in_processes(files, fresh=False), time.perf_counter, rounds),
    ]
    get_reusable_executor().shutdown(wait=True)
    numbers = (len(campaign), 1e3 * cpu, len(files) / cpu, len(campaign) / cpu, *(1e3 * wall for wall in walls))
    return f"| {len(files)} {name} | {' | '.join(f'{number:.0f}' for number in numbers)} |"


def in_processes(files: Sequence[Path], *, fresh: bool) -> Campaign:
    """Read halves in two processes and join them."""
    if fresh:
        get_reusable_executor().shutdown(wait=True)
    with joblib.parallel_config("loky", n_jobs=2):
        parts = joblib.Parallel()(joblib.delayed(read)(half) for half in (files[::2], files[1::2]))
    return Campaign.concatenate(parts)


def best(call: Callable[[], object], clock: Callable[[], float], rounds: int) -> float:
    """Shortest time of some calls, in s."""
    times = []
    for _ in range(rounds):
        began = clock()
        call()
        times.append(clock() - began)
    return min(times)


def write_small(folder: Path) -> None:
    """Write one spectrum a file."""
    folder.mkdir()
    frequency = frequencies(71)
    for number, R in enumerate(np.linspace(40, 60, FILES)):
        Z = simulate.Circuit([simulate.Resistor(5), simulate.ZARC(R, 1e-2, 0.85)]).impedance(frequency)
        rows = [f"{f:.6e},{z.real:.6e},{z.imag:.6e}" for f, z in zip(frequency, Z, strict=True)]
        text = "\n".join(["Frequency / Hz,Z' / ohm,Z'' / ohm", *rows])
        (folder / f"cell{number}_{number / FILES:.4f}V.csv").write_text(text)


def write_large(folder: Path) -> None:
    """Write many sweeps a file."""
    folder.mkdir()
    frequency = frequencies(71)
    tau = np.geomspace(1e-4, 1e-1, SWEEPS)
    circuits = [simulate.Circuit([simulate.Resistor(5), simulate.ZARC(50, t, 0.85)]) for t in tau]
    spectra = Campaign.from_arrays(frequency, [circuit.impedance(frequency) for circuit in circuits])
    for number in range(10):
        write_eclab(folder / f"cell{number}.txt", spectra)


if __name__ == "__main__":
    main()
