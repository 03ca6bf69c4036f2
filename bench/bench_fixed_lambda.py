"""How long does a spectrum take at a fixed lambda of 1e-3, many on one grid?"""

import numpy as np
import pytest

import drtengine as dt
from drtengine._native import core
from problems import POPULATIONS, TAU, campaign, core_call

LAMBDA = 1e-3
SHARED_LIMITS = {71: 3.0, 200: 9.0}
OWN_LIMITS = {71: 30.0}
SHARED, OWN = "lambda = 1e-3, shared weights", "lambda = 1e-3, weights of each spectrum's own (modulus)"


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("points", [71, 100, 200])
@pytest.mark.parametrize("n_threads", [1, 2])
def bench_fit_drt(clock, scaled, n_threads, points, population):
    """The whole call, everything that a result has."""
    spectra = campaign(population, points, scaled(20_000))
    result = clock(
        lambda: dt.fit_drt(spectra, method="ridge", lambda_=LAMBDA, tau=TAU, n_threads=n_threads),
        group=SHARED,
        label=f"fit_drt, N = {points}, {population}, {n_threads} thread(s)",
        spectra=len(spectra),
        limit=SHARED_LIMITS.get(points) if n_threads == 1 else None,
    )
    assert (result.status == dt.Status.OK).all()


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("points", [71, 100, 200])
def bench_core(clock, scaled, points, population):
    """The call into C++ alone: coefficients, gamma at the nodes and status."""
    spectra = campaign(population, points, scaled(20_000))
    problem, gamma_of = core_call(spectra)
    coefficients, _, _, _, status = clock(
        lambda: core.solve_ridge(problem, np.array([LAMBDA]), gamma_of),
        group=SHARED,
        label=f"core, N = {points}, {population}, 1 thread(s)",
        spectra=len(spectra),
        limit=SHARED_LIMITS.get(points),
    )
    assert (status == dt.Status.OK).all()
    assert np.array_equal(
        coefficients[:8], dt.fit_drt(spectra[:8], method="ridge", lambda_=LAMBDA, tau=TAU).coefficients
    )


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("points", [71, 100, 200])
@pytest.mark.parametrize("n_threads", [1, 2])
def bench_own_weights(clock, scaled, n_threads, points, population):
    """Weights 1/|Z|: each spectrum has normal equations of its own."""
    spectra = campaign(population, points, scaled(2_000))
    result = clock(
        lambda: dt.fit_drt(spectra, method="ridge", lambda_=LAMBDA, tau=TAU, weights="modulus", n_threads=n_threads),
        group=OWN,
        label=f"fit_drt, N = {points}, {population}, {n_threads} thread(s)",
        spectra=len(spectra),
        limit=OWN_LIMITS.get(points) if n_threads == 1 else None,
        rounds=5,
    )
    assert (result.status == dt.Status.OK).all()


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("points", [71, 100, 200])
def bench_own_weights_core(clock, scaled, points, population):
    """The same, the call into C++ alone."""
    spectra = campaign(population, points, scaled(2_000))
    problem, gamma_of = core_call(spectra, weights="modulus")
    *_, status = clock(
        lambda: core.solve_ridge(problem, np.array([LAMBDA]), gamma_of),
        group=OWN,
        label=f"core, N = {points}, {population}, 1 thread(s)",
        spectra=len(spectra),
        limit=OWN_LIMITS.get(points),
        rounds=5,
    )
    assert (status == dt.Status.OK).all()


def bench_first_call(clock, scaled):
    """A campaign seen for the first time: its data are checked too."""
    seen = campaign("two_zarc", 71, scaled(20_000))

    def first():
        return dt.fit_drt(
            dt.Campaign.from_arrays(seen.frequency[0], seen.Z), method="ridge", lambda_=LAMBDA, tau=TAU, n_threads=1
        )

    clock(first, group=SHARED, label="from_arrays + fit_drt, N = 71, two_zarc, 1 thread(s)", spectra=len(seen))


def bench_irregular(clock, scaled):
    """Frequencies as instruments have them."""
    spectra = campaign("two_zarc", 71, scaled(20_000), "irregular")
    clock(
        lambda: dt.fit_drt(spectra, method="ridge", lambda_=LAMBDA, tau=TAU, n_threads=1),
        group=SHARED,
        label="fit_drt, N = 71, two_zarc, irregular grid, 1 thread(s)",
        spectra=len(spectra),
        limit=SHARED_LIMITS[71],
    )


def bench_single(clock):
    """One spectrum alone: all that a batch shares falls upon it."""
    spectrum = campaign("two_zarc", 71, 8)[0]
    clock(
        lambda: dt.fit_drt(spectrum, method="ridge", lambda_=LAMBDA, tau=TAU, n_threads=1),
        group=SHARED,
        label="fit_drt of a single spectrum, N = 71, two_zarc",
        rounds=50,
    )
