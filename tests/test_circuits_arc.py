"""Circles through the arcs of Nyquist plots."""

from __future__ import annotations

import numpy as np
import pytest

import drtengine as dt
from drtengine import simulate
from drtengine.circuits import fit_arc
from drtengine.errors import Status

FREQUENCY = np.geomspace(1e5, 1e-2, 71)


def zarc(R_s: float, R: float, phi: float) -> np.ndarray:
    return simulate.Circuit([simulate.Resistor(R_s), simulate.ZARC(R, 1e-2, phi)]).impedance(FREQUENCY)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("phi", [0.6, 0.8, 1.0])
def test_a_zarc_is_a_circle(phi: float, unit: float) -> None:
    arc = fit_arc(dt.Spectrum(FREQUENCY, unit * zarc(10, 50, phi)))
    assert arc.R_s[0] == pytest.approx(10 * unit, rel=1e-8)
    assert arc.diameter[0] == pytest.approx(50 * unit, rel=1e-8)
    assert arc.depression[0] == pytest.approx(90 * (1 - phi), abs=1e-6)


def test_intervals_cover_the_truth() -> None:
    Z = simulate.add_noise(np.tile(zarc(10, 50, 0.8), (300, 1)), 0.003)
    arc = fit_arc(dt.Campaign.from_arrays(FREQUENCY, Z))
    for values, errors, exact in ((arc.R_s, arc.u_R_s, 10), (arc.diameter, arc.u_diameter, 50)):
        assert 0.85 <= (np.abs(values - exact) < 1.96 * errors).mean() <= 0.99


def test_the_larger_arc_counts_and_limits_choose() -> None:
    cell = simulate.Circuit([simulate.Resistor(10), simulate.RC(50, 1e-3), simulate.RC(20, 1.0)])
    spectrum = dt.Spectrum(FREQUENCY, cell.impedance(FREQUENCY))
    assert fit_arc(spectrum).diameter[0] == pytest.approx(50, rel=0.02)
    assert fit_arc(spectrum, f_max=3.0).diameter[0] == pytest.approx(20, rel=0.05)


def test_where_there_is_no_arc() -> None:
    Z = np.stack([10 + 5 / np.sqrt(2j * np.pi * FREQUENCY), zarc(1, 5, 0.9), zarc(1, 5, 0.9)])
    Z[2, 3] = np.nan
    arc = fit_arc(dt.Campaign.from_arrays(FREQUENCY, Z, coordinates={"voltage": [1.0, 2.0, 3.0]}))
    assert [Status(s) for s in arc.status] == [Status.OK, Status.OK, Status.NOT_FINITE]
    assert np.isnan(arc.diameter[[0, 2]]).all()
    assert "no maximum" in arc.reason[0]
    assert "NaN or Inf" in arc.reason[2]
    frame = arc.to_frame()
    assert list(frame["source"]) == ["arc"] * 3
    assert frame["R_s"][1] == pytest.approx(1, rel=1e-6)
    with pytest.raises(dt.InvalidInput, match="NaN or Inf"):
        fit_arc(dt.Spectrum(FREQUENCY, Z[2]))
    with pytest.raises(dt.InvalidInput, match="must be a Campaign or a Spectrum"):
        fit_arc(Z)  # type: ignore[arg-type]
