"""The demonstration: a simulated campaign, inverted and set beside its exact truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import plot
from ..choice import cell_edges as cells
from ..drt import fit_drt
from ..errors import require
from ..result import DrtResult
from ..simulate import SimulatedCampaign, standin
from ..spectrum import FloatArray
from . import terminal
from .output import write_result, write_table

NOISE = 0.003


@dataclass(frozen=True)
class Demonstration:
    """A simulated campaign, what was found from it, and how many seconds that took."""

    truth: SimulatedCampaign
    result: DrtResult
    seconds: float


def demonstrate(folder: Path) -> Demonstration:
    """Simulate a campaign, invert it and write tables and figures to `folder`."""
    require("matplotlib", "plot")
    truth = standin(level=NOISE)
    fit_drt(truth.campaign, method="log", capacitance=True)  # the first call also loads the core
    start = perf_counter()
    result = fit_drt(truth.campaign, method="log", capacitance=True)  # the stand-in has a series capacitance
    seconds = perf_counter() - start
    write_result(result, folder, "voltage")
    exact = truth.cell_average(cells(result.tau))
    _draw_comparison(result, exact, folder)
    write_table(result.to_frame().assign(gamma_exact=exact.ravel()), folder / "comparison.csv")
    return Demonstration(truth, result, seconds)


def tell(demonstration: Demonstration) -> None:
    """Print how close the result is to the truth."""
    truth, result = demonstration.truth, demonstration.result
    low, high = _window(result)
    R_pol = truth.integral(low, high)
    shift = misplacement(result, truth)
    residual = 100 * result.summary()["residual_rms"]
    head = "branch", "voltage\nV", "R_inf\nΩ", "exact\nΩ", "R_pol\nΩ", "exact\nΩ", "misplaced\ndecades", "residual\n%"
    rows = [
        (
            str(result.coordinates["branch"][i]),
            f"{result.coordinates['voltage'][i]:.2f}",
            f"{result.R_inf[i]:.3f}",
            f"{truth.circuits[i].R_inf:.3f}",
            f"{result.R_pol_window[i]:.1f}",
            f"{R_pol[i]:.1f}",
            f"{shift[i]:.3f}",
            f"{residual[i]:.2f}",
        )
        for i in range(len(result))
    ]
    milliseconds = 1e3 * demonstration.seconds
    terminal.say(f"Synthetic spectra with {100 * NOISE:g} % noise: a stand-in for the campaign of He et al. 2025")
    terminal.say("(10.1021/acssuschemeng.4c10154), not its data. Their exact distribution is known.")
    terminal.say()
    terminal.show_table(head, rows, most=len(rows))
    terminal.say()
    terminal.say(f"R_pol counts the measured window, {1e6 * low:.2g} µs to {high:.3g} s.")
    terminal.say("Misplaced: how far in τ, on average, resistance stands from where it is;")
    terminal.say(f"the median is {np.median(shift):.3f} decades, the nodes of τ stand 0.1 decades apart.")
    terminal.say(f"{len(result)} spectra inverted in {milliseconds:.0f} ms, {milliseconds / len(result):.2g} ms each")


def _draw_comparison(result: DrtResult, exact: FloatArray, folder: Path) -> None:
    """Draw the exact map above the map found, in the same colours."""
    highest = float(result.gamma[result.in_window].max())
    figure = plot.new_figure(plot.DOUBLE_COLUMN, 125)
    parts: Any = figure.subfigures(2, 1)
    titles = "exact, averaged over the cells", f"found from spectra with {100 * NOISE:g} % noise"
    for part, title, shown in zip(parts, titles, (replace(result, gamma=exact), result), strict=True):
        part.suptitle(title, fontsize=9)
        plot.intensity_map(shown, along="voltage", gamma_max=highest, figure=part)
    plot.save(figure, folder / "comparison")


def misplacement(result: DrtResult, truth: SimulatedCampaign) -> FloatArray:
    """How far resistance stands from where it is, on average over the measured window.

    The area between the two cumulative distributions of resistance over log10(tau), divided by the exact
    resistance: unlike a difference of densities it is finite for discrete lines, of which diffusion has many.

    Parameters
    ----------
    result : DrtResult
    truth : SimulatedCampaign
        What was inverted.

    Returns
    -------
    ndarray, shape [spectrum]
        In decades of tau.
    """
    low, high = _window(result)
    edges = cells(result.tau)
    inside = edges[(edges >= low) & (edges <= high)]
    of_basis = np.stack([result.basis.integrals(*pair) for pair in pairwise(inside)], axis=1)
    found = np.cumsum(result.coefficients @ of_basis, axis=1)
    exact = np.cumsum(truth.integral(inside[:-1], inside[1:]), axis=1)
    return np.asarray(np.abs(found - exact) @ np.diff(np.log10(inside)) / exact[:, -1])


def _window(result: DrtResult) -> tuple[float, float]:
    """1/(2 pi f_max) and 1/(2 pi f_min), in s."""
    return 1 / (2 * np.pi * result.frequency.max()), 1 / (2 * np.pi * result.frequency.min())
