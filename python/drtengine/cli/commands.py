"""The commands drt, peaks, kk, info and demo, and the application to which other files add theirs."""

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
from ..kk import check_kk
from ..peaks import Processes, find_peaks, integrate_processes, track_peaks
from ..result import DrtResult
from ..series import arrange, why_numbered
from . import SOME_FAIL, terminal
from .checks import check_first, report_check
from .demo import demonstrate, tell
from .info import describe
from .output import new_folder, write_check, write_result
from .processes import parse_processes, report_peaks, saved_result, seconds, write_peaks

DEFAULT, KK_DEFAULT, PEAK_DEFAULT, TRACK_DEFAULT = (
    {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
    for function in (fit_drt, check_kk, find_peaks, track_peaks)
)
"""The options of these functions, so that the command line has the same defaults."""

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
Threads = Annotated[int | None, typer.Option(help="Threads; all CPUs if left out.")]
Format = Annotated[str | None, typer.Option("--format", help="Name of the file format, instead of recognising it.")]
Coords = Annotated[
    Path | None,
    typer.Option(
        "--coords", help="Table (csv) with a column 'file' and columns of coordinates, such as voltage or cell."
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(help="What file names tell, such as '{cell}_{voltage:f}V'; * stands for anything."),
]
NamedRanges = Annotated[
    str | None,
    typer.Option(
        help='Named ranges of τ in s, such as "SEI=0:1e-3, charge transfer=1e-2:1"; or silicon, for those of a '
        "silicon anode."
    ),
]


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
    method: Annotated[
        str,
        typer.Option(
            help="ridge, log (smooth in ln γ), elements (a sum of them), joint (along a coordinate too) or auto: log "
            "or elements by evidence, ridge where an option asks for it."
        ),
    ] = DEFAULT["method"],
    per_spectrum: Annotated[
        bool, typer.Option("--per-spectrum", help="Let auto choose for each spectrum, not for all of them.")
    ] = DEFAULT["per_spectrum"],
    band: Annotated[
        float | None, typer.Option(help="Level of a band of γ, such as 0.95, with --method log, elements or auto.")
    ] = DEFAULT["band"],
    band_kind: Annotated[
        str,
        typer.Option(help="calibrated, one-sided, simultaneous, or sampled, which goes with --method log and ridge."),
    ] = DEFAULT["band_kind"],
    basis: Annotated[str, typer.Option(help="Basis functions, such as piecewise_linear.")] = DEFAULT["basis"],
    order: Annotated[int, typer.Option(help="Derivative of γ that is penalised: 0, 1 or 2.")] = DEFAULT["order"],
    lambda_: Annotated[
        str,
        typer.Option(
            "--lambda",
            help="Strength of the penalty of ridge: a number, or how it is chosen: evidence, ml, gcv, mgcv, rgcv, "
            "lcurve, reim or kfold.",
        ),
    ] = DEFAULT["lambda_"],
    weights: Annotated[str, typer.Option(help="auto, unit, modulus or proportional.")] = DEFAULT["weights"],
    part: Annotated[str, typer.Option(help="What is fitted: both, real or imaginary.")] = DEFAULT["part"],
    tau: Annotated[
        str | None, typer.Option(help="Grid of τ: frequency, drttools, or LOWEST:HIGHEST:COUNT with times in s.")
    ] = DEFAULT["tau"],
    nonneg: Annotated[bool, typer.Option("--nonneg/--free", help="Ask for γ >= 0, or not.")] = DEFAULT["nonneg"],
    free: Annotated[
        str | None,
        typer.Option("--free-range", help="FROM:TO in s: γ may be negative there alone, as inductive loops need it."),
    ] = DEFAULT["free"],
    inductance: Annotated[bool, typer.Option(help="Series inductance in the model.")] = DEFAULT["inductance"],
    capacitance: Annotated[bool, typer.Option(help="Series capacitance in the model.")] = DEFAULT["capacitance"],
    f_min: Annotated[float | None, typer.Option(help="Leave out lower frequencies (Hz).")] = DEFAULT["f_min"],
    f_max: Annotated[float | None, typer.Option(help="Leave out higher frequencies (Hz).")] = DEFAULT["f_max"],
    area: Annotated[float | None, typer.Option(help="Electrode area in cm², for results in Ω cm².")] = DEFAULT["area"],
    along: Annotated[
        str | None,
        typer.Option(
            help="Coordinate of the map, such as voltage or cycle; found if left out. Needed by --method joint."
        ),
    ] = None,
    processes: NamedRanges = None,
    kk: Annotated[bool, typer.Option("--kk", help="Check Kramers-Kronig validity first.")] = False,
    drop_invalid: Annotated[
        bool, typer.Option("--drop-invalid", help="Leave out spectra that fail this check, and flagged points.")
    ] = False,
    threads: Threads = DEFAULT["n_threads"],
    format: Format = None,
    coords: Coords = None,
    pattern: Pattern = None,
    force: Force = False,
) -> None:
    """Invert impedance spectra and write γ(τ) as tables and figures."""
    with terminal.reporting():
        options = {
            "method": method, "per_spectrum": per_spectrum, "along": along if method == "joint" else None,
            "band": band, "band_kind": band_kind, "basis": basis, "order": order, "lambda_": _number_or_name(lambda_),
            "weights": weights, "part": part, "tau": _tau(tau), "nonneg": nonneg,
            "free": seconds("--free-range", free), "inductance": inductance,
            "capacitance": capacitance, "f_min": f_min, "f_max": f_max, "area": area, "n_threads": threads,
        }  # fmt: skip
        ranges = parse_processes(processes)
        start = perf_counter()
        with new_folder(out, force=force) as folder:
            campaign = _read(files, format, coords, pattern)
            series = arrange(campaign.coordinates, len(campaign), along)  # now, in case there is no such coordinate
            if kk or drop_invalid:
                campaign = check_first(campaign, folder, along, threads, f_min, f_max, drop=drop_invalid)
            inversion = perf_counter()
            with terminal.progress("inverting") as hook:
                result = fit_drt(campaign, **options, progress=hook)
            inversion = perf_counter() - inversion
            _check_any_answer(result)
            table = integrate_processes(result, ranges) if ranges else None
            remarks = write_result(result, folder, along, table)
            remarks += why_numbered(series, campaign.coordinates) if along is None else []
        _report(result, table)
        terminal.show_notes([*result.notes, *(table.notes if table else ()), *remarks])
        each = f"{inversion / len(result) * 1e3:.3g} ms a spectrum"
        terminal.say(f"{perf_counter() - start:.2f} s in all, {inversion:.3g} s of it inverting ({each})")
        terminal.say(f"written to {out}{os.sep}")


@app.command()
def peaks(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES",
            help="A result (drt.nc, or the folder with it), or impedance files to invert with the defaults of drt.",
            show_default=False,
        ),
    ],
    out: Out,
    min_height: Annotated[
        float, typer.Option(help="Lowest peak that counts, as a share of the highest.")
    ] = PEAK_DEFAULT["min_height"],
    min_prominence: Annotated[
        float, typer.Option(help="Least height above the saddles, as a share of the highest peak.")
    ] = PEAK_DEFAULT["min_prominence"],
    max_shift: Annotated[
        float, typer.Option(help="How far τ of a peak may move from one spectrum to the next, in decades.")
    ] = TRACK_DEFAULT["max_shift"],
    max_gap: Annotated[
        int, typer.Option(help="In how many spectra on end a line of peaks may be missing.")
    ] = TRACK_DEFAULT["max_gap"],
    min_length: Annotated[int, typer.Option(help="Peaks that make a line at least.")] = TRACK_DEFAULT["min_length"],
    processes: NamedRanges = None,
    along: Annotated[str | None, typer.Option(help="Coordinate to follow peaks along; found if left out.")] = None,
    format: Format = None,
    coords: Coords = None,
    pattern: Pattern = None,
    force: Force = False,
) -> None:
    """Find the peaks of γ(τ), follow them along the campaign and sum up processes."""
    with terminal.reporting():
        ranges = parse_processes(processes)
        with new_folder(out, force=force) as folder:
            result = saved_result(files)
            if result is not None and (coords or pattern):
                raise InvalidInput("--coords and --pattern are for impedance files; a saved result has its coordinates")
            result = result or _invert(files, format, coords, pattern)
            _check_any_answer(result)
            found = find_peaks(result, min_height=min_height, min_prominence=min_prominence, processes=ranges)
            tracks = track_peaks(found, along=along, max_shift=max_shift, max_gap=max_gap, min_length=min_length)
            table = integrate_processes(result, ranges) if ranges else None
            remarks = write_peaks(result, tracks, table, folder)
        report_peaks(tracks, table)
        terminal.show_notes([*result.notes, *tracks.notes, *(table.notes if table else ()), *remarks])
        terminal.say(f"written to {out}{os.sep}")


