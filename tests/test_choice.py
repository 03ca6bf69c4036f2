"""Sums of elements beside smooth distributions, and the choice between them."""

from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine.choice import cell_edges, choose
from drtengine.spectrum import ComplexArray, FloatArray

F = np.geomspace(1e5, 1e-2, 71)
CASES = dt.simulate.benchmark_cases()
TAU = np.geomspace(1e-6, 10**1.5, 401)


def noisy(case: str, count: int = 5, noise: float = 0.005, seed: int = 0) -> ComplexArray:
    return dt.simulate.add_noise(np.tile(CASES[case].impedance(F), (count, 1)), noise, seed=seed)


def fit(Z: ComplexArray, method: str = "auto", **options: Any) -> dt.DrtResult:
    return dt.fit_drt(dt.Campaign.from_arrays(F, np.atleast_2d(Z)), method=method, **options)


def error(result: dt.DrtResult, case: str) -> FloatArray:
    truth = CASES[case].cell_average(cell_edges(TAU))
    return np.asarray(np.linalg.norm(result.evaluate(TAU) - truth, axis=1) / np.linalg.norm(truth))


def peaks(gamma: FloatArray) -> int:
    inner = gamma[1:-1]
    return int(((inner > gamma[:-2]) & (inner >= gamma[2:]) & (inner > 0.02 * gamma.max())).sum())


@pytest.mark.parametrize(
    ("case", "limit", "count"),  # hybrid-drt's or pyDRTtools' best at 0.5 % noise
    [
        ("two_zarc", 0.041, 2),
        ("overlapping", 0.100, 2),
        ("gerischer", 0.618, 1),
        ("havriliak_negami", 0.178, 1),
        ("fractal_gerischer", 0.062, 1),
    ],
)
def test_auto_beats_the_best_published(case: str, limit: float, count: int) -> None:
    result = fit(noisy(case, 20, seed=21))
    assert np.median(error(result, case)) < limit
    assert sum(peaks(gamma) == count for gamma in result.evaluate(TAU)) >= 19


def test_one_method_serves_a_campaign() -> None:
    Z = np.concatenate([noisy("two_zarc"), noisy("fractal_gerischer")])
    result = fit(Z)
    assert len(set(result.method)) == 1
    assert any(note.startswith("method='auto' took") and "10 spectra" in note for note in result.notes)
    assert result.evidence_log is not None
    assert result.evidence_elements is not None
    own = fit(Z, per_spectrum=True)
    gain = own.evidence_elements - own.evidence_log  # type: ignore[operator]
    assert np.array_equal(own.method == "elements", gain > 0)


def test_what_no_element_describes_stays_smooth() -> None:
    """A box in ln(tau) is no sum of few elements."""
    x = np.linspace(np.log(1e-3), np.log(1.0), 400)
    Z = 10 + (1 / (1 + 2j * np.pi * F[:, None] * np.exp(x))).mean(axis=1) * 50
    result = fit(dt.simulate.add_noise(np.tile(Z, (5, 1)), 0.001, seed=3))
    assert set(result.method) == {"log"}


def test_elements_are_exact_throughout() -> None:
    result = fit(noisy("two_zarc", noise=0.001), "elements")
    found = result.elements
    assert found is not None
    assert set(result.method) == {"elements"}
    assert np.array_equal(result.R_inf, found.R_inf)
    assert np.array_equal(result.Z_fit, found.Z_fit)
    assert result.R_pol == pytest.approx(found.R_pol, rel=1e-3)  # the grid ends, the elements do not
    assert np.nanmax(np.abs(result.residual)) < 0.006
    assert result.evaluate(result.tau) == pytest.approx(result.gamma, rel=1e-9)
    density, _ = found.gamma(np.array([1e-2]))
    assert result.evaluate([1e-2]) == pytest.approx(density, rel=1e-12)
    smooth = fit(noisy("two_zarc", noise=0.001), "log")
    assert np.array_equal(result.lambda_, smooth.lambda_)  # of the fit that the elements replace


