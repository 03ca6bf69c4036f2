"""Matrix elements against mpmath and quadrature: every basis, order and kind of grid."""

from __future__ import annotations

from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad

import drtengine as dt
from drtengine.basis import EPSILON_RANGE, SHAPES, Basis, tau_grid
from drtengine.errors import InvalidInput

RADIAL = SHAPES[1:]
KINKED = ("c0", "cauchy")
SLOW_TAILS = ("inverse_quadric", "cauchy")  # their integrals diverge: cut at 50 in ln(tau)
SLOW_TAIL_CUT = 50
KERNEL_TOLERANCE = {"gaussian": 1e-13, "piecewise_linear": 1e-13}
DIGITS = 25

# phi(u) for u >= 0
PHI = {
    "gaussian": lambda u: mp.exp(-u * u),
    "c0": lambda u: mp.exp(-u),
    "c2": lambda u: (1 + u) * mp.exp(-u),
    "c4": lambda u: (3 + 3 * u + u * u) / 3 * mp.exp(-u),
    "c6": lambda u: (15 + 15 * u + 6 * u**2 + u**3) / 15 * mp.exp(-u),
    "inverse_quadratic": lambda u: 1 / (1 + u * u),
    "inverse_quadric": lambda u: 1 / mp.sqrt(1 + u * u),
    "cauchy": lambda u: 1 / (1 + u),
}
# u > 0 with phi(u) = 1/2; None where it has no closed form
HALF_WIDTH = {
    "gaussian": np.sqrt(np.log(2)),
    "c0": np.log(2),
    "inverse_quadratic": 1.0,
    "inverse_quadric": np.sqrt(3),
    "cauchy": 1.0,
}

# integral of phi over all u; infinite for the others
TOTAL = {"gaussian": np.sqrt(np.pi), "c0": 2.0, "c2": 4.0, "c4": 16 / 3, "c6": 32 / 5, "inverse_quadratic": np.pi}


def derivative(shape: str, order: int, u: float) -> float:
    """k-th derivative of phi at u, either sign."""
    a, s, e = abs(u), np.sign(u), np.exp(-abs(u))
    q = 1 + u * u
    table = {
        "gaussian": (np.exp(-u * u), -2 * u * np.exp(-u * u), (4 * u * u - 2) * np.exp(-u * u)),
        "c0": (e, -s * e),
        "c2": ((1 + a) * e, -u * e, (a - 1) * e),
        "c4": ((3 + 3 * a + a * a) / 3 * e, -u * (1 + a) / 3 * e, (a * a - a - 1) / 3 * e),
        "c6": (
            (15 + 15 * a + 6 * a**2 + a**3) / 15 * e,
            -u * (3 + 3 * a + a * a) / 15 * e,
            (a**3 - 3 * a - 3) / 15 * e,
        ),
        "inverse_quadratic": (1 / q, -2 * u / q**2, (6 * u * u - 2) / q**3),
        "inverse_quadric": (q**-0.5, -u * q**-1.5, (2 * u * u - 1) * q**-2.5),
        "cauchy": (1 / (1 + a), -s / (1 + a) ** 2),
    }
    return float(table[shape][order])


def exact_kernel(shape: str, epsilon: float, omega_tau: float) -> complex:
    """The element as a function of omega tau_m, folded at the centre so that the kink is an end."""
    phi, eps, alpha = PHI[shape], mp.mpf(epsilon), mp.mpf(omega_tau)
    transition = abs(mp.log(alpha))
    if shape in SLOW_TAILS:
        end = mp.mpf(SLOW_TAIL_CUT)
    elif shape == "inverse_quadratic":
        end = transition + 80  # beyond, the real pair is 1 and the imaginary pair 0 to that precision
    elif shape == "gaussian":
        end = 9 / eps + 2 / eps**2
    else:
        end = transition + 75 / eps
    breaks = [2.0**k / eps for k in range(7)] + [transition + d for d in (-4, -1, 1, 4)] + [4, 16]
    points = sorted({mp.mpf(0), end, *(p for p in breaks if 0 < p < end)})

    def integral(part: str) -> mp.mpf:
        size = 1 / (1 + alpha**2) if part == "real" else 1 / (alpha + 1 / alpha)

        def pair(t: mp.mpf) -> mp.mpf:
            relaxations = ((1 if part == "real" else -x) / (1 + x * x) for x in (alpha * mp.exp(t), alpha * mp.exp(-t)))
            return phi(eps * t) * sum(relaxations) / size

        return size * mp.quad(pair, points, method="gauss-legendre")  # judges its error absolutely

    real, imag = integral("real"), integral("imaginary")
    if shape == "inverse_quadratic":
        real += mp.atan(1 / (eps * end)) / eps
    return complex(real, imag)


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(DIGITS):
        yield


