"""Choosing lambda: every criterion against its definition in dense algebra, and what must not change the choice."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from scipy.optimize import nnls

import drtengine as dt
from drtengine import Status, simulate
from drtengine._native import core
from drtengine.basis import Basis
from drtengine.options import SELECTORS
from drtengine.selection import CRITERIA, LATTICE
from levels import USABLE
from test_ridge import Posed, frequencies, posed, problem, random_spectra

GCV = CRITERIA.index("gcv")
LIKE_GCV = ("gcv", "mgcv", "rgcv")


def needs(name: str) -> dict[str, Any]:
    """What a selector cannot do without."""
    return {"noise": 0.3} if name == "discrepancy" else {}


# Second implementations


def square_root(M: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(M)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


def fitted_rows(q: Posed) -> tuple[np.ndarray, np.ndarray]:
    """Weighted A and z, the rows in use alone."""
    used = q.w2 > 0
    w = np.sqrt(q.w2[used])
    return w[:, None] * q.A[used], w * q.z[used]


def influence(q: Posed, lambda_: float) -> np.ndarray:
    """K = A (A'A + lambda M)^-1 A' by QR."""
    A, _ = fitted_rows(q)
    Q = np.linalg.qr(np.vstack([A, np.sqrt(lambda_) * square_root(q.M)]))[0][: len(A)]
    return np.asarray(Q @ Q.T)


def unconstrained(A: np.ndarray, z: np.ndarray, M: np.ndarray, lambda_: float) -> np.ndarray:
    rows = np.vstack([A, np.sqrt(lambda_) * square_root(M)])
    return np.asarray(np.linalg.lstsq(rows, np.r_[z, np.zeros(len(M))], rcond=None)[0])


def non_negative(A: np.ndarray, z: np.ndarray, M: np.ndarray, lambda_: float, n_basis: int) -> np.ndarray:
    """By SciPy's active set; the free unknowns as differences of two."""
    rows = np.vstack([A, np.sqrt(lambda_) * square_root(M)])
    both = np.hstack([rows, -rows[:, n_basis:]])
    x = nnls(both, np.r_[z, np.zeros(len(M))], maxiter=10_000)[0]
    return np.r_[x[:n_basis], x[n_basis : A.shape[1]] - x[A.shape[1] :]]


def log_det(matrix: np.ndarray) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def likelihood(q: Posed, lambda_: float, x: np.ndarray, passive: np.ndarray) -> float:
    """Minus twice the logarithm, of the unknowns `passive` around x."""
    A, z = fitted_rows(q)
    H = A.T @ A + lambda_ * q.M
    prior = q.M[: q.n_basis, : q.n_basis]
    prior = prior + 1e-10 * np.trace(prior) / q.n_basis * np.eye(q.n_basis)
    inside = passive[passive < q.n_basis]
    misfit = np.sum((z - A @ x) ** 2) + lambda_ * x @ q.M @ x
    rows = len(z) - (A.shape[1] - q.n_basis)
    determinants = log_det(H[np.ix_(passive, passive)]) - log_det(lambda_ * prior[np.ix_(inside, inside)])
    return float(rows * np.log(misfit) + determinants)


def cross_validated(q: Posed, lambda_: float, fold: np.ndarray) -> float:
    A, z = fitted_rows(q)
    fold = fold[q.w2 > 0]
    total = 0.0
    for k in np.unique(fold):
        training, testing = A[fold != k], A[fold == k]
        known = np.abs(training).max(axis=0) > 0
        x = unconstrained(training[:, known], z[fold != k], q.M[np.ix_(known, known)], lambda_)
        left = z[fold == k] - testing[:, known] @ x
        alone = testing[:, ~known]
        total += float(np.sum((left - alone @ np.linalg.lstsq(alone, left, rcond=None)[0]) ** 2))
    return total


def l_curve(q: Posed, lambda_: float) -> float:
    """Minus the curvature from five points of the curve."""
    A, z = fitted_rows(q)
    h = 0.02
    solutions = [unconstrained(A, z, q.M, lambda_ * np.exp(k * h)) for k in (-2, -1, 0, 1, 2)]
    curves = np.array([[np.log(np.linalg.norm(z - A @ x)), np.log(x @ q.M @ x) / 2] for x in solutions]).T
    first = curves @ np.array([1, -8, 0, 8, -1]) / (12 * h)
    second = curves @ np.array([-1, 16, -30, 16, -1]) / (12 * h**2)
    return float((first[1] * second[0] - first[0] * second[1]) / np.hypot(*first) ** 3)


def dense(name: str, q: Posed, lambda_: float, noise: float) -> float:
    A, z = fitted_rows(q)
    n = len(z)
    if name == "evidence":
        x = non_negative(A, z, q.M, lambda_, q.n_basis)
        return likelihood(q, lambda_, x, np.flatnonzero((x > 0) | (np.arange(x.size) >= q.n_basis)))
    if name == "lcurve":
        return l_curve(q, lambda_)
    if name == "reim":
        return cross_validated(q, lambda_, np.arange(q.A.shape[0]) % 2)
    if name == "kfold":  # the frequencies fall
        points = q.A.shape[0] // 2
        return cross_validated(q, lambda_, np.repeat(np.arange(points)[::-1] % 5, 2))
    x = unconstrained(A, z, q.M, lambda_)
    if name == "ml":
        return likelihood(q, lambda_, x, np.arange(x.size))
    K = influence(q, lambda_)
    residual = np.sum((z - K @ z) ** 2)
    if name == "discrepancy":
        return float(abs(np.log(residual / (n * noise**2))))
    rho = {"mgcv": 1.3 if n < 50 else 2.0}.get(name, 1.0)
    xi = 0.2 if n < 100 else 0.3
    robust = xi + (1 - xi) * np.trace(K.T @ K) / n if name == "rgcv" else 1.0
    free = 1 - rho * np.trace(K) / n
    return float(robust * residual / n / free**2) if free > 0 else np.nan


PLACES = [20, 60, 100, 120, 160]
"""lambda from 1e-7 to 1."""


@pytest.mark.parametrize("count", [21, 45, 61])
@pytest.mark.parametrize("weights", ["unit", "shared", "proportional"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", SELECTORS)
def test_scores_are_the_definition(name: str, order: int, weights: str, count: int):
    frequency = frequencies(count)
    Z = random_spectra(3, frequency, seed=9)
    given = np.linspace(1, 2, count) if weights == "shared" else weights
    noise = {"noise": np.array([0.1, 1.0, 10.0])} if name == "discrepancy" else {}
    options = {"order": order, "weights": given, "tau": "frequency", **noise}
    found = dt.lambda_scores(dt.Campaign.from_arrays(frequency, Z), name, **options)
    p = problem(frequency, Z, weights=weights, order=order)
    raw = {"unit": np.ones((3, count)), "shared": np.tile(np.linspace(1, 2, count), (3, 1))}.get(weights)
    if raw is None:
        raw = 1 / np.maximum(np.abs(Z.view(float)), 0.01 * np.repeat(np.abs(Z), 2, axis=1))
    level = np.array([0.1, 1.0, 10.0]) / np.sqrt((raw**2).mean(axis=1))
    for i in range(3):
        q = posed(p, i)
        for place in PLACES:
            exact = dense(name, q, LATTICE[place], level[i])
            score = found.score[i, place]
            if np.isnan(exact):
                assert np.isnan(score)
            elif name in ("evidence", "ml", "discrepancy"):
                assert score == pytest.approx(exact, abs=1e-3)
            elif name == "lcurve":
                assert score == pytest.approx(exact, rel=1e-3, abs=1e-3)
            else:
                assert score == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("name", ["evidence", "ml", "gcv", "kfold"])
@pytest.mark.parametrize("part", ["real", "imaginary"])
def test_scores_of_one_part_are_the_definition(name: str, part: str):
    frequency = frequencies(41)
    Z = random_spectra(2, frequency, seed=4)
    found = dt.lambda_scores(dt.Campaign.from_arrays(frequency, Z), name, part=part, tau="frequency")
    p = problem(frequency, Z, part=("both", "real", "imaginary").index(part))
    for i in range(2):
        exact = [dense(name, posed(p, i), LATTICE[place], 1.0) for place in PLACES]
        np.testing.assert_allclose(found.score[i, PLACES], exact, rtol=1e-4, atol=1e-3)


def test_without_a_bound_the_evidence_is_the_likelihood():
    campaign = noisy("two_zarc", 0.01)
    evidence, ml = (dt.lambda_scores(campaign, name, nonneg=False) for name in ("evidence", "ml"))
    np.testing.assert_array_equal(evidence.score, ml.score)
    np.testing.assert_array_equal(evidence.chosen, ml.chosen)


@pytest.mark.parametrize("isa", USABLE)
def test_scores_of_low_noise_and_uneven_weights(isa: str):
    """Modes that the data hardly see must not take away from the residual."""
    frequency = frequencies()
    Z = random_spectra(40, frequency, seed=2)
    p = problem(frequency, Z, weights="proportional", basis=Basis.on(np.logspace(-7, 3, 101), "gaussian"))
    lambda_ = np.array([1e-6, 1e-3, 1.0])
    exact = [[dense("gcv", posed(p, i), value, 1) for value in lambda_] for i in range(len(Z))]
    scores = importlib.import_module(f"drtengine._core_{isa}").lambda_scores(p, GCV, lambda_)
    np.testing.assert_allclose(scores, exact, rtol=1e-5)


@pytest.mark.parametrize("basis", ["piecewise_linear", "c2", "c6", "inverse_quadric", "cauchy"])
def test_evidence_of_other_functions(basis: str):
    """Some of their penalties are singular or nearly so."""
    result = dt.fit_drt(noisy("two_zarc", 0.01), method="ridge", basis=basis)
    assert (result.status == Status.OK).all()
    assert ((result.lambda_ > 1e-6) & (result.lambda_ < 1)).all()


# The choice


def noisy(case: str, level: float, count: int = 8) -> dt.Campaign:
    frequency = frequencies()
    exact = simulate.benchmark_cases()[case].impedance(frequency)
    Z = np.stack([simulate.add_noise(exact, level, seed=seed) for seed in range(count)])
    return dt.Campaign.from_arrays(frequency, Z)


@pytest.mark.parametrize("weights", ["unit", "modulus"])
@pytest.mark.parametrize("name", [name for name in SELECTORS if name != "evidence"])
def test_the_lowest_score_is_chosen(name: str, weights: str):
    frequency = frequencies()
    campaign = dt.Campaign.from_arrays(frequency, random_spectra(12, frequency, seed=1))
    scores = dt.lambda_scores(campaign, name, weights=weights, **needs(name))
    lowest = np.nanargmin(scores.score, axis=1)
    np.testing.assert_array_equal(scores.chosen, LATTICE[lowest])
    np.testing.assert_array_equal(scores.status == Status.LAMBDA_AT_BOUND, np.isin(lowest, [0, LATTICE.size - 1]))


@pytest.mark.parametrize("order", [1, 2])
def test_the_search_for_the_evidence_finds_its_valley(order: int):
    """The curve has small steps, so that the search may stop a little above its lowest point."""
    frequency = frequencies()
    campaign = dt.Campaign.from_arrays(frequency, random_spectra(150, frequency, seed=6))
    scores = dt.lambda_scores(campaign, "evidence", order=order)
    place = np.searchsorted(LATTICE, scores.chosen * (1 - 1e-9))
    above = scores.score[np.arange(len(scores)), place] - np.nanmin(scores.score, axis=1)
    assert above.mean() < 1.0
    assert np.quantile(above, 0.95) < 5


@pytest.mark.parametrize("name", ["evidence", "gcv", "kfold"])
def test_refining_goes_on_between_the_lattice(name: str):
    campaign = noisy("overlapping", 0.01)
    coarse, fine = (
        dt.fit_drt(campaign, method="ridge", lambda_=name, refine=refine).lambda_ for refine in (False, True)
    )
    assert (np.abs(np.log10(fine / coarse)) <= 1 / 20 + 1e-9).all()
    assert (fine != coarse).mean() > 0.8  # at a bound it stays


def test_refined_gcv_is_lower():
    frequency = frequencies()
    Z = random_spectra(20, frequency, seed=1)
    p = problem(frequency, Z)
    chosen, _ = core.select_lambda(p, GCV, LATTICE, False)
    refined, status = core.select_lambda(p, GCV, LATTICE, True)
    for i in np.flatnonzero(status == Status.OK):
        one = problem(frequency, Z[i : i + 1])
        near = core.lambda_scores(one, GCV, np.array([refined[i], chosen[i], refined[i] * 1.01, refined[i] / 1.01]))[0]
        assert near[0] <= near.min() * (1 + 1e-9)


@pytest.mark.parametrize("weights", ["unit", "modulus", "proportional"])
@pytest.mark.parametrize("name", SELECTORS)
def test_the_choice_knows_no_unit(name: str, weights: str):
    """Z in units of 0.1 mohm or 10 kohm: the same lambda, and gamma in proportion."""
    campaign = noisy("havriliak_negami", 0.005, 5)
    noise = {"noise": 0.3 if weights == "unit" else 0.005} if name == "discrepancy" else {}
    one = dt.fit_drt(campaign, method="ridge", lambda_=name, weights=weights, **noise)
    for unit in (1e-4, 1e4):
        if name == "discrepancy" and weights == "unit":
            noise = {"noise": 0.3 * unit}
        scaled = dt.Campaign.from_arrays(campaign.frequency[0], campaign.Z * unit)
        other = dt.fit_drt(scaled, method="ridge", lambda_=name, weights=weights, **noise)
        np.testing.assert_array_equal(other.lambda_, one.lambda_)
        np.testing.assert_allclose(other.gamma / unit, one.gamma, rtol=0, atol=1e-9 * one.gamma.max())


def test_noise_is_per_area_where_z_is():
    campaign = noisy("two_zarc", 0.005, 4)
    for weights in ("unit", "modulus", np.linspace(1, 2, 71)):
        plain, scaled = (
            dt.lambda_scores(campaign, "discrepancy", noise=0.1, weights=weights, area=area) for area in (None, 3.0)
        )
        np.testing.assert_allclose(scaled.score, plain.score, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("weights", ["unit", "modulus"])
def test_discrepancy_leaves_a_residual_like_the_noise(weights: str):
    frequency = frequencies()
    exact = np.tile(simulate.benchmark_cases()["two_zarc"].impedance(frequency), (40, 1))
    rng = np.random.default_rng(3)
    level = 0.5 if weights == "unit" else 0.005
    each = level * (rng.standard_normal(exact.shape) + 1j * rng.standard_normal(exact.shape))
    Z = exact + each * (1 if weights == "unit" else np.abs(exact))
    campaign = dt.Campaign.from_arrays(frequency, Z)
    result = dt.fit_drt(
        campaign, method="ridge", lambda_="discrepancy", noise=level, weights=weights, nonneg=False, refine=True
    )
    inside = result.status == Status.OK
    assert inside.mean() > 0.5
    relative = (result.Z_fit - Z) / (1 if weights == "unit" else np.abs(Z))
    rms = np.sqrt((np.abs(relative[inside]) ** 2).mean(axis=1) / 2)
    np.testing.assert_allclose(rms, level, rtol=1e-3)


def relative_error(campaign: dt.Campaign, truth: np.ndarray, tau: np.ndarray, **options: Any) -> np.ndarray:
    difference = dt.fit_drt(campaign, method="ridge", **options).evaluate(tau) - truth
    return np.asarray(np.linalg.norm(difference, axis=1) / np.linalg.norm(truth))


def test_error_beside_the_best_lambda():
    """Geometric means over the benchmark's circuits at 0.1, 0.5 and 1 % noise; 1.07 to 1.42 have been reported."""
    frequency, tau = frequencies(), np.geomspace(1e-6, 31.6, 401)
    half = np.sqrt(tau[1] / tau[0])
    ratio: dict[str, list[np.ndarray]] = {name: [] for name in SELECTORS}
    for circuit in simulate.benchmark_cases().values():
        truth = circuit.cell_average(np.r_[tau / half, tau[-1] * half])
        for level in (1e-3, 5e-3, 1e-2):
            Z = np.stack([simulate.add_noise(circuit.impedance(frequency), level, seed=500 + s) for s in range(8)])
            campaign = dt.Campaign.from_arrays(frequency, Z)
            best = np.min([relative_error(campaign, truth, tau, lambda_=float(v)) for v in LATTICE[40:181:4]], axis=0)
            rms = level * np.sqrt(np.mean(np.abs(circuit.impedance(frequency)) ** 2))
            for name, ratios in ratio.items():
                noise = {"noise": rms} if name == "discrepancy" else {}
                ratios.append(np.log(relative_error(campaign, truth, tau, lambda_=name, **noise) / best))
    mean = {name: float(np.exp(np.mean(values))) for name, values in ratio.items()}
    limits = {"evidence": 1.12, "ml": 1.14, "gcv": 1.25, "mgcv": 1.25, "rgcv": 1.22}
    for name, value in mean.items():
        assert value < limits.get(name, 1.6), mean


# Where there is no choice


@pytest.mark.parametrize("name", ["evidence", "ml", "gcv"])
def test_lambda_at_a_bound_is_reported(name: str):
    frequency = frequencies()
    exact = simulate.benchmark_cases()["two_zarc"].impedance(frequency)
    noise_alone = simulate.add_noise(np.full(frequency.size, 10.0), 0.01, seed=2)
    campaign = dt.Campaign.from_arrays(frequency, [exact, noise_alone], names=["exact", "noise"])
    result = dt.fit_drt(campaign, method="ridge", lambda_=name)
    assert (result.status == Status.LAMBDA_AT_BOUND).all()
    np.testing.assert_array_equal(result.lambda_, [LATTICE[0], LATTICE[-1]])
    assert np.isfinite(result.gamma).all()
    assert any("exact: the selector has no minimum" in note for note in result.notes)


@pytest.mark.parametrize("name", SELECTORS)
def test_data_without_noise_or_relaxation_have_an_answer(name: str):
    frequency = frequencies(41)
    omega = 2 * np.pi * frequency
    exact = simulate.benchmark_cases()["overlapping"].impedance(frequency)
    Z = np.stack([exact, np.full(41, 10.0 + 0j), 10 + 1e-6j * omega])
    result = dt.fit_drt(dt.Campaign.from_arrays(frequency, Z), method="ridge", lambda_=name, **needs(name))
    assert all(Status(s).has_answer for s in result.status)
    np.testing.assert_allclose(result.R_pol[1:], 0, atol=1e-4)
    np.testing.assert_allclose(result.R_inf[1:], 10, rtol=1e-4)


@pytest.mark.parametrize("name", SELECTORS)
def test_fewer_points_than_unknowns(name: str):
    frequency = frequencies(9)
    Z = simulate.add_noise(simulate.benchmark_cases()["two_zarc"].impedance(frequency), 0.01, seed=1)
    result = dt.fit_drt(
        dt.Spectrum(frequency, Z), method="ridge", lambda_=name, tau=np.geomspace(1e-7, 1e2, 91), **needs(name)
    )
    assert Status(result.status[0]).has_answer
    assert np.isfinite(result.gamma).all()


@pytest.mark.parametrize("name", ["evidence", "kfold", "lcurve"])
def test_zeros(name: str):
    result = dt.fit_drt(dt.Spectrum(frequencies(21), np.zeros(21, complex)), method="ridge", lambda_=name)
    assert result.status[0] == Status.LAMBDA_AT_BOUND
    np.testing.assert_array_equal(result.gamma, 0)


def test_three_points_can_be_dealt_to_more_folds():
    frequency = frequencies(4)
    Z = simulate.benchmark_cases()["two_zarc"].impedance(frequency)
    assert np.isfinite(dt.fit_drt(dt.Spectrum(frequency, Z), method="ridge", lambda_="kfold", n_folds=50).gamma).all()


# The curves


def test_scores_as_tables():
    campaign = dt.Campaign.from_arrays(frequencies(), noisy("two_zarc", 0.01, 2).Z, names=["a", "b"])
    scores = dt.lambda_scores(campaign, "gcv")
    assert repr(scores) == "<LambdaScores: gcv of 2 spectra at 201 lambda>"
    dataset = scores.to_dataset()
    assert dataset["score"].dims == ("spectrum", "lambda_")
    assert dataset.attrs["selector"] == "gcv"
    np.testing.assert_array_equal(dataset["chosen"], scores.chosen)
    frame = scores.to_frame()
    assert list(frame.index) == list(dataset["name"].values)
    np.testing.assert_array_equal(frame.idxmin(axis=1), scores.chosen)


def test_scores_of_mixed_grids_and_broken_spectra():
    short, long = frequencies(31), frequencies(41)
    circuit = simulate.benchmark_cases()["two_zarc"]
    spectra = [
        dt.Spectrum(f, simulate.add_noise(circuit.impedance(f), 0.01, seed=i))
        for i, f in enumerate([short, long, short])
    ]
    broken = spectra[2].Z.copy()
    broken[3] = np.nan
    campaign = dt.Campaign.from_spectra([*spectra[:2], dt.Spectrum(short, broken)])
    scores = dt.lambda_scores(campaign, tau=np.geomspace(1e-7, 1e2, 81))
    assert np.isnan(scores.score[2]).all()
    assert np.isfinite(scores.score[:2]).all()
    alone = dt.lambda_scores(spectra[1], tau=np.geomspace(1e-7, 1e2, 81))
    np.testing.assert_array_equal(alone.score[0], scores.score[1])


def test_what_is_no_selector():
    with pytest.raises(dt.InvalidInput, match=r"unknown selector 'evidense'; .* did you mean 'evidence'"):
        dt.lambda_scores(noisy("two_zarc", 0.01, 1), "evidense")


def test_scores_are_those_of_ridge() -> None:
    campaign = dt.Campaign.from_arrays(frequencies(), [simulate.benchmark_cases()["two_zarc"].impedance(frequencies())])
    named, plain = (dt.lambda_scores(campaign, "gcv", **how) for how in ({"method": "ridge"}, {}))
    np.testing.assert_array_equal(named.score, plain.score)
    with pytest.raises(dt.InvalidInput, match="criteria of method='ridge'"):
        dt.lambda_scores(campaign, method="log")
