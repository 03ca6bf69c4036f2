"""How long does the whole of pyDRTtools take for what a batch of 200 costs here?

Select with ``-m pydrttools``, leave out with ``-m "not pydrttools"``: on irregular grids it takes
up to ten seconds a spectrum.
"""

import numpy as np
import pytest

import drtengine as dt
from drtengine._native import core
from drtengine.selection import CRITERIA, LATTICE
from peers import pydrttools
from problems import GRIDS, TAU, basis_for, campaign, core_call, frequencies

BATCH = 200
LAMBDA = 1e-3
GROUP = "whole run, batch of 200 beside pyDRTtools"
CHOICES = {"lambda = 1e-3": LAMBDA, "GCV": None}

GCV = CRITERIA.index("gcv")


@pytest.fixture
def peer():
    """pyDRTtools, where it can be imported."""
    try:
        pydrttools.load()
    except ImportError as error:
        pytest.skip(f"{error}; {pydrttools.INSTALL}")
    return pydrttools


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("choice", CHOICES)
def bench_drtengine(clock, grid, choice):
    """Arrays to result; nothing is known of the data or the grid before."""
    seen = campaign("two_zarc", 71, BATCH, grid)
    frequency, lambda_ = seen.frequency[0], CHOICES[choice] or "gcv"

    def whole():
        return dt.fit_drt(
            dt.Campaign.from_arrays(frequency, seen.Z), method="ridge", lambda_=lambda_, tau=TAU, n_threads=1
        )

    clock(whole, group=GROUP, label=f"drtengine, {choice}, {grid} grid", spectra=BATCH)


@pytest.mark.pydrttools
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("choice", CHOICES)
def bench_pydrttools(clock, peer, grid, choice):
    """One spectrum; a batch is a loop over them."""
    spectra = campaign("two_zarc", 71, BATCH, grid)
    frequency, Z = spectra.frequency[0], spectra.Z[0]
    clock(
        lambda: peer.run(frequency, Z, CHOICES[choice]),
        group=GROUP,
        label=f"pyDRTtools, {choice}, {grid} grid",
        rounds=3 if grid == "regular" else 1,
        warm=grid == "regular",
    )
    entry = peer.run_exactly(frequency, Z, CHOICES[choice])
    lambda_ = float(np.squeeze(entry.lambda_value))
    assert peer.difference(entry, dt.fit_drt(spectra[:1], method="ridge", lambda_=lambda_, tau=TAU)) <= peer.TOLERANCE
    problem, _ = core_call(spectra[:1])
    best, _ = core.select_lambda(problem, GCV, LATTICE, False)
    theirs, ours = core.lambda_scores(problem, GCV, np.array([lambda_, best[0]]))[0]
    assert ours <= theirs  # the same criterion, looked at everywhere


@pytest.mark.pydrttools
@pytest.mark.parametrize("grid", GRIDS)
def bench_assembly(clock, peer, grid):
    """Its matrices, beside `bench_assembly`."""
    frequency = frequencies(71, grid)
    real, imag, penalty = clock(
        lambda: peer.assemble(frequency),
        group="assembly, us a grid",
        label=f"pyDRTtools, 71 x 71, {grid}",
        rounds=3 if grid == "regular" else 1,
        warm=False,
    )
    basis = basis_for(frequency)  # its nodes rise as well
    kernel = basis.kernel(frequency)
    assert np.abs(real - kernel.real).max() <= 1e-7
    assert np.abs(imag - kernel.imag).max() <= 1e-7
    assert np.abs(penalty - basis.penalty(1)).max() <= 1e-7
