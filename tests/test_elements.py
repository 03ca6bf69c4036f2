"""Sums of elements: parameters and gamma against closed forms, fits against SciPy, scores against their formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.stats import f as f_distribution

import drtengine as dt
from drtengine import Status, simulate
from drtengine._native import core
from drtengine.elements import ElementFit, fit_elements

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
TAU = np.geomspace(1e-6, 31.6, 401)
TWO_ZARC = simulate.Resistor(10) + simulate.ZARC(50, 1e-3, 0.8) + simulate.ZARC(50, 1e-1, 0.8)
ALL_KINDS = (
    simulate.Resistor(10)
    + simulate.ZARC(30, 1e-5, 0.8)
    + simulate.ColeDavidson(20, 1e-3, 0.5)
    + simulate.HavriliakNegami(50, 0.3, 0.85, 0.6)
)


def noisy(cell: simulate.Element, level: float, seeds: range | tuple[int, ...]) -> np.ndarray:
    return np.stack([simulate.add_noise(cell.impedance(FREQUENCY), level, seed=seed) for seed in seeds])


def proportional(Z: np.ndarray) -> np.ndarray:
    """Squared weights 1/|Z|^2 of geometric mean one."""
    w2 = 1 / np.abs(Z) ** 2
    return np.asarray(w2 / np.exp(np.log(w2).mean(axis=1, keepdims=True)))


def fit(Z: np.ndarray, *, inductance: bool = False, capacitance: bool = False, **options: Any) -> ElementFit:
    """Start from ridge regression that is stiff enough to show no false peaks."""
    campaign = dt.Campaign.from_arrays(FREQUENCY, Z)
    smooth = dt.fit_drt(
        campaign, inductance=inductance, capacitance=capacitance, weights="modulus", order=2, lambda_=1e-4
    )
    start = {"tau": smooth.tau, "gamma": smooth.gamma, "R_inf": smooth.R_inf, "weights": proportional(Z)}
    return fit_elements(FREQUENCY, Z, **{**start, "inductance": inductance, "capacitance": capacitance, **options})


def model(parameters: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Impedance of a row of the core's parameters."""
    s = 2j * np.pi * frequency
    Z = parameters[0] + s * parameters[1] + parameters[2] / s
    for log_r, log_tau, a, b in parameters[3:].reshape(-1, 4):
        if np.isfinite(log_r):
            Z = Z + np.exp(log_r) / (1 + (s * np.exp(log_tau)) ** a) ** b
    return np.asarray(Z)


def residual(parameters: np.ndarray, found: ElementFit, row: int) -> np.ndarray:
    difference = (found.Z[row] - model(parameters, found.frequency[row])) * np.sqrt(found.weights[row])
    return np.concatenate([difference.real, difference.imag])


def jacobian(found: ElementFit, row: int, free: np.ndarray) -> np.ndarray:
    """Derivatives of the weighted model by central differences of fourth order."""
    best, columns = found.parameters[row], []
    for j in free:
        step = 1e-4 * max(1e-3, abs(best[j])) if j < 3 else 1e-4
        moved = [best + k * step * (np.arange(best.size) == j) for k in (-2, -1, 1, 2)]
        r = [residual(p, found, row) for p in moved]
        columns.append(-(r[0] - 8 * r[1] + 8 * r[2] - r[3]) / (12 * step))
    return np.column_stack(columns)


