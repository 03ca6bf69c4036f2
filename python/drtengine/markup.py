"""Small tables in HTML, for notebooks: no style but alignment, so that they read in any theme."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

MOST_ROWS = 12
"""Rows that a table in a notebook shows."""

_MOST_NOTES = 50
_CELL = "text-align:left;white-space:nowrap;padding:0 1em 0 0"


def page(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str], *, count: int) -> str:
    """Put a title, a table and notes that fold together.

    Parameters
    ----------
    title : str
    head : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        Cells as they are shown.
    notes : sequence of str
    count : int
        How many rows there are in all; those that are not shown are counted.

    Returns
    -------
    str
        HTML.
    """
    parts = [f"<div><b>{escape(title)}</b>"]
    if rows:
        parts += ["<table>", _row("th", head), *(_row("td", row) for row in rows), "</table>"]
    if count > len(rows):
        parts.append(f"<p>... {count - len(rows)} more</p>")
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes[:_MOST_NOTES])
        more = f"<p>... {len(notes) - _MOST_NOTES} more</p>" if len(notes) > _MOST_NOTES else ""
        parts.append(f"<details><summary>{len(notes)} note(s)</summary><ul>{items}</ul>{more}</details>")
    return "".join([*parts, "</div>"])


def _row(kind: str, cells: Sequence[str]) -> str:
    return "".join(["<tr>", *(f'<{kind} style="{_CELL}">{escape(cell)}</{kind}>' for cell in cells), "</tr>"])
