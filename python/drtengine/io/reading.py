"""`read`: files, folders and patterns to one campaign."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ..campaign import Campaign, frequency_grids
from ..errors import DataWarning, InvalidInput, MissingExtra, UnreadableFile
from ..folders import local_path
from ..places import listed
from ..spectrum import Spectrum, looks_flipped
from .assign import CoordinateTable, assign_pattern, assign_table
from .plausible import doubtful_units
from .registry import UNCALIBRATED, Reader, known_formats, reader_for, reader_named

PathLike: TypeAlias = str | os.PathLike[str]

_HEAD_BYTES = 8192


def read(
    path: PathLike | Sequence[PathLike],
    *,
    format: str | None = None,
    coordinates: CoordinateTable | None = None,
    pattern: str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Campaign:
    """Read impedance files into a campaign.

    Parameters
    ----------
    path : path, or sequence of paths
        A file, a folder (its files, not those of its subfolders), a pattern such as ``"data/*.csv"``, or several
        of these in the order given. Files of a folder or pattern are sorted naturally: file2 before file10.
    format : str, optional
        Name of the reader, see `readers`; told from each file if left out.
    coordinates : path, DataFrame or mapping of str to array_like, optional
        A table with a column "file" that names files (or spectra: "cell#3") and columns of coordinates, which
        are added and win over those of the files; what they replace is noted.
    pattern : str, optional
        What file names tell, such as ``"{cell}_{voltage}mV"``: ``{name}`` is text (but voltage, current, temperature,
        time, cycle and soc are numbers), ``{name:f}`` a number, ``{name:d}`` a whole number, ``*`` anything; a unit
        after a field is converted. The pattern wins over the files, the table over the pattern.
    progress : callable (done, total), optional
        Called after every file.

    Returns
    -------
    Campaign
        Frequency in Hz, Z in ohm with its true sign. Its coordinates are "file" and what the files give of
        cycle, time (s), voltage (V), current (A), temperature (°C) and more; its notes say what was dropped,
        guessed or skipped, its sources give the SHA-256 of each file.

    Raises
    ------
    UnreadableFile
        If a file named explicitly cannot be read, or a folder or pattern has no file that can. In folders and
        patterns files that cannot be read are skipped and named in the notes.
    InvalidInput
        If `format` is unknown, a path is an address (URL), or the table or the pattern fits no file.

    Warns
    -----
    DataWarning
        If Z'' seems to have the wrong sign. It is never turned silently.

    Examples
    --------
    >>> campaign = read("cell_7/*.mpt", pattern="{cell}_{voltage:f}V")  # doctest: +SKIP
    """
    reader = None if format is None else reader_named(format)
    files = list(find_files(path))
    spectra: list[Spectrum] = []
    notes: list[str] = []
    skipped: list[str] = []
    for done, file in enumerate(files, 1):
        try:
            of_file, of_notes = _read_file(file, reader)
        except (UnreadableFile, MissingExtra) as error:
            if file.named:
                raise
            skipped.append(str(error) if isinstance(error, UnreadableFile) else f"{file.path}: {error}")
        else:
            spectra += of_file
            notes += of_notes
        if progress is not None:
            progress(done, len(files))
    if not spectra:
        reasons = "\n  ".join(skipped[:10]) + ("\n  ..." if len(skipped) > 10 else "")
        raise UnreadableFile(
            f"none of {len(files)} file(s) in {path} can be read as impedance; known are {known_formats()}\n  {reasons}"
        )
    campaign = Campaign.from_spectra(spectra)
    notes += [*campaign.notes, *_notes_of_signs(campaign), *_notes_of_copies(campaign)]
    notes += [*doubtful_units(campaign), *(f"skipped {reason}" for reason in skipped)]
    for about in (_FLIPPED, UNCALIBRATED):
        _warn(notes, about)
    campaign = replace(campaign, notes=notes)
    if pattern is not None:
        campaign = assign_pattern(campaign, pattern)
    return campaign if coordinates is None else assign_table(campaign, coordinates)


def natural_key(path: PathLike) -> list[tuple[int, int, str]]:
    """Sort key that puts file2 before file10."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


@dataclass(frozen=True)
class _File:
    path: Path
    named: bool
    """Whether the caller named this very file, so that it must be readable."""


