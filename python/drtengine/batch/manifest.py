"""What a store says of itself: what was asked, what the first pass found, and which chunks are in it.

A store is a Zarr group of arrays [spectrum, ...]. Beside the arrays stands the group "batch", which holds no array:

    batch/manifest.json          written first, and again after the first pass
    batch/commits/0000012.json   one for each chunk, written after all else of it
    batch/tables/NAME/0000012.parquet
    batch/spool/                 spectra that were read, as long as the work goes on

Every file appears whole, by renaming. A chunk without its commit is no result; a commit names the files of its
chunk with their sizes, so that what is missing or cut short is found before it is taken for numbers.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidInput, UnreadableFile

SCHEMA = 1
"""Version of the layout; a store of another one is refused."""

BESIDE = "batch"
_MANIFEST = f"{BESIDE}/manifest.json"
_MOST_DIFFERENCES = 8


@dataclass(frozen=True)
class Manifest:
    """What was asked, and what the first pass found.

    Attributes
    ----------
    identity : str
        Of this store, at random.
    versions : mapping
        drtengine and instruction set, on which the last bits depend.
    options : mapping
        All options of the inversion.
    layout : mapping
        Spectra in a chunk and what is kept of them.
    source : mapping
        What tells the input from another.
    survey : mapping or None
        What the first pass found; None before its end.
    schema : int
    """

    identity: str
    versions: Mapping[str, str]
    options: Mapping[str, Any]
    layout: Mapping[str, Any]
    source: Mapping[str, Any]
    survey: Mapping[str, Any] | None = None
    schema: int = SCHEMA

    def write(self, folder: Path) -> None:
        """Write it into a store."""
        write_json(folder / _MANIFEST, asdict(self))

    def surveyed(self, survey: Mapping[str, Any]) -> Manifest:
        """Add what the first pass found."""
        return replace(self, survey=survey)

    def differences(self, other: Manifest) -> list[str]:
        """Say in words where another one asks for something else."""
        found: list[str] = []
        for part in ("versions", "source", "layout", "options"):
            ours, theirs = getattr(self, part), getattr(other, part)
            for name in dict.fromkeys([*ours, *theirs]):
                if ours.get(name) != theirs.get(name):
                    found += _difference(name, ours.get(name), theirs.get(name))
        return found


def new_identity() -> str:
    """Name a new store."""
    return uuid.uuid4().hex


def read_manifest(folder: Path) -> Manifest | None:
    """Read what a store says of itself; None if there is nothing yet.

    Raises
    ------
    UnreadableFile
        If it is damaged.
    InvalidInput
        If the store has another schema.
    """
    path = folder / _MANIFEST
    if not path.exists():
        return None
    content = read_json(path)
    if content.get("schema") != SCHEMA:
        raise InvalidInput(
            f"{folder} has the layout of version {content.get('schema')!r}, but this drtengine reads and writes "
            f"version {SCHEMA}; open it with the drtengine that made it "
            f"({content.get('versions', {}).get('drtengine', 'unknown')}), or choose another folder"
        )
    try:
        return Manifest(**content)
    except TypeError as error:
        raise UnreadableFile(f"{path} is damaged: {error}") from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    write_whole(path, json.dumps(content).encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises
    ------
    UnreadableFile
        If it is not there, or damaged.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UnreadableFile(f"{path} is damaged: it holds no table of names")
    return content


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is either as it was or complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def commit_path(folder: Path, chunk: int) -> Path:
    """Where the commit of a chunk is."""
    return folder / BESIDE / "commits" / f"{chunk:07d}.json"


def table_path(folder: Path, name: str, chunk: int) -> Path:
    """Where the rows that a chunk adds to a table are."""
    return folder / BESIDE / "tables" / name / f"{chunk:07d}.parquet"


def spool_path(folder: Path) -> Path:
    """Where spectra that have been read wait."""
    return folder / BESIDE / "spool"


def write_commit(folder: Path, chunk: int, files: list[Path], content: Mapping[str, Any]) -> None:
    """Make a chunk count, whose files are complete."""
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files}
    write_json(commit_path(folder, chunk), {**content, "files": sizes})


def read_commit(folder: Path, chunk: int) -> dict[str, Any] | None:
    """Read the commit of a chunk; None where there is none, or where files that it names are gone or cut short."""
    try:
        commit = read_json(commit_path(folder, chunk))
        whole = all((folder / name).stat().st_size == size for name, size in commit["files"].items())
    except (UnreadableFile, OSError, KeyError):
        return None
    return commit if whole else None


def remove_partials(folder: Path) -> None:
    """Remove what a killed run left behind of files that it had not finished."""
    for where in (folder, folder / BESIDE):
        for path in where.rglob("*.partial") if where == folder / BESIDE else where.glob("*/c/**/*.partial"):
            path.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """Turn numbers and arrays into what JSON gives back unchanged."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _difference(name: str, ours: Any, theirs: Any) -> Iterator[str]:
    """Put one difference into words; of files, which."""
    if name == "files" and isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        kinds = {
            "gone": [path for path in ours if path not in theirs],
            "new": [path for path in theirs if path not in ours],
            "changed": [path for path in ours if path in theirs and ours[path] != theirs[path]],
        }
        for kind, paths in kinds.items():
            if paths:
                yield f"{len(paths)} file(s) {kind}: {', '.join(paths[:3])}{' and more' if len(paths) > 3 else ''}"
        if not any(kinds.values()):
            yield "the files stand in another order"
        return
    if name == "coordinates" and isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        changed = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        for key in changed[:_MOST_DIFFERENCES]:
            yield f"coordinates of {key}: {_row(ours.get(key))} in the store, {_row(theirs.get(key))} now"
        if len(changed) > _MOST_DIFFERENCES:
            yield f"... and those of {len(changed) - _MOST_DIFFERENCES} more"
        return
    yield f"{name}: {_short(ours)} in the store, {_short(theirs)} now"


def _row(cells: Mapping[str, Any] | None) -> str:
    return "none" if cells is None else ", ".join(f"{name} {cell}" for name, cell in cells.items())


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
