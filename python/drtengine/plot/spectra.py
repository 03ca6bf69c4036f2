"""Impedance as measured: Nyquist and Bode plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..campaign import Campaign
from ..circuits import CircuitResult
from ..errors import InvalidInput
from ..result import DrtResult
from ..series import Selection, arrange
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray, Spectrum
from .figures import FAINT, NOTE_SIZE, SINGLE_COLUMN, decades, dress, new_figure, single_axes, unit_label
from .series import paint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_OFF_DECADE = 0.05
"""How far, in decades, a point may stand from a power of ten to be its mark."""
_LABEL_DISTANCE = 0.07
"""Least distance of two labelled marks, as a share of the size of the spectrum."""
_PREFIXES = {-3: "m", 0: "", 3: "k", 6: "M", 9: "G"}


def nyquist(
    data: Spectrum | Campaign | DrtResult | CircuitResult,
    *,
    along: str | None = None,
    spectra: Selection = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw -Z'' against Z' with equal axes; for a result also the fit, as lines.

    Points at powers of ten of the frequency are filled, and labelled on the largest spectrum.
    Points that took no part in a fit are pale.

    Parameters
    ----------
    data : Spectrum, Campaign, DrtResult or CircuitResult
    along : str, optional
        Coordinate that colours the spectra; see `intensity_map`.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If a coordinate or spectrum does not exist.
    """
    measured = _measured(data)
    series = arrange(measured.coordinates, len(measured.Z), along, spectra)
    ax = single_axes(ax, measured.height(series.rows))
    colours = paint(series, ax)
    size = 3.0 if series.count == 1 else 2.0 if series.count < 20 else 1.2
    for i, colour in colours.items():
        f, Z, Z_fit, used = measured.by_frequency(i)
        ax.plot(Z.real[used], -Z.imag[used], "o", ms=size, mew=0.4, mfc="none", color=colour)
        ax.plot(Z.real[~used], -Z.imag[~used], "o", ms=size, mew=0.4, mfc="none", color=colour, alpha=FAINT)
        marks = _decade_marks(f, used)
        ax.plot(Z.real[marks], -Z.imag[marks], "o", ms=size + 0.5, mew=0, color=colour)
        ax.plot(Z_fit.real, -Z_fit.imag, "-", lw=0.8, color="C3" if series.count == 1 else colour)
    _label_decades(ax, measured, max(colours, key=measured.extent))
    ax.margins(x=0.18, y=0.1)  # for the labels of the marks
    ax.set_aspect("equal", adjustable="datalim")
    unit = unit_label(measured.unit)
    ax.set_xlabel(f"Z' / {unit}")
    ax.set_ylabel(f"−Z'' / {unit}")
    return ax


