"""The arithmetic of CV, GITT and ICI beside the same written down with SciPy's regression and NumPy's polynomials."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import drtengine as dt
from drtengine import simulate
from drtengine.cv import BRANCHES
from drtengine.gitt import _Pulse, _slopes_at_start
from drtengine.ici import _rates
from drtengine.records import Rest
from drtengine.regression import fit_linear, student_factor
from drtengine.transients import fit_transient

RNG = np.random.default_rng(8)
RATES = np.array([1, 2, 5, 10, 20]) * 1e-4


def regression(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, float, float]:
    """Intercept, slope, their standard errors, and the standard deviation of the residuals."""
    found = stats.linregress(x, y)
    left = y - found.intercept - found.slope * x
    return (
        found.intercept,
        found.slope,
        found.intercept_stderr,
        found.stderr,
        np.sqrt(np.sum(left**2) / (x.size - 2)),
    )


def test_linear_fits_are_those_of_scipy() -> None:
    x = RNG.uniform(1, 5, 12)
    y = 3 - 2 * x + 0.1 * RNG.normal(size=(2, 12))
    fit = fit_linear(np.column_stack([np.ones(12), x]), y)
    for k in range(2):
        a, b, u_a, u_b, rms = regression(x, y[k])
        np.testing.assert_allclose(fit.values[k], [a, b])
        np.testing.assert_allclose(fit.u_values[k], [u_a, u_b])
        np.testing.assert_allclose(fit.rms[k], rms)
    assert fit.freedom == 10
    assert student_factor(10) == pytest.approx(stats.t.ppf(0.975, 10))
    exact = fit_linear(np.column_stack([np.ones(2), x[:2]]), y[0, :2])
    np.testing.assert_allclose(exact.values, np.polyfit(x[:2], y[0, :2], 1)[::-1])
    assert np.isnan([*exact.u_values, exact.rms, student_factor(exact.freedom)]).all()
    for terms in (np.ones((12, 2)), np.zeros((12, 2)), np.ones((1, 2))):
        assert np.isnan(fit_linear(terms, y[0, : len(terms)]).values).all()


def noisy_cv() -> dt.CvResult:
    def peak(E: np.ndarray) -> np.ndarray:
        return np.exp(-(((E - 0.7) / 0.2) ** 2))

    cell = simulate.cv(RATES, lambda E: 0.3 + 0.5 * peak(E), lambda E: 0.005 + 0.02 * peak(E))
    frame = cell.frame
    return dt.analyze_cv(
        frame.assign(current_A=frame["current_A"] * (1 + 0.02 * RNG.normal(size=len(frame)))), cells=40
    )


def test_cv_by_hand() -> None:
    r = noisy_cv()
    root, t = np.sqrt(RATES), stats.t.ppf(0.975, 3)
    sign = np.array([1.0, -1.0])
    for branch in range(2):
        for cell in range(40):
            i = r.current[:, branch, cell]
            _, b, _, u_b, _ = regression(np.log(RATES), np.log(sign[branch] * i))
            np.testing.assert_allclose([r.b[branch, cell], r.u_b[branch, cell]], [b, u_b])
            np.testing.assert_allclose([r.b_low[branch, cell], r.b_high[branch, cell]], [b - t * u_b, b + t * u_b])
            k2, k1, u_k2, u_k1, rms = regression(root, i / root)
            np.testing.assert_allclose([r.k1[branch, cell], r.k2[branch, cell]], [k1, k2])
            np.testing.assert_allclose([r.u_k1[branch, cell], r.u_k2[branch, cell]], [u_k1, u_k2])
            np.testing.assert_allclose(1 - r.r2[branch, cell], 3 * rms**2 / (5 * np.var(i / root)), rtol=1e-6)
        charge = np.abs(r.current[:, branch]).sum(axis=1) * (r.potential[1] - r.potential[0]) / RATES
        np.testing.assert_allclose(r.charge[:, branch], charge)
        outer, _, u_outer, *_ = regression(1 / root, charge)
        np.testing.assert_allclose([r.charge_outer[branch], r.u_charge_outer[branch]], [outer, u_outer])
        total, _, u_total, *_ = regression(root, 1 / charge)
        np.testing.assert_allclose([r.charge_total[branch], r.u_charge_total[branch]], [1 / total, u_total / total**2])
    for k, v in enumerate(RATES):
        surface = np.abs(r.k1 * v).sum(axis=1), np.abs(r.current[k]).sum(axis=1)
        np.testing.assert_allclose(r.share[k], [*(surface[0] / surface[1]), surface[0].sum() / surface[1].sum()])
        u = np.sqrt(((r.u_k1 * v) ** 2).sum(axis=1))
        np.testing.assert_allclose(r.u_share[k], [*(u / surface[1]), np.hypot(*u) / surface[1].sum()])


def test_cv_peaks_by_hand() -> None:
    r = noisy_cv()
    t = stats.t.ppf(0.975, 3)
    assert r.b_peak.size > 0
    for number, current in enumerate(r.peak_current):
        _, b, _, u_b, _ = regression(np.log(RATES), np.log(np.abs(current)))
        np.testing.assert_allclose([r.b_peak[number], r.u_b_peak[number]], [b, u_b])
        np.testing.assert_allclose([r.b_peak_low[number], r.b_peak_high[number]], [b - t * u_b, b + t * u_b])
        assert (np.sign(current) == (1 if r.peak_branch[number] == BRANCHES[0] else -1)).all()


def test_a_transient_is_a_regression_on_root_and_time() -> None:
    time = 7.0 + np.arange(1, 400) * 0.5
    t = time - 7.0
    E = 3.2 - 4e-3 * np.sqrt(t) + 2e-6 * t + 1e-5 * RNG.normal(size=t.size)
    for window, drift in (((2.0, 60.0), True), ((1.0, 30.0), False), ((5.0, 6.0), True)):
        fit = fit_transient(time, E, (7.0, 7.0), window, seek_RC=False, drift=drift)
        used = (t >= window[0]) & (t <= window[1])
        used = used if used.sum() >= 6 else (t >= window[0]) & (np.cumsum(t >= window[0]) <= 6)
        A = np.column_stack([np.ones(t.size), np.sqrt(t), t][: 2 + drift])[used]
        x, squares, *_ = np.linalg.lstsq(A, E[used], rcond=None)
        rms = np.sqrt(squares[0] / (used.sum() - A.shape[1]))
        np.testing.assert_allclose([fit.E_start, fit.slope, fit.drift], [*x, 0.0][:3], rtol=1e-6)
        u = rms * np.sqrt(np.diag(np.linalg.inv(A.T @ A)))
        np.testing.assert_allclose([fit.u_E_start, fit.rms], [u[0], rms], rtol=1e-6)
        assert fit.u_slope >= u[1] * (1 - 1e-9)  # and what halves of the window differ by
        assert (fit.window, fit.freedom) == ((t[used][0], t[used][-1]), used.sum() - A.shape[1])
        assert (fit.switch, fit.u_switch) == (7.0, 0.0)
        assert np.isnan(fit.tau_RC)


def test_a_double_layer_is_found_and_left_out() -> None:
    t = np.arange(1, 2000) * 0.1
    for tau, size in ((0.8, 0.02), (2.0, 0.01)):
        E = 3 - 2e-3 * np.sqrt(t) + size * np.exp(-t / tau) + 1e-6 * RNG.normal(size=t.size)
        fit = fit_transient(t, E, (0.0, 0.0), (0.1, 150.0))
        np.testing.assert_allclose(fit.tau_RC, tau, rtol=0.2)
        assert 5 * fit.tau_RC * (1 - 1e-9) <= fit.window[0] <= 50
        np.testing.assert_allclose(fit.slope, -2e-3, rtol=5e-3)
    assert np.isnan(fit_transient(t, 3 - 2e-3 * np.sqrt(t), (0.0, 0.0), (0.1, 150.0)).tau_RC)


def pulse(number: int, start: float, duration: float, before: float, after: float, current: float = 1e-3) -> _Pulse:
    rests = Rest(before, 1e-5), Rest(after, 2e-5)
    return _Pulse(number, slice(0), (start, start), start + duration, current, True, False, *rests)


def test_slopes_at_the_start_of_pulses_are_those_of_parabolas() -> None:
    """Through the three potentials in the order of charge; without a neighbour that is alike, a line."""
    E, tau = [3.0, 3.01, 3.03, 3.08], [100.0, 120.0, 150.0]
    row = [pulse(2 * k + 1, 1000.0 * k, tau[k], E[k], E[k + 1]) for k in range(3)]
    slope, u_slope = _slopes_at_start(row)
    passed = np.cumsum([0.0, *tau])
    for k, (first, at) in enumerate(((0, 0), (0, 1), (1, 2))):
        parabola = np.polyfit(passed[first : first + 3], E[first : first + 3], 2)
        np.testing.assert_allclose(slope[k], np.polyval(np.polyder(parabola), passed[at]), rtol=1e-9)
    # of independent potentials: the weights of the derivative at the middle of three points
    h, k = tau[0], tau[1]
    weights = np.array([-k / (h * (h + k)), (k - h) / (h * k), h / (k * (h + k))])
    np.testing.assert_allclose(u_slope[1], np.linalg.norm(weights * [1e-5, 1e-5, 2e-5]), rtol=1e-9)
    apart = [pulse(1, 0.0, 100.0, 3.0, 3.01), pulse(5, 900.0, 100.0, 3.02, 3.04)]  # something stands between
    np.testing.assert_allclose(_slopes_at_start(apart)[0], [1e-4, 2e-4])
    other = [pulse(1, 0.0, 100.0, 3.0, 3.01), pulse(3, 900.0, 100.0, 3.01, 3.03, 3e-3)]  # another current
    np.testing.assert_allclose(_slopes_at_start(other)[0], [1e-4, 2e-4])
    np.testing.assert_allclose(_slopes_at_start(other)[1], np.hypot(1e-5, 2e-5) / 100)


def test_rates_between_pauses_are_those_of_parabolas() -> None:
    time_on = np.array([10.0, 22.0, 40.0, 55.0, 5.0, 15.0, 30.0])
    half = np.array([1.0, 1, 1, 1, 2, 2, 2])
    E, u = 3 + 0.01 * RNG.normal(size=7), RNG.uniform(1, 2, 7) * 1e-5
    rate, u_rate = _rates(time_on, half, E, u)
    assert np.isnan(rate[[0, 3, 4, 6]]).all()
    for i in (1, 2, 5):
        near = slice(i - 1, i + 2)
        derivative = [np.polyval(np.polyder(np.polyfit(time_on[near], e, 2)), time_on[i]) for e in np.eye(3)]
        np.testing.assert_allclose(rate[i], derivative @ E[near], rtol=1e-9)
        np.testing.assert_allclose(u_rate[i], np.linalg.norm(derivative * u[near]), rtol=1e-9)
