"""Circuit strings, the impedance of every element and its derivatives."""

from __future__ import annotations

import re

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtengine.circuits import ALIASES, KINDS, EquivalentCircuit, parse_circuit
from drtengine.circuits.elements import Axis
from drtengine.errors import InvalidInput

OMEGA = np.geomspace(1e-4, 1e7, 12)

EXACT = {  # (s = i omega, parameters) -> Z, as textbooks have them
    "R": lambda s, R: R + 0 * s,
    "C": lambda s, C: 1 / (s * C),
    "L": lambda s, L: s * L,
    "La": lambda s, L, a: (s * L) ** a,
    "CPE": lambda s, Q, a: 1 / (Q * s**a),
    "W": lambda s, A: A * (1 - mp.mpc(0, 1)) / mp.sqrt(s / mp.mpc(0, 1)),
    "Wo": lambda s, R, t: R * mp.coth(mp.sqrt(s * t)) / mp.sqrt(s * t),
    "Ws": lambda s, R, t: R * mp.tanh(mp.sqrt(s * t)) / mp.sqrt(s * t),
    "G": lambda s, R, t: R / mp.sqrt(1 + s * t),
    "K": lambda s, R, t: R / (1 + s * t),
    "Zarc": lambda s, R, t, a: R / (1 + (s * t) ** a),
    "HN": lambda s, R, t, a, b: R / (1 + (s * t) ** a) ** b,
}
VALUES = (2.5, 0.03, 0.7, 0.6)


def evaluated(string: str, omega: np.ndarray, values: list[float]) -> tuple[np.ndarray, np.ndarray, EquivalentCircuit]:
    circuit = parse_circuit(string)
    Z, J = circuit.evaluate(Axis(omega[None]), circuit.to_internal(np.array([values])))
    return Z[0], J[0], circuit


def test_every_element_has_an_exact_formula() -> None:
    assert set(EXACT) == set(KINDS)


@pytest.mark.parametrize("code", KINDS)
def test_impedance_of_elements(code: str) -> None:
    symbols = [parameter.symbol for parameter in KINDS[code].parameters]
    values = [
        0.7 if symbol == "alpha" else 0.6 if symbol == "beta" else v for symbol, v in zip(symbols, VALUES, strict=False)
    ]
    Z, J, circuit = evaluated(f"{code}1", OMEGA, values)
    with mp.workdps(30):
        for i, omega in enumerate(OMEGA):
            s = mp.mpc(0, omega)
            exact = complex(EXACT[code](s, *values))
            assert abs(Z[i] - exact) <= 1e-13 * abs(exact)
            for k, exponent in enumerate(circuit.is_exponent):

                def along(x: mp.mpf, k: int = k, exponent: bool = exponent, s: mp.mpc = s) -> mp.mpc:
                    moved = [*values]
                    moved[k] = x if exponent else mp.exp(x)
                    return EXACT[code](s, *moved)

                slope = complex(mp.diff(along, values[k] if exponent else mp.log(values[k])))
                assert abs(J[k, i] - slope) <= 1e-11 * abs(exact), (circuit.names[k], omega)


def test_series_and_parallel() -> None:
    values = [10.0, 50.0, 1e-4, 5.0, 2.0, 1e-3, 0.8]
    Z, *_ = evaluated("R0-p(R1,C1)-p(R2-W1,CPE1)", OMEGA, values)
    s = 1j * OMEGA
    warburg = 2 * (1 - 1j) / np.sqrt(OMEGA)
    expected = 10 + 1 / (1 / 50 + s * 1e-4) + 1 / (1 / (5 + warburg) + 1e-3 * s**0.8)
    np.testing.assert_allclose(Z, expected, rtol=1e-13)


def strings() -> st.SearchStrategy[str]:
    leaf = st.sampled_from([*KINDS, *ALIASES])
    node = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map("-".join),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"p({','.join(parts)})"),
        ),
        max_leaves=6,
    )

    def number(text: str) -> str:
        count = iter(range(100))
        return re.sub(r"[A-Za-z]+(?![A-Za-z(])", lambda found: f"{found.group()}{next(count)}", text)

    return node.map(number)


