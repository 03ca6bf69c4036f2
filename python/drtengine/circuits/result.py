"""What a circuit fit returns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._native import ISA
from ..campaign import Campaign
from ..errors import InvalidInput, Status
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray
from ..tables import columns as coordinate_columns
from .elements import Axis
from .topology import EquivalentCircuit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class CircuitResult:
    """Circuit parameters of a campaign; made by `fit_circuit`.

    Where `status` says that there is no answer, a spectrum's numbers are NaN.

    Attributes
    ----------
    circuit : EquivalentCircuit
    values : ndarray, shape [spectrum, parameter]
        In the units of `circuit.units`.
    u_values : ndarray, shape [spectrum, parameter]
        Standard uncertainty, from the scatter of the residuals; NaN for what is fixed or held by a bound, infinite for
        what the data say nothing of.
    values_low, values_high : ndarray, shape [spectrum, parameter]
        Interval of the confidence and kind in `options`.
    correlation : ndarray, shape [spectrum, parameter, parameter]
        Of the numbers fitted: logarithms, but of exponents the exponents themselves. NaN where there is none.
    at_bound : ndarray of bool, shape [spectrum, parameter]
        Parameters held by a bound.
    chi2 : ndarray, shape [spectrum]
        Minimum of the sum of squares of the weighted residuals; with the weights "modulus", of abs(residual)^2.
    degrees : ndarray of int, shape [spectrum]
        Real numbers measured less parameters found.
    free : int
        How many parameters were fitted; those tied together count once.
    status : ndarray of int8, shape [spectrum]
        `Status`.
    campaign : Campaign
        What was fitted.
    used : ndarray of bool, shape [spectrum, point]
        Points that took part.
    options : mapping
        As given to `fit_circuit`.
    notes : sequence of str
        What was dropped, refused or found odd, in words.
    """

    circuit: EquivalentCircuit
    values: FloatArray
    u_values: FloatArray
    values_low: FloatArray
    values_high: FloatArray
    correlation: FloatArray
    at_bound: BoolArray
    chi2: FloatArray
    degrees: IntArray
    free: int
    status: NDArray[np.int8]
    campaign: Campaign
    used: BoolArray
    options: Mapping[str, Any]
    notes: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        arrays = ("values", "u_values", "values_low", "values_high", "correlation", "at_bound", "chi2", "degrees")
        for name in (*arrays, "status", "used"):
            getattr(self, name).flags.writeable = False
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))  # the class is frozen
        object.__setattr__(self, "notes", tuple(self.notes))

    def __len__(self) -> int:
        return len(self.status)

    def __repr__(self) -> str:
        fitted = int(self.has_answer.sum())
        return f"<CircuitResult {self.circuit.string}: {fitted} of {len(self)} spectra fitted>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.circuit.names

    @property
    def frequency(self) -> FloatArray:
        """Hz [spectrum, point], NaN where a short spectrum is padded."""
        return self.campaign.frequency

    @property
    def Z(self) -> ComplexArray:
        """The measured impedance in ohm [spectrum, point]."""
        return self.campaign.Z

    @property
    def coordinates(self) -> Mapping[str, NDArray[Any]]:
        """Coordinates of the campaign."""
        return self.campaign.coordinates

    @property
    def unit(self) -> str:
        """Unit of resistances."""
        return "ohm"

    @cached_property
    def has_answer(self) -> BoolArray:
        """Whether a spectrum has numbers [spectrum]."""
        return np.isin(self.status, [status for status in Status if status.has_answer])

    @cached_property
    def parameters(self) -> pd.DataFrame:
        """Values: one row a spectrum, one column a parameter."""
        return self._table(self.values)

    @cached_property
    def errors(self) -> pd.DataFrame:
        """Standard uncertainties: one row a spectrum, one column a parameter."""
        return self._table(self.u_values)

    def _table(self, values: FloatArray) -> pd.DataFrame:
        import pandas as pd

        labels = [self.campaign.label(i) for i in range(len(self))]
        return pd.DataFrame(values, index=pd.Index(labels, name="name"), columns=list(self.names))

    def __getitem__(self, name: str) -> FloatArray:
        """Values of one parameter [spectrum]."""
        return self.values[:, self.circuit.index(name)]

    @cached_property
    def Z_fit(self) -> ComplexArray:
        """Impedance of the circuit at every measured frequency above 0 Hz [spectrum, point]."""
        return self._impedance(self.circuit, self.values)

    def _impedance(self, circuit: EquivalentCircuit, values: FloatArray) -> ComplexArray:
        with np.errstate(invalid="ignore"):
            measured = self.frequency > 0
        omega = np.where(measured, 2 * np.pi * self.frequency, 1.0)
        with np.errstate(invalid="ignore"):
            Z = circuit.evaluate(Axis(omega), circuit.to_internal(values))[0]
        return np.where(measured & self.has_answer[:, None], Z, complex(np.nan, np.nan))

    def subtract(self, elements: str | Sequence[str]) -> Campaign:
        """Take fitted elements out of the measured impedance, such as diffusion or an inductance before a DRT.

        What the elements add to the impedance of the fitted circuit is subtracted: for an element in series that is its
        impedance; for the diffusion in ``p(R1-W1,CPE1)``, what is left is the arc that R1 and CPE1 would make alone.
        What the circuit does not describe stays, and so do the errors of the fit: none of them is in the uncertainties
        of what is made of the result.

        Parameters
        ----------
        elements : str or sequence of str
            Names of elements in series with others, such as "W1" or ["L0", "W1"].

        Returns
        -------
        Campaign
            Its notes say what was subtracted; a spectrum without an answer is NaN.

        Raises
        ------
        InvalidInput
            If there is no such element, or it cannot be taken out.
        """
        names = (elements,) if isinstance(elements, str) else tuple(elements)
        if not names:
            raise InvalidInput("subtract needs the name of at least one element")
        rest, columns = self.circuit.without(names)
        part = self.Z_fit - self._impedance(rest, self.values[:, columns])
        note = f"{' and '.join(names)} of the fitted {self.circuit.string} subtracted from Z"
        lost = [
            f"{self.campaign.label(int(i))}: nothing to subtract, as the fit failed"
            for i in np.flatnonzero(~self.has_answer)
        ]
        return replace(self.campaign, Z=self.campaign.Z - part, notes=(*self.campaign.notes, note, *lost))

    @cached_property
    def residual(self) -> ComplexArray:
        """(Z - Z_fit) / abs(Z) [spectrum, point]."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((self.Z - self.Z_fit) / np.abs(self.Z))

    @cached_property
    def residual_rms(self) -> FloatArray:
        """Root mean square of abs(residual) over the points used [spectrum]."""
        squares = np.where(self.used, np.abs(self.residual) ** 2, 0).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.sqrt(squares / self.used.sum(axis=1)))

    @cached_property
    def aicc(self) -> FloatArray:
        """Akaike's criterion with the correction for few data [spectrum]; lower is better, with equal weights only."""
        count, found = self._counts
        with np.errstate(divide="ignore", invalid="ignore"):
            corrected = 2 * found * count / np.where(count > found + 1, count - found - 1, np.nan)
            return np.asarray(count * np.log(self.chi2 / count) + corrected)

    @cached_property
    def bic(self) -> FloatArray:
        """The Bayesian information criterion [spectrum]; lower is better, with equal weights only."""
        count, found = self._counts
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(count * np.log(self.chi2 / count) + found * np.log(count))

    @property
    def _counts(self) -> tuple[IntArray, int]:
        """Real numbers measured [spectrum] and how many are found from them, the size of the noise being one more."""
        return self.degrees + self.free, self.free + 1

    def to_frame(self) -> pd.DataFrame:
        """Give one row a spectrum: coordinates, each parameter with uncertainty and interval, quality and status."""
        import pandas as pd

        columns: dict[str, Any] = {"name": [self.campaign.label(i) for i in range(len(self))]}
        for name, column in coordinate_columns(self.coordinates).items():
            columns[column] = self.coordinates[name]
        for k, name in enumerate(self.names):
            columns[name] = self.values[:, k]
            columns[f"u_{name}"] = self.u_values[:, k]
            columns[f"{name}_low"], columns[f"{name}_high"] = self.values_low[:, k], self.values_high[:, k]
        columns |= {"chi2": self.chi2, "residual_rms": self.residual_rms, "aicc": self.aicc, "bic": self.bic}
        columns["status"] = [Status(status).name for status in self.status]
        return pd.DataFrame(columns)

    def to_dataset(self) -> xr.Dataset:
        """Give a copy of everything as an xarray Dataset, with units, options and provenance in the attributes."""
        import xarray as xr

        from .. import __version__

        table, point = ("spectrum", "parameter"), ("spectrum", "point")
        variables: dict[str, Any] = {
            "values": (table, self.values, {"long_name": "parameters, in the units of `unit`"}),
            "u_values": (table, self.u_values, {"long_name": "standard uncertainty"}),
            "values_low": (table, self.values_low, {"long_name": "lower end of the interval"}),
            "values_high": (table, self.values_high, {"long_name": "upper end of the interval"}),
            "at_bound": (table, self.at_bound, {"long_name": "parameter held by a bound"}),
            "correlation": (("spectrum", "parameter", "parameter_2"), self.correlation),
            "chi2": ("spectrum", self.chi2, {"long_name": "sum of squares of the weighted residuals"}),
            "degrees": ("spectrum", self.degrees, {"long_name": "degrees of freedom"}),
            "aicc": ("spectrum", self.aicc),
            "bic": ("spectrum", self.bic),
            "frequency": (point, self.frequency, {"units": "Hz"}),
            "Z": (point, self.Z, {"units": "ohm", "long_name": "measured impedance, true sign"}),
            "used": (point, self.used, {"long_name": "points that took part"}),
            "status": ("spectrum", self.status, {"flags": ", ".join(f"{s.value}: {s.name}" for s in Status)}),
        }
        coordinates: dict[str, Any] = {
            "parameter": list(self.names),
            "unit": ("parameter", list(self.circuit.units)),
        }
        for name, column in coordinate_columns(self.coordinates).items():
            coordinates[column] = ("spectrum", self.coordinates[name])
        if self.campaign.names is not None:
            coordinates["name"] = ("spectrum", np.array(self.campaign.names))
        attributes = {
            "kind": "CircuitResult",
            "drtengine": __version__,
            "instruction_set": ISA,
            "circuit": self.circuit.string,
            "free": self.free,
            "options": json.dumps(dict(self.options)),
            "sources": json.dumps(dict(self.campaign.sources)),
            "campaign_notes": json.dumps(list(self.campaign.notes)),
            "notes": json.dumps(list(self.notes)),
        }
        return xr.Dataset(variables, coordinates, attributes).copy(deep=True)
