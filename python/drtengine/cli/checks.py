"""What the commands tell of Kramers-Kronig validity."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..campaign import Campaign
from ..kk import KkResult, check_kk
from . import terminal
from .output import write_check


def check_first(
    campaign: Campaign,
    folder: Path,
    along: str | None,
    n_threads: int | None,
    f_min: float | None,
    f_max: float | None,
    *,
    drop: bool,
) -> Campaign:
    """Check a campaign before it is inverted, report and write what is found, and give what is to be inverted.

    Parameters
    ----------
    drop : bool
        Whether to leave out spectra that fail and points that are flagged.
    """
    result = check_kk(campaign, n_threads=n_threads, f_min=f_min, f_max=f_max)
    report_check(result, most=0)
    terminal.show_notes(write_check(result, folder, along))
    return campaign.masked(points=result.flagged, spectra=result.verdict == "fail") if drop else campaign


def report_check(result: KkResult, *, most: int = terminal.MOST_ROWS) -> None:
    """Print a row for each spectrum, those that fail first if there is no room for all, and count the verdicts."""
    summary = result.summary()
    order = np.arange(len(result))
    if len(result) > most:
        order = np.argsort([("fail", "warn", "pass").index(v) for v in result.verdict], kind="stable")
    columns = terminal.places(summary)
    columns["verdict"] = summary["verdict"]
    columns["noise\n%"] = (100 * summary["noise"]).map(lambda value: f"{value:.2f}")
    columns["reason"] = summary["reason"]
    rows = list(zip(*(column.iloc[order] for column in columns.values()), strict=True))
    if most:
        terminal.show_table(list(columns), rows, most=most, rest=", all of them in kk.csv with --out")
    counts = ", ".join(f"{int((result.verdict == verdict).sum())} {verdict}" for verdict in ("pass", "warn", "fail"))
    terminal.say(f"Kramers-Kronig: {len(result)} spectra: {counts}")
