"""What happens to one chunk, in whatever process: spectra in, a commit out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from .._native import ISA
from ..campaign import Campaign
from ..drt import fit_drt
from ..errors import InvalidInput, Status
from ..result import DrtResult
from .frames import Limits, peaks_frame, processes_frame, spectra_frame, write_frame
from .layout import Layout, warm_up, write_rows
from .manifest import read_commit, table_path, write_commit
from .sources import Piece
from .survey import excluded_points, widen, with_all_coordinates

PARTS = ("reading", "computing", "writing")
"""What the time of a chunk is told apart into."""


@dataclass(frozen=True)
class Job:
    """What is the same for all chunks.

    Attributes
    ----------
    folder : Path
    identity : str
        Of the store.
    layout : Layout
    options : mapping
        Of `fit_drt`, as JSON has them.
    tau : tuple of float
        Nodes in s.
    coordinates : mapping of str to str
        Kind of each.
    timed : bool
        Whether points have times.
    peaks : bool
    processes : mapping or None
    isa : str
        Instruction set.
    n_threads : int
    """

    folder: Path
    identity: str
    layout: Layout
    options: Mapping[str, Any]
    tau: tuple[float, ...]
    coordinates: Mapping[str, str]
    timed: bool
    peaks: bool
    processes: Limits | None
    isa: str
    n_threads: int


@dataclass(frozen=True)
class Report:
    """What became of a chunk.

    Attributes
    ----------
    chunk : int
    spectra : int
    """

    chunk: int
    spectra: int


def invert_chunk(job: Job, chunk: int, piece: Piece) -> Report:
    """Read, invert and write a chunk, and commit it last of all."""
    start, stop = job.layout.rows(chunk)
    if read_commit(job.folder, chunk) is not None:  # done by another process that was taken for dead
        return Report(chunk, stop - start)
    if job.isa != ISA:
        raise InvalidInput(
            f"the store was begun with the instruction set {job.isa!r}, but this process uses {ISA!r}, which changes "
            f"the last bits; set the environment variable DRTENGINE_ISA={min(job.isa, ISA, key=_level)} everywhere"
        )
    warm_up(job.folder, job.identity)
    clock = [_now()]
    campaign = prepared(piece(), job, start)
    clock.append(_now())
    result = invert(campaign, job)
    frames = {"spectra": spectra_frame(result, start)}
    if job.peaks:
        frames["peaks"] = peaks_frame(result, start, job.processes)
    if job.processes:
        frames["processes"] = processes_frame(result, start, job.processes)
    clock.append(_now())
    files = write_rows(job.folder, job.identity, result, job.layout, chunk)
    for name, frame in frames.items():
        files.append(table_path(job.folder, name, chunk))
        write_frame(files[-1], frame)
    clock.append(_now())
    wall, cpu = (dict(zip(PARTS, steps.tolist(), strict=True)) for steps in np.diff(clock, axis=0).T)
    count = np.bincount(result.status, minlength=1)
    commit = {
        "rows": [start, stop],
        "statuses": {Status(int(s)).name: int(count[s]) for s in np.flatnonzero(count)},
        "notes": notes_of(result),
        "campaign_notes": list(campaign.notes),
        "sources": dict(campaign.sources),
        "seconds": wall,
        "cpu_seconds": cpu,
    }
    write_commit(job.folder, chunk, files, commit)
    return Report(chunk, stop - start)


def _now() -> tuple[float, float]:
    """Wall time and CPU time of this process."""
    return perf_counter(), process_time()


def prepared(campaign: Campaign, job: Job, start: int) -> Campaign:
    """Give a piece the width, the coordinates and the names that it has in the batch."""
    campaign = with_all_coordinates(widen(campaign, job.layout.points), job.coordinates)
    names = campaign.names or [f"spectrum {i}" for i in range(start, start + len(campaign))]
    times = campaign.point_time
    if job.timed and times is None:
        times = np.full(campaign.Z.shape, np.nan)
    return Campaign(
        campaign.frequency, campaign.Z, campaign.coordinates, names, times, campaign.sources, campaign.notes
    )


def invert(campaign: Campaign, job: Job) -> DrtResult:
    """Invert spectra on the grid of the batch."""
    options = dict(job.options)
    options["exclude"], _ = excluded_points(campaign, options["exclude"])
    options["tau"] = np.array(job.tau)
    return fit_drt(campaign, **options, n_threads=job.n_threads)


def notes_of(result: DrtResult) -> list[str]:
    """Give what is to be said of a chunk as a whole; what is odd in a spectrum stands in its row of the table."""
    labels = tuple(f"{result.campaign.label(int(i))}: " for i in np.flatnonzero(result.status != Status.OK))
    known = set(result.campaign.notes)
    return [note for note in result.notes if note not in known and not (labels and note.startswith(labels))]


def _level(isa: str) -> int:
    from .._native import LEVELS

    return LEVELS.index(isa) if isa in LEVELS else 0
