"""Is the sampler of ln(gamma) right? Simulation-based calibration: python bench/sbc.py [SIMULATIONS]

Truths are drawn from the prior, spectra from the truths. Then the rank of each number's truth among its draws is
uniform (Talts et al., arXiv:1804.06788). Prints the p-value of a chi-squared test over ten bins, and the mean rank.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
from scipy.stats import chisquare

from drtengine._native import core
from drtengine.basis import SHAPES, Basis
from drtengine.spectrum import FloatArray

SHAPE, RATE = 4.0, 4.0
"""Of the Gamma prior of lambda."""
NOISE_SHAPE, NOISE = 6.0, 0.01
"""The variance of the noise is an inverse Gamma with this shape, about NOISE^2 (ohm^2)."""
HOLD, LEVEL = 0.05, 1.0
"""Precision of ln(gamma) at every node, and about which value."""
END_SLOPE, END_PRECISION = 0.8, 4.0
DRAWS, KEPT = 2000, 100
BINS = 10


class Truth(NamedTuple):
    """One draw from the prior."""

    f: FloatArray
    R_inf: float
    noise: float
    lambda_: float


class Prior:
    """Of f = ln(gamma) at nodes h apart, as `log_sampling.hpp` has it, but proper."""

    def __init__(self, n: int, h: float) -> None:
        D = np.diff(np.eye(n), 2, axis=0) * h**-1.5
        self.rough = D.T @ D
        slope = np.zeros((2, n))
        slope[0, :2], slope[1, -2:] = (-1 / h, 1 / h), (-1 / h, 1 / h)
        self.fixed = END_PRECISION * slope.T @ slope + HOLD * np.eye(n)
        self.right = END_PRECISION * slope.T @ [END_SLOPE, -END_SLOPE] + HOLD * LEVEL
        # the ends and the level take part in the prior of lambda
        self.lattice = np.exp(np.linspace(-6, 4, 801))
        log_p = []
        for lambda_ in self.lattice:
            P = lambda_ * self.rough + self.fixed
            log_det = np.linalg.slogdet(P)[1]
            gain = self.right @ np.linalg.solve(P, self.right)
            log_p.append((SHAPE + (n - 2) / 2) * np.log(lambda_) - RATE * lambda_ - log_det / 2 + gain / 2)
        p = np.exp(np.array(log_p) - max(log_p))
        self.cumulative = np.cumsum(p) / p.sum()

    def draw(self, rng: np.random.Generator) -> Truth:
        """Draw once."""
        lambda_ = float(np.interp(rng.uniform(), self.cumulative, self.lattice))
        factor = np.linalg.cholesky(lambda_ * self.rough + self.fixed)
        mean = np.linalg.solve(factor.T, np.linalg.solve(factor, self.right))
        f = mean + np.linalg.solve(factor.T, rng.normal(size=mean.size))
        noise = np.sqrt(NOISE_SHAPE * NOISE**2 / rng.gamma(NOISE_SHAPE))
        return Truth(f, float(rng.normal(10, 1)), float(noise), lambda_)


def ranks(
    simulations: int, *, nodes: int = 60, points: int = 41, draws: int = DRAWS, seed: int = 1
) -> dict[str, FloatArray]:
    """Rank of every truth among its draws, from 0 to KEPT [simulation]."""
    rng = np.random.default_rng(seed)
    tau, frequency = np.geomspace(1e-6, 10, nodes), np.geomspace(3e4, 0.05, points)
    basis = Basis("piecewise_linear", 1.0, tau)
    h = float(np.log(tau[1] / tau[0]))
    prior, kernel, omega = Prior(nodes, h), basis.kernel(frequency), 2 * np.pi * frequency
    truths, Z = list[Truth](), np.empty((simulations, points), dtype=complex)
    for i in range(simulations):
        truth = prior.draw(rng)
        truths.append(truth)
        errors = rng.normal(size=(2, points)) * truth.noise
        Z[i] = truth.R_inf + 1e-6j * omega + kernel @ np.exp(truth.f) + errors[0] + 1j * errors[1]
    integral = basis.integrals(1e-4, 1e-2)
    drawn = core.sample_log(
        {
            "shape": SHAPES.index("piecewise_linear"), "epsilon": 1.0, "log_tau": np.log(tau), "omega": omega,
            "order": 1, "inductance": True, "capacitance": False, "part": 0, "Z": Z, "weights": np.empty((0, 0)),
            "nonneg": True, "n_threads": 1, "progress": None,
        },
        np.ascontiguousarray(np.column_stack([basis.integrals(tau[0], tau[-1]), integral])),
        np.array([SHAPE, RATE, NOISE_SHAPE, NOISE_SHAPE * NOISE**2, HOLD, LEVEL]),
        {"draws": draws, "lower": 0.025, "upper": 0.975, "keep": True, "seed": 3},
    )  # fmt: skip
    assert (drawn["status"] == 0).all()
    every = slice(None, None, draws // KEPT)
    curves = drawn["curves"].reshape(simulations, draws, nodes)[:, every]
    numbers = drawn["numbers"].reshape(simulations, draws, -1)[:, every]
    exact = np.exp([truth.f for truth in truths])
    found = {f"gamma({tau[k]:.1g} s)": (curves[:, :, k], exact[:, k]) for k in np.linspace(1, nodes - 2, 5).astype(int)}
    found |= {
        "R_pol": (numbers[:, :, 0], exact @ basis.integrals(tau[0], tau[-1])),
        "R of 0.1-10 ms": (numbers[:, :, 1], exact @ integral),
        "R_inf": (numbers[:, :, 2], np.array([truth.R_inf for truth in truths])),
        "L_0": (numbers[:, :, 3], np.full(simulations, 1e-6)),
        "noise": (numbers[:, :, 4], np.array([truth.noise for truth in truths])),
        "lambda": (numbers[:, :, 5], np.array([truth.lambda_ for truth in truths])),
    }
    return {name: (values < truth[:, None]).sum(axis=1) for name, (values, truth) in found.items()}


def p_value(rank: FloatArray, bins: int = BINS) -> float:
    """Of ranks from 0 to KEPT being uniform."""
    edges = np.linspace(0, KEPT + 1, bins + 1)
    whole = np.diff(np.ceil(edges))
    return float(chisquare(np.histogram(rank, edges)[0], whole / whole.sum() * rank.size).pvalue)


def main(simulations: int) -> None:
    """Print the table."""
    print("| number | p-value | mean rank, expected 0.5 |\n|---|---|---|")
    for name, rank in ranks(simulations).items():
        print(f"| {name} | {p_value(rank):.3f} | {rank.mean() / KEPT:.3f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