def test_survives_the_disk(tmp_path: Any) -> None:
    result = fit(noisy("two_zarc"), "elements", area=2.0)
    dt.save(result, tmp_path / "x.nc")
    loaded = dt.load(tmp_path / "x.nc")
    assert loaded.elements is not None
    assert np.array_equal(loaded.evaluate(TAU), result.evaluate(TAU))
    assert np.array_equal(loaded.Z_fit, result.Z_fit)
    for name in ("evidence_log", "evidence_elements"):
        assert np.array_equal(getattr(loaded, name), getattr(result, name))
    assert loaded.elements.to_frame().equals(result.elements.to_frame())  # type: ignore[union-attr]


def test_broken_spectra_do_not_stop_others() -> None:
    Z = noisy("two_zarc", 3)
    Z[1, 4] = np.nan
    result = fit(Z, "elements", band=0.95)
    assert result.status.tolist() == [dt.Status.OK, dt.Status.NOT_FINITE, dt.Status.OK]
    assert np.isnan(result.gamma[1]).all()
    assert np.isfinite(result.gamma[[0, 2]]).all()
    assert np.isfinite(result.u_R_pol[[0, 2]]).all()
    low, high = result.evaluate_band(result.tau)
    assert np.isnan(low[1]).all()
    assert (low[[0, 2]] < result.gamma[[0, 2]]).all()
    assert (high[[0, 2]] > result.gamma[[0, 2]]).all()
    assert low[[0, 2]] == pytest.approx(result.gamma_low[[0, 2]])  # type: ignore[index]


@pytest.mark.parametrize("factor", [1e-4, 1e4])
@pytest.mark.parametrize("weights", ["auto", "unit", "modulus", "proportional", "array"])
@pytest.mark.parametrize("method", ["ridge", "log", "auto", "joint"])
def test_no_unit_matters_for_any_weights_and_method(factor: float, weights: str, method: str) -> None:
    Z = np.concatenate([noisy("two_zarc", 3), noisy("overlapping", 3)])
    options: dict[str, Any] = {"weights": 1 / np.abs(Z) ** 0.5 if weights == "array" else weights, "method": method}
    if method == "joint":
        options["along"] = "cycle"
    a, b = (
        dt.fit_drt(dt.Campaign.from_arrays(F, Z * k, coordinates={"cycle": np.arange(6)}), **options)
        for k in (1.0, factor)
    )
    assert a.method.tolist() == b.method.tolist()
    assert b.lambda_ == pytest.approx(a.lambda_, rel=1e-7 if weights == "proportional" else 1e-9, nan_ok=True)
    assert b.gamma / factor == pytest.approx(a.gamma, abs=1e-9 * a.gamma.max())


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_no_unit_matters_to_evidence(factor: float) -> None:
    Z = noisy("two_zarc")
    a, b = fit(Z), fit(factor * Z)
    gain_a, gain_b = (r.evidence_elements - r.evidence_log for r in (a, b))  # type: ignore[operator]
    assert gain_b == pytest.approx(gain_a, abs=1e-3)


def test_same_answer_for_any_threads() -> None:
    Z = noisy("overlapping", 20)
    a, b = fit(Z, n_threads=1), fit(Z, n_threads=7)
    assert np.array_equal(a.gamma, b.gamma)


def test_choice_in_words() -> None:
    score, evidence = np.array([3.0, -1.0, np.nan]), np.zeros(3)
    found = np.array([True, True, False])
    chosen, words = choose(score, evidence, found, per_spectrum=False)
    assert chosen.tolist() == [True, True, False]
    assert "'elements'" in words
    assert "2.0 above" in words
    chosen, words = choose(score, evidence, found, per_spectrum=True)
    assert chosen.tolist() == [True, False, False]
    assert "1 of 2" in words
    chosen, words = choose(np.array([30.0, -11.0, 2.0]), evidence, np.ones(3, bool), per_spectrum=False)
    assert not chosen.any()
    assert "21.0 more" in words
    assert "fail for 1 of them, by up to 11.0" in words


def test_a_spectrum_that_refutes_elements_keeps_all_smooth() -> None:
    x = np.linspace(np.log(1e-3), np.log(1.0), 400)
    box = 10 + (1 / (1 + 2j * np.pi * F[:, None] * np.exp(x))).mean(axis=1) * 50
    Z = np.concatenate([noisy("two_zarc", 9, noise=0.001), dt.simulate.add_noise(box[None], 0.001, seed=3)])
    assert set(fit(Z).method) == {"log"}
    assert any("fail for 1 of them" in note for note in fit(Z).notes)
    assert fit(Z, per_spectrum=True).method.tolist() == ["elements"] * 9 + ["log"]


