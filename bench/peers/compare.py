"""drtengine beside its peers, on the same data in one run: speed and accuracy as one table.

    python bench/peers/compare.py                     # prints, and writes docs/benchmarks.md

Every peer is a program of its own (`programs/`) in an environment of its own, which is made when it is missing and
kept in `build/peers`. None of them is imported here. A peer that cannot be installed is named in the table.
"""

from __future__ import annotations

import os

os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")})  # before NumPy

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import drtengine as dt
from drtengine._native import ISA
from drtengine.simulate import Circuit, add_noise, benchmark_cases

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from problems import campaign, quadratic_programs
from table import cpu_model, digits

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).with_name("programs")
PAGE = ROOT / "docs" / "benchmarks.md"

F = np.geomspace(1e5, 1e-2, 71)
TAU = np.geomspace(1e-6, 31.6, 401)
CASES = ("two_zarc", "overlapping", "havriliak_negami", "fractal_gerischer")
NOISE = 0.005
CIRCUIT = "R0-p(R1,CPE1)-W1"
GUESS = {"R0": 0.3, "R1": 0.3, "CPE1_0": 0.1, "CPE1_1": 0.8, "W1": 0.05}
LIMIT_SECONDS = 1200


@dataclass(frozen=True)
class Environment:
    """Where a peer lives: what pip installs, in the order given (a list each, as pip takes them)."""

    name: str
    packages: tuple[tuple[str, ...], ...]


# pyDRTtools declares what it does not need and not what it does; impedance needs no drawing here
PYDRTTOOLS = Environment(
    "pyDRTtools", (("--no-deps", "pyDRTtools"), ("numpy", "scipy", "cvxopt", "matplotlib", "pandas", "scikit-learn"))
)
IMPEDANCE = Environment("impedance.py", (("--no-deps", "impedance"), ("numpy", "scipy", "matplotlib", "pandas")))
PYIMPSPEC = Environment("pyimpspec", (("pyimpspec", "cvxopt"),))
SOLVERS = Environment("solvers", (("numpy", "scipy", "cvxopt", "daqp"),))


