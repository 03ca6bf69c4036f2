"""What `fit_drt` is given: every argument and its misuse, points left out, broken spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from drtengine import Campaign, DrtResult, InvalidInput, Spectrum, Status, fit_drt
from drtengine.simulate import ZARC, Circuit, Resistor, add_noise

F = np.geomspace(1e5, 1e-2, 71)
Z1 = Circuit([Resistor(10), ZARC(50, 1e-2, 0.8)]).impedance(F)
Z = add_noise(np.array([Z1, 2 * Z1, 3 * Z1]), 0.003, seed=1)
CAMPAIGN = Campaign.from_arrays(F, Z, coordinates={"voltage": [0.1, 0.2, 0.3]}, names=["a", "b", "c"])


def fit(data: Campaign | Spectrum = CAMPAIGN, **options: Any) -> DrtResult:
    return fit_drt(data, method="ridge", **{"lambda_": 1e-3, **options})


def assert_close(actual: np.ndarray, desired: np.ndarray, tolerance: float = 1e-8) -> None:
    """Within the accuracy of the solver, relative to the largest value."""
    np.testing.assert_allclose(actual, desired, rtol=0, atol=tolerance * np.abs(desired).max())


# Arguments and their misuse


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lambda_": 0}, "lambda_ must be positive and finite, got 0"),
        ({"lambda_": -1.0}, "lambda_ must be positive"),
        ({"lambda_": np.nan}, "lambda_ must be positive and finite, got nan"),
        ({"lambda_": np.inf}, "lambda_ must be positive"),
        ({"lambda_": [1e-3, 0, 1]}, "got 0 for b"),
        ({"lambda_": [1e-3, 1e-3]}, r"lambda_ has 2 values; give one number, one a spectrum \(3\) or a selector"),
        ({"lambda_": [[1e-3]]}, "lambda_ must have 1 dimension"),
        ({"lambda_": None}, "lambda_ must be a number, one a spectrum or the name of a selector, got None"),
        ({"lambda_": "gvc"}, "unknown lambda_ 'gvc'; .* did you mean 'gcv'"),
        ({"lambda_": "large"}, "unknown lambda_ 'large'; choose one of 'evidence', 'ml', 'gcv', .*'discrepancy'"),
        ({"lambda_": "discrepancy"}, "lambda_='discrepancy' needs noise="),
        ({"lambda_": "gcv", "noise": 0.1}, "noise= serves lambda_='discrepancy' alone"),
        ({"lambda_": 1e-3, "noise": 0.1}, "noise= serves lambda_='discrepancy' alone"),
        ({"lambda_": "discrepancy", "noise": 0}, "noise must be positive and finite, got 0"),
        ({"lambda_": "discrepancy", "noise": [0.1, np.nan, 0.1]}, "got nan for b"),
        (
            {"lambda_": "discrepancy", "noise": [0.1, 0.1]},
            r"noise has 2 values; give one number or one a spectrum \(3\)",
        ),
        ({"lambda_": "reim", "part": "real"}, "'reim' predicts each part from the other and needs part='both'"),
        ({"n_folds": 1}, "n_folds must be a whole number from 2 on, got 1"),
        ({"n_folds": 2.5}, "n_folds must be a whole number from 2 on, got 2.5"),
        ({"lambda_": 1j}, "lambda_ must be real"),
        ({"lambda_": ["a", "b", "c"]}, "lambda_ must hold numbers"),
        ({"basis": "gausian"}, "unknown basis 'gausian'; .* did you mean 'gaussian'"),
        ({"basis": None}, "unknown basis None"),
        ({"order": 3}, "order must be 0, 1 or 2, got 3"),
        ({"order": 1.0}, "order must be 0, 1 or 2, got 1.0"),
        ({"order": True}, "order must be 0, 1 or 2"),
        ({"order": "1"}, "order must be 0, 1 or 2"),
        ({"order": 2, "basis": "c0"}, "order=2 is ill-posed for basis='c0'"),
        ({"order": 2, "basis": "cauchy"}, "order=2 is ill-posed for basis='cauchy'"),
        ({"part": "imag"}, "unknown part 'imag'; .* did you mean 'imaginary'"),
        ({"part": ["both"]}, "unknown part"),
        ({"weights": "modulos"}, "unknown weights 'modulos'; .* did you mean 'modulus'"),
        ({"weights": None}, r"weights have shape \(\)"),
        ({"weights": np.ones(70)}, r"weights have shape \(70,\); needed is \[point\] \(71,\)"),
        ({"weights": np.ones((2, 71))}, r"\[spectrum, point\] \(3, 71\)"),
        ({"weights": np.where(np.arange(71) == 4, -1.0, 1)}, r"not negative, got -1 for a, point 4 \(39810.7 Hz\)"),
        ({"weights": np.where(np.arange(71) == 4, np.nan, 1)}, "got nan for a, point 4"),
        ({"weights": np.zeros(71)}, "weights of a are all zero"),
        ({"weights": np.ones((3, 71)) * [[1], [0], [1]]}, "weights of b are all zero; leave the spectrum out"),
        ({"weights": np.ones(71) * 1j}, "weights must be real"),
        ({"tau": "drtools"}, "'drtools' is none; .* did you mean 'drttools'"),
        ({"tau": []}, "tau needs at least two nodes"),
        ({"tau": [1.0]}, "tau needs at least two nodes"),
        ({"tau": [1.0, 1.0]}, "tau repeats 1 s"),
        ({"tau": [-1.0, 1.0]}, "above 0 s"),
        ({"tau": [0.0, 1.0]}, "above 0 s"),
        ({"tau": [1.0, np.inf]}, "finite"),
        ({"tau": [[1.0, 2.0]]}, "tau must have 1 dimension"),
        ({"tau": ["a", "b"]}, "tau must hold numbers"),
        ({"tau": 1.0}, "tau must have 1 dimension"),
        ({"tau": [1.0, 1 + 1e-15]}, "from 0.05 to 1000 .* change fwhm, shape_factor or the distance of the nodes"),
        ({"fwhm": 0}, "fwhm must be positive and finite, got 0"),
        ({"fwhm": "wide"}, "fwhm must be positive and finite, got 'wide'"),
        ({"fwhm": 1e-9}, "must be positive, from 0.05 to 1000"),
        ({"shape_factor": -1.0}, "shape_factor must be positive"),
        ({"shape_factor": 1e9}, "must be positive, from 0.05 to 1000"),
        ({"f_min": 10, "f_max": 1}, "f_min=10 Hz lies above f_max=1 Hz"),
        ({"f_min": 0}, "f_min must be positive and finite, got 0"),
        ({"f_min": np.nan}, "f_min must be positive"),
        ({"f_max": "10"}, "f_max must be a number, got '10'"),
        ({"f_max": [1, 2]}, "f_max must be a number"),
        ({"exclude": 50.0}, "exclude names 50 Hz, but no spectrum has a point there; near is 50.1187234 Hz"),
        ({"exclude": [np.nan]}, "exclude names nan Hz"),
        ({"exclude": np.zeros(70, dtype=bool)}, r"exclude has shape \(70,\)"),
        ({"exclude": True}, r"exclude has shape \(\)"),
        ({"exclude": "50 Hz"}, "exclude must hold numbers"),
        ({"area": 0}, "area must be positive and finite, got 0"),
        ({"area": -1.0}, "area must be positive"),
        ({"area": [1.0, 2.0]}, "area must be a number"),
        ({"n_threads": 0}, "n_threads must be a whole number from 1 on, got 0"),
        ({"n_threads": 1.5}, "n_threads must be a whole number"),
        ({"n_threads": True}, "n_threads must be a whole number"),
        ({"progress": 3}, "progress must be callable"),
        ({"nonneg": "no"}, "nonneg must be True or False, got 'no'"),
        ({"inductance": 1}, "inductance must be True or False"),
        ({"capacitance": None}, "capacitance must be True or False"),
        ({"refine": "yes"}, "refine must be True or False"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit(**options)


@pytest.mark.parametrize("data", [None, Z, "file.txt", [Spectrum(F, Z1)], 3])
def test_refuses_other_data(data: Any) -> None:
    with pytest.raises(InvalidInput, match="data must be a Campaign or a Spectrum"):
        fit_drt(data)


def test_numpy_scalars_are_numbers() -> None:
    options = {"lambda_": np.float32(1e-3), "order": np.int64(1), "nonneg": np.True_, "n_threads": np.int32(2)}
    limits = {"f_min": np.float64(0.1), "f_max": np.int64(10_000), "area": np.float32(2)}
    np.testing.assert_array_equal(fit(**options, **limits).status, [Status.OK] * 3)


def test_one_lambda_a_spectrum() -> None:
    lambdas = [1e-4, 1e-3, 1e-2]
    result = fit(lambda_=lambdas)
    np.testing.assert_array_equal(result.lambda_, lambdas)
    for i, lambda_ in enumerate(lambdas):
        np.testing.assert_array_equal(fit(CAMPAIGN[[i]], lambda_=lambda_).gamma[0], result.gamma[i])


def test_weights() -> None:
    rule, table = fit(weights="modulus"), fit(weights=1 / np.abs(Z))
    np.testing.assert_array_equal(rule.gamma, table.gamma)
    scaled = fit(weights=1e200 / np.abs(Z))
    assert_close(scaled.gamma, table.gamma)
    ones = [fit(), fit(weights=np.ones(71)), fit(weights=np.full((3, 71), 7))]
    for other in ones[1:]:
        assert_close(other.gamma, ones[0].gamma)
    proportional = 1 / np.maximum(np.abs(Z1.real), 0.01 * np.abs(Z1))
    by_hand = fit(Spectrum(F, Z1), part="real", weights=proportional)
    assert_close(fit(Spectrum(F, Z1), part="real", weights="proportional").gamma, by_hand.gamma)


def test_a_point_of_no_weight_does_not_matter() -> None:
    wrong = Z.copy()
    wrong[:, 30] += 100
    nothing_there = np.where(np.arange(71) == 30, 0.0, 1)
    assert_close(fit(Campaign(F, wrong), weights=nothing_there).gamma, fit(weights=nothing_there).gamma)


def test_frequency_limits_and_exclusions_are_the_same_as_leaving_points_out() -> None:
    kept = (F >= 0.1) & (F <= 1e4) & (np.arange(71) != 30)
    nodes = fit().tau
    expected = fit(Campaign(F[kept], Z[:, kept]), tau=nodes)
    limits = {"f_min": 0.1, "f_max": 1e4, "tau": nodes}
    for exclude in (F[30], [F[30] * (1 + 1e-8)], np.arange(71) == 30, np.tile(np.arange(71) == 30, (3, 1))):
        result = fit(exclude=exclude, **limits)
        np.testing.assert_array_equal(result.gamma, expected.gamma)
        np.testing.assert_array_equal(result.used, np.tile(kept, (3, 1)))
        left_out = 3 * int((~kept).sum())
        assert result.notes == (f"{left_out} point(s) left out by f_min, f_max or exclude",)
    assert fit(f_min=0.1, f_max=1e4).tau.size < nodes.size


def test_points_left_out_differ_between_spectra() -> None:
    mask = np.zeros((3, 71), dtype=bool)
    mask[1, 5] = mask[2, 60] = True
    result = fit(exclude=mask)
    nodes = result.tau
    for i in range(3):
        alone = fit(Campaign(F[~mask[i]], Z[i : i + 1, ~mask[i]]), tau=nodes)
        np.testing.assert_array_equal(result.gamma[i], alone.gamma[0])
    assert fit(exclude=np.ones(71, dtype=bool)).status.tolist() == [Status.TOO_FEW_POINTS] * 3


# Broken spectra


def broken() -> tuple[Campaign, list[Status], list[str]]:
    """One of every defect between sound spectra, what is expected of each and what is said about it."""
    nan, inf, twice, negative = Z1.copy(), Z1.copy(), F.copy(), F.copy()
    nan[7], inf[9] = np.nan, complex(np.inf, 0)
    twice[20], negative[3] = twice[21], -5.0
    unknown = F.copy()
    unknown[11] = np.nan
    rows = [
        (F, Z1, Status.OK, ""),
        (F, nan, Status.NOT_FINITE, r"NaN or Inf at point(s) 7 (19952.6 Hz); leave these points out with exclude="),
        (F, inf, Status.NOT_FINITE, r"NaN or Inf at point(s) 9 (12589.3 Hz)"),
        (unknown, Z1, Status.NOT_FINITE, r"NaN or Inf at point(s) 11 (nan Hz)"),
        (F, Z1 * np.nan, Status.NOT_FINITE, r"point(s) 0 (100000 Hz), 1 (79432.8 Hz), 2 (63095.7 Hz)"),
        (
            twice,
            Z1,
            Status.REPEATED_FREQUENCY,
            r"point(s) 20 (794.328 Hz), 21 (794.328 Hz) stand at the same frequency",
        ),
        (negative, Z1, Status.NEGATIVE_FREQUENCY, r"negative frequency at point(s) 3 (-5 Hz)"),
        (F[:2], Z1[:2], Status.TOO_FEW_POINTS, "2 usable point(s), at least 3 are needed"),
        (F[:1], Z1[:1], Status.TOO_FEW_POINTS, "1 usable point(s)"),
        (F, Z1.conj(), Status.SIGN_FLIPPED, "Z'' has the wrong sign"),
        (F, Z1, Status.OK, ""),
    ]
    spectra = [Spectrum(f, z, f"row {i}") for i, (f, z, *_) in enumerate(rows)]
    return Campaign.from_spectra(spectra), [row[2] for row in rows], [row[3] for row in rows]


@pytest.mark.parametrize("lambda_", [1e-3, "gcv", [1e-3] * 11])
def test_one_broken_spectrum_stops_no_other(lambda_: Any) -> None:
    campaign, expected, notes = broken()
    result = fit_drt(campaign, method="ridge", lambda_=lambda_)
    fine = np.array([status is Status.OK for status in expected])
    assert result.status[~fine].tolist() == [status for status in expected if status is not Status.OK]
    assert all(Status(status).has_answer for status in result.status[fine])
    alone = fit_drt(
        Spectrum(F, Z1), method="ridge", lambda_=lambda_ if isinstance(lambda_, str) else 1e-3, tau=result.tau
    )
    for name in ("gamma", "coefficients", "R_inf", "L_0", "R_pol", "R_pol_window", "lambda_", "error"):
        values = getattr(result, name)
        assert np.isnan(values[~fine]).all(), name
        for i in np.flatnonzero(fine):
            np.testing.assert_array_equal(values[i], getattr(alone, name)[0])
    for i, note in enumerate(notes):
        said = [line for line in result.notes if line.startswith(f"row {i}: ") and "lambda is the bound" not in line]
        assert len(said) == bool(note)
        assert all(note in line for line in said), (note, said)


def test_a_single_broken_spectrum_raises() -> None:
    campaign, expected, notes = broken()
    for i, (status, note) in enumerate(zip(expected, notes, strict=True)):
        f, z = campaign.frequency[i], campaign.Z[i]
        points = int(campaign.is_point[i].sum())
        alone = Spectrum(f[:points], z[:points], "the one")
        if status is Status.OK:
            assert fit(alone).status[0] == Status.OK
        else:
            with pytest.raises(InvalidInput, match="the one: ") as caught:
                fit(alone)
            assert note in str(caught.value)


def test_nothing_but_broken_spectra() -> None:
    result = fit(Campaign(F, np.full((2, 71), np.nan), names=["x", "y"]))
    assert result.status.tolist() == [Status.NOT_FINITE] * 2
    assert np.isnan(result.gamma).all()
    assert [note[:2] for note in result.notes] == ["x:", "y:"]
    assert not np.isfinite(result.evaluate([1.0])).any()
    with pytest.raises(InvalidInput, match="did you mean 'drttools'"):
        fit(Campaign(F, np.full((2, 71), np.nan)), tau="drttool")


def test_points_at_direct_current_are_dropped_and_reported() -> None:
    with_dc = Campaign(np.append(F, 0.0), np.column_stack([Z, [60, 120, 180]]))
    result = fit(with_dc)
    np.testing.assert_array_equal(result.gamma, fit().gamma)
    assert result.notes == ("3 point(s) at 0 Hz dropped, in 3 spectra",)
    assert not result.used[:, -1].any()
    single = fit(Spectrum(np.append(0.0, F), np.append(60, Z1)))
    np.testing.assert_array_equal(single.gamma, fit(Spectrum(F, Z1)).gamma)


def test_broken_points_can_be_left_out() -> None:
    bad = Z.copy()
    bad[1, 7] = np.nan
    result = fit(Campaign(F, bad), exclude=np.isnan(bad))
    assert result.status.tolist() == [Status.OK] * 3
    np.testing.assert_array_equal(result.gamma[[0, 2]], fit().gamma[[0, 2]])
    assert fit(Campaign(F, bad), exclude=F[7]).status.tolist() == [Status.OK] * 3


def test_limits_do_not_hide_an_unknown_frequency() -> None:
    f = F.copy()
    f[10] = np.nan
    result = fit(Campaign(f, Z), f_min=0.1, f_max=1e4)
    assert result.status.tolist() == [Status.NOT_FINITE] * 3


@pytest.mark.parametrize("weights", ["modulus", "proportional"])
@pytest.mark.parametrize("value", [0, 1e-300])
def test_no_weight_relative_to_zero(weights: str, value: float) -> None:
    z = Z.copy()
    z[1, 30] = value
    result = fit(Campaign(F, z, names=["a", "b", "c"]), weights=weights)
    assert result.status.tolist() == [Status.OK, Status.ZERO_IMPEDANCE, Status.OK]
    assert "b: Z is 0 at point(s) 30 (100 Hz), where the weights have no value" in result.notes[0]
    np.testing.assert_array_equal(result.gamma[[0, 2]], fit(weights=weights).gamma[[0, 2]])
    assert fit(Campaign(F, z)).status.tolist() == [Status.OK] * 3  # unit weights take it as it is
    assert fit(Campaign(F, 0 * Z), weights=weights).status.tolist() == [Status.ZERO_IMPEDANCE] * 3


def test_a_hopeless_lambda_is_a_status() -> None:
    result = fit(lambda_=[1e-300, 1e-3, 1e-300])
    assert result.status.tolist() == [Status.SINGULAR, Status.OK, Status.SINGULAR]
    assert "a: the problem is singular; raise lambda_ or use fewer nodes" in result.notes
    assert np.isnan(result.gamma[[0, 2]]).all()


def test_lambda_at_the_bound_is_told_and_has_an_answer() -> None:
    result = fit_drt(Spectrum(F, Z1), method="ridge")  # no noise: the less regularised the better
    assert result.status[0] == Status.LAMBDA_AT_BOUND
    assert np.isfinite(result.gamma).all()
    assert "no minimum within the range of lambda" in result.notes[0]
