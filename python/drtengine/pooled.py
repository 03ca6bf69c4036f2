"""Bands of a series: each spectrum's own, narrowed by what its two neighbours say."""

from __future__ import annotations

import numpy as np

from .spectrum import BoolArray, FloatArray

REACH = 3
"""Over how many nodes to each side the distance between a spectrum and its neighbours is averaged."""


def pool_bands(
    centre: FloatArray, deviation: FloatArray, place: FloatArray, jump: BoolArray, alone: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Join the band of each spectrum with what the line through its two neighbours predicts there.

    The bands of a series come from independent data, so the three estimates differ by their known variances and by how
    far the series bends. What the squared distance between estimate and prediction has beyond these variances, on
    average over nearby nodes, is that bend; it counts as variance of the prediction. So a series that drifts evenly
    has bands two thirds as wide as those of its spectra alone, and spectra with nothing in common keep theirs.

    Parameters
    ----------
    centre, deviation : ndarray, shape [spectrum, node]
        Of ln(gamma), in order along the series.
    place : ndarray, shape [spectrum]
        Where in the series, rising.
    jump : ndarray of bool, shape [spectrum]
        Whether the series jumps between this spectrum and the one before.
    alone : ndarray of bool, shape [spectrum]
        Spectra that keep their bands.

    Returns
    -------
    centre, deviation : ndarray, shape [spectrum, node]
        The first and the last spectrum, and those beside a jump, have their own.
    """
    from scipy.ndimage import uniform_filter1d  # slow to import

    inner = np.flatnonzero(~alone[1:-1] & ~jump[1:-1] & ~jump[2:]) + 1
    before, after = inner - 1, inner + 1
    share = ((place[after] - place[inner]) / (place[after] - place[before]))[:, None]
    predicted = share * centre[before] + (1 - share) * centre[after]
    own, carried = deviation[inner] ** 2, (share * deviation[before]) ** 2 + ((1 - share) * deviation[after]) ** 2
    bend = uniform_filter1d((centre[inner] - predicted) ** 2 - own - carried, 2 * REACH + 1, axis=1, mode="nearest")
    others = carried + np.maximum(bend, 0)
    with np.errstate(invalid="ignore"):
        weight = others / (own + others)
    pooled = np.isfinite(weight)  # a neighbour without a band has nothing to say
    new_centre, new_deviation = centre.copy(), deviation.copy()
    new_centre[inner] = np.where(pooled, weight * centre[inner] + (1 - weight) * predicted, centre[inner])
    new_deviation[inner] = np.where(pooled, np.sqrt(weight * own), deviation[inner])
    return new_centre, new_deviation
