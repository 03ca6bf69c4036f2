"""Titrations and interrupted currents: the record, a pulse, what came out, and methods side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..diffusion import DiffusionComparison
from ..errors import InvalidInput
from ..gitt import GittResult
from ..ici import IciResult
from ..spectrum import BoolArray, FloatArray
from .figures import DOUBLE_COLUMN, FAINT, NOTE_SIZE, SINGLE_COLUMN, decades, dress, new_figure, small_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_MOST_MARKED = 8
_MOST_POINTS = 20_000
_SHADES = {"lithiation": "C0", "delithiation": "C3", "": "0.3"}
_MARGIN = 4.0
_ROOM = 0.3
_SIGNS = ("o", "s", "^", "D", "v", "P")


def titration(result: GittResult, *, first: int = 0, stop: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the voltage of a titration over time, pulses shaded.

    Of a few pulses the rest potentials before (E0) and after (E4), the start of the transient (E1), its end (E2) and
    the first voltage of the rest (E3) are marked.

    Parameters
    ----------
    result : GittResult
    first, stop : int, optional
        Which pulses are drawn, all by default; of up to eight the potentials are marked.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure across a page otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If there are no such pulses.
    """
    _check("titration", result, GittResult)
    stop = len(result) if stop is None else stop
    if not 0 <= first < stop <= len(result):
        raise InvalidInput(f"there are no pulses from {first} to {stop - 1}; there are {len(result)}, the first is 0")
    if ax is None:
        ax = dress(new_figure(DOUBLE_COLUMN, 60).add_subplot())
    record, pulses = result.record, slice(first, stop)
    start, end = result.time[pulses], result.time[pulses] + result.duration[pulses]
    rest = np.concatenate([result.time[1:], record.time[-1:]])[pulses]
    low = 0 if first == 0 else int(np.searchsorted(record.time, start[0] - 0.5 * (end[0] - start[0])))
    high = int(np.searchsorted(record.time, rest[-1], side="right")) - 1
    rows = np.unique(np.linspace(low, high, _MOST_POINTS).astype(int))
    ax.plot(record.time[rows] / 3600, record.voltage[rows], "-", lw=0.8, color="0.2")
    for begin, until, direction in zip(start, end, result.direction[pulses], strict=True):
        ax.axvspan(begin / 3600, until / 3600, color=_SHADES[direction], alpha=0.25, lw=0)
    if stop - first <= _MOST_MARKED:
        opened = np.searchsorted(record.time, end, side="right")
        marks = {
            "E0": (start, result.E_before[pulses]),
            "E1": (start, result.E_start[pulses]),
            "E2": (end, result.E_end[pulses]),
            "E3": (record.time[opened], record.voltage[opened]),
            "E4": (rest, result.E_after[pulses]),
        }
        for sign, (label, (time, voltage)) in zip(_SIGNS, marks.items(), strict=False):
            ax.plot(time / 3600, voltage, sign, ms=3.5, mfc="none", mew=0.8, label=label)
        small_legend(ax, ncols=len(marks))
    ax.set_xlabel("time / h")
    ax.set_ylabel("voltage / V")
    return ax


