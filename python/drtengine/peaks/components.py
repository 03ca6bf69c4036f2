"""Gamma taken apart into components of known shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import options
from ..basis import positive_array
from ..campaign import Campaign
from ..densities import LARGEST_LN_X, havriliak_negami
from ..errors import InvalidInput, near_miss
from ..points import measured_window
from ..posterior import POINT, Spread, interval, spread
from ..result import DrtResult
from ..spectrum import BoolArray, FloatArray, IntArray
from .finding import find_peaks
from .tables import campaign_columns, dataset_of, require_result

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Limits: TypeAlias = tuple[float, float]

_WIDEST = {"phi": (0.0, 1 - 1e-6), "alpha": (0.0, 1 - 1e-6), "beta": (0.0, 1.0)}
"""What bounds may be; an exponent of 1 makes a line, which has no density."""
_NEAR_BOUND = 1e-6
"""A parameter this close to a bound, as a share of their distance, stands at it."""
_MOST_EVALUATIONS = 500
_TINY = 1e-12
_STEP = 1e-7


class _Shape(NamedTuple):
    """A density of unit resistance: its parameters beside R and tau, with their bounds and meaning."""

    density: Callable[..., FloatArray]  # of ln(tau / tau_0) and the parameters
    bounds: Mapping[str, Limits]
    start: Callable[[FloatArray], Sequence[FloatArray]]  # from the height over the resistance
    meaning: Mapping[str, str]


def _power_law(ln_ratio: FloatArray, alpha: FloatArray, beta: FloatArray | float = 1.0) -> FloatArray:
    return havriliak_negami(np.clip(alpha * ln_ratio, -LARGEST_LN_X, LARGEST_LN_X), alpha, beta)


def _bell(ln_ratio: FloatArray, sigma: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-((ln_ratio / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi)))


def _phi(height: FloatArray) -> FloatArray:
    """Exponent of the ZARC of this height: it is cot((1 - phi) pi / 2) / (2 pi)."""
    return np.asarray(1 - 2 / np.pi * np.arctan(1 / (2 * np.pi * height)))


_SHAPES = {
    "zarc": _Shape(
        _power_law, {"phi": (0.2, 0.999)}, lambda h: [_phi(h)], {"phi": "exponent of the constant phase element"}
    ),
    "hn": _Shape(
        _power_law,
        {"alpha": (0.2, 0.999), "beta": (0.1, 1.0)},
        lambda h: [_phi(h), np.full(h.shape, 0.9)],
        {"alpha": "exponent of broadening", "beta": "exponent of asymmetry"},
    ),
    "gaussian": _Shape(
        _bell,
        {"sigma": (0.05, 10.0)},
        lambda h: [1 / (h * np.sqrt(2 * np.pi))],
        {"sigma": "standard deviation in ln(tau)"},
    ),
}


@dataclass(frozen=True, eq=False, repr=False)
class Components:
    """Components of the gamma of all spectra; made by `fit_components`.

    Attributes
    ----------
    shape : str
        "zarc", "hn" or "gaussian".
    names : sequence of str
        Parameters: "R" (ohm), "tau" (s), and "phi"; or "alpha", "beta"; or "sigma".
    spectrum : ndarray of int, shape [component]
        Which spectrum a component is of.
    values, u_values, values_low, values_high : ndarray, shape [component, parameter]
        Parameters, their standard uncertainty by noise, and an interval of probability `level` that counts in what
        smoothing may have done; NaN where there is none, and at a bound.
    at_bound : ndarray of bool, shape [component, parameter]
    misfit : ndarray, shape [spectrum]
        Root mean square of what the components leave of gamma in the measured window, over that of gamma.
    level : float
    campaign : Campaign
    unit : str
        Of resistances.
    notes : sequence of str
    """

    shape: str
    names: Sequence[str]
    spectrum: IntArray
    values: FloatArray
    u_values: FloatArray
    values_low: FloatArray
    values_high: FloatArray
    at_bound: BoolArray
    misfit: FloatArray
    level: float
    campaign: Campaign
    unit: str
    notes: Sequence[str]

    def __len__(self) -> int:
        return len(self.spectrum)

    def __repr__(self) -> str:
        return f"<Components: {len(self)} of shape {self.shape} in {len(self.campaign)} spectra>"

    def __getitem__(self, name: str) -> FloatArray:
        """One parameter of all components [component]."""
        if name not in self.names:
            raise InvalidInput(f"there is no parameter {name!r}; {near_miss(name, tuple(self.names))}")
        return self.values[:, self.names.index(name)]

    def evaluate(self, tau: ArrayLike) -> FloatArray:
        """Gamma of each component at any tau in s, ohm per unit ln(tau) [component, tau]."""
        R, tau_0, *others = self.values.T
        ln_ratio = np.log(positive_array(tau, "tau")) - np.log(tau_0)[:, None]
        curves = R[:, None] * _SHAPES[self.shape].density(ln_ratio, *(other[:, None] for other in others))
        return np.asarray(curves)

    def to_frame(self) -> pd.DataFrame:
        """Give one row a component, with the coordinates of its spectrum."""
        import pandas as pd

        own = {**self._columns(), "at_bound": self.at_bound.any(axis=1), "misfit": self.misfit[self.spectrum]}
        return pd.DataFrame({**campaign_columns(self.campaign, self.spectrum, list(own)), **own})

    def to_dataset(self) -> xr.Dataset:
        """Give an xarray Dataset [component]."""
        meaning = {"R": ("{ohm}", "resistance"), "tau": ("s", "relaxation time")}
        meaning |= {name: ("1", text) for name, text in _SHAPES[self.shape].meaning.items()}
        numbers = {
            column: (unit, text + words)
            for name, (unit, text) in meaning.items()
            for column, words in zip(_derived(name), _WORDS, strict=True)
        }
        own = {
            "at_bound": ("component", self.at_bound.any(axis=1)),
            "misfit": ("component", self.misfit[self.spectrum]),
        }
        spectrum = "component", self.spectrum
        attributes = {"shape": self.shape, "level": self.level}
        return dataset_of("Components", self, self._columns(), ("component",), numbers, own, spectrum, **attributes)

    def _columns(self) -> dict[str, FloatArray]:
        arrays = self.values, self.u_values, self.values_low, self.values_high
        names = (_derived(name) for name in self.names)
        return {c: array[:, k] for k, columns in enumerate(names) for c, array in zip(columns, arrays, strict=True)}


_WORDS = "", ", standard uncertainty by noise", ", lower end of the interval", ", upper end of the interval"


def _derived(name: str) -> tuple[str, str, str, str]:
    return name, f"u_{name}", f"{name}_low", f"{name}_high"


def fit_components(
    result: DrtResult,
    *,
    shape: str = "zarc",
    tau: ArrayLike | None = None,
    bounds: Mapping[str, Limits | Sequence[Limits]] | None = None,
    level: float = 0.95,
) -> Components:
    """Take gamma apart into components, by least squares over the nodes in each spectrum's measured window.

    Parameters
    ----------
    result : DrtResult
    shape : {"zarc", "hn", "gaussian"}
        Density of a ZARC, of Havriliak-Negami, or a normal distribution of ln(tau).
    tau : array_like, shape [component], optional
        Where the components of every spectrum start, s. By default each spectrum has one at each of its peaks, see
        `find_peaks`, in the measured window.
    bounds : mapping, optional
        Least and largest value of parameters, by name: one pair for all components, or, beside `tau`, one for each.
    level : float
        Probability of the intervals.

    Returns
    -------
    Components
        In a spectrum without an answer there are none. A fit that does not converge is NaN, and noted.

    Raises
    ------
    InvalidInput
        For an unknown shape, or starts and bounds that make no sense.

    Notes
    -----
    The components describe the curve of gamma. Resistances and places are the cell's as far as the curve is; widths
    are those of the smoothed curve, so that an exponent comes out too low. To get the exponents of elements, fit
    elements to the impedance. Densities: Havriliak and Negami, Polymer 8, 161 (1967),
    doi:10.1016/0032-3861(67)90021-3.

    Examples
    --------
    >>> import drtengine as dt
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> cell = dt.simulate.Resistor(10) + dt.simulate.ZARC(50, 1e-3, 0.8) + dt.simulate.ZARC(20, 1e-1, 0.8)
    >>> result = dt.fit_drt(dt.Spectrum(frequency, cell.impedance(frequency)), method="log")
    >>> parts = dt.fit_components(result, shape="zarc")
    >>> parts["R"].round().tolist()
    [50.0, 20.0]
    """
    require_result("fit_components", result)
    options.check_choice("shape", shape, tuple(_SHAPES))
    level = options.check_level(level)
    starts = None if tau is None else positive_array(tau, "tau")
    names = ("R", "tau", *_SHAPES[shape].bounds)
    lower, upper = _check_bounds(names, shape, bounds or {}, result.tau, starts)
    window = np.stack(measured_window(result.frequency, result.used), axis=1)
    at_nodes, ln_tau = result.basis.values(result.tau), np.log(result.tau)
    given = None if starts is None else np.stack([starts, np.full(starts.size, np.nan)], axis=1)
    begins = _at_peaks(result, window) if given is None else [given] * len(result)

    spectrum, fits, rows, notes = list[int](), list[_Fit](), list[FloatArray](), list[str]()
    misfit = np.full(len(result), np.nan)
    for i in np.flatnonzero(np.isfinite(result.gamma).all(axis=1)):
        inside = (result.tau >= window[i, 0]) & (result.tau <= window[i, 1])
        count, label = len(begins[i]), result.campaign.label(int(i))
        if count * len(names) > inside.sum():
            notes.append(
                f"{label}: {count * len(names)} parameters for {inside.sum()} nodes of tau; ask for fewer components"
            )
        elif count:
            begin = _begin(result, int(i), begins[i], shape)
            fits.append(fit := _fit(ln_tau[inside], result.gamma[i, inside], shape, begin, lower, upper))
            if not fit.converged:
                notes.append(f"{label}: the fit of {count} components did not converge")
            spectrum += [int(i)] * count
            rows.append(fit.rows @ at_nodes[inside])
            misfit[i] = fit.misfit
    which, blank = np.array(spectrum, dtype=np.intp), np.empty((0, len(names)))
    known = spread(result, np.concatenate([at_nodes[:0], *rows]), np.repeat(which, len(names)))
    values = np.concatenate([blank, *(fit.values for fit in fits)])
    at_bound = np.concatenate([blank.astype(bool), *(fit.at_bound for fit in fits)])
    # a component without resistance stands anywhere
    unknown = at_bound | at_bound[:, :1] | np.isnan(values)
    u, blur = (np.where(unknown, np.nan, part.reshape(values.shape)) for part in (known.u, known.blur))
    low, high = interval(values, Spread(u, blur), level, POINT)
    with np.errstate(over="ignore"):
        for array in (values, low, high):
            array[:, 1] = np.exp(array[:, 1])  # ln(tau) until here
    u[:, 1] *= values[:, 1]
    least, most = np.array([_WIDEST.get(name, (0.0, np.inf)) for name in names]).T
    return Components(
        shape=shape,
        names=names,
        spectrum=which,
        values=values,
        u_values=u,
        values_low=np.maximum(low, least),
        values_high=np.minimum(high, most),
        at_bound=at_bound,
        misfit=misfit,
        level=level,
        campaign=result.campaign,
        unit=result.unit,
        notes=(*notes, *known.notes),
    )


def _at_peaks(result: DrtResult, window: FloatArray) -> list[FloatArray]:
    """Give tau and R of the peaks in the window of each spectrum, [component, 2] each."""
    peaks = find_peaks(result)
    inside = (peaks.tau > window[peaks.spectrum, 0]) & (peaks.tau < window[peaks.spectrum, 1])
    places = np.stack([peaks.tau, peaks.R], axis=1)[inside]
    return np.split(places, np.searchsorted(peaks.spectrum[inside], np.arange(1, len(result))))


def _begin(result: DrtResult, spectrum: int, places: FloatArray, shape: str) -> FloatArray:
    """Give the parameters to start from; where R is not known, as of a peak a decade wide [component, parameter]."""
    tau, R = places.T
    height = np.maximum(result.basis.values(tau) @ result.coefficients[spectrum], _TINY)
    R = np.maximum(np.where(np.isnan(R), height * np.log(10), R), _TINY)
    return np.column_stack([R, np.log(tau), *_SHAPES[shape].start(height / R)])


class _Fit(NamedTuple):
    """Components of one curve; instead of tau its logarithm."""

    values: FloatArray  # [component, parameter]
    at_bound: BoolArray
    rows: FloatArray  # how the parameters follow the curve [component * parameter, node]
    misfit: float
    converged: bool


def _fit(
    ln_tau: FloatArray, gamma: FloatArray, shape: str, begin: FloatArray, lower: FloatArray, upper: FloatArray
) -> _Fit:
    """Fit components to a curve by least squares in ln(tau)."""
    from scipy.optimize import least_squares

    weight = np.sqrt(np.gradient(ln_tau))
    unit = np.sqrt(np.mean(gamma**2)) or 1.0
    ohm = np.array([unit, *[1.0] * (begin.shape[1] - 1)])  # R in a unit in which all is of order one
    low, high = (np.broadcast_to(bound / ohm, begin.shape).ravel() for bound in (lower, upper))
    slack = 1e-3 * np.minimum(high - low, 1)
    start = np.clip((begin / ohm).ravel(), low + slack, high - slack)

    def curves(x: FloatArray) -> FloatArray:
        _, place, *others = x.reshape(begin.shape).T
        return np.asarray(weight[:, None] * _SHAPES[shape].density(ln_tau[:, None] - place, *others))

    def residual(x: FloatArray) -> FloatArray:
        return np.asarray(curves(x) @ x.reshape(begin.shape)[:, 0] - weight * gamma / unit)

    def jacobian(x: FloatArray) -> FloatArray:
        # a parameter moves its own component only: one step takes that parameter of all of them
        columns = np.empty((ln_tau.size, *begin.shape))
        columns[:, :, 0] = curves(x)
        for k in range(1, begin.shape[1]):
            step = np.zeros(begin.shape)
            step[:, k] = _STEP
            slope = (curves(x + step.ravel()) - curves(x - step.ravel())) / (2 * _STEP)
            columns[:, :, k] = slope * x.reshape(begin.shape)[:, 0]
        return columns.reshape(ln_tau.size, -1)

    found = least_squares(residual, start, jacobian, bounds=(low, high), max_nfev=_MOST_EVALUATIONS)
    span = np.minimum(high - low, 1)
    at_bound = (found.x - low < _NEAR_BOUND * span) | (high - found.x < _NEAR_BOUND * span)
    rows = np.zeros((found.x.size, ln_tau.size))
    rows[~at_bound] = np.linalg.pinv(found.jac[:, ~at_bound]) * (weight / unit)
    values = found.x.reshape(begin.shape) * ohm if found.success else np.full(begin.shape, np.nan)
    left = np.sqrt(2 * found.cost / (np.sum((weight * gamma / unit) ** 2) or 1.0))
    return _Fit(
        values, at_bound.reshape(begin.shape), rows * np.tile(ohm, len(begin))[:, None], float(left), found.success
    )


def _check_bounds(
    names: Sequence[str],
    shape: str,
    bounds: Mapping[str, Limits | Sequence[Limits]],
    tau: FloatArray,
    starts: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Return the least and largest values, [parameter] or [component, parameter], of ln(tau) instead of tau."""
    count = 1 if starts is None else starts.size
    limits = {"R": (0.0, np.inf), "tau": (float(tau[0]), float(tau[-1])), **_SHAPES[shape].bounds}
    table = np.empty((2, count, len(names)))
    for name in bounds:
        if name not in names:
            raise InvalidInput(f"bounds: a {shape} has no {name!r}; {near_miss(name, tuple(names))}")
    for k, name in enumerate(names):
        widest = _WIDEST.get(name, (0.0, np.inf))
        given = np.asarray(bounds.get(name, limits[name]), dtype=np.float64)
        if given.shape not in ((2,), (count, 2)) or (given.ndim == 2 and starts is None):
            each = f" or one for each of the {count} components" if starts is not None else ", as tau is not given"
            raise InvalidInput(f"bounds: {name!r} needs one pair (least, largest){each}, got {bounds[name]!r}")
        low, high = np.broadcast_to(given, (count, 2)).T
        if not ((widest[0] <= low) & (low < high) & (high <= widest[1])).all():
            raise InvalidInput(f"bounds: {name!r} needs {widest[0]:g} <= least < largest <= {widest[1]:g}, got {given}")
        table[:, :, k] = low, high
    with np.errstate(divide="ignore"):
        table[:, :, 1] = np.log(table[:, :, 1])
    if starts is not None:
        outside = ~((table[0, :, 1] <= np.log(starts)) & (np.log(starts) <= table[1, :, 1]))
        if outside.any():
            raise InvalidInput(f"tau: the start {starts[outside][0]:g} s lies outside its bounds")
    return table[0], table[1]
