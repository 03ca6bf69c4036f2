"""The folder of a report: everything in it or nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .. import __version__, store
from ..analysis import Analysis, Comparison, settings_text
from ..errors import InvalidInput, MissingExtra, require
from ..folders import whole_folder
from .comparison import comparison_figures, render_comparison
from .figures import campaign_figures, no_figures, section_figures
from .page import render
from .workbook import write_workbook

if TYPE_CHECKING:
    import pandas as pd

Progress: TypeAlias = Callable[[str, int, int], object]

MANIFEST = "analysis.json"
"""The file by which a folder is known as one of ours; it lists all others."""
_TABLES, _FIGURES = "tables", "figures"


def write_report(
    analysis: Analysis,
    folder: str | os.PathLike[str],
    *,
    force: bool = False,
    made: date | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Write a folder with the report, tables, figures and NetCDF files, whole or not at all.

    Parameters
    ----------
    analysis : Analysis
    folder : path-like
        Made if needed. One that an earlier report was written to is brought up to date; one that holds other files
        is refused unless `force`.
    force : bool
        Whether to write beside files that do not come from drtengine, and to replace those of the same name.
    made : date, optional
        Printed in the report; today by default.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    list of str
        What could not be made, such as figures without Matplotlib.

    Raises
    ------
    InvalidInput
        If the folder is refused or cannot be written.
    MissingExtra
        If Jinja2 or plotly is not installed.

    Notes
    -----
    The folder holds report.html; options.toml, with which the same can be done again; drt.nc and kk.nc (`load`); a
    NetCDF file for each part of the kinetics; tables.xlsx and the same tables as CSV in tables/; figures in figures/.

    Examples
    --------
    >>> import drtengine as dt
    >>> dt.write_report(dt.analyze("my_spectra/"), "report")  # doctest: +SKIP
    """
    tell = progress or (lambda stage, done, total: None)
    with _report_folder(folder, force) as place:
        tell("writing tables", 0, 0)
        store.save(analysis.result, place / "drt.nc")
        if analysis.check is not None:
            store.save(analysis.check, place / "kk.nc")
        for name, section in _named(analysis):
            section.result.to_dataset().to_netcdf(place / f"{name}.nc", engine="h5netcdf")
        tables = tables_of(analysis)
        _write_tables(tables, place)
        remarks = _write_workbook(place / "tables.xlsx", tables, _wide_gamma(analysis))
        (place / "options.toml").write_text(settings_text(analysis.settings), encoding="utf-8")
        if analysis.settings.figures:
            figures = [*campaign_figures(analysis)]
            figures += [
                (f"{name}_{figure}", partial(_same, drawn))
                for name, section in _named(analysis)
                for figure, drawn in section_figures(section)
            ]
            remarks += _write_figures(figures, place, tell)
        tell("writing the report", 0, 0)
        (place / "report.html").write_text(render(analysis, made=made), encoding="utf-8")
        _write_manifest(place, kind="analysis", title=analysis.title, along=analysis.series.along)
    return remarks


def write_comparison(
    comparison: Comparison, folder: str | os.PathLike[str], *, force: bool = False, made: date | None = None
) -> list[str]:
    """Write a folder that sets two campaigns side by side: report.html, tables, maps and difference.nc.

    For arguments, return and errors see `write_report`.

    Examples
    --------
    >>> import drtengine as dt
    >>> dt.write_comparison(dt.compare("report_of_SA", "report_of_borax"), "difference")  # doctest: +SKIP
    """
    with _report_folder(folder, force) as place:
        comparison.difference.to_netcdf(place / "difference.nc", engine="h5netcdf")
        tables = {"comparison": comparison.to_frame()}
        _write_tables(tables, place)
        remarks = _write_workbook(place / "tables.xlsx", tables, None)
        remarks += _write_figures(list(comparison_figures(comparison)), place, lambda stage, done, total: None)
        (place / "report.html").write_text(render_comparison(comparison, made=made), encoding="utf-8")
        _write_manifest(place, kind="comparison", title=f"{comparison.a.name} and {comparison.b.name}", along=None)
    return remarks