def relative_error(got: np.ndarray, exact: np.ndarray) -> float:
    return max(np.abs(got.real / exact.real - 1).max(), np.abs(got.imag / exact.imag - 1).max())


@pytest.mark.parametrize("epsilon", [0.5, 20.0])
@pytest.mark.parametrize("shape", RADIAL)
def test_kernel_on_a_uniform_grid(shape: str, epsilon: float):
    exponents = np.array([-5, -2, 1, 4])
    omega, tau = 10.0**exponents, 10.0**exponents
    elements = {k: exact_kernel(shape, epsilon, 10.0**k) for k in range(-10, 9, 3)}
    exact = np.array([[elements[int(i + j)] for j in exponents] for i in exponents])
    got = Basis(shape, epsilon, tau).kernel(omega / (2 * np.pi))
    assert relative_error(got, exact) <= KERNEL_TOLERANCE.get(shape, 1e-11)


@pytest.mark.parametrize("shape", RADIAL)
def test_kernel_on_an_irregular_grid(shape: str):
    rng = np.random.default_rng(7)
    omega, log_tau = np.exp(rng.uniform(-10, 10, 3)), np.sort(rng.uniform(-9, 6, 4))
    basis = Basis.on(np.exp(log_tau), shape, shape_factor=3.6)
    exact = np.array([[exact_kernel(shape, 3.6, w * np.exp(t)) for t in log_tau] for w in omega])
    got = basis.kernel(omega / (2 * np.pi))
    assert relative_error(got, exact) <= KERNEL_TOLERANCE.get(shape, 1e-11)


@pytest.mark.parametrize("epsilon", [EPSILON_RANGE[0], 0.3, 1.0, EPSILON_RANGE[1]])
@pytest.mark.parametrize("shape", TOTAL)
def test_real_elements_at_reciprocal_frequencies_add_up_to_the_integral(shape: str, epsilon: float):
    # 1/(1 + x^2) + 1/(1 + x^-2) = 1
    basis = Basis.on(np.array([0.1, 1.0]), shape, shape_factor=epsilon)
    omega = np.logspace(0, 8, 9)
    above, below = (basis.kernel(w / (2 * np.pi))[:, 1] for w in (omega, 1 / omega))
    np.testing.assert_allclose(above.real + below.real, TOTAL[shape] / epsilon, rtol=1e-12)
    np.testing.assert_allclose(above.imag, below.imag, rtol=1e-12)


def test_kernel_of_piecewise_linear_functions():
    log_tau = np.sort(np.random.default_rng(3).uniform(-12, 5, 12))
    tau, omega = np.exp(log_tau), np.logspace(-6, 7, 14)
    got = Basis("piecewise_linear", 1.0, tau).kernel(omega / (2 * np.pi))
    for m in range(tau.size):
        lower, upper = tau[max(m - 1, 0)], tau[min(m + 1, tau.size - 1)]
        exact = [mp.log(mp.mpf(upper) / mp.mpf(lower)) / 2 / (1 + mp.mpc(0, w) * tau[m]) for w in omega]
        assert relative_error(got[:, m], np.array(exact, dtype=complex)) <= 1e-13


def test_narrow_functions_approach_a_single_relaxation():
    basis = Basis.on(np.array([1e-3, 1e-2]), "gaussian", shape_factor=1000.0)
    frequency = np.logspace(0, 4, 9)
    exact = np.sqrt(np.pi) / 1000 / (1 + 2j * np.pi * frequency * 1e-2)
    np.testing.assert_allclose(basis.kernel(frequency)[:, 1], exact, rtol=1e-6)


@pytest.mark.parametrize("shape", RADIAL)
def test_derivatives_used_below_are_those_of_phi(shape: str):
    for order in (0, 1, 2)[: 2 if shape in KINKED else 3]:
        for u in (0.2, 0.9, 2.7):
            expected = mp.diff(PHI[shape], u, order)
            assert derivative(shape, order, u) == pytest.approx(float(expected), abs=1e-14)
            assert derivative(shape, order, -u) == pytest.approx(float((-1) ** order * expected), abs=1e-14)


