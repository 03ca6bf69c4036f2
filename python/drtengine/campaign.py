"""An ordered series of spectra with the coordinates that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput, Status
from .markup import page
from .places import Wanted, check_column, describe, groups_by, listed, order_by, rows_where
from .resampling import common_grid, interpolate
from .signs import are_flipped
from .spectrum import MIN_POINTS, BoolArray, ComplexArray, FloatArray, IntArray, Spectrum, frozen_array, span_of


@dataclass(frozen=True, eq=False)
class Campaign:
    """Ordered spectra and a table of coordinates; build one with `from_arrays` or `from_spectra`.

    Spectra of different length stand padded with NaN. Nothing is sorted, dropped or turned.

    Parameters
    ----------
    frequency : ndarray, shape [spectrum, point]
        Hz. A campaign on one grid holds one row seen many times, which costs no memory.
    Z : ndarray, shape [spectrum, point]
        Complex impedance in ohm, true sign (capacitive: Z'' < 0).
    coordinates : mapping of str to array, shape [spectrum]
        For example voltage (V), branch ("discharge" or "charge"), soc, cycle, temperature, time, file.
    names : sequence of str or None
        What to call the spectra in messages.
    point_time : ndarray or None, shape [spectrum, point]
        Time of each point in s, NaN where unknown.
    sources : mapping
        Input files: path to SHA-256.
    notes : sequence of str
        What was dropped, guessed or found odd on the way in.
    """

    frequency: FloatArray
    Z: ComplexArray
    coordinates: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    names: Sequence[str] | None = None
    point_time: FloatArray | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        set_ = partial(object.__setattr__, self)  # frozen
        set_("Z", frozen_array(self.Z, np.complex128, "Z", 2))
        frequency = np.asarray(self.frequency)
        if frequency.ndim == 1:
            row = frozen_array(frequency, np.float64, "frequency", 1)
            if row.size != self.Z.shape[1]:
                raise InvalidInput(f"frequency has {row.size} points but Z is [{len(self)}, {self.Z.shape[1]}]")
            frequency = np.broadcast_to(row, self.Z.shape)
        elif frequency.ndim == 2 and frequency.strides[0] == 0 and len(frequency) > 0:
            row = frozen_array(frequency[0], np.float64, "frequency", 1)
            frequency = np.broadcast_to(row, frequency.shape)
        else:
            frequency = frozen_array(frequency, np.float64, "frequency", 2)
        set_("frequency", frequency)
        if frequency.shape != self.Z.shape:
            raise InvalidInput(f"frequency has shape {frequency.shape} but Z has {self.Z.shape}; they must match")
        if self.Z.size == 0:
            raise InvalidInput(f"a campaign needs at least one spectrum of one point, got Z of shape {self.Z.shape}")
        if self.point_time is not None:
            set_("point_time", frozen_array(self.point_time, np.float64, "point_time", 2))
            if self.point_time.shape != self.Z.shape:
                raise InvalidInput(f"point_time has shape {self.point_time.shape} but Z has {self.Z.shape}")
        if self.names is not None:
            if isinstance(self.names, str) or len(self.names) != len(self):
                raise InvalidInput(f"names must hold one name for each of the {len(self)} spectra, got {self.names!r}")
            set_("names", tuple(map(str, self.names)))
        table = {name: check_column(name, values, len(self)) for name, values in self.coordinates.items()}
        set_("coordinates", MappingProxyType(table))
        set_("sources", MappingProxyType(dict(self.sources)))
        set_("notes", tuple(self.notes))

    @classmethod
    def from_arrays(
        cls,
        frequency: ArrayLike,
        Z: ArrayLike,
        *,
        coordinates: Mapping[str, ArrayLike] | None = None,
        names: Sequence[str] | None = None,
        point_time: ArrayLike | None = None,
    ) -> Campaign:
        """Build a campaign from arrays.

        Parameters
        ----------
        frequency : array_like, shape [point] or [spectrum, point]
            Hz, in any order; NaN at the end pads short spectra.
        Z : array_like, shape [spectrum, point]
            Complex impedance in ohm, true sign. NaN where a spectrum is padded.
        coordinates : mapping of str to array_like, shape [spectrum], optional
        names : sequence of str, optional
        point_time : array_like, shape [spectrum, point], optional
            Seconds.

        Raises
        ------
        InvalidInput
            If shapes do not match or values are not numbers.

        Examples
        --------
        >>> import numpy as np
        >>> f = np.geomspace(1e5, 1e-2, 71)
        >>> Z = 10 + 50 / (1 + 2j * np.pi * f[None, :] * np.array([[1e-3], [1e-2]]))
        >>> Campaign.from_arrays(f, Z, coordinates={"voltage": [0.1, 0.2]})
        <Campaign: 2 spectra, 71 points, 0.01 to 1e+05 Hz, coordinates: voltage>
        """
        return cls(
            frequency,  # type: ignore[arg-type]  # __post_init__ turns array-likes into arrays
            Z,  # type: ignore[arg-type]
            coordinates=coordinates or {},  # type: ignore[arg-type]
            names=names,
            point_time=point_time,  # type: ignore[arg-type]
        )

    @classmethod
    def from_spectra(cls, spectra: Sequence[Spectrum]) -> Campaign:
        """Put spectra in the given order into a campaign.

        A coordinate that some spectra lack is NaN (or an empty string) there, and noted.

        Raises
        ------
        InvalidInput
            If there is no spectrum, or something else among them.
        """
        spectra = (spectra,) if isinstance(spectra, Spectrum) else tuple(spectra)
        if not all(isinstance(s, Spectrum) for s in spectra):
            raise InvalidInput("from_spectra takes a list of Spectrum; use from_arrays for arrays")
        if not spectra:
            raise InvalidInput("a campaign needs at least one spectrum, got none")
        count, points = len(spectra), max(map(len, spectra))
        notes = [f"{s.name}: {note}" if s.name else note for s in spectra for note in s.notes]
        blank = sum(bool(np.isnan(s.frequency[-1]) and np.isnan(s.Z[-1])) for s in spectra)
        if blank:
            notes.append(f"{blank} of {count} spectra end with blank points (NaN); these count as padding")
        first = spectra[0].frequency
        if all(s.frequency is first or np.array_equal(s.frequency, first) for s in spectra):
            frequency = np.broadcast_to(first, (count, points))
        else:
            frequency = _padded([s.frequency for s in spectra], np.float64)
        point_time = None
        if any(s.point_time is not None for s in spectra):
            point_time = _padded([np.empty(0) if s.point_time is None else s.point_time for s in spectra], np.float64)
            point_time = np.pad(point_time, ((0, 0), (0, points - point_time.shape[1])), constant_values=np.nan)
        coordinates: dict[str, NDArray[Any]] = {}
        for name in dict.fromkeys(key for s in spectra for key in s.coordinates):
            column: list[Any] = [s.coordinates.get(name) for s in spectra]
            textual = any(isinstance(value, str) for value in column)
            if None in column:
                notes.append(f"coordinate {name!r} is unknown for {column.count(None)} of {count} spectra")
                times = any(isinstance(value, np.datetime64) for value in column)
                unknown = "" if textual else np.datetime64("NaT") if times else np.nan
                column = [unknown if value is None else value for value in column]
            coordinates[name] = np.array([str(v) for v in column] if textual else column)
        return cls(
            frequency,
            _padded([s.Z for s in spectra], np.complex128),
            coordinates=coordinates,
            names=[s.name or f"spectrum {i}" for i, s in enumerate(spectra)],
            point_time=point_time,
            sources={path: digest for s in spectra for path, digest in s.sources.items()},
            notes=notes,
        )

    def __len__(self) -> int:
        return int(self.Z.shape[0])

    def __iter__(self) -> Iterator[Spectrum]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Spectrum: ...
    @overload
    def __getitem__(self, index: slice | IntArray | BoolArray | Sequence[int]) -> Campaign: ...
    def __getitem__(self, index: int | slice | IntArray | BoolArray | Sequence[int]) -> Spectrum | Campaign:
        """One spectrum (an integer) or a campaign of some (a slice, indices or a boolean mask)."""
        if isinstance(index, int | np.integer):
            if not -len(self) <= index < len(self):
                raise IndexError(f"there is no spectrum {index} in a campaign of {len(self)}")
            row = int(index) % len(self)
            here = self.is_point[row]
            return Spectrum(
                self.frequency[row][here],
                self.Z[row][here],
                name=self.label(row),
                coordinates={name: _scalar(values[row]) for name, values in self.coordinates.items()},
                point_time=None if self.point_time is None else self.point_time[row][here],
                sources=self.sources,
            )
        rows = np.arange(len(self))[index]
        if rows.ndim != 1 or rows.size == 0:
            raise InvalidInput(f"an index must select at least one spectrum, in one dimension; got shape {rows.shape}")
        return Campaign(
            np.broadcast_to(self.frequency[0], (rows.size, self.Z.shape[1]))
            if self.is_shared
            else self.frequency[rows],
            self.Z[rows],
            coordinates={name: values[rows] for name, values in self.coordinates.items()},
            names=None if self.names is None else [self.names[i] for i in rows],
            point_time=None if self.point_time is None else self.point_time[rows],
            sources=self.sources,
            notes=self.notes,
        )

    def __repr__(self) -> str:
        span = span_of(self.frequency[0] if self.is_shared else self.frequency)
        coordinates = f", coordinates: {', '.join(self.coordinates)}" if self.coordinates else ""
        return f"<Campaign: {len(self)} spectra, {self.Z.shape[1]} points{span}{coordinates}>"

    def __str__(self) -> str:
        """Tell what is in it, a line for each coordinate, and the notes."""
        lines = [repr(self), *(f"  {name}: {about}" for name, about, _ in self._places())]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        head = ("coordinate", "values", "different")
        rows = self._places()
        title, _, _ = repr(self).strip("<>").partition(", coordinates: ")
        return page(title, head, rows, self.notes, count=len(rows))

    def _places(self) -> list[tuple[str, str, str]]:
        """Coordinates: name, from where to where, and how many different values."""
        return [(name, *describe(column)) for name, column in self.coordinates.items()]

    def __reduce__(self) -> tuple[Any, ...]:  # a mappingproxy does not pickle, a repeated row need not
        frequency = self.frequency[0] if self.is_shared else self.frequency
        tables = dict(self.coordinates), self.names, self.point_time, dict(self.sources)
        return Campaign, (frequency, self.Z, *tables, self.notes)

    def label(self, index: int) -> str:
        """Name spectrum `index` for messages."""
        return self.names[index] if self.names is not None else f"spectrum {index}"

    def with_coordinates(self, **coordinates: ArrayLike) -> Campaign:
        """Return the campaign with coordinates added or replaced, each of shape [spectrum]."""
        table = {**self.coordinates, **{name: np.asarray(values) for name, values in coordinates.items()}}
        return Campaign(
            self.frequency, self.Z, table, self.names, self.point_time, sources=self.sources, notes=self.notes
        )

    def masked(self, *, points: ArrayLike | None = None, spectra: ArrayLike | None = None) -> Campaign:
        """Return the campaign without some points and spectra; a note, which every later result carries, tells which.

        Parameters
        ----------
        points : array_like of bool, shape [spectrum, point], optional
            True where a point is left out. What is left of a spectrum moves together.
        spectra : array_like of bool, shape [spectrum], optional
            True where a spectrum is left out.

        Raises
        ------
        InvalidInput
            If a mask has another shape or type, or nothing is left.

        Examples
        --------
        >>> f = np.geomspace(1e5, 1e-2, 71)
        >>> campaign = Campaign.from_arrays(f, 10 + 50 / (1 + 2j * np.pi * f[None, :] * [[1e-3], [1e-2]]))
        >>> campaign.masked(spectra=[True, False]).notes
        ('1 of 2 spectra left out: spectrum 0',)
        """
        out = self.is_point & _mask("points", points, self.Z.shape)
        gone = _mask("spectra", spectra, (len(self),)) | (out == self.is_point).all(axis=1)
        if gone.all():
            raise InvalidInput("nothing is left of the campaign; leave fewer points or spectra out")
        labels = [self.label(i) for i in range(len(self))]
        notes = list(self.notes)
        if gone.any():
            which = listed([labels[i] for i in np.flatnonzero(gone)])
            notes.append(f"{gone.sum()} of {len(self)} spectra left out: {which}")
        kept = np.flatnonzero(~gone)
        for i in kept[out[kept].any(axis=1)]:
            at = [f"{f:.4g} Hz" for f in self.frequency[i][out[i]]]
            notes.append(f"{labels[i]}: {len(at)} point(s) left out: {listed(at)}")
        order = np.argsort(out[kept], axis=1, kind="stable")  # what is left out moves to the end, as padding

        def without(table: NDArray[Any]) -> NDArray[Any]:
            return np.take_along_axis(np.where(out[kept], np.nan, table[kept]), order, axis=1)

        campaign = self[kept]
        return Campaign(
            without(self.frequency) if out[kept].any() else campaign.frequency,
            without(self.Z),
            campaign.coordinates,
            [labels[i] for i in kept],
            None if self.point_time is None else without(self.point_time),
            sources=self.sources,
            notes=notes,
        )

    def selected(self, **wanted: Wanted) -> Campaign:
        """Return the spectra that have the wanted coordinates.

        Parameters
        ----------
        **wanted
            By coordinate: a value, a list of values, ``slice(low, high)`` for a range with both ends, or a
            function that takes the column [spectrum] and gives a mask. Numbers count as equal to nine digits.

        Raises
        ------
        InvalidInput
            If there is no such coordinate, or no spectrum has such values.

        Examples
        --------
        >>> campaign = Campaign.from_arrays([1.0], np.ones((3, 1)), coordinates={"cycle": [1, 2, 3]})
        >>> campaign.selected(cycle=slice(2, None)).coordinates["cycle"]
        array([2., 3.])
        """
        return self[rows_where(self.coordinates, len(self), wanted)]

    def sorted_by(self, *names: str, descending: bool = False) -> Campaign:
        """Return the spectra in the order of coordinates, the first counting most; unknown values come last."""
        if not names:
            raise InvalidInput("sorted_by needs the name of at least one coordinate")
        return self[order_by(self.coordinates, len(self), names, descending=descending)]

    def split_by(self, name: str) -> dict[Any, Campaign]:
        """Return a campaign for each value of a coordinate, in order of appearance."""
        return {value: self[rows] for value, rows in groups_by(self.coordinates, name).items()}

    @classmethod
    def concatenate(cls, campaigns: Sequence[Campaign]) -> Campaign:
        """Put campaigns one after the other; a coordinate that some lack is unknown there, which is noted.

        Raises
        ------
        InvalidInput
            If there is none, something else among them, or a coordinate holds text in one and numbers in another.
        """
        parts = tuple(campaigns)
        if not parts or not all(isinstance(part, Campaign) for part in parts):
            raise InvalidInput("concatenate takes a list of at least one Campaign")
        names = dict.fromkeys(name for part in parts for name in part.coordinates)
        for name in names:
            kinds = {part.coordinates[name].dtype.kind for part in parts if name in part.coordinates}
            if len(kinds) > 1:
                raise InvalidInput(f"coordinate {name!r} does not hold the same kind of values in all campaigns")
        joined = cls.from_spectra([spectrum for part in parts for spectrum in part])
        sources = {path: digest for part in parts for path, digest in part.sources.items()}
        notes = list(dict.fromkeys(note for part in (*parts, joined) for note in part.notes))
        return replace(joined, sources=sources, notes=notes)

    def resampled(self, frequency: ArrayLike | None = None) -> Campaign:
        """Return the campaign on one frequency grid, interpolated by cubic splines of Re and Im over ln f.

        Nothing else in drtengine asks for one grid. Interpolated points are not measured ones: neighbours share
        their noise, and what the splines miss between distant points has no estimate. A note says so.

        Parameters
        ----------
        frequency : array_like, shape [point], optional
            Hz, within the range of every spectrum. By default the range that all share, with as many points per
            decade as the densest spectrum has.

        Raises
        ------
        InvalidInput
            If a spectrum cannot be interpolated there; the message names it.
        """
        measured = [self.frequency[i][self.is_point[i] & (self.frequency[i] != 0)] for i in range(len(self))]
        values = [self.Z[i][self.is_point[i] & (self.frequency[i] != 0)] for i in range(len(self))]
        if frequency is None:
            grid = common_grid(measured)
        else:
            grid = frozen_array(frequency, np.float64, "frequency", 1)
            if grid.size == 0 or not (np.isfinite(grid) & (grid > 0)).all():
                raise InvalidInput("frequency must hold positive, finite numbers (Hz)")
        Z = [interpolate(f, z, grid, self.label(i)) for i, (f, z) in enumerate(zip(measured, values, strict=True))]
        note = (
            f"resampled to {grid.size} frequencies by cubic splines over ln f: points share their noise with their "
            "neighbours, and the error of interpolation has no estimate"
        )
        return replace(self, frequency=grid, Z=np.array(Z), point_time=None, notes=[*self.notes, note])

    @property
    def is_shared(self) -> bool:
        """Whether `frequency` is one row seen many times."""
        return self.frequency.strides[0] == 0

    @cached_property
    def is_point(self) -> BoolArray:
        """True where a point was measured, False where a short spectrum is padded at its end [spectrum, point]."""
        if self.is_shared and not np.isnan(self.frequency[0]).any():
            return np.broadcast_to(np.True_, self.Z.shape)
        blank = np.isnan(self.frequency) & np.isnan(self.Z)
        return ~np.logical_and.accumulate(blank[:, ::-1], axis=1)[:, ::-1]

    @cached_property
    def problems(self) -> NDArray[np.int8]:
        """What makes spectra unusable, as `Status` [spectrum]; judged on all points above 0 Hz."""
        return find_problems(self.frequency, self.Z, self.is_point & (self.frequency != 0))


def find_problems(frequency: FloatArray, Z: ComplexArray, used: BoolArray) -> NDArray[np.int8]:
    """Judge each spectrum by the points that are used.

    Parameters
    ----------
    frequency, Z : ndarray, shape [spectrum, point]
        Hz and ohm.
    used : ndarray of bool, shape [spectrum, point]

    Returns
    -------
    ndarray of int8, shape [spectrum]
        `Status.OK` or what is wrong.
    """
    status = np.full(len(Z), Status.OK, dtype=np.int8)

    def mark(rows: Any, reason: Status) -> None:
        status[rows & (status == Status.OK)] = reason

    mark(used.sum(axis=1) < MIN_POINTS, Status.TOO_FEW_POINTS)
    mark((used & ~(np.isfinite(Z) & np.isfinite(frequency))).any(axis=1), Status.NOT_FINITE)
    mark((used & (frequency < 0)).any(axis=1), Status.NEGATIVE_FREQUENCY)
    for rows, points in frequency_grids(frequency, used):
        grid = frequency[rows[0], points]
        if np.unique(grid).size < grid.size:
            status[rows[status[rows] == Status.OK]] = Status.REPEATED_FREQUENCY
        sound = rows[status[rows] == Status.OK]
        if sound.size:
            status[sound[are_flipped(grid, Z[np.ix_(sound, points)])]] = Status.SIGN_FLIPPED
    return status


def frequency_grids(frequency: FloatArray, used: BoolArray) -> list[tuple[IntArray, BoolArray]]:
    """Group spectra whose used points stand at the same places and frequencies.

    Returns
    -------
    list of (spectra, points)
        Indices of the spectra and the mask of their points, in order of the first spectrum.
    """
    if frequency.strides[0] == 0 and (used.strides[0] == 0 or used.all() or (used == used[0]).all()):
        return [(np.arange(len(used)), used[0])]
    groups: dict[bytes, list[int]] = {}
    for i, row in enumerate(np.where(used, frequency, np.nan)):
        groups.setdefault(row.tobytes(), []).append(i)
    return [(np.array(rows), used[rows[0]]) for rows in groups.values()]


def _mask(name: str, mask: ArrayLike | None, shape: tuple[int, ...]) -> BoolArray:
    """Check a mask of what is left out; None leaves nothing out."""
    if mask is None:
        return np.zeros(shape, dtype=bool)
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != shape:
        raise InvalidInput(f"{name} must be a mask of shape {shape}, got {array.dtype} of shape {array.shape}")
    return array


def _padded(rows: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    """Stack rows of different length, the rest NaN."""
    table: NDArray[Any] = np.full((len(rows), max(map(len, rows))), np.nan, dtype=dtype)
    for target, row in zip(table, rows, strict=True):
        target[: len(row)] = row
    return table


def _scalar(value: Any) -> Any:
    """Turn one value of a coordinate into a number or string; a time stays what it is."""
    return value if isinstance(value, np.datetime64) else value.item()
