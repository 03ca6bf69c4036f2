"""A folder of results that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import store
from ..errors import InvalidInput
from ..folders import whole_folder
from ..report.figures import no_figures

if TYPE_CHECKING:
    import pandas as pd

    from ..kk import KkResult
    from ..peaks import Processes
    from ..result import DrtResult

RESULT, CHECK = "drt.nc", "kk.nc"
FIGURES = (
    "gamma_map",
    "gamma",
    "nyquist",
    "comparison",
    "peak_map",
    "tracks",
    "processes",
    "kk_map",
    "kk_noise",
    "kk_residuals",
)
TABLES = ("gamma", "summary", "comparison", "peaks", "tracks", "processes", "shares", "kk", "kk_residuals")
KINETICS = {
    "gitt": ("titration", "titration_pulses", "pulse", "diffusion"),
    "ici": ("interruptions", "diffusion"),
    "cv": ("voltammograms", "peak_exponents", "exponents", "capacitive_current", "capacitive_shares"),
    "cycling": ("cycling", "differential_capacity"),
}
COMMANDS = {
    **KINETICS,
    "circuit": ("circuit_parameters", "circuit_nyquist"),
    "warburg": ("warburg_lines",),
}
"""Figures of the other commands; each also writes a NetCDF file and a table of its own name."""
RESULTS = (RESULT, CHECK, *(f"{kind}.nc" for kind in COMMANDS))
"""The files by which a folder is known as one of ours."""
OURS = (
    *RESULTS,
    *(f"{table}.csv" for table in (*TABLES, *COMMANDS)),
    *(f"{f}.{s}" for f in (*FIGURES, *(f for figures in COMMANDS.values() for f in figures)) for s in ("png", "svg")),
)

_MOST_CURVES = 100


@contextmanager
def new_folder(target: Path, *, force: bool = False) -> Iterator[Path]:
    """Give an empty folder and, if all goes well, move what was put into it to `target`.

    Files of ours that stand in `target` are replaced, those of others stay. Whatever happens before the end leaves
    `target` as it was.

    Parameters
    ----------
    target : Path
        Made if it does not exist.
    force : bool
        Whether to replace files that have names of ours although `target` does not look like a folder of ours.

    Raises
    ------
    InvalidInput
        If `target` cannot be written, or files in it would be lost.
    """
    target = target.expanduser().absolute()
    strangers = [name for name in OURS if (target / name).exists()]
    if strangers and not (force or any((target / name).is_file() for name in RESULTS)):
        raise InvalidInput(
            f"{target} has {', '.join(strangers)} but no {' or '.join(RESULTS)}, so they may not come from drtengine; "
            "choose another folder by --out, or --force to replace them"
        )
    with whole_folder(target) as working:
        yield working


def write_result(result: DrtResult, folder: Path, along: str | None, processes: Processes | None = None) -> list[str]:
    """Write a result as NetCDF, CSV and figures, with the resistances of processes if there are some.

    Returns
    -------
    list of str
        What is to be told of the figures.
    """
    store.save(result, folder / RESULT)
    write_table(result.to_frame(), folder / "gamma.csv")
    write_table(result.summary(), folder / "summary.csv")
    if processes is not None:
        write_table(processes.to_frame(), folder / "processes.csv")
    if problem := no_figures():
        return [problem]
    from .. import plot

    if processes is not None and len(result) > 1:
        plot.save(plot.processes(processes, along=along), folder / "processes")
    ranges = None if processes is None else processes.ranges
    if len(result) == 1:
        plot.save(plot.gamma(result, along=along), folder / "gamma")
    else:
        plot.save(plot.intensity_map(result, along=along, processes=ranges), folder / "gamma_map")
    shown = np.unique(np.linspace(0, len(result) - 1, _MOST_CURVES).round().astype(int))
    plot.save(plot.nyquist(result, along=along, spectra=shown), folder / "nyquist")
    few = shown.size < len(result)
    return [f"the Nyquist plot shows {shown.size} of {len(result)} spectra, evenly chosen"] if few else []


def write_check(result: KkResult, folder: Path, along: str | None) -> list[str]:
    """Write a check of Kramers-Kronig validity as NetCDF, CSV and figures.

    Returns
    -------
    list of str
        What is to be told of the figures.
    """
    store.save(result, folder / CHECK)
    write_table(result.summary(), folder / "kk.csv")
    write_table(result.to_frame(), folder / "kk_residuals.csv")
    if problem := no_figures():
        return [problem]
    from .. import plot

    if not np.isfinite(result.residual).any():
        return ["no figures: none of the spectra could be tested"]
    if len(result) == 1:
        plot.save(plot.kk_residuals(result), folder / "kk_residuals")
    else:
        plot.save(plot.kk_map(result, along=along), folder / "kk_map")
        if result.options["method"] == "lin_kk":
            plot.save(plot.kk_noise(result, along=along), folder / "kk_noise")
    return []


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV with all digits."""
    table.to_csv(path, index=False, lineterminator="\n")
