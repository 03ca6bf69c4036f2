"""A store of a batch, opened for reading."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import tables
from ..errors import InvalidInput, Status, UnreadableFile, require
from ..result import DrtResult
from ..spectrum import BoolArray, FloatArray, IntArray
from .frames import read_frames
from .layout import layout_of, load_rows, open_arrays
from .manifest import Manifest, commit_path, read_commit, read_manifest, table_path
from .work import PARTS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

TABLES = ("spectra", "peaks", "processes")


def open_store(path: str | os.PathLike[str]) -> BatchStore:
    """Open what `run_batch` wrote; arrays are read when they are needed.

    Parameters
    ----------
    path : path-like
        The folder of the store.

    Returns
    -------
    BatchStore

    Raises
    ------
    UnreadableFile
        If there is no store, or a damaged one.
    InvalidInput
        If it has the layout of another version of drtengine.
    MissingExtra
        If zarr or pyarrow is not installed.

    Examples
    --------
    >>> import drtengine as dt
    >>> store = dt.open_store("fleet.zarr")  # doctest: +SKIP
    """
    require_zarr()
    folder = Path(path).expanduser().absolute()
    manifest = read_manifest(folder)
    if manifest is None:
        raise UnreadableFile(f"{folder} is not a store of a batch: it has no batch/manifest.json")
    if manifest.survey is None:
        raise UnreadableFile(f"{folder} was left in its first pass, and holds no result yet; run_batch goes on there")
    return BatchStore(folder, manifest)


def require_zarr() -> None:
    """Raise `MissingExtra` unless stores can be read and written."""
    require("zarr", "zarr")
    require("pyarrow", "zarr")


_COUNTS = re.compile(r"(?<![\w.])\d+(?![\w.]| Hz)")
"""Whole numbers in a note that count points or spectra."""


def _notes_of(commits: list[dict[str, Any]]) -> list[str]:
    """Put the notes of chunks together; where they count the same thing, the counts are summed."""
    counted: dict[str, list[int]] = {}
    for commit in commits:
        for note in commit["notes"]:
            counts = [int(n) for n in _COUNTS.findall(note)]
            pattern = _COUNTS.sub("{}", note.replace("{", "{{").replace("}", "}}"))
            before = counted.setdefault(pattern, [0] * len(counts))
            counted[pattern] = [a + b for a, b in zip(before, counts, strict=True)]
    campaign_notes = dict.fromkeys(note for commit in commits for note in commit["campaign_notes"])
    return [*campaign_notes, *(pattern.format(*counts) for pattern, counts in counted.items())]


class BatchStore:
    """Results of a batch on disk; made by `run_batch` and `open_store`.

    Attributes
    ----------
    path : Path
    chunk : int
        Spectra in a chunk.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self._manifest = manifest
        self._layout = layout_of(manifest)
        self.chunk = self._layout.chunk

    def __len__(self) -> int:
        return self._layout.count

    def __repr__(self) -> str:
        done = "" if self.is_complete else f"{int(self.is_done.sum())} of "
        return f"<BatchStore {self.path.name}: {done}{len(self)} spectra, {self.tau.size} nodes>"

    @cached_property
    def _commits(self) -> dict[int, dict[str, Any]]:
        read = ((chunk, read_commit(self.path, chunk)) for chunk in range(self._layout.chunks))
        return {chunk: commit for chunk, commit in read if commit is not None}

    @cached_property
    def is_done(self) -> BoolArray:
        """Which spectra are in the store [spectrum]; the others are NaN."""
        done = np.zeros(len(self), dtype=bool)
        for chunk in self._commits:
            done[slice(*self._layout.rows(chunk))] = True
        return done

    @property
    def is_complete(self) -> bool:
        """Whether all spectra are in the store."""
        return len(self._commits) == self._layout.chunks

    @property
    def tau(self) -> FloatArray:
        """Nodes in s [tau]."""
        return np.array(self._found["tau"])

    @property
    def options(self) -> Mapping[str, Any]:
        """All options of the inversion, as given."""
        return dict(self._manifest.options)

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of drtengine and instruction set that made it."""
        return dict(self._manifest.versions)

    @property
    def skipped(self) -> list[str]:
        """Files that could not be read, with the reason."""
        return list(self._found.get("skipped", ()))

    @property
    def notes(self) -> list[str]:
        """What was dropped, left out or found odd in the spectra that are in the store, in words."""
        told = _notes_of(list(self._commits.values()))
        return [*told, *self._found.get("notes", ()), *(f"skipped {reason}" for reason in self.skipped)]

    @property
    def statuses(self) -> dict[str, int]:
        """How many spectra came out how."""
        counts: dict[str, int] = {}
        for commit in self._commits.values():
            for name, count in commit["statuses"].items():
                counts[name] = counts.get(name, 0) + count
        return counts

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds that all processes together spent on reading, computing and writing the chunks."""
        return self._spent("seconds")

    @property
    def cpu_seconds(self) -> dict[str, float]:
        """The same in CPU time."""
        return self._spent("cpu_seconds")

    def _spent(self, clock: str) -> dict[str, float]:
        return {part: sum(commit[clock][part] for commit in self._commits.values()) for part in PARTS}

    @property
    def _found(self) -> Mapping[str, Any]:
        assert self._manifest.survey is not None
        return self._manifest.survey

    def dataset(self) -> xr.Dataset:
        """Give all arrays as an xarray Dataset that reads what is asked of it, with names and coordinates.

        Where `is_done` is False, numbers are NaN and `status` is -1.

        Returns
        -------
        xarray.Dataset
            Units, options and versions are in the attributes.
        """
        return self._with_coordinates(open_arrays(self.path), self.table("spectra"), np.arange(len(self)))

    def result(self, spectra: slice | ArrayLike | None = None) -> DrtResult:
        """Read some spectra as `fit_drt` returns them.

        Parameters
        ----------
        spectra : slice or array_like of int, optional
            Which; all if left out.

        Returns
        -------
        DrtResult
            With ``float32=True`` its numbers have the precision of that.

        Raises
        ------
        InvalidInput
            If a spectrum does not exist or is not done yet, or the store was made with ``keep="gamma"``.
        UnreadableFile
            If a file of the store is damaged.
        """
        if self._layout.keep != "all":
            raise InvalidInput(
                f"{self.path.name} was made with keep={self._layout.keep!r} and lacks the input and the coefficients "
                "that a DrtResult holds; use dataset(), or run the batch with keep='all'"
            )
        rows = self._rows(spectra)
        chunks = np.unique(rows // self.chunk)
        commits = [self._commits[int(chunk)] for chunk in chunks]
        arrays = load_rows(open_arrays(self.path).isel(spectrum=rows), str(self.path))
        frame = read_frames([table_path(self.path, "spectra", int(chunk)) for chunk in chunks])
        frame = frame.set_index("spectrum").loc[rows].reset_index()
        dataset = self._with_coordinates(arrays, frame, rows)
        if not self._found["survey"]["named"]:
            dataset = dataset.drop_vars("name")
        told = [f"{row['name']}: {row['reason']}" for _, row in frame[frame["reason"] != ""].iterrows()]
        of_campaign = dict.fromkeys(note for commit in commits for note in commit["campaign_notes"])
        dataset.attrs |= {
            "sources": json.dumps({path: digest for commit in commits for path, digest in commit["sources"].items()}),
            "campaign_notes": json.dumps(list(of_campaign)),
            "notes": json.dumps([*_notes_of(commits), *told]),
        }
        try:
            return DrtResult.from_dataset(dataset)
        except InvalidInput as error:
            raise UnreadableFile(f"{self.path}: the store is damaged: {error}") from error

    def table(self, name: str = "spectra") -> pd.DataFrame:
        """Read a table of the spectra that are in the store.

        Parameters
        ----------
        name : {"spectra", "peaks", "processes"}
            "spectra": one row a spectrum with name, coordinates, status and, where it is not OK, the reason.
            The others as `Peaks.to_frame` and `Processes.to_frame` have them, where they were asked for.

        Raises
        ------
        InvalidInput
            If there is no such table.
        UnreadableFile
            If a file of it is damaged.
        """
        if not self.has_table(name):
            have = filter(self.has_table, TABLES)
            raise InvalidInput(f"{self.path.name} has no table {name!r}; there is {', '.join(have)}")
        return read_frames([table_path(self.path, name, chunk) for chunk in sorted(self._commits)])

    def has_table(self, name: str) -> bool:
        """Whether there is such a table."""
        return name == "spectra" or (name in TABLES and bool(self._manifest.layout[name]))

    def failures(self) -> pd.DataFrame:
        """Give the rows of the spectra that have no answer, with the reason."""
        frame = self.table("spectra")
        answered = {status.name for status in Status if status.has_answer}
        return frame[~frame["status"].isin(answered)].reset_index(drop=True)

    def verify(self, *, withdraw: bool = False) -> dict[int, str]:
        """Read every file, and compare with its checksum.

        Parameters
        ----------
        withdraw : bool
            Take damaged chunks out, so that `run_batch` with the same arguments computes them again.

        Returns
        -------
        dict of int to str
            Chunks that are damaged or gone although they were committed, and what is wrong.
        """
        damaged: dict[int, str] = {}
        arrays = open_arrays(self.path)
        names = list(filter(self.has_table, TABLES))
        for chunk in range(self._layout.chunks):
            if not commit_path(self.path, chunk).exists():
                continue
            if chunk not in self._commits:
                damaged[chunk] = "files are missing or cut short"
                continue
            rows = slice(*self._layout.rows(chunk))
            try:
                load_rows(arrays.isel(spectrum=rows), f"chunk {chunk}")
                for name in names:
                    read_frames([table_path(self.path, name, chunk)])
            except UnreadableFile as error:
                damaged[chunk] = str(error)
        if withdraw and damaged:
            for chunk in damaged:
                commit_path(self.path, chunk).unlink()
            for name in ("_commits", "is_done"):
                self.__dict__.pop(name, None)
        return damaged

    def _rows(self, spectra: slice | ArrayLike | None) -> IntArray:
        """Check which spectra are asked for."""
        try:
            rows = np.arange(len(self))[slice(None) if spectra is None else spectra]  # type: ignore[index]
        except (IndexError, TypeError) as error:
            raise InvalidInput(f"spectra={spectra!r} does not choose among {len(self)} spectra: {error}") from error
        rows = np.atleast_1d(rows)
        if rows.size == 0:
            raise InvalidInput(f"spectra={spectra!r} chooses none of {len(self)} spectra")
        missing = rows[~self.is_done[rows]]
        if missing.size:
            raise InvalidInput(
                f"{missing.size} of the spectra asked for are not in the store yet, the first is {missing[0]}; "
                "run_batch with the same arguments goes on"
            )
        return rows

    def _with_coordinates(self, arrays: xr.Dataset, frame: pd.DataFrame, rows: IntArray) -> xr.Dataset:
        """Put names and coordinates from the table beside the arrays."""
        kinds = self._found["survey"]["coordinates"]
        coordinates: dict[str, Any] = {}
        place = np.searchsorted(rows, frame["spectrum"]) if len(frame) < len(rows) else slice(None)
        blank = {"f": np.nan, "U": "", "M": np.datetime64("NaT", "ns")}
        for name, column in {"name": "name", **tables.columns(kinds, (*tables.TAKEN, "reason"))}.items():
            kind = kinds.get(name, "U")
            values = np.full(len(rows), blank[kind], dtype=object if kind == "U" else None)
            values[place] = frame[column].to_numpy()
            units = {"units": tables.COORDINATE_UNITS[name]} if kind == "f" and name in tables.COORDINATE_UNITS else {}
            attributes = units | ({"coordinate": name} if name != column else {})
            coordinates[column] = "spectrum", values.astype(str) if kind == "U" else values, attributes
        return arrays.assign_coords(coordinates)
