"""Cyclic voltammetry at several scan rates: b-values, capacitive shares, charges, diffusion from peaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput
from .options import check_positive
from .regression import LinearFit, fit_linear, student_factor
from .spectrum import FloatArray
from .voltammetry import Peaks, average_sweeps, track_peaks_of_sweeps

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from .records import Frame

BRANCHES = ("anodic", "cathodic")
_GAS, _FARADAY = 8.314462618, 96485.33212

_SURFACE_LIKE = 0.8
"""b or share from which a current may be taken for capacitive that is diffusion into a thin film."""
FINITE_SPACE = (
    "currents proportional to the scan rate are surface-like: they are capacitive, or diffusion that fills its space "
    "(a purely diffusive film of 1 µm gives b = 0.91); voltammetry alone cannot tell these apart"
)


@dataclass(frozen=True, eq=False, repr=False)
class CvResult:
    """What the scan rate does to a voltammogram; made by `analyze_cv`.

    Branches are "anodic" and "cathodic", for shares also "both". NaN where there is no answer.

    Attributes
    ----------
    scan_rate : ndarray, shape [rate]
        V/s, rising.
    potential : ndarray, shape [cell]
        V, centres of the cells over which currents are averaged; the vertices are left out.
    current : ndarray, shape [rate, branch, cell]
        A.
    b, u_b, b_low, b_high : ndarray, shape [branch, cell]
        Exponent of i = a v^b, standard uncertainty and 95 % interval.
    k1, u_k1, k2, u_k2 : ndarray, shape [branch, cell]
        i = k1 v + k2 √v, in F and A s^½ V^-½, and standard uncertainties.
    r2 : ndarray, shape [branch, cell]
        Share of the variation over rates that k1 and k2 explain.
    share, u_share, share_clipped : ndarray, shape [rate, 3]
        ∫abs(k1 v)dE / ∫abs(i)dE, its standard uncertainty from the scatter, and the same with k1 v kept between 0
        and i.
    negative, clipped : ndarray, shape [branch]
        Share of cells where k1 opposes the branch by more than twice its uncertainty, and of cells and rates where
        clipping changed something.
    charge : ndarray, shape [rate, branch]
        ∫abs(i)dE/v in C.
    charge_outer, u_charge_outer, charge_total, u_charge_total : ndarray, shape [branch]
        C, by extrapolating the charge to infinite rate (over v^-½) and its inverse to rate 0 (over v^½): Trasatti.
    peak_branch : ndarray of str, shape [peak]
    peak_potential, peak_current : ndarray, shape [peak, rate]
        V and A, without a baseline; NaN where a peak is lost.
    b_peak, u_b_peak, b_peak_low, b_peak_high : ndarray, shape [peak]
    warnings : sequence of str
        What forbids the usual reading.
    notes : sequence of str
        What was dropped, chosen or converted.
    """

    scan_rate: FloatArray
    potential: FloatArray
    current: FloatArray
    b: FloatArray
    u_b: FloatArray
    b_low: FloatArray
    b_high: FloatArray
    k1: FloatArray
    u_k1: FloatArray
    k2: FloatArray
    u_k2: FloatArray
    r2: FloatArray
    share: FloatArray
    u_share: FloatArray
    share_clipped: FloatArray
    negative: FloatArray
    clipped: FloatArray
    charge: FloatArray
    charge_outer: FloatArray
    u_charge_outer: FloatArray
    charge_total: FloatArray
    u_charge_total: FloatArray
    peak_branch: NDArray[np.str_]
    peak_potential: FloatArray
    peak_current: FloatArray
    b_peak: FloatArray
    u_b_peak: FloatArray
    b_peak_low: FloatArray
    b_peak_high: FloatArray
    warnings: Sequence[str]
    notes: Sequence[str]

    _LAYOUT: ClassVar[Mapping[str, tuple[tuple[str, ...], str]]] = {
        "scan_rate": (("rate",), "V s-1"),
        "potential": (("cell",), "V"),
        "current": (("rate", "branch", "cell"), "A"),
        **{name: (("branch", "cell"), "1") for name in ("b", "u_b", "b_low", "b_high", "r2")},
        **{name: (("branch", "cell"), "F") for name in ("k1", "u_k1")},
        **{name: (("branch", "cell"), "A s1/2 V-1/2") for name in ("k2", "u_k2")},
        **{name: (("rate", "branches"), "1") for name in ("share", "u_share", "share_clipped")},
        **{name: (("branch",), "1") for name in ("negative", "clipped")},
        "charge": (("rate", "branch"), "C"),
        **{name: (("branch",), "C") for name in ("charge_outer", "u_charge_outer", "charge_total", "u_charge_total")},
        "peak_branch": (("peak",), ""),
        "peak_potential": (("peak", "rate"), "V"),
        "peak_current": (("peak", "rate"), "A"),
        **{name: (("peak",), "1") for name in ("b_peak", "u_b_peak", "b_peak_low", "b_peak_high")},
    }

    def __post_init__(self) -> None:
        for name in self._LAYOUT:
            getattr(self, name).flags.writeable = False

    def __repr__(self) -> str:
        low, high = self.scan_rate[[0, -1]] * 1e3
        return f"<CvResult: {self.scan_rate.size} scan rates, {low:g} to {high:g} mV/s, {self.b_peak.size} peaks>"

    @property
    def peaks(self) -> pd.DataFrame:
        """Give the tracked peaks: one row for each peak and rate."""
        import pandas as pd

        count = self.scan_rate.size
        return pd.DataFrame(
            {
                "peak": np.repeat(np.arange(self.b_peak.size), count),
                "branch": np.repeat(self.peak_branch, count),
                "scan_rate_V_s": np.tile(self.scan_rate, self.b_peak.size),
                "potential_V": self.peak_potential.ravel(),
                "current_A": self.peak_current.ravel(),
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Give one row for each branch and potential: b, k1 and k2 with their uncertainties, and r2."""
        import pandas as pd

        table: dict[str, Any] = {
            "branch": np.repeat(BRANCHES, self.potential.size),
            "potential_V": np.tile(self.potential, len(BRANCHES)),
        }
        units = {"k1": "_F", "u_k1": "_F", "k2": "_A_sqrt_s_V", "u_k2": "_A_sqrt_s_V"}
        for name in ("b", "u_b", "b_low", "b_high", "k1", "u_k1", "k2", "u_k2", "r2"):
            table[name + units.get(name, "")] = getattr(self, name).ravel()
        return pd.DataFrame(table)

    def shares(self) -> pd.DataFrame:
        """Give one row for each rate and branch: capacitive share with uncertainty, clipped share, charge."""
        import pandas as pd

        names = (*BRANCHES, "both")
        charge = np.column_stack([self.charge, self.charge.sum(axis=1)])
        return pd.DataFrame(
            {
                "scan_rate_V_s": np.repeat(self.scan_rate, len(names)),
                "branch": np.tile(names, self.scan_rate.size),
                "share": self.share.ravel(),
                "u_share": self.u_share.ravel(),
                "share_clipped": self.share_clipped.ravel(),
                "charge_C": charge.ravel(),
            }
        )

    def to_dataset(self) -> xr.Dataset:
        """Give a copy of everything as an xarray Dataset, with units and provenance in the attributes."""
        import json

        import xarray as xr

        from . import __version__

        variables: dict[str, Any] = {
            name: (dims, np.array(getattr(self, name)), {"units": unit} if unit else {})
            for name, (dims, unit) in self._LAYOUT.items()
        }
        attributes = {"kind": "CvResult", "drtengine": __version__}
        attributes |= {name: json.dumps(list(getattr(self, name))) for name in ("warnings", "notes")}
        dataset = xr.Dataset(variables, {"branch": list(BRANCHES), "branches": [*BRANCHES, "both"]}, attributes)
        return dataset.set_coords(["scan_rate", "potential"])

    def randles_sevcik(
        self,
        *,
        area: float,
        concentration: float,
        peak: int = 0,
        electrons: int = 1,
        temperature: float = 298.15,
        u_area: float = 0.0,
        u_concentration: float = 0.0,
    ) -> tuple[float, float]:
        """Get D from the slope of a peak current over √v.

        i_p = 0.4463 n^1.5 F^1.5 A c √(v D/RT) holds for reversible semi-infinite diffusion in the first sweep alone:
        give the peak of that sweep.

        Parameters
        ----------
        area, u_area : float
            m2.
        concentration, u_concentration : float
            mol/m3.
        peak : int
            Number of the peak.
        electrons : int
        temperature : float
            K.

        Returns
        -------
        D, u_D : float
            m2/s.

        Raises
        ------
        InvalidInput
            If there is no such peak, or fewer than three rates have it.
        """
        if not 0 <= peak < self.b_peak.size:
            raise InvalidInput(f"there is no peak {peak}; {self.b_peak.size} were found")
        scale = 0.4463 * (electrons * _FARADAY) ** 1.5 / np.sqrt(_GAS * check_positive("temperature", temperature))
        scale *= check_positive("area", area) * check_positive("concentration", concentration)
        found = np.isfinite(self.peak_current[peak])
        if found.sum() < 3:
            raise InvalidInput(f"peak {peak} is known at {found.sum()} rates; three are needed")
        root = np.sqrt(self.scan_rate[found])
        fit = fit_linear(np.column_stack([np.ones(root.size), root]), np.abs(self.peak_current[peak, found]))
        D = float((fit.values[1] / scale) ** 2)
        parts = fit.u_values[1] / fit.values[1], u_area / area, u_concentration / concentration
        return D, float(2 * D * np.sqrt(sum(part**2 for part in parts)))


