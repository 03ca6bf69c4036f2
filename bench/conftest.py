"""What all benchmarks share: one BLAS thread, a short form, microseconds a spectrum."""

from __future__ import annotations

import os

os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")})  # before NumPy

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drtengine._native import ISA

_ROWS = pytest.StashKey[list[tuple[str, str, float, float | None]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help="a tenth of the spectra, fewer rounds")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []


@pytest.fixture(scope="session")
def short(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("short"))


@pytest.fixture(scope="session")
def scaled(short: bool) -> Callable[[int], int]:
    """Number of spectra: a tenth of it in the short form."""
    return lambda count: max(count // 10, 1) if short else count


@pytest.fixture
def clock(benchmark: Any, short: bool, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Time a call, warm, and note microseconds a spectrum; returns what the call returned."""

    def run(
        call: Callable[[], Any],
        *,
        group: str,
        label: str,
        spectra: int = 1,
        limit: float | None = None,
        rounds: int = 7,
        warm: bool = True,
    ) -> Any:
        benchmark.group = group
        answer = benchmark.pedantic(call, rounds=min(rounds, 3) if short else rounds, warmup_rounds=int(warm))
        benchmark.extra_info.update(label=label, spectra=spectra, instruction_set=ISA, limit_us_per_spectrum=limit)
        if benchmark.stats is not None:  # None under --benchmark-disable
            each = benchmark.stats.stats.median / spectra * 1e6
            benchmark.extra_info["us_per_spectrum"] = each
            request.config.stash[_ROWS].append((group, label, each, limit))
        return answer

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real measurements; they are not part of the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("DRTENGINE_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no measured data: set DRTENGINE_TEST_DATA to their folder (looked in {folder})")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash[_ROWS]
    if not rows:
        return
    terminalreporter.section(f"median microseconds a spectrum ({ISA})")
    for group in dict.fromkeys(row[0] for row in rows):
        terminalreporter.write_line(f"\n{group}")
        for _, label, each, limit in (row for row in rows if row[0] == group):
            bound = "" if limit is None else f"   limit {limit:g}"
            terminalreporter.write_line(f"  {label:<58}{each:>14.2f}{bound}")
