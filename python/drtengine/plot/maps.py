"""Intensity maps: gamma as colour over the relaxation time and a coordinate such as the voltage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput, near_miss
from ..peaks import Tracks
from ..peaks.processes import check_processes
from ..series import Branch, Selection, Series, cell_edges
from ..spectrum import FloatArray
from .curves import CHARGE_LABEL, check_curve, draw_curve
from .figures import (
    LABEL_SIZE,
    NOTE_SIZE,
    add_colour_bar,
    decades,
    dress,
    figure_for,
    unit_label,
    whole_numbers,
)
from .series import Distributions, arrange_result, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure, SubFigure

COLOURS = "inferno"
"""Its lightness rises evenly, so that a map reads the same in grey."""

SCALES = {"sqrt": ", √ scale", "linear": ""}
_DASHES = (0, (4, 3))


def intensity_map(
    result: Distributions,
    *,
    along: str | None = None,
    spectra: Selection = None,
    branches: Literal["panels", "continuous"] = "panels",
    processes: Mapping[str, tuple[float, float]] | None = None,
    tracks: Tracks | None = None,
    scale: Literal["sqrt", "linear"] = "sqrt",
    gamma_max: float | None = None,
    curve: tuple[ArrayLike, ArrayLike] | None = None,
    curve_label: str = CHARGE_LABEL,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw gamma as colour, relaxation time against a coordinate.

    Every spectrum has a cell that reaches halfway to its neighbours, every node of tau likewise. A coordinate that
    was measured from high to low falls from left to right. Dashed lines bound the measured window. Spectra without
    an answer are hatched grey.

    Parameters
    ----------
    result : DrtResult
    along : str, optional
        Name of a coordinate, or "spectrum" for the number of the spectrum. By default the first of voltage, soc,
        cycle and time that runs one way within each branch, without one gap that takes the axis, else "spectrum".
        Times count from the first spectrum.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    branches : {"panels", "continuous"}
        Discharge and charge side by side, or one after the other on one axis with the turn marked. Without the
        coordinate "branch", up to four files in which the coordinate repeats are treated so.
    processes : mapping of str to (float, float), optional
        Relaxation times in s between which a process lies, by its name; 0 and infinity for no limit.
    tracks : Tracks, optional
        Lines of peaks of the same campaign, drawn over the map.
    scale : {"sqrt", "linear"}
        How gamma becomes colour. The square root lets weak processes be seen beside strong ones.
    gamma_max : float, optional
        Where the colours end; by default at the highest gamma inside the measured windows.
    curve : (voltage, charge), optional
        Arrays [row] of the charge curve, in the order of the measurement: drawn above a map along the voltage, each
        branch with its direction.
    curve_label : str
        What the charge is, and its unit.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new one otherwise, one column wide for one panel and two for more.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure

    Raises
    ------
    InvalidInput
        If the coordinate does not exist or does not tell the spectra apart, or an option is unknown or does not fit.

    Notes
    -----
    After Fig. 5B-C of He et al., ACS Sustainable Chem. Eng. (2025), doi:10.1021/acssuschemeng.4c10154.
    """
    for name, value, allowed in (("branches", branches, ("panels", "continuous")), ("scale", scale, tuple(SCALES))):
        if value not in allowed:
            raise InvalidInput(f"unknown {name} {value!r}; {near_miss(value, allowed)}")
    ranges = check_processes(processes) if processes else {}
    if tracks is not None and len(tracks.position) != len(result.gamma):
        raise InvalidInput(f"tracks are of {len(tracks.position)} spectra, the result has {len(result.gamma)}")
    series = arrange_result("intensity_map", result, along, spectra)
    norm = _norm(result, series, scale, gamma_max)
    count = len(series.branches)
    shown = None if curve is None else check_curve(curve, series.along, branches)
    figure = figure_for(figure, count, 65 if shown is None else 90)
    if branches == "panels" or count == 1:
        heights = [3] if shown is None else [1, 3]
        rows = figure.subplots(
            len(heights), count, sharex="col", sharey="row", squeeze=False, gridspec_kw={"height_ratios": heights}
        )
        panels = rows[-1]
        if shown is not None:
            draw_curve(rows[0], [branch.falling for branch in series.branches], *shown, curve_label)
        for ax, top, branch in zip(panels, rows[0], series.branches, strict=True):
            mesh = _draw(ax, result, branch, cell_edges(branch.values), norm)
            _overlay(ax, tracks, branch, branch.values)
            top.set_title(branch.name, fontsize=LABEL_SIZE)
            if series.whole:
                whole_numbers(ax.xaxis)
            if branch.falling:
                ax.invert_xaxis()
    else:
        panels = np.array([figure.subplots()])
        mesh = _draw_path(panels[0], result, series, norm, tracks)
    for ax in panels:
        finish_map(ax, ranges)
        ax.set_xlabel(series.label)
    panels[0].set_ylabel("τ / s")
    beyond = bool((result.gamma[series.rows] > (norm.vmax or 0.0)).any())
    label = f"γ / {unit_label(result.unit)} per unit ln τ{SCALES[scale]}"
    add_colour_bar(figure, mesh, list(panels), label, extend="max" if beyond else "neither")
    return figure


