"""The commands analyze and compare: what they write, say and refuse."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import drtengine as dt
from drtengine import simulate
from drtengine.analysis import read_settings
from drtengine.cli import analyze
from test_analysis import SPHERE, write_csv
from test_report import files

pytestmark = pytest.mark.usefixtures("quick")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(analyze.app, [str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for k in (1, 2, 10):
        write_csv(tmp_path / "data" / f"cell{k}.csv", k)
    return tmp_path / "data"


def test_a_folder_in_a_report_out(data: Path, tmp_path: Path) -> None:
    (data / "notes.txt").write_text("measured on Monday")
    done = run("analyze", data, "--out", tmp_path / "out", "--processes", "slow=0.1:10", "--method", "log")
    assert done.exit_code == 0, done.output
    assert "Kramers-Kronig: 3 spectra: 3 pass, 0 warn, 0 fail" in done.stdout
    assert "inverted: 3 spectra: 3 ok" in done.stdout
    assert re.search(r"processes \(median R\): slow [\d.]+ Ω", done.stdout)
    assert "not read: " in done.stdout
    assert "notes.txt" in done.stdout
    assert re.search(r"s: reading .*, checking .*, inverting .*, finding peaks .*, kinetics .*, writing", done.stdout)
    assert {"report.html", "drt.nc", "kk.nc", "figures/gamma_map.png", "tables/processes.csv"} <= files(
        tmp_path / "out"
    )
    result = dt.load(tmp_path / "out" / "drt.nc")
    assert list(result.campaign.names or ()) == ["cell1", "cell2", "cell10"]  # in natural order
    assert set(done.stderr.strip()) == set()


def test_a_file_of_options_and_the_command_line_before_it(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "options.toml"
    config.write_text('title = "from the file"\nfigures = false\n[drt]\nmethod = "log"\narea = 3.0\n', encoding="utf-8")
    done = run("analyze", data, "--out", tmp_path / "out", "--config", config, "--area", 2, "--set", "drt.fwhm=0.4")
    assert done.exit_code == 0, done.output
    result = dt.load(tmp_path / "out" / "drt.nc")
    assert isinstance(result, dt.DrtResult)
    assert (result.options["method"], result.options["area"]) == ("log", 2.0)
    settings = read_settings(tmp_path / "out" / "options.toml")
    assert (settings.title, settings.figures, dict(settings.drt)) == (
        "from the file", False, {"method": "log", "area": 2.0, "fwhm": 0.4},
    )  # fmt: skip
    again = run("analyze", data, "--out", tmp_path / "again", "--config", tmp_path / "out" / "options.toml")
    assert again.exit_code == 0, again.output
    repeated = dt.load(tmp_path / "again" / "drt.nc")
    assert isinstance(repeated, dt.DrtResult)
    np.testing.assert_array_equal(repeated.gamma, result.gamma)


def test_options_written_for_editing(tmp_path: Path) -> None:
    done = run("analyze", "--write-config", tmp_path / "mine.toml", "--method", "log", "--f-min", 0.1)
    assert done.exit_code == 0, done.output
    given = tomllib.loads((tmp_path / "mine.toml").read_text(encoding="utf-8"))
    assert given["drt"] == {"method": "log", "f_min": 0.1}
    assert given["kk"] == {"f_min": 0.1}
    again = run("analyze", "--write-config", tmp_path / "mine.toml")
    assert again.exit_code == 2
    assert "exists" in again.stderr
    assert run("analyze", "--write-config", tmp_path / "mine.toml", "--force").exit_code == 0
    assert run("analyze", "--write-config", tmp_path / "no" / "mine.toml").exit_code == 2


def test_kinetics_with_lengths_that_have_units(data: Path, tmp_path: Path) -> None:
    simulate.gitt(D=1e-15, count=4, **SPHERE).frame.to_csv(data / "titration.csv", index=False)
    out = tmp_path / "out"
    done = run("analyze", *sorted(data.iterdir()), "-o", out, "--sphere-radius", "5um", "--capacity", 1000)
    assert done.exit_code == 0, done.output
    assert "Titration (GITT) of titration.csv: 4 pulses, 4 without doubt" in done.stdout
    np.testing.assert_allclose(pd.read_csv(out / "tables" / "gitt.csv")["D_m2_s"], 1e-15, rtol=1e-3)
    assert read_settings(out / "options.toml").gitt["capacity"] == pytest.approx(3600)  # C
    bare = run("analyze", data, "-o", tmp_path / "bare")
    assert bare.exit_code == 0
    assert "--sphere-radius" in bare.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give what to analyse and where to write"),
        (("{data}",), "give what to analyse and where to write"),
        (("{data}/nothing.csv", "-o", "{out}"), "there is no file"),
        (("{data}", "-o", "{out}", "--along", "volage"), "no coordinate 'volage'"),
        (("{data}", "-o", "{out}", "--method", "lg"), "unknown method 'lg'.*did you mean 'log'"),
        (("{data}", "-o", "{out}", "--set", "drt.ordr=2"), "unknown option 'drt.ordr'.*did you mean 'order'"),
        (("{data}", "-o", "{out}", "--set", "order"), "not TABLE.NAME=VALUE"),
        (("{data}", "-o", "{out}", "--config", "{data}/none.toml"), "cannot be opened"),
        (("{data}", "-o", "{out}", "--sphere-radius", "5 miles"), "is no length"),
        (("{data}", "-o", "{data}"), "has files in it but no analysis.json"),
        (("{data}", "-o", "{data}/cell1.csv"), "is a file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    data: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    before = files(tmp_path)
    done = run("analyze", *(text.format(data=data, out=tmp_path / "out") for text in arguments))
    assert done.exit_code == 2, done.output
    assert re.search(told, done.stderr.replace("\n", " "))
    assert "Traceback" not in done.output
    assert files(tmp_path) == before


def test_two_folders_compared(data: Path, tmp_path: Path) -> None:
    for name in "ab":
        done = run("analyze", data, "-o", tmp_path / name, "--no-figures", "--title", f"cell {name}", "--method", "log")
        assert done.exit_code == 0, done.output
    done = run("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "both")
    assert done.exit_code == 0, done.output
    assert re.search(r"R_pol +[\d.]+ +[\d.]+ +1\b", done.stdout)
    assert {"report.html", "difference.nc", "figures/difference.png"} <= files(tmp_path / "both")
    wrong = run("compare", tmp_path / "a", data, "-o", tmp_path / "other")
    assert wrong.exit_code == 2
    assert "no analysed folder" in wrong.stderr
    assert not (tmp_path / "other").exists()
