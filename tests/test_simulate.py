"""The exact truth of each element against mpmath, quadrature and each other; what arguments are refused."""

from __future__ import annotations

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from drtengine.errors import InvalidInput
from drtengine.simulate import (
    RC,
    ZARC,
    Capacitor,
    Circuit,
    ColeDavidson,
    Element,
    FractalGerischer,
    Gerischer,
    HavriliakNegami,
    Inductor,
    ReflectiveWarburg,
    Resistor,
    SimulatedCampaign,
    TransmissiveWarburg,
    add_noise,
    campaign,
    standin,
)

FREQUENCY = np.geomspace(1e4, 1e-3, 8)
CONTINUOUS = [
    ZARC(50, 1e-3, 0.8),
    ZARC(50, 1e-3, 0.999),
    HavriliakNegami(50, 1e-2, 0.9, 0.6),
    HavriliakNegami(50, 1e-2, 0.5, 0.3),
    FractalGerischer(50, 1e-1, 0.8),
]
EDGED = [ColeDavidson(50, 1e-2, 0.7), ColeDavidson(50, 1e-2, 0.2), Gerischer(50, 1e-1)]
RELAXATIONS = [*CONTINUOUS, *EDGED, RC(50, 1e-2)]
WARBURGS = [TransmissiveWarburg(50, 3.0), ReflectiveWarburg(50, 3.0)]
SERIES = [Resistor(4), Inductor(1e-6), Capacitor(0.2)]


def jump_across_cut(element, tau: float) -> float:
    """Gamma from the impedance alone, in 40 digits: -Im Z/pi just above the negative real axis at s = -1/tau."""
    alpha, beta = map(mpmath.mpf, element.exponents)
    with mpmath.workdps(40):
        power = (mpmath.mpf(element.tau) / mpmath.mpf(tau)) ** alpha * mpmath.expjpi(alpha)
        return float(-mpmath.im(element.R * mpmath.exp(-beta * mpmath.log(1 + power))) / mpmath.pi)


def share_by_hypergeometric(element, tau: float) -> mpmath.mpf:
    """Share of R faster than tau, by the incomplete beta function of complex argument."""
    alpha, beta = map(mpmath.mpf, element.exponents)
    x = (mpmath.mpf(tau) / mpmath.mpf(element.tau)) ** alpha
    v = x / (x + mpmath.expjpi(alpha))
    return -mpmath.im(v**beta / beta * mpmath.hyp2f1(1, beta, 1 + beta, v)) / (mpmath.pi * alpha)


def complex_quad(function, limits) -> complex:
    """Integral over ln tau of a complex function of tau, interval by interval."""

    def integral(part):
        integrand = lambda ln_tau: getattr(function(np.exp(ln_tau)), part)  # noqa: E731
        return sum(quad(integrand, a, b, epsabs=1e-12, epsrel=1e-11, limit=200)[0] for a, b in pairwise(limits))

    return complex(integral("real"), integral("imag"))


# impedance


@pytest.mark.parametrize("element", [CONTINUOUS[0], CONTINUOUS[2], *EDGED, RC(50, 1e-2)], ids=repr)
def test_impedance_is_the_stieltjes_integral_of_the_distribution(element):
    # by parts, so that singular densities and lines need no care: the integral of G(tau) d(-1/(1 + s tau))/d(ln tau)
    for s in 2j * np.pi * FREQUENCY[::3]:
        breaks = sorted({np.log(element.tau), -np.log(abs(s))})
        limits = [breaks[0] - 100, *breaks, breaks[-1] + 40]
        Z = complex_quad(lambda tau, s=s: s * tau / (1 + s * tau) ** 2 * element.integral(0, tau), limits)
        assert complex(element.impedance(s.imag / (2 * np.pi))) == pytest.approx(Z, abs=1e-9)


@pytest.mark.parametrize("element", CONTINUOUS, ids=repr)
def test_impedance_is_the_integral_of_gamma(element):
    limits = np.log(element.tau) + np.array([-250, -40, -5, -0.1, 0, 0.1, 5, 40, 80])
    for s in 2j * np.pi * FREQUENCY[::3]:
        Z = complex_quad(lambda tau, s=s: element.gamma(tau) / (1 + s * tau), limits)
        assert complex(element.impedance(s.imag / (2 * np.pi))) == pytest.approx(Z, abs=1e-9)


