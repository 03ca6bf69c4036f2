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
_UNITS = {"voltage": "V", "current": "A", "temperature": "°C", "time": "s", "amplitude": "V"}


def describe(campaign: Campaign) -> None:
    """Print format, size, frequencies, coordinates, problems and notes."""
    formats = Counter(_format(Path(path)) for path in campaign.sources)
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
        reader = reader_for(path, stream.read(8192))
    return reader.name if reader else "given by --format"


def _range(name: str, values: NDArray[Any]) -> tuple[str, str]:
    """From lowest to highest, or the first few names, and how many different ones there are."""
    unit = f" {_UNITS[name]}" if name in _UNITS else ""
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    different = np.unique(known)
    if values.dtype.kind == "f":
        text = f"{different[0]:.6g} to {different[-1]:.6g}{unit}" if different.size > 1 else "".join(
            f"{value:.6g}{unit}" for value in different
        )  # fmt: skip
    elif values.dtype.kind == "M":
        text = f"{different[0]} to {different[-1]}"
    else:
        seen = list(dict.fromkeys(values.tolist()))
        text = ", ".join(seen[:_MOST_NAMES]) + (", ..." if len(seen) > _MOST_NAMES else "")
    return text, str(different.size)