def bode(
    data: Spectrum | Campaign | DrtResult | CircuitResult,
    *,
    along: str | None = None,
    spectra: Selection = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw abs(Z) and the negative phase against the frequency; for a result also the fit, as lines.

    Parameters
    ----------
    data : Spectrum, Campaign, DrtResult or CircuitResult
    along : str, optional
        Coordinate that colours the spectra; see `intensity_map`.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure
        With two panels, abs(Z) above.

    Raises
    ------
    InvalidInput
        If a coordinate or spectrum does not exist.
    """
    measured = _measured(data)
    series = arrange(measured.coordinates, len(measured.Z), along, spectra)
    figure = figure or new_figure(SINGLE_COLUMN, 90)
    upper, lower = figure.subplots(2, 1, sharex=True)
    colours = paint(series, upper)
    for i, colour in colours.items():
        f, Z, Z_fit, used = measured.by_frequency(i)
        for ax, of in ((upper, np.abs), (lower, _negative_phase)):
            style = {"ms": 2.5, "mew": 0.5, "mfc": "none", "color": colour}
            ax.plot(f[used], of(Z[used]), "o", **style)
            ax.plot(f[~used], of(Z[~used]), "o", alpha=FAINT, **style)
            ax.plot(f, of(Z_fit), "-", lw=0.8, color="C3" if series.count == 1 else colour)
    decades(upper, "y")
    decades(lower, "x")
    upper.set_ylabel(f"|Z| / {unit_label(measured.unit)}")
    lower.set_ylabel("−φ / °")
    lower.set_xlabel("f / Hz")
    for ax in (upper, lower):
        dress(ax)
    return figure


@dataclass(frozen=True)
class _Measured:
    """What the two plots need of a spectrum, a campaign or a result; the fit is NaN where there is none."""

    frequency: FloatArray
    Z: ComplexArray
    Z_fit: ComplexArray
    used: BoolArray
    unit: str
    coordinates: Mapping[str, NDArray[Any]]

    def by_frequency(self, index: int) -> tuple[FloatArray, ComplexArray, ComplexArray, BoolArray]:
        """f, Z, fit and points used of one spectrum, by falling frequency, without padding.

        The fit ends where the points used end.
        """
        f = self.frequency[index]
        order = np.argsort(-f, kind="stable")
        order = order[np.isfinite(f[order]) & (f[order] > 0)]
        f, used = f[order], self.used[index][order]
        within = (f >= f[used].min(initial=np.inf)) & (f <= f[used].max(initial=0.0))
        return f, self.Z[index][order], np.where(within, self.Z_fit[index][order], np.nan), used

    def height(self, rows: IntArray) -> float:
        """Height in mm of a figure of one column that suits equal axes for these spectra."""
        Z = self.Z[rows][np.isfinite(self.Z[rows])]
        width = np.ptp(Z.real) if Z.size else 0.0
        return float(np.clip(20 + 70 * np.ptp(Z.imag) / width, 45, 85)) if width > 0 else 70.0

    def extent(self, index: int) -> float:
        """Diagonal of the box around a spectrum in ohm, 0 if there is none."""
        Z = self.Z[index][np.isfinite(self.Z[index])]
        return float(np.hypot(np.ptp(Z.real), np.ptp(Z.imag))) if Z.size else 0.0


def _measured(data: Spectrum | Campaign | DrtResult | CircuitResult) -> _Measured:
    if isinstance(data, DrtResult | CircuitResult):
        return _Measured(data.frequency, data.Z, data.Z_fit, data.used, data.unit, data.coordinates)
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(f"data must be a Spectrum, a Campaign or a result, got {type(data).__name__}")
    nothing = np.broadcast_to(np.complex128(complex(np.nan, np.nan)), campaign.Z.shape)
    return _Measured(campaign.frequency, campaign.Z, nothing, campaign.is_point, "ohm", campaign.coordinates)


def _negative_phase(Z: ComplexArray) -> FloatArray:
    return -np.angle(Z, deg=True)


def _decade_marks(f: FloatArray, used: BoolArray) -> list[int]:
    """Points used that stand nearest to a power of ten, and near enough, by rising power."""
    if not used.any():
        return []
    log_f = np.where(used, np.log10(f), np.inf)
    powers = np.arange(np.floor(log_f.min()), np.ceil(log_f[used].max()) + 1)
    nearest = [int(np.abs(log_f - power).argmin()) for power in powers]
    return [i for i, power in zip(nearest, powers, strict=True) if abs(log_f[i] - power) < _OFF_DECADE]


def _label_decades(ax: Axes, measured: _Measured, index: int) -> None:
    """Write the frequency at the decade marks of one spectrum, from low to high as far as there is room."""
    from matplotlib.patheffects import withStroke

    f, Z, _, used = measured.by_frequency(index)
    points = Z.conj()  # as drawn, upwards
    extent = measured.extent(index)
    labelled: list[complex] = []
    marks = _decade_marks(f, used)
    for i in marks:
        if not np.isfinite(points[i]) or any(abs(points[i] - other) < _LABEL_DISTANCE * extent for other in labelled):
            continue
        labelled.append(points[i])
        # off the curve to the left of the way it goes, which is outside of an arc
        way = points[min(i + 1, f.size - 1)] - points[max(i - 1, 0)]
        offset = 5j * way / abs(way) if abs(way) > 0 else 5j
        if i == marks[-1]:  # the fast end, where the axis is near
            offset = 2 - 4j
        ax.annotate(
            _hertz(f[i]),
            (points[i].real, points[i].imag),
            (offset.real, offset.imag),
            textcoords="offset points",
            ha="right" if offset.real < -1 else "left" if offset.real > 1 else "center",
            va="bottom" if offset.imag > 0 else "top",
            fontsize=NOTE_SIZE,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
            zorder=5,
        )


def _hertz(f: float) -> str:
    """Write a frequency with two digits and a prefix."""
    power = int(np.clip(3 * np.floor(np.log10(f * 1.005) / 3), -3, 9))
    return f"{float(f'{f / 10.0**power:.2g}'):g} {_PREFIXES[power]}Hz"