@pytest.mark.parametrize(
    ("shape", "order"), [(s, k) for s in RADIAL for k in (0, 1, 2) if not (k == 2 and s in KINKED)]
)
def test_penalty_against_quadrature(shape: str, order: int):
    epsilon, x = 1.7, np.array([-3.0, -2.4, -0.3, 0.0, 1.1, 7.0])
    got = Basis.on(np.exp(x), shape, shape_factor=epsilon).penalty(order)

    def product(t: float, i: int, j: int) -> float:
        values = (epsilon**order * derivative(shape, order, epsilon * (t - x[k])) for k in (i, j))
        return float(np.prod(list(values)))

    for i in range(x.size):
        for j in range(i + 1):
            breaks = [-np.inf, x[0] - 3, *sorted({x[j], (x[i] + x[j]) / 2, x[i]}), x[-1] + 3, np.inf]
            exact = sum(quad(product, *ends, (i, j), epsabs=1e-14, limit=200)[0] for ends in pairwise(breaks))
            assert got[i, j] == pytest.approx(exact, abs=1e-10 * got[i, i])
            assert got[i, j] == got[j, i]


def test_penalty_of_far_apart_slow_functions():
    # the inner product of 1/(1 + |u|) with itself, a apart, is 2 ln(1 + a) (1/a + 1/(2 + a))
    a = np.array([1e-3, 0.4, 5.0, 80.0])
    got = Basis.on(np.exp(np.r_[0, a]), "cauchy", shape_factor=1.0).penalty(0)[0]
    exact = 2 * np.log1p(a) * (1 / a + 1 / (2 + a))
    np.testing.assert_allclose(got, np.r_[2, exact], rtol=1e-10)


@pytest.mark.parametrize("order", [0, 1])
def test_penalty_of_piecewise_linear_functions_is_exact(order: int):
    x = np.array([-1.0, -0.4, 0.3, 2.0, 2.1])
    basis = Basis("piecewise_linear", 1.0, np.exp(x))
    exact = np.zeros((x.size, x.size))
    for left, right in pairwise(x):  # products are parabolas, which Simpson's rule integrates exactly
        values = basis.values(np.exp([left, (left + right) / 2, right]))
        at = values if order == 0 else np.tile((values[2] - values[0]) / (right - left), (3, 1))
        exact += (right - left) / 6 * np.einsum("p,pi,pj->ij", [1, 4, 1], at, at)
    np.testing.assert_allclose(basis.penalty(order), exact, atol=1e-13)


def test_second_order_of_piecewise_linear_functions_measures_curvature():
    x = np.sort(np.random.default_rng(1).uniform(-4, 4, 9))
    penalty = Basis("piecewise_linear", 1.0, np.exp(x)).penalty(2)
    np.testing.assert_allclose(penalty @ (3 * x - 1), 0, atol=1e-9)
    cells = (x[2:] - x[:-2]) / 2
    assert x**2 @ penalty @ x**2 == pytest.approx(np.sum(cells * 2**2), rel=1e-10)


@pytest.mark.parametrize("shape", KINKED)
def test_second_order_of_kinked_functions_is_refused(shape: str):
    with pytest.raises(InvalidInput, match="order 2 is ill-posed"):
        Basis.on(np.logspace(-3, 0, 5), shape).penalty(2)
    frequency = np.logspace(0, 4, 9)
    with pytest.raises(InvalidInput, match=f"order=2 is ill-posed for basis='{shape}'"):
        dt.fit_drt(dt.Spectrum(frequency, 1 / (1 + 1j * frequency)), method="ridge", basis=shape, order=2)


@pytest.mark.parametrize("shape", RADIAL)
def test_width_from_fwhm(shape: str):
    tau = np.exp([-3.0, -1.0, 0.0, 3.0])  # mean distance 2
    basis = Basis.on(tau, shape, fwhm=0.5)
    half = 2 / 0.5 / 2
    np.testing.assert_allclose(np.diag(basis.values(tau * np.exp(half))), 0.5, rtol=1e-14)
    np.testing.assert_allclose(np.diag(basis.values(tau * np.exp(-half))), 0.5, rtol=1e-14)
    if shape in HALF_WIDTH:
        assert basis.epsilon == pytest.approx(HALF_WIDTH[shape] / half, rel=1e-15)
    assert Basis.on(tau, shape, shape_factor=1.25).epsilon == 1.25


