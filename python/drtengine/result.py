"""What an inversion returns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import tables
from ._native import ISA, core
from .basis import Basis
from .campaign import Campaign, frequency_grids
from .errors import InvalidInput, Status
from .spectrum import BoolArray, ComplexArray, FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_PER_SPECTRUM = {  # name: (unit per ohm of impedance, description)
    "R_inf": ("{ohm}", "resistance at infinite frequency"),
    "L_0": ("{henry}", "series inductance"),
    "C_0": ("{farad}", "series capacitance"),
    "R_pol": ("{ohm}", "integral of gamma over ln(tau), whole grid"),
    "R_pol_window": ("{ohm}", "integral of gamma over ln(tau), between 1/(2 pi f_max) and 1/(2 pi f_min)"),
    "lambda_": ("1", "regularisation parameter"),
    "error": ("1", "estimated numerical error of the coefficients, relative to the largest"),
}
_TAKEN = {*tables.TAKEN, "tau", "in_window", "gamma", "coefficients", "residual_rms", *_PER_SPECTRUM}


@dataclass(frozen=True, eq=False, repr=False)
class DrtResult:
    """Distributions of relaxation times of a campaign; made by `fit_drt` and `load`.

    Where `status` does not say `Status.OK` or `Status.LAMBDA_AT_BOUND`, a spectrum's numbers are NaN.
    With an electrode area, ohm reads ohm cm2 throughout.

    Attributes
    ----------
    basis : Basis
        Functions and their nodes.
    coefficients : ndarray, shape [spectrum, tau]
        Coefficients of the basis functions, ohm.
    gamma : ndarray, shape [spectrum, tau]
        gamma at the nodes, ohm per unit ln(tau).
    R_inf, L_0, C_0 : ndarray, shape [spectrum]
        Ohm, H, F. NaN where the model or the fitted part has none.
    R_pol, R_pol_window : ndarray, shape [spectrum]
        Integral of gamma over ln(tau): from the first to the last node, and over the measured window.
    lambda_ : ndarray, shape [spectrum]
    error : ndarray, shape [spectrum]
        Estimated numerical error of the coefficients, relative to the largest. This is about rounding;
        it says nothing about noise or about the choice of lambda.
    status : ndarray of int8, shape [spectrum]
        `Status`.
    campaign : Campaign
        What was inverted.
    used : ndarray of bool, shape [spectrum, point]
        Points that took part.
    options : mapping
        As given to `fit_drt`.
    notes : sequence of str
        What was dropped, refused or found odd, in words.
    """

    basis: Basis
    coefficients: FloatArray
    gamma: FloatArray
    R_inf: FloatArray
    L_0: FloatArray
    C_0: FloatArray
    R_pol: FloatArray
    R_pol_window: FloatArray
    lambda_: FloatArray
    error: FloatArray
    status: NDArray[np.int8]
    campaign: Campaign
    used: BoolArray
    options: Mapping[str, Any]
    notes: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        for name in ("coefficients", "gamma", "status", "used", *_PER_SPECTRUM):
            getattr(self, name).flags.writeable = False
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))  # the class is frozen
        object.__setattr__(self, "notes", tuple(self.notes))

    def __reduce__(self) -> tuple[Any, ...]:  # a mappingproxy does not pickle
        arguments = {field.name: getattr(self, field.name) for field in fields(self)}
        return partial(DrtResult, **{**arguments, "options": dict(self.options)}), ()

    def __len__(self) -> int:
        return len(self.status)

    def __repr__(self) -> str:
        fine = int(np.isin(self.status, [s for s in Status if s.has_answer]).sum())
        grid = f"{self.tau.size} nodes, {self.tau[0]:.3g} to {self.tau[-1]:.3g} s"
        return f"<DrtResult: {fine} of {len(self)} spectra inverted, {grid}>"

    @property
    def tau(self) -> FloatArray:
        """Nodes of the basis in s [tau]."""
        return self.basis.tau

    @property
    def frequency(self) -> FloatArray:
        """Hz [spectrum, point], NaN where a short spectrum is padded."""
        return self.campaign.frequency

    @property
    def coordinates(self) -> Mapping[str, NDArray[Any]]:
        """Coordinates of the campaign."""
        return self.campaign.coordinates

    @property
    def unit(self) -> str:
        """Unit of resistances: "ohm", or "ohm cm2" where an area was given."""
        return "ohm" if self.options.get("area") is None else "ohm cm2"

    @cached_property
    def Z(self) -> ComplexArray:
        """The measured impedance in `unit` [spectrum, point]."""
        area = self.options.get("area")
        return self.campaign.Z if area is None else self.campaign.Z * area

    @cached_property
    def in_window(self) -> BoolArray:
        """Whether tau lies within the spectrum's own 1/(2 pi f_max) to 1/(2 pi f_min) [spectrum, tau]."""
        measured = self.used & (self.frequency > 0)
        f_max = np.where(measured, self.frequency, 0).max(axis=1, keepdims=True)
        f_min = np.where(measured, self.frequency, np.inf).min(axis=1, keepdims=True)
        omega_tau, slack = 2 * np.pi * self.tau, 1 + 1e-12
        inside: BoolArray = (omega_tau * f_max * slack >= 1) & (omega_tau * f_min <= slack)
        return inside

    def evaluate(self, tau: ArrayLike) -> FloatArray:
        """Give gamma at any relaxation times, exactly from the basis.

        Parameters
        ----------
        tau : array_like, shape [tau]
            In s, positive.

        Returns
        -------
        ndarray, shape [spectrum, tau]
            In `unit` per unit ln(tau).

        Raises
        ------
        InvalidInput
            If a tau is not positive and finite.
        """
        return core.multiply_rows(self.coefficients, np.ascontiguousarray(self.basis.values(tau).T))

    @cached_property
    def Z_fit(self) -> ComplexArray:
        """Impedance of the model at every measured frequency above 0 Hz [spectrum, point].

        A part that was not fitted lacks what it does not know (R_inf, or L_0 and C_0) and is NaN.
        """
        fit = np.full(self.Z.shape, complex(np.nan, np.nan))
        part = self.options["part"]
        for rows, points in frequency_grids(self.frequency, self.campaign.is_point & (self.frequency > 0)):
            f = self.frequency[rows[0], points]
            if f.size == 0 or not np.isfinite(f).all():
                continue
            kernel, omega = self.basis.kernel(f), 2 * np.pi * f
            coefficients = np.ascontiguousarray(self.coefficients[rows])
            where = np.ix_(rows, points)
            if part != "imaginary":
                real = core.multiply_rows(coefficients, np.ascontiguousarray(kernel.real.T))
                fit.real[where] = real + self.R_inf[rows, None]
            if part != "real":
                imag = core.multiply_rows(coefficients, np.ascontiguousarray(kernel.imag.T))
                if self.options["inductance"]:
                    imag += omega * self.L_0[rows, None]
                if self.options["capacitance"]:
                    imag -= 1 / (omega * self.C_0[rows, None])
                fit.imag[where] = imag
        return fit

    @cached_property
    def residual(self) -> ComplexArray:
        """(Z - Z_fit) / abs(Z) [spectrum, point]."""
        residual, modulus = self.Z - self.Z_fit, np.abs(self.Z)
        with np.errstate(invalid="ignore", divide="ignore"):
            residual.real /= modulus  # part by part: NaN in one must not spread to the other
            residual.imag /= modulus
        return residual

    @cached_property
    def chi2(self) -> FloatArray:
        """Sum of abs(residual)^2 over the points and parts that took part [spectrum]."""
        r, part = self.residual, self.options["part"]
        squares = (0 if part == "imaginary" else r.real**2) + (0 if part == "real" else r.imag**2)
        total: FloatArray = np.where(self.used, squares, 0).sum(axis=1)
        return total

    def summary(self) -> pd.DataFrame:
        """One row a spectrum: coordinates, R_inf, L_0, C_0, R_pol, lambda, residual (rms, relative), status."""
        import pandas as pd

        count = self.used.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            rms = np.sqrt(self.chi2 / count)
        return pd.DataFrame(
            {
                "name": [self.campaign.label(i) for i in range(len(self))],
                **{column: self.coordinates[name] for name, column in tables.columns(self.coordinates, _TAKEN).items()},
                **{name: getattr(self, name) for name in _PER_SPECTRUM if name != "error"},
                "residual_rms": rms,
                "status": [Status(s).name for s in self.status],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Give gamma as a long table: one row for each spectrum and tau, with the coordinates."""
        import pandas as pd

        count = self.tau.size
        columns: dict[str, Any] = {"name": np.repeat([self.campaign.label(i) for i in range(len(self))], count)}
        for name, column in tables.columns(self.coordinates, _TAKEN).items():
            columns[column] = np.repeat(self.coordinates[name], count)
        columns["tau"] = np.tile(self.tau, len(self))
        columns["gamma"] = self.gamma.ravel()
        columns["in_window"] = self.in_window.ravel()
        return pd.DataFrame(columns)

    def to_dataset(self) -> xr.Dataset:
        """Give a copy of everything as an xarray Dataset, with units, options and provenance in the attributes."""
        import xarray as xr

        from . import __version__

        units = {"ohm": self.unit, "henry": "H", "farad": "F"}
        if self.unit != "ohm":
            units |= {"henry": "H cm2", "farad": "F cm-2"}
        per_tau = ("spectrum", "tau")
        variables: dict[str, Any] = {
            "gamma": (per_tau, self.gamma, {"units": self.unit, "long_name": "gamma per unit ln(tau)"}),
            "coefficients": (per_tau, self.coefficients, {"units": self.unit, "long_name": "basis coefficients"}),
            "in_window": (per_tau, self.in_window, {"long_name": "tau within the measured window"}),
            **tables.variables_of(self.campaign),
            "used": (("spectrum", "point"), self.used, {"long_name": "points that took part"}),
            "status": tables.status_variable(self.status),
        }
        for name, (unit, description) in _PER_SPECTRUM.items():
            attributes = {"units": unit.format(**units), "long_name": description}
            variables[name] = ("spectrum", getattr(self, name), attributes)
        coordinates: dict[str, Any] = {
            "tau": ("tau", self.tau, {"units": "s", "long_name": "relaxation time"}),
            **tables.coordinates_of(self.campaign, _TAKEN),
        }
        dataset = xr.Dataset(
            variables,
            coordinates,
            {
                "kind": "DrtResult",
                "drtengine": __version__,
                "instruction_set": ISA,
                "basis": self.basis.shape,
                "epsilon": self.basis.epsilon,
                "options": json.dumps(dict(self.options)),
                **tables.attributes_of(self.campaign),
                "notes": json.dumps(list(self.notes)),
            },
        )
        return dataset.copy(deep=True)

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> DrtResult:
        """Undo `to_dataset`.

        Raises
        ------
        InvalidInput
            If the dataset does not hold a `DrtResult`, or not all of it.
        """
        attributes = dataset.attrs
        if attributes.get("kind") != "DrtResult":
            raise InvalidInput(f"the dataset holds {attributes.get('kind', 'something unknown')}, not a DrtResult")
        array = {str(name): np.array(values.values) for name, values in dataset.variables.items()}
        try:
            campaign = tables.campaign_of(dataset, array)
            return cls(
                basis=Basis(str(attributes["basis"]), float(attributes["epsilon"]), array["tau"]),
                coefficients=array["coefficients"],
                gamma=array["gamma"],
                **{name: array[name] for name in _PER_SPECTRUM},
                status=array["status"],
                campaign=campaign,
                used=array["used"],
                options=json.loads(attributes["options"]),
                notes=json.loads(attributes["notes"]),
            )
        except KeyError as error:
            raise InvalidInput(f"the dataset lacks {error} of a DrtResult") from error