@app.command()
def kk(
    files: Files,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for tables and figures, if wanted.")] = None,
    method: Annotated[str, typer.Option(help="lin_kk, z_hit or bayesian_hilbert.")] = KK_DEFAULT["method"],
    representation: Annotated[str, typer.Option(help="auto, impedance or admittance.")] = KK_DEFAULT["representation"],
    f_min: Annotated[float | None, typer.Option(help="Leave out lower frequencies (Hz).")] = None,
    f_max: Annotated[float | None, typer.Option(help="Leave out higher frequencies (Hz).")] = None,
    along: Annotated[
        str | None, typer.Option(help="Coordinate of the map, such as voltage or cycle; found if left out.")
    ] = None,
    threads: Threads = KK_DEFAULT["n_threads"],
    format: Format = None,
    coords: Coords = None,
    pattern: Pattern = None,
    force: Force = False,
) -> None:
    """Check Kramers-Kronig validity: a verdict for every spectrum. Exits with 1 if some fail."""
    with terminal.reporting():
        campaign = _read(files, format, coords, pattern)
        arrange(campaign.coordinates, len(campaign), along)
        start = perf_counter()
        with terminal.progress("checking") as hook:
            result = check_kk(
                campaign, method=method, representation=representation, f_min=f_min, f_max=f_max, n_threads=threads,
                progress=hook,
            )  # fmt: skip
        seconds = perf_counter() - start
        report_check(result)
        terminal.show_notes(result.notes)
        terminal.say(f"{seconds:.3g} s checking ({seconds / len(result) * 1e3:.3g} ms a spectrum)")
        if out is not None:
            with new_folder(out, force=force) as folder:
                remarks = write_check(result, folder, along)
            terminal.show_notes(remarks)
            terminal.say(f"written to {out}{os.sep}")
        if (result.verdict == "fail").any():
            raise typer.Exit(SOME_FAIL)