def core_rows(*elements: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and a covariance for the functions of gamma."""
    parameters = np.full((1, 27), np.nan)
    parameters[0, :3] = 10, 0, 0
    for k, (R, tau, a, b) in enumerate(elements):
        parameters[0, 3 + 4 * k : 7 + 4 * k] = np.log(R), np.log(tau), a, b
    return parameters, np.zeros((1, 27 * 27))


# ------------------------------------------------------------------ gamma


ELEMENTS = {
    "zarc": (simulate.ZARC(50, 1e-2, 0.8), (50, 1e-2, 0.8, 1.0)),
    "narrow": (simulate.ZARC(50, 1e-2, 0.9999), (50, 1e-2, 0.9999, 1.0)),
    "cole_davidson": (simulate.ColeDavidson(50, 1e-2, 0.4), (50, 1e-2, 1.0, 0.4)),
    "hn": (simulate.HavriliakNegami(50, 1e-2, 0.9, 0.6), (50, 1e-2, 0.9, 0.6)),
    "sharp": (simulate.HavriliakNegami(50, 1e-2, 0.9999, 0.6), (50, 1e-2, 0.9999, 0.6)),
    "wide": (simulate.HavriliakNegami(50, 1e-2, 0.3, 0.15), (50, 1e-2, 0.3, 0.15)),
    "rc": (simulate.RC(50, 1e-2), (50, 1e-2, 1.0, 1.0)),
}


@pytest.mark.parametrize("name", list(ELEMENTS))
def test_gamma_and_its_integrals_are_those_of_the_element(name: str) -> None:
    truth, row = ELEMENTS[name]
    parameters, covariance = core_rows(row)
    gamma, u = core.element_gamma(parameters, covariance, np.log(TAU))
    np.testing.assert_allclose(gamma[0], truth.gamma(TAU), rtol=1e-10, atol=1e-14 * 50)
    assert (u == 0).all()
    low, high = np.r_[0, TAU[:-1], 1e-3], np.r_[np.inf, TAU[1:], 1.0]
    with np.errstate(divide="ignore"):
        R, _ = core.element_integrals(parameters, covariance, np.log(low), np.log(high))
    np.testing.assert_allclose(R[0], truth.integral(low, high), rtol=1e-9, atol=1e-11 * 50)


def test_uncertainties_are_propagated() -> None:
    """Against the derivatives of the closed forms of `simulate` and the covariance of a fit."""
    found = fit(noisy(ALL_KINDS, 2e-3, (3,)))
    tau = np.geomspace(2e-6, 5, 25)
    _, u_gamma = found.gamma(tau)
    _, u_R = found.integrals(tau[:-1], tau[1:])

    def truth(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cell = simulate.Circuit(
            [
                simulate.HavriliakNegami(np.exp(r), np.exp(t), a, b)
                for r, t, a, b in p[3:].reshape(-1, 4)
                if np.isfinite(r)
            ]
        )
        return cell.gamma(tau), cell.integral(tau[:-1], tau[1:])

    best, covariance = found.parameters[0], found.covariance[0]
    free = np.flatnonzero(np.diag(covariance) > 0)
    assert free.size >= 9
    slopes = []
    for j in free:
        step = 1e-5 * (np.arange(27) == j)
        slopes.append([(hi - lo) / 2e-5 for hi, lo in zip(truth(best + step), truth(best - step), strict=True)])
    for u, part in ((u_gamma[0], 0), (u_R[0], 1)):
        g = np.array([slope[part] for slope in slopes])
        np.testing.assert_allclose(
            u, np.sqrt(np.einsum("ik,ij,jk->k", g, covariance[np.ix_(free, free)], g)), rtol=1e-5
        )


# ------------------------------------------------------------------ the fit


def test_elements_of_all_kinds_are_recovered() -> None:
    found = fit(noisy(ALL_KINDS, 1e-4, range(5)))
    assert (found.status == Status.OK).all()
    assert (found.count == 3).all()
    truths = {"R": [30, 20, 50], "tau": [1e-5, 1e-3, 0.3], "alpha": [0.8, 1, 0.85], "beta": [1, 0.5, 0.6]}
    for name, truth in truths.items():
        np.testing.assert_allclose(getattr(found, name)[:, :3], np.tile(truth, (5, 1)), rtol=0.05)
    np.testing.assert_allclose(found.R_inf, 10, rtol=1e-3)
    np.testing.assert_allclose(found.R_pol, 100, rtol=1e-3)
    frame = found.to_frame()
    assert len(frame) == 15
    assert list(frame.columns[:3]) == ["spectrum", "element", "kind"]
    assert set(frame["kind"][frame["element"] == 0]) == {"ZARC"}
    error = np.abs(found.Z_fit - ALL_KINDS.impedance(FREQUENCY)) / np.abs(found.Z)
    assert error.max() < 1e-3


def test_the_minimum_is_that_of_scipy_and_so_is_the_covariance() -> None:
    found = fit(noisy(ALL_KINDS, 3e-3, range(4)))
    for row in range(4):
        best = found.parameters[row]
        assert residual(best, found, row) @ residual(best, found, row) == pytest.approx(found.rss[row], rel=1e-10)
        free = np.flatnonzero(np.diag(found.covariance[row]) > 0)

        def moved(x: np.ndarray, row: int = row, free: np.ndarray = free, best: np.ndarray = best) -> np.ndarray:
            p = best.copy()
            p[free] = x
            return residual(p, found, row)

        rng = np.random.default_rng(row)
        start = best[free] * (1 + 0.01 * rng.standard_normal(free.size))
        theirs = least_squares(moved, start, xtol=1e-14, ftol=1e-14, gtol=1e-14, x_scale="jac")
        assert found.rss[row] == pytest.approx(2 * theirs.cost, rel=1e-7)
        np.testing.assert_allclose(best[free], theirs.x, rtol=1e-4)
        J = jacobian(found, row, free)
        variance = found.rss[row] / (2 * 71 - free.size)
        assert found.variance[row] == pytest.approx(variance, rel=1e-12)
        expected = variance * np.linalg.inv(J.T @ J)
        scale = np.sqrt(np.diag(expected))
        ours = found.covariance[row][np.ix_(free, free)]
        np.testing.assert_allclose(ours / np.outer(scale, scale), expected / np.outer(scale, scale), atol=1e-6)


def test_score_is_its_formula() -> None:
    found = fit(noisy(TWO_ZARC, 5e-3, range(3)))
    for row in range(3):
        assert (found.kind[row] == [0, 0, -1, -1, -1, -1]).all()
        free = np.flatnonzero(np.diag(found.covariance[row]) > 0)
        J = jacobian(found, row, free)
        m, s2 = 142, found.variance[row]
        band = np.log(FREQUENCY[0] / FREQUENCY[-1])
        ranges = np.array([5, band + 2, 0.6] * 2)
        prior = np.diag(np.r_[0, 2 * np.pi / ranges**2])
        laplace = -0.5 * np.linalg.slogdet(J.T @ J / s2 + prior)[1] + 0.5 * np.log(2 * np.pi) * 6 - np.log(ranges).sum()
        bic = -0.5 * np.log(J[:, 0] @ J[:, 0] / s2) - 0.5 * 6 * np.log(m)
        likelihood = -0.5 * m * np.log(s2) - 0.5 * found.rss[row] / s2
        # two elements for two peaks, none but ZARCs, none at a bound
        assert found.score[row] == pytest.approx(likelihood + min(laplace, bic) + np.log(2), abs=1e-5)


def test_standard_uncertainties_and_profiles_cover() -> None:
    """95 % intervals of 300 repeats; 3 sigma of a count out of 300 is 3.8 %."""
    found = fit(noisy(TWO_ZARC, 5e-3, range(300)))
    usual = (found.status == Status.OK) & (found.count == 2)
    assert usual.mean() > 0.95
    t = np.sqrt(f_distribution.ppf(0.95, 1, 142 - 7))
    limits = found.profile(0.95)
    for name, truth in {"R": [50, 50], "tau": [1e-3, 1e-1], "alpha": [0.8, 0.8]}.items():
        value, u = getattr(found, name)[usual, :2], getattr(found, f"u_{name}")[usual, :2]
        by_curvature = (np.abs(value - truth) < t * u).mean(axis=0)
        low, high = limits[f"{name}_low"][usual, :2], limits[f"{name}_high"][usual, :2]
        by_profile = ((low < truth) & (truth < high)).mean(axis=0)
        assert (np.abs(by_curvature - 0.95) < 0.04).all(), name
        assert (np.abs(by_profile - 0.95) < 0.04).all(), name
        np.testing.assert_allclose(high - low, 2 * t * u, rtol=0.15)  # the problem is nearly linear
    gamma, u = found.gamma(TAU[50:350:10])
    covered = (np.abs(gamma - TWO_ZARC.gamma(TAU[50:350:10])) < t * u)[usual]
    assert abs(covered.mean() - 0.95) < 0.03
    R, u = found.integrals([1e-4, 1e-2], [1e-2, 1])
    covered = (np.abs(R - TWO_ZARC.integral([1e-4, 1e-2], [1e-2, 1])) < t * u)[usual]
    assert (np.abs(covered.mean(axis=0) - 0.95) < 0.04).all()
    assert abs((np.abs(found.R_pol - 100) < t * found.u_R_pol)[usual].mean() - 0.95) < 0.04


def test_profile_ends_where_the_sum_of_squares_says() -> None:
    found = fit(noisy(ALL_KINDS, 5e-3, (1,)))
    limits = found.profile(0.9)
    free = np.flatnonzero(np.diag(found.covariance[0]) > 0)
    freedom = 142 - free.size
    goal = found.rss[0] * (1 + f_distribution.ppf(0.9, 1, freedom) / freedom)
    for side in ("low", "high"):
        held, others = 4, free[free != 4]  # ln tau of the first element
        p = found.parameters[0].copy()
        p[held] = np.log(limits[f"tau_{side}"][0, 0])

        def moved(x: np.ndarray, p: np.ndarray = p, others: np.ndarray = others) -> np.ndarray:
            q = p.copy()
            q[others] = x
            return residual(q, found, 0)

        again = least_squares(moved, p[others], x_scale="jac", xtol=1e-12, ftol=1e-12)
        assert 2 * again.cost == pytest.approx(goal, rel=1e-4)


def test_inductance_and_capacitance() -> None:
    cell = TWO_ZARC + simulate.Inductor(1e-6) + simulate.Capacitor(2.0)
    found = fit(noisy(cell, 2e-3, range(20)), inductance=True, capacitance=True)
    assert (found.status == Status.OK).all()
    for value, u, truth in ((found.L_0, found.u_L_0, 1e-6), (found.C_0, found.u_C_0, 2.0)):
        np.testing.assert_allclose(np.median(value), truth, rtol=0.1)
        assert (np.abs(value - truth) < 4 * u).all()
    limits = found.profile()
    assert (limits["C_0_low"] < found.C_0).all()
    assert (limits["C_0_high"] > found.C_0).all()
    without = fit(noisy(TWO_ZARC, 2e-3, (0,)))
    assert np.isnan([without.L_0[0], without.C_0[0], without.u_L_0[0]]).all()


# relative L2 error of gamma at 0.1, 0.5 and 1 % noise that smooth estimates reach at best
BEST_SMOOTH = {
    "two_zarc": (0.020, 0.052, 0.077),
    "overlapping": (0.021, 0.052, 0.079),
    "gerischer": (0.553, 0.579, 0.602),
    "havriliak_negami": (0.061, 0.093, 0.111),
    "fractal_gerischer": (0.015, 0.041, 0.059),
}


@pytest.mark.parametrize("name", list(BEST_SMOOTH))
def test_benchmark(name: str) -> None:
    """Its cases are sums of elements: a search that finds them beats every smooth estimate."""
    truth = simulate.benchmark_cases()[name]
    half = np.sqrt(TAU[1] / TAU[0])
    edges = np.r_[TAU / half, TAU[-1] * half]
    exact = truth.cell_average(edges)
    for level, reference in zip((1e-3, 5e-3, 1e-2), BEST_SMOOTH[name], strict=True):
        found = fit(noisy(truth, level, range(9)))
        errors = np.linalg.norm(found.cell_average(edges)[0] - exact, axis=1) / np.linalg.norm(exact)
        assert np.median(errors) < reference


# ------------------------------------------------------------------ what must not matter


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_unit_of_impedance(scale: float) -> None:
    Z = noisy(ALL_KINDS, 1e-3, range(6))
    one, other = fit(Z), fit(Z * scale)
    assert (one.kind == other.kind).all()
    for name, power in (("R", 1), ("u_R", 1), ("tau", 0), ("u_tau", 0), ("alpha", 0), ("beta", 0), ("R_inf", 1)):
        np.testing.assert_allclose(getattr(other, name) / scale**power, getattr(one, name), rtol=1e-7)
    np.testing.assert_allclose(other.score - one.score, (1 - 142) * np.log(scale), rtol=1e-9)
    np.testing.assert_allclose(other.gamma(TAU[::40])[0] / scale, one.gamma(TAU[::40])[0], rtol=1e-7)


def test_threads_and_batches() -> None:
    Z = noisy(ALL_KINDS, 3e-3, range(12))
    one, two = fit(Z, n_threads=1), fit(Z, n_threads=2)
    parts = [fit(Z[:5]), fit(Z[5:])]
    for name in ("parameters", "covariance", "score", "rss"):
        expected = getattr(one, name)
        assert getattr(two, name).tobytes() == expected.tobytes()
        assert np.concatenate([getattr(part, name) for part in parts]).tobytes() == expected.tobytes()


def test_grids_and_broken_spectra() -> None:
    Z = noisy(TWO_ZARC, 1e-3, range(5))
    frequency = np.tile(FREQUENCY, (5, 1))
    used = np.ones(Z.shape, dtype=bool)
    used[1, 60:] = False
    Z[2, 7] = np.nan
    whole = fit(noisy(TWO_ZARC, 1e-3, range(5)))
    smooth = dt.fit_drt(
        dt.Campaign.from_arrays(FREQUENCY, noisy(TWO_ZARC, 1e-3, range(5))), inductance=False, order=2, lambda_=1e-4
    )
    gamma = smooth.gamma.copy()
    gamma[3] = np.nan
    heard: list[tuple[int, int]] = []
    found = fit_elements(
        frequency,
        Z,
        tau=smooth.tau,
        gamma=gamma,
        R_inf=smooth.R_inf,
        weights=np.repeat(whole.weights, 2, axis=1),  # of Re and Im
        used=used,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert list(found.status) == [Status.OK, Status.OK, Status.NOT_FINITE, Status.SINGULAR, Status.OK]
    assert heard[-1] == (5, 5)
    assert np.isnan(found.R[2:4]).all()
    assert np.isnan(found.gamma([1e-2])[0][2:4]).all()
    np.testing.assert_allclose(found.R[[0, 4], :2], whole.R[[0, 4], :2], rtol=1e-6)
    free = (np.diag(found.covariance[1]) > 0).sum()
    assert found.variance[1] == pytest.approx(found.rss[1] / (120 - free))
    assert np.isfinite(found.profile()["R_low"][1, :2]).all()
    dataset = found.to_dataset()
    assert dataset["R"].dims == ("spectrum", "element")
    assert dataset["tau"].attrs["units"] == "s"
    assert repr(found) == f"<ElementFit: 3 of 5 spectra fitted, {found.count.sum()} elements>"


def test_interrupt() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(noisy(TWO_ZARC, 1e-3, range(20)), progress=stop)


def test_exact_data() -> None:
    found = fit(TWO_ZARC.impedance(FREQUENCY)[None])
    assert found.status[0] == Status.OK
    np.testing.assert_allclose(found.R[0, :2], 50, rtol=1e-6)
    assert np.isfinite(found.score[0])


def test_lines() -> None:
    """An RC is found as a ZARC whose exponent stands at its bound, and keeps its R in one cell."""
    cell = simulate.Resistor(10) + simulate.RC(50, 1e-2)
    found = fit(noisy(cell, 5e-3, range(20)))
    lines = (found.to_frame()["kind"] == "RC").to_numpy()
    assert lines.any()
    first = int(found.to_frame()["spectrum"][lines].iloc[0])
    R, _ = found.integrals([0, 5e-3, 2e-2], [5e-3, 2e-2, np.inf])
    np.testing.assert_allclose(R[first], [0, 50, 0], atol=0.5)
    assert np.isnan(found.u_alpha[first, 0])


# ------------------------------------------------------------------ bad input


def start(**changes: Any) -> dict[str, Any]:
    Z = noisy(TWO_ZARC, 1e-3, (0, 1))
    tau = np.geomspace(1e-7, 1e2, 50)
    return {"frequency": FREQUENCY, "Z": Z, "tau": tau, "gamma": np.ones((2, 50)), "R_inf": [10, 10], **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Z": np.ones(71)}, "Z must have 2 dimension"),
        ({"frequency": np.ones((2, 70))}, "frequency has shape"),
        ({"tau": -np.ones(50)}, "tau must be finite and above 0"),
        ({"tau": np.ones(50)}, "tau must hold at least three nodes, increasing"),
        ({"gamma": np.ones((2, 49))}, "gamma has shape"),
        ({"R_inf": [10]}, "R_inf has shape"),
        ({"evidence": [0.0, 0.0, 0.0]}, "evidence has shape"),
        ({"weights": np.ones((2, 70))}, "weights has shape"),
        ({"used": np.ones((1, 71), dtype=bool)}, "used has shape"),
        ({"inductance": "no"}, "inductance must be True or False"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        fit_elements(**start(**changes))


def test_bad_questions() -> None:
    found = fit(noisy(TWO_ZARC, 1e-3, (0,)))
    for question, message in (
        (lambda: found.gamma([0.0]), "tau must be finite"),
        (lambda: found.cell_average([1.0]), "edges must increase"),
        (lambda: found.cell_average([1.0, 0.5]), "edges must increase"),
        (lambda: found.integrals([1.0], [0.5]), "must fulfil"),
        (lambda: found.integrals([1.0, 2.0], [1.0, 2.0, 3.0]), "must broadcast"),
        (lambda: found.profile(1.5), "level must be between 0 and 1"),
    ):
        with pytest.raises(dt.InvalidInput, match=message):
            question()
