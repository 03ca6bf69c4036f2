"""The least-squares problem that a circuit, a campaign and the wishes of a user make together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..campaign import Campaign
from ..errors import InvalidInput
from ..options import PROPORTIONAL_FLOOR
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray, frozen_array
from .elements import Axis
from .topology import EquivalentCircuit

_WIDEST = np.log(1e6)
"""Resistances may be this much smaller or larger than the largest impedance, unless told otherwise,"""
_OUTSIDE = np.log(1e3)
"""and frequencies this far outside the measured window;"""
_EXPONENTS = (0.01, 1.0)
"""exponents may lie between these."""


@dataclass(frozen=True)
class Problem:
    """The fits of one circuit to many spectra, in the numbers that are searched.

    Attributes
    ----------
    circuit : EquivalentCircuit
    omega : ndarray, shape [1, point] or [spectrum, point]
        rad/s; 1 where a point is not used.
    Z : ndarray of complex, shape [spectrum, point]
        0 where a point is not used.
    weights : ndarray, shape [spectrum, 2 * point]
        Of Re and Im in turn; 0 where a point is not used.
    slot : ndarray of int, shape [parameter]
        Which of the free numbers a parameter is, -1 if it is fixed.
    fixed : ndarray, shape [spectrum, parameter]
        The fixed ones, as numbers that are fitted.
    lower, upper : ndarray, shape [spectrum, free]
    """

    circuit: EquivalentCircuit
    omega: FloatArray
    Z: ComplexArray
    weights: FloatArray
    slot: IntArray
    fixed: FloatArray
    lower: FloatArray
    upper: FloatArray

    @property
    def free_count(self) -> int:
        """How many numbers are searched a spectrum."""
        return int(self.slot.max(initial=-1)) + 1

    @cached_property
    def free(self) -> IntArray:
        """The first parameter that each free number stands for [free]."""
        return np.array([int(np.flatnonzero(self.slot == k)[0]) for k in range(self.free_count)], dtype=np.intp)

    @cached_property
    def data_count(self) -> IntArray:
        """How many real numbers are fitted, by spectrum."""
        return np.asarray((self.weights > 0).sum(axis=1))

    @cached_property
    def negligible(self) -> FloatArray:
        """Sums of squares that count as zero: residuals of 1e-12."""
        parts = self.Z.view(np.float64) * self.weights
        return np.asarray(1e-24 * np.einsum("kn,kn->k", parts, parts))

    @cached_property
    def axis(self) -> Axis:
        """Frequencies of all spectra."""
        return Axis(self.omega)

    def complete(self, rows: IntArray, x: FloatArray) -> FloatArray:
        """Put free and fixed numbers together, [row, parameter]."""
        return np.where(self.slot >= 0, x[:, self.slot], self.fixed[rows])

    def __call__(self, rows: IntArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weighted residuals [row, 2 * point] and their derivatives [row, free, 2 * point]."""
        axis = self.axis if len(self.omega) == 1 else Axis(self.omega[rows])
        Z, J = self.circuit.evaluate(axis, self.complete(rows, x))
        weights = self.weights[rows]
        residual = (Z - self.Z[rows]).view(np.float64) * weights
        derivatives = J.view(np.float64)
        if self.free_count < self.slot.size:
            parts = [derivatives[:, self.slot == k].sum(axis=1) for k in range(self.free_count)]
            derivatives = np.stack(parts, axis=1)
        derivatives *= weights[:, None]
        return residual, derivatives


def build_problem(
    circuit: EquivalentCircuit,
    campaign: Campaign,
    used: BoolArray,
    weights: str | FloatArray,
    *,
    fixed: Mapping[str, ArrayLike] | None,
    ties: Mapping[str, str] | None,
    bounds: Mapping[str, tuple[float, float]] | None,
) -> Problem:
    """Put a problem together; spectra that cannot be used must not be among those used.

    Raises
    ------
    InvalidInput
        For names that the circuit does not have and numbers out of range.
    """
    everywhere = bool(used.all())
    one_grid = everywhere and campaign.is_shared
    frequency = campaign.frequency[:1] if one_grid else np.where(used, campaign.frequency, np.nan)
    omega = np.where(np.isfinite(frequency) & (frequency > 0), 2 * np.pi * frequency, 1.0)
    Z = np.where(used, campaign.Z, 0)
    fixed_values = read_values("fixed", circuit, len(campaign), fixed)
    slot = _slots(circuit, fixed_values, ties)
    lower, upper = _default_bounds(circuit, np.where(used, omega, np.nan), Z)
    for name, limits in _mapping("bounds", bounds).items():
        column = circuit.index(name)
        if slot[column] < 0:
            raise InvalidInput(f"bounds name {name}, which is fixed; leave it out of one of them")
        lower[:, column], upper[:, column] = _limits(circuit, column, limits)
    count = int(slot.max(initial=-1)) + 1
    if count == 0:
        raise InvalidInput(f"every parameter of {circuit.string} is fixed; nothing is left to fit")
    # of parameters tied together, the narrowest bounds count
    low = np.stack([lower[:, slot == k].max(axis=1) for k in range(count)], axis=1)
    high = np.stack([upper[:, slot == k].min(axis=1) for k in range(count)], axis=1)
    if (low > high).any():
        raise InvalidInput("the bounds of parameters that are tied together exclude each other")
    return Problem(circuit, omega, np.ascontiguousarray(Z), _weights(weights, Z, used), slot, fixed_values, low, high)


