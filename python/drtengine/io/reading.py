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

from ..campaign import Campaign
from ..errors import DataWarning, InvalidInput, UnreadableFile
from ..spectrum import Spectrum, looks_flipped
from .registry import Reader, known_formats, reader_for, reader_named

PathLike: TypeAlias = str | os.PathLike[str]

_HEAD_BYTES = 8192


def read(
    path: PathLike | Sequence[PathLike],
    *,
    format: str | None = None,
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
        If `format` is unknown.

    Warns
    -----
    DataWarning
        If Z'' seems to have the wrong sign. It is never turned silently.

    Examples
    --------
    >>> campaign = read("cell_7/*.mpt")  # doctest: +SKIP
    """
    reader = None if format is None else reader_named(format)
    files = list(find_files(path))
    spectra: list[Spectrum] = []
    notes: list[str] = []
    skipped: list[str] = []
    for done, file in enumerate(files, 1):
        try:
            of_file = _read_file(file, reader)
        except UnreadableFile as error:
            if file.named:
                raise
            skipped.append(str(error))
        else:
            spectra += [replace(spectrum, notes=()) for spectrum in of_file]
            notes += _notes_of_file(of_file)
        if progress is not None:
            progress(done, len(files))
    if not spectra:
        reasons = "\n  ".join(skipped[:10]) + ("\n  ..." if len(skipped) > 10 else "")
        raise UnreadableFile(
            f"none of {len(files)} file(s) in {path} can be read as impedance; known are {known_formats()}\n  {reasons}"
        )
    campaign = Campaign.from_spectra(spectra)
    notes += [*campaign.notes, *(f"skipped {reason}" for reason in skipped)]
    _warn_of_flipped_signs(notes)
    return replace(campaign, notes=notes)


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
    given = Path(path).expanduser()
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


def _read_file(file: _File, reader: Reader | None) -> list[Spectrum]:
    """Read one file and complete its spectra; whatever a reader raises becomes UnreadableFile."""
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
    except UnreadableFile:
        raise
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be opened: {error.strerror or error}") from error
    except Exception as error:
        name = f"the reader {reader.name!r}" if reader else "recognising the format"
        raise UnreadableFile(f"{path}: {name} failed: {type(error).__name__}: {error}") from error
    if not spectra:
        raise UnreadableFile(f"{path}: the reader {reader.name!r} found no spectrum in it")
    return [
        replace(
            spectrum,
            name=spectrum.name or (path.stem if len(spectra) == 1 else f"{path.stem}#{number}"),
            coordinates={"file": path.name, **spectrum.coordinates},
            sources=spectrum.sources or {str(path): digest},
            notes=[*spectrum.notes, *_sign_note(spectrum)],
        )
        for number, spectrum in enumerate(spectra, 1)
    ]


_FLIPPED = "Z'' contradicts Z' (Kramers-Kronig): its sign is wrong, or the cell was not at rest; it was left as it is"


def _sign_note(spectrum: Spectrum) -> list[str]:
    usable = (spectrum.frequency > 0) & np.isfinite(spectrum.frequency) & np.isfinite(spectrum.Z)
    return [_FLIPPED] if looks_flipped(spectrum.frequency[usable], spectrum.Z[usable]) else []


def _notes_of_file(spectra: Sequence[Spectrum]) -> list[str]:
    """List the notes of a file: those all its spectra share once, the others by spectrum."""
    file = str(spectra[0].coordinates["file"])
    shared = [note for note in spectra[0].notes if all(note in spectrum.notes for spectrum in spectra)]
    own = [f"{s.name}: {note}" for s in spectra for note in s.notes if note not in shared]
    return [f"{file}: {note}" for note in shared] + own


def _warn_of_flipped_signs(notes: Sequence[str]) -> None:
    found = [note.removesuffix(f": {_FLIPPED}") for note in notes if note.endswith(_FLIPPED)]
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        warnings.warn(f"{', '.join(found[:5])}{more}: {_FLIPPED}", DataWarning, stacklevel=3)
