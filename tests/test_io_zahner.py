"""Zahner .ism: files built byte by byte, truncated and corrupted ones, and the diode series."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from binary_files import ISM_STRINGS as STRINGS
from binary_files import int48, ism
from drtengine.errors import UnreadableFile
from drtengine.io import read
from drtengine.io.zahner import read_zahner

SECONDS_1980 = 315_532_800

F = np.geomspace(1e5, 1e-1, 13)
Z = 2 + 5 / (1 + 2j * np.pi * F * 1e-3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cell.ism"
    path.write_bytes(ism(F, Z, dc=[(0.5, 1e-3)] * 13))
    return path


def test_values_and_coordinates(file: Path) -> None:
    (spectrum,) = read_zahner(file)
    assert np.array_equal(spectrum.frequency, F)
    np.testing.assert_allclose(spectrum.Z, Z, rtol=1e-15)
    coordinates = dict(spectrum.coordinates)
    assert coordinates.pop("date") == np.datetime64("2011-09-09T01:46:40")
    assert coordinates == pytest.approx(
        {"voltage": 0.5, "current": 1e-3, "temperature": 23.5, "amplitude": 0.01, "time": 1e9 + SECONDS_1980}
    )
    assert spectrum.point_time is not None
    np.testing.assert_array_equal(spectrum.point_time, np.arange(13) + 1e9 + SECONDS_1980)
    assert spectrum.notes == ()


def test_potential_and_current_of_the_header_where_no_values_are_recorded(tmp_path: Path) -> None:
    path = tmp_path / "cell.ism"
    path.write_bytes(ism(F, Z))
    coordinates = read(path)[0].coordinates
    assert coordinates["voltage"] == pytest.approx(0.5012)
    assert coordinates["current"] == pytest.approx(-1.825e-9)


@pytest.mark.parametrize(
    ("text", "ampere"),
    [("153.5Ma", 0.1535), ("16Aa", 16e-18), ("9.953Ua", 9.953e-6), ("2a", 2.0), ("1.5E-3a", 1.5e-3), ("1.5Ka", 1500.0)],
)
def test_units_stand_in_swapped_case(tmp_path: Path, text: str, ampere: float) -> None:
    path = tmp_path / "cell.ism"
    path.write_bytes(ism(F, Z, strings=(*STRINGS[:3], text, *STRINGS[4:])))
    assert read(path).coordinates["current"][0] == pytest.approx(ampere)


def test_comments_and_area(tmp_path: Path) -> None:
    path = tmp_path / "cell.ism"
    path.write_bytes(ism(F, Z, strings=(*STRINGS[:6], "cELL 7", "", " 25 Cm ", "", "1.54 CM^2", "")))
    (spectrum,) = read_zahner(path)
    assert spectrum.coordinates["comment"] == "Cell 7\n25 cM"
    assert spectrum.coordinates["area"] == 1.54
    path.write_bytes(ism(F, Z, seconds=[1e300] * 13))
    assert "date" not in read_zahner(path)[0].coordinates


def test_no_sensor_no_temperature(tmp_path: Path) -> None:
    path = tmp_path / "cell.ism"
    path.write_bytes(ism(F, Z, strings=(*STRINGS[:4], "-273.15+-0.0c", *STRINGS[5:])))
    assert "temperature" not in read(path).coordinates


def test_lead_in_is_cut_and_noted(tmp_path: Path) -> None:
    lead_in = np.geomspace(1e3, 5e4, 4)
    frequency = np.concatenate([lead_in, F])
    path = tmp_path / "cell.ism"
    path.write_bytes(ism(frequency, np.concatenate([np.ones(4), Z]), dc=[(9, 9)] * 4 + [(0.5, 0)] * 13))
    campaign = read(path)
    assert np.array_equal(campaign.frequency[0], F)
    assert campaign.coordinates["voltage"][0] == 0.5
    assert campaign.coordinates["time"][0] == 1e9 + 4 + SECONDS_1980
    assert any("kept points 5 to 17 of 17" in note for note in campaign.notes)


@pytest.mark.parametrize(
    ("name", "clash"),
    [("cell_500mV", False), ("cell-0.5V", False), ("475_mvdc", True), ("x_0.35V_2", True), ("method3v2", False)],
)
def test_the_file_wins_over_its_name(tmp_path: Path, name: str, clash: bool) -> None:
    path = tmp_path / f"{name}.ism"
    path.write_bytes(ism(F, Z, dc=[(0.5, 0)] * 13))
    campaign = read(path)
    assert campaign.coordinates["voltage"][0] == 0.5
    assert any("file name says" in note for note in campaign.notes) is clash


def test_truncated_anywhere(file: Path) -> None:
    """Every prefix is either refused as such or gives the whole spectrum."""
    data, arrays_end = file.read_bytes(), 12 + 34 * 13
    for size in range(len(data)):
        file.write_bytes(data[:size])
        if size < arrays_end:
            with pytest.raises(UnreadableFile, match=f"byte {size}: the file ends within its"):
                read_zahner(file)
            continue
        (spectrum,) = read_zahner(file)
        assert np.array_equal(spectrum.frequency, F)
        assert "time" in spectrum.coordinates
        where_complete = (len(ism(F, Z)), len(data))
        assert bool(spectrum.notes) is (size not in where_complete)


@pytest.mark.parametrize("count", [-5, 0, 14, 10**9, 2**46])
def test_absurd_number_of_points(file: Path, count: int) -> None:
    data = bytearray(file.read_bytes()[: 12 + 34 * 13])
    data[6:12] = int48(count - 1)
    file.write_bytes(data)
    with pytest.raises(UnreadableFile, match=f"{count} points announced"):
        read_zahner(file)


@pytest.mark.parametrize(
    ("array", "value", "name"),
    [(0, 0.0, "frequency"), (0, np.nan, "frequency"), (0, -1.0, "frequency"), (1, -2.0, "modulus"), (2, 1e3, "phase")],
)
def test_corrupt_array_names_the_byte(file: Path, array: int, value: float, name: str) -> None:
    data = bytearray(file.read_bytes())
    at = 12 + 8 * (array * 13 + 7)
    data[at : at + 8] = struct.pack(">d", value)
    file.write_bytes(data)
    with pytest.raises(UnreadableFile, match=rf"cell\.ism, byte {at}: {name} of point 8 "):
        read_zahner(file)


def test_broken_times_and_dc_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "cell.ism"
    path.write_bytes(ism(F, Z, seconds=[np.nan] * 13, dc=[(np.nan, 0)] * 13))
    (spectrum,) = read_zahner(path)
    assert spectrum.point_time is None
    assert spectrum.coordinates["voltage"] == pytest.approx(0.5012)
    assert len(spectrum.notes) == 2


def test_diode_series(shared_data: Path) -> None:
    """13 spectra; the vendor's own fit L + R || C reproduces what we read."""
    folder = shared_data / "zahner_ism_diode"
    campaign = read(str(folder / "*_mvdc.ism"))
    assert campaign.Z.shape == (13, 38)
    assert campaign.frequency.min() == 100
    assert campaign.frequency.max() == pytest.approx(5e5, rel=1e-12)
    np.testing.assert_allclose(campaign.coordinates["voltage"], 0.02527 + 0.025 * np.arange(13), atol=1e-4)
    assert campaign.coordinates["voltage"][0] == pytest.approx(0.0253, abs=5e-5)
    assert campaign.coordinates["current"][-1] == pytest.approx(0.152, abs=1e-3)
    assert sum("file name says" in note for note in campaign.notes) == 13
    assert (np.diff(campaign.coordinates["time"]) > 0).all()
    assert np.datetime64(int(campaign.coordinates["time"][0]), "s") == np.datetime64("2021-10-15T07:14:33")
    for spectrum in campaign:
        fit = json.loads((folder / "fitted" / f"{spectrum.name[:3]}.json").read_text())["model"]
        (C,), (L,), (R,) = ([entry["value"] for entry in fit[key].values()] for key in ("C0", "L0", "R0"))
        s = 2j * np.pi * spectrum.frequency
        model = s * L + R / (1 + s * R * C)
        assert np.median(np.abs(spectrum.Z - model) / np.abs(model)) < 0.01


def test_single_real_files(shared_data: Path) -> None:
    folder = shared_data / "zahner_ism_diode"
    rc = read(folder / "rc-data.ism")
    assert rc.Z.shape == (1, 55)
    assert (rc.frequency.max(), rc.frequency.min()) == (1e5, 0.2)
    assert (np.diff(rc.frequency[0]) < 0).all()
    assert rc.coordinates["temperature"][0] == 23.8
    assert rc.coordinates["voltage"][0] == pytest.approx(0.99963, abs=1e-5)
    assert any("kept points 21 to 75 of 75" in note for note in rc.notes)
    assert rc.coordinates["comment"][0] == "First Line\n2\n3\nLast Line"
    zhit = read(folder / "ZHIT.ism")
    assert zhit.Z.shape == (1, 40)
    assert "temperature" not in zhit.coordinates
    assert zhit.notes == ()
