"""How many relaxations are enough and not too many, judged from fits with 1, 2, 3, ... of them.

After V. Yrjänä, J. Bobacka, Electrochim. Acta 504, 144951 (2024), doi:10.1016/j.electacta.2024.144951, whose criteria
are numbered in parentheses here; curvatures as in C. Plank, T. Rüther, M. A. Danzer, IWIS (2022),
doi:10.1109/IWIS57888.2022.9975131. They follow how the authors' program describes them; its numbers were not
compared, and there are differences. The fits are complex and weighted by 1/abs(Z), and curvatures are taken at the
measured frequencies alone. Each criterion decides by itself between the two limits below, where the authors
combine several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._native import core
from ..spectrum import BoolArray, FloatArray, IntArray
from .linear import N_FREE, Elements, Grid

_LEVEL = 2.0
"""Lower limit: from here on chi2 stays within this factor of where it levels off, so that more improve little."""
_CLOSEST = 4.0
"""Upper limit: before sign changes of the curvature come closer than so many points on average."""
_DISTANCE_POWER = 0.75
"""Of the distance to `mu_stop`, by which (1) divides."""
_CHUNK = 256
"""Spectra whose fits are held at a time."""


@dataclass(frozen=True)
class Trial:
    """Fits of a number of relaxations to spectra, and what they are judged by.

    Attributes
    ----------
    relaxations : ndarray, shape [spectrum, relaxation]
        R_k of the impedance, C_k of the admittance.
    tau : ndarray, shape [relaxation]
    curvature : ndarray, shape [spectrum, point - 2]
        Of the fitted curve in the complex plane.
    mu, chi2 : ndarray, shape [spectrum]
        Pseudo chi2 is the sum of the squared relative residuals.
    """

    relaxations: FloatArray
    tau: FloatArray
    curvature: FloatArray
    mu: FloatArray
    chi2: FloatArray

    @property
    def sign_changes(self) -> FloatArray:
        """How often the curvature changes its sign [spectrum]."""
        return np.asarray(self._turns.sum(axis=1).astype(np.float64))

    @property
    def distance(self) -> FloatArray:
        """Points between the sign changes on average; all points where there is less than two [spectrum]."""
        turns = self._turns
        count = turns.sum(axis=1)
        span = turns.shape[1] - turns[:, ::-1].argmax(axis=1) - turns.argmax(axis=1) - 1
        return np.asarray(np.where(count >= 2, span / np.maximum(count - 1, 1), turns.shape[1] + 3))

    @property
    def _turns(self) -> BoolArray:
        above = self.curvature > 0
        return np.asarray(above[:, 1:] != above[:, :-1])


def _mu_score(trial: Trial, mu_stop: float) -> FloatArray:
    """-log10(chi2) over a power of the distance of mu below `mu_stop` (1), which no single low mu can end early."""
    below = trial.mu < mu_stop
    with np.errstate(divide="ignore"):
        score = np.log10(trial.chi2) / np.where(below, mu_stop - trial.mu, 1) ** _DISTANCE_POWER
    return np.where(below, score, np.inf)


def _norm(trial: Trial, _: float) -> FloatArray:
    """Norm of the relaxations over their number (2)."""
    return np.asarray(np.sqrt((trial.relaxations**2).sum(axis=1)) / trial.tau.size)


def _curvature(trial: Trial, _: float) -> FloatArray:
    """Norm of the curvatures along the fitted spectrum (3)."""
    return np.asarray(np.sqrt((trial.curvature**2).sum(axis=1)))


def _sign_changes(trial: Trial, _: float) -> FloatArray:
    """How often the curvature changes its sign (4)."""
    return trial.sign_changes


def _sign_distance(trial: Trial, _: float) -> FloatArray:
    """Mean distance between the sign changes (5), largest at the best."""
    return -trial.distance


def _apex(trial: Trial, _: float) -> FloatArray:
    """Fall of log sum abs(tau/R) below its apex (6)."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log((trial.tau / np.abs(trial.relaxations)).sum(axis=1)))


