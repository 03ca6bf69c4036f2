"""The inversion in cvxpy and the core find the same minimum; hooks and bad input of `reference`."""

from __future__ import annotations

import sys
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

import drtengine as dt
from drtengine import reference, simulate
from drtengine.errors import InvalidInput, MissingExtra

TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}


def spectrum(count: int = 31, noise: float = 0.005, inductance: float = 1e-6) -> dt.Spectrum:
    frequency = np.geomspace(1e5, 1e-1, count)
    Z = simulate.benchmark_cases()["two_zarc"].impedance(frequency) + 2j * np.pi * frequency * inductance
    return dt.Spectrum(frequency, simulate.add_noise(Z, noise, seed=1))


def assert_same(solution: reference.ReferenceSolution, result: dt.DrtResult, tolerance: float = 1e-5) -> None:
    assert solution.status == "optimal"
    np.testing.assert_array_equal(solution.tau, result.tau)
    for name in ("coefficients", "gamma"):
        expected = getattr(result, name)[0]
        assert np.abs(getattr(solution, name) - expected).max() <= tolerance * np.abs(expected).max()
    for name in ("R_inf", "L_0", "C_0"):
        np.testing.assert_allclose(getattr(solution, name), getattr(result, name)[0], rtol=10 * tolerance)


@pytest.mark.parametrize("lambda_", [1e-1, 1e-4])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 0},
        {"order": 2, "weights": "modulus"},
        {"weights": "proportional"},
        {"weights": np.linspace(1, 3, 31)},
        {"part": "real", "basis": "c4"},
        {"part": "imaginary"},
        {"capacitance": True, "inductance": False},
        {"nonneg": False, "basis": "piecewise_linear", "tau": "frequency"},
        {"basis": "cauchy", "tau": "drttools", "fwhm": 0.7},
        {"tau": np.logspace(-6, 1, 40), "shape_factor": 3.0},
    ],
    ids=lambda options: "-".join(options) or "default",
)
def test_the_core_finds_the_same(options: dict[str, Any], lambda_: float):
    data = spectrum()
    if options.get("capacitance"):
        data = dt.Spectrum(data.frequency, data.Z + 1 / (2j * np.pi * data.frequency * 0.05))
    assert_same(
        reference.solve(data, lambda_=lambda_, **options, **TIGHT),
        dt.fit_drt(data, method="ridge", lambda_=lambda_, **options),
    )


def test_another_solver_agrees():
    data = spectrum()
    options = {"eps_abs": 1e-10, "eps_rel": 1e-10, "max_iter": 200_000}
    solution = reference.solve(data, lambda_=1e-2, solver="OSQP", **options)
    assert_same(solution, dt.fit_drt(data, method="ridge", lambda_=1e-2), tolerance=1e-3)


def test_value_is_the_sum_of_squares_and_the_penalty():
    data, lambda_ = spectrum(), 1e-2
    solution = reference.solve(data, lambda_=lambda_, weights="modulus", order=2, **TIGHT)
    result = dt.fit_drt(data, method="ridge", lambda_=lambda_, weights="modulus", order=2)
    w2 = 1 / np.abs(data.Z) ** 2
    squares = np.sum(w2 / w2.mean() * np.abs(data.Z - result.Z_fit[0]) ** 2)
    x = result.coefficients[0]
    assert solution.value == pytest.approx(squares + lambda_ * x @ result.basis.penalty(2) @ x, rel=1e-8)


def test_a_constraint_of_ones_own():
    data = spectrum(inductance=-1e-6)  # a cable overcompensated
    free = reference.solve(data, lambda_=1e-2, **TIGHT)
    bound = reference.solve(data, lambda_=1e-2, constraints=lambda u: [u.L_0 >= 0], **TIGHT)
    without = dt.fit_drt(data, method="ridge", lambda_=1e-2, inductance=False)
    assert free.L_0 < 0
    assert abs(bound.L_0) <= 1e-3 * abs(free.L_0)
    assert bound.value > free.value
    assert np.abs(bound.gamma - without.gamma[0]).max() <= 1e-5 * without.gamma.max()


