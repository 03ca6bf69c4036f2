"""The batch solver: its numbers against extended precision, and what must not change them."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import cho_factor, cho_solve

import drtengine as dt
from drtengine import Status, simulate
from drtengine._native import core
from drtengine.basis import Basis
from drtengine.options import PARTS, SELECTORS
from levels import USABLE

BITS = 200  # of the fractions in extended precision


def frequencies(count: int = 71) -> np.ndarray:
    return np.geomspace(1e5, 1e-2, count)


def random_spectra(count: int, frequency: np.ndarray, seed: int = 0) -> np.ndarray:
    """Up to four ZARCs, an inductance, sometimes a series capacitance, noise of 0.01 to 10 %."""
    rng = np.random.default_rng(seed)
    s = 2j * np.pi * frequency

    def log_uniform(low: float, high: float) -> np.ndarray:
        return np.asarray(10 ** rng.uniform(low, high, (count, 1)))

    Z = log_uniform(0, 2.5) + s * log_uniform(-8, -5)
    for _ in range(4):
        present = rng.random((count, 1)) < 0.7
        Z = Z + present * log_uniform(0, 2) / (1 + (s * log_uniform(-6, 2)) ** rng.uniform(0.5, 1, (count, 1)))
    Z = Z + (rng.random((count, 1)) < 0.2) / (s * log_uniform(-3, 0))
    noise = simulate.add_noise(Z, 1, seed=seed) - Z
    return np.asarray(Z + log_uniform(-4, -1) * noise)


def weights_of(kind: str, Z: np.ndarray) -> np.ndarray:
    """As fit_drt hands them to the core."""
    if kind == "unit":
        return np.empty((0, 0))
    if kind == "shared":
        return np.linspace(1, 2, Z.shape[1])[None, :].copy()
    if kind == "modulus":
        return 1 / np.abs(Z)
    parts = np.abs(np.ascontiguousarray(Z).view(np.float64))
    return 1 / np.maximum(parts, 0.01 * np.repeat(np.abs(Z), 2, axis=1))


def problem(frequency: np.ndarray, Z: np.ndarray, **options: Any) -> Any:
    """What crosses to the core."""
    weights = options.pop("weights", "unit")
    basis = options.pop("basis", None) or Basis.on(np.sort(1 / (2 * np.pi * frequency)), "gaussian")
    shape, epsilon, log_tau = basis.key
    return {
        "shape": shape,
        "epsilon": epsilon,
        "log_tau": log_tau,
        "omega": 2 * np.pi * frequency,
        "order": 1,
        "inductance": True,
        "capacitance": False,
        "part": 0,
        "Z": np.ascontiguousarray(Z),
        "weights": weights_of(weights, Z) if isinstance(weights, str) else weights,
        "nonneg": True,
        "n_threads": 1,
        "progress": None,
        **options,
    }


class Posed(NamedTuple):
    """min sum w2 (z - Ax)^2 + lambda x'Mx, in numpy, for one spectrum of a problem."""

    A: np.ndarray
    M: np.ndarray
    w2: np.ndarray
    z: np.ndarray
    scale: np.ndarray  # of the free unknowns
    n_basis: int


def posed(p: Any, index: int = 0) -> Posed:
    part = PARTS[p["part"]]
    basis = Basis(dt.basis.SHAPES[p["shape"]], p["epsilon"], np.exp(p["log_tau"]))
    omega = p["omega"]
    real, imag = core.kernel(*basis.key, omega)
    free = []
    if part != "imaginary":
        free.append((np.ones(omega.size), np.zeros(omega.size), 1.0))
    if part != "real" and p["inductance"]:
        free.append((np.zeros(omega.size), omega / omega.max(), 1 / omega.max()))
    if part != "real" and p["capacitance"]:
        free.append((np.zeros(omega.size), -omega.min() / omega, omega.min()))
    real = np.column_stack([real, *(column for column, _, _ in free)])
    imag = np.column_stack([imag, *(column for _, column, _ in free)])
    A = np.stack([real, imag], axis=1).reshape(2 * omega.size, -1)
    M = np.zeros((A.shape[1], A.shape[1]))
    n_basis = basis.tau.size
    M[:n_basis, :n_basis] = basis.penalty(p["order"])
    used = np.tile([part != "imaginary", part != "real"], omega.size)
    w = np.ones(A.shape[0])
    if p["weights"].size:
        row = p["weights"][index % len(p["weights"])]
        w = row if row.size == w.size else np.repeat(row, 2)
    w2 = np.where(used, w**2, 0)
    scale = np.array([unit for _, _, unit in free])
    return Posed(A * used[:, None], M, w2 * used.sum() / w2.sum(), p["Z"][index].view(np.float64), scale, n_basis)


