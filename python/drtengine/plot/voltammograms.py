"""Voltammograms over scan rates, b-values and capacitive shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..cv import BRANCHES, CvResult
from ..errors import InvalidInput
from ..spectrum import FloatArray
from .figures import NOTE_SIZE, SINGLE_COLUMN, decades, dress, new_figure, single_axes, small_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_PREFIXES = ((1.0, "A"), (1e-3, "mA"), (1e-6, "µA"), (1e-9, "nA"))


def voltammograms(result: CvResult, *, ax: Axes | None = None) -> Axes:
    """Draw the voltammograms of all rates, coloured by rate, with the tracked peaks.

    Parameters
    ----------
    result : CvResult
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib import colormaps

    _check("voltammograms", result)
    ax = single_axes(ax, 65)
    scale, unit = _unit(result)
    rates = result.scan_rate
    span = np.log(rates / rates[0]) / np.log(rates[-1] / rates[0])
    for number, (v, place) in enumerate(zip(rates, span, strict=True)):
        colour = colormaps["viridis"](0.88 * place)
        for branch in range(len(BRANCHES)):
            label = f"{v * 1e3:g} mV/s" if branch == 0 else None
            ax.plot(result.potential, result.current[number, branch] / scale, "-", lw=0.9, color=colour, label=label)
        ax.plot(result.peak_potential[:, number], result.peak_current[:, number] / scale, "o", ms=2.5, color=colour)
    small_legend(ax, ncols=2 if rates.size > 5 else 1, handlelength=1.2)
    _label(ax, unit)
    return ax


def peak_exponents(result: CvResult, *, ax: Axes | None = None) -> Axes:
    """Draw the peak currents over the scan rate on logarithmic axes, with the fitted powers and their b.

    Parameters
    ----------
    result : CvResult
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If no peak was found.
    """
    _check("peak_exponents", result)
    if result.b_peak.size == 0:
        raise InvalidInput("no peak was found in these voltammograms; exponents() draws b at every potential")
    ax = single_axes(ax, 65)
    scale, unit = _unit(result)
    v = result.scan_rate
    for number, (sign, b, u) in enumerate(zip("osv^D<>p" * 9, result.b_peak, result.u_b_peak, strict=False)):
        i = np.abs(result.peak_current[number]) / scale
        found = np.isfinite(i)
        line = np.exp(np.log(i[found]).mean() + b * (np.log(v) - np.log(v[found]).mean()))
        where = f"{result.peak_branch[number]}, {np.nanmean(result.peak_potential[number]):.2f} V"
        ax.plot(
            v * 1e3, i, sign, ms=3.5, mew=0.7, mfc="none", color=f"C{number}", label=f"{where}: b = {b:.3f} ± {u:.3f}"
        )
        ax.plot(v * 1e3, line, "-", lw=0.8, color=f"C{number}")
    decades(ax, "x")
    decades(ax, "y")
    small_legend(ax)
    ax.set_xlabel("scan rate / mV s⁻¹")
    ax.set_ylabel(f"peak current / {unit}")
    return ax


def exponents(result: CvResult, *, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Draw b at every potential with its 95 % interval, below the fastest voltammogram.

    Parameters
    ----------
    result : CvResult
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure
    """
    _check("exponents", result)
    figure = new_figure(SINGLE_COLUMN, 90) if figure is None else figure
    upper, lower = figure.subplots(2, 1, sharex=True)
    scale, unit = _unit(result)
    for branch, name in enumerate(BRANCHES):
        style: dict[str, Any] = {"color": f"C{3 * branch}", "ls": "-" if branch == 0 else "--"}
        upper.plot(result.potential, result.current[-1, branch] / scale, lw=0.9, label=name, **style)
        lower.plot(result.potential, result.b[branch], lw=0.9, **style)
        lower.fill_between(
            result.potential, result.b_low[branch], result.b_high[branch], color=style["color"], alpha=0.2, lw=0
        )
    for level in (0.5, 1.0):
        lower.axhline(level, lw=0.6, ls=":", color="0.4")
    for ax in (upper, lower):
        dress(ax)
    small_legend(upper)
    upper.set_ylabel(f"current / {unit}")
    lower.set_ylim(0, 1.5)
    lower.set_ylabel("b")
    lower.set_xlabel("potential / V")
    return figure


def capacitive_current(result: CvResult, rate: int = -1, *, ax: Axes | None = None) -> Axes:
    """Draw one voltammogram with the part that goes with the scan rate, k1 v, shaded.

    Parameters
    ----------
    result : CvResult
    rate : int
        Number of the rate; the fastest by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If there is no such rate.
    """
    _check("capacitive_current", result)
    if not -result.scan_rate.size <= rate < result.scan_rate.size:
        raise InvalidInput(f"there is no rate {rate}; there are {result.scan_rate.size}, the first is 0")
    ax = single_axes(ax, 65)
    scale, unit = _unit(result)
    v = result.scan_rate[rate]
    surface = result.k1 * v / scale
    ax.fill_between(result.potential, surface[0], surface[1], color="C0", alpha=0.35, lw=0, label=r"$k_1 v$")
    for branch in range(len(BRANCHES)):
        label = f"{v * 1e3:g} mV/s" if branch == 0 else None
        ax.plot(result.potential, result.current[rate, branch] / scale, "-", lw=1, color="0.15", label=label)
    share, u = result.share[rate, 2], result.u_share[rate, 2]
    ax.set_title(f"surface-like share {100 * share:.1f} ± {100 * u:.1f} %", fontsize=NOTE_SIZE)
    small_legend(ax)
    _label(ax, unit)
    return ax


def capacitive_shares(result: CvResult, *, ax: Axes | None = None) -> Axes:
    """Draw the share of the charge that goes with the scan rate as stacked bars, one for each rate.

    Parameters
    ----------
    result : CvResult
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes
    """
    _check("capacitive_shares", result)
    ax = single_axes(ax, 60)
    share: FloatArray = 100 * np.clip(result.share[:, 2], 0, 1)
    places = np.arange(share.size)
    ax.bar(places, share, 0.7, color="C0", yerr=100 * np.nan_to_num(result.u_share[:, 2]), error_kw={"lw": 0.7},
           label=r"$k_1 v$")  # fmt: skip
    ax.bar(places, 100 - share, 0.7, bottom=share, color="0.85", label=r"$k_2\sqrt{v}$")
    for place, value in enumerate(share.tolist()):
        ax.text(place, value / 2, f"{value:.0f} %", ha="center", va="center", fontsize=NOTE_SIZE, color="white")
    ax.set_xticks(places, [f"{v * 1e3:g}" for v in result.scan_rate])
    ax.set_ylim(0, 118)
    small_legend(ax, ncols=2, loc="upper center")
    ax.set_xlabel("scan rate / mV s⁻¹")
    ax.set_ylabel("share of the charge / %")
    return ax


def _unit(result: CvResult) -> tuple[float, str]:
    """Choose the unit of current in which the largest reads well."""
    largest = np.abs(result.current).max()
    return next((pair for pair in _PREFIXES if largest >= pair[0]), _PREFIXES[-1])


def _label(ax: Axes, unit: str) -> None:
    ax.set_xlabel("potential / V")
    ax.set_ylabel(f"current / {unit}")


def _check(function: str, result: object) -> None:
    if not isinstance(result, CvResult):
        raise InvalidInput(f"{function}() needs a CvResult, as analyze_cv returns it, got {type(result).__name__}")
