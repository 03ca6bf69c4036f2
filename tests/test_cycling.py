"""Cycling: charges counted by hand, a cycler's own sums, and incomplete cycles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drtengine as dt


def record(currents: list[float], *, rest: bool = True, first: float = -1.0, hours: float = 1.0) -> pd.DataFrame:
    """Cycles of two half-cycles, discharge first: current as given, the second half 90 % as long."""
    time, current, voltage, now = [0.0], [0.0], [1.0], 0.0
    for size in currents:
        for sign, share in ((first, 1.0), (-first, 0.9)):
            t = np.linspace(0, 3600 * hours * share, 200)
            time += [*(now + t)]
            current += [sign * size] * t.size
            level = np.linspace(0.3, 0.7, t.size)
            voltage += [*(1 + sign * (0.1 + level))]
            now = time[-1]
            if rest:
                time += [now, now + 600]
                current += [0.0, 0.0]
                voltage += [1 + sign * 0.3] * 2
                now += 600
    return pd.DataFrame({"time_s": time, "current_A": current, "voltage_V": voltage})


def test_capacities_and_efficiencies() -> None:
    result = dt.summarize_cycling(record([1e-3, 1e-3, 2e-3]), mass=1e-6)
    assert result.first == "discharge"
    np.testing.assert_allclose(result.discharge_capacity, [3.6, 3.6, 7.2], rtol=1e-9)
    np.testing.assert_allclose(result.charge_capacity, [3.24, 3.24, 6.48], rtol=1e-9)
    np.testing.assert_allclose(result.coulombic_efficiency, 0.9)
    assert result.initial_efficiency == pytest.approx(0.9)
    np.testing.assert_allclose(result.retention, [1, 1, 2])
    np.testing.assert_allclose(result.discharge_voltage, 0.4, rtol=2e-3)
    np.testing.assert_allclose(result.discharge_energy, result.discharge_capacity * result.discharge_voltage)
    assert result.rate_step.tolist() == [1, 1, 2]
    assert result.complete.all()
    table = result.to_frame()
    np.testing.assert_allclose(table["discharge_capacity_mAh_g"], [1000, 1000, 2000], rtol=1e-9)
    steps = result.rate_steps()
    assert steps["last_cycle"].tolist() == [2, 3]
    np.testing.assert_allclose(steps["current_A"], [1e-3, 2e-3])


def test_full_cells_begin_with_charge() -> None:
    result = dt.summarize_cycling(record([1e-3, 1e-3], first=1.0))
    assert result.first == "charge"
    np.testing.assert_allclose(result.coulombic_efficiency, 0.9)
    np.testing.assert_allclose(result.charge_capacity, 3.6)
    np.testing.assert_allclose(dt.summarize_cycling(record([1e-3], first=1.0), positive="discharge").retention, 1)


def test_agrees_with_the_sums_of_the_cycler(shared_data: Path) -> None:
    path = shared_data / "kinetics" / "cellpy" / "neware_uio.csv"
    result = dt.summarize_cycling(dt.read_table(path))
    own = pd.read_csv(path).groupby(["Cycle Index", "Step Index"])[["Chg. Cap.(Ah)", "DChg. Cap.(Ah)"]].max()
    own = own.groupby("Cycle Index").sum() * 3600
    np.testing.assert_allclose(result.charge_capacity, own["Chg. Cap.(Ah)"], rtol=2e-4)
    np.testing.assert_allclose(result.discharge_capacity, own["DChg. Cap.(Ah)"], rtol=2e-4)
    assert not result.complete[-1]
    assert any("holds 2" in note for note in result.notes)


def test_differential_capacity_keeps_the_charge() -> None:
    result = dt.summarize_cycling(record([1e-3, 1e-3]))
    V, dQ_dV = result.differential_capacity(2, "discharge", width=0.01)
    assert dQ_dV.sum() * 0.01 == pytest.approx(3.6, rel=1e-6)
    inside = (V > 0.25) & (V < 0.55)
    np.testing.assert_allclose(dQ_dV[inside], 3.6 / 0.4, rtol=1e-6)
    with pytest.raises(dt.InvalidInput, match="there is no cycle 7"):
        result.differential_capacity(7, "charge")
    with pytest.raises(dt.InvalidInput, match="unknown half 'up'"):
        result.differential_capacity(1, "up")


def test_cycle_numbers_are_used_or_counted() -> None:
    frame = record([1e-3] * 3)
    counted = dt.summarize_cycling(frame)
    assert "cycles counted from the current: 3" in counted.notes
    number = np.minimum(np.arange(len(frame)) // (len(frame) // 3), 2)
    given = dt.summarize_cycling(frame.assign(cycle=number + 5))
    assert given.cycle.tolist() == [5, 6, 7]
    np.testing.assert_allclose(given.charge_capacity, counted.charge_capacity, rtol=0.01)


def test_noise_at_rest_makes_no_cycles() -> None:
    frame = record([1e-3, 1e-3])
    rng = np.random.default_rng(3)
    noisy = frame.assign(current_A=frame["current_A"] + 3e-6 * rng.standard_normal(len(frame)))
    assert len(dt.summarize_cycling(noisy)) == 2
    np.testing.assert_allclose(dt.summarize_cycling(noisy).coulombic_efficiency, 0.9, rtol=2e-3)


def test_incomplete_last_cycle_is_named() -> None:
    frame = record([1e-3, 1e-3], rest=False)[:-120]
    result = dt.summarize_cycling(frame)
    assert result.complete.tolist() == [True, False]
    assert any("cycle 2 may be incomplete" in note for note in result.notes)
    half = dt.summarize_cycling(frame[frame["time_s"] < 3600 * 2])
    assert np.isnan(half.coulombic_efficiency[-1])


def test_reference_cycle() -> None:
    result = dt.summarize_cycling(record([1e-3, 2e-3]), reference_cycle=2)
    np.testing.assert_allclose(result.retention, [0.5, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mass": 0}, "mass must be positive"),
        ({"reference_cycle": 9}, "there is no cycle 9 to refer to"),
        ({"positive": "up"}, "unknown positive 'up'"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.summarize_cycling(record([1e-3]), **options)


def test_mass_in_mg_is_questioned() -> None:
    with pytest.warns(dt.DataWarning, match="mass=1.5 is taken in kg"):
        dt.summarize_cycling(record([1e-3]), mass=1.5)


def test_swelling_of_the_study() -> None:
    """Thickness 7.425 µm before, 8.575, 8.514 and 15.827 µm after cycling."""
    expansion, u = dt.expand([7.425, 8.575, 8.514, 15.827], u_thickness=0.1)
    np.testing.assert_allclose(expansion, [0, 0.1549, 0.1467, 1.1316], atol=1e-4)
    hand = 15.827 / 7.425 * np.hypot(0.1 / 7.425, 0.1 / 15.827)
    np.testing.assert_allclose(u[[0, 3]], [0, hand])
    with pytest.raises(dt.InvalidInput, match="thickness must hold positive numbers"):
        dt.expand([0, 1])


def test_a_million_rows_take_seconds() -> None:
    from time import perf_counter

    frame = record([1e-3] * 2500)
    assert len(frame) > 1_000_000
    start = perf_counter()
    result = dt.summarize_cycling(frame)
    assert perf_counter() - start < 10
    assert len(result) == 2500
