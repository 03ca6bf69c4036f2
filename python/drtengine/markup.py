"""Small tables in HTML, for notebooks: no style but alignment, so that they read in any theme."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 12
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


def frame_page(title: str, frame: pd.DataFrame, notes: Sequence[str]) -> str:
    """Put the first rows of a table on a page, without columns that hold nothing there, and files beside names."""
    shown = frame.iloc[:_MOST_ROWS].dropna(axis=1, how="all").drop(columns="file", errors="ignore")
    rows = [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in shown.to_numpy()]
    return page(title, [*map(str, shown.columns)], rows, notes, count=len(frame))


def _row(kind: str, cells: Sequence[str]) -> str:
    return "".join(["<tr>", *(f'<{kind} style="{_CELL}">{escape(cell)}</{kind}>' for cell in cells), "</tr>"])
