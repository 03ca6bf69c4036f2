"""`read_table`: what cyclers and potentiostats record over time, as a DataFrame whose columns name their units."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DrtengineError, InvalidInput, UnreadableFile
from ..folders import local_path
from ..spectrum import FloatArray
from .measured import Measured, TableReader
from .table_names import COLUMN

if TYPE_CHECKING:
    import pandas as pd

_HEAD_BYTES = 8192
_CLOCK = re.compile(r"(?:(\d+)[-d ]+)?(\d+):(\d+):(\d+(?:[.,]\d+)?)$")


def read_table(source: str | os.PathLike[str] | pd.DataFrame, *, sheet: str | None = None) -> pd.DataFrame:
    """Read a record of time, current and voltage: cycling, titrations, interrupted currents, voltammograms.

    Parameters
    ----------
    source : path-like or DataFrame
        A file: delimited text with a header that names time, current and voltage with their units ("Voltage(V)",
        "I/mA", "time_s"); a csv export of Neware, flat or layered, or its .nda and .ndax (with the extra "neware");
        EC-Lab text (.mpt) or .mpr of any technique; Gamry .DTA with curves; Zahner .isc and .isw; a sheet of an
        Excel workbook (with the extra "xlsx") that looks like delimited text. Or a table in memory whose columns
        have such names.
    sheet : str, optional
        Name of the sheet of a workbook; needed where more than one holds a table.

    Returns
    -------
    DataFrame
        Of these columns those that the file has: time_s, step_time_s, current_A, voltage_V, cycle, step,
        scan_rate_V_s, temperature_C; then, from binary files, the others under the names the instrument has for
        them. ``attrs["notes"]`` says what was converted, guessed and left out, ``attrs["sources"]`` gives the
        SHA-256 of the file, ``attrs["settings"]`` what it tells of the whole, such as technique, mass and area.

    Raises
    ------
    UnreadableFile
        If the file has no such table, or a line cannot be read.
    InvalidInput
        If a table in memory lacks voltage, current or time, or they are no numbers; if there is no such sheet.
    MissingExtra
        If fastnda, which reads .nda and .ndax, or openpyxl, which reads workbooks, is not installed.

    Warns
    -----
    DataWarning
        If the rows of an .mpr file are points of impedance spectra, between which no current is recorded.

    Examples
    --------
    >>> frame = read_table("cell_7.csv")  # doctest: +SKIP
    """
    sources: dict[str, str] = {}
    if hasattr(source, "columns") and hasattr(source, "attrs"):
        from .table_frame import read_frame

        if sheet is not None:
            raise InvalidInput(f"a table in memory has no sheet {sheet!r}: sheet= is for Excel workbooks")
        where, measured = "the table", read_frame(source)
        sources = dict(source.attrs.get("sources", {}))
    elif isinstance(source, str | os.PathLike):
        file = local_path(source)
        where, measured = str(file), _read_file(file, sheet, sources)
    else:
        raise InvalidInput(f"read_table() needs a path or a pandas DataFrame, got {type(source).__name__}")
    try:
        frame = _complete(where, measured)
    except UnreadableFile as error:
        if sources:
            raise
        raise InvalidInput(str(error)) from None
    frame.attrs = {"notes": measured.notes, "sources": sources, "settings": measured.attributes}
    return frame


def _read_file(file: Path, sheet: str | None, sources: dict[str, str]) -> Measured:
    """Read with the first reader that recognises the file; whatever it raises becomes UnreadableFile."""
    # not before a table is read
    from . import gamry_curves, mpr_table, neware, table_excel, table_text, zahner_curves

    # the last takes whatever is left
    formats = (mpr_table, zahner_curves, neware, gamry_curves, table_excel, table_text)
    readers: list[TableReader] = [form.READER for form in formats]
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            stream.seek(0)
            sources[str(file)] = hashlib.file_digest(stream, "sha256").hexdigest()
        reader = next(reader for reader in readers if reader.recognizes(file, head))
        if sheet is None:
            return reader.read(file)
        if reader is not table_excel.READER:
            raise InvalidInput(f"{file} has no sheet {sheet!r}: sheet= is for Excel workbooks")
        return table_excel.read_sheet(file, sheet)
    except DrtengineError:
        raise
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be opened: {error.strerror or error}") from error
    except Exception as error:
        raise UnreadableFile(f"{file}: the reader failed: {type(error).__name__}: {error}") from error


# times


def _complete(where: str, measured: Measured) -> pd.DataFrame:
    """Make seconds of all times, and a time since the start from what there is."""
    import pandas as pd

    table, notes = measured.table | measured.further, measured.notes
    table = _with_numbers(where, table, ("voltage", "current"), notes)
    for name in ("time", "step_time"):
        if name in table and table[name].dtype == object:
            seconds = _seconds(table[name])
            if seconds is None:
                notes.append(
                    f"the column of {name.replace('_', ' ')} was not read: it holds neither numbers nor clock times"
                )
                del table[name]
            else:
                table[name] = seconds
    counted = next((name for name in ("time", "step_time") if name in table), None)
    if counted is not None:
        table = _with_numbers(where, table, (counted,), notes)
    _find_time(where, measured, table)
    further = {name: table[name] for name in measured.further}
    return pd.DataFrame({COLUMN[name]: table[name] for name in COLUMN if name in table} | further)


def _with_numbers(
    where: str, table: dict[str, NDArray[Any]], needed: tuple[str, ...], notes: list[str]
) -> dict[str, NDArray[Any]]:
    """Leave out rows in which a needed quantity is NaN or infinite."""
    sound = np.logical_and.reduce([np.isfinite(table[name]) for name in needed])
    if not sound.any():
        raise UnreadableFile(f"{where}: no row has {'both ' * (len(needed) > 1)}{' and '.join(needed)}")
    if sound.all():
        return table
    notes.append(f"left out {(~sound).sum()} row(s) without {' and '.join(needed)}")
    return {name: values[sound] for name, values in table.items()}


def _find_time(where: str, measured: Measured, table: dict[str, NDArray[Any]]) -> None:
    """Put the time since the start into the table where it can be had; what it came from is noted."""
    import pandas as pd

    notes = measured.notes
    back = np.flatnonzero(np.diff(table["time"]) < 0) if "time" in table else np.empty(0)
    if back.size and measured.counts_on:
        notes.append(f"time falls {back.size} time(s), first after row {back[0] + 1}")
    elif back.size and "step_time" not in table:
        table["step_time"] = table.pop("time")
        notes.append("time starts again in places: it was taken for the time within steps")
    if "time" not in table and "step_time" in table:
        table["time"] = _add_up(table["step_time"])
        notes.append("time since the start added up from the times of the steps")
    if "time" not in table and "date" in table:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that dates have no format it knows
            dates = pd.to_datetime(pd.Series(table["date"]), errors="coerce")
        if dates.notna().all():
            table["time"] = (dates - dates.iloc[0]).dt.total_seconds().to_numpy()
            notes.append("time since the start taken from the dates")
    if "time" not in table and "scan_rate" not in table:
        raise UnreadableFile(f"{where}: there is no column of time that can be read, and none of scan rate")


def _seconds(texts: NDArray[Any]) -> FloatArray | None:
    """Turn "12:03:04.5" or "1-12:03:04" (days first) or numbers into s; None if some are neither."""
    out = np.empty(len(texts))
    for i, text in enumerate(texts):
        match = _CLOCK.match(str(text).strip())
        if match:
            days, hours, minutes, seconds = match.groups()
            out[i] = 86400 * int(days or 0) + 3600 * int(hours) + 60 * int(minutes) + float(seconds.replace(",", "."))
            continue
        try:
            out[i] = float(str(text).replace(",", "."))
        except ValueError:
            return None
    return out


def _add_up(step_time: FloatArray) -> FloatArray:
    """Give the time since the start from that within steps, which begin where it falls."""
    begins = np.concatenate([[False], np.diff(step_time) < 0])
    ends = np.where(np.concatenate([begins[1:], [False]]), step_time, 0.0)
    offset = np.concatenate([[0.0], np.cumsum(ends)[:-1]])
    total: FloatArray = step_time + offset
    return total
