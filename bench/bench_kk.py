"""What does a Kramers-Kronig check cost, beside NumPy and impedance.py? (pyimpspec: `peers/compare.py`)

200 and 20,000 spectra x 71 points, one thread, complex fit, both representations, weights 1/abs(Z). The peers are
timed on a few of the same spectra, one after the other, as they work; they are skipped where they cannot be imported.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine._native import core
from drtengine.kk.linear import Elements, Grid, n_cosines, relaxation_times, sweep_time

GROUP = "Kramers-Kronig"
F = np.geomspace(1e5, 1e-2, 71)
NOISE = 1e-3
PEER_SPECTRA = 3
DENSITY, EXTENSION = 4.0, 0.3
SIZES = (200, 20_000)


def spectra(count: int) -> np.ndarray:
    """R + L + two ZARCs of random size, with a little noise."""
    rng = np.random.default_rng(0)
    s = 2j * np.pi * F
    Z = np.empty((count, F.size), complex)
    for z in Z:
        R, tau, phi = 10 ** rng.uniform(0, 2, 3), 10 ** rng.uniform(-4, 1, 2), rng.uniform(0.7, 1, 2)
        z[:] = R[0] + 1e-7 * s + sum(R[k + 1] / (1 + (s * tau[k]) ** phi[k]) for k in range(2))
    return Z * (1 + NOISE * (rng.standard_normal(Z.shape) + 1j * rng.standard_normal(Z.shape)))


@pytest.fixture(scope="module")
def everything() -> np.ndarray:
    return spectra(max(SIZES))


def grid_of(Z: np.ndarray) -> Grid:
    time = sweep_time(F)[None]
    return Grid(F, Z, np.ones(Z.shape), (time - time.min()) / np.ptp(time))


@pytest.fixture(params=SIZES)
def batch(request: pytest.FixtureRequest, everything: np.ndarray, short: bool) -> np.ndarray:
    return everything[: request.param // (10 if short and request.param > 200 else 1)]


def bench_fixed_density(clock: Any, batch: np.ndarray) -> None:
    """The fits of impedance and of admittance, elements and residuals."""
    tau = relaxation_times(F, DENSITY, EXTENSION)
    problems = [grid_of(batch).problem(Elements(admittance=admittance)) for admittance in (False, True)]
    found = clock(
        lambda: [core.fit_lin_kk(problem, tau, 0, False) for problem in problems],
        group=GROUP,
        label=f"fixed density ({tau.size}), Z and Y, {len(batch)} spectra",
        spectra=len(batch),
        limit=25,
    )
    assert np.abs(found[0][1]).max() < 10 * NOISE


def bench_fixed_density_with_test(clock: Any, batch: np.ndarray) -> None:
    """The same with the test on which the verdict rests."""
    tau = relaxation_times(F, DENSITY, EXTENSION)
    grid = grid_of(batch)
    problems = [grid.problem(Elements(admittance=admittance)) for admittance in (False, True)]
    count = n_cosines(grid, tau.size + 3)
    clock(
        lambda: [core.fit_lin_kk(problem, tau, count, False) for problem in problems],
        group=GROUP,
        label=f"... with the test, {len(batch)} spectra",
        spectra=len(batch),
        limit=25,
    )


def bench_mu(clock: Any, batch: np.ndarray) -> None:
    """Schönleber's rule, one representation, stopping at M = 30."""
    problem = grid_of(batch).problem(Elements())
    mu, *_ = clock(
        lambda: core.scan_lin_kk(problem, 1 / (2 * np.pi * F[0]), 1 / (2 * np.pi * F[-1]), 30, 0.85, False),
        group=GROUP,
        label=f"mu rule, {len(batch)} spectra",
        spectra=len(batch),
        limit=60,
        rounds=3,
    )
    assert (np.isfinite(mu).sum(axis=1) > 1).all()


def bench_check(clock: Any, batch: np.ndarray) -> None:
    """check_kk as it stands: verdicts, reasons, tables."""
    campaign = dt.Campaign.from_arrays(F, batch)
    r = clock(
        lambda: dt.check_kk(campaign, n_threads=1),
        group=GROUP,
        label=f"check_kk, {len(batch)} spectra",
        spectra=len(batch),
        rounds=3,
    )
    assert (r.verdict == "pass").mean() > 0.99


@pytest.mark.parametrize("method", ["z_hit", "bayesian_hilbert"])
def bench_second_opinions(clock: Any, everything: np.ndarray, method: str) -> None:
    campaign = dt.Campaign.from_arrays(F, everything[:200])
    clock(
        lambda: dt.check_kk(campaign, method=method, n_threads=1),
        group=GROUP,
        label=f"check_kk {method}, 200 spectra",
        spectra=200,
        rounds=3,
    )


def bench_numpy(clock: Any, everything: np.ndarray) -> None:
    """lstsq, columns scaled, one spectrum after the other, both representations."""
    tau = relaxation_times(F, DENSITY, EXTENSION)
    s = 2j * np.pi * F[:, None]

    def residual(X: np.ndarray, relaxations: np.ndarray) -> np.ndarray:
        A = np.hstack([np.ones_like(s), s, 1 / s, relaxations]) / np.abs(X)[:, None]
        rows, y = np.vstack([A.real, A.imag]), X / np.abs(X)
        rows /= np.linalg.norm(rows, axis=0)
        y = np.concatenate([y.real, y.imag])
        return y - rows @ np.linalg.lstsq(rows, y, rcond=None)[0]

    def whole() -> list[np.ndarray]:
        impedance, admittance = 1 / (1 + s * tau), s * tau / (1 + s * tau)
        return [part for z in everything[:200] for part in (residual(z, impedance), residual(1 / z, admittance))]

    theirs = clock(whole, group=GROUP, label="NumPy lstsq, Z and Y, 200 spectra", spectra=200, rounds=3)
    ours = core.fit_lin_kk(grid_of(everything[:200]).problem(Elements()), tau, 0, False)[1]
    assert np.abs(theirs[0] - np.concatenate([ours[0, ::2], ours[0, 1::2]])).max() < 1e-9


def bench_impedance_py(clock: Any, everything: np.ndarray) -> None:
    """linKK with fit_type="complex" and a capacitance; with NumPy 2 it misses a name, which is given to it here."""
    validation = pytest.importorskip("impedance.validation", reason="pip install impedance")
    validation.circuit_elements.setdefault("np", np)  # it evaluates the text of numbers, "np.float64(1.0)"
    few = everything[:PEER_SPECTRA]

    def whole() -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [validation.linKK(F, z, c=0.85, max_M=50, fit_type="complex", add_cap=True) for z in few]

    theirs = clock(whole, group=GROUP, label="impedance.py linKK", spectra=len(few), rounds=3)
    assert len(theirs) == PEER_SPECTRA
