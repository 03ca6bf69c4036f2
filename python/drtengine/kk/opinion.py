"""What a method other than Lin-KK says of the spectra of one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from ..spectrum import ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class Opinion:
    """Tier, residual and reason of every spectrum.

    Attributes
    ----------
    tier : ndarray of int, shape [spectrum]
    residual : ndarray, shape [spectrum, point]
    reasons : sequence of str
    status : ndarray of int, shape [spectrum]
        `Status`.
    noise : ndarray, shape [spectrum], optional
    scores : mapping of str to ndarray, shape [spectrum, 2]
        Of the real and the imaginary part.
    """

    tier: IntArray
    residual: ComplexArray
    reasons: Sequence[str]
    status: NDArray[Any]
    noise: FloatArray | None = None
    scores: Mapping[str, FloatArray] = field(default_factory=dict)
