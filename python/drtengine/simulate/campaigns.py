"""Campaigns made from circuits, the truth kept beside them, and the circuits of the accuracy benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..campaign import Campaign
from ..errors import InvalidInput
from ..spectrum import FloatArray
from .elements import Circuit, Element, Resistor, positive
from .noise import NoiseKind, add_noise
from .relaxations import ZARC, FractalGerischer, Gerischer, HavriliakNegami


@dataclass(frozen=True, eq=False)
class SimulatedCampaign:
    """A simulated measurement and the circuits behind it.

    Parameters
    ----------
    campaign : Campaign
        The spectra, noise included.
    circuits : sequence of Element
        The exact circuit of each spectrum, in the same order.

    Raises
    ------
    InvalidInput
        If their numbers differ.
    """

    campaign: Campaign
    circuits: Sequence[Element]

    def __post_init__(self) -> None:
        object.__setattr__(self, "circuits", tuple(self.circuits))
        if len(self.circuits) != len(self.campaign):
            raise InvalidInput(f"{len(self.circuits)} circuits for {len(self.campaign)} spectra")

    def gamma(self, tau: ArrayLike) -> FloatArray:
        """Exact continuous density in ohm per unit ln τ, shape [spectrum, tau]; lines (finite Warburg) are not in it.

        See `Element.gamma`.
        """
        return np.stack([circuit.gamma(tau) for circuit in self.circuits])

    def integral(self, tau_low: ArrayLike, tau_high: ArrayLike) -> FloatArray:
        """Exact resistance with τ_low <= τ < τ_high in ohm, lines and density, shape [spectrum, ...].

        See `Element.integral`.
        """
        return np.stack([circuit.integral(tau_low, tau_high) for circuit in self.circuits])

    def cell_average(self, edges: ArrayLike) -> FloatArray:
        """Exact average of γ over cells in ln τ, lines and density, in ohm per unit ln τ, shape [spectrum, cell].

        See `Element.cell_average`.
        """
        return np.stack([circuit.cell_average(edges) for circuit in self.circuits])


def campaign(
    circuits: Sequence[Element],
    frequency: ArrayLike,
    *,
    coordinates: Mapping[str, ArrayLike] | None = None,
    names: Sequence[str] | None = None,
    noise: NoiseKind = "proportional",
    level: float = 0.0,
    seed: int | np.random.Generator = 0,
) -> Campaign:
    """Measure circuits at the same frequencies.

    Parameters
    ----------
    circuits : sequence of Element
        One for each spectrum.
    frequency : array_like, shape [point]
        Hz.
    coordinates : mapping of str to array_like, shape [spectrum], optional
    names : sequence of str, optional
    noise, level, seed
        Kind, relative size and seed of the noise, see `add_noise`.

    Returns
    -------
    Campaign

    Raises
    ------
    InvalidInput
        If there is no circuit, or an argument cannot be used.
    """
    if not circuits:
        raise InvalidInput("circuits must hold at least one circuit")
    points = positive("frequency", frequency)
    if points.ndim != 1:
        raise InvalidInput(f"frequency must be one row, the same for all circuits, got shape {points.shape}")
    Z = np.stack([circuit.impedance(points) for circuit in circuits])
    Z = add_noise(Z, level, kind=noise, seed=seed)
    return Campaign.from_arrays(points, Z, coordinates=coordinates, names=names)


def benchmark_cases() -> dict[str, Circuit]:
    """Return the five circuits on which methods are compared, R_inf = 10 ohm, 50 ohm a relaxation.

    They are meant for 71 frequencies from 100 kHz to 10 mHz and proportional noise of 0.1, 0.5 and 1 %.

    Returns
    -------
    dict of str to Circuit
        "two_zarc", "overlapping", "gerischer", "havriliak_negami" and "fractal_gerischer".
    """
    cases: dict[str, list[Element]] = {
        "two_zarc": [ZARC(50, 1e-3, 0.8), ZARC(50, 1e-1, 0.8)],
        "overlapping": [ZARC(50, 1e-2, 0.8), ZARC(50, 1e-1, 0.8)],
        "gerischer": [Gerischer(50, 1e-1)],
        "havriliak_negami": [HavriliakNegami(50, 1e-2, alpha=0.9, beta=0.6)],
        "fractal_gerischer": [FractalGerischer(50, 1e-1, alpha=0.8)],
    }
    return {name: Circuit([Resistor(10), *relaxations]) for name, relaxations in cases.items()}
