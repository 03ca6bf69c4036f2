"""ICI: the exact solution, another program's golden case, and what makes a pause doubtful."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drtengine as dt
from drtengine import simulate

SPHERE = {"sphere_radius": 5e-6}
SIMULATED = simulate.ici(D=1e-14, count=30, **SPHERE)


def test_truth_is_found(shared_data: Path) -> None:
    folder = shared_data / "kinetics" / "truth"
    truth = json.loads((folder / "exact_ici_sphere.truth.json").read_text())
    frame = pd.read_csv(folder / "exact_ici_sphere.csv")
    result = dt.fit_ici(frame, sphere_radius=truth["R_m"])
    trusted = result.trusted
    assert trusted.sum() > 50
    np.testing.assert_allclose(result.D[trusted], truth["D_m2_s"], rtol=0.01)
    np.testing.assert_allclose(np.median(result.D[trusted]), truth["D_m2_s"], rtol=0.001)
    np.testing.assert_allclose(result.R[trusted], truth["R_ohm"], rtol=1e-3)
    np.testing.assert_allclose(result.k[trusted], truth["k_expected_ohm_s05"], rtol=1e-3)
    assert all("not yet steady" in flag or "no neighbour" in flag for flag in result.flag[:10])


def test_one_term_is_biased(shared_data: Path) -> None:
    frame = pd.read_csv(shared_data / "kinetics" / "truth" / "exact_ici_sphere.csv")
    result = dt.fit_ici(frame, drift=False, **SPHERE)
    assert 1.1 < np.median(result.D[result.trusted]) / 1e-15 < 1.2


def test_golden_case_of_ici_studio(shared_data: Path) -> None:
    """Straight lines through three rows each: E0, slope, their errors, k where it is positive."""
    folder = shared_data / "kinetics" / "ici_studio"
    golden = json.loads((folder / "golden_case_3.json").read_text())
    table = pd.read_csv(folder / "ici_synthetic_b.csv")
    seen = 0
    for cell, rows in table.groupby("cell"):
        sign = np.sign(rows["I"].to_numpy())
        time = rows["t"].to_numpy(dtype=float)
        begin = np.concatenate([[True], np.diff(sign) != 0])
        step_time = time - np.maximum.accumulate(np.where(begin, time, -np.inf))
        result = dt.fit_ici(
            time_s=time,
            current_A=rows["I"],
            voltage_V=rows["E"],
            step_time_s=step_time,
            window=tuple(golden["config"]["regression_window"]),
            drift=False,
            positive="charge",
        )
        expected = [row for row in golden["analysis"] if row["cell"] == cell]
        assert len(result) == len(expected)
        for i, row in enumerate(expected):
            assert result.E[i] == row["E"]
            assert result.E_0[i] == pytest.approx(row["E0"], rel=1e-10)
            assert result.u_E_0[i] == pytest.approx(row["E0_err"], rel=1e-6)
            assert result.slope[i] == pytest.approx(row["s"], rel=1e-6)
            assert result.u_slope[i] == pytest.approx(row["s_err"], rel=1e-6)
            if row["k"] is None:  # refused there; here negative, and flagged
                assert "k not positive" in result.flag[i]
            else:
                assert result.k[i] == pytest.approx(row["k"], rel=1e-6)
            seen += 1
    assert seen == 5


def test_their_text_file_runs(shared_data: Path) -> None:
    path = shared_data / "kinetics" / "ici_studio" / "ici_reference_a.txt"
    table = pd.read_csv(path, sep="\t")
    result = dt.fit_ici(time_s=table["time/s"], current_A=table["I/mA"] / 1e3, voltage_V=table["Ewe/V"])
    assert len(result) > 20
    assert (result.R > 0).mean() > 0.9
    assert (result.k > 0).mean() > 0.9
    assert np.isnan(result.D).all()


def test_titration_and_interruption_of_others_disagree(shared_data: Path) -> None:
    """Both are simulated by their authors with slow electrolyte, which each method takes for something else."""
    table = pd.read_csv(shared_data / "kinetics" / "ampworks" / "ici_discharge.csv")
    arrays = {"time_s": table["Seconds"], "current_A": table["Amps"], "voltage_V": table["Volts"]}
    result = dt.fit_ici(**arrays, sphere_radius=1.8e-6)
    assert len(result) == 132
    assert np.isfinite(result.D[1:-1]).all()
    assert (result.direction == "lithiation").all()


@pytest.mark.parametrize("geometry", [SPHERE, {"plane_thickness": 1e-5}])
def test_intervals_cover_the_truth(geometry: dict[str, Any]) -> None:
    hits: list[bool] = []
    for seed in range(12):
        cell = simulate.ici(D=1e-14, count=40, noise=2e-5, seed=seed, **geometry)
        result = dt.fit_ici(cell.frame, **geometry)
        sound = np.array(["steady" not in flag and "neighbour" not in flag for flag in result.flag])
        hits += list(((result.D_low <= 1e-14) & (result.D_high >= 1e-14))[sound])
    assert len(hits) > 200
    assert 0.9 <= np.mean(hits) <= 0.99


def test_signs_and_units_do_not_matter() -> None:
    result = dt.fit_ici(SIMULATED.frame, **SPHERE)
    other = dt.fit_ici(
        pd.DataFrame(
            {
                "time_h": SIMULATED.frame["time_s"] / 3600,
                "current_mA": -1e3 * SIMULATED.frame["current_A"],
                "potential_mV": 1e3 * SIMULATED.frame["voltage_V"],
            }
        ),
        **SPHERE,
    )
    np.testing.assert_allclose(other.D[5:], result.D[5:], rtol=1e-5)
    np.testing.assert_allclose(other.R, result.R, rtol=1e-6)
    assert (result.R > 0).all()
    assert (result.direction == "lithiation").all()
    np.testing.assert_allclose(result.k[5:-1], SIMULATED.k, rtol=2e-3)


def test_half_cycles_are_apart() -> None:
    down = SIMULATED.frame
    up = simulate.ici(D=1e-14, count=30, step=-0.01, **SPHERE).frame
    up["time_s"] += down["time_s"].iloc[-1] + 1
    result = dt.fit_ici(pd.concat([down, up]), **SPHERE)
    assert result.half_cycle.tolist() == [1.0] * 30 + [2.0] * 30
    assert result.direction[30] == "delithiation"
    assert np.isnan(result.D[[0, 29, 30, 59]]).all()
    assert result.time_on[30] == pytest.approx(300)
    assert result.lithiation[29] == pytest.approx(1, abs=0.01)


def test_without_geometry_there_is_no_D() -> None:
    result = dt.fit_ici(SIMULATED.frame)
    assert np.isnan(result.D).all()
    assert np.isfinite(result.k).all()
    assert "R and k only" in repr(result)
    assert "volume_area_m" not in result.to_dataset().attrs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": (10, 1)}, "window is start and end"),
        ({"sphere_radius": 1e-6, "plane_thickness": 1e-6}, "exactly one"),
        ({"threshold": 0.0}, "threshold is a share"),
        ({"capacity": -1.0}, "capacity must be positive"),
        ({"positive": "charging"}, "did you mean 'charge'"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.fit_ici(SIMULATED.frame, **options)


def test_no_pause_is_an_error() -> None:
    with pytest.raises(dt.InvalidInput, match="never pauses"):
        dt.fit_ici(SIMULATED.frame[SIMULATED.frame["current_A"] != 0])


def test_a_pause_of_few_rows_is_flagged() -> None:
    frame = SIMULATED.frame
    in_pause = (frame["current_A"] == 0).to_numpy()
    number = np.cumsum(np.diff(np.concatenate([[False], in_pause]).astype(int)) == 1)
    keep = ~(in_pause & (number == 10)) | (np.arange(len(frame)) % 40 == 0)
    result = dt.fit_ici(frame[keep], **SPHERE)
    assert "few points" in result.flag[8]
    assert np.isfinite(result.D[12:-1]).all()


def test_tables_have_units() -> None:
    result = dt.fit_ici(SIMULATED.frame, **SPHERE)
    assert {"R_ohm", "k_ohm_sqrt_s", "D_cm2_s", "rate_V_s", "window_0_s"} <= set(result.to_frame().columns)
    assert result.to_dataset()["k"].attrs["units"] == "ohm s-1/2"
