"""Where spectra stand along a coordinate, branch by branch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput, near_miss
from .spectrum import FloatArray, IntArray

Selection: TypeAlias = slice | ArrayLike | None
"""Which spectra: indices, a mask, a slice, or None for all."""

INDEX = "spectrum"
"""What a series runs along where there is no coordinate: the number of the spectrum."""

_PREFERRED = ("voltage", "soc", "cycle", "time")
_LABELS = {
    "voltage": "voltage / V",
    "current": "current / A",
    "temperature": "temperature / °C",
    "soc": "state of charge",
}
_TIME_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
_MOST_FILES = 4
_WIDEST = 0.95
"""Of an axis: a step between neighbours that takes more leaves the others no room."""


@dataclass(frozen=True)
class Branch:
    """Spectra that stand in one panel, by rising coordinate."""

    name: str
    spectra: IntArray
    values: FloatArray
    falling: bool
    """Whether they were measured from high to low values."""


@dataclass(frozen=True)
class Series:
    """Spectra along a coordinate."""

    along: str
    """Name of the coordinate, or `INDEX`."""
    label: str
    branches: tuple[Branch, ...]

    @property
    def count(self) -> int:
        """Number of spectra."""
        return self.rows.size

    @property
    def rows(self) -> IntArray:
        """Numbers of all spectra in it."""
        return np.concatenate([branch.spectra for branch in self.branches])

    @property
    def whole(self) -> bool:
        """Whether the coordinate counts something."""
        return all((branch.values % 1 == 0).all() for branch in self.branches)


def arrange(
    coordinates: Mapping[str, NDArray[Any]], count: int, along: str | None = None, spectra: Selection = None
) -> Series:
    """Put spectra in order along a coordinate, branch by branch.

    Parameters
    ----------
    coordinates : mapping of str to ndarray, shape [count]
    count : int
        Number of spectra there are.
    along : str, optional
        Name of a coordinate, or "spectrum" for the number of the spectrum. By default the first of voltage, soc,
        cycle and time that runs one way within each branch, without one gap that takes the axis, else "spectrum".
    spectra : slice or array_like, optional
        Which spectra.

    Raises
    ------
    InvalidInput
        If there is no such coordinate or spectrum, or the coordinate does not give each spectrum its own place.
    """
    rows = _chosen(spectra, count)
    if along is None:
        for name in _PREFERRED:
            if name in coordinates and (series := _one_way(coordinates, name, rows)):
                return series
        along = INDEX
    if along == INDEX:
        return Series(INDEX, INDEX, (Branch("", rows, rows.astype(np.float64), False),))
    if along not in coordinates:
        raise InvalidInput(f"there is no coordinate {along!r}; {near_miss(along, (*coordinates, INDEX))}")
    values, label = as_numbers(along, coordinates[along])
    unknown = rows[~np.isfinite(values[rows])]
    if unknown.size:
        raise InvalidInput(
            f"coordinate {along!r} is unknown for {unknown.size} spectra, the first is spectrum {unknown[0]}; "
            "choose those that have it with spectra=, or another coordinate"
        )
    for groups in _groupings(coordinates, rows):
        branches = tuple(_branch(name, members, values) for name, members in groups.items())
        if all((np.diff(branch.values) > 0).all() for branch in branches):
            return Series(along, label, branches)
    repeated, times = np.unique(values[rows], return_counts=True)
    example = repeated[times.argmax()]
    raise InvalidInput(
        f"coordinate {along!r} has the value {example:g} for {times.max()} spectra, also within a branch, so that "
        f'they would hide each other; choose among them with spectra=, or along="{INDEX}"'
    )


def cell_edges(values: FloatArray) -> FloatArray:
    """Edges halfway between rising values, the outermost as far out as their neighbours are in."""
    if values.size == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middle = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])


def why_numbered(series: Series, coordinates: Mapping[str, NDArray[Any]]) -> list[str]:
    """Say which coordinate spectra are not shown along, if some do not have it or crowd on it; one note or none."""
    if series.along != INDEX:
        return []
    instead = "so that figures run along the number of the spectrum"
    for name in _PREFERRED:
        if name not in coordinates or coordinates[name].dtype.kind not in "fM":
            continue
        values, _ = as_numbers(name, coordinates[name])
        unknown = np.isnan(values).sum()
        if 0 < unknown < values.size and name != "time":
            return [f"{name} is unknown for {unknown} spectra, {instead}"]
        if unknown == 0 and _crowd(values, next(_groupings(coordinates, series.rows))):
            return [f"spectra crowd on {name}, nearly all of it a gap, {instead}; along {name!r} shows them there"]
    return []


def _crowd(values: FloatArray, groups: Mapping[str, IntArray]) -> bool:
    """Whether in some group one of several steps between neighbours takes nearly all of the axis."""
    steps = [np.diff(np.sort(values[members])) for members in groups.values()]
    return any(step.size > 1 and bool(step.max() > _WIDEST * step.sum()) for step in steps)


def _chosen(spectra: Selection, count: int) -> IntArray:
    """Numbers of the chosen spectra, each once, in the order of measurement."""
    try:
        rows: IntArray = np.unique(np.arange(count)[slice(None) if spectra is None else _index(spectra)])
    except (IndexError, TypeError) as error:
        raise InvalidInput(f"spectra={spectra!r} does not choose among {count} spectra: {error}") from error
    if rows.size == 0:
        raise InvalidInput(f"spectra={spectra!r} chooses none of {count} spectra")
    return rows


def _index(spectra: slice | ArrayLike) -> Any:
    return spectra if isinstance(spectra, slice) else np.asarray(spectra)


def _one_way(coordinates: Mapping[str, NDArray[Any]], name: str, rows: IntArray) -> Series | None:
    """Series along a coordinate that rises or falls throughout in the order of measurement, branch by branch."""
    if coordinates[name].dtype.kind not in "fM":
        return None
    values, label = as_numbers(name, coordinates[name])
    for groups in _groupings(coordinates, rows):
        alone = len(groups) == rows.size > 1  # a panel for each spectrum
        if alone or _crowd(values, groups) or not np.isfinite(values[rows]).all():
            continue
        steps = [np.diff(values[members]) for members in groups.values()]
        if all((step > 0).all() or (step < 0).all() for step in steps):
            return Series(name, label, tuple(_branch(group, members, values) for group, members in groups.items()))
    return None


def _groupings(coordinates: Mapping[str, NDArray[Any]], rows: IntArray) -> Iterator[dict[str, IntArray]]:
    """Yield the ways to divide the spectra: by branch if there are some, else not at all, else by file."""
    if "branch" in coordinates:
        yield _groups(coordinates["branch"], rows)
        return
    yield {"": rows}
    if "file" in coordinates and 1 < len(groups := _groups(coordinates["file"], rows)) <= _MOST_FILES:
        yield groups


def _groups(names: NDArray[Any], rows: IntArray) -> dict[str, IntArray]:
    """Spectra by name, in order of appearance."""
    return {str(name): rows[names[rows] == name] for name in dict.fromkeys(names[rows].tolist())}


def _branch(name: str, members: IntArray, values: FloatArray) -> Branch:
    here = values[members]
    order = np.argsort(here, kind="stable")
    return Branch(name, members[order], here[order], bool(here[-1] < here[0]))


def as_numbers(name: str, column: NDArray[Any]) -> tuple[FloatArray, str]:
    """Give the values of a coordinate to be drawn, and the label of their axis; times count from the earliest."""
    if column.dtype.kind == "M":
        return _elapsed((column - column[0]) / np.timedelta64(1, "s"))
    if column.dtype.kind not in "fi":
        raise InvalidInput(f"coordinate {name!r} holds text; choose one that holds numbers")
    column = column.astype(np.float64)
    return _elapsed(column) if name == "time" else (column, _LABELS.get(name, name))


def _elapsed(time: FloatArray) -> tuple[FloatArray, str]:
    """Convert times from s to the unit in which they read best, and label them."""
    known = time[np.isfinite(time)]
    first, span = (known.min(), np.ptp(known)) if known.size else (0.0, 0.0)
    unit, name = next(((s, n) for s, n in _TIME_UNITS if span >= 3 * s), (1.0, "s"))
    return (time - first) / unit, f"time since the first spectrum / {name}"
