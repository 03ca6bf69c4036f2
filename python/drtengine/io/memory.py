"""Impedance in memory, from pandas, xarray, impedance.py or yadg, to one campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..campaign import Campaign
from ..errors import InvalidInput, UnreadableFile
from ..spectrum import Spectrum
from .delimited import spectra_of_lines
from .metadata import complete
from .plausible import doubtful_units

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_Z = ("Z", "impedance")


def to_campaign(data: Any, *, coordinates: Mapping[str, ArrayLike] | None = None) -> Campaign:
    """Turn impedance in memory into a campaign.

    Parameters
    ----------
    data : DataFrame, Dataset, DataTree, pair of arrays, or sequence or mapping of these
        A DataFrame is read like a csv file: column names tell quantity, unit and sign, and it may hold several
        sweeps, spectra side by side, or one in each row; a complex column "Z" stands for both parts. A Dataset has
        such names for its variables and the units in their attributes, along one dimension (as yadg writes them:
        freq, Re(Z), -Im(Z)), or along [spectrum, point]. Of a DataTree every node with impedance is read. A pair
        is frequency (Hz) and complex Z (ohm, true sign), each [point], or Z [spectrum, point]. The keys of a
        mapping become names.
    coordinates : mapping of str to array_like, shape [spectrum], optional
        Added to those that the data have.

    Returns
    -------
    Campaign

    Raises
    ------
    InvalidInput
        If something else is given, or there is no impedance in it.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"cell": ["A"] * 3 + ["B"] * 3, "f / Hz": [10, 1, 0.1] * 2, "Z": [1 - 1j, 2, 3] * 2})
    >>> to_campaign(frame).coordinates["cell"].tolist()
    ['A', 'B']
    """
    campaign = _campaign(data)
    if campaign is not data:
        campaign = replace(campaign, notes=list(dict.fromkeys([*campaign.notes, *doubtful_units(campaign)])))
    return campaign if coordinates is None else campaign.with_coordinates(**dict(coordinates))


def _campaign(data: Any) -> Campaign:
    if isinstance(data, Campaign):
        return data
    kind = type(data).__name__  # so that neither pandas nor xarray need be imported
    if isinstance(data, Spectrum):
        return Campaign.from_spectra([data])
    if kind == "DataFrame":
        return Campaign.from_spectra(_of_frame(data, "the DataFrame"))
    if kind == "Dataset":
        return _of_dataset(data, "the Dataset")
    if kind == "DataTree":
        return _of_tree(data)
    if isinstance(data, Mapping):
        return _named(data.items())
    if isinstance(data, Sequence | np.ndarray) and not isinstance(data, str | bytes) and len(data):
        if len(data) == 2 and not any(isinstance(part, Mapping | Spectrum | Campaign) for part in data):
            return _of_pair(data)
        return Campaign.concatenate([_campaign(part) for part in data])
    raise InvalidInput(
        f"to_campaign takes a DataFrame, a Dataset, a DataTree, (frequency, Z), or a list or mapping of these, got "
        f"{kind}; files are for read()"
    )


def _named(parts: Iterable[tuple[Any, Any]]) -> Campaign:
    """Join parts whose keys are their names."""
    campaigns = []
    for key, part in parts:
        campaign = _campaign(part)
        names = [str(key)] if len(campaign) == 1 else [f"{key}#{i}" for i in range(1, len(campaign) + 1)]
        campaigns.append(replace(campaign, names=names))
    return Campaign.concatenate(campaigns)


def _of_pair(pair: Any) -> Campaign:
    """Take frequency and Z, as impedance.py has them; several pairs of frequency and Z are a sequence of two pairs."""
    try:
        frequency, Z = (np.asarray(part) for part in pair)
    except ValueError:  # of unlike lengths: pairs themselves
        return Campaign.concatenate([_campaign(part) for part in pair])
    if not np.iscomplexobj(frequency) and frequency.ndim == 1 and np.iscomplexobj(Z) and Z.ndim in (1, 2):
        return Campaign.from_arrays(frequency, np.atleast_2d(Z))
    if frequency.ndim >= 2 or frequency.dtype == object:
        return Campaign.concatenate([_campaign(part) for part in pair])
    raise InvalidInput(
        f"a pair must be frequency [point] and complex Z [point] or [spectrum, point], got {frequency.dtype} of shape "
        f"{frequency.shape} and {Z.dtype} of shape {Z.shape}"
    )


def _of_frame(frame: pd.DataFrame, name: str) -> list[Spectrum]:
    """Read a table as if it were a file."""
    if any(index is not None for index in frame.index.names):
        frame = frame.reset_index()
    columns: dict[str, Any] = {}
    notes: list[str] = []
    for position, label in enumerate(map(str, frame.columns)):
        values = frame.iloc[:, position].to_numpy()
        if np.iscomplexobj(values):
            unit = label.partition("/")[2].strip() or "ohm"
            if label.partition("/")[0].strip() not in _Z:
                notes.append(f"column {label!r} not read: complex numbers are expected under the name Z")
                continue
            columns |= {f"Re(Z)/{unit}": values.real, f"Im(Z)/{unit}": values.imag}
        else:
            columns[label if label not in columns else f"{label} "] = values
    lines = ["\t".join(" ".join(label.split()) for label in columns)]
    cells = (["" if _is_blank(v) else _text(v) for v in np.asarray(c).tolist()] for c in columns.values())
    lines += map("\t".join, zip(*cells, strict=True))
    try:
        return complete(spectra_of_lines(Path(name), lines), {}, notes)
    except UnreadableFile as error:
        raise InvalidInput(str(error)) from error


def _is_blank(value: Any) -> bool:
    return value is None or str(value) in ("NaT", "<NA>")


def _text(value: Any) -> str:
    return repr(float(value)) if isinstance(value, int | float) else " ".join(str(value).split())


def _of_dataset(dataset: xr.Dataset, name: str) -> Campaign:
    """Take variables along one dimension as a table, those along two as [spectrum, point]."""
    import pandas as pd

    Z = next((dataset[key] for key in _Z if key in dataset), None)
    if Z is None and {"Z_real", "Z_imag"} <= {*map(str, dataset.variables)}:
        Z = dataset["Z_real"] + 1j * dataset["Z_imag"]
    if Z is not None and Z.ndim == 2 and "frequency" in dataset.variables:
        return _of_two_dimensions(dataset, Z)
    dimension = next((dataset[key].dims for key in dataset.variables if dataset[key].ndim == 1), ("",))[0]
    columns = {
        f"{key}/{values.attrs['units']}" if values.attrs.get("units") else str(key): values.to_numpy()
        for key, values in dataset.variables.items()
        if values.dims == (dimension,)
    }
    if not columns:
        raise InvalidInput(f"{name}: no variable has one dimension, and none called Z has two; it has {[*dataset]}")
    return Campaign.from_spectra(_of_frame(pd.DataFrame(columns), name))


def _of_two_dimensions(dataset: xr.Dataset, Z: xr.DataArray) -> Campaign:
    """Take Z [spectrum, point] with frequency [point] or [spectrum, point]; the point is what frequency runs along."""
    frequency = dataset["frequency"]
    point = frequency.dims[-1]
    if point not in Z.dims:
        raise InvalidInput(f"frequency runs along {point!r}, but Z along {', '.join(map(repr, Z.dims))}")
    (spectrum,) = (dim for dim in Z.dims if dim != point)
    along = {str(key): values.to_numpy() for key, values in dataset.coords.items() if values.dims == (spectrum,)}
    names = along.pop("name", None)
    return Campaign.from_arrays(
        frequency.transpose(..., point).to_numpy(),
        Z.transpose(spectrum, point).to_numpy(),
        coordinates=along,
        names=None if names is None else [str(n) for n in names],
    )


def _of_tree(tree: Any) -> Campaign:
    """Read every node that holds impedance; the others are noted."""
    spectra: list[Spectrum] = []
    refused = []
    for node in tree.subtree:
        if not len(node.variables):
            continue
        try:
            found = _of_dataset(node.to_dataset(), f"node {node.path!r}")
        except InvalidInput as error:
            refused.append(str(error))
        else:
            spectra += complete(list(found), {"node": node.path}, found.notes)
    if not spectra:
        raise InvalidInput("\n  ".join(["no node of the DataTree holds impedance:", *refused]))
    campaign = Campaign.from_spectra(spectra)
    return replace(campaign, notes=[*campaign.notes, *(f"skipped {reason}" for reason in refused)])
