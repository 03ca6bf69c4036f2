"""`read_table` of Neware .nda and .ndax, against the tables that another reader published beside them."""

from __future__ import annotations

import logging
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import drtengine as dt
from drtengine.errors import MissingExtra, UnreadableFile


@pytest.fixture
def fastnda() -> None:
    pytest.importorskip("fastnda", reason="fastnda (extra 'neware') is not installed")


@pytest.mark.usefixtures("fastnda")
@pytest.mark.parametrize("stem", ["new_nda_file.nda", "ZZZZZZZZTEST.ndax"])
def test_published_tables(shared_data: Path, stem: str) -> None:
    feather = pytest.importorskip("pyarrow.feather", reason="pyarrow is not installed")
    path = shared_data / "neware_small" / stem
    frame = dt.read_table(path)
    expected = feather.read_feather(path.with_suffix(".ftr"))
    assert len(frame) == len(expected)
    np.testing.assert_allclose(frame["voltage_V"], expected["Voltage"], rtol=1e-6)
    np.testing.assert_allclose(frame["current_A"], expected["Current(mA)"] * 1e-3, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(frame["step_time_s"], expected["Time"], atol=2e-3)
    assert (np.diff(frame["step"]) > 0).tolist() == (np.diff(expected["Step"]) > 0).tolist()
    assert frame["time_s"].is_monotonic_increasing


@pytest.mark.usefixtures("fastnda")
def test_charges_agree_with_those_of_the_instrument(shared_data: Path) -> None:
    folder = shared_data / "kinetics"
    frame = dt.read_table(folder / "navani" / "test.nda")
    counts = frame.groupby("step")["capacity_mAh"].last()
    result = dt.summarize_cycling(frame)
    assert frame.groupby("step")["cycle"].first().tolist() == [1, 1, 1, 1, 2, 2]  # it begins with a discharge
    np.testing.assert_allclose(result.discharge_capacity / 3.6, [-counts[1], -counts[5]], rtol=0.03)
    np.testing.assert_allclose(result.charge_capacity[0] / 3.6, counts[3], rtol=0.03)  # 50 rows
    frame = dt.read_table(folder / "cellpy" / "20260302_IFE_BTS85_2_9_8_1.ndax")
    assert len(frame) == 252951
    counted = frame.groupby("step")["capacity_mAh"].last().sum()
    result = dt.summarize_cycling(frame)
    np.testing.assert_allclose(result.charge_capacity[0] / 3.6, counted, rtol=2e-5)
    assert any("negative jumps" in note for note in frame.attrs["notes"])
    frame = dt.read_table(folder / "navani" / "test.ndax")
    counts = frame.groupby("step")["capacity_mAh"].last()
    result = dt.summarize_cycling(frame)
    np.testing.assert_allclose(result.charge_capacity[0] / 3.6, counts[2], rtol=3e-3)
    np.testing.assert_allclose(result.discharge_capacity[0] / 3.6, -counts[3], rtol=3e-3)
    assert frame["step_type"].unique().tolist() == ["Rest", "CCCV_Chg", "CCCV_DChg"]


@pytest.mark.usefixtures("fastnda")
def test_nothing_is_printed(
    shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    dt.read_table(shared_data / "kinetics" / "cellpy" / "20260302_IFE_BTS85_2_9_8_1.ndax")
    (tmp_path / "broken.ndax").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(UnreadableFile):
        dt.read_table(tmp_path / "broken.ndax")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert logging.getLogger("fastnda").propagate


@pytest.mark.usefixtures("fastnda")
def test_what_is_said_becomes_notes(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import fastnda

    read = fastnda.read

    def talkative(path: Path, **options: object) -> object:
        warnings.warn("version 2 was never seen", UserWarning, stacklevel=1)
        logging.getLogger("fastnda.nda").warning("odd: %s", "aux")
        logging.getLogger("fastnda.nda").info("nothing of note")
        print("progress")
        return read(path, **options)

    monkeypatch.setattr(fastnda, "read", talkative)
    frame = dt.read_table(shared_data / "kinetics" / "navani" / "test.ndax")
    assert frame.attrs["notes"][:2] == ["fastnda: odd: aux", "fastnda: version 2 was never seen"]
    assert not any("of note" in note for note in frame.attrs["notes"])
    assert capfd.readouterr() == ("", "")


class Panic(BaseException):
    """What the library below fastnda raises when it fails in its own language."""


@pytest.mark.usefixtures("fastnda")
def test_panics_are_unreadable_files_but_ctrl_c_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fastnda

    (tmp_path / "cell.nda").write_bytes(b"NEWARE")
    for raised, expected in ((Panic("index out of range"), UnreadableFile), (KeyboardInterrupt(), KeyboardInterrupt)):

        def fail(_path: Path, error: BaseException = raised, **_options: object) -> object:
            raise error

        monkeypatch.setattr(fastnda, "read", fail)
        with pytest.raises(expected):
            dt.read_table(tmp_path / "cell.nda")


@pytest.mark.usefixtures("fastnda")
def test_damaged_files_are_unreadable(shared_data: Path, tmp_path: Path) -> None:
    for source in ("kinetics/navani/test.nda", "kinetics/navani/test.ndax"):
        data = (shared_data / source).read_bytes()
        path = tmp_path / Path(source).name
        for size in (1, 100, 3000, len(data) // 2):
            path.write_bytes(data[:size])
            try:
                frame = dt.read_table(path)
            except UnreadableFile as error:
                assert path.name in str(error)  # noqa: PT017
            else:
                assert np.isfinite(frame[["time_s", "current_A", "voltage_V"]]).to_numpy().all()
    with zipfile.ZipFile(tmp_path / "other.ndax", "w") as archive:
        archive.writestr("data.ndc", b"\0" * 5000)
    with pytest.raises(UnreadableFile, match=r"other\.ndax: fastnda cannot read this Neware file"):
        dt.read_table(tmp_path / "other.ndax")


@pytest.mark.usefixtures("fastnda")
def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"nothing\.nda cannot be opened"):
        dt.read_table(tmp_path / "nothing.nda")


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastnda", None)
    (tmp_path / "cell.nda").write_bytes(b"NEWARE")
    with pytest.raises(MissingExtra, match=r"drtengine\[neware\]"):
        dt.read_table(tmp_path / "cell.nda")