def analyze_cv(
    frame: Frame | None = None,
    *,
    scan_rate_V_s: ArrayLike | None = None,
    potential_V: ArrayLike | None = None,
    current_A: ArrayLike | None = None,
    time_s: ArrayLike | None = None,
    series_resistance: float = 0.0,
    edge: float = 0.01,
    cells: int = 300,
) -> CvResult:
    """Find b-values and capacitive shares from cyclic voltammograms at several scan rates.

    Each rate is cut at its vertices into sweeps, of which the last whole one of each branch counts. Currents are
    averaged over cells of potential common to all. Over the rates, log abs(i) = log a + b log v and
    i/√v = k1 √v + k2 are fitted, at every potential of each branch and at the peaks.
    Lindström et al., 10.1021/jp970490q; Wang, Polleux, Lim, Dunn, 10.1021/jp074464w; Ardizzone, Fregonara, Trasatti,
    10.1016/0013-4686(90)85068-X. On what k1 means in films: Costentin and Savéant, 10.1039/C8SC04911K.

    Parameters
    ----------
    frame : DataFrame or mapping, optional
        Columns scan_rate_V_s (or scan_rate_mV_s), potential_V and current_A (or current_mA); without scan rates,
        time_s tells them. Rows in the order of measurement.
    scan_rate_V_s, potential_V, current_A, time_s : array_like, shape [row], optional
        The same as arrays.
    series_resistance : float
        Ohm; potentials are corrected by current times this.
    edge : float
        Share of the potential range left out at each vertex, where the current turns.
    cells : int
        Number of cells of potential.

    Returns
    -------
    CvResult

    Raises
    ------
    InvalidInput
        If columns cannot be used, there are fewer than two scan rates, or the potentials of the rates do not overlap.

    Warns
    -----
    DataWarning
        If a value is so large that its unit may be another, or the scan rates contradict the times.

    Examples
    --------
    >>> from drtengine import simulate
    >>> import numpy as np
    >>> peak = lambda E: 1e-3 * np.exp(-((E - 0.5) / 0.1) ** 2)
    >>> cell = simulate.cv(np.array([1, 2, 5]) * 1e-3, k1=lambda E: 10 * peak(E), k2=peak)
    >>> result = analyze_cv(cell.frame)
    >>> result.share[:, 2].round(3).tolist(), cell.share[:, 2].round(3).tolist()
    ([0.24, 0.309, 0.414], [0.24, 0.309, 0.414])
    """
    arrays = {
        "scan_rate_V_s": scan_rate_V_s, "potential_V": potential_V, "current_A": current_A, "time_s": time_s
    }  # fmt: skip
    if not 0 <= edge < 0.4:
        raise InvalidInput(f"edge is a share of the potential range, from 0 to less than 0.4, got {edge!r}")
    if cells < 10:
        raise InvalidInput(f"cells must be at least 10, got {cells!r}")
    if not (np.isfinite(series_resistance) and series_resistance >= 0):
        raise InvalidInput(f"series_resistance is in ohm and at least 0, got {series_resistance!r}")
    v, potential, current, notes = average_sweeps(frame, arrays, series_resistance, edge, cells)
    messages: list[str] = []
    if v.size == 2:
        messages.append("two scan rates determine b, k1 and k2 without any check: there are no uncertainties")
    outward = current * np.array([1.0, -1.0])[:, None]
    b = _fit_b(v, outward)
    factor = student_factor(v.size - 2)
    root = np.sqrt(v)
    scaled = np.moveaxis(current / root[:, None, None], 0, -1)
    dunn = fit_linear(np.column_stack([root, np.ones(v.size)]), scaled)
    spread = ((scaled - scaled.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    k1, u_k1 = dunn.values[..., 0], dunn.u_values[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = 1 - dunn.rms**2 * dunn.freedom / spread
    share, u_share, clipped_share, clipped = _shares(v, current, k1, u_k1)
    negative = (k1 * np.array([[1.0], [-1.0]]) < -2 * np.nan_to_num(u_k1)).mean(axis=-1)
    width = potential[1] - potential[0]
    charge = np.abs(current).sum(axis=-1) * width / v[:, None]
    outer = fit_linear(np.column_stack([np.ones(v.size), 1 / root]), charge.T)
    total = fit_linear(np.column_stack([np.ones(v.size), root]), 1 / np.where(charge > 0, charge, np.nan).T)
    peaks = track_peaks_of_sweeps(potential, outward)
    b_peak = _fit_b_peaks(v, peaks)
    messages += _judge(share, negative, b_peak, peaks, v)
    return CvResult(
        scan_rate=v, potential=potential, current=current, b=b.values[..., 1], u_b=b.u_values[..., 1],
        b_low=b.values[..., 1] - factor * b.u_values[..., 1], b_high=b.values[..., 1] + factor * b.u_values[..., 1],
        k1=k1, u_k1=u_k1, k2=dunn.values[..., 1], u_k2=dunn.u_values[..., 1], r2=r2, share=share, u_share=u_share,
        share_clipped=clipped_share, negative=negative, clipped=clipped, charge=charge,
        charge_outer=outer.values[:, 0], u_charge_outer=outer.u_values[:, 0], charge_total=1 / total.values[:, 0],
        u_charge_total=total.u_values[:, 0] / total.values[:, 0] ** 2, peak_branch=np.array(BRANCHES)[peaks.branch],
        peak_potential=peaks.potential, peak_current=peaks.current * np.where(peaks.branch, -1.0, 1.0)[:, None],
        **b_peak, warnings=tuple(messages), notes=tuple(notes),
    )  # fmt: skip


def _fit_b(v: FloatArray, outward: FloatArray) -> LinearFit:
    """Fit log i = log a + b log v; NaN where a current is not outward [..., term], rate first in `outward`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.moveaxis(np.log(np.where(outward > 0, outward, np.nan)), 0, -1)
    return fit_linear(np.column_stack([np.ones(v.size), np.log(v)]), logs)


def _fit_b_peaks(v: FloatArray, peaks: Peaks) -> dict[str, FloatArray]:
    """Fit b to each peak, from the rates that have it."""
    table = np.full((4, peaks.branch.size), np.nan)
    for number, current in enumerate(peaks.current):
        found = np.isfinite(current)
        fit = _fit_b(v[found], current[found])
        b, u = fit.values[1], fit.u_values[1]
        table[:, number] = b, u, b - student_factor(fit.freedom) * u, b + student_factor(fit.freedom) * u
    return dict(zip(("b_peak", "u_b_peak", "b_peak_low", "b_peak_high"), table, strict=True))


def _shares(
    v: FloatArray, current: FloatArray, k1: FloatArray, u_k1: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Capacitive share of the charge, its uncertainty, the share with k1 v clipped [rate, 3]; cells clipped [branch].

    Integrals over cells of one width are sums.
    """
    surface = k1 * v[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = surface / current
    kept = np.clip(np.nan_to_num(part), 0, 1) * np.abs(current)
    whole = _both(np.abs(current).sum(axis=-1))
    u_square = ((u_k1 * v[:, None, None]) ** 2).sum(axis=-1)
    clipped = ((part < 0) | (part > 1)).mean(axis=(0, 2))
    parts = _both(np.abs(surface).sum(axis=-1)), np.sqrt(_both(u_square)), _both(kept.sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        share, u_share, kept_share = (part / whole for part in parts)
    return share, u_share, kept_share, clipped


def _both(table: FloatArray) -> FloatArray:
    """Add the column of both branches to [rate, branch]."""
    return np.column_stack([table, table.sum(axis=1)])


def _judge(
    share: FloatArray, negative: FloatArray, b_peak: Mapping[str, FloatArray], peaks: Peaks, v: FloatArray
) -> list[str]:
    """Say what forbids the usual reading."""
    messages = []
    high = b_peak["b_peak"] > _SURFACE_LIKE
    if (share[-1] > _SURFACE_LIKE).any() or high.any():
        what = f"share {np.nanmax(share[-1]):.0%} at {v[-1] * 1e3:g} mV/s"
        what += f", b = {np.nanmax(b_peak['b_peak']):.2f} at a peak" if high.any() else ""
        messages.append(f"{what}: {FINITE_SPACE}")
    for name, part in zip(BRANCHES, negative, strict=True):
        if part > 0.02:
            messages.append(
                f"{part:.0%} of the {name} branch has a k1 against its direction: i = k1 v + k2 √v fails there"
            )
    for number, current in enumerate(peaks.current):
        lost = v[~np.isfinite(current)] * 1e3
        if lost.size:
            rates = ", ".join(f"{rate:g}" for rate in lost)
            messages.append(f"{BRANCHES[peaks.branch[number]]} peak {number} is not found at {rates} mV/s")
    return messages
