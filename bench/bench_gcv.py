"""What does choosing lambda by generalised cross-validation add?"""

import pytest

import drtengine as dt
from drtengine._native import core
from drtengine.selection import CRITERIA, LATTICE
from problems import POPULATIONS, TAU, campaign, core_call

GROUP = "GCV"
LIMIT = 2.0
GCV = CRITERIA.index("gcv")
LATTICES = {201: LATTICE, 21: LATTICE[60:141:4]}


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("size", LATTICES)
def bench_choice(clock, scaled, size, population):
    """The choice alone, before the solve; fit_drt tries all 201 values of the lattice."""
    spectra = campaign(population, 71, scaled(20_000))
    problem, _ = core_call(spectra)
    lattice = LATTICES[size]
    assert lattice.size == size
    chosen, _ = clock(
        lambda: core.select_lambda(problem, GCV, lattice, False),
        group=GROUP,
        label=f"choice among {size} lambda, N = 71, {population}",
        spectra=len(spectra),
        limit=LIMIT,
    )
    assert ((chosen >= lattice[0]) & (chosen <= lattice[-1])).all()


@pytest.mark.parametrize("population", POPULATIONS)
def bench_solve_at_chosen(clock, scaled, population):
    """The solve that follows, each spectrum at its own lambda."""
    spectra = campaign(population, 71, scaled(20_000))
    problem, gamma_of = core_call(spectra)
    chosen, _ = core.select_lambda(problem, GCV, LATTICE, False)
    clock(
        lambda: core.solve_ridge(problem, chosen, gamma_of),
        group=GROUP,
        label=f"solve at the chosen lambda, N = 71, {population}",
        spectra=len(spectra),
        rounds=3,
    )


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("n_threads", [1, 2])
def bench_whole(clock, scaled, n_threads, population):
    """fit_drt as it stands."""
    spectra = campaign(population, 71, scaled(20_000))
    result = clock(
        lambda: dt.fit_drt(spectra, method="ridge", lambda_="gcv", tau=TAU, n_threads=n_threads),
        group=GROUP,
        label=f"fit_drt, N = 71, {population}, {n_threads} thread(s)",
        spectra=len(spectra),
        rounds=3,
    )
    assert result.options["lambda_"] == "gcv"


def bench_refined(clock, scaled):
    """A search between the values of the lattice, and so a factorisation for each spectrum."""
    spectra = campaign("two_zarc", 71, scaled(2_000))
    clock(
        lambda: dt.fit_drt(spectra, method="ridge", lambda_="gcv", tau=TAU, refine=True, n_threads=1),
        group=GROUP,
        label="fit_drt refine=True, N = 71, two_zarc, 1 thread(s)",
        spectra=len(spectra),
        rounds=3,
    )
