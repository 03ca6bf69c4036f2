"""The table of coordinates of a campaign: columns checked, rows chosen and put in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput, near_miss
from .spectrum import BoolArray, IntArray

Table: TypeAlias = Mapping[str, NDArray[Any]]
"""Columns [spectrum] by name."""

Wanted: TypeAlias = float | str | np.datetime64 | slice | ArrayLike | Callable[[NDArray[Any]], ArrayLike]
"""Which values of a coordinate: one, a list of them, a slice for a range with both ends, or a function."""

_SAME = 1e-9


def check_column(name: str, values: ArrayLike, count: int) -> NDArray[Any]:
    """Check one column of the table and freeze it.

    Raises
    ------
    InvalidInput
        If the name or the values cannot be used.
    """
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"the name of a coordinate must be a string, got {name!r}")
    try:
        column = _plain(np.array(values))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"coordinate {name!r} must hold numbers, strings or times: {error}") from error
    if column.shape != (count,):
        raise InvalidInput(f"coordinate {name!r} has shape {column.shape} but there are {count} spectra")
    column.flags.writeable = False
    return column


def _plain(column: NDArray[Any]) -> NDArray[Any]:
    """Turn any numbers into float64, any strings into the narrowest array of them, any times into nanoseconds."""
    if column.dtype.kind == "U" or (column.dtype.kind == "O" and all(isinstance(value, str) for value in column.flat)):
        return np.array(column.tolist(), dtype=str)
    if column.dtype.kind in "fiubO":
        return column.astype(np.float64)
    if column.dtype.kind == "M":
        return column.astype("datetime64[ns]")
    raise TypeError(f"got {column.dtype}")


def column_of(table: Table, name: str) -> NDArray[Any]:
    """Return a column; InvalidInput names the near miss."""
    if name not in table:
        raise InvalidInput(f"there is no coordinate {name!r}; {near_miss(name, tuple(table))}")
    return table[name]


def rows_where(table: Table, count: int, wanted: Mapping[str, Wanted]) -> BoolArray:
    """Return which rows have all the wanted values; numbers count as equal to nine digits.

    Raises
    ------
    InvalidInput
        If there is no such coordinate, no row has these values, or they are of another kind.
    """
    rows = np.ones(count, dtype=bool)
    for name, value in wanted.items():
        column = column_of(table, name)
        try:
            rows &= _are_wanted(column, value)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{name}={value!r} cannot be compared with coordinate {name!r}: {error}") from error
        if not rows.any():
            also = f" beside {', '.join(wanted)}" if len(wanted) > 1 else ""
            raise InvalidInput(f"no spectrum has {name}={value!r}{also}; coordinate {name!r} has {describe(column)[0]}")
    return rows


def _are_wanted(column: NDArray[Any], wanted: Any) -> BoolArray:
    if callable(wanted):
        return np.asarray(wanted(column), dtype=bool)
    if isinstance(wanted, slice):
        if wanted.step is not None:
            raise ValueError("a range has no step")
        low = True if wanted.start is None else column >= _like(column, wanted.start)
        high = True if wanted.stop is None else column <= _like(column, wanted.stop)
        return np.broadcast_to(low & high, column.shape)
    values = np.atleast_1d(np.asarray([_like(column, value) for value in np.atleast_1d(wanted).tolist()]))
    if column.dtype.kind != "f":
        return np.asarray(np.isin(column, values))
    return np.asarray(np.isclose(column[:, None], values, rtol=_SAME, atol=0).any(axis=1))


def _like(column: NDArray[Any], value: Any) -> Any:
    """Turn a value into the type of a column."""
    if column.dtype.kind == "M":
        return np.datetime64(value)
    if (column.dtype.kind == "U") != isinstance(value, str):
        raise TypeError(f"it holds {'text' if column.dtype.kind == 'U' else 'numbers'}")
    return value


def order_by(table: Table, count: int, names: Sequence[str], *, descending: bool) -> IntArray:
    """Return the rows in the order of one or more columns, equal ones as they stand, unknown values last."""
    rows = np.arange(count)
    for name in reversed(names):
        column = column_of(table, name)[rows]
        _, rank = np.unique(column, return_inverse=True)
        unknown = _unknown(column)
        rank = np.where(unknown, count, -rank if descending else rank)
        rows = rows[np.argsort(rank, kind="stable")]
    return rows


def groups_by(table: Table, name: str) -> dict[Any, IntArray]:
    """Return the rows of each value of a column, in order of appearance; unknown values are one group."""
    column = column_of(table, name)
    unknown = _unknown(column)
    groups: dict[Any, IntArray] = {}
    for value in dict.fromkeys(column[~unknown].tolist() if column.dtype.kind != "M" else column[~unknown]):
        groups[value] = np.flatnonzero(column == value)
    if unknown.any():
        groups["" if column.dtype.kind == "U" else column[unknown][0]] = np.flatnonzero(unknown)
    return groups


def _unknown(column: NDArray[Any]) -> BoolArray:
    return np.asarray(column == "" if column.dtype.kind == "U" else np.isnan(column))


def describe(column: NDArray[Any]) -> tuple[str, str]:
    """Say from where to where a column reaches, or which texts it holds, and how many different values it has."""
    known = column[~_unknown(column)]
    if known.size == 0:
        return "no value", "0"
    different = str(np.unique(known).size)
    if column.dtype.kind == "U":
        return listed(list(dict.fromkeys(known.tolist())), 6), different
    low, high = known.min(), known.max()
    texts = [f"{v:.6g}" if column.dtype.kind == "f" else str(v.astype("datetime64[s]")) for v in (low, high)]
    return " to ".join(dict.fromkeys(texts)), different


def listed(names: Sequence[str], most: int = 12) -> str:
    """Name as many as one reads, and count the others."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
