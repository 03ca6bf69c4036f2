"""Campaigns as columns of tables and as part of NetCDF-like datasets, for every result that holds one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .campaign import Campaign
from .errors import Status

if TYPE_CHECKING:
    import xarray as xr

TAKEN = frozenset(
    ("name", "point", "frequency", "Z", "Z_real", "Z_imag", "point_time", "used", "status", "spectrum", "reason")
)
"""Names of what stands beside coordinates in the tables of every result."""

COORDINATE_UNITS = {"voltage": "V", "current": "A", "temperature": "degC", "time": "s", "soc": "1", "cycle": "1"}


def columns(coordinates: Iterable[str], taken: Collection[str] = TAKEN) -> dict[str, str]:
    """Give the names that coordinates have in tables: such as NetCDF takes, and none of the tables' own."""
    names: dict[str, str] = {}
    for name in coordinates:
        column = re.sub(r"\W+", "_", name)
        while column in taken or column in names.values():
            column = f"coordinate_{column}"
        names[name] = column
    return names


def variables_of(campaign: Campaign) -> dict[str, Any]:
    """Give what is measured, as variables of a dataset."""
    per_point = ("spectrum", "point")
    variables: dict[str, Any] = {
        "frequency": (per_point, campaign.frequency, {"units": "Hz"}),
        "Z": (per_point, campaign.Z, {"units": "ohm", "long_name": "measured impedance, true sign"}),
    }
    if campaign.point_time is not None:
        variables["point_time"] = (per_point, campaign.point_time, {"units": "s"})
    return variables


def status_variable(status: NDArray[np.int8]) -> tuple[str, NDArray[np.int8], dict[str, str]]:
    """Give how each spectrum came out, with the meaning of the numbers."""
    return "spectrum", status, {"flags": ", ".join(f"{s.value}: {s.name}" for s in Status)}


def coordinates_of(campaign: Campaign, taken: Collection[str]) -> dict[str, Any]:
    """Give coordinates and names of the spectra, as coordinates of a dataset."""
    coordinates: dict[str, Any] = {}
    for name, column in columns(campaign.coordinates, taken).items():
        is_number = campaign.coordinates[name].dtype.kind == "f"
        attributes = {"units": COORDINATE_UNITS[name]} if is_number and name in COORDINATE_UNITS else {}
        attributes |= {"coordinate": name} if name != column else {}
        coordinates[column] = ("spectrum", campaign.coordinates[name], attributes)
    if campaign.names is not None:
        coordinates["name"] = ("spectrum", np.array(campaign.names))
    return coordinates


def attributes_of(campaign: Campaign) -> dict[str, str]:
    """Give the provenance, as attributes of a dataset."""
    return {"sources": json.dumps(dict(campaign.sources)), "campaign_notes": json.dumps(list(campaign.notes))}


def campaign_of(dataset: xr.Dataset, array: dict[str, NDArray[Any]]) -> Campaign:
    """Undo the four above, from a dataset and its variables as arrays; KeyError if one is missing."""
    frequency = array["frequency"]
    if np.array_equal(frequency, np.broadcast_to(frequency[0], frequency.shape), equal_nan=True):
        frequency = frequency[0]  # one row, seen many times
    return Campaign(
        frequency,
        array["Z"],
        {
            str(values.attrs.get("coordinate", name)): array[str(name)]
            for name, values in dataset.coords.items()
            if name not in ("tau", "name")
        },
        names=[str(n) for n in array["name"]] if "name" in array else None,
        point_time=array.get("point_time"),
        sources=json.loads(dataset.attrs["sources"]),
        notes=json.loads(dataset.attrs["campaign_notes"]),
    )
