"""Voltammograms on common ground: sweeps cut at the vertices, averaged over cells of potential, their peaks."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .errors import DataWarning, InvalidInput
from .records import read_columns
from .spectrum import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from .records import Frame

_WHOLE = 0.8
"""A sweep counts if it covers this share of the potential range of its rate."""
_TURN = 0.05
"""Share of the potential range by which a sweep must come back for its end to be a vertex."""
_SAME_RATE = 0.05
_MOST_ROWS = 4000
"""Rows among which vertices are sought."""
_PROMINENCE = 0.05
"""Least height of a peak over its surroundings, relative to the largest current of its sweep."""
_TOP = 0.95
"""Share of a peak's height above which a parabola is laid through it."""
_SHIFT = 0.15
"""Share of the potential range by which a peak may move from one rate to the next."""


@dataclass(frozen=True)
class Peaks:
    """Peaks followed over the rates.

    Parameters
    ----------
    branch : ndarray of int, shape [peak]
        0 anodic, 1 cathodic.
    potential, current : ndarray, shape [peak, rate]
        V and outward A (positive); NaN where a peak is lost.
    """

    branch: IntArray
    potential: FloatArray
    current: FloatArray


def average_sweeps(
    frame: Frame | None, arrays: Mapping[str, ArrayLike | None], resistance: float, edge: float, cells: int
) -> tuple[FloatArray, FloatArray, FloatArray, list[str]]:
    """Average the last whole sweep of each branch and rate over cells of potential common to all.

    Parameters
    ----------
    frame, arrays
        See `drtengine.analyze_cv`.
    resistance : float
        Ohm, for the correction of potentials.
    edge : float
        Share of the range left out at each end.
    cells : int

    Returns
    -------
    scan_rate : ndarray, shape [rate]
        V/s, rising.
    potential : ndarray, shape [cell]
    current : ndarray, shape [rate, branch, cell]
    notes : list of str
    """
    values, notes = _columns(frame, arrays)
    rates, members = _groups(values["scan_rate"])
    if rates.size < 2:
        raise InvalidInput(
            f"there is one scan rate, {rates[0] * 1e3:g} mV/s: b-values and shares need several (five or more), in "
            "the column scan_rate_V_s"
        )
    sweeps = []
    for rate, rows in zip(rates, members, strict=True):
        E, i = values["voltage"][rows], values["current"][rows]
        sweeps.append(_two_sweeps(rate, E, i, resistance, notes))
    low = max(E.min() for pair in sweeps for E, _ in pair)
    high = min(E.max() for pair in sweeps for E, _ in pair)
    if not high > low:
        raise InvalidInput("the potentials of the sweeps have nothing in common; leave out the rates that differ")
    whole = max(np.ptp(E) for pair in sweeps for E, _ in pair)
    if high - low < 0.9 * whole:
        notes.append(f"the sweeps have only {low:.4g} to {high:.4g} V in common")
    edges = np.linspace(low + edge * (high - low), high - edge * (high - low), cells + 1)
    current = np.array([[_cell_means(E, i, edges) for E, i in pair] for pair in sweeps])
    return rates, (edges[1:] + edges[:-1]) / 2, current, notes


def _columns(frame: Frame | None, arrays: Mapping[str, ArrayLike | None]) -> tuple[dict[str, FloatArray], list[str]]:
    """Take the columns, and the scan rates from the times where there is no such column."""
    names = [str(name) for name in (frame if frame is not None else arrays)]
    if frame is None:
        names = [name for name, value in arrays.items() if value is not None]
    told = any(name.startswith("scan_rate") for name in names)
    needed = ("voltage", "current", "scan_rate" if told else "time")
    values, notes = read_columns(frame, arrays, needed, ("time",) if told else ())
    if values["current"].size < 10:
        raise InvalidInput(f"there are {values['current'].size} rows; voltammograms have more")
    if not told:
        values["scan_rate"] = _rates_from_time(values["time"], values["voltage"])
        notes.append("scan rates taken from potential and time")
    elif not (values["scan_rate"] > 0).all():
        raise InvalidInput(f"scan rates must be positive, got {values['scan_rate'].min():g} V/s")
    elif "time" in values:
        _compare_with_time(values, notes)
    return values, notes


