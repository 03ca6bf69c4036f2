"""What the commands say: tables, notes, warnings, errors and progress. Results go to stdout, all else to stderr."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..errors import DataWarning, DrtengineError
from ..report.notes import told_once
from . import INTERRUPTED, INVALID

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 24
_MOST_NOTES = 12
_UNLIMITED = 10_000
_PLACES = {
    "branch": "branch",
    "voltage": "voltage\nV",
    "soc": "soc",
    "cycle": "cycle",
    "temperature": "temperature\n°C",
}
"""Coordinates shown beside a spectrum, as headings."""
_NUMBER = re.compile(r"[-+.\de]*|nan")


@contextmanager
def reporting() -> Iterator[None]:
    """Turn what goes wrong into one message and an exit code, and warnings about the data into lines of text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", DataWarning)
            other = warnings.showwarning

            def show(message: Warning | str, category: type[Warning], *rest: object) -> None:
                if issubclass(category, DataWarning):
                    complain(f"warning: {message}", "yellow")
                else:
                    other(message, category, *rest)  # type: ignore[arg-type]

            warnings.showwarning = show  # type: ignore[assignment]
            yield
    except DrtengineError as error:
        complain(f"error: {error}", "red")
        raise typer.Exit(INVALID) from None
    except KeyboardInterrupt:
        complain("interrupted", "red")
        raise typer.Exit(INTERRUPTED) from None


def say(text: str = "") -> None:
    """Print a line of the answer."""
    console = Console()
    console.print(text, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def complain(text: str, style: str) -> None:
    """Print a line about what is odd."""
    Console(stderr=True).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, most: int = MOST_ROWS, rest: str = "") -> None:
    """Print a table, numbers to the right; of more than `most` rows say how many and where the `rest` is.

    No cell is ever shortened: a table wider than the terminal runs over.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        numeric = bool(rows) and all(_NUMBER.fullmatch(row[number]) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in rows[:most]:
        table.add_row(*map(escape, row))
    console = Console()
    natural = console.measure(table, options=console.options.update(max_width=_UNLIMITED)).maximum
    Console(width=max(natural, console.width)).print(table)
    if len(rows) > most:
        say(f"... {len(rows) - most} more{rest}")


def places(summary: pd.DataFrame) -> dict[str, Any]:
    """Give the columns of a summary that tell spectra apart, by heading."""
    telling = [name for name in _PLACES if name in summary and summary[name].nunique() > 1]
    return {_PLACES.get(name, name): summary[name].map(short) for name in ("name", *telling)}


def short(value: object) -> str:
    """Write a number with four digits."""
    return value if isinstance(value, str) else f"{value:.4g}"


def show_notes(notes: Iterable[str]) -> None:
    """Print notes; those that differ by spectrum, file or number only are told once."""
    notes = list(notes)
    for note in told_once(notes)[:_MOST_NOTES]:
        say(f"note: {note}")
    if (kinds := len(told_once(notes))) > _MOST_NOTES:
        say(f"... and {kinds - _MOST_NOTES} more kinds of notes")


@contextmanager
def progress(task: str) -> Iterator[Callable[[int, int], None]]:
    """Give a hook (done, total) that moves a bar, as long as someone watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = TextColumn(task), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        number = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(number, completed=done, total=total)


@contextmanager
def stages(*tasks: str) -> Iterator[Callable[[int, int], None]]:
    """Give a hook (done, total) for work of several stages; the next begins where the total changes or `done` falls."""
    with named_stages() as tell:
        stage, before = 0, (0, 0)

        def hook(done: int, total: int) -> None:
            nonlocal stage, before
            if before[1] and (total != before[1] or done < before[0]):
                stage = min(stage + 1, len(tasks) - 1)
            before = done, total
            tell(tasks[stage], done, total)

        yield hook


@contextmanager
def named_stages() -> Iterator[Callable[[str, int, int], None]]:
    """Give a hook (stage, done, total) that shows what is being done, as long as someone watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda stage, done, total: None
        return
    columns = (
        *(TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("{task.fields[rate]}"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        number = bar.add_task("", total=None, rate="")
        task = bar.tasks[0]

        def tell(stage: str, done: int, total: int) -> None:
            if stage != task.description:
                bar.reset(number, total=total or None, description=stage)
            bar.update(number, completed=done, total=total or None)
            bar.update(number, rate="" if task.speed is None else f"{task.speed:.3g}/s")

        yield tell
