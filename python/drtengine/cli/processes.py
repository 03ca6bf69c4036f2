"""What the command `peaks` reads, writes and says, and how processes are named on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import store
from ..errors import InvalidInput
from ..peaks import DEFAULT_PROCESSES, Peaks, Processes, Tracks
from ..peaks.processes import check_processes
from ..plot.figures import unit_label
from ..report.figures import no_figures
from ..result import DrtResult
from . import terminal
from .output import RESULT, write_table

SILICON = "silicon"
"""Name of the processes that the library knows."""


def seconds(option: str, text: str | None) -> tuple[float, float] | None:
    """Limits in s from words such as 5:120.

    Raises
    ------
    InvalidInput
        If they are not.
    """
    if text is None:
        return None
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise InvalidInput(f"{option} {text!r} is not FROM:TO in s, such as 5:120") from None
    return low, high


def parse_processes(text: str | None) -> dict[str, tuple[float, float]] | None:
    """Turn NAME=FROM:TO, separated by commas, into ranges of relaxation times in s.

    Raises
    ------
    InvalidInput
        If the text is something else, or the ranges make no sense.
    """
    if text is None:
        return None
    if text.strip() == SILICON:
        return dict(DEFAULT_PROCESSES)
    ranges: dict[str, tuple[float, float]] = {}
    for part in text.split(","):
        name, equals, limits = part.rpartition("=")
        try:
            low, high = map(float, limits.split(":"))
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise InvalidInput(
                f"--processes: {part.strip()!r} is not NAME=FROM:TO with times in s, "
                f'such as "SEI=0:1e-3, charge transfer=1e-2:1"; or give {SILICON}'
            )
        if name.strip() in ranges:
            raise InvalidInput(f"--processes: {name.strip()!r} is named twice")
        ranges[name.strip()] = low, high
    return check_processes(ranges)


def saved_result(files: list[str]) -> DrtResult | None:
    """Load a result where the one file given is one, or a folder that has one; None otherwise."""
    if len(files) != 1:
        return None
    path = Path(files[0])
    if (path / RESULT).is_file():
        path = path / RESULT
    if path.suffix != ".nc":
        return None
    result = store.load(path)
    if not isinstance(result, DrtResult):
        raise InvalidInput(f"{path}: holds a {type(result).__name__}; peaks are those of an inversion, as in {RESULT}")
    return result


def write_peaks(result: DrtResult, tracks: Tracks, processes: Processes | None, folder: Path) -> list[str]:
    """Write the result, peaks, lines and processes as tables and figures.

    Returns
    -------
    list of str
        What is to be told of the figures.
    """
    store.save(result, folder / RESULT)
    write_table(tracks.to_frame(), folder / "peaks.csv")
    write_table(tracks.summary(), folder / "tracks.csv")
    if processes is not None:
        write_table(processes.to_frame(), folder / "processes.csv")
    if problem := no_figures():
        return [problem]
    from .. import plot

    along = tracks.series.along
    if len(result) == 1:
        plot.save(plot.gamma(result, along=along), folder / "gamma")
        return []
    ranges = None if processes is None else processes.ranges
    plot.save(plot.intensity_map(result, along=along, tracks=tracks, processes=ranges), folder / "peak_map")
    plot.save(plot.tracks(tracks), folder / "tracks")
    if processes is not None:
        plot.save(plot.processes(processes, along=along), folder / "processes")
    return []


def report_peaks(tracks: Tracks, processes: Processes | None) -> None:
    """Print a row for each line of peaks, or for each peak of a single spectrum, and the processes."""
    if len(tracks.peaks.campaign) == 1:
        _show_peaks(tracks.peaks)
    else:
        _show_tracks(tracks)
    if processes is not None:
        terminal.say()
        _show_processes(processes)


def _show_peaks(peaks: Peaks) -> None:
    ohm, farad = unit_label(peaks.unit), "F" if peaks.unit == "ohm" else "F/cm²"
    head = "τ\ns", "u(τ)\ns", f"γ\n{ohm}", f"R\n{ohm}", f"u(R)\n{ohm}", f"C\n{farad}", "width\ndecades", "share\n%"
    numbers = peaks.tau, peaks.u_tau, peaks.gamma, peaks.R, peaks.u_R, peaks.C, peaks.width, 100 * peaks.share
    rows = [
        (*(f"{value:.3g}" for value in row), "edge" if edge else "", name)
        for *row, edge, name in zip(*numbers, peaks.at_edge, peaks.process, strict=True)
    ]
    terminal.show_table([*head, "", "process"], rows, rest=", all in peaks.csv")


def _show_tracks(tracks: Tracks) -> None:
    summary, ohm = tracks.summary(), unit_label(tracks.peaks.unit)
    rows = [
        (line.branch, line.process, str(line.peaks), str(line.gaps), *(f"{value:.3g}" for value in ends))
        for line, ends in zip(summary.itertuples(), summary[list(_ENDS)].to_numpy(), strict=True)
    ]
    ends = "from", "to", "τ from\ns", "τ to\ns", f"R from\n{ohm}", f"R to\n{ohm}"
    terminal.show_table(["branch", "process", "peaks", "gaps", *ends], rows, rest=", all in tracks.csv")
    count = len(tracks.peaks)
    where = f"{count} peaks in {len(tracks.peaks.campaign)} spectra"
    terminal.say(f"{where}: {count - tracks.loose} on {len(tracks)} lines, {tracks.loose} on none")


def _show_processes(processes: Processes) -> None:
    ohm = unit_label(processes.unit)
    rows = [
        (name, f"{low:g}", f"{high:g}", *(f"{of(column):.4g}" for of in (np.nanmin, np.nanmedian, np.nanmax)))
        for (name, (low, high)), column in zip(processes.ranges.items(), processes.R.T, strict=True)
    ]
    head = ["process", "from\ns", "to\ns", f"R least\n{ohm}", f"median\n{ohm}", f"largest\n{ohm}"]
    terminal.show_table(head, rows)


_ENDS = "from", "to", "tau_from", "tau_to", "R_from", "R_to"
