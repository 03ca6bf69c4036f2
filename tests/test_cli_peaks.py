"""The command peaks, and named processes on the command line: what they write is what the library finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import drtengine as dt
from drtengine import simulate
from drtengine.cli import commands
from drtengine.cli.processes import parse_processes

pytestmark = pytest.mark.usefixtures("quick")

FREQUENCY = np.geomspace(1e4, 1e-1, 41)
NAMES = "fast=0:3e-3, slow one=2e-2:1"
TABLES = {"drt.nc", "peaks.csv", "tracks.csv"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with four spectra."""
    folder = tmp_path / "data"
    folder.mkdir()
    for k in range(4):
        cell = simulate.Resistor(5) + simulate.ZARC(20 + k, 1e-3, 0.9) + simulate.ZARC(30, 0.1 * 1.1**k, 0.9)
        Z = cell.impedance(FREQUENCY)
        table = pd.DataFrame({"Frequency / Hz": FREQUENCY, "Z' / ohm": Z.real, "Z'' / ohm": Z.imag})
        table.to_csv(folder / f"cell{k}.csv", index=False)
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def pictures(*stems: str) -> set[str]:
    return {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg")}


def test_peaks_of_files_are_those_of_the_library(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("peaks", data, "-o", out, "--processes", NAMES, "--min-prominence", 0.1)
    assert done.exit_code == 0, done.output
    assert names(out) == TABLES | {"processes.csv"} | pictures("peak_map", "tracks", "processes")
    result = dt.fit_drt(dt.read(data))
    ranges = {"fast": (0, 3e-3), "slow one": (2e-2, 1.0)}
    peaks = dt.find_peaks(result, min_prominence=0.1, processes=ranges)
    tracks = dt.track_peaks(peaks)
    written = pd.read_csv(out / "peaks.csv", keep_default_na=False, na_values="nan")
    np.testing.assert_allclose(written["R"], tracks.to_frame()["R"], rtol=1e-12)
    assert written["track"].tolist() == tracks.to_frame()["track"].tolist()
    assert len(pd.read_csv(out / "tracks.csv")) == len(tracks)
    processes = pd.read_csv(out / "processes.csv")
    np.testing.assert_allclose(processes["R_low"], dt.integrate_processes(result, ranges).R_low.ravel(), rtol=1e-12)
    assert "slow one" in done.stdout
    assert f"{len(peaks)} peaks in 4 spectra: {int((tracks.track >= 0).sum())} on {len(tracks)} lines" in done.stdout


def test_saved_results_are_not_inverted_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "drt"
    assert run("drt", data, "-o", out, "--lambda", 1e-3).exit_code == 0
    expected = dt.load(out / "drt.nc")
    monkeypatch.setattr(commands, "fit_drt", None)
    for source, target in ((out, tmp_path / "a"), (out / "drt.nc", tmp_path / "b"), (out, out)):
        done = run("peaks", source, "-o", target)
        assert done.exit_code == 0, done.output
        np.testing.assert_array_equal(dt.load(target / "drt.nc").gamma, expected.gamma)
        assert names(target) >= TABLES
        assert "processes.csv" not in names(target)
    assert "gamma.csv" in names(out)  # that of drt stays


def test_single_spectrum_has_a_table_of_its_peaks(data: Path, tmp_path: Path) -> None:
    done = run("peaks", data / "cell0.csv", "-o", tmp_path / "out", "--processes", NAMES, "--min-prominence", 0.1)
    assert done.exit_code == 0, done.output
    assert names(tmp_path / "out") == TABLES | {"processes.csv"} | pictures("gamma")
    assert "u(τ)" in done.stdout
    assert "slow one" in done.stdout


def test_drt_sums_up_processes(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("drt", data, "-o", out, "--processes", NAMES)
    assert done.exit_code == 0, done.output
    assert {"processes.csv"} | pictures("processes") <= names(out)
    assert len(pd.read_csv(out / "processes.csv")) == 8
    assert "slow one" in done.stdout
    assert "processes.csv" not in names(_without(data, tmp_path))


def _without(data: Path, tmp_path: Path) -> Path:
    assert run("drt", data, "-o", tmp_path / "plain").exit_code == 0
    return tmp_path / "plain"


def test_defaults_are_those_of_the_library(data: Path, tmp_path: Path) -> None:
    assert run("peaks", data, "-o", tmp_path / "out").exit_code == 0
    tracks = dt.track_peaks(dt.fit_drt(dt.read(data)))
    written = pd.read_csv(tmp_path / "out" / "peaks.csv")
    assert written["track"].tolist() == tracks.to_frame()["track"].tolist()
    np.testing.assert_allclose(written["tau"], tracks.to_frame()["tau"], rtol=1e-12)


def test_processes_are_parsed() -> None:
    assert parse_processes(None) is None
    assert parse_processes("a=0:1, b c = 1:inf") == {"a": (0, 1), "b c": (1, np.inf)}
    assert parse_processes("x=y=1:2") == {"x=y": (1, 2)}
    assert parse_processes(" silicon ") == dict(dt.DEFAULT_PROCESSES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SEI", "'SEI' is not NAME=FROM:TO"),
        ("a=1", "'a=1' is not NAME=FROM:TO"),
        ("a=1:2:3", "is not NAME=FROM:TO"),
        ("=1:2", "is not NAME=FROM:TO"),
        ("a=1:x", "is not NAME=FROM:TO"),
        ("", "is not NAME=FROM:TO"),
        ("a=1:2,a=3:4", "'a' is named twice"),
        ("a=2:1", "'a' must lie between"),
        ("a=1:3,b=2:4", "overlap between 2 and 3 s"),
        ("a=1e5:1e6", "lies outside what every spectrum measured"),
    ],
)
@pytest.mark.parametrize("command", ["drt", "peaks"])
def test_bad_processes_are_one_message_and_leave_nothing(
    command: str, text: str, message: str, data: Path, tmp_path: Path
) -> None:
    done = run(command, data, "-o", tmp_path / "out", "--processes", text)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_other_bad_options_and_results_are_explained(data: Path, tmp_path: Path) -> None:
    for arguments, message in (
        (("--along", "cycles"), "there is no coordinate 'cycles'"),
        (("--min-height", 2), "min_height is a share"),
        (("--max-gap", -1), "max_gap must be a whole number"),
    ):
        done = run("peaks", data, "-o", tmp_path / "out", *arguments)
        assert done.exit_code == 2
        assert message in done.stderr
    wrong = tmp_path / "wrong.nc"
    wrong.write_text("not a result")
    done = run("peaks", wrong, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "not a NetCDF-4 file" in done.stderr
    broken = tmp_path / "broken.nc"
    Z = np.full((1, FREQUENCY.size), np.nan)
    Z[0, :3] = 1
    dt.save(dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z + 0j)), broken)
    done = run("peaks", broken, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "none of the 1 spectra could be inverted" in done.stderr


def test_numbers_come_without_matplotlib(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def require(module: str, extra: str) -> None:
        raise dt.MissingExtra(f"{module} is not installed")

    monkeypatch.setattr("drtengine.report.figures.require", require)
    done = run("peaks", data, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert names(tmp_path / "out") == TABLES
    assert "no figures: matplotlib is not installed" in done.stdout
