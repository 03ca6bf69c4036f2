"""Bands of uncertainty: they cover what they claim."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

import drtengine as dt
from drtengine.bands import half_width

F = np.geomspace(1e5, 1e-2, 71)
CASES = dt.simulate.benchmark_cases()


def campaign(case: str, count: int, noise: float = 0.005, *, constant: bool = False, seed: int = 2) -> dt.Campaign:
    Z = np.tile(CASES[case].impedance(F), (count, 1))
    rng = np.random.default_rng(seed)
    size = noise * (np.exp(np.log(np.abs(Z[0])).mean()) if constant else np.abs(Z))
    return dt.Campaign.from_arrays(F, Z + size * (rng.normal(size=Z.shape) + 1j * rng.normal(size=Z.shape)))


def fit(data: dt.Campaign, **options: Any) -> dt.DrtResult:
    return dt.fit_drt(data, **{"method": "log", "band": 0.95, **options})


def inside(result: dt.DrtResult, case: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether the truth lies in the band, where it exceeds 2 % of its maximum [spectrum, tau]."""
    truth = CASES[case].gamma(result.tau)
    where = truth > 0.02 * truth.max()
    assert result.gamma_low is not None
    assert result.gamma_high is not None
    return (result.gamma_low[:, where] <= truth[where]) & (truth[where] <= result.gamma_high[:, where])


# 100 spectra: one standard deviation of the mean coverage is about 0.01, as neighbouring nodes agree
@pytest.mark.parametrize("case", ["two_zarc", "overlapping", "havriliak_negami", "fractal_gerischer"])
@pytest.mark.parametrize("noise", [0.001, 0.01])
def test_calibrated_band_covers(case: str, noise: float) -> None:
    result = fit(campaign(case, 100, noise))
    assert 0.92 <= inside(result, case).mean() <= 0.98
    assert inside(result, case).mean(axis=0).min() > 0.75
    truth = CASES[case].integral(result.tau[0], result.tau[-1])
    assert (np.abs(result.R_pol - truth) < 2 * result.u_R_pol).mean() >= 0.87


def test_noise_need_not_be_proportional() -> None:
    result = fit(campaign("two_zarc", 100, constant=True))
    assert 0.92 <= inside(result, "two_zarc").mean() <= 0.98


def test_level_is_heeded() -> None:
    data = campaign("two_zarc", 60)
    covered = [inside(fit(data, band=level), "two_zarc").mean() for level in (0.5, 0.8, 0.95)]
    assert covered == pytest.approx([0.5, 0.8, 0.95], abs=0.06)
    assert half_width(0.95) == pytest.approx(1.959963985, rel=1e-9)
    assert half_width(0.5) == pytest.approx(norm.ppf(0.75))


def test_one_sided_band_is_never_too_narrow() -> None:
    for case in ("two_zarc", "havriliak_negami"):
        result = fit(campaign(case, 100), band_kind="one-sided")
        assert inside(result, case).mean(axis=0).min() >= 0.93


def test_simultaneous_band_holds_the_whole_curve() -> None:
    data = campaign("two_zarc", 100)
    pointwise, whole = fit(data), fit(data, band_kind="simultaneous")
    assert inside(pointwise, "two_zarc").all(axis=1).mean() < 0.7
    assert inside(whole, "two_zarc").all(axis=1).mean() > 0.85
    assert np.array_equal(whole.gamma_low, fit(data, band_kind="simultaneous").gamma_low)  # type: ignore[arg-type]
    other = fit(data, band_kind="simultaneous", seed=1)
    assert not np.array_equal(whole.gamma_low, other.gamma_low)  # type: ignore[arg-type]
    assert np.log(other.gamma_low) - np.log(whole.gamma_low) == pytest.approx(0, abs=0.6)  # type: ignore[arg-type]


def test_uncertainty_of_R_inf() -> None:
    result = fit(campaign("two_zarc", 200))
    score = (result.R_inf - 10) / result.u_R_inf
    assert (np.abs(score) < 2).mean() > 0.85


def test_band_between_nodes() -> None:
    result = fit(campaign("two_zarc", 2))
    low, high = result.evaluate_band(result.tau)
    assert low == pytest.approx(result.gamma_low, rel=1e-9)
    assert high == pytest.approx(result.gamma_high, rel=1e-9)
    low, high = result.evaluate_band(np.geomspace(1e-6, 10, 300))
    assert (low < high).all()
    assert {"gamma_low", "gamma_high"} <= set(result.to_frame())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"band": 95}, "level between 0 and 1"),
        ({"band": True}, "level"),
        ({"band_kind": "bayes"}, "band_kind"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"method": "ridge"}, "method='log'"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(dt.InvalidInput, match=words):
        fit(campaign("two_zarc", 1), **options)


def test_no_band_unless_asked() -> None:
    result = dt.fit_drt(campaign("two_zarc", 1), method="log")
    assert result.gamma_low is None
    assert np.isnan(result.u_R_pol).all()
    assert "u_R_pol" not in result.summary()
    with pytest.raises(dt.InvalidInput, match=r"band=0\.95"):
        result.evaluate_band([1.0])
