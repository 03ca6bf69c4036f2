"""Resistances of named ranges, and gamma taken apart: against exact integrals and known densities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import trapezoid

import drtengine as dt
from drtengine import simulate
from drtengine.peaks.processes import check_processes, process_of
from drtengine.simulate import ZARC, HavriliakNegami, Resistor

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
STAND_IN = simulate.standin()
RESULT = dt.fit_drt(STAND_IN.campaign, method="ridge", weights="modulus", capacitance=True)
TWO = simulate.benchmark_cases()["two_zarc"]


def fit(cell: simulate.Element, **options: Any) -> dt.DrtResult:
    return dt.fit_drt(dt.Spectrum(FREQUENCY, cell.impedance(FREQUENCY)), method="ridge", **options)


def with_gamma(cell: simulate.Element) -> dt.DrtResult:
    """A result that has the exact density at its nodes."""
    result = fit(cell, basis="piecewise_linear", lambda_=1e-3)
    gamma = cell.gamma(result.tau)[None]
    return replace(result, coefficients=gamma, gamma=gamma.copy())


# processes


def test_stand_in_against_its_exact_integrals() -> None:
    found = dt.integrate_processes(RESULT)
    exact = np.stack([STAND_IN.integral(*limits) for limits in found.limits], axis=1)
    held = (found.R_low <= exact) & (exact <= found.R_high)
    assert (held.mean(axis=0) >= [0.9, 0.9, 0.8]).all()
    charge_transfer = list(found.names).index("charge transfer")
    assert np.abs(found.R / exact - 1)[:, charge_transfer].max() < 0.05
    assert float(ZARC(114, 0.4099, 0.88).integral(1e-2, 1)) == pytest.approx(101.7, abs=0.05)
    np.testing.assert_allclose(found.share, found.R / RESULT.R_pol[:, None])


def test_integrals_are_those_of_gamma() -> None:
    found = dt.integrate_processes(RESULT, {"a": (1e-4, 3e-3), "b": (0.02, 0.7)})
    for k, (low, high) in enumerate(found.limits):
        tau = np.geomspace(low, high, 4001)
        np.testing.assert_allclose(found.R[:, k], trapezoid(RESULT.evaluate(tau), np.log(tau), axis=1), rtol=1e-6)


def test_ranges_that_tile_the_grid_add_up_to_R_pol() -> None:
    found = dt.integrate_processes(RESULT, {"fast": (0, 1e-3), "slow": (0.5, np.inf), "middle": (1e-3, 0.5)})
    assert found.names == ("fast", "slow", "middle")
    np.testing.assert_allclose(found.R.sum(axis=1), RESULT.R_pol, rtol=1e-12)
    assert found.ranges == {"fast": (0, 1e-3), "slow": (0.5, np.inf), "middle": (1e-3, 0.5)}


def test_what_was_not_measured_is_said() -> None:
    short = np.where(FREQUENCY < 1, np.nan, FREQUENCY)
    Z = np.stack([TWO.impedance(FREQUENCY)] * 3)
    Z[1][FREQUENCY < 1] = np.nan
    Z[2, 4] = np.nan
    campaign = dt.Campaign.from_arrays(np.stack([FREQUENCY, short, FREQUENCY]), Z, names=["whole", "short", "broken"])
    result = dt.fit_drt(campaign, method="ridge", lambda_=1e-4)
    found = dt.integrate_processes(result, {"middle": (1e-2, 1), "slow": (1, 10)})
    assert np.isnan(found.R[1:, 1]).all()
    assert np.isnan([found.R[2], found.u_R[2], found.R_low[2], found.extrapolated[2]]).all()
    assert found.notes == ("short: did not measure where 'slow' lies",)
    outside = result.evaluate(tau := np.geomspace(1 / (2 * np.pi), 1, 2001))[1]
    expected = trapezoid(outside, np.log(tau)) / found.R[1, 0]
    assert found.extrapolated[1, 0] == pytest.approx(expected, rel=0.02)  # the last frequency is above 1 Hz
    assert found.extrapolated[0, 0] == 0


def test_intervals_stay_above_zero_where_gamma_does() -> None:
    nothing = {"nothing": (1e-5, 2e-5)}
    assert dt.integrate_processes(fit(TWO, lambda_=1e-3), nothing).R_low[0, 0] == 0
    assert dt.integrate_processes(fit(TWO, lambda_=1e-3, nonneg=False), nothing).R_low[0, 0] < 0


def test_process_tables() -> None:
    found = dt.integrate_processes(RESULT)
    frame, dataset = found.to_frame(), found.to_dataset()
    assert len(frame) == 48 * 3
    assert frame["process"][:3].tolist() == ["SEI", "charge transfer", "diffusion"]
    assert frame["voltage"][3] == STAND_IN.campaign.coordinates["voltage"][1]
    assert frame["tau_to"][:3].tolist() == [1e-3, 1, 10]
    np.testing.assert_array_equal(frame["R_high"], found.R_high.ravel())
    np.testing.assert_array_equal(dataset.R.sel(process="diffusion"), found.R[:, 2])
    assert dataset.R.attrs["units"] == "ohm"
    assert dataset.attrs["level"] == 0.95
    assert len(found) == 48


@pytest.mark.parametrize(
    ("processes", "message"),
    [
        ({}, "must map names"),
        ([("a", (1, 2))], "must map names"),
        ({"": (1, 2)}, "a name must be"),
        ({"a": 1}, "'a' must lie between"),
        ({"a": (1, 2, 3)}, "'a' must lie between"),
        ({"a": (2, 1)}, "0 <= from < to"),
        ({"a": (-1, 1)}, "0 <= from < to"),
        ({"a": (np.nan, 1)}, "0 <= from < to"),
        ({"a": (1, 3), "b": (2, 9)}, "'a' and 'b' overlap between 2 and 3 s"),
        ({"a": (1, 9), "b": (2, 3)}, "'a' and 'b' overlap between 2 and 3 s"),
        ({"a": (1e4, 1e5)}, "'a', 10000 to 100000 s, lies outside"),
    ],
)
def test_bad_processes_are_explained(processes: Any, message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.integrate_processes(RESULT, processes)


def test_processes_need_a_result() -> None:
    with pytest.raises(dt.InvalidInput, match=r"integrate_processes\(\) takes"):
        dt.integrate_processes(STAND_IN)  # type: ignore[arg-type]


def test_touching_ranges_are_told_apart() -> None:
    ranges = check_processes({"b": (1, 2), "a": (0, 1)})
    assert process_of(np.array([0.5, 1.0, 2.0, 3.0]), ranges).tolist() == ["a", "b", "", ""]


# components


@pytest.mark.parametrize(
    ("shape", "cell", "expected"),
    [
        ("zarc", TWO, [[50, 1e-3, 0.8], [50, 1e-1, 0.8]]),
        ("hn", Resistor(1) + HavriliakNegami(50, 1e-2, 0.85, 0.6), [[50, 1e-2, 0.85, 0.6]]),
        ("hn", TWO, [[50, 1e-3, 0.8, 1], [50, 1e-1, 0.8, 1]]),
    ],
)
def test_exact_densities_are_taken_apart(shape: str, cell: simulate.Element, expected: list[list[float]]) -> None:
    found = dt.fit_components(with_gamma(cell), shape=shape, tau=[row[1] for row in expected])
    np.testing.assert_allclose(found.values, expected, rtol=1e-3)
    assert found.misfit[0] < 1e-4
    tau = np.geomspace(1e-4, 1, 7)
    np.testing.assert_allclose(found.evaluate(tau).sum(axis=0), cell.gamma(tau), rtol=1e-3)


def test_gaussians_are_taken_apart() -> None:
    result = with_gamma(TWO)
    u = np.log(result.tau / 1e-2)
    gamma = (30 * np.exp(-((u / 0.7) ** 2) / 2) / (0.7 * np.sqrt(2 * np.pi)))[None]
    found = dt.fit_components(replace(result, coefficients=gamma, gamma=gamma), shape="gaussian")
    np.testing.assert_allclose(found.values, [[30, 1e-2, 0.7]], rtol=1e-4)
    assert found["sigma"] == pytest.approx(0.7, rel=1e-4)


def test_components_of_noisy_spectra_are_held() -> None:
    Z = simulate.add_noise(np.repeat(TWO.impedance(FREQUENCY)[None], 20, axis=0), 0.002, seed=8)
    result = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method="ridge", weights="modulus", order=2)
    found = dt.fit_components(result, tau=[1e-3, 1e-1])
    assert found.spectrum.tolist() == [i for i in range(20) for _ in (0, 1)]
    exact = np.tile([[50, 1e-3, 0.8], [50, 1e-1, 0.8]], (20, 1))
    assert ((found.values_low <= exact) & (exact <= found.values_high)).mean() >= 0.9
    assert np.median(np.abs(found.values / exact - 1), axis=0).max() < 0.03
    assert (found.u_values > 0).all()


def test_bounds_are_kept_and_marked() -> None:
    bounds = {"phi": [(0.5, 0.7), (0.5, 0.99)], "R": (0, 200)}
    found = dt.fit_components(with_gamma(TWO), tau=[1e-3, 1e-1], bounds=bounds)
    assert found["phi"][0] == pytest.approx(0.7, abs=1e-6)
    assert found.at_bound.tolist() == [[False, False, True], [False, False, False]]
    assert np.isnan(found.u_values[0, 2])
    assert (found.u_values[1] > 0).all()
    for u in (found.values_low, found.values_high):
        assert np.isnan(u[found.at_bound]).all()


def test_start_is_the_peaks_in_the_window() -> None:
    slow = fit(Resistor(5) + ZARC(20, 1e-3, 0.8) + simulate.RC(50, 60.0), lambda_=1e-4)
    found = dt.fit_components(slow)
    assert (found["tau"] < 1 / (2 * np.pi * 1e-2)).sum() == len(found) - found.at_bound[:, 1].sum()
    assert np.abs(np.log(found["tau"] / 1e-3)).min() < 0.1


def test_component_tables_and_failures() -> None:
    Z = np.stack([TWO.impedance(FREQUENCY)] * 2)
    Z[1, 0] = np.nan
    result = dt.fit_drt(
        dt.Campaign.from_arrays(FREQUENCY, Z, coordinates={"cycle": [1, 2]}), method="ridge", lambda_=1e-4
    )
    found = dt.fit_components(result)
    assert found.spectrum.tolist() == [0, 0]
    assert np.isnan(found.misfit[1])
    frame, dataset = found.to_frame(), found.to_dataset()
    assert {"name", "cycle", "R", "u_R", "R_low", "R_high", "tau", "u_phi", "at_bound", "misfit"} <= set(frame)
    np.testing.assert_array_equal(dataset.u_tau, frame["u_tau"])
    assert dataset.R.attrs["units"] == "ohm"
    crowded = dt.fit_components(result, tau=np.geomspace(1e-5, 1, 40))
    assert len(crowded) == 0
    assert "120 parameters for" in crowded.notes[0]
    assert crowded.to_frame().empty


def test_fits_that_give_up_are_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drtengine.peaks.components._MOST_EVALUATIONS", 1)
    found = dt.fit_components(with_gamma(TWO), tau=[1e-4, 1e-2])
    assert np.isnan(found.values).all()
    assert np.isnan(found.u_values).all()
    assert "did not converge" in found.notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "sarc"}, "unknown shape 'sarc'.*zarc"),
        ({"tau": [0.0]}, "tau must be finite and positive"),
        ({"bounds": {"alpha": (0, 1)}}, "a zarc has no 'alpha'"),
        ({"bounds": {"phi": (0.5, 1.5)}}, "'phi' needs 0 <= least"),
        ({"bounds": {"phi": (0.9, 0.5)}}, "'phi' needs"),
        ({"bounds": {"phi": [(0.1, 0.5), (0.5, 0.9)]}}, "one pair .* as tau is not given"),
        ({"tau": [1e-3], "bounds": {"tau": (1e-2, 1)}}, "start 0.001 s lies outside"),
        ({"level": 0.0}, "level must be positive"),
    ],
)
def test_bad_components_are_explained(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.fit_components(RESULT, **options)


def test_no_other_parameter() -> None:
    with pytest.raises(dt.InvalidInput, match="no parameter 'beta'"):
        dt.fit_components(with_gamma(TWO))["beta"]


@pytest.mark.parametrize("method", ["log", "elements"])
def test_lines_of_diffusion_are_reckoned_with(method: str) -> None:
    """A finite Warburg element has lines at 7.9 and 0.88 s, either side of the limit of 1 s."""
    result = dt.fit_drt(STAND_IN.campaign, method=method, capacitance=True)
    found, narrow = dt.integrate_processes(result), dt.integrate_processes(result, lines=False)
    assert np.array_equal(narrow.R, found.R)
    assert (found.u_R >= narrow.u_R).all()
    exact = np.stack([STAND_IN.integral(max(low, result.tau[0]), high) for low, high in found.limits], axis=1)
    held, hardly = ((r.R_low <= exact) & (exact <= r.R_high) for r in (found, narrow))
    assert (held.mean(axis=0) >= 0.9).all()
    assert hardly.mean() < 0.8
    assert any("for granted" in note for note in narrow.notes) == (method == "elements")
    assert not any("for granted" in note for note in found.notes)
    with pytest.raises(dt.InvalidInput, match="lines must be True or False"):
        dt.integrate_processes(result, lines="yes")  # type: ignore[arg-type]


def test_intervals_hold_for_a_smooth_gamma_taken_at_its_word() -> None:
    Z = simulate.add_noise(np.repeat(TWO.impedance(FREQUENCY)[None], 60, axis=0), 0.005, seed=3)
    result = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method="log")
    limits = {"fast": (1e-5, 3e-3), "slow": (1e-2, 3.0)}
    for lines, widest in ((False, 0.05), (True, 0.12)):
        found = dt.integrate_processes(result, limits, lines=lines)
        for k, (low, high) in enumerate(limits.values()):
            exact = float(TWO.integral(low, high))
            assert ((found.R_low[:, k] <= exact) & (exact <= found.R_high[:, k])).mean() >= 0.9
            assert np.median((found.R_high - found.R_low)[:, k]) < 2 * widest * exact
        assert not found.notes


@pytest.mark.parametrize("method", ["log", "elements"])
@pytest.mark.parametrize("off", [0.95, 1.0, 1.05])
def test_a_line_at_a_limit_is_wholly_in_or_out(method: str, off: float) -> None:
    """Wherever a limit runs through the peak of a line, the interval reaches from none to all, as far as undecided."""
    cell = Resistor(10) + ZARC(30, 1e-4, 0.8) + simulate.RC(20, 0.1)
    Z = simulate.add_noise(np.repeat(cell.impedance(FREQUENCY)[None], 10, axis=0), 0.005, seed=4)
    result = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method=method)
    found = dt.integrate_processes(result, {"slow": (0.1 * off, 50.0), "fast": (1e-6, 1e-3)})
    exact = np.array([float(cell.integral(*limits)) for limits in found.limits])
    assert ((found.R_low <= exact) & (exact <= found.R_high)).mean(axis=0) == pytest.approx([1, 1])
    assert "'slow': its limit of" in " ".join(found.notes)
    assert "'fast'" not in " ".join(found.notes)
    if method == "log" and off == 1.0:
        assert (found.R_low[:, 0] < 5).all()
        assert (found.R_high[:, 0] > 15).all()
