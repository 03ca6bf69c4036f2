"""Diffusion through a layer of finite thickness: the two finite Warburg elements, infinite sets of lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..spectrum import ComplexArray, FloatArray
from .elements import Element, Lines


@dataclass(frozen=True)
class FiniteWarburg(Element):
    """A finite Warburg element: lines τ_k = τ/(π(k-s))² with R_k = 2R τ_k/τ, k = 1, 2, ..., s the subclass's shift."""

    R: float
    tau: float

    shift: ClassVar[float]

    def _line_tau(self, k: FloatArray) -> FloatArray:
        return self.tau / (np.pi * (k - self.shift)) ** 2

    def _lines(self, count: int) -> Lines:
        tau = self._line_tau(np.arange(1.0, count + 1))
        return Lines(tau, 2 * self.R * tau / self.tau, float(self._sum_beyond(np.array(count))))

    def _integral(self, low: FloatArray, high: FloatArray) -> FloatArray:
        return self._sum_beyond(self._count(high)) - self._sum_beyond(self._count(low))

    def _count(self, tau: FloatArray) -> FloatArray:
        """How many lines are as slow as `tau` or slower."""
        with np.errstate(divide="ignore"):
            count = np.floor(np.sqrt(self.tau / tau) / np.pi + self.shift)
            # rounding must not move a line that stands exactly on `tau` to the other side
            count += self._line_tau(count + 1) >= tau
            count -= (count > 0) & (self._line_tau(count) < tau)
        return count

    def _sum_beyond(self, count: FloatArray) -> FloatArray:
        """Ohm in the lines faster than the first `count`, a Hurwitz zeta function."""
        from scipy.special import zeta

        beyond: FloatArray = 2 * self.R / np.pi**2 * zeta(2.0, count + 1 - self.shift)
        return beyond


@dataclass(frozen=True)
class TransmissiveWarburg(FiniteWarburg):
    """Diffusion to a boundary that lets through (finite-length, "short"), Z = R tanh√(iωτ)/√(iωτ).

    Lines τ_k = τ/(π(k-½))² with R_k = 2R τ_k/τ, together R; the slowest has 81 % of it.
    Boukamp, 10.1016/j.electacta.2017.08.154.

    Parameters
    ----------
    R : float
        Resistance at zero frequency in ohm.
    tau : float
        L²/D in s.
    """

    shift: ClassVar[float] = 0.5

    @property
    def R_pol(self) -> float:
        """Resistance at zero frequency in ohm."""
        return self.R

    def _impedance(self, s: ComplexArray) -> ComplexArray:
        root: ComplexArray = np.sqrt(s * self.tau)
        return self.R * np.tanh(root) / root


@dataclass(frozen=True)
class ReflectiveWarburg(FiniteWarburg):
    """Diffusion to a boundary that blocks (finite-space, "open"), Z = R coth√(iωτ)/√(iωτ).

    A series capacitance τ/R and lines τ_k = τ/(πk)² with R_k = 2R τ_k/τ, together R/3: the
    partial fractions of coth, as for the transmissive element.

    Parameters
    ----------
    R : float
        Ohm; three times the resistance in series with the capacitance at low frequency.
    tau : float
        L²/D in s.
    """

    shift: ClassVar[float] = 0.0

    @property
    def R_pol(self) -> float:
        """Sum of the lines in ohm, a third of R."""
        return self.R / 3

    @property
    def C_0(self) -> float:
        """Capacitance of the filled layer in F."""
        return self.tau / self.R

    def _impedance(self, s: ComplexArray) -> ComplexArray:
        root: ComplexArray = np.sqrt(s * self.tau)
        return self.R / (np.tanh(root) * root)
