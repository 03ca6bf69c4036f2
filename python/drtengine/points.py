"""Which points of a campaign take part in an analysis, and what is to be said of the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .campaign import Campaign, find_problems
from .errors import InvalidInput, Status
from .options import check_columns
from .spectrum import BoolArray, ComplexArray, FloatArray, IntArray, frozen_array


def judge_points(
    campaign: Campaign,
    f_min: float | None,
    f_max: float | None,
    exclude: ArrayLike | None,
    weights: str | ArrayLike,
) -> tuple[BoolArray, NDArray[np.int8], list[str]]:
    """Choose the points to use, and judge each spectrum by them.

    Parameters
    ----------
    campaign : Campaign
    f_min, f_max, exclude
        See `select_points`.
    weights : str or array_like
        Those relative to Z have no value where Z is zero.

    Returns
    -------
    used : ndarray of bool, shape [spectrum, point]
    status : ndarray of int8, shape [spectrum]
        `Status.OK` or what makes a spectrum unusable.
    notes : list of str
        What was left out.

    Raises
    ------
    InvalidInput
        If the mask has another shape, or a frequency to exclude does not occur.
    """
    used, notes = select_points(campaign, f_min, f_max, exclude)
    status = (
        campaign.problems.copy() if used is campaign.is_point else find_problems(campaign.frequency, campaign.Z, used)
    )
    if isinstance(weights, str) and weights != "unit":
        weightless = vanishing_points(campaign.Z, used).any(axis=1)
        status[weightless & (status == Status.OK)] = Status.ZERO_IMPEDANCE
    return used, status, notes


def select_points(
    campaign: Campaign, f_min: float | None, f_max: float | None, exclude: ArrayLike | None
) -> tuple[BoolArray, list[str]]:
    """Choose the points to use.

    Parameters
    ----------
    campaign : Campaign
    f_min, f_max : float or None
        Hz; points outside are left out.
    exclude : array_like or None
        Points to leave out: a boolean mask of shape [point] or [spectrum, point], or frequencies in Hz.

    Returns
    -------
    used : ndarray of bool, shape [spectrum, point]
    notes : list of str
        What was left out.

    Raises
    ------
    InvalidInput
        If the mask has another shape, or a frequency to exclude does not occur.
    """
    notes = []
    f = campaign.frequency
    used = campaign.is_point
    if not (f[0] if campaign.is_shared else f).all() and (dc := used & (f == 0)).any():
        notes.append(f"{int(dc.sum())} point(s) at 0 Hz dropped, in {int(dc.any(axis=1).sum())} spectra")
        used = used & ~dc
    nonzero = used
    if f_min is not None:
        used = used & ~(f < f_min)  # NaN stays and is found
    if f_max is not None:
        used = used & ~(f > f_max)
    if exclude is not None:
        used = used & ~_excluded(campaign, exclude)
    if used is not nonzero and (left_out := int((nonzero & ~used).sum())):
        notes.append(f"{left_out} point(s) left out by f_min, f_max or exclude")
    return used, notes


def _excluded(campaign: Campaign, exclude: ArrayLike) -> BoolArray:
    mask = np.asarray(exclude)
    if mask.dtype == np.bool_:
        if mask.ndim == 1:
            check_columns("exclude", campaign)
        if mask.shape not in (campaign.Z.shape, campaign.Z.shape[1:]):
            raise InvalidInput(
                f"exclude has shape {mask.shape}; needed is {campaign.Z.shape} or {campaign.Z.shape[1:]}"
            )
        return np.broadcast_to(mask, campaign.Z.shape)
    f = campaign.frequency[np.isfinite(campaign.frequency)]
    excluded = np.zeros(campaign.Z.shape, dtype=bool)
    for value in frozen_array(np.atleast_1d(mask), np.float64, "exclude", 1):
        hit = np.isclose(campaign.frequency, value, rtol=1e-6, atol=0)
        if not hit.any():
            near = f"; near is {f[np.argmin(np.abs(f - value))]:.9g} Hz" if f.size else ""
            raise InvalidInput(f"exclude names {value:g} Hz, but no spectrum has a point there{near}")
        excluded |= hit
    return excluded


def measured_window(frequency: FloatArray, used: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Give 1/(2 pi f_max) and 1/(2 pi f_min) of the points that took part, in s [spectrum]; NaN where none did."""
    some = used.any(axis=1)
    f = np.where(used[some], frequency[some], np.nan)
    low, high = np.full((2, some.size), np.nan)
    low[some], high[some] = 1 / (2 * np.pi * np.nanmax(f, axis=1)), 1 / (2 * np.pi * np.nanmin(f, axis=1))
    return low, high


def vanishing_points(Z: ComplexArray, used: BoolArray) -> BoolArray:
    """Where Z is zero beside the largest of its spectrum, so that weights relative to Z make no sense."""
    modulus = np.where(used, np.abs(Z), 0)
    vanishing: BoolArray = used & (modulus <= 1e-12 * modulus.max(axis=1, keepdims=True))
    return vanishing


def explain(campaign: Campaign, index: int, status: Status, used: BoolArray) -> str:
    """Put into one sentence what a status other than `Status.OK` means for a spectrum.

    Parameters
    ----------
    campaign : Campaign
    index : int
        Which spectrum.
    status : Status
    used : ndarray of bool, shape [spectrum, point]
        Points that took part.
    """
    return f"{campaign.label(index)}: {_reason(status, campaign.frequency[index], campaign.Z[index], used[index])}"


def _reason(status: Status, f: FloatArray, Z: ComplexArray, used: BoolArray) -> str:
    at = np.flatnonzero(used)
    match status:
        case Status.NOT_FINITE:
            bad = at[~(np.isfinite(Z[at]) & np.isfinite(f[at]))]
            return f"NaN or Inf at {_points(bad, f)}; leave these points out with exclude="
        case Status.ZERO_IMPEDANCE:
            zero = np.flatnonzero(vanishing_points(Z[None], used[None]))
            return (
                f"Z is 0 at {_points(zero, f)}, where the weights have no value; leave these points out with exclude="
            )
        case Status.NEGATIVE_FREQUENCY:
            return f"negative frequency at {_points(at[f[at] < 0], f)}; correct it or leave the point out with exclude="
        case Status.REPEATED_FREQUENCY:
            values, counts = np.unique(f[at], return_counts=True)
            same = at[f[at] == values[counts > 1][0]]
            return f"{_points(same, f)} stand at the same frequency; split the sweeps or exclude= one of them"
        case Status.TOO_FEW_POINTS:
            return f"{at.size} usable point(s), at least 3 are needed"
        case Status.SIGN_FLIPPED:
            return (
                "Z'' has the wrong sign (Z' falls with frequency while Z'' > 0, and the conjugate fits); "
                "capacitive spectra have Z'' < 0 here: pass Z.conj()"
            )
        case Status.LAMBDA_AT_BOUND:
            return "the selector has no minimum within the range of lambda it tries; lambda is the bound"
        case Status.SINGULAR:
            return "the problem is singular; raise lambda_ or use fewer nodes"
        case _:
            return "the solver did not converge; raise lambda_ or try another method"


def _points(at: IntArray, f: FloatArray) -> str:
    shown = ", ".join(f"{i} ({f[i]:.6g} Hz)" for i in at[:4])
    return f"point(s) {shown}{' and more' if len(at) > 4 else ''}"
