"""Results on disk: NetCDF-4 files that any NetCDF reader opens and that read back bit for bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .errors import InvalidInput, UnreadableFile
from .kk import KkResult
from .result import DrtResult

if TYPE_CHECKING:
    import xarray as xr

Result: TypeAlias = DrtResult | KkResult

_KINDS: dict[str, type[Result]] = {"DrtResult": DrtResult, "KkResult": KkResult}
_COMPLEX = ("Z", "residual")


def save(result: Result, path: str | os.PathLike[str]) -> None:
    """Write a result to a NetCDF file, whole or not at all.

    Complex numbers are stored as two variables, such as ``Z_real`` and ``Z_imag``.

    Parameters
    ----------
    result : DrtResult or KkResult
    path : path-like
        Replaced if it exists.

    Raises
    ------
    InvalidInput
        If `result` is something else, the folder does not exist, or the file cannot be written.

    Examples
    --------
    >>> import tempfile, drtengine as dt
    >>> result = dt.fit_drt(dt.simulate.standin().campaign, method="ridge", capacitance=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dt.save(result, f"{folder}/drt.nc")
    ...     dt.load(f"{folder}/drt.nc")
    <DrtResult: 48 of 48 spectra inverted, 92 nodes, 1.58e-07 to 200 s>
    """
    if not isinstance(result, tuple(_KINDS.values())):
        raise InvalidInput(f"save takes a DrtResult or a KkResult, got {type(result).__name__}")
    target = Path(path)
    if target.is_dir():
        raise InvalidInput(f"{target} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise InvalidInput(f"{target}: the folder {target.parent} does not exist")
    dataset = result.to_dataset()
    for name in _COMPLEX:
        if name in dataset:
            halves = {f"{name}_real": dataset[name].real, f"{name}_imag": dataset[name].imag}
            dataset = dataset.drop_vars(name).assign(halves)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        dataset.to_netcdf(partial, engine="h5netcdf")
        os.replace(partial, target)
    except OSError as error:
        raise InvalidInput(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Result:
    """Read what `save` wrote.

    Raises
    ------
    UnreadableFile
        If the file does not exist, is not NetCDF, or holds something else.

    Examples
    --------
    >>> import drtengine as dt
    >>> result = dt.load("drt.nc")  # doctest: +SKIP
    """
    import h5py
    import xarray as xr

    source = Path(path)
    if (source / "zarr.json").is_file():
        raise UnreadableFile(f"{source} is a store of a batch, whose results need not fit into memory: use open_store")
    if not source.is_file():
        raise UnreadableFile(f"{source}: there is no such file")
    try:
        h5py.File(source, "r").close()  # h5netcdf complains again, to stderr, of files that it cannot open
        with xr.open_dataset(source, engine="h5netcdf") as opened:
            dataset: xr.Dataset = opened.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UnreadableFile(f"{source}: not a NetCDF-4 file, or a damaged one ({error})") from error
    try:
        kind = _KINDS.get(dataset.attrs.get("kind", ""), DrtResult)  # which says what it misses
        return kind.from_dataset(_with_complex(dataset))
    except ValueError as error:
        raise UnreadableFile(f"{source}: not a result saved by drtengine, or a damaged one ({error})") from error


def _with_complex(dataset: xr.Dataset) -> xr.Dataset:
    """Put the two halves of complex variables together; adding them would lose Inf and the sign of zeros."""
    for name in _COMPLEX:
        halves = [f"{name}_real", f"{name}_imag"]
        if not set(halves) <= set(dataset):
            continue
        real, imag = (dataset[half] for half in halves)
        values = np.empty(real.shape, dtype=np.complex128)
        values.real, values.imag = real, imag
        dataset = dataset.drop_vars(halves).assign({name: (real.dims, values)})
    return dataset
