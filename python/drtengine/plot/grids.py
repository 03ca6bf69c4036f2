"""Pictures of the datasets that `map_gamma` and `compare_maps` return."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..errors import InvalidInput, near_miss
from ..peaks.processes import check_processes
from ..series import as_numbers, cell_edges
from ..spectrum import FloatArray
from .figures import add_colour_bar, figure_for, unit_label
from .maps import COLOURS, SCALES, colour_norm, finish_map

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure, SubFigure

BOTH_WAYS = "PuOr_r"
"""Colours of differences: as light in grey where a has more as where b has."""

_DOUBT = {"gamma": ("gamma_low", "gamma_high"), "difference": ("difference_low", "difference_high")}
_SYMBOLS = {"gamma": "γ", "u_gamma": "u(γ)", "gamma_a": "γ of a", "gamma_b": "γ of b", "difference": "γ of a - γ of b",
            "u_difference": "u(γ of a - γ of b)"}  # fmt: skip


def grid_map(
    dataset: xr.Dataset,
    variable: str | None = None,
    *,
    scale: Literal["sqrt", "linear"] = "sqrt",
    doubt: bool = True,
    processes: Mapping[str, tuple[float, float]] | None = None,
    colour_max: float | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw a map of gamma, of its uncertainty, or of a difference, a panel for each branch.

    Outside the measured window the map is pale. Cells that hold no value are hatched grey.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `map_gamma` or `compare_maps`.
    variable : str, optional
        "gamma" or "u_gamma" of a map; "difference", "u_difference", "gamma_a" or "gamma_b" of a comparison. By
        default gamma or the difference.
    scale : {"sqrt", "linear"}
        How values become colour. The square root lets weak processes be seen beside strong ones.
    doubt : bool
        Whether to dot the cells of which the interval holds zero.
    processes : mapping of str to (float, float), optional
        Relaxation times in s between which a process lies, by its name.
    colour_max : float, optional
        Where the colours end; by default at the highest value in the measured window.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new one otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure

    Raises
    ------
    InvalidInput
        If the dataset is something else, or has no such variable.
    """
    from matplotlib.cm import ScalarMappable

    if "along" not in getattr(dataset, "attrs", {}) or "tau" not in dataset.dims:
        raise InvalidInput("grid_map() takes a dataset as map_gamma or compare_maps return it")
    variable = variable or ("difference" if "difference" in dataset else "gamma")
    drawable = tuple(name for name in _SYMBOLS if name in dataset)
    if variable not in drawable:
        raise InvalidInput(f"the dataset has no map {variable!r}; {near_miss(variable, drawable)}")
    if scale not in SCALES:
        raise InvalidInput(f"unknown scale {scale!r}; {near_miss(scale, tuple(SCALES))}")
    ranges = check_processes(processes) if processes else {}
    if "branch" not in dataset.dims:
        dataset = dataset.expand_dims(branch=[""])
    values = dataset[variable].where(dataset.in_window)
    norm = _norm(values.values, variable == "difference", scale, colour_max)
    count = dataset.sizes["branch"]
    figure = figure_for(figure, count, 65)
    panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for ax, name in zip(panels, dataset.branch.values, strict=True):
        layer = dataset.sel(branch=name)
        along = str(layer.measured.dims[0])
        ax.set_xlabel(as_numbers(layer.attrs["along"], layer[along].values)[1])
        ax.set_title(str(name))
        if layer.measured.any():
            _draw(ax, layer.isel({along: layer.measured.values}), along, variable, norm, doubt)
        if str(name) in json.loads(dataset.attrs["falling"]):
            ax.invert_xaxis()
        finish_map(ax, ranges, dark=variable != "difference")
    panels[0].set_ylabel("τ / s")
    beyond = bool((np.abs(values) > norm.vmax).any())
    extend = "neither" if not beyond else "both" if variable == "difference" else "max"
    label = f"{_SYMBOLS[variable]} / {unit_label(dataset[variable].attrs['units'])} per unit ln τ{SCALES[scale]}"
    add_colour_bar(figure, ScalarMappable(norm, _colours(variable)), list(panels), label, extend=extend)
    return figure


def _norm(values: FloatArray, both_ways: bool, scale: str, colour_max: float | None) -> Normalize:
    """Colours from 0, or from the lowest gamma where that is negative, or from as far below 0 as above."""
    known = values[np.isfinite(values)]
    top = colour_max if colour_max is not None else np.abs(known).max(initial=0.0) or 1.0
    if not (np.isfinite(top) and top > 0):
        raise InvalidInput(f"colour_max must be positive and finite, got {colour_max!r}")
    return colour_norm(-top if both_ways else known.min(initial=0.0), top, scale)


def _draw(ax: Axes, layer: xr.Dataset, along: str, variable: str, norm: Normalize, doubt: bool) -> None:
    """Draw one branch."""
    places, _ = as_numbers(layer.attrs["along"], layer[along].values)
    tau, values, inside = layer.tau.values, layer[variable].values.T, layer.in_window.values.T
    edges, tau_edges = cell_edges(places), np.exp(cell_edges(np.log(tau)))
    ax.pcolormesh(edges, tau_edges, np.ma.masked_invalid(values), norm=norm, cmap=_colours(variable), rasterized=True)
    veil = np.ma.masked_where(inside | np.isnan(values), np.ones(values.shape))
    ax.pcolormesh(edges, tau_edges, veil, cmap="gray", vmin=0, vmax=2, alpha=0.6, rasterized=True)
    if doubt and variable in _DOUBT:
        low, high = (layer[name].values.T for name in _DOUBT[variable])
        row, column = np.nonzero((low <= 0) & (high >= 0) & inside)
        ax.plot(places[column], tau[row], ".", color="0.6", ms=1.5, mew=0)


def _colours(variable: str) -> str:
    return BOTH_WAYS if variable == "difference" else COLOURS
