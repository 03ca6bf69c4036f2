"""Tables of time, current and voltage that are in memory already, as pandas DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .measured import Measured
from .table_names import Column, understand_names

if TYPE_CHECKING:
    import pandas as pd


def read_frame(frame: pd.DataFrame) -> Measured:
    """Take the columns whose names are understood, in SI units; the frame itself stays as it is.

    Raises
    ------
    InvalidInput
        If voltage or current is missing, or a column holds something else than numbers.
    """
    columns = understand_names([str(name) for name in frame.columns])
    found = {column.quantity for column in columns}
    missing = [quantity for quantity in ("voltage", "current") if quantity not in found]
    if missing:
        there = ", ".join(repr(str(name)) for name in frame.columns[:12]) or "none"
        raise InvalidInput(
            f"no column of the table is understood as {' or '.join(missing)}; there are {there}. "
            "Name them like 'time_s', 'current_A', 'voltage_V' or 'Time(s)', 'I/mA', 'Ewe/V'"
        )
    notes = [str(note) for note in frame.attrs.get("notes", [])]
    table = {column.quantity: _values(frame.iloc[:, column.index], column, notes) for column in columns}
    attributes = frame.attrs.get("settings", {})
    return Measured(table, notes, attributes=dict(attributes) if isinstance(attributes, dict) else {})


def _values(series: Any, column: Column, notes: list[str]) -> NDArray[Any]:
    """Give one column in SI units; times and dates that are text stay so."""
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(series):
        return np.asarray(series.dt.total_seconds(), dtype=np.float64)
    if column.quantity == "date":
        return np.asarray(series, dtype=object)
    if not pd.api.types.is_numeric_dtype(series):
        if column.quantity in ("time", "step_time"):
            return np.asarray(series, dtype=object)
        try:
            series = pd.to_numeric(series)
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"column {column.name!r} must hold numbers: {error}") from None
    values: NDArray[Any] = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if column.factor == 1:
        return values
    notes.append(f"column {column.name!r} multiplied by {column.factor:g}")
    return np.asarray(values * column.factor)