@pytest.mark.parametrize("element", WARBURGS, ids=repr)
def test_impedance_of_a_warburg_is_the_sum_of_its_lines(element):
    lines = element.lines(20_000)
    s = 2j * np.pi * FREQUENCY[2:]
    fast = lines.remainder  # so fast that they do not relax at these frequencies
    total = fast + (lines.R / (1 + np.multiply.outer(s, lines.tau))).sum(axis=1) + (1 / element.C_0) / s
    np.testing.assert_allclose(element.impedance(FREQUENCY[2:]), total, rtol=1e-8)
    np.testing.assert_allclose(lines.R.sum() + fast, element.R_pol, rtol=1e-13)


def test_impedance_of_warburgs_in_closed_form():
    with mpmath.workdps(30):
        for frequency in FREQUENCY:
            root = mpmath.sqrt(2j * mpmath.pi * mpmath.mpf(frequency) * 3)
            short, blocked = 50 * mpmath.tanh(root) / root, 50 * mpmath.coth(root) / root
            assert complex(WARBURGS[0].impedance(frequency)) == pytest.approx(complex(short), rel=1e-14)
            assert complex(WARBURGS[1].impedance(frequency)) == pytest.approx(complex(blocked), rel=1e-14)


def test_impedance_of_series_elements():
    omega = 2 * np.pi * FREQUENCY
    circuit = Circuit(SERIES)
    np.testing.assert_allclose(circuit.impedance(FREQUENCY), 4 + 1j * omega * 1e-6 + 1 / (1j * omega * 0.2), rtol=1e-14)
    assert (circuit.R_inf, circuit.L_0, circuit.C_0, circuit.R_pol) == (4, 1e-6, 0.2, 0)
    assert circuit.lines().tau.size == 0
    assert not circuit.gamma(FREQUENCY).any()
    assert circuit.integral(0, np.inf) == 0


# density


@pytest.mark.parametrize("element", [*CONTINUOUS, *EDGED], ids=repr)
def test_gamma_is_the_jump_of_the_impedance(element):
    tau = element.tau * np.array([1e-9, 1e-3, 0.3, 0.999, 1.001, 3.0, 1e3, 1e9])
    expected = [jump_across_cut(element, t) for t in tau]
    np.testing.assert_allclose(element.gamma(tau), expected, rtol=2e-13, atol=1e-30)


def test_gamma_of_zarc_is_cole_and_coles():
    tau = np.geomspace(1e-8, 1e2, 41)
    pi = np.pi
    expected = 50 / (2 * pi) * np.sin(0.2 * pi) / (np.cosh(0.8 * np.log(tau / 1e-3)) - np.cos(0.2 * pi))
    np.testing.assert_allclose(ZARC(50, 1e-3, 0.8).gamma(tau), expected, rtol=1e-13)


def test_gamma_stays_on_the_branch_of_the_arctangent():
    # arctan(sin/(x + cos)) alone turns negative where x < -cos(pi alpha)
    tau = np.geomspace(1e-12, 1e6, 2001)
    assert (HavriliakNegami(50, 1e-2, 0.9, 0.6).gamma(tau) > 0).all()


def test_gamma_at_and_beyond_an_edge():
    for element in EDGED:
        np.testing.assert_array_equal(element.gamma(element.tau * np.array([1, 1.001, 1e6])), [np.inf, 0, 0])
    assert not RC(50, 1e-2).gamma([1e-2, 1]).any()


# integrals


@pytest.mark.parametrize("element", [*CONTINUOUS, *EDGED], ids=repr)
def test_integral_is_the_hypergeometric_function(element):
    tau = element.tau * np.array([1e-12, 1e-6, 0.1, 0.9, 0.999, 1.001, 1.1, 10.0, 1e6, 1e12])
    with mpmath.workdps(50):
        if element.exponents[0] == 1:
            beta = mpmath.mpf(element.exponents[1])
            ratio = [min(mpmath.mpf(t) / mpmath.mpf(element.tau), 1) for t in tau]
            share = [mpmath.betainc(beta, 1 - beta, 0, x, regularized=True) for x in ratio]
        else:
            share = [share_by_hypergeometric(element, t) for t in tau]
        expected = [float(element.R * (b - a)) for a, b in pairwise(share)]
    np.testing.assert_allclose(element.integral(tau[:-1], tau[1:]), expected, rtol=1e-12)


@pytest.mark.parametrize("element", CONTINUOUS, ids=repr)
def test_integral_is_the_quadrature_of_gamma(element):
    for low, high in element.tau * np.array([(0.01, 0.1), (0.9, 1.1), (2.0, 500.0)]):
        expected = quad(
            lambda u: element.gamma(np.exp(u)), np.log(low), np.log(high), points=[np.log(element.tau)], epsabs=1e-12
        )[0]
        assert element.integral(low, high) == pytest.approx(expected, rel=1e-11)