Criterion = Callable[[Trial, float], FloatArray]
CRITERIA: dict[str, Criterion] = {
    "mu_score": _mu_score,
    "norm": _norm,
    "curvature": _curvature,
    "sign_changes": _sign_changes,
    "sign_distance": _sign_distance,
    "apex": _apex,
}
"""Each is smallest where the number is right; of equals the smaller number counts."""


def choose(
    grid: Grid, elements: Elements, tau_range: tuple[float, float], most: int, criterion: str, mu_stop: float
) -> IntArray:
    """Choose the number of relaxations of each spectrum of a grid by a criterion.

    Returns
    -------
    ndarray of int, shape [spectrum]
        The lower limit where no number between the limits meets the criterion.
    """
    chosen = [
        _choose(
            grid.take(np.arange(first, min(first + _CHUNK, len(grid.Z)))), elements, tau_range, most, criterion, mu_stop
        )
        for first in range(0, len(grid.Z), _CHUNK)
    ]
    return np.concatenate(chosen)


def _choose(
    grid: Grid, elements: Elements, tau_range: tuple[float, float], most: int, criterion: str, mu_stop: float
) -> IntArray:
    mu, chi2, found, _, _ = core.scan_lin_kk(grid.problem(elements), *tau_range, most, 0.0, True)
    found = found.reshape(len(chi2), most, -1)
    level = np.median(chi2[:, most - most // 3 - 1 :], axis=1)
    enough = chi2 <= _LEVEL * level[:, None]
    allowed = np.logical_and.accumulate(enough[:, ::-1], axis=1)[:, ::-1]
    lowest = np.where(allowed.any(axis=1), allowed.argmax(axis=1), most - 1)
    calm, values = np.ones(chi2.shape, dtype=bool), np.full(chi2.shape, np.inf)
    for count in range(1, most + 1):
        tau = np.geomspace(*tau_range, count) if count > 1 else np.array([tau_range[1]])
        kernel = _columns(grid.frequency, tau, elements)
        mine = np.ascontiguousarray(found[:, count - 1, : N_FREE + count])
        real, imag = (core.multiply_rows(mine, np.ascontiguousarray(part.T)) for part in (kernel.real, kernel.imag))
        relaxations = mine[:, N_FREE:] * tau if elements.admittance else mine[:, N_FREE:]
        trial = Trial(relaxations, tau, curvatures(real, imag), mu[:, count - 1], chi2[:, count - 1])
        calm[:, count - 1] = trial.distance >= _CLOSEST
        values[:, count - 1] = CRITERIA[criterion](trial, mu_stop)
    number = np.arange(most)
    calm |= number <= lowest[:, None]
    allowed &= np.logical_and.accumulate(calm, axis=1)
    values = np.where(allowed, values, np.inf)
    return np.asarray(np.where(np.isfinite(values).any(axis=1), values.argmin(axis=1), lowest) + 1)


def _columns(frequency: FloatArray, tau: FloatArray, elements: Elements) -> np.ndarray:
    """Give what a unit of each element contributes [point, element]."""
    s = 2j * np.pi * frequency[:, None]
    relaxations = s * tau / (1 + s * tau) if elements.admittance else 1 / (1 + s * tau)
    return np.hstack([np.ones_like(s), s, 1 / s, relaxations])


def curvatures(real: FloatArray, imag: FloatArray) -> FloatArray:
    """Curvature of a curve in the complex plane: of the circles through three neighbours [spectrum, point - 2]."""
    x, y = np.diff(real, axis=1), np.diff(imag, axis=1)
    across = x[:, :-1] * y[:, 1:] - y[:, :-1] * x[:, 1:]
    sides = np.hypot(x, y)
    chord = np.hypot(real[:, 2:] - real[:, :-2], imag[:, 2:] - imag[:, :-2])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nan_to_num(2 * across / (sides[:, 1:] * sides[:, :-1] * chord), posinf=0, neginf=0))
