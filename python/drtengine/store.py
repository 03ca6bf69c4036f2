"""Results on disk: NetCDF-4 files that any NetCDF reader opens and that read back bit for bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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
        If `result` is something else, the folder does not exist, or the file cannot be written.
    """
    if not isinstance(result, DrtResult):
        raise InvalidInput(f"save takes a DrtResult, got {type(result).__name__}")
    target = Path(path)
    if target.is_dir():
        raise InvalidInput(f"{target} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise InvalidInput(f"{target}: the folder {target.parent} does not exist")
    dataset = result.to_dataset()
    Z = dataset[_COMPLEX]
    dataset = dataset.drop_vars(_COMPLEX).assign({f"{_COMPLEX}_real": Z.real, f"{_COMPLEX}_imag": Z.imag})
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        dataset.to_netcdf(partial, engine="h5netcdf")
        os.replace(partial, target)
    except OSError as error:
        raise InvalidInput(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> DrtResult:
    """Read what `save` wrote.

    Raises
    ------
    UnreadableFile
        If the file does not exist, is not NetCDF, or holds something else.
    """
    import h5py
    import xarray as xr

    source = Path(path)
    if not source.is_file():
        raise UnreadableFile(f"{source}: there is no such file")
    try:
        h5py.File(source, "r").close()  # h5netcdf complains again, to stderr, of files that it cannot open
        with xr.open_dataset(source, engine="h5netcdf") as opened:
            dataset: xr.Dataset = opened.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UnreadableFile(f"{source}: not a NetCDF-4 file, or a damaged one ({error})") from error
    try:
        return DrtResult.from_dataset(_with_complex(dataset))
    except ValueError as error:
        raise UnreadableFile(f"{source}: not a result saved by drtengine, or a damaged one ({error})") from error


def _with_complex(dataset: xr.Dataset) -> xr.Dataset:
    """Put the two halves of Z together; adding them would lose Inf and the sign of zeros."""
    halves = [f"{_COMPLEX}_real", f"{_COMPLEX}_imag"]
    if not set(halves) <= set(dataset):
        return dataset
    real, imag = (dataset[name] for name in halves)
    Z = np.empty(real.shape, dtype=np.complex128)
    Z.real, Z.imag = real, imag
    return dataset.drop_vars(halves).assign({_COMPLEX: (real.dims, Z)})
