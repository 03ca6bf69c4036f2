"""What every circuit element can tell, the series elements R, L and C, and circuits of elements in series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput
from ..spectrum import ComplexArray, FloatArray

_EXPONENTS = ("phi", "alpha", "beta")


class Lines(NamedTuple):
    """Discrete relaxations: resistances that relax with one single time each.

    Parameters
    ----------
    tau : ndarray, shape [line]
        Relaxation times in s.
    R : ndarray, shape [line]
        Resistance in ohm at each of them.
    remainder : float
        Ohm in the infinitely many faster lines that are left out.
    """

    tau: FloatArray
    R: FloatArray
    remainder: float = 0.0


class Element(ABC):
    """An impedance together with its exact distribution of relaxation times.

    Z(ω) = R_inf + iωL_0 + 1/(iωC_0) + Σ R_k/(1+iωτ_k) + ∫ γ(ln τ)/(1+iωτ) d ln τ, where
    `lines` gives the sum, `gamma` the continuous density, and `integral` and
    `cell_average` count both. Elements in series are added: ``Resistor(10) + RC(50, 1e-3)``.
    """

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # every concrete element is a dataclass
            value = getattr(self, field.name)
            upper = 1.0 if field.name in _EXPONENTS else np.inf
            number = float(value) if isinstance(value, int | float | np.integer | np.floating) else np.nan
            if not (0 < number <= upper and np.isfinite(number)):
                allowed = "a number above 0 and at most 1" if upper == 1 else "a finite number above 0"
                raise InvalidInput(f"{type(self).__name__}: {field.name} must be {allowed}, got {value!r}")
            object.__setattr__(self, field.name, number)

    @property
    def R_inf(self) -> float:
        """Ohmic resistance in ohm."""
        return 0.0

    @property
    def R_pol(self) -> float:
        """Sum of all relaxing resistances, lines and density, in ohm."""
        return 0.0

    @property
    def L_0(self) -> float:
        """Series inductance in H."""
        return 0.0

    @property
    def C_0(self) -> float:
        """Series capacitance in F; infinite where direct current passes."""
        return np.inf

    def impedance(self, frequency: ArrayLike) -> ComplexArray:
        """Impedance in ohm, true sign.

        Parameters
        ----------
        frequency : array_like
            Hz, above 0, of any shape.

        Returns
        -------
        ndarray of complex, shape of `frequency`

        Raises
        ------
        InvalidInput
            If a frequency is not finite and above 0.
        """
        s = np.asarray(2j * np.pi * positive("frequency", frequency), dtype=np.complex128)
        return np.asarray(self._impedance(s), dtype=np.complex128)

    def gamma(self, tau: ArrayLike) -> FloatArray:
        """Continuous density in ohm per unit ln τ; the lines are not in it.

        Parameters
        ----------
        tau : array_like
            Relaxation times in s, above 0, of any shape.

        Returns
        -------
        ndarray, shape of `tau`
            Infinite where the density is: at ``tau`` of Cole-Davidson and Gerischer elements.

        Raises
        ------
        InvalidInput
            If a relaxation time is not finite and above 0.
        """
        return np.asarray(self._gamma(positive("tau", tau)), dtype=np.float64)

    def lines(self, count: int = 100) -> Lines:
        """Discrete relaxations, slowest first within an element.

        Parameters
        ----------
        count : int
            How many to give of an infinite set, that of a finite Warburg element.

        Returns
        -------
        Lines
            `tau` in s, `R` in ohm, and the `remainder` in ohm that `count` leaves out.

        Raises
        ------
        InvalidInput
            If `count` is not an integer above 0.
        """
        if not isinstance(count, int | np.integer) or count < 1:
            raise InvalidInput(f"count must be an integer above 0, got {count!r}")
        return self._lines(int(count))

    def integral(self, tau_low: ArrayLike, tau_high: ArrayLike) -> FloatArray:
        """Resistance that relaxes with τ_low <= τ < τ_high, lines and density together.

        Parameters
        ----------
        tau_low, tau_high : array_like
            Seconds, 0 <= τ_low <= τ_high <= infinity; they broadcast.

        Returns
        -------
        ndarray
            Ohm.

        Raises
        ------
        InvalidInput
            If a limit is negative or NaN, the limits stand the other way round or do not broadcast.
        """
        limits = _real("tau_low", tau_low), _real("tau_high", tau_high)
        try:
            low, high = np.broadcast_arrays(*limits)
        except ValueError:
            shapes = f"{limits[0].shape} and {limits[1].shape}"
            raise InvalidInput(f"tau_low and tau_high must broadcast, got the shapes {shapes}") from None
        wrong = ~((low >= 0) & (low <= high))  # also true of NaN
        if wrong.any():
            first = f"{low[wrong][0]:g} and {high[wrong][0]:g}"
            raise InvalidInput(f"tau_low and tau_high must fulfil 0 <= tau_low <= tau_high, got {first}")
        return np.asarray(self._integral(low, high), dtype=np.float64)

    def cell_average(self, edges: ArrayLike) -> FloatArray:
        """Average of γ over cells in ln τ, lines and density together.

        Parameters
        ----------
        edges : array_like, shape [cell + 1]
            Relaxation times in s between which the cells lie, rising.

        Returns
        -------
        ndarray, shape [cell]
            Ohm per unit ln τ.

        Raises
        ------
        InvalidInput
            If there are fewer than two edges or they are not above 0 and rising.
        """
        tau = positive("edges", edges)
        if tau.ndim != 1 or tau.size < 2 or (np.diff(tau) <= 0).any():
            raise InvalidInput("edges must be one row of at least two relaxation times that rise")
        return self.integral(tau[:-1], tau[1:]) / np.diff(np.log(tau))

    def __add__(self, other: Element) -> Circuit:
        if not isinstance(other, Element):
            return NotImplemented
        return Circuit((self, other))

    # the formulas, on checked arguments

    @abstractmethod
    def _impedance(self, s: ComplexArray) -> ComplexArray:
        """Z at s = iω in rad/s."""

    def _gamma(self, tau: FloatArray) -> FloatArray:
        return np.zeros(tau.shape)

    def _lines(self, count: int) -> Lines:
        return Lines(np.empty(0), np.empty(0))

    def _integral(self, low: FloatArray, high: FloatArray) -> FloatArray:
        return np.zeros(low.shape)


@dataclass(frozen=True)
class Resistor(Element):
    """Z = R, in ohm."""

    R: float

    @property
    def R_inf(self) -> float:
        """Ohmic resistance in ohm."""
        return self.R

    def _impedance(self, s: ComplexArray) -> ComplexArray:
        return self.R + 0 * s


@dataclass(frozen=True)
class Inductor(Element):
    """Z = iωL, L in H."""

    L: float

    @property
    def L_0(self) -> float:
        """Series inductance in H."""
        return self.L

    def _impedance(self, s: ComplexArray) -> ComplexArray:
        return self.L * s


@dataclass(frozen=True)
class Capacitor(Element):
    """Z = 1/(iωC), C in F."""

    C: float

    @property
    def C_0(self) -> float:
        """Series capacitance in F."""
        return self.C

    def _impedance(self, s: ComplexArray) -> ComplexArray:
        return 1 / (self.C * s)


@dataclass(frozen=True)
class Circuit(Element):
    """Elements in series.

    Parameters
    ----------
    elements : sequence of Element
        At least one; circuits among them are taken apart.

    Raises
    ------
    InvalidInput
        If there is no element, or something else among them.

    Examples
    --------
    >>> from drtengine.simulate import ZARC, Circuit, Resistor
    >>> cell = Circuit([Resistor(10), ZARC(50, 1e-3, 0.8), ZARC(50, 1e-1, 0.8)])
    >>> cell.R_inf, cell.R_pol
    (10.0, 100.0)
    >>> round(float(cell.integral(1e-5, 1e-2)), 3)
    49.693
    """

    elements: Sequence[Element]

    def __post_init__(self) -> None:
        flat: list[Element] = []
        for element in self.elements:
            if not isinstance(element, Element):
                raise InvalidInput(f"Circuit: elements must be circuit elements, got {element!r}")
            flat.extend(element.elements if isinstance(element, Circuit) else [element])
        if not flat:
            raise InvalidInput("Circuit: elements must hold at least one element")
        object.__setattr__(self, "elements", tuple(flat))

    @property
    def R_inf(self) -> float:
        """Sum of the ohmic resistances in ohm."""
        return sum(element.R_inf for element in self.elements)

    @property
    def R_pol(self) -> float:
        """Sum of all relaxing resistances in ohm."""
        return sum(element.R_pol for element in self.elements)

    @property
    def L_0(self) -> float:
        """Sum of the inductances in H."""
        return sum(element.L_0 for element in self.elements)

    @property
    def C_0(self) -> float:
        """Capacitance of all capacitances in series, in F; infinite where direct current passes."""
        elastance = sum(1 / element.C_0 for element in self.elements)
        return 1 / elastance if elastance > 0 else np.inf

    def _impedance(self, s: ComplexArray) -> ComplexArray:
        return sum((element._impedance(s) for element in self.elements), np.zeros_like(s))

    def _gamma(self, tau: FloatArray) -> FloatArray:
        return sum((element._gamma(tau) for element in self.elements), np.zeros(tau.shape))

    def _lines(self, count: int) -> Lines:
        parts = [element._lines(count) for element in self.elements]
        tau, R = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        return Lines(tau, R, sum(part.remainder for part in parts))

    def _integral(self, low: FloatArray, high: FloatArray) -> FloatArray:
        return sum((element._integral(low, high) for element in self.elements), np.zeros(low.shape))


def positive(name: str, values: ArrayLike) -> FloatArray:
    """Return `values` as floats.

    Raises
    ------
    InvalidInput
        If one of them is not finite and above 0; the message names the argument.
    """
    array = _real(name, values)
    wrong = ~(np.isfinite(array) & (array > 0))
    if wrong.any():
        raise InvalidInput(f"{name} must be finite and above 0, got {array[wrong][0]:g}")
    return array


def _real(name: str, values: ArrayLike) -> FloatArray:
    raw = np.asarray(values)
    if raw.dtype.kind not in "fiu":
        raise InvalidInput(f"{name} must hold real numbers, got {raw.dtype}")
    return raw.astype(np.float64)
