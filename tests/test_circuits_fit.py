"""Circuit fits: against exact values, SciPy, published fits, and their own noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import simulate
from drtengine.circuits import CircuitResult, parse_circuit
from drtengine.errors import InvalidInput, Status

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
RANDLES = "R0-p(R1,CPE1)-p(R2-W1,CPE2)"
VALUES = {
    "R0": 5.0, "R1": 20.0, "CPE1_Q": 2e-5, "CPE1_alpha": 0.9, "R2": 60.0, "W1": 12.0, "CPE2_Q": 1e-3, "CPE2_alpha": 0.8
}  # fmt: skip


def campaign(string: str, values: dict[str, float], count: int = 1, level: float = 0.0, seed: int = 0) -> dt.Campaign:
    Z = np.tile(parse_circuit(string).impedance(FREQUENCY, values), (count, 1))
    return dt.Campaign.from_arrays(FREQUENCY, simulate.add_noise(Z, level, seed=seed))


def scipy_fit(spectrum: dt.Spectrum, string: str, start: np.ndarray, weights: np.ndarray) -> tuple[Any, Any]:
    """Parameters and standard errors from SciPy, with numerical derivatives."""
    from scipy.optimize import least_squares

    circuit = parse_circuit(string)

    def residual(x: np.ndarray) -> np.ndarray:
        Z = circuit.impedance(spectrum.frequency, circuit.to_units(x))
        return ((Z - spectrum.Z) * weights).view(np.float64)

    x0 = circuit.to_internal(start)
    fit = least_squares(residual, x0, method="lm", jac="3-point", x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    covariance = np.linalg.inv(fit.jac.T @ fit.jac) * 2 * fit.cost / (fit.fun.size - fit.x.size)
    values = circuit.to_units(fit.x)
    return values, np.sqrt(np.diag(covariance)) * np.where(circuit.is_exponent, 1, values)


@pytest.mark.parametrize(
    ("string", "values"),
    [
        (RANDLES, VALUES),
        ("L0-R0-p(R1,C1)", {"L0": 1e-6, "R0": 3.0, "R1": 40.0, "C1": 1e-4}),
        ("R0-Zarc1-Wo1",
         {"R0": 3.0, "Zarc1_R": 40.0, "Zarc1_tau": 1e-3, "Zarc1_alpha": 0.85, "Wo1_R": 90.0, "Wo1_tau": 8.0}),
        ("R0-p(R1-Ws1,CPE1)",
         {"R0": 3.0, "R1": 40.0, "Ws1_R": 70.0, "Ws1_tau": 5.0, "CPE1_Q": 1e-4, "CPE1_alpha": 0.9}),
        ("R0-HN1", {"R0": 3.0, "HN1_R": 40.0, "HN1_tau": 0.1, "HN1_alpha": 0.9, "HN1_beta": 0.6}),
        ("R0-G1", {"R0": 3.0, "G1_R": 40.0, "G1_tau": 0.1}),
        ("R0-K1-CPE1", {"R0": 3.0, "K1_R": 40.0, "K1_tau": 0.1, "CPE1_Q": 0.05, "CPE1_alpha": 0.6}),
        ("R0-p(R1-p(R2,C2),C1)", {"R0": 3.0, "R1": 40.0, "R2": 25.0, "C2": 1e-2, "C1": 1e-5}),
        ("p(R1,L1)-p(R2,C2)", {"R1": 40.0, "L1": 1e-4, "R2": 25.0, "C2": 1e-2}),
    ],
)  # fmt: skip
def test_exact_spectra_give_back_their_parameters(string: str, values: dict[str, float]) -> None:
    result = dt.fit_circuit(campaign(string, values), string)
    assert Status(result.status[0]) == Status.OK
    np.testing.assert_allclose(result.values[0], [values[name] for name in result.names], rtol=1e-7)
    assert np.abs(result.residual).max() < 1e-9


def test_agrees_with_scipy() -> None:
    noisy = campaign(RANDLES, VALUES, level=0.005)
    for weights, w in (("modulus", 1 / np.abs(noisy.Z[0])), ("unit", np.ones(71))):
        ours = dt.fit_circuit(noisy, RANDLES, weights=weights)
        values, errors = scipy_fit(noisy[0], RANDLES, np.array(list(VALUES.values())), w)
        assert np.abs((ours.values[0] - values) / errors).max() < 1e-3  # in standard errors
        np.testing.assert_allclose(ours.u_values[0], errors, rtol=1e-4)


def test_information_criteria_and_counts() -> None:
    result = dt.fit_circuit(campaign(RANDLES, VALUES, level=0.005), RANDLES)
    n, k = 142, 9  # eight parameters and the size of the noise
    chi2 = (np.abs(result.residual) ** 2).sum()
    assert result.chi2[0] == pytest.approx(chi2, rel=1e-12)
    assert result.degrees[0] == 134
    assert result.aicc[0] == pytest.approx(n * np.log(chi2 / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))
    assert result.bic[0] == pytest.approx(n * np.log(chi2 / n) + k * np.log(n))
    smaller = dt.fit_circuit(result.campaign, "R0-p(R1,CPE1)-p(R2,CPE2)")
    assert smaller.aicc[0] > result.aicc[0] + 100


@pytest.mark.parametrize("level", [0.003, 0.01])
def test_intervals_cover_the_truth(level: float) -> None:
    count = 400
    result = dt.fit_circuit(campaign(RANDLES, VALUES, count, level), RANDLES, warm_start=False)
    assert (result.status == Status.OK).mean() > 0.97
    truth = np.array([VALUES[name] for name in result.names])
    inside = (result.values_low <= truth) & (truth <= result.values_high)
    fine = result.status == Status.OK
    coverage = inside[fine].mean(axis=0)
    assert ((coverage > 0.91) & (coverage < 0.98)).all(), coverage
    # the size of the standard errors; at 1 % one in a hundred has the Warburg element in the other arc, so quantiles
    x, u = np.log(result.values[fine] / truth), (result.u_values / result.values)[fine]
    quarter, middle, three = np.quantile(x / u, (0.25, 0.5, 0.75), axis=0)
    np.testing.assert_allclose(three - quarter, 1.349, rtol=0.2)
    assert np.abs(middle).max() < 0.2


def test_profile_and_bootstrap_intervals() -> None:
    noisy = campaign("R0-p(R1,CPE1)", {"R0": 5.0, "R1": 50.0, "CPE1_Q": 1e-3, "CPE1_alpha": 0.8}, level=0.01)
    wald, profile, bootstrap = (
        dt.fit_circuit(noisy, "R0-p(R1,CPE1)", interval=kind) for kind in ("wald", "profile", "bootstrap")
    )
    for other, slack in ((profile, 0.1), (bootstrap, 0.35)):
        np.testing.assert_array_equal(other.values, wald.values)
        for end in ("values_low", "values_high"):
            gap = (getattr(other, end) - getattr(wald, end)) / wald.u_values
            assert np.abs(gap).max() < slack * 1.98  # of half the width of the interval
    again = dt.fit_circuit(noisy, "R0-p(R1,CPE1)", interval="bootstrap")
    np.testing.assert_array_equal(again.values_low, bootstrap.values_low)


def test_profile_ends_where_the_sum_of_squares_has_grown() -> None:
    from scipy.special import stdtrit

    noisy = campaign(RANDLES, VALUES, level=0.03, seed=2)
    result = dt.fit_circuit(noisy, RANDLES, interval="profile")
    t = stdtrit(result.degrees[0], 0.975)
    grown = result.chi2[0] * (1 + t**2 / result.degrees[0])
    for name in ("R2", "W1", "CPE2_alpha"):
        for end in (result.values_low, result.values_high):
            at = float(end[0, result.circuit.index(name)])
            guess = {other: result[other] for other in result.names if other != name}
            held = dt.fit_circuit(noisy, RANDLES, fixed={name: at}, guess=guess)
            assert held.chi2[0] == pytest.approx(grown, rel=2e-4)


def test_profile_tells_what_has_no_end() -> None:
    # a finite-space Warburg seen only where it is still semi-infinite: R/sqrt(tau) is known, no upper end of tau
    string = "R0-Wo1"
    Z = parse_circuit(string).impedance(np.geomspace(1e3, 1.0, 40), {"R0": 5.0, "Wo1_R": 100.0, "Wo1_tau": 100.0})
    seen = dt.Spectrum(np.geomspace(1e3, 1.0, 40), simulate.add_noise(Z, 0.003, seed=1))
    result = dt.fit_circuit(seen, string, interval="profile")
    tau = result.circuit.index("Wo1_tau")
    assert result.values_high[0, tau] == np.inf
    assert 0 < result.values_low[0, tau] < 100
    assert Status(result.status[0]) == Status.NOT_IDENTIFIABLE
    assert "not identifiable: Wo1_tau" in result.notes[0]


def test_fixed_ties_bounds_and_guess() -> None:
    noisy = campaign(RANDLES, VALUES, 3, level=0.005)
    fixed = dt.fit_circuit(noisy, RANDLES, fixed={"R0": [5.0, 5.1, 5.2], "CPE2_1": 0.8})
    np.testing.assert_allclose(fixed["R0"], [5.0, 5.1, 5.2], rtol=1e-14)
    assert np.isnan(fixed.errors["R0"]).all()
    assert np.isnan(fixed.errors["CPE2_alpha"]).all()
    assert fixed.free == 6
    assert fixed.degrees[0] == 136
    tied = dt.fit_circuit(noisy, RANDLES, ties={"CPE2_alpha": "CPE1_alpha"})
    np.testing.assert_array_equal(tied["CPE1_alpha"], tied["CPE2_alpha"])
    assert tied.free == 7
    assert (tied.chi2 > dt.fit_circuit(noisy, RANDLES).chi2).all()
    bound = dt.fit_circuit(noisy, RANDLES, bounds={"R0": (5.5, 10)})
    np.testing.assert_allclose(bound["R0"], 5.5, rtol=1e-12)
    assert (bound.status == Status.PARAMETER_AT_BOUND).all()
    assert bound.at_bound[:, 0].all()
    assert not bound.at_bound[:, 1:].any()
    assert np.isnan(bound.errors["R0"]).all()
    assert "at its bound: R0" in bound.notes[0]
    free = dt.fit_circuit(noisy, RANDLES)
    guessed = dt.fit_circuit(noisy, RANDLES, guess=VALUES)
    assert np.abs((guessed.values - free.values) / free.u_values).max() < 0.01


def test_tied_parameters_have_the_derivative_of_both() -> None:
    # two equal RC in series are one: R and C of each follow exactly
    exact = campaign("R0-K1", {"R0": 1.0, "K1_R": 20.0, "K1_tau": 1e-2})
    result = dt.fit_circuit(exact, "R0-K1-K2", ties={"K2_R": "K1_R", "K2_tau": "K1_tau"})
    np.testing.assert_allclose(result.values[0], [1, 10, 1e-2, 10, 1e-2], rtol=1e-9)


def test_neighbours_are_no_part_of_a_cold_start() -> None:
    noisy = campaign(RANDLES, VALUES, 5, level=0.01)
    whole = dt.fit_circuit(noisy, RANDLES, warm_start=False)
    again = dt.fit_circuit(noisy, RANDLES, warm_start=False)
    for i in range(5):
        alone = dt.fit_circuit(noisy[i], RANDLES)
        for name in ("values", "u_values", "chi2"):
            np.testing.assert_array_equal(getattr(whole, name)[i], getattr(alone, name)[0])
    np.testing.assert_array_equal(whole.values, again.values)


def test_warm_start_only_lowers_the_sum_of_squares(shared_data: Path) -> None:
    measured = dt.read(shared_data / "zhang2020_25C08_45C01" / "EIS_state_V_25C08.txt")
    string = "L0-R0-p(R1,CPE1)-p(R2-W1,CPE2)"
    cold = dt.fit_circuit(measured, string, warm_start=False, starts=2)
    warm = dt.fit_circuit(measured, string, starts=2)
    assert (warm.chi2 <= cold.chi2 * (1 + 1e-9))[cold.has_answer].all()
    assert (warm.chi2 < cold.chi2 * 0.9).any()
    # and from its neighbours' values, no spectrum finds anything better
    warm = dt.fit_circuit(measured, string)
    assert warm.has_answer.all()
    assert np.median(warm.residual_rms) < 0.014
    before = {name: values[:-1] for name, values in zip(warm.names, warm.values.T, strict=True)}
    again = dt.fit_circuit(measured[1:], string, guess=before, warm_start=False)
    assert (again.chi2 > warm.chi2[1:] * (1 - 1e-3)).all()


def test_like_branches_are_numbered_from_fast_to_slow() -> None:
    string = "R0-p(R1,C1)-p(R2,C2)-p(R3,C3)"
    values = {"R0": 1.0, "R1": 10.0, "C1": 1e-6, "R2": 30.0, "C2": 1e-4, "R3": 20.0, "C3": 1e-2}
    swapped = campaign("R0-p(R3,C3)-p(R1,C1)-p(R2,C2)", values, 4, level=0.002)
    result = dt.fit_circuit(swapped, string)
    truth = np.array([values[name] for name in result.names])
    assert np.abs(result.values / truth - 1).max() < 0.02
    correlation = result.correlation[0]
    np.testing.assert_allclose(np.diag(correlation), 1)
    assert np.abs(correlation).max() <= 1 + 1e-9
    named = dt.fit_circuit(swapped, string, guess={"R1": 20.0, "C1": 1e-2})  # the slow one first, as wished
    assert named["C1"] == pytest.approx(1e-2, rel=0.05)


def test_surplus_elements_are_told() -> None:
    exact = campaign("R0-K1", {"R0": 1.0, "K1_R": 20.0, "K1_tau": 1e-2}, level=0.003)
    result = dt.fit_circuit(exact, "R0-K1-K2-K3")
    assert Status(result.status[0]) in (Status.NOT_IDENTIFIABLE, Status.PARAMETER_AT_BOUND)
    assert result.notes
    series = dt.fit_circuit(exact, "R0-R9-K1")
    assert Status(series.status[0]) == Status.NOT_IDENTIFIABLE
    assert "R0, R9" in series.notes[0]
    assert series["R0"] + series["R9"] == pytest.approx(1.0, rel=0.01)


def test_a_broken_spectrum_stops_no_other() -> None:
    good = campaign(RANDLES, VALUES, 4, level=0.003)
    Z, f = good.Z.copy(), np.tile(FREQUENCY, (4, 1))
    Z[1, 7] = np.nan
    Z[2, 8:] = np.nan
    f[2, 8:] = np.nan  # eight points remain
    Z[3] = Z[3].conj()
    result = dt.fit_circuit(dt.Campaign.from_arrays(f, Z), RANDLES)
    expected = [Status.OK, Status.NOT_FINITE, Status.OK, Status.SIGN_FLIPPED]
    assert [Status(s) for s in result.status][1::2] == expected[1::2]
    assert np.isnan(result.values[1]).all()
    assert np.isnan(result.Z_fit[3]).all()
    assert result.degrees[2] == 8
    small = dt.fit_circuit(dt.Campaign.from_arrays(f[:, :4], Z[:, :4]), RANDLES)
    assert (small.status == Status.TOO_FEW_POINTS).all()
    assert "4 point(s) are too few for 8 free parameters" in small.notes[0]


def test_grids_of_their_own_and_points_left_out() -> None:
    f = FREQUENCY * np.array([[1.0], [1.1]])
    Z = np.stack([parse_circuit(RANDLES).impedance(row, VALUES) for row in f])
    result = dt.fit_circuit(dt.Campaign.from_arrays(f, Z), RANDLES, f_max=5e4, exclude=f > 4e4)
    np.testing.assert_allclose(result.values, np.tile([VALUES[n] for n in result.names], (2, 1)), rtol=1e-6)
    assert result.used.sum() < f.size
    weighted = dt.fit_circuit(dt.Campaign.from_arrays(f, Z), RANDLES, weights=1 / np.abs(Z))
    plain = dt.fit_circuit(dt.Campaign.from_arrays(f, Z), RANDLES)
    np.testing.assert_allclose(weighted.values, plain.values, rtol=1e-6)


def test_tables_and_dataset() -> None:
    data = campaign(RANDLES, VALUES, 2, level=0.003).with_coordinates(voltage=[0.1, 0.2])
    result = dt.fit_circuit(data, RANDLES)
    frame = result.to_frame()
    assert {"name", "voltage", "R0", "u_R0", "R0_low", "R0_high", "chi2", "aicc", "bic", "status"} <= set(frame)
    np.testing.assert_array_equal(frame["CPE1_Q"], result["CPE1_Q"])
    assert list(result.parameters.columns) == list(result.names)
    assert list(result.errors.index) == ["spectrum 0", "spectrum 1"]
    dataset = result.to_dataset()
    np.testing.assert_array_equal(dataset["values"].sel(parameter="R2"), result["R2"])
    assert dataset.attrs["circuit"] == RANDLES
    assert json.loads(dataset.attrs["options"])["weights"] == "modulus"
    assert repr(result) == f"<CircuitResult {RANDLES}: 2 of 2 spectra fitted>"
    assert isinstance(result, CircuitResult)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fixed": {"R7": 1}}, "no parameter 'R7'"),
        ({"fixed": {"R0": -1}}, "fixed\\['R0'\\] must be above 0"),
        ({"fixed": {"R0": [1, 2]}}, "has 2 values; give one, or one a spectrum"),
        ({"fixed": 3}, "fixed must be a dict"),
        ({"fixed": {n: 0.5 for n in VALUES}}, "nothing is left to fit"),
        ({"guess": {"CPE1_alpha": 1.2}}, "guess\\['CPE1_alpha'\\] must be above 0 and at most 1"),
        ({"guess": [1, 2]}, "guess must be a dict"),
        ({"guess": {"R0": 1}, "fixed": {"R0": 1}}, "guess names R0, which is fixed"),
        ({"bounds": {"R0": (2, 1)}}, "0 <= low < high"),
        ({"bounds": {"R0": 3}}, "must be two numbers"),
        ({"bounds": {"CPE1_alpha": (0.5, 2)}}, "<= 1"),
        ({"bounds": {"R0": (1, 2)}, "fixed": {"R0": 1}}, "bounds name R0, which is fixed"),
        ({"ties": {"R1": "CPE1_Q"}}, "different units"),
        ({"ties": {"R1": "R2"}, "fixed": {"R2": 1}}, "R2 is fixed"),
        ({"weights": "modulos"}, "did you mean 'modulus'"),
        ({"starts": 0}, "starts must be a whole number from 1 on"),
        ({"interval": "wold"}, "did you mean 'wald'"),
        ({"confidence": 95}, "confidence must lie between 0 and 1"),
        ({"f_min": -1}, "f_min must be positive"),
        ({"warm_start": "no"}, "warm_start must be True or False"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        dt.fit_circuit(campaign(RANDLES, VALUES), RANDLES, **options)


def test_bad_data_are_named() -> None:
    with pytest.raises(InvalidInput, match="must be a Campaign or a Spectrum"):
        dt.fit_circuit(np.ones(3), RANDLES)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="too few for 8 free"):
        dt.fit_circuit(dt.Spectrum([1, 2, 3], [1, 2, 3]), RANDLES)
    Z = campaign("R0-K1", {"R0": 1.0, "K1_R": 20.0, "K1_tau": 1e-2}).Z[0].copy()
    Z[3] = 0
    with pytest.raises(InvalidInput, match="Z is 0 at"):
        dt.fit_circuit(dt.Spectrum(FREQUENCY, Z), "R0-K1")


# values that others published


def zplot(path: Path) -> dt.Spectrum:
    lines = path.read_text(encoding="latin-1").splitlines()
    first = next(i for i, line in enumerate(lines) if "End Comments" in line) + 1
    rows = np.array([[float(v) for v in line.split()[:6]] for line in lines[first:] if line.strip()])
    return dt.Spectrum(rows[:, 0], rows[:, 4] + 1j * rows[:, 5])


@pytest.mark.parametrize(
    ("number", "R0", "R1", "C1"),
    [(1, 29.1, 46.7, 1.04e-5), (2, 150, 502, 3.12e-8), (3, 1510, 4630, 2.02e-8)],
)
def test_dummy_cells_of_impedance_py(shared_data: Path, number: int, R0: float, R1: float, C1: float) -> None:
    for repeat in (1, 2):
        spectrum = zplot(shared_data / "impedancepy_formats" / f"Circuit{number}_EIS_{repeat}.z")
        result = dt.fit_circuit(spectrum, "R0-p(R1,C1)")
        rounded = 0.5 * 10 ** np.floor(np.log10([R0, R1, C1]) - 2)  # they were measured to three digits
        off = np.abs(result.values[0] - [R0, R1, C1])
        assert (off < 3 * np.hypot(result.u_values[0], rounded)).all()
        np.testing.assert_allclose(result.values[0], [R0, R1, C1], rtol=5e-3)


def test_example_of_impedance_py(shared_data: Path) -> None:
    rows = np.loadtxt(shared_data / "impedancepy_formats" / "exampleData.csv", delimiter=",")
    rows = rows[rows[:, 2] < 0]
    cell = dt.Spectrum(rows[:, 0], rows[:, 1] + 1j * rows[:, 2])
    fixed = {"R_0": 0.02, "Wo_1_1": 200}
    result = dt.fit_circuit(cell, "R_0-p(R_1,C_1)-p(R_2,C_2)-Wo_1", fixed=fixed, weights="unit")
    pairs = [(6.79e-3, 5.62), (3.91e-3, 1.36)]  # which of the two is first is a matter of taste
    found = sorted([(result["R1"][0], result["C1"][0]), (result["R2"][0], result["C2"][0])], reverse=True)
    np.testing.assert_allclose(found, pairs, rtol=2e-3)
    assert result["Wo1_R"][0] == pytest.approx(5.88e-2, rel=1e-3)


def test_lithium_ion_cell_of_bayes_drt(shared_data: Path) -> None:
    rows = np.loadtxt(shared_data / "bayes_drt_exp" / "DRTtools_LIB_data.txt")
    cell = dt.Spectrum(rows[:, 0], rows[:, 1] + 1j * rows[:, 2])
    result = dt.fit_circuit(cell, "L0-R0-p(R1,CPE1)-p(R2,CPE2)-p(R3,CPE3)")
    published = [8.09e-7, 0.10941, 0.01416, 3.528, 0.480, 0.01532, 10.79, 0.941, 0.04159, 611.8, 0.797]
    assert np.abs((result.values[0] - published) / result.u_values[0]).max() < 0.2


def test_diode_of_zahner(shared_data: Path) -> None:
    folder = shared_data / "zahner_ism_diode"
    for path in sorted((folder / "fitted").glob("*.json")):
        model = json.loads(path.read_text())["model"]
        vendor = {name: next(iter(element.values())) for name, element in model.items()}  # errors are in per cent
        result = dt.fit_circuit(dt.read(folder / f"{path.stem}_mvdc.ism"), "L0-p(R0,C0)")
        for name in ("R0", "C0", "L0"):
            if vendor[name]["error"] < 50:
                error = vendor[name]["error"] / 100 * vendor[name]["value"]
                assert abs(result[name][0] - vendor[name]["value"]) < 1.1 * error, (path.stem, name)
        assert abs(result["R0"][0] / vendor["R0"]["value"] - 1) < 2e-3


def test_diffusion_is_subtracted_within_its_arc() -> None:
    """What is left of a Randles cell without its Warburg element is two arcs, of which the DRT is known."""
    fit = dt.fit_circuit(campaign(RANDLES, VALUES, 3, 0.001, seed=4), RANDLES)
    arcs = {name: value for name, value in VALUES.items() if name != "W1"}
    expected = parse_circuit("R0-p(R1,CPE1)-p(R2,CPE2)").impedance(FREQUENCY, arcs)
    rest = fit.subtract("W1")
    assert np.abs(rest.Z - expected).max() < 0.02 * np.abs(expected).max()
    assert any("W1 of the fitted" in note for note in rest.notes)
    assert dt.fit_drt(rest, method="log").R_pol == pytest.approx(80, rel=0.03)
    assert dt.fit_drt(fit.campaign, method="log").R_pol.min() > 100  # diffusion does not end


def test_elements_in_series_are_subtracted_whole() -> None:
    string, values = "L0-R0-p(R1,C1)-Wo1", {"L0": 1e-6, "R0": 2.0, "R1": 30.0, "C1": 1e-3, "Wo1_0": 20.0, "Wo1_1": 50.0}
    fit = dt.fit_circuit(campaign(string, values), string)
    rest = fit.subtract(["L0", "Wo1"])
    assert rest.Z[0] == pytest.approx(2 + 30 / (1 + 2j * np.pi * FREQUENCY * 0.03), rel=1e-6)
    assert np.array_equal(rest.frequency, fit.campaign.frequency)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ("W2", "no element 'W2'"),
        ([], "at least one element"),
        ("CPE1", "short-circuit"),
        (["R2", "W1"], "short-circuit"),
        (["R0", "R1"], "short-circuit"),
    ],
)
def test_what_cannot_be_subtracted(elements: Any, message: str) -> None:
    fit = dt.fit_circuit(campaign(RANDLES, VALUES), RANDLES)
    with pytest.raises(InvalidInput, match=message):
        fit.subtract(elements)


def test_nothing_is_left_and_failed_fits_are_nan() -> None:
    with pytest.raises(InvalidInput, match="nothing is left"):
        parse_circuit("R0").without(["R0"])
    data = campaign(RANDLES, VALUES, 2)
    Z = data.Z.copy()
    Z[0, 3] = np.nan
    rest = dt.fit_circuit(dt.Campaign.from_arrays(FREQUENCY, Z), RANDLES).subtract("W1")
    assert np.isnan(rest.Z[0]).all()
    assert np.isfinite(rest.Z[1]).all()
    assert any("nothing to subtract" in note for note in rest.notes)
