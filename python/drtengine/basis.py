"""The functions of ln(tau) that gamma is expanded in, and grids of tau to put them on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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

EPSILON_RANGE = 0.05, 1000.0
"""Inverse widths that the integrals are made for: a Gaussian is 33 to 0.0017 wide in ln(tau)."""

NODES_PER_DECADE = 10
TAU_GRIDS = ("drttools", "frequency")


@dataclass(frozen=True, eq=False)
class Basis:
    """Functions of one shape on nodes in tau: gamma(tau) = sum_m x_m phi(epsilon ln(tau / tau_m)).

    Parameters
    ----------
    shape : str
        One of `SHAPES`. The Matern functions C0 to C6 are 1, (1 + u), (3 + 3u + u^2)/3 and
        (15 + 15u + 6u^2 + u^3)/15, each times exp(-u), u = abs(epsilon ln(tau / tau_m)).
    epsilon : float
        Inverse width, from 0.05 to 1000; ignored by piecewise linear functions.
    tau : ndarray, shape [node]
        Increasing, in s.

    Raises
    ------
    InvalidInput
        For an unknown shape, a width out of range, or nodes that are not positive and increasing.

    Notes
    -----
    Saccoccio, Wan, Chen, Ciucci, Electrochim. Acta 147, 470 (2014),
    doi:10.1016/j.electacta.2014.09.058.
    """

    shape: str
    epsilon: float
    tau: FloatArray

    def __post_init__(self) -> None:
        _check_shape(self.shape)
        object.__setattr__(self, "tau", frozen_array(self.tau, np.float64, "tau", 1))  # the class is frozen
        if self.tau.size < 2 or not _above_zero(self.tau) or not (np.diff(self.tau) > 0).all():
            raise InvalidInput("tau needs at least two nodes, increasing, finite and above 0 s")
        low, high = EPSILON_RANGE
        if self.shape != "piecewise_linear" and not low <= self.epsilon <= high:
            raise InvalidInput(
                f"the functions' inverse width must be positive, from {low:g} to {high:g} per unit of ln(tau), "
                f"got {self.epsilon:g}; change fwhm, shape_factor or the distance of the nodes in tau"
            )

    def __reduce__(self) -> tuple[Any, ...]:  # pickled arrays come back writeable
        return Basis, (self.shape, self.epsilon, self.tau)

    @classmethod
    def on(cls, tau: ArrayLike, shape: str, *, fwhm: float = 0.5, shape_factor: float | None = None) -> Basis:
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
        _check_shape(shape)
        nodes = frozen_array(tau, np.float64, "tau", 1)
        name, width = ("fwhm", fwhm) if shape_factor is None else ("shape_factor", shape_factor)
        if not (isinstance(width, int | float | np.number) and np.isfinite(width) and width > 0):
            raise InvalidInput(f"{name} must be positive and finite, got {width!r}")
        if shape_factor is not None:
            return cls(shape, float(shape_factor), nodes)
        unit = cls(shape, 1.0, nodes)  # checks the nodes
        return cls(shape, core.epsilon_from_fwhm(unit.key[0], float(fwhm), unit.key[2]), nodes)

    @property
    def key(self) -> tuple[int, float, FloatArray]:
        """What the core calls this basis: index of the shape, epsilon, ln(tau)."""
        return SHAPES.index(self.shape), self.epsilon, np.log(self.tau)

    def values(self, tau: ArrayLike) -> FloatArray:
        """Values of all functions [tau, node] at any tau in s."""
        return core.basis_values(*self.key, np.log(positive_array(tau, "tau")))

    def integrals(self, tau_low: float, tau_high: float) -> FloatArray:
        """Integrals of all functions over ln(tau) between two tau in s [node]."""
        low, high = np.log(positive_array([tau_low, tau_high], "tau"))
        return core.basis_integrals(*self.key, float(low), float(high))

    def kernel(self, frequency: ArrayLike) -> ComplexArray:
        """Impedance [frequency, node] of a unit coefficient of each function; frequency in Hz."""
        real, imag = core.kernel(*self.key, 2 * np.pi * positive_array(frequency, "frequency"))
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
            raise InvalidInput(
                f"tau is None, an array in s or a name, but {tau!r} is none; {near_miss(tau, TAU_GRIDS)}"
            )
        if frequency is None:
            raise InvalidInput(f"tau={tau!r} needs one frequency grid for all spectra; give an array of tau in s")
        nodes = 1 / frequency if tau == "drttools" else 1 / (2 * np.pi * frequency)
    else:
        nodes = frozen_array(tau, np.float64, "tau", 1)
    nodes = np.sort(nodes)
    if nodes.size < 2 or not _above_zero(nodes):
        raise InvalidInput("tau needs at least two nodes, finite and above 0 s")
    if np.any(np.diff(nodes) == 0):
        raise InvalidInput(f"tau repeats {nodes[:-1][np.diff(nodes) == 0][0]:g} s")
    return nodes


def between_nodes(tau: FloatArray, count: int) -> FloatArray:
    """Put `count` steps, even in ln(tau), between each two nodes; the nodes stay among them."""
    at = np.arange((tau.size - 1) * count + 1) / count
    finer = np.exp(np.interp(at, np.arange(tau.size), np.log(tau)))
    finer[::count] = tau
    return np.asarray(finer)


def positive_array(values: ArrayLike, name: str) -> FloatArray:
    """Return the values as an array of one dimension, finite and above zero.

    Raises
    ------
    InvalidInput
        If they are not.
    """
    array = frozen_array(np.atleast_1d(values), np.float64, name, 1)
    if array.size == 0 or not _above_zero(array):
        raise InvalidInput(f"{name} must be finite and positive, and at least one")
    return array


def _above_zero(values: FloatArray) -> bool:
    return bool((np.isfinite(values) & (values > 0)).all())


def _check_shape(shape: str) -> None:
    if shape not in SHAPES:
        raise InvalidInput(f"unknown basis {shape!r}; {near_miss(shape, SHAPES)}")
