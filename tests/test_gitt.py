"""GITT: the exact solution gives back its D, intervals cover it, and doubtful pulses are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import drtengine as dt
from drtengine import simulate
from drtengine.geometry import Geometry
from drtengine.gitt import _has_gap
from drtengine.records import as_record, find_steps
from drtengine.simulate.gitt import surface_response

SPHERE = {"sphere_radius": 5e-6}
SIMULATED = simulate.gitt(D=1e-15, count=6, **SPHERE)


def truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "kinetics" / "truth" / f"{name}.csv")


# against truth


@pytest.mark.parametrize(
    ("name", "geometry", "D", "gate"),
    [
        ("exact_gitt_plane_ideal", {"plane_thickness": 1e-5}, 1e-14, 0.001),
        ("exact_gitt_sphere_ideal", SPHERE, 1e-15, 0.001),
        ("exact_gitt_plane_ohmic_ct_noise", {"plane_thickness": 1e-5}, 1e-14, 0.02),
        ("pybamm_gitt_nmc_spm_valid", {"sphere_radius": 5.3e-6}, 1e-15, 0.015),
        ("pybamm_gitt_si_spm_rest30min", {"sphere_radius": 1.52e-6}, 1e-16, 0.04),
    ],
)
def test_truth_is_found(shared_data: Path, name: str, geometry: dict[str, float], D: float, gate: float) -> None:
    result = dt.fit_gitt(truth(shared_data, name), **geometry)
    assert np.isfinite(result.D).all()
    assert abs(np.median(result.D) / D - 1) < gate
    assert (result.direction == "lithiation").all()


def test_noise_and_double_layer_are_seen(shared_data: Path) -> None:
    result = dt.fit_gitt(truth(shared_data, "exact_gitt_plane_ohmic_ct_noise"), plane_thickness=1e-5)
    np.testing.assert_allclose(result.tau_RC, 1.8, rtol=0.3)
    np.testing.assert_allclose(result.R, 80, rtol=0.01)
    assert (result.window[:, 0] > 5 * 1.8 * 0.9).all()
    np.testing.assert_allclose(np.median(result.rms), 1e-4, rtol=0.1)
    assert ((result.D_low < 1e-14) & (result.D_high > 1e-14)).mean() > 0.8


def test_short_rests_are_flagged(shared_data: Path) -> None:
    result = dt.fit_gitt(truth(shared_data, "pybamm_gitt_si_spm_rest30min"), sphere_radius=1.52e-6)
    assert all("rest incomplete" in flag for flag in result.flag)
    assert (np.abs(result.rest_slope) > 1e-7).all()
    assert "40 of 40 pulses: rest incomplete" in result.notes
    assert np.isfinite(result.D).all()  # a value with a doubt says more than none
    assert not result.trusted.any()


def test_classical_is_eq_6(shared_data: Path) -> None:
    """On a plane the whole pulse is a straight line in √t, so that eq. 6 is right; a sphere bends."""
    plane = dt.fit_gitt(truth(shared_data, "exact_gitt_plane_ideal"), plane_thickness=1e-5)
    np.testing.assert_allclose(plane.D_classical, 1e-14, rtol=1e-3)
    hand = 4 / np.pi / plane.duration * 1e-10 * (plane.delta_E_s / (plane.E_end - plane.E_start)) ** 2
    np.testing.assert_allclose(plane.D_classical, hand)
    sphere = dt.fit_gitt(truth(shared_data, "exact_gitt_sphere_ideal"), **SPHERE)
    assert 0.7 < np.median(sphere.D_classical) / 1e-15 < 0.8


def test_others_titration_runs(shared_data: Path) -> None:
    table = pd.read_csv(shared_data / "kinetics" / "ampworks" / "gitt_discharge.csv.gz")
    arrays = {"time_s": table["Seconds"], "current_A": table["Amps"], "voltage_V": table["Volts"]}
    result = dt.fit_gitt(**arrays, sphere_radius=1.8e-6)
    assert len(result) == 121
    assert np.isfinite(result.D).all()
    assert (np.diff(result.lithiation) > 0).all()
    # these pulses fill the particles almost: eq. 6 then tends to (4/πτ) ℓ², whatever D is
    bound = 4 / np.pi / result.duration * result.geometry.length**2
    assert np.median(result.D_classical / bound) > 0.7
    assert (result.validity > 0.5).all()


@pytest.mark.parametrize("geometry", [SPHERE, {"plane_thickness": 1e-5}])
def test_intervals_cover_the_truth(geometry: dict[str, Any]) -> None:
    hits = []
    for seed in range(30):
        cell = simulate.gitt(D=2e-15, count=10, R_ct=10.0, noise=1e-4, seed=seed, **geometry)
        result = dt.fit_gitt(cell.frame, **geometry)
        hits += list((result.D_low <= 2e-15) & (result.D_high >= 2e-15))
    assert len(hits) == 300
    assert 0.9 <= np.mean(hits) <= 0.99


def test_pulses_like_the_study_come_back() -> None:
    """20 min pulses, 30 min rests, the range of D reported for them; films too thick for such rests are flagged."""
    pulses = {"pulse": 1200.0, "rest": 1800.0, "count": 20, "step": 0.03, "R_ct": 10.0, "noise": 1e-4}
    for D, geometry in ((2.157e-17, {"sphere_radius": 1e-6}), (1.96e-14, {"plane_thickness": 7.425e-6})):
        result = dt.fit_gitt(simulate.gitt(D=D, **pulses, **geometry).frame, **geometry)
        assert np.median(result.D) == pytest.approx(D, rel=0.04)
        assert ((result.D_low <= D) & (result.D_high >= D)).mean() >= 0.75
    film = {"plane_thickness": 7.425e-6}
    slow = dt.fit_gitt(simulate.gitt(D=2.157e-17, **pulses, **film).frame, **film)
    assert all("rest incomplete" in flag for flag in slow.flag)
    assert not slow.trusted.any()


@pytest.mark.parametrize("delay", [1.0, 3.0, 4.9])
def test_unrecorded_instant_of_switching_is_found(delay: float) -> None:
    cell = simulate.gitt(D=1e-15, count=4, delay=delay, **SPHERE)
    result = dt.fit_gitt(cell.frame, **SPHERE)
    np.testing.assert_allclose(result.time, cell.switches[:, 0], atol=0.1)
    np.testing.assert_allclose(result.D, 1e-15, rtol=0.01)


def test_step_time_tells_the_instant() -> None:
    cell = simulate.gitt(D=1e-15, count=4, delay=4.0, noise=1e-4, **SPHERE)
    begins = np.concatenate([[0.0], cell.switches.ravel()])
    time = cell.frame["time_s"].to_numpy()
    frame = cell.frame.assign(step_time_s=time - begins[np.searchsorted(begins, time, side="right") - 1])
    result = dt.fit_gitt(frame, **SPHERE)
    np.testing.assert_allclose(result.time, cell.switches[:, 0], atol=1e-9)
    nonsense = cell.frame.assign(step_time_s=time + 290136.4)
    assert any("step_time was not used" in note for note in dt.fit_gitt(nonsense, **SPHERE).notes)


@given(
    D=st.floats(1e-16, 3e-15),
    radius=st.floats(3e-6, 2e-5),
    scale=st.floats(1e-3, 1e3),
    offset=st.floats(0, 1e6),
    flip=st.booleans(),
)
def test_units_signs_and_origins_do_not_matter(
    D: float, radius: float, scale: float, offset: float, flip: bool
) -> None:
    cell = simulate.gitt(D=D, sphere_radius=radius, count=2, rest=1e4)
    result = dt.fit_gitt(cell.frame, sphere_radius=radius)
    moved = dt.fit_gitt(
        time_s=cell.frame["time_s"] + offset,
        current_A=cell.frame["current_A"] * scale * (-1 if flip else 1),
        voltage_V=cell.frame["voltage_V"] + 1,
        sphere_radius=radius,
    )
    np.testing.assert_allclose(moved.D, result.D, rtol=1e-4)
    assert (moved.direction == "lithiation").all()
    np.testing.assert_allclose(moved.charge, result.charge * scale, atol=1e-9 * scale)


def test_surface_response_joins_its_two_forms() -> None:
    for shape in ("sphere", "plane"):
        geometry = Geometry(shape, 5e-6)
        t = 0.05 * 25e-12 / 1e-15 * np.array([1 - 1e-9, 1 + 1e-9])
        early, late = surface_response(t, geometry, 1e-15)
        assert early == pytest.approx(late, rel=1e-7)


def test_charge_and_discharge_in_one_file() -> None:
    down = simulate.gitt(D=1e-15, count=3, **SPHERE).frame
    up = simulate.gitt(D=1e-15, count=3, step=-0.02, start=0.16, **SPHERE).frame
    up["time_s"] += down["time_s"].iloc[-1] + 1
    result = dt.fit_gitt(pd.concat([down, up]), **SPHERE)
    assert result.direction.tolist() == ["lithiation"] * 3 + ["delithiation"] * 3
    np.testing.assert_allclose(result.D, 1e-15, rtol=1e-3)
    np.testing.assert_allclose(result.lithiation[[0, 3]], [0, 1], atol=0.01)


# doubtful pulses


def test_plateau_has_no_D_but_a_bound() -> None:
    def flat(x: Any) -> Any:
        return np.where(x < 0.14, 0.68 - 0.8 * x, 0.68 - 0.8 * 0.14)

    cell = simulate.gitt(D=1e-15, count=6, potential=flat, noise=1e-5, **SPHERE)
    result = dt.fit_gitt(cell.frame, **SPHERE)
    assert np.isnan(result.D[4:]).all()
    assert all("plateau" in flag for flag in result.flag[4:])
    assert (result.D_low[4:] == 0).all()
    assert np.isfinite(result.D_high[4:]).all()
    assert np.isfinite(result.D[:2]).all()


def test_incomplete_ends_are_named() -> None:
    frame = SIMULATED.frame
    on, off = SIMULATED.switches[0], SIMULATED.switches[-1]
    cut = frame[(frame["time_s"] > on[0] + 1) & (frame["time_s"] < off[1])]
    result = dt.fit_gitt(cut, **SPHERE)
    assert len(result) == 5
    assert "no rest before" in result.flag[0]
    assert np.isnan(result.D[0])
    assert np.isfinite(result.D[1:]).all()
    assert "left out the last pulse: there is no rest after it" in result.notes


def test_missing_rest_is_named() -> None:
    frame, switches = SIMULATED.frame, SIMULATED.switches
    rest = (frame["time_s"] > switches[2, 1]) & (frame["time_s"] <= switches[3, 0])
    result = dt.fit_gitt(frame[~rest].assign(step=np.searchsorted(switches.ravel(), frame["time_s"])[~rest]), **SPHERE)
    assert "no rest after" in result.flag[2]
    assert "no rest before" in result.flag[3]


def test_merged_pulses_are_named() -> None:
    """The rest between two pulses was not recorded: they look like one."""
    frame, switches = SIMULATED.frame, SIMULATED.switches
    rest = (frame["time_s"] > switches[2, 1]) & (frame["time_s"] <= switches[3, 0])
    result = dt.fit_gitt(frame[~rest], **SPHERE)
    assert len(result) == 5
    assert "rows missing" in result.flag[2]
    assert (result.flag[[0, 1, 3, 4]] == "").all()


def test_rows_that_thin_out_are_no_gap() -> None:
    assert not _has_gap(np.geomspace(1, 600, 12))
    assert not _has_gap(np.array([0.0, 300, 600]))
    assert _has_gap(np.concatenate([np.arange(0, 1200, 10), 3000 + np.arange(0, 1200, 10)]))


def test_hours_taken_for_seconds_are_questioned() -> None:
    frame = SIMULATED.frame.assign(time_s=SIMULATED.frame["time_s"] / 3600)
    with pytest.warns(dt.DataWarning, match="the pulses last 0.17 s: was the time given in h or min"):
        dt.fit_gitt(frame, **SPHERE)
    right = dt.fit_gitt(frame.rename(columns={"time_s": "time_h"}), **SPHERE)
    np.testing.assert_allclose(right.D, 1e-15, rtol=1e-3)


def test_rest_currents_and_spikes_do_not_disturb() -> None:
    frame = SIMULATED.frame.copy()
    frame.loc[frame["current_A"] == 0, "current_A"] = 3e-6
    frame.loc[frame.index[5], "current_A"] = 10.0
    result = dt.fit_gitt(frame, **SPHERE)
    assert len(result) == 6
    np.testing.assert_allclose(result.D[1:], 1e-15, rtol=1e-3)


@pytest.mark.parametrize("noise", [1e-3, 0.01, 0.1])
def test_a_current_that_hovers_about_the_threshold_makes_no_pulses(noise: float) -> None:
    """A charge at constant voltage after the titration, whose current ends at 2 % of the largest."""
    titration = SIMULATED.frame
    time = np.arange(20000.0)
    current = titration["current_A"].abs().max() * np.fmax(np.exp(-time / 800), 0.02)
    current *= 1 + noise * np.random.default_rng(1).standard_normal(time.size)
    charge = pd.DataFrame({"time_s": time + titration["time_s"].max() + 1, "current_A": current, "voltage_V": 4.2})
    record = as_record(pd.concat([titration, charge], ignore_index=True), {})
    notes: list[str] = []
    assert len(find_steps(record, notes=notes)) == len(find_steps(as_record(titration, {}))) + 2
    assert "hovers about the threshold" in notes[0]
    result = dt.fit_gitt(pd.concat([titration, charge], ignore_index=True), **SPHERE)
    assert len(result) == 7
    np.testing.assert_allclose(result.D[:5], dt.fit_gitt(titration, **SPHERE).D[:5], rtol=1e-12)
    assert any("hovers" in note for note in result.notes)


def test_small_pulses_between_true_rests_are_pulses() -> None:
    """Pulses of 2.5 % of the current of the charge before them."""
    first = SIMULATED.frame.assign(time_s=SIMULATED.frame["time_s"] + 1000)
    charge = pd.DataFrame({
        "time_s": np.arange(0, 900, 10.0), "current_A": -40 * first["current_A"].abs().max(), "voltage_V": 0.0
    })  # fmt: skip
    frame = pd.concat([charge, first.assign(voltage_V=first["voltage_V"])], ignore_index=True)
    result = dt.fit_gitt(frame, **SPHERE)
    np.testing.assert_allclose(result.D[-5:], 1e-15, rtol=1e-3)


# bad input


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {}, "exactly one of sphere_radius"),
        ({}, {"sphere_radius": 5e-6, "plane_thickness": 1e-5}, "exactly one of sphere_radius"),
        ({}, {"sphere_radius": -1}, "sphere_radius must be positive"),
        ({}, {"sphere_radius": 5e-6, "u_length": 5e-6}, "u_length is the standard uncertainty"),
        ({}, {"sphere_radius": 5e-6, "capacity": 0}, "capacity must be positive"),
        ({}, {"sphere_radius": 5e-6, "window": (5, 1)}, "window is start and end"),
        ({}, {"sphere_radius": 5e-6, "threshold": 2}, "threshold is a share"),
        ({"current_A": 0.0}, SPHERE, "the current is zero throughout"),
        ({"current_A": 1.0}, SPHERE, "no pulse with a rest after it"),
        ({"time_s": np.tile([1.0, 0.0], len(SIMULATED.frame))[: len(SIMULATED.frame)]}, SPHERE, "time falls"),
        ({"voltage_V": "a"}, SPHERE, "voltage_V must hold numbers"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.fit_gitt(SIMULATED.frame.assign(**change), **options)


def test_missing_columns_are_named() -> None:
    with pytest.raises(dt.InvalidInput, match="no column 'current_A'; there are 'time_s', 'I', 'voltage_V'"):
        dt.fit_gitt(SIMULATED.frame.rename(columns={"current_A": "I"}), **SPHERE)
    with pytest.raises(dt.InvalidInput, match="read_table"):
        dt.fit_gitt("cell.csv", **SPHERE)  # type: ignore[arg-type]


def test_units_are_read_from_names_and_questioned() -> None:
    frame = SIMULATED.frame
    mA = frame.assign(current_mA=frame["current_A"] * 1e3, voltage_mV=frame["voltage_V"] * 1e3)
    result = dt.fit_gitt(mA.drop(columns=["current_A", "voltage_V"]), **SPHERE)
    np.testing.assert_allclose(result.D, 1e-15, rtol=1e-4)
    assert "column 'current_mA' multiplied by 0.001" in result.notes
    with pytest.warns(dt.DataWarning, match="voltage reaches .* was it given in mV"):
        dt.fit_gitt(frame.assign(voltage_V=frame["voltage_V"] * 1e3), **SPHERE)
    with pytest.warns(dt.DataWarning, match="sphere_radius=5 is taken in m.*µm"):
        dt.fit_gitt(frame, sphere_radius=5)
    with pytest.raises(dt.InvalidInput, match="current is given twice"):
        dt.fit_gitt(mA, **SPHERE)


def test_missing_values_are_dropped_and_noted() -> None:
    frame = SIMULATED.frame.copy()
    frame.loc[frame.index[100:103], "voltage_V"] = np.nan
    result = dt.fit_gitt(frame, **SPHERE)
    np.testing.assert_allclose(result.D, 1e-15, rtol=1e-3)
    assert any("dropped 3 row(s)" in note for note in result.notes)


# what comes out


def test_uncertain_length_counts_twice() -> None:
    sure, unsure = (dt.fit_gitt(SIMULATED.frame, u_length=u, **SPHERE) for u in (0.0, 0.5e-6))
    np.testing.assert_allclose(unsure.D, sure.D)
    np.testing.assert_allclose(unsure.u_D / unsure.D, 0.2, rtol=1e-3)


def test_tables_have_units() -> None:
    result = dt.fit_gitt(SIMULATED.frame, **SPHERE)
    table = result.to_frame()
    assert {"time_s", "D_m2_s", "D_cm2_s", "u_D_m2_s", "E_before_V", "flag", "direction"} <= set(table.columns)
    np.testing.assert_allclose(table["D_cm2_s"], 1e4 * result.D)
    dataset = result.to_dataset()
    assert dataset["D"].attrs["units"] == "m2 s-1"
    assert dataset.attrs["volume_area_m"] == pytest.approx(5e-6 / 3)
    assert dataset["window"].dims == ("pulse", "limit")
    assert "sphere, 5e-06 m, so that volume/area = 1.667e-06 m" in repr(result)
    with pytest.raises(ValueError, match="read-only"):
        result.D[0] = 1


def test_a_million_rows_take_seconds() -> None:
    from time import perf_counter

    one = simulate.gitt(D=1e-15, count=1, rest=3000, interval=0.05, **SPHERE).frame
    copies = 1_000_000 // len(one) + 1
    length = one["time_s"].iloc[-1] + 1
    time = np.concatenate([one["time_s"] + i * length for i in range(copies)])
    start = perf_counter()
    result = dt.fit_gitt(
        time_s=time,
        current_A=np.tile(one["current_A"], copies),
        voltage_V=np.tile(one["voltage_V"], copies),
        **SPHERE,
    )
    assert perf_counter() - start < 10
    assert len(result) == copies