def to_fixed(values: Any) -> np.ndarray:
    """Python integers values * 2^BITS."""

    def convert(mantissa: float, exponent: int) -> int:
        shift = int(exponent) - 53 + BITS
        integer = int(mantissa * 2.0**53)
        return integer << shift if shift >= 0 else integer >> -shift

    return np.vectorize(convert, otypes=[object])(*np.frexp(values))


def to_float(values: np.ndarray) -> np.ndarray:
    return np.array([value / (1 << BITS) for value in values])


def exact_solution(q: Posed, lambda_: float, guess: np.ndarray, nonneg: bool = True) -> np.ndarray:
    """The solution to full double precision, proven by its signs.

    On a set of positive unknowns, Newton steps with gradients in fixed-point arithmetic of 200 bits
    converge to the minimum whatever the rounding of the factorisation. It is the solution if
    these unknowns are positive and the gradients of the others not; else the set is mended.
    """
    A, M, w2, z, strength = (to_fixed(v) for v in (q.A, q.M, q.w2, q.z, lambda_))
    H = (q.A.T * q.w2) @ q.A + lambda_ * q.M
    n, constrained = H.shape[0], np.arange(H.shape[0]) < (q.n_basis if nonneg else 0)
    positive = ~constrained | (guess > 0)

    def descent(x: np.ndarray) -> np.ndarray:
        residual = w2 * (z - (A @ x >> BITS)) >> BITS
        return (A.T @ residual >> BITS) - (strength * (M @ x >> BITS) >> BITS)

    for _ in range(300):
        here = np.flatnonzero(positive)
        factor = cho_factor(H[np.ix_(here, here)])
        x = np.array([0] * n, dtype=object)
        for _ in range(50):
            step = cho_solve(factor, to_float(descent(x)[here]))
            x[here] += to_fixed(step)
            if np.abs(step).max() <= 1e-25 * np.abs(to_float(x)).max():
                break
        else:
            raise AssertionError("the steps did not converge")
        slope = descent(x)
        negative, rising = constrained & positive & (x <= 0), ~positive & (slope > 0)
        if negative.any():
            positive[np.where(negative, to_float(x), np.inf).argmin()] = False
        elif rising.any():
            positive[np.where(rising, to_float(slope), -np.inf).argmax()] = True
        else:
            return to_float(x)
    raise AssertionError("no set of positive unknowns holds")


def solve(p: Any, lambda_: Any, module: Any = core) -> tuple[np.ndarray, ...]:
    n = p["log_tau"].size
    return module.solve_ridge(p, np.atleast_1d(np.asarray(lambda_, dtype=float)), np.eye(n))


def unknowns(p: Any, solution: tuple[np.ndarray, ...], index: int) -> np.ndarray:
    return np.r_[solution[0][index], solution[1][index] / posed(p, index).scale]


def assert_accurate(p: Any, lambda_: float) -> None:
    """The error in x is within its limit, and what the solver says of it is not too low."""
    solution = solve(p, lambda_)
    assert (solution[4] == Status.OK).all()
    for i, reported in enumerate(solution[3]):
        x = unknowns(p, solution, i)
        exact = exact_solution(posed(p, i), lambda_, x)
        error = np.abs(x - exact).max() / np.abs(exact).max()
        assert error <= (1e-8 if lambda_ >= 1e-5 else 1e-6)
        assert error <= 10 * reported


