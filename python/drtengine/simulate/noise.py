"""Measurement noise of known size."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput, near_miss
from ..spectrum import ComplexArray

NoiseKind: TypeAlias = Literal["proportional", "constant", "parts"]


def add_noise(
    Z: ArrayLike, level: float, *, kind: NoiseKind = "proportional", seed: int | np.random.Generator = 0
) -> ComplexArray:
    """Add independent normal noise to the real and to the imaginary part of each point.

    Parameters
    ----------
    Z : array_like of complex, shape [..., point]
        Ohm.
    level : float
        Relative size, 0.003 for 0.3 %.
    kind : {"proportional", "constant", "parts"}
        The standard deviation: `level` times abs(Z) of the point, on both parts;
        `level` times the median abs(Z) of the spectrum, on both parts of all its points;
        or `level` times abs(Z') on the real and `level` times abs(Z'') on the imaginary part.
    seed : int or numpy.random.Generator
        The same seed gives the same noise; a generator is advanced.

    Returns
    -------
    ndarray of complex, shape of `Z`

    Raises
    ------
    InvalidInput
        If `Z` is not finite, `level` not finite and at least 0, or `kind` or `seed` unusable.
    """
    exact = np.asarray(Z, dtype=np.complex128)
    if exact.ndim == 0 or not np.isfinite(exact).all():
        raise InvalidInput("Z must be one or more spectra of finite values; add noise before padding with NaN")
    if not (np.isfinite(level) and level >= 0):
        raise InvalidInput(f"level must be finite and at least 0, got {level!r}")
    if kind not in get_args(NoiseKind):
        raise InvalidInput(f"unknown kind of noise {kind!r}: {near_miss(kind, get_args(NoiseKind))}")
    rng = generator(seed)
    size = np.abs(exact)
    if kind == "constant":
        size = np.broadcast_to(np.median(size, axis=-1, keepdims=True), exact.shape)
    size_re, size_im = (np.abs(exact.real), np.abs(exact.imag)) if kind == "parts" else (size, size)
    real = size_re * rng.standard_normal(exact.shape)
    imag = size_im * rng.standard_normal(exact.shape)
    return exact + level * (real + 1j * imag)


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """Return a generator for `seed`, itself if it is one.

    Raises
    ------
    InvalidInput
        If `seed` is neither an integer of at least 0 nor a generator.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidInput(f"seed must be an integer of at least 0 or a numpy Generator, got {seed!r}")
    return np.random.default_rng(seed)
