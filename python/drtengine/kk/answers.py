"""The arrays of a result, filled in grid by grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..campaign import Campaign
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray
from .limits import FAIL, VERDICTS
from .opinion import Opinion
from .statistics import autocorrelation, runs_probability
from .structure import Judgement


@dataclass
class Answers:
    """The arrays of a `KkResult` that are filled in grid by grid."""

    verdict: NDArray[np.str_]
    reason: list[str]
    noise: FloatArray
    structure: FloatArray
    p_value: FloatArray
    chi2: FloatArray
    mu: FloatArray
    n_rc: IntArray
    autocorrelation: FloatArray
    p_runs: FloatArray
    drift: FloatArray
    u_drift: FloatArray
    timed: BoolArray
    residual: ComplexArray
    flagged: BoolArray
    window: FloatArray
    representation: NDArray[np.str_]
    scores: dict[str, FloatArray]

    @classmethod
    def blank(cls, campaign: Campaign) -> Answers:
        """For spectra of which nothing is known."""
        count, shape = len(campaign), campaign.Z.shape

        def unknown() -> FloatArray:
            return np.full(count, np.nan)

        return cls(
            np.full(count, VERDICTS[FAIL]), [""] * count, unknown(), unknown(), unknown(), unknown(), unknown(),
            np.zeros(count, int), unknown(), unknown(), unknown(), unknown(), np.zeros(count, bool),
            np.full(shape, complex(np.nan, np.nan)), np.zeros(shape, bool), np.full((count, 2), np.nan),
            np.full(count, "impedance", dtype="U10"), {},
        )  # fmt: skip

    def take(self, rows: IntArray, order: IntArray, found: Judgement, reasons: Sequence[str]) -> None:
        """Put what was found of the spectra of a grid into their places."""
        kept = np.where(found.fitted, found.residual, complex(np.nan, np.nan))
        for name in ("noise", "structure", "p_value", "mu", "n_rc", "drift", "u_drift", "window"):
            getattr(self, name)[rows] = getattr(found, name)
        self._put(rows, order, found.tier, found.residual, kept, reasons)
        self.flagged[np.ix_(rows, order)] = found.flagged
        self.representation[rows] = np.where(found.admittance, "admittance", "impedance")

    def take_opinion(self, rows: IntArray, order: IntArray, opinion: Opinion) -> None:
        """Put what another method says of the spectra of a grid into their places."""
        self._put(rows, order, opinion.tier, opinion.residual, opinion.residual, opinion.reasons)
        if opinion.noise is not None:
            self.noise[rows] = opinion.noise
        for name, values in opinion.scores.items():
            self.scores.setdefault(name, np.full((len(self.reason), 2), np.nan))[rows] = values

    def _put(
        self, rows: IntArray, order: IntArray, tier: IntArray, residual: ComplexArray, kept: ComplexArray,
        reasons: Sequence[str],
    ) -> None:  # fmt: skip
        self.verdict[rows] = np.array(VERDICTS)[tier]
        self.residual[np.ix_(rows, order)] = residual
        self.chi2[rows] = np.where(np.isfinite(kept).any(axis=1), np.nansum(np.abs(kept) ** 2, axis=1), np.nan)
        self.autocorrelation[rows] = autocorrelation(kept)
        self.p_runs[rows] = runs_probability(kept)
        for row, reason in zip(rows, reasons, strict=True):
            self.reason[row] = reason
