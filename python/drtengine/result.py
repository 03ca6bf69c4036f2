"""What an inversion returns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import tables
from ._native import ISA, core
from .bands import log_normal
from .basis import Basis, positive_array
from .campaign import Campaign, frequency_grids
from .choice import gamma_of_elements
from .elements import ElementFit
from .errors import InvalidInput, Status
from .joint import SERIES_VARIABLES, Series
from .markup import frame_page
from .sampling import SAMPLING_VARIABLES, Sampling, sampling_of
from .smooth import between_nodes, monotone_between_nodes
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
    "u_R_inf": ("{ohm}", "standard uncertainty of R_inf"),
    "u_R_pol": ("{ohm}", "standard uncertainty of R_pol"),
    "u_R_pol_window": ("{ohm}", "standard uncertainty of R_pol_window"),
    "error": ("1", "estimated numerical error of the coefficients, relative to the largest"),
}
_TAKEN = {
    *(*tables.TAKEN, "tau", "in_window", "gamma", "gamma_low", "gamma_high", "coefficients", "residual_rms"),
    *("outliers", "method", "weighting", "samples", *_PER_SPECTRUM, *SERIES_VARIABLES, *SAMPLING_VARIABLES),
}
_OF_ELEMENTS = {  # arrays of an ElementFit: dimensions in a dataset
    "parameters": ("spectrum", "parameter"),
    "covariance": ("spectrum", "parameter", "parameter_too"),
    "kind": ("spectrum", "element"),
    "weights": ("spectrum", "part_of_point"),
    "used": ("spectrum", "point"),
    **dict.fromkeys(("score", "rss", "variance", "status"), ("spectrum",)),
}


@dataclass(frozen=True, eq=False, repr=False)
class DrtResult:
    """Distributions of relaxation times of a campaign; made by `fit_drt` and `load`.

    Where `status` does not say `Status.OK` or `Status.LAMBDA_AT_BOUND`, a spectrum's numbers are NaN; only gamma
    may be there, where a joint estimate carries it from the neighbours (`series`).
    With an electrode area, ohm reads ohm cm2 throughout.

    Attributes
    ----------
    basis : Basis
        Functions and their nodes; for "log" the trapezoid rule over the nodes.
    method : ndarray of str, shape [spectrum]
        "ridge", "log", "elements" or "joint"; "" where there is no answer.
    weighting : ndarray of str, shape [spectrum]
        The weights used: "unit", "modulus", "proportional" or "array".
    coefficients : ndarray, shape [spectrum, tau]
        Coefficients of the basis functions, ohm per unit ln(tau); for "log" gamma at the nodes.
    gamma : ndarray, shape [spectrum, tau]
        gamma at the nodes, ohm per unit ln(tau).
    R_inf, L_0, C_0 : ndarray, shape [spectrum]
        Ohm, H, F. NaN where the model or the fitted part has none.
    R_pol, R_pol_window : ndarray, shape [spectrum]
        Integral of gamma over ln(tau): from the first to the last node, and over the measured window.
    lambda_ : ndarray, shape [spectrum]
        Strength of the penalty; for "log" the precision of the second differences of ln(gamma), if it were one.
        For "elements" that of the smooth fit they were found from.
    noise : ndarray, shape [spectrum]
        Estimated standard deviation of Re and Im each, relative to abs(Z) where the weights are "modulus",
        to its geometric mean where they are "unit". NaN for "ridge", which has no estimate.
    error : ndarray, shape [spectrum]
        Estimated numerical error of the coefficients, relative to the largest. This is about rounding;
        it says nothing about noise or about the choice of lambda.
    u_R_inf, u_R_pol, u_R_pol_window : ndarray, shape [spectrum]
        Standard uncertainties, where a band was asked for; else NaN.
    status : ndarray of int8, shape [spectrum]
        `Status`.
    campaign : Campaign
        What was inverted.
    used : ndarray of bool, shape [spectrum, point]
        Points that took part.
    outliers : ndarray of bool, shape [spectrum, point]
        Points whose residual stood out, so that method "log" gave them less weight.
    options : mapping
        As given to `fit_drt`.
    notes : sequence of str
        What was dropped, refused or found odd, in words.
    evidence_log, evidence_elements : ndarray, shape [spectrum], or None
        ln of the evidence of a smooth gamma, less what its precisions cost, and of the sum of elements; NaN
        where it was not asked.
    elements : ElementFit or None
        What the search for elements found, of all spectra; it is the answer where `method` is "elements".
    gamma_low, gamma_high : ndarray, shape [spectrum, tau], or None
        The band of gamma at the nodes, where one was asked for. It need not have gamma in its middle, since
        it stands around a less smoothed estimate.
    samples : ndarray, shape [spectrum, draw, tau], or None
        Draws of gamma at the nodes, where they were asked for; see `integrate_samples`, `locate_peak_samples`.
    sampling : Sampling or None
        Of a sampled band: how well its chains have mixed, and intervals of resistances.
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
    u_R_inf: FloatArray
    u_R_pol: FloatArray
    u_R_pol_window: FloatArray
    status: NDArray[np.int8]
    campaign: Campaign
    used: BoolArray
    outliers: BoolArray
    options: Mapping[str, Any]
    notes: Sequence[str] = field(default_factory=tuple)
    evidence_log: FloatArray | None = None
    evidence_elements: FloatArray | None = None
    elements: ElementFit | None = None
    gamma_low: FloatArray | None = None
    gamma_high: FloatArray | None = None
    series: Series | None = None
    samples: FloatArray | None = None
    sampling: Sampling | None = None

    def __post_init__(self) -> None:
        curves = ("coefficients", "gamma", "gamma_low", "gamma_high", "samples")
        arrays = ("method", "weighting", *curves, "status", "used", "outliers")
        for name in (*arrays, *_PER_SPECTRUM):
            if getattr(self, name) is not None:
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

    def _repr_html_(self) -> str:
        return frame_page(repr(self).strip("<>"), self.summary(), self.notes)

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
    def is_positive(self) -> bool:
        """Whether gamma was asked to be nowhere negative."""
        return self.options["nonneg"] and self.options.get("free") is None

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
        """Give gamma at any relaxation times.

        Exactly from the basis for "ridge"; smooth in ln(gamma) between the nodes for "log"; for "elements" the exact
        average over the cell around each tau, as some elements have lines or poles, where tau increases, and else the
        density.

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
        at = positive_array(tau, "tau")
        summed, ridge = self.method == "elements", self.method == "ridge"
        values = between_nodes(self.tau, np.where((summed | ridge)[:, None], np.nan, self.gamma), at)
        if ridge.any():
            values[ridge] = self._times(self.basis.values(at).T, np.flatnonzero(ridge))
        if self.elements is not None and summed.any():
            certain = replace(self.elements, covariance=np.zeros_like(self.elements.covariance))  # values alone
            values[summed] = gamma_of_elements(certain, at)[0][summed]
        return values

    def evaluate_band(self, tau: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Give the band of gamma at any relaxation times.

        Between the nodes it is smooth in ln(gamma); for "ridge", whose band may touch zero, monotone in gamma.

        Parameters
        ----------
        tau : array_like, shape [tau]
            In s, positive.

        Returns
        -------
        low, high : ndarray, shape [spectrum, tau]

        Raises
        ------
        InvalidInput
            If the result has no band, or a tau is not positive and finite.
        """
        if self.gamma_low is None or self.gamma_high is None:
            raise InvalidInput("the result has no band; ask fit_drt for one with band=0.95")
        at = positive_array(tau, "tau")
        summed = self.method == "elements"
        between = monotone_between_nodes if self.options["method"] == "ridge" else between_nodes
        low, high = (
            between(self.tau, np.where(summed[:, None], np.nan, end), at) for end in (self.gamma_low, self.gamma_high)
        )
        if self.elements is not None and (known := summed & np.isfinite(self.gamma_low).all(axis=1)).any():
            value, u = gamma_of_elements(self.elements, at)
            low[known], high[known] = log_normal(value[known], u[known], self.options["band"])
        return low, high

    def _times(self, matrix: FloatArray, rows: IntArray) -> FloatArray:
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
            kernel, where = self.basis.kernel(f), np.ix_(rows, points)
            if part != "imaginary":
                fit.real[where] = self._times(kernel.real.T, rows) + self.R_inf[rows, None]
            if part != "real":
                imag = self._times(kernel.imag.T, rows)
                if self.options["inductance"]:
                    imag += omega * self.L_0[rows, None]
                if self.options["capacitance"]:
                    imag -= 1 / (omega * self.C_0[rows, None])
                fit.imag[where] = imag
        summed = self.method == "elements"
        if self.elements is not None and summed.any():
            fit[summed] = self.elements.Z_fit[summed]
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
                "method": self.method,
                **{name: getattr(self, name) for name in _PER_SPECTRUM if name != "error" and self._is_known(name)},
                "residual_rms": rms,
                "status": [Status(s).name for s in self.status],
            }
        )

    def _is_known(self, name: str) -> bool:
        """Whether a column is worth showing: uncertainties may not have been asked for."""
        return not name.startswith("u_") or bool(np.isfinite(getattr(self, name)).any())

    def to_frame(self) -> pd.DataFrame:
        """Give gamma as a long table: one row for each spectrum and tau, with the coordinates."""
        import pandas as pd

        count = self.tau.size
        columns: dict[str, Any] = {"name": np.repeat([self.campaign.label(i) for i in range(len(self))], count)}
        for name, column in tables.columns(self.coordinates, _TAKEN).items():
            columns[column] = np.repeat(self.coordinates[name], count)
        columns["tau"] = np.tile(self.tau, len(self))
        columns["gamma"] = self.gamma.ravel()
        if self.gamma_low is not None and self.gamma_high is not None:
            columns["gamma_low"], columns["gamma_high"] = self.gamma_low.ravel(), self.gamma_high.ravel()
        columns["in_window"] = self.in_window.ravel()
        return pd.DataFrame(columns)

    def to_dataset(self) -> xr.Dataset:
        """Give a copy of everything as an xarray Dataset, with units, options and provenance in the attributes."""
        return self.view_dataset().copy(deep=True)

    def view_dataset(self) -> xr.Dataset:
        """Give the same without a copy, for those who only read it."""
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
            **tables.variables_of(self.campaign),
            "used": (per_point, self.used, {"long_name": "points that took part"}),
            "outliers": (per_point, self.outliers, {"long_name": "points that stood out and weigh less"}),
            "method": ("spectrum", self.method.astype(object), {"long_name": "how gamma was estimated"}),
            "weighting": ("spectrum", self.weighting.astype(object), {"long_name": "weights of the residuals"}),
            "status": tables.status_variable(self.status),
        }
        for name, (unit, description) in _PER_SPECTRUM.items():
            attributes = {"units": unit.format(**units), "long_name": description}
            variables[name] = ("spectrum", getattr(self, name), attributes)
        for name in ("evidence_log", "evidence_elements"):
            if getattr(self, name) is not None:
                variables[name] = ("spectrum", getattr(self, name), {"units": "1", "long_name": "ln of the evidence"})
        if self.elements is not None:
            for name, dimensions in _OF_ELEMENTS.items():
                variables[f"elements_{name}"] = (dimensions, getattr(self.elements, name))
        for name, array in (("gamma_low", self.gamma_low), ("gamma_high", self.gamma_high)):
            if array is not None:
                variables[name] = (per_tau, array, {"units": self.unit, "long_name": f"band of gamma, {name[6:]} end"})
        if self.series is not None:
            variables |= self.series.variables()
        if self.sampling is not None:
            variables |= self.sampling.variables(self.unit)
        if self.samples is not None:
            dimensions = ("spectrum", "draw", "tau")
            variables["samples"] = (dimensions, self.samples, {"units": self.unit, "long_name": "draws of gamma"})
        coordinates: dict[str, Any] = {
            "tau": ("tau", self.tau, {"units": "s", "long_name": "relaxation time"}),
            **tables.coordinates_of(self.campaign, _TAKEN),
        }
        return xr.Dataset(
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
                outliers=array["outliers"],
                options=options,
                notes=json.loads(attributes["notes"]),
                evidence_log=array.get("evidence_log"),
                evidence_elements=array.get("evidence_elements"),
                elements=_elements(array, campaign, options),
                gamma_low=array.get("gamma_low"),
                gamma_high=array.get("gamma_high"),
                samples=array.get("samples"),
                sampling=sampling_of(array),
                series=None if along is None else Series(along, **{name: array[name] for name in SERIES_VARIABLES}),
            )
        except KeyError as error:
            raise InvalidInput(f"the dataset lacks {error} of a DrtResult") from error


def _elements(array: Mapping[str, NDArray[Any]], campaign: Campaign, options: Mapping[str, Any]) -> ElementFit | None:
    """Put an ElementFit together again."""
    if "elements_parameters" not in array:
        return None
    return ElementFit(
        **{name: array[f"elements_{name}"] for name in _OF_ELEMENTS},
        frequency=campaign.frequency,
        Z=campaign.Z if options["area"] is None else campaign.Z * options["area"],
        inductance=options["inductance"],
        capacitance=options["capacitance"],
    )
