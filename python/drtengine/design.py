"""Rows and columns of the linear problem, for what is computed outside of the core."""

from __future__ import annotations

import numpy as np

from .options import weights_on_grid
from .spectrum import BoolArray, ComplexArray, FloatArray, IntArray


def free_columns(f: FloatArray, *, inductance: bool, capacitance: bool) -> ComplexArray:
    """Kernel of the unknowns that are not penalised [frequency, unknown]: R_inf, and L_0 and C_0 if fitted.

    Those of L_0 and 1/C_0 are scaled to at most one: the unknowns are w_max L_0 and 1/(w_min C_0).
    """
    columns = [np.ones(f.size, dtype=complex)]
    if inductance:
        columns.append(1j * f / f.max())
    if capacitance:
        columns.append(-1j * f.min() / f)
    return np.stack(columns, axis=1)


def stack_parts(Z: ComplexArray) -> FloatArray:
    """Re, then Im, along the last axis."""
    return np.concatenate([Z.real, Z.imag], axis=-1)


def stacked_weights(rule: FloatArray | str, Z: ComplexArray, rows: IntArray, points: BoolArray) -> FloatArray:
    """Weights of Re, then Im [spectrum, 2 * point], of any scale."""
    own = weights_on_grid(rule, Z, rows, points)
    if own.size == 0:
        return np.ones((len(Z), 2 * Z.shape[1]))
    own = np.broadcast_to(own, (len(Z), own.shape[1]))
    return np.tile(own, 2) if own.shape == Z.shape else np.concatenate([own[:, ::2], own[:, 1::2]], axis=1)
