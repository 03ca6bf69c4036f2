"""Whether Z'' has its true sign: a quick suspicion, and a fit that confirms it."""

from __future__ import annotations

import numpy as np

from ._native import core
from .basis import SHAPES, Basis, tau_grid
from .spectrum import BoolArray, ComplexArray, FloatArray, looks_flipped

# Tried on 180,000 spectra of random circuits (relaxations, finite Warburg, blocking electrodes, inductive loops,
# negative resistances, long leads) of 10 to 71 points with noise up to 5 %: no valid one is accused.
_GAIN = 2.0
_LAMBDA = 1e-3


def are_flipped(frequency: FloatArray, Z: ComplexArray) -> BoolArray:
    """Whether the sign of Z'' is wrong beyond doubt.

    True where Z'' contradicts the change of Z' (`looks_flipped`) and the conjugate spectrum fits a
    model of resistance, inductance, capacitance and gamma >= 0 with less than half the misfit.
    Spectra that no such model fits, with inductive loops or of a cell that drifts, fit
    neither way and are not accused.

    Parameters
    ----------
    frequency : ndarray, shape [point]
        In Hz, finite, positive and distinct, in any order.
    Z : ndarray, shape [spectrum, point]
        In ohm, finite.

    Returns
    -------
    ndarray of bool, shape [spectrum]
    """
    flipped = looks_flipped(frequency, Z)
    if flipped.any():
        suspects = Z[flipped]
        flipped[flipped] = _misfit(frequency, suspects) > _GAIN * _misfit(frequency, suspects.conj())
    return flipped


def _misfit(frequency: FloatArray, Z: ComplexArray) -> FloatArray:
    """Root mean square residual relative to abs(Z) [spectrum]."""
    nodes = tau_grid(frequency.min(), frequency.max(), frequency, None)[::2]
    basis = Basis.on(nodes, SHAPES[0])
    kernel = basis.kernel(frequency)
    modulus = np.maximum(np.abs(Z), 1e-6 * np.abs(Z).max(axis=1, keepdims=True))
    _, free, parts, *_ = core.solve_ridge(
        {
            "shape": basis.key[0],
            "epsilon": basis.epsilon,
            "log_tau": basis.key[2],
            "omega": 2 * np.pi * frequency,
            "order": 1,
            "inductance": True,
            "capacitance": True,
            "part": 0,
            "Z": np.ascontiguousarray(Z),
            "weights": 1 / modulus,
            "nonneg": True,
            "n_threads": 1,
            "progress": None,
        },
        # the core scales weights to a mean square of one; this keeps lambda relative to the median of abs(Z)
        _LAMBDA / (np.mean(modulus**-2, axis=1) * np.median(modulus, axis=1) ** 2),
        np.ascontiguousarray(np.hstack([kernel.real.T, kernel.imag.T])),
    )
    real, imag = np.split(parts, 2, axis=1)
    s = 2j * np.pi * frequency
    fit = real + 1j * imag + free @ np.array([np.ones(s.size), s, 1 / s])
    return np.asarray(np.sqrt(np.mean(np.abs((Z - fit) / modulus) ** 2, axis=1)))
