"""Where a spectrum is diffusion in a layer of finite thickness: a Warburg line that bends into a capacitance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..spectrum import ComplexArray, FloatArray
from .windows import DOUBT, LEAST_FAST_GUARD, Noise

LEAST_POINTS = 10
MOST_DIFFERENCE = 0.02
LARGEST_ERROR = 0.2
"""Standard error of ln tau above which the bend is not seen."""

_GRID = 48
_ZOOMS = 6
_NEAR = np.linspace(-1, 1, 9)
_FAST_END = 3.0  # omega tau at the fast end of a window, from where on the line is seen
_MOST_UNEXPLAINED = 3
_LEAST_SHARE = 1e-6  # of |Z|, below which a layer is rounding
_SLOW_END = 4.0  # omega tau at the slow end, up to where the bend is seen


@dataclass(frozen=True)
class Layer:
    """Z = a - ib + R coth(u)/u, u = sqrt(i omega tau), from point `first` to the slowest.

    Attributes
    ----------
    first : int
        By falling frequency.
    R, u_R : float
        Ohm.
    tau, u_tau : float
        Seconds, L^2/D.
    sigma, u_sigma : float
        R/sqrt(2 tau): the slope of the Warburg line at its fast end, ohm s^-1/2.
    a, u_a, b, u_b : float
        Ohm.
    difference, u_difference : float
        Relative difference of the sizes of Z' and -Z''.
    """

    first: int
    R: float
    u_R: float
    tau: float
    u_tau: float
    sigma: float
    u_sigma: float
    a: float
    u_a: float
    b: float
    u_b: float
    difference: float
    u_difference: float


def find_layer(x: FloatArray, Z: ComplexArray, noise: Noise) -> tuple[Layer, int] | None:
    """Find the longest run of points down to the slowest that a layer explains.

    Parameters
    ----------
    x : ndarray, shape [point]
        omega^-1/2, rising.
    Z : ndarray of complex, shape [point]
        Ohm.
    noise : Noise

    Returns
    -------
    (Layer, int) or None
        The layer, fitted to all but the fast end of the run, and the number of points of the whole run.
    """
    omega = x**-2
    log_tau, shapes = _shapes(omega.tobytes())
    longest, unexplained = None, 0
    for first in range(x.size - LEAST_POINTS, -1, -1):  # a run holds all shorter ones: where it fails, so do the longer
        best, reduced = _explain(omega, Z, noise, first, log_tau, shapes)
        unexplained = 0 if reduced <= _worst(Z.size - first) else unexplained + 1
        if unexplained > _MOST_UNEXPLAINED:
            break
        if unexplained == 0 and best is not None:
            longest = _fit(omega, Z, noise, first, best, reduced) or longest
    if longest is None:
        return None
    inner = min(int(np.searchsorted(x, x[longest.first] * np.sqrt(LEAST_FAST_GUARD))), x.size - LEAST_POINTS)
    best, reduced = _explain(omega, Z, noise, inner, log_tau, shapes)
    guarded = _fit(omega, Z, noise, inner, best, reduced) if best is not None else None
    return guarded or longest, x.size - longest.first


@lru_cache(maxsize=8)  # spectra of a campaign share their frequencies
def _shapes(omega: bytes) -> tuple[FloatArray, ComplexArray]:
    """Give a grid of ln tau and the shapes of layers on it [tau, point]."""
    here = np.frombuffer(omega)
    log_tau = np.log(np.geomspace(_FAST_END / here[0], _SLOW_END / here[-1], _GRID))
    return log_tau, _shape(here, np.exp(log_tau)[:, None])


def _worst(points: int) -> float:
    """Reduced misfit that noise may still make."""
    return 1 + DOUBT * float(np.sqrt(2 / (2 * points - 4)))


def _explain(
    omega: FloatArray, Z: ComplexArray, noise: Noise, first: int, log_tau: FloatArray, shapes: ComplexArray
) -> tuple[float | None, float]:
    """Find ln tau of the layer that explains the points from `first` on best, None at an end; and the misfit."""
    omega, Z = omega[first:], Z[first:]
    weights = 1 / np.abs(Z)
    variance = float(noise.variance(np.array([first]), np.array([first + Z.size]))[0]) * (2 * Z.size - 4)
    inside = np.flatnonzero(np.exp(log_tau) >= _FAST_END / omega[0])
    misfits = _project(shapes[inside, first:], Z, weights)
    lowest = int(np.argmin(misfits))
    if lowest in (0, inside.size - 1):
        return None, float(misfits[lowest]) / variance
    best, spacing = log_tau[inside[lowest]], log_tau[1] - log_tau[0]
    for _ in range(_ZOOMS):
        grid = best + spacing * _NEAR
        misfits = _project(_shape(omega, np.exp(grid)[:, None]), Z, weights)
        best, spacing = grid[np.argmin(misfits)], spacing * (_NEAR[1] - _NEAR[0])
    return float(best), float(misfits.min()) / variance


def _fit(omega: FloatArray, Z: ComplexArray, noise: Noise, first: int, best: float, reduced: float) -> Layer | None:
    """Fit the points from `first` on with ln tau known; None where the layer is not seen in them."""
    omega, Z = omega[first:], Z[first:]
    weights = 1 / np.abs(Z)
    variance = float(noise.variance(np.array([first]), np.array([first + Z.size]))[0])
    tau = float(np.exp(best))
    shape, slope = _shape(omega, np.array(tau)), _slope(omega, np.array(tau))
    columns = [np.ones_like(Z), np.full_like(Z, -1j), shape]
    a, b, R = np.linalg.lstsq(_real(columns, weights), _real([Z], weights)[:, 0], rcond=None)[0]
    if R * np.max(np.abs(shape) * weights) < _LEAST_SHARE:
        return None
    J = _real([*columns, R * slope], weights)
    inverse = np.linalg.inv(J.T @ J) * variance * max(1.0, reduced)
    # the sizes of the real and of the imaginary part on their own
    J5 = np.column_stack([J, _real([0.5 * R * shape.conj()], weights)])
    residual = _real([Z - a + 1j * b - R * shape], weights)[:, 0]
    normal = J5.T @ J5
    difference = float(np.linalg.solve(normal, J5.T @ residual)[4])
    u_difference = float(np.sqrt(np.linalg.inv(normal)[4, 4] * variance * max(1.0, reduced)))
    u_a, u_b, u_R, u_log_tau = np.sqrt(np.diag(inverse))
    if not (R > 0 and u_log_tau <= LARGEST_ERROR and abs(difference) <= max(MOST_DIFFERENCE, DOUBT * u_difference)):
        return None
    sigma = R / np.sqrt(2 * tau)
    u_sigma = sigma * np.sqrt((u_R / R) ** 2 + 0.25 * inverse[3, 3] - inverse[2, 3] / R)
    numbers = R, u_R, tau, tau * u_log_tau, sigma, u_sigma, a, u_a, b, u_b, difference, u_difference
    return Layer(first, *map(float, numbers))


def _shape(omega: FloatArray, tau: FloatArray) -> ComplexArray:
    """coth(u)/u."""
    u = np.sqrt(1j * omega * tau)
    return np.asarray(1 / np.tanh(u) / u)


def _slope(omega: FloatArray, tau: FloatArray) -> ComplexArray:
    """Derive coth(u)/u with respect to ln tau."""
    u = np.sqrt(1j * omega * tau)
    coth = 1 / np.tanh(u)
    return np.asarray(0.5 - 0.5 * (coth**2 + coth / u))


def _real(columns: list[ComplexArray], weights: FloatArray) -> FloatArray:
    """Weighted real and imaginary parts, one below the other [2 * point, column]."""
    table = np.stack(columns, axis=1) * weights[:, None]
    return np.concatenate([table.real, table.imag])


def _project(shapes: ComplexArray, Z: ComplexArray, weights: FloatArray) -> FloatArray:
    """Sum of squares for each shape [shape, point], with the best a, b and R."""
    w = weights**2
    normal, right = np.empty((len(shapes), 3, 3)), np.empty((len(shapes), 3))
    normal[:, :2, :2] = w.sum() * np.eye(2)
    normal[:, 0, 2] = normal[:, 2, 0] = shapes.real @ w
    normal[:, 1, 2] = normal[:, 2, 1] = -shapes.imag @ w
    normal[:, 2, 2] = np.abs(shapes) ** 2 @ w
    right[:, 0], right[:, 1] = w @ Z.real, -w @ Z.imag
    right[:, 2] = (shapes.conj() @ (w * Z)).real
    solution = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    fit = solution[:, :1] - 1j * solution[:, 1:2] + solution[:, 2:] * shapes
    return np.asarray(np.abs(fit - Z) ** 2 @ w)
