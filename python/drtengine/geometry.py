"""How far ions diffuse: the length behind a diffusion coefficient, by the name of a shape."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from .errors import DataWarning, InvalidInput
from .options import check_positive
from .spectrum import FloatArray

_PLAUSIBLE = {"sphere": (1e-9, 1e-4), "plane": (1e-9, 1e-3), "volume/area": (1e-9, 1e-3)}
"""Lengths in m between which the particles and layers of electrodes lie; others are questioned."""

_MOST_FILLED = 0.15
"""Dt/size² up to which the far side is not yet felt: there the closed forms hold to 0.1 %."""


@dataclass(frozen=True)
class Geometry:
    """Shape and size of what is filled.

    Parameters
    ----------
    shape : str
        "sphere", "plane" or "volume/area".
    size : float
        m: the radius, the thickness of the layer (filled from one side), or volume/area.
    u_size : float
        Standard uncertainty of `size` in m.
    """

    shape: str
    size: float
    u_size: float = 0.0

    @property
    def length(self) -> float:
        """Volume over area in m: r/3 of a sphere, the thickness of a plane."""
        return self.size / 3 if self.shape == "sphere" else self.size

    @property
    def slowest(self) -> float:
        """Slowest relaxation of a concentration profile, rate times size²/D: 4.4934² or π²."""
        return 20.190728556 if self.shape == "sphere" else float(np.pi**2)

    def root(self, t: FloatArray, D: float) -> FloatArray:
        """Give the rise of the surface concentration at constant flux, less its linear part, in terms of √t.

        √t for a plane; for a sphere, whose surface flux fans out, √t(1 + ⅔Dt/r² + ...) from the short-time
        solution exp(θ)(1 + erf √θ) - 1 with θ = Dt/r². A linear term must stand beside it in a fit.

        Parameters
        ----------
        t : ndarray
            Seconds since the flux began.
        D : float
            m2/s; 0 or NaN gives √t.
        """
        from scipy.special import erf

        root: FloatArray = np.sqrt(t)
        if self.shape != "sphere" or not (D > 0 and t.size):
            return root
        D = min(D, self.longest(1.0) / t.max())  # beyond, the short-time solution does not hold
        theta = D * t / self.size**2
        rise: FloatArray = np.exp(theta) * erf(np.sqrt(theta)) + (np.expm1(theta) - theta)
        rise *= np.sqrt(np.pi / 4 / D) * self.size
        return rise

    def longest(self, D: float) -> float:
        """Time in s up to which the far side is not felt, infinite where D is unknown."""
        return _MOST_FILLED * self.size**2 / D if D > 0 else np.inf

    def diffusivity(
        self, ratio: FloatArray, u_ratio: FloatArray, factor: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Give D from the slope of the equilibrium potential in time over that of the transient in √t.

        Parameters
        ----------
        ratio, u_ratio : ndarray
            abs((dE_eq/dt)/(dE/d√t)) in s^-1/2, and its standard uncertainty.
        factor : ndarray
            Half width of the interval in standard uncertainties.

        Returns
        -------
        D, u_D, D_low, D_high : ndarray
            (4/π) ℓ² ratio² in m2/s; the uncertainty of the length is included.
        """
        scale, u_length = 4 / np.pi * self.length**2, self.u_size / self.size
        u = np.hypot(u_ratio, ratio * u_length)
        low, high = (scale * np.maximum(ratio + sign * factor * u, 0) ** 2 for sign in (-1, 1))
        return scale * ratio**2, 2 * scale * ratio * u, low, high

    def attributes(self) -> dict[str, str | float]:
        """Give what a dataset is to say of it."""
        return {"shape": self.shape, "size_m": self.size, "u_size_m": self.u_size, "volume_area_m": self.length}

    def __str__(self) -> str:
        return f"{self.shape}, {self.size:g} m, so that volume/area = {self.length:.4g} m"


def choose_geometry(
    sphere_radius: float | None, plane_thickness: float | None, volume_area: float | None, u_length: float
) -> Geometry:
    """Return the one shape that is given.

    Raises
    ------
    InvalidInput
        If none or several are given, or a length is not positive.

    Warns
    -----
    DataWarning
        If a length is so far from those of electrodes that its unit may be another.
    """
    shapes = {
        "sphere_radius": ("sphere", sphere_radius),
        "plane_thickness": ("plane", plane_thickness),
        "volume_area": ("volume/area", volume_area),
    }
    given = [name for name, (_, value) in shapes.items() if value is not None]
    if len(given) != 1:
        raise InvalidInput(
            "D goes with the square of the diffusion length: give exactly one of sphere_radius=, plane_thickness= "
            f"and volume_area= in m, got {', '.join(given) or 'none'}"
        )
    name, shape = given[0], shapes[given[0]][0]
    size = check_positive(name, shapes[name][1])
    low, high = _PLAUSIBLE[shape]
    if not low <= size <= high:
        warnings.warn(
            f"{name}={size:g} is taken in m, and electrodes rarely have that: was it given in cm, µm or nm?",
            DataWarning,
            stacklevel=3,
        )
    if isinstance(u_length, bool) or not (np.isfinite(u_length) and 0 <= u_length < size):
        raise InvalidInput(
            f"u_length is the standard uncertainty of {name} in m, from 0 to less than {size:g}, got {u_length!r}"
        )
    return Geometry(shape, size, float(u_length))
