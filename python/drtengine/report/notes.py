"""Notes as people read them: those that differ by a name or a number only, told once."""

from __future__ import annotations

import re
from collections.abc import Iterable


def alike(notes: Iterable[str]) -> list[list[str]]:
    """Group notes that differ by spectrum, file or number only, in order of appearance."""
    groups: dict[str, list[str]] = {}
    for note in dict.fromkeys(notes):
        about = note.split(": ", 1)[-1]
        groups.setdefault(re.sub(r"\d[\d.e+-]*", "#", about), []).append(note)
    return list(groups.values())


def told_once(notes: Iterable[str]) -> list[str]:
    """Give the first of each group, and how many more there are."""
    return [group[0] + (f" (and {len(group) - 1} more like this)" if len(group) > 1 else "") for group in alike(notes)]
