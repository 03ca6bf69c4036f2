"""Figures of the kinetics: what is drawn where, in which units."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import plot, simulate

SPHERE = {"sphere_radius": 5e-6}
GITT = dt.fit_gitt(simulate.gitt(D=1e-14, count=4, noise=1e-5, **SPHERE).frame, **SPHERE)
ICI = dt.fit_ici(simulate.ici(D=1e-14, count=20, **SPHERE).frame, **SPHERE)


def bump(E: Any) -> Any:
    return np.exp(-(((E - 0.5) / 0.1) ** 2))


CV = dt.analyze_cv(
    simulate.cv(np.array([0.1, 0.3, 0.9]) * 1e-3, lambda E: 0.3 + 0.5 * bump(E), lambda E: 0.01 * bump(E)).frame
)
CYCLING = dt.summarize_cycling(
    time_s=np.arange(720) * 10.0,
    current_A=np.repeat([-1e-3, 1e-3, -1e-3, 1e-3], 180),
    voltage_V=np.tile(np.concatenate([np.linspace(0.9, 0.1, 180), np.linspace(0.1, 0.9, 180)]), 2),
    positive="charge",
)


def test_titration_is_shaded_and_marked() -> None:
    ax = plot.titration(GITT)
    assert ax.get_xlabel() == "time / h"
    assert len(ax.patches) == 4
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["E0", "E1", "E2", "E3", "E4"]
    marks = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(marks["E2"].get_ydata(), GITT.E_end)
    np.testing.assert_allclose(marks["E2"].get_xdata(), (GITT.time + GITT.duration) / 3600)
    assert (np.diff([marks[name].get_ydata() for name in ("E2", "E3", "E4")], axis=0) > 0).all()  # it relaxes upwards


def test_some_pulses_of_a_titration_are_drawn_alone() -> None:
    ax = plot.titration(GITT, first=1, stop=3)
    assert len(ax.patches) == 2
    time = ax.lines[0].get_xdata() * 3600
    assert GITT.time[0] + GITT.duration[0] < time[0] < GITT.time[1]
    assert time[-1] == pytest.approx(GITT.time[3], abs=20)
    for first, stop in ((0, 9), (2, 2), (-1, 3)):
        with pytest.raises(dt.InvalidInput, match="there are no pulses"):
            plot.titration(GITT, first=first, stop=stop)


def test_pulse_shows_fit_and_residual() -> None:
    figure = plot.pulse(GITT, 2)
    upper, lower = figure.axes
    assert "D = 1" in upper.get_title()
    residual = lower.lines[0].get_ydata()
    assert 0.8 < np.std(residual) / (1e3 * GITT.rms[2]) <= 1
    with pytest.raises(dt.InvalidInput, match="there is no pulse 4"):
        plot.pulse(GITT, 4)


def test_diffusion_is_hollow_where_doubtful() -> None:
    figure = plot.diffusion(ICI)
    upper, lower = figure.axes
    assert upper.get_yscale() == "log"
    labels = [text.get_text() for text in upper.get_legend().get_texts()]
    assert labels == ["lithiation", "lithiation, doubtful"]
    faces = [container.lines[0].get_markerfacecolor() for container in upper.containers]
    assert faces[1] == "none"
    assert faces[0] != "none"
    assert lower.get_xlabel() == "lithiation"
    bare = dt.fit_ici(simulate.ici(D=1e-14, count=3, **SPHERE).frame)
    with pytest.raises(dt.InvalidInput, match="there is no D"):
        plot.diffusion(bare)


def test_comparison_names_its_methods() -> None:
    ax = plot.diffusion(dt.compare_diffusion(GITT=GITT, ICI=ICI)).axes[0]
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert {"GITT", "ICI"} <= labels
    assert ax.get_xlabel() == "lithiation"


def test_interruptions_have_three_panels() -> None:
    labels = [ax.get_ylabel() for ax in plot.interruptions(ICI).axes]
    assert labels == ["voltage / V", "R / Ω", "k / Ω s$^{-1/2}$"]


def test_doubtful_resistances_do_not_hide_the_others() -> None:
    R, flag = ICI.R.copy(), ICI.flag.astype("U40")
    R[5], flag[5] = -1e3, "R not positive"
    panel = plot.interruptions(replace(ICI, R=R, flag=flag)).axes[1]
    low, high = panel.get_ylim()
    assert low > -1e3
    assert high - low < 2 * np.ptp(np.delete(R, 5))
    assert [text.get_text() for text in panel.texts] == ["1 doubtful beyond"]


def test_voltammograms_have_a_colour_for_each_rate() -> None:
    ax = plot.voltammograms(CV)
    colours = {line.get_color() for line in ax.lines}
    assert len(colours) == 3
    assert ax.get_ylabel() == "current / mA"
    assert len(ax.get_legend().get_texts()) == 3


def test_exponents() -> None:
    ax = plot.peak_exponents(CV)
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert any("b = 0." in text.get_text() for text in ax.get_legend().get_texts())
    _, lower = plot.exponents(CV).axes
    np.testing.assert_allclose(lower.lines[0].get_ydata(), CV.b[0])
    none = simulate.cv(np.array([1, 2, 5]) * 1e-3, lambda E: 0.3 + E, lambda E: 0.01 + 0 * E)
    with pytest.raises(dt.InvalidInput, match="no peak was found"):
        plot.peak_exponents(dt.analyze_cv(none.frame))


def test_capacitive_parts() -> None:
    ax = plot.capacitive_current(CV, 0)
    assert f"{100 * CV.share[0, 2]:.1f}" in ax.get_title()
    with pytest.raises(dt.InvalidInput, match="there is no rate 3"):
        plot.capacitive_current(CV, 3)
    bars = plot.capacitive_shares(CV)
    heights = [patch.get_height() for patch in bars.patches]
    np.testing.assert_allclose(np.array(heights[:3]) + heights[3:], 100)
    assert [text.get_text() for text in bars.texts] == [f"{100 * share:.0f} %" for share in CV.share[:, 2]]


def test_cycles() -> None:
    ax = plot.cycling(CYCLING)
    assert ax.get_ylabel() == "capacity / mAh"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), CYCLING.discharge_capacity[CYCLING.complete] / 3.6)
    dQ_dV = plot.differential_capacity(CYCLING, [1])
    assert len(dQ_dV.lines) == 3
    assert dQ_dV.lines[0].get_ydata().min() >= 0 >= dQ_dV.lines[1].get_ydata().max()


@pytest.mark.parametrize(
    "function",
    ["titration", "pulse", "diffusion", "interruptions", "voltammograms", "peak_exponents", "exponents",
     "capacitive_current", "capacitive_shares", "cycling", "differential_capacity"],
)  # fmt: skip
def test_wrong_results_are_refused(function: str) -> None:
    with pytest.raises(dt.InvalidInput, match=f"{function}\\(\\) needs a"):
        getattr(plot, function)("result")


def test_figures_reach_the_disk(tmp_path: Path) -> None:
    for number, drawn in enumerate((plot.pulse(GITT), plot.capacitive_shares(CV), plot.cycling(CYCLING))):
        png, svg = plot.save(drawn, tmp_path / f"figure{number}")
        assert png.stat().st_size > 5000
        assert svg.stat().st_size > 5000


def test_the_charge_curve_stands_on_the_axis_of_the_map() -> None:
    result = dt.fit_drt(simulate.standin().campaign, capacitance=True)
    V = np.concatenate([np.linspace(1.1, 0.1, 50), np.linspace(0.1, 1.1, 50)])
    curve = (V, np.linspace(0, 2, 100))
    axes = plot.intensity_map(result, along="voltage", curve=curve, curve_label="Q").axes
    for panel, ax, first, title in ((axes[0], axes[2], 0, "discharge"), (axes[1], axes[3], 1, "charge")):
        assert panel.get_xlim() == ax.get_xlim()
        assert (panel.get_title(), ax.get_title()) == (title, "")
        assert panel.xaxis_inverted() == (first == 0)
        shown = np.isfinite(panel.lines[0].get_xdata())
        assert shown.sum() == pytest.approx(50, abs=1)
        assert shown[-1] == first
    assert axes[0].get_ylabel() == "Q"
    for wrong, options, words in (
        (curve, {"branches": "continuous"}, "needs along='voltage' and branches='panels'"),
        (curve, {"along": "spectrum"}, "needs along='voltage'"),
        (([1, 2, 3], [1, 2]), {}, "one length of two or more, got 3 and 2"),
        ((V,), {}, "curve is .voltage, charge."),
    ):
        with pytest.raises(dt.InvalidInput, match=words):
            plot.intensity_map(result, curve=wrong, **{"along": "voltage", **options})
