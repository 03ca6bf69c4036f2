"""gamma that may be negative in a range of tau alone."""

from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import reference
from drtengine.errors import Status
from drtengine.loops import free_nodes

F = np.geomspace(1e5, 1e-3, 81)
S = 2j * np.pi * F
Z = 10 + 50 / (1 + (S * 1e-3) ** 0.8) - 8 / (1 + S * 5.0)
"""A ZARC of 50 ohm with an inductive loop of -8 ohm at 5 s."""
LOOP = (0.5, 50.0)


def noisy(count: int = 5, level: float = 0.002) -> dt.Campaign:
    return dt.Campaign.from_arrays(F, dt.simulate.add_noise(np.tile(Z, (count, 1)), level, seed=1))


def test_loop_is_found_and_nothing_else_is_negative() -> None:
    result = dt.fit_drt(noisy(), free=LOOP)
    assert set(result.method) == {"ridge"}
    assert any("took 'ridge', as free asked" in note for note in result.notes)
    assert result.R_pol == pytest.approx(42, rel=0.02)
    assert dt.integrate_processes(result, {"loop": LOOP}).R[:, 0] == pytest.approx(-8, rel=0.1)
    bounded = ~free_nodes(result.tau, LOOP)
    assert (result.coefficients[:, bounded] >= 0).all()
    everywhere = dt.fit_drt(noisy(), nonneg=False)
    assert everywhere.gamma[:, result.tau < 0.1].min() < -0.5  # rings
    assert np.abs(result.R_pol - 42).mean() < np.abs(everywhere.R_pol - 42).mean()
    assert dt.integrate_processes(result, {"loop": LOOP}).R_low.max() < 0


@pytest.mark.parametrize(
    "options",
    [
        {"weights": "unit"},
        {"weights": "modulus", "order": 2},
        {"weights": "proportional", "inductance": False},
        {"weights": np.linspace(1, 2, 81), "capacitance": True},
        {"part": "real"},
        {"part": "imaginary", "basis": "c4"},
    ],
)
def test_cvxpy_agrees(options: dict[str, Any]) -> None:
    spectrum = dt.Spectrum(F, noisy(1).Z[0])
    result = dt.fit_drt(spectrum, method="ridge", lambda_=1e-2, free=LOOP, **options)
    bounded = np.flatnonzero(~free_nodes(result.tau, LOOP))
    expected = reference.solve(
        spectrum, lambda_=1e-2, nonneg=False, constraints=lambda u: [u.coefficients[bounded] >= 0],
        tol_gap_rel=1e-10, tol_gap_abs=1e-10, tol_feas=1e-10, **options,
    )  # fmt: skip
    assert result.gamma[0] == pytest.approx(expected.gamma, abs=2e-4 * np.abs(expected.gamma).max())
    assert result.R_inf[0] == pytest.approx(expected.R_inf, rel=1e-4, nan_ok=True)
    assert result.L_0[0] == pytest.approx(expected.L_0, rel=1e-2, abs=1e-9, nan_ok=True)
    assert (result.error < 1e-8).all()


def test_all_free_is_the_core() -> None:
    plain = {"method": "ridge", "lambda_": 1e-3, "weights": "modulus"}
    mixed, core = (dt.fit_drt(noisy(3), **plain, **how) for how in ({"free": (0.0, np.inf)}, {"nonneg": False}))  # type: ignore[arg-type]
    assert mixed.gamma == pytest.approx(core.gamma, abs=1e-7 * core.gamma.max())
    assert mixed.R_inf == pytest.approx(core.R_inf, rel=1e-8)
    assert mixed.R_pol == pytest.approx(core.R_pol, rel=1e-8)


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_no_unit_matters(factor: float) -> None:
    one = dt.fit_drt(noisy(2), free=LOOP)
    other = dt.fit_drt(dt.Campaign.from_arrays(F, noisy(2).Z * factor), free=LOOP)
    assert np.array_equal(one.lambda_, other.lambda_)
    assert other.gamma / factor == pytest.approx(one.gamma, abs=1e-9 * np.abs(one.gamma).max())


def test_broken_spectra_and_hopeless_problems_are_statuses() -> None:
    values = noisy(3).Z.copy()
    values[1, 4] = np.nan
    result = dt.fit_drt(dt.Campaign.from_arrays(F, values), free=(0, np.inf), lambda_=[1e-3, 1e-3, 1e-300])
    assert result.status.tolist() == [Status.OK, Status.NOT_FINITE, Status.SINGULAR]
    assert np.isnan(result.gamma[1:]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"free": 3}, "free must lie between two relaxation times"),
        ({"free": (5, 1)}, "0 <= from < to"),
        ({"free": (np.nan, 1)}, "0 <= from < to"),
        ({"free": (-1, 1)}, "0 <= from < to"),
        ({"free": (1e6, 1e7)}, "holds none of the nodes"),
        ({"free": LOOP, "method": "log"}, "positive by construction"),
        ({"free": LOOP, "band": 0.95}, "no bands"),
        ({"free": LOOP, "method": "ridge", "band": 0.95, "band_kind": "sampled"}, "no bands"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        dt.fit_drt(noisy(1), **options)


def test_survives_the_disk_with_its_uncertainty(tmp_path: Any) -> None:
    result = dt.fit_drt(noisy(1), free=LOOP)
    dt.save(result, tmp_path / "x.nc")
    loaded = dt.load(tmp_path / "x.nc")
    assert isinstance(loaded, dt.DrtResult)
    assert not loaded.is_positive
    table = dt.map_gamma(loaded)
    assert float(table.gamma_low.min()) < -1
