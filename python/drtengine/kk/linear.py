"""Causal models fitted to the spectra of one frequency grid, and the statistics of what they leave.

The model is linear: a resistance, an inductance, a capacitance and Debye relaxations at given times, in
series for the impedance and in parallel for the admittance. Boukamp, J. Electrochem. Soc. 142, 1885 (1995),
doi:10.1149/1.2044210; Schönleber, Klotz, Ivers-Tiffée, Electrochim. Acta 131, 20 (2014),
doi:10.1016/j.electacta.2014.01.034.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._native import core
from ..options import PARTS
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray

if TYPE_CHECKING:
    from .._core import KkProblem

N_FREE = 3
"""Elements before the relaxations: R, L and 1/C; for an admittance 1/R, C and 1/L."""

_MOST_COSINES = 2.0
"""Turns of the phase that are tested for, for each decade."""
_SPARE = 11
"""Degrees of freedom that are left to the noise at least."""
FEWEST_COSINES = 3


@dataclass(frozen=True)
class Elements:
    """What the model is made of, apart from the number of its relaxations."""

    admittance: bool = False
    inductance: bool = True
    capacitance: bool = True
    part: str = "both"


@dataclass(frozen=True)
class Grid:
    """Spectra that share their frequencies, sorted from high to low.

    Attributes
    ----------
    frequency : ndarray, shape [point]
    Z : ndarray, shape [spectrum, point]
    weights : ndarray, shape [spectrum, point]
        Relative to 1/abs(Z), mean square one over the points used; zero leaves a point out.
    time : ndarray, shape [1 or spectrum, point]
        When a point was measured, from 0 to 1.
    n_threads : int
    """

    frequency: FloatArray
    Z: ComplexArray
    weights: FloatArray
    time: FloatArray
    n_threads: int = 1

    @property
    def decades(self) -> float:
        """Width of the grid."""
        return float(np.log10(self.frequency[0] / self.frequency[-1]))

    def take(self, rows: IntArray | BoolArray, points: slice | BoolArray = slice(None)) -> Grid:
        """Give some of the spectra, on some of the points."""
        time = self.time if len(self.time) == 1 else self.time[rows]
        return Grid(
            self.frequency[points], self.Z[rows][:, points], self.weights[rows][:, points], time[:, points],
            self.n_threads,
        )  # fmt: skip

    def without(self, points: BoolArray) -> Grid:
        """Give the same spectra with points left out, [spectrum, point]."""
        return Grid(self.frequency, self.Z, np.where(points, 0.0, self.weights), self.time, self.n_threads)

    def problem(self, elements: Elements) -> KkProblem:
        """State the problem as the core takes it."""
        X = 1 / self.Z if elements.admittance else self.Z
        return {
            "omega": 2 * np.pi * self.frequency,
            "admittance": elements.admittance,
            "inductance": elements.inductance,
            "capacitance": elements.capacitance,
            "part": PARTS.index(elements.part),
            "X": np.ascontiguousarray(X),
            "weights": np.empty((0, 0)) if (self.weights == 1).all() else np.ascontiguousarray(self.weights),
            "time": np.ascontiguousarray(self.time),
            "n_threads": self.n_threads,
            "progress": None,
        }


def sweep_time(frequency: FloatArray) -> FloatArray:
    """Guess when the points of a sweep were measured: one after the other, three periods and half a second each."""
    order = np.argsort(-frequency, kind="stable")
    time = np.empty(frequency.size)
    time[order] = np.cumsum(0.5 + 3 / frequency[order])
    return time


def relaxation_times(frequency: FloatArray, density: float, extension: float) -> FloatArray:
    """Place times on a logarithmic scale, `density` a decade, reaching `extension` decades beyond the window."""
    low, high = -np.log10(2 * np.pi * frequency.max()) - extension, -np.log10(2 * np.pi * frequency.min()) + extension
    return np.logspace(low, high, round(density * (high - low)) + 1)


def mu_of(relaxations: FloatArray) -> FloatArray:
    """1 - (sum of the negative relaxations)/(sum of the positive ones), 0 where there is no positive one."""
    positive = np.where(relaxations > 0, relaxations, 0).sum(axis=-1)
    negative = np.where(relaxations < 0, -relaxations, 0).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(positive > 0, 1 - negative / positive, 0.0)


@dataclass(frozen=True)
class Fit:
    """A fit of one model to the spectra of a grid, and the test of its residual.

    Sizes are relative to abs(Z), of each part. What needs the test is empty without it.

    Attributes
    ----------
    elements : ndarray, shape [spectrum, element]
    residual, rest : ndarray, shape [spectrum, point]
        (X - fit)/abs(X): of the causal model, and after the smooth remainders took their part.
    noise : ndarray, shape [spectrum]
        Standard deviation of each part, from `rest`, corrected for the degrees of freedom.
    structure : ndarray, shape [spectrum]
        Root mean square of the smooth remainder, above what noise alone makes of it.
    p_value : ndarray, shape [spectrum]
        Probability that noise alone makes such a remainder.
    drift, u_drift : ndarray, shape [spectrum]
        Change of all of Z during the sweep, and its standard uncertainty.
    leverage : ndarray, shape [spectrum, point, part]
    degrees : ndarray, shape [spectrum]
        Degrees of freedom of the noise.
    failed : ndarray of bool, shape [spectrum]
    """

    tau: FloatArray
    model: Elements
    elements: FloatArray
    residual: ComplexArray
    noise: FloatArray
    degrees: FloatArray
    failed: BoolArray
    rest: ComplexArray = field(default_factory=lambda: np.empty((0, 0), np.complex128))
    structure: FloatArray = field(default_factory=lambda: np.empty(0))
    p_value: FloatArray = field(default_factory=lambda: np.empty(0))
    drift: FloatArray = field(default_factory=lambda: np.empty(0))
    u_drift: FloatArray = field(default_factory=lambda: np.empty(0))
    leverage: FloatArray = field(default_factory=lambda: np.empty((0, 0, 2)))

    def residual_of(self, Z: ComplexArray) -> ComplexArray:
        """(Z - fit)/abs(Z), also where the admittance was fitted [spectrum, point]."""
        if not self.model.admittance:
            return self.residual
        modulus = np.abs(Z)
        return np.asarray((Z - 1 / (1 / Z - self.residual / modulus)) / modulus)


def n_cosines(grid: Grid, n_unknowns: int) -> int:
    """Count how many turns of the phase the test looks for, as far as there are data for it."""
    spare = 2 * grid.frequency.size - n_unknowns - _SPARE
    return min(max(round(_MOST_COSINES * grid.decades) + 1, FEWEST_COSINES), spare)


def densest(frequency: FloatArray, extension: float) -> float:
    """Relaxation times a decade that so many points can determine beside the smallest test."""
    spare = 2 * frequency.size - N_FREE - _SPARE - FEWEST_COSINES - 1
    return float(spare / (np.log10(frequency.max() / frequency.min()) + 2 * extension))


def fit(grid: Grid, tau: FloatArray, model: Elements) -> Fit:
    """Fit a model with given relaxation times."""
    elements, residual, _, _, squares, _, _, status = core.fit_lin_kk(grid.problem(model), tau, 0, False)
    used = (grid.weights > 0).sum(axis=1)
    parts, unknowns = (2, N_FREE) if model.part == "both" else (1, 1)
    degrees = np.maximum(parts * used - tau.size - unknowns, 1).astype(np.float64)
    return Fit(tau, model, elements, complex_pairs(residual), np.sqrt(squares / degrees), degrees, status != 0)


def fit_and_test(grid: Grid, *, admittance: bool, density: float, extension: float, leverage: bool = False) -> Fit:
    """Fit a model of given density and test its residual for smooth remainders.

    The remainders are a drift of all of Z in time, and turns of the phase that are smooth in the logarithm of the
    frequency, both multiplied by the fitted (not the measured) spectrum. Their scores, after the causal model, are
    independent and have the variance of the noise where the spectrum is valid. Slow ones weigh more.
    """
    from scipy.special import fdtrc

    tau = relaxation_times(grid.frequency, density, extension)
    unknowns = tau.size + N_FREE
    count = n_cosines(grid, unknowns)
    model = Elements(admittance=admittance)
    elements, residual, rest, scores, squares, drift_scale, hat, status = core.fit_lin_kk(
        grid.problem(model), tau, count, leverage
    )
    data = 2.0 * (grid.weights > 0).sum(axis=1)
    q = count + 1
    degrees = data - unknowns - q
    variance = squares / degrees
    weights = np.concatenate([[1.0], np.exp(-np.arange(count) / grid.decades)])
    effective = weights.sum() ** 2 / (weights**2).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = fdtrc(effective, degrees, (scores**2 * weights).sum(axis=1) / weights.sum() / variance)
        structure = np.sqrt(np.maximum((scores**2).sum(axis=1) - q * variance, 0) / data)
        drift, u_drift = scores[:, 0] / drift_scale, np.sqrt(variance) / drift_scale
    return Fit(
        tau, model, elements, complex_pairs(residual), np.sqrt(variance), degrees, status != 0, complex_pairs(rest),
        structure, p_value, drift, u_drift, hat.reshape(len(hat), hat.shape[1] // 2, 2),
    )  # fmt: skip


def complex_pairs(pairs: NDArray[Any]) -> ComplexArray:
    """Read pairs of columns as complex numbers."""
    return np.ascontiguousarray(pairs).view(np.complex128)
