"""Rows that are timed in turn, and the table they make."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

MEASURED_SECONDS = 0.05
"""A round of a row takes this or longer."""


@dataclass(eq=False)
class Row:
    """A line of the table.

    Attributes
    ----------
    what : str
    call : callable
        Timed.
    spectra : int
        Handled by one call.
    limit : float, optional
        Microseconds a spectrum.
    cvxopt, pydrttools : str
        The `what` of the rows to be compared with.
    at_most : int, optional
        Rounds, for what is slow and need not be warm.
    off_by : str
        How far a peer's answer is from ours.
    """

    what: str
    call: Callable[[], object]
    spectra: int = 1
    limit: float | None = None
    cvxopt: str = ""
    pydrttools: str = ""
    at_most: int | None = None
    off_by: str = ""
    seconds: list[float] = field(default_factory=list)

    @property
    def microseconds(self) -> float:
        """Median for a spectrum."""
        return float(np.median(self.seconds)) / self.spectra * 1e6


def measure(rows: Sequence[Row], rounds: int, clock: Callable[[], float]) -> float:
    """Run all rows in turn, again and again; returns the share of the wall time that was CPU time."""
    repeats = {row: 1 if row.at_most else _repeats(row, clock) for row in rows}
    wall, cpu = time.perf_counter(), time.process_time()
    for i in range(rounds):
        for row, count in repeats.items():
            if row.at_most is None or i < row.at_most:
                if row.at_most is None:
                    row.call()  # warm: after another row's, memory comes from the system, which may take as long
                start = clock()
                for _ in range(count):
                    row.call()
                row.seconds.append((clock() - start) / count)
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def _repeats(row: Row, clock: Callable[[], float]) -> int:
    """How often a call stands in a round: short ones often, or they would meet the caches of the row before."""
    row.call()
    start = clock()
    row.call()
    return int(np.clip(MEASURED_SECONDS / max(clock() - start, 1e-6), 1, 1000))


def markdown(rows: Sequence[Row]) -> str:
    """Return the table; a ratio is the peer's time over the row's."""
    times = {row.what: row.microseconds for row in rows}

    def ratio(row: Row, peer: str) -> str:
        return f"{times[peer] / row.microseconds:,.0f}" if peer in times else ""

    lines = [
        "| what | µs a spectrum | limit | cvxopt / this | pyDRTtools / this | off by |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g}"
        cells = (
            row.what,
            digits(row.microseconds),
            limit,
            ratio(row, row.cvxopt),
            ratio(row, row.pydrttools),
            row.off_by,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def digits(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cpu_model() -> str:
    """Return what the CPU calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    described = dict(line.split(":", 1) for line in lines if ":" in line)
    details = {key.strip(): value.strip() for key, value in described.items()}
    name = details.get("model name", platform.machine())
    family, model = details.get("cpu family"), details.get("model")
    return f"{name} (family {family}, model {model})" if family and model else name
