"""Peaks: exact on functions of the basis, right on known circuits, marked at the edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import find_peaks as find_maxima

import drtengine as dt
from drtengine import simulate
from drtengine.basis import between_nodes
from drtengine.peaks.maxima import find_maxima as maxima_here

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
TWO = simulate.benchmark_cases()["two_zarc"]


def fit(*cells: simulate.Element, frequency: Any = FREQUENCY, **options: Any) -> dt.DrtResult:
    Z = np.stack([cell.impedance(frequency) for cell in cells])
    return dt.fit_drt(dt.Campaign.from_arrays(frequency, Z), method="ridge", **options)


BLANK = fit(TWO, lambda_=1e-3)


def with_coefficients(*coefficients: Any, blank: dt.DrtResult = BLANK) -> dt.DrtResult:
    """A result of one spectrum that has these coefficients."""
    x = np.array(coefficients, dtype=float)
    basis = blank.basis
    return replace(
        blank,
        coefficients=x,
        gamma=x @ basis.values(basis.tau).T,
        R_pol=x @ basis.integrals(basis.tau[0], basis.tau[-1]),
        campaign=blank.campaign[[0] * len(x)],
        used=np.repeat(blank.used[:1], len(x), axis=0),
        status=np.repeat(blank.status[:1], len(x)),
        **{
            name: np.repeat(getattr(blank, name)[:1], len(x))
            for name in ("R_inf", "L_0", "C_0", "R_pol_window", "lambda_", "error", "method", "weighting", "noise")
        },
    )


def bump(*nodes: int, size: float = 7.0) -> np.ndarray:
    x = np.zeros(BLANK.tau.size)
    x[list(nodes)] = size
    return x


def test_one_gaussian_is_known_exactly() -> None:
    peaks = dt.find_peaks(with_coefficients(bump(40)))
    epsilon, tau = BLANK.basis.epsilon, BLANK.tau[40]
    np.testing.assert_allclose(peaks.tau, tau, rtol=1e-9)
    np.testing.assert_allclose(peaks.gamma, 7, rtol=1e-12)
    np.testing.assert_allclose(peaks.prominence, 7, rtol=1e-12)
    np.testing.assert_allclose(peaks.R, 7 * np.sqrt(np.pi) / epsilon, rtol=1e-12)
    np.testing.assert_allclose(peaks.C, tau / peaks.R, rtol=1e-9)
    # between points of 1/10 of a node, straight lines
    np.testing.assert_allclose(peaks.width, 2 * np.sqrt(np.log(2)) / epsilon / np.log(10), rtol=1e-3)
    np.testing.assert_allclose(peaks.share, 1, rtol=1e-12)
    assert not peaks.at_edge.any()


def test_place_between_nodes() -> None:
    peaks = dt.find_peaks(with_coefficients(bump(40, 41)))
    np.testing.assert_allclose(peaks.tau, np.sqrt(BLANK.tau[40] * BLANK.tau[41]), rtol=1e-7)
    exact = 2 * 7 * np.exp(-((BLANK.basis.epsilon * np.log(10) / 20) ** 2))
    np.testing.assert_allclose(peaks.gamma, exact, rtol=1e-7)


def test_two_bumps_share_what_is_between_them() -> None:
    x = bump(40) + bump(55, size=3)
    peaks = dt.find_peaks(with_coefficients(x))
    assert len(peaks) == 2
    assert peaks.right[0] == peaks.left[1]
    np.testing.assert_allclose(peaks.R.sum(), BLANK.basis.integrals(BLANK.tau[0], BLANK.tau[-1]) @ x, rtol=1e-12)
    np.testing.assert_allclose(peaks.share, [0.7, 0.3], rtol=1e-3)


@given(st.integers(0, 1000), st.integers(1, 60), st.floats(0.01, 0.3), st.floats(0.01, 0.3))
def test_maxima_are_those_of_scipy_and_areas_add_up(seed: int, count: int, height: float, prominence: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.zeros(BLANK.tau.size)
    x[rng.choice(x.size, count, replace=False)] = rng.uniform(0, 1, count)
    result = with_coefficients(x)
    peaks = dt.find_peaks(result, min_height=height, min_prominence=prominence)
    tau = between_nodes(result.tau, 10)
    curve = result.evaluate(tau)[0]
    top = curve[(tau > 1 / (2 * np.pi * 1e5)) & (tau < 1 / (2 * np.pi * 1e-2))].max()
    if top == 0:
        assert len(peaks) == 0
        return
    expected, properties = find_maxima(np.r_[0, curve, 0], height=height * top, prominence=prominence * top)
    np.testing.assert_allclose(np.log(peaks.tau), np.log(tau[expected - 1]), atol=np.log(tau[1] / tau[0]))
    np.testing.assert_allclose(peaks.prominence, properties["prominences"], atol=0.02 * top)
    if len(peaks):
        assert peaks.R.sum() == pytest.approx(result.R_pol[0], rel=1e-9)
        assert (np.diff(peaks.tau) > 0).all()


def test_known_circuit() -> None:
    """Without noise and with little smoothing two ZARCs come out as they are."""
    result = fit(TWO, lambda_=1e-7)
    peaks = dt.find_peaks(result, min_prominence=0.05)
    np.testing.assert_allclose(peaks.tau, [1e-3, 1e-1], rtol=0.02)
    np.testing.assert_allclose(peaks.gamma, TWO.gamma(peaks.tau), rtol=0.02)
    exact = [float(TWO.integral(0, peaks.right[0])), float(TWO.integral(peaks.left[1], np.inf))]
    np.testing.assert_allclose(peaks.R, exact, rtol=2e-3)
    # half height of a ZARC: cosh(phi u) = 2 - cos((1 - phi) pi)
    np.testing.assert_allclose(peaks.width, 2 * np.arccosh(2 - np.cos(0.2 * np.pi)) / 0.8 / np.log(10), rtol=0.05)


def test_intervals_hold_the_truth() -> None:
    Z = simulate.add_noise(np.repeat(TWO.impedance(FREQUENCY)[None], 40, axis=0), 0.005, seed=4)
    peaks = dt.find_peaks(
        dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method="ridge", weights="modulus"),
        min_prominence=0.2,
        min_height=0.2,
    )
    fast = np.abs(np.log(peaks.tau / 1e-3)) < 1
    assert fast.sum() >= 38
    held = (peaks.tau_low <= 1e-3) & (peaks.tau_high >= 1e-3)
    assert held[fast].mean() >= 0.9
    height = float(TWO.gamma(1e-3))
    assert ((peaks.gamma_low <= height) & (height <= peaks.gamma_high))[fast].mean() >= 0.9
    exact = TWO.integral(np.where(peaks.left > BLANK.tau[0], peaks.left, 0), peaks.right)
    assert ((peaks.R_low <= exact) & (exact <= peaks.R_high))[fast].mean() >= 0.9
    for u, x in ((peaks.u_tau, peaks.tau), (peaks.u_R, peaks.R), (peaks.u_C, peaks.C), (peaks.u_gamma, peaks.gamma)):
        assert (u[fast] > 0).all()
        assert np.median(u[fast] / x[fast]) < 0.5


def test_uncertainty_of_the_place_is_that_of_shifted_coefficients() -> None:
    """The summit moves by -gamma'/gamma'' of what is added to gamma."""
    x, step = bump(40, 41, 42), 1e-6
    result = with_coefficients(x)
    moved = with_coefficients(x + step * bump(44, size=1))
    shift = np.log(dt.find_peaks(moved).tau / dt.find_peaks(result).tau)[0] / step
    epsilon, u = result.basis.epsilon, np.log(result.tau / result.tau[41])
    slope = 2 * epsilon**2 * u[44] * np.exp(-((epsilon * u[44]) ** 2))
    curvature = sum(
        7 * 2 * epsilon**2 * (2 * (epsilon * u[k]) ** 2 - 1) * np.exp(-((epsilon * u[k]) ** 2)) for k in (40, 41, 42)
    )
    assert shift == pytest.approx(-slope / curvature, rel=1e-3)


