"""`read_table`: headers, units, clocks, and Neware's exports."""

from __future__ import annotations

import gzip
import sys
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import drtengine as dt
from workbooks import workbook

LAYERED = """Cycle ID,Cap_Chg(mAh),Cap_DChg(mAh)
,Step ID,Step Name,Step Time(h:min:s.ms)
,,Record ID,Time(h:min:s.ms),Voltage(V),Current(mA)
1,0,1.0
,1,Rest,0:00:20.000
,,1,0:00:00.000,3.0,0
,,2,0:00:20.000,3.0,0
,2,CC_DChg,1:00:00.000
,,3,0:00:10.000,2.9,-1.5
,,4,1:00:00.000,2.5,-1.5
2,1.0,0
,3,CC_Chg,0:00:05.500
,,5,0:00:05.500,2.7,2
"""


def write(folder: Path, text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "time_s,current_A,voltage_V\n0,0,3\n1,0.001,3.5\n",
        "# a comment, one\nTime(h);Current(mA);Voltage(mV)\n0;0;3000\n0,000277777777778;1;3500\n",
        "time/s\tEwe/V\tI/mA\n0\t3\t0\n1\t3.5\t1\n",
        "Seconds  Volts  Amps\n0 3 0\n1 3.5 0.001\n",
        "Test_Time(s),Step_Index,Current(uA),Voltage(V),Ewe-Ece/V\n0,1,0,3,7\n1,2,1000,3.5,7\n",
        "Total Time,Time,Cur(mA),Voltage(V)\n0:00:00,0:00:00,0,3\n00:00:01,00:00:00,1,3.5\n",
        "t,E,I\ns,V,mA\n0,3,0\n1,3.5,1\n",
        'Date,"Note, any",Voltage(V),Current(A)\n2024-01-01 10:00:00,x,3,0\n2024-01-01 10:00:01,x,3.5,0.001\n',
        "time_s,current_A,voltage_V\n0,0,3\n1,0.001,3.5\nstopped by user,,\n",
    ],
)
def test_tables_of_all_kinds_are_read(tmp_path: Path, text: str) -> None:
    frame = dt.read_table(write(tmp_path, text))
    np.testing.assert_allclose(frame["time_s"], [0, 1], atol=1e-9)
    np.testing.assert_allclose(frame["voltage_V"], [3, 3.5])
    np.testing.assert_allclose(frame["current_A"], [0, 1e-3])


def test_layered_export_of_neware(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, LAYERED))
    assert frame["cycle"].tolist() == [1, 1, 1, 1, 2]
    assert frame["step"].tolist() == [1, 1, 2, 2, 3]
    np.testing.assert_allclose(frame["step_time_s"], [0, 20, 10, 3600, 5.5])
    np.testing.assert_allclose(frame["time_s"], [0, 20, 30, 3620, 3625.5])
    np.testing.assert_allclose(frame["current_A"], [0, 0, -1.5e-3, -1.5e-3, 2e-3])
    assert any("layered" in note for note in frame.attrs["notes"])
    spaced = dt.read_table(write(tmp_path, LAYERED.replace(",", "\t"), "table.txt", "utf-16"))
    np.testing.assert_array_equal(spaced, frame)


BTS = (
    "Record Index,Status,JumpTo,Cycle,Step,Cur(mA),Voltage(V),CapaCity(mAh),Energy(mWh),Relative Time(h:min:s.ms),"
    "Absolute Time\n"
    "1,Rest,0,1,1,0,3,0,0,0:00:00.000,2024-01-01 10:00:00\n2,Rest,0,1,1,0,3.1,0,0,0:00:10.000,2024-01-01 10:00:10\n"
    "3,CC_Chg,0,2,2,5,3.2,0,0,0:00:00.500,2024-01-01 10:00:10\n"
)
BDF_LIKE = (
    "DateTime,Cycle ID,Step ID,Record ID,Time(h:min:s.ms),Voltage(V),Current(mA),Temperature(C),Status\n"
    "2024-01-01 10:00:00,1,1,1,0:00:00.0,3,0,25,C\n2024-01-01 10:00:10,1,1,2,0:00:10.0,3.1,0,25,C\n"
    "2024-01-01 10:00:11,2,2,3,0:00:00.5,3.2,5,25,C\n"
)
CHINESE = (
    "数据序号,循环号,工步号,工步类型,时间,总时间,电流(A),电压(V),容量(Ah),绝对时间,功率(W),temp1_1,\n"
    "1,1,1,搁置,0:00:00,0:00:00,0,3,0,2024-01-01 10:00:00,0,25,\n"
    "2,1,1,搁置,0:00:10,0:00:10,0,3.1,0,2024-01-01 10:00:10,0,25,\n"
    "3,2,2,恒流充电,0:00:00.5,0:00:10.5,0.005,3.2,0,2024-01-01 10:00:11,0,25,\n"
)