def _compare_with_time(values: Mapping[str, FloatArray], notes: list[str]) -> None:
    """Warn if the scan rates are not those of potential and time."""
    step = np.diff(values["time"])
    moving = (step > 0) & (np.diff(values["voltage"]) != 0) & (np.diff(values["scan_rate"]) == 0)
    if not moving.any():
        return
    seen = np.abs(np.diff(values["voltage"])[moving] / step[moving])
    ratio = float(np.median(seen / values["scan_rate"][1:][moving]))
    if not 0.5 < ratio < 2:
        message = (
            f"the potential changes with {ratio:.4g} times the scan rate: was scan_rate_V_s given in mV/s? "
            "Then call the column scan_rate_mV_s"
        )
        warnings.warn(message, DataWarning, stacklevel=5)
        notes.append(message)


def _rates_from_time(time: FloatArray, E: FloatArray) -> FloatArray:
    """Scan rate of each row, from the sweep it stands in [row]."""
    step = np.diff(time)
    with np.errstate(invalid="ignore", divide="ignore"):
        local = np.where(step > 0, np.abs(np.diff(E)) / step, np.nan)
    rate = np.zeros(E.size)
    for begin, end in itertools.pairwise([*_vertices(E), E.size - 1]):
        known = local[begin:end][np.isfinite(local[begin:end])]
        rate[begin : end + 1] = np.median(known) if known.size else 0.0
    if not (rate > 0).all():
        raise InvalidInput("the potential rests in places: give the scan rates as scan_rate_V_s")
    return rate


def _groups(rate: FloatArray) -> tuple[FloatArray, list[IntArray]]:
    """Collect rows of the same scan rate, by rising rate."""
    order = np.argsort(rate, kind="stable")
    ordered = rate[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(ordered) > _SAME_RATE * ordered[:-1]) + 1, [rate.size]])
    members = [np.sort(order[a:b]) for a, b in itertools.pairwise(starts)]
    return np.array([np.median(rate[rows]) for rows in members]), members


def _vertices(E: FloatArray) -> list[int]:
    """Find the rows at which the potential turns; the first row counts."""
    rows = np.unique(np.linspace(0, E.size - 1, min(E.size, _MOST_ROWS)).astype(np.intp))
    back, stride = _TURN * np.ptp(E), E.size // rows.size + 1
    found, extreme, way = [0], 0, 0.0
    for row in rows.tolist():
        if way == 0:
            if abs(E[row] - E[0]) > back:
                way, extreme = np.sign(E[row] - E[0]), row
        elif way * (E[row] - E[extreme]) >= 0:
            extreme = row
        elif way * (E[extreme] - E[row]) > back:
            near = slice(max(extreme - stride, 0), extreme + stride + 1)
            found.append(near.start + int(np.argmax(way * E[near])))
            way, extreme = -way, row
    return found


def _two_sweeps(
    rate: float, E: FloatArray, i: FloatArray, resistance: float, notes: list[str]
) -> list[tuple[FloatArray, FloatArray]]:
    """Give the last whole anodic and cathodic sweep of one rate as (E, i), the potential corrected for i R."""
    span = np.ptp(E)
    chosen: dict[bool, slice] = {}
    counts = {True: 0, False: 0}
    for begin, end in itertools.pairwise([*_vertices(E), E.size - 1]):
        if abs(E[end] - E[begin]) >= _WHOLE * span and span > 0:
            rises = bool(E[end] > E[begin])
            counts[rises] += 1
            chosen[rises] = slice(begin, end + 1)
    mV_s = f"{rate * 1e3:g} mV/s"
    for rises, name in ((True, "anodic"), (False, "cathodic")):
        if rises not in chosen:
            raise InvalidInput(f"at {mV_s} there is no whole {name} sweep; leave this rate out or give all of its rows")
    if max(counts.values()) > 1:
        notes.append(f"{mV_s}: the last of {max(counts.values())} cycles was used")
    return [(E[chosen[rises]] - resistance * i[chosen[rises]], i[chosen[rises]]) for rises in (True, False)]


