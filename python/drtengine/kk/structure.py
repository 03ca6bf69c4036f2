"""Significance and size of what a causal model leaves of a spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray
from .limits import PASS, KkLimits
from .linear import N_FREE, Fit, Grid, densest, fit_and_test, mu_of

DENSITY, EXTENSION = 4.0, 0.3
"""Relaxation times a decade and how far they reach beyond the window, in decades."""
_FINE_DENSITY, _FINE_EXTENSION = 6.0, 0.5
_FINE_SPARE = 34
"""How many more data than relaxations the finer model must have."""
_FINE_NOISE = 0.0002
"""By how much more than half the noise may grow under the finer model."""
REPRESENTATIONS = {"auto": (False, True), "impedance": (False,), "admittance": (True,)}
"""Whether to fit the admittance, in the order in which it is tried."""


@dataclass
class Judgement:
    """What is found out about the spectra of one grid, filled in as it goes; see `KkResult`."""

    tier: IntArray
    noise: FloatArray
    structure: FloatArray
    p_value: FloatArray
    drift: FloatArray
    u_drift: FloatArray
    mu: FloatArray
    n_rc: IntArray
    residual: ComplexArray
    rest: ComplexArray
    admittance: BoolArray
    fine: BoolArray  # whether the finer model was needed
    flagged: BoolArray
    deviation: FloatArray  # of the flagged points
    fitted: BoolArray  # points that the fit has seen
    uncleaned: BoolArray  # more points stand out than may be flagged
    stretch: BoolArray  # what is flagged is a stretch without which the spectrum passes
    window: FloatArray

    @classmethod
    def empty(cls, grid: Grid) -> Judgement:
        """For the spectra of a grid."""
        count, points = grid.Z.shape
        noise, structure, p_value, drift, u_drift, mu = (np.full(count, np.nan) for _ in range(6))
        residual, rest = (np.full((count, points), complex(np.nan, np.nan)) for _ in range(2))
        return cls(
            tier=np.full(count, PASS),
            noise=noise,
            structure=structure,
            p_value=p_value,
            drift=drift,
            u_drift=u_drift,
            mu=mu,
            n_rc=np.zeros(count, int),
            residual=residual,
            rest=rest,
            admittance=np.zeros(count, bool),
            fine=np.zeros(count, bool),
            flagged=np.zeros((count, points), bool),
            deviation=np.zeros((count, points)),
            fitted=np.ones((count, points), bool),
            uncleaned=np.zeros(count, bool),
            stretch=np.zeros(count, bool),
            window=np.tile([grid.frequency[-1], grid.frequency[0]], (count, 1)),
        )

    def put(self, at: IntArray, grid: Grid, fit: Fit, which: BoolArray, tier: IntArray, *, fine: bool) -> None:
        """Take over what a fit to the spectra of `grid` says of those where `which`; they stand at `at` here."""
        rows = at[which]
        self.tier[rows] = tier[which]
        for name in ("noise", "structure", "p_value", "u_drift", "rest"):
            getattr(self, name)[rows] = getattr(fit, name)[which]
        self.drift[rows] = (-fit.drift if fit.model.admittance else fit.drift)[which]  # of Z
        self.mu[rows] = mu_of(fit.elements[which, N_FREE:])
        self.n_rc[rows] = fit.tau.size
        self.residual[rows] = fit.residual_of(grid.Z)[which]
        self.admittance[rows] = fit.model.admittance
        self.fine[rows] = fine

    def replace(self, rows: IntArray, other: Judgement, which: BoolArray) -> None:
        """Take over fits and tiers of another judgement of `rows` where `which` says so."""
        for name in ("tier", "noise", "structure", "p_value", "drift", "u_drift", "mu", "n_rc", "residual", "rest",
                     "admittance", "fine"):  # fmt: skip
            getattr(self, name)[rows[which]] = getattr(other, name)[which]


def fit_standard(grid: Grid, *, admittance: bool, fine: bool = False, leverage: bool = False) -> Fit:
    """Fit the model on which verdicts rest, thinner where there are few points, or its finer version."""
    return fit_and_test(
        grid,
        admittance=admittance,
        density=_FINE_DENSITY if fine else min(DENSITY, densest(grid.frequency, EXTENSION)),
        extension=_FINE_EXTENSION if fine else EXTENSION,
        leverage=leverage,
    )


def judge_structure(grid: Grid, limits: KkLimits, representation: str) -> Judgement:
    """Fit the causal model; where that finds structure, try the other representation, then a finer model."""
    found = Judgement.empty(grid)
    rows = np.arange(len(grid.Z))
    for admittance in REPRESENTATIONS[representation]:
        here = grid.take(rows)
        fit = fit_standard(here, admittance=admittance)
        tier = limits.tier(fit)
        known, before = found.tier[rows], found.structure[rows] ** 2 + found.noise[rows] ** 2
        closer = fit.structure**2 + fit.noise**2 < before
        better = np.isnan(before) | (tier < known) | ((tier == known) & closer)
        found.put(rows, here, fit, better, tier, fine=False)
        rows = rows[found.tier[rows] > PASS]
        if rows.size == 0:
            return found
    if 2 * grid.frequency.size - _FINE_DENSITY * (grid.decades + 2 * _FINE_EXTENSION) < _FINE_SPARE:
        return found
    for admittance in REPRESENTATIONS[representation]:
        here = grid.take(rows)
        fit = fit_standard(here, admittance=admittance, fine=True)
        good = (fit.p_value >= limits.p_warn) & (fit.noise < 1.5 * found.noise[rows] + _FINE_NOISE)
        found.put(rows, here, fit, good, limits.tier(fit), fine=True)
        rows = rows[~good]
        if rows.size == 0:
            break
    return found
