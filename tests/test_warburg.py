"""Warburg regions: verdict, coefficient and diffusion coefficients against the truth."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import simulate
from drtengine.circuits import parse_circuit
from drtengine.errors import DataWarning, InvalidInput, Status

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
RANDLES = {"R0": 5.0, "R1": 47.3, "W1": 30.0, "C1": 2e-5}
FARADAY, GAS, T = 96485.33212, 8.314462618, 298.15


def repeated(string: str, values: dict[str, float], count: int, level: float, f: Any = FREQUENCY) -> dt.Campaign:
    Z = np.tile(parse_circuit(string).impedance(f, values), (count, 1))
    return dt.Campaign.from_arrays(f, simulate.add_noise(Z, level))


def truth(folder: Path, name: str) -> tuple[dt.Campaign, dict[str, Any]]:
    here = folder / "kinetics" / "truth"
    rows = np.loadtxt(here / f"exact_eis_{name}.csv", delimiter=",", skiprows=1)
    known = json.loads((here / "exact_eis.truth.json").read_text())[f"exact_eis_{name}"]
    return dt.Campaign.from_arrays(rows[:, 0], rows[None, :, 1] + 1j * rows[None, :, 2]), known


@pytest.mark.parametrize("name", ["randles_true", "warburg_semiinf"])
def test_exact_line(shared_data: Path, name: str) -> None:
    campaign, known = truth(shared_data, name)
    result = dt.fit_warburg(campaign)
    assert result.kind[0] == "warburg"
    assert result.sigma[0] == pytest.approx(known["sigma"], rel=2e-4)
    assert result.intercept[0] == pytest.approx(known["Rs"] + known["Rct"], abs=0.1)
    assert result.offset[0] == pytest.approx(2 * known["sigma"] ** 2 * known["Cdl"], rel=1)


def test_exact_diffusion_coefficient(shared_data: Path) -> None:
    campaign, known = truth(shared_data, "warburg_semiinf")
    result = dt.fit_warburg(campaign, area=known["A_cm2"] * 1e-4, concentration=known["C_mol_cm3"] * 1e6)
    assert result.D[0] * 1e4 == pytest.approx(known["D_cm2_s"], rel=1e-4)


def test_exact_layer(shared_data: Path) -> None:
    campaign, known = truth(shared_data, "finite_space_tau100s")
    result = dt.fit_warburg(campaign, thickness=1e-5)
    assert result.kind[0] == "finite-space"
    assert result.sigma[0] == pytest.approx(known["sigma_hf"], rel=2e-4)
    assert result.tau_d[0] == pytest.approx(100, rel=1e-4)
    assert result.R_W[0] == pytest.approx(known["R_W"], rel=1e-3)
    assert result.D_thickness[0] == pytest.approx(1e-10 / 100, rel=1e-4)
    assert np.isnan(result.D[0])


@pytest.mark.parametrize("level", [0.0, 0.001, 0.003, 0.01, 0.03])
def test_tail_of_a_cpe_is_refused(shared_data: Path, level: float) -> None:
    exact, _ = truth(shared_data, "cpe_tail_n044")
    Z = simulate.add_noise(np.tile(exact.Z, (20, 1)), level)
    result = dt.fit_warburg(dt.Campaign.from_arrays(exact.frequency[0], Z))
    assert (result.kind == "none").all()
    assert np.isnan(result.sigma).all()
    if level <= 0.003:
        assert "Z' rises 1.2 times as steeply as -Z''" in result.reason[0]


@pytest.mark.parametrize("level", [0.001, 0.003, 0.01])
def test_interval_of_sigma_covers_the_truth(level: float) -> None:
    result = dt.fit_warburg(repeated("R0-p(R1-W1,C1)", RANDLES, 120, level))
    found = result.kind == "warburg"
    assert found.mean() >= 0.97
    low, high = result.interval("sigma")
    assert 0.9 <= ((low <= 30) & (high >= 30))[found].mean() <= 0.99
    assert result.noise.mean() == pytest.approx(level, rel=0.15)


def test_interval_of_a_layer_covers_the_truth() -> None:
    values = {"R0": 5.0, "R1": 47.3, "C1": 2e-5, "Wo1_R": 100.0, "Wo1_tau": 20.0}
    result = dt.fit_warburg(repeated("R0-p(R1-Wo1,C1)", values, 60, 0.003))
    assert (result.kind == "finite-space").mean() > 0.95
    found = result.kind == "finite-space"
    for name, exact in (("sigma", 100 / np.sqrt(40)), ("tau_d", 20.0), ("R_W", 100.0)):
        low, high = result.interval(name)
        assert 0.88 <= ((low <= exact) & (exact <= high))[found].mean() <= 1.0, name


@pytest.mark.parametrize(("D", "R_ct"), [(3.0959e-16, 114.0), (4.3389e-16, 113.0), (7.2539e-16, 47.3)])
def test_figures_of_the_silicon_study(D: float, R_ct: float) -> None:
    """Spectra made with the D (cm2/s) and R_ct of He et al. 2025, 10.1021/acssuschemeng.4c10154, 0.3 % noise."""
    area, concentration = 1.13e-4, 2e4
    sigma = GAS * T / (FARADAY**2 * area * concentration * np.sqrt(2 * D * 1e-4))
    values = {"R0": 5.0, "R1": R_ct, "W1": sigma, "CPE1_Q": 3e-5, "CPE1_alpha": 0.9}
    campaign = repeated("R0-p(R1-W1,CPE1)", values, 40, 0.003)
    found = dt.fit_warburg(campaign, area=area, u_area=0.02 * area, concentration=concentration)
    assert (found.kind == "warburg").all()
    np.testing.assert_allclose(found.D * 1e4, D, rtol=0.04)
    low, high = found.interval("D")
    assert ((low * 1e4 <= D) & (high * 1e4 >= D)).all()  # the area is exact here, its uncertainty is counted
    assert ((found.u_D / found.D > 0.04) & (found.u_D / found.D < 0.05)).all()
    fit = dt.fit_circuit(campaign, "R0-p(R1-W1,CPE1)")
    for name, exact in (("R1", R_ct), ("W1", sigma)):
        k = fit.circuit.index(name)
        inside = (fit.values_low[:, k] <= exact) & (exact <= fit.values_high[:, k])
        assert inside.mean() >= 0.85
        np.testing.assert_allclose(fit[name], exact, rtol=0.05)


def test_three_ways_to_a_diffusion_coefficient() -> None:
    values = {"R0": 5.0, "Wo1_R": 100.0, "Wo1_tau": 20.0}
    campaign = repeated("R0-Wo1", values, 1, 0.0)
    known = {"area": 1e-4, "concentration": 2e4, "molar_volume": 1.2e-5, "dE_dx": -0.5, "thickness": 1e-6}
    errors = {f"u_{name}": 0.05 * abs(value) for name, value in known.items()}
    result = dt.fit_warburg(campaign, **known, **errors, temperature=310, u_temperature=3.1, charge_number=2)
    s = result.sigma[0]
    assert result.D[0] == pytest.approx((GAS * 310 / (4 * FARADAY**2 * 2 * s)) ** 2 / 2, rel=1e-9)
    assert result.D_insertion[0] == pytest.approx((1.2e-5 * 0.5 / (2 * FARADAY * 1e-4 * s)) ** 2 / 2, rel=1e-9)
    assert result.D_thickness[0] == pytest.approx(1e-12 / result.tau_d[0], rel=1e-9)
    assert result.u_D[0] / result.D[0] == pytest.approx(2 * np.sqrt(2 * 0.05**2 + 0.01**2), rel=1e-3)
    assert result.u_D_insertion[0] / result.D_insertion[0] == pytest.approx(2 * np.sqrt(3) * 0.05, rel=1e-3)
    assert result.u_D_thickness[0] / result.D_thickness[0] == pytest.approx(2 * 0.05, rel=1e-3)


def test_arcs_are_not_lines() -> None:
    rng = np.random.default_rng(5)
    Z = np.zeros((60, FREQUENCY.size), dtype=complex)
    for row in Z:
        for _ in range(2):
            R, tau, phi = 10 ** rng.uniform(0, 2), 10 ** rng.uniform(-4, 1), rng.uniform(0.65, 1)
            row[:] += 5 + simulate.ZARC(R, tau, phi).impedance(FREQUENCY)
    result = dt.fit_warburg(dt.Campaign.from_arrays(FREQUENCY, simulate.add_noise(Z, 0.003)))
    assert (result.kind != "none").mean() <= 0.05
    assert all(reason for reason, kind in zip(result.reason, result.kind, strict=True) if kind == "none")


def test_order_padding_and_neighbours_do_not_matter() -> None:
    campaign = repeated("R0-p(R1-W1,C1)", RANDLES, 3, 0.003)
    whole = dt.fit_warburg(campaign)
    turned = dt.fit_warburg(dt.Campaign.from_arrays(FREQUENCY[::-1].copy(), campaign.Z[:, ::-1]))
    np.testing.assert_array_equal(turned.sigma, whole.sigma)
    np.testing.assert_array_equal(turned.fitted[:, ::-1], whole.fitted)
    padded = dt.Campaign.from_spectra([dt.Spectrum(np.geomspace(1e6, 1e-3, 91), np.ones(91)), campaign[2]])
    assert dt.fit_warburg(padded).sigma[1] == whole.sigma[2]
    alone = dt.fit_warburg(campaign[2])
    assert alone.sigma[0] == whole.sigma[2]
    f = FREQUENCY[alone.fitted[0]]
    np.testing.assert_array_equal(alone.window[0], [f.min(), f.max()])
    cut = dt.fit_warburg(campaign, f_min=0.1)
    assert (cut.window[cut.kind != "none", 0] >= 0.1).all()
    assert not cut.fitted[:, FREQUENCY < 0.1].any()


def test_fit_lies_on_the_window() -> None:
    values = {"R0": 5.0, "R1": 47.3, "C1": 2e-5, "Wo1_R": 100.0, "Wo1_tau": 20.0}
    for string, exact in (("R0-p(R1-W1,C1)", RANDLES), ("R0-p(R1-Wo1,C1)", values)):
        result = dt.fit_warburg(repeated(string, exact, 1, 0.0))
        error = np.abs(result.Z_fit / result.campaign.Z - 1)
        assert error[result.fitted].max() < 1e-3


def test_a_broken_spectrum_stops_no_other() -> None:
    campaign = repeated("R0-p(R1-W1,C1)", RANDLES, 4, 0.001)
    Z, f = campaign.Z.copy(), np.tile(FREQUENCY, (4, 1))
    Z[1, 5] = np.nan
    Z[2, 5:] = np.nan
    f[2, 5:] = np.nan
    Z[3, 5] = 0
    result = dt.fit_warburg(dt.Campaign.from_arrays(f, Z))
    assert [Status(s) for s in result.status] == [
        Status.OK, Status.NOT_FINITE, Status.TOO_FEW_POINTS, Status.ZERO_IMPEDANCE
    ]  # fmt: skip
    assert np.isfinite(result.sigma[0])
    assert np.isnan(result.sigma[1:]).all()
    assert "5 usable point(s), at least 6" in result.reason[2]
    with pytest.raises(InvalidInput, match="at least 6 are needed"):
        dt.fit_warburg(dt.Spectrum(FREQUENCY[:5], Z[0, :5]))


def test_tables_and_dataset() -> None:
    campaign = repeated("R0-p(R1-W1,C1)", RANDLES, 2, 0.001).with_coordinates(voltage=[0.1, 0.2])
    result = dt.fit_warburg(campaign, area=1e-4, concentration=2e4)
    frame = result.to_frame()
    np.testing.assert_allclose(frame["D_cm2_s"], 1e4 * frame["D_m2_s"])
    assert {"voltage", "kind", "f_low", "f_high", "sigma", "u_sigma", "u_D_cm2_s", "reason"} <= set(frame)
    dataset = result.to_dataset()
    assert dataset["D"].attrs["units"] == "m2 s-1"
    assert json.loads(dataset.attrs["options"])["area"] == 1e-4
    assert repr(result) == "<WarburgResult: 2 spectra, 2 warburg, 0 finite-space, 0 none>"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"area": 1.13, "concentration": 2e4}, "area=1.13 m2 is implausible; if that is in cm2, pass 0.000113"),
        ({"area": 1e-4, "concentration": 0.02}, "if that is in mol/cm3, pass 20000"),
        ({"thickness": 10}, "if that is in um, pass 1e-05"),
        ({"molar_volume": 12, "area": 1e-4, "dE_dx": 0.1}, "if that is in cm3/mol, pass 1.2e-05"),
        ({"temperature": 25}, "if that is in degC, pass 298.15"),
        ({"dE_dx": 500, "area": 1e-4, "molar_volume": 1e-5}, "if that is in mV, pass 0.5"),
    ],
)
def test_implausible_units_are_questioned(options: dict[str, float], words: str) -> None:
    with pytest.warns(DataWarning, match=words):
        dt.fit_warburg(repeated("R0-p(R1-W1,C1)", RANDLES, 1, 0.0), **options)


def test_plausible_units_are_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dt.fit_warburg(
            repeated("R0-p(R1-W1,C1)", RANDLES, 1, 0.0),
            area=1.13e-4, concentration=2e4, thickness=5e-6, molar_volume=1.2e-5, dE_dx=-0.4, temperature=318.15,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"area": -1e-4}, "area must be positive, got -0.0001"),
        ({"area": [1e-4, 2e-4]}, "area has 2 values; give one, or one a spectrum \\(1\\)"),
        ({"u_area": 1e-6}, "u_area is given without area"),
        ({"area": 1e-4, "u_area": -1e-6}, "u_area must be finite and not negative"),
        ({"dE_dx": 0}, "dE_dx must be not zero"),
        ({"concentration": "much"}, "concentration must hold numbers"),
        ({"f_min": 10, "f_max": 1}, "exchange them"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        dt.fit_warburg(repeated("R0-p(R1-W1,C1)", RANDLES, 1, 0.0), **options)


def test_bad_data_are_named() -> None:
    with pytest.raises(InvalidInput, match="must be a Campaign or a Spectrum"):
        dt.fit_warburg(np.ones(3))  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0.0, 0.001, 0.003])
@pytest.mark.parametrize("alpha", [0.55, 0.6, 0.65])
def test_passing_through_45_degrees_is_not_a_line(alpha: float, level: float) -> None:
    """Between an arc and a steeper tail six points are always straight with equal slopes."""
    values = {"R0": 1.0, "R1": 20.0, "CPE1_Q": 1e-3, "CPE1_alpha": 0.9, "CPE2_Q": 0.5, "CPE2_alpha": alpha}
    campaign = repeated("R0-p(R1,CPE1)-CPE2", values, 10, level)
    x = 1 / np.sqrt(2 * np.pi * FREQUENCY)
    Z = campaign.Z[0]
    slopes = np.gradient(Z.real, x), np.gradient(-Z.imag, x)
    assert (slopes[1] < slopes[0]).any()
    assert (slopes[1] > slopes[0]).any()
    assert (dt.fit_warburg(campaign).kind == "none").all()


def test_tails_of_rested_cells_are_steeper(shared_data: Path) -> None:
    """The tails of these LCO cells rise at 50 to 57 degrees, so that none is a Warburg line."""
    cells = dt.fit_warburg(dt.read(shared_data / "zhang2020_25C08_45C01" / "EIS_state_V_25C08.txt")[:40])
    assert (cells.kind == "none").all()
    assert np.mean(["-Z'' rises 1." in reason for reason in cells.reason]) > 0.9


def test_cells_under_current_and_dummy_cells_have_none(shared_data: Path) -> None:
    diodes = dt.fit_warburg(dt.read(shared_data / "zahner_ism_diode" / "*_mvdc.ism"))
    assert (diodes.kind == "none").all()
    assert all(diodes.reason)
