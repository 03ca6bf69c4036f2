"""Draws of gamma: against a second sampler and closed forms, and what can be asked of them."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

import drtengine as dt
from drtengine._native import core
from drtengine.basis import SHAPES, Basis
from drtengine.spectrum import FloatArray

F = np.geomspace(1e5, 1e-2, 71)
FEW = np.geomspace(1e4, 1e-1, 31)
TWO = dt.simulate.benchmark_cases()["two_zarc"]


def campaign(count: int, noise: float = 0.005, frequency: FloatArray = F, seed: int = 3) -> dt.Campaign:
    Z = np.tile(TWO.impedance(frequency), (count, 1))
    return dt.Campaign.from_arrays(frequency, dt.simulate.add_noise(Z, noise, seed=seed))


def sampled(data: dt.Campaign | dt.Spectrum, **options: Any) -> dt.DrtResult:
    options = {"method": "log", "band": 0.95, "band_kind": "sampled", "n_threads": 1, **options}
    return dt.fit_drt(data, **options)


@pytest.fixture(scope="module")
def drawn() -> dt.DrtResult:
    return sampled(campaign(2), samples=3000)


@pytest.fixture(scope="module")
def ridge() -> dt.DrtResult:
    return sampled(campaign(2, frequency=FEW), method="ridge", samples=1500)


def log_density(f: FloatArray, kernel: FloatArray, free: FloatArray, z: FloatArray, h: float) -> FloatArray:
    """-ln p of ln(gamma) [walker, node], from its definition, with Gamma(2, 1) and inverse Gamma(3, 1e-4) priors."""
    n = f.shape[1]
    right = z - np.exp(f) @ kernel.T
    q, _ = np.linalg.qr(free)
    right = right - (right @ q) @ q.T
    rough = (np.diff(f, 2, axis=1) ** 2).sum(axis=1) / h**3
    ends = ((f[:, 1] - f[:, 0]) / h - 0.8) ** 2 + ((f[:, -1] - f[:, -2]) / h + 0.8) ** 2
    m = z.size - free.shape[1]
    return np.asarray(
        (3 + m / 2) * np.log(1e-4 + (right**2).sum(axis=1) / 2)
        + (2 + (n - 2) / 2) * np.log(1 + rough / 2)
        + 2 * ends
        + 0.1 / 2 * ((f - 1) ** 2).sum(axis=1)
    )


def test_a_random_walk_finds_the_same_distribution() -> None:
    """Metropolis' algorithm in a space of eight nodes, from the definition of the density alone."""
    tau, frequency = np.geomspace(1e-4, 1, 8), np.geomspace(1e4, 0.1, 12)
    omega, basis, h = 2 * np.pi * frequency, Basis("piecewise_linear", 1.0, tau), float(np.log(1e4) / 7)
    rng = np.random.default_rng(5)
    debye = basis.kernel(frequency)
    Z = 3 + debye @ np.array([0.5, 1.5, 4, 3, 1, 2, 1.5, 0.4]) + 0.3 * (rng.normal(size=(2, 12)).T @ [1, 1j])
    draws = core.sample_log(
        {
            "shape": SHAPES.index("piecewise_linear"), "epsilon": 1.0, "log_tau": np.log(tau), "omega": omega,
            "order": 1, "inductance": True, "capacitance": False, "part": 0, "Z": Z[None], "weights": np.empty((0, 0)),
            "nonneg": True, "n_threads": 1, "progress": None,
        },
        np.ascontiguousarray(basis.integrals(1e-4, 1)[:, None]),
        np.array([2, 1, 3, 1e-4, 0.1, 1.0]),
        {"draws": 8000, "lower": 0.025, "upper": 0.975, "keep": True, "seed": 1},
    )  # fmt: skip
    assert draws["status"][0] == 0
    mine = np.log(draws["curves"])

    stack = lambda x: np.concatenate([x.real, x.imag])  # noqa: E731
    kernel, z = stack(debye), stack(Z)
    free = np.stack([stack(np.ones(12, complex)), stack(1j * omega / omega.max())], axis=1)
    f = np.ones((400, 8)) + 0.3 * rng.normal(size=(400, 8))
    step, now, kept = np.full(8, 0.15), log_density(f, kernel, free, z, h), []
    for i in range(6000):
        if i in (500, 1500):  # a proposal like what has been seen; fixed before the walk that counts
            step = np.linalg.cholesky(np.cov(f.T)) * 0.8
        proposal = f + (rng.normal(size=f.shape) @ step.T if step.ndim == 2 else step * rng.normal(size=f.shape))
        then = log_density(proposal, kernel, free, z, h)
        taken = np.log(rng.uniform(size=400)) < now - then
        f[taken], now[taken] = proposal[taken], then[taken]
        if i >= 2000 and i % 20 == 0:
            kept.append(f.copy())
    theirs = np.concatenate(kept)
    deviation = theirs.std(axis=0)
    assert np.abs(mine.mean(axis=0) - theirs.mean(axis=0)).max() < 0.08 * deviation.max()
    assert np.abs((mine.mean(axis=0) - theirs.mean(axis=0)) / deviation).max() < 0.1
    assert mine.std(axis=0) == pytest.approx(deviation, rel=0.08)
    assert np.corrcoef(mine.T) == pytest.approx(np.corrcoef(theirs.T), abs=0.06)
    assert draws["deviation"][0, 8] == pytest.approx((np.exp(theirs) @ basis.integrals(1e-4, 1)).std(), rel=0.1)


