"""The commands drt, info and demo, and the application to which other files add theirs."""

from __future__ import annotations

import inspect
import os
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from .. import __version__
from ..campaign import Campaign
from ..drt import fit_drt
from ..errors import InvalidInput, Status
from ..io import read
from ..io.reading import natural_key
from ..plot.series import arrange
from ..result import DrtResult
from . import terminal
from .demo import demonstrate, tell
from .info import describe
from .output import new_folder, write_result

DEFAULT = {name: parameter.default for name, parameter in inspect.signature(fit_drt).parameters.items()}
"""The options of `fit_drt`, so that the command line has the same defaults."""

_PLACES = {
    "branch": "branch",
    "voltage": "voltage\nV",
    "soc": "soc",
    "cycle": "cycle",
    "temperature": "temperature\n°C",
}
"""Coordinates shown beside a spectrum, as headings."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Distributions of relaxation times from campaigns of impedance spectra.",
)

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILES", help="Impedance files, folders or quoted patterns.", show_default=False),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; made if needed.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files in the folder that may not come from drtengine.")]
Format = Annotated[str | None, typer.Option("--format", help="Name of the file format, instead of recognising it.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"drtengine {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def drt(
    files: Files,
    out: Out,
    basis: Annotated[str, typer.Option(help="Basis functions, such as piecewise_linear.")] = DEFAULT["basis"],
    order: Annotated[int, typer.Option(help="Derivative of γ that is penalised: 0, 1 or 2.")] = DEFAULT["order"],
    lambda_: Annotated[
        str, typer.Option("--lambda", help="Strength of the penalty: a number, or how it is chosen (gcv).")
    ] = DEFAULT["lambda_"],
    weights: Annotated[str, typer.Option(help="unit, modulus or proportional.")] = DEFAULT["weights"],
    part: Annotated[str, typer.Option(help="What is fitted: both, real or imaginary.")] = DEFAULT["part"],
    tau: Annotated[
        str | None, typer.Option(help="Grid of τ: frequency, drttools, or LOWEST:HIGHEST:COUNT with times in s.")
    ] = DEFAULT["tau"],
    nonneg: Annotated[bool, typer.Option("--nonneg/--free", help="Ask for γ >= 0, or not.")] = DEFAULT["nonneg"],
    inductance: Annotated[bool, typer.Option(help="Series inductance in the model.")] = DEFAULT["inductance"],
    capacitance: Annotated[bool, typer.Option(help="Series capacitance in the model.")] = DEFAULT["capacitance"],
    f_min: Annotated[float | None, typer.Option(help="Leave out lower frequencies (Hz).")] = DEFAULT["f_min"],
    f_max: Annotated[float | None, typer.Option(help="Leave out higher frequencies (Hz).")] = DEFAULT["f_max"],
    area: Annotated[float | None, typer.Option(help="Electrode area in cm², for results in Ω cm².")] = DEFAULT["area"],
    along: Annotated[
        str | None, typer.Option(help="Coordinate of the map, such as voltage or cycle; found if left out.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; all CPUs if left out.")] = DEFAULT["n_threads"],
    format: Format = None,
    force: Force = False,
) -> None:
    """Invert impedance spectra and write γ(τ) as tables and figures."""
    with terminal.reporting():
        options = {
            "basis": basis, "order": order, "lambda_": _number_or_name(lambda_), "weights": weights, "part": part,
            "tau": _tau(tau), "nonneg": nonneg, "inductance": inductance, "capacitance": capacitance,
            "f_min": f_min, "f_max": f_max, "area": area, "n_threads": threads,
        }  # fmt: skip
        start = perf_counter()
        with new_folder(out, force=force) as folder:
            campaign = _read(files, format)
            arrange(campaign.coordinates, len(campaign), along)  # before the work, in case there is no such coordinate
            inversion = perf_counter()
            with terminal.progress("inverting") as hook:
                result = fit_drt(campaign, **options, progress=hook)
            inversion = perf_counter() - inversion
            _check_any_answer(result)
            remarks = write_result(result, folder, along)
        _report(result)
        terminal.show_notes([*result.notes, *remarks])
        each = f"{inversion / len(result) * 1e3:.3g} ms a spectrum"
        terminal.say(f"{perf_counter() - start:.2f} s in all, {inversion:.3g} s of it inverting ({each})")
        terminal.say(f"written to {out}{os.sep}")


@app.command()
def info(files: Files, format: Format = None) -> None:
    """Tell what is in impedance files."""
    with terminal.reporting():
        describe(_read(files, format), format)


@app.command()
def demo(out: Out = Path("drtengine-demo"), force: Force = False) -> None:
    """Simulate a campaign, invert it and compare with the exact truth."""
    with terminal.reporting():
        with new_folder(out, force=force) as folder:
            demonstration = demonstrate(folder)
        tell(demonstration)
        terminal.say(f"written to {out}{os.sep}")


def _read(files: list[str], format: str | None) -> Campaign:
    """Read files; those in the order in which a shell puts them are sorted naturally, others stay as they are."""
    if files in (sorted(files), sorted(files, key=str.casefold)):
        files = sorted(files, key=natural_key)
    with terminal.progress("reading") as hook:
        return read(files, format=format, progress=hook)


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _tau(text: str | None) -> Any:
    """LOWEST:HIGHEST:COUNT to a grid, other names as they are."""
    if text is None or ":" not in text:
        return text
    try:
        lowest, highest, count = text.split(":")
        limits = float(lowest), float(highest)
        if not (0 < limits[0] < limits[1] < np.inf and int(count) > 1):
            raise ValueError
        return np.geomspace(*limits, int(count))
    except ValueError:
        raise InvalidInput(
            f"--tau {text!r} is not LOWEST:HIGHEST:COUNT, such as 1e-6:1e2:81 for 81 values from 1 µs to 100 s"
        ) from None


def _check_any_answer(result: DrtResult) -> None:
    if not any(Status(status).has_answer for status in result.status):
        reasons = "\n  ".join(result.notes[-5:])
        raise InvalidInput(f"none of the {len(result)} spectra could be inverted:\n  {reasons}")


def _report(result: DrtResult) -> None:
    """Print a row for each spectrum, as far as there is room, and how many came out how."""
    summary = result.summary()
    ohm, farad = ("Ω", "F") if result.unit == "ohm" else ("Ω cm²", "F/cm²")
    places = [name for name in _PLACES if name in summary and summary[name].nunique() > 1]
    columns = {_PLACES.get(name, name): summary[name].map(_short) for name in ("name", *places)}
    columns[f"R_inf\n{ohm}"] = summary["R_inf"].map(_short)
    columns[f"R_pol\n{ohm}"] = summary["R_pol"].map(_short)
    columns[f"in window\n{ohm}"] = summary["R_pol_window"].map(_short)
    if result.options["capacitance"]:
        columns[f"C_0\n{farad}"] = summary["C_0"].map(_short)
    columns["λ"] = summary["lambda_"].map(lambda value: f"{value:.1e}")
    columns["residual\n%"] = (100 * summary["residual_rms"]).map(lambda value: f"{value:.2f}")
    columns["status"] = summary["status"].map(_words)
    rows = list(zip(*columns.values(), strict=True))
    terminal.show_table(list(columns), rows, rest=", all in summary.csv")
    counts = Counter(_words(name) for name in summary["status"])
    terminal.say(f"{len(result)} spectra: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def _short(value: object) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _words(status: str) -> str:
    return status.lower().replace("_", " ")


from . import circuits  # noqa: E402, F401  # adds its commands to `app`, which stands above
