"""`read_table` of Zahner .isc and .isw; no measured one is at hand, so all are made here from the layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import drtengine as dt
from binary_files import int48, isc, isw
from drtengine.errors import UnreadableFile

CODES = [0, 20, 40, 60, 40, 20]
CURRENT = [1e-3, 2e-3, 3e-3, 2e-3, 1e-3, -1e-3]


def write(folder: Path, data: bytes, name: str = "cv.isc") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_voltammogram(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, isc(CODES, CURRENT, begin=2.0)))
    assert list(frame.columns) == ["time_s", "current_A", "voltage_V", "scan_rate_V_s"]
    np.testing.assert_allclose(frame["time_s"], 2 + 0.1 * np.arange(6))
    np.testing.assert_allclose(frame["current_A"], CURRENT, rtol=0)
    np.testing.assert_allclose(frame["voltage_V"], 0.5 + np.array(CODES) / 4000)
    np.testing.assert_allclose(frame["scan_rate_V_s"], 0.05)
    assert frame.attrs["notes"] == []
    assert frame.attrs["settings"] == {
        "date": "151021",
        "time": "07:14:31-07:15:31",
        "temperature": "23.5",
        "area": "1.0 cm2",
        "comment": "a comment",
        "technique": "CV",
    }


def test_scan_rate_that_is_not_that_of_the_points_is_noted(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, isc(CODES, CURRENT, rate=100.0)))
    assert frame.attrs["notes"] == [
        "the header gives a scan rate of 0.1 V/s, the points 0.05 V/s (half of them, median)"
    ]
    assert "scan_rate_V_s" not in dt.read_table(write(tmp_path, isc(CODES, CURRENT, rate=0.0)))


def test_missing_scale_is_noted(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, isc(CODES, CURRENT, scale="")))
    np.testing.assert_allclose(frame["voltage_V"], np.array(CODES) / 8000)
    assert any("names no scale" in note for note in frame.attrs["notes"])


def test_truncated_voltammogram(tmp_path: Path) -> None:
    data = isc(CODES, CURRENT)
    arrays = 142 + 10 * len(CODES)
    for size in range(len(data)):
        path = write(tmp_path, data[:size])
        if size < arrays:
            with pytest.raises(UnreadableFile, match=rf"cv\.isc, byte {size}: the file ends within its"):
                dt.read_table(path)
            continue
        frame = dt.read_table(path)
        np.testing.assert_array_equal(frame["current_A"], CURRENT)
        assert any("header incomplete or broken" in note for note in frame.attrs["notes"])


@pytest.mark.parametrize(
    ("at", "new", "message"),
    [
        (136, int48(-7), "byte 136: -6 points announced"),
        (136, int48(2**40), "1099511627777 points announced at byte 136, room for"),
        (142 + 12 + 8, np.array(np.nan, ">f8").tobytes(), "byte 162: current of point 2 is nan"),
        (120, np.array(-1.0, ">f8").tobytes(), "byte 120: -1 s from point to point"),
        (96, np.array(np.inf, ">f8").tobytes(), "byte 120: 0.1 s from point to point, the first at inf s"),
    ],
)
def test_corrupt_voltammogram(tmp_path: Path, at: int, new: bytes, message: str) -> None:
    data = isc(CODES, CURRENT)
    with pytest.raises(UnreadableFile, match=message):
        dt.read_table(write(tmp_path, data[:at] + new + data[at + len(new) :]))


def test_absurd_scale_is_refused(tmp_path: Path) -> None:
    for scale in ("0,0 po.pf", "1e9,1 po.pf", "0,e po.pf"):
        with pytest.raises(UnreadableFile, match="the scale of the potential"):
            dt.read_table(write(tmp_path, isc(CODES, CURRENT, scale=scale)))


def test_current_and_potential_over_time(tmp_path: Path) -> None:
    time, voltage, current = np.arange(5.0), np.linspace(1, 2, 5), np.linspace(-1e-3, 1e-3, 5)
    path = write(tmp_path, isw(voltage, current, time), "pol.isw")
    frame = dt.read_table(path)
    np.testing.assert_allclose(frame[["time_s", "current_A", "voltage_V"]], np.transpose([time, current, voltage]))
    path.write_bytes(path.read_bytes() + b"tail")
    assert any("nothing was read from byte 138 on" in note for note in dt.read_table(path).attrs["notes"])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnreadableFile, match=r"pol\.isw, byte 100: the file ends within its arrays: 5 points"):
        dt.read_table(path)
    data = isw(voltage, current, time)
    path.write_bytes(data[:26] + np.array(np.inf, ">f8").tobytes() + data[34:])
    with pytest.raises(UnreadableFile, match="byte 26: current of point 1 is inf"):
        dt.read_table(path)
