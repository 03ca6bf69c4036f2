"""Figures for print, each drawn when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plot
from ..analysis import Analysis, Section
from ..errors import InvalidInput, MissingExtra, require
from ..peaks import Tracks
from .payload import gamma_top

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CURVES, MOST_STACKED, MOST_LINES = 60, 40, 8
SECTION_FIGURES = {
    "warburg": ("warburg",),
    "gitt": ("titration", "diffusion", "pulse"),
    "ici": ("interruptions", "diffusion"),
    "cv": ("voltammograms", "capacitive_shares", "peak_exponents"),
    "cycling": ("cycling", "differential_capacity"),
}


def no_figures() -> str | None:
    """Say why figures cannot be drawn; None if they can."""
    try:
        require("matplotlib", "plot")
    except MissingExtra as error:
        return f"no figures: {error}"
    return None


def campaign_figures(analysis: Analysis) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield name and drawing function of each figure of a campaign, or of a single spectrum."""
    result, along = analysis.result, analysis.series.along
    check, table = analysis.check, analysis.processes
    some = evenly(len(result), MOST_CURVES)
    yield "nyquist", lambda: plot.nyquist(result, along=along, spectra=some)
    testable = check is not None and bool(np.isfinite(check.residual).any())
    if len(result) == 1:
        yield "gamma", lambda: plot.gamma(result, along=along)
        yield "bode", lambda: plot.bode(result, along=along)
        if check is not None and testable and len(check) == 1:
            yield "kk_residuals", lambda: plot.kk_residuals(check)
        return
    ranges, top = None if table is None else table.ranges, gamma_top(analysis)
    yield "gamma_map", lambda: plot.intensity_map(result, along=along, processes=ranges, gamma_max=top)
    yield "waterfall", lambda: plot.waterfall(result, along=along, spectra=evenly(len(result), MOST_STACKED))
    if len(analysis.tracks):
        yield "tracks", lambda: plot.tracks(longest(analysis.tracks))
    if table is not None:
        yield "processes", lambda: plot.processes(table, along=along)
    if check is not None and testable and len(check) > 1:
        yield "kk_map", lambda: plot.kk_map(check, along=along)


def longest(tracks: Tracks, most: int = MOST_LINES) -> Tracks:
    """Give the lines of the most peaks of each branch, all if there are few; the others are taken for loose peaks."""
    counts = np.bincount(tracks.track[tracks.track >= 0], minlength=len(tracks))
    kept = [
        line
        for branch in range(len(tracks.series.branches))
        for line in sorted(np.flatnonzero(tracks.branch == branch), key=lambda line: -counts[line])[:most]
    ]
    kept = sorted(kept)
    number = np.full(len(tracks) + 1, -1)  # the last for peaks that are on no line
    number[kept] = np.arange(len(kept))
    return replace(tracks, track=number[tracks.track], branch=tracks.branch[kept])


def section_figures(section: Section) -> Iterator[tuple[str, Figure]]:
    """Yield the figures of a section of kinetics, those that can be drawn."""
    if section.result is None or no_figures():
        return
    for name in SECTION_FIGURES[section.kind]:
        try:
            drawn = _draw(name, section.result)
        except InvalidInput:  # nothing to show, which the table says too
            continue
        yield name, drawn.figure.figure if not hasattr(drawn, "savefig") else drawn


def _draw(name: str, result: Any) -> Any:
    if name == "pulse":
        trusted = np.flatnonzero(result.trusted)
        rows = trusted if trusted.size else np.arange(len(result))
        return plot.pulse(result, int(rows[rows.size // 2]))
    if name == "warburg":
        return plot.warburg(result, spectrum=int(np.flatnonzero(result.kind != "none")[0]))
    return getattr(plot, name)(result)


def evenly(count: int, most: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Numbers of at most `most` of `count` things, evenly chosen."""
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.intp))
