"""Z-HIT: the modulus from the phase.

Ehm, Göhr, Kaus, Röseler, Schiller, ACH Models Chem. 137, 145 (2000); Schiller, Richter, Ivers-Tiffée, Wagner,
Z. Phys. Chem. 224, 1477 (2010), doi:10.1524/zpch.2010.0009.
"""

from __future__ import annotations

import numpy as np

from .._native import core
from ..errors import Status
from ..spectrum import FloatArray
from .limits import FAIL, PASS, WARN
from .linear import Grid
from .opinion import Opinion

WARN_AT, FAIL_AT = 0.03, 0.06
"""Deviation of the modulus. The formula itself is wrong by up to 2 % where the phase bends."""

_SECOND_TERM = -np.pi / 6
_HALF_WIDTH = 2
"""Points on each side over which the phase is smoothed by a parabola."""
_QUIET = (1.0, 1e3)
"""Hz between which the level of the modulus is taken: above the drift, below the leads."""
_FEWEST = 5


def reconstruct(grid: Grid) -> Opinion:
    """Reconstruct abs(Z) from the phase, up to a factor that is taken from the measurement.

    ln|Z(w)| = constant + 2/pi int phi d ln w - pi/6 dphi/d ln w, the phase smoothed by parabolas through five
    points, the constant the median between 1 Hz and 1 kHz. Declines where the phase jumps by more than half a turn.
    """
    phase = np.angle(grid.Z)
    wraps = (np.abs(np.diff(phase, axis=1)) > np.pi).any(axis=1)
    log_modulus = np.log(np.abs(grid.Z))
    shape = core.multiply_rows(np.ascontiguousarray(phase), np.ascontiguousarray(_operator(grid.frequency).T))
    quiet = (grid.frequency >= _QUIET[0]) & (grid.frequency <= _QUIET[1])
    if quiet.sum() < _FEWEST:
        quiet[:] = True
    shape += np.median((log_modulus - shape)[:, quiet], axis=1, keepdims=True)
    residual = grid.Z / np.abs(grid.Z) * (1 - np.exp(shape - log_modulus))
    size = np.abs(residual)
    # three in a row: a single noisy point says nothing
    worst = np.sort(np.stack([size[:, :-2], size[:, 1:-1], size[:, 2:]]), axis=0)[0].max(axis=1)
    at = size.argmax(axis=1)
    tier = np.where(worst >= FAIL_AT, FAIL, np.where(worst >= WARN_AT, WARN, PASS))
    reasons = [
        f"the modulus departs by {100 * size[i, k]:.2g} % at {grid.frequency[k]:.3g} Hz from what the phase tells"
        for i, k in enumerate(at)
    ]
    status = np.where(wraps, Status.PHASE_WRAPS, Status.OK)
    residual[wraps] = np.nan
    return Opinion(tier, residual, reasons, status)


def _operator(frequency: FloatArray) -> FloatArray:
    """Matrix that takes the phases of a grid to ln abs(Z), up to a constant [point, point]."""
    x = np.log(frequency)
    count = x.size
    value, slope = np.zeros((count, count)), np.zeros((count, count))
    for i in range(count):
        first = min(max(i - _HALF_WIDTH, 0), count - 2 * _HALF_WIDTH - 1)
        near = slice(first, first + 2 * _HALF_WIDTH + 1)
        parabola = np.linalg.pinv(np.vander(x[near] - x[i], 3, increasing=True))
        value[i, near], slope[i, near] = parabola[:2]
    # trapezoids, corrected for the slope at their ends (Euler-Maclaurin)
    step = np.diff(x)[:, None]
    areas = step / 2 * (value[1:] + value[:-1]) - step**2 / 12 * (slope[1:] - slope[:-1])
    integral = np.vstack([np.zeros(count), np.cumsum(areas, axis=0)])
    return np.asarray(2 / np.pi * integral + _SECOND_TERM * slope)
