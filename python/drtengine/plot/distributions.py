"""Distributions of relaxation times as curves: a few in one panel, or a whole series as a waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..basis import between_nodes
from ..result import DrtResult
from ..series import Branch, Selection, cell_edges
from ..spectrum import FloatArray, IntArray
from .figures import (
    FAINT,
    NOTE_SIZE,
    decades,
    dress,
    figure_for,
    single_axes,
    unit_label,
    whole_numbers,
)
from .series import Distributions, arrange_result, paint, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_POINTS_PER_NODE = 5
"""Points of a curve between two nodes of the basis."""
_FILL = "#c6d9ec"
_BAND_SHOWN = 2.0
"""Up to how many times the highest gamma the axis of a panel follows a band."""
_SHARE_OF_HIGHEST = 0.2
"""Height of the highest peak of a waterfall, as a share of the axis."""


def gamma(
    result: Distributions,
    *,
    along: str | None = None,
    spectra: Selection = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw gamma over the relaxation time, exactly from the basis, with its band where the result has one.

    Outside a spectrum's measured window the curve is pale, and where no spectrum measured the ground is grey. The
    axis ends above the highest gamma inside a window, and may cut off a band that reaches far above it.

    Parameters
    ----------
    result : DrtResult
    along : str, optional
        Coordinate that colours the spectra; see `intensity_map`.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice; best a few.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If a coordinate or spectrum does not exist.
    """
    series = arrange_result("gamma", result, along, spectra)
    ax = single_axes(ax, 60)
    colours = paint(series, ax)
    tau, curves = _curves(result)
    low, high = window(result)
    band = _band(result, tau)
    for i, colour in colours.items():
        inside = (tau >= low[i]) & (tau <= high[i])
        if band is not None:
            ax.fill_between(tau, band[0][i], band[1][i], where=inside, color=colour, alpha=0.25, lw=0)
        ax.plot(tau, curves[i], lw=0.8, color=colour, alpha=FAINT)
        ax.plot(tau, np.where(inside, curves[i], np.nan), lw=1.0, color=colour)
    ax.set_xlim(tau[0], tau[-1])
    decades(ax, "x")
    shown = list(colours)
    lowest, highest = _range(result, shown)
    if band is not None and shown:
        measured = (tau >= low[shown, None]) & (tau <= high[shown, None]) & np.isfinite(band[1][shown])
        highest = max(highest, min(float(band[1][shown][measured].max(initial=0)), _BAND_SHOWN * highest))
    ax.set_ylim(1.05 * lowest, 1.08 * highest)
    if np.isfinite(low[shown]).any():
        for left, right in ((tau[0], np.nanmin(low[shown])), (np.nanmax(high[shown]), tau[-1])):
            ax.axvspan(left, right, color="0.94", lw=0, zorder=0)
    ax.set_xlabel("τ / s")
    ax.set_ylabel(f"γ / {unit_label(result.unit)}")
    return ax


def waterfall(
    result: Distributions,
    *,
    along: str | None = None,
    spectra: Selection = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw gamma of each spectrum on a baseline at its coordinate, a panel for each branch.

    Outside a spectrum's measured window the curve is pale. Spectra without an answer have a dotted baseline.

    Parameters
    ----------
    result : DrtResult
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
        If the coordinate does not exist or does not tell the spectra apart.
    """
    series = arrange_result("waterfall", result, along, spectra)
    figure = figure_for(figure, len(series.branches), 100)
    panels = figure.subplots(1, len(series.branches), sharex=True, sharey=True, squeeze=False)[0]
    every = np.concatenate([branch.values for branch in series.branches])
    bottom, *_, top = cell_edges(np.unique(every))
    tau, curves = _curves(result)
    _, highest = _range(result, series.rows)
    height = max(_SHARE_OF_HIGHEST * (top - bottom), 2 * (top - bottom) / every.size)
    # above the highest curve, with room for the scale bar
    in_window = np.where(result.in_window, result.gamma, np.nan)[series.rows] * (height / highest)
    ceiling = max(top + 0.6 * height, np.nanmax(every[:, None] + in_window, initial=bottom) + 0.05 * height)
    for ax, branch in zip(panels, series.branches, strict=True):
        _stack(ax, branch, tau, curves * (height / highest), window(result))
        ax.set_xlim(tau[0], tau[-1])
        decades(ax, "x")
        ax.set_ylim(bottom, ceiling)
        ax.set_xlabel("τ / s")
        ax.set_title(branch.name)
        dress(ax)
    panels[0].set_ylabel(series.label)
    if series.whole:
        whole_numbers(panels[0].yaxis)
    _scale_bar(panels[-1], highest, height, unit_label(result.unit))
    return figure


def _curves(result: Distributions) -> tuple[FloatArray, FloatArray]:
    """Smooth curves: tau with points between the nodes, and gamma there [spectrum, tau]."""
    tau = between_nodes(result.tau, _POINTS_PER_NODE)
    return tau, result.evaluate(tau)


def _band(result: Distributions, tau: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return the band of gamma at `tau`, None where the result has none."""
    if isinstance(result, DrtResult) and result.gamma_low is not None:
        return result.evaluate_band(tau)
    return None


def _range(result: Distributions, rows: IntArray | list[int]) -> tuple[float, float]:
    """Lowest gamma, 0 unless negative, and highest inside the measured windows, 1 if there is none."""
    values = result.gamma[rows][result.in_window[rows] & np.isfinite(result.gamma[rows])]
    return float(values.min(initial=0.0)), float(values.max(initial=0.0)) or 1.0


def _stack(
    ax: Axes, branch: Branch, tau: FloatArray, curves: FloatArray, windows: tuple[FloatArray, FloatArray]
) -> None:
    """Draw the curves of a branch from the highest baseline to the lowest, so that nearer ones stand in front."""
    low, high = windows
    for depth, (i, base) in enumerate(zip(branch.spectra[::-1], branch.values[::-1], strict=True), 2):
        curve = base + curves[i]
        if np.isnan(curve).all():
            ax.axhline(base, lw=0.5, ls=":", color="0.6")
            continue
        inside = (tau >= low[i]) & (tau <= high[i])
        ax.fill_between(tau, base, curve, where=inside, fc=_FILL, lw=0, zorder=depth)
        ax.plot(tau, curve, lw=0.5, color="black", alpha=FAINT, zorder=depth)
        ax.plot(tau, np.where(inside, curve, np.nan), lw=0.5, color="black", zorder=depth)


def _scale_bar(ax: Axes, highest: float, height: float, unit: str) -> None:
    """Show how long a round number of ohms is, in the upper left corner."""
    power = 10.0 ** np.floor(np.log10(highest / 2))
    ohms = max(step * power for step in (1, 2, 5) if step * power <= highest / 2)
    length = ohms / highest * height
    top = ax.get_ylim()[1] - 0.1 * height
    x = ax.get_yaxis_transform()
    ax.plot([0.04, 0.04], [top - length, top], "k-", lw=1.5, transform=x, solid_capstyle="butt")
    ax.text(0.06, top - length / 2, f"γ = {ohms:g} {unit}", va="center", fontsize=NOTE_SIZE, transform=x)
