"""The page of two campaigns side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plot
from ..analysis import Comparison
from ..plot.figures import unit_label
from ..series import as_numbers
from .methods import versions
from .notes import told_once
from .page import fill, frame_table, pairs_table
from .payload import encode

if TYPE_CHECKING:
    import xarray as xr


def render_comparison(comparison: Comparison, *, made: date | None = None) -> str:
    """Write the page, complete in itself; for arguments and errors see `render`."""
    a, b = comparison.a, comparison.b
    table = comparison.to_frame()
    table["unit"] = unit_label(a.result.unit)
    of = [f"{side}: {what}" for side in (a.name, b.name) for what in ("least", "median", "largest")]
    table.columns = ["quantity", "unit", *of, "ratio of medians"]
    notes = told_once([*a.result.notes, *b.result.notes])
    return fill(
        "comparison.html.j2",
        "comparison.js",
        {"a": a.name, "b": b.name, "unit": unit_label(a.result.unit), **_maps(comparison.difference)},
        made,
        title=f"{a.name} and {b.name}",
        a=a.name,
        b=b.name,
        sides=[_side(side) for side in (a, b)],
        table=frame_table(table),
        options=pairs_table(
            {name: f"{value}  |  {b.result.options.get(name)}" for name, value in a.result.options.items()}
        ),
        notes=notes,
        versions=pairs_table(versions()),
        level=f"{float(comparison.difference.attrs['level']):g}",
    )


def comparison_figures(comparison: Comparison) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield name and drawing function of each figure."""
    difference = comparison.difference
    top = float(np.nanmax([difference[name].where(difference.in_window).max() for name in ("gamma_a", "gamma_b")]))
    yield "map_a", lambda: plot.grid_map(difference, "gamma_a", colour_max=top)
    yield "map_b", lambda: plot.grid_map(difference, "gamma_b", colour_max=top)
    yield "difference", lambda: plot.grid_map(difference)


def _maps(difference: xr.Dataset) -> dict[str, Any]:
    """Give the three maps [branch, coordinate, tau]; NaN where one of the two did not measure."""
    layers = difference if "branch" in difference.dims else difference.expand_dims(branch=[""])
    along = str(layers.measured.dims[-1])
    places, label = as_numbers(str(difference.attrs["along"]), layers[along].values)
    names = "gamma_a", "gamma_b", "difference", "difference_low", "difference_high"
    arrays = {n: encode(layers[n].where(layers.in_window).transpose("branch", along, "tau").values) for n in names}
    return {
        "along": label,
        "branches": [str(name) for name in layers.branch.values],
        "falling": difference.attrs["falling"],
        "places": [float(f"{value:.6g}") for value in places],
        "tau": encode(layers.tau.values),
        "arrays": arrays,
    }


def _side(side: Any) -> dict[str, str]:
    check = side.check
    verdicts = "" if check is None else ", ".join(
        f"{int((check.verdict == verdict).sum())} {verdict}" for verdict in ("pass", "warn", "fail")
    )  # fmt: skip
    return {"name": side.name, "spectra": f"{len(side.result)}", "verdicts": verdicts}