@pytest.mark.parametrize("basis", ["piecewise_linear", "c0"])
def test_peaks_of_kinked_functions_are_nodes(basis: str) -> None:
    result = fit(TWO, basis=basis, lambda_=1e-5)
    peaks = dt.find_peaks(result, min_prominence=0.05)
    for tau in peaks.tau:
        assert np.abs(np.log(result.tau / tau)).min() < 1e-12
    assert len(peaks) == 2
    assert np.isnan(peaks.u_tau).all()
    assert (peaks.u_R > 0).all()


def test_edges_are_marked() -> None:
    """Diffusion slower than the lowest frequency, and a bump just inside the window."""
    slow = fit(simulate.Resistor(5) + simulate.RC(20, 1e-3) + simulate.RC(50, 60.0))
    peaks = dt.find_peaks(slow)
    assert peaks.at_edge[-1]
    assert not peaks.at_edge[np.abs(np.log(peaks.tau / 1e-3)).argmin()]
    last = int(np.flatnonzero(BLANK.in_window[0])[-1])
    inside = dt.find_peaks(with_coefficients(bump(last), bump(last - 5)))
    assert inside.at_edge.tolist() == [True, False]


def test_rise_to_the_end_of_the_grid_is_a_peak_there() -> None:
    peaks = dt.find_peaks(with_coefficients(bump(91) + bump(40)))
    assert peaks.tau[-1] == pytest.approx(BLANK.tau[-1])
    assert peaks.at_edge.tolist() == [False, True]
    assert np.isnan(peaks.u_tau[-1])


