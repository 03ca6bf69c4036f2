"""Paths of this machine, and folders that appear whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InvalidInput

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
"""At least two letters before it: C:// is a drive."""


def local_path(path: str | os.PathLike[str]) -> Path:
    """Give the path of what is to be read, the home folder written out.

    Raises
    ------
    InvalidInput
        If it is an address such as https://... or s3://...
    """
    if isinstance(path, str) and _ADDRESS.match(path):
        raise InvalidInput(
            f"{path} is an address; files are read from this machine: fetch it first, with a browser, curl, or "
            "fsspec.filesystem(...).get"
        )
    return Path(path).expanduser()


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder and, if all goes well, move what was put into it to `target`.

    Files of the same name in `target` are replaced, others stay. Whatever happens before the end leaves `target` as
    it was.

    Parameters
    ----------
    target : Path
        Absolute; made if it does not exist.

    Raises
    ------
    InvalidInput
        If `target` is a file or cannot be written.
    """
    if target.exists() and not target.is_dir():
        raise InvalidInput(f"{target} is a file; give a folder by --out")
    # on the same file system, so that moving is renaming: inside the target where there is one
    base = next(folder for folder in (target, *target.parents) if folder.exists())
    working = base / f".drtengine.{os.getpid()}.partial"
    try:
        working.mkdir()
        yield working
        with _uninterrupted():
            _move(working, target)
    except OSError as error:
        raise InvalidInput(f"cannot write to {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)


def _move(working: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        working.rename(target)
        return
    for file in sorted(working.rglob("*")):
        place = target / file.relative_to(working)
        if file.is_dir():
            place.mkdir(exist_ok=True)
        else:
            os.replace(file, place)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C off for a moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
