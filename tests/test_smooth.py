"""Distributions that are smooth in ln(gamma): against dense linear algebra, exact truth and invariants."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drtengine as dt
from drtengine._native import core
from drtengine.basis import Basis, tau_grid
from drtengine.smooth import between_nodes, hats
from drtengine.spectrum import ComplexArray, FloatArray

F = np.geomspace(1e5, 1e-2, 71)
CASES = dt.simulate.benchmark_cases()
TAU = np.geomspace(1e-6, 10**1.5, 401)
END_SLOPE, END_SLOPE_ERROR, ANCHOR = 0.8, 0.5, 1e-6  # as in log_lanes


def noisy(case: str = "two_zarc", count: int = 1, noise: float = 0.005, seed: int = 0) -> ComplexArray:
    return dt.simulate.add_noise(np.tile(CASES[case].impedance(F), (count, 1)), noise, seed=seed)


def fit(Z: ComplexArray, f: FloatArray = F, **options: Any) -> dt.DrtResult:
    return dt.fit_drt(dt.Campaign.from_arrays(f, np.atleast_2d(Z)), method="log", **options)


def error(result: dt.DrtResult, case: str) -> FloatArray:
    """Relative L2 error of gamma over TAU [spectrum]."""
    edges = np.exp((np.arange(402) - 0.5) * np.log(TAU[1] / TAU[0])) * TAU[0]
    truth = CASES[case].cell_average(edges)
    return np.asarray(np.linalg.norm(result.evaluate(TAU) - truth, axis=1) / np.linalg.norm(truth))


@pytest.mark.parametrize(
    ("case", "limit"),  # a tenth above the medians of 20 other seeds
    [
        ("two_zarc", 0.060),
        ("overlapping", 0.077),
        ("gerischer", 0.64),
        ("havriliak_negami", 0.105),
        ("fractal_gerischer", 0.037),
    ],
)
def test_error_of_gamma(case: str, limit: float) -> None:
    result = fit(noisy(case, 20, 0.005, seed=11))
    assert (result.status == dt.Status.OK).all()
    assert np.median(error(result, case)) < limit
    ridge = dt.fit_drt(result.campaign, method="ridge")
    assert np.median(error(result, case)) < np.median(error(ridge, case))
    assert np.abs(result.R_inf - 10).max() < 1
    assert np.median(np.abs(result.noise / 0.005 - 1)) < 0.1


class Dense:
    """The same objective at a given solution, written down with dense matrices."""

    def __init__(self, solution: Any, Z: ComplexArray, tau: FloatArray, w: FloatArray) -> None:
        x, omega = np.log(tau), 2 * np.pi * F
        h, n = x[1] - x[0], x.size
        kernel = Basis("piecewise_linear", 1.0, tau).kernel(F)
        columns = np.column_stack([kernel, np.ones(F.size), 1j * omega])
        A = np.vstack([columns.real, columns.imag])
        w2 = np.tile(w**2 / np.exp(np.log(w**2).mean()), 2)
        w2 *= solution["relief"].reshape(-1, 2).T.ravel() ** 2  # unit weights make outliers of proportional noise
        u, free = solution["log_gamma"][0], solution["free"][0]
        y = np.concatenate([np.exp(u), free])
        residual = np.concatenate([Z.real, Z.imag]) - A @ y
        self.rss = w2 @ residual**2
        D = np.diff(np.eye(n), 2, axis=0) * h**-1.5
        s = solution["precision"][0]
        slopes = np.array([(u[1] - u[0]) / h - END_SLOPE, (u[-1] - u[-2]) / h + END_SLOPE]) / END_SLOPE_ERROR
        P = D.T @ (s[:, None] * D) + ANCHOR * np.eye(n)
        for i in (0, n - 2):
            P[i : i + 2, i : i + 2] += np.array([[1, -1], [-1, 1]]) / (h * END_SLOPE_ERROR) ** 2
        noise2 = solution["noise"][0] ** 2
        J = A * np.concatenate([np.exp(u), [1, 1 / omega.max()]])  # the inductance in units that make its column one
        data = J.T @ (w2[:, None] * J) / noise2
        H = data.copy()
        H[:n, :n] += P
        self.dof = np.trace(np.linalg.solve(H, data))
        penalty = s @ (D @ u) ** 2 + slopes @ slopes
        gradient = -(J.T @ (w2 * residual)) / noise2
        gradient[:n] += D.T @ (s * (D @ u))
        gradient[[0, 1, n - 2, n - 1]] += np.array([-1, 1, -1, 1]) * slopes.repeat(2) / (h * END_SLOPE_ERROR)
        self.newton_step = np.linalg.solve(H, gradient)
        m = 2 * F.size
        log_det = np.linalg.slogdet(H)[1]
        self.evidence = (
            -(self.rss / noise2 + penalty + m * np.log(noise2) + log_det) / 2
            + (np.log(s).sum() + np.linalg.slogdet(D @ D.T)[1]) / 2
            + np.log(2 * np.pi)
            - np.log(16)
        )


def problem(Z: ComplexArray, tau: FloatArray) -> Any:
    return {
        "shape": 0,
        "epsilon": 1.0,
        "log_tau": np.log(tau),
        "omega": 2 * np.pi * F,
        "order": 1,
        "inductance": True,
        "capacitance": False,
        "part": 0,
        "Z": Z,
        "weights": np.empty((0, 0)),
        "nonneg": True,
        "n_threads": 1,
        "progress": None,
    }


@pytest.mark.parametrize("weights", ["unit", "modulus"])
@pytest.mark.parametrize("case", ["two_zarc", "havriliak_negami", "gerischer"])
def test_against_dense_matrices(case: str, weights: str) -> None:
    Z, tau = noisy(case), tau_grid(1e-2, 1e5, F, None)
    w = np.ones(F.size) if weights == "unit" else 1 / np.abs(Z[0])
    solution = core.fit_log(problem(Z, tau), [w[None]])
    dense = Dense(solution, Z[0], tau, w)
    assert solution["rss"][0] == pytest.approx(dense.rss, rel=1e-9)
    assert solution["dof"][0] == pytest.approx(dense.dof, rel=1e-6)
    assert solution["evidence_local"][0] == pytest.approx(dense.evidence, abs=2e-2)  # the anchor's share
    gamma = np.exp(solution["log_gamma"][0])
    assert (np.abs(dense.newton_step[:-2]) * gamma / gamma.max()).max() < 0.01
    # the fixed point of the noise
    assert solution["noise"][0] ** 2 == pytest.approx(dense.rss / (2 * F.size - dense.dof), rel=0.05)


def test_weights_are_chosen_by_evidence() -> None:
    Z = np.tile(CASES["two_zarc"].impedance(F), (20, 1))
    rng = np.random.default_rng(5)
    white = rng.normal(size=Z.shape) + 1j * rng.normal(size=Z.shape)
    assert set(fit(Z + 0.3 * white).weighting) == {"unit"}
    assert set(fit(Z + 0.005 * np.abs(Z) * white).weighting) == {"modulus"}
    assert set(fit(Z + 0.3 * white, weights="modulus").weighting) == {"modulus"}
    given = fit(Z + 0.3 * white, weights=np.ones(F.size))
    assert set(given.weighting) == {"array"}
    assert given.gamma == pytest.approx(fit(Z + 0.3 * white, weights="unit").gamma, rel=1e-9)


@pytest.mark.parametrize("factor", [1e-12, 1e-4, 3.0, 1e4])
@pytest.mark.parametrize("weights", ["auto", "unit", "modulus", "proportional"])
def test_no_unit_matters(factor: float, weights: str) -> None:
    Z = noisy(count=3)
    a, b = fit(Z, weights=weights, band=0.9), fit(factor * Z, weights=weights, band=0.9)
    assert b.gamma / factor == pytest.approx(a.gamma, rel=1e-9)
    assert b.lambda_ == pytest.approx(a.lambda_, rel=1e-9)
    assert b.u_R_pol / factor == pytest.approx(a.u_R_pol, rel=1e-7)
    assert b.gamma_low is not None
    assert a.gamma_low is not None
    assert b.gamma_low / factor == pytest.approx(a.gamma_low, rel=1e-7)


def test_same_bits_for_any_threads_and_cut() -> None:
    Z = noisy("two_zarc", 70)
    whole = fit(Z, n_threads=1, band=0.95)
    threads = fit(Z, n_threads=7, band=0.95)
    assert np.array_equal(whole.gamma, threads.gamma)
    assert np.array_equal(whole.gamma_low, threads.gamma_low)  # type: ignore[arg-type]
    for rows in (slice(0, 1), slice(3, 20), slice(69, 70)):
        assert np.array_equal(whole.gamma[rows], fit(Z[rows], band=0.95).gamma)
    order = np.random.default_rng(0).permutation(70)
    assert np.array_equal(fit(Z[order]).gamma, whole.gamma[order])


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(F.size)))
def test_order_of_frequencies_does_not_matter(order: list[int]) -> None:
    Z = noisy()
    a, b = fit(Z), fit(Z[:, order], F[order])
    assert b.gamma == pytest.approx(a.gamma, rel=1e-6, abs=1e-9 * a.gamma.max())


def test_instruction_sets_agree(tmp_path: Any) -> None:
    code = (
        "import sys, numpy as np, drtengine as dt\n"
        "f = np.geomspace(1e5, 1e-2, 71)\n"
        "Z = np.tile(dt.simulate.benchmark_cases()['two_zarc'].impedance(f), (9, 1))\n"
        "Z = dt.simulate.add_noise(Z, 0.005, seed=1)\n"
        "np.save(sys.argv[1], dt.fit_drt(dt.Campaign.from_arrays(f, Z), method='log').gamma)\n"
    )
    found = []
    for isa in ("baseline", "v3", "v4"):
        path = tmp_path / f"{isa}.npy"
        run = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env={**os.environ, "DRTENGINE_ISA": isa},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode == 0:
            found.append(np.load(path))
        else:
            assert "DRTENGINE_ISA" in run.stderr  # this CPU or this build does not have it
    assert found
    for other in found[1:]:
        assert other == pytest.approx(found[0], rel=1e-6)


def test_one_bad_point_does_not_bend_gamma() -> None:
    Z = noisy()
    spoilt = Z.copy()
    spoilt[0, 30] *= 1.2
    clean, bent = fit(Z), fit(spoilt)
    assert np.flatnonzero(bent.outliers[0]).tolist() == [30]
    assert not clean.outliers.any()
    assert error(bent, "two_zarc")[0] < 1.3 * error(clean, "two_zarc")[0] + 0.01
    assert any("stand out" in note for note in bent.notes)
    assert bent.noise[0] == pytest.approx(clean.noise[0], rel=0.15)


def test_few_outliers_are_seen_where_there_are_none() -> None:
    assert fit(noisy("overlapping", 200, seed=4)).outliers.sum() <= 2


def test_noise_free_data() -> None:
    result = fit(CASES["two_zarc"].impedance(F))
    assert result.status[0] == dt.Status.OK
    assert error(result, "two_zarc")[0] < 0.01
    assert result.noise[0] < 1e-6


def test_resistor_alone_has_no_gamma() -> None:
    result = fit(np.full(F.size, 10 + 0j))
    assert result.R_inf[0] == pytest.approx(10, rel=1e-9)
    assert result.R_pol[0] < 1e-6


def test_parts_and_capacitance() -> None:
    Z = noisy(noise=0.002)
    real, imaginary = fit(Z, part="real"), fit(Z, part="imaginary")
    assert np.isnan(real.L_0[0])
    assert np.isnan(imaginary.R_inf[0])
    for result in (real, imaginary):
        assert error(result, "two_zarc")[0] < 0.12
    blocked = fit(Z + 1 / (2j * np.pi * F * 0.5), capacitance=True)
    assert blocked.C_0[0] == pytest.approx(0.5, rel=0.01)
    assert error(blocked, "two_zarc")[0] < 0.1


def test_broken_spectra_do_not_stop_others() -> None:
    Z = noisy(count=3)
    Z[1, 5] = np.nan
    result = fit(Z, band=0.95)
    assert result.status.tolist() == [dt.Status.OK, dt.Status.NOT_FINITE, dt.Status.OK]
    assert np.isnan(result.gamma[1]).all()
    assert np.isnan(result.evaluate([1e-3])[1, 0])
    assert result.method.tolist() == ["log", "", "log"]
    assert np.array_equal(result.gamma[2], fit(Z[2], band=0.95).gamma[0])


def test_mixed_grids_share_their_nodes() -> None:
    a, b = noisy()[0], noisy()[0, 5:]
    result = dt.fit_drt(dt.Campaign.from_spectra([dt.Spectrum(F, a), dt.Spectrum(F[5:], b)]), method="log")
    assert (result.status == dt.Status.OK).all()
    assert result.gamma.shape == (2, result.tau.size)
    assert np.nanmax(np.abs(result.residual)) < 0.05


def test_fit_reproduces_the_data_and_survives_the_disk(tmp_path: Any) -> None:
    result = fit(noisy(count=2), band=0.95)
    assert np.sqrt(np.mean(np.abs(result.residual) ** 2)) == pytest.approx(0.005 * np.sqrt(2), rel=0.15)
    dt.save(result, tmp_path / "x.nc")
    loaded = dt.load(tmp_path / "x.nc")
    for name in ("gamma", "gamma_low", "gamma_high", "method", "weighting", "outliers", "noise", "u_R_pol"):
        assert np.array_equal(getattr(result, name), getattr(loaded, name))
    assert np.array_equal(result.evaluate(TAU), loaded.evaluate(TAU))


def test_between_nodes_is_exact_where_ln_gamma_is_a_cubic() -> None:
    tau = np.geomspace(1e-4, 1, 30)

    def gamma(at: FloatArray) -> FloatArray:
        x = np.log(at)
        return np.exp(0.1 * x**3 + x**2 - 2)

    at = np.geomspace(2e-4, 0.5, 77)
    assert between_nodes(tau, gamma(tau)[None], at)[0] == pytest.approx(gamma(at), rel=1e-10)
    assert between_nodes(tau, gamma(tau)[None], np.array([1e-5, 2.0])).tolist() == [[0, 0]]
    assert np.isnan(between_nodes(tau, np.full((1, 30), np.nan), at)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lambda_": 1e-3}, "lambda_"),
        ({"refine": True}, "refine"),
        ({"nonneg": False}, "nonneg|positive"),
        ({"tau": [1e-3, 1e-2, 5e-2, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0]}, "evenly spaced"),
        ({"tau": np.geomspace(1e-5, 1, 7)}, "at least 8 nodes"),
        ({"method": "smooth"}, "unknown method"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(dt.InvalidInput, match=words):
        dt.fit_drt(dt.Campaign.from_arrays(F, noisy()), **{"method": "log", **options})


def test_hats_integrate_a_smooth_function_exactly() -> None:
    tau = np.geomspace(1e-6, 1e6, 121)
    gamma = np.exp(-(np.log(tau) ** 2))
    assert gamma @ hats(tau).integrals(tau[0], tau[-1]) == pytest.approx(np.sqrt(np.pi), rel=1e-12)
