"""Warburg lines, and parameters of circuits along a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..circuits import CircuitResult
from ..errors import InvalidInput, Status
from ..series import Selection, Series, arrange
from ..warburg import WarburgResult
from .figures import DOUBLE_COLUMN, NOTE_SIZE, SINGLE_COLUMN, decades, dress, new_figure, single_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_REAL, _IMAG = "#0b5394", "#b45f06"  # apart in grey too
_PANEL_HEIGHT = 34.0


def warburg(result: WarburgResult, *, spectrum: int = 0, ax: Axes | None = None) -> Axes:
    """Draw Z' and -Z'' against omega^-1/2 with the window that both share, and the line or layer in it.

    Parameters
    ----------
    result : WarburgResult
    spectrum : int
        Which one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If there is no such spectrum, or it is no result of `fit_warburg`.
    """
    if not isinstance(result, WarburgResult):
        raise InvalidInput(f"warburg() needs a WarburgResult, as fit_warburg returns it, got {type(result).__name__}")
    if not -len(result) <= spectrum < len(result):
        raise InvalidInput(f"there is no spectrum {spectrum} in a result of {len(result)}")
    ax = single_axes(ax, 65)
    used, fitted = result.used[spectrum], result.fitted[spectrum]
    f, Z, Z_fit = result.campaign.frequency[spectrum], result.campaign.Z[spectrum], result.Z_fit[spectrum]
    order = np.flatnonzero(used & (f > 0))
    order = order[np.argsort(-f[order])]
    x = 1 / np.sqrt(2 * np.pi * f[order])
    Z, Z_fit, inside = Z[order], Z_fit[order], fitted[order]
    for values, line, colour, marker, label in (
        (Z.real, Z_fit.real, _REAL, "o", "Z'"),
        (-Z.imag, -Z_fit.imag, _IMAG, "s", "−Z''"),
    ):
        ax.plot(x[~inside], values[~inside], marker, ms=3, mew=0.5, mfc="none", color=colour)
        ax.plot(x[inside], values[inside], marker, ms=3, mew=0.5, color=colour)
        ax.plot([], [], marker, ms=3, mew=0.5, mfc=colour if inside.any() else "none", color=colour, label=label)
        ax.plot(x[inside], line[inside], "-", lw=1.0, color="black", zorder=3)
    if inside.any():
        ax.axvspan(x[inside].min(), x[inside].max(), color="0.9", lw=0, zorder=0)
    ax.set_xlabel("ω$^{-1/2}$ / s$^{1/2}$")
    ax.set_ylabel("Z', −Z'' / Ω")
    dress(ax)
    ax.set_title(_verdict(result, spectrum), wrap=True)
    ax.title.set_fontsize(NOTE_SIZE)
    ax.legend(fontsize=NOTE_SIZE, frameon=False, loc="best", handlelength=1.0)
    return ax


def _verdict(result: WarburgResult, i: int) -> str:
    """Title of a panel: what was found, or why nothing."""
    label = result.campaign.label(i % len(result))
    if result.kind[i] == "none":
        return f"{label}\nno Warburg region"
    sigma = f"σ = {result.sigma[i]:.4g} ± {result.u_sigma[i]:.1g} Ω s$^{{-1/2}}$"
    if result.kind[i] == "finite-space":
        return f"{label}\n{sigma}\nτ$_d$ = {result.tau_d[i]:.3g} ± {result.u_tau_d[i]:.1g} s"
    return f"{label}\n{sigma}"


def circuit_parameters(
    result: CircuitResult,
    *,
    names: Sequence[str] | None = None,
    along: str | None = None,
    spectra: Selection = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw circuit parameters along a campaign with their intervals, one panel each.

    Hollow points are of spectra whose parameter stands at its bound or is not identifiable.

    Parameters
    ----------
    result : CircuitResult
    names : sequence of str, optional
        Which parameters; all by default.
    along : str, optional
        Coordinate to draw over; see `intensity_map`.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new figure across a page otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure

    Raises
    ------
    InvalidInput
        If a parameter, coordinate or spectrum does not exist, or it is no result of `fit_circuit`.
    """
    if not isinstance(result, CircuitResult):
        kind = type(result).__name__
        raise InvalidInput(f"circuit_parameters() needs a CircuitResult, as fit_circuit returns it, got {kind}")
    series = arrange(result.coordinates, len(result), along, spectra)
    chosen = [result.circuit.index(name) for name in (result.names if names is None else names)]
    if not chosen:
        raise InvalidInput("names must name at least one parameter")
    columns = min(int(np.ceil(np.sqrt(len(chosen)))), 3)
    rows = -(-len(chosen) // columns)
    width = DOUBLE_COLUMN if columns > 1 else SINGLE_COLUMN
    figure = figure or new_figure(width, 8 + _PANEL_HEIGHT * rows)
    panels = figure.subplots(rows, columns, squeeze=False)
    for ax, column in zip(panels.flat, chosen, strict=False):
        _draw_parameter(ax, result, column, series)
        dress(ax)
    for ax in panels.flat[len(chosen) :]:
        ax.set_axis_off()
    for ax in panels.flat[max(len(chosen) - columns, 0) : len(chosen)]:
        ax.set_xlabel(series.label)
        dress(ax)
    if len(series.branches) > 1:
        panels.flat[0].legend(fontsize=NOTE_SIZE, frameon=False)
    return figure


def _draw_parameter(ax: Axes, result: CircuitResult, column: int, series: Series) -> None:
    """Draw one parameter over the coordinate, branch by branch."""
    name, unit = result.names[column], result.circuit.units[column]
    shaky = result.at_bound[:, column] | (result.status == Status.NOT_IDENTIFIABLE)
    values = result.values[:, column]
    for branch, colour in zip(series.branches, (_REAL, _IMAG, "0.3", "0.6"), strict=False):
        i, place = branch.spectra, branch.values
        low, high = result.values_low[i, column], result.values_high[i, column]
        known = np.isfinite(low) & np.isfinite(high) & ~shaky[i]
        ax.vlines(place[known], low[known], high[known], lw=0.6, color=colour, alpha=0.6)
        for which, face in ((~shaky[i], colour), (shaky[i], "none")):
            ax.plot(place[which], values[i][which], "o", ms=2.2, mew=0.5, mfc=face, color=colour)
        ax.plot([], [], "o", ms=2.2, color=colour, label=branch.name)
    shown = values[series.rows]
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if shown.size and shown.max() > 30 * shown.min() and not result.circuit.is_exponent[column]:
        decades(ax, "y")
    ax.set_ylabel(name if unit == "1" else f"{name} / {_pretty(unit)}")


def _pretty(unit: str) -> str:
    """Write a unit of a parameter as on an axis."""
    shown = unit.replace("ohm^-1", "Ω$^{-1}$").replace("ohm", "Ω").replace("s^alpha", "s$^{α}$")
    return shown.replace("s^-0.5", "s$^{-1/2}$").replace("^(1/alpha)", "$^{1/α}$")
