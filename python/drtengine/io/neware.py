"""Neware .nda and .ndax through fastnda (BSD-3), which the extra "neware" installs."""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableFile, require
from .measured import Measured, TableReader

_QUANTITIES = {
    "time": ("total_time_s", 1.0),
    "step_time": ("step_time_s", 1.0),
    "current": ("current_mA", 1e-3),
    "voltage": ("voltage_V", 1.0),
    "cycle": ("cycle_count", 1.0),
    "step": ("step_count", 1.0),
}
_UNUSED = ("index", "step_index")
_SETTINGS = ("active_mass_mg", "start_time", "remarks", "barcode", "test_name", "device_ip", "channel")
_lock = threading.Lock()  # the log of fastnda belongs to the whole process


def read_neware(path: Path) -> Measured:
    """Read a Neware .nda or .ndax file.

    A cycle begins wherever the kind of step that came first, charge or discharge, follows the other; the count of
    the schedule, which may well stay at 1, is not used. Steps count one by one. Charge, energy and the auxiliary
    channels follow under fastnda's names.

    Raises
    ------
    UnreadableFile
        Whatever fastnda fails with.
    MissingExtra
        If fastnda is not installed.
    """
    require("fastnda", "neware")
    import fastnda

    notes: list[str] = []
    try:
        with _quiet(notes):
            frame = fastnda.read(path, cycle_mode="auto")
            named = {str(name): frame[name].to_numpy() for name in frame.columns if name != "step_type"}
            kinds = frame["step_type"].cast(str).to_list() if "step_type" in frame.columns else None
            settings = _settings(path)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library below fastnda is no Exception
        if isinstance(error, OSError) and error.errno:
            raise
        raise UnreadableFile(
            f"{path}: fastnda cannot read this Neware file ({type(error).__name__}: {str(error).strip()[:200]}); it is "
            "damaged, or of a version unknown to it: export it as csv from BTSDA"
        ) from error
    missing = [name for quantity in ("time", "current", "voltage") if (name := _QUANTITIES[quantity][0]) not in named]
    if missing or not named["voltage_V"].size:
        raise UnreadableFile(f"{path}: there is no {' and no '.join(missing) or 'record'} in this Neware file")
    table = {
        quantity: named.pop(name).astype(np.float64) * factor
        for quantity, (name, factor) in _QUANTITIES.items()
        if name in named
    }
    notes += ["column 'current_mA' multiplied by 0.001", "cycles counted from charges and discharges"]
    further: dict[str, NDArray[Any]] = {name: values for name, values in named.items() if name not in _UNUSED}
    if kinds is not None:
        further["step_type"] = np.array(kinds, dtype=object)
    return Measured(table, notes, further, settings, counts_on=True)


def _settings(path: Path) -> dict[str, str | float]:
    """Read what the file tells of the whole, as far as it can be read."""
    import fastnda

    try:
        metadata = fastnda.read_metadata(path)
    except Exception:
        return {}
    return {name: metadata[name] for name in _SETTINGS if metadata.get(name) not in (None, "")}


@contextlib.contextmanager
def _quiet(notes: list[str]) -> Iterator[None]:
    """Let fastnda print and warn nothing; what it says becomes notes."""

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                notes.append(f"fastnda: {record.getMessage()}")

    log, handler = logging.getLogger("fastnda"), Notes()
    with (
        _lock,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        before = log.propagate
        log.addHandler(handler)
        log.propagate = False
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.propagate = before
            notes.extend(f"fastnda: {warning.message}" for warning in caught)


READER = TableReader("neware", lambda path, _head: path.suffix.lower() in (".nda", ".ndax"), read_neware)
