"""Charge and discharge cycles: capacity and efficiency, and dQ/dV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..cycling import CyclingResult
from ..errors import InvalidInput
from .figures import LABEL_SIZE, TICK_SIZE, single_axes, small_legend, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def cycling(result: CyclingResult, *, ax: Axes | None = None) -> Axes:
    """Draw capacities and coulombic efficiency over the cycle number; incomplete cycles are hollow.

    Parameters
    ----------
    result : CyclingResult
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise. The efficiency has an axis of its own at the right.

    Returns
    -------
    matplotlib.axes.Axes
        That of the capacities.
    """
    _check("cycling", result)
    ax = single_axes(ax, 65)
    per_gram = 1.0 if result.mass is None else 1e3 * result.mass
    for name, sign, colour in (("discharge", "v", "C0"), ("charge", "^", "C3")):
        capacity = getattr(result, f"{name}_capacity") / 3.6 / per_gram
        for complete in (True, False):
            here = result.complete == complete
            face = colour if complete else "none"
            label = name if complete else None
            ax.plot(result.cycle[here], capacity[here], sign, ms=3, mew=0.7, color=colour, mfc=face, label=label)
    right = ax.twinx()
    right.plot(
        result.cycle[result.complete], 100 * result.coulombic_efficiency[result.complete], "o", ms=2.5, mew=0.7,
        mfc="none", color="0.4",
    )  # fmt: skip
    right.set_ylabel("coulombic efficiency / % (○)", size=LABEL_SIZE, color="0.3")
    right.tick_params(labelsize=TICK_SIZE, width=0.6, direction="in", colors="0.3")
    ax.tick_params(right=False, which="both")
    ax.set_ylim(bottom=0)
    small_legend(ax, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))  # above: points may be anywhere
    whole_numbers(ax.xaxis)
    ax.set_xlabel("cycle")
    ax.set_ylabel("capacity / mAh" + ("" if result.mass is None else " g⁻¹"))
    return ax


def differential_capacity(
    result: CyclingResult, cycles: Sequence[float] | None = None, *, width: float = 0.005, ax: Axes | None = None
) -> Axes:
    """Draw dQ/dV of some cycles, charge upwards and discharge downwards.

    Parameters
    ----------
    result : CyclingResult
    cycles : sequence of float, optional
        Numbers of the cycles; by default up to five, evenly chosen.
    width : float
        Width of the cells of voltage in V.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If there is no such cycle.
    """
    from matplotlib import colormaps

    _check("differential_capacity", result)
    ax = single_axes(ax, 65)
    if cycles is None:
        cycles = result.cycle[np.unique(np.linspace(0, len(result) - 1, 5).round().astype(int))].tolist()
    for place, cycle in zip(np.linspace(0, 0.88, len(cycles)), cycles, strict=True):
        for half, sign in (("charge", 1), ("discharge", -1)):
            if not np.isfinite(getattr(result, f"{half}_capacity")[result.cycle == cycle]).all():
                continue
            V, dQ_dV = result.differential_capacity(cycle, half, width=width)
            label = f"cycle {cycle:g}" if half == "charge" else None
            ax.plot(V, sign * dQ_dV / 3.6, "-", lw=0.8, color=colormaps["viridis"](place), label=label)
    ax.axhline(0, lw=0.6, color="0.5")
    small_legend(ax)
    ax.set_xlabel("voltage / V")
    ax.set_ylabel("dQ/dV / mAh V⁻¹")
    return ax


def _check(function: str, result: object) -> None:
    if not isinstance(result, CyclingResult):
        raise InvalidInput(
            f"{function}() needs a CyclingResult, as summarize_cycling returns it, got {type(result).__name__}"
        )
