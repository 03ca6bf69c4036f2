"""Delimited text: header names, units, signs, separators, encodings, layouts, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtengine.errors import DataWarning, UnreadableFile
from drtengine.io import read
from drtengine.io.columns import parse_unit, understand
from drtengine.io.delimited import read_delimited
from drtengine.spectrum import FloatArray

F = np.geomspace(1e5, 1e-1, 13)
Z = 2 + 5 / (1 + 2j * np.pi * F * 1e-3) + 2j * np.pi * F * 1e-7
RE, IM = Z.real, Z.imag


def table(header: Sequence[str], *columns: Iterable[object], separator: str = ",") -> str:
    rows = [separator.join(header)] if header else []
    rows += [separator.join(map(str, row)) for row in zip(*map(plain, columns), strict=True)]
    return "\n".join(rows) + "\n"


def plain(column: Iterable[object]) -> list[object]:
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cell.csv"


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "   ", " \t "])
@pytest.mark.parametrize("header", [(), ("f", "Re", "Im")])
def test_separators(path: Path, separator: str, header: Sequence[str]) -> None:
    path.write_text(table(header, F, RE, IM, separator=separator))
    campaign = read(path)
    np.testing.assert_array_equal(campaign.frequency[0], F)
    np.testing.assert_array_equal(campaign.Z[0], Z)
    assert any("no header" in note for note in campaign.notes) is (not header)


@pytest.mark.parametrize("separator", [";", "\t", " "])
@pytest.mark.parametrize("header", [(), ("Freq/Hz", "Re(Z)/Ohm", "Im(Z)/Ohm")])
def test_decimal_comma(path: Path, separator: str, header: Sequence[str]) -> None:
    path.write_text(table(header, F, RE, IM, separator=separator).replace(".", ","))
    np.testing.assert_array_equal(read(path).Z[0], Z)


def test_decimal_comma_in_quoted_cells(path: Path) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Frequency (Hz)", "Z' (Ω)", "Z'' (Ω)"])
        writer.writerows([[str(x).replace(".", ",") for x in row] for row in zip(F, RE, IM, strict=True)])
    np.testing.assert_array_equal(read(path).Z[0], Z)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_encodings_and_line_ends(path: Path, encoding: str, line_end: str) -> None:
    text = table(("Frequency (Hz)", "Z′ (Ω)", "−Z″ (Ω)", "T/°C"), F, RE, -IM, [25.5] * 13)
    path.write_bytes(text.replace("\n", line_end).encode(encoding))
    campaign = read(path)
    np.testing.assert_array_equal(campaign.Z[0], Z)


def test_latin_1(path: Path) -> None:
    text = table(
        ("Freq", "|Z|", "Phase [°]", "Temp. [°C]", "Kapazität/µF"), F, np.abs(Z), np.angle(Z, deg=True), [25] * 13, F
    )
    path.write_bytes(text.encode("latin-1"))
    campaign = read(path)
    np.testing.assert_allclose(campaign.Z[0], Z, rtol=1e-14)
    assert campaign.coordinates["temperature"][0] == 25


@pytest.mark.parametrize(
    ("names", "signs"),
    [
        ("f|Z'|Z''", 1),
        ("Freq (Hz)|Z' (ohm)|Z'' (ohm)", 1),
        ("Frequency/Hz|Re(Z)/Ohm|-Im(Z)/Ohm", -1),
        ("freq|Re(Z)|-Im(Z)", -1),
        ("Frequency / Hz|Real Impedance / ohm|Imaginary Impedance / ohm", 1),
        ("freq_Hz|Z_re_ohm|Z_im_ohm", 1),
        ("Freq|Zreal|Zimag", 1),
        ("FREQ, Hz|ZRE, OHM|ZIM, OHM", 1),
        ("Freq Hz|Z' Ohms|-Z'' Ohms", -1),
        ("Frequency [Hz]|Z_re [Ω]|neg Z_im [Ω]", -1),
        ("frequency|real|imag", 1),
        ("Freq/Hz|Z'/ohm|Z\"/ohm", 1),
        ("# f|Re|-Im", -1),
        ("Data: Frequency|Data: Z'|Data: Z''", 1),
        ("Frequency (Hz)|Impedance Real (Ohm)|Impedance Imag (Ohm)", 1),
    ],
)
def test_header_names(path: Path, names: str, signs: int) -> None:
    path.write_text(table(names.split("|"), F, RE, signs * IM, separator=";"))
    np.testing.assert_array_equal(read(path).Z[0], Z)


@pytest.mark.parametrize(
    "names", ["Freq (Hz) Z' (Ohm) Z'' (Ohm)", "Frequency / Hz   Real Impedance / ohm   Imaginary Impedance / ohm"]
)
def test_spaces_inside_names_of_a_space_separated_table(path: Path, names: str) -> None:
    path.write_text(names + "\n" + table((), F, RE, IM, separator="   "))
    np.testing.assert_array_equal(read(path).Z[0], Z)


@pytest.mark.parametrize(
    ("unit", "hertz"), [("kHz", 1e3), ("MHz", 1e6), ("mHz", 1e-3), ("Hz", 1.0), ("GHz", 1e9), ("hertz", 1.0)]
)
@pytest.mark.parametrize(
    ("resistance", "ohm"), [("mOhm", 1e-3), ("kΩ", 1e3), ("MOhm", 1e6), ("µOhm", 1e-6), ("ohms", 1.0)]
)
def test_units(path: Path, unit: str, hertz: float, resistance: str, ohm: float) -> None:
    header = (f"f ({unit})", f"Re [{resistance}]", f"-Im/{resistance}")
    path.write_text(table(header, F / hertz, RE / ohm, -IM / ohm), encoding="utf-8")
    campaign = read(path)
    np.testing.assert_allclose(campaign.frequency[0], F, rtol=1e-14)
    np.testing.assert_allclose(campaign.Z[0], Z, rtol=1e-14)
    assert len(campaign.notes) == (hertz != 1) + 2 * (ohm != 1)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("mHz", ("frequency", 1e-3, False)),
        ("MHz", ("frequency", 1e6, False)),
        ("Ohm", ("impedance", 1, False)),
        ("Ohm cm2", ("impedance", 1, True)),
        ("mΩ·cm²", ("impedance", 1e-3, True)),
        ("mA", ("current", 1e-3, False)),
        ("µA", ("current", 1e-6, False)),
        ("min", ("time", 60, False)),
        ("ms", ("time", 1e-3, False)),
        ("rad/s", None),
        ("Ohm-1", None),
        ("V cm2", None),
        ("%", None),
    ],
)
def test_parse_unit(text: str, meaning: object) -> None:
    assert parse_unit(text) == meaning


OTHER_QUANTITIES = [
    *("", "Pt", "tau", "Re(Y)/Ohm-1", "Phase(Y)/deg", "|Y|/Ohm-1", "|Ewe|/V", "omega (rad/s)", "Frequency (rad/s)"),
    *("-Re(Z)", "log f", "Zsig", "GD", "I Range", "Cs/µF", "R_ct", "-f", "Z' (dB)", "Re(C)/nF", "Z (V)"),
]


@pytest.mark.parametrize("name", OTHER_QUANTITIES)
def test_names_of_other_quantities_are_not_mistaken(name: str) -> None:
    assert understand(name) is None


def test_modulus_and_phase(path: Path) -> None:
    for unit, phase in (("deg", np.angle(Z, deg=True)), ("rad", np.angle(Z))):
        for name, values in ((f"Phase(Z)/{unit}", phase), (f"-Phase ({unit})", -phase)):
            path.write_text(table(("Freq/Hz", "|Z|/mOhm", name), F, np.abs(Z) * 1e3, values))
            np.testing.assert_allclose(read(path).Z[0], Z, rtol=1e-14)


@pytest.mark.parametrize(("unit", "phase"), [("rad", np.angle(Z)), ("degrees", np.angle(Z, deg=True))])
@pytest.mark.parametrize("with_parts", [True, False])
def test_phase_without_unit_is_told_and_noted(path: Path, unit: str, phase: FloatArray, with_parts: bool) -> None:
    header, parts = (["Re", "Im"], [RE, IM]) if with_parts else ([], [])
    path.write_text(table(["f", "Zmod", "Zphz", *header], F, np.abs(Z), phase, *parts))
    campaign = read(path)
    np.testing.assert_allclose(campaign.Z[0], Z, rtol=1e-14)
    assert f"cell.csv: column 'Zphz' has no unit: taken as {unit}" in campaign.notes


def test_modulus_and_phase_decide_where_the_parts_contradict_them(path: Path) -> None:
    header = ("f", "Re", "Im", "|Z|", "Phase/deg")
    path.write_text(table(header, F, RE, np.abs(IM), np.abs(Z), np.angle(Z, deg=True)))
    campaign = read(path)
    np.testing.assert_allclose(campaign.Z[0], Z, rtol=1e-14)
    assert "the sign of Z'' contradicts modulus and phase" in campaign.notes[0]
    path.write_text(table(header, F, 2 * RE, IM, np.abs(Z), np.angle(Z, deg=True)))
    assert "real and imaginary part contradicts" in read(path).notes[0]


def test_rounded_modulus_and_phase_do_not_contradict(path: Path) -> None:
    columns = (F, RE, IM, np.abs(Z).round(2), np.angle(Z, deg=True).round(1))
    path.write_text(table(("f", "Re", "Im", "|Z|", "Phase/deg"), *columns))
    campaign = read(path)
    np.testing.assert_array_equal(campaign.Z[0], Z)
    assert campaign.notes == ()


def test_wrong_sign_warns_and_is_never_turned(path: Path) -> None:
    path.write_text(table(("f", "Re", "Im"), F, RE, -IM))
    with pytest.warns(DataWarning, match="cell.csv: Z'' contradicts Z'"):
        campaign = read(path)
    np.testing.assert_array_equal(campaign.Z[0], Z.conj())
    assert any("left as it is" in note for note in campaign.notes)


def test_dc_rows_and_blank_lines(path: Path) -> None:
    rows = table(("f", "Re", "Im"), F, RE, IM).splitlines()
    path.write_text("\n".join([rows[0], "0,0,0", *rows[1:5], "", " , , ", *rows[5:], "0,1,2", "", ""]))
    campaign = read(path)
    np.testing.assert_array_equal(campaign.Z[0], Z)
    assert "cell.csv: dropped 2 row(s) at 0 Hz (DC)" in campaign.notes


def test_nan_is_kept_and_blank_cells_are_noted(path: Path) -> None:
    rows = table(("f", "Re", "Im"), F, RE, IM).splitlines()
    path.write_text("\n".join([*rows[:3], "NaN,nan,nan", "3e4,,-1", "2e4,1,inf", *rows[3:]]))
    (spectrum,) = read_delimited(path)
    assert len(spectrum) == 16
    assert np.isnan(spectrum.frequency[2])
    assert np.isnan(spectrum.Z[3].real)
    assert spectrum.Z[3].imag == -1
    assert spectrum.Z[4] == complex(1, np.inf)
    assert spectrum.notes == ("1 blank cell(s) read as NaN",)


@pytest.mark.parametrize(
    "end", ["0.01,3", "0.01,3,", "0.01", "end of measurement", "a,b,c,d,e\n\nsaved by x", "# 1,2,3"]
)
def test_footer_or_aborted_last_row_is_dropped_and_noted(path: Path, end: str) -> None:
    path.write_text(table(("f", "Re", "Im"), F, RE, IM) + end)
    campaign = read(path)
    np.testing.assert_array_equal(campaign.Z[0], Z)
    assert "line(s) at the end that are no data rows, from line 15" in campaign.notes[0]


def test_preamble_and_units_line(path: Path) -> None:
    header = "Date: 1.1.2025, 12:00\n\nHigh Frequency (Hz) = 1e5\n"
    text = header + table(("Freq", "Zreal", "Zimag", "Time"), F, RE * 1e3, IM * 1e3, np.arange(13) / 60)
    lines = text.splitlines()
    path.write_text("\n".join([*lines[:4], "Hz,mOhm,mOhm,min", *lines[4:]]))
    campaign = read(path)
    np.testing.assert_allclose(campaign.Z[0], Z, rtol=1e-14)
    assert campaign.point_time is not None
    np.testing.assert_allclose(campaign.point_time[0], np.arange(13))
    assert campaign.notes[0] == "cell.csv: the header is line 4; nothing above it was read"
    path.write_text("\n".join([*lines[:4], "Hz,V,V,min", *lines[4:]]))
    with pytest.raises(UnreadableFile, match="units do not fit"):
        read(path)


def test_first_of_two_columns_counts(path: Path) -> None:
    path.write_text(table(("", "f", "Re", "Im", "Zreal"), range(13), F, RE, IM, -RE))
    campaign = read(path)
    np.testing.assert_array_equal(campaign.Z[0], Z)
    assert campaign.notes == ("cell.csv: column 'Zreal' not read: 'Re' gives the same quantity",)


def test_per_area_is_noted(path: Path) -> None:
    path.write_text(table(("f", "Re (ohm cm2)", "Im (ohm cm2)"), F, RE, IM))
    assert sum("ohm cm²" in note for note in read(path).notes) == 2


def test_coordinates_of_a_long_table(path: Path) -> None:
    header = ("Test Time / s", "Cycle Count / 1", "Voltage / mV", "Current / mA", "Frequency / Hz", "Re", "Im")
    columns = (np.arange(26) + 5.0, [3] * 13 + [4] * 13, [3500] * 13 + [3600] * 13, [2] * 26)
    path.write_text(table(header, *columns, *(np.tile(x, 2) for x in (F, RE, IM))))
    campaign = read(path)
    assert campaign.coordinates["cycle"].tolist() == [3, 4]
    assert campaign.coordinates["time"].tolist() == [5, 18]
    np.testing.assert_allclose(campaign.coordinates["voltage"], [3.5, 3.6])
    np.testing.assert_allclose(campaign.coordinates["current"], 2e-3)
    assert campaign.point_time is not None
    assert campaign.point_time[1].tolist() == list(range(18, 31))


def sweeps_of(path: Path, frequency: FloatArray, cycle: Sequence[float] | None = None) -> list[int]:
    z = 1 + 1 / (1 + 1j * frequency)
    header, extra = (["cycle"], [cycle]) if cycle is not None else ([], [])
    path.write_text(table(["f", "Re", "Im", *header], frequency, z.real, z.imag, *extra))
    return [len(spectrum) for spectrum in read_delimited(path)]


def test_sweeps(path: Path) -> None:
    down = np.geomspace(1e4, 1, 21)
    rng = np.random.default_rng(1)
    assert sweeps_of(path, down) == [21]
    assert sweeps_of(path, np.tile(down, 3)) == [21] * 3
    assert sweeps_of(path, np.tile(down[::-1], 3)) == [21] * 3
    assert sweeps_of(path, np.concatenate([down, down[::-1]])) == [21, 21]  # down and up again
    assert sweeps_of(path, np.concatenate([down, down[:7], down])) == [21, 7, 21]  # one was aborted
    assert sweeps_of(path, np.concatenate([down, down * 0.9])) == [21, 21]  # no frequency repeats
    assert sweeps_of(path, np.concatenate([down, np.repeat(down, 2)])) == [21, 42]
    assert sweeps_of(path, rng.permutation(down)) == [21]  # unsorted is not many sweeps
    assert sweeps_of(path, down * np.exp(0.5 * rng.normal(size=21))) == [21]  # nor is jitter
    assert sweeps_of(path, np.concatenate([down[8::-1], down])) == [30]  # lead-in of a sweep
    assert sweeps_of(path, np.repeat(down, 3)) == [63]  # each frequency measured three times
    assert sweeps_of(path, np.tile(down, 2), cycle=[1] * 10 + [2] * 32) == [10, 11, 21]
    assert sweeps_of(path, np.tile(down, 2), cycle=list(range(42))) == [21, 21]  # a row counter


def wide(frequencies: Sequence[str], rows: int = 3) -> str:
    names = [f"{part}{f}" for f in frequencies for part in ("Re(Z)", "-Im(Z)")]
    values = [[r + 1 if k % 2 == 0 else k / 8 for k in range(len(names))] for r in range(rows)]
    lines = [",".join(["", "cycle_Nr", "cell", "I(uA)", "empty", *names])]
    lines += [",".join([str(r), str(r + 1), f"c{r}", "20", "", *map(str, v)]) for r, v in enumerate(values)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "frequencies", [["0.5", "1e3", "20.0"], ["_500mHz", "_1kHz", "_20 Hz"], ["@0.5Hz", "@1000Hz", "@20Hz"]]
)
def test_wide_table(path: Path, frequencies: Sequence[str]) -> None:
    path.write_text(wide(frequencies))
    campaign = read(path)
    assert campaign.frequency[0].tolist() == [0.5, 1000, 20]
    np.testing.assert_array_equal(campaign.Z[1], [2 - 0.125j, 2 - 0.375j, 2 - 0.625j])
    assert campaign.coordinates["cycle"].tolist() == [1, 2, 3]
    assert campaign.coordinates["cell"].tolist() == ["c0", "c1", "c2"]
    np.testing.assert_allclose(campaign.coordinates["current"], 20e-6)
    assert set(campaign.coordinates) == {"file", "cycle", "cell", "current"}
    assert campaign.names == ("cell#1", "cell#2", "cell#3")


def test_wide_table_with_gaps(path: Path) -> None:
    text = wide(["0", "10", "100", "1000"]) + "\n3,4,c3,20,,1,1,2,2,,,4,4"
    path.write_text(text.replace("-Im(Z)10,", "Other10,"))
    campaign = read(path)
    assert campaign.is_point.sum(axis=1).tolist() == [2, 2, 2, 1]
    joined = "\n".join(campaign.notes)
    assert "dropped the columns at 0 Hz" in joined
    assert "column 'Re(Z)' not read: real or imaginary part is missing" in joined


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n \n# only a comment\n", "only blank or comment lines"),
        ("tau,gamma\n1,2\n3,4\n", r"line 1 has the columns 'tau', 'gamma'; needed are"),
        ("f,Re\n1,2\n3,4\n", "line 1 has the columns 'f', 'Re'"),
        ("1,2,3,4\n5,6,7,8\n", r"no header line, and 4 column\(s\) of numbers from line 1"),
        ("1\n2\n", r"no header line, and 1 column\(s\)"),
        ("-1,2,3\n-5,6,7\n", "negative values"),
        ("f,Re,Im\n", "line 1: no data row follows"),
        ("f,Re,Im\nx,1,2\n", "line 2: 'f' is 'x', not a number; no data row"),
        ("f,Re,Im\n10,1,2\n5,1,oops\n1,1,2\n", "line 3: 'Im' is 'oops', not a number"),
        ("f,Re,Im\n10,1,2\n\n5,1\n1,1,2\n", "line 4: only 2 of 3 cells"),
        ("f,Re,Im\n1,5,1,2,3,4\n1,4,1,2,3,4\n", "line 2: 6 cells under 3 column names .decimal commas"),
        ("f;Re;Im\n1,5;1.5;2\n1;1;1\n", "both '.' and ','"),
        ("f,Re,Im\n0,1,2\n0,1,2\n", "all 2 rows are at 0 Hz"),
        ("f,Zre1,Zim1,Zre2,Zim3\n1,2,3,4,5\n", "line 1 has the columns 'f', 'Zre1'"),
        ("just a text\nof two lines\n", "no table in it"),
        ('"f (Hz)   Re   Im"\n1,2,3,4\n2,3,4,5\n', "4 columns of numbers from line 2 on, without a header"),
        ("V,ReZ10mHz,-ImZ10mHz\n1,2,3\n", "line 1 has the columns 'V'"),
    ],
)
def test_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("f;Re;Im\n1,000.5;1.5;2\n100;1;1\n10;1,200;1\n", "',' between thousands was removed"),
        ("f;Re;Im\n1.000,5;1,5;2\n100;1;1\n10;1.200;1\n", "'.' between thousands was removed"),
        ("f;Re;Im\n1'000,5;1,5;2\n100;1;1\n10;1'200;1\n", '"\'" between thousands was removed'),
        ('f,Re,Im\n"1,000.5",1.5,2\n100,1,1\n10,"1,200",1\n', "',' between thousands was removed"),
    ],
)
def test_thousands_separators(path: Path, text: str, note: str) -> None:
    path.write_text(text)
    campaign = read(path)
    assert campaign.frequency.tolist() == [[1000.5, 100, 10]]
    assert campaign.Z.tolist() == [[1.5 + 2j, 1 + 1j, 1200 + 1j]]
    assert campaign.notes == (f"cell.csv: {note}",)


def test_a_comma_that_may_be_either_is_noted(path: Path) -> None:
    path.write_text("f;Re;Im\n1,000;1,500;2\n")
    assert read(path).Z.tolist() == [[1.5 + 2j]]
    assert "may stand between thousands" in read(path).notes[0]


def test_side_by_side_each_with_its_frequencies(path: Path) -> None:
    path.write_text("a,,,b,,\nf,Re,Im,f,Re,Im\n1000,1,-1,2000,4,-4\n100,2,-2,200,5,-5\n10,3,-3,,,\n")
    campaign = read(path)
    assert [s.frequency.tolist() for s in campaign] == [[1000, 100, 10], [2000, 200]]
    assert [s.Z.tolist() for s in campaign] == [[1 - 1j, 2 - 2j, 3 - 3j], [4 - 4j, 5 - 5j]]
    assert campaign.coordinates["title"].tolist() == ["a", "b"]
    assert "cell.csv: 2 spectra stand side by side" in campaign.notes
    assert "cell.csv: the header is line 2; above it only the titles were read" in campaign.notes


@pytest.mark.parametrize("names", ["f;Re_1;Im_1;Re_2;Im_2", "f;Re;Im;Re;Im", "Re (ohm).1;Im (ohm).1;f;Re2 (ohm);Im2"])
def test_side_by_side_with_frequencies_in_common(path: Path, names: str) -> None:
    at = names.split(";").index("f")
    order = [0, 1, 2, 3, 4] if at == 0 else [1, 2, 0, 3, 4]
    rows = [[1000, 1, -1, 4, -4], [100, 2, -2, 5, -5], [10, 3, -3, 6, -6]]
    if at:
        names = names.replace("Re2 (ohm);Im2", "Re (ohm).2;Im (ohm).2")
    path.write_text("\n".join([names, *(";".join(str(row[i]) for i in order) for row in rows)]))
    campaign = read(path)
    assert campaign.frequency.tolist() == [[1000, 100, 10]] * 2
    assert campaign.Z.tolist() == [[1 - 1j, 2 - 2j, 3 - 3j], [4 - 4j, 5 - 5j, 6 - 6j]]


@pytest.mark.parametrize("name", ["cell", "cell.dat2", "cell.ism.txt", "cell.log"])
def test_wrong_or_no_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Frequency (Hz)\tZ' (ohm)\tZ'' (ohm)\n10\t1\t-1\n1\t2\t-1\n")
    assert read(tmp_path).Z.tolist() == [[1 - 1j, 2 - 1j]]


@pytest.mark.parametrize("content", [b"\0\1\2\3" * 50, b"\xff\xfe\x00", b"a\0b" * 30])
def test_binary_under_a_text_suffix(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="no reader recognises"):
        read(path)
    with pytest.raises(UnreadableFile, match="not a text file"):
        read(path, format="delimited")


finite = st.floats(-1e12, 1e12)


@given(
    points=st.lists(
        st.tuples(st.floats(1e-9, 1e12), finite, finite), min_size=1, max_size=12, unique_by=lambda p: p[0]
    ),
    separator=st.sampled_from(["\t", ";", ",", " "]),
    comma=st.booleans(),
    header=st.sampled_from([None, "f re im", "freq/Hz Re(Z)/Ohm -Im(Z)/Ohm"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
)
def test_round_trip(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    points: list[tuple[float, float, float]],
    separator: str,
    comma: bool,
    header: str | None,
    encoding: str,
) -> None:
    """What is written comes back bit for bit."""
    file = tmp_path_factory.getbasetemp() / "round_trip.csv"
    sign = -1 if header and "-Im" in header else 1
    f, re_, im = (np.array(column) for column in zip(*sorted(points), strict=True))
    text = table(header.split() if header else (), f, re_, sign * im, separator=separator)
    if comma and separator != ",":
        text = text.replace(".", ",")
    file.write_bytes(text.encode(encoding))
    (spectrum,) = read_delimited(file)
    np.testing.assert_array_equal(spectrum.frequency, f)
    np.testing.assert_array_equal(spectrum.Z.real, re_)
    np.testing.assert_array_equal(spectrum.Z.imag, im)


@given(content=st.binary(max_size=200) | st.text(alphabet="fReIm'\"/(),;.-\t\n 01e#", max_size=120).map(str.encode))
def test_anything_else_is_unreadable(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content whatever makes the reader raise anything but UnreadableFile."""
    file = tmp_path_factory.getbasetemp() / "noise.csv"
    for prefix in (b"", b"f,Re,Im\n10,1,1\n"):
        file.write_bytes(prefix + content)
        try:
            spectra = read_delimited(file)
        except UnreadableFile:
            continue
        assert spectra
