"""The commands gitt, ici, cv and cycling."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..analysis.kinetics import below_each_other
from ..cv import CvResult, analyze_cv
from ..cycling import CyclingResult, summarize_cycling
from ..errors import InvalidInput, MissingExtra, require
from ..gitt import GittResult, fit_gitt
from ..ici import WINDOW as PAUSE_WINDOW
from ..ici import IciResult, fit_ici
from ..io import read_table
from ..io.reading import natural_key
from . import terminal
from .commands import Force, Out, app
from .output import KINETICS, new_folder, write_table
from .processes import seconds

if TYPE_CHECKING:
    import pandas as pd

_LENGTH = re.compile(r"(?P<number>[-+.\d]+(?:e[-+]?\d+)?)\s*(?P<unit>m|cm|mm|um|µm|nm)?$", re.IGNORECASE)
_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "nm": 1e-9}
COULOMB_PER_MAH = 3.6
_PULSES = 3

File = Annotated[Path, typer.Argument(metavar="FILE", help="Table of time, current and voltage.", show_default=False)]
Radius = Annotated[str | None, typer.Option("--sphere-radius", help="Radius of the particles, such as 5um.")]
Thickness = Annotated[
    str | None, typer.Option("--plane-thickness", help="Thickness of a layer filled from one side, such as 10um.")
]
VolumeArea = Annotated[str | None, typer.Option("--volume-area", help="Volume over area, such as 1.5um.")]
ULength = Annotated[str, typer.Option("--u-length", help="Standard uncertainty of that length, such as 0.5um.")]
Capacity = Annotated[
    float | None, typer.Option(help="Capacity in mAh from lithiation 0 to 1; the range of the record if left out.")
]
Sheet = Annotated[str | None, typer.Option(help="Sheet of a workbook (.xlsx), where several hold tables.")]
Positive = Annotated[str, typer.Option(help="What positive current is: charge or discharge; told by default (auto).")]


Window = Annotated[
    str | None, typer.Option(help="FROM:TO in s after the switch, such as 5:120: the part that is fitted.")
]


@app.command()
def gitt(
    file: File,
    out: Out,
    sphere_radius: Radius = None,
    plane_thickness: Thickness = None,
    volume_area: VolumeArea = None,
    u_length: ULength = "0",
    capacity: Capacity = None,
    window: Window = None,
    positive: Positive = "auto",
    sheet: Sheet = None,
    force: Force = False,
) -> None:
    """Get diffusion coefficients from a titration (GITT)."""
    with terminal.reporting():
        lengths = lengths_in_metres(sphere_radius, plane_thickness, volume_area, u_length)
        with new_folder(out, force=force) as folder:
            frame = read_table(file, sheet=sheet)
            result = fit_gitt(
                frame, **lengths, capacity=_coulomb(capacity), window=seconds("--window", window), positive=positive
            )
            remarks = _write("gitt", result, {"gitt": result.to_frame()}, folder, pulse=_typical(result))
        columns = {
            "start\nh": _format(result.time / 3600, ".4g"),
            "direction": result.direction.tolist(),
            "lithiation": _format(result.lithiation, ".3f"),
            "E\nV": _format(result.E_before, ".4f"),
            "R\nΩ": _format(result.R, ".4g"),
            "D\nm²/s": _format(result.D, ".3g"),
            "u(D)\n%": _percent(result.u_D / result.D),
            "classical\nm²/s": _format(result.D_classical, ".3g"),
            "Dτ/ℓ²": _format(result.validity, ".2g"),
            "doubts": result.flag.tolist(),
        }
        _show(columns, "gitt.csv")
        _sum_up(result, "pulses")
        _close(out, frame, result.notes, remarks)


@app.command()
def ici(
    file: File,
    out: Out,
    sphere_radius: Radius = None,
    plane_thickness: Thickness = None,
    volume_area: VolumeArea = None,
    u_length: ULength = "0",
    capacity: Capacity = None,
    window: Window = None,
    positive: Positive = "auto",
    sheet: Sheet = None,
    force: Force = False,
) -> None:
    """Get resistance and diffusion from an interrupted current (ICI)."""
    with terminal.reporting():
        lengths = lengths_in_metres(sphere_radius, plane_thickness, volume_area, u_length)
        with new_folder(out, force=force) as folder:
            frame = read_table(file, sheet=sheet)
            limits = seconds("--window", window) or PAUSE_WINDOW
            result = fit_ici(frame, **lengths, capacity=_coulomb(capacity), window=limits, positive=positive)
            remarks = _write("ici", result, {"ici": result.to_frame()}, folder)
        columns = {
            "time\nh": _format(result.time / 3600, ".4g"),
            "direction": result.direction.tolist(),
            "lithiation": _format(result.lithiation, ".3f"),
            "E\nV": _format(result.E, ".4f"),
            "R\nΩ": _format(result.R, ".4g"),
            "k\nΩ/√s": _format(result.k, ".3g"),
            "D\nm²/s": _format(result.D, ".3g"),
            "u(D)\n%": _percent(result.u_D / result.D),
            "doubts": result.flag.tolist(),
        }
        _show(columns, "ici.csv")
        _sum_up(result, "pauses")
        _close(out, frame, result.notes, remarks)


@app.command()
def cv(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES", help="Voltammograms: one table, or one for each scan rate.", show_default=False
        ),
    ],
    out: Out,
    series_resistance: Annotated[float, typer.Option(help="Series resistance in Ω for the correction.")] = 0.0,
    edge: Annotated[float, typer.Option(help="Share of the potential range left out at each vertex.")] = 0.01,
    sheet: Sheet = None,
    force: Force = False,
) -> None:
    """Find b-values and capacitive shares from voltammograms at several scan rates."""
    with terminal.reporting():
        with new_folder(out, force=force) as folder:
            frame = _one_after_the_other(files, sheet)
            result = analyze_cv(frame, series_resistance=series_resistance, edge=edge)
            tables = {"cv": result.to_frame(), "peaks": result.peaks, "shares": result.shares()}
            remarks = _write("cv", result, tables, folder)
        columns = {
            "scan rate\nmV/s": _format(result.scan_rate * 1e3, ".4g"),
            **{
                f"{name}\n%": [
                    f"{100 * s:.1f} ± {100 * u:.1f}"
                    for s, u in zip(result.share[:, i], result.u_share[:, i], strict=True)
                ]
                for i, name in enumerate(("anodic", "cathodic", "both"))
            },
            "clipped\n%": _percent(result.share_clipped[:, 2]),
        }
        terminal.say("share of the charge that goes with the scan rate (k1)")
        _show(columns, "shares.csv")
        for number, branch in enumerate(result.peak_branch):
            where = f"{branch} peak at {np.nanmean(result.peak_potential[number]):.3f} V"
            low, high = result.b_peak_low[number], result.b_peak_high[number]
            terminal.say(f"{where}: b = {result.b_peak[number]:.3f} (95 %: {low:.3f} to {high:.3f})")
        for message in result.warnings:
            terminal.complain(f"warning: {message}", "yellow")
        _close(out, frame, result.notes, remarks)


@app.command()
def cycling(
    file: File,
    out: Out,
    mass: Annotated[float | None, typer.Option(help="Mass of active material in mg.")] = None,
    reference_cycle: Annotated[float | None, typer.Option(help="Cycle to which retention relates.")] = None,
    positive: Positive = "auto",
    sheet: Sheet = None,
    force: Force = False,
) -> None:
    """Summarise charge and discharge cycles."""
    with terminal.reporting():
        with new_folder(out, force=force) as folder:
            frame = read_table(file, sheet=sheet)
            kilograms = None if mass is None else mass * 1e-6
            result = summarize_cycling(frame, mass=kilograms, reference_cycle=reference_cycle, positive=positive)
            remarks = _write("cycling", result, {"cycling": result.to_frame()}, folder)
        per_gram, unit = (1.0, "mAh") if result.mass is None else (1e3 * result.mass, "mAh/g")
        columns = {
            "cycle": _format(result.cycle, "g"),
            f"charge\n{unit}": _format(result.charge_capacity / COULOMB_PER_MAH / per_gram, ".5g"),
            f"discharge\n{unit}": _format(result.discharge_capacity / COULOMB_PER_MAH / per_gram, ".5g"),
            "efficiency\n%": _percent(result.coulombic_efficiency, 2),
            "retention\n%": _percent(result.retention, 1),
            "charge\nV": _format(result.charge_voltage, ".4f"),
            "discharge\nV": _format(result.discharge_voltage, ".4f"),
            "current\nA": _format(result.current, ".4g"),
            "": ["" if complete else "incomplete" for complete in result.complete],
        }
        _show(columns, "cycling.csv")
        terminal.say(f"{result.first} first; initial coulombic efficiency {100 * result.initial_efficiency:.2f} %")
        _close(out, frame, result.notes, remarks)


def lengths_in_metres(sphere: str | None, plane: str | None, volume: str | None, u_length: str) -> dict[str, Any]:
    """Give lengths in m from words with a unit."""
    given = {"sphere_radius": sphere, "plane_thickness": plane, "volume_area": volume, "u_length": u_length}
    return {name: None if text is None else _metres(name, text) for name, text in given.items()}


def _metres(name: str, text: str) -> float:
    match = _LENGTH.match(text.strip())
    try:
        if match is None:
            raise ValueError
        return float(match["number"]) * _METRES[(match["unit"] or "m").lower()]
    except ValueError:
        option = name.replace("_", "-")
        raise InvalidInput(f"--{option} {text!r} is no length, such as 5um, 500nm or 5e-6 (m)") from None


def _coulomb(capacity: float | None) -> float | None:
    return None if capacity is None else capacity * COULOMB_PER_MAH


def _one_after_the_other(files: Sequence[Path], sheet: str | None) -> pd.DataFrame:
    """Read tables and put them below each other, the time going on."""
    return below_each_other([(file.name, read_table(file, sheet=sheet)) for file in sorted(files, key=natural_key)])


def _write(
    kind: str,
    result: GittResult | IciResult | CvResult | CyclingResult,
    tables: dict[str, pd.DataFrame],
    folder: Path,
    pulse: int = 0,
) -> list[str]:
    """Write NetCDF, CSV and figures; tell what is missing."""
    result.to_dataset().to_netcdf(folder / f"{kind}.nc", engine="h5netcdf")
    for name, table in tables.items():
        write_table(table, folder / f"{name}.csv")
    try:
        require("matplotlib", "plot")
    except MissingExtra as error:
        return [f"no figures: {error}"]
    from .. import plot

    remarks = []
    for name in KINETICS[kind]:
        try:
            plot.save(_draw(plot, name, result, pulse), folder / name)
        except InvalidInput as error:
            remarks.append(f"no figure {name}: {error}")
    return remarks


def _draw(plot: ModuleType, name: str, result: Any, pulse: int) -> Any:
    """Draw the figure of a name."""
    match name:
        case "pulse":
            return plot.pulse(result, pulse)
        case "titration_pulses":  # a few, so that their potentials can be marked
            first = min(max(pulse - 1, 0), max(len(result) - _PULSES, 0))
            return plot.titration(result, first=first, stop=min(first + _PULSES, len(result)))
        case _:
            return getattr(plot, name)(result)


def _sum_up(result: GittResult | IciResult, rows: str) -> None:
    """Print the median of what is without doubt, and the length behind it."""
    if result.geometry is None:
        terminal.say(f"{len(result)} {rows}, {(result.flag == '').sum()} without doubt; no D without a length")
        return
    fine = result.D[result.trusted]
    median = f": median D = {np.median(fine):.3g} m²/s" if fine.size else ""
    terminal.say(f"{len(result)} {rows}, {fine.size or 'none'} without doubt{median}")
    terminal.say(f"D goes with the square of ℓ: {result.geometry}")


def _typical(result: GittResult) -> int:
    """Choose the pulse to show: in the middle of those without doubt, or of all."""
    rows = np.flatnonzero(result.trusted)
    rows = rows if rows.size else np.arange(len(result))
    return int(rows[rows.size // 2])


def _show(columns: dict[str, list[str]], file: str) -> None:
    terminal.show_table(list(columns), list(zip(*columns.values(), strict=True)), rest=f", all in {file}")


def _format(values: Any, form: str) -> list[str]:
    return [format(value, form) for value in values]


def _percent(values: Any, digits: int = 1) -> list[str]:
    return [f"{100 * value:.{digits}f}" for value in values]


def _close(out: Path, frame: pd.DataFrame, notes: Sequence[str], remarks: Sequence[str]) -> None:
    terminal.show_notes([*frame.attrs["notes"], *notes, *remarks])
    terminal.say(f"written to {out}{os.sep}")
