"""How do general solvers fare on the same quadratic programs (N = 71, lambda = 1e-3)?"""

import numpy as np
import pytest

import drtengine as dt
from drtengine._native import core
from peers.quadratic import SOLVERS, difference, solve_all
from problems import POPULATIONS, TAU, campaign, core_call, quadratic_programs

LAMBDA = 1e-3
GROUP = "general solvers, N = 71, lambda = 1e-3"


@pytest.mark.parametrize("population", POPULATIONS)
def bench_drtengine(clock, scaled, population):
    """Ours, as in bench_fixed_lambda: a batch in one call."""
    spectra = campaign(population, 71, scaled(20_000))
    problem, gamma_of = core_call(spectra)
    clock(
        lambda: core.solve_ridge(problem, np.array([LAMBDA]), gamma_of),
        group=GROUP,
        label=f"drtengine (core), {population}",
        spectra=len(spectra),
    )


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("name", SOLVERS)
def bench_solver(clock, short, name, population):
    """A peer, one spectrum after the other, what they share prepared before."""
    solver = SOLVERS[name]
    pytest.importorskip(solver.module, reason=f"{solver.module} is not installed; pip install {solver.module}")
    count = 4 if short else 20
    spectra = campaign(population, 71, count)
    solve = solver.prepare(quadratic_programs(spectra, LAMBDA))
    x = clock(
        lambda: solve_all(solve, count),
        group=GROUP,
        label=f"{name}, {population}",
        spectra=count,
        rounds=3,
    )
    ours = dt.fit_drt(spectra, method="ridge", lambda_=LAMBDA, tau=TAU)
    assert difference(x, ours.coefficients) <= solver.tolerance