@app.command()
def info(files: Files, format: Format = None, coords: Coords = None, pattern: Pattern = None) -> None:
    """Tell what is in impedance files."""
    with terminal.reporting():
        describe(_read(files, format, coords, pattern), format)


@app.command()
def demo(out: Out = Path("drtengine-demo"), force: Force = False) -> None:
    """Simulate a campaign, invert it and compare with the exact truth."""
    with terminal.reporting():
        with new_folder(out, force=force) as folder:
            demonstration = demonstrate(folder)
        tell(demonstration)
        terminal.say(f"written to {out}{os.sep}")


def _read(files: list[str], format: str | None, coords: Path | None = None, pattern: str | None = None) -> Campaign:
    """Read files; those in the order in which a shell puts them are sorted naturally, others stay as they are."""
    if files in (sorted(files), sorted(files, key=str.casefold)):
        files = sorted(files, key=natural_key)
    with terminal.progress("reading") as hook:
        return read(files, format=format, coordinates=coords, pattern=pattern, progress=hook)


def _invert(files: list[str], format: str | None, coords: Path | None, pattern: str | None) -> DrtResult:
    """Read and invert files with the default options."""
    campaign = _read(files, format, coords, pattern)
    with terminal.progress("inverting") as hook:
        return fit_drt(campaign, progress=hook)


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


def _report(result: DrtResult, processes: Processes | None) -> None:
    """Print a row for each spectrum, as far as there is room, and how many came out how."""
    summary = result.summary()
    ohm, farad = ("Ω", "F") if result.unit == "ohm" else ("Ω cm²", "F/cm²")
    columns = terminal.places(summary)
    columns[f"R_inf\n{ohm}"] = summary["R_inf"].map(terminal.short)
    columns[f"R_pol\n{ohm}"] = summary["R_pol"].map(terminal.short)
    columns[f"in window\n{ohm}"] = summary["R_pol_window"].map(terminal.short)
    if processes is not None:
        columns |= {
            f"{n}\n{ohm}": [terminal.short(R) for R in column]
            for n, column in zip(processes.names, processes.R.T, strict=True)
        }
    if result.options["capacitance"]:
        columns[f"C_0\n{farad}"] = summary["C_0"].map(terminal.short)
    if "u_R_pol" in summary:
        columns[f"u(R_pol)\n{ohm}"] = summary["u_R_pol"].map(terminal.short)
    columns["λ"] = summary["lambda_"].map(lambda value: f"{value:.1e}")
    columns["residual\n%"] = (100 * summary["residual_rms"]).map(lambda value: f"{value:.2f}")
    columns["status"] = summary["status"].map(_words)
    rows = list(zip(*columns.values(), strict=True))
    terminal.show_table(list(columns), rows, rest=", all in summary.csv")
    counts = Counter(_words(name) for name in summary["status"])
    terminal.say(f"{len(result)} spectra: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def _words(status: str) -> str:
    return status.lower().replace("_", " ")


from . import circuits  # noqa: E402, F401  # adds its commands to `app`, which stands above
