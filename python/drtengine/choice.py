"""Sums of elements beside smooth distributions, and the choice between the two by evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import series
from .bands import log_normal
from .campaign import Campaign
from .elements import ElementFit, fit_elements
from .errors import Status
from .points import measured_window
from .spectrum import BoolArray, ComplexArray, FloatArray

REFUTED = -10.0
"""With so much less evidence for its elements than for a smooth gamma, one spectrum keeps all others smooth."""


class CampaignFit(NamedTuple):
    """A campaign with the smooth fits of its spectra.

    Attributes
    ----------
    campaign : Campaign
    Z : ndarray, shape [spectrum, point]
        As fitted, that is times the area if there is one.
    used : ndarray of bool, shape [spectrum, point]
    status : ndarray of int8, shape [spectrum]
    tau : ndarray, shape [tau]
    arrays : dict
        What `methods` has filled.
    """

    campaign: Campaign
    Z: ComplexArray
    used: BoolArray
    status: NDArray[np.int8]
    tau: FloatArray
    arrays: dict[str, Any]


def add_elements(
    smooth: CampaignFit,
    *,
    per_spectrum: bool | None,
    inductance: bool,
    capacitance: bool,
    level: float | None,
    n_threads: int,
    progress: Callable[[int, int], object] | None,
) -> tuple[ElementFit, NDArray[np.int8], list[str]]:
    """Search for elements with the weights of the smooth fits, and let them replace these where they are better.

    Parameters
    ----------
    smooth : CampaignFit
        Its arrays change.
    per_spectrum : bool or None
        Whether each spectrum has a choice of its own, or the sum of evidence over the campaign decides. None takes
        elements throughout.
    level : float or None
        Of a pointwise band, if one is wanted of elements too.
    inductance, capacitance, n_threads, progress
        As in `fit_drt`.

    Returns
    -------
    elements : ElementFit
        Of all spectra that have a smooth fit.
    status : ndarray of int8, shape [spectrum]
    notes : list of str
        What was chosen, and by how much.
    """
    arrays, fitted = smooth.arrays, smooth.status == Status.OK
    elements = fit_elements(
        smooth.campaign.frequency,
        smooth.Z,
        tau=smooth.tau,
        gamma=np.where(fitted[:, None], arrays["gamma"], 1.0),
        R_inf=np.where(fitted, arrays["R_inf"], 0.0),
        evidence=np.where(fitted, arrays["evidence_log"], 0.0),
        weights=arrays["squared_weights"],
        used=smooth.used & fitted[:, None],
        inductance=inductance,
        capacitance=capacitance,
        n_threads=n_threads,
        progress=progress,
    )
    arrays["evidence_elements"] = elements.score.copy()
    found = (elements.status == Status.OK) & fitted
    if per_spectrum is None:
        chosen, status, notes = found, np.where(fitted & ~found, elements.status, smooth.status), []
    else:
        chosen, words = choose(elements.score, arrays["evidence_log"], found, per_spectrum=per_spectrum)
        status, notes = smooth.status, [words]
    _put(smooth, elements, chosen, level)
    if chosen.any() and "gamma_low" in arrays:
        notes.append(_NO_BAND if level is None else _BAND)
    return elements, status, notes


def choose(score: FloatArray, evidence: FloatArray, found: BoolArray, *, per_spectrum: bool) -> tuple[BoolArray, str]:
    """Say which spectra are better told by their elements, and put the choice into words."""
    found = found & np.isfinite(score) & np.isfinite(evidence)
    gain = np.where(found, score - evidence, 0.0)
    if per_spectrum:
        chosen = found & (gain > 0)
        return chosen, f"method='auto' took elements for {int(chosen.sum())} of {int(found.sum())} spectra"
    total, refuting = float(gain.sum()), int((gain < REFUTED).sum())
    over = f", summed over {len(gain)} spectra" if len(gain) > 1 else ""
    if total > 0 and refuting:
        return np.zeros_like(found), (
            f"method='auto' took 'log': elements have {total:.1f} more ln evidence{over}, but fail for {refuting} of "
            f"them, by up to {-gain.min():.1f}; per_spectrum=True lets each have its own"
        )
    name, other = ("elements", "log") if total > 0 else ("log", "elements")
    words = f"method='auto' took {name!r}: its ln evidence is {abs(total):.1f} above that of {other!r}"
    return found & (total > 0), words + over


_BAND = "the bands of spectra told by elements are those of the parameters: they take the elements for granted"
_NO_BAND = "spectra told by elements have no such band; band_kind='calibrated' gives that of the parameters"


def _put(smooth: CampaignFit, elements: ElementFit, chosen: BoolArray, level: float | None) -> None:
    """Replace the smooth estimates of the chosen spectra; gamma at a node is the average over its cell."""
    if not chosen.any():
        return
    tau, arrays = smooth.tau, smooth.arrays
    average, u_average = elements.cell_average(cell_edges(tau))
    for name in ("gamma", "coefficients"):
        arrays[name][chosen] = average[chosen]
    for name in ("R_inf", "L_0", "C_0", "u_R_inf"):
        arrays[name][chosen] = getattr(elements, name)[chosen]
    value, u = elements.integrals(tau[:1], tau[-1:])
    arrays["R_pol"][chosen], arrays["u_R_pol"][chosen] = value[chosen, 0], u[chosen, 0]
    windows = np.stack(measured_window(smooth.campaign.frequency, smooth.used), axis=1)
    for low, high in np.unique(windows[chosen], axis=0):
        value, u = elements.integrals([low], [high])
        here = chosen & (windows == (low, high)).all(axis=1)
        arrays["R_pol_window"][here], arrays["u_R_pol_window"][here] = value[here, 0], u[here, 0]
    arrays["method"][chosen] = "elements"
    if "gamma_low" in arrays:
        ends = (np.nan, np.nan) if level is None else log_normal(average[chosen], u_average[chosen], level)
        arrays["gamma_low"][chosen], arrays["gamma_high"][chosen] = ends


def cell_edges(tau: FloatArray) -> FloatArray:
    """Return the ends of cells around relaxation times: half way, on a logarithmic axis, to the neighbours."""
    return np.asarray(np.exp(series.cell_edges(np.log(tau))))


def gamma_of_elements(elements: ElementFit, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Give gamma [spectrum, tau] and its uncertainty: the average around each tau where they increase."""
    cells = tau.size > 1 and bool((np.diff(tau) > 0).all())
    return elements.cell_average(cell_edges(tau)) if cells else elements.gamma(tau)