def test_integral_in_closed_form():
    x = np.array([1e-6, 0.3, 0.99, 1.0])
    np.testing.assert_allclose(Gerischer(50, 0.1).integral(0, 0.1 * x), 100 / np.pi * np.arcsin(np.sqrt(x)), rtol=2e-14)
    angle, y = 0.8 * np.pi, np.array([1e-6, 0.3, 1.0, 7.0, 1e5]) ** 0.8
    faster = 50 / angle * np.arctan2(y * np.sin(angle), 1 + y * np.cos(angle))
    np.testing.assert_allclose(ZARC(50, 0.1, 0.8).integral(0, 0.1 * y**1.25), faster, rtol=1e-13)
    # what a charge transfer of 114 ohm puts between 10 ms and 1 s
    assert ZARC(114, 0.4099, 0.88).integral(1e-2, 1) == pytest.approx(101.7, abs=0.005)


@pytest.mark.parametrize("element", [*RELAXATIONS, *WARBURGS], ids=repr)
def test_total_integral_is_the_resistance(element):
    assert element.integral(0, np.inf) == pytest.approx(element.R_pol, rel=1e-13)
    direct = element.impedance(1e-40 if np.isinf(element.C_0) else 1e-5).real
    assert direct == pytest.approx(element.R_pol, rel=1e-8)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 0.99, 1 - 1e-9])
@pytest.mark.parametrize("beta", [0.05, 0.5, 0.9999, 1.0])
def test_integral_at_extreme_exponents(alpha, beta):
    element = HavriliakNegami(1, 1, alpha, beta)
    assert element.integral(0, np.inf) == pytest.approx(1, rel=1e-12)
    with mpmath.workdps(50):
        for low, high in ((1e-7, 1e-6), (0.5, 1.5), (1e5, 1e7)):
            expected = share_by_hypergeometric(element, high) - share_by_hypergeometric(element, low)
            assert element.integral(low, high) == pytest.approx(float(expected), rel=1e-11)


def test_integral_of_lines_is_half_open():
    assert RC(50, 1e-2).integral([1e-3, 1e-2, 1e-3], [1e-2, 1e-1, 1e-3]).tolist() == [0, 50, 0]
    for element in WARBURGS:
        tau, R, _ = element.lines(500)
        np.testing.assert_allclose(element.integral(tau, tau * (1 + 1e-9)), R, rtol=1e-11)
        np.testing.assert_allclose(element.integral(tau[1:], tau[:-1]), R[1:], rtol=1e-11)
        assert element.integral(tau[0] * (1 + 1e-15), np.inf) == 0


def test_cell_averages_add_up_and_near_gamma():
    edges = np.geomspace(1e-8, 1e4, 1201)
    width = np.diff(np.log(edges))
    centre = np.sqrt(edges[:-1] * edges[1:])
    circuit = Circuit([*SERIES, *CONTINUOUS[:1], *EDGED[:1], RC(7, 0.3)])
    average = circuit.cell_average(edges)
    assert (average * width).sum() == pytest.approx(float(circuit.integral(edges[0], edges[-1])), rel=1e-13)
    away = np.abs(np.log(centre / 1e-2)) > 0.2
    away &= np.abs(np.log(centre / 0.3)) > 0.2
    np.testing.assert_allclose(average[away], circuit.gamma(centre)[away], rtol=2e-3)


# limits and members


def test_members_of_havriliak_negami():
    tau, edges = np.geomspace(1e-6, 1e2, 33), np.geomspace(1e-6, 1e2, 33)
    pairs: list[tuple[Element, Element]] = [
        (HavriliakNegami(50, 1e-2, 0.8, 1), ZARC(50, 1e-2, 0.8)),
        (HavriliakNegami(50, 1e-2, 1, 0.6), ColeDavidson(50, 1e-2, 0.6)),
        (HavriliakNegami(50, 1e-2, 0.8, 0.5), FractalGerischer(50, 1e-2, 0.8)),
        (FractalGerischer(50, 1e-2, 1), Gerischer(50, 1e-2)),
        (ColeDavidson(50, 1e-2, 1), RC(50, 1e-2)),
        (ZARC(50, 1e-2, 1), RC(50, 1e-2)),
    ]
    for one, other in pairs:
        np.testing.assert_array_equal(one.impedance(FREQUENCY), other.impedance(FREQUENCY))
        np.testing.assert_array_equal(one.gamma(tau), other.gamma(tau))
        np.testing.assert_array_equal(one.cell_average(edges), other.cell_average(edges))
        np.testing.assert_array_equal(one.lines().R, other.lines().R)