@dataclass
class Line:
    """One row of the table."""

    question: str
    who: str
    microseconds: float
    accuracy: str
    data: str
    ours: float = np.nan

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the row."""
        ratio = "" if np.isnan(self.ours) else digits(self.microseconds / self.ours)
        return self.question, self.data, self.who, digits(self.microseconds), ratio, self.accuracy


class Peers:
    """Runs programs in the environments of their peers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missing: dict[str, str] = {}

    def python(self, environment: Environment) -> Path | None:
        """Return the interpreter of an environment, made now if there is none; None if that fails."""
        home = self.folder / environment.name
        python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        complete = home / "complete"
        if not complete.exists() and environment.name not in self.missing:
            print(f"setting up {environment.name}", file=sys.stderr)
            venv.create(home, with_pip=True, clear=True)
            for packages in environment.packages:
                done = subprocess.run(
                    [python, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    self.missing[environment.name] = done.stderr.strip().splitlines()[-1]
                    return None
            complete.touch()
        return python if complete.exists() else None

    def run(self, environment: Environment, program: str, **arrays: object) -> Mapping[str, NDArray[np.float64]] | None:
        """Run a program of `programs/` on arrays; None if the peer cannot be had, with the reason in `missing`."""
        python = self.python(environment)
        if python is None:
            return None
        with tempfile.TemporaryDirectory() as folder:
            question, answer = Path(folder, "in.npz"), Path(folder, "out.npz")
            np.savez(question, **arrays)  # type: ignore[arg-type]
            clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            done = subprocess.run(
                [python, PROGRAMS / f"{program}.py", question, answer],
                env=clean, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
            )  # fmt: skip
            if done.returncode:
                self.missing[f"{environment.name} ({program})"] = done.stderr.strip().splitlines()[-1]
                return None
            with np.load(answer) as arrays_out:
                return dict(arrays_out)

    def version(self, environment: Environment, package: str) -> str:
        """Return name and version of what is installed."""
        python = self.python(environment)
        if python is None:
            return f"{package} (not installed)"
        code = f"from importlib.metadata import version; print(version({package!r}))"
        found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
        return f"{package} {found.stdout.strip()}"


def timed(call: Callable[[], Any], rounds: int = 7) -> tuple[Any, float]:
    """Return what a warm call returns, and its median CPU time in seconds."""
    answer, seconds = call(), []
    for _ in range(rounds):
        start = time.process_time()
        answer = call()
        seconds.append(time.process_time() - start)
    return answer, float(np.median(seconds))


def distributions(peers: Peers, spectra: int, of_peers: int) -> list[Line]:
    """Arrays to gamma with lambda chosen, and the error against the exact gamma."""
    lines = []
    for case in CASES:
        circuit = benchmark_cases()[case]
        Z = add_noise(np.tile(circuit.impedance(F), (spectra, 1)), NOISE, seed=7)
        measured = dt.Campaign.from_arrays(F, Z)
        ours = np.nan
        for method, options in (("ridge", {"lambda_": "gcv"}), ("ridge", {}), ("log", {}), ("auto", {})):
            result, seconds = timed(partial(dt.fit_drt, measured, method=method, n_threads=1, **options), 3)
            each = seconds / spectra * 1e6
            ours = each if np.isnan(ours) else ours
            name = f"drtengine {method}" + ({"gcv": ", GCV"}.get(options.get("lambda_", ""), ", evidence"))
            lines.append(Line("γ, λ chosen", name, each, error(result.evaluate(TAU)[:of_peers], circuit), case))
        for environment, program, who in (
            (PYDRTTOOLS, "pydrttools_drt", "pyDRTtools, GCV"),
            (PYIMPSPEC, "pyimpspec_drt", "pyimpspec TR-RBF, mGCV"),
        ):
            answer = peers.run(environment, program, frequency=F, Z=Z[:of_peers], tau=TAU)
            if answer is not None:
                each = float(answer["seconds"]) * 1e6
                lines.append(Line("γ, λ chosen", who, each, error(answer["gamma"], circuit), case, ours))
    return lines


def error(gamma: NDArray[np.float64], circuit: Circuit) -> str:
    """Median relative L2 error of gamma [spectrum, tau]."""
    exact = circuit.gamma(TAU)
    return f"γ off by {np.median(np.linalg.norm(gamma - exact, axis=1) / np.linalg.norm(exact)):.1%}"


def quadratic(peers: Peers) -> list[Line]:
    """Fixed lambda, the bare quadratic program."""
    lines = []
    for points in (71, 200):
        many, few = campaign("two_zarc", points, 20_000), campaign("two_zarc", points, 20)
        fit, seconds = timed(
            lambda c=many: dt.fit_drt(c, method="ridge", lambda_=1e-3, tau="drttools", n_threads=1)
        )  # fmt: skip
        ours = seconds / len(many) * 1e6
        question, data = f"λ = 1e-3, N = {points}", "two_zarc"
        lines.append(Line(question, "drtengine", ours, f"own estimate {fit.error.max():.0e}", data))
        exact = dt.fit_drt(few, method="ridge", lambda_=1e-3, tau="drttools").coefficients
        programs = quadratic_programs(few, 1e-3)
        for solver in ("cvxopt", "scipy", "daqp"):
            answer = peers.run(
                SOLVERS,
                "quadratic",
                solver=solver,
                H=programs.H,
                g=programs.g,
                rows=programs.rows,
                right=programs.right,
            )
            if answer is None:
                continue
            off = np.linalg.norm(answer["x"][:, 2:] - exact, axis=1) / np.linalg.norm(exact, axis=1)
            each = float(answer["seconds"]) * 1e6
            lines.append(Line(question, solver, each, f"x off by {off.max():.0e}", data, ours))
    return lines


def validity(peers: Peers, spectra: int) -> list[Line]:
    """Kramers-Kronig checks of valid spectra with noise of 0.1 %."""
    circuit = benchmark_cases()["two_zarc"]
    Z = add_noise(np.tile(circuit.impedance(F), (spectra, 1)), 1e-3, seed=8)
    measured = dt.Campaign.from_arrays(F, Z)
    r, seconds = timed(lambda: dt.check_kk(measured, n_threads=1))
    ours = seconds / spectra * 1e6
    question, data = "Kramers-Kronig, noise 0.1 %", "two_zarc"
    passed = np.mean(r.verdict == "pass")
    lines = [Line(question, "drtengine, verdict and all", ours, f"{passed:.0%} pass; {rms(r.residual)}", data)]
    for environment, program, who, few in (
        (IMPEDANCE, "impedance_kk", "impedance.py linKK", 5),
        (PYIMPSPEC, "pyimpspec_kk", "pyimpspec, defaults", 2),
    ):
        answer = peers.run(environment, program, frequency=F, Z=Z[:few])
        if answer is not None:
            each = float(answer["seconds"]) * 1e6
            lines.append(Line(question, who, each, f"no verdict; {rms(answer['residual'])}", data, ours))
    return lines


def rms(residual: NDArray[np.complex128]) -> str:
    """Root mean square of relative residuals."""
    return f"residual {np.sqrt(np.mean(np.abs(residual) ** 2) / 2):.2%}"


def circuits(peers: Peers, data: Path) -> list[Line]:
    """A circuit along a measured campaign of 85 spectra, where the data are at hand."""
    file = data / "zhang2020_25C08_45C01" / "EIS_state_V_25C08.txt"
    if not file.exists():
        print(f"no circuit fits: {file} is missing", file=sys.stderr)
        return []
    measured = dt.read(file)[:85]
    fit, seconds = timed(lambda: dt.fit_circuit(measured, CIRCUIT, guess=GUESS), 3)
    ours, question, of = seconds / len(measured) * 1e6, f"circuit {CIRCUIT}", "Zhang 2020, state V, 85"
    lines = [Line(question, "drtengine", ours, f"χ² {np.median(fit.chi2):.4g}", of)]
    answer = peers.run(
        IMPEDANCE, "impedance_circuit",
        frequency=measured.frequency[0], Z=measured.Z, circuit=CIRCUIT, guess=list(GUESS.values()),
    )  # fmt: skip
    if answer is not None:
        each = float(answer["seconds"]) * 1e6
        lines.append(Line(question, "impedance.py", each, f"χ² {np.median(answer['chi2']):.4g}", of, ours))
    return lines


def page(lines: list[Line], peers: Peers) -> str:
    """Return the page as Markdown."""
    versions = ", ".join(
        peers.version(environment, package)
        for environment, package in (
            (PYDRTTOOLS, "pyDRTtools"), (IMPEDANCE, "impedance"), (PYIMPSPEC, "pyimpspec"),
            (SOLVERS, "cvxopt"), (SOLVERS, "scipy"), (SOLVERS, "daqp"),
        )
    )  # fmt: skip
    header = ("question", "data", "who", "µs a spectrum", "times ours", "answer")
    rows = [header, ("---", "---", "---", "--:", "--:", "---"), *(line.cells() for line in lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    missing = "".join(f"\nNot measured: {name}: {why}\n" for name, why in peers.missing.items())
    return f"""# Beside the peers

Made by `python bench/peers/compare.py` on {datetime.now(UTC):%Y-%m-%d}: {cpu_model()}, instruction set {ISA}, one
thread, median CPU time in one run. drtengine {dt.__version__}; {versions}.

Spectra have 71 points from 100 kHz to 10 mHz and proportional noise of {NOISE:.1%} unless it says otherwise.
drtengine takes the whole batch in one call; peers that know no batch are called in a loop, as their users do, and
start-up and import are not counted. "times ours" compares with the first line of a group. "γ off by" is the median
relative L2 error against the exact γ on {TAU.size} values of τ between {TAU[0]:g} and {TAU[-1]:g} s.

{table}
{missing}"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spectra", type=int, default=200, help="in a batch of ours")
    parser.add_argument("--of-peers", type=int, default=5, help="of them that the peers invert")
    parser.add_argument("--environments", type=Path, default=ROOT / "build" / "peers")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("DRTENGINE_TEST_DATA", ROOT.parent / "shared" / "data"))
    )
    options = parser.parse_args()
    peers = Peers(options.environments)
    lines = [
        *quadratic(peers),
        *distributions(peers, options.spectra, options.of_peers),
        *validity(peers, options.spectra),
        *circuits(peers, options.data),
    ]
    text = page(lines, peers)
    print(text)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
