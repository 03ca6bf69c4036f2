"""Where the spectra of a batch come from: memory, files, a function that makes them, or an iterator."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..campaign import Campaign
from ..errors import DataWarning, InvalidInput, MissingExtra, UnreadableFile
from ..io import read
from ..io.assign import CoordinateRows, assign_pattern, check_pattern
from ..io.reading import find_files
from ..options import check_count
from ..spectrum import Spectrum, frozen_array
from .manifest import read_json, spool_path, write_json
from .spool import read_part, write_part
from .survey import Survey, join

PathLike: TypeAlias = str | os.PathLike[str]
Piece: TypeAlias = Callable[[], Campaign]
"""Gives some spectra, in the process that inverts them."""
Runner: TypeAlias = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[Any]]
"""Calls a function with each of the arguments, somewhere, and yields what it returns in any order."""

_MOST_FILES_IN_PART = 16
_MOST_ROWS_IN_PART = 4096


@dataclass(frozen=True)
class LazyCampaign:
    """Spectra that a function makes when they are needed.

    Parameters
    ----------
    make : callable (start, stop) -> Campaign
        Spectra from number `start` up to, but without, number `stop`. It is called in the process that inverts
        them, in any order, possibly more than once, and must then give the same spectra again.
    count : int
        Number of spectra.
    name : str
        What tells these spectra from others: a run is only resumed with the same name.
    frequency : array_like, shape [point], optional
        The frequencies (Hz), where all spectra share them. If left out, a first pass makes all spectra once to see
        what frequencies they have.

    Examples
    --------
    >>> f = np.geomspace(1e5, 1e-2, 71)
    >>> def make(start, stop):
    ...     tau = 1e-3 * 1.001 ** np.arange(start, stop)
    ...     return Campaign.from_arrays(f, 10 + 50 / (1 + 2j * np.pi * f * tau[:, None]))
    >>> LazyCampaign(make, 1_000_000, "RC, tau from 1 ms on", f)
    <LazyCampaign: 1000000 spectra, RC, tau from 1 ms on>
    """

    make: Callable[[int, int], Campaign]
    count: int
    name: str
    frequency: ArrayLike | None = None

    def __post_init__(self) -> None:
        if not callable(self.make):
            raise InvalidInput(f"make must be callable with (start, stop), got {self.make!r}")
        object.__setattr__(self, "count", check_count("count", self.count, 1))  # the class is frozen
        if not isinstance(self.name, str) or not self.name:
            raise InvalidInput(f"name must be a text that tells these spectra from others, got {self.name!r}")
        if self.frequency is not None:
            object.__setattr__(self, "frequency", frozen_array(self.frequency, np.float64, "frequency", 1))

    def __repr__(self) -> str:
        return f"<LazyCampaign: {self.count} spectra, {self.name}>"


class Source(Protocol):
    """What the inversion asks of the input."""

    def fingerprint(self) -> dict[str, Any]:
        """Tell this input from another, as JSON takes it."""

    def survey(self, options: Mapping[str, Any], run: Runner, progress: Callable[[int], object]) -> dict[str, Any]:
        """Make the first pass: give a `Survey` as JSON, and what `bind` asks for."""

    def bind(self, found: Mapping[str, Any]) -> Callable[[int, int], Piece]:
        """Give the function that cuts pieces, from what the first pass found."""

    def sample(self, count: int) -> tuple[Campaign, int | None]:
        """Give a few spectra, and how many there are in all as far as that is known."""


class Reading(NamedTuple):
    """How files are read: the name of the reader of all, what their names tell, and what a table says; see `read`."""

    format: str | None = None
    pattern: str | None = None
    coordinates: CoordinateRows | None = None

    def fingerprint(self) -> dict[str, Any]:
        """Tell it from another, as JSON takes it; of the table, the row of each name."""
        table = self.coordinates
        rows = None
        if table is not None:
            cells = {name: [None if one in ("nan", "NaT") else one for one in values.astype(str).tolist()]
                     for name, values in table.columns.items()}  # fmt: skip
            rows = {name: {c: cells[c][row] for c in cells} for row, name in enumerate(table.names)}
        return {"format": self.format, "pattern": self.pattern, "coordinates": rows}

    def among(self, files: Sequence[str]) -> _Rows:
        """Sort the rows of the table by what they speak of.

        Raises
        ------
        InvalidInput
            If none speaks of any of the files.
        """
        table, files_named = self.coordinates, {name for file in files for name in _names_of(file)}
        row_of: dict[str, list[int]] = {}
        strangers = []
        for row, name in enumerate(() if table is None else table.names):
            about = name if name in files_named else name.rpartition("#")[0]
            if about in files_named:
                row_of.setdefault(about, []).append(row)
            else:
                strangers.append(name)
        if table is not None and not row_of:
            raise InvalidInput(f"{table.what} names none of the files; it has {strangers[0]!r}, a file is {files[0]!r}")
        return _Rows(self, row_of, strangers)


@dataclass(frozen=True)
class _Rows:
    """Rows of a table of coordinates for each name of a file, with or without suffix, and those for none."""

    reading: Reading
    row_of: Mapping[str, Sequence[int]]
    strangers: Sequence[str]

    def reading_of(self, files: Iterable[str]) -> Reading:
        """Leave in only what may speak of these files, since it goes to other processes."""
        table = self.reading.coordinates
        if table is None:
            return self.reading
        names = dict.fromkeys(name for file in files for name in _names_of(file))
        return self.reading._replace(coordinates=table.take([row for n in names for row in self.row_of.get(n, ())]))

    @property
    def notes(self) -> list[str]:
        """Say which rows are for nothing."""
        table = self.reading.coordinates
        return [] if table is None or not self.strangers else [table.without_files(self.strangers)]


def _names_of(file: str) -> tuple[str, str]:
    path = Path(file)
    return path.name, path.stem


def source_of(data: object, folder: Path, reading: Reading) -> Source:
    """Tell what kind of input it is.

    Raises
    ------
    InvalidInput
        If it is none that is known, or no file is there.
    """
    if reading.pattern is not None:
        check_pattern(reading.pattern)  # one that makes no sense is told before anything is read
    if isinstance(data, str | os.PathLike):
        return FileSource(data, folder, reading)
    if isinstance(data, Sequence) and data and all(isinstance(one, str | os.PathLike) for one in data):
        return FileSource(data, folder, reading)
    if reading.coordinates is not None:
        raise InvalidInput("a table of coordinates is for files; give a Campaign its coordinates before the batch")
    if isinstance(data, Spectrum):
        data = Campaign.from_spectra([data])
    if isinstance(data, Campaign):
        return MemorySource(data)
    if isinstance(data, LazyCampaign):
        return LazySource(data)
    if isinstance(data, Iterable):
        return IteratorSource(data, folder)
    raise InvalidInput(
        f"a batch takes a Campaign, paths, a LazyCampaign or an iterable of Campaigns, got {type(data).__name__}"
    )


def _same(campaign: Campaign) -> Campaign:
    return campaign


@dataclass(frozen=True)
class MemorySource:
    """A campaign at hand."""

    campaign: Campaign

    def fingerprint(self) -> dict[str, Any]:
        """Hash all numbers."""
        digest = hashlib.sha256()
        c = self.campaign
        tables = [
            c.frequency[0] if c.is_shared else c.frequency,
            c.Z,
            *(c.coordinates[k] for k in sorted(c.coordinates)),
        ]
        for table in tables:
            digest.update(np.ascontiguousarray(table).tobytes())
        return {"kind": "campaign", "spectra": len(c), "sha256": digest.hexdigest()}

    def survey(self, options: Mapping[str, Any], run: Runner, progress: Callable[[int], object]) -> dict[str, Any]:
        """Look at it."""
        return {"survey": Survey.of(self.campaign, options).to_json()}

    def bind(self, found: Mapping[str, Any]) -> Callable[[int, int], Piece]:
        """Cut slices."""
        return lambda start, stop: partial(_same, self.campaign[start:stop])

    def sample(self, count: int) -> tuple[Campaign, int | None]:
        """Give spectra evenly from the campaign."""
        total = len(self.campaign)
        rows = np.unique(np.linspace(0, total - 1, min(count, total)).astype(int))
        return self.campaign[rows], total


@dataclass(frozen=True)
class LazySource:
    """Spectra made by a function."""

    lazy: LazyCampaign

    def fingerprint(self) -> dict[str, Any]:
        """Go by the name."""
        frequency = None if self.lazy.frequency is None else np.asarray(self.lazy.frequency).tolist()
        return {"kind": "made", "spectra": self.lazy.count, "name": self.lazy.name, "frequency": frequency}

    def survey(self, options: Mapping[str, Any], run: Runner, progress: Callable[[int], object]) -> dict[str, Any]:
        """Look at all spectra, or at a few where the frequencies are known."""
        count, step = self.lazy.count, _MOST_ROWS_IN_PART
        if self.lazy.frequency is not None:
            few = Survey.of(_make(self.lazy, 0, min(count, 64)), options).to_json()
            return {"survey": {**few, "count": count, "usable": count if few["usable"] else 0}}
        found: dict[int, Survey] = {}
        tasks = [(self.lazy, start, min(start + step, count), dict(options)) for start in range(0, count, step)]
        for start, survey in run(_survey_made, tasks):
            found[start] = survey
            progress(sum(s.count for s in found.values()))
        return {"survey": _sum([found[start] for start in sorted(found)]).to_json()}

    def bind(self, found: Mapping[str, Any]) -> Callable[[int, int], Piece]:
        """Make spectra."""
        return lambda start, stop: partial(_make, self.lazy, start, stop)

    def sample(self, count: int) -> tuple[Campaign, int | None]:
        """Make the first spectra."""
        return _make(self.lazy, 0, min(count, self.lazy.count)), self.lazy.count


def _make(lazy: LazyCampaign, start: int, stop: int) -> Campaign:
    """Make spectra, and check that they are what was announced."""
    which = f"spectra {start} to {stop - 1} of {lazy.name!r}"
    try:
        made = lazy.make(start, stop)
    except Exception as error:
        raise InvalidInput(f"{which}: make failed: {type(error).__name__}: {error}") from error
    if not isinstance(made, Campaign) or len(made) != stop - start:
        got = f"a Campaign of {len(made)}" if isinstance(made, Campaign) else type(made).__name__
        raise InvalidInput(f"{which}: make must return a Campaign of {stop - start} spectra, got {got}")
    if lazy.frequency is not None and not (made.is_shared and np.array_equal(made.frequency[0], lazy.frequency)):
        raise InvalidInput(f"{which}: make gave other frequencies than `frequency` says; leave `frequency` out")
    return made


def _survey_made(lazy: LazyCampaign, start: int, stop: int, options: Mapping[str, Any]) -> tuple[int, Survey]:
    return start, Survey.of(_make(lazy, start, stop), options)


@dataclass(frozen=True)
class PieceOfParts:
    """Spectra from parts in the spool, or from their files where the spool is gone."""

    folder: Path
    parts: tuple[tuple[int, int, int, int, tuple[str, ...]], ...]
    """For each part: first row, and the first after the last; its number, its rows, its files."""
    reading: Reading

    def __call__(self) -> Campaign:
        """Read them."""
        return join([self._part(number, rows, files)[a:b] for a, b, number, rows, files in self.parts])

    def _part(self, number: int, rows: int, files: tuple[str, ...]) -> Campaign:
        path = spool_path(self.folder) / f"{number:07d}.npz"
        if path.exists():
            return read_part(path)
        if not files:
            raise InvalidInput(f"{path} is gone, and an iterator cannot be asked again; begin anew in another folder")
        campaign, _ = _read_all(files, self.reading)
        if campaign is None or len(campaign) != rows:
            found = 0 if campaign is None else len(campaign)
            raise UnreadableFile(
                f"{files[0]} to {files[-1]}: {found} spectra can be read where there were {rows} before; "
                "bring the files back, or begin anew in another folder"
            )
        return campaign


@dataclass(frozen=True)
class FileSource:
    """Files, read once each, in parallel."""

    paths: PathLike | Sequence[PathLike]
    folder: Path
    reading: Reading

    def fingerprint(self) -> dict[str, Any]:
        """Go by names, sizes and times of change."""
        files = {}
        for file in self.files():
            try:
                stat = file.stat()
                files[str(file)] = [stat.st_size, stat.st_mtime_ns]
            except OSError:
                files[str(file)] = [-1, -1]
        return {"kind": "files", **self.reading.fingerprint(), "files": files}

    def files(self) -> list[Path]:
        """List the files."""
        inside = self.folder.resolve()
        return [p for file in find_files(self.paths) if inside not in (p := file.path.absolute()).parents]

    def survey(self, options: Mapping[str, Any], run: Runner, progress: Callable[[int], object]) -> dict[str, Any]:
        """Read all files into the spool."""
        files = [str(path) for path in self.files()]
        size = int(np.clip(len(files) // 32, 1, _MOST_FILES_IN_PART))
        groups = [tuple(files[at : at + size]) for at in range(0, len(files), size)]
        rows = self.reading.among(files)
        tasks = [(self.folder, n, group, rows.reading_of(group), dict(options)) for n, group in enumerate(groups)]
        found: dict[int, dict[str, Any]] = {}
        for number, content in run(_spool_files, tasks):
            found[number] = content
            progress(sum(len(groups[n]) for n in found))
        parts = [found[number] for number in range(len(groups))]
        skipped = [reason for part in parts for reason in part["skipped"]]
        surveys = [Survey(**part["survey"]) for part in parts if part["survey"] is not None]
        if not surveys:
            listed = "\n  ".join(skipped[:10]) + ("\n  ..." if len(skipped) > 10 else "")
            raise UnreadableFile(f"none of {len(files)} file(s) can be read as impedance\n  {listed}")
        return {
            "survey": _sum(surveys).to_json(),
            "rows": [0 if part["survey"] is None else part["survey"]["count"] for part in parts],
            "groups": groups,
            "skipped": skipped,
            "notes": rows.notes,
        }

    def bind(self, found: Mapping[str, Any]) -> Callable[[int, int], Piece]:
        """Find the parts that hold the spectra."""
        groups = [tuple(group) for group in found["groups"]]
        rows = self.reading.among([file for group in groups for file in group])
        return _cut_parts(self.folder, found["rows"], groups, rows.reading_of)

    def sample(self, count: int) -> tuple[Campaign, int | None]:
        """Read some files, evenly from all."""
        files = [str(path) for path in self.files()]
        some = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, min(8, len(files))).astype(int))]
        campaign, skipped = _read_all(some, self.reading.among(files).reading_of(some))
        if campaign is None:
            raise UnreadableFile(f"none of {len(some)} files tried can be read:\n  " + "\n  ".join(skipped))
        return campaign[:count], round(len(campaign) * len(files) / len(some))


def _read_all(files: Sequence[str], reading: Reading) -> tuple[Campaign | None, list[str]]:
    """Read files one by one; give their spectra, and the reasons why some could not be read."""
    campaigns, skipped = [], []
    for file in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataWarning)  # the notes of the campaign tell it too
                campaigns.append(_with_coordinates(read(file, format=reading.format), reading))
        except (UnreadableFile, MissingExtra) as error:
            reason = str(error).split("; known are ", 1)[0]  # once for every file is too often
            skipped.append(reason if reason.startswith(str(file)) else f"{file}: {reason}")
    return (join(campaigns) if campaigns else None), skipped


def _with_coordinates(campaign: Campaign, reading: Reading) -> Campaign:
    """Take coordinates from the name of the file and from the table; notes say where these tell nothing."""
    if reading.pattern is not None:
        campaign = assign_pattern(campaign, reading.pattern, alone=False)
    return campaign if reading.coordinates is None else reading.coordinates.assign(campaign, alone=False)


def _spool_files(
    folder: Path, number: int, files: tuple[str, ...], reading: Reading, options: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Read a few files into a part of the spool, unless that was done before."""
    told = spool_path(folder) / f"{number:07d}.json"
    if told.exists():
        return number, read_json(told)
    campaign, skipped = _read_all(files, reading)
    survey = None
    if campaign is not None:
        write_part(told.with_suffix(".npz"), campaign)
        survey = Survey.of(campaign, options).to_json()
    content = {"survey": survey, "skipped": skipped}
    write_json(told, content)
    return number, content


