"""How far spectra are from a causal model: residuals, maps of them, and noise along a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInput
from ..kk import KkResult
from ..series import Branch, Selection, Series, arrange, cell_edges
from ..spectrum import FloatArray
from .figures import (
    NOTE_SIZE,
    add_colour_bar,
    decades,
    dress,
    figure_for,
    single_axes,
    whole_numbers,
)
from .maps import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

VERDICT_COLOURS = {"pass": "#bcdcec", "warn": "#e39a2d", "fail": "#6d0f2c"}
"""Ever darker, so that they read the same in grey."""
_MARKERS = {"pass": "o", "warn": "s", "fail": "X"}
_BAND = 3.0
"""Half width of the band of noise in the plot of residuals, in standard deviations."""
_LEAST, _MOST = 0.05, 10.0
"""Where the colours of a map end, in per cent."""
_CELLS_A_DECADE = 10


def kk_residuals(result: KkResult, spectrum: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw the residuals of one spectrum in per cent of abs(Z) against the frequency.

    The grey band is three standard deviations of the noise; dotted lines are the limit from which a point can be
    flagged. Flagged points are ringed. What lies outside of the valid window is shaded.

    Parameters
    ----------
    result : KkResult
    spectrum : int
        Its number.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If there is no such spectrum, or it could not be tested.
    """
    _check("kk_residuals", result)
    if not -len(result) <= spectrum < len(result):
        raise InvalidInput(f"there is no spectrum {spectrum} among {len(result)}")
    f, residual = result.frequency[spectrum], 100 * result.residual[spectrum]
    known = np.isfinite(residual)
    if not known.any():
        raise InvalidInput(f"{result.campaign.label(spectrum)} has no residuals: {result.reason[spectrum]}")
    ax = single_axes(ax, 60)
    noise, flagged = 100 * result.noise[spectrum], result.flagged[spectrum] & known
    if np.isfinite(noise):
        ax.axhspan(-_BAND * noise, _BAND * noise, color="0.9", lw=0)
    if result.options["method"] == "lin_kk":
        for sign in (-1, 1):
            ax.axhline(sign * 100 * result.options["limits"]["point"], color="0.4", lw=0.6, ls=":")
    ax.axhline(0, color="0.4", lw=0.6)
    ax.plot(f[known], residual.real[known], "o", ms=2.8, mew=0, color="#1f5fa8", label="real")
    ax.plot(f[known], residual.imag[known], "s", ms=2.8, mew=0.6, mfc="none", color="#d1701a", label="imaginary")
    if flagged.any():
        for part in (residual.real, residual.imag):
            ax.plot(f[flagged], part[flagged], "o", ms=6.5, mfc="none", mec="black", mew=0.7)
    decades(ax, "x")
    _shade_outside(ax, result, spectrum, f[known])
    ax.set_xlabel("f / Hz")
    ax.set_ylabel("residual / % of |Z|")
    ax.legend(fontsize=NOTE_SIZE, frameon=False, ncols=2, loc="upper right", handletextpad=0.2)
    ax.margins(y=0.15)
    ax.set_title(f"{result.campaign.label(spectrum)}: {result.verdict[spectrum]}")
    return dress(ax)


def _shade_outside(ax: Axes, result: KkResult, spectrum: int, f: FloatArray) -> None:
    low, high = result.window[spectrum]
    if result.options["method"] != "lin_kk" or (low <= f.min() and high >= f.max()):
        return
    left, right = ax.get_xlim()
    ends = [(left, low, low > f.min()), (high, right, high < f.max())] if np.isfinite(low) else [(left, right, True)]
    for start, stop, cut in ends:
        if cut:
            ax.axvspan(start, stop, facecolor="none", edgecolor="0.75", hatch="////", lw=0, zorder=0)
    ax.set_xlim(left, right)


