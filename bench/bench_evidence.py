"""What does choosing lambda by the evidence on the non-negative path cost?"""

import pytest

import drtengine as dt
from drtengine._native import core
from drtengine.selection import CRITERIA, LATTICE
from problems import POPULATIONS, TAU, campaign, core_call

GROUP = "evidence"
LIMIT = 60.0


@pytest.mark.parametrize("population", POPULATIONS)
def bench_choice(clock, scaled, population):
    """The choice alone."""
    spectra = campaign(population, 71, scaled(4_000))
    problem, _ = core_call(spectra)
    chosen, _ = clock(
        lambda: core.select_lambda(problem, CRITERIA.index("evidence"), LATTICE, False),
        group=GROUP,
        label=f"choice, N = 71, {population}",
        spectra=len(spectra),
        rounds=3,
    )
    assert ((chosen > LATTICE[0]) & (chosen < LATTICE[-1])).all()


@pytest.mark.parametrize("population", POPULATIONS)
def bench_whole(clock, scaled, population):
    """fit_drt as it stands."""
    spectra = campaign(population, 71, scaled(4_000))
    result = clock(
        lambda: dt.fit_drt(spectra, method="ridge", lambda_="evidence", tau=TAU, n_threads=1),
        group=GROUP,
        label=f"fit_drt, N = 71, {population}",
        spectra=len(spectra),
        rounds=3,
        limit=LIMIT if population == "two_zarc" else None,
    )
    assert (result.status == dt.Status.OK).all()


@pytest.mark.parametrize("selector", ["ml", "mgcv", "rgcv", "lcurve", "reim", "kfold"])
def bench_others(clock, scaled, selector):
    """The other criteria; GCV has a file of its own."""
    spectra = campaign("two_zarc", 71, scaled(2_000))
    clock(
        lambda: dt.fit_drt(spectra, method="ridge", lambda_=selector, tau=TAU, n_threads=1),
        group=GROUP,
        label=f"fit_drt by {selector}, N = 71, two_zarc",
        spectra=len(spectra),
        rounds=3,
    )
