"""Relaxations from the single RC to Havriliak-Negami: one formula, Z = R/(1+(iωτ)^α)^β, and its members.

Their densities stand in `drtengine.densities`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..densities import LARGEST_LN_X, havriliak_negami
from ..spectrum import ComplexArray, FloatArray
from .elements import Element, Lines

GAUSS_POINTS = 20


@dataclass(frozen=True)
class Relaxation(Element):
    """Z = R/(1+(iωτ)^α)^β with the α and β of the subclass."""

    R: float
    tau: float

    @property
    def exponents(self) -> tuple[float, float]:
        """Return α and β, each above 0 and at most 1."""
        return 1.0, 1.0

    @property
    def R_pol(self) -> float:
        """Resistance in ohm."""
        return self.R

    def _impedance(self, s: ComplexArray) -> ComplexArray:
        alpha, beta = self.exponents
        Z: ComplexArray = self.R / (1 + (s * self.tau) ** alpha) ** beta
        return Z

    def _lines(self, count: int) -> Lines:
        if self.exponents == (1, 1):
            return Lines(np.array([self.tau]), np.array([self.R]))
        return super()._lines(count)

    def _gamma(self, tau: FloatArray) -> FloatArray:
        alpha, beta = self.exponents
        if self.exponents == (1, 1):
            return np.zeros(tau.shape)
        ln_x = alpha * np.log(tau / self.tau)
        gamma: FloatArray = self.R * havriliak_negami(np.minimum(ln_x, LARGEST_LN_X), alpha, beta)
        return gamma

    def _integral(self, low: FloatArray, high: FloatArray) -> FloatArray:
        alpha, beta = self.exponents
        if self.exponents == (1, 1):
            return np.where((low <= self.tau) & (self.tau < high), self.R, 0.0)
        with np.errstate(divide="ignore"):  # ln 0 is -inf, as it should be
            start, end = (alpha * np.log(tau / self.tau) for tau in (low, high))
        if alpha == 1:
            return self.R * _share_below_edge(start, end, beta)
        return self.R * _share_by_quadrature(start, end, alpha, beta)


@dataclass(frozen=True)
class RC(Relaxation):
    """A resistance and a capacitance in parallel, Z = R/(1+iωτ): one line, no density.

    Parameters
    ----------
    R : float
        Ohm.
    tau : float
        RC in s.
    """


@dataclass(frozen=True)
class ZARC(Relaxation):
    """A resistance and a constant phase element in parallel (Cole-Cole), Z = R/(1+(iωτ)^φ).

    The density is (R/2π) sin((1-φ)π)/(cosh(φ ln(τ/τ_0)) - cos((1-φ)π)); K. S. Cole and
    R. H. Cole, 10.1063/1.1750906. With φ = 1 it is an `RC`.

    Parameters
    ----------
    R : float
        Ohm.
    tau : float
        s.
    phi : float
        Above 0 and at most 1.
    """

    phi: float

    @property
    def exponents(self) -> tuple[float, float]:
        """Return φ and 1."""
        return self.phi, 1.0


@dataclass(frozen=True)
class ColeDavidson(Relaxation):
    """Z = R/(1+iωτ)^β; no relaxation is slower than τ, where the density is infinite.

    Davidson and Cole, 10.1063/1.1748105. With β = 1 it is an `RC`.

    Parameters
    ----------
    R : float
        Ohm.
    tau : float
        s.
    beta : float
        Above 0 and at most 1.
    """

    beta: float

    @property
    def exponents(self) -> tuple[float, float]:
        """Return 1 and β."""
        return 1.0, self.beta


@dataclass(frozen=True)
class HavriliakNegami(Relaxation):
    """Z = R/(1+(iωτ)^α)^β; Havriliak and Negami, 10.1016/0032-3861(67)90021-3.

    Parameters
    ----------
    R : float
        Ohm.
    tau : float
        s.
    alpha, beta : float
        Above 0 and at most 1. α alone is a `ZARC`, β alone a `ColeDavidson`.
    """

    alpha: float
    beta: float

    @property
    def exponents(self) -> tuple[float, float]:
        """Return α and β."""
        return self.alpha, self.beta


@dataclass(frozen=True)
class Gerischer(Relaxation):
    """Diffusion with a reaction on the way, Z = R/√(1+iωτ); the density is infinite at τ.

    Boukamp and Rolle, 10.1016/j.ssi.2016.10.009.

    Parameters
    ----------
    R : float
        Ohm.
    tau : float
        Time constant of the reaction in s.
    """

    @property
    def exponents(self) -> tuple[float, float]:
        """Return 1 and 1/2."""
        return 1.0, 0.5


@dataclass(frozen=True)
class FractalGerischer(Relaxation):
    """Z = R/√(1+(iωτ)^α): a Gerischer element whose singular density is rounded off.

    A Havriliak-Negami relaxation of β = 1/2; Boukamp and Rolle, 10.1016/j.ssi.2016.10.009.

    Parameters
    ----------
    R : float
        Ohm.
    tau : float
        s.
    alpha : float
        Above 0 and at most 1.
    """

    alpha: float

    @property
    def exponents(self) -> tuple[float, float]:
        """Return α and 1/2."""
        return self.alpha, 0.5


def _share_below_edge(low: FloatArray, high: FloatArray, beta: float) -> FloatArray:
    """Share of R between two ln x for α = 1: regularised incomplete beta functions of x and 1 - x."""
    from scipy.special import betainc

    low, high = np.minimum(low, 0), np.minimum(high, 0)
    faster = [betainc(beta, 1 - beta, np.exp(u)) for u in (low, high)]
    slower = [betainc(1 - beta, beta, -np.expm1(u)) for u in (low, high)]
    # the difference of the two smaller numbers loses fewer digits
    share: FloatArray = np.where(faster[1] < slower[0], faster[1] - faster[0], slower[0] - slower[1])
    return share


def _share_by_quadrature(low: FloatArray, high: FloatArray, alpha: float, beta: float) -> FloatArray:
    """Share of R between two ln x for α < 1, to 1e-12 of itself.

    The density has its singularities at ln x = ±iπ(1-α), which crowd the real axis as α
    nears 1. In t, ln x = π(1-α) sinh t, they stand at ±iπ/2 for every α, so that
    Gauss-Legendre panels of unit width converge alike for all (a closed form exists, an
    incomplete beta function of complex argument, but it loses digits as β nears 1).
    """
    gap = np.pi * (1 - alpha)
    nodes, weights = _gauss_legendre()
    start, end = (np.arcsinh(np.clip(u, -LARGEST_LN_X / beta, LARGEST_LN_X) / gap) for u in (low, high))
    panels = int(np.ceil(np.max(end - start, initial=1.0)))
    width = (end - start) / panels
    share = np.zeros(low.shape)
    for panel in range(panels):
        t = start[..., None] + width[..., None] * (panel + nodes)
        ln_x = np.minimum(gap * np.sinh(t), LARGEST_LN_X)
        share += width * ((havriliak_negami(ln_x, alpha, beta) * gap * np.cosh(t)) @ weights) / alpha
    return share


@lru_cache(maxsize=1)
def _gauss_legendre() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(GAUSS_POINTS)
    return (nodes + 1) / 2, weights / 2
