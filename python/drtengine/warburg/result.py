"""What the search for Warburg regions returns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._native import ISA
from ..bands import half_width
from ..campaign import Campaign
from ..errors import Status
from ..spectrum import BoolArray, ComplexArray, FloatArray
from ..tables import columns as coordinate_columns

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

NUMBERS = {  # name: (unit, description); each has its u_
    "sigma": ("ohm s^-0.5", "Warburg coefficient, of omega in rad/s"),
    "intercept": ("ohm", "Z' of the line at infinite frequency: R_s + R_ct"),
    "R_W": ("ohm", "resistance of the finite-space element"),
    "tau_d": ("s", "L^2/D of the finite-space element"),
    "D": ("m2 s-1", "diffusion coefficient of an ideal solution, from sigma, area and concentration"),
    "D_insertion": ("m2 s-1", "diffusion coefficient from sigma, area, molar volume and dE/dx"),
    "D_thickness": ("m2 s-1", "diffusion coefficient from tau_d and the thickness"),
}


@dataclass(frozen=True, eq=False, repr=False)
class WarburgResult:
    """Warburg coefficients and diffusion coefficients of a campaign; made by `fit_warburg`.

    Where `kind` is "none", there is no Warburg region: the numbers are NaN and `reason` says why.

    Attributes
    ----------
    kind : ndarray of str, shape [spectrum]
        "warburg" (semi-infinite), "finite-space" or "none".
    reason : sequence of str
        Why there is none, in words; empty otherwise.
    sigma, u_sigma : ndarray, shape [spectrum]
        Ohm s^-1/2, omega in rad/s. Of a finite space, R_W/sqrt(2 tau_d).
    intercept, u_intercept : ndarray, shape [spectrum]
        Ohm; R_s + R_ct where nothing else relaxes below the window.
    R_W, u_R_W, tau_d, u_tau_d : ndarray, shape [spectrum]
        Of a finite space, ohm and s.
    D, u_D, D_insertion, u_D_insertion, D_thickness, u_D_thickness : ndarray, shape [spectrum]
        m2/s, three ways; NaN where what they need was not given.
    window : ndarray, shape [spectrum, 2]
        Lowest and highest frequency fitted, Hz.
    slope_difference, u_slope_difference : ndarray, shape [spectrum]
        (slope of Z' - slope of -Z'')/sigma; zero for a Warburg line.
    noise : ndarray, shape [spectrum]
        Relative size of the noise of each part, from the scatter of neighbouring points.
    offset : ndarray, shape [spectrum]
        What stands beside the Warburg element in -Z'', ohm: 2 sigma^2 C_dl for a double layer.
    fitted : ndarray of bool, shape [spectrum, point]
        Points in the window.
    status : ndarray of int8, shape [spectrum]
        `Status`; a spectrum without a Warburg region is OK.
    campaign : Campaign
    used : ndarray of bool, shape [spectrum, point]
        Points that were looked at.
    options : mapping
    notes : sequence of str
    """

    kind: NDArray[np.str_]
    reason: Sequence[str]
    sigma: FloatArray
    u_sigma: FloatArray
    intercept: FloatArray
    u_intercept: FloatArray
    R_W: FloatArray
    u_R_W: FloatArray
    tau_d: FloatArray
    u_tau_d: FloatArray
    D: FloatArray
    u_D: FloatArray
    D_insertion: FloatArray
    u_D_insertion: FloatArray
    D_thickness: FloatArray
    u_D_thickness: FloatArray
    window: FloatArray
    slope_difference: FloatArray
    u_slope_difference: FloatArray
    noise: FloatArray
    offset: FloatArray
    fitted: BoolArray
    status: NDArray[np.int8]
    campaign: Campaign
    used: BoolArray
    options: Mapping[str, Any]
    notes: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        for name in (*NUMBERS, *(f"u_{name}" for name in NUMBERS), "kind", "window", "noise", "fitted", "status"):
            getattr(self, name).flags.writeable = False
        object.__setattr__(self, "reason", tuple(self.reason))  # the class is frozen
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))
        object.__setattr__(self, "notes", tuple(self.notes))

    def __len__(self) -> int:
        return len(self.status)

    def __repr__(self) -> str:
        counts = {kind: int((self.kind == kind).sum()) for kind in ("warburg", "finite-space", "none")}
        return f"<WarburgResult: {len(self)} spectra, {', '.join(f'{n} {kind}' for kind, n in counts.items())}>"

    @property
    def coordinates(self) -> Mapping[str, NDArray[Any]]:
        """Coordinates of the campaign."""
        return self.campaign.coordinates

    def interval(self, name: str, confidence: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Give the interval of a positive number, from its standard uncertainty in the logarithm.

        Parameters
        ----------
        name : str
            Such as "D" or "sigma".
        confidence : float

        Returns
        -------
        (low, high) : ndarray, shape [spectrum] each
        """
        value, u = getattr(self, name), getattr(self, f"u_{name}")
        with np.errstate(invalid="ignore"):
            factor = np.exp(half_width(confidence) * u / value)
        return value / factor, value * factor

    @cached_property
    def Z_fit(self) -> ComplexArray:
        """The line or the layer at the points looked at [spectrum, point]; NaN where there is none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            omega = np.where(self.used, 2 * np.pi * self.campaign.frequency, np.nan)
            line = self.sigma[:, None] * (1 - 1j) / np.sqrt(omega)
            u = np.sqrt(1j * omega * self.tau_d[:, None])
            layer = self.R_W[:, None] / (u * np.tanh(u))
            return np.asarray(
                (self.intercept - 1j * self.offset)[:, None]
                + np.where((self.kind == "finite-space")[:, None], layer, line)
            )

    def to_frame(self) -> pd.DataFrame:
        """Give one row a spectrum: coordinates, kind, window, all numbers with uncertainties, D also in cm2/s."""
        import pandas as pd

        columns: dict[str, Any] = {"name": [self.campaign.label(i) for i in range(len(self))]}
        for name, column in coordinate_columns(self.coordinates).items():
            columns[column] = self.coordinates[name]
        columns["kind"] = self.kind
        columns["f_low"], columns["f_high"] = self.window.T
        for name in NUMBERS:
            if name.startswith("D"):
                for unit, factor in (("m2_s", 1.0), ("cm2_s", 1e4)):
                    columns[f"{name}_{unit}"] = factor * getattr(self, name)
                    columns[f"u_{name}_{unit}"] = factor * getattr(self, f"u_{name}")
            else:
                columns[name], columns[f"u_{name}"] = getattr(self, name), getattr(self, f"u_{name}")
        columns["slope_difference"], columns["noise"] = self.slope_difference, self.noise
        columns["status"] = [Status(status).name for status in self.status]
        columns["reason"] = list(self.reason)
        return pd.DataFrame(columns)

    def to_dataset(self) -> xr.Dataset:
        """Give a copy of everything as an xarray Dataset, with units, options and provenance in the attributes."""
        import xarray as xr

        from .. import __version__

        point = ("spectrum", "point")
        variables: dict[str, Any] = {
            "kind": ("spectrum", self.kind),
            "reason": ("spectrum", np.array(self.reason, dtype=str)),
            "window": (("spectrum", "end"), self.window, {"units": "Hz", "long_name": "lowest and highest fitted"}),
            "noise": ("spectrum", self.noise, {"units": "1", "long_name": "noise of each part relative to |Z|"}),
            "slope_difference": ("spectrum", self.slope_difference, {"units": "1"}),
            "u_slope_difference": ("spectrum", self.u_slope_difference, {"units": "1"}),
            "offset": ("spectrum", self.offset, {"units": "ohm"}),
            "frequency": (point, self.campaign.frequency, {"units": "Hz"}),
            "Z": (point, self.campaign.Z, {"units": "ohm", "long_name": "measured impedance, true sign"}),
            "fitted": (point, self.fitted, {"long_name": "points in the window"}),
            "status": ("spectrum", self.status, {"flags": ", ".join(f"{s.value}: {s.name}" for s in Status)}),
        }
        for name, (unit, description) in NUMBERS.items():
            variables[name] = ("spectrum", getattr(self, name), {"units": unit, "long_name": description})
            variables[f"u_{name}"] = (
                "spectrum", getattr(self, f"u_{name}"), {"units": unit, "long_name": f"standard uncertainty of {name}"},
            )  # fmt: skip
        coordinates: dict[str, Any] = {
            column: ("spectrum", self.coordinates[name])
            for name, column in coordinate_columns(self.coordinates).items()
        }
        if self.campaign.names is not None:
            coordinates["name"] = ("spectrum", np.array(self.campaign.names))
        attributes = {
            "kind": "WarburgResult",
            "drtengine": __version__,
            "instruction_set": ISA,
            "options": json.dumps(dict(self.options)),
            "sources": json.dumps(dict(self.campaign.sources)),
            "campaign_notes": json.dumps(list(self.campaign.notes)),
            "notes": json.dumps(list(self.notes)),
        }
        return xr.Dataset(variables, coordinates, attributes).copy(deep=True)
