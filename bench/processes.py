"""How often intervals of process resistances hold the exact integrals: python bench/processes.py [SEED] [COUNT] [-v]

Random spectra of the families of bench/families.py and of cells with finite diffusion, noise of 0.1 to 1 %, COUNT of
each; then the circuits of the benchmark and the stand-in campaign of both electrodes at 0.1, 0.3 and 1 %. Prints, for
each method without and with `lines`, the share of 95 % intervals that hold (all ranges; the worst range) and their
median half width relative to the resistance, over all ranges that hold more than 1 % of R_pol. -v prints each range.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import drtengine as dt
from drtengine import simulate
from drtengine.simulate import ZARC, Circuit, ReflectiveWarburg, Resistor, TransmissiveWarburg
from drtengine.spectrum import FloatArray
from families import FAMILIES, FREQUENCY, TAU

METHODS = ("log", "auto", "elements", "ridge")
LEVELS = (0.001, 0.003, 0.01)
LEAST = 0.01
FEWEST = 10
STEP = float(np.log(TAU[1] / TAU[0]))
EDGES = np.exp(np.log(TAU[0]) + STEP * (np.arange(TAU.size + 1) - 0.5))
"""Limits lie at edges of the cells in which the families know their gamma exactly."""
LIMITS = np.array([EDGES[np.abs(np.log(EDGES / limit)).argmin()] for limit in (1e-6, 1e-3, 1e-2, 1.0, 10.0)])


class Population(NamedTuple):
    """Spectra, ranges of tau [range, 2] and the exact resistances in these [spectrum, range]."""

    name: str
    campaign: dt.Campaign
    limits: FloatArray
    exact: FloatArray
    capacitance: bool = False


def populations(seed: int, count: int) -> Iterator[Population]:
    """Draw everything."""
    ranges = np.stack([LIMITS[:-1], LIMITS[1:]], axis=1)
    for k, (name, family) in enumerate(FAMILIES.items()):
        rng = np.random.default_rng([seed, k])
        samples = [family(rng) for _ in range(count)]
        below = np.concatenate([np.zeros((count, 1)), np.cumsum([s.gamma * STEP for s in samples], axis=1)], axis=1)
        at = np.searchsorted(EDGES, ranges * (1 - 1e-9))
        campaign = dt.Campaign.from_arrays(FREQUENCY, np.stack([s.measured(rng) for s in samples]))
        yield Population(name, campaign, ranges, below[:, at[:, 1]] - below[:, at[:, 0]])
    for k, element in enumerate((TransmissiveWarburg, ReflectiveWarburg)):
        rng = np.random.default_rng([seed, len(FAMILIES) + k])
        circuits = [battery(rng, element) for _ in range(count)]
        Z = [simulate.add_noise(c.impedance(FREQUENCY), 10 ** rng.uniform(-3, -2), seed=rng) for c in circuits]
        name = f"two ZARCs, {'transmissive' if k == 0 else 'reflective'} Warburg"
        yield of_circuits(name, circuits, np.stack(Z), ranges, capacitance=k == 1)
    for name, case in simulate.benchmark_cases().items():
        rng = np.random.default_rng([seed, 100])
        each = max(count // len(LEVELS), 1)
        Z = [simulate.add_noise(np.tile(case.impedance(FREQUENCY), (each, 1)), s, seed=rng) for s in LEVELS]
        yield of_circuits(name, [case] * (each * len(LEVELS)), np.concatenate(Z), ranges)
    for electrode in ("SA@Borax", "SA"):
        for level in LEVELS:
            truth = simulate.standin(electrode, level=level, seed=seed)
            limits = np.array([(max(low, 1e-12), high) for low, high in dt.DEFAULT_PROCESSES.values()])
            exact = np.stack([truth.integral(*pair) for pair in limits], axis=1)
            yield Population(f"stand-in {electrode}, {level:.1%}", truth.campaign, limits, exact, capacitance=True)


def battery(rng: np.random.Generator, element: Callable[[float, float], simulate.Element]) -> Circuit:
    """SEI, charge transfer and diffusion."""
    sei = ZARC(10 ** rng.uniform(0.5, 2), 10 ** rng.uniform(-5, -2.5), rng.uniform(0.7, 0.95))
    transfer = ZARC(10 ** rng.uniform(1, 2), 10 ** rng.uniform(-2.5, 0), rng.uniform(0.7, 0.95))
    return Circuit([Resistor(10), sei, transfer, element(10 ** rng.uniform(1, 2.3), 10 ** rng.uniform(-1, 1.5))])


def of_circuits(name: str, circuits: list[Any], Z: Any, ranges: FloatArray, *, capacitance: bool = False) -> Population:
    """Put circuits and their spectra together."""
    exact = np.array([[float(c.integral(*pair)) for pair in ranges] for c in circuits])
    return Population(name, dt.Campaign.from_arrays(FREQUENCY, Z), ranges, exact, capacitance)


def measure(population: Population, method: str) -> tuple[list[str], str]:
    """Share that holds and median half width, without and with lines."""
    options: dict[str, Any] = {"weights": "modulus"} if method == "ridge" else {}
    if method == "auto":
        options["per_spectrum"] = not population.name.startswith("stand-in")
    r = dt.fit_drt(population.campaign, method=method, capacitance=population.capacitance, **options)
    counted = population.exact > LEAST * r.R_pol[:, None]
    named = {f"{k}": (low, high) for k, (low, high) in enumerate(population.limits)}
    cells = []
    for lines in (False, True):
        found = dt.integrate_processes(r, named, lines=lines)
        held = (found.R_low <= population.exact) & (population.exact <= found.R_high)
        half = (found.R_high - found.R_low) / (2 * np.where(counted, population.exact, np.nan))
        each = " ".join(f"{held[:, k][counted[:, k]].mean():.2f}" for k in range(len(named)) if counted[:, k].any())
        if "-v" in sys.argv:
            print(f"    {population.name:40s} {method:9s} {lines!s:5s} {each}", np.round(np.nanmedian(half, axis=0), 3))
        worst = min(held[:, k][counted[:, k]].mean() for k in range(len(named)) if counted[:, k].sum() >= FEWEST)
        cells.append(f"{held[counted].mean():.2f} ({worst:.2f}), {100 * np.nanmedian(half):.2g} %")
    return cells, f"{(r.method == 'elements').mean():.0%}"


def main(seed: int, count: int) -> None:
    """Print the table."""
    print(f"| spectra | {' | '.join(f'{m}, lines=False | {m}' for m in METHODS)} | auto: by elements |")
    print(f"|---|{'---|' * (2 * len(METHODS) + 1)}")
    for population in populations(seed, count):
        cells, share = list[str](), ""
        for method in METHODS:
            own, by_elements = measure(population, method)
            cells += own
            share = by_elements if method == "auto" else share
        print(f"| {population.name} | {' | '.join(cells)} | {share} |", flush=True)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word != "-v"]
    main(*(numbers + [1000, 40][len(numbers) :]))