def pulse(result: GittResult, number: int = 0, *, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Draw one pulse against the root of time, with the window, the fit, and below the residual in the window.

    Parameters
    ----------
    result : GittResult
    number : int
        Which pulse, from 0.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure

    Raises
    ------
    InvalidInput
        If there is no such pulse.
    """
    _check("pulse", result, GittResult)
    if not 0 <= number < len(result):
        raise InvalidInput(f"there is no pulse {number}; there are {len(result)}, the first is 0")
    figure = new_figure(SINGLE_COLUMN, 80) if figure is None else figure
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    t, E, inside, fit = _transient(result, number)
    low, high = result.window[number]
    upper.plot(np.sqrt(t), E, "o", ms=2, mew=0, color="0.6")
    upper.plot(np.sqrt(t[inside]), E[inside], "o", ms=2.5, mew=0, color="C0", label="fitted")
    upper.plot(np.sqrt(t[inside]), fit, "-", lw=1, color="C3", label=r"$E_1 + a\sqrt{t} + bt$")
    lower.plot(np.sqrt(t[inside]), (E[inside] - fit) * 1e3, "o", ms=2, mew=0, color="C0")
    lower.axhline(0, lw=0.6, color="0.5")
    for ax in (upper, lower):
        dress(ax)
        ax.axvspan(np.sqrt(low), np.sqrt(high), color="C0", alpha=0.1, lw=0)
    upper.set_ylabel("voltage / V")
    small_legend(upper)
    flag = f"\n{result.flag[number]}" if result.flag[number] else ""
    text = f"D = {result.D[number]:.3g} ± {result.u_D[number]:.1g} m²/s{flag}"
    upper.set_title(text, fontsize=NOTE_SIZE)
    lower.set_ylabel("residual / mV")
    lower.set_xlabel(r"$\sqrt{t}$ / $\sqrt{\mathrm{s}}$")
    return figure


def diffusion(
    result: GittResult | IciResult | DiffusionComparison, *, figure: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """Draw D over lithiation with its 95 % intervals, above the potential; hollow where it is doubtful.

    Parameters
    ----------
    result : GittResult, IciResult or DiffusionComparison
        A comparison is drawn without the potential.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure

    Raises
    ------
    InvalidInput
        If there is no D at all.
    """
    _check("diffusion", result, GittResult | IciResult | DiffusionComparison)
    if not np.isfinite(result.D).any():
        raise InvalidInput("there is no D in this result; give the length of diffusion where it was made")
    figure = (
        new_figure(SINGLE_COLUMN, 65 if isinstance(result, DiffusionComparison) else 90) if figure is None else figure
    )
    if isinstance(result, DiffusionComparison):
        ax = dress(figure.subplots())
        known = np.isfinite(result.place)
        for number, (method, sign) in enumerate(zip(dict.fromkeys(result.method), _SIGNS * 9, strict=False)):
            _draw_D(ax, result, result.place, (result.method == method) & known, f"C{number}", sign, str(method))
        small_legend(ax)
        ax.set_xlabel("lithiation" if result.along == "lithiation" else "voltage / V")
        bottom = ax
    else:
        upper, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        potential = result.E_before if isinstance(result, GittResult) else result.E_0
        ax = dress(upper)
        for direction, sign in (("lithiation", "v"), ("delithiation", "^")):
            here = result.direction == direction
            if here.any():
                colour = _SHADES[direction]
                _draw_D(ax, result, result.lithiation, here, colour, sign, direction)
                bottom.plot(result.lithiation[here], potential[here], sign + "-", ms=2, lw=0.8, color=colour)
        dress(bottom)
        small_legend(ax)
        bottom.set_ylabel("rest potential / V" if isinstance(result, GittResult) else "E at pause / V")
        bottom.set_xlabel("lithiation")
        ax.set_title(str(result.geometry), fontsize=NOTE_SIZE)
    D = result.D[np.isfinite(result.D) & (result.D > 0)]
    ax.set_ylim(D.min() / _MARGIN, D.max() * _MARGIN)  # long intervals run out of the axes
    ax.set_ylabel("D / m² s⁻¹")
    decades(ax, "y")
    return figure


def interruptions(result: IciResult, *, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Draw potential, R and k of an interrupted current over the charge inserted; hollow where doubtful.

    The axes of R and k show what is without doubt; how many doubtful values lie beyond is written in the panel.

    Parameters
    ----------
    result : IciResult
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure
        With three panels.
    """
    _check("interruptions", result, IciResult)
    figure = new_figure(SINGLE_COLUMN, 110) if figure is None else figure
    panels = figure.subplots(3, 1, sharex=True)
    labels = ("voltage / V", "R / Ω", "k / Ω s$^{-1/2}$")
    doubtful = np.array(["not positive" in flag or "few" in flag or "switch" in flag for flag in result.flag])
    for ax, name, label in zip(panels, ("E", "R", "k"), labels, strict=True):
        dress(ax)
        for direction, sign in (("lithiation", "v"), ("delithiation", "^")):
            for hollow in (False, True):
                here = (result.direction == direction) & (doubtful == hollow)
                face = "none" if hollow else _SHADES[direction]
                style: dict[str, Any] = {"ms": 2.5, "mew": 0.6, "mfc": face, "color": _SHADES[direction]}
                x, y = result.charge[here] / 3.6, getattr(result, name)[here]
                ax.plot(x, y, sign, label=direction if here.any() and not hollow else None, **style)
                if name != "E" and not hollow:
                    u = getattr(result, f"u_{name}")[here]
                    ax.errorbar(x, y, u, fmt="none", ecolor=_SHADES[direction], elinewidth=0.5, alpha=FAINT)
        ax.set_ylabel(label)
        if name != "E":
            _show_the_sound(ax, getattr(result, name), ~doubtful)
    small_legend(panels[0])
    panels[-1].set_xlabel("charge inserted / mAh")
    return figure


def _show_the_sound(ax: Axes, values: FloatArray, sound: BoolArray) -> None:
    """Let an axis end where the sound values do, and say how many others are not seen."""
    good = values[sound & np.isfinite(values)]
    if good.size < 2 or not np.ptp(good) > 0:
        return
    low, high = good.min() - _ROOM * np.ptp(good), good.max() + _ROOM * np.ptp(good)
    beyond = int(((values < low) | (values > high)).sum())
    if beyond:
        ax.set_ylim(low, high)
        ax.annotate(
            f"{beyond} doubtful beyond", (0.02, 0.96), xycoords="axes fraction", va="top", fontsize=NOTE_SIZE
        )  # fmt: skip


def _draw_D(ax: Axes, result: Any, place: FloatArray, here: Any, colour: str, sign: str, label: str) -> None:
    """Draw D with intervals, filled where it is trusted."""
    known = here & np.isfinite(result.D)
    for trusted in (True, False):
        rows = known & (result.trusted == trusted)
        if not rows.any():
            continue
        D = result.D[rows]
        low = np.maximum(result.D_low[rows], D / 1e3)  # an interval down to 0 has no end on this axis
        reach = np.clip(np.stack([D - low, result.D_high[rows] - D]), 0, None)
        reach = np.nan_to_num(reach, posinf=0.0)
        ax.errorbar(
            place[rows], D, reach, fmt=sign, ms=3, mew=0.7, mfc=colour if trusted else "none", color=colour,
            elinewidth=0.6, capsize=0, label=label if trusted else f"{label}, doubtful", alpha=1.0 if trusted else 0.6,
        )  # fmt: skip


def _transient(result: GittResult, number: int) -> tuple[FloatArray, FloatArray, BoolArray, FloatArray]:
    """Time since the switch and voltage of one pulse [row], which rows were fitted, and the fit there."""
    record = result.record
    rows = (record.time >= result.time[number]) & (record.time <= result.time[number] + result.duration[number])
    rows &= np.abs(record.current) > 0.5 * abs(result.current[number])
    t, E = record.time[rows] - result.time[number], record.voltage[rows]
    inside = (t >= result.window[number, 0]) & (t <= result.window[number, 1])
    root = result.geometry.root(t[inside], float(np.nan_to_num(result.D[number])))
    fit = result.E_start[number] + result.slope[number] * root + result.drift[number] * t[inside]
    return t, E, inside, fit


def _check(function: str, result: object, kind: Any) -> None:
    if not isinstance(result, kind):
        name = getattr(kind, "__name__", "result of fit_gitt, fit_ici or compare_diffusion")
        raise InvalidInput(f"{function}() needs a {name}, got {type(result).__name__}")