@given(strings(), st.integers(0, 2**32 - 1))
def test_derivatives_of_any_circuit(string: str, seed: int) -> None:
    circuit = parse_circuit(string)
    rng = np.random.default_rng(seed)
    count = len(circuit.names)
    x = np.where(circuit.is_exponent, rng.uniform(0.4, 0.95, (2, count)), rng.normal(0, 1.0, (2, count)))
    axis = Axis(np.geomspace(1e-2, 1e2, 5)[None])
    Z, J = circuit.evaluate(axis, x)
    assert Z.shape == (2, 5)
    assert J.shape == (2, count, 5)
    step = 1e-5
    for k in range(count):
        e = step * (np.arange(count) == k)
        slope = (circuit.evaluate(axis, x + e)[0] - circuit.evaluate(axis, x - e)[0]) / (2 * step)
        assert np.abs(slope - J[:, k]).max() <= 1e-7 * np.abs(Z).max()


@given(strings())
def test_string_survives_reading(string: str) -> None:
    assert parse_circuit(parse_circuit(string).string) == parse_circuit(string)


def test_names_and_units() -> None:
    circuit = parse_circuit(" R_0 - p(R_1, CPE_1) - Wo_1 ")
    assert circuit.string == "R0-p(R1,CPE1)-Wo1"
    assert circuit.names == ("R0", "R1", "CPE1_Q", "CPE1_alpha", "Wo1_R", "Wo1_tau")
    assert circuit.units == ("ohm", "ohm", "ohm^-1 s^alpha", "1", "ohm", "s")
    assert [circuit.index(name) for name in ("CPE1_1", "Wo_1_0", "R_1")] == [3, 4, 1]
    assert parse_circuit("RC1").names == ("RC1_R", "RC1_tau")


def test_impedance_takes_names_and_arrays() -> None:
    circuit = parse_circuit("R0-p(R1,C1)")
    one = circuit.impedance([1.0, 10.0], {"C1": 1e-3, "R0": 5, "R1": 20})
    np.testing.assert_array_equal(one, circuit.impedance([1.0, 10.0], [5, 20, 1e-3]))
    np.testing.assert_array_equal(circuit.impedance([1.0, 10.0], [[5, 20, 1e-3]] * 2), [one, one])


@pytest.mark.parametrize(
    ("string", "words"),
    [
        ("", "must be a string"),
        (None, "must be a string"),
        ("R0-", "an element is missing at the end"),
        ("R0--C1", "'-' at 4 stands where an element belongs"),
        ("p(R1,C1", "',' or '\\)' is missing at the end"),
        ("p(R1)", "at least two branches"),
        ("R0)C1", "stands where '-' or the end belongs"),
        ("R0-X1", "unknown element 'X'"),
        ("R0-Zark1", "did you mean 'Zarc'"),
        ("R0-R0", "R0 occurs twice"),
        ("R0+C1", "'\\+' at 3 has no meaning"),
    ],
)
def test_strings_that_are_no_circuits(string: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_circuit(string)


@pytest.mark.parametrize(
    ("frequency", "values", "words"),
    [
        ([0.0], [1, 1, 0.5], "above 0"),
        ([1.0], [1, 1], "has 3 parameters, got 2"),
        ([1.0], {"R0": 1}, "also needs CPE1_Q, CPE1_alpha"),
        ([1.0], {"R0": 1, "CPE1_Q": 1, "CPE1_alpha": 0.5, "R9": 1}, "no parameter 'R9'"),
        ([1.0], [1, 1, 1.5], "CPE1_alpha must be above 0 and at most 1, got 1.5"),
        ([1.0], [-1, 1, 0.5], "R0 must be above 0 and finite, got -1"),
    ],
)
def test_impedance_says_what_is_wrong(frequency: list[float], values: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_circuit("R0-CPE1").impedance(frequency, values)  # type: ignore[arg-type]
