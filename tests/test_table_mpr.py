"""`read_table` of EC-Lab .mpr files of all techniques."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import drtengine as dt
from binary_files import mpr, settings_body
from drtengine.errors import DataWarning, UnreadableFile

TIME = np.arange(0.0, 50.0, 10.0)
EWE = np.linspace(3.0, 3.4, 5)
FLAGS = [(1, "u1", np.array([1, 1, 1, 1, 65], "u1")), *[(n, "", 0) for n in (2, 3, 21, 31, 65)]]


def write(folder: Path, columns: list, technique: int, **options: object) -> Path:
    path = folder / "cell.mpr"
    path.write_bytes(mpr(columns, settings=settings_body(technique, {7: "cell 7"}, {263: 8.0}), **options))
    return path


def test_charge_and_discharge(tmp_path: Path) -> None:
    columns = [
        *FLAGS,
        (4, "<f8", TIME),
        (5, "<f4", np.full(5, 2.0)),
        (6, "<f4", EWE),
        (11, "<f8", np.full(5, 2.0)),
        (13, "<f8", TIME * 2 / 3600),
        (24, "<f8", np.array([0, 0, 1, 1, 1])),
        (131, "<u2", np.array([0, 1, 1, 1, 2])),
        (468, "<u4", np.arange(5)),
    ]
    frame = dt.read_table(write(tmp_path, columns, 4))
    assert list(frame.columns[:5]) == ["time_s", "current_A", "voltage_V", "cycle", "step"]
    np.testing.assert_array_equal(frame["time_s"], TIME)
    np.testing.assert_allclose(frame["current_A"], 2e-3)
    np.testing.assert_allclose(frame["voltage_V"], EWE, rtol=1e-7)
    assert frame["cycle"].tolist() == [0, 0, 1, 1, 1]
    assert frame["step"].tolist() == [0, 1, 1, 1, 2]
    assert frame["half cycle"].tolist() == [0, 1, 2, 3, 4]
    assert frame["mode"].tolist() == [1, 1, 1, 1, 1]
    assert {"control/V/mA", "(Q-Qo)/mA.h", "counter inc."} <= set(frame)
    assert frame.attrs["settings"] == {
        "technique": "GCPL",
        "comment": "cell 7",
        "active_mass_mg": 8.0,
        "date": "2025-01-01T06:00:00.000",
    }
    assert list(frame.attrs["sources"]) == [str(tmp_path / "cell.mpr")]


def test_voltammetry_goes_into_analyze_cv(tmp_path: Path) -> None:
    """Five files with a current of 1 mF times the scan rate: all of it capacitive, b is 1."""
    frames = []
    for number, rate in enumerate((0.001, 0.002, 0.005, 0.01, 0.02)):
        phase = np.arange(797) / 199
        E = 1 - np.abs(1 - phase % 2)
        time, sign = phase / rate, np.where(phase % 2 < 1, 1.0, -1.0)
        columns = [(4, "<f8", time), (19, "<f4", E), (6, "<f4", E), (11, "<f8", sign * rate), (24, "<f8", E * 0)]
        frame = dt.read_table(write(tmp_path, columns, 6))
        frame["time_s"] += number * 1e7
        frames.append(frame)
    import pandas as pd

    result = dt.analyze_cv(pd.concat(frames, ignore_index=True))
    np.testing.assert_allclose(result.scan_rate, [0.001, 0.002, 0.005, 0.01, 0.02], rtol=1e-3)
    np.testing.assert_allclose(result.share, 1, atol=1e-3)


def test_open_circuit_has_no_current(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, [(4, "<f8", TIME), (6, "<f4", EWE)], 11))
    assert frame["current_A"].tolist() == [0] * 5
    assert any("no current is recorded in technique OCV" in note for note in frame.attrs["notes"])


@pytest.mark.parametrize(("number", "kind", "unit"), [(13, "<f8", 3600.0), (434, "<f4", 1e3)])
def test_current_from_charge(tmp_path: Path, number: int, kind: str, unit: float) -> None:
    """0.5 mA after the first row, then -1 mA."""
    current = np.array([0.5, 0.5, -1.0, -1.0])
    charge = np.concatenate([[0], np.cumsum(current * 10)])  # mA s
    frame = dt.read_table(write(tmp_path, [(4, "<f8", TIME), (6, "<f4", EWE), (number, kind, charge / unit)], 4))
    np.testing.assert_allclose(frame["current_A"], np.array([0.5, 0.5, 0.5, -1, -1]) * 1e-3, rtol=1e-5)
    assert any("no current is recorded: it is the change of" in note for note in frame.attrs["notes"])


def test_records_at_one_time_have_no_current_from_charge(tmp_path: Path) -> None:
    time = np.array([0.0, 10, 10, 20, 30])
    frame = dt.read_table(write(tmp_path, [(4, "<f8", time), (6, "<f4", EWE), (13, "<f8", time)], 4))
    assert frame["time_s"].tolist() == [0, 10, 20, 30]
    assert any("left out 1 row(s) without voltage and current" in note for note in frame.attrs["notes"])


def test_loops_are_cycles_where_none_are_counted(tmp_path: Path) -> None:
    columns = [(4, "<f8", TIME), (6, "<f4", EWE), (11, "<f8", TIME)]
    frame = dt.read_table(write(tmp_path, columns, 24, loops=[0, 2, 5]))
    assert frame["cycle"].tolist() == [1, 1, 2, 2, 2]


def test_time_that_falls_is_noted(tmp_path: Path) -> None:
    columns = [(4, "<f8", TIME[[0, 1, 3, 2, 4]]), (6, "<f4", EWE), (11, "<f8", TIME)]
    frame = dt.read_table(write(tmp_path, columns, 24))
    assert frame["time_s"].tolist() == [0, 10, 30, 20, 40]
    assert "time falls 1 time(s), first after row 3" in frame.attrs["notes"]


@pytest.mark.parametrize(
    ("columns", "technique", "message"),
    [
        ([(6, "<f4", EWE)], 6, "no time in this file of technique CV; it has the columns 'Ewe/V'"),
        ([(11, "<f8", EWE)], 6, "no time and no voltage"),
        ([(4, "<f8", TIME), (6, "<f4", EWE)], 6, "no current in this file of technique CV"),
        ([(4, "<f8", TIME * np.nan), (6, "<f4", EWE), (8, "<f4", EWE)], 6, "no row has time"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, columns: list, technique: int, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        dt.read_table(write(tmp_path, columns, technique))


def test_real_files_give_every_column(shared_data: Path) -> None:
    path = shared_data / "hybrid_drt_ssb" / "PEIS_LPSCl_IonBlocking_-25C.mpr"
    with pytest.warns(DataWarning, match="points of impedance spectra"):
        frame = dt.read_table(path)
    text = dt.read_table(path.with_suffix(".txt"))
    assert len(frame.columns) == 16
    for name in ("time_s", "current_A", "voltage_V", "cycle", "step"):
        np.testing.assert_allclose(frame[name], text[name], rtol=5e-8, atol=1e-16)
