"""`read_table` of Gamry .DTA curves, in files laid out as the instrument's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import drtengine as dt
from drtengine.errors import UnreadableFile

HEAD = (
    "EXPLAIN\nTAG\t{tag}\nTITLE\tLABEL\tA test\tTest &Identifier\nDATE\tLABEL\t3/6/2024\tDate\n"
    "TIME\tLABEL\t16:35:22\tTime\nNOTES\tNOTES\t1\t&Notes...\n\tsome, note\n"
    "SCANRATE\tQUANT\t1.00000E+001\t&Scan Rate (mV/s)\nAREA\tQUANT\t2.00000E+000\tElectrode &Area (cm^2)\n"
)
NAMES = "\tPt\tT\tVf\tIm\tVu\tSig\tAch\tIERange\tOver\n\t#\ts\tV vs. Ref.\tA\tV\tV\tV\t#\tbits\n"


def row(point: int, time: float, voltage: float, current: float) -> str:
    return f"\t{point}\t{time:g}\t{voltage:.5E}\t{current:.5E}\t0.00000E+000\t5.0E-001\t-1.1E-003\t5\t..........a\n"


def curve(name: str, first: int, rows: int = 4, announced: str = "") -> str:
    points = [row(first + k, 0.5 * (first + k), 0.1 * k, 1e-6 * (first + k)) for k in range(rows)]
    return f"{name}\tTABLE{announced}\n{NAMES}{''.join(points)}"


def write(folder: Path, text: str) -> Path:
    path = folder / "cv.DTA"
    path.write_text(text, encoding="latin-1", newline="")
    return path


def test_curves_are_cycles(tmp_path: Path) -> None:
    frame = dt.read_table(write(tmp_path, HEAD.format(tag="CV") + curve("CURVE1", 0) + curve("CURVE2", 4)))
    np.testing.assert_allclose(frame["time_s"], 0.5 * np.arange(8))
    np.testing.assert_allclose(frame["current_A"], 1e-6 * np.arange(8))
    np.testing.assert_allclose(frame["voltage_V"], [0, 0.1, 0.2, 0.3] * 2)
    assert frame["cycle"].tolist() == [1] * 4 + [2] * 4
    np.testing.assert_allclose(frame["scan_rate_V_s"], 0.01)
    assert frame.attrs["settings"] == {
        "technique": "CV",
        "title": "A test",
        "date": "3/6/2024",
        "time": "16:35:22",
        "scan_rate_V_s": pytest.approx(0.01),
        "area_cm2": 2.0,
    }


def test_charge_curve_with_decimal_commas_and_temperature(tmp_path: Path) -> None:
    names = "\tPt\tT\tVf\tIm\tPwr\tTemp\tIERange\tOver\n\t#\ts\tV\tA\tW\tdeg C\t#\tbits\n"
    rows = "".join(f"\t{k}\t0,{k}\t-2,8E-001\t2,0E-002\t0\t25,5\t10\t....\n" for k in range(3))
    text = HEAD.format(tag="PWR800_CHARGE").replace("+000\t", "+000\t").replace(".", ",")
    frame = dt.read_table(write(tmp_path, f"{text}CURVE\tTABLE\t3\n{names}{rows}STARTTIMEOFFSET\tQUANT\t16,8\tx\n"))
    np.testing.assert_allclose(frame["time_s"], [0, 0.1, 0.2])
    np.testing.assert_allclose(frame["voltage_V"], -0.28)
    np.testing.assert_allclose(frame["temperature_C"], 25.5)
    assert frame.attrs["settings"]["area_cm2"] == 2.0
    assert "cycle" not in frame
    without = rows.replace("25,5", "-327,6")
    assert "temperature_C" not in dt.read_table(write(tmp_path, f"{text}CURVE\tTABLE\t3\n{names}{without}"))


def test_stopped_runs(tmp_path: Path) -> None:
    text = HEAD.format(tag="CV") + curve("CURVE", 0, 4, "\t400")
    frame = dt.read_table(write(tmp_path, text))
    assert len(frame) == 4
    assert "CURVE announces 400 rows and has 4: it was stopped early" in frame.attrs["notes"]
    frame = dt.read_table(write(tmp_path, text + "\t4\t2.0\t4.0E-0"))
    assert len(frame) == 4
    line = text.count("\n") + 1
    assert f"dropped the last row of CURVE (line {line}), which is incomplete" in frame.attrs["notes"]
    frame = dt.read_table(write(tmp_path, text + "CURVE2\tTABLE\n" + NAMES))
    assert len(frame) == 4
    assert any("CURVE2 (line 17) has no row" in note for note in frame.attrs["notes"])


def test_open_circuit_beside_other_tables(tmp_path: Path) -> None:
    rest = curve("OCVCURVE", 0, 3, "\t3")
    z = "ZCURVE\tTABLE\n\tPt\tTime\tFreq\tZreal\n\t#\ts\tHz\tohm\n\t0\t1\t1000\t5\n"
    frame = dt.read_table(write(tmp_path, HEAD.format(tag="EISPOT").replace("SCANRATE", "FREQ") + rest + z))
    np.testing.assert_allclose(frame["current_A"], 1e-6 * np.arange(3))
    assert any("ZCURVE (line 16) was not read" in note for note in frame.attrs["notes"])
    frame = dt.read_table(write(tmp_path, HEAD.format(tag="CV") + rest + curve("CURVE1", 0)))
    assert len(frame) == 4
    assert "the curve OCVCURVE was not read: CURVE was" in frame.attrs["notes"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "no curve of potential and current over time in this Gamry file; there is no table at all"),
        (HEAD + "ZCURVE\tTABLE\n\tPt\tFreq\n\t#\tHz\n\t0\t1\n", r"there is ZCURVE\. read\(\) reads its impedance"),
        (HEAD + "CURVE1\tTABLE", "there is CURVE1"),
        (HEAD + "CAPACITYCURVE\tTABLE\n\tPt\tTime\tCharge\n\t#\ts\tC\n\t1\t2\t3\n", "there is CAPACITYCURVE"),
        (HEAD + curve("CURVE", 0).replace("1.00000E-01", "1.0x"), "line 14: '1 0.5 1.0x .* is no row of CURVE"),
        (HEAD + "VFPCURVE\tTABLE\n\tVoltage\tCurrent\n\tV\tA\n\t0.1\t1\n", "there is VFPCURVE"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        dt.read_table(write(tmp_path, text))


def test_real_open_circuit_curve(shared_data: Path) -> None:
    frame = dt.read_table(shared_data / "impedancepy_formats" / "exampleDataGamry.DTA")
    assert len(frame) == 387
    assert frame["time_s"].is_monotonic_increasing
    assert frame["voltage_V"].between(-0.4, -0.2).all()
    assert (frame["current_A"] == 0).all()
    assert frame.attrs["settings"]["technique"] == "EISPOT"
    with pytest.raises(UnreadableFile, match=r"there is ZCURVE\. read\(\) reads its impedance"):
        dt.read_table(shared_data / "hybrid_drt_ssb" / "EISGALV_EISTest3.DTA")
