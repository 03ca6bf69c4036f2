"""Batches that are stopped: killed, interrupted, out of disk, with workers that die."""

from __future__ import annotations

import errno
import gc
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import drtengine as dt
from batches import RIDGE, lazy
from drtengine import InvalidInput, open_store, run_batch
from test_batch import assert_same_store

pytest.importorskip("zarr")
pytest.importorskip("pyarrow")

COUNT, CHUNK = 10_000, 200
RUN = (
    "import sys; from batches import lazy, RIDGE; from drtengine import run_batch\n"
    "if __name__ == '__main__':\n"
    f"    run_batch(lazy({COUNT}), sys.argv[1], chunk={CHUNK}, n_processes=int(sys.argv[2]), **RIDGE)\n"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dt.BatchStore:
    """The same spectra in one go."""
    return run_batch(lazy(COUNT), tmp_path_factory.mktemp("whole") / "x.zarr", chunk=CHUNK, n_processes=1, **RIDGE)


def start(folder: Path, n_processes: int) -> subprocess.Popen[bytes]:
    script = folder.parent / "run.py"
    script.write_text(RUN)
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": here}
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(n_processes)],
        env=environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
    )


def wait_for_commits(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    while len(list((folder / "batch" / "commits").glob("0*.json"))) < count:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.002)


def wait_for_end(session: int) -> None:
    """Wait until no process of a session is left."""
    for _ in range(1500):
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("processes are left behind")