@pytest.mark.parametrize(
    ("text", "encoding"), [(BTS, "utf-8"), (BDF_LIKE, "utf-8"), (CHINESE, "utf-8"), (CHINESE, "gb18030")]
)
def test_dialects_of_neware(tmp_path: Path, text: str, encoding: str) -> None:
    """Headers as published exports have them."""
    frame = dt.read_table(write(tmp_path, text, encoding=encoding))
    np.testing.assert_allclose(frame["time_s"], [0, 10, 10.5])
    np.testing.assert_allclose(frame["step_time_s"], [0, 10, 0.5])
    np.testing.assert_allclose(frame["current_A"], [0, 0, 5e-3])
    np.testing.assert_allclose(frame["voltage_V"], [3, 3.1, 3.2])
    assert frame["cycle"].tolist() == [1, 1, 2]
    assert frame["step"].tolist() == [1, 1, 2]


def test_flat_export_of_neware(shared_data: Path) -> None:
    path = shared_data / "kinetics" / "cellpy" / "neware_uio.csv"
    frame = dt.read_table(path)
    assert list(frame.columns) == ["time_s", "step_time_s", "current_A", "voltage_V", "cycle", "step"]
    assert len(frame) == 9064 or len(frame) == 9065
    assert frame["time_s"].is_monotonic_increasing
    assert frame["cycle"].max() == 4
    assert list(frame.attrs["sources"]) == [str(path)]


def test_eclab_text(shared_data: Path) -> None:
    frame = dt.read_table(shared_data / "kinetics" / "ixdat" / "Pt_poly_cv.mpt")
    assert len(frame) == 4473
    assert frame["cycle"].unique().tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(frame.iloc[0][["time_s", "voltage_V"]], [2.58160012, 0.94958913])


def test_rows_without_time_of_step_are_left_out(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, BTS.replace("0:00:10.000", "")))
    np.testing.assert_allclose(frame["time_s"], [0, 0.5])
    assert any("left out 1 row(s) without step_time" in note for note in frame.attrs["notes"])


@pytest.mark.parametrize("first", ["2024-01-01 10:00:00", "10 o'clock"])
def test_dates_that_cannot_be_read(tmp_path: Path, first: str) -> None:
    """None of pandas' warnings on the way."""
    with pytest.raises(dt.UnreadableFile, match="no column of time"):
        dt.read_table(write(tmp_path, f"Date,Voltage(V),Current(A)\n{first},3,0\nyesterday,3,0\n"))


def test_scan_rates(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, "scan rate (mV/s),potential_V,current_A\n1,0.1,1\n1,0.2,1\n"))
    np.testing.assert_allclose(frame["scan_rate_V_s"], 1e-3)
    assert "time_s" not in frame


