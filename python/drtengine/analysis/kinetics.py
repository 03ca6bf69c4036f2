"""Kinetics beside the spectra: which analysis a table of time, current and voltage is for, and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cv import CvResult, analyze_cv
from ..cycling import CyclingResult, summarize_cycling
from ..errors import InvalidInput, UnreadableFile
from ..gitt import GittResult, fit_gitt
from ..ici import IciResult, fit_ici
from ..io import read_table
from ..records import Record, Steps, as_record, find_steps
from ..spectrum import IntArray
from ..warburg import WarburgResult

if TYPE_CHECKING:
    import pandas as pd

    from .settings import Settings

TITLES = {
    "warburg": "Diffusion in the spectra",
    "gitt": "Titration (GITT)",
    "ici": "Interrupted current (ICI)",
    "cv": "Cyclic voltammetry",
    "cycling": "Cycling",
}
_ANALYSES: Mapping[str, Callable[..., Any]] = {
    "gitt": fit_gitt,
    "ici": fit_ici,
    "cv": analyze_cv,
    "cycling": summarize_cycling,
}
_OPTIONS = {"gitt": ", or by --sphere-radius 5um, --plane-thickness or --volume-area"}
_SAME_RATE, _MOST_RATES, _SWEPT, _LEAST_ROWS = 0.02, 6, 0.8, 50
"""A potential is swept where this share of the rows has one of a few rates, equal to within this in log10."""
_LEAST_PULSES = 3
_LONG_REST = 0.3
"""Rests at least this long, relative to the time under current between them, belong to a titration."""


@dataclass(frozen=True)
class Section:
    """What one analysis of kinetics found.

    Parameters
    ----------
    kind : str
        "warburg", "gitt", "ici", "cv" or "cycling".
    sources : sequence of str
        Names of the files.
    result
        What the function of this kind returns; None where something is missing.
    missing : str
        What has to be given, or why there is no answer.
    notes : sequence of str
    """

    kind: str
    sources: Sequence[str]
    result: WarburgResult | GittResult | IciResult | CvResult | CyclingResult | None
    missing: str = ""
    notes: Sequence[str] = ()

    @property
    def title(self) -> str:
        """What the section is called."""
        return TITLES[self.kind]


def kind_of(frame: pd.DataFrame) -> str:
    """Tell which analysis a table is for: "cv", "gitt", "ici" or "cycling".

    By the columns where they say so (a scan rate), else by what the current does: a potential that is swept is a
    voltammogram; a current that pauses again and again in one direction, a titration where the pauses are long and
    an interrupted current where they are short; one that turns, cycling.

    Raises
    ------
    InvalidInput
        If the table has no current, or too few rows.
    """
    if "scan_rate_V_s" in frame:
        return "cv"
    record = as_record(frame, {})
    if _is_swept(record):
        return "cv"
    steps = find_steps(record)
    duration = record.time[steps.stop - 1] - record.time[steps.start]
    pauses = _pauses(steps)
    turns = int((np.diff(steps.sign[steps.sign != 0]) != 0).sum())
    if pauses.size < _LEAST_PULSES or turns > pauses.size:
        return "cycling"
    under_current = np.median(duration[steps.sign != 0])
    return "gitt" if np.median(duration[pauses]) >= _LONG_REST * under_current else "ici"


def _pauses(steps: Steps) -> IntArray:
    """Rests between two steps of one direction."""
    middle = (steps.sign[1:-1] == 0) & (steps.sign[:-2] == steps.sign[2:]) & (steps.sign[2:] != 0)
    return np.flatnonzero(middle) + 1


def _is_swept(record: Record) -> bool:
    """Whether the potential runs up and down at one rate, or at a few, one after the other."""
    dt, dE = np.diff(record.time), np.diff(record.voltage)
    moving = (dt > 0) & (dE != 0)
    if moving.sum() < _LEAST_ROWS:
        return False
    rate = np.log10(np.abs(dE[moving] / dt[moving]))
    _, counts = np.unique(np.round(rate / _SAME_RATE), return_counts=True)
    # a rate at the border of two cells counts in both
    return bool(np.sort(counts)[::-1][: 2 * _MOST_RATES].sum() > _SWEPT * moving.size)


def analyze_tables(files: Sequence[Path], settings: Settings) -> tuple[list[Section], dict[str, str]]:
    """Analyse the files among `files` that are tables of time, current and voltage.

    Returns
    -------
    sections : list of Section
        Voltammograms of several files make one.
    refused : dict of str to str
        Tables that no analysis is for, with the reason.
    """
    frames: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    refused: dict[str, str] = {}
    for file in files:
        try:
            frame = read_table(file)
        except UnreadableFile:
            continue
        try:
            kind = kind_of(frame)
        except InvalidInput as error:
            refused[str(file)] = f"{file}: a table of current and voltage, but {error}"
        else:
            frames.setdefault(kind, []).append((file.name, frame))
    sections = []
    for kind in TITLES:
        of_kind = frames.get(kind, [])
        if kind == "cv" and len(of_kind) > 1:
            sections.append(_section(kind, [name for name, _ in of_kind], below_each_other(of_kind), settings))
        else:
            sections += [_section(kind, [name], frame, settings) for name, frame in of_kind]
    return sections, refused


def _section(kind: str, sources: list[str], frame: pd.DataFrame, settings: Settings) -> Section:
    try:
        result = _ANALYSES[kind](frame, **settings.for_stage(kind))
    except InvalidInput as error:
        where = f" (in the table [{kind}] of the options{_OPTIONS.get(kind, '')})"
        return Section(kind, sources, None, f"{error}{where}", frame.attrs["notes"])
    return Section(kind, sources, result, "", [*frame.attrs["notes"], *result.notes])


def below_each_other(frames: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Put tables, each with its name, below each other, the time going on."""
    import pandas as pd

    notes: list[str] = []
    tables = []
    begin = 0.0
    for name, frame in frames:
        notes += [f"{name}: {note}" for note in frame.attrs["notes"]]
        if "time_s" in frame:
            frame = frame.assign(time_s=frame["time_s"] + begin - frame["time_s"].iloc[0])  # noqa: PLW2901
            begin = frame["time_s"].iloc[-1] + 1e6  # far from the next
        tables.append(frame)
    columns = set.intersection(*(set(table.columns) for table in tables))
    joined = pd.concat([table[[name for name in table if name in columns]] for table in tables], ignore_index=True)
    joined.attrs = {"notes": notes}
    return joined