def _norm(result: Distributions, series: Series, scale: str, gamma_max: float | None) -> Normalize:
    """Colours from 0, or from the lowest gamma where that is negative, to the highest."""
    rows = series.rows
    measured = result.gamma[rows][result.in_window[rows] & np.isfinite(result.gamma[rows])]
    top = gamma_max if gamma_max is not None else measured.max(initial=0.0) or 1.0
    if not (np.isfinite(top) and top > 0):
        raise InvalidInput(f"gamma_max must be positive and finite, got {gamma_max!r}")
    return colour_norm(measured.min(initial=0.0), top, scale)


def colour_norm(bottom: float, top: float, scale: str) -> Normalize:
    """How values become colours; the root of negative ones is that of their size, negative."""
    from matplotlib.colors import FuncNorm, Normalize

    return Normalize(bottom, top) if scale == "linear" else FuncNorm((_root, _square), bottom, top)


def _root(gamma: Any) -> Any:
    return np.sign(gamma) * np.sqrt(np.abs(gamma))


def _square(root: Any) -> Any:
    return np.sign(root) * np.square(root)


def _draw(ax: Axes, result: Distributions, branch: Branch, edges: FloatArray, norm: Normalize) -> Any:
    """Draw one branch: its mesh and the bounds of the measured window."""
    tau_edges = np.exp(cell_edges(np.log(result.tau)))
    gamma = np.ma.masked_invalid(result.gamma[branch.spectra].T)
    mesh = ax.pcolormesh(edges, tau_edges, gamma, norm=norm, cmap=COLOURS, shading="flat", rasterized=True)
    low, high = (bound[branch.spectra] for bound in window(result))
    for bound, outer in ((low, tau_edges[0]), (high, tau_edges[-1])):
        ax.stairs(bound, edges, baseline=outer, fill=True, color="0.5", alpha=0.6, lw=0)
        ax.stairs(bound, edges, baseline=None, color="white", lw=0.7, ls=_DASHES)
    return mesh


def _draw_path(ax: Axes, result: Distributions, series: Series, norm: Normalize, tracks: Tracks | None) -> Any:
    """Draw the branches one after the other; the axis is the way travelled, its labels are the coordinate."""
    from matplotlib.ticker import MaxNLocator

    start, length = 0.0, sum(np.ptp(cell_edges(branch.values)) for branch in series.branches)
    ticks: dict[float, float] = {}
    for number, branch in enumerate(series.branches):
        edges = cell_edges(branch.values)
        first, sign = (edges[-1], -1.0) if branch.falling else (edges[0], 1.0)
        mesh = _draw(ax, result, branch, start + sign * (edges - first), norm)
        _overlay(ax, tracks, branch, start + sign * (branch.values - first))
        marks = MaxNLocator(5).tick_values(edges[0], edges[-1])
        for mark in marks[(marks >= edges[0]) & (marks <= edges[-1])]:
            position = start + sign * (mark - first)
            if all(abs(position - other) > 0.05 * length for other in ticks):  # room for its label
                ticks[position] = mark
        end = start + edges[-1] - edges[0]
        ax.text((start + end) / 2, 1.03, branch.name, ha="center", va="bottom", fontsize=LABEL_SIZE,
                transform=ax.get_xaxis_transform())  # fmt: skip
        if number:
            ax.axvline(start, color="white", lw=1.0)
        start = end
    digits = max((len(f"{mark:g}".partition(".")[2]) for mark in ticks.values()), default=0)
    ax.set_xticks(list(ticks), [f"{mark:.{digits}f}" for mark in ticks.values()])
    return mesh


def _overlay(ax: Axes, tracks: Tracks | None, branch: Branch, places: FloatArray) -> None:
    """Draw the lines of peaks that run through a branch, its spectra standing at `places`."""
    if tracks is None:
        return
    from matplotlib.patheffects import withStroke

    place = np.full(len(tracks.position), np.nan)
    place[branch.spectra] = places
    outline = [withStroke(linewidth=1.8, foreground="black")]
    for track in range(len(tracks)):
        at = tracks.members(track)
        x = place[tracks.peaks.spectrum[at]]
        if np.isfinite(x).any():
            ax.plot(x, tracks.peaks.tau[at], "-o", color="white", lw=0.8, ms=1.6, mew=0, path_effects=outline)


def finish_map(ax: Axes, processes: Mapping[str, tuple[float, float]], *, dark: bool = True) -> None:
    """Set up the axis of tau, the ground that shows where there is no answer, and the limits of processes."""
    from matplotlib.patheffects import withStroke

    decades(ax, "y")
    dress(ax)
    ax.tick_params(which="both", direction="out", top=False, right=False)  # inside they are lost on the colours
    ax.set_facecolor("0.85")
    ax.patch.set(hatch="////", edgecolor="0.6", linewidth=0)
    ink, ground = ("white", "black") if dark else ("black", "white")
    outline = [withStroke(linewidth=1.2, foreground=ground)]
    bottom, top = ax.get_ylim()
    for name, limits in processes.items():
        for limit in limits:
            if bottom < limit < top:
                ax.axhline(limit, color=ink, lw=0.7, ls=":")
        # at the foot of the range, as lines of peaks run through its middle
        ax.text(0.02, max(limits[0], bottom) * 1.15, name, transform=ax.get_yaxis_transform(), color=ink,
                ha="left", va="bottom", fontsize=NOTE_SIZE, path_effects=outline)  # fmt: skip
