"""Gamma over the relaxation time and a coordinate, on a grid: of one campaign, or two beside each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import options, tables
from ._version import __version__
from .basis import positive_array
from .errors import InvalidInput
from .points import measured_window
from .posterior import gamma_band
from .result import DrtResult
from .series import INDEX, Selection, Series, arrange
from .spectrum import BoolArray, FloatArray, IntArray, frozen_array

if TYPE_CHECKING:
    import xarray as xr

_MEANING = {
    "gamma": "gamma per unit ln(tau)",
    "u_gamma": "standard uncertainty of gamma by noise",
    "gamma_low": "lower end of the interval of gamma",
    "gamma_high": "upper end of the interval of gamma",
    "R_inf": "resistance at infinite frequency",
    "R_pol": "integral of gamma over ln(tau), whole grid",
}


_SLACK = 1 + 1e-12  # for nodes that stand on the bound


def map_gamma(
    result: DrtResult,
    *,
    along: str | None = None,
    spectra: Selection = None,
    tau: ArrayLike | None = None,
    at: ArrayLike | None = None,
    level: float = 0.95,
) -> xr.Dataset:
    """Put gamma on a grid of relaxation times and a coordinate.

    Parameters
    ----------
    result : DrtResult
    along : str, optional
        Name of a coordinate, or "spectrum" for the number of the spectrum. By default the first of voltage, soc,
        cycle and time that runs one way within each branch, without one gap that takes the axis, else "spectrum".
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    tau : array_like, shape [tau], optional
        Relaxation times in s; the nodes otherwise. Gamma is exact there.
    at : array_like, shape [along], optional
        Values of the coordinate to interpolate to, linearly between neighbours of a branch; beyond its ends, and
        beside a spectrum without an answer, there is NaN. Otherwise the values of all branches together, with NaN
        where a branch has no spectrum.
    level : float
        Probability of `gamma_low` to `gamma_high`, unless the result has a band of its own.

    Returns
    -------
    xarray.Dataset
        With the dimensions branch (if there are branches), the coordinate, and tau: `gamma`, `u_gamma`, `gamma_low`,
        `gamma_high` in ohm per unit ln(tau), and `in_window`, which is true where the spectrum, or both neighbours,
        measured. Without tau `R_inf`, `R_pol` and `measured`, whether the branch has something there.

    Raises
    ------
    InvalidInput
        If the coordinate does not exist or does not tell the spectra of a branch apart, or `at` cannot be used.

    Notes
    -----
    For what the uncertainties count see `drtengine.posterior`.

    Examples
    --------
    >>> import drtengine as dt
    >>> result = dt.fit_drt(dt.simulate.standin().campaign, capacitance=True)
    >>> gamma = dt.map_gamma(result, along="voltage").gamma
    >>> dict(gamma.sizes)
    {'branch': 2, 'voltage': 24, 'tau': 92}
    >>> gamma.sel(branch="discharge", voltage=0.5, tau=slice(1e-2, 1)).idxmax("tau").item() > 0.1
    True
    """
    import xarray as xr

    if not isinstance(result, DrtResult):
        raise InvalidInput(f"map_gamma() takes a DrtResult, as fit_drt returns it, got {type(result).__name__}")
    series = arrange(result.coordinates, len(result), along, spectra)
    places = result.tau if tau is None else positive_array(tau, "tau")
    band = gamma_band(result, places, options.check_level(level))
    low, high = (end[:, None] for end in measured_window(result.frequency, result.used))
    inside = (places * _SLACK >= low) & (places <= high * _SLACK)
    arrays = {
        "gamma": result.gamma if tau is None else result.evaluate(places),
        "u_gamma": band.u,
        "gamma_low": band.low,
        "gamma_high": band.high,
        "R_inf": result.R_inf,
        "R_pol": result.R_pol,
    }
    column, values = _coordinate(result, series)
    rows = [values[branch.spectra] for branch in series.branches]
    grid = np.unique(np.concatenate(rows)) if at is None else _grid(at, series.along, values)
    blends = [_Blend.exact(row, grid) if at is None else _Blend.linear(row, grid) for row in rows]

    dims = column, "tau"
    variables: dict[str, Any] = {}
    for name, array in arrays.items():
        layers = [
            blend.apply(array[branch.spectra], squares=name.startswith("u_"))
            for blend, branch in zip(blends, series.branches, strict=True)
        ]
        attributes = {"units": result.unit, "long_name": _MEANING[name]}
        variables[name] = (("branch", *dims[: array.ndim]), np.stack(layers), attributes)
    measured = [blend.both(inside[branch.spectra]) for blend, branch in zip(blends, series.branches, strict=True)]
    variables["in_window"] = (("branch", *dims), np.stack(measured), {"long_name": "tau within the measured window"})
    variables["measured"] = (("branch", column), np.stack([~np.isnan(blend.weight) for blend in blends]),
                             {"long_name": "the branch has a spectrum here, or neighbours"})  # fmt: skip
    units = {"units": tables.COORDINATE_UNITS[series.along]} if series.along in tables.COORDINATE_UNITS else {}
    dataset = xr.Dataset(
        variables,
        {
            "branch": [branch.name for branch in series.branches],
            column: (column, grid, units if grid.dtype.kind == "f" else {}),
            "tau": ("tau", places, {"units": "s", "long_name": "relaxation time"}),
        },
        {
            "kind": "map of gamma",
            "drtengine": __version__,
            "along": series.along,
            "falling": json.dumps([branch.name for branch in series.branches if branch.falling]),
            "level": band.level,
            "notes": json.dumps([*result.notes, *band.notes]),
        },
    )
    unnamed = len(series.branches) == 1 and not series.branches[0].name
    return dataset.squeeze("branch", drop=True) if unnamed else dataset


def compare_maps(
    a: DrtResult,
    b: DrtResult,
    *,
    along: str | None = None,
    tau: ArrayLike | None = None,
    at: ArrayLike | None = None,
    level: float = 0.95,
) -> xr.Dataset:
    """Subtract the gamma of one campaign from that of another, on a common grid.

    Parameters
    ----------
    a, b : DrtResult
        For example of two electrodes.
    along : str, optional
        Coordinate, see `map_gamma`; by default that of `a`.
    tau : array_like, shape [tau], optional
        Relaxation times in s; by default the nodes of `a` within the grid of `b`.
    at : array_like, shape [along], optional
        Values of the coordinate; by default those of `a`. Both are interpolated to them.
    level : float
        Probability of the intervals.

    Returns
    -------
    xarray.Dataset
        On the branches that both have: `gamma_a`, `gamma_b`, `difference` = a - b with `u_difference`,
        `difference_low`, `difference_high`, as of independent measurements, and `in_window` where both measured.

    Raises
    ------
    InvalidInput
        If the units differ, no branch is common, or the campaigns have no value of the coordinate or no tau in common.

    Examples
    --------
    >>> import drtengine as dt
    >>> campaigns = [dt.simulate.standin(name).campaign for name in ("SA", "SA@Borax")]
    >>> a, b = (dt.fit_drt(campaign, method="log", capacitance=True) for campaign in campaigns)
    >>> difference = dt.compare_maps(a, b, along="voltage")
    >>> slow = difference.sel(branch="discharge", voltage=0.2, tau=slice(0.2, 1))  # charge transfer is slower in SA
    >>> bool((slow.difference_low > 0).any())
    True
    """
    import xarray as xr

    for name, result in (("a", a), ("b", b)):
        if not isinstance(result, DrtResult):
            raise InvalidInput(f"compare_maps(): {name} must be a DrtResult, got {type(result).__name__}")
    if a.unit != b.unit:
        raise InvalidInput(f"a is in {a.unit} but b in {b.unit}; give both an area, or none")
    series = arrange(a.coordinates, len(a), along)
    places = a.tau[(a.tau >= b.tau[0]) & (a.tau <= b.tau[-1])] if tau is None else positive_array(tau, "tau")
    if places.size == 0:
        raise InvalidInput("a and b have no relaxation time in common")
    if at is None:
        _, values = _coordinate(a, series)
        at = np.unique(np.concatenate([values[branch.spectra] for branch in series.branches]))
    first, second = (map_gamma(r, along=series.along, tau=places, at=at, level=level) for r in (a, b))
    if ("branch" in first.dims) != ("branch" in second.dims):
        raise InvalidInput("one campaign has branches, the other has none; choose spectra of one branch first")
    if "branch" in first.dims:
        common = [name for name in first.branch.values if name in second.branch.values]
        if not common:
            raise InvalidInput("a and b have no branch in common")
        first, second = first.sel(branch=common), second.sel(branch=common)
    difference = first.gamma - second.gamma
    if not np.isfinite(difference).any():
        raise InvalidInput(f"a and b have no value of {series.along!r} in common")
    down, up = first.gamma - first.gamma_low, first.gamma_high - first.gamma
    other_down, other_up = second.gamma - second.gamma_low, second.gamma_high - second.gamma
    ohm = {"units": a.unit}
    return xr.Dataset(
        {
            "gamma_a": first.gamma,
            "gamma_b": second.gamma,
            "difference": difference.assign_attrs(ohm, long_name="gamma of a less that of b, per unit ln(tau)"),
            "u_difference": np.hypot(first.u_gamma, second.u_gamma).assign_attrs(
                ohm, long_name="standard uncertainty of the difference by noise"
            ),
            "difference_low": (difference - np.hypot(down, other_up)).assign_attrs(
                ohm, long_name="lower end of the interval of the difference"
            ),
            "difference_high": (difference + np.hypot(up, other_down)).assign_attrs(
                ohm, long_name="upper end of the interval of the difference"
            ),
            "in_window": first.in_window & second.in_window,
            "measured": first.measured & second.measured,
        },
        attrs={**first.attrs, "kind": "difference of maps of gamma", "notes_b": second.attrs["notes"]},
    )


class _Blend(NamedTuple):
    """How the rows of a branch make the rows of a grid: two neighbours and the weight of the second."""

    first: IntArray
    second: IntArray
    weight: FloatArray  # NaN where there is nothing

    @classmethod
    def exact(cls, values: NDArray[Any], grid: NDArray[Any]) -> _Blend:
        """Take the rows as they are, to places of the grid that are theirs; `values` rise."""
        at = np.minimum(np.searchsorted(values, grid), values.size - 1)
        return cls(at, at, np.where(values[at] == grid, 0.0, np.nan))

    @classmethod
    def linear(cls, values: FloatArray, grid: FloatArray) -> _Blend:
        """Interpolate between rows."""
        second = np.clip(np.searchsorted(values, grid), min(1, values.size - 1), values.size - 1)
        first = np.maximum(second - 1, 0)
        gap = np.where(first == second, 1.0, values[second] - values[first])
        weight = (grid - values[first]) / gap
        if values.size == 1:
            return cls(first, second, np.where(weight == 0, 0.0, np.nan))
        return cls(first, second, np.where((weight >= 0) & (weight <= 1), weight, np.nan))

    def apply(self, rows: FloatArray, *, squares: bool = False) -> FloatArray:
        """Mix rows, or the roots of their squares as of independent errors."""
        weight = self.weight.reshape(-1, *[1] * (rows.ndim - 1))
        # a weight of zero takes nothing, not even NaN
        parts = [np.where(w == 0, 0.0, w * rows[at]) for w, at in ((1 - weight, self.first), (weight, self.second))]
        return np.asarray(np.hypot(*parts) if squares else parts[0] + parts[1])

    def both(self, rows: BoolArray) -> BoolArray:
        """Whether all rows that take part say so."""
        first, second = rows[self.first] | (self.weight == 1)[:, None], rows[self.second] | (self.weight == 0)[:, None]
        inside: BoolArray = first & second & ~np.isnan(self.weight)[:, None]
        return inside


def _coordinate(result: DrtResult, series: Series) -> tuple[str, NDArray[Any]]:
    """Name that the coordinate of a series has in a dataset, and its values [spectrum]."""
    if series.along == INDEX:
        return INDEX, np.arange(len(result))
    return tables.columns([series.along], {"branch", "tau", *_MEANING})[series.along], result.coordinates[series.along]


def _grid(at: ArrayLike, along: str, values: NDArray[Any]) -> FloatArray:
    """Return the values of a coordinate to interpolate to."""
    if values.dtype.kind == "M":
        raise InvalidInput(f"at: {along!r} holds dates, between which gamma is not interpolated; leave it out")
    grid = frozen_array(np.atleast_1d(np.asarray(at)), np.float64, "at", 1)
    if grid.size == 0 or not np.isfinite(grid).all() or not (np.diff(grid) > 0).all():
        raise InvalidInput(f"at must hold rising values of {along!r}, got {np.asarray(at)}")
    if grid[-1] < np.nanmin(values) or grid[0] > np.nanmax(values):
        raise InvalidInput(
            f"at: no value lies between {np.nanmin(values):g} and {np.nanmax(values):g}, where {along!r} was measured"
        )
    return grid
