"""Noise of the promised size, campaigns that measure circuits, the stand-in and its table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from drtengine.campaign import Campaign
from drtengine.simulate import (
    RC,
    ZARC,
    Capacitor,
    Inductor,
    Resistor,
    SimulatedCampaign,
    TransmissiveWarburg,
    add_noise,
    benchmark_cases,
    campaign,
    standin,
)

FREQUENCY = np.geomspace(1e4, 1e-3, 8)


# noise


@pytest.mark.parametrize("kind", ["proportional", "constant", "parts"])
def test_noise_has_the_promised_size(kind):
    exact = np.tile(np.array([10 - 1j, 100 - 40j, 1000 - 3j]), (100_000, 1))
    error = (add_noise(exact, 0.01, kind=kind, seed=3) - exact) / 0.01
    size = np.abs(exact[0])
    expected = {
        "proportional": (size, size),
        "constant": (np.full(3, size[1]), np.full(3, size[1])),
        "parts": (np.abs(exact[0].real), np.abs(exact[0].imag)),
    }[kind]
    for part, std in zip((error.real, error.imag), expected, strict=True):
        np.testing.assert_allclose(part.std(axis=0), std, rtol=0.012)  # five standard errors
        np.testing.assert_array_less(np.abs(part.mean(axis=0)), 5 * std / np.sqrt(len(part)))
    correlation = np.mean(error.real * error.imag, axis=0) / (expected[0] * expected[1])
    np.testing.assert_array_less(np.abs(correlation), 5 / np.sqrt(len(error)))


def test_noise_takes_a_seed():
    Z = benchmark_cases()["two_zarc"].impedance(FREQUENCY)
    one = add_noise(Z, 0.005, seed=4)
    np.testing.assert_array_equal(one, add_noise(Z, 0.005, seed=np.random.default_rng(4)))
    assert (one != add_noise(Z, 0.005, seed=5)).all()
    np.testing.assert_array_equal(add_noise(Z, 0.0), Z)
    rng = np.random.default_rng(4)  # the benchmark's noise: the real parts are drawn first
    drawn = rng.standard_normal(Z.size) + 1j * rng.standard_normal(Z.size)
    np.testing.assert_allclose(one, Z + 0.005 * np.abs(Z) * drawn, rtol=1e-15)


# campaigns


def test_campaign_measures_circuits():
    circuits = [Resistor(10) + RC(50, tau) for tau in (1e-3, 1e-2)]
    exact = campaign(circuits, FREQUENCY, coordinates={"voltage": [0.1, 0.2]}, names=["a", "b"])
    assert isinstance(exact, Campaign)
    np.testing.assert_array_equal(exact.Z, [c.impedance(FREQUENCY) for c in circuits])
    assert exact.coordinates["voltage"].tolist() == [0.1, 0.2]
    assert exact.label(1) == "b"
    noisy = campaign(circuits, FREQUENCY, noise="constant", level=0.01, seed=2)
    np.testing.assert_array_equal(noisy.Z, add_noise(exact.Z, 0.01, kind="constant", seed=2))


def test_benchmark_cases():
    cases = benchmark_cases()
    assert list(cases) == ["two_zarc", "overlapping", "gerischer", "havriliak_negami", "fractal_gerischer"]
    assert all(case.R_inf == 10 for case in cases.values())
    assert [case.R_pol for case in cases.values()] == [100, 100, 50, 50, 50]
    s = 2j * np.pi * FREQUENCY
    np.testing.assert_allclose(
        cases["overlapping"].impedance(FREQUENCY),
        10 + 50 / (1 + (1e-2 * s) ** 0.8) + 50 / (1 + (1e-1 * s) ** 0.8),
        rtol=1e-14,
    )
    np.testing.assert_allclose(
        cases["fractal_gerischer"].impedance(FREQUENCY), 10 + 50 / np.sqrt(1 + (0.1 * s) ** 0.8), rtol=1e-14
    )


# the stand-in


@pytest.fixture(scope="module")
def standin_table(shared_data: Path) -> list[dict[str, float]]:
    with (shared_data / "he2025_standin_parameters.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_standin_has_the_element_values_of_the_table(standin_table):
    truth = standin(branches=["discharge"])
    assert truth.campaign.coordinates["voltage"].tolist() == [row["V"] for row in standin_table]
    for circuit, row in zip(truth.circuits, standin_table, strict=True):
        assert list(circuit.elements) == [
            Inductor(0.5e-6),
            Resistor(row["R0"]),
            ZARC(row["R_SEI"], row["tau_SEI"], row["a_SEI"]),
            ZARC(row["R_ct"], row["tau_ct"], row["a_ct"]),
            TransmissiveWarburg(row["R_D"], row["tau_D"]),
            Capacitor(row["C_int"]),
        ]
        # four digits of each value, so about half a per mille of the impedance
        Z = complex(circuit.impedance(1e-2))
        assert Z.real == pytest.approx(row["ReZ10mHz"], rel=5e-4)
        assert -Z.imag == pytest.approx(row["-ImZ10mHz"], rel=5e-4)
        assert circuit.elements[4].lines().tau[0] == pytest.approx(row["tau_Dpeak"], rel=5e-4)


def test_standin_campaign():
    truth = standin()
    measured = truth.campaign
    voltage, branch = measured.coordinates["voltage"], measured.coordinates["branch"]
    assert measured.Z.shape == (48, 71)
    assert branch.tolist() == ["discharge"] * 24 + ["charge"] * 24
    assert (voltage[0], voltage[23], voltage[24], voltage[47]) == (1.15, 0.01, 0.01, 1.15)
    assert set(measured.coordinates["electrode"].tolist()) == {"SA@Borax"}
    assert (measured.frequency[0, 0], measured.frequency[0, -1]) == pytest.approx((1e5, 1e-2))
    assert "synthetic" in measured.notes[0]
    assert not measured.problems.any()
    exact = standin(level=0).campaign.Z
    error = (measured.Z - exact) / np.abs(exact) / 0.003
    assert error.real.std() == pytest.approx(1, abs=0.06)
    assert error.imag.std() == pytest.approx(1, abs=0.06)
    np.testing.assert_array_equal(measured.Z, standin().campaign.Z)
    assert (measured.Z != standin(seed=1).campaign.Z).all()


def test_standin_truth_by_spectrum():
    truth = standin()
    tau, edges = np.geomspace(1e-6, 1e2, 9), np.geomspace(1e-6, 1e2, 10)
    assert truth.gamma(tau).shape == (48, 9)
    assert truth.cell_average(edges).shape == (48, 9)
    total = truth.integral(0, np.inf)
    np.testing.assert_allclose(total, [circuit.R_pol for circuit in truth.circuits], rtol=1e-13)
    np.testing.assert_allclose(
        truth.integral(edges[:-1], edges[1:])[5], truth.circuits[5].integral(edges[:-1], edges[1:])
    )


def values(truth: SimulatedCampaign, element: int, name: str) -> np.ndarray:
    return np.array([getattr(circuit.elements[element], name) for circuit in truth.circuits])


def test_standin_charge_lags_behind_discharge():
    down, up = standin(branches=["discharge"]), standin(branches=["charge"])
    assert up.circuits[0] == down.circuits[-1]  # charge starts where discharge ended
    for element, name in ((3, "R_ct"), (3, "tau_ct"), (4, "R_D"), (4, "tau_D")):
        field = name.split("_")[0]
        on_discharge = values(down, element, field)[::-1]
        # above the minimum, a lag means the values of a lower voltage: smaller
        high = up.campaign.coordinates["voltage"] > 0.5
        assert (values(up, element, field)[high] < on_discharge[high]).all()
    assert set(values(up, 2, "R")) == {21.77}
    charge_transfer = values(up, 3, "R")
    assert charge_transfer[-1] == pytest.approx(112.9 * 0.853, rel=1e-3)  # discharge at 0.954 V, less 14.7 %


def test_standin_electrode_without_borax():
    borax, plain = standin(level=0), standin("SA", level=0)
    assert set(plain.campaign.coordinates["electrode"].tolist()) == {"SA"}
    assert set(values(plain, 3, "R")) == {114.0}
    assert set(values(plain, 3, "tau")) == {0.4099}
    for name in ("R", "tau"):
        np.testing.assert_allclose(values(plain, 4, name) / values(borax, 4, name), 7.2539 / 3.0959)
    noise = [
        standin(electrode).campaign.Z / exact.campaign.Z - 1
        for electrode, exact in (("SA@Borax", borax), ("SA", plain))
    ]
    assert abs(np.corrcoef(noise[0].real.ravel(), noise[1].real.ravel())[0, 1]) < 0.1
