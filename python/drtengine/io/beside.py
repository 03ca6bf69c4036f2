"""Tables that hold spectra side by side: which columns belong together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .columns import hold_impedance, understand, understand_all
from .text import Layout, split_cells

_NUMBERED = re.compile(r"^(?P<name>.+?)[\s._#-]*(?P<number>\d+)(?P<unit>\s*[(\[/].*)?$")


def side_by_side(names: Sequence[str]) -> list[list[int]]:
    """Group columns into spectra, each of which can be read like a table of its own.

    Each spectrum has its own frequency column and what follows up to the next one; or all share one frequency
    column and each has its own real and imaginary part: the same names again, or numbered ("Re_1", "Im_1").

    Returns
    -------
    list of list of int
        Indices of the columns of each spectrum; empty if there are not at least two.
    """
    starts = [i for i, name in enumerate(names) if (c := understand(name, i)) and c.quantity == "frequency"]
    if len(starts) < 2:
        return _sharing(names, starts[0]) if starts else []
    stops = [*starts[1:], len(names)]
    groups = [list(range(a, b)) for a, b in zip(starts, stops, strict=True)]
    each_holds = all(hold_impedance(understand_all([names[i] for i in group])[0]) for group in groups)
    return groups if each_holds else []


def _sharing(names: Sequence[str], frequency: int) -> list[list[int]]:
    """Pair real and imaginary parts that share a frequency column."""
    parts: dict[str, list[tuple[str, int]]] = {"re": [], "im": []}
    for index, name in enumerate(names):
        base, number = split_number(name)
        column = understand(base, index)
        if column is not None and column.quantity in parts:
            parts[column.quantity].append((number, index))
    numbers = [number for number, _ in parts["re"]]
    if len(numbers) < 2 or numbers != [number for number, _ in parts["im"]] or len({*numbers}) not in (1, len(numbers)):
        return []
    return [[frequency, re_, im] for (_, re_), (_, im) in zip(parts["re"], parts["im"], strict=True)]


def split_number(name: str) -> tuple[str, str]:
    """Split "Re_2 (ohm)" into "Re (ohm)" and "2"; a name that is understood as it is has no number."""
    match = _NUMBERED.match(name.strip())
    if match is None or understand(name):
        return name, ""
    return match["name"] + (match["unit"] or ""), match["number"]


def cut_columns(layout: Layout, group: Sequence[int]) -> Layout:
    """Return the layout of some columns of a table; lines keep their numbers."""

    def cut(line: str) -> str:
        cells = split_cells(line, layout.separator)
        return "\t".join(cells[i].strip() if i < len(cells) else "" for i in group)

    lines = [*layout.lines[: layout.start], *map(cut, layout.lines[layout.start :])]
    names = [split_number(layout.names[i])[0] for i in group]
    return replace(layout, lines=lines, separator="\t", names=names)


def title_above(layout: Layout, column: int) -> str:
    """Return the cell above the name of a column, if the line above the names has as many places as that."""
    above = layout.lines[layout.start - 2] if layout.start > 1 else ""
    cells = split_cells(above, layout.separator)
    return cells[column].strip() if column < len(cells) and len(cells) > 1 else ""
