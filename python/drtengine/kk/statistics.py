"""Second opinions on residuals, and spectra that differ from their neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..campaign import Campaign, frequency_grids
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray

_FEWEST_SIGNS = 8
_SIDE = 2
"""Neighbours on each side."""
_SHORTEST = 4 * _SIDE + 1
_ODD, _ODD_TIMES = 0.05, 5.0
"""Distance to the neighbours from which a spectrum stands out: relative to abs(Z), and to the typical distance."""


def autocorrelation(residual: ComplexArray) -> FloatArray:
    """Lag-1 autocorrelation along the points, the larger one of Re and Im.

    Parameters
    ----------
    residual : ndarray, shape [spectrum, point]
        Ordered by frequency; NaN where a point is left out.

    Returns
    -------
    ndarray, shape [spectrum]
        About 0 for noise, near 1 for a smooth remainder; NaN if nothing is left.
    """
    known = np.isfinite(residual)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    largest = np.full(len(residual), -np.inf)
    for part in (residual.real, residual.imag):
        values = np.where(known, part, 0)
        values = np.where(known, values - values.sum(axis=1, keepdims=True) / count, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = (values[:, 1:] * values[:, :-1]).sum(axis=1) / (values**2).sum(axis=1)
        largest = np.maximum(largest, ratio)
    return largest


def runs_probability(residual: ComplexArray) -> FloatArray:
    """Probability that residuals change their sign along the points as seldom by chance (Wald, Wolfowitz).

    The smaller one of Re and Im, doubled for having looked twice. Ann. Math. Stat. 11, 147 (1940),
    doi:10.1214/aoms/1177731909.

    Parameters
    ----------
    residual : ndarray, shape [spectrum, point]
        Ordered by frequency; NaN where a point is left out.

    Returns
    -------
    ndarray, shape [spectrum]
        NaN where there are fewer than eight points, or no residual at all.
    """
    from scipy.special import ndtr

    known = np.isfinite(residual)
    last = np.maximum.accumulate(np.where(known, np.arange(residual.shape[1]), -1), axis=1)
    lowest = np.full(len(residual), np.inf)
    for part in (residual.real, residual.imag):
        above = (known & (np.where(known, part, 0) >= 0)).sum(axis=1)
        below = known.sum(axis=1) - above
        count = above + below
        # a point left out takes the sign of the one before it
        sign = np.take_along_axis(np.where(known & (np.nan_to_num(part) >= 0), 1, -1), np.maximum(last, 0), axis=1)
        runs = 1 + ((sign[:, 1:] != sign[:, :-1]) & (last[:, :-1] >= 0)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = 2 * above * below / count + 1
            deviation = np.sqrt((mean - 1) * (mean - 2) / (count - 1))
            chance = ndtr((runs + 0.5 - mean) / deviation)
        lowest = np.fmin(lowest, np.where((count >= _FEWEST_SIGNS) & (deviation > 0), chance, np.nan))
    return np.where(np.isfinite(lowest), np.minimum(2 * lowest, 1), np.nan)


def odd_ones(campaign: Campaign, used: BoolArray, sound: BoolArray) -> BoolArray:
    """Find spectra that differ from their neighbours in the series.

    Neighbours have the same branch (or other text that many share) and the same frequencies; the median of two on each
    side is the expectation. A spectrum stands out if it is further from that than five times what is typical of the
    series, further than 5 % of abs(Z), and further than those beside it. The first and last two have no neighbours
    on one side and are not judged.

    Parameters
    ----------
    campaign : Campaign
    used : ndarray of bool, shape [spectrum, point]
    sound : ndarray of bool, shape [spectrum]
        Spectra that take part.

    Returns
    -------
    ndarray of bool, shape [spectrum]
    """
    odd = np.zeros(len(campaign), dtype=bool)
    for rows, points in frequency_grids(campaign.frequency, used):
        for series in _series(campaign, rows[sound[rows]]):
            if series.size < _SHORTEST:
                continue
            distance = _distances(campaign.Z[np.ix_(series, points)])
            inner = distance[_SIDE:-_SIDE]
            peak = np.zeros(series.size, dtype=bool)
            peak[_SIDE:-_SIDE] = (inner >= distance[_SIDE - 1 : -_SIDE - 1]) & (
                inner >= distance[_SIDE + 1 : 1 - _SIDE]
            )
            limit = max(_ODD, _ODD_TIMES * float(np.median(inner)))
            odd[series] = peak & (distance > limit)
    return odd


def _distances(Z: ComplexArray) -> FloatArray:
    """Root mean square distance to the median of the neighbours relative to abs(Z); 0 at the ends."""
    distance = np.zeros(len(Z))
    steps = [step for step in range(-_SIDE, _SIDE + 1) if step != 0]
    inner = np.arange(_SIDE, len(Z) - _SIDE)
    around = np.stack([Z[inner + step] for step in steps])
    expected = np.median(around.real, axis=0) + 1j * np.median(around.imag, axis=0)
    distance[inner] = np.sqrt(np.mean(np.abs(Z[inner] - expected) ** 2 / np.abs(expected) ** 2, axis=1))
    return distance


def _series(campaign: Campaign, rows: IntArray) -> Iterator[IntArray]:
    """Spectra that belong together, in order."""
    most = rows.size // _SHORTEST  # a text of each spectrum's own, such as its file, tells no series apart
    texts = [v for v in campaign.coordinates.values() if v.dtype.kind == "U" and np.unique(v[rows]).size <= most]
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        groups.setdefault(tuple(str(values[row]) for values in texts), []).append(int(row))
    yield from map(np.array, groups.values())
