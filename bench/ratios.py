"""One table: drtengine beside its peers, interleaved, in one process, on one thread."""

from __future__ import annotations

import os

os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")})  # before NumPy

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

import drtengine as dt
from drtengine._native import ISA, core
from drtengine.selection import CRITERIA, LATTICE
from drtengine.spectrum import ComplexArray, FloatArray
from peers import pydrttools
from peers.quadratic import CVXOPT, SOLVERS, difference, solve_all
from problems import (
    GRIDS,
    POPULATIONS,
    TAU,
    assemble,
    campaign,
    core_call,
    frequencies,
    quadratic_programs,
    write_eclab,
)
from table import Row, cpu_model, markdown, measure

LAMBDA = 1e-3
BATCH = 200
CHOICES: dict[str, float | None] = {"lambda = 1e-3": LAMBDA, "GCV": None}
LIBRARIES = ("drtengine", "numpy", "scipy", "cvxopt", "daqp", "cvxpy", "clarabel", "pyDRTtools")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each row; slow peers have fewer")
    parser.add_argument("--short", action="store_true", help="a tenth of the spectra")
    parser.add_argument("--cpu-time", action="store_true", help="count CPU time, where the machine is not quiet")
    parser.add_argument("--without-pydrttools", action="store_true")
    options = parser.parse_args()
    divisor = 10 if options.short else 1
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            *assembly(),
            *fixed_lambda(20_000 // divisor, 2_000 // divisor),
            *small_lambda(2_000 // divisor),
            *gcv(20_000 // divisor),
            *general_solvers(),
            *whole_runs(),
            *([] if options.without_pydrttools else whole_pydrttools()),
            *files(Path(folder)),
        ]
        share = measure(rows, options.rounds, time.process_time if options.cpu_time else time.perf_counter)
    versions = ", ".join(f"{name} {found}" for name in LIBRARIES if (found := installed(name)))
    print(f"{cpu_model()}, instruction set {ISA}, one thread; Python {sys.version.split()[0]}, {versions}.")
    print(
        f"Medians of {options.rounds} interleaved rounds (slow peers: 3), {'CPU' if options.cpu_time else 'wall'} time"
        f"{', a tenth of the spectra' if options.short else ''}; {share:.0%} of the wall time was CPU time.\n"
    )
    print(markdown(rows))
    print(f"\nimport drtengine after import numpy: {import_seconds(options.rounds):.3f} s (limit 0.2 s)")


def assembly() -> Iterator[Row]:
    """Kernel and penalty of a grid."""
    for points, limit in ((71, 80.0), (200, None)):
        for grid in GRIDS:
            name = f"assembly {points} x {points}, {grid} grid (µs a grid)"
            yield Row(name, assemble(frequencies(points, grid)), limit=limit)


def fixed_lambda(count: int, count_own: int) -> Iterator[Row]:
    """Warm batches on one grid; the core returns coefficients, gamma at the nodes and status."""
    for points, limit in ((71, 3.0), (100, None), (200, 9.0)):
        for population in POPULATIONS if points == 71 else ("two_zarc", "random"):
            spectra = campaign(population, points, count)
            name = f"λ = 1e-3, N = {points}, {population}"
            cvxopt = f"{CVXOPT}, {population}" if points == 71 else ""
            yield core_row(f"{name}: core call", spectra, LAMBDA, limit, cvxopt)
            yield fit_row(f"{name}: fit_drt", spectra, LAMBDA, limit, cvxopt)
    irregular = campaign("two_zarc", 71, count, "irregular")
    yield fit_row("λ = 1e-3, N = 71, two_zarc, irregular grid: fit_drt", irregular, LAMBDA, 3.0)
    for population in ("two_zarc", "random"):
        spectra = campaign(population, 71, count_own)
        name = f"λ = 1e-3, N = 71, {population}, weights 1/abs(Z): fit_drt"
        yield fit_row(name, spectra, LAMBDA, 30.0, weights="modulus")
    yield fit_row("λ = 1e-3, N = 71, one spectrum alone: fit_drt", campaign("two_zarc", 71, 1), LAMBDA)


def small_lambda(count: int) -> Iterator[Row]:
    """Where answers are refined."""
    spectra = campaign("two_zarc", 71, count)
    for lambda_ in (1e-5, 1e-7):
        row = core_row(f"λ = {lambda_:g} (refined), N = 71, two_zarc: core call", spectra, lambda_)
        error = dt.fit_drt(spectra, method="ridge", lambda_=lambda_, tau=TAU).error.max()
        row.off_by = f"{error:.0e} (own estimate)"
        yield row


def gcv(count: int) -> Iterator[Row]:
    """The choice alone, and with the solve that follows."""
    spectra = campaign("two_zarc", 71, count)
    problem, _ = core_call(spectra)
    for lattice in (LATTICE[60:141:4], LATTICE):
        yield Row(
            f"GCV, choice among {lattice.size} λ, N = 71, two_zarc: core call",
            partial(core.select_lambda, problem, CRITERIA.index("gcv"), lattice, False),
            count,
            2.0,
        )
    yield fit_row("GCV, N = 71, two_zarc: fit_drt", spectra, "gcv")


def general_solvers() -> Iterator[Row]:
    """Peers on the same quadratic programs: cvxopt on every population, the others on two."""
    for population in POPULATIONS:
        spectra = campaign(population, 71, 20)
        programs = quadratic_programs(spectra, LAMBDA)
        ours = dt.fit_drt(spectra, method="ridge", lambda_=LAMBDA, tau=TAU).coefficients
        for name, solver in SOLVERS.items():
            if not installed(solver.module) or (name != CVXOPT and population not in ("two_zarc", "random")):
                continue
            solve = solver.prepare(programs)
            off = difference(solve_all(solve, 20), ours)
            assert off <= solver.tolerance, f"{name} solves another problem: {off:.1e}"
            yield Row(
                f"{name}, {population}",
                partial(solve_all, solve, 20),
                spectra=20,
                at_most=3 if "Clarabel" in name else None,
                off_by=f"{off:.0e}",
            )


def whole_runs() -> Iterator[Row]:
    """Arrays to results for a batch; nothing is known of the data or the grid before."""
    for choice, lambda_ in CHOICES.items():
        for grid in GRIDS:
            seen = campaign("two_zarc", 71, BATCH, grid)
            frequency = seen.frequency[0]
            tau = fine_tau(frequency)
            name, peer = f"{BATCH} spectra, {choice}, {grid} grid", pydrttools_name(choice, grid)
            run = partial(whole_run, frequency, seen.Z, lambda_ or "gcv")
            yield Row(f"{name}: from_arrays + fit_drt", run, BATCH, pydrttools=peer)
            fine = partial(whole_run_evaluated, frequency, seen.Z, lambda_ or "gcv", tau)
            yield Row(f"{name}: the same and γ at pyDRTtools' {tau.size} τ", fine, BATCH, pydrttools=peer)


def whole_run(frequency: FloatArray, Z: ComplexArray, lambda_: float | str) -> dt.DrtResult:
    """Arrays to result."""
    return dt.fit_drt(dt.Campaign.from_arrays(frequency, Z), method="ridge", lambda_=lambda_, tau=TAU, n_threads=1)


def whole_run_evaluated(frequency: FloatArray, Z: ComplexArray, lambda_: float | str, tau: FloatArray) -> FloatArray:
    """Arrays to gamma on a fine grid."""
    return whole_run(frequency, Z, lambda_).evaluate(tau)


def whole_pydrttools() -> Iterator[Row]:
    """One spectrum: it shares nothing between the spectra of a batch."""
    try:
        pydrttools.load()
    except ImportError as error:
        print(f"pyDRTtools is left out: {error}; {pydrttools.INSTALL}", file=sys.stderr)
        return
    for choice, lambda_ in CHOICES.items():
        for grid in GRIDS:
            spectra = campaign("two_zarc", 71, BATCH, grid)[:1]
            frequency, Z = spectra.frequency[0], spectra.Z[0]
            entry, exact = pydrttools.run(frequency, Z, lambda_), pydrttools.run_exactly(frequency, Z, lambda_)
            np.testing.assert_allclose(entry.tau_fine, fine_tau(frequency))
            ours = dt.fit_drt(spectra, method="ridge", lambda_=float(np.squeeze(entry.lambda_value)), tau=TAU)
            off, off_exactly = pydrttools.difference(entry, ours), pydrttools.difference(exact, ours)
            assert off_exactly <= pydrttools.TOLERANCE, f"pyDRTtools solves another problem: {off_exactly:.1e}"
            yield Row(
                pydrttools_name(choice, grid),
                partial(pydrttools.run, frequency, Z, lambda_),
                at_most=3,
                off_by=f"{off:.0e} (γ)",
            )


def files(folder: Path) -> Iterator[Row]:
    """From a text file to a result on disk."""
    source, target = folder / "sweeps.txt", folder / "result.nc"
    write_eclab(source, campaign("two_zarc", 71, BATCH))
    name = f"EC-Lab text of {BATCH} sweeps"
    yield Row(f"{name}: read", lambda: dt.read(source), BATCH)
    yield Row(
        f"{name}: read + fit_drt (GCV) + save",
        lambda: dt.save(dt.fit_drt(dt.read(source), method="ridge", n_threads=1), target),
        BATCH,
    )


def fit_row(
    what: str,
    spectra: dt.Campaign,
    lambda_: float | str,
    limit: float | None = None,
    cvxopt: str = "",
    *,
    weights: str = "unit",
) -> Row:
    """The whole of fit_drt on data that were checked before."""

    def call() -> dt.DrtResult:
        return dt.fit_drt(spectra, method="ridge", lambda_=lambda_, weights=weights, tau=TAU, n_threads=1)

    return Row(what, call, len(spectra), limit, cvxopt)


def core_row(what: str, spectra: dt.Campaign, lambda_: float, limit: float | None = None, cvxopt: str = "") -> Row:
    """The call into C++ alone."""
    problem, gamma_of = core_call(spectra)
    at = np.array([lambda_])
    return Row(what, lambda: core.solve_ridge(problem, at, gamma_of), len(spectra), limit, cvxopt)


def pydrttools_name(choice: str, grid: str) -> str:
    """Name its row."""
    return f"pyDRTtools, {choice}, {grid} grid"


def fine_tau(frequency: FloatArray) -> FloatArray:
    """Where pyDRTtools gives gamma."""
    return np.logspace(-np.log10(frequency.max()) - 0.5, -np.log10(frequency.min()) + 0.5, 10 * frequency.size)


def import_seconds(rounds: int) -> float:
    """Time of `import drtengine` in fresh interpreters that have NumPy already."""
    code = "import numpy, time; start = time.perf_counter(); import drtengine; print(time.perf_counter() - start)"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True) for _ in range(rounds + 1)]
    return float(np.median([float(run.stdout) for run in runs[1:]]))


def installed(name: str) -> str | None:
    """Version of a distribution, None where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
