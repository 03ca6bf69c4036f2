"""Random distributions of relaxation times of six families, with their exact impedance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import ndtr

from drtengine.simulate import RC, ZARC, Circuit, HavriliakNegami, Resistor, add_noise
from drtengine.spectrum import ComplexArray, FloatArray

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
TAU = np.geomspace(1e-6, 10**1.5, 401)
"""Where errors of gamma are counted, s."""

LINE_WIDTH = 0.15
"""A line has no height: where there are lines, truth and estimate are both smoothed by a normal of as many decades."""

_STEP = np.log(TAU[1] / TAU[0])
_EDGES = np.exp(np.log(TAU[0]) + _STEP * (np.arange(TAU.size + 1) - 0.5))
_FINE = np.linspace(np.log(1e-11), np.log(1e7), 6001)
"""Cells on which a density is constant: what is simulated is this step function, so its impedance is exact."""

Cumulative = Callable[[FloatArray], FloatArray]
"""Resistance below ln(tau)."""


@dataclass(frozen=True)
class Sample:
    """One random spectrum: exact impedance, gamma averaged over the cells around `TAU`, and the noise to be added."""

    Z: ComplexArray
    gamma: FloatArray
    noise: float
    kind: str = "proportional"
    has_lines: bool = False

    def measured(self, rng: np.random.Generator) -> ComplexArray:
        """Z with noise."""
        return add_noise(self.Z, self.noise, kind=self.kind, seed=rng)

    def error(self, gamma: FloatArray) -> float:
        """Relative error of an estimate at `TAU`, root of the sum of squares."""
        pair = np.stack([gamma, self.gamma])
        if self.has_lines:
            pair = gaussian_filter1d(pair, LINE_WIDTH * np.log(10) / _STEP, axis=1, mode="constant")
        return float(np.linalg.norm(pair[0] - pair[1]) / np.linalg.norm(pair[1]))


def _level(rng: np.random.Generator) -> float:
    return float(10 ** rng.uniform(-3, -2))


def _resistance(rng: np.random.Generator) -> float:
    return float(10 ** rng.uniform(1, 2))


def _tau(rng: np.random.Generator) -> float:
    return float(10 ** rng.uniform(-4, 0.5))


def _of_circuit(circuit: Circuit, noise: float, kind: str = "proportional") -> Sample:
    return Sample(
        circuit.impedance(FREQUENCY), circuit.cell_average(_EDGES), noise, kind, has_lines=circuit.lines().R.size > 0
    )


def _of_cumulative(parts: list[Cumulative], noise: float) -> Sample:
    resistance = np.diff(sum(part(_FINE) for part in parts))
    below = np.concatenate([[0.0], np.cumsum(resistance)])
    s = 2j * np.pi * FREQUENCY[:, None] * np.exp(_FINE)
    kernel = np.diff(_FINE - np.log1p(s), axis=1) / np.diff(_FINE)
    gamma = np.diff(np.interp(np.log(_EDGES), _FINE, below)) / _STEP
    return Sample(10 + kernel @ resistance, gamma, noise)


def _mixture(rng: np.random.Generator) -> Circuit:
    elements = [
        HavriliakNegami(_resistance(rng), _tau(rng), rng.uniform(0.65, 1), rng.uniform(0.5, 1))
        for _ in range(rng.integers(1, 4))
    ]
    return Circuit([Resistor(10), *elements])


def mixtures(rng: np.random.Generator) -> Sample:
    """One to three Havriliak-Negami elements."""
    return _of_circuit(_mixture(rng), _level(rng))


def mixtures_constant_noise(rng: np.random.Generator) -> Sample:
    """The same, with noise that is everywhere as large."""
    return _of_circuit(_mixture(rng), _level(rng), "constant")


def lognormals(rng: np.random.Generator) -> Sample:
    """One to four normals in ln(tau) with standard deviations of 0.3 to 2."""

    def one() -> Cumulative:
        R, centre, width = _resistance(rng), np.log(_tau(rng)), rng.uniform(0.3, 2)
        return lambda x: R * ndtr((x - centre) / width)

    return _of_cumulative([one() for _ in range(rng.integers(1, 5))], _level(rng))


def gaussian_processes(rng: np.random.Generator) -> Sample:
    """ln(gamma) is a Gaussian process of length 0.8 to 3 in ln(tau) on an arch."""
    x = np.linspace(_FINE[0], _FINE[-1], 151)
    length, size = rng.uniform(0.8, 3), rng.uniform(0.5, 2)
    covariance = np.exp(-0.5 * ((x[:, None] - x) / length) ** 2) + 1e-8 * np.eye(x.size)
    process = size * np.linalg.cholesky(covariance) @ rng.standard_normal(x.size)
    arch = -0.5 * np.abs((x - np.log(10 ** rng.uniform(-3, -0.5))) / rng.uniform(3, 5)) ** 4
    middle = (_FINE[1:] + _FINE[:-1]) / 2
    density = np.exp(np.interp(middle, x, process + arch))
    below = np.concatenate([[0.0], np.cumsum(density)])
    R = _resistance(rng)
    return _of_cumulative([lambda at: R * np.interp(at, _FINE, below / below[-1])], _level(rng))


def with_lines(rng: np.random.Generator) -> Sample:
    """One or two ZARCs and one or two RC elements, which are lines."""
    zarcs = [ZARC(_resistance(rng), _tau(rng), rng.uniform(0.65, 1)) for _ in range(rng.integers(1, 3))]
    lines = [RC(_resistance(rng), _tau(rng)) for _ in range(rng.integers(1, 3))]
    return _of_circuit(Circuit([Resistor(10), *zarcs, *lines]), _level(rng))


def angular(rng: np.random.Generator) -> Sample:
    """One or two boxes, triangles or Gumbel distributions in ln(tau)."""

    def one() -> Cumulative:
        R, centre, half = _resistance(rng), np.log(_tau(rng)), rng.uniform(0.5, 3)
        match rng.integers(3):
            case 0:
                return lambda x: R * np.clip((x - centre + half) / (2 * half), 0, 1)
            case 1:
                return lambda x: R * _below_triangle(np.clip((x - centre) / half, -1, 1))
            case _:
                side = rng.choice([-1, 1])
                return lambda x: R * side * np.exp(-np.exp(-side * (x - centre) / (half / 2)))

    return _of_cumulative([one() for _ in range(rng.integers(1, 3))], _level(rng))


def _below_triangle(u: FloatArray) -> FloatArray:
    return np.where(u < 0, (1 + u) ** 2 / 2, 1 - (1 - u) ** 2 / 2)


FAMILIES: dict[str, Callable[[np.random.Generator], Sample]] = {
    "Havriliak-Negami mixtures": mixtures,
    "lognormals": lognormals,
    "exp of a Gaussian process": gaussian_processes,
    "ZARCs with RC lines": with_lines,
    "boxes, triangles, Gumbel": angular,
    "mixtures, constant noise": mixtures_constant_noise,
}
