"""`run_batch`: the first pass, the chunks, and going on where a run was stopped."""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from .. import options as checks
from .._native import ISA
from .._version import __version__
from ..drt import fit_drt
from ..errors import InvalidInput, near_miss
from ..io.assign import CoordinateRows, CoordinateTable
from ..peaks.processes import check_processes
from .layout import KEEP
from .manifest import BESIDE, Manifest, new_identity, plain, read_manifest, remove_partials, spool_path
from .opened import BatchStore, require_zarr
from .plan import BatchPlan, make_plan
from .schedule import runner
from .sources import Reading, source_of
from .stages import begin, work

_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(fit_drt).parameters.items()
    if name not in ("data", "n_threads", "progress", "along")
}


@overload
def run_batch(data: Any, out: str | os.PathLike[str], *, dry_run: Literal[True], **options: Any) -> BatchPlan: ...
@overload
def run_batch(
    data: Any, out: str | os.PathLike[str], *, dry_run: Literal[False] = ..., **options: Any
) -> BatchStore: ...
def run_batch(
    data: Any,
    out: str | os.PathLike[str],
    *,
    chunk: int | None = None,
    n_processes: int | None = None,
    n_threads: int = 1,
    scheduler: Any = "loky",
    float32: bool = False,
    keep: str = "all",
    peaks: bool = False,
    processes: Mapping[str, tuple[float, float]] | None = None,
    format: str | None = None,
    pattern: str | None = None,
    coordinates: CoordinateTable | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], object] | None = None,
    **options: Any,
) -> BatchStore | BatchPlan:
    """Invert any number of spectra in chunks, into a store on disk that survives being killed.

    A first pass looks at all spectra and fixes what they decide together, which is the grid of tau; after that each
    chunk stands alone. It is written whole and then committed. The same call on an unfinished store goes on with
    what is missing and ends with the same arrays, bit for bit, whatever the number of processes.

    Parameters
    ----------
    data : Campaign, path, sequence of paths, LazyCampaign, or iterable of Campaign
        Paths are files, folders or patterns as for `read`; each file is read once, in the processes that invert. One
        that cannot be read is recorded in `BatchStore.skipped`. What an iterator gives is kept on disk until the
        end of the run; it is not asked again by a later one.
    out : path-like
        Folder of the store, on a file system that all processes share; such as "cells.zarr".
    chunk : int, optional
        Spectra in a chunk: what a process takes at a time, and what one file of an array holds. By default a 64th
        of all, at least 1024 and at most 4096.
    n_processes : int, optional
        By default the CPUs that this process may use. One works without others.
    n_threads : int
        Of each process.
    scheduler : {"loky", "dask"} or distributed.Client
        Who hands the chunks out. "dask" takes the current client of Dask distributed, or else starts a cluster of
        `n_processes` workers on this machine. A worker that dies is replaced, and its chunks are done again.
    float32 : bool
        Store arrays [spectrum, tau] and [spectrum, point] in single precision.
    keep : {"all", "gamma"}
        "all": everything that a `DrtResult` holds, the input too. "gamma": gamma with its band, and the numbers for
        each spectrum.
    peaks : bool
        Find peaks in each spectrum (`find_peaks`) and write their table. This takes much longer than a ridge fit.
    processes : mapping of str to (float, float), optional
        Ranges of tau in s to sum up (`integrate_processes`), for a table of their own.
    format : str, optional
        Name of the reader of all files, see `read`.
    pattern : str, optional
        What the names of files tell, such as ``"{cell}_{voltage}mV"``, see `read`. Files whose names do not fit are
        inverted all the same, and noted.
    coordinates : path, DataFrame or mapping of str to array_like, optional
        A table with a column "file" that names files (or spectra in them: "cell#3") and columns of coordinates, see
        `read`. It wins over the pattern. The store remembers it: a run goes on with the same table only.
    dry_run : bool
        Write nothing; try a few spectra, and return what would be done and how long it would take.
    progress : callable (done, total), optional
        Called with files read and all files, and then with spectra done and all spectra.
    **options
        Of `fit_drt`. ``method="auto"`` chooses for each spectrum here, and "joint" is refused: both ask for all
        spectra at once otherwise. So do arrays with a value for each spectrum.

    Returns
    -------
    BatchStore, or BatchPlan for a dry run

    Raises
    ------
    InvalidInput
        For an option that is unknown or out of range; where the folder holds something else, a store of another
        version, or one that was begun with other data or options (the message shows the difference); where it
        cannot be written; where no spectrum can be used.
    UnreadableFile
        If no file can be read.
    MissingExtra
        If zarr and pyarrow, or Dask where it is asked for, are not installed.

    Examples
    --------
    >>> import drtengine as dt
    >>> store = dt.run_batch("fleet/*.mpt", "fleet.zarr", method="log")  # doctest: +SKIP
    >>> store.dataset().gamma.sel(spectrum=slice(0, 100)).mean("spectrum")  # doctest: +SKIP
    """
    require_zarr()
    folder = _local(out)
    asked = _checked_options(options)
    layout = {
        "chunk": None if chunk is None else checks.check_count("chunk", chunk, 1),
        "float32": checks.check_flag("float32", float32),
        "keep": keep,
        "peaks": checks.check_flag("peaks", peaks),
        "processes": None if processes is None else plain(check_processes(processes)),
    }
    checks.check_choice("keep", keep, KEEP)
    n_processes = checks.check_threads(n_processes)
    n_threads = checks.check_count("n_threads", n_threads, 1)
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress must be callable with (done, total), got {progress!r}")

    existing = read_manifest(folder)
    if existing is None and folder.exists() and not _is_empty(folder):
        raise InvalidInput(f"{folder} holds something that is no store of a batch; choose another folder")
    source = source_of(
        data, folder, Reading(format, pattern, None if coordinates is None else CoordinateRows.of(coordinates))
    )
    versions = {"drtengine": __version__, "instruction_set": ISA}
    manifest = Manifest(new_identity(), versions, asked, layout, source.fingerprint())
    if existing is not None:
        manifest = _resumed(existing, manifest, folder)
    if dry_run:
        return make_plan(source, folder, manifest, n_processes, n_threads)
    with _writing(folder), runner(scheduler, n_processes) as run:
        manifest = begin(folder, manifest, source, run, progress)
        work(folder, manifest, source, n_threads, run, progress)
        shutil.rmtree(spool_path(folder), ignore_errors=True)
    return BatchStore(folder, manifest)


