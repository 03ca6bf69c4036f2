"""Delimited text that others published, beside what NumPy reads in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from drtengine.io import read


def test_pydrttools(shared_data: Path) -> None:
    folder = shared_data / "pydrttools"
    for name, points in (("LIB_data", 107), ("LIB_data_2", 100), ("negami_data", 81), ("zarc_data", 81)):
        path = folder / "EIS data" / "text files" / f"{name}.txt"
        expected = np.loadtxt(path)
        campaign = read(path)
        assert campaign.Z.shape == (1, points)
        np.testing.assert_array_equal(campaign.Z[0], expected[:, 1] + 1j * expected[:, 2])
    assert read(folder / "EIS data" / "csv files" / "data_1.csv").Z.shape == (1, 107)
    zarcs = read(folder / "tutorial" / "data")
    assert zarcs.Z.shape == (7, 81)
    assert zarcs.names == ("1ZARC", *(f"2ZARC{k}" for k in range(6)))
    assert zarcs.Z[0, 0] == 59.20397431908595 + 0.5913301898954791j
    assert sum("gamma_data" in note and note.startswith("skipped") for note in zarcs.notes) == 2


def test_ml621_has_true_signs(shared_data: Path) -> None:
    """|Im| in nine files, -Im in the tenth: modulus and phase decide, and all are capacitive at low frequency."""
    folder = shared_data / "ml621_soc"
    campaign = read(str(folder / "*.csv"))
    assert campaign.Z.shape == (10, 137)
    assert campaign.coordinates["file"].tolist() == [f"ML621_{soc}%.csv" for soc in range(10, 101, 10)]
    assert sum("contradicts modulus and phase" in note for note in campaign.notes) == 10
    for spectrum in campaign:
        table = np.genfromtxt(folder / f"{spectrum.name}.csv", delimiter=",", skip_header=1)
        np.testing.assert_allclose(spectrum.Z, table[:, 3] * np.exp(1j * np.deg2rad(table[:, 4])), rtol=1e-14)
        np.testing.assert_allclose(np.abs(spectrum.Z.imag), np.abs(table[:, 2]), atol=0.015 * np.abs(spectrum.Z).max())
        assert (spectrum.Z.imag[spectrum.frequency < 1e5] < 0).all()


def test_bayes_drt(shared_data: Path) -> None:
    folder = shared_data / "bayes_drt_exp"
    lib = read(folder / "DRTtools_LIB_data.txt")
    quarter = read(folder / "DRTtools_LIB_data_qtr.csv")
    assert lib.Z.shape == (1, 107)
    np.testing.assert_allclose(quarter.Z[0], lib.Z[0, ::4], rtol=1e-12)
    for name in ("Z_ECM_LIB", "Z_ECM_PDAC", "Z_ECM-ger_PDAC", "Z_ECM-GHN_PDAC"):
        table = np.genfromtxt(folder / f"{name}.csv", delimiter=",", skip_header=1)
        np.testing.assert_array_equal(read(folder / f"{name}.csv").Z[0], table[:, 2] + 1j * table[:, 3])
    for name, first in (("02109_Contact10_2065C_500C", 1798.84 - 457.5437j), ("02210_Contact111_2072C_350C", None)):
        campaign = read(folder / f"PDAC_COM3_{name}.txt")
        assert campaign.Z.shape == (1, 106)
        assert first is None or campaign.Z[0, 0] == first


def test_impedancepy(shared_data: Path) -> None:
    folder = shared_data / "impedancepy_formats"
    expected = np.loadtxt(folder / "exampleData.csv", delimiter=",")
    np.testing.assert_array_equal(read(folder / "exampleData.csv").Z[0], expected[:, 1] + 1j * expected[:, 2])
    parstat = read(folder / "exampleDataParstat.txt")
    assert parstat.Z.shape == (1, 31)
    assert "exampleDataParstat.txt: dropped 781 row(s) at 0 Hz (DC)" in parstat.notes
    assert read(folder / "exampleDataCHInstruments.txt").Z[0, 0] == 98.91 - 2.748j
    assert read(folder / "exampleDataPowersuite.txt").Z[0, 0] == 423929.46 - 49014.063j


def test_ssb_wide_tables(shared_data: Path) -> None:
    for name, count in (("EISdata1_SoC0_Cyc1to100", 148), ("EISdata2_SoC0_Cyc10to100", 142)):
        path = shared_data / "ssb_ceracharge" / f"{name}.csv"
        campaign = read(path)
        assert campaign.Z.shape == (count, 36)
        table = np.genfromtxt(path, delimiter=",", skip_header=1)
        np.testing.assert_array_equal(campaign.Z, table[:, 3:75:2] - 1j * table[:, 4:75:2])
        assert (campaign.frequency[0, 0], campaign.frequency[0, -1]) == (0.00931323, 10001.0)
        np.testing.assert_array_equal(campaign.coordinates["cycle"], table[:, 2])
        np.testing.assert_allclose(campaign.coordinates["current"], table[:, 75] * 1e-6)
