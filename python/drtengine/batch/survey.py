"""The first pass: what all spectra together decide, so that no chunk depends on its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..basis import tau_grid
from ..campaign import Campaign, frequency_grids
from ..errors import InvalidInput, Status
from ..points import judge_points
from ..spectrum import BoolArray, ComplexArray, FloatArray


@dataclass(frozen=True)
class Survey:
    """What is to be known of all spectra before the first of them is inverted.

    Attributes
    ----------
    count : int
        Spectra.
    points : int
        Most points of a spectrum.
    usable : int
        Spectra that can be inverted.
    first : int or None
        The first of them.
    f_low, f_high : float or None
        Lowest and highest frequency that they use, Hz.
    grid : list of float or None
        The frequencies that they use, where they share them.
    coordinates : dict of str to str
        Kind of each coordinate: "f" numbers, "U" text, "M" times.
    named, timed : bool
        Whether any has a name, and times of its points.
    excluded : list of bool
        Whether each frequency to be left out occurs.
    """

    count: int
    points: int
    usable: int
    first: int | None
    f_low: float | None
    f_high: float | None
    grid: list[float] | None
    coordinates: dict[str, str]
    named: bool
    timed: bool
    excluded: list[bool]

    @classmethod
    def of(cls, campaign: Campaign, options: Mapping[str, Any]) -> Survey:
        """Look at a campaign with the options of its inversion."""
        exclude, found = excluded_points(campaign, options["exclude"])
        used, status, _ = judge_points(campaign, options["f_min"], options["f_max"], exclude, options["weights"])
        fine = np.flatnonzero(status == Status.OK)
        grids = [
            campaign.frequency[rows[0], points]
            for rows, points in frequency_grids(campaign.frequency, used)
            if (status[rows] == Status.OK).any()
        ]
        return cls(
            count=len(campaign),
            points=int(campaign.Z.shape[1]),
            usable=int(fine.size),
            first=int(fine[0]) if fine.size else None,
            f_low=float(min(f.min() for f in grids)) if grids else None,
            f_high=float(max(f.max() for f in grids)) if grids else None,
            grid=grids[0].tolist() if len(grids) == 1 else None,
            coordinates={name: values.dtype.kind for name, values in campaign.coordinates.items()},
            named=campaign.names is not None,
            timed=campaign.point_time is not None,
            excluded=found,
        )

    def __add__(self, after: Survey) -> Survey:
        """Look at this and at what comes after it."""
        if not (self.usable and after.usable):
            known, first = (self, self.first) if self.usable else (after, after.first)
            first = first if known is self or first is None else self.count + first
            merged = replace(known, first=first)
        else:
            assert None not in (self.f_low, self.f_high, after.f_low, after.f_high)
            grid = self.grid if self.grid == after.grid else None
            low, high = min(self.f_low or 0, after.f_low or 0), max(self.f_high or 0, after.f_high or 0)
            merged = replace(self, f_low=low, f_high=high, grid=grid)
        kinds = {**self.coordinates, **after.coordinates}
        for name in self.coordinates.keys() & after.coordinates.keys():
            if self.coordinates[name] != after.coordinates[name]:
                kinds[name] = "U"
        return replace(
            merged,
            count=self.count + after.count,
            points=max(self.points, after.points),
            usable=self.usable + after.usable,
            coordinates=kinds,
            named=self.named or after.named,
            timed=self.timed or after.timed,
            excluded=[a or b for a, b in zip(self.excluded, after.excluded, strict=True)],
        )

    def to_json(self) -> dict[str, Any]:
        """Give what `Survey(**...)` takes."""
        return asdict(self)

    def nodes(self, options: Mapping[str, Any]) -> FloatArray:
        """Choose the grid of tau (s) for all spectra, as `fit_drt` does for a campaign.

        Raises
        ------
        InvalidInput
            If the options ask for one frequency grid and there are several, or a frequency to leave out never occurs.
        """
        if self.grid is None and not isinstance(options["weights"], str):
            raise InvalidInput(
                "weights: one value a point will not do, as the spectra have different frequencies; name a rule instead"
            )
        wanted: ArrayLike = [] if options["exclude"] is None else np.atleast_1d(options["exclude"])
        missing = np.asarray(wanted)[~np.array(self.excluded, dtype=bool)]
        if missing.size:
            raise InvalidInput(f"exclude names {missing[0]:g} Hz, but no spectrum has a point there")
        if self.f_low is None or self.f_high is None:
            raise InvalidInput("no spectrum can be used, so that there is no grid of tau")
        grid = None if self.grid is None else np.array(self.grid)
        tau = options["tau"]
        return tau_grid(self.f_low, self.f_high, grid, tau if tau is None or isinstance(tau, str) else np.array(tau))


def excluded_points(campaign: Campaign, exclude: Any) -> tuple[BoolArray | None, list[bool]]:
    """Give frequencies to leave out as a mask of points, and tell which of them occur in this campaign."""
    if exclude is None:
        return None, []
    hits = [np.isclose(campaign.frequency, f, rtol=1e-6, atol=0) for f in np.atleast_1d(exclude)]
    return np.logical_or.reduce(hits), [bool(hit.any()) for hit in hits]


_UNKNOWN: dict[str, Any] = {"f": np.nan, "U": "", "M": np.datetime64("NaT", "ns")}


def widen(campaign: Campaign, points: int) -> Campaign:
    """Pad all spectra of a campaign to as many points."""
    if campaign.Z.shape[1] == points:
        return campaign
    frequency = campaign.frequency[:1] if campaign.is_shared else campaign.frequency
    wide = _widened(frequency, points)
    return replace(
        campaign,
        frequency=wide[0] if campaign.is_shared else wide,
        Z=_widened(campaign.Z, points),
        point_time=None if campaign.point_time is None else _widened(campaign.point_time, points),
    )


def with_all_coordinates(campaign: Campaign, kinds: Mapping[str, str]) -> Campaign:
    """Give a campaign the coordinates that any spectrum of the batch has, in their kinds.

    Raises
    ------
    InvalidInput
        If it has one that the first pass has not seen.
    """
    strange = [name for name in campaign.coordinates if name not in kinds]
    if strange:
        raise InvalidInput(f"coordinate {strange[0]!r} was not there when the batch began")
    table = {}
    for name, kind in kinds.items():
        values: NDArray[Any] | None = campaign.coordinates.get(name)
        if values is None:
            values = np.full(len(campaign), _UNKNOWN[kind])
        table[name] = values.astype(str) if kind == "U" else values
    return replace(campaign, coordinates=table)


def join(campaigns: list[Campaign]) -> Campaign:
    """Put campaigns one after the other; what some lack is NaN or empty there."""
    if len(campaigns) == 1:
        return campaigns[0]
    points = max(c.Z.shape[1] for c in campaigns)
    kinds: dict[str, str] = {}
    for campaign in campaigns:
        for name, values in campaign.coordinates.items():
            kinds[name] = values.dtype.kind if kinds.get(name, values.dtype.kind) == values.dtype.kind else "U"
    filled = [with_all_coordinates(c, kinds) for c in campaigns]
    first = campaigns[0].frequency[0]
    shared = all(c.is_shared and np.array_equal(c.frequency[0], first, equal_nan=True) for c in campaigns)
    times = None
    if any(c.point_time is not None for c in campaigns):
        times = np.concatenate([_widened(_times(c), points) for c in campaigns])
    names = None
    if any(c.names is not None for c in campaigns):
        names = [c.label(i) for c in campaigns for i in range(len(c))]
    return Campaign(
        first if shared else np.concatenate([_widened(c.frequency, points) for c in campaigns]),
        np.concatenate([_widened(c.Z, points) for c in campaigns]),
        {name: np.concatenate([c.coordinates[name] for c in filled]) for name in kinds},
        names,
        times,
        sources={path: digest for c in campaigns for path, digest in c.sources.items()},
        notes=list(dict.fromkeys(note for c in campaigns for note in c.notes)),
    )


def _times(campaign: Campaign) -> FloatArray:
    return np.full(campaign.Z.shape, np.nan) if campaign.point_time is None else campaign.point_time


def _widened(table: NDArray[Any], points: int) -> NDArray[Any]:
    """Pad [spectrum, point] with NaN."""
    if table.shape[1] == points:
        return table
    wide: FloatArray | ComplexArray = np.full((len(table), points), np.nan, dtype=table.dtype)
    wide[:, : table.shape[1]] = table
    return wide
