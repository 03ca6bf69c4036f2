"""Spectra that have been read, on disk until they are inverted, so that every file is read once."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..campaign import Campaign
from ..errors import UnreadableFile
from .manifest import write_whole

_COORDINATE = "coordinate:"


def write_part(path: Path, campaign: Campaign) -> None:
    """Write a campaign, whole or not at all."""
    frequency = campaign.frequency[0] if campaign.is_shared else campaign.frequency
    words = {
        "sources": dict(campaign.sources),
        "notes": list(campaign.notes),
        "names": None if campaign.names is None else list(campaign.names),
    }
    arrays: dict[str, Any] = {"frequency": frequency, "Z": campaign.Z, "words": np.array(json.dumps(words))}
    if campaign.point_time is not None:
        arrays["point_time"] = campaign.point_time
    arrays |= {f"{_COORDINATE}{name}": values for name, values in campaign.coordinates.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(path, buffer.getvalue())


def read_part(path: Path) -> Campaign:
    """Read what `write_part` wrote.

    Raises
    ------
    UnreadableFile
        If it is not there, or damaged.
    """
    try:
        with np.load(path) as opened:
            arrays = dict(opened)
        words = json.loads(str(arrays["words"]))
        return Campaign(
            arrays["frequency"],
            arrays["Z"],
            {n.removeprefix(_COORDINATE): v for n, v in arrays.items() if n.startswith(_COORDINATE)},
            words["names"],
            arrays.get("point_time"),
            sources=words["sources"],
            notes=words["notes"],
        )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}") from error
