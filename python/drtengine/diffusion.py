"""Diffusion coefficients of one cell by several methods, side by side."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput
from .options import check_choice
from .spectrum import BoolArray, FloatArray
from .tabular import Tabular

if TYPE_CHECKING:
    import pandas as pd

ALONG = ("lithiation", "voltage")
_NAMES = {  # what results call the same thing, in order of preference
    "lithiation": ("lithiation", "soc"),
    "voltage": ("E_before", "E_0", "voltage"),
    "direction": ("direction", "branch"),
}
_DIRECTIONS = {
    "discharge": "lithiation",
    "charge": "delithiation",
    "lithiation": "lithiation",
    "delithiation": "delithiation",
}
_NORMAL = 1.959964
_CLOSE = 0.5
"""Methods that differ by less than this many decades, half an order of magnitude, are said to agree."""


@dataclass(frozen=True, eq=False, repr=False)
class DiffusionComparison(Tabular):
    """D of several methods over lithiation or voltage; made by `compare_diffusion`. Arrays are [estimate].

    Attributes
    ----------
    method : ndarray of str
    place : ndarray
        Lithiation, or V, according to `along`; NaN where it is unknown.
    direction : ndarray of str
        "lithiation", "delithiation", or "" where unknown.
    D, u_D, D_low, D_high : ndarray
        m2/s; the 95 % interval is the method's own where it has one, else a normal one of log D.
    trusted : ndarray of bool
        Whether the method has no doubt of its own about the estimate.
    along : str
    differences : sequence of Difference
        One for each pair of methods.
    notes : sequence of str
        The differences in words, and what could not be compared.
    """

    method: NDArray[np.str_]
    place: FloatArray
    direction: NDArray[np.str_]
    D: FloatArray
    u_D: FloatArray
    D_low: FloatArray
    D_high: FloatArray
    trusted: BoolArray
    along: str
    differences: Sequence[Difference]
    notes: Sequence[str]

    ROW: ClassVar[str] = "estimate"
    COLUMNS: ClassVar[Mapping[str, tuple[str, str]]] = {
        "method": ("", "method"),
        "place": ("1", "lithiation, or voltage in V"),
        "direction": ("", "lithiation or delithiation"),
        "D": ("m2 s-1", "diffusion coefficient"),
        "u_D": ("m2 s-1", "standard uncertainty of D"),
        "D_low": ("m2 s-1", "lower end of the 95 % interval"),
        "D_high": ("m2 s-1", "upper end of the 95 % interval"),
        "trusted": ("", "whether the method has no doubt of its own"),
    }

    def __repr__(self) -> str:
        return "<DiffusionComparison: " + "; ".join(str(difference) for difference in self.differences) + ">"

    def _attributes(self) -> dict[str, Any]:
        return {"along": self.along}

    def summary(self) -> pd.DataFrame:
        """Give one row for each pair of methods: decades between them, their spread, and how many places."""
        import pandas as pd

        rows = [(d.first, d.second, d.decades, d.low, d.high, d.u_noise, d.places) for d in self.differences]
        names = ("first", "second", "decades", "decades_low", "decades_high", "u_decades", "places")
        return pd.DataFrame(rows, columns=list(names))


@dataclass(frozen=True)
class Difference:
    """By how much two methods differ.

    Parameters
    ----------
    first, second : str
        Methods.
    decades : float
        Median of log10(D of the second / D of the first); NaN where they have no place in common.
    low, high : float
        Least and largest at a place.
    u_noise : float
        Standard uncertainty of one place's decades from those of D alone: a difference far beyond is no noise.
    places : int
        At how many places they were compared.
    """

    first: str
    second: str
    decades: float
    low: float
    high: float
    u_noise: float
    places: int

    def __str__(self) -> str:
        if not self.places:
            return f"{self.first} and {self.second} have no place in common"
        which = f"D by {self.second} is {abs(self.decades):.2f} decades {'above' if self.decades > 0 else 'below'} "
        which += f"D by {self.first} (median of {self.places} places, {self.low:+.2f} to {self.high:+.2f}"
        which += f", noise {self.u_noise:.2f})" if np.isfinite(self.u_noise) else ")"
        if abs(self.decades) < _CLOSE:
            return which + ": they agree to half an order of magnitude"
        return which + ": compare lengths, areas and concentrations before either is believed"


def compare_diffusion(*results: object, along: str = "lithiation", **named: object) -> DiffusionComparison:
    """Put diffusion coefficients of one cell by several methods side by side.

    Parameters
    ----------
    *results, **named : objects with D and u_D
        Results of `fit_gitt`, `fit_ici` or `fit_warburg`, or anything with arrays D and u_D (m2/s) of one length
        and, where known, lithiation (or soc), voltage, direction (or branch), D_low, D_high and flag, as attributes
        or in `coordinates`. By name, ``compare_diffusion(EIS=w, GITT=g)``; without one, called after their class.
    along : {"lithiation", "voltage"}
        What the methods share: where they are compared.

    Returns
    -------
    DiffusionComparison
        Pairs of methods are compared at the places of the sparser one within the range of the other, where log D is
        interpolated, direction by direction where both know it.

    Raises
    ------
    InvalidInput
        If there are fewer than two results, or one lacks D or u_D.

    Examples
    --------
    >>> from drtengine import fit_gitt, fit_ici, simulate
    >>> gitt = fit_gitt(simulate.gitt(D=1e-14, sphere_radius=5e-6, count=20).frame, sphere_radius=5e-6)
    >>> ici = fit_ici(simulate.ici(D=1e-14, sphere_radius=5e-6, count=40).frame, sphere_radius=5e-6)
    >>> comparison = compare_diffusion(GITT=gitt, ICI=ici)
    >>> abs(comparison.differences[0].decades) < 0.01
    True
    """
    check_choice("along", along, ALONG)
    methods: dict[str, object] = {}
    for result in results:
        name = type(result).__name__.removesuffix("Result").upper()
        while name in methods or name in named:
            name += "'"
        methods[name] = result
    methods |= named
    if len(methods) < 2:
        raise InvalidInput(f"compare_diffusion() needs two results or more, got {len(methods)}")
    notes: list[str] = []
    columns = {name: _columns(name, result, along, notes) for name, result in methods.items()}
    differences = [
        _difference(first, second, columns[first], columns[second])
        for first, second in itertools.combinations(methods, 2)
    ]
    joined = {key: np.concatenate([table[key] for table in columns.values()]) for key in next(iter(columns.values()))}
    sizes = [table["D"].size for table in columns.values()]
    return DiffusionComparison(
        method=np.repeat(list(methods), sizes),
        along=along,
        differences=tuple(differences),
        notes=(*notes, *map(str, differences)),
        **joined,
    )


def _columns(name: str, result: object, along: str, notes: list[str]) -> dict[str, Any]:
    """Take what a result has; NaN, "" and True for the rest."""
    D, u_D = (_find(result, (key,)) for key in ("D", "u_D"))
    if D is None or u_D is None:
        raise InvalidInput(
            f"{name}: a {type(result).__name__} has no D and u_D; give an area or length where it was made"
        )
    D, u_D = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (D, u_D))
    if D.ndim != 1 or D.shape != u_D.shape:
        raise InvalidInput(f"{name}: D and u_D must be arrays of one length, got shapes {D.shape} and {u_D.shape}")
    place = _find(result, _NAMES[along])
    if place is None:
        notes.append(f"{name}: its {along} is unknown, so that it cannot be compared place by place")
    direction = _find(result, _NAMES["direction"])
    words = (
        [""] * D.size if direction is None else [_DIRECTIONS.get(str(word), "") for word in np.atleast_1d(direction)]
    )
    flag = _find(result, ("flag",))
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.exp(_NORMAL * u_D / D)
    low, high = _find(result, ("D_low",)), _find(result, ("D_high",))
    return {
        "place": np.full(D.size, np.nan) if place is None else np.broadcast_to(_floats(place), D.shape).copy(),
        "direction": np.array(words, dtype=np.str_),
        "D": D.copy(),
        "u_D": u_D.copy(),
        "D_low": D / factor if low is None else _floats(low).copy(),
        "D_high": D * factor if high is None else _floats(high).copy(),
        "trusted": np.isfinite(D) if flag is None else np.isfinite(D) & (np.atleast_1d(flag) == ""),
    }


def _find(result: object, names: Sequence[str]) -> Any:
    """Give the first of several attributes or coordinates that there is, None if there is none."""
    coordinates = getattr(result, "coordinates", {})
    for name in names:
        value = getattr(result, name, None)
        value = coordinates.get(name) if value is None else value
        if value is not None:
            return value
    return None


def _floats(values: Any) -> FloatArray:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))


def _difference(first: str, second: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> Difference:
    """Compare two methods, at the places of the sparser one, by direction where both know theirs."""
    by_direction = all((table["direction"] != "").all() for table in (one, two))
    decades: list[float] = []
    noise: list[float] = []
    for direction in ("lithiation", "delithiation") if by_direction else ("",):
        tables = [_sorted(table, direction) for table in (one, two)]
        sparse, dense = (0, 1) if tables[0][0].size <= tables[1][0].size else (1, 0)
        x, log_D, u = tables[sparse]
        x_dense, log_dense, u_dense = tables[dense]
        if x.size == 0 or x_dense.size == 0:
            continue
        inside = (x >= x_dense[0]) & (x <= x_dense[-1])
        apart = np.interp(x[inside], x_dense, log_dense) - log_D[inside]
        decades += (apart if dense == 1 else -apart).tolist()
        noise += np.hypot(np.interp(x[inside], x_dense, u_dense), u[inside]).tolist()
    if not decades:
        return Difference(first, second, np.nan, np.nan, np.nan, np.nan, 0)
    return Difference(
        first,
        second,
        float(np.median(decades)),
        float(np.min(decades)),
        float(np.max(decades)),
        float(np.median(noise)),
        len(decades),
    )


def _sorted(table: Mapping[str, Any], direction: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give places, log10 D and its uncertainty, by rising place; the doubtful count only where all are."""
    here = np.isfinite(table["place"]) & (table["D"] > 0)
    if direction:
        here &= table["direction"] == direction
    if (here & table["trusted"]).any():
        here &= table["trusted"]
    rows = np.flatnonzero(here)
    rows = rows[np.argsort(table["place"][rows], kind="stable")]
    D = table["D"][rows]
    return table["place"][rows], np.log10(D), table["u_D"][rows] / D / np.log(10)
