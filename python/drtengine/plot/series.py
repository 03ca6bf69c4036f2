"""What figures ask of a result, and the colour of each spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInput
from ..points import measured_window
from ..series import Selection, Series, arrange
from ..spectrum import BoolArray, FloatArray
from .figures import NOTE_SIZE, add_colour_bar, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_IN_LEGEND = 6


@runtime_checkable
class Distributions(Protocol):
    """What figures of gamma need; a `DrtResult` has it, and so may any other result."""

    @property
    def tau(self) -> FloatArray:
        """Seconds [tau], rising."""

    @property
    def gamma(self) -> FloatArray:
        """Gamma at tau, in `unit` per unit ln(tau) [spectrum, tau]; NaN where there is no answer."""

    @property
    def in_window(self) -> BoolArray:
        """Whether tau lies in the spectrum's measured window [spectrum, tau]."""

    @property
    def frequency(self) -> FloatArray:
        """Hz [spectrum, point]."""

    @property
    def used(self) -> BoolArray:
        """Points that took part [spectrum, point]."""

    @property
    def coordinates(self) -> Mapping[str, NDArray[Any]]:
        """Coordinates by name, each [spectrum]."""

    @property
    def unit(self) -> str:
        """Either "ohm" or "ohm cm2"."""

    def evaluate(self, tau: ArrayLike) -> FloatArray:
        """Gamma at any tau [spectrum, tau]."""


def arrange_result(function: str, result: Distributions, along: str | None, spectra: Selection) -> Series:
    """Put the spectra of a result in order, see `arrange`; InvalidInput if it is no result."""
    if not isinstance(result, Distributions):
        raise InvalidInput(f"{function}() needs a DrtResult, as fit_drt returns it, got {type(result).__name__}")
    return arrange(result.coordinates, len(result.gamma), along, spectra)


def window(result: Distributions) -> tuple[FloatArray, FloatArray]:
    """Give the ends of the measured window, s [spectrum], see `measured_window`."""
    return measured_window(result.frequency, result.used)


def paint(series: Series, ax: Axes) -> dict[int, Any]:
    """Choose a colour for each spectrum by its coordinate, and explain it beside `ax`.

    A single spectrum needs no explanation, a few get a legend, many a colour bar.

    Returns
    -------
    dict
        Number of the spectrum to colour.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.lines import Line2D

    # the palest end of viridis is lost on white paper
    shades = ListedColormap(colormaps["viridis"](np.linspace(0, 0.88, 256)), name="viridis_to_88")
    if series.count == 1:
        return {int(series.branches[0].spectra[0]): shades(0.35)}
    values = np.concatenate([branch.values for branch in series.branches])
    norm = Normalize(values.min(), values.max())
    colours = {int(i): shades(norm(value)) for i, value in zip(series.rows, values, strict=True)}
    figure = ax.get_figure()
    assert figure is not None  # axes of ours and of callers stand in figures
    if series.count > _MOST_IN_LEGEND:
        bar = add_colour_bar(figure, ScalarMappable(norm, shades), ax, series.label)
        if series.whole:
            whole_numbers(bar.ax.yaxis)
        return colours
    names = [branch.name if len(series.branches) > 1 else "" for branch in series.branches]
    handles = [
        Line2D([], [], color=colours[int(i)], label=f"{value:.4g} {name}".strip())
        for name, branch in zip(names, series.branches, strict=True)
        for i, value in zip(branch.spectra, branch.values, strict=True)
    ]
    legend = ax.legend(handles=handles, title=series.label, fontsize=NOTE_SIZE, frameon=False, handlelength=1.2)
    legend.get_title().set_fontsize(NOTE_SIZE)
    return colours
