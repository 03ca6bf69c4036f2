"""Processes of spectra that are told by elements: exact integrals of these, spectrum by spectrum."""

from __future__ import annotations

import itertools

import numpy as np

import drtengine as dt
from drtengine import simulate
from drtengine.peaks.processes import DEFAULT_PROCESSES

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
TWO = simulate.Circuit([simulate.Resistor(10), simulate.ZARC(30, 1e-4, 0.9), simulate.ZARC(50, 0.3, 0.85)])
CAMPAIGN = simulate.campaign([TWO] * 3, FREQUENCY, level=0.002, seed=3)


def test_processes_are_the_integrals_of_the_elements() -> None:
    result = dt.fit_drt(CAMPAIGN, method="elements")
    assert result.elements is not None
    ranges = {"fast": (0.0, 5e-3), "slow": (5e-3, np.inf)}
    found = dt.integrate_processes(result, ranges, lines=False)
    ends = np.array([result.tau[0], 5e-3, result.tau[-1]])
    R, u = result.elements.integrals(ends[:-1], ends[1:])
    np.testing.assert_array_equal(found.R, R)
    np.testing.assert_array_equal(found.u_R, u)
    assert (dt.integrate_processes(result, ranges, lines=True).u_R >= u).all()
    exact = [float(TWO.integral(low, high)) for low, high in itertools.pairwise(ends)]
    np.testing.assert_allclose(found.R, [exact] * 3, rtol=0.02)
    assert (np.abs(found.R - exact) < 5 * found.u_R).all()
    assert (found.R_low >= 0).all()
    assert any("told by elements take the number and the kinds" in note for note in found.notes)


def test_the_processes_of_a_smooth_gamma_take_nothing_for_granted() -> None:
    found = dt.integrate_processes(dt.fit_drt(CAMPAIGN, method="log"))
    assert not any("elements" in note for note in found.notes)
    assert dict(zip(found.names, map(tuple, found.limits), strict=True)) == {
        "SEI": (0.0, 1e-3),
        "charge transfer": (1e-2, 1.0),
        "diffusion": (1.0, 10.0),
    }
    assert tuple(found.names) == tuple(DEFAULT_PROCESSES)
