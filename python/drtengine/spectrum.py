"""One impedance spectrum, and the arrays' types the package speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray: TypeAlias = NDArray[np.float64]
ComplexArray: TypeAlias = NDArray[np.complex128]
BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.intp]

MIN_POINTS = 3

_MIN_JUDGED = 10  # noise on fewer points can look like anything


def frozen_array(values: ArrayLike, dtype: type, name: str, ndim: int) -> NDArray[Any]:
    """Return `values` as a read-only, C-contiguous array of `dtype`, copied unless nobody can write to it.

    Raises
    ------
    InvalidInput
        If the values are not numbers of that type or the dimension differs.
    """
    if np.ma.is_masked(values):
        raise InvalidInput(f"{name} has masked values; leave these points out")
    try:
        raw = np.asarray(values)
    except ValueError as error:
        raise InvalidInput(f"{name} must be an array with rows of one length: {error}") from error
    if raw.ndim != ndim:
        raise InvalidInput(f"{name} must have {ndim} dimension(s), got shape {raw.shape}")
    if dtype is np.float64 and np.iscomplexobj(raw):
        raise InvalidInput(f"{name} must be real, got complex values")
    if raw.dtype == dtype and raw.flags.c_contiguous and _nobody_can_write(raw):
        return raw
    try:
        array: NDArray[Any] = np.array(raw, dtype=dtype, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must hold numbers: {error}") from error
    array.flags.writeable = False
    return array


def _nobody_can_write(array: NDArray[Any]) -> bool:
    """Whether neither the array nor an array that it is a view of can be written to."""
    while not array.flags.writeable:
        if not isinstance(array.base, np.ndarray):
            return True
        array = array.base
    return False


@dataclass(frozen=True, eq=False)
class Spectrum:
    """An impedance spectrum as measured: nothing sorted, dropped or turned.

    Parameters
    ----------
    frequency : array_like, shape [point]
        Frequency in Hz, in any order.
    Z : array_like, shape [point]
        Complex impedance in ohm with its true sign (capacitive: Z'' < 0).
    name : str, optional
        What to call it in messages.
    coordinates : mapping, optional
        Scalars that place the spectrum in a campaign, such as ``{"voltage": 0.35, "branch": "charge"}``.
    point_time : array_like, shape [point], optional
        Time of each point in s, where the instrument recorded it.
    sources : mapping, optional
        Input files: path to SHA-256.
    notes : sequence of str, optional
        What the reader dropped, guessed or found odd.

    Raises
    ------
    InvalidInput
        If the shapes differ, the values are not numbers, or there is no point at all.
    """

    frequency: FloatArray
    Z: ComplexArray
    name: str = ""
    coordinates: Mapping[str, float | str | np.datetime64] = field(default_factory=dict)
    point_time: FloatArray | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        label = f"spectrum {self.name!r}: " if self.name else ""
        set_ = partial(object.__setattr__, self)  # frozen
        set_("frequency", frozen_array(self.frequency, np.float64, label + "frequency", 1))
        set_("Z", frozen_array(self.Z, np.complex128, label + "Z", 1))
        if self.frequency.shape != self.Z.shape:
            raise InvalidInput(
                f"{label}frequency has {self.frequency.size} points but Z has {self.Z.size}; they must match"
            )
        if self.frequency.size == 0:
            raise InvalidInput(f"{label}there is no point in it")
        if self.point_time is not None:
            set_("point_time", frozen_array(self.point_time, np.float64, label + "point_time", 1))
            if self.point_time.shape != self.frequency.shape:
                raise InvalidInput(f"{label}point_time has {self.point_time.size} points, frequency has {len(self)}")
        set_("coordinates", MappingProxyType(dict(self.coordinates)))
        set_("sources", MappingProxyType(dict(self.sources)))
        set_("notes", tuple(self.notes))

    def __len__(self) -> int:
        return self.frequency.size

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<Spectrum{name}: {len(self)} points{span_of(self.frequency)}>"

    def __reduce__(self) -> tuple[Any, ...]:  # a mappingproxy does not pickle
        mappings = dict(self.coordinates), self.point_time, dict(self.sources)
        return Spectrum, (self.frequency, self.Z, self.name, *mappings, self.notes)


def span_of(frequency: FloatArray) -> str:
    """Lowest and highest frequency, as the representations have them."""
    finite = frequency[np.isfinite(frequency)]
    return f", {finite.min():.4g} to {finite.max():.4g} Hz" if finite.size else ""


def looks_flipped(frequency: FloatArray, Z: ComplexArray) -> BoolArray:
    """Whether Z'' seems to have the wrong sign, judged at once from how Z' changes.

    Kramers and Kronig tie the two parts together: where Z' falls with frequency, Z'' is
    negative, Z'' ~ (pi/2) dZ'/d ln f. A lead inductance and a series capacitance leave Z'
    flat and do not count. True only where the sum of Z'' dZ'/abs(Z)^2 contradicts this
    clearly, never for fewer than ten points.

    Parameters
    ----------
    frequency : ndarray, shape [point]
        In Hz, finite and positive, in any order.
    Z : ndarray, shape [..., point]
        In ohm, finite.

    Returns
    -------
    ndarray of bool, shape [...]
    """
    if frequency.size < _MIN_JUDGED:
        return np.zeros(Z.shape[:-1], dtype=bool)
    order = np.argsort(frequency, kind="stable")
    real, imag = Z.real[..., order], Z.imag[..., order]
    modulus = np.abs(Z)[..., order]

    def over_six(values: FloatArray) -> FloatArray:
        """Sum of six neighbours: single noisy points weigh less."""
        pairs = values[..., :-1] + values[..., 1:]
        total: FloatArray = pairs[..., :-4] + pairs[..., 2:-2] + pairs[..., 4:]
        return total

    size = np.maximum(over_six(modulus), np.finfo(np.float64).tiny)
    change = real[..., 5:] - real[..., :-5]
    product = over_six(imag) / size * (change / size)  # noise counts no more where Z is large
    # Z' must really change: a resistor with noise says nothing
    middle = frequency.size // 2
    changes = np.ptp(real, axis=-1) > 0.02 * np.partition(modulus, middle, axis=-1)[..., middle]
    flipped: BoolArray = changes & (product.sum(axis=-1) < -0.6 * np.abs(product).sum(axis=-1))
    return flipped
