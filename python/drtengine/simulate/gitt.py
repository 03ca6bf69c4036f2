"""Titrations and interrupted currents with their exact truth: diffusion into a layer or a sphere, solved exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidInput
from ..geometry import Geometry, choose_geometry
from ..options import check_positive
from ..spectrum import FloatArray
from .noise import generator

if TYPE_CHECKING:
    import pandas as pd

_TERMS = 60
_FIRST = 1e-3
"""First row after a switch that is recorded, in s."""
_EARLY = 0.05
"""Below this θ the exact short-time solution is used, above it the series, whose 60 terms are exact there."""


@dataclass(frozen=True, eq=False)
class SimulatedTitration:
    """A simulated record and the truth behind it.

    Parameters
    ----------
    frame : DataFrame
        time_s, current_A, voltage_V; positive current is lithiation and lowers the voltage.
    D : float
        m2/s.
    geometry : Geometry
    R : float
        Ohm: what jumps with the current, charge transfer included.
    k : float
        Ohm s^-1/2: -dE/d√t over the current just after a switch, at the first pulse.
    switches : ndarray, shape [pulse, 2]
        When the current was switched on and off, in s.
    """

    frame: pd.DataFrame
    D: float
    geometry: Geometry
    R: float
    k: float
    switches: FloatArray


def gitt(
    *,
    D: float,
    sphere_radius: float | None = None,
    plane_thickness: float | None = None,
    pulse: float = 600.0,
    rest: float = 40000.0,
    count: int = 12,
    step: float = 0.02,
    interval: float = 5.0,
    rest_interval: float | None = None,
    current: float = 1e-3,
    R: float = 20.0,
    R_ct: float = 0.0,
    tau_RC: float = 1.0,
    potential: Callable[[FloatArray], FloatArray] | None = None,
    start: float = 0.1,
    noise: float = 0.0,
    delay: float = 0.0,
    seed: int | np.random.Generator = 0,
) -> SimulatedTitration:
    """Simulate a titration: pulses of constant current with rests, from the exact solution of Fick's law.

    The surface concentration is the superposition of the responses to all switches (Carslaw and Jaeger). The
    voltage is the equilibrium potential at the surface, less the ohmic drop and that of the double layer.

    Parameters
    ----------
    D : float
        m2/s.
    sphere_radius, plane_thickness : float
        One of them, in m.
    pulse, rest : float
        Durations in s; the record starts with a minute of rest.
    count : int
        Number of pulses.
    step : float
        Change of the mean lithiation by each pulse; negative for delithiation.
    interval : float
        Time between rows in pulses in s.
    rest_interval : float, optional
        Time between the first rows of a rest, by default `interval`; it grows by 10 % from row to row, up to a
        hundredth of the rest.
    current : float
        Size of the current in A.
    R, R_ct, tau_RC : float
        Ohmic resistance, charge transfer resistance (ohm) and the time constant of the double layer (s).
    potential : callable, optional
        Equilibrium potential in V of the lithiation [...]; by default 0.68 - 0.8 x.
    start : float
        Lithiation at the start.
    noise : float
        Standard deviation of the voltage in V.
    delay : float
        By how much the last row of a rest stands before the pulse, less than `interval`; the first row of the pulse
        then comes interval - delay after it. 0 records both instants, as a cycler does that logs each step's start.
    seed : int or numpy.random.Generator

    Returns
    -------
    SimulatedTitration

    Raises
    ------
    InvalidInput
        If an argument cannot be used.
    """
    geometry = choose_geometry(sphere_radius, plane_thickness, None, 0.0)
    for name, value in (("D", D), ("pulse", pulse), ("rest", rest), ("interval", interval), ("current", current)):
        check_positive(name, value)
    if count < 1:
        raise InvalidInput(f"count must be at least 1, got {count!r}")
    if not 0 <= delay < interval:
        raise InvalidInput(f"delay must be at least 0 and less than interval={interval:g}, got {delay!r}")
    on = 60.0 + (pulse + rest) * np.arange(count)
    switches = np.stack([on, on + pulse], axis=1)
    after = np.arange(0.0, pulse + 1e-9, interval) if delay == 0 else np.arange(interval - delay, pulse, interval)
    after = np.maximum(after, _FIRST)
    dense = rest_interval or interval
    spacing = np.clip(dense * 1.1 ** np.minimum(np.arange(rest / dense + 1), 99), dense, max(rest / 100, dense))
    growing = np.cumsum(spacing)
    growing = np.concatenate([[_FIRST], growing[growing < rest - delay - dense / 2], [rest - delay]])
    times, currents = [np.arange(0.0, 60.1 - delay, 10.0) if delay == 0 else 60 - delay - np.arange(5, -1, -1.0)], [0.0]
    for begin, end in switches:
        times += [begin + after, end + growing]
        currents += [current, 0.0]
    time = np.concatenate(times)
    amperes = np.repeat(currents, [t.size for t in times])
    x: FloatArray = start + step / pulse * _filled(time, switches, geometry, D)
    potential = potential or (lambda x: 0.68 - 0.8 * x)
    sign = np.sign(step)
    voltage = potential(x) - sign * current * (R * (amperes > 0) + R_ct * _charged(time, switches, tau_RC))
    voltage += noise * generator(seed).standard_normal(time.size)
    near = potential(np.array([start - 1e-6, start + 1e-6]))
    slope = -float(near[1] - near[0]) / 2e-6 * abs(step) / pulse * geometry.length * np.sqrt(4 / (np.pi * D))
    import pandas as pd

    frame = pd.DataFrame({"time_s": time, "current_A": sign * amperes, "voltage_V": voltage})
    return SimulatedTitration(frame, D, geometry, R + R_ct, slope / current, switches)


def ici(
    *,
    D: float,
    sphere_radius: float | None = None,
    plane_thickness: float | None = None,
    on: float = 300.0,
    off: float = 10.0,
    count: int = 80,
    step: float = 0.01,
    R: float = 30.0,
    noise: float = 0.0,
    seed: int | np.random.Generator = 0,
) -> SimulatedTitration:
    """Simulate a constant current that is interrupted briefly: a titration with short rests, see `gitt`.

    Parameters
    ----------
    D, sphere_radius, plane_thickness, step, R, noise, seed
        See `gitt`.
    on, off : float
        Durations of current and interruption in s; rows stand 10 s and 0.1 s apart.
    count : int
        Number of interruptions.

    Returns
    -------
    SimulatedTitration
    """
    return gitt(
        D=D, sphere_radius=sphere_radius, plane_thickness=plane_thickness, pulse=on, rest=off, count=count,
        step=step, interval=min(10.0, on / 10), rest_interval=min(0.1, off / 10), R=R, start=0.05, noise=noise,
        seed=seed,
    )  # fmt: skip


def _filled(time: FloatArray, switches: FloatArray, geometry: Geometry, D: float) -> FloatArray:
    """Rise of the surface concentration in s of mean filling, by superposition of all switches [row]."""
    total = np.zeros(time.size)
    for begin, end in switches:
        for instant, sign in ((begin, 1.0), (end, -1.0)):
            later = np.searchsorted(time, instant)
            total[later:] += sign * surface_response(time[later:] - instant, geometry, D)
    return total


def surface_response(t: FloatArray, geometry: Geometry, D: float) -> FloatArray:
    """Surface concentration under a constant flux, in units of the mean concentration that 1 s of it brings.

    Parameters
    ----------
    t : ndarray
        Seconds since the flux began, at least 0.
    geometry : Geometry
    D : float
        m2/s.

    Returns
    -------
    ndarray, shape of `t`
        For a plane of thickness L: t + L²/D (1/3 - Σ 2 exp(-n²π²θ)/(n²π²)); for a sphere
        t + r²/3D (1/5 - Σ 2 exp(-λ²θ)/λ²) with tan λ = λ; θ = Dt/size². Crank, The Mathematics of Diffusion.
    """
    from scipy.special import erf

    theta = D * t / geometry.size**2
    late = theta >= _EARLY
    rise: FloatArray = np.empty(theta.shape)
    if geometry.shape == "sphere":
        early = theta[~late]
        # the flux that fills r/3 in 1 s raises c by (r²/3D)(exp(θ)(1 + erf √θ) - 1)
        rise[~late] = (np.exp(early) * erf(np.sqrt(early)) + np.expm1(early)) / 3
        roots, offset, scale = _tangent_roots(), 1 / 5, 1 / 3
    else:
        rise[~late] = 2 * np.sqrt(theta[~late] / np.pi)
        roots, offset, scale = np.linspace(np.pi, _TERMS * np.pi, _TERMS), 1 / 3, 1.0
    series = np.exp(-np.multiply.outer(theta[late], roots**2)) @ (2 / roots**2)
    rise[late] = theta[late] + scale * (offset - series)
    rise *= geometry.size**2 / D
    return rise


def _tangent_roots() -> FloatArray:
    """Solve tan λ = λ by Newton on sin λ - λ cos λ, the first 60 solutions above 0."""
    middle = np.linspace(1.5, _TERMS + 0.5, _TERMS) * np.pi
    roots: FloatArray = middle - 1 / middle
    for _ in range(20):
        roots -= (np.sin(roots) - roots * np.cos(roots)) / (roots * np.sin(roots))
    return roots


def _charged(time: FloatArray, switches: FloatArray, tau: float) -> FloatArray:
    """State of charge of a double layer, 0 at rest and 1 under current in the end [row]."""
    total = np.zeros(time.size)
    for begin, end in switches:
        for instant, sign in ((begin, 1.0), (end, -1.0)):
            later = np.searchsorted(time, instant)
            total[later:] += sign * -np.expm1(-(time[later:] - instant) / tau)
    return total
