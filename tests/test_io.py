"""`read`: paths, folders, patterns, formats, plug-ins, and how failures are told."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from drtengine.errors import DataWarning, InvalidInput, UnreadableFile
from drtengine.io import Reader, read, read_table, readers, register, registry
from drtengine.io.reading import natural_key
from drtengine.spectrum import Spectrum

TABLE = "f,Re,Im\n1000,1,-0.5\n100,2,-1\n10,3,-0.5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two spectra, named so that plain sorting puts them the wrong way round."""
    for number in (10, 2):
        (tmp_path / f"cell{number}.csv").write_text(TABLE.replace("1000", f"{number}000"))
    return tmp_path


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Reader]]:
    """A registry to play with; afterwards all is as before."""
    mine = dict(registry._registered)
    monkeypatch.setattr(registry, "_registered", mine)
    yield mine
    registry._load_plugins.cache_clear()


def reader(name: str, read_file: Callable[[Path], list[Spectrum]], suffix: str = ".xyz") -> Reader:
    return Reader(name, (suffix,), "for a test", lambda path, _: path.suffix == suffix, read_file)


def test_one_file(folder: Path) -> None:
    path = folder / "cell2.csv"
    campaign = read(path)
    assert campaign.Z.tolist() == [[1 - 0.5j, 2 - 1j, 3 - 0.5j]]
    assert campaign.names == ("cell2",)
    assert campaign.coordinates["file"].tolist() == ["cell2.csv"]
    assert dict(campaign.sources) == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
    assert campaign.notes == ()
    assert read(str(path)).Z.tolist() == campaign.Z.tolist()


@pytest.mark.parametrize("path", ["", "*.csv", "cell[0-9]*.csv", "**/*.csv"])
def test_folder_and_pattern_are_sorted_naturally(folder: Path, path: str) -> None:
    campaign = read(folder / path)
    assert campaign.names == ("cell2", "cell10")
    assert campaign.frequency[:, 0].tolist() == [2000, 10000]
    assert len(campaign.sources) == 2


def test_natural_order() -> None:
    names = ["b1", "a10b2", "A2", "a10B10", "a1", "a10b9", "10", "9", "a²"]
    assert sorted(names, key=natural_key) == ["9", "10", "a1", "A2", "a10b2", "a10b9", "a10B10", "a²", "b1"]


def test_list_keeps_its_order_and_may_hold_folders(folder: Path) -> None:
    assert read([folder / "cell10.csv", folder / "cell2.csv"]).names == ("cell10", "cell2")
    assert read([folder / "cell10.csv", folder]).names == ("cell10", "cell2", "cell10")


def test_a_file_with_a_pattern_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "cell [1].csv").write_text(TABLE)
    assert read(tmp_path / "cell [1].csv").names == ("cell [1]",)


def test_progress(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    read(folder, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_folder_skips_and_names_what_it_cannot_read(folder: Path) -> None:
    (folder / "corrupt.ism").write_bytes(b"\0" * 20)
    (folder / "notes.md").write_text("nothing")
    (folder / "empty.csv").touch()
    (folder / ".hidden").touch()
    (folder / "subfolder").mkdir()
    campaign = read(folder)
    assert campaign.names == ("cell2", "cell10")
    skipped = [note for note in campaign.notes if note.startswith("skipped ")]
    assert len(skipped) == len(campaign.notes) == 3
    assert "corrupt.ism, byte 20: the file ends within its arrays: 1 points" in skipped[0]
    assert skipped[1].endswith("empty.csv is empty")
    assert skipped[2].endswith("notes.md: no reader recognises this file")


def test_spectra_with_and_without_a_coordinate(folder: Path) -> None:
    (folder / "cell3.csv").write_text(
        "V,f,Re,Im\n".replace("V", "voltage") + "".join(f"3.5,{f},1,-1\n" for f in (3, 2, 1))
    )
    campaign = read(folder)
    assert campaign.coordinates["voltage"].tolist() == [
        pytest.approx(np.nan, nan_ok=True),
        3.5,
        pytest.approx(np.nan, nan_ok=True),
    ]
    assert "coordinate 'voltage' is unknown for 2 of 3 spectra" in campaign.notes


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.csv", "there is no file '.*nothing.csv'"),
        ("*.mpt", r"no file matches '.*\*\.mpt'"),
        ("empty.csv", "empty.csv is empty"),
        (
            "data.bin",
            r"data\.bin: no reader recognises this file; known are .*'delimited' .*, 'eclab' .*, 'zahner' .*\.ism",
        ),
        ("none", "the folder .*none has no file in it"),
    ],
)
def test_what_is_named_must_be_readable(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "data.bin").write_bytes(b"\0\1\2")
    (tmp_path / "none").mkdir()
    with pytest.raises(UnreadableFile, match=message):
        read(tmp_path / name)
    with pytest.raises(UnreadableFile, match=message):
        read([tmp_path / name])


def test_folder_without_any_readable_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("tau,gamma\n1,2\n")
    (tmp_path / "b.bin").write_bytes(b"\0\1")
    with pytest.raises(UnreadableFile, match=r"none of 2 file\(s\)(.|\n)*'tau', 'gamma'(.|\n)*b\.bin: no reader"):
        read(tmp_path)


