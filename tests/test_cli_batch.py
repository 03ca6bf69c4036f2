"""The command batch: what it writes is what the library writes, and a run that was stopped goes on."""

from __future__ import annotations

import io
import re
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import drtengine as dt
from batches import RIDGE, make
from drtengine.cli import batch as command
from drtengine.cli import commands, terminal
from test_batch import assert_same_store, write_csv

pytest.importorskip("zarr")
pytest.importorskip("pyarrow")

OPTIONS = "--method", "ridge", "--lambda", 1e-3, "--workers", 1


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands.app, [str(argument) for argument in ("batch", *arguments)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Files with 12 spectra, one of them broken, and one file without any."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder, make(0, 12))
    lines = (folder / "cell3.csv").read_text().splitlines()
    (folder / "cell3.csv").write_text("\n".join([*lines, lines[-1]]))
    (folder / "README.txt").write_text("cells of May\n")
    return folder


def test_store_is_that_of_the_library(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "cells.zarr"
    done = run(data, "-o", out, *OPTIONS, "--chunk", 5, "--processes", "slow=0.1:10", "--f-max", 5e4)
    assert done.exit_code == 0, done.output
    assert "12 spectra: 11 ok, 1 repeated frequency" in done.stdout
    assert re.search(r"skipped .*README.txt", done.stdout)
    assert "cell3: point(s)" in done.stdout
    assert re.search(r"\d+% reading, \d+% computing, \d+% writing", done.stdout)
    same = {"chunk": 5, "processes": {"slow": (0.1, 10.0)}, "f_max": 5e4, **RIDGE}
    expected = dt.run_batch(data, tmp_path / "y.zarr", n_processes=1, **same)
    assert_same_store(dt.open_store(out), expected)


def test_dry_run_writes_nothing(data: Path, tmp_path: Path) -> None:
    done = run(data, "-o", tmp_path / "x.zarr", *OPTIONS, "--dry-run", "--float32", "--keep", "gamma", "--peaks")
    assert done.exit_code == 0, done.output
    assert "13 files" in done.stdout
    assert not (tmp_path / "x.zarr").exists()


def test_changed_options_are_refused(data: Path, tmp_path: Path) -> None:
    assert run(data, "-o", tmp_path / "x.zarr", *OPTIONS).exit_code == 0
    done = run(data, "-o", tmp_path / "x.zarr", *OPTIONS, "--capacitance")
    assert done.exit_code == 2
    assert "capacitance: False in the store, True now" in done.stderr


def test_interrupt_tells_what_is_there(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        dt.run_batch(*arguments, **options)  # type: ignore[call-overload]
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_batch", interrupted)
    done = run(data, "-o", tmp_path / "x.zarr", *OPTIONS)
    assert done.exit_code == 130
    assert "12 of 12 spectra are in" in done.stderr
    monkeypatch.setattr(command, "run_batch", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
    assert "holds no result yet; the same command goes on" in run(data, "-o", tmp_path / "y.zarr", *OPTIONS).stderr


def test_a_table_gives_coordinates(data: Path, tmp_path: Path) -> None:
    table = tmp_path / "cells.csv"
    table.write_text("file,soc\n" + "".join(f"cell{i},{i / 10}\n" for i in range(12)))
    out = tmp_path / "cells.zarr"
    assert run(data, "-o", out, *OPTIONS, "--coords", table).exit_code == 0
    assert dt.open_store(out).result().campaign.coordinates["soc"].tolist() == [i / 10 for i in range(12)]
    table.write_text("file,soc\ncell1,9\n")
    again = run(data, "-o", out, *OPTIONS, "--coords", table)
    assert again.exit_code == 2
    assert "coordinates of cell1: soc 0.1 in the store, soc 9.0 now" in " ".join(again.output.split())


def test_bar_goes_on_to_the_next_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where as many spectra are inverted as files were read."""
    shown = io.StringIO()
    monkeypatch.setattr(terminal, "Console", partial(Console, file=shown, force_terminal=True, width=100))
    with terminal.stages("reading", "inverting") as hook:
        for done in (0, 6, 12, 0, 7, 12):
            hook(done, 12)
    told = shown.getvalue()
    assert "reading" in told
    assert told.rindex("inverting") > told.rindex("reading")
    assert "12/12" in told
