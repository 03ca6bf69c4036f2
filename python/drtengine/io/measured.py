"""What the readers of tables give: columns of a file in SI units, before its times are made whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray


@dataclass
class Measured:
    """What a file gives before times are made whole.

    Parameters
    ----------
    table : dict of str to ndarray, shape [row]
        By quantity, a key of `table_names.COLUMN` or "date", in SI units; times and dates may still be text.
    notes : list of str
        What was converted, guessed and left out.
    further : dict of str to ndarray, shape [row]
        Other columns under the names the file has for them, units in the names.
    attributes : dict
        What the file says of the whole: technique, start, settings.
    counts_on : bool
        Whether time is known to count from the start of the test; if not, one that falls is that within steps.
    """

    table: dict[str, NDArray[Any]]
    notes: list[str]
    further: dict[str, NDArray[Any]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    counts_on: bool = False


@dataclass(frozen=True)
class TableReader:
    """How to read the tables of one file format.

    Parameters
    ----------
    name : str
    recognizes : callable (path, head) -> bool
        Whether the file is of this format, from its path and its first 8192 bytes. Must not raise.
    read : callable (path) -> Measured
        Raise `UnreadableFile` naming the line or byte where that fails.
    """

    name: str
    recognizes: Callable[[Path, bytes], bool]
    read: Callable[[Path], Measured]
