"""Results on disk: NetCDF-4 files that any NetCDF reader opens and that read back bit for bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InvalidInput, UnreadableFile
from .result import DrtResult

if TYPE_CHECKING:
    import xarray as xr

_COMPLEX = "Z"


def save(result: DrtResult, path: str | os.PathLike[str]) -> None:
    """Write a result to a NetCDF file, whole or not at all.

    Complex numbers are stored as two variables, ``Z_real`` and ``Z_imag``.

    Parameters
    ----------
    result : DrtResult
    path : path-like
        Replaced if it exists.

    Raises
    ------
    InvalidInput
        If there is nothing to save at hand, or the folder does not exist.
    """
    if not isinstance(result, DrtResult):
        raise InvalidInput(f"save takes a DrtResult, got {type(result).__name__}")
    target = Path(path)
    if not target.parent.is_dir():
        raise InvalidInput(f"{target}: the folder {target.parent} does not exist")
    dataset = result.to_dataset()
    Z = dataset[_COMPLEX]
    dataset = dataset.drop_vars(_COMPLEX).assign({f"{_COMPLEX}_real": Z.real, f"{_COMPLEX}_imag": Z.imag})
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        dataset.to_netcdf(partial, engine="h5netcdf")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> DrtResult:
    """Read what `save` wrote.

    Raises
    ------
    UnreadableFile
        If the file does not exist, is not NetCDF, or holds something else.
    """
    import xarray as xr

    source = Path(path)
    if not source.is_file():
        raise UnreadableFile(f"{source}: no such file")
    try:
        with xr.open_dataset(source, engine="h5netcdf", decode_times=False) as opened:
            dataset: xr.Dataset = opened.load()
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableFile(f"{source}: not a NetCDF-4 file, or a damaged one ({error})") from error
    try:
        Z = dataset[f"{_COMPLEX}_real"] + 1j * dataset[f"{_COMPLEX}_imag"]
        return DrtResult.from_dataset(dataset.assign({_COMPLEX: Z}))
    except (InvalidInput, KeyError) as error:
        raise UnreadableFile(f"{source}: not a result saved by drtengine ({error})") from error