def test_ranks_of_truths_from_the_prior_are_uniform() -> None:
    script = Path(__file__).parents[1] / "bench" / "sbc.py"
    if not script.is_file():
        pytest.skip("the folder bench is not beside the tests")
    spec = importlib.util.spec_from_file_location("sbc", script)
    assert spec is not None
    assert spec.loader is not None
    sbc = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sbc)
    for name, rank in sbc.ranks(80, nodes=16, points=12, draws=1000).items():
        assert sbc.p_value(rank, bins=5) > 1e-3, name
    # and the test can fail
    assert sbc.p_value(np.sort(np.arange(80) // 2), bins=5) < 1e-3


def test_band_is_the_quantile_of_gamma_itself(drawn: dt.DrtResult, ridge: dt.DrtResult) -> None:
    for r in (drawn, ridge):
        assert r.samples is not None
        assert r.sampling is not None
        assert r.samples.shape[::2] == r.gamma.shape
        low, high = np.quantile(r.samples, [0.025, 0.975], axis=1)
        assert r.gamma_low == pytest.approx(low, rel=1e-12)
        assert r.gamma_high == pytest.approx(high, rel=1e-12)
        assert r.samples.min() >= 0
        assert r.sampling.ess.min() > 400
        assert r.sampling.r_hat.max() < 1.02
        R = dt.integrate_samples(r)
        assert r.u_R_pol == pytest.approx(R.std(axis=1, ddof=1), rel=0.02)
        assert r.sampling.R_pol_low == pytest.approx(np.quantile(R, 0.025, axis=1), rel=0.01)
        assert r.sampling.R_inf is not None
        assert r.u_R_inf == pytest.approx(r.sampling.R_inf.std(axis=1, ddof=1), rel=1e-9)
    assert drawn.sampling is not None
    assert (drawn.sampling.R_pol_low < 100).all()
    assert (drawn.sampling.R_pol_high > 99).all()


def test_band_holds_the_truth_on_average(drawn: dt.DrtResult) -> None:
    assert drawn.gamma_low is not None
    assert drawn.gamma_high is not None
    truth = TWO.gamma(drawn.tau)
    where = truth > 0.02 * truth.max()
    inside = (drawn.gamma_low <= truth) & (truth <= drawn.gamma_high)
    assert inside[:, where].mean() > 0.9
    low, high = drawn.evaluate_band([1e-3, 2e-2])
    assert (low < high).all()


def test_free_gamma_has_the_normal_band_of_its_covariance() -> None:
    r = sampled(campaign(1, frequency=FEW), method="ridge", nonneg=False, lambda_=1e-2, samples=8000)
    assert r.samples is not None
    assert r.samples.min() < 0
    plain = dt.fit_drt(campaign(1, frequency=FEW), method="ridge", nonneg=False, lambda_=1e-2)
    assert r.samples.mean(axis=1) == pytest.approx(plain.gamma, abs=0.1 * r.samples.std(axis=1).max())
    assert r.gamma_high - r.gamma_low == pytest.approx(2 * norm.ppf(0.975) * r.samples.std(axis=1), rel=0.08)  # type: ignore[operator]
    low, high = r.evaluate_band(r.tau)
    assert low == pytest.approx(r.gamma_low, rel=1e-9)
    assert high == pytest.approx(r.gamma_high, rel=1e-9)


@pytest.mark.parametrize("method", ["log", "ridge"])
def test_draws_depend_on_spectrum_and_seed_alone(method: str) -> None:
    data = campaign(4, frequency=FEW)
    options = {"method": method, "samples": 200}
    r = sampled(data, **options)
    assert r.samples is not None
    threads, part = sampled(data, **options, n_threads=3), sampled(data[1:3], **options)
    assert np.array_equal(threads.samples, r.samples)  # type: ignore[arg-type]
    assert np.array_equal(part.samples, r.samples[1:3])  # type: ignore[arg-type]
    other = sampled(data, **options, seed=1)
    assert not np.array_equal(other.gamma_low, r.gamma_low)  # type: ignore[arg-type]
    assert not np.array_equal(r.samples[0], r.samples[1])
    band = sampled(data, method=method)
    assert band.samples is None
    assert band.gamma_low == pytest.approx(r.gamma_low, rel=2, abs=1)


def test_grids_parts_and_models() -> None:
    noisy = [dt.simulate.add_noise(TWO.impedance(f), 0.005, seed=1) for f in (F, F[5:])]
    data = dt.Campaign.from_spectra([dt.Spectrum(f, Z) for f, Z in zip((F, F[5:]), noisy, strict=True)])
    r = sampled(data, samples=100, capacitance=True)
    assert r.samples is not None
    assert np.isfinite(r.samples).all()
    imaginary = sampled(campaign(1), samples=100, part="imaginary")
    assert np.isfinite(imaginary.gamma_low).all()  # type: ignore[arg-type]
    assert np.isnan(imaginary.u_R_inf).all()
    area = sampled(campaign(1), area=2.0)
    assert area.u_R_pol == pytest.approx(2 * sampled(campaign(1)).u_R_pol, rel=0.3)


def test_questions_to_draws(drawn: dt.DrtResult) -> None:
    fast, slow = dt.integrate_samples(drawn, 0, 1e-2), dt.integrate_samples(drawn, 1e-2)
    assert fast + slow == pytest.approx(dt.integrate_samples(drawn), rel=1e-12)
    exact = TWO.integral(1e-3, 0.1)
    low, high = np.quantile(dt.integrate_samples(drawn, 1e-3, 0.1), [0.001, 0.999], axis=1)
    assert (low < exact).all()
    assert (exact < high).all()
    # what one process gains the other loses: that is why joint questions need draws
    assert np.corrcoef(fast[0], slow[0])[0, 1] < 0.2
    height, tau = dt.locate_peak_samples(drawn, 1e-2, 1)
    assert np.quantile(tau, 0.001) < 0.1 < np.quantile(tau, 0.999)
    assert (height >= dt.integrate_samples(drawn, 0.09, 0.11) / np.log(0.11 / 0.09) * 0.95).all()
    assert drawn.samples is not None
    assert (height >= drawn.samples[:, :, (drawn.tau > 1e-2) & (drawn.tau < 1)].max(axis=2) * (1 - 1e-12)).all()
    with pytest.raises(dt.InvalidInput, match="empty"):
        dt.integrate_samples(drawn, 1, 0.1)
    with pytest.raises(dt.InvalidInput, match="three nodes"):
        dt.locate_peak_samples(drawn, 0.1, 0.101)
    with pytest.raises(dt.InvalidInput, match="samples=3000"):
        dt.integrate_samples(dt.fit_drt(campaign(1)))


def test_peaks_at_the_end_of_a_range(ridge: dt.DrtResult) -> None:
    height, tau = dt.locate_peak_samples(ridge, 1e-4, 3e-4)  # on the flank of the peak at 1 ms
    last = ridge.tau[ridge.tau <= 3e-4][-1]
    assert (tau == last).mean() > 0.5
    assert (height > 0).all()


def test_chains_that_are_too_short_are_noted() -> None:
    r = sampled(campaign(1, frequency=FEW), samples=100)
    assert any("ask for more samples" in note for note in r.notes)
    assert not any("samples" in note for note in sampled(campaign(1, frequency=FEW), method="ridge").notes)


def test_broken_spectra_have_no_draws() -> None:
    data = campaign(3, frequency=FEW)
    Z = data.Z.copy()
    Z[1] = np.nan
    r = sampled(dt.Campaign.from_arrays(FEW, Z), samples=100)
    assert r.samples is not None
    assert np.isnan(r.samples[1]).all()
    assert np.isfinite(r.samples[[0, 2]]).all()
    assert np.isnan(dt.integrate_samples(r)[1]).all()
    assert np.isnan(dt.locate_peak_samples(r)[1][1]).all()


def test_noise_free_data_have_a_band() -> None:
    r = sampled(dt.Campaign.from_arrays(FEW, TWO.impedance(FEW)[None]))
    assert (r.gamma_low <= r.gamma_high).all()  # type: ignore[operator]


@pytest.mark.parametrize("method", ["log", "ridge"])
def test_round_trip(tmp_path: Path, method: str) -> None:
    r = sampled(campaign(2, frequency=FEW), method=method, samples=100)
    dt.save(r, tmp_path / "r.nc")
    again = dt.load(tmp_path / "r.nc")
    assert isinstance(again, dt.DrtResult)
    assert again.sampling is not None
    assert r.sampling is not None
    assert np.array_equal(again.samples, r.samples)  # type: ignore[arg-type]
    assert np.array_equal(again.sampling.divergences, r.sampling.divergences)
    assert np.array_equal(again.sampling.R_inf, r.sampling.R_inf)  # type: ignore[arg-type]
    assert again.options == r.options
    assert again.options["samples"] == 100
    assert r.to_dataset()["samples"].dims == ("spectrum", "draw", "tau")
    assert r.to_dataset()["sampling_ess"].attrs["units"] == "1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samples": 3000, "band_kind": "calibrated"}, "band_kind='sampled'"),
        ({"samples": 3000, "band": None}, r"band=0\.95"),
        ({"samples": 10}, "samples"),
        ({"samples": 2.5}, "samples"),
        ({"samples": 10**9}, "at most"),
        ({"method": "auto"}, "method='log' or 'ridge'"),
        ({"method": "elements"}, "method='log' or 'ridge'"),
        ({"method": "ridge", "free": (1e-3, 1e-1)}, "free"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(dt.InvalidInput, match=words):
        sampled(campaign(1), **options)
