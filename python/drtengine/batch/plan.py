"""What a batch would do, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BatchPlan:
    """What `run_batch` would do; made by it with ``dry_run=True``.

    Attributes
    ----------
    path : Path
        Of the store.
    spectra : int
        How many there are; of files, as many as in those that were tried.
    files : int
        How many there are; 0 where the input is no files.
    chunk, chunks, done : int
        Spectra in a chunk, chunks, and chunks that are in the store already.
    n_processes : int
    nodes : int
        Nodes in tau.
    bytes : int
        Size of the store at the end, and of the spectra that wait in it on the way.
    seconds : dict of str to float
        Wall time of reading, computing and writing what is left, if all processes are busy.
    sampled : int
        Spectra that this was measured on.
    notes : tuple of str
        What was odd in them.
    """

    path: Path
    spectra: int
    files: int
    chunk: int
    chunks: int
    done: int
    n_processes: int
    nodes: int
    bytes: int
    seconds: dict[str, float]
    sampled: int
    notes: tuple[str, ...]

    @property
    def total_seconds(self) -> float:
        """Wall time in all."""
        return sum(self.seconds.values())

    def __str__(self) -> str:
        where = f"{self.files} files, some " if self.files else ""
        lines = [
            f"{where}{self.spectra} spectra in {self.chunks} chunks of {self.chunk}, {self.done} of them done already",
            f"{self.nodes} nodes in tau; {_size(self.bytes)} in {self.path}",
            f"{_time(self.total_seconds)} with {self.n_processes} process(es), measured on {self.sampled} spectra: "
            + ", ".join(f"{_time(seconds)} {part}" for part, seconds in self.seconds.items()),
        ]
        return "\n".join(lines)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
