"""The readers at hand: the built-in ones, those registered by hand, and those of other packages."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataWarning, InvalidInput, near_miss
from ..spectrum import Spectrum

ENTRY_POINTS = "drtengine.readers"
"""Group of entry points under which other packages offer a `Reader` each."""

UNCALIBRATED = "the file holds uncalibrated impedance: compare with a table exported by the instrument's own software"
"""Note of readers whose file may not hold the true impedance; `drtengine.read` warns of it."""


@dataclass(frozen=True)
class Reader:
    """How to read one file format.

    Parameters
    ----------
    name : str
        What `read(..., format=name)` calls it.
    suffixes : tuple of str
        Usual file suffixes in lower case, with dot; for messages and for `recognizes` to use.
    description : str
        One line for people.
    recognizes : callable (path, head) -> bool
        Whether the file is of this format, from its path and its first 8192 bytes. Must not raise.
    read : callable (path) -> list of Spectrum
        Read all spectra of a file. Raise `UnreadableFile` naming the line or byte where that fails. Names,
        hashes and the coordinate "file" are added by `drtengine.read` where a reader gives none.
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    recognizes: Callable[[Path, bytes], bool]
    read: Callable[[Path], list[Spectrum]]


_registered: dict[str, Reader] = {}


def register(reader: Reader) -> None:
    """Add a reader; it is asked before those registered earlier and replaces one of the same name.

    Raises
    ------
    InvalidInput
        If it is not a `Reader`.
    """
    if not isinstance(reader, Reader):
        raise InvalidInput(f"register() needs a drtengine.io.Reader, got {type(reader).__name__}")
    _registered.pop(reader.name, None)
    _registered[reader.name] = reader


def readers() -> tuple[Reader, ...]:
    """Return all readers in the order in which they are asked, those of other packages included.

    Warns
    -----
    DataWarning
        Once, for each entry point of the group "drtengine.readers" that cannot be loaded.
    """
    _load_plugins()
    return tuple(reversed(_registered.values()))


@functools.cache
def _load_plugins() -> None:
    """Register the readers of other packages, once."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        try:
            register(entry.load())
        except Exception as error:
            warnings.warn(
                f"the reader {entry.name!r} of entry point {entry.value!r} cannot be used: {error!r}",
                DataWarning,
                stacklevel=3,
            )


def reader_named(name: str) -> Reader:
    """Return the reader called `name`; InvalidInput names the near miss."""
    known = {reader.name: reader for reader in readers()}
    if name not in known:
        raise InvalidInput(f"format={name!r} is unknown; {near_miss(name, tuple(sorted(known)))}")
    return known[name]


def reader_for(path: Path, head: bytes) -> Reader | None:
    """Return the first reader that recognises the file, None if there is none."""
    return next((reader for reader in readers() if reader.recognizes(path, head)), None)


def known_formats() -> str:
    """Describe the readers there are, for messages."""
    known = sorted(readers(), key=lambda reader: reader.name)
    return ", ".join(f"{reader.name!r} ({reader.description}: {' '.join(reader.suffixes)})" for reader in known)
