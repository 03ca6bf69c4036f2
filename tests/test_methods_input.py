"""What every method makes of data that leave little to estimate."""

from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine.choice import choose
from drtengine.errors import Status
from drtengine.spectrum import ComplexArray

F = np.geomspace(1e5, 1e-2, 71)
S = 2j * np.pi * F
METHODS = ("ridge", "log", "elements", "auto", "joint")


def fit(Z: ComplexArray, method: str, frequency: Any = F, **options: Any) -> dt.DrtResult:
    count = 3 if method == "joint" else 1
    along = {"along": "cycle"} if method == "joint" else {}
    campaign = dt.Campaign.from_arrays(frequency, np.tile(Z, (count, 1)), coordinates={"cycle": np.arange(count)})
    return dt.fit_drt(campaign, method=method, **along, **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("lead", [0.0, 1e-6])
def test_a_resistor_has_no_polarisation(method: str, lead: float) -> None:
    result = fit(10 + lead * S, method)
    assert all(Status(status).has_answer for status in result.status)
    assert result.R_inf == pytest.approx(10, abs=1e-6)
    assert result.R_pol == pytest.approx(0, abs=1e-6)
    assert np.isfinite(result.gamma).all()


@pytest.mark.parametrize("method", METHODS)
def test_data_without_noise(method: str) -> None:
    result = fit(10 + 50 / (1 + (S * 1e-2) ** 0.8), method)
    assert all(Status(status).has_answer for status in result.status)
    assert result.R_pol == pytest.approx(50, rel=1e-3)
    assert np.nanmax(np.abs(result.residual)) < 1e-3
    assert result.tau[result.gamma[0].argmax()] == pytest.approx(1e-2, rel=0.01)


def test_an_ideal_line_has_an_answer_by_default() -> None:
    """ln(gamma) of one RC element without noise is not smooth on any scale."""
    spectra = dt.Campaign.from_arrays(F, np.stack([10 + 50 / (1 + S * 1e-2), 10 + 50 / (1 + (S * 1e-2) ** 0.8)]))
    result = dt.fit_drt(spectra, band=0.95)
    assert result.method[0] == "ridge"
    assert Status(int(result.status[0])).has_answer
    assert result.R_pol[0] == pytest.approx(50, rel=1e-3)
    assert "spectrum 0: no smooth fit converged; ridge regularisation instead" in result.notes
    assert np.isnan(result.gamma_low[0]).all()  # type: ignore[index]
    assert result.evaluate(result.tau)[0] == pytest.approx(result.gamma[0])
    assert np.isfinite(dt.find_peaks(result).R).all()
    smooth = dt.fit_drt(spectra, method="log")
    assert smooth.status.tolist() == [Status.UNCONVERGED, Status.OK]
    assert any("try another method" in note for note in smooth.notes)


@pytest.mark.parametrize("weights", ["auto", "modulus"])
def test_rescued_spectra_are_those_of_ridge(weights: str) -> None:
    Z = np.stack([10 + 50 / (1 + S * 1e-2)])
    result = dt.fit_drt(dt.Campaign.from_arrays(F, Z), weights=weights)
    ridge = dt.fit_drt(
        dt.Campaign.from_arrays(F, Z), method="ridge", basis="piecewise_linear", weights=weights, tau=result.tau
    )
    assert result.gamma == pytest.approx(ridge.gamma, abs=1e-9 * ridge.gamma.max())
    assert np.array_equal(result.lambda_, ridge.lambda_)
    assert result.Z_fit == pytest.approx(ridge.Z_fit)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("points", [3, 4, 5, 8])
def test_fewer_points_than_unknowns(method: str, points: int) -> None:
    f = np.geomspace(1e4, 1e-1, points)
    result = fit(10 + 50 / (1 + (2j * np.pi * f * 1e-2) ** 0.8), method, f)
    assert all(Status(status).has_answer for status in result.status)
    assert np.isfinite(result.gamma).all()
    assert result.R_pol == pytest.approx(50, rel=0.06)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_but_noise(method: str) -> None:
    rng = np.random.default_rng(0)
    result = fit(10 + 0.01 * (rng.standard_normal(71) + 1j * rng.standard_normal(71)), method)
    assert all(Status(status).has_answer for status in result.status)
    assert result.R_pol.max() < 0.05
    assert result.R_inf == pytest.approx(10, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_no_impedance_at_all(method: str) -> None:
    result = fit(np.zeros(71, complex), method)
    if method == "ridge":
        assert (result.gamma == 0).all()
        assert len(dt.find_peaks(result)) == 0
    else:
        assert set(result.status) == {Status.ZERO_IMPEDANCE}
        assert np.isnan(result.gamma).all()
        assert "Z is 0 at point(s) 0" in result.notes[-1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("per_spectrum", [False, True])
def test_evidence_that_is_not_finite_decides_nothing(bad: float, per_spectrum: bool) -> None:
    found, fine = np.ones(3, dtype=bool), np.array([4.0, 4.0, 4.0])
    spoilt = np.array([4.0, bad, 4.0])
    for score, evidence in ((spoilt + 1, fine), (fine + 1, spoilt)):
        chosen, words = choose(score, evidence, found, per_spectrum=per_spectrum)
        assert chosen.tolist() == [True, False, True]
        assert "nan" not in words
        assert "inf" not in words
