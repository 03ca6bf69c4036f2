"""What a batch would do, without doing it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from .layout import layout_of
from .manifest import BESIDE, Manifest, commit_path
from .opened import BatchStore
from .sources import MemorySource, Source
from .stages import begin, default_chunk, work

_SAMPLE = 256
"""Spectra that a dry run tries."""


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


def make_plan(source: Source, folder: Path, manifest: Manifest, n_processes: int, n_threads: int) -> BatchPlan:
    """Run a few spectra into a store that is thrown away, in two sizes, and draw the line through their times."""
    start = perf_counter()
    sample, count = source.sample(_SAMPLE)
    reading = (perf_counter() - start) / len(sample)
    count = count or len(sample)
    chunk, done = manifest.layout["chunk"] or default_chunk(count), 0
    if manifest.survey is not None:
        layout = layout_of(manifest)
        count, chunk = layout.count, layout.chunk
        done = sum(commit_path(folder, number).exists() for number in range(layout.chunks))
    measured = []
    with tempfile.TemporaryDirectory(prefix="drtengine-") as scratch:
        for size in (max(1, len(sample) // 4), len(sample)):
            trial = Path(scratch) / str(size)
            tried = MemorySource(sample[:size])
            plan = Manifest(
                manifest.identity + str(size),
                manifest.versions,
                manifest.options,
                {**manifest.layout, "chunk": size},
                {},
            )
            (trial / BESIDE).mkdir(parents=True)
            plan = begin(trial, plan, tried, _here, None)
            work(trial, plan, tried, n_threads, _here, None)
            store = BatchStore(trial, plan)
            size_on_disk = sum(path.stat().st_size for path in trial.rglob("*") if path.is_file())
            measured.append((size, store.seconds, size_on_disk))
    (few, seconds_few, bytes_few), (many, seconds_many, bytes_many) = measured
    chunks = -(-count // chunk)
    left = count - done * chunk
    seconds = {"reading": reading * max(left, 0) / n_processes}
    for part in ("computing", "writing"):
        slope = max(0.0, (seconds_many[part] - seconds_few[part]) / max(many - few, 1))
        fixed = max(0.0, seconds_many[part] - slope * many)
        seconds[part] = max(0.0, slope * left + fixed * (chunks - done)) / n_processes
    each = max(0, bytes_many - bytes_few) / max(many - few, 1)
    return BatchPlan(
        path=folder,
        spectra=count,
        files=len(manifest.source.get("files", ())),
        chunk=chunk,
        chunks=chunks,
        done=done,
        n_processes=n_processes,
        nodes=store.tau.size,
        bytes=round(each * count + max(0.0, bytes_many - each * many) * chunks),
        seconds=seconds,
        sampled=len(sample),
        notes=tuple(store.notes),
    )


def _here(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    return (function(*task) for task in tasks)
