"""The arrays of a store: made after the example of one result, filled chunk by chunk, put together again."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableFile
from ..methods import METHODS
from ..options import WEIGHTS
from ..result import DrtResult
from .manifest import BESIDE, SCHEMA, Manifest, write_whole

if TYPE_CHECKING:
    import xarray as xr

KEEP = ("all", "gamma")

_INPUT = ("frequency", "Z", "point_time", "used", "outliers", "coefficients")
"""What `keep="gamma"` leaves out, beside all of the elements."""
_WORDS = {"method": ("", *METHODS), "weighting": ("", *WEIGHTS, "array")}
"""Variables of few words, stored as numbers."""
_POINTS = {"point": 1, "part_of_point": 2}
"""Dimensions that are as long as a spectrum has points, times this."""
_FILL: dict[str, Any] = {"f": np.nan, "c": complex(np.nan, np.nan), "b": False, "i": -1}

_COMPRESSION = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle"}
"""Numbers of noisy spectra hardly compress: zstd saves 4 % more than this and takes three times as long
(docs/batch.md)."""


@dataclass(frozen=True)
class Layout:
    """How a store is cut, and what is kept.

    Attributes
    ----------
    count : int
        Spectra.
    chunk : int
        Spectra in a chunk.
    points : int
        Points of the longest spectrum.
    float32 : bool
        Whether arrays [spectrum, tau] and [spectrum, point] are stored in single precision.
    keep : str
        One of `KEEP`.
    """

    count: int
    chunk: int
    points: int
    float32: bool
    keep: str

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.count // self.chunk)

    def rows(self, chunk: int) -> tuple[int, int]:
        """First spectrum of a chunk, and the first after it."""
        return chunk * self.chunk, min((chunk + 1) * self.chunk, self.count)


def layout_of(manifest: Manifest) -> Layout:
    """Give the layout of a store whose first pass is over."""
    asked, found = manifest.layout, manifest.survey
    assert found is not None
    survey = found["survey"]
    return Layout(survey["count"], found["chunk"], survey["points"], asked["float32"], asked["keep"])


class _Variable(NamedTuple):
    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: dict[str, Any]


def create_arrays(folder: Path, example: DrtResult, options: Mapping[str, Any], layout: Layout) -> None:
    """Make empty arrays for results like an example; those there are replaced."""
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec

    dataset = example.view_dataset()
    attributes = {n: v for n, v in dataset.attrs.items() if n not in ("notes", "sources", "campaign_notes")}
    tau_asked = options["tau"] if options["tau"] is None or isinstance(options["tau"], str) else "array"
    attributes |= {"options": json.dumps({**example.options, "tau": tau_asked}), "drtengine_schema": SCHEMA}
    group = zarr.open_group(folder, mode="a", zarr_format=3)
    group.attrs.put({n: v.item() if isinstance(v, np.generic) else v for n, v in attributes.items()})
    group.require_group(BESIDE)
    for variable in _variables(dataset, layout):
        group.create_array(
            variable.name,
            shape=variable.shape,
            chunks=(layout.chunk, *variable.shape[1:]),
            dtype=variable.dtype,
            compressors=[BloscCodec(**_COMPRESSION), Crc32cCodec()],  # type: ignore[arg-type]
            fill_value=_FILL[variable.dtype.kind],
            dimension_names=variable.dims,
            attributes=variable.attributes,
            overwrite=True,
        )
    tau = group.create_array(
        "tau", shape=example.tau.shape, dtype="float64", dimension_names=("tau",), overwrite=True,
        attributes=dict(dataset["tau"].attrs),
    )  # fmt: skip
    tau[:] = example.tau


def _variables(dataset: xr.Dataset, layout: Layout) -> Iterator[_Variable]:
    """Say what arrays a store has."""
    for name, variable in dataset.data_vars.items():
        dims = tuple(map(str, variable.dims))
        if dims[0] != "spectrum" or not _is_kept(str(name), layout):
            continue
        sizes = [_POINTS[d] * layout.points if d in _POINTS else dataset.sizes[d] for d in dims[1:]]
        dtype, attributes = variable.dtype, dict(variable.attrs)
        if name in _WORDS:
            dtype = np.dtype(np.int8)
            attributes["flags"] = ", ".join(f"{i}: {word or 'none'}" for i, word in enumerate(_WORDS[str(name)]))
        elif layout.float32 and len(dims) > 1 and name != "frequency" and dtype.kind in "fc":
            dtype = np.dtype({"f": np.float32, "c": np.complex64}[dtype.kind])
        yield _Variable(str(name), dims, (layout.count, *sizes), dtype, attributes)


def _is_kept(name: str, layout: Layout) -> bool:
    return layout.keep == "all" or not (name in _INPUT or name.startswith("elements_"))


def write_rows(folder: Path, identity: str, result: DrtResult, layout: Layout, chunk: int) -> list[Path]:
    """Write the results of a chunk into the arrays.

    Parameters
    ----------
    folder : Path
    identity : str
        Of the store.
    result : DrtResult
        Of the spectra of the chunk, as many points wide as the arrays.
    layout : Layout
    chunk : int

    Returns
    -------
    list of Path
        The files.
    """
    dataset = result.view_dataset()
    files = []
    for name, (dtype, shape) in _arrays(folder, identity).items():
        key = "/".join(map(str, (chunk, *[0] * len(shape))))
        path = folder / name / "c" / key
        values = dataset[name].to_numpy() if name in dataset else None
        if values is not None and name in _WORDS:
            values = _numbers_of(values, _WORDS[name])
        if values is None or _is_blank(values):
            path.unlink(missing_ok=True)  # a file that is not there reads as blank
            continue
        full = values
        if len(values) < layout.chunk:  # the last one; files of an array have one size
            full = np.full((layout.chunk, *shape), _FILL[dtype.kind], dtype=dtype)
            full[: len(values)] = values
        with np.errstate(over="ignore"):  # beyond single precision is infinite there
            write_whole(path, _encoded(full.astype(dtype, copy=False)))
        files.append(path)
    return files


def _encoded(values: NDArray[Any]) -> bytes:
    """Encode a chunk as the metadata of its array say: bytes, Blosc, CRC-32C.

    Zarr's own way from an array to a file changes threads six times, which costs more than compressing
    (docs/batch.md).
    """
    import google_crc32c
    from numcodecs.blosc import Blosc

    blosc = Blosc(_COMPRESSION["cname"], _COMPRESSION["clevel"], Blosc.SHUFFLE)
    packed = bytes(blosc.encode(np.ascontiguousarray(values)))
    return packed + int(google_crc32c.value(packed)).to_bytes(4, "little")


def _is_blank(values: NDArray[Any]) -> bool:
    """Whether values are what an array has where nothing was written."""
    if values.dtype.kind == "f":
        return bool(np.isnan(values).all())
    return values.dtype.kind == "b" and not values.any()


@lru_cache(maxsize=4)
def _arrays(folder: Path, identity: str) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Give type and shape, but for the spectra, of the arrays of a store; looked up once in each process."""
    import zarr

    group = zarr.open_group(folder, mode="r", zarr_format=3)
    return {name: (array.dtype, array.shape[1:]) for name, array in sorted(group.arrays()) if name != "tau"}


