"""How long do a smooth gamma, its band and the choice between methods take?"""

import numpy as np
import pytest

import drtengine as dt
from problems import POPULATIONS, campaign

GROUP = "smooth in ln(gamma), N = 71, 1 thread"
LIMITS = {"log": 1500.0, "auto": 4000.0}
BAND_LIMIT = 6000.0


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("method", ["log", "elements", "auto"])
def bench_method(clock, scaled, method, population):
    spectra = campaign(population, 71, scaled(500))
    result = clock(
        lambda: dt.fit_drt(spectra, method=method, n_threads=1),
        group=GROUP,
        label=f"method = {method}, {population}",
        spectra=len(spectra),
        limit=LIMITS.get(method),
        rounds=3,
    )
    assert np.isin(result.status, [dt.Status.OK, dt.Status.UNCONVERGED]).all()


@pytest.mark.parametrize("kind", ["calibrated", "one-sided", "simultaneous"])
def bench_band(clock, scaled, kind):
    """The fit and its band, noise model and all."""
    spectra = campaign("two_zarc", 71, scaled(200))
    result = clock(
        lambda: dt.fit_drt(spectra, method="log", band=0.95, band_kind=kind, n_threads=1),
        group=GROUP,
        label=f"method = log, band_kind = {kind}, two_zarc",
        spectra=len(spectra),
        limit=BAND_LIMIT,
        rounds=3,
    )
    assert np.isfinite(result.gamma_low).all()
