"""A synthetic stand-in for an in situ campaign on silicon anodes.

It mimics the voltage-resolved spectra of He et al., ACS Sustainable Chem. Eng. 2025
(10.1021/acssuschemeng.4c10154), so that analyses can be shown and judged on a campaign of
which the truth is known. The numbers below are made up: they are not the study's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput, near_miss
from ..spectrum import FloatArray
from .campaigns import SimulatedCampaign, campaign
from .elements import Capacitor, Circuit, Inductor, Resistor
from .noise import NoiseKind, generator
from .relaxations import ZARC
from .warburg import TransmissiveWarburg

Electrode: TypeAlias = Literal["SA@Borax", "SA"]
Branch: TypeAlias = Literal["discharge", "charge"]

L_0 = 0.5e-6
PHI_SEI = 0.80
PHI_CT = 0.88

# SA@Borax on discharge: what each column is stands in State
_DISCHARGE = np.array(
    [
        # voltage R_0   R_SEI     tau_SEI   R_ct   tau_ct    R_D   tau_D   C_int
        (1.15, 4.200, 8.003, 8.002e-05, 114.00, 0.40990, 113.70, 19.530, 0.2500),
        (1.10, 4.200, 8.008, 8.007e-05, 113.80, 0.40910, 112.90, 19.360, 0.2500),
        (1.05, 4.200, 8.023, 8.018e-05, 113.60, 0.40780, 111.80, 19.170, 0.2501),
        (1.00, 4.200, 8.061, 8.048e-05, 113.30, 0.40610, 110.50, 18.930, 0.2529),
        (0.95, 4.201, 8.164, 8.128e-05, 112.80, 0.40340, 108.90, 18.650, 0.2946),
        (0.90, 4.201, 8.433, 8.333e-05, 112.10, 0.39960, 106.70, 18.300, 0.5646),
        (0.85, 4.202, 9.087, 8.817e-05, 111.20, 0.39410, 104.10, 17.890, 1.2650),
        (0.80, 4.203, 10.45, 9.750e-05, 109.80, 0.38620, 100.80, 17.410, 1.7510),
        (0.75, 4.205, 12.56, 1.099e-04, 107.90, 0.37500, 96.750, 16.830, 1.2680),
        (0.70, 4.209, 14.67, 1.199e-04, 105.20, 0.35960, 91.870, 16.150, 0.5718),
        (0.65, 4.215, 16.05, 1.251e-04, 101.70, 0.33900, 86.050, 15.350, 0.3147),
        (0.60, 4.224, 16.73, 1.275e-04, 97.170, 0.31270, 79.210, 14.420, 0.3069),
        (0.55, 4.238, 17.05, 1.286e-04, 91.670, 0.28100, 71.330, 13.350, 0.3924),
        (0.50, 4.260, 17.25, 1.296e-04, 85.340, 0.24520, 62.440, 12.130, 0.6076),
        (0.45, 4.291, 17.45, 1.310e-04, 78.540, 0.20790, 52.670, 10.760, 1.0580),
        (0.40, 4.334, 17.74, 1.331e-04, 71.750, 0.17220, 42.320, 9.2350, 1.8100),
        (0.35, 4.389, 18.19, 1.364e-04, 65.420, 0.14090, 31.890, 7.5900, 3.6080),
        (0.30, 4.450, 18.81, 1.411e-04, 59.920, 0.11550, 22.350, 5.8980, 10.990),
        (0.25, 4.511, 19.55, 1.466e-04, 55.410, 0.09611, 16.000, 4.4410, 23.380),
        (0.20, 4.566, 20.29, 1.522e-04, 51.890, 0.08205, 18.920, 5.6750, 21.540),
        (0.15, 4.609, 20.91, 1.568e-04, 49.240, 0.07217, 21.830, 6.9090, 11.820),
        (0.10, 4.640, 21.35, 1.601e-04, 47.300, 0.06537, 24.750, 8.1420, 27.660),
        (0.05, 4.662, 21.63, 1.622e-04, 51.190, 0.06773, 27.670, 9.3760, 32.250),
        (0.01, 4.674, 21.77, 1.633e-04, 54.300, 0.07002, 30.000, 10.360, 11.310),
    ]
)

HYSTERESIS = 0.20
"""V by which the charge branch lags behind once it has opened."""
OPENING = 0.30
"""V of charge within which the branches part, by the factor 1 - exp(-(V - 0.01)/OPENING)."""
CHARGE_GAIN = 0.15
"""Share by which charge transfer is easier on charge once the branches have parted."""
SLOWER_DIFFUSION = 7.2539 / 3.0959
"""How much slower lithium diffuses in SA: the ratio of two diffusion coefficients of the study."""


@dataclass(frozen=True)
class State:
    """Element values of one spectrum: ohm, s, F."""

    R_0: float
    R_SEI: float
    tau_SEI: float
    R_ct: float
    tau_ct: float
    R_D: float
    tau_D: float
    C_int: float

    def circuit(self) -> Circuit:
        """L_0 + R_0 + ZARC (SEI) + ZARC (charge transfer) + transmissive Warburg + C_int."""
        return Circuit(
            [
                Inductor(L_0),
                Resistor(self.R_0),
                ZARC(self.R_SEI, self.tau_SEI, PHI_SEI),
                ZARC(self.R_ct, self.tau_ct, PHI_CT),
                TransmissiveWarburg(self.R_D, self.tau_D),
                Capacitor(self.C_int),
            ]
        )


def standin(
    electrode: Electrode = "SA@Borax",
    branches: Sequence[Branch] = ("discharge", "charge"),
    *,
    frequency: ArrayLike | None = None,
    noise: NoiseKind = "proportional",
    level: float = 0.003,
    seed: int = 0,
) -> SimulatedCampaign:
    """Simulate an in situ campaign on a silicon anode; synthetic, not the study's data.

    A stand-in for the spectra of He et al. 2025 (10.1021/acssuschemeng.4c10154): 24 voltages
    from 1.15 to 0.01 V on discharge (lithiation), back up on charge. Each spectrum is
    0.5 µH + R_0 + ZARC (SEI) + ZARC (charge transfer) + R_D tanh√(iωτ_D)/√(iωτ_D) + 1/(iωC_int).

    - **Discharge** of SA@Borax is a table of element values.
    - **Charge** starts where discharge ended and lags behind by a hysteresis that opens to
      0.2 V: charge transfer, diffusion and C_int at V are those of discharge at
      V - 0.2 V (1 - exp(-(V - 0.01 V)/0.3 V)), interpolated. R_ct and τ_ct fall below those by
      up to 15 % with the same opening. R_0 and the SEI, once formed, keep their values of 0.01 V.
    - **SA** differs in charge transfer, which is not activated (114 ohm, 0.41 s at every voltage
      of both branches), and in diffusion, slower by 7.2539/3.0959 (τ_D and R_D, so that the
      Warburg coefficient R_D/√(2τ_D) rises as D^-½).

    Parameters
    ----------
    electrode : {"SA@Borax", "SA"}
        The binder without or with borax. The two carry different noise.
    branches : sequence of {"discharge", "charge"}
        Which branches, in which order.
    frequency : array_like, shape [point], optional
        Hz; 71 points from 100 kHz to 10 mHz, 10 a decade, unless given.
    noise, level, seed
        Kind, relative size and seed of the noise, see `add_noise`.

    Returns
    -------
    SimulatedCampaign
        The campaign, with the coordinates voltage (V), branch and electrode, and its exact circuits.

    Raises
    ------
    InvalidInput
        If an option is unknown or there is no branch.

    Examples
    --------
    >>> from drtengine.simulate import standin
    >>> truth = standin()
    >>> truth.campaign
    <Campaign: 48 spectra, 71 points, 0.01 to 1e+05 Hz, coordinates: voltage, branch, electrode>
    >>> truth.integral(1e-2, 1.0)[:3].round(1)  # ohm: charge transfer, and the fast lines of diffusion
    array([121.6, 121.3, 121. ])
    """
    electrode_index = _index("electrode", electrode, get_args(Electrode))
    if isinstance(branches, str) or not branches:
        raise InvalidInput(f"branches must be a sequence such as ('discharge', 'charge'), got {branches!r}")
    voltage: list[FloatArray] = []
    for branch in branches:
        _index("branch", branch, get_args(Branch))
        voltage.append(_DISCHARGE[:, 0] if branch == "discharge" else _DISCHARGE[::-1, 0])
    labels = [(branch, float(V)) for branch, row in zip(branches, voltage, strict=True) for V in row]
    circuits = [_state(electrode, branch, V).circuit() for branch, V in labels]
    measured = campaign(
        circuits,
        np.geomspace(1e5, 1e-2, 71) if frequency is None else frequency,
        coordinates={
            "voltage": [V for _, V in labels],
            "branch": [branch for branch, _ in labels],
            "electrode": [electrode] * len(labels),
        },
        names=[f"{electrode} {branch} {V:.2f} V" for branch, V in labels],
        noise=noise,
        level=level,
        seed=generator(seed).spawn(electrode_index + 1)[electrode_index],
    )
    note = "synthetic stand-in for the campaign of He et al. 2025 (10.1021/acssuschemeng.4c10154), not its data"
    return SimulatedCampaign(replace(measured, notes=(note,)), circuits)


def _state(electrode: Electrode, branch: Branch, voltage: float) -> State:
    """Element values of an electrode at a voltage of the table."""
    opened = 1 - np.exp(-(voltage - _DISCHARGE[-1, 0]) / OPENING) if branch == "charge" else 0.0
    state = _on_discharge(voltage - HYSTERESIS * opened)
    if branch == "charge":
        formed = _on_discharge(float(_DISCHARGE[-1, 0]))
        easier = 1 - CHARGE_GAIN * opened
        state = replace(
            formed,
            R_ct=state.R_ct * easier,
            tau_ct=state.tau_ct * easier,
            R_D=state.R_D,
            tau_D=state.tau_D,
            C_int=state.C_int,
        )
    if electrode == "SA":
        fresh = _on_discharge(float(_DISCHARGE[0, 0]))
        state = replace(
            state,
            R_ct=fresh.R_ct,
            tau_ct=fresh.tau_ct,
            R_D=state.R_D * SLOWER_DIFFUSION,
            tau_D=state.tau_D * SLOWER_DIFFUSION,
        )
    return state


def _on_discharge(voltage: float) -> State:
    """Row of the table at a voltage, interpolated between two rows."""
    rising = _DISCHARGE[::-1]
    return State(*(float(np.interp(voltage, rising[:, 0], column)) for column in rising[:, 1:].T))


def _index(name: str, given: str, allowed: tuple[str, ...]) -> int:
    if given not in allowed:
        raise InvalidInput(f"unknown {name} {given!r}: {near_miss(given, allowed)}")
    return allowed.index(given)
