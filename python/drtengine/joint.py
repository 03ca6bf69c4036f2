"""One estimate for all spectra of a series, `method="joint"` of `fit_drt`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._native import core
from .bands import half_width
from .campaign import Campaign
from .errors import InvalidInput, Status, near_miss
from .methods import GridProblem, put_log_gamma, solve_smooth
from .pooled import pool_bands
from .spectrum import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ._core import Problem

FEWEST_SPECTRA = 3
"""A branch of fewer usable spectra has no tie to estimate."""

LEAST_ETA = 1.0
"""Common strength of the ties below which the spectra have nothing in common."""

JUMP = 0.15
"""A weaker tie, relative to the others, is a jump: at one it falls below 0.01, elsewhere it stays above 0.3."""

LEAST_SETTLED = 0.5
"""With a smaller share of spectra whose gamma came to rest, the branch is given back as independent fits."""

NOISY = 5.0
"""A spectrum with this many times the median noise of its branch counts as carried by its neighbours."""


SERIES_VARIABLES = {
    "eta": "common strength of the ties along the series",
    "tie": "tie to the spectrum before, relative to what the distance asks for",
    "jump": "the series jumps between the spectrum before and this one",
    "carried": "gamma rests on the neighbours",
    "u_log_gamma": "standard deviation of ln(gamma)",
}


@dataclass(frozen=True, eq=False)
class Series:
    """How the spectra of a joint estimate hang together.

    The "tie" of a spectrum is the one to the spectrum before it along the coordinate, within its branch.

    Attributes
    ----------
    along : str
        The coordinate.
    eta : ndarray, shape [spectrum]
        Common strength of the ties of the spectrum's branch: precision of differences of ln(gamma) between
        spectra a median distance apart. Below one the branch was given back as independent fits.
    tie : ndarray, shape [spectrum]
        Strength of the tie relative to what the distance of the two spectra asks for, near one unless there is a
        jump; NaN for the first spectrum of a branch, and where there is no tie.
    jump : ndarray of bool, shape [spectrum]
        Whether the series jumps between the spectrum before and this one.
    carried : ndarray of bool, shape [spectrum]
        Whether gamma rests on the neighbours: the spectrum has no fit of its own (then only gamma is given), or
        is much noisier than its branch.
    u_log_gamma : ndarray, shape [spectrum, tau]
        Standard deviation of ln(gamma) by the Laplace approximation, at the smoothing parameters chosen. It knows
        the noise and the smoothness, and nothing of the choice of the latter. NaN without a joint estimate.
    """

    along: str
    eta: FloatArray
    tie: FloatArray
    jump: BoolArray
    carried: BoolArray
    u_log_gamma: FloatArray

    def __post_init__(self) -> None:
        for name in SERIES_VARIABLES:
            getattr(self, name).flags.writeable = False

    def variables(self) -> dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, str]]]:
        """Give the arrays as variables of a dataset."""
        axes = ("spectrum", "tau")
        return {
            name: (axes[: getattr(self, name).ndim], getattr(self, name), {"long_name": text})
            for name, text in SERIES_VARIABLES.items()
        }


def _untied(n_spectra: int, n_tau: int) -> dict[str, Any]:
    """Give the arrays of a `Series` without any tie."""
    return {
        **{name: np.full(n_spectra, np.nan) for name in ("eta", "tie")},
        **{name: np.zeros(n_spectra, dtype=bool) for name in ("jump", "carried")},
        "u_log_gamma": np.full((n_spectra, n_tau), np.nan),
    }


def order_branches(campaign: Campaign, along: str | None) -> list[IntArray]:
    """Sort the spectra of each branch along a coordinate.

    Parameters
    ----------
    campaign : Campaign
        Spectra with different values of its coordinate "branch", if it has one, belong to different branches.
    along : str
        Coordinate that holds numbers or times.

    Returns
    -------
    list of ndarray
        Indices of the spectra of each branch.

    Raises
    ------
    InvalidInput
        If there is no such coordinate, or it is unknown for a spectrum, or repeats inside a branch.
    """
    numbers = tuple(name for name, values in campaign.coordinates.items() if values.dtype.kind in "fM")
    if along is None:
        known = f"; the campaign has {', '.join(map(repr, numbers))}" if numbers else ""
        raise InvalidInput(f"method='joint' needs a coordinate to go along, such as along='voltage'{known}")
    if not numbers:
        raise InvalidInput(
            "method='joint' needs a campaign with a coordinate of numbers; see Campaign.with_coordinates"
        )
    if along not in numbers:
        raise InvalidInput(f"the campaign has no coordinate of numbers {along!r}; {near_miss(along, numbers)}")
    place = _places(campaign, along)
    for i in np.flatnonzero(~np.isfinite(place)):
        raise InvalidInput(
            f"coordinate {along!r} is unknown for {campaign.label(int(i))}; give its value or leave the spectrum out"
        )
    branch = campaign.coordinates.get("branch", np.zeros(len(campaign)))
    branches = []
    for name in dict.fromkeys(branch.tolist()):
        rows = np.flatnonzero(branch == name)
        rows = rows[np.argsort(place[rows], kind="stable")]
        for i in np.flatnonzero(np.diff(place[rows]) == 0):
            inside = f" inside branch {name!r}" if "branch" in campaign.coordinates else ""
            twice = " and ".join(campaign.label(int(k)) for k in rows[i : i + 2])
            raise InvalidInput(
                f"coordinate {along!r} is {campaign.coordinates[along][rows[i]]} for {twice}{inside}; "
                "leave one out, or tell them apart by a coordinate 'branch'"
            )
        branches.append(rows)
    return branches


@dataclass(frozen=True, eq=False)
class _State:
    """What the functions below pass around: the independent fits, which the joint ones replace branch by branch."""

    grids: list[GridProblem]
    campaign: Campaign
    place: FloatArray
    arrays: dict[str, Any]
    status: NDArray[np.int8]
    series: dict[str, Any]
    along: str


def solve_joint(
    grids: list[GridProblem],
    branches: list[IntArray],
    along: str,
    campaign: Campaign,
    arrays: dict[str, Any],
    status: NDArray[np.int8],
    progress: Callable[[int, int], object] | None,
) -> tuple[Series, list[str]]:
    """Fit every spectrum by itself, then each branch as one; fills `arrays` and `status`.

    Returns
    -------
    series : Series
    notes : list of str
        Jumps, spectra carried by others, and branches that turned out to have nothing in common.
    """
    for grid in grids:
        status[grid.rows] = solve_smooth(grid, arrays)
    state = _State(grids, campaign, _places(campaign, along), arrays, status, _untied(*arrays["gamma"].shape), along)
    notes: list[str] = []
    done = len(campaign)
    for rows in branches:
        notes += _solve_branch(state, rows, progress and halfway(progress, done, rows.size, len(campaign)))
        done += rows.size
    return Series(along, **state.series), notes


def halfway(progress: Callable[[int, int], object], done: int, count: int, total: int) -> Callable[[int, int], object]:
    """Report steps as progress in spectra, each of which is fitted twice: by itself and with the others."""
    return lambda step, steps: progress((done + count * step // steps) // 2, total)


def _solve_branch(state: _State, rows: IntArray, progress: Callable[[int, int], object] | None) -> list[str]:
    """Fit one branch, `rows` in order along the coordinate; returns notes."""
    arrays, series = state.arrays, state.series
    chain = rows[np.isfinite(arrays["gamma"][rows, 0])]
    branch, label = _branch_name(state.campaign, rows), state.campaign.label
    if chain.size < FEWEST_SPECTRA:
        return [f"{branch}fewer than {FEWEST_SPECTRA} spectra could be fitted; nothing was tied together"]
    parts = list(_parts(state.grids, chain))
    size = np.empty(chain.size)
    for grid, places in parts:
        size[places] = grid.size
    distance = np.diff(state.place[chain])
    solution = core.fit_joint(
        [_problem(grid, arrays["squared_weights"], progress) for grid, _ in parts],
        [places for _, places in parts],
        np.median(distance) / distance,
        {
            "log_gamma": np.log(arrays["gamma"][chain]),
            "lambda_": arrays["lambda_"][chain],
            "noise": arrays["noise"][chain] * size,
        },
    )
    series["eta"][rows] = solution["eta"]
    settled = solution["status"] == Status.OK
    if solution["eta"] < LEAST_ETA:
        return [f"{branch}the spectra have too little in common along {state.along!r} to be tied; fitted independently"]
    if settled.mean() < LEAST_SETTLED:
        return [f"{branch}the joint estimate did not converge; fitted independently"]
    series["tie"][chain[1:]] = solution["tie"]
    series["jump"][chain[1:]] = solution["tie"] < JUMP
    series["u_log_gamma"][chain[settled]] = solution["u_log_gamma"][settled]
    for grid, places in parts:
        fine = settled[places]
        some, at = grid.take(np.flatnonzero(fine)), places[fine]
        put_log_gamma(some, arrays, "joint", solution["log_gamma"][at], solution["free"][at])
        arrays["lambda_"][some.rows] = solution["lambda_"][at]
        arrays["noise"][some.rows] = solution["noise"][at] / some.size
    noisy = chain[arrays["noise"][chain] > NOISY * np.median(arrays["noise"][chain])]
    series["carried"][noisy] = True
    if (band := state.grids[0].band) is not None:
        _narrow_bands(state, chain, band.level)
    filled = _fill_gaps(state, rows, chain)
    return [
        *(f"{branch}a jump between {label(a)} and {label(b)}" for a, b in pairwise(chain) if series["jump"][b]),
        *(f"{label(i)}: much noisier than its neighbours, which carry its gamma" for i in noisy),
        *(f"{label(i)}: does not settle within the series; fitted independently" for i in chain[~settled]),
        *(f"{label(i)}: has no fit of its own; its gamma is interpolated between its neighbours" for i in filled),
    ]


def _narrow_bands(state: _State, chain: IntArray, level: float) -> None:
    """Narrow the bands of the independent fits; a noisy spectrum keeps its own."""
    arrays, series = state.arrays, state.series
    low, high = np.log(arrays["gamma_low"][chain]), np.log(arrays["gamma_high"][chain])
    centre, deviation = pool_bands(
        (low + high) / 2,
        (high - low) / (2 * half_width(level)),
        state.place[chain],
        series["jump"][chain],
        series["carried"][chain],
    )
    reach = half_width(level) * deviation
    arrays["gamma_low"][chain], arrays["gamma_high"][chain] = np.exp(centre - reach), np.exp(centre + reach)


def _fill_gaps(state: _State, rows: IntArray, chain: IntArray) -> IntArray:
    """Interpolate gamma for the spectra without a fit of their own, but across no jump; returns which.

    This is what the ties make of a spectrum without data.
    """
    missing: IntArray = np.setdiff1d(rows, chain)
    after = np.searchsorted(state.place[chain], state.place[missing])
    inside = after < chain.size
    inside[inside] = ~state.series["jump"][chain[after[inside]]]
    missing = missing[inside | (after == chain.size)]
    x, gamma = state.place[chain], state.arrays["gamma"]
    if missing.size:
        for j in range(gamma.shape[1]):
            gamma[missing, j] = np.exp(np.interp(state.place[missing], x, np.log(gamma[chain, j])))
        state.arrays["coefficients"][missing] = gamma[missing]
        state.arrays["method"][missing] = "joint"
        state.series["carried"][missing] = True
    return missing


def _parts(grids: list[GridProblem], chain: IntArray) -> Iterator[tuple[GridProblem, IntArray]]:
    """Give, grid by grid, the problem of the spectra in the chain and where they stand in it."""
    position = {int(row): i for i, row in enumerate(chain)}
    for grid in grids:
        members = np.array([k for k, row in enumerate(grid.rows) if int(row) in position], dtype=np.int64)
        if members.size:
            yield grid.take(members), np.array([position[int(row)] for row in grid.rows[members]], dtype=np.int64)


def _problem(grid: GridProblem, squared: FloatArray, progress: Callable[[int, int], object] | None) -> Problem:
    """Pose the problem of one grid, with the squared weights [spectrum, 2 * point] of the independent fits."""
    weights = np.sqrt(squared[np.ix_(grid.rows, np.repeat(grid.points, 2))])
    return {**grid.core, "weights": weights, "progress": progress}


def _places(campaign: Campaign, along: str) -> FloatArray:
    """Give a coordinate as numbers, times in s; NaN where it is unknown."""
    values = campaign.coordinates[along]
    if values.dtype.kind == "M":
        seconds: FloatArray = (values - values.min()) / np.timedelta64(1, "s")
        return seconds
    return np.asarray(values, dtype=np.float64)


def _branch_name(campaign: Campaign, rows: IntArray) -> str:
    """Begin a note on a branch."""
    return f"branch {str(campaign.coordinates['branch'][rows[0]])!r}: " if "branch" in campaign.coordinates else ""
