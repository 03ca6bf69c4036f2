"""Pass, warn or fail: significance and size of what a causal model leaves of a spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray
from .linear import N_FREE, Fit, Grid, densest, fit_and_test, mu_of

PASS, WARN, FAIL = range(3)
VERDICTS = ("pass", "warn", "fail")

DENSITY, EXTENSION = 4.0, 0.3
"""Relaxation times a decade and how far they reach beyond the window, in decades."""
_FINE_DENSITY, _FINE_EXTENSION = 6.0, 0.5
_FINE_SPARE = 34
"""How many more data than relaxations the finer model must have."""
_FINE_NOISE = 0.0002
"""By how much more than half the noise may grow under the finer model."""
REPRESENTATIONS = {"auto": (False, True), "impedance": (False,), "admittance": (True,)}
"""Whether to fit the admittance, in the order in which it is tried."""

_LEVERAGE_CAP = 0.9
_NEIGHBOURS = 11
_LOCAL_EXCESS = 2.0
"""A neighbourhood this much noisier than the whole sets its own scale."""
_LARGE_OUTLIER = 0.02
_MANY_OUTLIERS = 3
_MOST_FLAGGED = 0.1
_TO_SIGMA = 1.4826
"""Median of the absolute values to the standard deviation of a normal distribution."""
_SCREEN, _SCREEN_TYPICAL = 0.4, 4.5
"""A point can only stand out if, before its leverage is known, it reaches so much of the limit and so many medians."""
_BLOCK = 1 / 3
_NARROWEST, _NARROWEST_SHARE, _FEWEST_POINTS = 1.5, 0.3, 20


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
    uncleaned: BoolArray  # more points stand out than may be flagged
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
            uncleaned=np.zeros(count, bool),
            window=np.tile([grid.frequency[-1], grid.frequency[0]], (count, 1)),
        )

    def put(self, at: IntArray, grid: Grid, fit: Fit, which: BoolArray, tier: IntArray, *, fine: bool) -> None:
        """Take over what a fit to the spectra of `grid` says of those where `which`; they stand at `at` here."""
        rows = at[which]
        self.tier[rows] = tier[which]
        for name in ("noise", "structure", "p_value", "drift", "u_drift", "rest"):
            getattr(self, name)[rows] = getattr(fit, name)[which]
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


def judge(grid: Grid, limits: KkLimits, representation: str, *, window: bool) -> Judgement:
    """Judge the spectra of a grid.

    Parameters
    ----------
    grid : Grid
    limits : KkLimits
    representation : {"auto", "impedance", "admittance"}
    window : bool
        Whether to look for the frequencies between which a spectrum that fails is valid.
    """
    found = _judge_structure(grid, limits, representation)
    suspects = np.flatnonzero(_has_suspects(found, limits))
    if suspects.size:
        _judge_points(grid, suspects, limits, representation, found)
    found.tier[(found.tier == PASS) & (found.noise >= limits.noise_warn)] = WARN
    if window:
        _find_windows(grid, limits, representation, found)
    return found


def _judge_structure(grid: Grid, limits: KkLimits, representation: str) -> Judgement:
    """Fit the causal model; where that finds structure, try the other representation, then a finer model."""
    found = Judgement.empty(grid)
    rows = np.arange(len(grid.Z))
    density = min(DENSITY, densest(grid.frequency, EXTENSION))
    for admittance in REPRESENTATIONS[representation]:
        here = grid.take(rows)
        fit = fit_and_test(here, admittance=admittance, density=density, extension=EXTENSION)
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
        fit = fit_and_test(here, admittance=admittance, density=_FINE_DENSITY, extension=_FINE_EXTENSION)
        good = (fit.p_value >= limits.p_warn) & (fit.noise < 1.5 * found.noise[rows] + _FINE_NOISE)
        found.put(rows, here, fit, good, limits.tier(fit), fine=True)
        rows = rows[~good]
        if rows.size == 0:
            break
    return found


# ---------------------------------------------------------------- points


def _has_suspects(found: Judgement, limits: KkLimits) -> BoolArray:
    """Whether a point may stand out; judged without leverages, which cost as much as the rest."""
    size = np.abs(found.rest)
    typical = np.median(np.concatenate([np.abs(found.rest.real), np.abs(found.rest.imag)], axis=1), axis=1)
    return np.asarray((size > np.maximum(_SCREEN * limits.point, _SCREEN_TYPICAL * typical[:, None])).any(axis=1))


def _judge_points(grid: Grid, rows: IntArray, limits: KkLimits, representation: str, found: Judgement) -> None:
    """Leave out points that stand out, the worst first, and judge again what is left."""
    most = max(1, int(_MOST_FLAGGED * grid.frequency.size))
    for admittance in (False, True):
        for fine in (False, True):
            active = rows[(found.admittance[rows] == admittance) & (found.fine[rows] == fine)]
            for removed in range(most + 1):
                if active.size == 0:
                    break
                here = grid.take(active).without(found.flagged[active])
                fit = fit_and_test(
                    here,
                    admittance=admittance,
                    density=_FINE_DENSITY if fine else min(DENSITY, densest(grid.frequency, EXTENSION)),
                    extension=_FINE_EXTENSION if fine else EXTENSION,
                    leverage=True,
                )
                deviation, excess = _deviations(here, fit, limits)
                worst = excess.argmax(axis=1)
                outstanding = np.take_along_axis(excess, worst[:, None], axis=1)[:, 0] > 0
                active, worst, deviation = active[outstanding], worst[outstanding], deviation[outstanding]
                if removed == most:
                    found.uncleaned[active] = True
                else:
                    found.flagged[active, worst] = True
                    found.deviation[active, worst] = deviation[np.arange(worst.size), worst]
    rows = rows[found.flagged[rows].any(axis=1)]
    if rows.size == 0:
        return
    again = _judge_structure(grid.take(rows).without(found.flagged[rows]), limits, representation)
    clean = ~found.uncleaned[rows]
    serious = (found.deviation[rows].max(axis=1) >= _LARGE_OUTLIER) | (
        found.flagged[rows].sum(axis=1) >= _MANY_OUTLIERS
    )
    tier = np.maximum(again.tier, np.where(serious, WARN, PASS))
    tier = np.where(clean, tier, np.maximum(np.maximum(found.tier[rows], again.tier), WARN))
    found.replace(rows, again, clean)
    found.tier[rows] = tier


def _deviations(grid: Grid, fit: Fit, limits: KkLimits) -> tuple[FloatArray, FloatArray]:
    """Deviation of each point relative to abs(Z), and how far it exceeds chance (0 where it does not)."""
    from scipy.special import fdtri

    used = grid.weights > 0
    parts = np.abs(np.stack([fit.rest.real, fit.rest.imag], axis=2)) / np.sqrt(
        1 - np.minimum(fit.leverage, _LEVERAGE_CAP)
    )
    known = np.where(used[:, :, None], parts, np.nan)
    scale = np.repeat(_TO_SIGMA * np.nanmedian(known.reshape(len(parts), -1), axis=1)[:, None], used.shape[1], axis=1)
    square = (parts**2).sum(axis=2)
    highest = fdtri(2, np.maximum(fit.degrees, 10), 1 - limits.p_point / used.sum(axis=1))[:, None]
    may = used & (square > 2 * highest * scale**2) & (square > limits.point**2)
    rows, points = np.nonzero(may)
    x = np.log(grid.frequency)
    near = np.argsort(np.abs(x[:, None] - x), axis=1, kind="stable")[:, :_NEIGHBOURS]
    around = _TO_SIGMA * np.nanmedian(known[rows[:, None], near[points]], axis=(1, 2))
    local = around > _LOCAL_EXCESS * scale[rows, points]
    scale[rows[local], points[local]] = around[local]
    excess = square / (2 * highest * scale**2)
    return np.sqrt(square), np.where(may & (excess > 1), excess, 0.0)


# ---------------------------------------------------------------- window


def _find_windows(grid: Grid, limits: KkLimits, representation: str, found: Judgement) -> None:
    """Narrow the window of spectra that fail from the worse end until they pass."""
    rows = np.flatnonzero(found.tier == FAIL)
    found.window[rows] = np.nan
    decade = np.log10(grid.frequency / grid.frequency[-1])
    cuts: IntArray = np.zeros((rows.size, 2), np.intp)  # thirds of a decade, at the low and the high end
    while rows.size:
        trials = [cuts + step for step in ([1, 0], [0, 1])]
        scores = [_try_windows(grid, rows, trial, decade, limits, representation, found) for trial in trials]
        (tier_low, misfit_low), (tier_high, misfit_high) = scores
        low = (tier_low < tier_high) | ((tier_low == tier_high) & (misfit_low <= misfit_high))
        cuts = np.where(low[:, None], *trials)
        tier, misfit = np.where(low, tier_low, tier_high), np.where(low, misfit_low, misfit_high)
        passed = tier == PASS
        for row, cut in zip(rows[passed], cuts[passed], strict=True):
            inside = grid.frequency[_inside(decade, cut)]
            found.window[row] = inside[-1], inside[0]
        going = ~passed & np.isfinite(misfit)
        rows, cuts = rows[going], cuts[going]


def _inside(decade: FloatArray, cut: IntArray) -> BoolArray:
    slack = 1e-9
    inside: BoolArray = (decade >= cut[0] * _BLOCK - slack) & (decade <= decade[0] - cut[1] * _BLOCK + slack)
    return inside


def _try_windows(
    grid: Grid, rows: IntArray, cuts: IntArray, decade: FloatArray, limits: KkLimits, representation: str,
    found: Judgement,
) -> tuple[IntArray, FloatArray]:  # fmt: skip
    """Tier and misfit of spectra in windows; where a window is too narrow, FAIL and infinity."""
    tier, misfit = np.full(rows.size, FAIL), np.full(rows.size, np.inf)
    least = max(_NARROWEST, _NARROWEST_SHARE * decade[0])
    for cut in np.unique(cuts, axis=0):
        points = _inside(decade, cut)
        if points.sum() < _FEWEST_POINTS or np.ptp(decade[points]) < least:
            continue
        here = np.flatnonzero((cuts == cut).all(axis=1))
        window = grid.take(rows[here], points).without(found.flagged[rows[here]][:, points])
        fit = fit_and_test(
            window,
            admittance=representation == "admittance",
            density=min(DENSITY, densest(window.frequency, EXTENSION)),
            extension=EXTENSION,
        )
        worth = limits.tier(fit)
        tier[here] = np.where((worth == PASS) & (fit.noise >= limits.noise_warn), WARN, worth)
        misfit[here] = fit.structure**2 + fit.noise**2
    return tier, misfit
