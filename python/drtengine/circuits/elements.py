"""What the letters of a circuit string stand for: impedance and derivatives of each element, for a batch.

An element sees its parameters as the fit does: the logarithm of what is positive, exponents as they are.
It returns Z and the derivative of Z with respect to each of these numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from ..spectrum import ComplexArray, FloatArray

Derivatives: TypeAlias = Sequence[ComplexArray]
Evaluate: TypeAlias = Callable[["Axis", Sequence[FloatArray]], tuple[ComplexArray, Derivatives]]


@dataclass(frozen=True)
class Axis:
    """Angular frequencies, with the functions of them that many elements share.

    Parameters
    ----------
    omega : ndarray, shape [spectrum, point] or [1, point]
        rad/s, finite and positive.
    """

    omega: FloatArray

    @cached_property
    def log_omega(self) -> FloatArray:
        """Natural logarithm of omega."""
        return np.log(self.omega)

    @cached_property
    def log_s(self) -> ComplexArray:
        """Logarithm of i omega."""
        return np.asarray(self.log_omega + 0.5j * np.pi)

    @cached_property
    def inverse_root(self) -> ComplexArray:
        """(1 - i)/sqrt(omega)."""
        return (1 - 1j) / np.sqrt(self.omega)

    def power(self, exponent: FloatArray, log_scale: FloatArray) -> ComplexArray:
        """exp(log_scale) (i omega)^exponent; a real exponential costs less than a complex one."""
        modulus = np.exp(exponent * self.log_omega + log_scale)
        return np.asarray(modulus * np.exp(0.5j * np.pi * exponent))


@dataclass(frozen=True)
class Parameter:
    """One parameter of an element.

    Attributes
    ----------
    symbol : str
        Appended to the element's name, as in ``CPE1_Q``; empty for the only parameter of an element.
    unit : str
    scale : tuple of float
        Powers (a, b, c) with which it follows from a resistance, a frequency in rad/s and the exponent of
        its element: R^a omega^(b + c exponent). All zero for an exponent.
    """

    symbol: str
    unit: str
    scale: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def is_exponent(self) -> bool:
        """Whether it lies in 0..1 and is fitted as it is; all others are positive and fitted as logarithms."""
        return self.scale == (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Kind:
    """A kind of element.

    Attributes
    ----------
    code : str
        Letters before the number in a circuit string.
    parameters : tuple of Parameter
    evaluate : callable
        (axis, parameters) -> Z and its derivatives; each parameter has shape [spectrum, 1].
    role : str
        What a first guess takes it for: "ohmic", "inductive", "capacitive", "tail", "diffusion" or "relaxation".
    """

    code: str
    parameters: tuple[Parameter, ...]
    evaluate: Evaluate
    role: str


def _resistor(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    Z = np.broadcast_to(np.exp(p[0]) + 0j, np.broadcast_shapes(p[0].shape, axis.omega.shape))
    return Z, (Z,)


def _capacitor(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    Z = np.asarray(-1j * (np.exp(-p[0]) / axis.omega), dtype=np.complex128)
    return Z, (-Z,)


def _inductor(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    Z = np.asarray(1j * (np.exp(p[0]) * axis.omega), dtype=np.complex128)
    return Z, (Z,)


def _lossy_inductor(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    Z = axis.power(p[1], p[1] * p[0])
    return Z, (p[1] * Z, (p[0] + axis.log_s) * Z)


def _cpe(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    Z = axis.power(-p[1], -p[0])
    return Z, (-Z, -axis.log_s * Z)


def _warburg(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    Z = np.exp(p[0]) * axis.inverse_root
    return Z, (Z,)


def _finite_space(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    R, root, tanh = _layer(axis, p)
    coth = 1 / tanh
    per_root = coth / root
    return R * per_root, (R * per_root, R * (0.5 - 0.5 * (coth**2 + per_root)))  # 1/sinh^2 = coth^2 - 1


def _finite_length(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    R, root, tanh = _layer(axis, p)
    per_root = tanh / root
    return R * per_root, (R * per_root, R * (0.5 - 0.5 * (tanh**2 + per_root)))  # 1/cosh^2 = 1 - tanh^2


def _layer(axis: Axis, p: Sequence[FloatArray]) -> tuple[FloatArray, ComplexArray, ComplexArray]:
    """R, u = sqrt(i omega tau) and tanh u."""
    root = (1 + 1j) * np.sqrt(axis.omega * (0.5 * np.exp(p[1])))
    return np.exp(p[0]), root, np.tanh(root)


def _gerischer(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    s_tau = 1j * (axis.omega * np.exp(p[1]))
    Z = np.exp(p[0]) / np.sqrt(1 + s_tau)
    return Z, (Z, -0.5 * Z * s_tau / (1 + s_tau))


def _rc(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    s_tau = 1j * (axis.omega * np.exp(p[1]))
    Z = np.exp(p[0]) / (1 + s_tau)
    return Z, (Z, -Z * s_tau / (1 + s_tau))


def _zarc(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    power = axis.power(p[2], p[2] * p[1])
    Z = np.exp(p[0]) / (1 + power)
    share = Z * power / (1 + power)
    return Z, (Z, -p[2] * share, -(axis.log_s + p[1]) * share)


def _havriliak_negami(axis: Axis, p: Sequence[FloatArray]) -> tuple[ComplexArray, Derivatives]:
    power = axis.power(p[2], p[2] * p[1])
    log_base = np.log(1 + power)
    Z = np.exp(p[0] - p[3] * log_base)
    share = p[3] * Z * power / (1 + power)
    return Z, (Z, -p[2] * share, -(axis.log_s + p[1]) * share, -log_base * Z)


_R = Parameter("R", "ohm", (1, 0, 0))
_TAU = Parameter("tau", "s", (0, -1, 0))
_ALPHA = Parameter("alpha", "1")

KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind("R", (Parameter("", "ohm", (1, 0, 0)),), _resistor, "ohmic"),
        Kind("C", (Parameter("", "F", (-1, -1, 0)),), _capacitor, "capacitive"),
        Kind("L", (Parameter("", "H", (1, -1, 0)),), _inductor, "inductive"),
        Kind("La", (Parameter("L", "ohm^(1/alpha) s", (1, -1, 0)), _ALPHA), _lossy_inductor, "inductive"),
        Kind("CPE", (Parameter("Q", "ohm^-1 s^alpha", (-1, 0, -1)), _ALPHA), _cpe, "capacitive"),
        Kind("W", (Parameter("", "ohm s^-0.5", (1, 0.5, 0)),), _warburg, "tail"),
        Kind("Wo", (_R, _TAU), _finite_space, "tail"),
        Kind("Ws", (_R, _TAU), _finite_length, "diffusion"),
        Kind("G", (_R, _TAU), _gerischer, "diffusion"),
        Kind("K", (_R, _TAU), _rc, "relaxation"),
        Kind("Zarc", (_R, _TAU, _ALPHA), _zarc, "relaxation"),
        Kind("HN", (_R, _TAU, _ALPHA, Parameter("beta", "1")), _havriliak_negami, "relaxation"),
    )
}
"""Elements by code, as impedance.py names them; HN is not among its own."""

ALIASES = {"RC": "K", "ZARC": "Zarc"}
"""Other names for them."""
