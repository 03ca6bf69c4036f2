"""Which of the given files hold impedance, which may hold something else, and which cannot be read."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from ..campaign import Campaign
from ..errors import UnreadableFile
from ..io import read
from ..io.reading import natural_key

PathLike: TypeAlias = str | os.PathLike[str]

_SKIPPED = "skipped "
"""How a campaign's notes about files that were not read begin."""


@dataclass(frozen=True)
class Inputs:
    """What was read.

    Parameters
    ----------
    campaign : Campaign
    others : sequence of Path
        Files that are no impedance.
    refused : mapping of str to str
        Why they are not, by path.
    """

    campaign: Campaign
    others: Sequence[Path]
    refused: Mapping[str, str]


def read_inputs(
    paths: Sequence[PathLike], options: Mapping[str, Any], progress: Callable[[int, int], object] | None = None
) -> Inputs:
    """Read what is impedance among files, folders and patterns; a file that is not never stops the others.

    Raises
    ------
    UnreadableFile
        If there is no impedance at all, or no file.
    """
    given = in_order(paths)
    refused: dict[str, str] = {}
    try:
        campaign = read(given, **options, progress=progress)
    except UnreadableFile:
        # `read` insists on files that are named one by one; here they are as those of a folder
        format = options.get("format")
        readable = [path for path in given if not _is_named(path) or _can_be_read(path, format, refused)]
        if not readable:
            reasons = "\n  ".join(list(refused.values())[:10])
            raise UnreadableFile(f"none of {len(given)} file(s) can be read as impedance:\n  {reasons}") from None
        campaign = read(readable, **options, progress=progress)
    notes = []
    for note in campaign.notes:
        if note.startswith(_SKIPPED):
            reason = note.removeprefix(_SKIPPED)
            refused[_path_in(reason, given)] = reason
        else:
            notes.append(note)
    others = [path for name in refused if (path := Path(name)).is_file()]
    return Inputs(replace(campaign, notes=notes), others, refused)


def in_order(paths: Sequence[PathLike]) -> list[PathLike]:
    """Sort paths naturally if they stand in the order in which a shell puts them; others stay as they are."""
    texts = list(map(str, paths))
    return sorted(paths, key=natural_key) if texts in (sorted(texts), sorted(texts, key=str.casefold)) else list(paths)


def _is_named(path: PathLike) -> bool:
    return Path(path).expanduser().is_file()


def _can_be_read(path: PathLike, format: str | None, refused: dict[str, str]) -> bool:
    """Whether a file holds impedance; `refused` is told why not."""
    try:
        read(path, format=format)
    except UnreadableFile as error:
        refused[str(path)] = str(error)
        return False
    return True


def _path_in(reason: str, given: Sequence[PathLike]) -> str:
    """Give the file that a reason is about: the longest path that it begins with."""
    files = [
        file
        for path in given
        for file in (Path(path).expanduser().iterdir() if Path(path).expanduser().is_dir() else _matching(path))
    ]
    return max((str(file) for file in files if reason.startswith(str(file))), key=len, default=reason)


def _matching(path: PathLike) -> list[Path]:
    given = str(Path(path).expanduser())
    return [Path(given)] if Path(given).exists() else [Path(file) for file in glob.glob(given, recursive=True)]
