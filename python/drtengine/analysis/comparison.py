"""Two analyses side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import store
from ..errors import InvalidInput, UnreadableFile
from ..kk import KkResult
from ..maps import compare_maps
from ..peaks import Processes, integrate_processes
from ..result import DrtResult
from ..spectrum import FloatArray
from .settings import read_settings

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

RESULT, CHECK, OPTIONS, SUMMARY = "drt.nc", "kk.nc", "options.toml", "analysis.json"
"""Files of a folder of results by which an analysis is known again."""


@dataclass(frozen=True, eq=False)
class Saved:
    """What an analysed folder holds.

    Parameters
    ----------
    name : str
        Title of the analysis.
    result : DrtResult
    check : KkResult or None
    along : str or None
        Coordinate that the campaign ran along.
    processes : Processes or None
    """

    name: str
    result: DrtResult
    check: KkResult | None
    along: str | None
    processes: Processes | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two campaigns set side by side; made by `compare`.

    Parameters
    ----------
    a, b : Saved
    difference : xarray.Dataset
        Of `compare_maps`: gamma of a, of b, and a - b with its interval.
    """

    a: Saved
    b: Saved
    difference: xr.Dataset

    def to_frame(self) -> pd.DataFrame:
        """Give medians over each campaign side by side: R_inf, R_pol, and R of processes that both have."""
        import pandas as pd

        rows: list[tuple[Any, ...]] = [
            (name, self.a.result.unit, *_median(getattr(self.a.result, name)), *_median(getattr(self.b.result, name)))
            for name in ("R_inf", "R_pol", "R_pol_window")
        ]
        if self.a.processes is not None and self.b.processes is not None:
            for name in self.a.processes.names:
                if name in self.b.processes.names:
                    sides = (side.R[:, list(side.names).index(name)] for side in (self.a.processes, self.b.processes))
                    rows.append((name, self.a.result.unit, *(value for side in sides for value in _median(side))))
        columns = "quantity", "unit", *(f"{what}_{side}" for side in "ab" for what in ("least", "median", "largest"))
        table = pd.DataFrame(rows, columns=columns)
        table["ratio_of_medians"] = table["median_a"] / table["median_b"]
        return table


def _median(values: FloatArray) -> tuple[float, float, float]:
    known = values[np.isfinite(values)]
    return (np.nan,) * 3 if known.size == 0 else (float(known.min()), float(np.median(known)), float(known.max()))


def compare(a: str | Path, b: str | Path, *, along: str | None = None) -> Comparison:
    """Set two analysed folders side by side.

    Parameters
    ----------
    a, b : path-like
        Folders that `drtengine analyze` or `write_report` has written.
    along : str, optional
        Coordinate; by default that of the analysis of `a`.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidInput
        If a folder holds no analysis, or the two have nothing in common, see `compare_maps`.

    Examples
    --------
    >>> import drtengine as dt
    >>> comparison = dt.compare("report_of_SA", "report_of_borax", along="voltage")  # doctest: +SKIP
    """
    first, second = read_analysis(a), read_analysis(b)
    difference = compare_maps(first.result, second.result, along=along or first.along)
    return Comparison(first, second, difference)


def read_analysis(folder: str | Path) -> Saved:
    """Read what an analysis left in a folder.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    place = Path(folder).expanduser()
    if not (place / RESULT).is_file():
        what = "there is no such folder" if not place.is_dir() else f"it has no {RESULT}"
        raise InvalidInput(f"{place} is no analysed folder: {what}; make one by drtengine analyze ... --out {place}")
    result = store.load(place / RESULT)
    if not isinstance(result, DrtResult):
        raise UnreadableFile(f"{place / RESULT} holds a {type(result).__name__}, not an inversion")
    check = store.load(place / CHECK) if (place / CHECK).is_file() else None
    settings = read_settings(place / OPTIONS) if (place / OPTIONS).is_file() else None
    name, along = place.resolve().name, None
    if (place / SUMMARY).is_file():
        try:
            saved = json.loads((place / SUMMARY).read_text(encoding="utf-8"))
            name, along = str(saved["title"]), str(saved["along"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableFile(f"{place / SUMMARY} is damaged: {error!r}") from error
    processes = settings and settings.processes
    return Saved(
        name,
        result,
        check if isinstance(check, KkResult) else None,
        along,
        integrate_processes(result, processes) if processes else None,
    )
