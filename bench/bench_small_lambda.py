"""What does a small lambda cost, where the normal equations need refinement to be exact to 1e-8?"""

import numpy as np
import pytest

import drtengine as dt
from drtengine._native import core
from problems import POPULATIONS, campaign, core_call


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("points", [71, 200])
@pytest.mark.parametrize("lambda_", [1e-3, 1e-5, 1e-7])
def bench_small_lambda(clock, benchmark, scaled, lambda_, points, population):
    """1e-3 stands here for comparison."""
    spectra = campaign(population, points, scaled(1_000))
    problem, gamma_of = core_call(spectra)
    _, _, _, error, status = clock(
        lambda: core.solve_ridge(problem, np.array([lambda_]), gamma_of),
        group="small lambda",
        label=f"core, lambda = {lambda_:g}, N = {points}, {population}",
        spectra=len(spectra),
        rounds=3,
    )
    assert (status == dt.Status.OK).all()
    benchmark.extra_info["estimated_error"] = error.max()
