"""Gamma on a grid: exact where it was measured, linear between, NaN elsewhere; differences of campaigns."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import simulate
from drtengine.posterior import gamma_band

FREQUENCY = np.geomspace(1e4, 1e-1, 51)
VOLTAGE = np.array([1.0, 0.7, 0.4, 0.2])


def result(scale: float = 1.0, *, area: float | None = None, **coordinates: Any) -> dt.DrtResult:
    """Four spectra on discharge, three on charge; the second one is broken."""
    R = scale * np.array([20, 25, 30, 40, 40, 35, 28])
    Z = np.stack([(simulate.Resistor(5) + simulate.ZARC(r, 1e-2, 0.8)).impedance(FREQUENCY) for r in R])
    Z = simulate.add_noise(Z, 0.01, seed=6)
    Z[1, 7] = np.nan
    table = {"voltage": np.r_[VOLTAGE, 0.25, 0.4, 0.9], "branch": ["discharge"] * 4 + ["charge"] * 3, **coordinates}
    return dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z, coordinates=table), lambda_=1e-3, area=area)


RESULT = result()


def test_map_holds_every_spectrum_at_its_place() -> None:
    grid = dt.map_gamma(RESULT, along="voltage")
    assert dict(grid.gamma.sizes) == {"branch": 2, "voltage": 6, "tau": RESULT.tau.size}
    assert grid.voltage.values.tolist() == [0.2, 0.25, 0.4, 0.7, 0.9, 1.0]
    band = gamma_band(RESULT, RESULT.tau, 0.95)
    for i in range(7):
        here = grid.sel(branch=RESULT.coordinates["branch"][i], voltage=RESULT.coordinates["voltage"][i])
        np.testing.assert_array_equal(here.gamma, RESULT.gamma[i])
        np.testing.assert_array_equal(here.u_gamma, band.u[i])
        np.testing.assert_array_equal(here.gamma_low, band.low[i])
        np.testing.assert_array_equal(here.gamma_high, band.high[i])
        np.testing.assert_array_equal(here.in_window, RESULT.in_window[i])
        np.testing.assert_array_equal(here.R_pol, RESULT.R_pol[i])
        assert bool(here.measured)
    empty = grid.sel(branch="charge", voltage=0.7)
    assert np.isnan(empty.gamma).all()
    assert not bool(empty.measured)
    assert not empty.in_window.any()


def test_map_has_units_and_provenance() -> None:
    grid = dt.map_gamma(result(area=2.0), along="voltage", level=0.9)
    assert grid.gamma.attrs["units"] == "ohm cm2"
    assert grid.voltage.attrs["units"] == "V"
    assert grid.tau.attrs["units"] == "s"
    assert grid.attrs["level"] == 0.9
    assert any("spectrum 1" in note for note in json.loads(grid.attrs["notes"]))
    assert json.loads(grid.attrs["falling"]) == ["discharge"]


def test_wider_intervals_for_higher_levels() -> None:
    wide, narrow = (dt.map_gamma(RESULT, along="voltage", level=level) for level in (0.99, 0.5))
    known = np.isfinite(wide.gamma.values)
    assert (wide.gamma_high >= narrow.gamma_high).values[known].all()
    assert (wide.gamma_low <= narrow.gamma_low).values[known].all()


def test_any_tau_is_exact() -> None:
    tau = [1e-3, 0.02]
    grid = dt.map_gamma(RESULT, along="voltage", tau=tau)
    np.testing.assert_array_equal(grid.gamma.sel(branch="discharge", voltage=0.4), RESULT.evaluate(tau)[2])
    outside = dt.map_gamma(RESULT, along="voltage", tau=[1e-6, 1e-2])
    assert outside.in_window.sel(branch="discharge", voltage=0.4).values.tolist() == [False, True]


def test_interpolates_linearly_within_a_branch() -> None:
    at = [0.1, 0.2, 0.3, 0.5, 0.85, 0.9]
    grid = dt.map_gamma(RESULT, along="voltage", at=at)
    here = grid.sel(branch="discharge")
    expected = [np.interp(0.3, [0.2, 0.4], column) for column in RESULT.gamma[[3, 2]].T]
    np.testing.assert_allclose(here.gamma.sel(voltage=0.3), expected, rtol=1e-12)
    u = here.u_gamma
    np.testing.assert_allclose(u.sel(voltage=0.3), np.hypot(*gamma_band(RESULT, RESULT.tau, 0.95).u[[3, 2]]) / 2)
    assert np.isnan(here.gamma.sel(voltage=0.1)).all()  # beyond the end
    assert np.isnan(here.gamma.sel(voltage=[0.5, 0.85])).all()  # beside the broken spectrum
    np.testing.assert_allclose(here.gamma.sel(voltage=0.2), RESULT.gamma[3], rtol=1e-12)
    charge = grid.sel(branch="charge")
    np.testing.assert_allclose(charge.gamma.sel(voltage=0.9), RESULT.gamma[6], rtol=1e-12)
    assert charge.measured.values.tolist() == [False, False, True, True, True, True]


def test_one_unnamed_branch_has_no_dimension() -> None:
    Z = np.stack([simulate.ZARC(R, 1e-2, 0.8).impedance(FREQUENCY) for R in (10, 20)])
    numbered = dt.map_gamma(dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z)))
    assert numbered.gamma.dims == ("spectrum", "tau")
    assert numbered.spectrum.values.tolist() == [0, 1]
    dates = np.array(["2024-01-01", "2024-01-03"], dtype="datetime64[ns]")
    dated = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z, coordinates={"time": dates, "tau": [5, 6]}))
    assert (dt.map_gamma(dated, along="time").time.values == dates).all()
    assert dt.map_gamma(dated, along="tau").gamma.dims == ("coordinate_tau", "tau")
    with pytest.raises(dt.InvalidInput, match="'time' holds dates"):
        dt.map_gamma(dated, along="time", at=[1.0])
    alone = dt.map_gamma(RESULT, along="voltage", spectra=[4], at=[0.25])
    np.testing.assert_array_equal(alone.gamma.sel(branch="charge", voltage=0.25), RESULT.gamma[4])


def test_difference_of_a_campaign_and_itself_is_zero() -> None:
    same = dt.compare_maps(RESULT, RESULT)
    known = np.isfinite(same.difference.values)
    assert known.any()
    assert (same.difference.values[known] == 0).all()
    assert (same.difference_low.values[known] <= 0).all()
    assert (same.difference_high.values[known] >= 0).all()
    np.testing.assert_allclose(
        same.u_difference, np.sqrt(2) * dt.map_gamma(RESULT, along="voltage", at=same.voltage).u_gamma
    )


def test_difference_turns_with_the_order() -> None:
    other, at = result(1.5), [0.3, 0.4]
    one, two = dt.compare_maps(RESULT, other, at=at), dt.compare_maps(other, RESULT, at=at)
    np.testing.assert_allclose(one.difference, -two.difference)
    np.testing.assert_allclose(one.difference_low, -two.difference_high)
    np.testing.assert_allclose(one.difference, one.gamma_a - one.gamma_b)
    assert one.difference.sel(branch="discharge", voltage=0.4).min() < -1
    assert one.difference.attrs["units"] == "ohm"
    assert one.measured.all()


def test_common_grid_is_that_of_the_first_within_the_second() -> None:
    short = FREQUENCY[10:-10]
    Z = np.stack([simulate.ZARC(R, 1e-2, 0.8).impedance(short) for R in (10, 20)])
    table = {"voltage": [0.2, 0.6], "branch": ["charge"] * 2}
    other = dt.fit_drt(dt.Campaign.from_arrays(short, Z, coordinates=table))
    both = dt.compare_maps(RESULT, other)
    assert both.branch.values.tolist() == ["charge"]
    assert other.tau[0] <= both.tau.values[0]
    assert both.tau.values[-1] <= other.tau[-1]
    assert set(both.tau.values) <= set(RESULT.tau)
    assert np.isfinite(both.difference.sel(voltage=[0.25, 0.4])).all()
    assert np.isnan(both.difference.sel(voltage=0.9)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"along": "soc"}, "no coordinate 'soc'"),
        ({"tau": [-1.0]}, "tau must be finite and positive"),
        ({"at": [0.4, 0.3]}, "at must hold rising values of 'voltage'"),
        ({"at": [np.nan]}, "at must hold rising"),
        ({"at": [5.0]}, "no value lies between 0.2 and 1"),
        ({"level": 1.0}, "level is a probability"),
    ],
)
def test_bad_options_are_explained(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.map_gamma(RESULT, **{"along": "voltage", **options})


def test_campaigns_that_cannot_be_compared() -> None:
    with pytest.raises(dt.InvalidInput, match="give both an area"):
        dt.compare_maps(RESULT, result(area=2.0))
    with pytest.raises(dt.InvalidInput, match="b must be a DrtResult"):
        dt.compare_maps(RESULT, RESULT.campaign)  # type: ignore[arg-type]
    with pytest.raises(dt.InvalidInput, match=r"map_gamma\(\) takes"):
        dt.map_gamma(RESULT.campaign)  # type: ignore[arg-type]
    with pytest.raises(dt.InvalidInput, match="no branch in common"):
        dt.compare_maps(RESULT, result(branch=["up"] * 4 + ["down"] * 3))
    elsewhere = result(voltage=np.r_[VOLTAGE, 0.25, 0.4, 0.9] + 5)
    with pytest.raises(dt.InvalidInput, match=r"no value lies between 5\.2 and 6"):
        dt.compare_maps(RESULT, elsewhere)
    single = dt.fit_drt(RESULT.campaign[:1])
    unbranched = dt.fit_drt(
        dt.Campaign.from_arrays(FREQUENCY, single.Z, coordinates={"voltage": RESULT.coordinates["voltage"][:1]})
    )
    with pytest.raises(dt.InvalidInput, match="one campaign has branches"):
        dt.compare_maps(RESULT, unbranched)
