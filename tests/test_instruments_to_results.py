"""From the files of instruments to results: the commands take them as they take a csv."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import drtengine as dt
from binary_files import isc, isw, mpr, settings_body
from drtengine import plot, simulate
from drtengine.cli import kinetics

SPHERE = {"sphere_radius": 5e-6}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw figures, but write none."""
    monkeypatch.setattr(plot, "save", lambda _figure, _path: None)


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(kinetics.app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done


def as_mpr(frame: pd.DataFrame, technique: int = 4) -> bytes:
    """Voltage in float32, as EC-Lab has it."""
    columns = [
        (4, "<f8", frame["time_s"].to_numpy()),
        (6, "<f4", frame["voltage_V"].to_numpy()),
        (11, "<f8", 1e3 * frame["current_A"].to_numpy()),
    ]
    return mpr(columns, settings=settings_body(technique))


def test_titration_in_mpr(tmp_path: Path) -> None:
    frame = simulate.gitt(D=1e-15, count=3, **SPHERE).frame
    (tmp_path / "cell.mpr").write_bytes(as_mpr(frame))
    np.testing.assert_allclose(
        dt.fit_gitt(dt.read_table(tmp_path / "cell.mpr"), **SPHERE).D, dt.fit_gitt(frame, **SPHERE).D, rtol=1e-3
    )
    done = run("gitt", tmp_path / "cell.mpr", "-o", tmp_path / "out", "--sphere-radius", "5um")
    assert "3 pulses, 3 without doubt: median D = 1e-15 m²/s" in done.stdout


@pytest.mark.parametrize("suffix", ["mpr", "isw"])
def test_interrupted_current(tmp_path: Path, suffix: str) -> None:
    frame = simulate.ici(D=1e-14, count=12, **SPHERE).frame
    path = tmp_path / f"cell.{suffix}"
    path.write_bytes(as_mpr(frame) if suffix == "mpr" else isw(frame["voltage_V"], frame["current_A"], frame["time_s"]))
    expected = dt.fit_ici(frame, **SPHERE)
    run("ici", path, "-o", tmp_path / "out", "--sphere-radius", "5um")
    table = pd.read_csv(tmp_path / "out" / "ici.csv")
    np.testing.assert_allclose(table["R_ohm"], expected.R, rtol=1e-3)
    np.testing.assert_allclose(table["D_m2_s"], expected.D, rtol=0.02)


def test_voltammograms_in_isc(tmp_path: Path) -> None:
    """One file for each scan rate; the potential is stored in steps of 0.125 mV."""
    rates = np.array([0.1, 0.2, 0.5, 1.0]) * 1e-3
    cell = simulate.cv(rates, lambda E: 0.3 + 0.5 * np.exp(-(((E - 0.5) / 0.1) ** 2)), lambda E: 0.01 + 0 * E)
    paths = []
    for rate, table in cell.frame.groupby("scan_rate_V_s"):
        paths.append(tmp_path / f"rate_{rate * 1e3:g}.isc")
        step = float(np.diff(table["time_s"])[0])
        codes = np.rint(table["potential_V"].to_numpy() * 8000).astype(int).tolist()
        paths[-1].write_bytes(isc(codes, table["current_A"].to_numpy(), step=step, rate=1e3 * rate, scale="0,1 po.pf"))
    done = run("cv", *paths, "-o", tmp_path / "out", "--edge", 0)
    (share,) = re.findall(r"^ *1 .* (\d+\.\d) ± \d+\.\d +\d", done.stdout, re.MULTILINE)
    assert float(share) == pytest.approx(100 * cell.share[-1, 2], abs=0.2)
    assert "contradict" not in done.output


def test_neware_files(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastnda", reason="fastnda (extra 'neware') is not installed")
    done = run("cycling", shared_data / "kinetics" / "navani" / "test.ndax", "-o", tmp_path / "out")
    assert "charge first; initial coulombic efficiency 105.7" in done.stdout


def test_impedance_is_no_cycling(shared_data: Path, tmp_path: Path) -> None:
    done = run("cycling", shared_data / "hybrid_drt_ssb" / "PEIS_SSB.mpr", "-o", tmp_path / "out")
    assert "points of impedance spectra" in done.output
