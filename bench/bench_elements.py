"""What does the search for a sum of elements take, beside the smooth estimate it starts from?"""

import numpy as np
import pytest

import drtengine as dt
from drtengine.elements import fit_elements
from problems import POPULATIONS, campaign

GROUP = "elements"
LIMIT = 3000.0


@pytest.mark.parametrize("population", POPULATIONS)
def bench_search(clock, scaled, population):
    """From a stiff ridge estimate, with the inductance that the spectra have, on one thread."""
    spectra = campaign(population, 71, scaled(20_000))[: scaled(2_000)]
    smooth = dt.fit_drt(spectra, method="ridge", order=2, lambda_=1e-4, weights="modulus")
    start = {"tau": smooth.tau, "gamma": smooth.gamma, "R_inf": smooth.R_inf, "weights": 1 / np.abs(spectra.Z) ** 2}
    found = clock(
        lambda: fit_elements(spectra.frequency, spectra.Z, **start, inductance=True, n_threads=1),
        group=GROUP,
        label=f"search for elements, N = 71, {population}, 1 thread",
        spectra=len(spectra),
        rounds=3,
        limit=LIMIT,
    )
    assert (found.status == dt.Status.OK).mean() > 0.99


@pytest.mark.parametrize("population", ["two_zarc", "havriliak_negami"])
def bench_curve(clock, scaled, population):
    """Averages of gamma over 92 cells with their uncertainties."""
    spectra = campaign(population, 71, scaled(20_000))[: scaled(2_000)]
    smooth = dt.fit_drt(spectra, method="ridge", order=2, lambda_=1e-4, weights="modulus")
    start = {"tau": smooth.tau, "gamma": smooth.gamma, "R_inf": smooth.R_inf, "weights": 1 / np.abs(spectra.Z) ** 2}
    found = fit_elements(spectra.frequency, spectra.Z, **start, inductance=True, n_threads=1)
    edges = np.geomspace(smooth.tau[0], smooth.tau[-1], 93)
    gamma, _ = clock(
        lambda: found.cell_average(edges),
        group=GROUP,
        label=f"gamma of elements in 92 cells, {population}",
        spectra=len(spectra),
        rounds=3,
    )
    assert np.isfinite(gamma).any()