def find_files(path: PathLike | Sequence[PathLike]) -> Iterator[_File]:
    """Yield the files behind a path, a folder, a pattern or a sequence of these."""
    if not isinstance(path, str | os.PathLike | Sequence):
        raise InvalidInput(f"read() needs paths, got {path!r}")
    if not isinstance(path, str | os.PathLike):
        paths = list(path)
        if not paths:
            raise InvalidInput("read() needs at least one path, got an empty list")
        for one in paths:
            yield from find_files(one)
        return
    given = local_path(path)
    if given.is_dir():
        found = [p for p in given.iterdir() if p.is_file() and not p.name.startswith(".")]
        if not found:
            raise UnreadableFile(f"the folder {given} has no file in it")
    elif given.exists():
        yield _File(given, named=True)
        return
    else:
        found = [Path(p) for p in glob.glob(str(given), recursive=True) if Path(p).is_file()]
        if not found:
            what = "no file matches" if glob.has_magic(str(given)) else "there is no file"
            raise UnreadableFile(f"{what} {str(given)!r} (looked from {Path.cwd()})")
    yield from (_File(p, named=False) for p in sorted(found, key=natural_key))


def _read_file(file: _File, reader: Reader | None) -> tuple[list[Spectrum], list[str]]:
    """Read one file and complete its spectra, whose notes stand beside; a reader that fails raises UnreadableFile."""
    path = file.path
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if not head:
            raise UnreadableFile(f"{path} is empty")
        reader = reader or reader_for(path, head)
        if reader is None:
            advice = f"; known are {known_formats()}. Name one by format= if it fits, or export the data as csv"
            raise UnreadableFile(f"{path}: no reader recognises this file{advice if file.named else ''}")
        spectra = reader.read(path)
    except (UnreadableFile, MissingExtra):
        raise
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be opened: {error.strerror or error}") from error
    except Exception as error:
        name = f"the reader {reader.name!r}" if reader else "recognising the format"
        raise UnreadableFile(f"{path}: {name} failed: {type(error).__name__}: {error}") from error
    if not spectra:
        raise UnreadableFile(f"{path}: the reader {reader.name!r} found no spectrum in it")
    names = [s.name or (path.stem if len(spectra) == 1 else f"{path.stem}#{i}") for i, s in enumerate(spectra, 1)]
    completed = [
        replace(
            spectrum,
            name=name,
            coordinates={"file": path.name, **spectrum.coordinates},
            sources=spectrum.sources or {str(path): digest},
            notes=(),
        )
        for name, spectrum in zip(names, spectra, strict=True)
    ]
    return completed, _notes_of_file(path.name, names, [s.notes for s in spectra])


_FLIPPED = "Z'' contradicts Z' (Kramers-Kronig): its sign is wrong, or the cell was not at rest; it was left as it is"


def _notes_of_signs(campaign: Campaign) -> list[str]:
    """List files, or spectra of files, whose Z'' seems to have the wrong sign."""
    used = campaign.is_point & (campaign.frequency > 0) & np.isfinite(campaign.frequency) & np.isfinite(campaign.Z)
    flipped = np.zeros(len(campaign), dtype=bool)
    for rows, points in frequency_grids(campaign.frequency, used):
        flipped[rows] = looks_flipped(campaign.frequency[rows[0], points], campaign.Z[np.ix_(rows, points)])
    files = campaign.coordinates["file"]
    whole = {str(file) for file in set(files[flipped]) if flipped[files == file].all()}
    about = [file if (file := str(files[i])) in whole else campaign.label(int(i)) for i in np.flatnonzero(flipped)]
    return [f"{name}: {_FLIPPED}" for name in dict.fromkeys(about)]


def _notes_of_copies(campaign: Campaign) -> list[str]:
    """List spectra whose every number is that of an earlier one."""
    first: dict[int, int] = {}
    copies = []
    for i in range(len(campaign)):
        content = b"" if campaign.is_shared else campaign.frequency[i].tobytes()
        original = first.setdefault(hash(content + campaign.Z[i].tobytes()), i)
        if original != i and all(
            np.array_equal(table[i], table[original], equal_nan=True) for table in (campaign.frequency, campaign.Z)
        ):
            copies.append(f"{campaign.label(i)} is {campaign.label(original)}")
    if not copies:
        return []
    return [f"{len(copies)} of {len(campaign)} spectra repeat another one in every number: {listed(copies)}"]


def _notes_of_file(file: str, names: Sequence[str], notes: Sequence[Sequence[str]]) -> list[str]:
    """List the notes of a file: those all its spectra share once, the others by spectrum."""
    shared = [note for note in notes[0] if all(note in others for others in notes)]
    own = [f"{name}: {note}" for name, of in zip(names, notes, strict=True) for note in of if note not in shared]
    return [f"{file}: {note}" for note in shared] + own


def _warn(notes: Sequence[str], about: str) -> None:
    """Turn notes that end alike into one warning."""
    found = [note.removesuffix(f": {about}") for note in notes if note.endswith(about)]
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        warnings.warn(f"{', '.join(found[:5])}{more}: {about}", DataWarning, stacklevel=3)
