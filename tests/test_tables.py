"""`read_table`: headers, units, clocks, and Neware's exports."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import drtengine as dt

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


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(dt.UnreadableFile, match="cannot be opened"):
        dt.read_table(tmp_path / "nothing.csv")


def test_a_million_rows_take_seconds(tmp_path: Path) -> None:
    from time import perf_counter

    rows = "\n".join(f"{n},{n % 3},3.{n % 1000:03d}" for n in range(1_000_000))
    path = write(tmp_path, f"time_s,current_A,voltage_V\n{rows}\n")
    start = perf_counter()
    assert len(dt.read_table(path)) == 1_000_000
    assert perf_counter() - start < 10


def test_packed_tables_are_read(tmp_path: Path) -> None:
    text = "time/s,I/mA,Ecell/V\n" + "".join(f"{i},1,3.{i:02}\n" for i in range(20))
    (tmp_path / "cell.csv").write_text(text)
    (tmp_path / "cell.csv.gz").write_bytes(gzip.compress(text.encode()))
    pd.testing.assert_frame_equal(dt.read_table(tmp_path / "cell.csv.gz"), dt.read_table(tmp_path / "cell.csv"))
    (tmp_path / "half.csv.gz").write_bytes(gzip.compress(text.encode())[:40])
    with pytest.raises(dt.UnreadableFile, match=r"half.csv.gz was packed by gzip and is damaged"):
        dt.read_table(tmp_path / "half.csv.gz")
