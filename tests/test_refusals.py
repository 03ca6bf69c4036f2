"""What is refused with a reason, and the rare ways out of the kinetics that no story of another file passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drtengine as dt
from drtengine import simulate
from drtengine.analysis import comparison
from drtengine.errors import InvalidInput, UnreadableFile

FREQUENCY = np.geomspace(1e4, 1e-1, 31)
CELL = simulate.Circuit([simulate.Resistor(10), simulate.ZARC(50, 1e-3, 0.8), simulate.ZARC(30, 0.1, 0.9)])
CAMPAIGN = simulate.campaign([CELL] * 3, FREQUENCY, coordinates={"voltage": [0.1, 0.2, 0.3]}, level=0.003)
RESULT = dt.fit_drt(CAMPAIGN, method="ridge")
RATES = np.array([1e-4, 2e-4, 5e-4])
CV = simulate.cv(RATES, lambda E: 0.3 + 0 * E, lambda E: 0.01 + 0 * E)

GITT = simulate.gitt(D=1e-15, count=3, sphere_radius=5e-6).frame


def gitt(**changes: Any) -> dt.GittResult:
    return dt.fit_gitt(GITT.assign(**changes), sphere_radius=5e-6)


# ---------------------------------------------------------------- tables of kinetics


def test_a_table_and_arrays_at_once() -> None:
    with pytest.raises(InvalidInput, match="give either a table or arrays, got a table and current_A"):
        dt.summarize_cycling(GITT, current_A=[1.0])


def test_columns_of_different_length() -> None:
    with pytest.raises(InvalidInput, match="columns differ in length: time 3, current 3, voltage 2"):
        dt.summarize_cycling(time_s=[0.0, 1, 2], current_A=[0.0, 1, 0], voltage_V=[1.0, 1])


def test_too_few_rows() -> None:
    with pytest.raises(InvalidInput, match="there are 2 rows with time, current and voltage; at least three"):
        dt.fit_gitt(GITT.iloc[:2], sphere_radius=5e-6)


@pytest.mark.parametrize(
    ("step_time", "reason"),
    [
        (np.where(np.arange(len(GITT)) == 5, np.nan, GITT["time_s"]), "it is not a number or negative in places"),
        (GITT["time_s"], "it never starts again"),
        (np.where(np.arange(len(GITT)) % 9 == 0, 5e5, 6e5), "steps began before the step before them ended"),
    ],
)
def test_a_step_time_that_cannot_be_one_is_left_out_and_told(step_time: Any, reason: str) -> None:
    result = gitt(step_time_s=step_time)
    assert any(f"step_time was not used: {reason}" in note or reason in note for note in result.notes)
    np.testing.assert_array_equal(result.D, gitt().D)


def test_more_charge_than_the_capacity_is_told() -> None:
    result = dt.fit_gitt(GITT, sphere_radius=5e-6, capacity=1e-3)
    assert any("C, more than the capacity of 0.001 C" in note for note in result.notes)


def test_sweeps_without_a_common_potential() -> None:
    frame = pd.DataFrame(CV.frame)
    rate = frame["scan_rate_V_s"].to_numpy()
    with pytest.raises(InvalidInput, match="the potentials of the sweeps have nothing in common"):
        dt.analyze_cv(frame.assign(potential_V=frame["potential_V"] + 10 * (rate > RATES[1])))


def test_scan_rates_cannot_be_told_from_a_potential_that_rests() -> None:
    with pytest.raises(InvalidInput, match="the potential rests in places"):
        dt.analyze_cv(time_s=np.zeros(40), potential_V=np.linspace(0, 1, 40), current_A=np.ones(40))


def test_simulations_that_make_no_sense() -> None:
    with pytest.raises(InvalidInput, match="count must be at least 1, got 0"):
        simulate.gitt(D=1e-15, count=0, sphere_radius=5e-6)
    with pytest.raises(InvalidInput, match="delay must be at least 0 and less than interval"):
        simulate.gitt(D=1e-15, count=2, sphere_radius=5e-6, delay=1e4)
    with pytest.raises(InvalidInput, match="cycles must be at least 1, got 0"):
        simulate.film_cv(RATES, D=1e-14, thickness=1e-6, cycles=0)


def halves(cycles: int, voltage: Any = None) -> pd.DataFrame:
    """Discharge and charge of an hour each, with rests, a row a minute."""
    sign = np.concatenate([[-1.0] * 61 + [0.0] * 10 + [1.0] * 61 + [0.0] * 10] * cycles)
    E = 1 + 0.5 * np.sin(np.arange(sign.size) / 40) if voltage is None else np.full(sign.size, voltage)
    return pd.DataFrame({"time_s": 60.0 * np.arange(sign.size), "current_A": 1e-3 * sign, "voltage_V": E})


def test_cycles_without_current_are_left_out_and_told() -> None:
    frame = halves(2)
    frame["cycle"] = np.where(np.arange(len(frame)) >= len(frame) - 5, 9, 1 + np.arange(len(frame)) // 142)
    result = dt.summarize_cycling(frame)
    assert result.cycle.tolist() == [1, 2]
    assert any("1 cycle number(s) without current left out" in note for note in result.notes)
    assert repr(result).startswith("<CyclingResult: 2 cycles, discharge first, ICE")


def test_a_half_cycle_that_is_not_there() -> None:
    result = dt.summarize_cycling(halves(2).iloc[: 142 + 65])
    assert result.complete.tolist() == [True, False]
    with pytest.raises(InvalidInput, match="cycle 2 has no charge"):
        result.differential_capacity(2, "charge")


def test_all_charge_at_one_voltage_stands_in_one_cell() -> None:
    result = dt.summarize_cycling(halves(1, voltage=1.0))
    E, dQ_dV = result.differential_capacity(1, "discharge", width=0.5)
    assert E.tolist() == [1.25]
    np.testing.assert_allclose(0.5 * dQ_dV.sum(), 1e-3 * 3600, rtol=0.02)


# ---------------------------------------------------------------- results that do not fit together


def test_results_per_area_are_not_compared_with_ohm() -> None:
    with pytest.raises(InvalidInput, match="DrtResult is in ohm cm2; compare resistances in ohm"):
        dt.compare_resistances(dt.fit_drt(CAMPAIGN, method="ridge", area=1e-4))


def test_maps_without_anything_in_common() -> None:
    other = dt.fit_drt(CAMPAIGN.with_coordinates(voltage=[1.1, 1.2, 1.3]), method="log")
    mine = dt.fit_drt(CAMPAIGN, method="log")
    with pytest.raises(InvalidInput, match=r"no value lies between 1\.1 and 1\.3, where 'voltage' was measured"):
        dt.compare_maps(mine, other, along="voltage")
    far = simulate.campaign([CELL] * 3, 1e-9 * FREQUENCY, coordinates={"voltage": [0.1, 0.2, 0.3]})
    with pytest.raises(InvalidInput, match="a and b have no relaxation time in common"):
        dt.compare_maps(mine, dt.fit_drt(far, method="log"), along="voltage")


def test_a_choice_of_no_spectrum() -> None:
    with pytest.raises(InvalidInput, match=r"chooses none of 3 spectra"):
        dt.track_peaks(RESULT, spectra=[False, False, False])


def test_what_is_no_check_cannot_become_one() -> None:
    checked = dt.check_kk(CAMPAIGN).to_dataset()
    with pytest.raises(InvalidInput, match="the dataset holds DrtResult, not a KkResult"):
        dt.KkResult.from_dataset(RESULT.to_dataset())
    with pytest.raises(InvalidInput, match="the dataset lacks 'verdict' of a KkResult"):
        dt.KkResult.from_dataset(checked.drop_vars("verdict"))


def test_bounds_of_tied_parameters_that_exclude_each_other() -> None:
    with pytest.raises(InvalidInput, match="tied together exclude each other"):
        dt.fit_circuit(
            CAMPAIGN,
            "R0-p(R1,CPE1)-p(R2,CPE2)",
            ties={"R2": "R1"},
            bounds={"R1": (1.0, 2.0), "R2": (3.0, 4.0)},
        )


def test_damaged_analyses_are_named(tmp_path: Path) -> None:
    dt.save(dt.check_kk(CAMPAIGN), tmp_path / comparison.RESULT)
    with pytest.raises(UnreadableFile, match="holds a KkResult, not an inversion"):
        comparison.read_analysis(tmp_path)
    dt.save(RESULT, tmp_path / comparison.RESULT)
    for text in ("{", "[]", '{"title": "x"}'):
        (tmp_path / comparison.SUMMARY).write_text(text, encoding="utf-8")
        with pytest.raises(UnreadableFile, match=f"{comparison.SUMMARY} is damaged"):
            comparison.read_analysis(tmp_path)


def test_the_least_that_options_take() -> None:
    assert dt.analyze_cv(CV.frame, cells=10).potential.size == 10
    narrow = dt.fit_gitt(GITT, sphere_radius=5e-6, window=(0.5, 60.0))
    assert (narrow.window[:, 0] >= 0.5).all()
    assert (narrow.window[:, 1] <= 60).all()
