"""The demonstration: a simulated campaign, inverted and set beside its exact truth."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np

from .. import plot
from ..drt import fit_drt
from ..errors import require
from ..plot.series import cell_edges
from ..result import DrtResult
from ..simulate import SimulatedCampaign, standin
from ..spectrum import FloatArray
from . import terminal
from .output import write_result, write_table


def run_demo(folder: Path) -> None:
    """Simulate, invert, draw, compare and print; the results go into `folder`."""
    require("matplotlib", "plot")
    truth = standin(level=0.003, seed=0)
    fit_drt(truth.campaign, capacitance=True)  # the first call also loads the core
    start = perf_counter()
    result = fit_drt(truth.campaign, capacitance=True)
    seconds = perf_counter() - start
    write_result(result, folder, "voltage")
    edges = np.exp(cell_edges(np.log(result.tau)))
    exact = truth.cell_average(edges)
    _draw_comparison(result, exact, folder)
    table = result.to_frame()
    table["gamma_exact"] = exact.ravel()
    write_table(table, folder / "comparison.csv")

    terminal.say("Synthetic spectra, 0.3 % noise: a stand-in for the campaign of He et al. 2025")
    terminal.say("(10.1021/acssuschemeng.4c10154), not its data. The exact distribution is known.")
    terminal.say()
    shift = _show_table(result, truth, edges)
    terminal.say(f"R_pol counts the measured window, {1e6 * _window(result)[0]:.2g} µs to {_window(result)[1]:.3g} s.")
    terminal.say("Misplaced: how far, in decades of τ, the resistance stands from where it is, on average.")
    terminal.say(f"Its median is {np.median(shift):.3f} decades; a decade has 10 nodes of τ.")
    terminal.say(f"{len(result)} spectra inverted in {1e3 * seconds:.1f} ms, {1e6 * seconds / len(result):.0f} µs each")


def _draw_comparison(result: DrtResult, exact: FloatArray, folder: Path) -> None:
    """Draw the exact map above the map found, in the same colours."""
    highest = float(result.gamma[result.in_window].max())
    figure = plot.new_figure(plot.DOUBLE_COLUMN, 125)
    upper, lower = figure.subfigures(2, 1)
    for part, title, shown in (
        (upper, "exact, averaged over the cells", replace(result, gamma=exact)),
        (lower, "found from spectra with 0.3 % noise", result),
    ):
        part.suptitle(title, fontsize=9)
        plot.intensity_map(shown, along="voltage", gamma_max=highest, figure=part)
    plot.save(figure, folder / "comparison")


def _show_table(result: DrtResult, truth: SimulatedCampaign, edges: FloatArray) -> FloatArray:
    """Print a row for each spectrum; return how far its resistance is misplaced."""
    low, high = _window(result)
    R_pol = truth.integral(low, high)
    shift = misplacement(result, truth, edges)
    residual = 100 * result.summary()["residual_rms"]
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
    head = ["branch", "voltage / V", "R_inf / Ω", "exact", "R_pol / Ω", "exact", "misplaced / decades", "residual / %"]
    terminal.show_table(head, rows, most=len(rows))
    return shift


def misplacement(result: DrtResult, truth: SimulatedCampaign, edges: FloatArray) -> FloatArray:
    """How far resistance stands from where it is, on average over the measured window.

    The area between the two cumulative distributions of resistance over log10(tau), divided by the exact
    resistance: unlike a difference of densities it is finite for discrete lines, of which diffusion has many.

    Parameters
    ----------
    result : DrtResult
    truth : SimulatedCampaign
        What was inverted.
    edges : ndarray, shape [tau + 1]
        Cells in tau, s.

    Returns
    -------
    ndarray, shape [spectrum]
        In decades of tau.
    """
    low, high = _window(result)
    inside = edges[(edges >= low) & (edges <= high)]
    cells = np.stack([result.basis.integrals(*pair) for pair in pairwise(inside)], axis=1)
    found = np.cumsum(result.coefficients @ cells, axis=1)
    exact = np.cumsum(truth.integral(inside[:-1], inside[1:]), axis=1)
    return np.asarray(np.abs(found - exact) @ np.diff(np.log10(inside)) / exact[:, -1])


def _window(result: DrtResult) -> tuple[float, float]:
    """1/(2 pi f_max) and 1/(2 pi f_min), in s."""
    return 1 / (2 * np.pi * result.frequency.max()), 1 / (2 * np.pi * result.frequency.min())
