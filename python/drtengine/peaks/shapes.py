"""Maxima of one curve: place, height, width, valleys and saddles."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..spectrum import FloatArray
from .maxima import find_maxima

POINTS_PER_NODE = 10
"""Points between two nodes at which gamma is searched for maxima; the places come out finer."""
_KINK = 0.05
"""Fourth over second order in steps: 1/7 at the tip of a tent, below 0.01 on smooth functions."""


class Shape(NamedTuple):
    """One maximum of a curve; see `Peaks`."""

    spectrum: int
    ln_tau: float
    gamma: float
    curvature: float  # second derivative with respect to ln(tau); NaN at a kink
    left: float
    right: float
    prominence: float
    saddle: float  # ln(tau) of the higher saddle; NaN where it is zero beyond the grid
    width: float
    at_edge: bool


def search_maxima(
    spectrum: int, tau: FloatArray, curve: FloatArray, window: FloatArray, lowest: tuple[float, float]
) -> list[Shape]:
    """Find the maxima of one curve, finely sampled."""
    top = curve[(tau >= window[0]) & (tau <= window[1])].max(initial=0)
    if not top > 0:
        return []
    ground = min(curve.min(), 0.0)
    padded = np.concatenate([[ground], curve, [ground]])  # a curve may be highest at its end
    least = [max(share * top, np.finfo(float).tiny) for share in lowest]
    maxima, bases = find_maxima(padded, *least)
    saddles = bases[padded[bases].argmax(axis=0), np.arange(maxima.size)]
    at = maxima - 1
    valleys = [0, *(a + int(curve[a:b].argmin()) for a, b in pairwise(at)), curve.size - 1]
    x = np.log(tau)
    shapes = []
    for k, peak in enumerate(at):
        first, last = valleys[k], valleys[k + 1]
        place, height, curvature = _summit(x, curve, peak)
        start, end = (_half(x, curve, peak, stop, height / 2) for stop in (first, last))
        arms = np.array([place - start, end - place])
        reach = [x[stop] if np.isnan(half) else half for half, stop in ((start, first), (end, last))]
        inside = 1 <= saddles[k] <= curve.size
        shapes.append(
            Shape(
                spectrum=spectrum,
                ln_tau=place,
                gamma=height,
                curvature=curvature,
                left=tau[first],
                right=tau[last],
                prominence=height - padded[saddles[k]],
                saddle=x[saddles[k] - 1] if inside else np.nan,
                width=(2 * np.nanmean(arms) if np.isfinite(arms).any() else np.nan) / np.log(10),
                at_edge=bool(reach[0] < np.log(window[0]) or reach[1] > np.log(window[1])),
            )
        )
    return shapes


def _summit(x: FloatArray, curve: FloatArray, peak: int) -> tuple[float, float, float]:
    """Place, height and curvature of the maximum of the quartic through five points; at a kink the point itself."""
    if not 2 <= peak < x.size - 2:
        return x[peak], curve[peak], np.nan
    near = slice(peak - 2, peak + 3)
    step = (x[peak + 1] - x[peak - 1]) / 2
    u = (x[near] - x[peak]) / step
    c = np.linalg.solve(np.vander(u, increasing=True), curve[near])
    if abs(c[4]) > _KINK * abs(c[2]):
        return x[peak], curve[peak], np.nan

    def curvature(at: float) -> float:
        return float(2 * c[2] + at * (6 * c[3] + at * 12 * c[4]))

    at = 0.0
    for _ in range(4):  # Newton from a place that is right to a step
        slope = c[1] + at * (2 * c[2] + at * (3 * c[3] + at * 4 * c[4]))
        at = min(max(at - slope / curvature(at), u[1]), u[3])
    return x[peak] + step * at, float(c @ at ** np.arange(5)), curvature(at) / step**2


def _half(x: FloatArray, curve: FloatArray, peak: int, stop: int, level: float) -> float:
    """Where the curve falls to a level on the way from a peak to a valley; NaN if it does not."""
    way = np.arange(peak, stop, 1 if stop > peak else -1) if stop != peak else np.array([peak])
    way = np.append(way, stop)
    below = np.flatnonzero(curve[way] <= level)
    if below.size == 0:
        return np.nan
    b, a = way[below[0]], way[below[0] - 1]
    return float(x[a] + (curve[a] - level) / (curve[a] - curve[b]) * (x[b] - x[a]))
