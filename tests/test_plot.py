"""Figures: what they show is the data, labelled with its units, at the right places."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from PIL import Image

import drtengine as dt
from drtengine import plot, simulate
from drtengine.plot.maps import COLOURS
from drtengine.plot.series import window

UNEVEN = np.array([1.0, 0.9, 0.7, 0.65, 0.3])
FREQUENCY = np.geomspace(1e4, 1e-1, 51)


def circuits(count: int) -> list[simulate.Circuit]:
    return [
        simulate.Circuit([simulate.Resistor(5), simulate.ZARC(20 + 5 * i, 1e-3 * 2**i, 0.85), simulate.RC(10, 0.2)])
        for i in range(count)
    ]


def campaign(**coordinates: Any) -> dt.Campaign:
    """Discharge at five uneven voltages, then charge at five others; one spectrum has a NaN."""
    Z = np.stack([c.impedance(FREQUENCY) for c in circuits(10)])
    Z[3, 7] = np.nan
    given = {
        "voltage": np.concatenate([UNEVEN, UNEVEN[::-1] + 0.02]),
        "branch": ["discharge"] * 5 + ["charge"] * 5,
        **coordinates,
    }
    return dt.Campaign.from_arrays(FREQUENCY, Z, coordinates={k: v for k, v in given.items() if v is not None})


@pytest.fixture(scope="module")
def result() -> dt.DrtResult:
    return dt.fit_drt(campaign(cycle=np.arange(1, 11)), method="ridge", lambda_=1e-4)


def map_panels(figure: Any) -> list[Axes]:
    return [ax for ax in figure.axes if any(isinstance(c, QuadMesh) for c in ax.collections) and ax.get_xlabel()]


def mesh_of(ax: Axes) -> QuadMesh:
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    return mesh


def colour_bar_of(figure: Any) -> Axes:
    return next(ax for ax in figure.axes if ax.get_ylabel().startswith("γ"))


def curves(ax: Axes) -> list[np.ndarray]:
    return [np.asarray(line.get_xydata()) for line in ax.lines]


# intensity map


def test_map_shows_gamma_at_its_voltages(result: dt.DrtResult) -> None:
    figure = plot.intensity_map(result, along="voltage")
    discharge, charge = map_panels(figure)
    assert [discharge.get_title(), charge.get_title()] == ["discharge", "charge"]
    ratio = 10**0.05
    tau_edges = np.concatenate([result.tau / ratio, result.tau[-1:] * ratio])  # ten nodes a decade
    for ax, rows in ((discharge, np.arange(4, -1, -1)), (charge, np.arange(5, 10))):
        mesh = mesh_of(ax)
        np.testing.assert_array_equal(np.ma.filled(mesh.get_array(), np.nan), result.gamma[rows].T)
        corners = mesh.get_coordinates()
        np.testing.assert_allclose(corners[:, 0, 1], tau_edges, rtol=1e-9)
        assert (np.diff(corners[0, :, 0]) > 0).all()
    np.testing.assert_allclose(
        mesh_of(discharge).get_coordinates()[0, :, 0], [0.125, 0.475, 0.675, 0.8, 0.95, 1.05], rtol=1e-12
    )


def test_map_runs_in_the_order_of_measurement(result: dt.DrtResult) -> None:
    discharge, charge = map_panels(plot.intensity_map(result))
    left, right = discharge.get_xlim()
    assert left > right
    left, right = charge.get_xlim()
    assert left < right


def test_map_names_units_and_is_logarithmic(result: dt.DrtResult) -> None:
    figure = plot.intensity_map(result)
    panels = map_panels(figure)
    assert all(ax.get_yscale() == "log" and ax.get_xlabel() == "voltage / V" for ax in panels)
    assert panels[0].get_ylabel() == "τ / s"
    assert colour_bar_of(figure).get_ylabel() == "γ / Ω per unit ln τ, √ scale"
    per_area = dt.fit_drt(campaign(), method="ridge", lambda_=1e-4, area=2.0)
    assert colour_bar_of(plot.intensity_map(per_area, scale="linear")).get_ylabel() == "γ / Ω cm² per unit ln τ"


def test_spectrum_without_answer_is_left_to_the_hatched_ground(result: dt.DrtResult) -> None:
    assert dt.Status(result.status[3]) is dt.Status.NOT_FINITE
    discharge, charge = map_panels(plot.intensity_map(result))
    blank = np.ma.getmaskarray(mesh_of(discharge).get_array())
    np.testing.assert_array_equal(blank.all(axis=0), [False, True, False, False, False])
    assert not np.ma.getmaskarray(mesh_of(charge).get_array()).any()
    assert discharge.patch.get_hatch()
    assert same_color(discharge.patch.get_facecolor(), "0.85")


def test_all_failed_still_draws(result: dt.DrtResult) -> None:
    nothing = replace(
        result, gamma=np.full_like(result.gamma, np.nan), coefficients=np.full_like(result.coefficients, np.nan)
    )
    for figure in (plot.intensity_map(nothing), plot.waterfall(nothing), plot.gamma(nothing).figure):
        figure.draw_without_rendering()


def test_measured_window_is_marked(result: dt.DrtResult) -> None:
    low, high = window(result)
    np.testing.assert_allclose(low, 1 / (2 * np.pi * 1e4))
    np.testing.assert_allclose(high, 1 / (2 * np.pi * 1e-1))
    for ax in map_panels(plot.intensity_map(result)):
        drawn = [patch.get_data().values for patch in ax.patches if not patch.get_fill()]
        np.testing.assert_allclose(drawn, [low[:5], high[:5]])


def test_window_of_a_spectrum_is_its_own() -> None:
    some = dt.fit_drt(campaign(), method="ridge", lambda_=1e-4, exclude=np.arange(510).reshape(10, 51) < 20)
    low, _ = window(some)
    np.testing.assert_allclose(low[0], 1 / (2 * np.pi * FREQUENCY[20]))
    np.testing.assert_allclose(low[1:], 1 / (2 * np.pi * FREQUENCY[0]))


@pytest.mark.parametrize("scale", ["sqrt", "linear"])
def test_colours_end_at_the_highest_measured_gamma(result: dt.DrtResult, scale: Any) -> None:
    (mesh, _) = map(mesh_of, map_panels(plot.intensity_map(result, scale=scale)))
    highest = np.nanmax(result.gamma[result.in_window])
    assert mesh.norm.vmin == 0
    assert mesh.norm.vmax == highest
    expected = 0.5 if scale == "sqrt" else 0.25
    assert mesh.norm(highest / 4) == pytest.approx(expected)
    (given, _) = map(mesh_of, map_panels(plot.intensity_map(result, scale=scale, gamma_max=7.0)))
    assert given.norm.vmax == 7.0


def test_negative_gamma_has_colours_too() -> None:
    free = dt.fit_drt(campaign(), method="ridge", lambda_=1e-6, nonneg=False)
    lowest = np.nanmin(free.gamma[free.in_window])
    assert lowest < 0
    mesh = mesh_of(map_panels(plot.intensity_map(free))[0])
    assert mesh.norm.vmin == lowest
    assert mesh.norm.inverse(mesh.norm(lowest / 2)) == pytest.approx(lowest / 2)


def test_colours_read_the_same_in_grey() -> None:
    from matplotlib import colormaps

    red, green, blue, _ = colormaps[COLOURS](np.linspace(0, 1, 256)).T
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    assert (np.diff(grey) > 0).all()
    assert np.ptp(grey) > 0.9


def test_continuous_map_marks_the_turn(result: dt.DrtResult) -> None:
    figure = plot.intensity_map(result, branches="continuous")
    (ax,) = map_panels(figure)
    first, second = (c.get_coordinates()[0, :, 0] for c in ax.collections if isinstance(c, QuadMesh))
    way = 1.05 - 0.125
    np.testing.assert_allclose(first, way - (np.array([0.125, 0.475, 0.675, 0.8, 0.95, 1.05]) - 0.125), atol=1e-12)
    np.testing.assert_allclose(second, way + (np.array([0.125, 0.475, 0.675, 0.8, 0.95, 1.05]) - 0.125), atol=1e-12)
    (turn,) = ax.lines
    np.testing.assert_allclose(turn.get_xdata(), way)
    assert {"discharge", "charge"} <= {text.get_text() for text in ax.texts}
    ticks = dict(zip(ax.get_xticks(), (t.get_text() for t in ax.get_xticklabels()), strict=True))
    assert all(float(text) == pytest.approx(1.05 - x if x < way else 0.145 + x - way) for x, text in ticks.items())


def test_processes_are_named(result: dt.DrtResult) -> None:
    ax, _ = map_panels(plot.intensity_map(result, processes={"SEI": (1e-4, 1e-2)}))
    assert [text.get_text() for text in ax.texts] == ["SEI"]
    assert [line.get_ydata()[0] for line in ax.lines] == [1e-4, 1e-2]


@pytest.mark.parametrize(
    ("along", "message"),
    [
        ("volt", "there is no coordinate 'volt'.*'voltage'.*did you mean 'voltage'"),
        ("same", "value 2 for 10 spectra"),
        ("hole", "'hole' is unknown for 1 spectra, the first is spectrum 4"),
        ("branch", "'branch' holds text"),
    ],
)
def test_unusable_coordinate_is_explained(along: str, message: str) -> None:
    hole = np.arange(10.0)
    hole[4] = np.nan
    result = dt.fit_drt(campaign(same=np.full(10, 2.0), hole=hole), method="ridge", lambda_=1e-3)
    for draw in (plot.intensity_map, plot.waterfall, plot.gamma, plot.nyquist, plot.bode):
        with pytest.raises(dt.InvalidInput, match=message):
            draw(result, along=along)


@pytest.mark.parametrize("spectra", [[17], [], [True, False], "x", [0.5]])
def test_unusable_choice_of_spectra_is_explained(result: dt.DrtResult, spectra: Any) -> None:
    with pytest.raises(dt.InvalidInput, match=r"spectra="):
        plot.gamma(result, spectra=spectra)


def test_other_bad_arguments_are_explained(result: dt.DrtResult) -> None:
    with pytest.raises(dt.InvalidInput, match=r"unknown branches 'panel'.*did you mean 'panels'"):
        plot.intensity_map(result, branches="panel")  # type: ignore[arg-type]
    with pytest.raises(dt.InvalidInput, match=r"unknown scale 'log'"):
        plot.intensity_map(result, scale="log")  # type: ignore[arg-type]
    with pytest.raises(dt.InvalidInput, match="gamma_max must be positive"):
        plot.intensity_map(result, gamma_max=0)
    for limits in ((1e-2, 1e-4), (1e-3,), 1e-3):
        with pytest.raises(dt.InvalidInput, match="processes: 'SEI'"):
            plot.intensity_map(result, processes={"SEI": limits})  # type: ignore[dict-item]
    with pytest.raises(dt.InvalidInput, match=r"waterfall\(\) needs a DrtResult"):
        plot.waterfall(campaign())  # type: ignore[arg-type]
    with pytest.raises(dt.InvalidInput, match="must be a Spectrum, a Campaign or a result, got list"):
        plot.nyquist([1, 2])  # type: ignore[arg-type]


# Nyquist and Bode


@pytest.mark.parametrize("selector", dt.options.SELECTORS)
def test_score_curves_have_a_dot_at_the_choice(selector: str) -> None:
    frequency = np.geomspace(1e5, 1e-2, 41)
    exact = simulate.benchmark_cases()["two_zarc"].impedance(frequency)
    Z = [simulate.add_noise(exact, 0.01, seed=1), simulate.add_noise(exact, 0.01, seed=2), exact]
    campaign = dt.Campaign.from_arrays(frequency, Z, coordinates={"voltage": [3.0, 3.5, 4.0]})
    scores = dt.lambda_scores(campaign, selector, **({"noise": 0.5} if selector == "discrepancy" else {}))
    ax = plot.lambda_scores(scores)
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "λ"
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == scores.chosen.tolist()
    filled = [not same_color(dot.get_markerfacecolor(), "white") for dot in dots]
    assert filled == (scores.status == dt.Status.OK).tolist()
    with pytest.raises(dt.InvalidInput, match=r"needs what dt.lambda_scores returns, got Campaign"):
        plot.lambda_scores(campaign)  # type: ignore[arg-type]


def test_nyquist_shows_measurement_and_fit_with_equal_axes(result: dt.DrtResult) -> None:
    ax = plot.nyquist(result, spectra=0)
    assert ax.get_aspect() == 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Z' / Ω", "−Z'' / Ω")
    measured, left_out, marks, fit = curves(ax)
    np.testing.assert_array_equal(measured, np.column_stack([result.Z[0].real, -result.Z[0].imag]))
    assert left_out.size == 0
    np.testing.assert_array_equal(fit, np.column_stack([result.Z_fit[0].real, -result.Z_fit[0].imag]))
    decades = np.isin(np.round(np.log10(FREQUENCY), 9), np.arange(-1, 5))
    assert {tuple(p) for p in marks} == {tuple(p) for p in measured[decades]}
    assert {t.get_text() for t in ax.texts} <= {"100 mHz", "1 Hz", "10 Hz", "100 Hz", "1 kHz", "10 kHz"}
    assert len(ax.texts) >= 3


def test_nyquist_labels_what_was_measured() -> None:
    f = np.array([9e3, 950.0, 105.0, 20.0, 9.9, 0.998])
    ax = plot.nyquist(dt.Spectrum(f, circuits(1)[0].impedance(f)))
    labels = {text.get_text() for text in ax.texts}
    assert labels <= {"9 kHz", "950 Hz", "110 Hz", "100 Hz", "9.9 Hz", "1 Hz"}
    assert "1 Hz" in labels


def test_points_left_out_are_pale_and_the_fit_ends_there() -> None:
    some = dt.fit_drt(campaign(), method="ridge", lambda_=1e-4, f_min=1.0)
    measured, left_out, _, fit = plot.nyquist(some, spectra=0).lines
    used = FREQUENCY >= 1.0
    assert len(measured.get_xdata()) == used.sum()
    assert len(left_out.get_xdata()) == (~used).sum()
    assert left_out.get_alpha() < 0.5
    np.testing.assert_array_equal(np.isfinite(fit.get_xdata()), used)


def test_nyquist_of_a_campaign_and_of_a_spectrum_has_no_fit() -> None:
    for data in (campaign(), campaign()[0]):
        lines = plot.nyquist(data, spectra=[0]).lines
        assert np.isnan(np.asarray(lines[-1].get_xdata())).all()


def test_short_and_odd_spectra_are_drawn() -> None:
    few = dt.Campaign.from_spectra(
        [
            dt.Spectrum([10.0], [3 - 1j]),
            dt.Spectrum([0.0, 10.0, 100.0, 1.0], [9, 3 - 1j, 2 - 1j, 5]),
            dt.Spectrum([np.nan, -5.0], [np.nan, 1]),
        ]
    )
    plot.nyquist(few).figure.draw_without_rendering()
    plot.bode(few).draw_without_rendering()


def test_few_spectra_have_a_legend_and_many_a_colour_bar(result: dt.DrtResult) -> None:
    few = plot.nyquist(result, spectra=[0, 1, 6])
    legend = few.get_legend()
    assert legend is not None
    assert legend.get_title().get_text() == "voltage / V"
    assert [t.get_text() for t in legend.get_texts()] == ["0.9 discharge", "1 discharge", "0.67 charge"]
    many = plot.nyquist(result)
    assert many.get_legend() is None
    assert many.figure.axes[1].get_ylabel() == "voltage / V"


def test_bode_shows_modulus_and_phase(result: dt.DrtResult) -> None:
    figure = plot.bode(result, spectra=2)
    upper, lower = figure.axes
    assert (upper.get_ylabel(), lower.get_ylabel(), lower.get_xlabel()) == ("|Z| / Ω", "−φ / °", "f / Hz")
    assert (upper.get_xscale(), upper.get_yscale(), lower.get_yscale()) == ("log", "log", "linear")
    modulus, _, fit = curves(upper)
    np.testing.assert_allclose(modulus, np.column_stack([FREQUENCY, np.abs(result.Z[2])]))
    np.testing.assert_allclose(fit[:, 1], np.abs(result.Z_fit[2]))
    phase, *_ = curves(lower)
    np.testing.assert_allclose(phase[:, 1], -np.degrees(np.arctan2(result.Z[2].imag, result.Z[2].real)))


# gamma and waterfall


def test_gamma_is_exact_and_pale_outside_the_window(result: dt.DrtResult) -> None:
    ax = plot.gamma(result, spectra=[1])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("τ / s", "γ / Ω", "log")
    whole, inside = ax.lines
    tau = np.asarray(whole.get_xdata())
    np.testing.assert_allclose(tau[::5], result.tau)
    np.testing.assert_allclose(np.asarray(whole.get_ydata())[::5], result.gamma[1], atol=1e-9)
    np.testing.assert_allclose(whole.get_ydata(), result.evaluate(tau)[1])
    low, high = 1 / (2 * np.pi * 1e4), 1 / (2 * np.pi * 1e-1)
    np.testing.assert_array_equal(np.isfinite(inside.get_ydata()), (tau >= low) & (tau <= high))
    assert whole.get_alpha() < 0.5
    assert inside.get_alpha() is None
    spans = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches]
    np.testing.assert_allclose([spans[0].x1, spans[1].x0], [low, high], rtol=1e-6)


def test_waterfall_stands_on_the_coordinate(result: dt.DrtResult) -> None:
    figure = plot.waterfall(result, along="voltage")
    discharge, charge = figure.axes
    assert [discharge.get_title(), charge.get_title()] == ["discharge", "charge"]
    assert discharge.get_ylabel() == "voltage / V"
    assert discharge.get_xlabel() == "τ / s"
    assert discharge.get_xscale() == "log"
    solid = [line for line in discharge.lines if line.get_linestyle() == "-"][::2]
    baselines = [np.asarray(line.get_ydata()).min() for line in solid]
    np.testing.assert_allclose(baselines, [1.0, 0.9, 0.7, 0.3], atol=0.01)
    (dotted,) = [line for line in discharge.lines if line.get_linestyle() == ":"]
    assert dotted.get_ydata()[0] == 0.65  # the one without an answer


def test_waterfall_has_a_true_scale_bar(result: dt.DrtResult) -> None:
    figure = plot.waterfall(result, spectra=[0])
    (ax,) = figure.axes
    curve, _, bar = ax.lines
    height = np.ptp(np.asarray(curve.get_ydata()))
    ohms = float(ax.texts[0].get_text().removeprefix("γ = ").removesuffix(" Ω"))
    gamma = np.ptp(result.evaluate(np.asarray(curve.get_xdata()))[0])
    assert np.ptp(np.asarray(bar.get_ydata())) / ohms == pytest.approx(height / gamma)


# figures as such


def test_new_figures_have_journal_width(result: dt.DrtResult) -> None:
    inch = 25.4
    assert plot.nyquist(result).figure.get_size_inches()[0] * inch == pytest.approx(85)
    assert plot.gamma(result).figure.get_size_inches()[0] * inch == pytest.approx(85)
    assert plot.intensity_map(result).get_size_inches()[0] * inch == pytest.approx(175)
    assert plot.intensity_map(result, along="cycle", spectra=slice(5)).get_size_inches()[0] * inch == pytest.approx(85)


def test_draws_where_it_is_told(result: dt.DrtResult) -> None:
    figure = Figure()
    ax = figure.add_subplot()
    assert plot.nyquist(result, ax=ax) is ax
    assert plot.gamma(result, ax=ax) is ax
    left, right = Figure().subfigures(1, 2)
    assert plot.bode(result, figure=left) is left
    assert plot.intensity_map(result, figure=right) is right
    assert len(left.axes) == 3


def test_saves_png_and_svg_of_the_figures_size(result: dt.DrtResult, tmp_path: Any) -> None:
    figure = plot.intensity_map(result, spectra=slice(5, None))
    figure.set_size_inches(175 / 25.4, 2)
    png, svg = plot.save(figure, tmp_path / "map.of.gamma")
    assert (png.name, svg.name) == ("map.of.gamma.png", "map.of.gamma.svg")
    with Image.open(png) as image:
        assert image.size[0] == pytest.approx(175 / 25.4 * 300, abs=1)
    assert svg.read_text(encoding="utf-8").startswith("<?xml")
    assert sorted(tmp_path.iterdir()) == [png, svg]
    before = svg.read_bytes()
    again = plot.intensity_map(result, spectra=slice(5, None))
    again.set_size_inches(175 / 25.4, 2)
    plot.save(again, tmp_path / "map.of.gamma")
    assert svg.read_bytes() == before


def test_save_takes_axes_and_parts(result: dt.DrtResult, tmp_path: Any) -> None:
    part = Figure(figsize=(4, 2)).subfigures(1, 1)
    plot.bode(result, figure=part)
    for number, drawn in enumerate((plot.gamma(result), part, part.axes[0])):
        png, _ = plot.save(drawn, tmp_path / str(number))
        assert png.stat().st_size > 0
    with Image.open(tmp_path / "1.png") as image:
        assert image.size == (1200, 600)


def test_save_explains_bad_paths_and_leaves_nothing(result: dt.DrtResult, tmp_path: Any) -> None:
    ax = plot.gamma(result)
    with pytest.raises(dt.InvalidInput, match=r"without \.png"):
        plot.save(ax, tmp_path / "x.png")
    with pytest.raises(dt.InvalidInput, match="does not exist"):
        plot.save(ax, tmp_path / "no" / "x")
    ax.set_title(r"$\broken$")
    with pytest.raises(ValueError, match="broken"):
        plot.save(ax, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_touches_no_global_state() -> None:
    code = (
        "import sys, numpy as np, drtengine as dt; from drtengine import plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "f = np.geomspace(1e4, 1e-1, 31); Z = 5 + 20 / (1 + 2j * np.pi * f * 1e-2)\n"
        "r = dt.fit_drt(dt.Spectrum(f, Z), lambda_=1e-3)\n"
        "import matplotlib; before = matplotlib.rcParams.copy()\n"
        "plot.nyquist(r); plot.bode(r); plot.gamma(r); plot.waterfall(r); plot.intensity_map(r)\n"
        "assert matplotlib.rcParams.copy() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_missing_matplotlib_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import drtengine as dt; from drtengine import plot\n"
        "try: plot.new_figure()\n"
        "except dt.MissingExtra as error: assert \"'drtengine[plot]'\" in str(error)\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_real_spectra_are_drawn(shared_data: Any) -> None:
    """Diode at 13 voltages (Zahner, MIT licence): the map's cells are 25 mV wide."""
    result = dt.fit_drt(dt.read(shared_data / "zahner_ism_diode" / "*_mvdc.ism"), method="ridge")
    (ax,) = map_panels(plot.intensity_map(result))
    np.testing.assert_allclose(np.diff(mesh_of(ax).get_coordinates()[0, :, 0]), 0.025, rtol=1e-2)
