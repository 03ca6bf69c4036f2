"""BioLogic .mpr: files built byte by byte, truncated and corrupted ones, and pairs with text exports."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import drtengine as dt
from binary_files import (
    MAGIC,
    data_body,
    log_body,
    module,
    mpr,
    settings_body,
)
from drtengine.errors import UnreadableFile
from drtengine.io.mpr import read_mpr, read_recording
from drtengine.io.mpr_layout import COLUMNS, FLAGS, lay_out

F = np.geomspace(1e5, 1, 11).astype("f4").astype(float)
Z = 2 + 5 / (1 + 2j * np.pi * F * 1e-3)


def spectrum(points: int = 11, sweeps: int = 1) -> list[tuple[int, str, np.ndarray]]:
    f, z = np.tile(F[:points], sweeps), np.tile(Z[:points], sweeps)
    return [
        (32, "<f4", f),
        (37, "<f4", z.real),
        (38, "<f4", -z.imag),
        (4, "<f8", 10.0 * np.arange(f.size)),
        (77, "<f4", 3.5 + 0.001 * np.arange(f.size)),
        (76, "<f4", np.full(f.size, 2.0)),
    ]


def write(folder: Path, data: bytes) -> Path:
    path = folder / "cell.mpr"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("version", [2, 3, 11])
def test_values_coordinates_and_times(tmp_path: Path, version: int) -> None:
    (found,) = read_mpr(write(tmp_path, mpr(spectrum(), version=version)))
    np.testing.assert_array_equal(found.frequency, F)
    np.testing.assert_allclose(found.Z, Z, rtol=1e-7)
    assert dict(found.coordinates) == {
        "date": np.datetime64("2025-01-01T06:00:00"),
        "time": 0,
        "voltage": pytest.approx(3.505),
        "current": pytest.approx(2e-3),
    }
    assert found.point_time is not None
    np.testing.assert_array_equal(found.point_time, 10 * np.arange(11))
    assert found.notes == ("column '<I>/mA' multiplied by 0.001",)


def test_without_log_the_date_is_not_known(tmp_path: Path) -> None:
    (found,) = read_mpr(write(tmp_path, mpr(spectrum(), log=None)))
    assert "date" not in found.coordinates
    assert "no log" in found.notes[0]
    for log in (log_body(0.0), log_body(np.nan), b""):
        (found,) = read_mpr(write(tmp_path, mpr(spectrum(), log=log)))
        assert "date" not in found.coordinates
        assert "module 'VMP LOG'" in found.notes[0]


def test_settings_become_coordinates(tmp_path: Path) -> None:
    settings = settings_body(29, {7: "Zelle 3\r\n25 °C", 286: "NMC"}, {263: 12.5, 529: 1.54, 604: 2.0, 588: 0.5})
    path = write(tmp_path, mpr(spectrum(), settings=settings))
    coordinates = read_mpr(path)[0].coordinates
    assert coordinates["comment"] == "Zelle 3\n25 °C"
    assert coordinates["area"] == pytest.approx(1.54)
    assert coordinates["mass"] == 12.5
    settled = read_recording(path).settings
    assert settled["technique"] == "PEIS"
    assert settled["electrode"] == "NMC"
    assert settled["capacity_mAh"] == 2
    assert settled["characteristic_mass_mg"] == 500


def test_units_of_settings(tmp_path: Path) -> None:
    numbers = {529: 50.0, 592: 3, 588: 4.0, 593: 2}
    settled = read_recording(write(tmp_path, mpr(spectrum(), settings=settings_body(29, {}, numbers)))).settings
    assert settled["area_cm2"] == pytest.approx(0.5)
    assert settled["characteristic_mass_mg"] == 4
    recording = read_recording(write(tmp_path, mpr(spectrum(), settings=settings_body(29, {}, {529: 50.0, 592: 9}))))
    assert "area_cm2" not in recording.settings
    assert any("its unit, number 9, is not known" in note for note in recording.notes)


def test_broken_settings_are_noted(tmp_path: Path) -> None:
    recording = read_recording(
        write(tmp_path, mpr(spectrum(), settings=settings_body(200, {286: "x" * 90}, {263: np.nan})))
    )
    assert sum("is broken" in note for note in recording.notes) == 2
    assert recording.technique == "number 200"
    for settings in (b"", b"\x1d" * 8, settings_body(29, {}, {529: 2.0})[:560]):
        recording = read_recording(write(tmp_path, mpr(spectrum(), settings=settings)))
        assert f"have {len(settings)} of 608 bytes" in recording.notes[0]
    recording = read_recording(write(tmp_path, MAGIC + module("VMP data", data_body(spectrum(), 11), 11)))
    assert "have 0 of 608 bytes" in recording.notes[1]
    assert recording.technique == "unknown"


def test_loops_become_cycles(tmp_path: Path) -> None:
    columns = [*spectrum(sweeps=3), (24, "<f8", np.zeros(33))]
    found = read_mpr(write(tmp_path, mpr(columns, loops=[0, 11, 22, 33])))
    assert [s.coordinates["cycle"] for s in found] == [1, 2, 3]
    assert [len(s) for s in found] == [11, 11, 11]
    assert [s.coordinates["time"] for s in found] == [0, 110, 220]
    assert {s.coordinates["date"] for s in found} == {np.datetime64("2025-01-01T06:00:00")}
    assert "cycle is the number of EC-Lab's loop" in found[0].notes


@pytest.mark.parametrize("loops", [[0, 11, 22], [0, 22, 11, 33], [0], [5, 33], [0, 0, 33], [0, 11, 2**32 - 1]])
def test_loops_that_cannot_be_right_are_noted(tmp_path: Path, loops: list[int]) -> None:
    found = read_mpr(write(tmp_path, mpr(spectrum(sweeps=3), loops=loops)))
    assert [len(s) for s in found] == [11, 11, 11]  # the frequency turns back
    assert any("module 'VMP loop'" in note for note in found[0].notes)
    assert "cycle" not in found[0].coordinates


def test_cycle_numbers_split_where_there_are_no_loops(tmp_path: Path) -> None:
    found = read_mpr(write(tmp_path, mpr([*spectrum(sweeps=2), (24, "<f8", np.repeat([3.0, 4.0], 11))])))
    assert [s.coordinates["cycle"] for s in found] == [3, 4]


def test_rows_at_0_hz_go_and_loops_stay_right(tmp_path: Path) -> None:
    columns = spectrum(sweeps=2)
    for first in (0, 11):
        columns[0][2][first] = 0.0
    found = read_mpr(write(tmp_path, mpr(columns, loops=[0, 11, 22])))
    assert [len(s) for s in found] == [10, 10]
    assert [s.coordinates["cycle"] for s in found] == [1, 2]
    assert "dropped 2 row(s) at 0 Hz (DC)" in found[0].notes


def test_records_without_impedance_are_dropped(tmp_path: Path) -> None:
    columns = spectrum(sweeps=2)
    columns[1][2][3] = np.nan
    columns[2][2][15] = np.inf
    columns[3][2][7] = np.nan
    found = read_mpr(write(tmp_path, mpr(columns, loops=[0, 11, 22])))
    assert [len(s) for s in found] == [10, 10]
    assert [s.coordinates["cycle"] for s in found] == [1, 2]
    assert found[0].point_time is None
    assert "dropped 2 record(s) whose impedance is no number, the first is record 4" in found[0].notes
    assert "time is no number in places and was not read" in found[0].notes
    columns[1][2][:] = np.nan
    with pytest.raises(UnreadableFile, match=r"module 'VMP data'.*no impedance in it is a number"):
        read_mpr(write(tmp_path, mpr(columns)))


def test_modulus_and_phase_alone(tmp_path: Path) -> None:
    polar = [(32, "<f4", F), (36, "<f4", np.abs(Z)), (35, "<f4", np.degrees(np.angle(Z)))]
    (found,) = read_mpr(write(tmp_path, mpr(polar)))
    np.testing.assert_allclose(found.Z, Z, rtol=1e-6)


def test_flags_share_one_byte(tmp_path: Path) -> None:
    byte = np.array([0b00000010, 0b10011101, 0b01100000], "u1")
    columns = [(1, "u1", byte), *[(n, "", 0) for n in (2, 3, 21, 31, 65)], (4, "<f8", np.arange(3.0))]
    found = read_recording(write(tmp_path, mpr(columns))).columns
    expected = {
        "mode": [2, 1, 0],
        "ox/red": [0, 1, 0],
        "error": [0, 1, 0],
        "control changes": [0, 1, 0],
        "Ns changes": [0, 0, 1],
        "counter inc.": [0, 1, 0],
    }
    assert {name: found[name].tolist() for name in expected} == expected
    assert found["time/s"].tolist() == [0, 1, 2]


def test_flags_not_at_the_beginning(tmp_path: Path) -> None:
    columns = [(4, "<f8", np.arange(3.0)), (3, "u1", np.array([8, 0, 8], "u1")), (6, "<f4", np.ones(3))]
    found = read_recording(write(tmp_path, mpr(columns))).columns
    assert found["error"].tolist() == [1, 0, 1]
    assert found["Ewe/V"].tolist() == [1, 1, 1]
    assert "mode" not in found


TIME, EWE, CURRENT = (4, "<f8", np.arange(3.0)), (6, "<f4", np.full(3, 3.5)), (11, "<f8", np.full(3, 2.0))


@pytest.mark.parametrize(
    ("columns", "read", "unread"),
    [
        ([TIME, (999, "", 0), EWE, CURRENT], ["time/s", "Ewe/V", "<I>/mA"], "999"),  # no bytes: a bit
        ([TIME, (999, "S6", b"x"), EWE, CURRENT], ["time/s", "Ewe/V", "<I>/mA"], "999"),
        ([TIME, (999, "S6", b"x"), (998, "<f4", 0), EWE, CURRENT], ["time/s", "Ewe/V", "<I>/mA"], "998, 999"),
        ([TIME, (999, "S6", b"x"), EWE, (998, "<f4", 0), CURRENT], ["time/s", "<I>/mA"], r"6 \(Ewe/V\), 998, 999"),
        ([(999, "<f8", np.zeros(3)), TIME, EWE], ["time/s", "Ewe/V"], "999"),
        ([TIME, EWE, (999, "<u2", 0)], ["time/s", "Ewe/V"], "999"),
    ],
)
def test_unknown_columns(tmp_path: Path, columns: list, read: list[str], unread: str) -> None:
    recording = read_recording(write(tmp_path, mpr(columns)))
    assert list(recording.columns) == read
    values = {"time/s": TIME[2], "Ewe/V": EWE[2], "<I>/mA": CURRENT[2]}
    for name in read:
        np.testing.assert_array_equal(recording.columns[name], values[name])
    (note,) = recording.notes
    assert note.startswith("columns not read, whose meaning is not known: ")
    assert note.split(": ")[1].startswith(unread.replace("\\", ""))


def test_every_listed_column_is_read_at_its_place(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    columns = [(n, "<" + kind, rng.integers(0, 1000, 4)) for n, (_, kind) in COLUMNS.items()]
    recording = read_recording(write(tmp_path, mpr(columns)))
    twice = {"<I>/mA", "<Ewe>/V", "<Ece>/V"}
    for number, _, values in columns:
        name = COLUMNS[number][0]
        if name not in twice:
            np.testing.assert_array_equal(recording.columns[name], values, err_msg=name)
    assert sum("stands twice" in note for note in recording.notes) == 3
    assert not set(COLUMNS) & set(FLAGS)


def test_what_does_not_fit_is_no_layout() -> None:
    assert lay_out([4, 6], 12) is not None
    assert lay_out([4, 6], 11) is None
    assert lay_out([4, 6], 13) is None
    assert lay_out([4, 6, 999], 13) is not None
    assert lay_out([999], 0) is None


def test_truncated_anywhere(tmp_path: Path) -> None:
    """Every beginning of a file is refused with its length and module, or gives all records."""
    columns = spectrum(sweeps=2)
    data = mpr(columns, loops=[0, 11, 22])
    complete = len(mpr(columns, log=None))
    path = tmp_path / "cell.mpr"
    for size in [*range(0, 130), *range(800, 1000, 7), *range(complete - 300, len(data), 3), complete - 1, complete]:
        path.write_bytes(data[:size])
        if size < complete:
            message = "byte 0: this is no" if size < 22 else r"byte \d+ \(module '|without a module 'VMP data'"
            with pytest.raises(UnreadableFile, match=message):
                read_recording(path)
            continue
        recording = read_recording(path)
        assert recording.columns["time/s"].size == 22
        assert bool(recording.notes) is (size < len(data))


def changed(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


DATA_AT = len(MAGIC) + 65 + 700 + 65


@pytest.mark.parametrize(
    ("at", "new", "message"),
    [
        (52, b"MODUL_", r"byte 52 \(module 'unknown'\): a module should begin here"),
        (52 + 45, struct.pack("<I", 10**9), r"byte 52 \(module 'VMP Set'\): 1000000000 bytes announced"),
        (DATA_AT - 12, struct.pack("<I", 7), r"byte 882 \(module 'VMP data'\): version 7 is not known"),
        (DATA_AT, struct.pack("<I", 0), r"byte 882 \(module 'VMP data'\): there is no record in it"),
        (DATA_AT, struct.pack("<I", 9), r"byte 882 \(module 'VMP data'\): 9 records announced"),
        (DATA_AT, struct.pack("<I", 2**32 - 1), r"byte 882 \(module 'VMP data'\): 4294967295 records announced"),
        (DATA_AT + 4, struct.pack("<H", 0), r"byte 886 \(module 'VMP data'\): 0 columns announced"),
        (DATA_AT + 4, struct.pack("<H", 501), r"byte 886 \(module 'VMP data'\): 501 columns announced"),
        (DATA_AT + 6, struct.pack("<H", 4), r"byte 888 \(module 'VMP data'\): records of 28 bytes cannot hold"),
        (
            DATA_AT + 1007 + 2 * 28,
            struct.pack("<f", -3),
            r"byte 1945 \(module 'VMP data'\): frequency of record 3 is -3",
        ),
        (DATA_AT + 1007, struct.pack("<f", np.nan), r"byte 1889 \(module 'VMP data'\): frequency of record 1 is nan"),
    ],
)
def test_corrupt_bytes_are_named(tmp_path: Path, at: int, new: bytes, message: str) -> None:
    path = write(tmp_path, changed(mpr(spectrum()), at, new))
    with pytest.raises(UnreadableFile, match=rf"cell\.mpr, {message}"):
        dt.read(path)


def test_a_second_module_of_a_name_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, mpr(spectrum()) + module("VMP data", data_body(spectrum(5), 11), 11))
    (found,) = read_mpr(path)
    assert len(found) == 11
    assert any("the second module 'VMP data', at byte" in note for note in found.notes)


def test_a_data_module_without_records(tmp_path: Path) -> None:
    body = data_body(spectrum(), 11)
    for size in (0, 3, 1006):
        path = write(tmp_path, MAGIC + module("VMP data", body[:size], 11))
        with pytest.raises(UnreadableFile, match=r"module 'VMP data'\): the module ends within its first 1007 bytes"):
            read_recording(path)


def test_no_impedance_is_said_with_technique_and_columns(tmp_path: Path) -> None:
    path = write(tmp_path, mpr([TIME, EWE, CURRENT], settings=settings_body(6)))
    with pytest.raises(UnreadableFile, match=r"no impedance in this file of technique CV.*'Ewe/V'.*read_table\(\)"):
        dt.read(path)
    with pytest.raises(UnreadableFile, match="technique number 77"):
        dt.read(write(tmp_path, mpr([TIME, EWE], settings=settings_body(77))))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, b"EC-Lab ASCII FILE\r\n")
    with pytest.raises(UnreadableFile, match=r"byte 0: this is no EC-Lab \.mpr file, it begins with b'EC-Lab"):
        dt.read(path)


def test_found_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "renamed.dat"
    path.write_bytes(mpr(spectrum()))
    assert len(dt.read(path)) == 1


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(found / expected - 1)))


def test_pair_of_binary_and_text(shared_data: Path) -> None:
    """The same measurement in EC-Lab's text: equal to its eight digits, 16 for times."""
    folder = shared_data / "hybrid_drt_ssb"
    binary = dt.read(folder / "PEIS_LPSCl_IonBlocking_-25C.mpr")
    text = dt.read(folder / "PEIS_LPSCl_IonBlocking_-25C.txt")
    assert binary.Z.shape == (1, 79)
    assert relative(binary.frequency, text.frequency) < 4.7e-8
    assert relative(binary.Z.real, text.Z.real) < 4.5e-8
    assert relative(binary.Z.imag, text.Z.imag) < 3.9e-8
    for name, bound in (("voltage", 1e-8), ("current", 5e-8), ("cycle", 0.0)):
        assert relative(binary.coordinates[name], text.coordinates[name]) <= bound
    assert binary.point_time is not None
    assert text.point_time is not None
    assert relative(binary.point_time, text.point_time) < 4e-16
    assert read_recording(folder / "PEIS_LPSCl_IonBlocking_-25C.mpr").start == np.datetime64("2025-05-15T01:18:45.867")
    assert binary.coordinates["date"] == text.coordinates["date"]


