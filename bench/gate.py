"""Has anything become slower? Each kernel as a ratio to dense linear algebra timed beside it.

A machine that is busy or slower slows both, so the ratio is what can be compared between runs. `gate.json` holds
the ratios of an earlier run for each instruction set; this program fails if a kernel takes more than LIMIT times
its stored ratio, three times in a row. On another model of CPU it compares, but does not judge: how caches and
vector units relate to each other is the model's own.

    python bench/gate.py            # compare
    python bench/gate.py --store    # measure anew, after a change that was meant

`DRTENGINE_ISA=baseline python bench/gate.py --as v4` must fail: that is what a slow kernel looks like.
"""

from __future__ import annotations

import os

os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")})  # before NumPy

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

import drtengine as dt
from drtengine._native import ISA, LEVELS, core
from drtengine.selection import CRITERIA, LATTICE
from problems import TAU, assemble, campaign, core_call, frequencies
from table import cpu_model

STORE = Path(__file__).with_name("gate.json")
LIMIT = 1.6
ATTEMPTS = 3
ROUNDS = 7
SECONDS = 0.03
"""What a round of a kernel takes at least."""

Call = Callable[[], object]


def kernels() -> dict[str, Call]:
    """What is timed: every part of the core, warm, on one thread."""
    many, large = campaign("two_zarc", 71, 4000), campaign("two_zarc", 200, 1600)
    some, few = campaign("two_zarc", 71, 400), campaign("two_zarc", 71, 40)
    at = np.array([1e-3])
    drifting = few.with_coordinates(voltage=np.arange(len(few)))
    fit = partial(dt.fit_drt, n_threads=1)
    ridge, large_ridge = core_call(many), core_call(large)
    own = core_call(some, weights="modulus")
    return {
        "assembly of an irregular grid": assemble(frequencies(71, "irregular")),
        "ridge, N = 71": lambda: core.solve_ridge(ridge[0], at, ridge[1]),
        "ridge, N = 200": lambda: core.solve_ridge(large_ridge[0], at, large_ridge[1]),
        "ridge, own weights": lambda: core.solve_ridge(own[0], at, own[1]),
        "lambda by GCV": lambda: core.select_lambda(ridge[0], CRITERIA.index("gcv"), LATTICE, False),
        "lambda by evidence": lambda: fit(some, method="ridge", lambda_="evidence", tau=TAU),
        "smooth": lambda: fit(few, method="log"),
        "elements": lambda: fit(few, method="elements"),
        "band": lambda: fit(few, method="log", band=0.95),
        "joint": lambda: fit(drifting, method="joint", along="voltage"),
        "Kramers-Kronig": lambda: dt.check_kk(some, n_threads=1),
        "Kramers-Kronig by the mu rule": lambda: dt.check_kk(some, n_rc="mu", n_threads=1),
        "circuit": lambda: dt.fit_circuit(few, "L0-R0-p(R1,CPE1)-p(R2,CPE2)"),
    }


def calibration() -> Call:
    """Return the yardstick: dense products and Cholesky factors of the size of our problems."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((200, 200))
    H = A @ A.T + np.eye(200)

    def run() -> None:
        for _ in range(4):
            A @ A
            np.linalg.cholesky(H)

    return run


def timer(call: Call) -> Callable[[], float]:
    """Return a function that gives CPU seconds of one call, measured over a round."""
    call()
    start = time.process_time()
    call()
    repeats = int(np.clip(SECONDS / max(time.process_time() - start, 1e-7), 1, 10_000))

    def measure() -> float:
        begin = time.process_time()
        for _ in range(repeats):
            call()
        return (time.process_time() - begin) / repeats

    return measure


def ratios(calls: dict[str, Call], yardstick: Callable[[], float]) -> dict[str, float]:
    """Median over rounds of a kernel's time to the yardstick's before and after it."""
    timers = {name: timer(call) for name, call in calls.items()}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        before = yardstick()
        for name, measure in timers.items():
            seconds, after = measure(), yardstick()
            found[name].append(2 * seconds / (before + after))
            before = after
    return {name: float(np.median(values)) for name, values in found.items()}


def slower(found: dict[str, float], stored: dict[str, float]) -> list[str]:
    """Name the kernels beyond the limit."""
    return [name for name, ratio in found.items() if name in stored and ratio > LIMIT * stored[name]]


def table(found: dict[str, float], stored: dict[str, float]) -> Iterable[str]:
    """Lines to print."""
    yield f"{'ratio to dense algebra':<34}{'now':>10}{'stored':>10}{'now / stored':>14}"
    for name, ratio in found.items():
        known = stored.get(name)
        yield f"{name:<34}{ratio:>10.3g}" + ("" if known is None else f"{known:>10.3g}{ratio / known:>14.2f}")


def main() -> int:
    """Measure, compare, and say what has become slower; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="store_true", help="keep the ratios found")
    parser.add_argument(
        "--as", dest="level", choices=LEVELS, default=ISA, help="compare with another instruction set's"
    )
    options = parser.parse_args()
    everything = json.loads(STORE.read_text()) if STORE.exists() else {}
    known = {} if options.store else everything.get(options.level, {})
    stored, same_machine = known.get("ratios", {}), known.get("machine") == cpu_model()

    calls, yardstick = kernels(), timer(calibration())
    found = ratios(calls, yardstick)
    late = slower(found, stored)
    for _ in range(ATTEMPTS - 1):
        if not late or not same_machine:
            break
        again = ratios({name: calls[name] for name in late}, yardstick)
        found |= {name: min(ratio, found[name]) for name, ratio in again.items()}
        late = slower(found, stored)

    print(f"{cpu_model()}, instruction set {ISA}")
    print("\n".join(table(found, stored)))
    if options.store:
        everything[ISA] = {"machine": cpu_model(), "ratios": {name: float(f"{r:.3g}") for name, r in found.items()}}
        STORE.write_text(json.dumps(everything, indent=2) + "\n")
    elif not stored:
        print(f"nothing is stored for {options.level}: nothing to compare with")
    elif not same_machine:
        print(f"the stored ratios are of another CPU, {known['machine']}: not judged")
    if late:
        print(f"SLOWER than {LIMIT} times the stored ratio: {', '.join(late)}")
    return int(bool(late) and same_machine)


if __name__ == "__main__":
    sys.exit(main())
