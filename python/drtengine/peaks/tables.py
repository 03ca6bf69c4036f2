"""What the tables of this package have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..campaign import Campaign
from ..errors import InvalidInput
from ..result import DrtResult
from ..spectrum import IntArray
from ..tables import COORDINATE_UNITS
from ..tables import columns as column_names

if TYPE_CHECKING:
    import xarray as xr

Numbers = Mapping[str, tuple[str, str]]
"""Names of columns, each with its unit per ohm and what it is."""


def require_result(function: str, result: object) -> DrtResult:
    """Return what `fit_drt` has made; InvalidInput if it is something else."""
    if not isinstance(result, DrtResult):
        raise InvalidInput(f"{function}() takes a DrtResult, as fit_drt returns it, got {type(result).__name__}")
    return result


def campaign_columns(campaign: Campaign, spectrum: IntArray, taken: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Name and coordinates of the spectra, as the first columns of a table whose others are `taken`."""
    columns: dict[str, NDArray[Any]] = {
        "name": np.array([campaign.label(int(i)) for i in spectrum], dtype=str),
        "spectrum": spectrum,
    }
    for name, column in column_names(campaign.coordinates, {*columns, *taken}).items():
        columns[column] = campaign.coordinates[name][spectrum]
    return columns


def dataset_of(
    kind: str,
    table: Any,
    arrays: Mapping[str, NDArray[Any]],
    dims: tuple[str, ...],
    numbers: Numbers,
    own: Mapping[str, Any],
    spectrum: tuple[str, IntArray],
    **attributes: Any,
) -> xr.Dataset:
    """Give the arrays of a table as an xarray Dataset.

    Parameters
    ----------
    kind : str
        Name of the class.
    table
        Has `campaign`, `unit` and `notes`.
    arrays : mapping of str to ndarray
        Of the dimensions `dims`.
    numbers : mapping
        Their units and meaning.
    own : mapping
        Further coordinates, as xarray takes them.
    spectrum : (str, ndarray)
        A dimension, and the spectrum that each of its places belongs to.
    **attributes
        Of the dataset.
    """
    import xarray as xr

    dim, which = spectrum
    variables = {
        name: (dims, arrays[name], {"units": _unit(unit, table.unit), "long_name": meaning})
        for name, (unit, meaning) in numbers.items()
    }
    coordinates: dict[str, Any] = {}
    for name, values in campaign_columns(table.campaign, which, [*numbers, *own, *dims]).items():
        units = {"units": COORDINATE_UNITS[name]} if name in COORDINATE_UNITS and values.dtype.kind == "f" else {}
        if name not in dims:
            coordinates[name] = (dim, values, units)
    attributes |= {"kind": kind, "drtengine": __version__, "notes": json.dumps(list(table.notes))}
    return xr.Dataset(variables, {**coordinates, **own}, attributes)


def _unit(unit: str, ohm: str) -> str:
    """Put the unit of a quantity together, for resistances in ohm or ohm cm2."""
    return unit.format(ohm=ohm, farad="F" if ohm == "ohm" else "F cm-2")
