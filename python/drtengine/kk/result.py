"""What a check of Kramers-Kronig validity returns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import tables
from .._native import ISA
from ..campaign import Campaign
from ..errors import InvalidInput
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

PER_SPECTRUM = {  # name: (unit, description)
    "noise": ("1", "noise of each part relative to abs(Z), corrected for degrees of freedom"),
    "structure": ("1", "root mean square of the smooth part of the residual, relative to abs(Z)"),
    "p_value": ("1", "probability that noise alone makes this structure"),
    "chi2": ("1", "sum of abs(residual)^2 over the points used"),
    "mu": ("1", "1 - (sum of negative relaxations)/(sum of positive ones)"),
    "autocorrelation": ("1", "of neighbouring residuals, the larger one of Re and Im"),
    "p_runs": ("1", "probability of as few runs of one sign in the residuals by chance"),
    "drift": ("1", "relative change of Z during the sweep"),
    "u_drift": ("1", "standard uncertainty of drift"),
}
_BY_SPECTRUM = ("verdict", "n_rc", "representation", "timed", "stands_out")
_TAKEN = {
    *tables.TAKEN, *PER_SPECTRUM, *_BY_SPECTRUM, "flagged", "residual", "residual_real", "residual_imag", "window",
    "window_low", "window_high", "end", "part",
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class KkResult:
    """A verdict for every spectrum of a campaign; made by `check_kk`.

    All sizes are relative to abs(Z): 0.01 is 1 %. What a method does not know is NaN.

    Attributes
    ----------
    campaign : Campaign
        What was checked; nothing in it is changed.
    verdict : ndarray of str, shape [spectrum]
        "pass", "warn" or "fail".
    reason : sequence of str
        Why, in one sentence for each spectrum.
    status : ndarray of int8, shape [spectrum]
        `Status`. Where it is not `Status.OK` the spectrum could not be tested: it fails if it cannot be right
        (NaN, wrong sign), and is a "warn" where nothing is known against it (too few points, too narrow a window).
    noise : ndarray, shape [spectrum]
        Standard deviation of Re and Im, corrected for the degrees of freedom; it holds no structure.
    structure : ndarray, shape [spectrum]
        Root mean square of the part of the residual that is smooth, above what noise makes of it.
    p_value : ndarray, shape [spectrum]
        Probability that noise alone makes this structure.
    chi2 : ndarray, shape [spectrum]
        Pseudo chi-squared: sum of abs(residual)^2 over the points used.
    mu : ndarray, shape [spectrum]
        1 - (sum of negative relaxations)/(sum of positive ones); near 1 for few, low for many relaxations.
    n_rc : ndarray of int, shape [spectrum]
        Number of relaxations; 0 where there are none.
    autocorrelation : ndarray, shape [spectrum]
        Lag-1 autocorrelation of the residual along the frequency: the larger one of Re and Im.
    p_runs : ndarray, shape [spectrum]
        Wald-Wolfowitz test: probability of as few runs of one sign, the smaller one of Re and Im.
    drift, u_drift : ndarray, shape [spectrum]
        Relative change of all of Z from the first to the last point, and its standard uncertainty.
    timed : ndarray of bool, shape [spectrum]
        Whether the drift rests on the times of the points in the file; otherwise these are guessed.
    residual : ndarray of complex, shape [spectrum, point]
        (Z - Z_fit)/abs(Z); NaN where a point was not used.
    flagged : ndarray of bool, shape [spectrum, point]
        Points that stand out.
    used : ndarray of bool, shape [spectrum, point]
        Points that were looked at.
    window : ndarray, shape [spectrum, 2]
        Lowest and highest frequency in Hz between which the spectrum is valid; NaN where there is none.
    representation : ndarray of str, shape [spectrum]
        Whether the "impedance" or the "admittance" was fitted.
    stands_out : ndarray of bool, shape [spectrum]
        Whether the spectrum differs from its neighbours in the series.
    scores : mapping of str to ndarray, shape [spectrum, 2]
        Scores of Re and of Im by the Bayesian Hilbert transform, 1 where all is well: "s_mu" (agreement), "s_res_1",
        "s_res_2", "s_res_3" (share of points within 1, 2, 3 standard deviations), "s_HD" and "s_JSD" (Hellinger and
        Jensen-Shannon distance of the predictive distributions). Empty for other methods.
    options : mapping
        As given to `check_kk`.
    notes : sequence of str
        What was dropped, refused or found odd, in words.
    """

    campaign: Campaign
    verdict: NDArray[np.str_]
    reason: Sequence[str]
    status: NDArray[np.int8]
    noise: FloatArray
    structure: FloatArray
    p_value: FloatArray
    chi2: FloatArray
    mu: FloatArray
    n_rc: IntArray
    autocorrelation: FloatArray
    p_runs: FloatArray
    drift: FloatArray
    u_drift: FloatArray
    timed: BoolArray
    residual: ComplexArray
    flagged: BoolArray
    used: BoolArray
    window: FloatArray
    representation: NDArray[np.str_]
    stands_out: BoolArray
    scores: Mapping[str, FloatArray] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for column in fields(self):
            value = getattr(self, column.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        object.__setattr__(self, "reason", tuple(self.reason))  # the class is frozen
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))
        object.__setattr__(self, "notes", tuple(self.notes))

    def __reduce__(self) -> tuple[Any, ...]:  # a mappingproxy does not pickle
        arguments = {column.name: getattr(self, column.name) for column in fields(self)}
        return partial(KkResult, **{**arguments, "scores": dict(self.scores), "options": dict(self.options)}), ()

    def __len__(self) -> int:
        return len(self.verdict)

    def __repr__(self) -> str:
        counts = ", ".join(f"{int((self.verdict == v).sum())} {v}" for v in ("pass", "warn", "fail"))
        return f"<KkResult: {len(self)} spectra, {counts}>"

    @property
    def frequency(self) -> FloatArray:
        """Hz [spectrum, point], NaN where a short spectrum is padded."""
        return self.campaign.frequency

    @property
    def coordinates(self) -> Mapping[str, NDArray[Any]]:
        """Coordinates of the campaign."""
        return self.campaign.coordinates

    def summary(self) -> pd.DataFrame:
        """One row a spectrum: coordinates, verdict, reason and the numbers behind them."""
        import pandas as pd

        return pd.DataFrame(
            {
                "name": [self.campaign.label(i) for i in range(len(self))],
                **{column: self.coordinates[name] for name, column in tables.columns(self.coordinates, _TAKEN).items()},
                "verdict": self.verdict,
                **{name: getattr(self, name) for name in PER_SPECTRUM},
                "timed": self.timed,
                "n_rc": self.n_rc,
                "representation": self.representation,
                "flagged": self.flagged.sum(axis=1),
                "window_low": self.window[:, 0],
                "window_high": self.window[:, 1],
                "stands_out": self.stands_out,
                "reason": self.reason,
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Give the residuals as a long table: one row for each spectrum and point."""
        import pandas as pd

        rows, points = np.nonzero(self.campaign.is_point)
        names = np.array([self.campaign.label(i) for i in range(len(self))])
        named = tables.columns(self.coordinates, _TAKEN)
        return pd.DataFrame(
            {
                "name": names[rows],
                **{column: self.coordinates[name][rows] for name, column in named.items()},
                "frequency": self.frequency[rows, points],
                "residual_real": self.residual.real[rows, points],
                "residual_imag": self.residual.imag[rows, points],
                "used": self.used[rows, points],
                "flagged": self.flagged[rows, points],
            }
        )

    def to_dataset(self) -> xr.Dataset:
        """Give a copy of everything as an xarray Dataset, with units, options and provenance in the attributes."""
        import xarray as xr

        from .. import __version__

        per_point = ("spectrum", "point")
        variables: dict[str, Any] = {
            **tables.variables_of(self.campaign),
            "residual": (per_point, self.residual, {"units": "1", "long_name": "(Z - fit)/abs(Z)"}),
            "flagged": (per_point, self.flagged, {"long_name": "points that stand out"}),
            "used": (per_point, self.used, {"long_name": "points that were looked at"}),
            "window": (("spectrum", "end"), self.window, {"units": "Hz", "long_name": "lowest and highest valid"}),
            "status": tables.status_variable(self.status),
            "reason": ("spectrum", np.array(self.reason)),
            **{name: ("spectrum", getattr(self, name)) for name in _BY_SPECTRUM},
            **{f"score_{name}": (("spectrum", "part"), values, {"units": "1"}) for name, values in self.scores.items()},
        }
        for name, (unit, description) in PER_SPECTRUM.items():
            variables[name] = ("spectrum", getattr(self, name), {"units": unit, "long_name": description})
        attributes = {
            "kind": "KkResult",
            "drtengine": __version__,
            "instruction_set": ISA,
            "options": json.dumps(dict(self.options)),
            **tables.attributes_of(self.campaign),
            "notes": json.dumps(list(self.notes)),
        }
        return xr.Dataset(variables, tables.coordinates_of(self.campaign, _TAKEN), attributes).copy(deep=True)

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> KkResult:
        """Undo `to_dataset`.

        Raises
        ------
        InvalidInput
            If the dataset does not hold a `KkResult`, or not all of it.
        """
        attributes = dataset.attrs
        if attributes.get("kind") != "KkResult":
            raise InvalidInput(f"the dataset holds {attributes.get('kind', 'something unknown')}, not a KkResult")
        array = {str(name): np.array(values.values) for name, values in dataset.variables.items()}
        try:
            return cls(
                campaign=tables.campaign_of(dataset, array),
                reason=[str(reason) for reason in array["reason"]],
                verdict=array["verdict"].astype("U4"),
                representation=array["representation"].astype("U10"),
                **{name: array[name] for name in (*PER_SPECTRUM, "n_rc", "timed", "stands_out", "status")},
                **{name: array[name] for name in ("residual", "flagged", "used", "window")},
                scores={n.removeprefix("score_"): array[n] for n in array if n.startswith("score_")},
                options=json.loads(attributes["options"]),
                notes=json.loads(attributes["notes"]),
            )
        except KeyError as error:
            raise InvalidInput(f"the dataset lacks {error} of a KkResult") from error