def test_pairs_of_binary_and_wide_csv(shared_data: Path) -> None:
    """19 sweeps of two files are rows of the wide tables, to their six digits; and no other row is near them."""
    folder = shared_data / "ssb_ceracharge"
    wide = [dt.read(folder / name) for name in ("EISdata1_SoC0_Cyc1to100.csv", "EISdata2_SoC0_Cyc10to100.csv")]
    table = np.concatenate([campaign.Z for campaign in wide])
    order = np.argsort(wide[0].frequency[0])
    form = dt.read(folder / "raw_data" / "form" / "Cell001_Form_20uA_25T_30RH_Cycle1to10_01_GEIS_CA1.mpr")
    cyc = dt.read(folder / "raw_data" / "cycle" / "Cell001_Cyc_20uA_25T_30RH_Cycle11to100_01_GEIS_CA1.mpr")
    assert (form.Z.shape, cyc.Z.shape) == ((10, 36), (9, 36))
    assert form.coordinates["cycle"].tolist() == list(range(1, 11))
    for sweep in (*form, *cyc):
        here = np.argsort(sweep.frequency)
        assert relative(wide[0].frequency[0][order], sweep.frequency[here]) < 3.6e-6
        rows, own = table[:, order], sweep.Z[here]
        deviation = np.maximum(np.abs(rows.real / own.real - 1), np.abs(rows.imag / own.imag - 1)).max(axis=1)
        assert deviation.min() < 5e-6
        assert not ((deviation > 5e-6) & (deviation < 1e-3)).any()


def test_file_without_a_twin(shared_data: Path) -> None:
    path = shared_data / "hybrid_drt_ssb" / "PEIS_SSB.mpr"
    columns = read_recording(path).columns
    np.testing.assert_allclose(columns["|Z|/Ohm"], np.hypot(columns["Re(Z)/Ohm"], columns["-Im(Z)/Ohm"]), rtol=1e-7)
    (found,) = dt.read(path)
    assert len(found) == 89
    assert str(found.coordinates["date"]).startswith("2025-04-14T12:01:05.290")


def test_drift_uses_the_times_of_the_points(shared_data: Path) -> None:
    """As from the text of the twin, and not as without times."""
    folder = shared_data / "hybrid_drt_ssb"
    campaign = dt.read(folder / "PEIS_LPSCl_IonBlocking_-25C.mpr")
    timed = dt.check_kk(campaign)
    twin = dt.check_kk(dt.read(folder / "PEIS_LPSCl_IonBlocking_-25C.txt"))
    untimed = dt.check_kk(dt.Spectrum(campaign.frequency[0], campaign.Z[0]))
    np.testing.assert_allclose(timed.drift, twin.drift, rtol=1e-4)
    assert abs(timed.drift[0] / untimed.drift[0] - 1) > 0.01
