"""Where pass ends, and warn and fail begin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InvalidInput
from ..spectrum import FloatArray, IntArray
from .linear import Fit

PASS, WARN, FAIL = range(3)
VERDICTS = ("pass", "warn", "fail")


@dataclass(frozen=True)
class KkLimits:
    """Where the tiers of a verdict begin. Sizes are relative to abs(Z): 0.01 is 1 %.

    A spectrum fails if its noise reaches `noise_fail`, or if its residual has a structure that is significant
    (`p_fail`) and large, or if all of Z drifts significantly by `drift_fail` in a sweep. Large is relative to the
    noise s: at least s, but between the two limits of `structure_warn`; at least 2 s, but between the two of
    `structure_fail`; and never below 0.4 s and 0.5 s.

    Parameters
    ----------
    p_warn, p_fail : float
        Probability that noise alone makes the structure.
    structure_warn, structure_fail : tuple of float
        Between which the limit of the structure follows the noise.
    drift_fail : float
        Drift during a sweep that fails a spectrum, if it is six times its uncertainty and `structure_warn` is passed.
    noise_warn, noise_fail : float
        Noise of each part.
    p_point, point : float
        A point is flagged if the probability of its deviation, for all points together, is lower, and the deviation
        larger.
    """

    p_warn: float = 0.01
    p_fail: float = 0.001
    structure_warn: tuple[float, float] = (0.0003, 0.0012)
    structure_fail: tuple[float, float] = (0.001, 0.002)
    drift_fail: float = 0.05
    noise_warn: float = 0.01
    noise_fail: float = 0.03
    p_point: float = 0.001
    point: float = 0.01

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            sizes = np.atleast_1d(np.asarray(value, dtype=np.float64))
            if not (np.isfinite(sizes) & (sizes > 0)).all() or (np.diff(sizes) < 0).any():
                raise InvalidInput(f"{name} must be positive and finite, and a pair must rise, got {value!r}")

    def size_warn(self, noise: FloatArray) -> FloatArray:
        """Least structure that counts, for a given noise."""
        return np.maximum(np.clip(noise, *self.structure_warn), 0.4 * noise)

    def size_fail(self, noise: FloatArray) -> FloatArray:
        """Least structure that fails, for a given noise."""
        return np.maximum(np.clip(2 * noise, *self.structure_fail), 0.5 * noise)

    def tier(self, fit: Fit) -> IntArray:
        """Judge structure, drift and noise of spectra, PASS, WARN or FAIL [spectrum]."""
        warn, fail = self.size_warn(fit.noise), self.size_fail(fit.noise)
        sure = fit.p_value < self.p_fail
        drifts = (np.abs(fit.drift) >= self.drift_fail) & (np.abs(fit.drift) >= 6 * fit.u_drift)
        fails = (sure & (fit.structure >= fail)) | (sure & (fit.structure >= warn) & drifts)
        fails |= (fit.noise >= self.noise_fail) | fit.failed | ~np.isfinite(fit.noise)
        warns = (fit.p_value < self.p_warn) & (fit.structure >= warn)
        return np.where(fails, FAIL, np.where(warns, WARN, PASS))
