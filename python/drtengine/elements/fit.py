"""What a search for elements found, and its gamma."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import options
from .._native import core
from ..campaign import frequency_grids
from ..errors import InvalidInput, Status
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray, frozen_array

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from .._core import ElementsProblem

MAX_ELEMENTS = 6
KINDS = ("ZARC", "Cole-Davidson", "Havriliak-Negami")
"""Names of the kinds, in the order of the core."""

N_SERIES = 3  # R_inf, L_0, 1/C_0 stand before the elements' ln R, ln tau, alpha, beta
N_PARAMETERS = N_SERIES + 4 * MAX_ELEMENTS
_STEP = 1e-3
"""Of a difference quotient, in standard uncertainties of the parameter."""
_UNITS = {"R": "ohm", "tau": "s", "alpha": "1", "beta": "1", "R_inf": "ohm", "L_0": "H", "C_0": "F"}


@dataclass(frozen=True, eq=False, repr=False)
class ElementFit:
    """Elements of each spectrum of a campaign with their uncertainties; made by `fit_elements`.

    Elements are in the order of tau. NaN fills the places of elements that are not there, and every
    number of a spectrum whose `status` is not `Status.OK`. Standard uncertainties come from the
    curvature of the sum of squares at its minimum and the scatter of the residuals; a parameter that
    the kind of its element fixes, or that stands at its bound, has none (NaN). They take the elements
    found for granted: another number or kind of elements may fit as well.

    Attributes
    ----------
    parameters : ndarray, shape [spectrum, 27]
        As the core has them: R_inf, L_0, 1/C_0, then ln R, ln tau, alpha, beta of six elements.
    covariance : ndarray, shape [spectrum, 27, 27]
        Of `parameters`; zero in rows and columns of parameters that are fixed or at a bound.
    kind : ndarray of int8, shape [spectrum, element]
        Index into `KINDS`, -1 where there is no element.
    score : ndarray, shape [spectrum]
        ln of the evidence, comparable with that of a smooth estimate of the same data and weights.
    rss : ndarray, shape [spectrum]
        Sum of squared weighted residuals, ohm².
    variance : ndarray, shape [spectrum]
        `rss` over the degrees of freedom: the noise of a point with weight one, ohm².
    status : ndarray of int8, shape [spectrum]
        `Status`.
    frequency : ndarray, shape [spectrum, point]
        Hz.
    Z : ndarray of complex, shape [spectrum, point]
        Ohm.
    weights : ndarray, shape [spectrum, point] or [spectrum, 2 * point]
        Squared weights of the points, or of Re and Im in turn.
    used : ndarray of bool, shape [spectrum, point]
        Points that took part.
    inductance, capacitance : bool
        Whether the model has L_0 and C_0.
    """

    parameters: FloatArray
    covariance: FloatArray
    kind: NDArray[np.int8]
    score: FloatArray
    rss: FloatArray
    variance: FloatArray
    status: NDArray[np.int8]
    frequency: FloatArray
    Z: ComplexArray
    weights: FloatArray
    used: BoolArray
    inductance: bool
    capacitance: bool

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.status)

    def __repr__(self) -> str:
        fine = int((self.status == Status.OK).sum())
        return f"<ElementFit: {fine} of {len(self)} spectra fitted, {int(self.count.sum())} elements>"

    @property
    def count(self) -> IntArray:
        """Number of elements [spectrum]."""
        count: IntArray = (self.kind >= 0).sum(axis=1)
        return count

    @property
    def R(self) -> FloatArray:
        """Resistances in ohm [spectrum, element]."""
        return np.exp(self._element(0))

    @property
    def tau(self) -> FloatArray:
        """Relaxation times in s [spectrum, element]."""
        return np.exp(self._element(1))

    @property
    def alpha(self) -> FloatArray:
        """Inner exponents [spectrum, element]."""
        return self._element(2)

    @property
    def beta(self) -> FloatArray:
        """Outer exponents [spectrum, element]."""
        return self._element(3)

    @property
    def u_R(self) -> FloatArray:
        """Standard uncertainty of `R`, ohm."""
        return self.R * self._u_element(0)

    @property
    def u_tau(self) -> FloatArray:
        """Standard uncertainty of `tau`, s."""
        return self.tau * self._u_element(1)

    @property
    def u_alpha(self) -> FloatArray:
        """Standard uncertainty of `alpha`."""
        return self._u_element(2)

    @property
    def u_beta(self) -> FloatArray:
        """Standard uncertainty of `beta`."""
        return self._u_element(3)

    @property
    def R_inf(self) -> FloatArray:
        """Resistance at infinite frequency in ohm [spectrum]."""
        return self.parameters[:, 0]

    @property
    def u_R_inf(self) -> FloatArray:
        """Standard uncertainty of `R_inf`, ohm."""
        return self._u[:, 0]

    @property
    def L_0(self) -> FloatArray:
        """Series inductance in H [spectrum], NaN where the model has none."""
        return np.where(self.inductance, self.parameters[:, 1], np.nan)

    @property
    def u_L_0(self) -> FloatArray:
        """Standard uncertainty of `L_0`, H."""
        return self._u[:, 1]

    @property
    def C_0(self) -> FloatArray:
        """Series capacitance in F [spectrum], NaN where the model has none."""
        with np.errstate(divide="ignore"):
            return np.where(self.capacitance, 1 / self.parameters[:, 2], np.nan)

    @property
    def u_C_0(self) -> FloatArray:
        """Standard uncertainty of `C_0`, F."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._u[:, 2] / self.parameters[:, 2] ** 2

    @cached_property
    def _u(self) -> FloatArray:
        variance = np.diagonal(self.covariance, axis1=1, axis2=2)
        return np.sqrt(np.where(variance > 0, variance, np.nan))

    def _element(self, which: int) -> FloatArray:
        return self.parameters[:, N_SERIES + which :: 4]

    def _u_element(self, which: int) -> FloatArray:
        return self._u[:, N_SERIES + which :: 4]

    @cached_property
    def Z_fit(self) -> ComplexArray:
        """Impedance of the elements at every frequency above 0 Hz [spectrum, point]."""
        with np.errstate(invalid="ignore", divide="ignore"):
            s = 2j * np.pi * np.where(self.frequency > 0, self.frequency, np.nan)
            ln_q = self.alpha[:, :, None] * np.log(s[:, None, :] * self.tau[:, :, None])
            parts = self.R[:, :, None] * np.exp(-self.beta[:, :, None] * np.log1p(np.exp(ln_q)))
            there = (self.kind >= 0)[:, :, None]
            R_inf, L_0, elastance = self.parameters[:, :N_SERIES].T[:, :, None]
            Z: ComplexArray = R_inf + s * L_0 + elastance / s + np.where(there, parts, 0).sum(axis=1)
        return Z

    def gamma(self, tau: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Give the density γ; the lines of RC elements are not in it.

        Parameters
        ----------
        tau : array_like, shape [tau]
            In s, positive.

        Returns
        -------
        gamma, u_gamma : ndarray, shape [spectrum, tau]
            Ohm per unit ln(tau), and its standard uncertainty by linear propagation. Infinite at the tau of
            a Cole-Davidson element: see `cell_average`.

        Raises
        ------
        InvalidInput
            If a tau is not positive and finite.
        """
        return core.element_gamma(self.parameters, self._flat_covariance, np.log(positive("tau", tau)))

    def cell_average(self, edges: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Give the average of γ over cells in ln(tau), lines and singularities with all they hold.

        Parameters
        ----------
        edges : array_like, shape [cell + 1]
            In s, increasing.

        Returns
        -------
        gamma, u_gamma : ndarray, shape [spectrum, cell]
            Ohm per unit ln(tau), and its standard uncertainty.

        Raises
        ------
        InvalidInput
            If the edges are not positive, finite and increasing.
        """
        log_edges = np.log(positive("edges", edges))
        width = np.diff(log_edges)
        if width.size == 0 or not (width > 0).all():
            raise InvalidInput("edges must increase, and be at least two")
        R, u_R = core.element_integrals(
            self.parameters, self._flat_covariance, log_edges[:-1].copy(), log_edges[1:].copy()
        )
        return R / width, u_R / width

    def integrals(self, tau_low: ArrayLike, tau_high: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Give the resistance that relaxes with tau_low <= tau < tau_high.

        Parameters
        ----------
        tau_low, tau_high : array_like, shape [band]
            Seconds, 0 <= tau_low <= tau_high <= infinity; they broadcast.

        Returns
        -------
        R, u_R : ndarray, shape [spectrum, band]
            Ohm, and its standard uncertainty. An RC element counts whole in the band of its tau, and says
            nothing of the uncertainty of that.

        Raises
        ------
        InvalidInput
            If the limits are not such numbers.
        """
        try:
            low, high = np.broadcast_arrays(np.atleast_1d(tau_low), np.atleast_1d(tau_high))
        except ValueError:
            raise InvalidInput("tau_low and tau_high must broadcast") from None
        low, high = (frozen_array(limit, np.float64, name, 1) for limit, name in ((low, "tau_low"), (high, "tau_high")))
        if not ((low >= 0) & (low <= high)).all():
            raise InvalidInput("tau_low and tau_high must fulfil 0 <= tau_low <= tau_high")
        with np.errstate(divide="ignore"):
            log_low, log_high = np.log(low), np.log(high)
        return core.element_integrals(self.parameters, self._flat_covariance, log_low, log_high)

    def cell_covariance(self, edges: ArrayLike, spectrum: int) -> FloatArray:
        """Give the covariance of the averages of γ over cells, of one spectrum, by linear propagation.

        Parameters
        ----------
        edges : array_like, shape [cell + 1]
            In s, increasing.
        spectrum : int

        Returns
        -------
        ndarray, shape [cell, cell]
            Ohm² per unit ln(tau) squared.
        """
        log_edges = np.log(positive("edges", edges))
        low, high = log_edges[:-1].copy(), log_edges[1:].copy()
        covariance = self.covariance[spectrum]
        free = np.flatnonzero(np.isfinite(self._u[spectrum]))
        free = free[free >= N_SERIES]  # the others are not in γ
        if free.size == 0:
            return np.zeros((low.size, low.size))
        step = np.zeros((free.size, N_PARAMETERS))
        step[np.arange(free.size), free] = np.minimum(_STEP * self._u[spectrum, free], _STEP)
        # away from the bound 1 of alpha and beta, where the formulas end
        moved = self.parameters[spectrum] - np.concatenate([np.zeros_like(step), step])
        R, _ = core.element_integrals(moved, np.zeros((len(moved), N_PARAMETERS**2)), low, high)
        slope = (R[: free.size] - R[free.size :]) / (step.sum(axis=1)[:, None] * (high - low))
        return np.asarray(slope.T @ covariance[np.ix_(free, free)] @ slope)

    @property
    def R_pol(self) -> FloatArray:
        """Sum of all resistances in ohm [spectrum]."""
        return self.integrals(0, np.inf)[0][:, 0]

    @property
    def u_R_pol(self) -> FloatArray:
        """Standard uncertainty of `R_pol`, ohm."""
        return self.integrals(0, np.inf)[1][:, 0]

    @cached_property
    def _flat_covariance(self) -> FloatArray:
        return self.covariance.reshape(len(self), -1)

    def profile(self, level: float = 0.95, *, n_threads: int | None = None) -> dict[str, FloatArray]:
        """Find the interval of each parameter by profile likelihood.

        The parameter is moved away from its best value, all others are fitted anew, until the sum of
        squares has risen as far as an F test of one parameter allows. Other than standard uncertainties,
        these intervals see that an element hides behind another or hardly exists.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        n_threads : int, optional
            Default: the CPUs this process may use.

        Returns
        -------
        dict of ndarray
            "R_low", "R_high", "tau_low", ..., "beta_high" of shape [spectrum, element], "R_inf_low",
            ..., "C_0_high" of shape [spectrum]. A limit at a parameter's bound is the bound; R_low is 0
            where the spectrum could do without the element. NaN where there is no standard uncertainty.

        Raises
        ------
        InvalidInput
            If `level` is not between 0 and 1.

        Notes
        -----
        Venzon, Moolgavkar, J. R. Stat. Soc. C 37, 87 (1988), doi:10.2307/2347496.
        """
        from scipy.special import stdtrit

        if not 0 < options.check_positive("level", level) < 1:
            raise InvalidInput(f"level must be between 0 and 1, got {level!r}")
        threads = options.check_threads(n_threads)
        low, high = (np.full(self.parameters.shape, np.nan) for _ in range(2))
        for same_grid, points in frequency_grids(self.frequency, self.used):
            rows = same_grid[self.status[same_grid] == Status.OK]
            if rows.size == 0:
                continue
            weights = at_points(self.weights, rows, points)
            n_rows = (weights > 0).sum(axis=1) * (2 if weights.shape[1] == points.sum() else 1)
            degrees = n_rows - np.isfinite(self._u[rows]).sum(axis=1)
            rise = stdtrit(degrees, (1 + level) / 2) ** 2 / degrees
            low[rows], high[rows] = core.profile_elements(
                core_problem(
                    self.frequency, self.Z, weights, rows, points, self.inductance, self.capacitance, threads, None
                ),
                self.parameters[rows],
                self._flat_covariance[rows],
                np.maximum(self.kind[rows], 0),
                self.rss[rows],
                self.variance[rows],
                rise,
            )
        intervals = {"R_inf_low": low[:, 0], "R_inf_high": high[:, 0], "L_0_low": low[:, 1], "L_0_high": high[:, 1]}
        with np.errstate(divide="ignore"):  # an elastance that may be 0 is a capacitance that may be infinite
            intervals["C_0_low"] = 1 / high[:, 2]
            intervals["C_0_high"] = np.where(
                low[:, 2] > 0, 1 / low[:, 2], np.where(np.isnan(low[:, 2]), np.nan, np.inf)
            )
        for which, name in enumerate(("R", "tau", "alpha", "beta")):
            for side, limits in (("low", low), ("high", high)):
                values = limits[:, N_SERIES + which :: 4]
                intervals[f"{name}_{side}"] = np.exp(values) if which < 2 else values
        return intervals

    def to_frame(self) -> pd.DataFrame:
        """Give the elements as a table: a row for each with its spectrum, kind, parameters and their uncertainties."""
        import pandas as pd

        spectrum, element = np.nonzero(self.kind >= 0)
        columns: dict[str, Any] = {"spectrum": spectrum, "element": element, "kind": self._names[spectrum, element]}
        for name in ("R", "tau", "alpha", "beta"):
            for column in (name, f"u_{name}"):
                columns[column] = getattr(self, column)[spectrum, element]
        return pd.DataFrame(columns)

    @cached_property
    def _names(self) -> NDArray[np.str_]:
        names = np.array([*KINDS, ""])[self.kind]
        return np.where((self.kind >= 0) & (self.alpha == 1) & (self.beta == 1), "RC", names)

    def to_dataset(self) -> xr.Dataset:
        """Give the parameters as an xarray Dataset with dimensions `spectrum` and `element`."""
        import xarray as xr

        per_element = ("spectrum", "element")
        variables: dict[str, Any] = {"kind": (per_element, self._names)}
        for name, unit in _UNITS.items():
            for variable in (name, f"u_{name}"):
                values = getattr(self, variable)
                variables[variable] = (per_element[: values.ndim], values, {"units": unit})
        for name, unit in (("score", "1"), ("rss", "ohm2"), ("variance", "ohm2"), ("status", "1")):
            variables[name] = ("spectrum", getattr(self, name), {"units": unit})
        return xr.Dataset(variables).copy(deep=True)


def core_problem(
    frequency: FloatArray,
    Z: ComplexArray,
    weights: FloatArray,
    rows: IntArray,
    points: BoolArray,
    inductance: bool,
    capacitance: bool,
    n_threads: int,
    progress: Callable[[int, int], object] | None,
) -> ElementsProblem:
    """Put together what the core needs of some spectra on one frequency grid; `weights` are at its points."""
    return {
        "omega": 2 * np.pi * frequency[rows[0], points],
        "Z": np.ascontiguousarray(Z[np.ix_(rows, points)]),
        "weights": weights,
        "inductance": inductance,
        "capacitance": capacitance,
        "n_threads": n_threads,
        "progress": progress,
    }


def at_points(weights: FloatArray, rows: IntArray, points: BoolArray) -> FloatArray:
    """Weights of some spectra at the points in use."""
    columns = points if weights.shape[1] == points.size else np.repeat(points, 2)
    return np.ascontiguousarray(weights[np.ix_(rows, columns)])


def positive(name: str, values: ArrayLike) -> FloatArray:
    """Return relaxation times of shape [tau], or raise `InvalidInput` unless they are finite and above 0."""
    array: FloatArray = frozen_array(np.atleast_1d(values), np.float64, name, 1)
    if not (np.isfinite(array) & (array > 0)).all():
        raise InvalidInput(f"{name} must be finite and above 0 s")
    return array
