"""The commands analyze and compare: a folder of files in, a report out."""

from __future__ import annotations

import os
import webbrowser
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from ..analysis import Analysis, Settings, compare, read_settings, settings_text
from ..analysis import analyze as analyze_data
from ..errors import InvalidInput, Status, require
from ..plot.figures import unit_label
from ..report import write_comparison, write_report
from ..report.writing import check_folder
from . import terminal
from .commands import Coords, Force, Format, NamedRanges, Pattern, Threads, app
from .kinetics import COULOMB_PER_MAH, Capacity, Radius, Thickness, ULength, VolumeArea, lengths_in_metres
from .processes import parse_processes

_PANEL = {"rich_help_panel": "Options of the analysis, which go before those of the file"}
_LENGTHS = {"rich_help_panel": "Geometry, for diffusion coefficients"}


@app.command()
def analyze(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATHS",
            help="Impedance files, folders or quoted patterns; tables of time, current and voltage among them (GITT, "
            "ICI, CV, cycling) get a section of their own.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the report; made if needed.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of options; see --write-config.")] = None,
    write_config: Annotated[
        Path | None, typer.Option(help="Write a TOML file with every option explained, and stop.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the report.", **_PANEL)] = None,
    along: Annotated[
        str | None, typer.Option(help="Coordinate of the maps, such as voltage or cycle; found if left out.", **_PANEL)
    ] = None,
    processes: NamedRanges = None,
    method: Annotated[str | None, typer.Option(help="Method of the inversion; see drtengine drt.", **_PANEL)] = None,
    band: Annotated[float | None, typer.Option(help="Level of a band of γ, such as 0.95.", **_PANEL)] = None,
    area: Annotated[float | None, typer.Option(help="Electrode area in cm², for results in Ω cm².", **_PANEL)] = None,
    capacitance: Annotated[
        bool | None, typer.Option("--capacitance/--no-capacitance", help="Series capacitance in the model.", **_PANEL)
    ] = None,
    f_min: Annotated[float | None, typer.Option(help="Leave out lower frequencies (Hz).", **_PANEL)] = None,
    f_max: Annotated[float | None, typer.Option(help="Leave out higher frequencies (Hz).", **_PANEL)] = None,
    check: Annotated[
        bool | None, typer.Option("--check/--no-check", help="Check Kramers-Kronig validity.", **_PANEL)
    ] = None,
    drop_invalid: Annotated[
        bool | None,
        typer.Option(
            "--drop-invalid/--keep-invalid",
            help="Leave out spectra that fail this check, and flagged points.",
            **_PANEL,
        ),
    ] = None,
    figures: Annotated[
        bool | None, typer.Option("--figures/--no-figures", help="PNG and SVG figures for print.", **_PANEL)
    ] = None,
    sphere_radius: Radius = None,
    plane_thickness: Thickness = None,
    volume_area: VolumeArea = None,
    u_length: ULength = "0",
    capacity: Capacity = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other option as TABLE.NAME=VALUE, such as drt.order=2.", **_PANEL),
    ] = None,
    format: Format = None,
    coords: Coords = None,
    pattern: Pattern = None,
    threads: Threads = None,
    force: Force = False,
    open_report: Annotated[bool, typer.Option("--open", help="Show the report in the browser.")] = False,
) -> None:
    """Analyse whole campaigns: check, invert, peaks, processes, kinetics, and one HTML report of it all."""
    with terminal.reporting():
        settings = read_settings(config) if config else Settings()
        of_geometry = {
            **lengths_in_metres(sphere_radius, plane_thickness, volume_area, u_length),
            "capacity": capacity and capacity * COULOMB_PER_MAH,
        }
        limits = {"f_min": f_min, "f_max": f_max}
        settings = settings.updated(_set(setting or []))
        settings = settings.updated(
            {
                **_given(title=title, along=along, processes=parse_processes(processes), check=check,
                         drop_invalid=drop_invalid, figures=figures),
                "read": _given(format=format, pattern=pattern, coordinates=coords and str(coords)),
                "kk": _given(**limits),
                "drt": _given(method=method, band=band, area=area, capacitance=capacitance, **limits),
                **dict.fromkeys(("gitt", "ici"), _geometry(of_geometry)),
            }
        )  # fmt: skip
        if write_config is not None:
            _write_config(write_config, settings, force)
            return
        if not files or out is None:
            raise InvalidInput("give what to analyse and where to write: drtengine analyze PATHS --out FOLDER")
        for module in ("jinja2", "plotly"):
            require(module, "report")
        check_folder(out, force=force)  # before the work
        start = perf_counter()
        with terminal.named_stages() as hook:
            analysis = analyze_data(files, settings, n_threads=threads, progress=hook)
            computed = perf_counter()
            remarks = write_report(analysis, out, force=force, progress=hook)
        _tell(analysis)
        terminal.show_notes(
            [*analysis.notes, *(f"not read: {reason}" for reason in analysis.refused.values()), *remarks]
        )
        parts = {**analysis.seconds, "writing": perf_counter() - computed}
        shares = ", ".join(f"{stage} {seconds:.2g} s" for stage, seconds in parts.items())
        terminal.say(f"{perf_counter() - start:.3g} s: {shares}")
        terminal.say(f"written to {out}{os.sep}; open {out / 'report.html'}")
        if open_report:
            webbrowser.open((out / "report.html").absolute().as_uri())


