"""Maxima of gamma: where, how high, how wide, and how much resistance between their valleys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import options
from ..bands import log_normal
from ..basis import Basis, between_nodes
from ..campaign import Campaign
from ..points import measured_window
from ..posterior import INTEGRAL, PLACE, POINT, Spread, interval, spread
from ..result import DrtResult
from ..smooth import SMOOTH
from ..spectrum import BoolArray, FloatArray, IntArray
from .processes import check_processes, process_of
from .shapes import POINTS_PER_NODE, Shape, search_maxima
from .tables import campaign_columns, dataset_of, require_result

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_STEP = 1e-4
"""Step in ln(tau) for the slope of the basis functions."""


@dataclass(frozen=True, eq=False, repr=False)
class Peaks:
    """Peaks of all spectra of a campaign, by spectrum and rising tau; made by `find_peaks`.

    All arrays have the shape [peak]. `u_x` is the standard uncertainty of x by noise, for R and C also by what the data
    leave undecided; `x_low` and `x_high` bound an interval of probability `level` that counts in what smoothing may
    have done. NaN where there is none.

    Attributes
    ----------
    spectrum : ndarray of int
        Which spectrum the peak is in.
    tau, u_tau, tau_low, tau_high : ndarray
        Where gamma is highest, s.
    gamma, u_gamma, gamma_low, gamma_high : ndarray
        Its height, ohm per unit ln(tau).
    R, u_R, R_low, R_high : ndarray
        Integral of gamma over ln(tau) from `left` to `right`, ohm.
    C, u_C : ndarray
        tau / R, F.
    width : ndarray
        Full width at half height in decades. Where a valley comes first, twice the half width of the other
        side; NaN if both do.
    prominence, u_prominence : ndarray
        Height above the higher of the two saddles, ohm per unit ln(tau).
    share : ndarray
        R over R_pol.
    left, right : ndarray
        Lowest places between neighbouring peaks, or the end of the grid, s.
    at_edge : ndarray of bool
        Whether the peak, down to half its height or its valley, reaches out of the measured window: what stands
        there is extrapolated.
    process : ndarray of str
        Name of the process whose range of tau it stands in, or empty.
    level : float
    campaign : Campaign
    unit : str
        Of resistances.
    notes : sequence of str
    """

    spectrum: IntArray
    tau: FloatArray
    u_tau: FloatArray
    tau_low: FloatArray
    tau_high: FloatArray
    gamma: FloatArray
    u_gamma: FloatArray
    gamma_low: FloatArray
    gamma_high: FloatArray
    R: FloatArray
    u_R: FloatArray
    R_low: FloatArray
    R_high: FloatArray
    C: FloatArray
    u_C: FloatArray
    width: FloatArray
    prominence: FloatArray
    u_prominence: FloatArray
    share: FloatArray
    left: FloatArray
    right: FloatArray
    at_edge: BoolArray
    process: NDArray[np.str_]
    level: float
    campaign: Campaign
    unit: str
    notes: Sequence[str]

    def __len__(self) -> int:
        return len(self.tau)

    def __repr__(self) -> str:
        return f"<Peaks: {len(self)} in {len(self.campaign)} spectra, {int(self.at_edge.sum())} of them at an edge>"

    @property
    def count(self) -> IntArray:
        """Number of peaks of each spectrum [spectrum]."""
        return np.bincount(self.spectrum, minlength=len(self.campaign))

    def to_frame(self) -> pd.DataFrame:
        """Give one row a peak, with the coordinates of its spectrum."""
        import pandas as pd

        own = {name: getattr(self, name) for name in (*NUMBERS, *_OTHERS)}
        return pd.DataFrame({**campaign_columns(self.campaign, self.spectrum, list(own)), **own})

    def to_dataset(self) -> xr.Dataset:
        """Give an xarray Dataset [peak]."""
        own = {name: ("peak", getattr(self, name)) for name in _OTHERS}
        return dataset_of("Peaks", self, vars(self), ("peak",), NUMBERS, own, ("peak", self.spectrum), level=self.level)


NUMBERS = {
    "tau": ("s", "relaxation time at the maximum"),
    "u_tau": ("s", "standard uncertainty of tau by noise"),
    "tau_low": ("s", "lower end of the interval of tau"),
    "tau_high": ("s", "upper end of the interval of tau"),
    "gamma": ("{ohm}", "height, per unit ln(tau)"),
    "u_gamma": ("{ohm}", "standard uncertainty of the height by noise"),
    "gamma_low": ("{ohm}", "lower end of the interval of the height"),
    "gamma_high": ("{ohm}", "upper end of the interval of the height"),
    "R": ("{ohm}", "resistance, the integral of gamma over ln(tau) from left to right"),
    "u_R": ("{ohm}", "standard uncertainty of R"),
    "R_low": ("{ohm}", "lower end of the interval of R"),
    "R_high": ("{ohm}", "upper end of the interval of R"),
    "C": ("{farad}", "capacitance, tau over R"),
    "u_C": ("{farad}", "standard uncertainty of C"),
    "width": ("decades", "full width at half height"),
    "prominence": ("{ohm}", "height above the higher saddle, per unit ln(tau)"),
    "u_prominence": ("{ohm}", "standard uncertainty of the prominence by noise"),
    "share": ("1", "R over R_pol"),
    "left": ("s", "valley at shorter relaxation times"),
    "right": ("s", "valley at longer relaxation times"),
}
_OTHERS = "at_edge", "process"


def find_peaks(
    result: DrtResult,
    *,
    min_height: float = 0.02,
    min_prominence: float = 0.01,
    processes: Mapping[str, tuple[float, float]] | None = None,
    level: float = 0.95,
) -> Peaks:
    """Find the maxima of gamma.

    Parameters
    ----------
    result : DrtResult
    min_height, min_prominence : float
        The lowest peaks that count, as shares of the highest gamma in the spectrum's measured window.
    processes : mapping of str to (float, float), optional
        Ranges of tau in s by which peaks are named, such as `DEFAULT_PROCESSES`.
    level : float
        Probability of the intervals.

    Returns
    -------
    Peaks
        The integrals of a spectrum's peaks add up to its R_pol.

    Raises
    ------
    InvalidInput
        If an option is out of range.

    Notes
    -----
    A smooth gamma (`method="log"`) is flattened at sharp and crowded peaks. Its intervals of heights and tau take
    ln(gamma) to be up to 10 and 3 times less smooth, those of R up to 50 times, which makes them cover
    (docs/uncertainty.md). With a band of the same `level`, heights have their interval from that.

    A peak of ridge regularisation may be an artefact of its noise: compare `prominence` with `u_prominence`. Its
    width is at least that of the basis and the smoothing. What uncertainties count is said in
    `drtengine.posterior`; that of R is for the limits as they stand.

    Examples
    --------
    >>> import drtengine as dt
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> cell = dt.simulate.Resistor(10) + dt.simulate.ZARC(50, 1e-3, 0.8) + dt.simulate.ZARC(20, 1e-1, 0.8)
    >>> peaks = dt.find_peaks(dt.fit_drt(dt.Spectrum(frequency, cell.impedance(frequency))))
    >>> peaks.tau.round(4), peaks.R.round()
    (array([0.001 , 0.0994]), array([50., 20.]))
    """
    require_result("find_peaks", result)
    lowest = options.check_share("min_height", min_height), options.check_share("min_prominence", min_prominence)
    level = options.check_level(level)
    ranges = {} if processes is None else check_processes(processes)

    tau = between_nodes(result.tau, POINTS_PER_NODE)
    curves = result.evaluate(tau)
    window = np.stack(measured_window(result.frequency, result.used), axis=1)
    found, notes = list[Shape](), list[str]()
    for i in np.flatnonzero(np.isfinite(curves).all(axis=1)):
        shapes = search_maxima(int(i), tau, curves[i], window[i], lowest)
        if not shapes:
            notes.append(f"{result.campaign.label(int(i))}: gamma has no maximum above zero in the measured window")
        found += shapes
    spectrum = np.array([shape.spectrum for shape in found], dtype=np.intp)
    fastest, slowest = np.log(window[spectrum].reshape(-1, 2).T)
    tops = np.array([shape.ln_tau for shape in found])
    if outside := int(((tops < fastest) | (tops > slowest)).sum()):
        notes.append(f"{outside} peak(s) stand outside of what was measured, marked in at_edge: their tau is a guess")
    ln_tau, height, curvature, left, right, prominence, saddle, width = (
        np.array([getattr(shape, name) for shape in found], dtype=np.float64) for name in Shape._fields[1:9]
    )

    basis, place = result.basis, np.exp(ln_tau)
    here = _values(basis, ln_tau)
    slope = (_values(basis, ln_tau + _STEP) - _values(basis, ln_tau - _STEP)) / (2 * _STEP)
    area = np.array([basis.integrals(*ends) for ends in zip(left, right, strict=True)]).reshape(here.shape)
    R = np.einsum("pn,pn->p", area, result.coefficients[spectrum])
    with np.errstate(invalid="ignore", divide="ignore"):
        C, share = place / R, R / result.R_pol[spectrum]
        moved = -slope / curvature[:, None]  # of ln(tau), as gamma' stays zero at the summit
        of_C = moved - area / R[:, None]
    rise = here - np.where(np.isnan(saddle)[:, None], 0, _values(basis, np.nan_to_num(saddle)))
    sums = np.concatenate([moved, here, area, of_C, rise])
    freer = [PLACE.freer, POINT.freer, INTEGRAL.freer, INTEGRAL.freer, 1.0]
    known = spread(result, sums, np.tile(spectrum, 5), freer=np.repeat(freer, len(place)))
    u, blur = (part.reshape(5, -1) for part in (known.u, known.blur))
    numbers = (ln_tau, PLACE), (height, POINT), (R, INTEGRAL)
    ends = [interval(value, Spread(u[k], blur[k]), level, share) for k, (value, share) in enumerate(numbers)]
    smooth = np.isin(result.method[spectrum], SMOOTH)
    for end, of_smooth in zip(ends[1], log_normal(height, u[1], level), strict=True):
        end[smooth] = of_smooth[smooth]
    ends[1] = _within_band(result, spectrum, ln_tau, level, *ends[1])
    with np.errstate(over="ignore"):
        tau_low, tau_high = np.exp(ends[0][0]), np.exp(ends[0][1])
    return Peaks(
        spectrum=spectrum,
        tau=place,
        u_tau=place * u[0],
        tau_low=tau_low,
        tau_high=tau_high,
        gamma=height,
        u_gamma=u[1],
        gamma_low=ends[1][0],
        gamma_high=ends[1][1],
        R=R,
        u_R=u[2],
        R_low=ends[2][0],
        R_high=ends[2][1],
        C=C,
        u_C=np.abs(C) * u[3],
        width=width,
        prominence=prominence,
        u_prominence=u[4],
        share=share,
        left=left,
        right=right,
        at_edge=np.array([shape.at_edge for shape in found], dtype=bool),
        process=process_of(place, ranges),
        level=level,
        campaign=result.campaign,
        unit=result.unit,
        notes=(*notes, *known.notes),
    )


def _within_band(
    result: DrtResult, spectrum: IntArray, ln_tau: FloatArray, level: float, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Take the intervals of heights from the band of a smooth gamma, which stands around a less flattened curve."""
    from scipy.interpolate import CubicSpline

    pointwise = result.options["band_kind"] in ("calibrated", "one-sided") and result.options["band"] == level
    if result.gamma_low is None or result.gamma_high is None or not pointwise:
        return low, high
    low, high = low.copy(), high.copy()
    x, of_band = np.log(result.tau), (result.gamma_low, result.gamma_high)
    for i in np.unique(spectrum):
        band = [end[i] for end in of_band]
        if result.method[i] in SMOOTH and all((end > 0).all() for end in band):
            here = spectrum == i
            low[here], high[here] = (np.exp(CubicSpline(x, np.log(end))(ln_tau[here])) for end in band)
    return low, high


def _values(basis: Basis, ln_tau: FloatArray) -> FloatArray:
    """Values of the basis functions [place, node]; of no place too."""
    return basis.values(np.exp(ln_tau)) if ln_tau.size else np.empty((0, basis.tau.size))
