"""What `drtengine info` tells of a campaign."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..campaign import Campaign
from ..errors import Status
from ..io.registry import reader_for
from . import terminal

_MOST_NAMES = 6
_HEAD_BYTES = 8192
_FIRST_DATE = 5e8
"""Times beyond this many seconds count from 1970 and are shown as dates."""
_UNITS = {"voltage": "V", "current": "A", "temperature": "°C", "time": "s", "amplitude": "V"}


def describe(campaign: Campaign, format: str | None) -> None:
    """Print format, size, frequencies, coordinates, problems and notes."""
    formats = Counter(format or _format(Path(path)) for path in campaign.sources)
    points = campaign.is_point.sum(axis=1)
    f = campaign.frequency[campaign.is_point]
    lines = {
        "files": str(len(campaign.sources)),
        "format": ", ".join(f"{name} ({count})" if len(formats) > 1 else name for name, count in formats.items()),
        "spectra": str(len(campaign)),
        "points": f"{points.min()}" if np.ptp(points) == 0 else f"{points.min()} to {points.max()}",
        "frequency": f"{np.nanmin(f):.4g} to {np.nanmax(f):.4g} Hz",
    }
    for name, text in lines.items():
        terminal.say(f"{name:<10} {text}")
    if campaign.coordinates:
        terminal.say()
        rows = [(name, *_range(name, values)) for name, values in campaign.coordinates.items()]
        terminal.show_table(["coordinate", "values", "different"], rows)
    terminal.say()
    for problem in sorted(set(campaign.problems.tolist()) - {Status.OK}):
        rows_with = np.flatnonzero(campaign.problems == problem)
        labels = ", ".join(campaign.label(int(i)) for i in rows_with[:_MOST_NAMES])
        more = f" and {rows_with.size - _MOST_NAMES} more" if rows_with.size > _MOST_NAMES else ""
        terminal.say(f"problem: {Status(problem).name.lower().replace('_', ' ')}: {labels}{more}")
    if not campaign.problems.any():
        terminal.say("no problems found")
    terminal.show_notes(campaign.notes)


def _format(path: Path) -> str:
    with path.open("rb") as stream:
        reader = reader_for(path, stream.read(_HEAD_BYTES))
    return reader.name if reader else "unknown"


def _range(name: str, values: NDArray[Any]) -> tuple[str, str]:
    """From lowest to highest, or the first few names, and how many different ones there are."""
    if values.dtype.kind == "U":
        seen = [value for value in dict.fromkeys(values.tolist()) if value]
        return ", ".join(seen[:_MOST_NAMES]) + (", ..." if len(seen) > _MOST_NAMES else ""), str(len(seen))
    different = np.unique(values[np.isfinite(values)])
    if name == "time" and different.size and values.dtype.kind == "f" and different[0] > _FIRST_DATE:
        texts = [f"{np.datetime64(int(value), 's')} UTC" for value in different[[0, -1]]]
    elif values.dtype.kind == "f":
        texts = [f"{value:.6g} {_UNITS.get(name, '')}".strip() for value in different[[0, -1][: different.size]]]
    else:
        texts = [str(value) for value in different[[0, -1][: different.size]]]
    return " to ".join(dict.fromkeys(texts)), str(different.size)
