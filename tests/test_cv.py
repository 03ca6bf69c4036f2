"""CV: b, k1 and k2 as they were put in, the trap of the thin film, and voltammograms that lack something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

import drtengine as dt
from drtengine import simulate
from drtengine.voltammetry import _cell_means

RATES = np.array([0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) * 1e-3


def bump(E: Any, place: float = 0.5, width: float = 0.12) -> Any:
    return np.exp(-(((E - place) / width) ** 2))


def k1(E: Any) -> Any:
    return 0.3 + 0.5 * bump(E)


def k2(E: Any) -> Any:
    return 0.005 + 0.02 * bump(E)


SIMULATED = simulate.cv(RATES, k1, k2)


def truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "kinetics" / "truth" / f"exact_cv_{name}.csv")


# against truth


def test_shares_of_the_truth_files(shared_data: Path) -> None:
    known = json.loads((shared_data / "kinetics" / "truth" / "exact_cv.truth.json").read_text())
    shares = np.array(
        [[row[name] for name in ("anodic", "cathodic", "both")] for row in known["capacitive_fraction"].values()]
    )
    result = dt.analyze_cv(truth(shared_data, "dunn"), edge=0)
    np.testing.assert_allclose(result.share, shares, atol=1e-4)
    np.testing.assert_allclose(result.share_clipped, shares, atol=1e-4)
    np.testing.assert_allclose(result.b_peak, list(known["b_peak"].values()), atol=1e-4)
    assert result.peak_branch.tolist() == ["anodic", "cathodic"]
    np.testing.assert_allclose(dt.analyze_cv(truth(shared_data, "dunn")).share, shares, atol=0.002)
    noisy = dt.analyze_cv(truth(shared_data, "dunn_noise1pct"), edge=0)
    assert (np.abs(noisy.share - shares) < 3 * noisy.u_share).all()
    assert not noisy.warnings


@pytest.mark.parametrize("b", [0.5, 1.0])
def test_exponents_of_the_truth_files(shared_data: Path, b: float) -> None:
    result = dt.analyze_cv(truth(shared_data, f"b{b:.2f}"))
    np.testing.assert_allclose(result.b, b, atol=1e-6)
    np.testing.assert_allclose(result.b_peak, b, atol=1e-6)
    np.testing.assert_allclose(result.share, 2 * b - 1, atol=1e-6)


def test_k1_and_k2_come_back_at_every_potential() -> None:
    result = dt.analyze_cv(SIMULATED.frame)
    for branch, sign in ((0, 1), (1, -1)):
        np.testing.assert_allclose(result.k1[branch], sign * k1(result.potential), rtol=1e-3)
        np.testing.assert_allclose(result.k2[branch], sign * k2(result.potential), rtol=1e-3)
    np.testing.assert_allclose(result.r2, 1, atol=1e-9)


def test_local_exponent_is_half_of_one_plus_the_share() -> None:
    v = 0.5e-3
    result = dt.analyze_cv(simulate.cv(v * np.array([0.9, 1, 1.1]), k1, k2).frame)
    f = k1(result.potential) * v / (k1(result.potential) * v + k2(result.potential) * np.sqrt(v))
    np.testing.assert_allclose(result.b[0], (1 + f) / 2, atol=2e-3)


def test_intervals_of_shares_cover_the_truth() -> None:
    hits = []
    for seed in range(60):
        noisy = simulate.cv(RATES, k1, k2, noise=0.02, seed=seed)
        result = dt.analyze_cv(noisy.frame, edge=0, cells=100)
        hits.append(np.abs(result.share - noisy.share) < 1.96 * result.u_share)
    assert 0.9 <= np.mean(hits) <= 0.99


def test_intervals_of_b_cover_the_truth() -> None:
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(30):
        frame = SIMULATED.frame.copy()
        direction = np.sign(frame["current_A"])
        frame["current_A"] = direction * frame["scan_rate_V_s"] ** 0.7 * (1 + 0.02 * rng.standard_normal(len(frame)))
        result = dt.analyze_cv(frame, cells=100)
        hits.append((result.b_low < 0.7) & (result.b_high > 0.7))
    assert 0.9 <= np.mean(hits) <= 0.99


def test_a_set_like_the_study_comes_back() -> None:
    """Peaks of b = 0.70 and 0.62, 71 % at 0.9 mV/s: k1 to k2 at the peaks from b, a flat background from the share."""

    def slope(ratio: float) -> float:
        return float(np.polyfit(np.log(RATES), np.log(ratio * RATES + np.sqrt(RATES)), 1)[0])

    ratios = [brentq(lambda x, b=b: slope(x) - b, 0, 1e3) for b in (0.70, 0.62)]

    def make(background: float) -> simulate.SimulatedCv:
        def surface(E: Any) -> Any:
            shape = ratios[0] * bump(E, 0.25, 0.05) + ratios[1] * bump(E, 0.55, 0.05)
            return 1e-3 * (shape + background * (1 - bump(E, 0.25, 0.12) - bump(E, 0.55, 0.12)).clip(0))

        return simulate.cv(RATES, surface, lambda E: 1e-3 * (bump(E, 0.25, 0.05) + bump(E, 0.55, 0.05)))

    background = brentq(lambda x: make(x).share[-1, 2] - 0.71, 0, 1e3)
    result = dt.analyze_cv(make(background).frame)
    assert result.share[-1, 2] == pytest.approx(0.71, abs=0.005)
    anodic = result.peak_branch == "anodic"
    np.testing.assert_allclose(result.b_peak[anodic], [0.70, 0.62], atol=0.005)
    assert (result.b_peak_low[anodic] < [0.70, 0.62]).all()
    assert (result.b_peak_high[anodic] > [0.70, 0.62]).all()


def test_a_film_that_only_diffuses_passes_for_capacitive() -> None:
    """The trap: nothing capacitive in it, yet b near 0.9 and a share near 1; the result says so."""
    film = simulate.film_cv(np.array([0.1, 0.2, 0.5, 1.0]) * 1e-3, D=1e-14, thickness=1e-6)
    result = dt.analyze_cv(film.frame)
    assert (film.share == 0).all()
    assert result.share[-1, 2] > 0.9
    assert result.b_peak.min() > 0.85
    assert "surface-like" in result.warnings[0]
    # all charge is exchanged
    np.testing.assert_allclose(result.charge, 1, atol=0.01)


def test_thick_film_obeys_randles_and_sevcik() -> None:
    rates = np.array([1, 2, 5, 10]) * 1e-3
    D, thickness, area, concentration = 1e-13, 2e-5, 1e-4, 1000.0
    charge = area * thickness * concentration * 96485.33212
    film = simulate.film_cv(rates, D=D, thickness=thickness, charge=charge)
    result = dt.analyze_cv(film.frame)
    first = int(np.flatnonzero(result.peak_branch == "anodic")[0])
    np.testing.assert_allclose(result.peak_potential[first], 0.5 + 0.0285, atol=0.004)
    assert result.b_peak[first] == pytest.approx(0.5, abs=0.01)
    found, u = result.randles_sevcik(area=area, concentration=concentration, peak=first, u_area=0.02 * area)
    assert found == pytest.approx(D, rel=0.03)
    assert u == pytest.approx(0.04 * D, rel=0.2)
    with pytest.raises(dt.InvalidInput, match="there is no peak 7"):
        result.randles_sevcik(area=1, concentration=1, peak=7)


def test_trasatti_extrapolates_charges() -> None:
    cell = simulate.cv(RATES, lambda E: 0.2 + 0 * E, lambda E: 0.01 + 0 * E)
    result = dt.analyze_cv(cell.frame)
    span = np.ptp(result.potential) + np.diff(result.potential)[0]
    np.testing.assert_allclose(result.charge_outer, 0.2 * span, rtol=1e-6)


# all kinds of voltammograms


def test_order_cycles_units_and_signs_of_sweeps() -> None:
    frame = SIMULATED.frame
    result = dt.analyze_cv(frame)
    reordered = pd.concat([table for _, table in sorted(frame.groupby("scan_rate_V_s"), reverse=True)])
    np.testing.assert_allclose(dt.analyze_cv(reordered).share, result.share)
    twice = pd.concat([pd.concat([table, table]) for _, table in frame.groupby("scan_rate_V_s")])
    twice = dt.analyze_cv(twice.drop(columns="time_s"))
    np.testing.assert_allclose(twice.share, result.share, rtol=1e-6)
    assert "0.1 mV/s: the last of 2 cycles was used" in twice.notes
    other = pd.DataFrame(
        {
            "scan_rate_mV_s": frame["scan_rate_V_s"] * 1e3,
            "voltage_mV": frame["potential_V"] * 1e3,
            "current_mA": frame["current_A"] * 1e3,
        }
    )
    np.testing.assert_allclose(dt.analyze_cv(other).k1, result.k1, rtol=1e-9)


def test_scan_rates_are_told_from_time() -> None:
    frame = SIMULATED.frame.copy()
    begin = frame["time_s"].diff() < 0
    frame["time_s"] += (begin.cumsum() * 1e6).to_numpy()
    result = dt.analyze_cv(frame.drop(columns="scan_rate_V_s"))
    np.testing.assert_allclose(result.scan_rate, RATES, rtol=1e-6)
    np.testing.assert_allclose(result.share, dt.analyze_cv(SIMULATED.frame).share, atol=1e-3)
    with pytest.warns(
        dt.DataWarning, match="the potential changes with 0.001 times the scan rate: was scan_rate_V_s given in mV/s"
    ):
        dt.analyze_cv(SIMULATED.frame.assign(scan_rate_V_s=SIMULATED.frame["scan_rate_V_s"] * 1e3))


def test_series_resistance_is_taken_off() -> None:
    shifted = SIMULATED.frame.assign(potential_V=lambda t: t["potential_V"] + 50 * t["current_A"])
    result = dt.analyze_cv(shifted, series_resistance=50)
    np.testing.assert_allclose(result.k1[0], k1(result.potential), rtol=2e-3)
    uncorrected = dt.analyze_cv(shifted)
    assert np.ptp(uncorrected.peak_potential[0]) > 10 * np.ptp(result.peak_potential[0])


def test_unequal_grids_are_brought_together() -> None:
    tables = [
        simulate.cv([rate], k1, k2, window=(0.0 + 0.01 * n, 1.5 - 0.02 * n), points=300 + 50 * n).frame
        for n, rate in enumerate(RATES)
    ]
    result = dt.analyze_cv(pd.concat(tables))
    np.testing.assert_allclose(result.k1[0], k1(result.potential), rtol=2e-3)
    assert any("in common" in note for note in result.notes)


def test_lost_peaks_are_named() -> None:
    tables = []
    for rate in RATES:
        height = 0.0 if rate > 0.75e-3 else 1.0
        tables.append(simulate.cv([rate], lambda E: 0.3 + 0 * E, lambda E, h=height: h * 0.02 * bump(E)).frame)
    result = dt.analyze_cv(pd.concat(tables))
    assert np.isnan(result.peak_current[0, -2:]).all()
    assert np.isfinite(result.b_peak).all()
    assert any("peak 0 is not found at 0.8, 0.9 mV/s" in message for message in result.warnings)


def test_no_peaks_are_none() -> None:
    result = dt.analyze_cv(simulate.cv(RATES, lambda E: 0.3 + E, lambda E: 0.01 + 0 * E).frame)
    assert result.b_peak.size == 0
    assert len(result.peaks) == 0
    assert result.to_dataset().sizes["peak"] == 0


def test_two_rates_have_no_uncertainty() -> None:
    result = dt.analyze_cv(simulate.cv(RATES[[0, -1]], k1, k2).frame)
    assert np.isnan(result.u_b).all()
    assert np.isfinite(result.b).all()
    assert "two scan rates" in result.warnings[0]


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (SIMULATED.frame[:1200], {}, "there is one scan rate, 0.1 mV/s"),
        (SIMULATED.frame.assign(scan_rate_V_s=-1.0), {}, "scan rates must be positive"),
        (SIMULATED.frame[SIMULATED.frame["current_A"] > 0], {}, "no whole cathodic sweep"),
        (SIMULATED.frame.drop(columns="current_A"), {}, "no column 'current_A'"),
        (SIMULATED.frame[:5], {}, "there are 5 rows"),
        (SIMULATED.frame, {"edge": 0.5}, "edge is a share"),
        (SIMULATED.frame, {"cells": 3}, "cells must be at least 10"),
        (SIMULATED.frame, {"series_resistance": -1}, "series_resistance is in ohm"),
    ],
)
def test_bad_input_is_named(frame: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.analyze_cv(frame, **options)


def test_cell_means_are_exact_for_straight_lines() -> None:
    E = np.array([0.0, 0.1, 0.4, 0.45, 1.0])
    edges = np.linspace(0.05, 0.95, 8)
    np.testing.assert_allclose(_cell_means(E, 3 - 2 * E, edges), 3 - (edges[1:] + edges[:-1]))
    kinked = np.abs(E - 0.4)
    total = _cell_means(E, kinked, np.array([0.0, 1.0]))
    assert total[0] == pytest.approx(0.08 + 0.18)


def test_tables_and_dataset() -> None:
    result = dt.analyze_cv(SIMULATED.frame)
    assert set(result.peaks["branch"]) == {"anodic", "cathodic"}
    assert len(result.shares()) == 24
    assert {"potential_V", "b", "k1_F", "r2"} <= set(result.to_frame().columns)
    dataset = result.to_dataset()
    assert dataset["current"].dims == ("rate", "branch", "cell")
    assert dataset["k1"].attrs["units"] == "F"
    assert repr(result) == "<CvResult: 8 scan rates, 0.1 to 0.9 mV/s, 2 peaks>"


def test_a_million_rows_take_seconds() -> None:
    from time import perf_counter

    frame = simulate.cv(RATES, k1, k2, points=65_000, noise=0.01).frame
    assert len(frame) > 1_000_000
    start = perf_counter()
    dt.analyze_cv(frame)
    assert perf_counter() - start < 10