def test_killed_three_times_it_ends_the_same(undisturbed: dt.BatchStore, tmp_path: Path) -> None:
    folder = tmp_path / "x.zarr"
    rng = np.random.default_rng(7)
    for commits in np.sort(rng.choice(np.arange(1, COUNT // CHUNK - 5), 3, replace=False)):
        process = start(folder, 1)
        wait_for_commits(folder, int(commits), process)
        time.sleep(rng.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        store = open_store(folder)
        assert not store.is_complete
        done = np.flatnonzero(store.is_done)
        assert store.result(done).gamma.tobytes() == undisturbed.result(done).gamma.tobytes()
        with pytest.raises(InvalidInput, match="not in the store yet"):
            store.result()
    calls: list[int] = []
    store = run_batch(
        lazy(COUNT), folder, chunk=CHUNK, n_processes=1, progress=lambda done, total: calls.append(done), **RIDGE
    )
    assert calls[0] >= done.size
    assert_same_store(store, undisturbed)
    assert not list(folder.rglob("*.partial"))


def test_ctrl_c_stops_all_processes_and_the_store_goes_on(undisturbed: dt.BatchStore, tmp_path: Path) -> None:
    folder = tmp_path / "x.zarr"
    process = start(folder, 2)
    wait_for_commits(folder, 3, process)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in told
    wait_for_end(process.pid)
    assert not open_store(folder).is_complete
    assert_same_store(run_batch(lazy(COUNT), folder, chunk=CHUNK, n_processes=1, **RIDGE), undisturbed)


@pytest.fixture(autouse=True)
def leftovers_of_dead_workers() -> Iterator[None]:
    """Joblib leaves the pipes of workers that died to the garbage collector, in whatever test that happens."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    process = start(tmp_path / "x.zarr", 2)
    wait_for_commits(tmp_path / "x.zarr", 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for_end(process.pid)
    process.communicate()  # closes the pipe


def die_once(marker: str, start: int, stop: int) -> dt.Campaign:
    """Make spectra; the first process to reach the middle ends without a word."""
    if start >= 200:
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return lazy(400).make(start, stop)


@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs")
@pytest.mark.parametrize("scheduler", ["loky", "dask"])
def test_worker_that_dies_changes_nothing(scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if scheduler == "dask":
        pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    marker = str(tmp_path / "died")
    fragile = dt.LazyCampaign(lambda a, b: die_once(marker, a, b), 400, "two relaxations", lazy(1).frequency)
    store = run_batch(fragile, tmp_path / "x.zarr", chunk=40, n_processes=2, scheduler=scheduler, **RIDGE)
    assert Path(marker).exists()
    assert_same_store(store, run_batch(lazy(400), tmp_path / "y.zarr", chunk=40, n_processes=1, **RIDGE))


@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs")
def test_workers_that_keep_dying_are_told(tmp_path: Path) -> None:
    def die(start: int, stop: int) -> dt.Campaign:
        if start:
            os.kill(os.getpid(), signal.SIGKILL)
        return lazy(64).make(start, stop)

    fatal = dt.LazyCampaign(die, 64, "fatal", lazy(1).frequency)
    with pytest.raises(InvalidInput, match="3 times in turn: is there enough memory"):
        run_batch(fatal, tmp_path / "x.zarr", chunk=32, n_processes=2, **RIDGE)
    assert open_store(tmp_path / "x.zarr").is_done.sum() in (0, 32)


def test_full_disk_leaves_no_half_written_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, written, real = tmp_path / "x.zarr", [0], Path.write_bytes

    def write(self: Path, content: bytes) -> int:
        written[0] += len(content)
        if written[0] > 400_000:
            real(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, content)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(InvalidInput, match="No space left on device; what was committed stays"):
        run_batch(lazy(400), folder, chunk=40, n_processes=1, **RIDGE)
    monkeypatch.undo()
    assert not list(folder.rglob("*.partial"))
    store = open_store(folder)
    done = np.flatnonzero(store.is_done)
    assert 0 < done.size < 400
    assert_same_store(
        run_batch(lazy(400), folder, chunk=40, n_processes=1, **RIDGE),
        run_batch(lazy(400), tmp_path / "y.zarr", chunk=40, n_processes=1, **RIDGE),
    )


def test_first_pass_goes_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from test_batch import write_csv

    files = tmp_path / "files"
    files.mkdir()
    write_csv(files, lazy(6).make(0, 6))
    real, opened = dt.batch.sources.read, list[str]()

    def read(file: str, **options: object) -> dt.Campaign:
        opened.append(Path(file).name)
        if len(opened) == 4:
            raise KeyboardInterrupt
        return real(file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("drtengine.batch.sources.read", read)
    with pytest.raises(KeyboardInterrupt):
        run_batch(files, tmp_path / "x.zarr", n_processes=1, **RIDGE)
    with pytest.raises(dt.UnreadableFile, match="left in its first pass"):
        open_store(tmp_path / "x.zarr")
    run_batch(files, tmp_path / "x.zarr", n_processes=1, **RIDGE)
    assert opened == [f"cell{i}.csv" for i in (0, 1, 2, 3, 3, 4, 5)]


def test_damage_is_found_told_and_mended(tmp_path: Path) -> None:
    folder = tmp_path / "x.zarr"
    whole = run_batch(lazy(200), tmp_path / "y.zarr", chunk=40, n_processes=1, **RIDGE)
    run_batch(lazy(200), folder, chunk=40, n_processes=1, **RIDGE)
    damaged = folder / "gamma" / "c" / "1" / "0"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    (folder / "R_inf" / "c" / "3").unlink()
    table = folder / "batch" / "tables" / "spectra" / "0000004.parquet"
    table.write_bytes(table.read_bytes()[:-9] + b"123456789")
    store = open_store(folder)
    assert not store.is_complete  # chunk 3
    assert store.result(slice(0, 40)).gamma.tobytes() == whole.result(slice(0, 40)).gamma.tobytes()
    with pytest.raises(dt.UnreadableFile, match="checksum"):
        store.result(slice(40, 80))
    with pytest.raises(dt.UnreadableFile, match="damaged"):
        store.result(slice(160, 200))
    assert sorted(store.verify()) == [1, 3, 4]
    assert sorted(store.verify(withdraw=True)) == [1, 3, 4]
    assert store.is_done.sum() == 80
    assert_same_store(run_batch(lazy(200), folder, chunk=40, n_processes=1, **RIDGE), whole)


def test_commit_names_its_files(tmp_path: Path) -> None:
    run_batch(lazy(64), tmp_path / "x.zarr", chunk=32, n_processes=1, **RIDGE)
    commit = json.loads((tmp_path / "x.zarr" / "batch" / "commits" / "0000001.json").read_bytes())
    assert commit["rows"] == [32, 64]
    assert commit["statuses"] == {"OK": 32}
    for name, size in commit["files"].items():
        assert (tmp_path / "x.zarr" / name).stat().st_size == size
    assert {"gamma/c/1/0", "R_inf/c/1", "batch/tables/spectra/0000001.parquet"} <= set(commit["files"])