def test_time_of_steps_is_added_up(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, "time_s,current_A,voltage_V\n0,0,3\n10,0,3\n5,1,3\n10,1,3\n5,0,3\n"))
    np.testing.assert_allclose(frame["time_s"], [0, 10, 15, 20, 25])
    assert any("starts again" in note for note in frame.attrs["notes"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n", "no line names the columns.*line 1 is 'a,b,c'"),
        ("", "no line names the columns"),
        ("time_s,current_A,voltage_V\n", "no data row follows"),
        ("time_s,current_A,voltage_V\n0,0,3\n1,x,3\n2,0,3\n", "line 3: 'current_A' is 'x', not a number"),
        ("current_A,voltage_V\n0,3\n0,3\n", "no column of time"),
        ("time_s,current_A,voltage_V\nnoon,0,3\nnight,0,3\n", "no column of time"),
        (LAYERED.replace("Voltage(V)", "Power(W)"), "lack voltage or current"),
        (LAYERED.replace(",,4,", ",,4"), "line 10"),
        (LAYERED.replace("2.5", "two"), "'Voltage\\(V\\)' does not hold numbers"),
        ("EC-Lab ASCII FILE\nNb header lines : 73\n", "73 header lines announced"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(dt.UnreadableFile, match=message):
        dt.read_table(write(tmp_path, text))


@pytest.mark.parametrize("line", ["a" + "_" * 100_000, "a (m" * 30_000, "1" * 100_000, "a /" * 30_000])
def test_long_lines_take_no_time(tmp_path: Path, line: str) -> None:
    """Matching them as names of columns would take longer than anybody waits."""
    with pytest.raises(dt.UnreadableFile, match="no line names the columns"):
        dt.read_table(write(tmp_path, f"{line}\n{line}\n"))


def test_open_circuit_in_eclab_text(tmp_path: Path) -> None:
    text = "EC-Lab ASCII FILE\nNb header lines : 5\n\nOpen Circuit Voltage\nmode\ttime/s\tEwe/V\n1\t0\t3\n1\t1\t3.5\n"
    frame = dt.read_table(write(tmp_path, text, "ocv.mpt"))
    assert frame["current_A"].tolist() == [0, 0]
    assert any("open circuit" in note for note in frame.attrs["notes"])
    with pytest.raises(dt.UnreadableFile, match="no line names the columns"):
        dt.read_table(write(tmp_path, text.replace("Open Circuit Voltage", "Cyclic Voltammetry"), "cv.mpt"))


@pytest.mark.parametrize(
    "columns",
    [
        {"time_s": [0, 1], "current_A": [0, 1e-3], "voltage_V": [3, 3.5]},
        {"Time(h)": [0, 1 / 3600], "Current(mA)": [0, 1], "Voltage(mV)": [3000, 3500], "note": ["x", "y"]},
        {"Test Time / s": [0, 1], "Current / A": [0, 1e-3], "Voltage / V": [3.0, 3.5]},
        {"test_time_second": [0, 1], "current_ampere": ["0", "0.001"], "voltage_volt": [3.0, 3.5]},
        {"Time": ["0:00:00", "0:00:01"], "I/mA": [0, 1], "Ewe/V": [3.0, 3.5]},
        {"time": pd.to_timedelta([5, 6], unit="s"), "I/mA": [0, 1], "Ewe/V": [3.0, 3.5]},
        {"Date": pd.to_datetime(["2024-01-01 10:00:00", "2024-01-01 10:00:01"]), "I/mA": [0, 1], "E (V)": [3, 3.5]},
        {"t": [0, 1, 2], "I/mA": [0, 1, None], "E (V)": [3, 3.5, 3.6]},
    ],
)
def test_tables_in_memory(columns: dict[str, list[object]]) -> None:
    given = pd.DataFrame(columns)
    before = given.copy()
    frame = dt.read_table(given)
    pd.testing.assert_frame_equal(given, before)
    np.testing.assert_allclose(np.diff(frame["time_s"]), [1])
    np.testing.assert_allclose(frame["voltage_V"], [3, 3.5])
    np.testing.assert_allclose(frame["current_A"], [0, 1e-3])
    pd.testing.assert_frame_equal(dt.read_table(frame), frame)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pd.DataFrame({"t": [0, 1], "E": [3, 3]}), "understood as current; there are 't', 'E'"),
        (pd.DataFrame(), "understood as voltage or current; there are none"),
        (pd.DataFrame({"t": [0, 1], "E": [3, 3], "I": ["x", 1]}), "column 'I' must hold numbers"),
        (pd.DataFrame({"E": [3, 3], "I": [1, 1]}), "the table: there is no column of time"),
        (pd.DataFrame({"t": [], "E": [], "I": []}), "no row has"),
        (5, "needs a path or a pandas DataFrame, got int"),
    ],
)
def test_tables_in_memory_that_cannot_be_used(given: object, message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message) as caught:
        dt.read_table(given)  # type: ignore[arg-type]
    assert not isinstance(caught.value, dt.UnreadableFile)


RECORD: list[list[object]] = [["Time(h)", "Current(mA)", "Voltage(V)"], [0, 0, 3], [1 / 3600, 1, 3.5]]


def test_a_sheet_of_a_workbook_is_read(tmp_path: Path) -> None:
    rows = [["cell 7"], [], *RECORD, [], []]
    path = workbook(tmp_path / "cell.xlsx", notes=[["made in", "May"]], blank=[], record=rows)
    frame = dt.read_table(path)
    np.testing.assert_allclose(frame["time_s"], [0, 1], atol=1e-9)
    np.testing.assert_allclose(frame["voltage_V"], [3, 3.5])
    np.testing.assert_allclose(frame["current_A"], [0, 1e-3])
    assert any(note.startswith(f"skipped {path}, sheet 'notes': ") for note in frame.attrs["notes"])
    assert [*frame.attrs["sources"]] == [str(path)]


