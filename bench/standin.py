"""The stand-in campaign of a silicon anode: what its processes amount to at every voltage, and what is found.

    python bench/standin.py [METHOD]           # voltage by voltage on discharge; log, joint, auto, ...
    python bench/standin.py METHOD SEEDS       # errors and coverage over so many campaigns of both branches

Exact integrals of gamma over the range of each process, the resistance found and its 95 % interval.
"""

from __future__ import annotations

import sys

import numpy as np

import drtengine as dt
from drtengine.simulate import SimulatedCampaign
from drtengine.spectrum import FloatArray

PROCESSES = {"SEI": (0.0, 1e-3), "charge transfer": (1e-2, 1.0), "diffusion": (1.0, 10.0)}


def measure(truth: SimulatedCampaign, method: str) -> tuple[dt.DrtResult, dt.Processes, FloatArray]:
    """Invert; give the resistances found and the exact ones [spectrum, process]."""
    along = {"along": "voltage"} if method == "joint" else {}
    result = dt.fit_drt(truth.campaign, method=method, capacitance=True, **along)
    exact = np.stack([truth.integral(max(low, 1e-12), high) for low, high in PROCESSES.values()], axis=1)
    return result, dt.integrate_processes(result, PROCESSES), exact


def held_by(found: dt.Processes, exact: FloatArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether the intervals hold the truth [spectrum, process]."""
    return (found.R_low <= exact) & (exact <= found.R_high)


def by_voltage(method: str) -> None:
    """Print the table of the discharge branch."""
    truth = dt.simulate.standin(branches=("discharge",))
    result, found, exact = measure(truth, method)
    print(f"method {', '.join(np.unique(result.method))}; exact / found [interval], ohm\n")
    print(f"| V | {' | '.join(PROCESSES)} |\n|--:|{'--:|' * len(PROCESSES)}")
    held = held_by(found, exact)
    for i, voltage in enumerate(truth.campaign.coordinates["voltage"]):
        cells = [
            f"{exact[i, k]:.1f} / {found.R[i, k]:.1f} [{found.R_low[i, k]:.1f}, {found.R_high[i, k]:.1f}]"
            f"{'' if held[i, k] else ' *'}"
            for k in range(len(PROCESSES))
        ]
        print(f"| {voltage:.2f} | {' | '.join(cells)} |")
    print(f"\n\\* outside its interval. Held: {', '.join(f'{share:.0%}' for share in held.mean(axis=0))}.")


def over_seeds(method: str, seeds: int) -> None:
    """Print relative errors (median, 95th percentile), share held and median half width of each process."""
    errors, holds, halves = list[FloatArray](), list[FloatArray](), list[FloatArray]()
    for seed in range(seeds):
        _, found, exact = measure(dt.simulate.standin(seed=seed), method)
        errors.append(np.abs(found.R / exact - 1))
        holds.append(held_by(found, exact).astype(float))
        halves.append((found.R_high - found.R_low) / (2 * exact))
    error, held, half = (np.concatenate(parts) for parts in (errors, holds, halves))
    for k, name in enumerate(PROCESSES):
        print(
            f"{method}, {name}: error {np.median(error[:, k]):.3f}, {np.quantile(error[:, k], 0.95):.3f}; "
            f"holds {held[:, k].mean():.2f}, half width {np.median(half[:, k]):.3f}"
        )


if __name__ == "__main__":
    words = sys.argv[1:]
    if len(words) > 1:
        over_seeds(words[0], int(words[1]))
    else:
        by_voltage(*(words or ["log"]))