@dataclass(frozen=True)
class IteratorSource:
    """Campaigns that come one after the other, and once."""

    iterable: Iterable[Any]
    folder: Path

    def fingerprint(self) -> dict[str, Any]:
        """Trust the caller: nothing is known of what will come."""
        return {"kind": "iterator"}

    def survey(self, options: Mapping[str, Any], run: Runner, progress: Callable[[int], object]) -> dict[str, Any]:
        """Put all that comes into the spool."""
        surveys: list[Survey] = []
        for number, campaign in enumerate(self._pieces()):
            write_part(spool_path(self.folder) / f"{number:07d}.npz", campaign)
            surveys.append(Survey.of(campaign, options))
            progress(sum(s.count for s in surveys))
        if not surveys:
            raise InvalidInput("the iterator gave no spectra")
        return {"survey": _sum(surveys).to_json(), "rows": [s.count for s in surveys]}

    def bind(self, found: Mapping[str, Any]) -> Callable[[int, int], Piece]:
        """Find the parts that hold the spectra."""
        return _cut_parts(self.folder, found["rows"], [()] * len(found["rows"]), lambda files: Reading())

    def sample(self, count: int) -> tuple[Campaign, int | None]:
        """Refuse: what was taken from an iterator would be missing later."""
        raise InvalidInput("a dry run would use up the iterator; give a list of Campaigns or a LazyCampaign instead")

    def _pieces(self) -> Iterator[Campaign]:
        for number, one in enumerate(self.iterable):
            campaign = Campaign.from_spectra([one]) if isinstance(one, Spectrum) else one
            if not isinstance(campaign, Campaign):
                raise InvalidInput(f"item {number} of the iterator is no Campaign but {type(one).__name__}")
            for start in range(0, len(campaign), _MOST_ROWS_IN_PART):
                yield campaign[start : start + _MOST_ROWS_IN_PART]


def _cut_parts(
    folder: Path,
    rows: Sequence[int],
    groups: Sequence[tuple[str, ...]],
    reading: Callable[[Iterable[str]], Reading],
) -> Callable[[int, int], Piece]:
    ends = np.cumsum(rows)
    starts = ends - rows

    def cut(start: int, stop: int) -> Piece:
        here = np.flatnonzero((ends > start) & (starts < stop) & (starts < ends)).tolist()
        parts = tuple(
            (int(max(start - starts[n], 0)), int(min(stop - starts[n], rows[n])), n, int(rows[n]), groups[n])
            for n in here
        )
        return PieceOfParts(folder, parts, reading([file for n in here for file in groups[n]]))

    return cut


def _sum(surveys: Sequence[Survey]) -> Survey:
    """Add them up, pair by pair, so that each is touched few times."""
    while len(surveys) > 1:
        pairs = [surveys[i : i + 2] for i in range(0, len(surveys), 2)]
        surveys = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return surveys[0]