def test_constraints_on_everything_there_is():
    data = spectrum()
    capped = reference.solve(
        data,
        lambda_=1e-3,
        capacitance=True,
        constraints=lambda u: [
            u.gamma <= 10,
            u.R_inf == 9.5,
            u.inverse_C_0 == 0,
            u.coefficients[0] == 0,
            cp.norm_inf(u.residual) <= 20,
            u.basis.integrals(1e-9, 1e9) @ u.coefficients <= 99,
        ],
    )
    assert capped.gamma.max() == pytest.approx(10, rel=1e-4)
    assert capped.R_inf == pytest.approx(9.5, rel=1e-6)
    assert abs(1 / capped.C_0) < 1e-6
    assert capped.coefficients[0] == pytest.approx(0, abs=1e-5)


def test_an_unknown_that_the_model_lacks_is_none():
    seen: list[reference.Unknowns] = []

    def look(unknowns: reference.Unknowns) -> list[Any]:
        seen.append(unknowns)
        return []

    solution = reference.solve(spectrum(), lambda_=1e-2, part="real", capacitance=True, constraints=look)
    assert seen[0].R_inf is not None
    assert seen[0].L_0 is None
    assert seen[0].inverse_C_0 is None
    assert np.isnan([solution.L_0, solution.C_0]).all()


def test_a_penalty_of_ones_own():
    """Raising lambda by a term of one's own is the same as raising lambda."""
    data = spectrum()

    def more(u: reference.Unknowns) -> Any:
        return 9e-3 * cp.quad_form(u.coefficients, cp.psd_wrap(u.basis.penalty(1)))

    assert_same(
        reference.solve(data, lambda_=1e-3, objective=more, **TIGHT), dt.fit_drt(data, method="ridge", lambda_=1e-2)
    )


def test_no_solution_is_nan():
    contradiction = reference.solve(spectrum(), lambda_=1e-2, constraints=lambda u: [u.R_inf >= 1, u.R_inf <= 0])
    assert contradiction.status == "infeasible"
    assert np.isnan([*contradiction.gamma, contradiction.R_inf, contradiction.value]).all()


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
def test_a_solver_that_gives_up():
    stopped = reference.solve(spectrum(), lambda_=1e-2, max_iter=1)
    assert not stopped.status.startswith("optimal")
    assert np.isnan(stopped.gamma).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "CLARABELL"}, "did you mean 'CLARABEL'"),
        ({"part": "reel"}, "did you mean 'real'"),
        ({"weights": "modulos"}, "did you mean 'modulus'"),
        ({"weights": [1.0, 2.0]}, "31 finite numbers"),
        ({"weights": np.zeros(31)}, "not all zero"),
        ({"weights": np.r_[np.nan, np.ones(30)]}, "finite"),
        ({"basis": "gausian"}, "did you mean 'gaussian'"),
        ({"order": 2, "basis": "c0"}, "ill-posed"),
        ({"lambda_": "gcv"}, "lambda_ must be a number, got 'gcv'"),
        ({"lambda_": 0.0}, "lambda_ must be positive"),
        ({"lambda_": np.nan}, "lambda_ must be positive"),
        ({"order": 3}, "order must be 0, 1 or 2"),
        ({"nonneg": "no"}, "nonneg must be True or False"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_bad_options(options: dict[str, Any], message: str):
    with pytest.raises(InvalidInput, match=message):
        reference.solve(spectrum(), **{"lambda_": 1e-2, **options})


@pytest.mark.parametrize(
    ("frequency", "Z", "message"),
    [
        ([1.0, 10.0, 0.0], [1, 2, 3], "point 2 is not finite or not above 0 Hz"),
        ([1.0, 10.0, 100.0], [1, np.nan, 3], "point 1 is not finite"),
        ([1.0, 10.0], [1, 2], "at least 3"),
        ([1.0, 10.0, 100.0], [1, 0, 3], "weights='modulus' need Z to differ from zero"),
    ],
)
def test_bad_spectra(frequency: list[float], Z: list[complex], message: str):
    with pytest.raises(InvalidInput, match=message):
        reference.solve(dt.Spectrum(frequency, Z), lambda_=1e-2, weights="modulus")


def test_without_cvxpy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(MissingExtra, match=r"drtengine\[reference\]"):
        reference.solve(spectrum(), lambda_=1e-2)