@pytest.mark.parametrize("method", ["elements", "auto"])
def test_what_cannot_be_asked(method: str) -> None:
    if method == "elements":
        with pytest.raises(dt.InvalidInput, match="both parts"):
            fit(noisy("two_zarc"), method, part="real")
        with pytest.raises(dt.InvalidInput, match="lambda_"):
            fit(noisy("two_zarc"), method, lambda_=1e-3)
    with pytest.raises(dt.InvalidInput, match="per_spectrum"):
        fit(noisy("two_zarc"), method, per_spectrum="no")


@pytest.mark.parametrize(
    "options",
    [
        {"lambda_": 1e-3},
        {"lambda_": "gcv"},
        {"lambda_": [1e-3] * 5},
        {"refine": True},
        {"nonneg": False},
        {"part": "real"},
        {"basis": "c4"},
        {"order": 2},
        {"fwhm": 0.6},
        {"shape_factor": 3.0},
        {"tau": "drttools"},
        {"tau": np.geomspace(1e-7, 1e2, 40) ** 1.01 + 1e-7},
        {"tau": np.geomspace(1e-6, 1e1, 7)},
    ],
)
def test_what_only_ridge_can_do_is_done_by_ridge(options: dict[str, Any]) -> None:
    Z = noisy("two_zarc")
    result = dt.fit_drt(dt.Campaign.from_arrays(F, Z), **options)
    expected = fit(Z, "ridge", **options)
    assert set(result.method) == {"ridge"}
    assert result.options["method"] == "ridge"
    assert np.array_equal(result.gamma, expected.gamma)
    (note,) = set(result.notes) - set(expected.notes)
    assert f"took 'ridge', as {next(iter(options))} asked" in note


def test_default_is_auto() -> None:
    Z = noisy("two_zarc")
    result, expected = dt.fit_drt(dt.Campaign.from_arrays(F, Z)), fit(Z, "auto")
    assert np.array_equal(result.gamma, expected.gamma)
    even = dt.fit_drt(dt.Campaign.from_arrays(F, Z), tau=np.geomspace(1e-7, 1e2, 91))
    assert "ridge" not in even.method


def test_sums_over_elements_have_their_uncertainty() -> None:
    """The propagated covariance of cells against the core's, and intervals against the exact integral."""
    result = fit(noisy("overlapping", 40, seed=5), "elements", band=0.95)
    edges = cell_edges(result.tau)
    assert result.elements is not None
    u = result.elements.cell_average(edges)[1]
    found = np.sqrt([np.diagonal(result.elements.cell_covariance(edges, i)) for i in range(40)])
    assert np.abs(found / u - 1).max() < 0.02
    truth = CASES["overlapping"].cell_average(edges)
    there = truth > 0.02 * truth.max()
    covered = ((result.gamma_low <= truth) & (truth <= result.gamma_high))[:, there]  # type: ignore[operator]
    assert 0.9 < covered.mean() <= 1
    processes = dt.integrate_processes(result, {"slow": (3e-2, 10.0)})
    exact = float(CASES["overlapping"].integral(3e-2, 10.0))
    assert processes.R[:, 0] == pytest.approx(result.elements.integrals(3e-2, 10.0)[0][:, 0])
    assert ((processes.R_low[:, 0] < exact) & (exact < processes.R_high[:, 0])).mean() >= 0.875
    peaks = dt.find_peaks(result)
    assert np.isfinite(peaks.u_R).all()
    assert np.isfinite(peaks.u_tau).all()


def test_bands_that_elements_lack_are_named() -> None:
    result = fit(noisy("two_zarc"), "elements", band=0.95, band_kind="simultaneous")
    assert np.isnan(result.gamma_low).all()  # type: ignore[arg-type]
    assert any("band_kind='calibrated'" in note for note in result.notes)


def test_a_search_that_starts_far_off_goes_on() -> None:
    """The first guess for a spectrum of the stand-in is far below its smooth gamma, as it lacks an element."""
    campaign = dt.simulate.standin(branches=["discharge", "charge"], seed=0).campaign
    result = dt.fit_drt(campaign, capacitance=True)
    assert set(result.method) == {"elements"}
    assert result.evidence_elements is not None
    assert result.evidence_log is not None
    assert (result.evidence_elements - result.evidence_log).min() > -10
