"""Figures of journal size, how their axes look, and how they reach the disk."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import InvalidInput, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure, SubFigure

SINGLE_COLUMN = 85.0
"""Width in mm of a figure in one column of a journal."""
DOUBLE_COLUMN = 175.0
"""Width in mm of a figure across a page."""

LABEL_SIZE, TICK_SIZE, NOTE_SIZE = 8.0, 7.0, 6.5
FAINT = 0.3
"""Opacity of what the data do not vouch for: points left out, gamma outside the measured window."""

_MM_PER_INCH = 25.4
_ROOM_FOR_LABEL = 0.27
"""Inches that the label of a decade takes."""
_UNITS = {"ohm": "Ω", "ohm cm2": "Ω cm²"}


def new_figure(width: float = SINGLE_COLUMN, height: float = 65.0) -> Figure:
    """Make an empty figure that belongs to no window.

    Parameters
    ----------
    width, height : float
        In mm; journals take `SINGLE_COLUMN` and `DOUBLE_COLUMN`.

    Returns
    -------
    matplotlib.figure.Figure
        With constrained layout.

    Raises
    ------
    MissingExtra
        If Matplotlib is not installed.
    """
    require("matplotlib", "plot")
    from matplotlib.figure import Figure

    return Figure(figsize=(width / _MM_PER_INCH, height / _MM_PER_INCH), layout="constrained")


def save(drawn: Figure | SubFigure | Axes, path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write a figure as PNG (300 dpi) and as SVG, each file whole or not at all.

    Parameters
    ----------
    drawn : matplotlib.figure.Figure, SubFigure or matplotlib.axes.Axes
        The figure, or something in it.
    path : path-like
        Without suffix; ``.png`` and ``.svg`` are appended. Files of these names are replaced.

    Returns
    -------
    tuple of Path
        The PNG and the SVG file.

    Raises
    ------
    InvalidInput
        If the path has one of the two suffixes already, or its folder does not exist.
    """
    from matplotlib import rc_context

    target = Path(path)
    if target.suffix in (".png", ".svg"):
        raise InvalidInput(f"{target}: give the path without {target.suffix}; both a PNG and an SVG file are written")
    if not target.parent.is_dir():
        raise InvalidInput(f"{target}: the folder {target.parent} does not exist")
    figure: Any = drawn.figure.figure  # of axes, the figure they stand in; of that, the outermost
    # neither date nor random identifiers, so that equal figures are equal files
    formats: dict[str, dict[str, Any]] = {"png": {}, "svg": {"metadata": {"Date": None}}}
    written = []
    for suffix, options in formats.items():
        final = target.with_name(f"{target.name}.{suffix}")
        partial = target.with_name(f".{final.name}.{os.getpid()}.partial")
        try:
            with rc_context({"svg.hashsalt": "drtengine"}):
                figure.savefig(partial, format=suffix, dpi=300, **options)
            os.replace(partial, final)
        finally:
            partial.unlink(missing_ok=True)
        written.append(final)
        figure.set_layout_engine("none")  # it stands as laid out for the first format
    return written[0], written[1]


def single_axes(ax: Axes | None, height: float) -> Axes:
    """Return `ax`, or axes of ours in a new figure of one column, `height` in mm."""
    return dress(new_figure(SINGLE_COLUMN, height).add_subplot()) if ax is None else ax


def figure_for(figure: Figure | SubFigure | None, panels: int, height: float) -> Figure | SubFigure:
    """Return `figure`, or a new one of one column for one panel and of two for more, `height` in mm."""
    return figure or new_figure(SINGLE_COLUMN if panels == 1 else DOUBLE_COLUMN, height)


def dress(ax: Axes) -> Axes:
    """Give axes of ours thin lines and the small type of a printed page."""
    ax.tick_params(which="both", labelsize=TICK_SIZE, width=0.6, direction="in", top=True, right=True)
    ax.tick_params(which="major", length=3)
    ax.tick_params(which="minor", length=1.5)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)
    ax.title.set_fontsize(LABEL_SIZE)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_fontsize(LABEL_SIZE)
        _power_of_ten(axis)
    return ax


def add_colour_bar(figure: Figure | SubFigure, mappable: Any, panels: Any, label: str, **options: Any) -> Colorbar:
    """Put a narrow colour bar beside panels, dressed as they are."""
    bar = figure.colorbar(mappable, ax=panels, pad=0.02, aspect=25, **options)
    bar.set_label(label, size=LABEL_SIZE)
    bar.ax.tick_params(labelsize=TICK_SIZE, width=0.6, length=2, direction="in")
    bar.outline.set_linewidth(0.6)
    _power_of_ten(bar.ax.yaxis)
    return bar


def small_legend(ax: Axes, **options: Any) -> None:
    """Explain what has a label, if anything has, in small type without a frame."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=NOTE_SIZE, frameon=False, **options)


def whole_numbers(axis: Axis) -> None:
    """Put ticks at integers only, for counted things."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def _power_of_ten(axis: Axis) -> None:
    """Write the power of ten that large numbers share small, and as a power."""
    from matplotlib.ticker import ScalarFormatter

    class PlainLabels(ScalarFormatter):
        """Sets mathematics in the shared power alone: for every label that takes longer than drawing the figure."""

        def __call__(self, x: float, pos: int | None = None) -> str:
            return super().__call__(x, pos).removeprefix(r"$\mathdefault{").removesuffix("}$")

    axis.get_offset_text().set_fontsize(TICK_SIZE)
    if type(axis.get_major_formatter()) is ScalarFormatter:
        axis.set_major_formatter(PlainLabels(useMathText=True))


def unit_label(unit: str) -> str:
    """Write "ohm" and "ohm cm2" as on an axis."""
    return _UNITS[unit]


def decades(ax: Axes, axis: Literal["x", "y"]) -> None:
    """Make an axis of `ax` logarithmic, with a tick at every decade and labels as far as there is room.

    Call it when everything is drawn: an axis shorter than two decades has labels at 1, 2 and 5.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(ax, f"set_{axis}scale")("log")
    which = ax.xaxis if axis == "x" else ax.yaxis
    low, high = getattr(ax, f"get_{axis}lim")()
    if high < 100 * low:
        which.set_major_locator(LogLocator(subs=(1, 2, 5)))
        which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        box = ax.get_window_extent()
        room = (box.width if axis == "x" else box.height) / ax.figure.dpi / _ROOM_FOR_LABEL
        which.set_major_locator(LogLocator(numticks=max(3, min(12, int(room)))))
        which.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    which.set_minor_locator(LogLocator(subs=tuple(range(1, 10)), numticks=200))
    which.set_minor_formatter(NullFormatter())


def _power(value: float) -> str:
    """Write a power of ten; as text, since setting mathematics takes longer than drawing the figure."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if value <= 0 or not math.isclose(value, 10.0**exponent, rel_tol=1e-6):
        return ""
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
