"""How well and how surely a series is estimated as one: python bench/series.py [SEEDS]

Prints a table in Markdown. For each series: error of gamma (relative to its norm, median) and of R_pol over those of
its spectra fitted alone; share of the nodes, where gamma exceeds 2 % of its maximum, at which the band of "joint" holds
the truth, on average and in the worst spectrum, and at which it holds the curve shown; half-width of the band in
ln(gamma), and that of the spectra alone; how often R_pol and the resistance R of 1 to 100 ms are held.
"""

from __future__ import annotations

import sys

import numpy as np

import drtengine as dt
from drtengine.bands import half_width
from drtengine.simulate import ZARC, Circuit, Resistor, add_noise
from drtengine.spectrum import FloatArray

LEVEL = 0.95
LIMITS = (1e-3, 0.1)
F = np.geomspace(1e5, 1e-2, 71)
HEAD = "| series | noise | error | of R_pol | covers | worst spectrum | holds curve | half-width | alone | R_pol | R |"


def cell(place: float, *, jumped: bool = False) -> Circuit:
    """Three arcs that drift with the place along the series, 0 to 1; after a jump the second is another."""
    second = ZARC(35 + 20 * place, 1e-1, 0.85) if jumped else ZARC(15 + 20 * place, 10 ** (-2 + 0.8 * place), 0.85)
    return Circuit([Resistor(10), ZARC(30 + 9 * np.sin(3 * place), 1e-4, 0.8), second, ZARC(12, 0.8, 0.9)])


def series() -> dict[str, tuple[FloatArray, list[Circuit]]]:
    """Places and circuits of each series."""
    rng = np.random.default_rng(3)
    even = {count: np.linspace(0, 1, count) for count in (15, 21, 51, 101)}
    uneven = np.cumsum(rng.uniform(0.2, 3, 21))
    uneven = (uneven - uneven[0]) / np.ptp(uneven)

    def anything() -> Circuit:
        arcs = [ZARC(rng.uniform(10, 70), 10 ** rng.uniform(-5, 0.8), rng.uniform(0.7, 0.95)) for _ in range(3)]
        return Circuit([Resistor(10), *arcs[: rng.integers(1, 4)]])

    return {
        **{f"drift, {n}": (even[n], [cell(x) for x in even[n]]) for n in (21, 51, 101)},
        "jump, 21": (even[21], [cell(x, jumped=x >= 0.5) for x in even[21]]),
        "uneven, 21": (uneven, [cell(x) for x in uneven]),
        "unrelated, 15": (even[15], [anything() for _ in range(15)]),
    }


def band_of(r: dt.DrtResult) -> tuple[FloatArray, FloatArray]:
    """Both ends of the band."""
    assert r.gamma_low is not None
    assert r.gamma_high is not None
    return r.gamma_low, r.gamma_high


def measure(place: FloatArray, cells: list[Circuit], noise: float, seeds: int) -> list[float]:
    """Fit a series `seeds` times; the columns of the table from the third on."""
    Z = np.array([c.impedance(F) for c in cells])
    R_exact = np.array([c.integral(*LIMITS) for c in cells])
    rows, holds = [], []
    for seed in range(seeds):
        campaign = dt.Campaign.from_arrays(F, add_noise(Z, noise, seed=500 + seed), coordinates={"voltage": place})
        r = dt.fit_drt(campaign, method="joint", along="voltage", band=LEVEL)
        alone = dt.fit_drt(campaign, method="log", band=LEVEL)
        assert r.u_R_pol is not None
        low, high = band_of(r)
        gamma = np.array([c.gamma(r.tau) for c in cells])
        R_pol = np.array([c.integral(r.tau[0], r.tau[-1]) for c in cells])
        counts = gamma > 0.02 * gamma.max(axis=1, keepdims=True)
        found = dt.integrate_processes(r, {"middle": LIMITS})
        off = np.abs(r.R_pol - R_pol)
        holds.append(np.where(counts, (low <= gamma) & (gamma <= high), np.nan))
        rows.append(
            [
                np.median(np.linalg.norm(r.gamma - gamma, axis=1) / np.linalg.norm(alone.gamma - gamma, axis=1)),
                np.median(off) / np.median(np.abs(alone.R_pol - R_pol)),
                ((low <= r.gamma) & (r.gamma <= high))[counts].mean(),
                np.median(np.log(high / low)[counts]) / 2,
                np.median(np.log(np.divide(*band_of(alone)))[counts]) / -2,
                (off < half_width(LEVEL) * r.u_R_pol).mean(),
                ((found.R_low[:, 0] <= R_exact) & (R_exact <= found.R_high[:, 0])).mean(),
            ]
        )
    error, of_R_pol, inside, half, before, held, R = np.mean(rows, axis=0)
    each = np.nanmean(np.array(holds), axis=(0, 2))
    return [error, of_R_pol, np.nanmean(holds), each.min(), inside, half, before, held, R]


def main(seeds: int = 60) -> None:
    """Print the table."""
    print(HEAD, "| - " * 11 + "|", sep="\n")
    for name, (place, cells) in series().items():
        for noise in (0.003, 0.01):
            figures = measure(place, cells, noise, seeds)
            print("|", " | ".join([name, f"{100 * noise:g} %", *(f"{x:.2f}" for x in figures)]), "|", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
