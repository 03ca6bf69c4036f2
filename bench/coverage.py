"""How often bands and intervals hold the truth: python bench/coverage.py [SEEDS] [KIND] [CASE ...]

KIND is a `band_kind` of method "log" ("calibrated", ..., "sampled"), or "ridge" for the truncated Gaussian of method
"ridge". Prints a table in Markdown for every case at three levels of proportional noise: the share of spectra at whose
nodes, where gamma exceeds 2 % of its maximum, the band holds the truth (on average, at the worst node), and the median
half-width of the band (in ln(gamma), or relative to gamma for "ridge"); the same for R_pol, for the resistance of 1 to
100 ms, and for height and tau of the highest peak without a band; last, whether the band at the tau of the peak
found holds the height.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import drtengine as dt
from drtengine.bands import half_width
from drtengine.simulate import add_noise
from drtengine.spectrum import BoolArray, FloatArray
from shapes import CASES

LEVEL = 0.95
LIMITS = (1e-3, 0.1)
F = np.geomspace(1e5, 1e-2, 71)
PIECE = 20
"""Spectra whose draws are in memory at a time."""


class Row(NamedTuple):
    """Shares that hold the truth, and the half-width of the band."""

    mean: float
    worst: float
    half: float
    R_pol: float
    R: float
    height: float
    tau: float
    band: float


def measure(case: Any, noise: float, seeds: int, kind: str) -> Row:
    """Fit `seeds` spectra of a case."""
    Z = add_noise(np.tile(case.impedance(F), (seeds, 1)), noise, seed=7)
    holds, halves, numbers = list[BoolArray](), list[FloatArray](), list[BoolArray]()
    for begin in range(0, seeds, PIECE):
        campaign = dt.Campaign.from_arrays(F, Z[begin : begin + PIECE])
        options: dict[str, Any] = {"method": "log", "band_kind": kind}
        if kind == "ridge":
            options = {"method": "ridge", "band_kind": "sampled", "weights": "modulus"}
        if options["band_kind"] == "sampled":
            options["samples"] = 3000
        r = dt.fit_drt(campaign, band=LEVEL, **options)
        assert r.gamma_low is not None
        assert r.gamma_high is not None
        truth = case.gamma(r.tau)
        where = truth > 0.02 * truth.max()
        low, high, truth = r.gamma_low[:, where], r.gamma_high[:, where], truth[where]
        holds.append((low <= truth) & (truth <= high))
        halves.append((high - low) / (2 * truth) if kind == "ridge" else np.log(high / low) / 2)
        numbers.append(intervals(case, r))
    inside, each = np.concatenate(holds), np.concatenate(numbers).mean(axis=0)
    return Row(inside.mean(), inside.mean(axis=0).min(), float(np.median(np.concatenate(halves))), *each)


def intervals(case: Any, r: dt.DrtResult) -> BoolArray:
    """Whether the intervals of R_pol, R, height and tau, and the band, hold the truth [spectrum, 5]."""
    fine = np.exp(np.linspace(np.log(1e-6), np.log(30), 20_001))
    gamma = case.gamma(fine)
    truth = (case.integral(r.tau[0], r.tau[-1]), case.integral(*LIMITS), gamma.max(), fine[gamma.argmax()])
    if r.samples is not None:
        height, tau = dt.locate_peak_samples(r, 0.3 * truth[3], 3 * truth[3])
        draws = (dt.integrate_samples(r, r.tau[0], r.tau[-1]), dt.integrate_samples(r, *LIMITS), height, tau)
        ends = [np.quantile(d, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1) for d in draws]
        found = [(e[0] <= t) & (t <= e[1]) for e, t in zip(ends, truth, strict=True)]
        return np.stack([*found, band_holds(r, np.median(tau, axis=1), truth[2])], axis=1)
    holds = np.zeros((len(r), 5), dtype=bool)
    half = half_width(LEVEL)
    holds[:, 0] = np.abs(r.R_pol - truth[0]) <= half * r.u_R_pol
    processes = dt.integrate_processes(r, {"middle": LIMITS}, level=LEVEL)
    holds[:, 1] = (processes.R_low[:, 0] <= truth[1]) & (truth[1] <= processes.R_high[:, 0])
    without = replace(r, gamma_low=None, gamma_high=None)
    peaks, place = dt.find_peaks(without, level=LEVEL), np.full(len(r), np.nan)
    for i in range(len(r)):
        own = np.flatnonzero(peaks.spectrum == i)
        if own.size == 0:
            continue
        k = own[np.abs(np.log(peaks.tau[own] / truth[3])).argmin()]
        place[i] = peaks.tau[k]
        holds[i, 2] = peaks.gamma_low[k] <= truth[2] <= peaks.gamma_high[k]
        holds[i, 3] = peaks.tau_low[k] <= truth[3] <= peaks.tau_high[k]
    holds[:, 4] = band_holds(r, place, truth[2])
    return holds


def band_holds(r: dt.DrtResult, tau: FloatArray, height: float) -> BoolArray:
    """Whether the band of each spectrum holds a height at a tau of its own."""
    known = np.isfinite(tau)
    low, high = (np.diagonal(end) for end in r.evaluate_band(np.where(known, tau, 1.0)))
    inside: BoolArray = known & (low <= height) & (height <= high)
    return inside


def main(seeds: int, kind: str, cases: list[str]) -> None:
    """Print the table."""
    columns = (
        "shape",
        "noise",
        "covers",
        "worst node",
        "half-width",
        "R_pol",
        "R of 1-100 ms",
        "height",
        "τ",
        "height, band",
    )
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for name in cases or CASES:
        for noise in (0.001, 0.005, 0.01):
            row = measure(CASES[name], noise, seeds, kind)
            rest = " | ".join(f"{value:.3f}" for value in row[3:])
            print(f"| {name} | {noise:.1%} | {row.mean:.3f} | {row.worst:.3f} | {row.half:.2f} | {rest} |", flush=True)


if __name__ == "__main__":
    words = dict(enumerate(sys.argv[1:3]))
    main(int(words.get(0, 200)), words.get(1, "calibrated"), sys.argv[3:])
