"""The command batch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ..batch import BatchStore, open_store, run_batch
from ..errors import DrtengineError
from . import terminal
from .commands import DEFAULT, Coords, Files, Format, NamedRanges, Pattern, _number_or_name, _tau, _words, app
from .processes import parse_processes

_MOST_SKIPPED = 8


@app.command()
def batch(
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the store, such as cells.zarr.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done and how long it takes.")] = False,
    chunk: Annotated[int | None, typer.Option(help="Spectra in a chunk.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that work; as many as CPUs if left out.")] = None,
    scheduler: Annotated[str, typer.Option(help="loky, or dask.")] = "loky",
    float32: Annotated[bool, typer.Option("--float32", help="Store curves in single precision.")] = False,
    keep: Annotated[str, typer.Option(help="all, or gamma: without the input and the coefficients.")] = "all",
    peaks: Annotated[bool, typer.Option("--peaks", help="Find peaks too, which takes much longer than ridge.")] = False,
    processes: NamedRanges = None,
    method: Annotated[
        str, typer.Option(help="ridge, log, elements or auto, which chooses for each spectrum.")
    ] = DEFAULT["method"],
    lambda_: Annotated[
        str, typer.Option("--lambda", help="Of ridge: a number, or how it is chosen, such as gcv.")
    ] = DEFAULT["lambda_"],
    basis: Annotated[str, typer.Option(help="Of ridge: basis functions.")] = DEFAULT["basis"],
    order: Annotated[int, typer.Option(help="Of ridge: derivative of γ that is penalised.")] = DEFAULT["order"],
    band: Annotated[float | None, typer.Option(help="Level of a band of γ, such as 0.95.")] = DEFAULT["band"],
    weights: Annotated[str, typer.Option(help="auto, unit, modulus or proportional.")] = DEFAULT["weights"],
    part: Annotated[str, typer.Option(help="both, real or imaginary.")] = DEFAULT["part"],
    tau: Annotated[str | None, typer.Option(help="Grid of τ, as for drt.")] = DEFAULT["tau"],
    nonneg: Annotated[bool, typer.Option("--nonneg/--free", help="Ask for γ >= 0, or not.")] = DEFAULT["nonneg"],
    inductance: Annotated[bool, typer.Option(help="Series inductance in the model.")] = DEFAULT["inductance"],
    capacitance: Annotated[bool, typer.Option(help="Series capacitance in the model.")] = DEFAULT["capacitance"],
    f_min: Annotated[float | None, typer.Option(help="Leave out lower frequencies (Hz).")] = DEFAULT["f_min"],
    f_max: Annotated[float | None, typer.Option(help="Leave out higher frequencies (Hz).")] = DEFAULT["f_max"],
    area: Annotated[float | None, typer.Option(help="Electrode area in cm².")] = DEFAULT["area"],
    format: Format = None,
    coords: Coords = None,
    pattern: Pattern = None,
) -> None:
    """Invert any number of spectra into a Zarr store. A run that was stopped goes on with the same command."""
    with terminal.reporting():
        options: dict[str, Any] = {
            "method": method, "lambda_": _number_or_name(lambda_), "basis": basis, "order": order, "band": band,
            "weights": weights, "part": part, "tau": _tau(tau), "nonneg": nonneg, "inductance": inductance,
            "capacitance": capacitance, "f_min": f_min, "f_max": f_max, "area": area, "chunk": chunk,
            "n_processes": workers, "scheduler": scheduler, "float32": float32, "keep": keep, "peaks": peaks,
            "processes": parse_processes(processes), "format": format, "pattern": pattern,
            "coordinates": coords,
        }  # fmt: skip
        paths = files if len(files) > 1 else files[0]
        if dry_run:
            plan = run_batch(paths, out, dry_run=True, **options)
            terminal.say(str(plan))
            terminal.show_notes(plan.notes)
            return
        try:
            with terminal.stages("reading", "inverting") as hook:
                store = run_batch(paths, out, progress=hook, **options)
        except KeyboardInterrupt:
            terminal.complain(_what_is_there(out), "yellow")
            raise
        _report(store)
        terminal.say(f"written to {out}{os.sep}")


def _report(store: BatchStore) -> None:
    counts = ", ".join(f"{count} {_words(name)}" for name, count in store.statuses.items())
    terminal.say(f"{len(store)} spectra: {counts}")
    for reason in store.skipped[:_MOST_SKIPPED]:
        terminal.say(f"skipped {reason}")
    if len(store.skipped) > _MOST_SKIPPED:
        terminal.say(f"... and {len(store.skipped) - _MOST_SKIPPED} more files")
    failures = store.failures()
    told = [f"{name}: {reason}" for name, reason in zip(failures["name"], failures["reason"], strict=True)]
    terminal.show_notes([note for note in store.notes if not note.startswith("skipped ")] + told)
    spent = store.seconds
    shares = ", ".join(f"{seconds / max(sum(spent.values()), 1e-9):.0%} {part}" for part, seconds in spent.items())
    terminal.say(f"{sum(spent.values()):.3g} s of all processes together: {shares}")


def _what_is_there(out: Path) -> str:
    """Say how far an interrupted run has come."""
    try:
        store = open_store(out)
    except DrtengineError:
        return f"{out} holds no result yet; the same command goes on"
    return f"{int(store.is_done.sum())} of {len(store)} spectra are in {out}; the same command goes on"
