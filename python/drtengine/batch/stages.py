"""The two stages of a batch: the first pass, and the chunks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..drt import fit_drt
from ..errors import InvalidInput
from .layout import create_arrays, layout_of
from .manifest import BESIDE, Manifest, read_commit
from .schedule import is_lost_worker
from .sources import Runner, Source
from .survey import Survey
from .work import Job, Report, invert, invert_chunk, prepared

_MOST_LOSSES = 3
"""How often in turn workers may be lost without a chunk being finished."""
_SMALLEST_CHUNK, _LARGEST_CHUNK, _CHUNKS = 256, 4096, 64

Progress = Callable[[int, int], object]


def begin(folder: Path, manifest: Manifest, source: Source, run: Runner, progress: Progress | None) -> Manifest:
    """Make the first pass and the empty arrays, unless that was done before."""
    if manifest.survey is not None:
        return manifest
    manifest.write(folder)
    try:
        files = len(manifest.source.get("files", ()))
        report = (lambda done: progress(done, files)) if progress is not None and files else (lambda done: None)
        found = _complete(source.survey(manifest.options, run, report), manifest, source)
        manifest = manifest.surveyed(found)
        job = _job(folder, manifest, 1)
        first = found["survey"]["first"]
        example = invert(prepared(source.bind(found)(first, first + 1)(), job, first), job)
        create_arrays(folder, example, manifest.options, job.layout)
    except InvalidInput:
        (folder / BESIDE / "manifest.json").unlink()  # nothing has begun
        raise
    manifest.write(folder)
    return manifest


def _complete(found: dict[str, Any], manifest: Manifest, source: Source) -> dict[str, Any]:
    """Add to what the first pass found what follows from it."""
    survey = Survey(**found["survey"])
    if survey.first is None:
        count = min(survey.count, 5)
        campaign = source.bind(found)(0, count)()
        options = {n: v for n, v in manifest.options.items() if n not in ("exclude", "tau", "weights")}
        told = "\n  ".join(fit_drt(campaign, **options).notes[-count:])
        raise InvalidInput(f"none of the {survey.count} spectra can be used:\n  {told}")
    low, high = 1 / (2 * np.pi * (survey.f_high or 0)), 1 / (2 * np.pi * (survey.f_low or 0))
    for name, limits in (manifest.layout["processes"] or {}).items():
        if max(limits[0], low) >= min(limits[1], high):
            raise InvalidInput(
                f"processes: {name!r}, {limits[0]:g} to {limits[1]:g} s, lies outside what every spectrum measured, "
                f"{low:.3g} to {high:.3g} s; change its limits or leave it out"
            )
    chunk = manifest.layout["chunk"] or default_chunk(survey.count)
    return {**found, "tau": survey.nodes(manifest.options).tolist(), "chunk": chunk}


def default_chunk(count: int) -> int:
    """Choose how many spectra make a chunk, in whole tiles of eight."""
    return int(np.clip(-(-count // _CHUNKS // 8) * 8, _SMALLEST_CHUNK, _LARGEST_CHUNK))


def _job(folder: Path, manifest: Manifest, n_threads: int) -> Job:
    found = manifest.survey
    assert found is not None
    processes = manifest.layout["processes"]
    return Job(
        folder=folder,
        identity=manifest.identity,
        layout=layout_of(manifest),
        options=manifest.options,
        tau=tuple(found["tau"]),
        coordinates=found["survey"]["coordinates"],
        timed=found["survey"]["timed"],
        peaks=manifest.layout["peaks"],
        processes=None if processes is None else {name: (low, high) for name, (low, high) in processes.items()},
        isa=manifest.versions["instruction_set"],
        n_threads=n_threads,
    )


def work(
    folder: Path,
    manifest: Manifest,
    source: Source,
    n_threads: int,
    run: Runner,
    progress: Progress | None,
) -> None:
    """Do all chunks that are not committed; those of a worker that was lost, again."""
    job = _job(folder, manifest, n_threads)
    layout = job.layout
    assert manifest.survey is not None
    cut = source.bind(manifest.survey)
    left = [chunk for chunk in range(layout.chunks) if read_commit(folder, chunk) is None]
    done = layout.count - sum(stop - start for start, stop in map(layout.rows, left))
    losses = 0
    if progress is not None:
        progress(done, layout.count)
    while left:
        report: Report
        try:
            for report in run(invert_chunk, ((job, chunk, cut(*layout.rows(chunk))) for chunk in left)):
                done += report.spectra
                losses = 0
                if progress is not None:
                    progress(done, layout.count)
        except Exception as error:
            if not is_lost_worker(error):
                raise
            losses += 1
            if losses >= _MOST_LOSSES:
                raise InvalidInput(
                    f"processes end before they finish a chunk ({type(error).__name__}), {losses} times in turn: is "
                    "there enough memory? A smaller chunk or fewer processes need less; the same call goes on"
                ) from error
        left = [chunk for chunk in left if read_commit(folder, chunk) is None]
        done = layout.count - sum(stop - start for start, stop in map(layout.rows, left))
