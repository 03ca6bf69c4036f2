"""How long do draws take, and how many independent ones are they worth?"""

from time import process_time

import numpy as np
import pytest

import drtengine as dt
from problems import campaign

GROUP = "draws of gamma, N = 71, 1 thread"
LIMIT = 500_000.0
ENOUGH = 1000


@pytest.mark.parametrize("population", ["two_zarc", "overlapping", "havriliak_negami"])
@pytest.mark.parametrize("method", ["log", "ridge"])
def bench_draws(clock, scaled, method, population):
    """A band from 3000 draws; prints what they are worth at the slowest node and the CPU time for a thousand."""
    spectra = campaign(population, 71, scaled(30))
    start = process_time()
    result = clock(
        lambda: dt.fit_drt(spectra, method=method, band=0.95, band_kind="sampled", n_threads=1),
        group=GROUP,
        label=f"method = {method}, {population}",
        spectra=len(spectra),
        limit=LIMIT,
        rounds=1,
        warm=False,
    )
    each = (process_time() - start) / len(spectra)
    ess = result.sampling.ess
    enough = (ess >= ENOUGH).mean()
    worth = f"median {np.median(ess):.0f}, least {ess.min():.0f}, at least {ENOUGH} in {enough:.0%}"
    thousand = each * ENOUGH / np.median(ess)
    print(f"\n{method}, {population}: {each * 1e3:.0f} ms of CPU a spectrum; effective draws: {worth}")
    print(f"  {thousand * 1e3:.0f} ms of CPU for {ENOUGH}; R-hat at most {result.sampling.r_hat.max():.3f}")
    assert np.isfinite(ess).all()