def tables_of(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Give the tables of an analysis by name."""
    tables = {"summary": analysis.result.summary(), "gamma": analysis.result.to_frame()}
    if analysis.check is not None:
        tables |= {"kk": analysis.check.summary(), "kk_residuals": analysis.check.to_frame()}
    tables |= {"peaks": analysis.tracks.to_frame(), "lines": analysis.tracks.summary()}
    if analysis.processes is not None:
        tables["processes"] = analysis.processes.to_frame()
    for name, section in _named(analysis):
        tables[name] = section.result.to_frame()
        if section.kind == "cv":
            tables |= {f"{name}_peaks": section.result.peaks, f"{name}_shares": section.result.shares()}
    return tables


def _same(drawn: Any) -> Any:
    return drawn


def _named(analysis: Analysis) -> Iterator[tuple[str, Any]]:
    """Sections that have an answer, each with a name of its own: gitt, gitt_2, ..."""
    seen: dict[str, int] = {}
    for section in analysis.sections:
        if section.result is not None:
            seen[section.kind] = number = seen.get(section.kind, 0) + 1
            yield section.kind if number == 1 else f"{section.kind}_{number}", section


def _wide_gamma(analysis: Analysis) -> pd.DataFrame:
    """Gamma with a row for each spectrum and a column for each relaxation time, as one looks at it in a sheet."""
    import pandas as pd

    result = analysis.result
    columns = {f"{tau:.4g} s": values for tau, values in zip(result.tau, result.gamma.T, strict=True)}
    return pd.DataFrame({"name": [result.campaign.label(i) for i in range(len(result))], **columns})


def _write_tables(tables: Mapping[str, pd.DataFrame], place: Path) -> None:
    (place / _TABLES).mkdir()
    for name, table in tables.items():
        table.to_csv(place / _TABLES / f"{name}.csv", index=False, lineterminator="\n")


def _write_workbook(path: Path, tables: Mapping[str, pd.DataFrame], gamma: pd.DataFrame | None) -> list[str]:
    try:
        require("xlsxwriter", "report")
    except MissingExtra as error:
        return [f"no tables.xlsx: {error}"]
    long = ("gamma", "kk_residuals")
    sheets = {name: table for name, table in tables.items() if name not in long}
    return write_workbook(path, sheets if gamma is None else {**sheets, "gamma": gamma})


def _write_figures(figures: list[tuple[str, Callable[[], Any]]], place: Path, tell: Progress) -> list[str]:
    if problem := no_figures():
        return [problem]
    from .. import plot

    (place / _FIGURES).mkdir()
    remarks = []
    for done, (name, draw) in enumerate(figures):
        tell("drawing", done, len(figures))
        try:
            plot.save(draw(), place / _FIGURES / name)
        except InvalidInput as error:
            remarks.append(f"no figure {name}: {error}")
    return remarks


def _write_manifest(place: Path, **about: Any) -> None:
    files = sorted(file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file())
    text = json.dumps({**about, "drtengine": __version__, "files": files}, indent=1, ensure_ascii=False)
    (place / MANIFEST).write_text(text + "\n", encoding="utf-8")


@contextmanager
def _report_folder(folder: str | os.PathLike[str], force: bool) -> Iterator[Path]:
    """Give an empty folder that becomes `folder`; what an earlier report left there and this one lacks goes."""
    target = Path(folder).expanduser().absolute()
    before = check_folder(target, force=force)
    with whole_folder(target) as working:
        yield working
        made = {file.relative_to(working).as_posix() for file in working.rglob("*") if file.is_file()}
    for name in before - made:
        (target / name).unlink(missing_ok=True)


def check_folder(folder: str | os.PathLike[str], *, force: bool = False) -> set[str]:
    """Tell which files an earlier report left in a folder, and refuse one of other people's files.

    Raises
    ------
    InvalidInput
        If the folder holds files but no report of ours, unless `force`, or cannot be written.
    """
    target = Path(folder).expanduser().absolute()
    if target.exists() and not target.is_dir():
        raise InvalidInput(f"{target} is a file; give a folder by --out")
    base = next(place for place in (target, *target.parents) if place.exists())
    if not os.access(base, os.W_OK):
        raise InvalidInput(f"{base} cannot be written to; choose another folder by --out")
    if not target.exists() or not any(target.iterdir()):
        return set()
    try:
        files = json.loads((target / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {str(name) for name in files if not Path(name).is_absolute() and ".." not in Path(name).parts}
    except (OSError, ValueError, KeyError, TypeError):
        if force:
            return set()
        raise InvalidInput(
            f"{target} has files in it but no {MANIFEST}, so they may not come from drtengine; choose another folder "
            "by --out, or --force to write beside them (files of the same name are replaced)"
        ) from None
