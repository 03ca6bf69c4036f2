"""The commands gitt, ici, cv and cycling: what they write and say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner, Result

from drtengine import simulate
from drtengine.cli import kinetics

SPHERE = {"sphere_radius": 5e-6}
RATES = np.array([0.1, 0.2, 0.5, 1.0]) * 1e-3


def run(*arguments: object) -> Result:
    return CliRunner().invoke(kinetics.app, [str(argument) for argument in arguments])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def figures(kind: str) -> set[str]:
    return {f"{name}.{suffix}" for name in kinetics.KINETICS[kind] for suffix in ("png", "svg")}


@pytest.mark.usefixtures("quick")
def test_gitt(tmp_path: Path) -> None:
    simulate.gitt(D=1e-15, count=3, **SPHERE).frame.to_csv(tmp_path / "cell.csv", index=False)
    done = run("gitt", tmp_path / "cell.csv", "-o", tmp_path / "out", "--sphere-radius", "5um", "--u-length", "0.5um")
    assert done.exit_code == 0, done.output
    assert "3 pulses, 3 without doubt: median D = 1e-15 m²/s" in done.stdout
    assert "20.0" in done.stdout  # u(D) from the length
    assert "volume/area = 1.667e-06 m" in done.stdout
    assert names(tmp_path / "out") == {"gitt.nc", "gitt.csv"} | figures("gitt")
    table = pd.read_csv(tmp_path / "out" / "gitt.csv")
    np.testing.assert_allclose(table["D_m2_s"], 1e-15, rtol=1e-3)
    with xr.open_dataset(tmp_path / "out" / "gitt.nc", engine="h5netcdf") as dataset:
        np.testing.assert_allclose(dataset["D"], 1e-15, rtol=1e-3)
        assert dataset.attrs["shape"] == "sphere"


@pytest.mark.usefixtures("quick")
def test_ici(tmp_path: Path) -> None:
    simulate.ici(D=1e-14, count=12, **SPHERE).frame.to_csv(tmp_path / "cell.csv", index=False)
    done = run("ici", tmp_path / "cell.csv", "-o", tmp_path / "out", "--sphere-radius", "5e-6")
    assert done.exit_code == 0, done.output
    assert names(tmp_path / "out") == {"ici.nc", "ici.csv"} | figures("ici")
    bare = run("ici", tmp_path / "cell.csv", "-o", tmp_path / "out2")
    assert bare.exit_code == 0, bare.output
    assert "no figure diffusion: there is no D" in bare.stdout
    assert "diffusion.png" not in names(tmp_path / "out2")


@pytest.mark.usefixtures("quick")
def test_cv_from_one_table_or_several(tmp_path: Path) -> None:
    cell = simulate.cv(RATES, lambda E: 0.3 + 0.5 * np.exp(-(((E - 0.5) / 0.1) ** 2)), lambda E: 0.01 + 0 * E)
    cell.frame.to_csv(tmp_path / "all.csv", index=False)
    done = run("cv", tmp_path / "all.csv", "-o", tmp_path / "out", "--edge", 0)
    assert done.exit_code == 0, done.output
    assert f"{100 * cell.share[-1, 2]:.1f} ± 0.0" in done.stdout
    assert "anodic peak at 0.5" in done.stdout
    assert names(tmp_path / "out") == {"cv.nc", "cv.csv", "peaks.csv", "shares.csv"} | figures("cv")
    parts = []
    for rate, table in cell.frame.groupby("scan_rate_V_s"):
        parts.append(tmp_path / f"rate_{rate * 1e3:g}.csv")
        table.drop(columns="scan_rate_V_s").to_csv(parts[-1], index=False)
    several = run("cv", *parts, "-o", tmp_path / "out2", "--edge", 0)
    assert several.exit_code == 0, several.output
    assert f"{100 * cell.share[-1, 2]:.1f} ± 0.0" in several.stdout
    assert "scan rates taken from potential and time" in several.stdout


@pytest.mark.usefixtures("quick")
def test_cycling_of_a_neware_file(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "kinetics" / "cellpy" / "neware_uio.csv"
    done = run("cycling", file, "-o", tmp_path / "out", "--mass", 1.5)
    assert done.exit_code == 0, done.output
    assert "initial coulombic efficiency 83.55 %" in done.stdout
    assert "mAh/g" in done.stdout
    assert "incomplete" in done.stdout
    assert names(tmp_path / "out") == {"cycling.nc", "cycling.csv"} | figures("cycling")


def test_bad_input_is_one_message_and_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "cell.csv"
    simulate.gitt(D=1e-15, count=1, **SPHERE).frame.to_csv(file, index=False)
    for arguments, message in (
        (("gitt", file), "exactly one of sphere_radius"),
        (("gitt", file, "--sphere-radius", "5 miles"), "--sphere-radius '5 miles' is no length"),
        (("gitt", file, "--sphere-radius", "5um", "--positive", "up"), "unknown positive 'up'"),
        (("cv", file), "there is no whole cathodic sweep"),
        (("cycling", tmp_path / "none.csv"), "cannot be opened"),
    ):
        done = run(*arguments, "-o", tmp_path / "out")
        assert done.exit_code == 2
        assert message in done.stderr
        assert "Traceback" not in done.output
        assert names(tmp_path) == {"cell.csv"}


@pytest.mark.usefixtures("quick")
def test_doubtful_lengths_are_questioned(tmp_path: Path) -> None:
    simulate.gitt(D=1e-15, count=1, **SPHERE).frame.to_csv(tmp_path / "cell.csv", index=False)
    done = run("gitt", tmp_path / "cell.csv", "-o", tmp_path / "out", "--sphere-radius", "5mm")
    assert done.exit_code == 0, done.output
    assert "was it given in cm, µm or nm?" in done.stderr