def test_clock_times_and_dates_of_a_workbook(tmp_path: Path) -> None:
    """Excel has durations beyond a day as such, shorter ones as times of day."""
    head = ["Total Time", "Date", "Current(A)", "Voltage(V)"]
    rows: list[list[object]] = [
        head,
        [time(0, 0, 1), datetime(2024, 1, 1), 0, 3],
        [timedelta(days=1, hours=2, seconds=0.5), datetime(2024, 1, 2), 1, 3],
    ]
    frame = dt.read_table(workbook(tmp_path / "cell.xlsx", record=rows))
    np.testing.assert_allclose(frame["time_s"], [1, 86400 + 7200 + 0.5])
    dates = workbook(tmp_path / "dates.xlsx", record=[row[1:] for row in rows])
    np.testing.assert_allclose(dt.read_table(dates)["time_s"], [0, 86400])


def test_sheets_of_a_workbook_are_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = [RECORD[0], [0, 0, 4], [1 / 3600, 2, 4]]
    path = workbook(tmp_path / "cell.xlsx", first=RECORD, notes=[["none"]], second=other)
    with pytest.raises(dt.UnreadableFile, match=r"the sheets 'first', 'second' hold tables; name the one .* sheet="):
        dt.read_table(path)
    assert dt.read_table(path, sheet="second")["voltage_V"].tolist() == [4, 4]
    with pytest.raises(dt.InvalidInput, match="has no sheet 'third'; there are 'first', 'notes', 'second'"):
        dt.read_table(path, sheet="third")
    with pytest.raises(dt.UnreadableFile, match=r"cell\.xlsx, sheet 'notes': no line names the columns"):
        dt.read_table(path, sheet="notes")
    bad = [*RECORD, ["x", 1, 4], [1, 1, 4]]
    with pytest.raises(dt.UnreadableFile, match=r"sheet 'a', line 2: 'Voltage\(V\)' is 'high', not a number"):
        dt.read_table(workbook(tmp_path / "bad.xlsx", a=[RECORD[0], [0, 0, "high"], *bad[1:]]))
    with pytest.raises(dt.InvalidInput, match="sheet= is for Excel workbooks"):
        dt.read_table(write(tmp_path, "time_s,current_A,voltage_V\n0,0,3\n1,0.001,3.5\n"), sheet="a")
    with pytest.raises(dt.InvalidInput, match="sheet= is for Excel workbooks"):
        dt.read_table(pd.DataFrame({"time_s": [0.0], "current_A": [0.0], "voltage_V": [3.0]}), sheet="a")
    with pytest.raises(dt.UnreadableFile, match="every sheet is blank"):
        dt.read_table(workbook(tmp_path / "blank.xlsx", a=[]))
    with pytest.raises(dt.UnreadableFile, match="sheet 'a': it is blank"):
        dt.read_table(tmp_path / "blank.xlsx", sheet="a")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(dt.MissingExtra, match=r"drtengine\[xlsx\]"):
        dt.read_table(path)


def test_damaged_and_other_workbooks_are_told(tmp_path: Path) -> None:
    (tmp_path / "cell.xlsx").write_bytes(b"PK")
    with pytest.raises(dt.UnreadableFile, match=r"or a damaged one; .*pandas\.read_excel\('cell\.xlsx'\)\)"):
        dt.read_table(tmp_path / "cell.xlsx")
    (tmp_path / "cell.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(dt.UnreadableFile, match=r"old Excel file"):
        dt.read_table(tmp_path / "cell.xls")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(dt.UnreadableFile, match="cannot be opened"):
        dt.read_table(tmp_path / "nothing.csv")


def test_packed_tables_are_read(tmp_path: Path) -> None:
    text = "time/s,I/mA,Ecell/V\n" + "".join(f"{i},1,3.{i:02}\n" for i in range(20))
    (tmp_path / "cell.csv").write_text(text)
    (tmp_path / "cell.csv.gz").write_bytes(gzip.compress(text.encode()))
    pd.testing.assert_frame_equal(dt.read_table(tmp_path / "cell.csv.gz"), dt.read_table(tmp_path / "cell.csv"))
    (tmp_path / "half.csv.gz").write_bytes(gzip.compress(text.encode())[:40])
    with pytest.raises(dt.UnreadableFile, match=r"half.csv.gz was packed by gzip and is damaged"):
        dt.read_table(tmp_path / "half.csv.gz")
