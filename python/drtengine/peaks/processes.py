"""Resistances of processes, each known by the range of relaxation times that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import options
from ..basis import Basis
from ..campaign import Campaign
from ..errors import InvalidInput
from ..points import measured_window
from ..posterior import INTEGRAL, interval, spread
from ..result import DrtResult
from ..spectrum import BoolArray, FloatArray
from .cuts import carried_by_lines
from .tables import campaign_columns, dataset_of, require_result

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

DEFAULT_PROCESSES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"SEI": (0.0, 1e-3), "charge transfer": (1e-2, 1.0), "diffusion": (1.0, 10.0)}
)
"""Processes of a silicon anode by relaxation time in s; He et al., 10.1021/acssuschemeng.4c10154."""


@dataclass(frozen=True, eq=False)
class Processes:
    """Resistances of named processes; made by `integrate_processes`.

    Attributes
    ----------
    names : sequence of str
    limits : ndarray, shape [process, 2]
        Range of relaxation times in s.
    R : ndarray, shape [spectrum, process]
        Integral of gamma over the range, ohm. NaN where a spectrum has no answer or did not measure there.
    u_R : ndarray, shape [spectrum, process]
        Standard uncertainty by noise, and by what the data leave undecided where lines are reckoned with.
    R_low, R_high : ndarray, shape [spectrum, process]
        Interval of probability `level`, with what smoothing may have carried over the limits.
    share : ndarray, shape [spectrum, process]
        Of R_pol.
    extrapolated : ndarray, shape [spectrum, process]
        Share of R that stands outside the spectrum's measured window.
    level : float
    campaign : Campaign
    unit : str
        Of resistances.
    notes : sequence of str
    """

    names: Sequence[str]
    limits: FloatArray
    R: FloatArray
    u_R: FloatArray
    R_low: FloatArray
    R_high: FloatArray
    share: FloatArray
    extrapolated: FloatArray
    level: float
    campaign: Campaign
    unit: str
    notes: Sequence[str]

    def __len__(self) -> int:
        return len(self.R)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Range of each process by its name, s."""
        return {name: (float(low), float(high)) for name, (low, high) in zip(self.names, self.limits, strict=True)}

    def to_frame(self) -> pd.DataFrame:
        """Give a long table: one row for each spectrum and process, with the coordinates."""
        import pandas as pd

        count = len(self.names)
        own = {
            "process": np.tile(np.array(self.names), len(self)),
            **{name: np.tile(end, len(self)) for name, end in zip(_ENDS, self.limits.T, strict=True)},
            **{name: getattr(self, name).ravel() for name in _NUMBERS},
        }
        spectrum = np.repeat(np.arange(len(self)), count)
        return pd.DataFrame({**campaign_columns(self.campaign, spectrum, list(own)), **own})

    def to_dataset(self) -> xr.Dataset:
        """Give an xarray Dataset [spectrum, process]."""
        own = {
            "process": ("process", np.array(self.names)),
            **{name: ("process", end, {"units": "s"}) for name, end in zip(_ENDS, self.limits.T, strict=True)},
        }
        spectrum = "spectrum", np.arange(len(self))
        dims = "spectrum", "process"
        return dataset_of("Processes", self, vars(self), dims, _NUMBERS, own, spectrum, level=self.level)


_ENDS = "tau_from", "tau_to"
_NUMBERS = {
    "R": ("{ohm}", "resistance, the integral of gamma over ln(tau)"),
    "u_R": ("{ohm}", "standard uncertainty of R"),
    "R_low": ("{ohm}", "lower end of the interval of R"),
    "R_high": ("{ohm}", "upper end of the interval of R"),
    "share": ("1", "R over R_pol"),
    "extrapolated": ("1", "share of R outside the measured window"),
}