def _checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the options of `fit_drt` with its defaults; refuse what looks beyond one spectrum."""
    for name in options:
        if name not in _DEFAULTS:
            raise InvalidInput(f"unknown option {name!r}; {near_miss(name, tuple(_DEFAULTS))}")
    asked = {**_DEFAULTS, **{name: plain(value) for name, value in options.items()}}
    if asked["method"] == "joint":
        raise InvalidInput("method='joint' ties all spectra of a series together; use fit_drt on one series at a time")
    if asked["method"] == "auto":
        asked["per_spectrum"] = True
    for name in ("lambda_", "noise"):
        if isinstance(asked[name], list):
            raise InvalidInput(f"{name} must be one value for all spectra of a batch, got {len(asked[name])}")
    if isinstance(asked["weights"], list) and np.ndim(asked["weights"]) != 1:
        raise InvalidInput("weights must be a name, or an array of shape [point] that serves all spectra of a batch")
    if asked["exclude"] is not None and (np.ndim(asked["exclude"]) > 1 or np.asarray(asked["exclude"]).dtype == bool):
        raise InvalidInput("exclude must name frequencies in Hz for a batch; Campaign.masked takes a mask of points")
    return asked


def _local(out: str | os.PathLike[str]) -> Path:
    """Return the folder of the store; URLs are refused, since chunks are committed by renaming files."""
    if isinstance(out, str) and "://" in out:
        raise InvalidInput(
            f"{out} is an address; a store is written to a folder of this machine, or of a file system that all "
            "machines share, and may be copied from there"
        )
    folder = Path(out).expanduser().absolute()
    if folder.is_file():
        raise InvalidInput(f"{folder} is a file; give the name of a folder")
    return folder


def _is_empty(folder: Path) -> bool:
    """Whether nothing of value is there: a run may have been killed before it wrote anything."""
    return all(path.is_dir() or path.suffix in (".partial", ".lock") for path in folder.rglob("*"))


def _resumed(existing: Manifest, wanted: Manifest, folder: Path) -> Manifest:
    """Go on with a store if it was begun in the same way."""
    layout = dict(wanted.layout)
    actual = existing.layout["chunk"] or (existing.survey or {}).get("chunk")
    if layout["chunk"] in (None, actual):
        layout["chunk"] = existing.layout["chunk"]
    found = existing.differences(Manifest(**{**vars(wanted), "layout": layout}))
    if found:
        raise InvalidInput(
            f"{folder} was begun in another way, so that going on would mix two answers:\n  " + "\n  ".join(found)
            + "\ncall with what it was begun with, or choose another folder"
        )  # fmt: skip
    return existing


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Keep a folder for this process while it writes; turn what the disk refuses into one message."""
    new = not folder.exists()
    try:
        (folder / BESIDE).mkdir(parents=True, exist_ok=True)
        with _locked(folder / BESIDE / "run.lock", folder):
            remove_partials(folder)
            try:
                yield
            except BaseException:
                if not (folder / BESIDE / "manifest.json").exists():  # nothing has begun
                    for path in list(folder.iterdir()):
                        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
                    if new:
                        folder.rmdir()
                raise
    except OSError as error:
        raise InvalidInput(
            f"{folder} cannot be written: {error.strerror or error}; "
            "what was committed stays, and the same call goes on"
        ) from error


@contextmanager
def _locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows; files are renamed into place there too, so that two runs only waste work
        yield
        return
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(
                f"another process is writing to {folder}; wait for it or choose another folder"
            ) from None
        yield
