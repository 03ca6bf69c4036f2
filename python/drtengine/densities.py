"""Densities of relaxation times in closed form.

The density follows from the impedance alone: γ is the jump of Z(s)/2πi across the
negative real axis at s = -1/τ (Fuoss and Kirkwood, 10.1021/ja01847a013). For
Z = R/(1+(iωτ_0)^α)^β, with x = (τ/τ_0)^α and θ the angle of x + e^{iπα}, between 0 and π,

    γ(τ) = (R/π) (x/|x + e^{iπα}|)^β sin(βθ)

in ohm per unit ln τ (Havriliak and Negami, 10.1016/0032-3861(67)90021-3).
"""

from __future__ import annotations

import numpy as np

from .spectrum import FloatArray

LARGEST_LN_X = 700.0
"""exp(700) is still a number; what lies beyond it is below 1e-300 of R."""


def havriliak_negami(ln_x: FloatArray, alpha: float | FloatArray, beta: float | FloatArray) -> FloatArray:
    """Density γ/R over ln τ at x = (τ/τ_0)^α.

    Parameters
    ----------
    ln_x : ndarray
        At most 700, so that x is a number.
    alpha, beta : float or ndarray
        Above 0 and at most 1, not both 1.

    Returns
    -------
    ndarray
        Infinite at x = 1 if `alpha` is 1.
    """
    # cos πα = -1 + versine of the gap to α = 1: this keeps all digits where x + cos πα almost vanishes
    gap = np.pi * (1 - alpha)
    versine = 2 * np.sin(gap / 2) ** 2
    theta = np.arctan2(np.sin(gap), np.expm1(ln_x) + versine)
    modulus = np.hypot(np.sin(gap), np.expm1(-np.abs(ln_x)) + versine)  # |x + e^{iπα}|/max(x, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.exp(beta * np.minimum(ln_x, 0)) * modulus**-beta * np.sin(beta * theta) / np.pi
    return np.where(modulus == 0, np.inf, value)
