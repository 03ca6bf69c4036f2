"""Folders as they are: mixed, partly broken, misnamed, in any encoding; and large files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drtengine.io import read

F = np.geomspace(1e4, 1e-1, 11)
Z = 2 + 5 / (1 + 2j * np.pi * F * 1e-3)


def table(factor: float = 1.0, header: str = "Frequency / Hz;Z' / ohm;Z'' / ohm", sign: str = ".") -> str:
    rows = [f"{f!r};{factor * z.real!r};{factor * z.imag!r}" for f, z in zip(F.tolist(), Z.tolist(), strict=True)]
    return "\n".join([header, *(row.replace(".", sign) for row in rows)])


def test_one_corrupt_file_among_five_hundred(tmp_path: Path) -> None:
    for i in range(499):
        (tmp_path / f"cell{i}.csv").write_text(table(1 + i))
    (tmp_path / "cell250b.csv").write_text(table().replace("1000.0;", "10x0.0;"))
    campaign = read(tmp_path)
    assert len(campaign) == 499
    np.testing.assert_array_equal(campaign.Z.real[:, 0], (1 + np.arange(499)) * Z.real[0])
    assert campaign.names is not None
    assert campaign.names[:3] == ("cell0", "cell1", "cell2")
    (note,) = campaign.notes
    assert note.startswith("skipped ")
    assert "cell250b.csv, line 4: 'Frequency / Hz' is '10x0.0', not a number; correct or delete the line" in note


def test_mixed_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(table())
    (tmp_path / "b.txt").write_text(table(2, sign=","), encoding="utf-16")
    (tmp_path / "c.CSV").write_text(table(3), encoding="utf-8-sig")
    (tmp_path / "d.dat").write_bytes(table(4, header="Frequenz (Hz);Z' (Ohm);Z'' (Ohm);µ").encode("latin-1"))
    (tmp_path / "e.txt").write_text(table(5, header="Frequency / Hz;Z' / Ω;Z'' / Ω"), encoding="utf-8")
    unrelated = {
        "readme.md": b"about",
        "photo.jpg": b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40,
        "run.py": b"re = im\n",
    }
    unrelated |= {"cv.csv": b"time/s,Ewe/V,I/mA\n1,2,3\n", "empty.txt": b"", "archive.zip": b"PK\x03\x04" + bytes(99)}
    for name, content in unrelated.items():
        (tmp_path / name).write_bytes(content)
    campaign = read(tmp_path)
    assert campaign.coordinates["file"].tolist() == ["a.csv", "b.txt", "c.CSV", "d.dat", "e.txt"]
    np.testing.assert_array_equal(campaign.Z.imag, np.arange(1, 6)[:, None] * Z.imag)
    skipped = [note for note in campaign.notes if note.startswith("skipped ")]
    assert len(skipped) == len(unrelated)
    assert all(any(name in note for note in skipped) for name in unrelated)
    assert "line 1 has the columns 'time/s', 'Ewe/V', 'I/mA'" in "\n".join(skipped)


def test_copies_are_reported(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(table())
    (tmp_path / "b.csv").write_text(table(2))
    (tmp_path / "copy of a.csv").write_text(table())
    rows = "\n".join(table(3).split("\n")[1:])
    (tmp_path / "twice.csv").write_text(table(3) + "\n" + rows)
    assert read(tmp_path).notes[-1] == (
        "2 of 5 spectra repeat another one in every number: copy of a is a, twice#2 is twice#1"
    )


def in_other_units(tmp_path: Path, frequency: float, ohm: float) -> list[str]:
    for i in range(4):
        (tmp_path / f"cell{i}.csv").write_text(table(1 + i / 10))
    rows = [f"{frequency * f!r};{ohm * z.real!r};{ohm * z.imag!r}" for f, z in zip(F.tolist(), Z.tolist(), strict=True)]
    (tmp_path / "odd.csv").write_text("\n".join(["f;Re;Im", *rows]))
    return list(read(tmp_path).notes)


@pytest.mark.parametrize(
    ("frequency", "ohm", "note"),
    [
        (1, 1000, "odd: abs(Z) is 1000 times larger than that of most others; is it in mohm?"),
        (1, 1e-3, "odd: abs(Z) is 1000 times smaller than that of most others; is it in kohm?"),
        (1, 1e-6, "odd: abs(Z) is 1e+06 times smaller than that of most others; is it in Mohm?"),
        (1e-3, 1, "odd: all frequencies are 0.001 times those of most; are they in kHz?"),
        (2 * np.pi, 1, "odd: all frequencies are 6.283 times those of most; are they in rad/s?"),
        (1, 100, None),
        (2, 1, None),
    ],
)
def test_doubtful_units_are_asked_about(tmp_path: Path, frequency: float, ohm: float, note: str | None) -> None:
    assert in_other_units(tmp_path, frequency, ohm) == ([note] if note else [])


def test_units_are_not_doubted_where_nothing_agrees(tmp_path: Path) -> None:
    for i, factor in enumerate((1, 1000, 1e-3, 1e6)):
        (tmp_path / f"cell{i}.csv").write_text(table(factor))
    assert read(tmp_path).notes == ()


def test_nan_rows_stay_and_spoil_their_spectrum_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(table())
    (tmp_path / "b.csv").write_text(table().replace(f"{Z.tolist()[3].real!r}", "NaN"))
    campaign = read(tmp_path)
    assert np.isnan(campaign.Z).sum() == 1
    assert campaign.problems.tolist() == [0, 4]


@pytest.mark.parametrize("name", ["cell.txt", "cell.bin", "cell"])
def test_zahner_under_another_name(shared_data: Path, tmp_path: Path, name: str) -> None:
    original = shared_data / "zahner_ism_diode" / "rc-data.ism"
    (tmp_path / name).write_bytes(original.read_bytes())
    np.testing.assert_array_equal(read(tmp_path / name).Z, read(original).Z)


def test_two_hundred_thousand_rows(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    lines = [f"{f:.9g},{z.real:.9g},{z.imag:.9g}\n" for f, z in zip(F, Z, strict=True)]
    path.write_text("f,Re,Im\n" + "".join(f"{line[:-1]}\n" for line in lines * 18_182))
    campaign = read(path)
    assert campaign.Z.shape == (18_182, 11)
    np.testing.assert_allclose(campaign.Z, np.broadcast_to(Z, campaign.Z.shape), rtol=1e-8)
