"""The semicircle of a Nyquist plot, read with a circle: the resistances of figures and of older papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import options
from ..campaign import Campaign
from ..errors import InvalidInput, Status
from ..points import explain, judge_points
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray, Spectrum
from ..tables import columns as coordinate_columns
from .levenberg import Minima, minimise

if TYPE_CHECKING:
    import pandas as pd

_HEIGHT = 0.5
"""Points count as the arc down to this share of its height."""
_LEAST_POINTS = 5
_NUMBERS = ("R_s", "u_R_s", "diameter", "u_diameter", "depression")


@dataclass(frozen=True, eq=False)
class ArcResult:
    """Circles through the largest arc of each spectrum; made by `fit_arc`.

    Attributes
    ----------
    R_s, u_R_s : ndarray, shape [spectrum]
        Fast intercept of the circle with the real axis, ohm.
    diameter, u_diameter : ndarray, shape [spectrum]
        From the fast to the slow intercept, ohm: the semicircle diameter, equal in meaning to R_ct, not in value.
    depression : ndarray, shape [spectrum]
        Angle in degrees by which the centre lies below the real axis, seen from an intercept.
    fitted : ndarray of bool, shape [spectrum, point]
        Points of the arc.
    reason : sequence of str
        Why there is none, in words; empty otherwise.
    status : ndarray of int8, shape [spectrum]
        `Status`; a spectrum without an arc is OK and has NaN.
    campaign : Campaign
    """

    R_s: FloatArray
    u_R_s: FloatArray
    diameter: FloatArray
    u_diameter: FloatArray
    depression: FloatArray
    fitted: BoolArray
    reason: Sequence[str]
    status: NDArray[np.int8]
    campaign: Campaign

    def to_frame(self) -> pd.DataFrame:
        """Give one row a spectrum: coordinates, the numbers, and that they come from the arc."""
        import pandas as pd

        coordinates: Mapping[str, NDArray[Any]] = self.campaign.coordinates
        columns: dict[str, Any] = {"name": [self.campaign.label(i) for i in range(len(self.status))]}
        columns |= {column: coordinates[name] for name, column in coordinate_columns(coordinates).items()}
        for name in _NUMBERS:
            columns[name] = getattr(self, name)
        columns["source"], columns["reason"] = "arc", list(self.reason)
        columns["status"] = [Status(status).name for status in self.status]
        return pd.DataFrame(columns)


def fit_arc(
    data: Campaign | Spectrum,
    *,
    f_min: float | None = None,
    f_max: float | None = None,
    exclude: ArrayLike | None = None,
) -> ArcResult:
    """Fit circles to the largest arc of each spectrum, from its top down to half its height on either side.

    Parameters
    ----------
    data : Campaign or Spectrum
    f_min, f_max : float, optional
        Points outside these limits (Hz) are left out; they choose among several arcs.
    exclude : array_like, optional
        Points to leave out, see `fit_circuit`.

    Returns
    -------
    ArcResult

    Raises
    ------
    InvalidInput
        For an option that cannot be used, and for a single `Spectrum` that cannot.

    Notes
    -----
    Distances to the circle are weighted with 1/abs(Z). Exact for one ZARC element; where arcs overlap, or diffusion
    follows closely, the diameter is not the charge-transfer resistance: compare with `fit_circuit`.

    Examples
    --------
    >>> import drtengine as dt
    >>> cell = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> arc = dt.circuits.fit_arc(dt.Spectrum(frequency, cell.impedance(frequency)))
    >>> f"{arc.R_s[0]:.2f} {arc.diameter[0]:.2f} {arc.depression[0]:.1f}"
    '10.00 50.00 18.0'
    """
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(f"data must be a Campaign or a Spectrum, got {type(data).__name__}")
    f_min, f_max = options.check_limits(f_min, f_max)
    used, status, _ = judge_points(campaign, f_min, f_max, exclude, "unit")
    fitted = np.zeros(campaign.Z.shape, dtype=bool)
    reasons = [""] * len(campaign)
    for i in range(len(campaign)):
        if status[i] != Status.OK:
            reasons[i] = explain(campaign, i, Status(status[i]), used)
            continue
        points = np.flatnonzero(used[i])
        points = points[np.argsort(-campaign.frequency[i, points], kind="stable")]
        arc = points[_find(-campaign.Z[i, points].imag)]
        fitted[i, arc] = arc.size >= _LEAST_POINTS
        if arc.size < _LEAST_POINTS:
            reasons[i] = "-Z'' has no maximum with two neighbours on either side above half its height"
    if isinstance(data, Spectrum) and status[0] != Status.OK:
        raise InvalidInput(reasons[0])
    numbers = {
        name: np.full(len(campaign), np.nan) for name in ("R_s", "u_R_s", "diameter", "u_diameter", "depression")
    }
    rows = np.flatnonzero(fitted.any(axis=1))
    if rows.size:
        scale = np.abs(np.where(fitted, campaign.Z, 0)).max(axis=1, keepdims=True)
        scaled = np.where(fitted, campaign.Z / np.where(scale > 0, scale, 1), 0)
        minima, degrees = _fit_circles(scaled, fitted, rows)
        for name, values in _read(minima, degrees).items():
            numbers[name][rows] = values if name == "depression" else values * scale[rows, 0]
    return ArcResult(**numbers, fitted=fitted, reason=reasons, status=status, campaign=campaign)


def _find(height: FloatArray) -> IntArray:
    """Points, by falling frequency, around the highest maximum within, down to half its height."""
    inner = np.arange(2, height.size - 2)
    peaks = inner[(height[inner] >= height[inner - 1]) & (height[inner] > height[inner + 1]) & (height[inner] > 0)]
    if peaks.size == 0:
        return np.empty(0, dtype=np.intp)
    top = int(peaks[np.argmax(height[peaks])])
    low = height < _HEIGHT * height[top]
    before, after = np.flatnonzero(low[:top]), np.flatnonzero(low[top:])
    first = int(before[-1]) + 1 if before.size else 0
    stop = top + int(after[0]) if after.size else height.size
    # what rises again on the far side of a minimum belongs to something else
    first += int(np.argmin(height[first : top + 1]))
    stop = top + int(np.argmin(height[top:stop])) + 1
    return np.arange(first, stop) if top - first >= 2 and stop - top > 2 else np.empty(0, dtype=np.intp)


def _fit_circles(Z: ComplexArray, fitted: BoolArray, rows: IntArray) -> tuple[Minima, IntArray]:
    """Centre and radius of the circle through the points of each row, by the distances from it; |Z| at most 1."""
    x, y = np.where(fitted, Z.real, 0.0), np.where(fitted, -Z.imag, 0.0)
    with np.errstate(divide="ignore"):
        weights = np.where(fitted, 1 / np.abs(Z), 0.0)

    def evaluate(at: IntArray, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        dx, dy = x[at] - p[:, :1], y[at] - p[:, 1:2]
        distance = np.hypot(dx, dy)
        jacobian = np.stack([-dx / distance, -dy / distance, -np.ones_like(dx)], axis=1)
        return (distance - p[:, 2:]) * weights[at], jacobian * weights[at][:, None]

    # Kasa's circle, linear in its parameters, to start from
    start = np.empty((rows.size, 3))
    for k, row in enumerate(rows):
        here = fitted[row]
        table = np.column_stack([x[row, here], y[row, here], np.ones(here.sum())])
        a, b, c = np.linalg.lstsq(table, x[row, here] ** 2 + y[row, here] ** 2, rcond=None)[0]
        start[k] = a / 2, b / 2, np.sqrt(max(c + a**2 / 4 + b**2 / 4, 0.0))
    bound = np.full(start.shape, 1e6)
    minima = minimise(evaluate, rows, start, -bound, bound, np.full(rows.size, 1e-24))
    return minima, np.asarray(fitted[rows].sum(axis=1) - 3)


def _read(minima: Minima, degrees: IntArray) -> dict[str, FloatArray]:
    """Work out intercepts with the real axis and their uncertainties; NaN where the circle does not reach it."""
    x, y, r = minima.x.T
    with np.errstate(invalid="ignore", divide="ignore"):
        half = np.sqrt(np.where(minima.converged, r**2 - y**2, np.nan))
        covariance = np.linalg.pinv(minima.hessian) * (minima.cost / degrees)[:, None, None]
        zero, one = np.zeros_like(x), np.ones_like(x)
        fast = np.stack([one, y / half, -r / half], axis=1)  # derivatives of x - half
        chord = np.stack([zero, -2 * y / half, 2 * r / half], axis=1)
        errors = [np.sqrt(np.einsum("ki,kij,kj->k", d, covariance, d)) for d in (fast, chord)]
        depression = np.degrees(np.arctan2(-y, half))
    return {
        "R_s": x - half,
        "u_R_s": errors[0],
        "diameter": 2 * half,
        "u_diameter": errors[1],
        "depression": depression,
    }