def test_limits_are_approached():
    edges = np.geomspace(1.1e-6, 1e2, 18)
    rc = RC(50, 1e-2).cell_average(edges)
    for near in (ZARC(50, 1e-2, 1 - 1e-8), ColeDavidson(50, 1e-2, 1 - 1e-8)):
        np.testing.assert_allclose(near.cell_average(edges), rc, atol=1e-5)
    sharp, edge = HavriliakNegami(50, 1e-2, 1 - 1e-8, 0.6), ColeDavidson(50, 1e-2, 0.6)
    np.testing.assert_allclose(sharp.cell_average(edges), edge.cell_average(edges), atol=1e-5)


# circuits


def test_circuit_is_the_sum_of_its_elements():
    elements = [*SERIES, *RELAXATIONS, *WARBURGS]
    circuit = Circuit(elements)
    tau, edges = np.geomspace(1e-5, 1e1, 7) * 1.01, np.geomspace(1e-5, 1e1, 7)
    np.testing.assert_allclose(circuit.impedance(FREQUENCY), sum(e.impedance(FREQUENCY) for e in elements), rtol=1e-14)
    np.testing.assert_allclose(circuit.gamma(tau), sum(e.gamma(tau) for e in elements), rtol=1e-14)
    np.testing.assert_allclose(circuit.cell_average(edges), sum(e.cell_average(edges) for e in elements), rtol=1e-13)
    assert circuit.R_pol == pytest.approx(50 * len(RELAXATIONS) + 50 + 50 / 3)
    assert pytest.approx(1 / 0.2 + 50 / 3.0) == 1 / circuit.C_0
    lines = circuit.lines(3)
    assert lines.tau.size == lines.R.size == 1 + 3 + 3
    assert lines.R.sum() + lines.remainder == pytest.approx(50 + 50 + 50 / 3)


def test_adding_makes_flat_circuits():
    a, b, c = Resistor(1), RC(2, 3), Inductor(4)
    assert a + b + c == a + (b + c) == Circuit([a, b, c]) == Circuit([Circuit([a, b]), c])
    assert repr(a + b) == "Circuit(elements=(Resistor(R=1.0), RC(R=2.0, tau=3.0)))"
    with pytest.raises(TypeError):
        a + 1


positive = st.floats(1e-3, 1e3)
exponent = st.floats(0.2, 1.0)
relaxations = st.one_of(
    st.builds(RC, positive, positive),
    st.builds(ZARC, positive, positive, exponent),
    st.builds(ColeDavidson, positive, positive, exponent),
    st.builds(HavriliakNegami, positive, positive, exponent, exponent),
    st.builds(Gerischer, positive, positive),
    st.builds(FractalGerischer, positive, positive, exponent),
    st.builds(TransmissiveWarburg, positive, positive),
    st.builds(ReflectiveWarburg, positive, positive),
)


@given(relaxations, st.integers(-20, 20), st.integers(-20, 20))
def test_scaling(element, ohm, second):
    # powers of two, so that nothing rounds: R scales Z and gamma, tau shifts them
    r, t = 2.0**ohm, 2.0**second
    others = {name: value for name, value in vars(element).items() if name not in ("R", "tau")}
    scaled = type(element)(R=element.R * r, tau=element.tau * t, **others)
    tau, edges = np.geomspace(1e-4, 1e3, 6), np.geomspace(1e-4, 1e3, 6)
    np.testing.assert_allclose(scaled.impedance(FREQUENCY / t), r * element.impedance(FREQUENCY), rtol=1e-13)
    np.testing.assert_allclose(scaled.gamma(tau * t), r * element.gamma(tau), rtol=1e-11)
    np.testing.assert_allclose(scaled.cell_average(edges * t), r * element.cell_average(edges), rtol=1e-10)


@given(relaxations, st.lists(st.floats(1e-9, 1e9), min_size=3, max_size=8, unique=True))
def test_integrals_are_positive_and_additive(element, edges):
    edges = np.sort(edges)
    parts = element.integral(edges[:-1], edges[1:])
    assert (parts >= 0).all()
    assert parts.sum() == pytest.approx(float(element.integral(edges[0], edges[-1])), rel=1e-9, abs=1e-13 * element.R)
    assert parts.sum() <= element.R_pol * (1 + 1e-12)
    Z = element.impedance(FREQUENCY)
    assert (Z.imag <= 0).all()
    assert (np.diff(Z.real) >= -1e-9 * np.abs(Z[1:])).all()