@pytest.mark.parametrize("weights", ["unit", "modulus"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("count", [71, 200])
def test_error_against_extended_precision(count: int, order: int, weights: str):
    frequency = frequencies(count)
    cases = list(simulate.benchmark_cases().values())[: 3 if count == 71 else 1]
    Z = np.stack([simulate.add_noise(c.impedance(frequency), 0.005, seed=i) for i, c in enumerate(cases)])
    p = problem(frequency, Z, order=order, weights=weights)
    for lambda_ in (1e-1, 1e-3, 1e-5, 1e-6, 1e-7):
        assert_accurate(p, lambda_)


@pytest.mark.parametrize("lambda_", [1e-1, 1e-3, 1e-5, 1e-7])
def test_error_for_unusual_spectra(lambda_: float):
    """A large ohmic resistance, a blocking electrode, an inductive cable, and noise of 10 %."""
    frequency = frequencies(51)
    cell = simulate.benchmark_cases()["two_zarc"].impedance(frequency)
    s = 2j * np.pi * frequency
    Z = simulate.add_noise(np.stack([1e4 + cell, cell + 1 / (1e-3 * s), cell + 1e-4 * s, cell]), 1e-4, seed=3)
    Z[3] = simulate.add_noise(cell, 0.1, seed=4)
    assert_accurate(problem(frequency, Z, capacitance=True), lambda_)


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("weights", ["unit", "shared", "modulus", "proportional"])
def test_free_solution_is_least_squares(part: int, weights: str):
    frequency = frequencies(41)
    Z = random_spectra(3, frequency, seed=5)
    p = problem(frequency, Z, part=part, weights=weights, nonneg=False, capacitance=True)
    for lambda_ in (1e-1, 1e-4):
        solution = solve(p, lambda_)
        for i in range(3):
            q = posed(p, i)
            values, vectors = np.linalg.eigh(q.M)
            half = np.sqrt(lambda_ * np.maximum(values, 0))[:, None] * vectors.T
            w = np.sqrt(q.w2)
            rows = np.vstack([w[:, None] * q.A, half])
            exact = np.linalg.lstsq(rows, np.r_[w * q.z, np.zeros(len(half))], rcond=None)[0]
            assert np.abs(unknowns(p, solution, i) - exact).max() <= 1e-8 * np.abs(exact).max()


@pytest.mark.parametrize("factor", [1e-4, 1e4])
@pytest.mark.parametrize("weights", ["unit", "modulus", "proportional", "array"])
def test_the_unit_of_impedance_does_not_matter(weights: str, factor: float):
    frequency = frequencies(51)
    cases = simulate.benchmark_cases().values()
    Z = simulate.add_noise(np.stack([c.impedance(frequency) for c in cases]), 0.005, seed=8)
    w: Any = np.linspace(1, 3, frequency.size) if weights == "array" else weights
    one, other = (dt.fit_drt(dt.Campaign.from_arrays(frequency, Z * k), method="ridge", weights=w) for k in (1, factor))
    np.testing.assert_array_equal(one.lambda_, other.lambda_)
    np.testing.assert_array_equal(one.status, other.status)
    largest = one.gamma.max(axis=1, keepdims=True)
    np.testing.assert_allclose(other.gamma / factor / largest, one.gamma / largest, rtol=0, atol=1e-9)
    np.testing.assert_allclose(other.R_inf / factor, one.R_inf, rtol=1e-9)


def test_no_relaxation_at_all():
    frequency = frequencies(31)
    result = dt.fit_drt(dt.Spectrum(frequency, 5 + 2j * np.pi * frequency * 1e-6), method="ridge", lambda_=1e-3)
    np.testing.assert_allclose(result.gamma, 0, atol=1e-9)
    assert result.R_inf[0] == pytest.approx(5, rel=1e-9)
    assert result.L_0[0] == pytest.approx(1e-6, rel=1e-9)
    assert result.error[0] <= 1e-8


@pytest.mark.parametrize("order", [1, 2])
def test_none_of_many_noisy_spectra_is_unconverged(order: int):
    frequency = frequencies()
    Z = random_spectra(1500, frequency, seed=order)
    p = problem(frequency, Z, order=order, n_threads=2)
    for lambda_ in (1e-1, 1e-3, 1e-5, 1e-7):
        coefficients, _, _, error, status = solve(p, lambda_)
        assert (status == Status.OK).all()
        assert (coefficients >= 0).all()
        assert error.max() <= (1e-8 if lambda_ >= 1e-5 else 1e-6)


batches = given(
    weights=st.sampled_from(["unit", "modulus", "proportional", "shared", "own"]),
    lambda_=st.sampled_from([1e-1, 1e-3, 1e-7, "each", *SELECTORS]),
    nonneg=st.booleans(),
    count=st.sampled_from([17, 30]),
)
NUMBERS = ("coefficients", "gamma", "R_inf", "L_0", "R_pol", "R_pol_window", "lambda_", "error", "status")


def fit(count: int, rows: Any, weights: str, lambda_: Any, nonneg: bool, n_threads: int = 1) -> list[np.ndarray]:
    """Fit some of 75 spectra; everything that comes out."""
    frequency = frequencies(count)
    Z = random_spectra(75, frequency, seed=count)
    options = {
        "weights": {"shared": np.linspace(1, 2, count), "own": 1 / np.abs(Z.real)[rows]}.get(weights, weights),
        "lambda_": 10.0 ** -(np.arange(len(Z)) % 5)[rows] if lambda_ == "each" else lambda_,
        "refine": lambda_ == "gcv",
        "noise": 0.1 if lambda_ == "discrepancy" else None,
    }
    campaign = dt.Campaign.from_arrays(frequency, Z[rows])
    result = dt.fit_drt(
        campaign, method="ridge", tau=np.logspace(-7, 2, 37), nonneg=nonneg, n_threads=n_threads, **options
    )
    return [getattr(result, name) for name in NUMBERS]


def assert_same_bits(some: list[np.ndarray], others: list[np.ndarray]) -> None:
    for name, one, other in zip(NUMBERS, some, others, strict=True):
        assert one.tobytes() == np.ascontiguousarray(other).tobytes(), name


@settings(max_examples=20)
@batches
def test_threads_do_not_change_a_bit(count: int, **options: Any):
    one, two, seven = (fit(count, slice(None), n_threads=n, **options) for n in (1, 2, 7))
    assert_same_bits(one, two)
    assert_same_bits(one, seven)


@settings(max_examples=20)
@batches
def test_cutting_the_batch_does_not_change_a_bit(count: int, **options: Any):
    whole = fit(count, slice(None), **options)
    for cut, end in ((1, 9), (7, 35), (64, 75)):
        parts = [fit(count, slice(i, i + cut), **options) for i in range(0, end, cut)]
        joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        assert_same_bits([array[:end] for array in whole], joined)


@settings(max_examples=20)
@batches
def test_order_of_spectra_does_not_change_a_bit(count: int, **options: Any):
    order = np.random.default_rng(count).permutation(75)
    straight = fit(count, slice(None), **options)
    assert_same_bits([array[order] for array in straight], fit(count, order, **options))


@settings(max_examples=20)
@given(
    order=st.permutations(range(25)),
    weights=st.sampled_from(["unit", "modulus", "proportional"]),
    lambda_=st.sampled_from([1e-2, 1e-4, "gcv", "evidence"]),
    exponent=st.integers(-6, 6),
)
def test_order_of_frequencies_and_scale(order: list[int], weights: str, lambda_: Any, exponent: int):
    frequency = frequencies(25)
    Z = simulate.add_noise(simulate.benchmark_cases()["overlapping"].impedance(frequency), 0.01, seed=3)
    one = dt.fit_drt(dt.Spectrum(frequency, Z), method="ridge", weights=weights, lambda_=lambda_)
    other = dt.fit_drt(
        dt.Spectrum(frequency[order], Z[order] * 10.0**exponent), method="ridge", weights=weights, lambda_=lambda_
    )
    np.testing.assert_array_equal(one.lambda_, other.lambda_)
    np.testing.assert_allclose(other.gamma / 10.0**exponent, one.gamma, rtol=0, atol=1e-8 * one.gamma.max())


@pytest.mark.parametrize("isa", USABLE[:-1])
@pytest.mark.parametrize("order", [1, 2])
def test_instruction_sets_agree(isa: str, order: int):
    frequency = frequencies()
    Z = random_spectra(200, frequency, seed=11)
    widest, other = (importlib.import_module(f"drtengine._core_{level}") for level in (USABLE[-1], isa))
    for weights in ("unit", "modulus"):
        p = problem(frequency, Z, order=order, weights=weights)
        for lambda_ in (1e-1, 1e-3, 1e-5, 1e-6, 1e-7):
            scale = posed(p).scale
            x, y = (np.column_stack([s[0], s[1] / scale]) for s in (solve(p, lambda_, m) for m in (widest, other)))
            differ = np.linalg.norm(x - y, axis=1) / np.linalg.norm(x, axis=1)
            assert differ.max() <= (1e-8 if lambda_ >= 1e-5 else 1e-6)


def test_any_memory_layout():
    frequency = frequencies(31)
    Z = random_spectra(6, frequency, seed=4).astype(np.complex64)
    expected = dt.fit_drt(
        dt.Campaign.from_arrays(frequency.astype(np.float32).astype(float), Z.astype(complex)), method="ridge"
    )
    wide = np.zeros((12, 62), dtype=np.complex64)
    wide[::2, 1::2] = Z
    read_only = Z.copy()
    read_only.flags.writeable = False
    for given_Z in (Z, wide[::2, 1::2], read_only, np.asfortranarray(Z), Z.tolist()):
        result = dt.fit_drt(dt.Campaign.from_arrays(frequency.astype(np.float32), given_Z), method="ridge")
        np.testing.assert_array_equal(result.gamma, expected.gamma)
        np.testing.assert_array_equal(result.lambda_, expected.lambda_)


def test_a_broken_spectrum_leaves_its_neighbours_alone():
    frequency = frequencies(31)
    Z = random_spectra(12, frequency, seed=7)
    broken = Z.copy()
    broken[3, 5], broken[8, 0] = np.nan, np.inf
    for weights in ("unit", "modulus"):
        whole, mixed = (
            dt.fit_drt(dt.Campaign.from_arrays(frequency, v), method="ridge", weights=weights) for v in (Z, broken)
        )
        fine = np.delete(np.arange(12), [3, 8])
        assert (mixed.status[[3, 8]] == Status.NOT_FINITE).all()
        assert np.isnan(mixed.gamma[[3, 8]]).all()
        np.testing.assert_array_equal(mixed.gamma[fine], whole.gamma[fine])
