"""What does one estimate along a series cost, with the independent fits that it starts from?"""

import numpy as np
import pytest

import drtengine as dt
from drtengine.simulate import ZARC, Circuit, Resistor, add_noise
from problems import NOISE, frequencies

GROUP = "joint"
LIMIT = 4000.0


def series(count):
    """Three arcs that drift along the series."""
    cells = [
        Circuit([Resistor(10), ZARC(30, 1e-4, 0.8), ZARC(15 + 20 * x, 10 ** (-2 + 0.8 * x), 0.85), ZARC(12, 0.8, 0.9)])
        for x in np.linspace(0, 1, count)
    ]
    f = frequencies(71)
    Z = add_noise(np.array([c.impedance(f) for c in cells]), NOISE, seed=1)
    return dt.Campaign.from_arrays(f, Z, coordinates={"voltage": np.linspace(0, 1, count)})


@pytest.mark.parametrize("method", ["log", "joint"])
@pytest.mark.parametrize("count", [21, 51, 101])
def bench_series(clock, count, method):
    """fit_drt as it stands, one thread."""
    campaign = series(count)
    along = {"along": "voltage"} if method == "joint" else {}
    result = clock(
        lambda: dt.fit_drt(campaign, method=method, n_threads=1, **along),
        group=GROUP,
        label=f"fit_drt, N = 71, {count} spectra, {method}",
        spectra=count,
        limit=LIMIT if method == "joint" else None,
    )
    assert (result.method == method).all()