def test_negative_gamma_has_peaks_above_zero_only() -> None:
    x = bump(40) - bump(60)
    peaks = dt.find_peaks(with_coefficients(x, blank=fit(TWO, lambda_=1e-3, nonneg=False)))
    np.testing.assert_allclose(peaks.tau, BLANK.tau[40], rtol=1e-6)
    nothing = dt.find_peaks(with_coefficients(-bump(60)))
    assert len(nothing) == 0
    assert "no maximum above zero" in nothing.notes[0]


def test_nothing_found_still_has_tables() -> None:
    peaks = dt.find_peaks(with_coefficients(0 * bump(1)))
    assert peaks.to_frame().empty
    assert peaks.to_dataset().sizes["peak"] == 0
    assert peaks.count.tolist() == [0]
    assert len(dt.track_peaks(peaks)) == 0


def test_broken_spectrum_has_none_and_others_keep_theirs() -> None:
    Z = np.stack([TWO.impedance(FREQUENCY)] * 3)
    Z[1, 3] = np.nan
    peaks = dt.find_peaks(dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method="ridge", lambda_=1e-4))
    assert peaks.count.tolist() == [2, 0, 2]
    assert peaks.spectrum.tolist() == [0, 0, 2, 2]


def test_units_follow_the_impedance() -> None:
    small, large = (dt.find_peaks(fit(cell, lambda_=1e-4)) for cell in (TWO, simulate.Circuit(
        [simulate.Resistor(1e4), simulate.ZARC(5e4, 1e-3, 0.8), simulate.ZARC(5e4, 1e-1, 0.8)])))  # fmt: skip
    np.testing.assert_allclose(large.R, 1e3 * small.R, rtol=1e-6)
    np.testing.assert_allclose(large.u_R, 1e3 * small.u_R, rtol=1e-3)
    np.testing.assert_allclose(large.tau, small.tau, rtol=1e-6)
    per_area = dt.find_peaks(fit(TWO, lambda_=1e-4, area=2.0))
    np.testing.assert_allclose(per_area.R, 2 * small.R, rtol=1e-6)
    assert per_area.to_dataset().R.attrs["units"] == "ohm cm2"
    assert per_area.to_dataset().C.attrs["units"] == "F cm-2"


def test_tables_carry_coordinates_and_processes() -> None:
    Z = np.stack([TWO.impedance(FREQUENCY)] * 2)
    coordinates = {"voltage": [0.2, 0.1], "R": [1, 2]}
    result = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z, coordinates=coordinates), method="ridge", lambda_=1e-4)
    peaks = dt.find_peaks(result, processes={"fast": (0, 1e-2), "slow": (0.09, np.inf)})
    frame = peaks.to_frame()
    assert frame["process"].tolist() == ["fast", "slow"] * 2
    assert frame["voltage"].tolist() == [0.2, 0.2, 0.1, 0.1]
    assert frame["coordinate_R"].tolist() == [1, 1, 2, 2]
    np.testing.assert_array_equal(frame["R"], peaks.R)
    dataset = peaks.to_dataset()
    assert dataset.tau.attrs["units"] == "s"
    assert dataset.voltage.attrs["units"] == "V"
    np.testing.assert_array_equal(dataset.u_tau, peaks.u_tau)
    assert repr(peaks) == "<Peaks: 4 in 2 spectra, 0 of them at an edge>"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_height": 1.0}, "min_height is a share"),
        ({"min_height": -0.1}, "min_height must be positive"),
        ({"min_prominence": "much"}, "min_prominence must be a number"),
        ({"level": 95}, "level is a probability"),
        ({"processes": {"a": (2, 1)}}, "'a' must lie between"),
    ],
)
def test_bad_options_are_explained(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.find_peaks(BLANK, **options)


def test_only_results_have_peaks() -> None:
    with pytest.raises(dt.InvalidInput, match=r"find_peaks\(\) takes a DrtResult"):
        dt.find_peaks(BLANK.campaign)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["ridge", "log", "auto"])
