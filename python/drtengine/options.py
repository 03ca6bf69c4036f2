"""The arguments of an inversion, checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from .campaign import Campaign
from .errors import InvalidInput, near_miss
from .spectrum import BoolArray, ComplexArray, FloatArray, IntArray, frozen_array

PARTS = ("both", "real", "imaginary")
WEIGHTS = ("auto", "unit", "modulus", "proportional")
SELECTORS = ("evidence", "ml", "gcv", "mgcv", "rgcv", "lcurve", "reim", "kfold", "discrepancy")

PROPORTIONAL_FLOOR = 0.01
"""Proportional weights take no part of Z for smaller than this share of |Z|."""

MOST_THREADS = 256


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise unless the value is one of a few words."""
    if not isinstance(value, str) or value not in allowed:
        raise InvalidInput(f"unknown {name} {value!r}; {near_miss(value, allowed)}")


def check_flag(name: str, value: object) -> bool:
    """Return a switch; words such as "no" would count as true."""
    if not isinstance(value, bool | np.bool_):
        raise InvalidInput(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_order(order: object, basis: str) -> int:
    """Return the order of the derivative that is penalised."""
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or order not in (0, 1, 2):
        raise InvalidInput(f"order must be 0, 1 or 2, got {order!r}")
    if order == 2 and basis in ("c0", "cauchy"):
        raise InvalidInput(
            f"order=2 is ill-posed for basis={basis!r}: its second derivative is not square integrable; "
            "choose order=1 or another basis"
        )
    return int(order)


def check_positive(name: str, value: object) -> float:
    """Return a number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InvalidInput(f"{name} must be a number, got {value!r}")
    if not (np.isfinite(value) and value > 0):
        raise InvalidInput(f"{name} must be positive and finite, got {value!r}")
    return float(value)


def check_share(name: str, value: object) -> float:
    """Return a number from 0 to below 1."""
    share = check_positive(name, value) if value != 0 else 0.0
    if share >= 1:
        raise InvalidInput(f"{name} is a share from 0 to 1, got {share:g}")
    return share


def check_count(name: str, value: object, least: int) -> int:
    """Return a whole number that is not below `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInput(f"{name} must be a whole number from {least} on, got {value!r}")
    return int(value)


def check_level(level: object) -> float:
    """Return the probability of intervals."""
    value = check_positive("level", level)
    if value >= 1:
        raise InvalidInput(f"level is a probability between 0 and 1, got {value:g}; such as 0.95")
    return value


def check_limits(f_min: object, f_max: object) -> tuple[float | None, float | None]:
    """Return the frequencies between which points are used, Hz."""
    low = None if f_min is None else check_positive("f_min", f_min)
    high = None if f_max is None else check_positive("f_max", f_max)
    if low is not None and high is not None and low > high:
        raise InvalidInput(f"f_min={low:g} Hz lies above f_max={high:g} Hz; exchange them")
    return low, high


def check_threads(n_threads: object) -> int:
    """Return how many threads to use; None asks for all CPUs that this process may use."""
    if n_threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(check_count("n_threads", n_threads, 1), MOST_THREADS)


def check_lambda(lambda_: float | str | ArrayLike, campaign: Campaign) -> FloatArray | str:
    """Return the name of a selector, or lambda of shape [1] or [spectrum]."""
    if isinstance(lambda_, str):
        check_choice("lambda_", lambda_, SELECTORS)
        return lambda_
    if lambda_ is None or isinstance(lambda_, bool):
        raise InvalidInput(f"lambda_ must be a number, one a spectrum or the name of a selector, got {lambda_!r}")
    count = len(campaign)
    array = frozen_array(np.atleast_1d(np.asarray(lambda_)), np.float64, "lambda_", 1)
    if array.size not in (1, count):
        raise InvalidInput(f"lambda_ has {array.size} values; give one number, one a spectrum ({count}) or a selector")
    bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
    if bad.size:
        where = f" for {campaign.label(int(bad[0]))}" if array.size > 1 else ""
        raise InvalidInput(f"lambda_ must be positive and finite, got {array[bad[0]]:g}{where}")
    return array


RIDGE_ALONE: Mapping[str, object] = MappingProxyType(
    {"lambda_": "evidence", "refine": False, "nonneg": True, "free": None, "part": "both", "basis": "gaussian",
     "order": 1, "fwhm": 0.5, "shape_factor": None}
)  # fmt: skip
"""Options that ridge regularisation alone knows, with the values that ask for nothing."""


def settle_method(method: str, given: Mapping[str, object], even: bool) -> tuple[str, list[str]]:
    """Turn "auto" into "ridge" where something is asked for that ridge regularisation alone can do.

    Parameters
    ----------
    method : str
    given : mapping
        Values of the options `RIDGE_ALONE`, checked.
    even : bool
        Whether the other methods could use the nodes in tau.

    Returns
    -------
    method : str
    notes : list of str
        Which options decided.
    """
    if method != "auto":
        return method, []
    asked = [name for name, value in given.items() if isinstance(value, np.ndarray) or value != RIDGE_ALONE[name]]
    if not even:
        asked.append("tau")
    if not asked:
        return method, []
    words = "an option" if len(asked) == 1 else "options"
    return "ridge", [f"method='auto' took 'ridge', as {' and '.join(asked)} asked for {words} of ridge regularisation"]


def check_method(method: str, along: object, lambda_: FloatArray | str, refine: bool, nonneg: bool, part: str) -> None:
    """Raise where an option asks for something that only another method can do."""
    if along is not None and method != "joint":
        raise InvalidInput(f"along={along!r} is an option of method='joint'")
    if method == "ridge":
        return
    if not (isinstance(lambda_, str) and lambda_ == "evidence"):
        raise InvalidInput(
            f"method={method!r} finds its own smoothness by evidence; other lambda_ go with method='ridge'"
        )
    if refine:
        raise InvalidInput("refine=True is an option of method='ridge'")
    if not nonneg:
        raise InvalidInput(f"gamma is positive by construction with method={method!r}; use method='ridge' for loops")
    if method in ("elements", "auto") and part != "both":
        raise InvalidInput(f"method={method!r} needs both parts of Z; part={part!r} goes with method='ridge' or 'log'")


def check_weights(
    weights: str | ArrayLike, campaign: Campaign, used: BoolArray, sound: BoolArray | bool = True
) -> FloatArray | str:
    """Return the name of a rule, or weights of shape [point] or [spectrum, point], checked where they are needed.

    That is at the points `used` of the spectra that are `sound`.
    """
    if isinstance(weights, str):
        check_choice("weights", weights, WEIGHTS)
        return weights
    array = np.asarray(weights)
    if array.ndim == 1:
        check_columns("weights", campaign)
    if array.shape not in (campaign.Z.shape, campaign.Z.shape[1:]):
        raise InvalidInput(
            f"weights have shape {array.shape}; needed is [point] {campaign.Z.shape[1:]} or "
            f"[spectrum, point] {campaign.Z.shape}"
        )
    table = frozen_array(array, np.float64, "weights", array.ndim)
    used = used & np.atleast_1d(sound)[:, None]
    everywhere = np.broadcast_to(table, used.shape)
    bad = np.argwhere(used & ~(np.isfinite(everywhere) & (everywhere >= 0)))
    if bad.size:
        row, point = (int(i) for i in bad[0])
        raise InvalidInput(
            f"weights must be finite and not negative, got {everywhere[row, point]:g} for {campaign.label(row)}, "
            f"point {point} ({campaign.frequency[row, point]:.6g} Hz)"
        )
    idle = np.flatnonzero(used.any(axis=1) & ~(used & (everywhere > 0)).any(axis=1))
    if idle.size:
        raise InvalidInput(
            f"the weights of {campaign.label(int(idle[0]))} are all zero; leave the spectrum out instead"
        )
    return table


def check_columns(name: str, campaign: Campaign) -> None:
    """Raise unless a point, counted from the left, stands at the same frequency in all spectra."""
    f = campaign.frequency
    if campaign.is_shared or not (np.fmax.reduce(f, axis=0) > np.fmin.reduce(f, axis=0)).any():
        return
    raise InvalidInput(
        f"{name}: one value a point will not do, as the spectra have different frequencies; give [spectrum, point]"
    )


def weights_on_grid(weights: FloatArray | str, Z: ComplexArray, rows: IntArray, points: BoolArray) -> FloatArray:
    """Give the weights of the spectra of one grid as the core wants them.

    Returns
    -------
    ndarray, shape [0, 0], [1 or spectrum, point] or [spectrum, 2 * point]
        Nothing for ones; one for each point, or one for Re and one for Im. The largest of a row is 1.
    """
    own = raw_weights_on_grid(weights, Z, rows, points)
    if own is None:
        return np.empty((0, 0))
    return np.ascontiguousarray(own / own.max(axis=1, keepdims=True))  # squares neither over- nor underflow


def raw_weights_on_grid(
    weights: FloatArray | str, Z: ComplexArray, rows: IntArray, points: BoolArray
) -> FloatArray | None:
    """Give the weights of the spectra of one grid as they are meant, None for ones; shapes as above."""
    if isinstance(weights, str) and weights == "unit":
        return None
    if not isinstance(weights, str):
        return weights[None, points] if weights.ndim == 1 else weights[np.ix_(rows, points)]
    if weights == "modulus":
        own: FloatArray = 1 / np.abs(Z)
        return own
    parts: FloatArray = np.abs(np.ascontiguousarray(Z).view(np.float64))
    own = 1 / np.maximum(parts, PROPORTIONAL_FLOOR * np.repeat(np.abs(Z), 2, axis=1))
    return own