def integrate_processes(
    result: DrtResult,
    processes: Mapping[str, tuple[float, float]] | None = None,
    *,
    level: float = 0.95,
    lines: bool = True,
) -> Processes:
    """Sum up gamma over the relaxation times of each process, exactly from the basis.

    Parameters
    ----------
    result : DrtResult
    processes : mapping of str to (float, float), optional
        From where to where a process reaches, in s; 0 and infinity stand for the ends of the grid of tau.
        By default those of a silicon anode, `DEFAULT_PROCESSES`.
    level : float
        Probability of the intervals.
    lines : bool
        Whether to reckon with discrete lines and edges of gamma, as diffusion has them, which a smooth estimate or a
        sum of elements cannot show. Otherwise the intervals take such an estimate at its word: gamma is as smooth as
        it ("log", "joint"), or such a sum ("elements"), and are several times narrower. Those of ridge always reckon
        with lines.

    Returns
    -------
    Processes
        A range may reach beyond a spectrum's measured window: `extrapolated` says how much of R stands there. A
        range wholly outside is NaN, and noted.

    Raises
    ------
    InvalidInput
        If a range is empty, two of them overlap, or one lies outside every spectrum's measured window.

    Notes
    -----
    R is what the range holds, not the resistance of an element: the flanks of a ZARC reach over any limit. For the
    uncertainty see `drtengine.posterior`.

    Examples
    --------
    >>> import drtengine as dt
    >>> truth = dt.simulate.standin(branches=["discharge"])
    >>> result = dt.fit_drt(truth.campaign, method="ridge", weights="modulus", capacitance=True)
    >>> found = dt.integrate_processes(result, {"charge transfer": (1e-2, 1)})
    >>> exact = truth.integral(1e-2, 1)
    >>> bool(((found.R_low[:, 0] < exact) & (exact < found.R_high[:, 0])).mean() > 0.9)
    True
    """
    require_result("integrate_processes", result)
    ranges = check_processes(DEFAULT_PROCESSES if processes is None else processes)
    level = options.check_level(level)
    rows = np.stack([_integrals(result.basis, *limits) for limits in ranges.values()])
    R = result.coefficients @ rows.T
    outside, notes = np.zeros(R.shape), list[str]()
    some = result.used.any(axis=1)
    window = np.stack(measured_window(result.frequency, result.used), axis=1)
    for k, (name, limits) in enumerate(ranges.items()):
        low, high = np.fmax(limits[0], window[:, 0]), np.fmin(limits[1], window[:, 1])
        elsewhere = low >= high
        if some.any() and elsewhere[some].all():
            raise InvalidInput(
                f"processes: {name!r}, {limits[0]:g} to {limits[1]:g} s, lies outside what every spectrum measured, "
                f"{np.nanmin(window):.3g} to {np.nanmax(window):.3g} s; change its limits or leave it out"
            )
        for i in np.flatnonzero(elsewhere & some):
            notes.append(f"{result.campaign.label(int(i))}: did not measure where {name!r} lies")
        R[elsewhere, k] = np.nan
        for start, end in np.unique(np.stack([low, high], axis=1)[~elsewhere], axis=0):
            alike = (low == start) & (high == end)
            beyond = rows[k] - _integrals(result.basis, start, end)  # exactly zero where all of it was measured
            outside[alike, k] = result.coefficients[alike] @ beyond
    known = spread(result, rows, freer=INTEGRAL.freer if options.check_flag("lines", lines) else 1.0)
    gained, lost = np.zeros((2, *R.shape))
    if lines:
        gained, lost, cut = carried_by_lines(result, np.array(list(ranges.values())))
        notes += _cut_notes(ranges, cut & np.isfinite(R)[:, :, None])
    if result.elements is not None and (summed := result.method == "elements").any():
        exact, u = result.elements.integrals(*np.clip(list(ranges.values()), result.tau[0], result.tau[-1]).T)
        R[summed] = np.where(np.isnan(R[summed]), np.nan, exact[summed])
        known.u[summed] = np.fmax(known.u[summed], u[summed]) if lines else u[summed]
        if not lines or np.isnan(result.lambda_[summed]).any():
            notes.append("the intervals of spectra told by elements take the number and the kinds of these for granted")
    R_low, R_high = interval(R, known, level)
    R_low, R_high = R_low - gained, R_high + lost
    with np.errstate(invalid="ignore", divide="ignore"):
        share, extrapolated = R / result.R_pol[:, None], outside / R
    return Processes(
        names=tuple(ranges),
        limits=np.array(list(ranges.values())),
        R=R,
        u_R=np.where(np.isnan(R), np.nan, known.u),
        R_low=np.maximum(R_low, 0) if result.is_positive else R_low,
        R_high=R_high,
        share=share,
        extrapolated=extrapolated,
        level=level,
        campaign=result.campaign,
        unit=result.unit,
        notes=(*notes, *known.notes),
    )


def _cut_notes(ranges: Mapping[str, tuple[float, float]], cut: BoolArray) -> list[str]:
    """Name the limits that cut through narrow peaks [spectrum, range, end]."""
    notes = []
    for k, (name, limits) in enumerate(ranges.items()):
        for side, limit in enumerate(limits):
            if count := int(cut[:, k, side].sum()):
                notes.append(
                    f"{name!r}: its limit of {limit:g} s cuts through a narrow peak in {count} of {len(cut)} spectra; "
                    "were it a line, all of it would stand on one side, which the intervals count in"
                )
    return notes


def check_processes(processes: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Return named ranges of relaxation times, each rising, none overlapping another.

    Raises
    ------
    InvalidInput
        If they are not; the message names the process.
    """
    if not isinstance(processes, Mapping) or not processes:
        raise InvalidInput(f'processes must map names to ranges in s, such as {{"SEI": (0, 1e-3)}}, got {processes!r}')
    ranges: dict[str, tuple[float, float]] = {}
    for name, limits in processes.items():
        if not isinstance(name, str) or not name:
            raise InvalidInput(f"processes: a name must be a string, got {name!r}")
        try:
            low, high = map(float, limits)
        except (TypeError, ValueError):
            raise InvalidInput(
                f"processes: {name!r} must lie between two relaxation times in s, got {limits!r}"
            ) from None
        if not 0 <= low < high:
            raise InvalidInput(
                f"processes: {name!r} must lie between two relaxation times in s, 0 <= from < to, got {limits!r}"
            )
        ranges[name] = low, high
    in_order = sorted(ranges, key=lambda name: ranges[name])
    for first, second in pairwise(in_order):
        if ranges[first][1] > ranges[second][0]:
            raise InvalidInput(
                f"processes: {first!r} and {second!r} overlap between {ranges[second][0]:g} and "
                f"{min(ranges[first][1], ranges[second][1]):g} s, which would count twice; part them"
            )
    return ranges


def process_of(tau: FloatArray, processes: Mapping[str, tuple[float, float]]) -> NDArray[np.str_]:
    """Give the name of the process that each relaxation time belongs to, empty where there is none."""
    names = np.full(tau.shape, "", dtype=f"U{max(map(len, processes), default=1)}")
    for name, (low, high) in processes.items():
        names[(tau >= low) & (tau < high)] = name
    return names


def _integrals(basis: Basis, low: float, high: float) -> FloatArray:
    """Integrals of the basis functions [node] between two relaxation times, as far as the grid goes."""
    low, high = (float(np.clip(end, basis.tau[0], basis.tau[-1])) for end in (low, high))
    return basis.integrals(low, high)
