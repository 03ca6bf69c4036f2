"""How many files a second are read? Impedance of small binary files, and long records of current and voltage.

The files are copies of measured ones, in a folder, so that recognising the format and hashing are part of it; the
text is written here. One thread. Where no measured data are there, only the text is read.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import drtengine as dt

GROUP = "Reading"
FILES = 200
ROWS = 1_000_000
SPECTRA = {
    "mpr, 1 spectrum of 89 points": ("hybrid_drt_ssb/PEIS_SSB.mpr", 1),
    "mpr, 10 spectra of 36 points": (
        "ssb_ceracharge/raw_data/form/Cell001_Form_20uA_25T_30RH_Cycle1to10_01_GEIS_CA1.mpr",
        10,
    ),
    "ism, 1 spectrum of 55 points": ("zahner_ism_diode/rc-data.ism", 1),
}


@pytest.mark.parametrize("label", SPECTRA)
def bench_folder(
    clock: Callable[..., Any], scaled: Callable[[int], int], shared_data: Path, tmp_path: Path, label: str
) -> None:
    source, spectra = SPECTRA[label]
    count = scaled(FILES)
    for number in range(count):
        shutil.copy(shared_data / source, tmp_path / f"{number}{Path(source).suffix}")
    campaign = clock(lambda: dt.read(tmp_path), group=GROUP, label=f"{label}, {count} files", spectra=count * spectra)
    assert len(campaign) == count * spectra


def bench_long_text(clock: Callable[..., Any], scaled: Callable[[int], int], tmp_path: Path) -> None:
    rows = scaled(ROWS)
    path = tmp_path / "cell.csv"
    text = "\n".join(f"{n},{n % 3},3.{n % 1000:03d}" for n in range(rows))
    path.write_text(f"time_s,current_A,voltage_V\n{text}\n")
    frame = clock(lambda: dt.read_table(path), group=GROUP, label=f"csv of {rows} rows: µs a row", spectra=rows)
    assert len(frame) == rows


def bench_neware(clock: Callable[..., Any], shared_data: Path) -> None:
    pytest.importorskip("fastnda", reason="fastnda (extra 'neware') is not installed")
    path = shared_data / "kinetics" / "cellpy" / "20260302_IFE_BTS85_2_9_8_1.ndax"
    rows = 252_951
    frame = clock(lambda: dt.read_table(path), group=GROUP, label=f"ndax of {rows} rows: µs a row", spectra=rows)
    assert len(frame) == rows
