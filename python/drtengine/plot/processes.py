"""Resistances of processes and lines of peaks over a coordinate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from ..peaks import Processes, Tracks
from ..series import Selection, Series, arrange
from ..spectrum import FloatArray
from .figures import (
    LABEL_SIZE,
    NOTE_SIZE,
    decades,
    dress,
    figure_for,
    unit_label,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_MARKERS = "os^Dv<>Ph*"
"""Lines differ by marker as well as by colour, for readers of grey prints."""
_GOLDEN = 0.6180339887
"""Steps of it through a scale of colours never come close to each other."""
_MOST_IN_LEGEND = 10


def processes(
    table: Processes,
    *,
    along: str | None = None,
    spectra: Selection = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw the resistance of each process with its interval, a panel for each branch.

    Parameters
    ----------
    table : Processes
        Of `integrate_processes`.
    along : str, optional
        Coordinate; see `intensity_map`.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new one otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure

    Raises
    ------
    InvalidInput
        If the table is something else, or the coordinate does not tell the spectra apart.
    """
    if not isinstance(table, Processes):
        raise InvalidInput(f"processes() takes the Processes of integrate_processes, got {type(table).__name__}")
    series = arrange(table.campaign.coordinates, len(table), along, spectra)
    figure = figure_for(figure, len(series.branches), 60)
    panels = figure.subplots(1, len(series.branches), sharey=True, squeeze=False)[0]
    for ax, branch in zip(panels, series.branches, strict=True):
        for k, name in enumerate(table.names):
            numbers = (array[branch.spectra, k] for array in (table.R, table.R_low, table.R_high))
            label = f"{name}, {_span(*table.limits[k])}"
            _line(ax, branch.values, *numbers, number=k, label=label)
    _finish(panels, series)
    panels[0].set_ylabel(f"R / {unit_label(table.unit)}")
    panels[0].set_ylim(bottom=min(0.0, float(np.nanmin(table.R, initial=0.0))))
    _legend(panels[-1])
    return figure


def tracks(table: Tracks, *, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Draw relaxation time and resistance of lines of peaks with their intervals, a column for each branch.

    Hollow marks are peaks at an edge of the measured window.

    Parameters
    ----------
    table : Tracks
        Of `track_peaks`.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new one otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure

    Raises
    ------
    InvalidInput
        If the table is something else.
    """
    if not isinstance(table, Tracks):
        raise InvalidInput(f"tracks() takes the Tracks of track_peaks, got {type(table).__name__}")
    branches, peaks = table.series.branches, table.peaks
    figure = figure_for(figure, len(branches), 95)
    panels = figure.subplots(2, len(branches), sharex="col", sharey="row", squeeze=False)
    for track, column in enumerate(table.branch):
        at = table.members(track)
        x, edge = table.position[peaks.spectrum[at]], peaks.at_edge[at]
        number = track - int(np.searchsorted(table.branch, column))
        label = f"{track} {table.process(track)}".strip()
        rows = (peaks.tau, peaks.tau_low, peaks.tau_high), (peaks.R, peaks.R_low, peaks.R_high)
        for ax, (value, low, high) in zip(panels[:, column], rows, strict=True):
            _line(ax, x, value[at], low[at], high[at], number=number, label=label)
            _line(ax, x[edge], value[at][edge], None, None, number=number, label="")
    followed = table.track >= 0
    for ax in panels[0]:
        decades(ax, "y")
        if followed.any():
            ax.set_ylim(peaks.tau[followed].min() / 3, peaks.tau[followed].max() * 3)
    _finish(panels, table.series)
    panels[0, 0].set_ylabel("τ / s")
    panels[1, 0].set_ylabel(f"R / {unit_label(peaks.unit)}")
    if followed.any():
        panels[1, 0].set_ylim(0, 1.15 * peaks.R[followed].max())
    for ax in panels[0]:
        _legend(ax)
    return figure


def _line(
    ax: Axes,
    x: FloatArray,
    value: FloatArray,
    low: FloatArray | None,
    high: FloatArray | None,
    *,
    number: int,
    label: str,
) -> None:
    """Draw marks joined by a line with their intervals as a band; hollow marks alone where there are no intervals."""
    from matplotlib import colormaps

    colour = colormaps["viridis"](0.88 * (0.5 + number * _GOLDEN) % 0.88)
    marker = _MARKERS[number % len(_MARKERS)]
    if low is None or high is None:
        ax.plot(x, value, marker, ms=2.8, mfc="white", mec=colour, mew=0.7, zorder=3)
        return
    ax.plot(x, value, f"{marker}-", ms=2.8, lw=0.9, mew=0, color=colour, label=label)
    known = np.isfinite(low) & np.isfinite(high)
    ax.fill_between(x, low, high, where=known, color=colour, alpha=0.2, lw=0)


def _finish(panels: NDArray[Any], series: Series) -> None:
    """Label the coordinate of panels [..., branch]."""
    lowest = panels.reshape(-1, len(series.branches))
    for column, branch in enumerate(series.branches):
        for ax in lowest[:, column]:
            dress(ax)
        if branch.falling:
            lowest[0, column].invert_xaxis()
        if series.whole:
            whole_numbers(lowest[-1, column].xaxis)
        lowest[0, column].set_title(branch.name, fontsize=LABEL_SIZE)
        lowest[-1, column].set_xlabel(series.label)


def _legend(ax: Axes) -> None:
    count = len(ax.get_legend_handles_labels()[0])
    if 0 < count <= _MOST_IN_LEGEND:
        ax.legend(fontsize=NOTE_SIZE, frameon=False, ncols=2 if count > 4 else 1, handlelength=1.6)


def _span(low: float, high: float) -> str:
    """Write a range of relaxation times."""
    if low == 0:
        return f"< {high:g} s"
    return f"> {low:g} s" if np.isinf(high) else f"{low:g} to {high:g} s"
