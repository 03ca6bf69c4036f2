"""The functions of ln(tau) that gamma is expanded in, and grids of tau to put them on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ._native import core
from .errors import InvalidInput, near_miss
from .spectrum import ComplexArray, FloatArray, frozen_array

SHAPES = (
    "piecewise_linear",
    "gaussian",
    "c0",
    "c2",
    "c4",
    "c6",
    "inverse_quadratic",
    "inverse_quadric",
    "cauchy",
)
"""Names of the basis functions, in the order of the core."""

NODES_PER_DECADE = 10
TAU_GRIDS = ("drttools", "frequency")


@dataclass(frozen=True, eq=False)
class Basis:
    """Functions of one shape on nodes in tau: gamma(tau) = sum_m x_m phi(epsilon ln(tau / tau_m)).

    Parameters
    ----------
    shape : str
        One of `SHAPES`. The Matern functions C0 to C6 are 1, (1 + u), (3 + 3u + u^2)/3 and
        (15 + 15u + 6u^2 + u^3)/15, each times exp(-u), u = |epsilon ln(tau / tau_m)|.
    epsilon : float
        Inverse width; ignored by piecewise linear functions.
    tau : ndarray, shape [node]
        Increasing, in s.

    Notes
    -----
    Saccoccio, Wan, Chen, Ciucci, Electrochim. Acta 147, 470 (2014),
    doi:10.1016/j.electacta.2014.09.058.
    """

    shape: str
    epsilon: float
    tau: FloatArray

    @classmethod
    def on(cls, tau: FloatArray, shape: str, *, fwhm: float = 0.5, shape_factor: float | None = None) -> Basis:
        """Choose the width.

        Parameters
        ----------
        tau : ndarray, shape [node]
            Increasing, in s.
        shape : str
            One of `SHAPES`.
        fwhm : float
            Mean distance of the nodes over the full width at half maximum (DRTtools' coefficient).
        shape_factor : float, optional
            epsilon itself, instead of `fwhm`.

        Raises
        ------
        InvalidInput
            For an unknown shape or a width that is not positive.
        """
        if shape not in SHAPES:
            raise InvalidInput(f"unknown basis {shape!r}; {near_miss(shape, SHAPES)}")
        if shape_factor is not None:
            epsilon = float(shape_factor)
        else:
            epsilon = core.epsilon_from_fwhm(SHAPES.index(shape), float(fwhm), np.log(tau))
        if not (np.isfinite(epsilon) and epsilon > 0):
            raise InvalidInput(f"shape_factor must be positive, got {shape_factor}")
        return cls(shape, epsilon, tau)

    @property
    def key(self) -> tuple[int, float, FloatArray]:
        """What the core calls this basis: index of the shape, epsilon, ln(tau)."""
        return SHAPES.index(self.shape), self.epsilon, np.log(self.tau)

    def values(self, tau: ArrayLike) -> FloatArray:
        """Values of all functions [tau, node] at any tau in s."""
        return core.basis_values(*self.key, np.log(np.atleast_1d(np.asarray(tau, dtype=np.float64))))

    def integrals(self, tau_low: float, tau_high: float) -> FloatArray:
        """Integrals of all functions over ln(tau) between two tau in s [node]."""
        return core.basis_integrals(*self.key, float(np.log(tau_low)), float(np.log(tau_high)))

    def kernel(self, frequency: FloatArray) -> ComplexArray:
        """Impedance [frequency, node] of a unit coefficient of each function; frequency in Hz."""
        real, imag = core.kernel(*self.key, 2 * np.pi * np.ascontiguousarray(frequency))
        return real + 1j * imag

    def penalty(self, order: int) -> FloatArray:
        """Inner products [node, node] of the derivatives of this order with respect to ln(tau)."""
        return core.penalty(*self.key, order)


def tau_grid(f_min: float, f_max: float, frequency: FloatArray | None, tau: str | ArrayLike | None) -> FloatArray:
    """Nodes in s, increasing.

    Parameters
    ----------
    f_min, f_max : float
        What the campaign covers, Hz.
    frequency : ndarray or None
        The frequencies, where all spectra share them.
    tau : None, str or array_like
        None: 10 nodes a decade on a lattice through 1 s, from a decade below 1/(2 pi f_max) to a
        decade above 1/(2 pi f_min). "frequency": 1/(2 pi f). "drttools": 1/f, as DRTtools has it.
        An array: the nodes themselves, in any order.

    Raises
    ------
    InvalidInput
        For an unknown name, nodes that are not positive or repeat, or a grid from the frequencies
        of spectra that do not share them.
    """
    if tau is None:
        first = np.floor(NODES_PER_DECADE * (np.log10(1 / (2 * np.pi * f_max)) - 1))
        last = np.ceil(NODES_PER_DECADE * (np.log10(1 / (2 * np.pi * f_min)) + 1))
        return np.asarray(10.0 ** (np.arange(first, last + 1) / NODES_PER_DECADE))
    if isinstance(tau, str):
        if tau not in TAU_GRIDS:
            raise InvalidInput(f"unknown tau grid {tau!r}; {near_miss(tau, TAU_GRIDS)}, None or an array in s")
        if frequency is None:
            raise InvalidInput(f"tau={tau!r} needs one frequency grid for all spectra; give an array of tau in s")
        nodes = 1 / frequency if tau == "drttools" else 1 / (2 * np.pi * frequency)
    else:
        nodes = frozen_array(tau, np.float64, "tau", 1)
    nodes = np.sort(nodes)
    if nodes.size < 2 or not np.all(np.isfinite(nodes)) or nodes[0] <= 0:
        raise InvalidInput("tau needs at least two nodes, finite and above 0 s")
    if np.any(np.diff(nodes) == 0):
        raise InvalidInput(f"tau repeats {nodes[:-1][np.diff(nodes) == 0][0]:g} s")
    return np.asarray(nodes, dtype=np.float64)
