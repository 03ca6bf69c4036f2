"""`DrtResult`: shapes, what the numbers mean, tables and datasets, copies."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import Campaign, DrtResult, InvalidInput, Spectrum, Status, fit_drt
from drtengine.basis import SHAPES, Basis
from drtengine.simulate import ZARC, Circuit, Inductor, Resistor, add_noise

F = np.geomspace(1e5, 1e-2, 71)
CELL = Circuit([Resistor(10), ZARC(50, 1e-2, 0.8), Inductor(1e-6)])
Z = add_noise(np.array([CELL.impedance(F) * k for k in (1, 2, 3)]), 0.003, seed=1)
BAD = 1


def campaign() -> Campaign:
    """Three spectra, the second of them broken."""
    z = Z.copy()
    z[BAD, 4] = np.nan
    table = {"voltage": [0.1, 0.2, 0.3], "branch": ["charge", "charge", "discharge"]}
    return Campaign.from_arrays(F, z, coordinates=table, names=["a", "b", "c"])


def fit(data: Campaign | Spectrum | None = None, **options: Any) -> DrtResult:
    return fit_drt(campaign() if data is None else data, method="ridge", **{"lambda_": 1e-3, **options})


def sound() -> Spectrum:
    return Spectrum(F, CELL.impedance(F))


def trapezoid(y: np.ndarray, x: np.ndarray) -> Any:
    return ((y[..., 1:] + y[..., :-1]) / 2 * np.diff(x)).sum(axis=-1)


def parts(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return z.real, z.imag


# Numbers


def test_shapes_and_types() -> None:
    result = fit()
    n, n_tau = 3, result.tau.size
    assert len(result) == n
    for name in ("gamma", "coefficients"):
        assert (getattr(result, name).shape, getattr(result, name).dtype) == ((n, n_tau), np.float64)
    for name in ("R_inf", "L_0", "C_0", "R_pol", "R_pol_window", "lambda_", "error", "chi2"):
        assert (getattr(result, name).shape, getattr(result, name).dtype) == ((n,), np.float64)
    for name in ("Z", "Z_fit", "residual"):
        assert (getattr(result, name).shape, getattr(result, name).dtype) == ((n, 71), np.complex128)
    assert (result.status.dtype, result.used.dtype, result.used.shape) == (np.int8, np.bool_, (n, 71))
    assert (result.in_window.dtype, result.in_window.shape) == (np.bool_, (n, n_tau))
    assert repr(result) == "<DrtResult: 2 of 3 spectra inverted, 92 nodes, 1.58e-07 to 200 s>"


def test_a_broken_spectrum_is_nan_in_its_row_alone() -> None:
    result = fit()
    assert result.status.tolist() == [Status.OK, Status.NOT_FINITE, Status.OK]
    for name in ("gamma", "coefficients", "R_inf", "L_0", "R_pol", "R_pol_window", "lambda_", "error", "chi2", "Z_fit"):
        values = np.asarray(getattr(result, name)).reshape(3, -1)
        assert np.isnan(values[BAD]).all(), name
        assert np.isfinite(np.delete(values, BAD, axis=0)).all(), name
    assert np.isnan(result.evaluate([1e-3, 1.0])[BAD]).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_is_what_evaluate_gives_and_R_pol_its_integral(shape: str) -> None:
    result = fit(sound(), basis=shape)
    np.testing.assert_allclose(result.evaluate(result.tau), result.gamma, rtol=1e-14, atol=1e-14)
    f = result.frequency[0]
    for R_pol, low, high in (
        (result.R_pol, result.tau[0], result.tau[-1]),
        (result.R_pol_window, 1 / (2 * np.pi * f.max()), 1 / (2 * np.pi * f.min())),
    ):
        ln_tau = np.linspace(np.log(low), np.log(high), 20_001)
        assert trapezoid(result.evaluate(np.exp(ln_tau))[0], ln_tau) == pytest.approx(R_pol[0], rel=1e-6)


def test_evaluate_takes_any_tau() -> None:
    result = fit()
    tau = np.array([1.0, 1e-3, 0.02])
    np.testing.assert_array_equal(result.evaluate(tau)[0], [result.evaluate(t)[0, 0] for t in tau])
    assert result.evaluate(1).shape == (3, 1)
    assert result.evaluate(np.float32(1)).shape == (3, 1)
    np.testing.assert_allclose(result.evaluate(tau)[0], result.basis.values(tau) @ result.coefficients[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("tau", "message"),
    [
        ([], "at least one"),
        (0.0, "finite and positive"),
        ([1.0, -1.0], "finite and positive"),
        ([np.nan], "finite and positive"),
        ([np.inf], "finite and positive"),
        ([[1.0]], "tau must have 1 dimension"),
        ("a", "tau must hold numbers"),
        (1j, "tau must be real"),
    ],
)
def test_evaluate_refuses(tau: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit().evaluate(tau)


@pytest.mark.parametrize("part", ["both", "real", "imaginary"])
@pytest.mark.parametrize("capacitance", [True, False])
def test_Z_fit_is_the_model(part: str, capacitance: bool) -> None:
    result = fit(sound(), part=part, capacitance=capacitance)
    kernel, omega = result.basis.kernel(F), 2 * np.pi * F
    real = result.R_inf[0] + kernel.real @ result.coefficients[0]
    imag = omega * result.L_0[0] + kernel.imag @ result.coefficients[0]
    if capacitance:
        imag = imag - 1 / (omega * result.C_0[0])
    unknown = np.full(71, np.nan)
    np.testing.assert_allclose(result.Z_fit.real[0], unknown if part == "imaginary" else real, rtol=1e-12)
    np.testing.assert_allclose(result.Z_fit.imag[0], unknown if part == "real" else imag, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("part", ["both", "real", "imaginary"])
def test_residual_and_chi2(part: str) -> None:
    result = fit(sound(), part=part, exclude=F[3])
    real, imag = ((z - fit) / np.abs(result.Z) for z, fit in zip(*map(parts, (result.Z, result.Z_fit)), strict=True))
    np.testing.assert_array_equal(result.residual.real, real)
    np.testing.assert_array_equal(result.residual.imag, imag)
    squares = {"both": real**2 + imag**2, "real": real**2, "imaginary": imag**2}[part][0]
    assert np.isfinite(squares).all()
    assert result.chi2[0] == pytest.approx(np.delete(squares, 3).sum(), rel=1e-12)


def test_points_left_out_are_predicted_too() -> None:
    result = fit(sound(), f_min=0.1, exclude=F[3])
    assert np.isfinite(result.Z_fit).all()
    np.testing.assert_allclose(result.Z_fit[0, 3], CELL.impedance(F[3]), rtol=1e-3)
    with_dc = fit(Spectrum(np.append(F, 0), np.append(CELL.impedance(F), 60)))
    assert np.isnan(with_dc.Z_fit[0, -1])
    assert np.isfinite(with_dc.chi2[0])


def test_in_window_is_each_spectrums_own() -> None:
    short = Spectrum(F[20:60], CELL.impedance(F)[20:60])
    result = fit(Campaign.from_spectra([sound(), short]), f_max=1e4)
    for row, (low, high) in enumerate(((F[-1], 1e4), (F[59], F[20]))):
        inside = (result.tau >= 1 / (2 * np.pi * high)) & (result.tau <= 1 / (2 * np.pi * low))
        np.testing.assert_array_equal(result.in_window[row], inside)
    from_frequencies = fit(sound(), tau="frequency")
    assert from_frequencies.in_window.all()
    nothing = fit(Campaign(np.full(3, np.nan), np.full((1, 3), 1j)))
    assert not nothing.in_window.any()


# Tables


def test_summary() -> None:
    table = fit().summary()
    assert list(table.columns[:3]) == ["name", "voltage", "branch"]
    assert table["name"].tolist() == ["a", "b", "c"]
    assert table["status"].tolist() == ["OK", "NOT_FINITE", "OK"]
    result = fit()
    np.testing.assert_array_equal(table["R_pol"], result.R_pol)
    np.testing.assert_allclose(table["residual_rms"], np.sqrt(result.chi2 / 71))
    assert {"R_inf", "L_0", "C_0", "R_pol_window", "lambda_"} < set(table.columns)


def test_to_frame() -> None:
    result = fit()
    table = result.to_frame()
    assert list(table.columns) == ["name", "voltage", "branch", "tau", "gamma", "in_window"]
    assert len(table) == 3 * result.tau.size
    third = table[table["name"] == "c"]
    np.testing.assert_array_equal(third["gamma"], result.gamma[2])
    np.testing.assert_array_equal(third["tau"], result.tau)
    assert set(third["branch"]) == {"discharge"}
    assert set(third["voltage"]) == {0.3}


def test_to_dataset() -> None:
    result = fit()
    dataset = result.to_dataset()
    assert dict(dataset.sizes) == {"spectrum": 3, "tau": result.tau.size, "point": 71}
    np.testing.assert_array_equal(dataset["gamma"], result.gamma)
    np.testing.assert_array_equal(dataset["Z"], result.campaign.Z)
    np.testing.assert_array_equal(dataset["frequency"], result.frequency)
    units = {name: dataset[name].attrs.get("units") for name in dataset.variables}
    assert units["gamma"] == units["R_inf"] == units["R_pol"] == units["coefficients"] == units["Z"] == "ohm"
    assert (units["tau"], units["frequency"], units["L_0"], units["C_0"]) == ("s", "Hz", "H", "F")
    assert (units["voltage"], units["lambda_"], units["branch"]) == ("V", "1", None)
    assert "2: UNCONVERGED" in dataset["status"].attrs["flags"]
    assert all("long_name" in dataset[name].attrs for name in ("gamma", "R_inf", "error", "used", "in_window"))
    assert dataset["branch"].dims == ("spectrum",)
    assert dataset["name"].values.tolist() == ["a", "b", "c"]


def test_units_per_area() -> None:
    dataset = fit(area=2.0).to_dataset()
    assert dataset["gamma"].attrs["units"] == dataset["R_pol"].attrs["units"] == "ohm cm2"
    assert (dataset["L_0"].attrs["units"], dataset["C_0"].attrs["units"]) == ("H cm2", "F cm-2")
    assert dataset["Z"].attrs["units"] == "ohm"  # as measured


def test_provenance() -> None:
    data = dataclasses.replace(sound(), sources={"a.txt": "12ab"}, notes=["odd"], name="cell")
    result = fit(data, lambda_="gcv", f_min=0.1, weights="modulus", exclude=F[3])
    attributes = result.to_dataset().attrs
    assert attributes["drtengine"] == dt.__version__
    assert attributes["instruction_set"] in ("baseline", "v3", "v4")
    assert json.loads(attributes["sources"]) == {"a.txt": "12ab"}
    assert json.loads(attributes["campaign_notes"]) == ["cell: odd"]
    assert json.loads(attributes["notes"])[0] == "cell: odd"
    options = json.loads(attributes["options"])
    assert options == dict(result.options)
    assert options == {
        "method": "ridge",
        "per_spectrum": False,
        "along": None,
        "basis": "gaussian",
        "order": 1,
        "lambda_": "gcv",
        "refine": False,
        "noise": None,
        "n_folds": 5,
        "nonneg": True,
        "free": None,
        "inductance": True,
        "capacitance": False,
        "part": "both",
        "weights": "modulus",
        "tau": None,
        "epsilon": result.basis.epsilon,
        "f_min": 0.1,
        "f_max": None,
        "exclude": "points",
        "area": None,
        "band": None,
        "band_kind": None,
        "seed": None,
        "samples": None,
    }


@pytest.mark.parametrize(("given", "kept"), [(1e-3, 1e-3), ([1e-3, 1e-2, 1e-1], [1e-3, 1e-2, 1e-1]), ("gcv", "gcv")])
def test_options_hold_plain_values(given: Any, kept: Any) -> None:
    options = fit(lambda_=given, order=np.int64(2), f_max=np.float32(1e4), area=np.int32(2), tau=[1e-3, 1e-2]).options
    assert options["lambda_"] == kept
    assert (options["order"], options["f_max"], options["area"], options["tau"]) == (2, 1e4, 2.0, "array")
    assert json.loads(json.dumps(dict(options))) == options


def test_coordinates_give_way_to_the_names_of_results() -> None:
    names = ["status", "tau", "name", "E/V", "E V", "spectrum", "error", "R_inf", "gamma", "µ (%)"]
    data = Campaign(F, Z, {name: np.arange(3) + i for i, name in enumerate(names)})
    result = fit(data)
    dataset = result.to_dataset()
    assert dataset["status"].dtype == np.int8
    assert dataset["coordinate_status"].values.tolist() == [0, 1, 2]
    assert dataset["E_V"].attrs["coordinate"] == "E/V"
    again = DrtResult.from_dataset(dataset)
    assert list(again.coordinates) == names
    for name in names:
        np.testing.assert_array_equal(again.coordinates[name], data.coordinates[name])
    assert result.to_frame()["name"].tolist()[0] == "spectrum 0"
    assert result.summary()["coordinate_status"].tolist() == [0, 1, 2]
    assert result.summary()["status"].tolist() == ["OK"] * 3


def test_a_time_coordinate_may_be_a_time() -> None:
    day = np.array(["2024-02-29T12:00", "NaT", "2024-03-01"], dtype="M8[ns]")
    result = fit(Campaign(F, Z, {"time": day, "voltage": ["low", "mid", "high"]}))
    again = DrtResult.from_dataset(result.to_dataset())
    np.testing.assert_array_equal(again.coordinates["time"], day)
    assert "units" not in result.to_dataset()["voltage"].attrs


def test_a_dataset_is_a_copy() -> None:
    result = fit()
    dataset = result.to_dataset()
    dataset["gamma"] *= 2
    dataset["Z"][0, 0] = 7
    dataset["voltage"][0] = 7
    assert (result.gamma[0] <= dataset["gamma"].values[0]).all()
    assert result.campaign.Z[0, 0] == Z[0, 0]
    assert result.coordinates["voltage"][0] == 0.1
    again = DrtResult.from_dataset(dataset)
    assert not again.gamma.flags.writeable
    dataset["gamma"] *= 2
    np.testing.assert_array_equal(again.gamma[0], 2 * result.gamma[0])


def test_a_part_of_a_dataset_is_a_result() -> None:
    result = fit()
    part = DrtResult.from_dataset(result.to_dataset().isel(spectrum=[2, 0]))
    np.testing.assert_array_equal(part.gamma, result.gamma[[2, 0]])
    assert part.campaign.names == ("c", "a")
    np.testing.assert_array_equal(part.Z_fit, result.Z_fit[[2, 0]])


def test_other_datasets_are_refused() -> None:
    dataset = fit().to_dataset()
    with pytest.raises(InvalidInput, match="lacks 'gamma' of a DrtResult"):
        DrtResult.from_dataset(dataset.drop_vars("gamma"))
    with pytest.raises(InvalidInput, match="holds something unknown, not a DrtResult"):
        DrtResult.from_dataset(dataset.assign_attrs(kind="something unknown"))
    del dataset.attrs["kind"]
    with pytest.raises(InvalidInput, match="not a DrtResult"):
        DrtResult.from_dataset(dataset)


# Copies


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
def test_copies_and_pickles(duplicate: Any) -> None:
    result = fit(lambda_="gcv")
    other = duplicate(result)
    for name in ("gamma", "coefficients", "R_inf", "C_0", "lambda_", "status", "used", "tau", "Z_fit", "in_window"):
        np.testing.assert_array_equal(getattr(other, name), getattr(result, name))
    assert (other.options, other.notes) == (result.options, result.notes)
    assert other.campaign.is_shared
    for array in (other.gamma, other.status, other.tau, other.campaign.Z):
        assert not array.flags.writeable


def test_is_immutable() -> None:
    result = fit()
    for name in ("gamma", "coefficients", "R_inf", "status", "used", "tau", "lambda_"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = 0
    with pytest.raises(TypeError):
        result.options["basis"] = "c2"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.gamma = result.gamma  # type: ignore[misc]


def test_workers_of_joblib_take_campaigns_and_give_results() -> None:
    joblib = pytest.importorskip("joblib")
    data = Campaign(F, Z)
    parts = joblib.Parallel(n_jobs=2)(joblib.delayed(fit_drt)(data[[i]], lambda_=1e-3) for i in range(3))
    np.testing.assert_array_equal(np.vstack([part.gamma for part in parts]), fit(data).gamma)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_basis_checks_itself_and_pickles(shape: str) -> None:
    basis = Basis(shape, 2.0, [1e-3, 1e-2, 1e-1])  # type: ignore[arg-type]
    other = pickle.loads(pickle.dumps(basis))
    np.testing.assert_array_equal(other.values([0.5]), basis.values([0.5]))
    assert not other.tau.flags.writeable
    for wrong in ([1.0], [1.0, 1.0], [2.0, 1.0], [0.0, 1.0], [1.0, np.inf]):
        with pytest.raises(InvalidInput, match="tau needs at least two nodes, increasing, finite and above 0 s"):
            Basis(shape, 2.0, wrong)  # type: ignore[arg-type]
    for method, argument in (("values", [-1.0]), ("values", []), ("kernel", [0.0]), ("kernel", [np.nan])):
        with pytest.raises(InvalidInput, match="must be finite and positive"):
            getattr(basis, method)(argument)
    with pytest.raises(InvalidInput, match="tau must be finite and positive"):
        basis.integrals(0.0, 1.0)
