"""Errors of gamma by method: python bench/accuracy.py [SEED]

First the five circuits of the benchmark, 20 spectra each at three levels of noise, each 20 a campaign; then 50 random
spectra of each of six families, each spectrum by itself. Prints tables in Markdown: relative errors of gamma, root of
the sum of squares over 401 relaxation times from 1 us to 31.6 s. Below 10 minutes on one core.
"""

from __future__ import annotations

import sys

import numpy as np

import drtengine as dt
from drtengine.choice import cell_edges
from drtengine.simulate import add_noise, benchmark_cases
from drtengine.spectrum import FloatArray
from families import FAMILIES, FREQUENCY, TAU, Sample

METHODS = ("ridge", "log", "auto")
LEVELS = (0.001, 0.005, 0.01)
PEAKS = {"two_zarc": 2, "overlapping": 2, "gerischer": 1, "havriliak_negami": 1, "fractal_gerischer": 1}
PUBLISHED = {  # the smaller error of hybrid-drt and of pyDRTtools with GCV, median of 5 seeds
    "two_zarc": (0.017, 0.041, 0.084),
    "overlapping": (0.022, 0.100, 0.149),
    "gerischer": (0.581, 0.618, 0.639),
    "havriliak_negami": (0.154, 0.178, 0.192),
    "fractal_gerischer": (0.030, 0.062, 0.081),
}
COUNT, SEEDS = 50, 20


def count_peaks(gamma: FloatArray) -> int:
    """Maxima above 2 % of the highest."""
    inner = gamma[1:-1]
    return int(((inner > gamma[:-2]) & (inner >= gamma[2:]) & (inner > 0.02 * gamma.max())).sum())


def cases(seed: int) -> None:
    """Print the table of the benchmark's circuits: median error, and how many of 20 have the right count of peaks."""
    print(f"| circuit | noise | published | {' | '.join(METHODS)} |")
    print(f"|---|---|---|{'---|' * len(METHODS)}")
    for name, circuit in benchmark_cases().items():
        truth = circuit.cell_average(cell_edges(TAU))
        for k, level in enumerate(LEVELS):
            Z = add_noise(np.tile(circuit.impedance(FREQUENCY), (SEEDS, 1)), level, seed=seed + k)
            cells = []
            for method in METHODS:
                gamma = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method=method).evaluate(TAU)
                error = np.linalg.norm(gamma - truth, axis=1) / np.linalg.norm(truth)
                right = sum(count_peaks(one) == PEAKS[name] for one in gamma)
                cells.append(f"{np.median(error):.3f} ({right})")
            print(f"| {name} | {100 * level:g} % | {PUBLISHED[name][k]:.3f} | {' | '.join(cells)} |", flush=True)


def draw(seed: int) -> dict[str, tuple[list[Sample], dt.Campaign]]:
    """Draw the random spectra of all families."""
    drawn = {}
    for k, (name, family) in enumerate(FAMILIES.items()):
        rng = np.random.default_rng([seed, k])
        samples = [family(rng) for _ in range(COUNT)]
        drawn[name] = samples, dt.Campaign.from_arrays(FREQUENCY, np.stack([s.measured(rng) for s in samples]))
    return drawn


def families(seed: int) -> None:
    """Print the table of the random families: geometric mean and 95th percentile."""
    print(f"| family | {' | '.join(METHODS)} | by elements |")
    print(f"|---|{'---|' * (len(METHODS) + 1)}")
    everything: dict[str, list[FloatArray]] = {method: [] for method in METHODS}
    for name, (samples, campaign) in draw(seed).items():
        for method in METHODS:
            result = dt.fit_drt(campaign, method=method, per_spectrum=True)
            gamma = result.evaluate(TAU)
            errors = np.array([s.error(one) for s, one in zip(samples, gamma, strict=True)])
            everything[method].append(errors)
        share = (result.method == "elements").mean()
        print(f"| {name} | {' | '.join(_summary(everything[m][-1]) for m in METHODS)} | {share:.0%} |", flush=True)
    print(f"| all | {' | '.join(_summary(np.concatenate(everything[m])) for m in METHODS)} | |")


def _summary(errors: FloatArray) -> str:
    return f"{np.exp(np.log(errors).mean()):.3f} ({np.quantile(errors, 0.95):.2f})"


if __name__ == "__main__":
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    cases(first)
    print()
    families(first)
