"""A batch of any size: throughput and its parts, memory, being killed and going on, processes and threads.

    python bench/batch_runs.py million --count 1000000 --kills 3     # undisturbed, and killed and resumed: same files?
    python bench/batch_runs.py dask --count 10000                    # two workers, one killed on the way: same files?
    python bench/batch_runs.py scaling                               # a table of processes and threads

Spectra have 71 points and two ZARCs each with 0.5 % of noise; they are made in the processes that invert them.
"""

from __future__ import annotations

import os

os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")})  # before NumPy

import argparse
import hashlib
import json
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from joblib.externals.loky import get_reusable_executor

import drtengine as dt
from drtengine.spectrum import ComplexArray

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
BLOCK = 4096
NOISE = 0.005


def make(start: int, stop: int) -> dt.Campaign:
    """Spectra by number, whatever the cut: random numbers are drawn for blocks."""
    Z = np.concatenate([_block(number) for number in range(start // BLOCK, -(-stop // BLOCK))])
    first = start // BLOCK * BLOCK
    return dt.Campaign.from_arrays(FREQUENCY, Z[start - first : stop - first])


def _block(number: int) -> ComplexArray:
    """20 to 80 ohm, 0.1 ms to 1 s, exponent 0.6 to 1, twice; independent noise on both parts."""
    rng = np.random.default_rng([2, number])
    ln_s = np.log(2j * np.pi * FREQUENCY)
    Z = np.full((BLOCK, FREQUENCY.size), 10 + 0j)
    for _ in range(2):
        R, tau, phi = rng.uniform(20, 80, BLOCK), 10 ** rng.uniform(-4, 0, BLOCK), rng.uniform(0.6, 1, BLOCK)
        Z += R[:, None] / (1 + np.exp(phi[:, None] * (np.log(tau)[:, None] + ln_s)))
    noise = rng.standard_normal((BLOCK, 2 * FREQUENCY.size)).view(np.complex128)
    return np.asarray(Z + NOISE * np.abs(Z) * noise)


def run(folder: Path, options: dict[str, Any]) -> None:
    """One batch in this process and its children; prints a line of JSON."""
    source = dt.LazyCampaign(make, options.pop("count"), "two ZARCs, seed 2", FREQUENCY)
    start = time.perf_counter()
    store = dt.run_batch(source, folder, **options)
    seconds = time.perf_counter() - start
    get_reusable_executor().shutdown(wait=True)  # the memory of children is known when they have ended
    own, child = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    report = {"seconds": seconds, "parts": store.seconds, "cpu": store.cpu_seconds, "own": own, "child": child}
    print(json.dumps(report))


def started(folder: Path, **options: Any) -> subprocess.Popen[str]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "run", str(folder), json.dumps(options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for it and read its report."""
    output, _ = process.communicate()
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of all files with results: those of the arrays and the tables."""
    beside = folder / "batch"
    paths = [p for p in folder.rglob("*") if p.is_file() and (beside not in p.parents or p.suffix == ".parquet")]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def commits(folder: Path) -> int:
    """Chunks that are done."""
    return sum(1 for _ in (folder / "batch" / "commits").glob("0*.json"))


def show(name: str, report: dict[str, Any], count: int, folder: Path) -> None:
    """Print what a run has taken."""
    cpu, size = report["cpu"], sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    total = sum(cpu.values())
    parts = ", ".join(f"{part} {s / count * 1e6:.1f} us ({s / total:.0%})" for part, s in cpu.items())
    print(
        f"{name}: {count} spectra in {report['seconds']:.1f} s, {count / report['seconds']:.0f}/s; "
        f"CPU a spectrum: {parts}; {size / count:.0f} bytes a spectrum; "
        f"peak memory {report['own']:.0f} MiB, largest child {report['child']:.0f} MiB",
        flush=True,
    )


def million(options: argparse.Namespace, where: Path) -> None:
    """Once undisturbed, once killed at random moments."""
    same = {
        "count": options.count, "n_processes": options.processes, "method": "ridge", "keep": options.keep,
        "chunk": options.chunk,
        "lambda_": options.lambda_ if options.lambda_ == "gcv" else float(options.lambda_), "float32": options.float32,
    }  # fmt: skip
    show("undisturbed", finished(started(where / "whole.zarr", **same)), options.count, where / "whole.zarr")
    expected = digests(where / "whole.zarr")
    if not options.kills:
        return
    folder, chunks = where / "killed.zarr", commits(where / "whole.zarr")
    for moment in sorted(random.Random(options.seed).sample(range(1, chunks - 4), options.kills)):
        process = started(folder, **same)
        while not (folder / "batch" / "commits").exists() or commits(folder) < moment:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()  # and not for its children, which end by themselves
        print(f"killed with {commits(folder)} of {chunks} chunks committed", flush=True)
    show("resumed", finished(started(folder, **same)), options.count, folder)
    actual = digests(folder)
    differ = [name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name)]
    print(f"{len(expected)} files, {len(differ)} of them differ")
    assert not differ


def dask(options: argparse.Namespace, where: Path) -> None:
    """Two workers, one of them killed when a third of the chunks are done."""
    import threading

    import distributed

    source = dt.LazyCampaign(make, options.count, "two ZARCs, seed 2", FREQUENCY)
    same: dict[str, Any] = {"method": "ridge", "lambda_": 1e-3}
    dt.run_batch(source, where / "whole.zarr", n_processes=1, **same)
    chunks, folder = commits(where / "whole.zarr"), where / "dask.zarr"
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        workers = list(client.run(os.getpid).values())

        def kill() -> None:
            while not (folder / "batch" / "commits").exists() or commits(folder) < chunks // 3:
                time.sleep(0.005)
            os.kill(workers[0], signal.SIGKILL)
            print(f"worker killed with {commits(folder)} of {chunks} chunks committed", flush=True)

        killer = threading.Thread(target=kill)
        killer.start()
        dt.run_batch(source, folder, scheduler=client, **same)
        killer.join()
        print(f"workers at the start {workers}, at the end {list(client.run(os.getpid).values())}")
    expected, actual = digests(where / "whole.zarr"), digests(folder)
    differ = [name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name)]
    print(f"{options.count} spectra, {len(expected)} files, {len(differ)} of them differ")
    assert not differ


def scaling(options: argparse.Namespace, where: Path) -> None:
    """Wall time of the whole call, the median of a few rounds taken in turn."""
    ways = {"1 process": (1, 1), "1 process, 2 threads": (1, 2), "2 processes": (2, 1)}
    print("| spectra | " + " | ".join(f"{name} (s)" for name in ways) + " | " + " | ".join(ways) + " |")
    for count in (10**power for power in range(3, options.largest + 1)):
        times: dict[str, list[float]] = {name: [] for name in ways}
        cpu: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds if count < 10**5 else 1):
            for name, (processes, threads) in ways.items():
                folder = where / "scaling.zarr"
                shutil.rmtree(folder, ignore_errors=True)
                report = finished(
                    started(
                        folder, count=count, n_processes=processes, n_threads=threads, method="ridge", lambda_=1e-3,
                        keep="gamma", float32=True,
                    )
                )  # fmt: skip
                times[name].append(report["seconds"])
                cpu[name].append(sum(report["cpu"].values()) / count * 1e6)
        medians = [f"{statistics.median(times[name]):.2f}" for name in ways]
        costs = [f"{statistics.median(cpu[name]):.1f} us CPU" for name in ways]
        print(f"| {count} | " + " | ".join(medians) + " | " + " | ".join(costs) + " |", flush=True)


def main() -> None:
    """Choose."""
    if sys.argv[1:2] == ["run"]:
        run(Path(sys.argv[2]), json.loads(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["million", "dask", "scaling"])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--chunk", type=int, default=None)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--lambda", dest="lambda_", default="1e-3", help="a number, or gcv")
    parser.add_argument("--keep", default="gamma")
    parser.add_argument("--double", dest="float32", action="store_false")
    parser.add_argument("--seed", type=int, default=1, help="of the moments at which it is killed")
    parser.add_argument("--largest", type=int, default=5, help="power of ten up to which scaling goes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--where", type=Path, default=None, help="folder for the stores, removed afterwards")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.where, prefix="drtengine-") as folder:
        {"million": million, "dask": dask, "scaling": scaling}[options.what](options, Path(folder))


if __name__ == "__main__":
    main()
