"""Coordinates from tables and from the names of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from drtengine.campaign import Campaign
from drtengine.errors import InvalidInput
from drtengine.io import read

TABLE = "f,Re,Im\n1000,1,-0.5\n100,2,-1\n10,3,-0.5\n"
VOLTS = "voltage,f,Re,Im\n3.5,1000,1,-0.5\n3.5,100,2,-1\n3.5,10,3,-0.5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files; the second holds its voltage itself, the third has a name of its own."""
    for name, text in {"A7_0.35V_C01": TABLE, "B2_3p6V_C01": VOLTS, "blank": TABLE}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_a_unit_after_a_field_is_noted(tmp_path: Path) -> None:
    (tmp_path / "x_250mV.csv").write_text(TABLE)
    notes = read(tmp_path, pattern="x_{voltage}mV").notes
    assert notes == ("'voltage' of the file names multiplied by 0.001, for the unit after it",)


def numbers(campaign: Campaign, name: str) -> list[float | None]:
    return [None if np.isnan(value) else value for value in campaign.coordinates[name].tolist()]


def test_pattern(folder: Path) -> None:
    campaign = read(folder, pattern="{cell}_{voltage:f}V_*")
    assert campaign.coordinates["cell"].tolist() == ["A7", "B2", ""]
    assert numbers(campaign, "voltage") == [0.35, 3.6, None]
    assert campaign.notes[-2:] == (
        "the pattern '{cell}_{voltage:f}V_*' does not fit 1 file name(s): blank.csv",
        "coordinate 'voltage' of 1 spectra is another in the file name than in the file and was taken from there: "
        "B2_3p6V_C01: 3.6 instead of 3.5",
    )


