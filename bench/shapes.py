"""Distributions that nothing was tuned on, with their exact integrals: sums of humps and boxes in ln(tau)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from drtengine.simulate import Element, benchmark_cases
from drtengine.spectrum import ComplexArray, FloatArray


@dataclass(frozen=True)
class Smooth:
    """10 ohm in series with boxes in ln(tau), each from `low` to `high` (s), rounded by a normal of deviation `width`.

    A box without extent is a lognormal hump. Each holds R ohm.
    """

    parts: tuple[tuple[float, float, float, float], ...]  # R, low, high, width
    R_inf: float = 10.0

    def gamma(self, tau: FloatArray) -> FloatArray:
        """Ohm per unit ln(tau)."""
        x, total = np.log(tau), np.zeros(np.shape(tau))
        for R, low, high, width in self.parts:
            a, b = (x - np.log(low)) / width, (x - np.log(high)) / width
            if low == high:
                total += R * np.exp(-(a**2) / 2) / (width * np.sqrt(2 * np.pi))
            else:
                total += R * (ndtr(a) - ndtr(b)) / np.log(high / low)
        return total

    def integral(self, low: float, high: float) -> float:
        """Ohm between two relaxation times, s."""
        return float(self._below(high) - self._below(low))

    def _below(self, tau: float) -> float:
        def rising(a: float) -> float:  # int of ndtr
            return float(a * ndtr(a) + np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi))

        total, x = 0.0, np.log(tau)
        for R, start, end, width in self.parts:
            a, b = (x - np.log(start)) / width, (x - np.log(end)) / width
            total += R * (ndtr(a) if start == end else width * (rising(a) - rising(b)) / np.log(end / start))
        return total

    def impedance(self, frequency: FloatArray) -> ComplexArray:
        """By the trapezoid rule, which is exact to rounding for what is so smooth."""
        h = 0.02
        x = np.arange(-40.0, 25.0, h)
        debye = 1 / (1 + 2j * np.pi * np.multiply.outer(np.asarray(frequency), np.exp(x)))
        Z: ComplexArray = self.R_inf + h * (debye @ self.gamma(np.exp(x)))
        return Z


OWN: Mapping[str, Smooth] = {
    "lognormal pair": Smooth(((40, 2e-3, 2e-3, 0.8), (60, 0.2, 0.2, 1.0))),
    "shoulder": Smooth(((60, 0.05, 0.05, 0.8), (30, 4e-3, 4e-3, 1.1))),
    "rounded box": Smooth(((80, 3e-4, 0.1, 0.5),)),
}
"""Lognormal tails fall faster than the ends of the model are told to; the box is flat where others peak."""

CASES: Mapping[str, Element | Smooth] = {
    **{name: case for name, case in benchmark_cases().items() if name != "gerischer"},
    **OWN,
}