def kk_map(
    result: KkResult,
    *,
    along: str | None = None,
    spectra: Selection = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw the size of all residuals as colour, frequency against a coordinate, with a strip of verdicts above.

    Parameters
    ----------
    result : KkResult
    along : str, optional
        Name of a coordinate, or "spectrum" for the number of the spectrum; see `intensity_map`.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new one otherwise, one column wide for one panel and two for more.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure

    Raises
    ------
    InvalidInput
        If the coordinate does not exist or does not tell the spectra apart.
    """
    from matplotlib.colors import LogNorm

    _check("kk_map", result)
    series = arrange(result.coordinates, len(result), along, spectra)
    count = len(series.branches)
    figure = figure_for(figure, count, 70)
    grid: Any = figure.subplots(2, count, sharex="col", sharey="row", squeeze=False, height_ratios=(1, 14))
    norm = LogNorm(_LEAST, _MOST, clip=True)
    edges, table = _common_grid(result, series)
    for column, branch in enumerate(series.branches):
        strip, ax = grid[:, column]
        across = cell_edges(branch.values)
        shown = np.ma.masked_invalid(table[branch.spectra].T)
        mesh = ax.pcolormesh(across, edges, shown, norm=norm, cmap=COLOURS, shading="flat", rasterized=True)
        _draw_strip(strip, result, branch, across)
        _finish(ax, series, branch)
    grid[1, 0].set_ylabel("f / Hz")
    add_colour_bar(figure, mesh, list(grid.ravel()), "|residual| / % of |Z|", extend="both")
    _explain(figure, result, series)
    return figure


def kk_noise(result: KkResult, *, along: str | None = None, spectra: Selection = None, ax: Axes | None = None) -> Axes:
    """Draw noise and, where it is larger, structure of the residuals against a coordinate, marked by verdict.

    Parameters
    ----------
    result : KkResult
    along : str, optional
        Name of a coordinate, or "spectrum" for the number of the spectrum; see `intensity_map`.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If the coordinate does not exist or does not tell the spectra apart.
    """
    _check("kk_noise", result)
    series = arrange(result.coordinates, len(result), along, spectra)
    ax = single_axes(ax, 60)
    lines = ("-", "--", ":", "-.")
    for number, branch in enumerate(series.branches):
        noise = 100 * result.noise[branch.spectra]
        label = f"noise {branch.name}".strip()
        ax.plot(branch.values, noise, lines[number % 4], color="0.5", lw=0.8, label=label, zorder=1)
        worse = 100 * result.structure[branch.spectra]
        ax.plot(branch.values, np.where(worse > noise, worse, np.nan), "_", color="0.3", ms=4, zorder=2,
                label="structure" if number == 0 and (worse > noise).any() else None)  # fmt: skip
    rows = series.rows
    values = np.concatenate([branch.values for branch in series.branches])
    for verdict, colour in VERDICT_COLOURS.items():
        here = (result.verdict[rows] == verdict) & np.isfinite(result.noise[rows])
        if here.any():
            ax.plot(values[here], 100 * result.noise[rows][here], _MARKERS[verdict], ms=4, mew=0.5, mec="black",
                    mfc=colour, label=verdict, zorder=3)  # fmt: skip
    decades(ax, "y")
    if series.whole:
        whole_numbers(ax.xaxis)
    ax.set_xlabel(series.label)
    ax.set_ylabel("noise / % of |Z|")
    ax.legend(fontsize=NOTE_SIZE, frameon=False, handletextpad=0.4)
    return dress(ax)


def _check(function: str, result: KkResult) -> None:
    if not isinstance(result, KkResult):
        raise InvalidInput(f"{function}() needs a KkResult, as check_kk returns it, got {type(result).__name__}")


def _common_grid(result: KkResult, series: Series) -> tuple[FloatArray, FloatArray]:
    """Edges of cells in frequency, Hz, and the residual of each spectrum in them, per cent [spectrum, cell]."""
    size = np.maximum(100 * np.abs(result.residual), _LEAST * 1e-3)
    f = np.where(np.isfinite(result.residual), result.frequency, np.nan)
    used = f[series.rows]
    if not np.isfinite(used).any():
        raise InvalidInput("none of the spectra could be tested; see result.reason")
    lowest, highest = np.log10(np.nanmin(used)), np.log10(np.nanmax(used))
    shared = result.campaign.is_shared
    x = np.log10(result.frequency[0]) if shared else np.arange(lowest, highest + 0.1, 1 / _CELLS_A_DECADE)
    x = np.sort(x[np.isfinite(x)])
    edges = cell_edges(x)
    table = np.full((len(result), x.size), np.nan)
    for i in series.rows:
        at = np.flatnonzero(np.isfinite(f[i]))
        cell = np.clip(np.searchsorted(edges, np.log10(f[i, at])) - 1, 0, x.size - 1)
        largest = np.zeros(x.size)
        np.maximum.at(largest, cell, size[i, at])
        if not shared and at.size:  # a cell between two points of a sparse sweep shows the nearer one
            points = np.log10(f[i, at])
            nearest = np.abs(x[:, None] - points).argmin(axis=1)
            gap = np.diff(np.sort(points)).max() if at.size > 1 else 0.0
            near = np.abs(x - points[nearest]) <= gap / 2 + 1e-9
            largest = np.where((largest == 0) & near, size[i, at][nearest], largest)
        table[i] = np.where(largest > 0, largest, np.nan)
    return 10**edges, table


def _draw_strip(ax: Axes, result: KkResult, branch: Branch, across: FloatArray) -> None:
    """Draw the verdicts above a map."""
    from matplotlib.colors import ListedColormap

    tier = [list(VERDICT_COLOURS).index(v) for v in result.verdict[branch.spectra]]
    ax.pcolormesh(across, [0, 1], [tier], cmap=ListedColormap(list(VERDICT_COLOURS.values())), vmin=-0.5, vmax=2.5)
    ax.set_yticks([])
    ax.set_title(branch.name)
    dress(ax)
    ax.tick_params(which="both", length=0)


def _finish(ax: Axes, series: Series, branch: Branch) -> None:
    decades(ax, "y")
    dress(ax)
    ax.tick_params(which="both", direction="out", top=False, right=False)  # inside they are lost on the colours
    ax.set_facecolor("0.85")
    ax.patch.set(hatch="////", edgecolor="0.6", linewidth=0)
    ax.set_xlabel(series.label)
    if series.whole:
        whole_numbers(ax.xaxis)
    if branch.falling:
        ax.invert_xaxis()


def _explain(figure: Figure | SubFigure, result: KkResult, series: Series) -> None:
    """Name the colours of the strip and count the verdicts."""
    from matplotlib.patches import Patch

    verdicts = result.verdict[series.rows]
    handles = [
        Patch(facecolor=colour, edgecolor="black", lw=0.4, label=f"{verdict} ({int((verdicts == verdict).sum())})")
        for verdict, colour in VERDICT_COLOURS.items()
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=3, fontsize=NOTE_SIZE, frameon=False, handlelength=1.2
    )
