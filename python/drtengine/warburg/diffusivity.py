"""From the slope of a Warburg line, or the time of a layer, to a diffusion coefficient."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataWarning, InvalidInput
from ..spectrum import FloatArray, frozen_array

FARADAY = 96485.33212
"""C/mol, CODATA 2018."""
GAS_CONSTANT = 8.314462618
"""J/(mol K), CODATA 2018."""

# name: (unit, plausible from, to, unit it was perhaps given in, what that is in ours)
_QUANTITIES = {
    "area": ("m2", 1e-8, 0.02, "cm2", 1e-4),
    "concentration": ("mol/m3", 10.0, 3e5, "mol/cm3", 1e6),
    "temperature": ("K", 150.0, 1500.0, "degC", None),
    "charge_number": ("1", 0.5, 4.0, None, None),
    "thickness": ("m", 1e-9, 2e-3, "um", 1e-6),
    "molar_volume": ("m3/mol", 1e-6, 1e-3, "cm3/mol", 1e-6),
    "dE_dx": ("V", 1e-6, 20.0, "mV", 1e-3),
}


@dataclass(frozen=True)
class Known:
    """A quantity that the spectra do not tell, with its standard uncertainty, [spectrum] each."""

    value: FloatArray
    u: FloatArray

    @property
    def relative(self) -> FloatArray:
        """Relative standard uncertainty."""
        return np.asarray(self.u / np.abs(self.value))


def read_known(count: int, given: Mapping[str, ArrayLike | None]) -> dict[str, Known]:
    """Check quantities and their uncertainties; those that are None are left out.

    Parameters
    ----------
    count : int
        Number of spectra.
    given : mapping
        By name; the standard uncertainty of ``area`` is ``u_area``.

    Raises
    ------
    InvalidInput
        If a quantity is not a positive number (dE_dx: not zero), or one a spectrum.

    Warns
    -----
    DataWarning
        Where a value is implausible in its unit and may be meant in another.
    """
    known = {}
    for name in _QUANTITIES:
        u_name = f"u_{name}"
        if given.get(name) is None:
            if given.get(u_name) is not None:
                raise InvalidInput(f"{u_name} is given without {name}")
            continue
        value = _numbers(name, given[name], count)
        u = np.zeros(count) if given.get(u_name) is None else _numbers(u_name, given[u_name], count)
        bad = ~(np.isfinite(value) & ((value > 0) | ((name == "dE_dx") & (value < 0))))
        if bad.any():
            raise InvalidInput(f"{name} must be {'not zero' if name == 'dE_dx' else 'positive'}, got {value[bad][0]:g}")
        if not (np.isfinite(u) & (u >= 0)).all():
            raise InvalidInput(f"{u_name} must be finite and not negative, got {u[~(u >= 0)][:1]}")
        _question(name, float(np.abs(value).flat[0]))
        known[name] = Known(value, u)
    return known


def _numbers(name: str, given: ArrayLike | None, count: int) -> FloatArray:
    values = frozen_array(np.atleast_1d(np.asarray(given)), np.float64, name, 1)
    if values.size not in (1, count):
        raise InvalidInput(f"{name} has {values.size} values; give one, or one a spectrum ({count})")
    return np.broadcast_to(values, (count,))


def _question(name: str, value: float) -> None:
    """Warn where a value is implausible in its unit."""
    unit, low, high, other, factor = _QUANTITIES[name]
    if low <= value <= high:
        return
    if name == "temperature":
        hint = f"; if that is in degC, pass {value + 273.15:g}"
    else:
        hint = f"; if that is in {other}, pass {value * factor:g}" if other and factor else ""
    warnings.warn(f"{name}={value:g} {unit} is implausible{hint}", DataWarning, stacklevel=5)


def from_slope(
    sigma: FloatArray, u_sigma: FloatArray, known: Mapping[str, Known]
) -> tuple[FloatArray, FloatArray] | None:
    """D = 1/2 (RT/(n^2 F^2 A C sigma))^2, of an ideal solution; None without area and concentration."""
    if not {"area", "concentration"} <= set(known):
        return None
    n, T = known["charge_number"], known["temperature"]
    A, C = known["area"], known["concentration"]
    D = 0.5 * (GAS_CONSTANT * T.value / (n.value**2 * FARADAY**2 * A.value * C.value * sigma)) ** 2
    squares = (u_sigma / sigma) ** 2 + A.relative**2 + C.relative**2 + T.relative**2 + (2 * n.relative) ** 2
    return D, 2 * D * np.sqrt(squares)


def from_insertion(
    sigma: FloatArray, u_sigma: FloatArray, known: Mapping[str, Known]
) -> tuple[FloatArray, FloatArray] | None:
    """D = 1/2 (V_m (dE/dx)/(n F A sigma))^2, of an insertion electrode; None without area, molar_volume and dE_dx."""
    if not {"area", "molar_volume", "dE_dx"} <= set(known):
        return None
    V, slope, A, n = known["molar_volume"], known["dE_dx"], known["area"], known["charge_number"]
    D = 0.5 * (V.value * slope.value / (n.value * FARADAY * A.value * sigma)) ** 2
    squares = (u_sigma / sigma) ** 2 + A.relative**2 + V.relative**2 + slope.relative**2 + n.relative**2
    return D, 2 * D * np.sqrt(squares)


def from_thickness(
    tau: FloatArray, u_tau: FloatArray, known: Mapping[str, Known]
) -> tuple[FloatArray, FloatArray] | None:
    """D = L^2/tau, of a layer whose end is seen; None without thickness."""
    if "thickness" not in known:
        return None
    L = known["thickness"]
    D = L.value**2 / tau
    return D, D * np.sqrt((u_tau / tau) ** 2 + (2 * L.relative) ** 2)
