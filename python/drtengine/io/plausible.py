"""Doubts about units: files of a campaign that differ from the others by the step between two units."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..campaign import Campaign
from ..places import listed
from ..spectrum import FloatArray

_LEAST = 3
_AGREE = 0.7
_SPREAD = 0.5
"""Doubts are raised only if so large a share of the spectra lies within so many decades of the median."""
_STEPS = {3.0: "mohm", -3.0: "kohm", 6.0: "uohm", -6.0: "Mohm"}  # decades too high if read as ohm: written unit
_NEAR = 0.1
_NEAR_FREQUENCY = 0.01
_ANGULAR = math.log10(2 * math.pi)


def doubtful_units(campaign: Campaign) -> list[str]:
    """Ask about spectra whose abs(Z) or frequencies are a thousandfold (or 2 pi times) those of most others.

    Nothing is changed. Fewer than three spectra, or spectra that do not agree with each other, raise no doubt.
    """
    if len(campaign) < _LEAST:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        modulus = np.log10(np.abs(campaign.Z))
        frequency = np.log10(np.where(campaign.frequency > 0, campaign.frequency, np.nan))
    notes = []
    level = _medians(modulus)
    if (off := _offsets(level)) is not None:
        for step, unit in _STEPS.items():
            odd = np.abs(off - step) < _NEAR
            if odd.any():
                times = f"{10 ** abs(step):g} times {'larger' if step > 0 else 'smaller'}"
                notes.append(f"{_who(campaign, odd)}: abs(Z) is {times} than that of most others; is it in {unit}?")
    known = np.isfinite(frequency)
    high = _offsets(np.where(known, frequency, -np.inf).max(axis=1))
    low = _offsets(np.where(known, frequency, np.inf).min(axis=1))
    if high is not None and low is not None:
        for step, what in ((-3.0, "are they in kHz?"), (3.0, "are they in mHz?"), (_ANGULAR, "are they in rad/s?")):
            odd = (np.abs(high - step) < _NEAR_FREQUENCY) & (np.abs(low - step) < _NEAR_FREQUENCY)
            if odd.any():
                notes.append(f"{_who(campaign, odd)}: all frequencies are {10**step:.4g} times those of most; {what}")
    return notes


def _offsets(level: FloatArray) -> FloatArray | None:
    """Return how many decades each spectrum lies above the median, None if they do not agree with each other."""
    known = np.isfinite(level)
    if not known.any():
        return None
    off = np.where(known, level, np.nan) - np.median(level[known])
    return off if np.mean(np.abs(off) < _SPREAD) >= _AGREE else None


def _medians(rows: FloatArray) -> FloatArray:
    if np.isfinite(rows).all():
        return np.asarray(np.median(rows, axis=1))
    return np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in rows])


def _who(campaign: Campaign, odd: NDArray[np.bool_]) -> str:
    return listed([campaign.label(int(i)) for i in np.flatnonzero(odd)], 6)
