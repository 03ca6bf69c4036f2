"""Batches with bad input: refused before anything is written, with what to do about it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from batches import RIDGE, F, lazy, make
from drtengine import Campaign, InvalidInput, LazyCampaign, MissingExtra, UnreadableFile, open_store, run_batch

pytest.importorskip("zarr")
pytest.importorskip("pyarrow")

BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"lamda_": 1e-3}, r"unknown option 'lamda_'; .*did you mean 'lambda_'"),
    ({"method": "joint", "along": "voltage"}, "unknown option 'along'"),
    ({"method": "joint"}, "ties all spectra of a series together"),
    ({"method": "rigde"}, "did you mean 'ridge'"),
    ({"method": "ridge", "lambda_": [1e-3, 1e-2]}, "lambda_ must be one value for all spectra of a batch, got 2"),
    ({"method": "ridge", "lambda_": -1}, "lambda_ must be positive"),
    ({"weights": np.ones((10, 71))}, r"array of shape \[point\]"),
    ({"exclude": np.zeros(71, dtype=bool)}, "exclude must name frequencies"),
    ({"exclude": 51.0, "method": "ridge"}, "exclude names 51 Hz, but no spectrum has a point there"),
    ({"chunk": 0}, "chunk must be a whole number from 1 on"),
    ({"chunk": 2.5}, "chunk must be a whole number"),
    ({"n_processes": 0}, "must be a whole number from 1 on"),
    ({"n_threads": None}, "n_threads must be a whole number"),
    ({"scheduler": "dusk"}, "did you mean 'dask'"),
    ({"scheduler": 3}, "scheduler must be 'loky', 'dask' or a distributed.Client, got int"),
    ({"keep": "gama"}, "did you mean 'gamma'"),
    ({"float32": "yes"}, "float32 must be True or False"),
    ({"peaks": 1}, "peaks must be True or False"),
    ({"processes": {"slow": (10, 1)}}, "slow"),
    ({"processes": {"never": (1e5, 1e6)}, "method": "ridge"}, "'never', .* lies outside what every spectrum measured"),
    ({"progress": 7}, "progress must be callable"),
    ({"f_min": 1e6, "method": "ridge"}, "none of the 10 spectra can be used:\n.*at least 3 are needed"),
]


@pytest.mark.parametrize(("options", "told"), BAD_OPTIONS, ids=lambda value: str(value)[:40])
def test_bad_options_are_told_and_leave_nothing(options: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=told):
        run_batch(make(0, 10), tmp_path / "x.zarr", **{"n_processes": 1, **options})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (7, "takes a Campaign, paths, a LazyCampaign or an iterable of Campaigns, got int"),
        ([], "the iterator gave no spectra"),
        ([make(0, 3), 8], "item 1 of the iterator is no Campaign but int"),
        ("no/such/file.csv", "there is no file"),
        (
            LazyCampaign(lambda a, b: make(a, b + 1), 10, "too many"),
            "must return a Campaign of 10 spectra, got .* of 11",
        ),
        (LazyCampaign(lambda a, b: make(a, b).Z, 10, "arrays"), "must return a Campaign of 10 spectra, got ndarray"),  # type: ignore[arg-type, return-value]
        (LazyCampaign(lambda a, b: 1 / 0, 10, "none"), "make failed: ZeroDivisionError"),  # type: ignore[arg-type, return-value]
        (LazyCampaign(make, 10, "other", F[:-1]), "make gave other frequencies"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_data_are_told_and_leave_nothing(data: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=told):
        run_batch(data, tmp_path / "x.zarr", n_processes=1, **RIDGE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((None, 5, "x"), "make must be callable"),
        ((make, 0, "x"), "count must be a whole number from 1 on"),
        ((make, 5, ""), "name must be a text"),
        ((make, 5, "x", [[1.0]]), "frequency"),
    ],
)
def test_bad_lazy_campaigns(arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        LazyCampaign(*arguments)


def test_coordinates_that_appear_late_are_told(tmp_path: Path) -> None:
    def late(start: int, stop: int) -> Campaign:
        return make(start, stop).with_coordinates(**({"voltage": np.ones(stop - start)} if start else {}))

    with pytest.raises(InvalidInput, match="coordinate 'voltage' was not there when the batch began"):
        run_batch(LazyCampaign(late, 100, "late", F), tmp_path / "x.zarr", chunk=64, n_processes=1, **RIDGE)


def test_grids_that_differ_take_no_weights_by_point(tmp_path: Path) -> None:
    campaigns = [make(0, 2), Campaign.from_arrays(F[5:], make(2, 4).Z[:, 5:])]
    with pytest.raises(InvalidInput, match="the spectra have different frequencies"):
        run_batch(campaigns, tmp_path / "x.zarr", n_processes=1, method="ridge", weights=np.ones(71))
    with pytest.raises(InvalidInput, match="needs one frequency grid"):
        run_batch(campaigns, tmp_path / "x.zarr", n_processes=1, method="ridge", tau="frequency")


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A store of 20 spectra."""
    run_batch(make(0, 20), tmp_path / "x.zarr", n_processes=1, **RIDGE)
    return tmp_path / "x.zarr"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"lambda_": 1e-2}, "lambda_: 0.001 in the store, 0.01 now"),
        ({"method": "log", "lambda_": "evidence"}, "method: 'ridge' in the store, 'log' now"),
        (
            {"weights": "modulus", "f_min": 0.1},
            "weights: 'auto' in the store, 'modulus' now\n  f_min: None in the store",
        ),
        ({"chunk": 8}, "chunk: None in the store, 8 now"),
        ({"float32": True}, "float32: False in the store, True now"),
        ({"keep": "gamma"}, "keep: 'all' in the store"),
        ({"peaks": True}, "peaks: False in the store, True now"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_other_options_are_refused_with_the_difference(begun: Path, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        run_batch(make(0, 20), begun, n_processes=1, **{**RIDGE, **changed})
    assert run_batch(make(0, 20), begun, n_processes=1, chunk=256, **RIDGE).is_complete  # as it has them


def test_other_data_are_refused_with_the_difference(begun: Path) -> None:
    with pytest.raises(InvalidInput, match="sha256: "):
        run_batch(make(1, 21), begun, n_processes=1, **RIDGE)
    with pytest.raises(InvalidInput, match="spectra: 20 in the store, 21 now"):
        run_batch(make(0, 21), begun, n_processes=1, **RIDGE)
    with pytest.raises(InvalidInput, match="kind: 'campaign' in the store, 'made' now"):
        run_batch(lazy(20), begun, n_processes=1, **RIDGE)


def test_other_files_are_refused_with_the_difference(tmp_path: Path) -> None:
    from test_batch import write_csv

    files = tmp_path / "files"
    files.mkdir()
    write_csv(files, make(0, 4))
    run_batch(files, tmp_path / "x.zarr", n_processes=1, **RIDGE)
    (files / "cell1.csv").rename(files / "cell9.csv")
    os.utime(files / "cell2.csv", (1, 1))
    with pytest.raises(
        InvalidInput, match=r"1 file\(s\) gone: .*cell1.csv\n.*1 file\(s\) new: .*cell9.csv\n.*1 .* changed"
    ):
        run_batch(files, tmp_path / "x.zarr", n_processes=1, **RIDGE)


def test_another_version_is_refused(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drtengine.batch.run.__version__", "99.0")
    with pytest.raises(InvalidInput, match=r"drtengine: '.*' in the store, '99.0' now"):
        run_batch(make(0, 20), begun, n_processes=1, **RIDGE)
    manifest = begun / "batch" / "manifest.json"
    content = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps({**content, "schema": 999}))
    for action in (lambda: open_store(begun), lambda: run_batch(make(0, 20), begun, **RIDGE)):
        with pytest.raises(
            InvalidInput, match="the layout of version 999, but this drtengine reads and writes version 1"
        ):
            action()
    manifest.write_text(json.dumps(content)[:-30])
    with pytest.raises(UnreadableFile, match=r"manifest.json cannot be read"):
        open_store(begun)
    manifest.write_text(json.dumps({**content, "colour": "red"}))
    with pytest.raises(UnreadableFile, match=r"manifest.json is damaged"):
        open_store(begun)


def test_another_instruction_set_is_refused(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (begun / "batch" / "commits" / "0000000.json").unlink()
    monkeypatch.setattr("drtengine.batch.work.ISA", "other")
    with pytest.raises(InvalidInput, match=r"this process uses 'other', .* DRTENGINE_ISA="):
        run_batch(make(0, 20), begun, n_processes=1, **RIDGE)


def test_strange_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(InvalidInput, match="holds something that is no store"):
        run_batch(make(0, 5), tmp_path, n_processes=1, **RIDGE)
    with pytest.raises(InvalidInput, match="is a file; give the name of a folder"):
        run_batch(make(0, 5), tmp_path / "thesis.tex", n_processes=1, **RIDGE)
    with pytest.raises(InvalidInput, match="is an address"):
        run_batch(make(0, 5), "s3://bucket/x.zarr", n_processes=1, **RIDGE)
    with pytest.raises(UnreadableFile, match="is not a store of a batch"):
        open_store(tmp_path)
    with pytest.raises(UnreadableFile, match="is not a store of a batch"):
        open_store(tmp_path / "absent.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"x.zarr cannot be written: Not a directory"):
        run_batch(make(0, 5), tmp_path / "file" / "x.zarr", n_processes=1, **RIDGE)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InvalidInput, match="cannot be written: Permission denied"):
        run_batch(make(0, 5), tmp_path / "x.zarr", n_processes=1, **RIDGE)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    def again(start: int, stop: int) -> Campaign:
        run_batch(lazy(10), tmp_path / "x.zarr", n_processes=1, **RIDGE)
        return make(start, stop)

    with pytest.raises(InvalidInput, match="another process is writing to"):
        run_batch(LazyCampaign(again, 10, "two relaxations", F), tmp_path / "x.zarr", n_processes=1, **RIDGE)


def test_unknown_spectra_and_tables(begun: Path) -> None:
    store = open_store(begun)
    with pytest.raises(InvalidInput, match="does not choose among 20 spectra"):
        store.result([3, 20])
    with pytest.raises(InvalidInput, match="chooses none of 20 spectra"):
        store.result(slice(20, 30))
    with pytest.raises(InvalidInput, match="has no table 'peaks'; there is spectra"):
        store.table("peaks")


def test_load_points_to_open_store(begun: Path) -> None:
    with pytest.raises(UnreadableFile, match="use open_store"):
        dt.load(begun)


def test_dry_run_does_not_use_an_iterator_up(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="would use up the iterator"):
        run_batch(iter([make(0, 5)]), tmp_path / "x.zarr", dry_run=True, **RIDGE)


@pytest.mark.parametrize(("module", "extra"), [("zarr", "zarr"), ("pyarrow", "zarr"), ("distributed", "dask")])
def test_missing_extras_are_named(module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"drtengine\[{extra}\]"):
        run_batch(make(0, 5), tmp_path / "x.zarr", scheduler="dask", n_processes=1, **RIDGE)
    assert list(tmp_path.iterdir()) == []
