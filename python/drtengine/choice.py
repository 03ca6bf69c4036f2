"""Sums of elements beside smooth distributions, and the choice between the two by evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import series
from .campaign import Campaign
from .elements import ElementFit, fit_elements
from .errors import Status
from .points import measured_window
from .spectrum import BoolArray, ComplexArray, FloatArray


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
        _put(smooth, elements, found)
        return elements, np.where(fitted & ~found, elements.status, smooth.status), []
    chosen, words = choose(elements.score, arrays["evidence_log"], found, per_spectrum=per_spectrum)
    _put(smooth, elements, chosen)
    return elements, smooth.status, [words]


def choose(score: FloatArray, evidence: FloatArray, found: BoolArray, *, per_spectrum: bool) -> tuple[BoolArray, str]:
    """Say which spectra are better told by their elements, and put the choice into words."""
    gain = np.where(found, score - evidence, 0.0)
    if per_spectrum:
        chosen = found & (gain > 0)
        return chosen, f"method='auto' took elements for {int(chosen.sum())} of {int(found.sum())} spectra"
    total = float(gain.sum())
    name, other = ("elements", "log") if total > 0 else ("log", "elements")
    words = f"method='auto' took {name!r}: its ln evidence is {abs(total):.1f} above that of {other!r}"
    return found & (total > 0), words + (f", summed over {len(gain)} spectra" if len(gain) > 1 else "")


def _put(smooth: CampaignFit, elements: ElementFit, chosen: BoolArray) -> None:
    """Replace the smooth estimates of the chosen spectra; gamma at a node is the average over its cell."""
    if not chosen.any():
        return
    tau, arrays = smooth.tau, smooth.arrays
    average, _ = elements.cell_average(cell_edges(tau))
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
    arrays["lambda_"][chosen] = np.nan
    arrays["method"][chosen] = "elements"
    for name in {"gamma_low", "gamma_high"} & set(arrays):
        arrays[name][chosen] = np.nan


def cell_edges(tau: FloatArray) -> FloatArray:
    """Return the ends of cells around relaxation times: half way, on a logarithmic axis, to the neighbours."""
    return np.asarray(np.exp(series.cell_edges(np.log(tau))))