@pytest.mark.parametrize("path", [[], (), 5, None, [3], b"cell.csv"])
def test_not_a_path(path: object) -> None:
    with pytest.raises(InvalidInput, match="read\\(\\) needs"):
        read(path)  # type: ignore[arg-type]


def test_unreadable_by_the_system(tmp_path: Path) -> None:
    broken = tmp_path / "loop.csv"
    broken.symlink_to(broken)
    with pytest.raises(UnreadableFile, match=r"loop\.csv"):
        read(broken)


def test_format_is_forced_or_its_near_miss_named(folder: Path) -> None:
    (folder / "cell.DTA").write_text(TABLE)
    assert read(folder / "cell.DTA", format="delimited").names == ("cell",)
    with pytest.raises(UnreadableFile, match="no impedance in this EC-Lab file"):
        read(folder / "cell2.csv", format="eclab")
    with pytest.raises(InvalidInput, match=r"format='zanher' is unknown; .*did you mean 'zahner'"):
        read(folder, format="zanher")


def test_built_in_readers() -> None:
    assert {r.name for r in readers()} >= {"delimited", "eclab", "zahner"}
    assert all(r.description and all(s.startswith(".") for s in r.suffixes) for r in readers())


@pytest.mark.usefixtures("registered")
def test_registered_reader_comes_first_and_is_completed(tmp_path: Path) -> None:
    spectra = [
        Spectrum(np.array([1.0, 2.0]), np.array([1j, 2j + k]), notes=["both", f"only {k}"], coordinates={"soc": k / 2})
        for k in range(2)
    ]
    register(reader("mine", lambda _: spectra, ".csv"))
    path = tmp_path / "x.csv"
    path.write_text(TABLE)
    assert readers()[0].name == "mine"
    campaign = read(path)
    assert campaign.names == ("x#1", "x#2")
    assert campaign.notes == ("x.csv: both", "x#1: only 0", "x#2: only 1")
    assert campaign.coordinates["soc"].tolist() == [0, 0.5]
    assert list(campaign.sources) == [str(path)]
    assert read(path, format="delimited").names == ("x",)
    register(reader("mine", lambda _: spectra[:1], ".csv"))
    assert len(read(path)) == 1
    with pytest.raises(InvalidInput, match=r"needs a drtengine.io.Reader, got str"):
        register("mine")  # type: ignore[arg-type]


@pytest.mark.usefixtures("registered")
def test_whatever_a_reader_raises_names_the_file(tmp_path: Path) -> None:
    def broken(_: Path) -> list[Spectrum]:
        raise KeyError("frequency")

    path = tmp_path / "x.xyz"
    path.write_text("some")
    register(reader("broken", broken))
    with pytest.raises(UnreadableFile, match=r"x\.xyz: the reader 'broken' failed: KeyError: 'frequency'"):
        read(path)
    register(reader("broken", lambda _: []))
    with pytest.raises(UnreadableFile, match=r"the reader 'broken' found no spectrum"):
        read(path)


PLUGIN = reader("plugin", lambda _: [Spectrum(np.array([1.0]), np.array([1j]))])


@pytest.mark.usefixtures("registered")
def test_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in is found; a broken one is a warning, once, and not fatal."""
    points = [
        EntryPoint("good", f"{__name__}:PLUGIN", registry.ENTRY_POINTS),
        EntryPoint("absent", "no_such_module:READER", registry.ENTRY_POINTS),
        EntryPoint("wrong", "math:pi", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points if group == "drtengine.readers" else [])
    registry._load_plugins.cache_clear()
    with pytest.warns(DataWarning) as caught:
        names = [r.name for r in readers()]
    assert names[0] == "plugin"
    assert ["'absent'" in str(caught[0].message), "'wrong'" in str(caught[1].message)] == [True, True]
    assert len(caught) == 2
    path = tmp_path / "x.xyz"
    path.write_text("some")
    assert read(path).Z.tolist() == [[1j]]


def test_every_text_file_of_the_shared_data_is_read_or_refused(shared_data: Path) -> None:
    """Nothing but UnreadableFile is ever raised, and what is read has positive frequencies."""
    read_count = 0
    for path in sorted(shared_data.rglob("*")):
        if (
            path.suffix not in {".csv", ".txt", ".mpt", ".ism", ".z", ".DTA", ".par", ".mpr"}
            or path.stat().st_size > 500_000
        ):
            continue
        if "EIS_state_V" in path.name:  # under current, suspicious: tested elsewhere
            continue
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*uncalibrated", category=DataWarning)
                campaign = read(path)
        except UnreadableFile as error:
            text = str(error)
            assert str(path) in text
            continue
        read_count += 1
        assert (campaign.frequency[campaign.is_point] > 0).all()
        assert np.isfinite(campaign.Z[campaign.is_point]).all()
    assert read_count > 70


@pytest.mark.parametrize("address", ["https://example.org/cell.csv", "s3://cells/*.mpt"])
@pytest.mark.parametrize("reads", [read, read_table, lambda address: read([address])])
def test_addresses_are_refused_with_advice(reads: Callable[[str], object], address: str) -> None:
    with pytest.raises(InvalidInput, match="is an address; files are read from this machine: fetch it first"):
        reads(address)


def test_a_drive_is_no_address() -> None:
    with pytest.raises(UnreadableFile, match="there is no file"):
        read("C://cell.csv")
