"""How many relaxations are enough and not too many, judged from fits with 1, 2, 3, ... of them.

After V. Yrjänä, J. Bobacka, Electrochim. Acta 504, 144951 (2024), doi:10.1016/j.electacta.2024.144951, whose criteria
are numbered in parentheses here. The fits are weighted by 1/abs(Z). Their lower limit is read off log chi2 here as the
first number from which chi2 stays within a factor of two of where it levels off; the upper one is the
end of the search.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._native import core
from ..spectrum import FloatArray, IntArray
from .linear import N_FREE, Elements, Grid

_LEVEL = 2.0
_CHUNK = 256
"""Spectra whose fits are held at a time."""

Criterion = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]


def _norm(R: FloatArray, tau: FloatArray, *_: FloatArray) -> FloatArray:
    """Norm of the relaxations over their number (2)."""
    return np.asarray(np.sqrt((R**2).sum(axis=1)) / tau.size)


def _curvature(_: FloatArray, __: FloatArray, real: FloatArray, imag: FloatArray) -> FloatArray:
    """Norm of the curvatures along the fitted spectrum (3)."""
    return np.asarray(np.sqrt((_curvatures(real, imag) ** 2).sum(axis=1)))


def _sign_changes(_: FloatArray, __: FloatArray, real: FloatArray, imag: FloatArray) -> FloatArray:
    """How often the curvature changes its sign (4)."""
    above = _curvatures(real, imag) > 0
    return np.asarray((above[:, 1:] != above[:, :-1]).sum(axis=1).astype(np.float64))


def _apex(R: FloatArray, tau: FloatArray, *_: FloatArray) -> FloatArray:
    """Fall of log sum abs(tau/R) below its apex (6)."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log((tau / np.abs(R)).sum(axis=1)))


CRITERIA: dict[str, Criterion] = {
    "norm": _norm,
    "curvature": _curvature,
    "sign_changes": _sign_changes,
    "apex": _apex,
}
"""Each is smallest where the number is right; of equals the smaller number counts."""


def choose(grid: Grid, elements: Elements, tau_range: tuple[float, float], most: int, criterion: str) -> IntArray:
    """Choose the number of relaxations of each spectrum of a grid by a criterion.

    Returns
    -------
    ndarray of int, shape [spectrum]
    """
    chosen = [
        _choose(grid.take(np.arange(first, min(first + _CHUNK, len(grid.Z)))), elements, tau_range, most, criterion)
        for first in range(0, len(grid.Z), _CHUNK)
    ]
    return np.concatenate(chosen)


def _choose(grid: Grid, elements: Elements, tau_range: tuple[float, float], most: int, criterion: str) -> IntArray:
    _, chi2, found, _, _ = core.scan_lin_kk(grid.problem(elements), *tau_range, most, 0.0, True)
    found = found.reshape(len(chi2), most, -1)
    level = np.median(chi2[:, most - most // 3 - 1 :], axis=1)
    low = chi2 <= _LEVEL * level[:, None]
    allowed = np.logical_and.accumulate(low[:, ::-1], axis=1)[:, ::-1]
    values = np.full(chi2.shape, np.inf)
    for count in range(1, most + 1):
        tau = np.geomspace(*tau_range, count) if count > 1 else np.array([tau_range[1]])
        kernel = _columns(grid.frequency, tau, elements)
        mine = np.ascontiguousarray(found[:, count - 1, : N_FREE + count])
        real, imag = (core.multiply_rows(mine, np.ascontiguousarray(part.T)) for part in (kernel.real, kernel.imag))
        values[:, count - 1] = CRITERIA[criterion](mine[:, N_FREE:], tau, real, imag)
    return np.asarray(np.where(allowed, values, np.inf).argmin(axis=1) + 1)


def _columns(frequency: FloatArray, tau: FloatArray, elements: Elements) -> np.ndarray:
    """Give what a unit of each element contributes [point, element]."""
    s = 2j * np.pi * frequency[:, None]
    relaxations = s * tau / (1 + s * tau) if elements.admittance else 1 / (1 + s * tau)
    return np.hstack([np.ones_like(s), s, 1 / s, relaxations])


def _curvatures(real: FloatArray, imag: FloatArray) -> FloatArray:
    """Curvature of the curve in the complex plane, by differences of neighbouring points."""
    x1, y1 = np.gradient(real, axis=1), np.gradient(imag, axis=1)
    x2, y2 = np.gradient(x1, axis=1), np.gradient(y1, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num((x1 * y2 - y1 * x2) / (x1**2 + y1**2) ** 1.5, posinf=0, neginf=0)
