"""What an inversion returns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._native import ISA, core
from .basis import Basis, positive_array
from .campaign import Campaign, frequency_grids
from .errors import InvalidInput, Status
from .joint import SERIES_VARIABLES, Series
from .smooth import SMOOTH, between_nodes
from .spectrum import BoolArray, ComplexArray, FloatArray, IntArray

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
    "noise": ("1", "estimated standard deviation of Re and Im, relative to abs(Z) or its geometric mean"),
    "error": ("1", "estimated numerical error of the coefficients, relative to the largest"),
}
_TAKEN = {  # names of what else stands in tables
    *("name", "point", "tau", "frequency", "Z", "Z_real", "Z_imag", "point_time", "used", "in_window", "gamma"),
    *("coefficients", "residual_rms", "status", "method", "weighting", *_PER_SPECTRUM, *SERIES_VARIABLES),
}
_COORDINATE_UNITS = {"voltage": "V", "current": "A", "temperature": "degC", "time": "s", "soc": "1", "cycle": "1"}


@dataclass(frozen=True, eq=False, repr=False)
class DrtResult:
    """Distributions of relaxation times of a campaign; made by `fit_drt` and `load`.

    Where `status` does not say `Status.OK` or `Status.LAMBDA_AT_BOUND`, a spectrum's numbers are NaN; only gamma
    may be there, where a joint estimate carries it from the neighbours (`series`).
    With an electrode area, ohm reads ohm cm2 throughout.

    Attributes
    ----------
    basis : Basis
        Functions of method "ridge"; its nodes serve every method.
    method : ndarray of str, shape [spectrum]
        "ridge", "log" or "joint"; "" where there is no answer.
    weighting : ndarray of str, shape [spectrum]
        The weights used: "unit", "modulus", "proportional" or "array".
    coefficients : ndarray, shape [spectrum, tau]
        Coefficients of the basis functions, ohm; for "log" gamma at the nodes.
    gamma : ndarray, shape [spectrum, tau]
        gamma at the nodes, ohm per unit ln(tau).
    R_inf, L_0, C_0 : ndarray, shape [spectrum]
        Ohm, H, F. NaN where the model or the fitted part has none.
    R_pol, R_pol_window : ndarray, shape [spectrum]
        Integral of gamma over ln(tau): from the first to the last node, and over the measured window.
    lambda_ : ndarray, shape [spectrum]
        Strength of the penalty; for "log" the precision of the second differences of ln(gamma), if it were one.
    noise : ndarray, shape [spectrum]
        Estimated standard deviation of Re and Im each, relative to abs(Z) where the weights are "modulus",
        to its geometric mean where they are "unit". NaN for "ridge", which has no estimate.
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
    series : Series or None
        Of a joint estimate: its ties, jumps and the spectra that their neighbours carry.
    """

    basis: Basis
    method: NDArray[np.str_]
    weighting: NDArray[np.str_]
    coefficients: FloatArray
    gamma: FloatArray
    R_inf: FloatArray
    L_0: FloatArray
    C_0: FloatArray
    R_pol: FloatArray
    R_pol_window: FloatArray
    lambda_: FloatArray
    noise: FloatArray
    error: FloatArray
    status: NDArray[np.int8]
    campaign: Campaign
    used: BoolArray
    options: Mapping[str, Any]
    notes: Sequence[str] = field(default_factory=tuple)
    series: Series | None = None

    def __post_init__(self) -> None:
        for name in ("method", "weighting", "coefficients", "gamma", "status", "used", *_PER_SPECTRUM):
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
        linear = ~np.isin(self.method, SMOOTH)
        if not linear.all():
            at = positive_array(tau, "tau")
            values = between_nodes(self.tau, self.gamma, at)
            values[linear] = self._times(self.basis.values(at).T, linear)
            return values
        return core.multiply_rows(self.coefficients, np.ascontiguousarray(self.basis.values(tau).T))

    def _times(self, matrix: FloatArray, rows: BoolArray | IntArray) -> FloatArray:
        """Coefficients of some spectra times a matrix [node, output]."""
        return core.multiply_rows(np.ascontiguousarray(self.coefficients[rows]), np.ascontiguousarray(matrix))

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
            omega = 2 * np.pi * f
            smooth = np.isin(self.method[rows], SMOOTH)
            for some, basis in ((rows[smooth], Basis("piecewise_linear", 1.0, self.tau)), (rows[~smooth], self.basis)):
                if some.size == 0:
                    continue
                kernel, where = basis.kernel(f), np.ix_(some, points)
                if part != "imaginary":
                    fit.real[where] = self._times(kernel.real.T, some) + self.R_inf[some, None]
                if part != "real":
                    imag = self._times(kernel.imag.T, some)
                    if self.options["inductance"]:
                        imag += omega * self.L_0[some, None]
                    if self.options["capacitance"]:
                        imag -= 1 / (omega * self.C_0[some, None])
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
                **{column: self.coordinates[name] for name, column in _columns(self.coordinates).items()},
                "method": self.method,
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
        for name, column in _columns(self.coordinates).items():
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
        per_point = ("spectrum", "point")
        variables: dict[str, Any] = {
            "gamma": (per_tau, self.gamma, {"units": self.unit, "long_name": "gamma per unit ln(tau)"}),
            "coefficients": (per_tau, self.coefficients, {"units": self.unit, "long_name": "basis coefficients"}),
            "in_window": (per_tau, self.in_window, {"long_name": "tau within the measured window"}),
            "frequency": (per_point, self.frequency, {"units": "Hz"}),
            "Z": (per_point, self.campaign.Z, {"units": "ohm", "long_name": "measured impedance, true sign"}),
            "used": (per_point, self.used, {"long_name": "points that took part"}),
            "method": ("spectrum", self.method.astype(object), {"long_name": "how gamma was estimated"}),
            "weighting": ("spectrum", self.weighting.astype(object), {"long_name": "weights of the residuals"}),
            "status": ("spectrum", self.status, {"flags": ", ".join(f"{s.value}: {s.name}" for s in Status)}),
        }
        for name, (unit, description) in _PER_SPECTRUM.items():
            attributes = {"units": unit.format(**units), "long_name": description}
            variables[name] = ("spectrum", getattr(self, name), attributes)
        if self.series is not None:
            variables |= self.series.variables()
        if self.campaign.point_time is not None:
            variables["point_time"] = (per_point, self.campaign.point_time, {"units": "s"})
        coordinates: dict[str, Any] = {"tau": ("tau", self.tau, {"units": "s", "long_name": "relaxation time"})}
        for name, column in _columns(self.coordinates).items():
            is_number = self.coordinates[name].dtype.kind == "f"
            attributes = {"units": _COORDINATE_UNITS[name]} if is_number and name in _COORDINATE_UNITS else {}
            attributes |= {"coordinate": name} if name != column else {}
            coordinates[column] = ("spectrum", self.coordinates[name], attributes)
        if self.campaign.names is not None:
            coordinates["name"] = ("spectrum", np.array(self.campaign.names))
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
                "sources": json.dumps(dict(self.campaign.sources)),
                "campaign_notes": json.dumps(list(self.campaign.notes)),
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
            frequency = array["frequency"]
            if np.array_equal(frequency, np.broadcast_to(frequency[0], frequency.shape), equal_nan=True):
                frequency = frequency[0]  # one row, seen many times
            campaign = Campaign(
                frequency,
                array["Z"],
                {
                    str(values.attrs.get("coordinate", name)): array[str(name)]
                    for name, values in dataset.coords.items()
                    if name not in ("tau", "name")
                },
                names=[str(n) for n in array["name"]] if "name" in array else None,
                point_time=array.get("point_time"),
                sources=json.loads(attributes["sources"]),
                notes=json.loads(attributes["campaign_notes"]),
            )
            options = json.loads(attributes["options"])
            along = options.get("along")
            return cls(
                basis=Basis(str(attributes["basis"]), float(attributes["epsilon"]), array["tau"]),
                method=array["method"].astype(str),
                weighting=array["weighting"].astype(str),
                coefficients=array["coefficients"],
                gamma=array["gamma"],
                **{name: array[name] for name in _PER_SPECTRUM},
                status=array["status"],
                campaign=campaign,
                used=array["used"],
                options=options,
                notes=json.loads(attributes["notes"]),
                series=None if along is None else Series(along, **{name: array[name] for name in SERIES_VARIABLES}),
            )
        except KeyError as error:
            raise InvalidInput(f"the dataset lacks {error} of a DrtResult") from error


def _columns(coordinates: Iterable[str]) -> dict[str, str]:
    """Names that coordinates have in tables: such as NetCDF takes, and none of the tables' own."""
    columns: dict[str, str] = {}
    for name in coordinates:
        column = re.sub(r"\W+", "_", name)
        while column in _TAKEN or column in columns.values():
            column = f"coordinate_{column}"
        columns[name] = column
    return columns
