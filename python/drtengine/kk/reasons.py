"""Verdicts in words."""

from __future__ import annotations

import numpy as np

from ..spectrum import BoolArray, FloatArray
from .limits import FAIL, PASS, KkLimits
from .structure import Judgement

_MOST_POINTS = 3
_UNCERTAIN = 3.0
"""A drift is spoken of from so many standard uncertainties on."""


def reasons_of(found: Judgement, frequency: FloatArray, limits: KkLimits, timed: BoolArray) -> list[str]:
    """One sentence for each spectrum of a grid.

    Parameters
    ----------
    found : Judgement
    frequency : ndarray, shape [point]
    limits : KkLimits
    timed : ndarray of bool, shape [spectrum]
        Whether the times of the points are known.
    """
    return [_sentence(found, i, frequency, limits, bool(timed[i])) for i in range(len(found.tier))]


def _sentence(found: Judgement, i: int, frequency: FloatArray, limits: KkLimits, timed: bool) -> str:
    said = []
    noise, structure = found.noise[i], found.structure[i]
    if not np.isfinite(noise):
        return "the causal model could not be fitted"
    if noise >= limits.noise_fail:
        said.append(f"noise of {_percent(noise)} is beyond use (limit {_percent(limits.noise_fail)})")
    if found.p_value[i] < limits.p_warn and structure >= limits.size_warn(noise):
        where = _worst(found, i, frequency)
        said.append(
            f"the residual has a structure of {_percent(structure)} that noise of {_percent(noise)} does not explain "
            f"(p = {found.p_value[i]:.0e}), largest near {where:.3g} Hz"
        )
        drift, u = found.drift[i], found.u_drift[i]
        if abs(drift) >= _UNCERTAIN * u and abs(drift) >= structure:
            times = "" if timed else ", with guessed times of the points"
            said.append(f"as if Z drifted by {100 * drift:+.2g} % (± {100 * u:.1g} %) during the sweep{times}")
    flagged = np.flatnonzero(found.flagged[i])
    if found.stretch[i]:
        low, high = frequency[flagged[-1]], frequency[flagged[0]]
        many = f"{flagged.size} points between {low:.3g} and {high:.3g} Hz"
        said.append(f"without the {many if high > low else f'point at {low:.3g} Hz'} it would pass")
    elif flagged.size:
        shown = flagged[np.argsort(-found.deviation[i, flagged], kind="stable")][:_MOST_POINTS]
        points = ", ".join(f"{frequency[k]:.4g} Hz by {_percent(found.deviation[i, k])}" for k in shown)
        more = f" and {flagged.size - shown.size} more" if flagged.size > shown.size else ""
        left = "; still others remain" if found.uncleaned[i] else ""
        said.append(f"{flagged.size} point(s) stand out: {points}{more}{left}")
    if found.tier[i] == FAIL and np.isfinite(found.window[i]).all():
        said.append(f"valid between {found.window[i, 0]:.3g} and {found.window[i, 1]:.3g} Hz")
    if said and found.tier[i] > PASS:
        return "; ".join(said)
    if noise >= limits.noise_warn:
        return f"causal, but noisy: {_percent(noise)}"
    return "; ".join([f"causal within the noise of {_percent(noise)}", *said])


def _worst(found: Judgement, i: int, frequency: FloatArray) -> float:
    """Where the residual is largest over three neighbours, in Hz."""
    size = np.where(found.flagged[i], 0, np.abs(found.residual[i]))
    return float(frequency[1:-1][np.argmax(size[:-2] + size[1:-1] + size[2:])])


def _percent(value: float) -> str:
    return f"{100 * value:.2g} %"