def _weights(weights: str | FloatArray, Z: ComplexArray, used: BoolArray) -> FloatArray:
    """Weights of Re and Im in turn, [spectrum, 2 * point]."""
    with np.errstate(divide="ignore"):
        if not isinstance(weights, str):
            own = np.repeat(np.broadcast_to(weights, Z.shape), 2, axis=1)
        elif weights == "unit":
            own = np.ones((len(Z), 2 * Z.shape[1]))
        elif weights == "modulus":
            own = np.repeat(1 / np.abs(Z), 2, axis=1)
        else:
            floor = PROPORTIONAL_FLOOR * np.repeat(np.abs(Z), 2, axis=1)
            own = 1 / np.maximum(np.abs(np.ascontiguousarray(Z).view(np.float64)), floor)
    return np.where(np.repeat(used, 2, axis=1), own, 0.0)


def read_values(
    option: str, circuit: EquivalentCircuit, count: int, given: Mapping[str, ArrayLike] | None
) -> FloatArray:
    """Read parameters named in an option, as they are fitted [spectrum, parameter]; NaN where none is.

    Raises
    ------
    InvalidInput
        For names that the circuit does not have and numbers out of range.
    """
    values = np.full((count, len(circuit.names)), np.nan)
    for name, value in _mapping(option, given).items():
        column, what = circuit.index(name), f"{option}[{name!r}]"
        numbers = frozen_array(np.atleast_1d(np.asarray(value)), np.float64, what, 1)
        if numbers.size not in (1, count):
            raise InvalidInput(f"{what} has {numbers.size} values; give one, or one a spectrum")
        highest = 1.0 if circuit.is_exponent[column] else np.inf
        bad = ~(np.isfinite(numbers) & (numbers > 0) & (numbers <= highest))
        if bad.any():
            limits = "above 0 and at most 1" if highest == 1 else "above 0 and finite"
            raise InvalidInput(f"{what} must be {limits}, got {numbers[bad][0]:g}")
        values[:, column] = numbers
    return circuit.to_internal(values)


def _slots(circuit: EquivalentCircuit, fixed: FloatArray, ties: Mapping[str, str] | None) -> IntArray:
    """Give each free parameter the number of its slot; tied parameters share one."""
    is_fixed: BoolArray = np.asarray(~np.isnan(fixed).any(axis=0))
    master: IntArray = np.arange(len(circuit.names))
    for name, other in _mapping("ties", ties).items():
        column, onto = circuit.index(name), circuit.index(other)
        if circuit.parameters[column].unit != circuit.parameters[onto].unit:
            raise InvalidInput(f"ties: {name} and {other} have different units")
        if is_fixed[column] or is_fixed[onto]:
            raise InvalidInput(f"ties: {name if is_fixed[column] else other} is fixed; fix both instead")
        master[master == master[column]] = master[onto]
    slot = np.full(master.size, -1, dtype=np.intp)
    owners = [int(column) for column in dict.fromkeys(master[~is_fixed])]
    for k, column in enumerate(owners):
        slot[master == column] = k
    return slot


def _default_bounds(circuit: EquivalentCircuit, omega: FloatArray, Z: ComplexArray) -> tuple[FloatArray, FloatArray]:
    """Bounds from the size of the impedance and the measured window, [spectrum, parameter] each."""
    largest = np.log(np.maximum(np.abs(Z).max(axis=1), np.finfo(float).tiny))
    usable: BoolArray = np.asarray(np.isfinite(omega).any(axis=1))
    rows = np.where(usable[:, None], omega, 1.0)
    slowest, fastest = np.log(np.nanmin(rows, axis=1)) - _OUTSIDE, np.log(np.nanmax(rows, axis=1)) + _OUTSIDE
    shape = len(Z), len(circuit.names)
    lower, upper = np.empty(shape), np.empty(shape)
    for column, parameter in enumerate(circuit.parameters):
        if parameter.is_exponent:
            lower[:, column], upper[:, column] = _EXPONENTS
            continue
        a, b, c = parameter.scale
        corners = [
            a * (largest + R) + (b + c * exponent) * frequency
            for R in (-_WIDEST, _WIDEST)
            for frequency in (slowest, fastest)
            for exponent in _EXPONENTS
        ]
        lower[:, column], upper[:, column] = np.min(corners, axis=0), np.max(corners, axis=0)
    return lower, upper


def _limits(circuit: EquivalentCircuit, column: int, limits: object) -> tuple[float, float]:
    """Bounds of one parameter as given by the user, as numbers that are fitted."""
    name = circuit.names[column]
    try:
        low, high = (float(value) for value in limits)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise InvalidInput(f"bounds[{name!r}] must be two numbers, got {limits!r}") from None
    exponent = circuit.parameters[column].is_exponent
    if not (0 <= low < high and (high <= 1 or not exponent)):
        allowed = "0 <= low < high <= 1" if exponent else "0 <= low < high"
        raise InvalidInput(f"bounds[{name!r}] must fulfil {allowed}, got ({low:g}, {high:g})")
    if exponent:
        return max(low, _EXPONENTS[0]), high
    # zero and infinity have no logarithm; these are as good
    return float(np.log(max(low, 1e-30))), float(np.log(min(high, 1e30)))


def _mapping(name: str, given: object) -> Mapping[str, object]:
    """Return a mapping, empty for None."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{name} must be a dict from names of parameters, got {given!r}")
    return given
