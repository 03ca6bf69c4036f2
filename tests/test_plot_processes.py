"""Figures of processes, tracked peaks, and maps on a grid: what they show is what the tables hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

import drtengine as dt
from drtengine import plot, simulate

FREQUENCY = np.geomspace(1e4, 1e-1, 51)
NAMES = {"fast": (0.0, 3e-3), "slow": (2e-2, 1.0)}


def fit(scale: float = 1.0, area: float | None = None) -> dt.DrtResult:
    """Discharge at four voltages, charge at three; the second spectrum is broken."""
    cells = [
        simulate.Resistor(5) + simulate.ZARC(scale * R, 3e-4 * 1.2**k, 0.85) + simulate.ZARC(20, 0.1, 0.85)
        for k, R in enumerate([20, 25, 30, 40, 40, 35, 28])
    ]
    Z = simulate.add_noise(np.stack([cell.impedance(FREQUENCY) for cell in cells]), 0.003, seed=6)
    Z[1, 7] = np.nan
    table = {"voltage": [1.0, 0.7, 0.4, 0.2, 0.25, 0.4, 0.9], "branch": ["discharge"] * 4 + ["charge"] * 3}
    return dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z, coordinates=table), method="ridge", lambda_=1e-4, area=area)


RESULT = fit()
TRACKS = dt.track_peaks(dt.find_peaks(RESULT, min_prominence=0.1, processes=NAMES))


def panels(figure: Any) -> list[Axes]:
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


def meshes(ax: Axes) -> list[QuadMesh]:
    return [c for c in ax.collections if isinstance(c, QuadMesh)]


def texts(ax: Axes) -> set[str]:
    return {text.get_text() for text in ax.texts}


def test_processes_are_lines_with_their_intervals() -> None:
    table = dt.integrate_processes(RESULT, NAMES)
    left, right = panels(plot.processes(table))
    assert [left.get_title(), right.get_title()] == ["discharge", "charge"]
    assert left.xaxis_inverted()
    assert not right.xaxis_inverted()
    assert left.get_ylabel() == "R / Ω"
    assert left.get_xlabel() == "voltage / V"
    x, y = right.lines[1].get_data()
    np.testing.assert_array_equal(x, [0.25, 0.4, 0.9])
    np.testing.assert_array_equal(y, table.R[4:, 1])
    band = right.collections[1].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(np.nanmax(table.R_high[4:, 1]))
    assert band[:, 1].min() == pytest.approx(np.nanmin(table.R_low[4:, 1]))
    legend = right.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["fast, < 0.003 s", "slow, 0.02 to 1 s"]
    markers = {line.get_marker() for line in right.lines}
    assert len(markers) == 2  # told apart in grey too


def test_tracks_are_drawn_over_their_coordinate() -> None:
    axes = np.array(panels(plot.tracks(TRACKS))).reshape(2, 2)
    assert axes[0, 0].get_ylabel() == "τ / s"
    assert axes[1, 0].get_ylabel() == "R / Ω"
    assert axes[0, 0].get_yscale() == "log"
    first_on_charge = int(np.searchsorted(TRACKS.branch, 1))
    at = TRACKS.members(first_on_charge)
    np.testing.assert_array_equal(axes[0, 1].lines[0].get_ydata(), TRACKS.peaks.tau[at])
    np.testing.assert_array_equal(axes[1, 1].lines[0].get_ydata(), TRACKS.peaks.R[at])
    np.testing.assert_array_equal(axes[1, 1].lines[0].get_xdata(), TRACKS.position[TRACKS.peaks.spectrum[at]])
    assert axes[1, 0].xaxis_inverted()
    assert "fast" in axes[0, 1].get_legend().get_texts()[0].get_text()


def test_tracks_without_lines_are_drawn() -> None:
    none = dt.track_peaks(RESULT, spectra=[0, 2], max_shift=1e-6, min_length=2)
    assert len(none) == 0
    assert len(panels(plot.tracks(none))) == 2


@pytest.mark.parametrize("branches", ["panels", "continuous"])
def test_map_shows_tracks_and_processes(branches: Any) -> None:
    figure = plot.intensity_map(RESULT, along="voltage", tracks=TRACKS, processes=NAMES, branches=branches)
    lines = [line for ax in panels(figure) for line in ax.lines if line.get_marker() == "o"]
    assert len(lines) == len(TRACKS)
    drawn = np.sort(np.concatenate([np.asarray(line.get_ydata(), float) for line in lines]))
    np.testing.assert_allclose(drawn, np.sort(TRACKS.peaks.tau[TRACKS.track >= 0]))
    for ax in panels(figure):
        assert {"fast", "slow"} <= texts(ax)
        low, high = ax.get_ylim()
        limits = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == ":"]
        assert limits == [3e-3, 2e-2, 1.0]
        assert all(low < text.get_position()[1] < high for text in ax.texts if text.get_text() in NAMES)
    if branches == "panels":
        np.testing.assert_array_equal(lines[0].get_xdata(), TRACKS.position[TRACKS.peaks.spectrum[TRACKS.members(0)]])


def test_map_refuses_tracks_of_another_campaign() -> None:
    other = dt.fit_drt(RESULT.campaign[:3], method="ridge", lambda_=1e-4)
    with pytest.raises(dt.InvalidInput, match="tracks are of 7 spectra, the result has 3"):
        plot.intensity_map(other, tracks=TRACKS)


def test_grid_map_shows_a_variable_with_its_doubt() -> None:
    dataset = dt.map_gamma(RESULT, along="voltage")
    figure = plot.grid_map(dataset, processes=NAMES)
    left, right = panels(figure)
    assert [left.get_title(), right.get_title()] == ["discharge", "charge"]
    assert left.xaxis_inverted()
    mesh = meshes(right)[0]
    here = dataset.sel(branch="charge", voltage=[0.25, 0.4, 0.9])
    np.testing.assert_allclose(np.ma.getdata(mesh.get_array()).reshape(-1, 3), here.gamma.values.T)
    dots = next(line for line in right.lines if line.get_marker() == ".")
    assert len(dots.get_xdata()) == int(((here.gamma_low <= 0) & (here.gamma_high >= 0) & here.in_window).sum())
    assert not any(line.get_marker() == "." for ax in panels(plot.grid_map(dataset, doubt=False)) for line in ax.lines)
    assert mesh.norm.vmax == pytest.approx(float(dataset.gamma.where(dataset.in_window).max()))
    (bar,) = [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]
    assert bar.get_ylabel() == "γ / Ω per unit ln τ, √ scale"
    assert {"fast", "slow"} <= texts(left)
    uncertain = plot.grid_map(dataset, "u_gamma", scale="linear", colour_max=3.0)
    assert meshes(panels(uncertain)[0])[0].norm.vmax == 3
    assert uncertain.axes[-1].get_ylabel() == "u(γ) / Ω per unit ln τ"


def test_difference_has_colours_both_ways() -> None:
    dataset = dt.compare_maps(RESULT, fit(1.5))
    figure = plot.grid_map(dataset)
    mesh = meshes(panels(figure)[0])[0]
    assert mesh.norm.vmin == -mesh.norm.vmax
    lightness = mesh.cmap(np.array([0.0, 0.5, 1.0]))[:, :3] @ [0.299, 0.587, 0.114]
    assert lightness[1] > 0.9  # no difference is white, both ends are dark
    assert lightness[[0, 2]].max() < 0.5
    assert figure.axes[-1].get_ylabel().startswith("γ of a - γ of b / Ω")


def test_grid_of_one_branch_and_of_numbers() -> None:
    Z = np.stack([simulate.ZARC(R, 1e-2, 0.8).impedance(FREQUENCY) for R in (10, 20, 15)])
    (ax,) = panels(plot.grid_map(dt.map_gamma(dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method="ridge"))))
    assert ax.get_title() == ""
    assert ax.get_xlabel() == "spectrum"


def test_branch_without_values_is_an_empty_panel() -> None:
    left, right = panels(plot.grid_map(dt.map_gamma(RESULT, along="voltage", at=[0.95])))
    assert len(meshes(left)) == 2
    assert not meshes(right)


def test_bad_input_is_explained() -> None:
    dataset = dt.map_gamma(RESULT, along="voltage")
    for call, message in (
        (lambda: plot.grid_map(RESULT), "takes a dataset"),  # type: ignore[arg-type]
        (lambda: plot.grid_map(dataset, "gama"), "no map 'gama'.*did you mean 'gamma'"),
        (lambda: plot.grid_map(dataset, scale="log"), "unknown scale"),  # type: ignore[arg-type]
        (lambda: plot.grid_map(dataset, colour_max=0.0), "colour_max must be positive"),
        (lambda: plot.processes(RESULT), r"processes\(\) takes"),  # type: ignore[arg-type]
        (lambda: plot.tracks(RESULT), r"tracks\(\) takes"),  # type: ignore[arg-type]
    ):
        with pytest.raises(dt.InvalidInput, match=message):
            call()


def test_area_is_in_the_units() -> None:
    per_area = fit(area=2.0)
    assert panels(plot.processes(dt.integrate_processes(per_area, NAMES)))[0].get_ylabel() == "R / Ω cm²"
    assert plot.grid_map(dt.map_gamma(per_area)).axes[-1].get_ylabel().startswith("γ / Ω cm²")
