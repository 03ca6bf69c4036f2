"""How an analysis shows itself in a notebook."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingExtra, require
from ..markup import page
from ..plot.figures import unit_label

if TYPE_CHECKING:
    from .stages import Analysis


def to_html(analysis: Analysis) -> str:
    """Give key figures as a table, and the map of gamma, or gamma itself of one spectrum, where Matplotlib is there."""
    result, check, ohm = analysis.result, analysis.check, unit_label(analysis.result.unit)
    rows = {"spectra": f"{len(analysis)}, {int(analysis.answered.sum())} inverted"}
    if check is not None:
        rows["Kramers-Kronig"] = ", ".join(f"{int((check.verdict == v).sum())} {v}" for v in ("pass", "warn", "fail"))
    rows |= {"R_inf": f"{_span(result.R_inf)} {ohm}", "R_pol": f"{_span(result.R_pol)} {ohm}"}
    rows["peaks"] = f"{len(analysis.peaks)}, on {len(analysis.tracks)} lines"
    if analysis.processes is not None:
        for name, values in zip(analysis.processes.names, analysis.processes.R.T, strict=True):
            rows[f"R of {name}"] = f"{_span(values)} {ohm}"
    for section in analysis.sections:
        rows[section.title] = section.missing if section.result is None else repr(section.result).strip("<>")
    if analysis.refused:
        rows["not read"] = f"{len(analysis.refused)} files, see refused"
    table = page(analysis.title, (), list(rows.items()), analysis.notes, count=len(rows))
    return f"<div>{table}{_picture(analysis)}</div>"


def _picture(analysis: Analysis) -> str:
    try:
        require("matplotlib", "plot")
    except MissingExtra:
        return ""
    from .. import plot

    result, along = analysis.result, analysis.series.along
    drawn: Any = (plot.gamma if len(result) == 1 else plot.intensity_map)(result, along=along)
    buffer = io.BytesIO()
    drawn.figure.figure.savefig(buffer, format="png", dpi=120)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="gamma" src="data:image/png;base64,{data}">'


def _span(values: np.ndarray[Any, Any]) -> str:
    """From least to largest."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return "unknown"
    ends = dict.fromkeys(f"{end:.4g}" for end in (known.min(), known.max()))
    return " to ".join(ends)
