"""The problems that everything here is timed on, the same for drtengine and for its peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import drtengine as dt
from drtengine._native import core
from drtengine.basis import SHAPES, Basis, tau_grid
from drtengine.simulate import Inductor, add_noise, benchmark_cases
from drtengine.spectrum import ComplexArray, FloatArray

if TYPE_CHECKING:
    from drtengine._core import Problem

POPULATIONS = ("two_zarc", "overlapping", "havriliak_negami", "random")
GRIDS = ("regular", "irregular")
TAU = "drttools"
"""Nodes at 1/f, as many as frequencies: where the peers have them."""

NOISE = 0.005
LEAD = 5e-6
"""Every spectrum has this inductance (H), as cells do: the peers ask for L_0 >= 0, and there the bound is not felt."""


def frequencies(points: int, grid: str = "regular") -> FloatArray:
    """100 kHz to 10 mHz, falling; "irregular" shifts each point by up to 30 % of a step."""
    f = np.geomspace(1e5, 1e-2, points)
    if grid == "irregular":
        step = np.log(f[0] / f[1])
        f = f * np.exp(step * np.random.default_rng(points).uniform(-0.3, 0.3, points))
    return f


@lru_cache(maxsize=4)
def campaign(population: str, points: int = 71, count: int = 20_000, grid: str = "regular") -> dt.Campaign:
    """Spectra with proportional noise of 0.5 %, checked already, as in a second call on the same data."""
    f = frequencies(points, grid)
    if population == "random":
        Z = _random_mixtures(f, count)
    else:
        circuit = benchmark_cases()[population] + Inductor(LEAD)
        Z = np.tile(circuit.impedance(f), (count, 1))
    spectra = dt.Campaign.from_arrays(f, add_noise(Z, NOISE, seed=1))
    assert (spectra.problems == dt.Status.OK).all()  # and computed now
    return spectra


def _random_mixtures(frequency: FloatArray, count: int) -> ComplexArray:
    """Two ZARCs in each spectrum: 20 to 80 ohm, 0.1 ms to 1 s, exponent 0.6 to 1."""
    rng = np.random.default_rng(2)
    s = 2j * np.pi * frequency
    Z = np.tile(10 + LEAD * s, (count, 1))
    for _ in range(2):
        R, tau, phi = rng.uniform(20, 80, count), 10 ** rng.uniform(-4, 0, count), rng.uniform(0.6, 1, count)
        Z += R[:, None] / (1 + (tau[:, None] * s) ** phi[:, None])
    return Z


def basis_for(frequency: FloatArray) -> Basis:
    """Gaussians on the nodes at 1/f, with the default width."""
    return Basis.on(tau_grid(frequency.min(), frequency.max(), frequency, TAU), "gaussian")


def assemble(frequency: FloatArray) -> Callable[[], tuple[FloatArray, FloatArray, FloatArray]]:
    """Return a call into the core that gives the kernel, real and imaginary, and the first-order penalty."""
    key, omega = basis_for(frequency).key, 2 * np.pi * frequency
    return lambda: (*core.kernel(*key, omega), core.penalty(*key, 1))


def core_call(spectra: dt.Campaign, *, weights: str = "unit", n_threads: int = 1) -> tuple[Problem, FloatArray]:
    """Arguments of the core for a campaign on one grid, as `fit_drt` has them.

    Returns
    -------
    problem : Problem
        See `_core.pyi`.
    gamma_of : ndarray, shape [node, node]
        Turns coefficients into gamma at the nodes.
    """
    frequency = np.ascontiguousarray(spectra.frequency[0])
    basis = basis_for(frequency)
    problem: Problem = {
        "shape": SHAPES.index(basis.shape),
        "epsilon": basis.epsilon,
        "log_tau": np.log(basis.tau),
        "omega": 2 * np.pi * frequency,
        "order": 1,
        "inductance": True,
        "capacitance": False,
        "part": 0,
        "Z": spectra.Z,
        "weights": np.empty((0, 0)) if weights == "unit" else 1 / np.abs(spectra.Z),
        "nonneg": True,
        "n_threads": n_threads,
        "progress": None,
    }
    return problem, np.ascontiguousarray(basis.values(basis.tau).T)


@dataclass(frozen=True, eq=False)
class QuadraticPrograms:
    """The inversion as general solvers take it: min x'Hx/2 - g'x, x >= 0, one for each spectrum.

    x = [R_inf, L_0 / unit_of_L, coefficients]; the column of L_0 is scaled to at most one.

    Attributes
    ----------
    H : [unknown, unknown]
    g : [spectrum, unknown]
    rows : [row, unknown]
        Least-squares form: rows'rows = H.
    right : [spectrum, row]
        And rows'right = g.
    """

    H: FloatArray
    g: FloatArray
    rows: FloatArray
    right: FloatArray


def quadratic_programs(spectra: dt.Campaign, lambda_: float) -> QuadraticPrograms:
    """Pose the spectra of one grid for a general solver."""
    frequency = spectra.frequency[0]
    basis = basis_for(np.ascontiguousarray(frequency))
    kernel = basis.kernel(frequency)
    design = np.column_stack([np.ones(frequency.size), 1j * frequency / frequency.max(), kernel])
    A = np.vstack([design.real, design.imag])
    z = np.hstack([spectra.Z.real, spectra.Z.imag])
    eigenvalues, vectors = np.linalg.eigh(basis.penalty(1))
    half = np.sqrt(np.maximum(eigenvalues, 0))[:, None] * vectors.T  # rounding leaves tiny negative ones
    penalty = np.zeros((basis.tau.size, A.shape[1]))
    penalty[:, 2:] = np.sqrt(lambda_) * half
    rows = np.vstack([A, penalty])
    right = np.hstack([z, np.zeros((len(z), len(penalty)))])
    return QuadraticPrograms(rows.T @ rows, z @ A, rows, right)


def write_eclab(path: Path, spectra: dt.Campaign) -> None:
    """Write all spectra into one text file as EC-Lab exports it."""
    names = ("time/s", "cycle number", "freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm", "|Z|/Ohm", "Phase(Z)/deg")
    count, points = spectra.Z.shape
    Z = spectra.Z.ravel()
    table = np.column_stack(
        [
            np.arange(Z.size) * 0.5,
            np.repeat(np.arange(1, count + 1), points),
            spectra.frequency.ravel(),
            Z.real,
            -Z.imag,
            np.abs(Z),
            np.degrees(np.angle(Z)),
        ]
    )
    np.savetxt(path, table, fmt="%.9E", delimiter="\t", header="\t".join(names), comments="")