@pytest.mark.parametrize("shape", RADIAL)
def test_values_and_integrals(shape: str):
    nodes, epsilon = np.exp([-2.0, 0.5, 1.0]), 1.4
    basis = Basis.on(nodes, shape, shape_factor=epsilon)
    for t in (-7.0, -2.0, 0.1, 0.7, 5.0):
        exact = [float(PHI[shape](abs(epsilon * (t - np.log(node))))) for node in nodes]
        np.testing.assert_allclose(basis.values(np.exp(t))[0], exact, rtol=1e-13)
    for low, high in [(-9.0, 4.0), (0.5, 0.6), (3.0, 30.0)]:
        exact = []
        for centre in np.log(nodes):
            breaks = sorted({mp.mpf(low), mp.mpf(high), mp.mpf(min(max(centre, low), high))})
            exact.append(float(mp.quad(lambda t: PHI[shape](abs(epsilon * (t - centre))), breaks)))  # noqa: B023
        np.testing.assert_allclose(basis.integrals(np.exp(low), np.exp(high)), exact, rtol=1e-12, atol=1e-14)


def test_values_and_integrals_of_piecewise_linear_functions():
    x = np.array([0.0, 1.0, 3.0])
    basis = Basis("piecewise_linear", 1.0, np.exp(x))
    np.testing.assert_allclose(basis.values(np.exp([-1, 0, 0.25, 2, 3, 4])).T, [
        [0, 1, 0.75, 0, 0, 0],
        [0, 0, 0.25, 0.5, 0, 0],
        [0, 0, 0, 0.5, 1, 0],
    ], atol=1e-15)  # fmt: skip
    np.testing.assert_allclose(basis.integrals(np.exp(-5), np.exp(9)), [0.5, 1.5, 1], rtol=1e-14)
    np.testing.assert_allclose(basis.integrals(np.exp(0.5), np.exp(2)), [0.125, 0.375 + 0.75, 0.25], rtol=1e-14)


def test_default_grid_is_a_lattice_through_one_second():
    tau = tau_grid(1e-2, 1e5, None, None)
    exponents = 10 * np.log10(tau)
    np.testing.assert_allclose(exponents, np.round(exponents), atol=1e-12)
    np.testing.assert_allclose(np.diff(exponents), 1, atol=1e-12)
    assert tau[0] <= 0.1 / (2 * np.pi * 1e5) < tau[1]
    assert tau[-2] < 10 / (2 * np.pi * 1e-2) <= tau[-1]


def test_grids_from_the_frequencies():
    frequency = np.array([100.0, 1.0, 10.0])
    np.testing.assert_allclose(tau_grid(1, 100, frequency, "drttools"), [0.01, 0.1, 1])
    np.testing.assert_allclose(tau_grid(1, 100, frequency, "frequency"), np.array([0.01, 0.1, 1]) / (2 * np.pi))
    np.testing.assert_array_equal(tau_grid(1, 100, None, [3.0, 1.0, 2.0]), [1, 2, 3])


@pytest.mark.parametrize(
    ("tau", "message"),
    [
        ("drtools", "did you mean 'drttools'"),
        ("frequency", "one frequency grid"),
        ([1.0], "at least two nodes"),
        ([1.0, -1.0], "above 0 s"),
        ([1.0, np.nan], "finite"),
        ([1.0, 2.0, 1.0], "repeats 1 s"),
    ],
)
def test_unusable_grids(tau: object, message: str):
    with pytest.raises(InvalidInput, match=message):
        tau_grid(1, 100, None, tau)  # type: ignore[arg-type]


def test_unusable_functions():
    tau = np.logspace(-3, 0, 5)
    with pytest.raises(InvalidInput, match="did you mean 'gaussian'"):
        Basis.on(tau, "gausian")
    for width in ({"fwhm": 0.0}, {"fwhm": np.nan}, {"shape_factor": -1.0}, {"shape_factor": np.inf}):
        with pytest.raises(InvalidInput, match="positive"):
            Basis.on(tau, "c2", **width)
    with pytest.raises(InvalidInput, match="order must be 0, 1 or 2"):
        Basis.on(tau, "c2").penalty(3)
    with pytest.raises(InvalidInput, match="finite and positive"):
        Basis.on(tau, "c2").kernel(np.array([1.0, 0.0]))