# arguments


@pytest.mark.parametrize("value", [-1, 0, np.nan, np.inf, "1", None, 1j])
@pytest.mark.parametrize(
    ("build", "name"),
    [
        (Resistor, "Resistor: R"),
        (Inductor, "Inductor: L"),
        (Capacitor, "Capacitor: C"),
        (lambda v: RC(v, 1), "RC: R"),
        (lambda v: ZARC(1, v, 0.8), "ZARC: tau"),
        (lambda v: ZARC(1, 1, v), "ZARC: phi"),
        (lambda v: ColeDavidson(1, 1, v), "ColeDavidson: beta"),
        (lambda v: HavriliakNegami(1, 1, v, 0.5), "HavriliakNegami: alpha"),
        (lambda v: FractalGerischer(1, 1, v), "FractalGerischer: alpha"),
        (lambda v: TransmissiveWarburg(v, 1), "TransmissiveWarburg: R"),
        (lambda v: ReflectiveWarburg(1, v), "ReflectiveWarburg: tau"),
    ],
)
def test_bad_element_values_are_named(build, name, value):
    with pytest.raises(InvalidInput, match=name):
        build(value)


def test_exponents_above_one_are_refused():
    with pytest.raises(InvalidInput, match=r"phi must be a number above 0 and at most 1, got 1\.01"):
        ZARC(50, 1e-3, 1.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.impedance([1.0, 0.0]), "frequency must be finite and above 0, got 0"),
        (lambda e: e.impedance(np.nan), "frequency must be finite and above 0, got nan"),
        (lambda e: e.impedance(["1 Hz"]), "frequency must hold real numbers"),
        (lambda e: e.gamma([-1.0]), "tau must be finite and above 0, got -1"),
        (lambda e: e.integral(1, 0.1), "0 <= tau_low <= tau_high, got 1 and 0.1"),
        (lambda e: e.integral(-1, 1), "0 <= tau_low"),
        (lambda e: e.integral(0, np.nan), "tau_high, got 0 and nan"),
        (lambda e: e.integral([1, 2, 3], [4, 5]), "tau_low and tau_high must broadcast"),
        (lambda e: e.cell_average([1.0]), "edges must be one row of at least two"),
        (lambda e: e.cell_average([1.0, 1.0]), "edges must .* rise"),
        (lambda e: e.cell_average([0.0, 1.0]), "edges must be finite and above 0"),
        (lambda e: e.lines(0), "count must be an integer above 0, got 0"),
        (lambda e: Circuit([]), "elements must hold at least one"),
        (lambda e: Circuit([e, 10]), "elements must be circuit elements, got 10"),
        (lambda e: add_noise([1, np.nan], 0.1), "Z must be one or more spectra of finite values"),
        (lambda e: add_noise(1j, 0.1), "Z must be one or more spectra"),
        (lambda e: add_noise([1j], -0.1), "level must be finite and at least 0, got -0.1"),
        (lambda e: add_noise([1j], 0.1, kind="proportinal"), "did you mean 'proportional'"),
        (lambda e: add_noise([1j], 0.1, seed=-1), "seed must be an integer of at least 0"),
        (lambda e: campaign([], [1.0]), "circuits must hold at least one"),
        (lambda e: campaign([e], [1.0, 0.0]), "frequency must be finite and above 0, got 0"),
        (lambda e: campaign([e], [[1.0, 2.0]]), "frequency must be one row"),
        (lambda e: campaign([e], [1.0], coordinates={"voltage": [1, 2]}), "'voltage' has shape"),
        (lambda e: SimulatedCampaign(campaign([e], [1.0]), [e, e]), "2 circuits for 1 spectra"),
        (lambda e: standin("SA@borax"), "unknown electrode 'SA@borax'.*did you mean 'SA@Borax'"),
        (lambda e: standin(branches=["chrage"]), "unknown branch 'chrage'.*did you mean 'charge'"),
        (lambda e: standin(branches="charge"), "branches must be a sequence"),
        (lambda e: standin(branches=[]), "branches must be a sequence"),
        (lambda e: standin(level=np.nan), "level must be finite"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(InvalidInput, match=message):
        call(RC(50, 1e-3))
