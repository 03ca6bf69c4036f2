"""The stand-in campaign of a silicon anode: what its processes amount to at every voltage, and what is found.

    python bench/standin.py [METHOD]     # log, joint or auto

Prints the exact integral of gamma over the range of each process, the resistance found and its 95 % interval (with
`lines=True`, as finite diffusion is a series of lines), for the discharge branch.
"""

from __future__ import annotations

import sys

import numpy as np

import drtengine as dt

PROCESSES = {"SEI": (0.0, 1e-3), "charge transfer": (1e-2, 1.0), "diffusion": (1.0, 10.0)}


def main() -> None:
    """Invert, compare, print."""
    method = sys.argv[1] if len(sys.argv) > 1 else "log"
    campaign = dt.simulate.standin(branches=("discharge",))
    along = {"along": "voltage"} if method == "joint" else {}
    result = dt.fit_drt(campaign.campaign, method=method, capacitance=True, **along)
    found = dt.integrate_processes(result, PROCESSES, lines=True).to_frame()
    voltage = campaign.campaign.coordinates["voltage"]
    print(f"method {', '.join(np.unique(result.method))}; exact / found [interval], ohm\n")
    print(f"| V | {' | '.join(PROCESSES)} |\n|--:|{'--:|' * len(PROCESSES)}")
    held = np.zeros((len(voltage), len(PROCESSES)), dtype=bool)
    cells = []
    for k, (name, (low, high)) in enumerate(PROCESSES.items()):
        exact = campaign.integral(max(low, 1e-12), high).ravel()
        rows = found[found["process"] == name]
        held[:, k] = (rows["R_low"].to_numpy() <= exact) & (exact <= rows["R_high"].to_numpy())
        cells.append(
            [
                f"{truth:.1f} / {row.R:.1f} [{row.R_low:.1f}, {row.R_high:.1f}]{'' if holds else ' *'}"
                for truth, row, holds in zip(exact, rows.itertuples(), held[:, k], strict=True)
            ]
        )
    for v, *row in zip(voltage, *cells, strict=True):
        print(f"| {v:.2f} | {' | '.join(row)} |")
    print(f"\n\\* outside its interval. Held: {', '.join(f'{share:.0%}' for share in held.mean(axis=0))}.")


if __name__ == "__main__":
    main()
