"""Files of instruments: those of the shared data, and small ones made to be awkward."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from drtengine.errors import DataWarning, MissingExtra, UnreadableFile
from drtengine.io import read
from drtengine.io.metadata import number, parse_date
from workbooks import workbook

F = np.geomspace(1e4, 1e-1, 11)
Z = 2 + 5 / (1 + 2j * np.pi * F * 1e-3)


def only(path: Path) -> dict[str, object]:
    """Coordinates of the only spectrum in a file."""
    campaign = read(path)
    assert len(campaign) == 1
    return {name: column[0] for name, column in campaign.coordinates.items()}


@pytest.mark.parametrize(
    ("text", "date", "noted"),
    [
        ("12-17-2019 16:24:35", "2019-12-17T16:24:35", False),
        ("17/12/2019 16:24:35", "2019-12-17T16:24:35", False),
        ("17.12.19 04:24:35 PM", "2019-12-17T16:24:35", False),
        ("02.04.2018", "2018-04-02T00:00:00", False),
        ("02/04/2018 10:02:46", "2018-02-04T10:02:46", True),
        ("Feb. 20, 2020   15:55:08", "2020-02-20T15:55:08", False),
        ("Thursday, July 19, 2018 9:40:30 AM", "2018-07-19T09:40:30", False),
        ("19 Jul 2018 12:40 AM", "2018-07-19T00:40:00", False),
        ("2020-03-01T10:00:00,25", "2020-03-01T10:00:00.25", False),
        ("31/31/2018", None, False),
        ("yesterday", None, False),
        ("", None, False),
    ],
)
def test_dates(text: str, date: str | None, noted: bool) -> None:
    found, notes = parse_date(text)
    assert found == (None if date is None else np.datetime64(date))
    assert bool(notes) == noted
    assert parse_date(text, month_first=True) == (found, [])


def test_numbers_of_headers() -> None:
    assert [number(t) for t in ("1.5 cm²", " -2,5E-3", "", "x1", None, "1e999")] == [
        1.5,
        -2.5e-3,
        None,
        None,
        None,
        None,
    ]


# Gamry


def gamry(rows: Sequence[str], head: Sequence[str] = (), tail: Sequence[str] = ()) -> str:
    names, units = (
        "\tPt\tTime\tFreq\tZreal\tZimag\tZsig\tZmod\tZphz\tIdc\tVdc\tIERange",
        "\t#\ts\tHz\tohm\tohm\tV\tohm\t°",
    )
    return "\n".join(["EXPLAIN", "TAG\tEISPOT", *head, "ZCURVE\tTABLE\t11", names, units + "\tA\tV\t#", *rows, *tail])


def gamry_rows() -> list[str]:
    columns = (np.arange(11), np.arange(11) + 0.5, F, Z.real, Z.imag, np.ones(11), abs(Z), np.degrees(np.angle(Z)))
    return ["\t".join(["", *map(str, row), "-0.125\t3.5\t9"]) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize("comma", [False, True])
def test_gamry(tmp_path: Path, comma: bool) -> None:
    head = [
        *(
            "DATE\tLABEL\t4/23/2018\tDate",
            "TIME\tLABEL\t16:43:15\tTime",
            "NOTES\tNOTES\t2\t&Notes...",
            "\tcell 7",
            "\t",
        ),
        *("VDC\tPOTEN\t-5.0E-002\tT\tDC &Voltage (V)", "AREA\tQUANT\t2.5\t&Area (cm^2)"),
    ]
    text = gamry(gamry_rows(), head)
    path = tmp_path / "cell.DTA"
    path.write_text(text.replace(".", ",") if comma else text, encoding="latin-1")
    campaign = read(path)
    np.testing.assert_array_equal(campaign.frequency[0], F)
    np.testing.assert_array_equal(campaign.Z[0], Z)
    assert campaign.notes == ()
    assert only(path) == {
        **{"file": "cell.DTA", "date": np.datetime64("2018-04-23T16:43:15"), "voltage": 3.5, "current": -0.125},
        **{"area": 2.5, "comment": "cell 7", "time": 0.5},
    }


def test_gamry_aborted(tmp_path: Path) -> None:
    path = tmp_path / "cell.DTA"
    path.write_text(
        gamry([*gamry_rows()[:5], "\t5\t5.5\t1.0"], tail=["EXPERIMENTABORTED\tTOGGLE\tT\tExperiment Aborted"])
    )
    campaign = read(path)
    np.testing.assert_array_equal(campaign.Z[0], Z[:5])
    notes = "\n".join(campaign.notes)
    assert "5 of 11 announced points are there" in notes
    assert "the run was aborted" in notes
    assert "dropped 1 line(s) at the end" in notes


def test_gamry_several_curves_and_those_without_any(tmp_path: Path) -> None:
    path = tmp_path / "cell.dta"
    curve = gamry(gamry_rows()).split("\n")
    path.write_text("\n".join([*curve, *curve[2:], *curve[2:5]]))
    assert read(path).Z.shape == (2, 11)
    path.write_text(gamry([]))
    with pytest.raises(UnreadableFile, match="line 3: no row follows ZCURVE; the run was aborted at its start"):
        read(path)
    path.write_text("EXPLAIN\nTAG\tCV\nTITLE\tLABEL\tCyclic Voltammetry\tTest\n")
    with pytest.raises(UnreadableFile, match=r"no table ZCURVE in this Gamry file \(Cyclic Voltammetry\)"):
        read(path)
    path.write_text(gamry(gamry_rows()).replace("Zimag", "Zother").replace("Zmod", "Other"))
    with pytest.raises(UnreadableFile, match="line 4: ZCURVE has the columns Pt, Time"):
        read(path)


def test_gamry_of_the_shared_data(shared_data: Path) -> None:
    galvanostatic = shared_data / "hybrid_drt_ssb" / "EISGALV_EISTest3.DTA"
    campaign = read(galvanostatic)
    assert campaign.Z.shape == (1, 71)
    assert campaign.Z[0, -1] == 0.06649166 - 0.001175554j
    found = only(galvanostatic)
    assert found["date"] == np.datetime64("2024-10-25T21:09:58.727375")
    assert found["voltage"] == pytest.approx(1.463, abs=1e-3)
    potentiostatic = shared_data / "impedancepy_formats" / "exampleDataGamry.DTA"
    campaign = read(potentiostatic)
    assert campaign.Z.shape == (1, 72)
    assert campaign.Z[0, -1] == 17007.49 - 6635.557j
    assert only(potentiostatic)["comment"] == "-50mV +5.66X10^-4 D8"


# ZPlot and Autolab


def test_zplot_of_the_shared_data(shared_data: Path) -> None:
    folder = shared_data / "impedancepy_formats"
    counts = {"Circuit1": 48, "Circuit2": 56, "Circuit3": 53}
    for path in sorted(folder.glob("Circuit*.z")):
        assert read(path).Z.shape == (1, counts[path.name[:8]])
    found = only(folder / "Circuit1_EIS_1.z")
    assert found["date"] == np.datetime64("2018-10-12T12:32:21")
    assert {name: found[name] for name in ("area", "amplitude", "bias", "open_circuit", "time")} == {
        **{"area": 1, "amplitude": pytest.approx(0.01), "bias": 0, "open_circuit": 0.0033, "time": 2.59},
    }
    assert read(folder / "Circuit1_EIS_1.z").Z[0, 0] == 29.036 + 0.63662j
    assert "exampleDataZPlot.z: 21 of 56 announced points are there" in read(folder / "exampleDataZPlot.z").notes
    older = only(folder / "exampleDataZPlot_noComments.z")
    assert older["comment"] == "1.7 sccm CO, 1.50 sccm CO2, 800 C"
    assert older["date"] == np.datetime64("2019-12-17T16:24:35")
    autolab = read(folder / "exampleDataAutolab.txt")
    assert autolab.Z.shape == (1, 41)
    assert autolab.Z[0, 0] == 0.013785863964281 + 0.007191946305823j
    assert autolab.point_time is None  # the columns of amplitude, bias and time are all 0
    assert set(autolab.coordinates) == {"file"}


def test_zplot_errors_and_cuts(tmp_path: Path) -> None:
    path = tmp_path / "cell.z"
    rows = [f"{f},0.01,0.1,{i},{z.real},{z.imag},0,{int(i == 3)},5" for i, (f, z) in enumerate(zip(F, Z, strict=True))]
    head = ['"ZPlotW Data File: Version 3.2c"', "11", "\"  Freq(Hz)    Ampl     Bias   Time(Sec)   Z'(a)    Z''(b)\""]
    path.write_text("\n".join([*head, *rows]))
    campaign = read(path)
    np.testing.assert_array_equal(campaign.Z[0], Z)
    assert campaign.notes == ("cell.z: 1 point(s) are marked as faulty by the instrument (column Err)",)
    path.write_text("ZPLOT2 ASCII\n  Date:  10-12-2018\n")
    with pytest.raises(UnreadableFile, match="neither column names nor 'End Comments'"):
        read(path)
    path.write_text("\n".join([*head, *rows]).replace("0.1,3,", "0.1,three,").replace(f"{Z[5].real}", "oops"))
    with pytest.raises(UnreadableFile, match=r"line 9: .*'oops', not a number"):
        read(path)


def test_autolab_nova_export_needs_no_reader(tmp_path: Path) -> None:
    names = "Index;Frequency (Hz);Z' (Ω);-Z'' (Ω);Z (Ω);-Phase (°);Time (s)"
    rows = [
        f"{i};{f};{z.real};{-z.imag};{abs(z)};{-np.degrees(np.angle(z))};{i}"
        for i, (f, z) in enumerate(zip(F, Z, strict=True), 1)
    ]
    path = tmp_path / "nova.txt"
    path.write_text("\n".join([names, *rows]).replace(".", ","), encoding="utf-8")
    np.testing.assert_array_equal(read(path).Z[0], Z)
    assert read(path).notes == ()


# VersaStudio, CH Instruments, RelaxIS, and what the general reader does right


def test_versastudio_warns(shared_data: Path) -> None:
    path = shared_data / "impedancepy_formats" / "exampleDataVersaStudio.par"
    with pytest.warns(DataWarning, match="exampleDataVersaStudio.par: the file holds uncalibrated impedance"):
        campaign = read(path)
    assert campaign.Z.shape == (1, 61)
    assert campaign.Z[0, -1] == 1516.313 - 122.8279j
    coordinates = {name: column[0] for name, column in campaign.coordinates.items()}
    assert coordinates["date"] == np.datetime64("2018-07-19T09:40:30")
    assert (coordinates["amplitude"], coordinates["area"], coordinates["current"]) == (
        0.02,
        1,
        pytest.approx(-3.282372e-6),
    )
    assert coordinates["comment"] == "エクスペリメントのコメントを入力"


def test_versastudio_without_impedance(tmp_path: Path) -> None:
    path = tmp_path / "cv.par"
    start = "<Application>\nName=VersaStudio\n</Application>\n"
    path.write_text(start)
    with pytest.raises(UnreadableFile, match="no <Segment1> with a line 'Definition='"):
        read(path)
    path.write_text(start + "<Segment1>\nDefinition=Segment #, E(V), I(A)\n0,1,2\n</Segment1>\n")
    with pytest.raises(UnreadableFile, match="line 5: no impedance; the columns are Segment #"):
        read(path)


def test_ch_instruments(shared_data: Path) -> None:
    path = shared_data / "impedancepy_formats" / "exampleDataCHInstruments.txt"
    assert read(path).Z[0, 0] == 98.91 - 2.748j
    assert read(path).notes == ()
    assert only(path) == {
        **{"file": path.name, "date": np.datetime64("2020-02-20T15:55:08"), "voltage": 0, "amplitude": 0.025},
    }


def test_relaxis_agrees_with_the_export_of_the_same_measurement(shared_data: Path) -> None:
    folder = shared_data / "hybrid_drt_ssb"
    relaxis, eclab = (read(folder / f"PEIS_LPSCl_IonBlocking_-25C{end}.txt") for end in ("_RelaxIS", ""))
    order = np.argsort(eclab.frequency[0])
    np.testing.assert_allclose(relaxis.frequency[0], eclab.frequency[0][order], rtol=5e-8)  # eight digits
    np.testing.assert_allclose(relaxis.Z[0], eclab.Z[0][order], rtol=5e-8)
    of = {name: column[0] for name, column in relaxis.coordinates.items()}
    assert of["voltage"] == pytest.approx(eclab.coordinates["voltage"][0], abs=5e-7)
    assert of["current"] == pytest.approx(eclab.coordinates["current"][0], rel=1e-4)
    assert eclab.point_time is not None
    assert of["mean_time"] == pytest.approx(eclab.point_time[0].mean(), abs=5e-7)
    assert of["title"] == "(WE/RE Spectrum) PEIS_TSeq7_-25C_#61_C01.mpr_1"
    assert eclab.coordinates["date"][0] == np.datetime64("2025-05-15T01:18:45.867")
    assert "area" not in eclab.coordinates  # 0.001 cm², as EC-Lab writes it where nobody typed one


def test_relaxis_spectra_side_by_side(tmp_path: Path) -> None:
    names = "Data: Frequency\tData: Z'\tData: Z''"
    about = ["DC=3.5, J=2\tModel: none\tfirst", "DC=3.6\tModel: none\tsecond"]
    rows = [f"{f}\t{z.real}\t{z.imag}\t{2 * f}\t{2 * z.real}\t{z.imag}" for f, z in zip(F, Z, strict=True)]
    path = tmp_path / "both.txt"
    path.write_text("\n".join(["RelaxIS 3.0 Spectrum export", "Date: x", f"{names}\t{names}", "\t".join(about), *rows]))
    campaign = read(path)
    np.testing.assert_array_equal(campaign.Z, [Z, 2 * Z.real + 1j * Z.imag])
    np.testing.assert_array_equal(campaign.frequency, [F, 2 * F])
    assert campaign.coordinates["title"].tolist() == ["first", "second"]
    assert campaign.coordinates["voltage"].tolist() == [3.5, 3.6]
    assert campaign.coordinates["current"][0] == 2e-3
    path.write_text("RelaxIS 3.0 Spectrum export\n\nData: Frequency\tData: other\n\n1\t2\n")
    with pytest.raises(UnreadableFile, match="line 3: these columns hold no impedance"):
        read(path)


def test_powersuite_parstat_need_no_reader(shared_data: Path) -> None:
    folder = shared_data / "impedancepy_formats"
    powersuite = read(folder / "exampleDataPowersuite.txt")
    assert powersuite.Z.shape == (1, 30)
    assert powersuite.notes == ()
    parstat = only(folder / "exampleDataParstat.txt")
    assert parstat["voltage"] == pytest.approx(3.50029397)
    assert parstat["current"] == pytest.approx(0.0245747901)


# Excel


def test_excel(tmp_path: Path) -> None:
    table = [["Frequency (Hz)", "Z' (kohm)", "-Z'' (kohm)"], *([f, z.real, -z.imag] for f, z in zip(F, Z, strict=True))]
    path = tmp_path / "cells.xlsx"
    workbook(path, one=[["a title"], [], *table], notes=[["nothing", "here"], ["at", "all"]], blank=[], two=table)
    campaign = read(path)
    np.testing.assert_allclose(campaign.frequency, [F, F], rtol=1e-15)
    np.testing.assert_allclose(campaign.Z, [1000 * Z] * 2, rtol=1e-15)
    assert campaign.coordinates["sheet"].tolist() == ["one", "two"]
    notes = "\n".join(campaign.notes)
    assert "cells.xlsx, sheet 'notes': " in notes
    assert "multiplied by 1000" in notes
    (tmp_path / "renamed.csv").write_bytes(path.read_bytes())
    np.testing.assert_array_equal(read(tmp_path / "renamed.csv").Z, campaign.Z)


def test_excel_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cells.xlsx"
    workbook(path, notes=[["nothing", "here"]])
    with pytest.raises(UnreadableFile, match=r"cells\.xlsx, sheet 'notes': "):
        read(path)
    workbook(path, blank=[])
    with pytest.raises(UnreadableFile, match="every sheet is blank"):
        read(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableFile, match="not an Excel file, or a damaged one"):
        read(path)
    old = tmp_path / "cells.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(UnreadableFile, match=r"old Excel file \(\.xls\).*save it as \.xlsx"):
        read(old)
    path.write_bytes(whole)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtra, match=r"drtengine\[xlsx\]"):
        read(path)
    (tmp_path / "other.csv").write_text("f,Re,Im\n10,1,-1\n1,2,-1\n")
    assert any("openpyxl is not installed" in note for note in read(tmp_path).notes)