@pytest.mark.parametrize(
    ("name", "pattern", "values"),
    [
        ("x_250mV.csv", "x_{voltage_mV:d}mV", {"voltage": 0.25}),
        ("x_250mV.csv", "x_{voltage_mV:d}mV.csv", {"voltage": 0.25}),
        ("cell-3-12,5degC.csv", "cell-{number:d}-{temperature:f}*", {"number": 3, "temperature": 12.5}),
        ("run (2) -1.5e-3A.csv", "run ({cycle:d}) {current:f}A", {"cycle": 2, "current": -1.5e-3}),
        ("x_250mV.csv", "x_{voltage}mV", {"voltage": 0.25}),
        ("x_250mV_2.csv", "x_{voltage:f}mV_{cycle}", {"voltage": 0.25, "cycle": 2}),
        ("x_250mV.csv", "x_{voltage_mV}mV", {"voltage": 0.25}),
        ("x_0.25V.csv", "x_{E}V", {"voltage": 0.25}),
        ("x_25C.csv", "x_{temperature}C", {"temperature": 25}),
        ("x_25C.csv", "x_{T}C", {"T": "25"}),
        ("x_5min.csv", "x_{time}min", {"time": 300}),
        ("A_B_C.csv", "{cell}_{rest}", {"cell": "A", "rest": "B_C"}),
        ("SOC50.csv", "soc{SOC:d}", {"soc": 50}),
    ],
)
def test_patterns(tmp_path: Path, name: str, pattern: str, values: dict[str, Any]) -> None:
    (tmp_path / name).write_text(TABLE)
    found = read(tmp_path / name, pattern=pattern).coordinates
    assert {key: found[key][0] for key in values} == values


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{voltage:f}Volt", "fits no file name; the first is 'A7_0.35V_C01.csv'"),
        ("{voltage:g}V", r"\{voltage:g\} is not \{name\} \(text\)"),
        ("{a}_{a}", r"with a name of its own"),
        ("{}V", r"\{\} is not"),
        ("*V", "needs fields such as"),
        ("{a}_{voltage:f", "needs fields such as .* with both braces"),
        (7, "pattern must be text"),
    ],
)
def test_patterns_refused(folder: Path, pattern: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(folder, pattern=pattern)


def test_table_file(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "coordinates.txt"
    path.write_text(
        "File;Voltage (mV);T (°C);Branch;cycle\nA7_0.35V_C01;250,0;25;charge;1\nB2_3p6V_C01.csv;3500;;;2\n\n"
    )
    campaign = read([folder / f"{name}.csv" for name in ("A7_0.35V_C01", "B2_3p6V_C01", "blank")], coordinates=path)
    assert numbers(campaign, "voltage") == [0.25, 3.5, None]
    assert numbers(campaign, "temperature") == [25, None, None]
    assert numbers(campaign, "cycle") == [1, 2, None]
    assert campaign.coordinates["branch"].tolist() == ["charge", "", ""]
    assert campaign.notes[-1] == "the table coordinates.txt says nothing of 1 file(s): blank.csv"
    assert not any("is another in" in note for note in campaign.notes)  # 3500 mV is what the file says


def test_tables_in_memory_and_their_precedence(folder: Path) -> None:
    frame = pd.DataFrame(
        {"voltage": [1.0, np.nan], "name": ["blank.csv", "A7_0.35V_C01"], "when": pd.to_datetime(["2020-01-02"] * 2)}
    )
    campaign = read(folder, coordinates=frame, pattern="{cell}_{voltage:f}V*")
    assert numbers(campaign, "voltage") == [0.35, 3.6, 1.0]
    assert campaign.coordinates["when"].dtype.kind == "M"
    assert np.isnat(campaign.coordinates["when"][1])
    mapping = {"file": ["A7_0.35V_C01", "stranger"], "cell": ["x", None], "branch": [1, 2]}
    campaign = read(folder, coordinates=mapping)
    assert campaign.coordinates["cell"].tolist() == ["x", "", ""]
    assert "the table has 1 row(s) for files that were not read: stranger" in campaign.notes


def test_one_row_for_each_spectrum_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "cell.csv").write_text(
        "".join(["f,Re,Im\n", *[f"{f},1,-1\n" for _ in range(2) for f in range(9, 1, -1)]])
    )
    campaign = read(tmp_path, coordinates={"spectrum": ["cell#2", "cell#1"], "cycle": [20, 10]})
    assert numbers(campaign, "cycle") == [10, 20]


def test_text_instead_of_numbers_replaces_the_column(folder: Path) -> None:
    campaign = read(folder, coordinates={"file": ["A7_0.35V_C01", "blank"], "voltage": ["low", "high"]})
    assert campaign.coordinates["voltage"].tolist() == ["low", "", "high"]
    assert "coordinate 'voltage' of the files was replaced by that of the table" in campaign.notes


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"file": ["a"], "voltage": [1]}, "the table names none of the files; it has 'a', the first file is 'A7_0.35V"),
        ({"file": ["blank", "blank"], "voltage": [1, 2]}, "names blank more than once in its column 'file'"),
        ({"file": ["blank"]}, "needs a column that names files and at least one of coordinates"),
        ({"file": ["blank"], "voltage": [1, 2]}, "must have one length"),
        ({}, "needs a column"),
        (3, "must be a path, a DataFrame or columns by name"),
        ("nowhere.csv", "nowhere.csv cannot be opened"),
    ],
)
def test_tables_refused(folder: Path, table: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(folder, coordinates=table)


@pytest.mark.parametrize(
    ("text", "message"),
    [("file,voltage\n", "a header line and at least one row"), ("file,voltage\nblank,1,2\n", "row 2: 3 cells under 2")],
)
def test_table_files_refused(folder: Path, text: str, message: str) -> None:
    (folder / "table").mkdir()
    path = folder / "table" / "t.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        read(folder, coordinates=path)


def test_a_campaign_without_files_has_nothing_to_assign_to() -> None:
    from drtengine.io.assign import assign_pattern

    with pytest.raises(InvalidInput, match="no coordinate 'file'"):
        assign_pattern(Campaign.from_arrays([1.0], [[1.0]]), "{cell}")
