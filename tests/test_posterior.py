"""Uncertainty of sums of the coefficients: calibrated where the model holds, within bounds where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import drtengine as dt
from drtengine import simulate
from drtengine.posterior import POINT, Spread, gamma_band, interval, spread

FREQUENCY = np.geomspace(1e4, 1e-1, 51)
LAMBDA, SIGMA = 1e-2, 0.05


def drawn_from_the_prior(count: int, size: int) -> tuple[dt.DrtResult, np.ndarray, np.ndarray]:
    """Spectra of coefficients drawn from the prior, with noise; their inversion, the true sums, and their rows.

    The noise has a standard deviation proportional to abs(Z) to the power `size`.
    """
    rng = np.random.default_rng(3)
    example = dt.fit_drt(dt.Spectrum(FREQUENCY, simulate.ZARC(50, 1e-2, 0.8).impedance(FREQUENCY)), method="ridge")
    basis, n = example.basis, example.tau.size
    eigenvalues, vectors = np.linalg.eigh(LAMBDA * basis.penalty(1))
    x = (rng.standard_normal((count, n)) * SIGMA / np.sqrt(eigenvalues)) @ vectors.T
    Z = 200 + x @ basis.kernel(FREQUENCY).T
    noise = SIGMA * (np.abs(Z) / np.exp(np.mean(np.log(np.abs(Z)), axis=1, keepdims=True))) ** size
    Z = Z + noise * (rng.standard_normal(Z.shape) + 1j * rng.standard_normal(Z.shape))
    result = dt.fit_drt(
        dt.Campaign.from_arrays(FREQUENCY, Z), method="ridge", lambda_=LAMBDA, nonneg=False, tau=example.tau
    )
    rows = np.stack([basis.integrals(1e-3, 1e-1), basis.integrals(1e-2, 2e-2), *basis.values([1e-2, 1e-3])])
    return result, x @ rows.T, rows


@pytest.mark.parametrize("size", [0, 1])
def test_calibrated_for_truths_from_the_prior(size: int) -> None:
    result, truth, rows = drawn_from_the_prior(600, size)
    sound = result.status == dt.Status.OK  # half of them look like spectra of the wrong sign
    assert sound.sum() > 200
    score = ((result.coefficients @ rows.T - truth) / spread(result, rows).u)[sound]
    # the variance of 200 scores is known to 0.1
    np.testing.assert_allclose(score.var(axis=0), 1, atol=0.35)
    assert (np.abs(score) < stats.norm.ppf(0.975)).mean() == pytest.approx(0.95, abs=0.025)


def test_smoothing_takes_what_the_normal_equations_say() -> None:
    """Without noise the error is -H^-1 P x, which the blur bounds where x itself is known."""
    cell = simulate.Resistor(10) + simulate.ZARC(50, 1e-2, 0.7)
    result = dt.fit_drt(dt.Spectrum(FREQUENCY, cell.impedance(FREQUENCY)), method="ridge", lambda_=1e-2, nonneg=False)
    rows = np.stack([result.basis.integrals(result.tau[0], tau) for tau in np.geomspace(1e-3, 1e-1, 9)])
    exact = cell.integral(0, np.geomspace(1e-3, 1e-1, 9))
    assert (np.abs(result.coefficients @ rows.T - exact) < spread(result, rows).blur[0]).all()


@pytest.mark.parametrize("weights", ["unit", "modulus", "proportional"])
@pytest.mark.parametrize("part", ["both", "real", "imaginary"])
def test_every_model_has_an_uncertainty_that_follows_the_unit(weights: str, part: str) -> None:
    Z = simulate.add_noise((simulate.Resistor(10) + simulate.ZARC(50, 1e-2, 0.8)).impedance(FREQUENCY), 0.005, seed=1)
    options = {"weights": weights, "part": part, "lambda_": 1e-3, "capacitance": part == "imaginary"}
    small, large = (dt.fit_drt(dt.Spectrum(FREQUENCY, scale * Z), method="ridge", **options) for scale in (1.0, 1e3))
    rows = small.basis.integrals(1e-3, 1e-1)[None]
    one, thousand = spread(small, rows), spread(large, rows)
    assert 0 < one.u[0, 0] < 10
    np.testing.assert_allclose([thousand.u, thousand.blur], 1e3 * np.array([one.u, one.blur]), rtol=1e-6)


def test_sums_of_chosen_spectra_are_those_of_all() -> None:
    Z = np.stack([simulate.ZARC(50, tau, 0.8).impedance(FREQUENCY) for tau in (1e-3, 1e-2, 1e-1)])
    Z = simulate.add_noise(Z, 0.01, seed=2)
    Z[1, 5] = np.nan
    result = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method="ridge")
    rows = np.stack([result.basis.integrals(1e-3, 1e-2), result.basis.integrals(1e-2, 1e-1)])
    every = spread(result, rows)
    assert np.isnan(every.u[1]).all()
    some = spread(result, rows[[1, 0, 1]], np.array([2, 0, 1]))
    np.testing.assert_allclose(some.u, [every.u[2, 1], every.u[0, 0], np.nan], rtol=1e-12)
    np.testing.assert_allclose(some.blur, [every.blur[2, 1], every.blur[0, 0], np.nan], rtol=1e-12)


def test_says_why_there_is_none() -> None:
    Z = simulate.ZARC(50, 1e-2, 0.8).impedance(FREQUENCY)
    weighted = dt.fit_drt(dt.Spectrum(FREQUENCY, Z), method="ridge", weights=np.ones(FREQUENCY.size))
    known = spread(weighted, np.ones((1, weighted.tau.size)))
    assert np.isnan(known.u).all()
    assert "weights" in known.notes[0]
    few = dt.fit_drt(dt.Spectrum(FREQUENCY[:3], Z[:3]), method="ridge", lambda_=1e-8, nonneg=False)
    known = spread(few, np.ones((1, few.tau.size)))
    assert np.isnan(known.u).all()
    assert "no residuals" in known.notes[0]


def test_smooth_results_have_the_uncertainty_of_their_band() -> None:
    """`find_bands` of the core says the same of the same integrals."""
    Z = np.tile(simulate.ZARC(50, 1e-2, 0.8).impedance(FREQUENCY), (5, 1))
    data = dt.Campaign.from_arrays(FREQUENCY, simulate.add_noise(Z, 0.005, seed=1))
    result = dt.fit_drt(data, method="log", weights="modulus", band=0.9)
    whole = result.basis.integrals(result.tau[0], result.tau[-1])
    known = spread(result, whole[None])
    np.testing.assert_allclose(known.u[:, 0], result.u_R_pol, rtol=0.3)
    assert not known.blur.any()
    band = gamma_band(result, result.tau, 0.5)
    assert band.level == 0.9
    np.testing.assert_allclose(band.low, result.gamma_low, rtol=1e-9)


def test_interval_counts_its_share_of_the_blur() -> None:
    low, high = interval(np.array([10.0]), Spread(np.array([1.0]), np.array([2.0])), 0.9, POINT)
    half = stats.norm.ppf(0.95) + 2 * POINT.blur
    np.testing.assert_allclose([low, high], [[10 - half], [10 + half]])


@pytest.mark.parametrize("case", ["two_zarc", "overlapping", "fractal_gerischer"])
def test_resistances_of_ranges_are_held(case: str) -> None:
    frequency, cell = np.geomspace(1e5, 1e-2, 71), simulate.benchmark_cases()[case]
    Z = simulate.add_noise(np.repeat(cell.impedance(frequency)[None], 60, axis=0), 0.005, seed=11)
    result = dt.fit_drt(dt.Campaign.from_arrays(frequency, Z), method="ridge", weights="modulus")
    ranges = [(1e-2, 1), (1e-3, 3e-2), (0, np.inf)]
    rows = np.stack([result.basis.integrals(max(a, result.tau[0]), min(b, result.tau[-1])) for a, b in ranges])
    low, high = interval(result.coefficients @ rows.T, spread(result, rows), 0.95)
    exact = np.array([float(cell.integral(*limits)) for limits in ranges])
    assert (((low <= exact) & (exact <= high)).mean(axis=0) >= 0.85).all()
    assert (np.median(high - low, axis=0) / 2 < 0.35 * exact).all()


@pytest.mark.parametrize("freer", [1.0, 50.0])
def test_freer_priors_against_the_inverse_of_the_precision(freer: float) -> None:
    """The uncertainty of an integral of exp(u) by the whole covariance of u."""
    cell = simulate.Resistor(10) + simulate.ZARC(50, 1e-2, 0.8)
    Z = simulate.add_noise(cell.impedance(FREQUENCY), 0.005, seed=1)
    result = dt.fit_drt(dt.Spectrum(FREQUENCY, Z), method="log", weights="modulus", inductance=False)
    gamma, n, h = result.gamma[0], result.tau.size, float(np.log(result.tau[1] / result.tau[0]))
    omega_tau = 2 * np.pi * np.multiply.outer(FREQUENCY, result.tau)
    step = np.full(n, h)
    step[[0, -1]] /= 2
    A = np.column_stack([step / (1 + 1j * omega_tau), np.ones(FREQUENCY.size)])
    J = np.concatenate([A.real, A.imag]) * np.append(gamma, 1.0)
    J /= np.tile(result.noise[0] * np.abs(Z), 2)[:, None]
    D = np.diff(np.eye(n), 2, axis=0) / h**1.5
    P = np.zeros((n + 1, n + 1))
    P[:n, :n] = result.lambda_[0] / freer * D.T @ D
    for i in (0, n - 2):  # slopes known to 0.5 at both ends
        d = np.zeros(n + 1)
        d[[i, i + 1]] = -1 / h, 1 / h
        P += np.outer(d, d) / 0.5**2
    covariance = np.linalg.inv(J.T @ J + P + 1e-6 * np.diag(np.append(np.ones(n), 0.0)))[:n, :n]
    rows = np.stack([result.basis.integrals(1e-3, 1e-2), result.basis.integrals(result.tau[0], 1e-2)])
    expected = np.sqrt(np.einsum("ri,ij,rj->r", rows * gamma, covariance, rows * gamma))
    np.testing.assert_allclose(spread(result, rows, freer=freer).u[0], expected, rtol=1e-6)


def test_points_of_a_smooth_gamma_are_held_without_a_band() -> None:
    cell = simulate.benchmark_cases()["two_zarc"]
    frequency = np.geomspace(1e5, 1e-2, 71)
    Z = simulate.add_noise(np.repeat(cell.impedance(frequency)[None], 60, axis=0), 0.005, seed=12)
    result = dt.fit_drt(dt.Campaign.from_arrays(frequency, Z), method="log")
    tau = np.geomspace(1e-4, 1.0, 41)
    band, exact = gamma_band(result, tau, 0.95), cell.gamma(tau)
    held = (band.low <= exact) & (exact <= band.high)
    assert held.mean() >= 0.95
    assert held.mean(axis=0).min() >= 0.85
    assert np.median(np.log(band.high / band.low)) / 2 < 0.6