@app.command("compare")
def compare_folders(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder that analyze has written.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="The other one.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the report; made if needed.")],
    along: Annotated[str | None, typer.Option(help="Coordinate of the maps; that of A if left out.")] = None,
    force: Force = False,
) -> None:
    """Set two analysed campaigns side by side: maps, difference and numbers."""
    with terminal.reporting():
        for module in ("jinja2", "plotly"):
            require(module, "report")
        check_folder(out, force=force)
        comparison = compare(a, b, along=along)
        remarks = write_comparison(comparison, out, force=force)
        table = comparison.to_frame()
        rows = [
            (row.quantity, *(terminal.short(value) for value in (row.median_a, row.median_b, row.ratio_of_medians)))
            for row in table.itertuples()
        ]
        terminal.show_table(["median of", f"A\n{comparison.a.name}", f"B\n{comparison.b.name}", "A/B"], rows)
        terminal.show_notes(remarks)
        terminal.say(f"written to {out}{os.sep}; open {out / 'report.html'}")


def _given(**options: Any) -> dict[str, Any]:
    """Options that stand on the command line."""
    return {name: value for name, value in options.items() if value is not None}


def _geometry(options: dict[str, Any]) -> dict[str, Any]:
    """Lengths in m and capacity in C, where a length or capacity was given."""
    given = _given(**options)
    if not given.get("u_length"):
        given.pop("u_length", None)
    return given


def _set(pairs: list[str]) -> dict[str, Any]:
    """Turn TABLE.NAME=VALUE into tables; the value is TOML, or a word."""
    import tomllib

    tables: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        table, _, option = name.strip().rpartition(".")
        if not equals or not option:
            raise InvalidInput(f"--set {pair!r} is not TABLE.NAME=VALUE, such as drt.order=2")
        try:
            value: Any = tomllib.loads(f"x = {text}")["x"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        if table:
            tables.setdefault(table, {})[option] = value
        else:
            tables[option] = value
    return tables


def _write_config(path: Path, settings: Settings, force: bool) -> None:
    if path.exists() and not force:
        raise InvalidInput(f"{path} exists; choose another name, or --force to replace it")
    try:
        path.write_text(settings_text(settings), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror or error}") from error
    terminal.say(f"options written to {path}; use them by --config {path}")


def _tell(analysis: Analysis) -> None:
    """Print what was found, a line each."""
    result, check = analysis.result, analysis.check
    if check is not None:
        counts = ", ".join(f"{int((check.verdict == verdict).sum())} {verdict}" for verdict in ("pass", "warn", "fail"))
        terminal.say(f"Kramers-Kronig: {len(check)} spectra: {counts}")
    statuses = Counter(Status(status).name.lower().replace("_", " ") for status in result.status)
    terminal.say(f"inverted: {len(result)} spectra: " + ", ".join(f"{n} {name}" for name, n in statuses.items()))
    count = len(analysis.peaks)
    terminal.say(f"peaks: {count}, of which {count - analysis.tracks.loose} on {len(analysis.tracks)} lines")
    if analysis.processes is not None:
        ohm = unit_label(result.unit)
        medians = (
            f"{name} {np.nanmedian(column):.4g} {ohm}" if np.isfinite(column).any() else f"{name}: not measured"
            for name, column in zip(analysis.processes.names, analysis.processes.R.T, strict=True)
        )
        terminal.say(f"processes (median R): {', '.join(medians)}")
    for section in analysis.sections:
        about = section.missing if section.result is None else repr(section.result).strip("<>").split(": ", 1)[-1]
        terminal.say(f"{section.title}{' of ' if section.sources else ''}{', '.join(section.sources)}: {about}")