def _cell_means(E: FloatArray, i: FloatArray, edges: FloatArray) -> FloatArray:
    """Mean current over cells of potential, exact for straight lines between the rows [cell]."""
    order = np.argsort(E, kind="stable")
    E, i = E[order], i[order]
    new = np.concatenate([[True], np.diff(E) > 0])
    E, i = E[new], np.add.reduceat(i, np.flatnonzero(new)) / np.diff([*np.flatnonzero(new), new.size])
    area = np.concatenate([[0.0], np.cumsum(np.diff(E) * (i[1:] + i[:-1]) / 2)])
    at = np.interp(edges, E, i)
    left = np.clip(np.searchsorted(E, edges, side="right") - 1, 0, E.size - 1)
    whole = area[left] + (edges - E[left]) * (at + i[left]) / 2
    means: FloatArray = np.diff(whole) / np.diff(edges)
    return means


def track_peaks_of_sweeps(potential: FloatArray, outward: FloatArray) -> Peaks:
    """Find the peaks of each branch and follow them from the lowest rate on.

    Parameters
    ----------
    potential : ndarray, shape [cell]
    outward : ndarray, shape [rate, branch, cell]
        A, positive in the direction of the branch.

    Returns
    -------
    Peaks
        Those found at half of the rates or more (three at least, where there are so many).
    """
    rates = outward.shape[0]
    reach = _SHIFT * (potential[-1] - potential[0])
    tracks: list[tuple[int, FloatArray, FloatArray]] = []
    for branch in range(outward.shape[1]):
        found = [_peaks(potential, outward[rate, branch]) for rate in range(rates)]
        open_tracks: list[dict[int, tuple[float, float]]] = []
        for rate, here in enumerate(found):
            free = list(here)
            for track in open_tracks:
                last = track[max(track)][0]
                near = min(free, key=lambda peak, last=last: abs(peak[0] - last), default=None)  # type: ignore[misc]
                if near is not None and abs(near[0] - last) <= reach:
                    track[rate] = near
                    free.remove(near)
            open_tracks += [{rate: peak} for peak in free]
        for track in open_tracks:
            if len(track) >= min(max(rates / 2, 3), rates):
                table = np.full((2, rates), np.nan)
                table[:, list(track)] = np.array(list(track.values())).T
                tracks.append((branch, table[0], table[1]))
    tracks.sort(key=lambda track: (track[0], np.nanmean(track[1])))
    empty = np.empty((0, rates))
    return Peaks(
        np.array([branch for branch, _, _ in tracks], dtype=np.intp),
        np.array([E for _, E, _ in tracks]) if tracks else empty,
        np.array([i for _, _, i in tracks]) if tracks else empty,
    )


def _peaks(potential: FloatArray, current: FloatArray) -> list[tuple[float, float]]:
    """Potential and height of the peaks of one sweep, each the vertex of a parabola through its top."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    smooth = gaussian_filter1d(current, 2.0)
    rows, _ = find_peaks(smooth, prominence=_PROMINENCE * np.abs(smooth).max())
    found = []
    for row in rows.tolist():
        high: BoolArray = smooth >= _TOP * smooth[row]
        left = row - int(np.argmin(high[row::-1])) + 1 if not high[: row + 1].all() else 0
        right = row + int(np.argmin(high[row:])) if not high[row:].all() else high.size
        top = slice(max(min(left, row - 2), 0), max(right, row + 3))
        x = potential[top] - potential[row]
        curve = np.polynomial.polynomial.polyfit(x, current[top], 2)
        place = -curve[1] / (2 * curve[2]) if curve[2] < 0 else np.nan
        inside = x[0] <= place <= x[-1]
        height = float(np.polynomial.polynomial.polyval(place, curve)) if inside else float(current[row])
        found.append((float(potential[row] + (place if inside else 0.0)), height))
    return found