def warm_up(folder: Path, identity: str) -> None:
    """Import what writing needs and look at the arrays, so that the first chunk of a process takes no longer."""
    import pandas  # noqa: F401
    import xarray  # noqa: F401

    _arrays(folder, identity)


def _numbers_of(words: NDArray[Any], known: tuple[str, ...]) -> NDArray[np.int8]:
    """Turn words into their places in a list."""
    place = {word: number for number, word in enumerate(known)}
    return np.array([place[word] for word in words.tolist()], dtype=np.int8)


def open_arrays(folder: Path) -> xr.Dataset:
    """Open the arrays of a store lazily.

    Raises
    ------
    UnreadableFile
        If they are not there, or damaged.
    """
    import xarray as xr

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*not recognized as a component.*")
            dataset: xr.Dataset = xr.open_zarr(folder, chunks=None, consolidated=False)
            return dataset
    except Exception as error:  # zarr raises of all kinds
        raise UnreadableFile(f"{folder}: the arrays cannot be opened: {type(error).__name__}: {error}") from error


def load_rows(dataset: xr.Dataset, where: str) -> xr.Dataset:
    """Read what a part of a store holds, in double precision and with words in place of numbers.

    Raises
    ------
    UnreadableFile
        If a file of it is damaged.
    """
    try:
        loaded = dataset.load()
    except Exception as error:  # a codec raises what it likes
        raise UnreadableFile(
            f"{where} is damaged ({type(error).__name__}: {error}); BatchStore.verify(withdraw=True) takes damaged "
            "chunks out, and run_batch computes them again"
        ) from error
    for name, words in _WORDS.items():
        loaded[name] = "spectrum", np.array(words, dtype=object)[loaded[name].to_numpy()], {}
    wide = {"f": np.float64, "c": np.complex128}
    return loaded.assign({n: v.astype(wide[v.dtype.kind]) for n, v in loaded.data_vars.items() if v.dtype.kind in wide})
