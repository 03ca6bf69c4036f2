"""EC-Lab text: the Zhang campaign, .mpt files, and files made to be awkward."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drtengine.errors import UnreadableFile
from drtengine.io import read

COLUMNS = "freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm\t|Z|/Ohm\tPhase(Z)/deg\ttime/s\t<Ewe>/V\t<I>/mA\tcycle number\t"
F = np.geomspace(1e4, 1e-1, 11)
Z = 2 + 5 / (1 + 2j * np.pi * F * 1e-3)


def row(f: float, z: complex, seconds: float = 0.0, cycle: float = 1.0, volts: float = 3.7) -> str:
    numbers = (f, z.real, -z.imag, abs(z), np.degrees(np.angle(z)), seconds, volts, -2.5, cycle)
    return "\t".join(f"{x:.15E}" for x in numbers)


def mpt(rows: list[str], columns: str = COLUMNS, extra: str = "Run on channel : 1") -> str:
    header = ["EC-Lab ASCII FILE", "Nb header lines : 6", "", "Potentio Electrochemical Impedance Spectroscopy", extra]
    return "\r\n".join([*header, columns, *rows])


def test_mpt(tmp_path: Path) -> None:
    rows = [row(f, z, 10.0 + i, 1, 3.7 + 0.1 * i) for i, (f, z) in enumerate(zip(F, Z, strict=True))]
    path = tmp_path / "cell.mpt"
    path.write_text(mpt(rows), encoding="latin-1")
    campaign = read(path)
    np.testing.assert_allclose(campaign.frequency[0], F, rtol=1e-14)
    np.testing.assert_allclose(campaign.Z[0], Z, rtol=1e-13)
    coordinates = {name: column[0] for name, column in campaign.coordinates.items()}
    assert coordinates == {
        "file": "cell.mpt",
        "cycle": 1,
        "time": 10,
        "voltage": pytest.approx(4.2),
        "current": pytest.approx(-2.5e-3),
    }
    assert campaign.point_time is not None
    np.testing.assert_allclose(campaign.point_time[0], 10 + np.arange(11))
    assert campaign.names == ("cell",)


def test_date_area_and_comment(tmp_path: Path) -> None:
    header = "Acquisition started on : 02/04/2018 10:02:46\nElectrode surface area : 1,131 cm²\nComments : a : b"
    path = tmp_path / "cell.mpt"
    text = mpt([row(f, z, 90.5 + i) for i, (f, z) in enumerate(zip(F, Z, strict=True))], extra=header)
    path.write_text(text.replace("lines : 6", "lines : 8"), encoding="latin-1")
    coordinates = {name: column[0] for name, column in read(path).coordinates.items()}
    assert coordinates["date"] == np.datetime64("2018-02-04T10:04:16.5")
    assert coordinates["area"] == 1.131
    assert coordinates["comment"] == "a : b"


def test_decimal_comma_and_dc_rows(tmp_path: Path) -> None:
    rows = [row(0, 0j), *map(row, F, Z), row(0, 0j), *map(row, F, Z)]
    path = tmp_path / "cell.mpt"
    path.write_text(mpt(rows).replace(".", ","), encoding="latin-1")
    campaign = read(path)
    assert campaign.Z.shape == (2, 11)
    np.testing.assert_allclose(campaign.Z[1], Z, rtol=1e-13)
    assert "cell.mpt: dropped 2 row(s) at 0 Hz (DC)" in campaign.notes
    assert "cell.mpt: split into 2 sweeps" in campaign.notes
    assert campaign.names == ("cell#1", "cell#2")


def test_sweeps_by_cycle_and_by_frequency_turning_back(tmp_path: Path) -> None:
    """Cycle 1 holds two sweeps, cycle 2 one that was aborted after six points and repeats a frequency."""
    rows = [row(f, z, cycle=1) for _ in range(2) for f, z in zip(F, Z, strict=True)]
    rows += [row(f, z, cycle=2) for f, z in zip(F[[0, 1, 1, 2, 3, 4]], Z[:6], strict=True)]
    path = tmp_path / "cell.mpt"
    path.write_text(mpt(rows), encoding="latin-1")
    campaign = read(path)
    assert campaign.is_point.sum(axis=1).tolist() == [11, 11, 6]
    assert campaign.coordinates["cycle"].tolist() == [1, 1, 2]
    assert campaign.frequency[2, 1] == campaign.frequency[2, 2]


def test_time_as_date_is_left_out_and_noted(tmp_path: Path) -> None:
    rows = [
        "\t".join([*row(f, z).split("\t")[:5], "05/15/2025 01:18:45", *["1.0"] * 3]) for f, z in zip(F, Z, strict=True)
    ]
    path = tmp_path / "cell.mpt"
    path.write_text(mpt(rows), encoding="latin-1")
    campaign = read(path)
    assert campaign.point_time is None
    assert "cell.mpt: column 'time/s' not read: it does not hold numbers" in campaign.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (mpt([row(1, 1j)]).replace("Nb header", "Header"), "line 2: 'Nb header lines : <n>' is missing"),
        (mpt([row(1, 1j)]).replace("lines : 6", "lines : 600"), "line 2: 600 header lines announced"),
        (mpt([row(1, 1j)], columns="time/s\tEwe/V"), r"line 6: no impedance .*Potentio.*'time/s', 'Ewe/V'"),
        (mpt([]), "line 6: no data row follows"),
        (mpt([row(0, 0j)]), r"all 1 rows are at 0 Hz \(DC\)"),
        (mpt([row(1e3, 1j), "5\t1", row(1e2, 1j)]), "line 8: only 2 of 9 cells"),
        (mpt([row(1e3, 1j), "x" + row(1e2, 1j), row(10, 1j)]), "line 8: 'freq/Hz' is 'x1"),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "cell.mpt"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UnreadableFile, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_aborted_last_row(tmp_path: Path) -> None:
    path = tmp_path / "cell.mpt"
    path.write_text(mpt([*map(row, F, Z), "1.0E-2\t3."]), encoding="latin-1")
    campaign = read(path)
    assert campaign.Z.shape == (1, 11)
    assert (
        "cell.mpt: dropped 1 line(s) at the end that are no data rows, from line 18 (only 2 of 9 cells)"
        in campaign.notes
    )


@pytest.mark.parametrize(("state", "count"), [("I", 86), ("IV", 86), ("V", 86), ("IX", 85)])
def test_zhang(shared_data: Path, state: str, count: int) -> None:
    path = shared_data / "zhang2020_25C08_45C01" / f"EIS_state_{state}_25C08.txt"
    campaign = read(path)
    assert campaign.Z.shape == (count, 60)
    assert campaign.is_point.all()
    assert campaign.coordinates["cycle"].tolist() == list(range(1, count + 1))
    table = np.loadtxt(path, skiprows=1).reshape(count, 60, 7)
    np.testing.assert_array_equal(campaign.frequency, table[:, :, 2])
    np.testing.assert_array_equal(campaign.Z.real, table[:, :, 3])
    np.testing.assert_array_equal(campaign.Z.imag, -table[:, :, 4])
    np.testing.assert_array_equal(campaign.point_time, table[:, :, 0])


def test_zhang_first_values(shared_data: Path) -> None:
    campaign = read(shared_data / "zhang2020_25C08_45C01" / "EIS_state_V_25C08.txt")
    assert campaign.frequency[0, 0] == 20004.453
    assert campaign.Z[0, 0] == 0.28914 + 0.01458j
    assert campaign.coordinates["time"][0] == 12245.20317
    assert campaign.names is not None
    assert campaign.names[85] == "EIS_state_V_25C08#86"
    assert campaign.notes == ("EIS_state_V_25C08.txt: split into 86 sweeps",)


def test_zhang_without_header_line(shared_data: Path) -> None:
    """The 45C01 file begins with data; taken for a header, its first row would be lost."""
    path = shared_data / "zhang2020_25C08_45C01" / "EIS_state_V_45C01.txt"
    campaign = read(path)
    assert campaign.Z.shape == (299, 60)
    assert campaign.Z[0, 0] == 1.56984 + 0.03628j
    assert "which modulus and phase confirm" in campaign.notes[0]


def test_a_sweep_of_59_points_stays_one(shared_data: Path, tmp_path: Path) -> None:
    lines = (shared_data / "zhang2020_25C08_45C01" / "EIS_state_V_45C01.txt").read_text().splitlines(keepends=True)
    path = tmp_path / "EIS_state_V_45C01.txt"
    path.write_text("".join(lines[1:180]))
    assert read(path).is_point.sum(axis=1).tolist() == [59, 60, 60]


def test_zhang_under_current_is_not_taken_for_flipped(shared_data: Path) -> None:
    campaign = read(shared_data / "zhang2020_25C08_45C01" / "EIS_state_VI_25C08.txt")  # warnings are errors
    assert campaign.Z.shape == (86, 60)


def test_biologic_examples(shared_data: Path) -> None:
    folder = shared_data / "impedancepy_formats"
    campaign = read(folder / "exampleDataBioLogic.mpt")
    assert campaign.Z.shape == (1, 43)
    assert campaign.frequency[0, 0] == 1000.3201
    assert campaign.Z[0, 0] == 65.470886 - 0.38998979j
    assert campaign.coordinates["current"][0] == pytest.approx(-4.5e-5, abs=1e-6)
    with pytest.raises(UnreadableFile, match=r"line 61: no impedance .* 'Re\(Z\)/Ohm', '-Im\(Z\)/Ohm'"):
        read(folder / "exampleDataBioLogic_MissingFreq.mpt")
    with pytest.raises(UnreadableFile, match="Cyclic Voltammetry"):
        read(shared_data / "kinetics" / "ixdat" / "Pt_poly_cv.mpt")


def test_same_measurement_in_two_exports(shared_data: Path) -> None:
    folder = shared_data / "hybrid_drt_ssb"
    eclab = read(folder / "PEIS_LPSCl_IonBlocking_-25C.txt")
    relaxis = read(folder / "PEIS_LPSCl_IonBlocking_-25C_RelaxIS.txt")
    assert eclab.Z.shape == relaxis.Z.shape == (1, 79)
    order = np.argsort(eclab.frequency[0])
    np.testing.assert_allclose(relaxis.frequency[0], eclab.frequency[0, order], rtol=1e-7)
    np.testing.assert_allclose(relaxis.Z[0], eclab.Z[0, order], rtol=1e-7)
    assert eclab.coordinates["voltage"][0] == pytest.approx(-0.080042, abs=1e-6)
    assert eclab.coordinates["current"][0] == pytest.approx(-5e-9, rel=1e-3)
