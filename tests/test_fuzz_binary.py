"""Damaged binary files: whatever happens to their bytes, an error of ours or finite arrays of one length."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import drtengine as dt
from binary_files import isc, ism, isw, mpr, settings_body
from damage import CHANGES, Change, damage
from drtengine.errors import DataWarning, UnreadableFile
from drtengine.io.mpr import read_mpr, read_recording
from drtengine.io.zahner import read_zahner
from drtengine.spectrum import Spectrum

F = np.geomspace(1e5, 1, 9)
Z = 2 + 5 / (1 + 2j * np.pi * F * 1e-3)
N = 18
SPECTRA = [
    (1, "u1", np.arange(N)),
    (3, "", 0),
    (32, "<f4", np.tile(F, 2)),
    (37, "<f4", np.tile(Z.real, 2)),
    (38, "<f4", np.tile(-Z.imag, 2)),
    (999, "S3", b"xyz"),
    (36, "<f4", np.tile(np.abs(Z), 2)),
    (35, "<f4", np.tile(np.degrees(np.angle(Z)), 2)),
    (4, "<f8", np.arange(N)),
    (77, "<f4", np.ones(N)),
    (76, "<f4", np.ones(N)),
]
CYCLING = [(4, "<f8", np.arange(N)), (6, "<f4", np.ones(N)), (13, "<f8", np.arange(N)), (24, "<f8", np.arange(N))]


def check_spectra(spectra: list[Spectrum], points: int) -> None:
    kept = 0
    for spectrum in spectra:
        assert np.isfinite(spectrum.frequency).all()
        assert (spectrum.frequency > 0).all()
        assert np.isfinite(spectrum.Z).all()
        assert spectrum.frequency.shape == spectrum.Z.shape
        assert spectrum.point_time is None or np.isfinite(spectrum.point_time).all()
        numbers = [value for value in spectrum.coordinates.values() if isinstance(value, float)]
        assert np.isfinite(numbers).all()
        kept += len(spectrum)
    assert kept == points or any("dropped" in note or "kept points" in note for note in spectra[0].notes)


def refused(path: Path, error: UnreadableFile) -> bool:
    assert str(path) in str(error)
    return False


def check_mpr(path: Path) -> bool:
    read_as_table(path)
    try:
        points = next(iter(read_recording(path).columns.values()), np.empty(0)).size
        check_spectra(read_mpr(path), points)
    except UnreadableFile as error:
        return refused(path, error)
    return True


def check_ism(path: Path) -> bool:
    try:
        spectra = read_zahner(path)
    except UnreadableFile as error:
        return refused(path, error)
    check_spectra(spectra, int.from_bytes(path.read_bytes()[6:12], "big") + 1)
    return True


def read_as_table(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            frame = dt.read_table(path)
        except UnreadableFile as error:
            return refused(path, error)
    assert np.isfinite(frame[["time_s", "current_A", "voltage_V"]].to_numpy()).all()
    return True


# bytes that lead to others: lengths, counts, versions, numbers of columns
MPR_WEAK = (
    *range(52, 58),
    *range(52 + 41, 52 + 65),
    *range(117 + 700, 117 + 700 + 65),
    *range(882, 882 + 30),
    *range(882 + 1007, 882 + 1007 + 40),
)
FILES: dict[str, tuple[bytes, Callable[[Path], bool], tuple[int, ...]]] = {
    "spectra.mpr": (mpr(SPECTRA, loops=[0, 9, 18], settings=settings_body(29, {7: "x"})), check_mpr, MPR_WEAK),
    "cycling.mpr": (mpr(CYCLING, settings=settings_body(4)), read_as_table, MPR_WEAK),
    "cell.ism": (ism(F, Z, dc=[(0.5, 0)] * 9), check_ism, (*range(12), *range(12 + 9 * 34, 12 + 9 * 34 + 40))),
    "cell.isc": (
        isc(range(N), np.ones(N)),
        read_as_table,
        (*range(96, 142), *range(142 + 10 * N, 142 + 10 * N + 70)),
    ),
    "cell.isw": (isw(np.ones(N), np.ones(N), np.arange(N)), read_as_table, tuple(range(18))),
}


@pytest.mark.parametrize("name", FILES)
def test_damaged_bytes(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    data, check, weak = FILES[name]
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(data)
    assert check(path)

    @settings(max_examples=200)
    @given(CHANGES)
    def run(changes: list[Change]) -> None:
        path.write_bytes(damage(data, changes, weak))
        check(path)

    run()


@pytest.mark.parametrize("name", FILES)
def test_absurd_counts_cost_no_memory(tmp_path: Path, name: str) -> None:
    data, check, weak = FILES[name]
    path = tmp_path / name
    path.write_bytes(data)
    tracemalloc.start()
    try:
        check(path)  # imports are not counted
        tracemalloc.reset_peak()
        for at in weak[::5]:
            for word in (b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"):
                path.write_bytes(data[:at] + word + data[at + 4 :])
                check(path)
        current, peak = tracemalloc.get_traced_memory()
        assert peak - current < 8e6
    finally:
        tracemalloc.stop()