def test_an_unfinished_branch_makes_no_peak_that_is_not_marked(method: str) -> None:
    """Semi-infinite diffusion goes on beyond any window; a blocking capacitance is no relaxation."""
    omega = 2j * np.pi * FREQUENCY
    arc = 10 + 50 / (1 + (omega * 1e-3) ** 0.8)
    for tail, capacitance in ((20 / np.sqrt(omega), False), (1 / (0.5 * omega), True)):
        Z = dt.simulate.add_noise(np.tile(arc + tail, (3, 1)), 0.003, seed=2)
        result = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method=method, capacitance=capacitance)
        peaks = dt.find_peaks(result, min_height=0.1, min_prominence=0.1)
        beyond = peaks.tau > 1 / (2 * np.pi * FREQUENCY.min())
        assert peaks.at_edge[beyond].all()
        assert any("does not end" in note for note in result.notes) != capacitance
        assert beyond.any() != capacitance
        assert any("outside of what was measured" in note for note in peaks.notes) != capacitance


@pytest.mark.parametrize("kind", ["calibrated", "one-sided", "simultaneous"])
def test_heights_have_their_intervals_from_a_pointwise_band(kind: str) -> None:
    circuit = dt.simulate.benchmark_cases()["havriliak_negami"]
    f = np.geomspace(1e5, 1e-2, 71)
    Z = dt.simulate.add_noise(np.tile(circuit.impedance(f), (20, 1)), 0.01, seed=5)
    result = dt.fit_drt(dt.Campaign.from_arrays(f, Z), method="log", band=0.95, band_kind=kind)
    peaks = dt.find_peaks(result)
    ends = result.evaluate_band(peaks.tau)
    own = np.arange(len(peaks.spectrum))
    taken = [np.allclose(getattr(peaks, name), end[peaks.spectrum, own], rtol=1e-6) for name, end in
             zip(("gamma_low", "gamma_high"), ends, strict=True)]  # fmt: skip
    assert taken == [kind != "simultaneous"] * 2
    other = dt.find_peaks(result, level=0.9)  # the band is of another level
    assert not np.allclose(other.gamma_low, ends[0][peaks.spectrum, own], rtol=1e-3)
    if kind != "simultaneous":
        tall = peaks.gamma > 5
        top = circuit.gamma(np.geomspace(1e-3, 1e-1, 2000)).max()
        assert np.mean((peaks.gamma_low[tall] <= top) & (top <= peaks.gamma_high[tall])) >= 0.8


@pytest.mark.parametrize("noise", [0.001, 0.01])
def test_a_skewed_peak_is_held(noise: float) -> None:
    """The summit of a smooth gamma stands beside that of a Havriliak-Negami element, and below it."""
    frequency, cell = np.geomspace(1e5, 1e-2, 71), simulate.benchmark_cases()["havriliak_negami"]
    fine = np.geomspace(1e-3, 1e-1, 20_001)
    density = cell.gamma(fine)
    Z = simulate.add_noise(np.repeat(cell.impedance(frequency)[None], 60, axis=0), noise, seed=21)
    peaks = dt.find_peaks(dt.fit_drt(dt.Campaign.from_arrays(frequency, Z), method="log"))
    assert peaks.count.tolist() == [1] * 60
    place, height = fine[density.argmax()], density.max()
    assert ((peaks.tau_low <= place) & (place <= peaks.tau_high)).mean() >= 0.92
    assert ((peaks.gamma_low <= height) & (height <= peaks.gamma_high)).mean() >= 0.92
    assert np.median(np.log(peaks.tau_high / peaks.tau_low)) / 2 < 0.4
    assert np.median(np.log(peaks.gamma_high / peaks.gamma_low)) / 2 < 0.4


@given(
    st.lists(st.integers(-3, 6), max_size=30) | st.lists(st.floats(-5, 5, width=16), max_size=30),
    st.integers(-3, 3),
    st.floats(0.1, 4),
)
def test_maxima_are_those_of_scipy(curve: list[float], height: int, prominence: float) -> None:
    values = np.array(curve, dtype=np.float64)
    maxima, bases = maxima_here(values, height, prominence)
    expected, properties = find_maxima(values, height=height, prominence=prominence)
    assert maxima.tolist() == expected.tolist()
    assert bases.tolist() == [properties["left_bases"].tolist(), properties["right_bases"].tolist()]
