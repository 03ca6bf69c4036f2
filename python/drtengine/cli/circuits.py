"""The commands circuit and warburg."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..circuits import CircuitResult, fit_circuit, parse_circuit
from ..errors import InvalidInput, MissingExtra, Status, require
from ..series import arrange
from ..warburg import WarburgResult, fit_warburg
from . import terminal
from .commands import Coords, Files, Force, Format, Out, Pattern, _read, _words, app
from .output import new_folder, write_table

if TYPE_CHECKING:
    from ..campaign import Campaign

_MOST_CURVES = 100
_MOST_PANELS = 12
_DIFFUSIVITIES = {
    "D": "D\ncm²/s",
    "D_insertion": "D, insertion\ncm²/s",
    "D_thickness": "D, thickness\ncm²/s",
}
"""Heading of each way to a diffusion coefficient."""

Along = Annotated[str | None, typer.Option(help="Coordinate of the figures; found if left out.")]
Lowest = Annotated[float | None, typer.Option(help="Leave out lower frequencies (Hz).")]
UOf = Annotated[float | None, typer.Option(help="Its standard uncertainty.")]
Highest = Annotated[float | None, typer.Option(help="Leave out higher frequencies (Hz).")]


@app.command()
def circuit(
    string: Annotated[str, typer.Argument(metavar="CIRCUIT", help="Such as 'R0-p(R1,CPE1)-p(R2-W1,CPE2)'.")],
    files: Files,
    out: Out,
    fix: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: do not fit this parameter.")] = None,
    guess: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: start there.")] = None,
    bound: Annotated[list[str] | None, typer.Option(help="NAME=LOW:HIGH: stay within.")] = None,
    tie: Annotated[list[str] | None, typer.Option(help="NAME=OTHER: keep equal.")] = None,
    weights: Annotated[str, typer.Option(help="unit, modulus or proportional.")] = "modulus",
    starts: Annotated[int, typer.Option(help="Starts tried a spectrum.")] = 8,
    warm_start: Annotated[bool, typer.Option(help="Ask neighbours for their answers.")] = True,
    interval: Annotated[str, typer.Option(help="wald, profile or bootstrap.")] = "wald",
    f_min: Lowest = None,
    f_max: Highest = None,
    along: Along = None,
    format: Format = None,
    coords: Coords = None,
    pattern: Pattern = None,
    force: Force = False,
) -> None:
    """Fit an equivalent circuit and write its parameters as a table and figures."""
    with terminal.reporting():
        model = parse_circuit(string)
        options: dict[str, Any] = {
            "weights": weights, "starts": starts, "warm_start": warm_start, "interval": interval,
            "f_min": f_min, "f_max": f_max,
        }  # fmt: skip
        wishes: dict[str, Any] = {
            "fixed": {name: _number("--fix", name, value) for name, value in _pairs("--fix", fix)},
            "guess": {name: _number("--guess", name, value) for name, value in _pairs("--guess", guess)},
            "bounds": {name: _bounds(name, value) for name, value in _pairs("--bound", bound)},
            "ties": dict(_pairs("--tie", tie)),
        }
        with new_folder(out, force=force) as folder:
            campaign = _read(files, format, coords, pattern)
            arrange(campaign.coordinates, len(campaign), along)
            options |= {name: wish or None for name, wish in wishes.items()}
            result = fit_circuit(campaign, model, **options)
            if not result.has_answer.any():
                raise InvalidInput("\n  ".join(["no spectrum could be fitted:", *result.notes[-5:]]))
            result.to_dataset().to_netcdf(folder / "circuit.nc", engine="h5netcdf")
            write_table(result.to_frame(), folder / "circuit.csv")
            remarks = _draw_circuit(result, folder, along)
        _report_circuit(result)
        terminal.show_notes([*result.notes, *remarks])
        terminal.say(f"written to {out}{os.sep}")


@app.command()
def warburg(
    files: Files,
    out: Out,
    area: Annotated[float | None, typer.Option(help="Electrode area in m², such as 1.13e-4.")] = None,
    u_area: UOf = None,
    concentration: Annotated[float | None, typer.Option(help="Of the diffusing species in mol/m³.")] = None,
    u_concentration: UOf = None,
    molar_volume: Annotated[float | None, typer.Option("--molar-volume", help="In m³/mol.")] = None,
    u_molar_volume: UOf = None,
    dE_dx: Annotated[float | None, typer.Option("--dE-dx", help="Slope of the equilibrium potential in V.")] = None,
    u_dE_dx: Annotated[float | None, typer.Option("--u-dE-dx", help="Its standard uncertainty.")] = None,
    thickness: Annotated[float | None, typer.Option(help="Of the layer in m.")] = None,
    u_thickness: UOf = None,
    temperature: Annotated[float, typer.Option(help="K.")] = 298.15,
    charge_number: Annotated[float, typer.Option(help="Electrons a diffusing particle.")] = 1.0,
    f_min: Lowest = None,
    f_max: Highest = None,
    format: Format = None,
    coords: Coords = None,
    pattern: Pattern = None,
    force: Force = False,
) -> None:
    """Find Warburg regions, or say that there are none, and write σ and D as a table and figures."""
    with terminal.reporting():
        with new_folder(out, force=force) as folder:
            campaign: Campaign = _read(files, format, coords, pattern)
            result = fit_warburg(
                campaign, area=area, u_area=u_area, concentration=concentration, u_concentration=u_concentration,
                molar_volume=molar_volume, u_molar_volume=u_molar_volume, dE_dx=dE_dx, u_dE_dx=u_dE_dx,
                thickness=thickness, u_thickness=u_thickness, temperature=temperature, charge_number=charge_number,
                f_min=f_min, f_max=f_max,
            )  # fmt: skip
            if not (result.status == Status.OK).any():
                raise InvalidInput("\n  ".join(["no spectrum could be used:", *result.notes[-5:]]))
            result.to_dataset().to_netcdf(folder / "warburg.nc", engine="h5netcdf")
            write_table(result.to_frame(), folder / "warburg.csv")
            remarks = _draw_warburg(result, folder)
        _report_warburg(result)
        terminal.show_notes([*result.notes, *remarks])
        terminal.say(f"written to {out}{os.sep}")


def _pairs(option: str, given: Sequence[str] | None) -> list[tuple[str, str]]:
    """Take NAME=VALUE apart."""
    pairs = [tuple(part.strip() for part in text.split("=", 1)) for text in given or ()]
    for text, pair in zip(given or (), pairs, strict=True):
        if len(pair) != 2 or not all(pair):
            raise InvalidInput(f"{option} {text!r} is not NAME=VALUE")
    return [(name, value) for name, value in pairs]


def _number(option: str, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"{option} {name}={text}: {text!r} is not a number") from None


def _bounds(name: str, text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        raise InvalidInput(f"--bound {name}={text} is not NAME=LOW:HIGH, such as R0=0.1:10") from None


def _plus_minus(value: float, u: float) -> str:
    """Write a value to the digits that its uncertainty leaves."""
    if not np.isfinite(value):
        return "-"
    if not (np.isfinite(u) and u > 0):
        return f"{value:.4g}"
    digits = int(np.clip(np.floor(np.log10(abs(value))) - np.floor(np.log10(u)) + 1, 1, 7))
    return f"{value:.{digits}g} ± {u:.1g}"


def _report_circuit(result: CircuitResult) -> None:
    """Print a row for each spectrum, as far as there is room, and how many came out how."""
    heads = [f"{name}\n{unit}" for name, unit in zip(result.names, result.circuit.units, strict=True)]
    rows = [
        (
            result.campaign.label(i),
            *map(_plus_minus, result.values[i], result.u_values[i]),
            terminal.short(100 * result.residual_rms[i]),
            _words(Status(result.status[i]).name),
        )
        for i in range(len(result))
    ]
    terminal.show_table(["name", *heads, "residual\n%", "status"], rows, rest=", all in circuit.csv")
    counts = Counter(_words(Status(status).name) for status in result.status)
    terminal.say(f"{len(result)} spectra: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    terminal.say(f"± standard uncertainty; intervals ({result.options['interval']}) in circuit.csv")


def _report_warburg(result: WarburgResult) -> None:
    """Print a row for each spectrum, as far as there is room, and how many are what."""
    rows = []
    wanted = [name for name in _DIFFUSIVITIES if np.isfinite(getattr(result, name)).any()]
    for i in range(len(result)):
        low, high = result.window[i]
        found = result.kind[i] != "none"
        window = f"{low:.3g} to {high:.3g}" if found else "-"
        D = (_plus_minus(1e4 * getattr(result, name)[i], 1e4 * getattr(result, f"u_{name}")[i]) for name in wanted)
        sigma = _plus_minus(result.sigma[i], result.u_sigma[i])
        tau = _plus_minus(result.tau_d[i], result.u_tau_d[i])
        rows.append((result.campaign.label(i), str(result.kind[i]), window, sigma, tau, *D, result.reason[i]))
    heads = ["name", "kind", "window\nHz", "σ\nΩ/√s", "τ_d\ns", *(_DIFFUSIVITIES[name] for name in wanted), "why none"]
    terminal.show_table(heads, rows, rest=", all in warburg.csv")
    counts = Counter(map(str, result.kind))
    terminal.say(f"{len(result)} spectra: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))


def _draw_circuit(result: CircuitResult, folder: Path, along: str | None) -> list[str]:
    """Write figures; returns what is to be told of them."""
    try:
        require("matplotlib", "plot")
    except MissingExtra as error:
        return [f"no figures: {error}"]
    from .. import plot

    if len(result) > 1:
        plot.save(plot.circuit_parameters(result, along=along), folder / "circuit_parameters")
    shown = np.unique(np.linspace(0, len(result) - 1, _MOST_CURVES).round().astype(int))
    plot.save(plot.nyquist(result, along=along, spectra=shown), folder / "circuit_nyquist")
    few = shown.size < len(result)
    return [f"the Nyquist plot shows {shown.size} of {len(result)} spectra, evenly chosen"] if few else []


def _draw_warburg(result: WarburgResult, folder: Path) -> list[str]:
    """Write a figure of some spectra, those with a Warburg region first; returns what is to be told of it."""
    try:
        require("matplotlib", "plot")
    except MissingExtra as error:
        return [f"no figures: {error}"]
    from .. import plot

    usable = np.flatnonzero(result.status == Status.OK)
    found = usable[result.kind[usable] != "none"]
    pool = found if found.size else usable
    shown = pool[np.unique(np.linspace(0, pool.size - 1, _MOST_PANELS).round().astype(int))]
    columns = min(shown.size, 3)
    rows = -(-shown.size // columns)
    figure = plot.new_figure(plot.DOUBLE_COLUMN if columns > 1 else plot.SINGLE_COLUMN, 55 * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel, i in zip(panels, shown, strict=False):
        plot.warburg(result, spectrum=int(i), ax=panel)
    for panel in panels[shown.size :]:
        panel.set_axis_off()
    plot.save(figure, folder / "warburg_lines")
    return [f"the figure shows {shown.size} of {pool.size} spectra, evenly chosen"] if shown.size < pool.size else []
