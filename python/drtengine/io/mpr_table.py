"""Tables of EC-Lab .mpr files: cycling, titrations, voltammograms, open circuit and all other techniques."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import DataWarning, UnreadableFile
from ..spectrum import FloatArray
from .measured import Measured, TableReader
from .mpr import READER as SPECTRA
from .mpr import loop_numbers, read_recording
from .mpr_layout import FLAGS

_QUANTITIES = {
    "time": ("time/s",),
    "step_time": ("step time/s",),
    "current": ("<I>/mA", "I/mA"),
    "voltage": ("Ewe/V", "<Ewe>/V"),
    "cycle": ("cycle number",),
    "step": ("Ns",),
}
"""Columns by quantity, the better first."""
_CHARGES = {"(Q-Qo)/mA.h": 3.6, "(Q-Qo)/C": 1.0}
_AT_REST = ("OCV", "Wait")


def read_mpr_table(path: Path) -> Measured:
    """Read the records of an .mpr file of any technique.

    The voltage is Ewe, which is that of the cell where the reference is the counter electrode. The current is that
    recorded; where none is, the change of the charge (Q - Qo) over time, or zero at open circuit, and this is noted.
    All other columns follow under EC-Lab's names. Times count from the start of the technique; "date" among the
    attributes is the beginning of the acquisition by the clock of the computer.

    Raises
    ------
    UnreadableFile
        See `drtengine.io.mpr.read_recording`; also if there is no time or voltage, or no way to a current.

    Warns
    -----
    DataWarning
        If the rows are points of impedance spectra, between which no current is recorded.
    """
    recording = read_recording(path)
    columns, notes = recording.columns, recording.notes
    if "freq/Hz" in columns:
        message = (
            f"{path}: the rows are points of impedance spectra (technique {recording.technique}); what flows between "
            "them is not in the file, so that charges and cycles taken from it mean nothing"
        )
        warnings.warn(message, DataWarning, stacklevel=4)
        notes.append(message)
    chosen = {
        quantity: next((name for name in names if name in columns), None) for quantity, names in _QUANTITIES.items()
    }
    missing = [quantity for quantity in ("time", "voltage") if chosen[quantity] is None]
    if missing:
        raise UnreadableFile(
            f"{path}, module 'VMP data': there is no {' and no '.join(missing)} in this file of technique "
            f"{recording.technique}; it has the columns {', '.join(map(repr, columns))}"
        )
    table = {quantity: columns[name] for quantity, name in chosen.items() if name is not None}
    if "current" in table:
        table["current"] = table["current"] * 1e-3
        notes.append(f"column {chosen['current']!r} multiplied by 0.001")
    else:
        table["current"] = _current(path, recording.technique, columns, notes)
    if recording.loops is not None and recording.loops.size > 2 and np.unique(table.get("cycle", 0)).size == 1:
        table["cycle"] = loop_numbers(recording.loops, np.arange(table["time"].size))
        notes.append("cycle is the number of EC-Lab's loop")
    flags = {name for name, *_ in FLAGS.values()}
    further = {name: values for name, values in columns.items() if name not in chosen.values()}
    integers = {name: values.astype(np.int64) for name, values in further.items() if name in flags}
    attributes = dict(recording.settings) | ({} if recording.start is None else {"date": str(recording.start)})
    return Measured(table, notes, further | integers, attributes, counts_on=True)


def _current(path: Path, technique: str, columns: Mapping[str, FloatArray], notes: list[str]) -> FloatArray:
    """Give a current in A where none is recorded."""
    time = columns["time/s"]
    for name, factor in _CHARGES.items():
        if name in columns and time.size > 1:
            notes.append(f"no current is recorded: it is the change of {name!r} over time, the mean since the last row")
            with np.errstate(divide="ignore", invalid="ignore"):  # two records at one time have no current
                mean: FloatArray = np.diff(columns[name] * factor) / np.diff(time)
            return np.concatenate([mean[:1], mean])
    if technique in _AT_REST:
        notes.append(f"no current is recorded in technique {technique}: it was taken as zero")
        return np.zeros_like(time)
    raise UnreadableFile(
        f"{path}, module 'VMP data': no current in this file of technique {technique}, and no charge to take it from; "
        f"it has the columns {', '.join(map(repr, columns))}"
    )


READER = TableReader("mpr", SPECTRA.recognizes, read_mpr_table)
