"""Cyclic voltammograms with their exact truth: given k1 and k2, and a film that only diffuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput
from ..options import check_positive
from ..spectrum import FloatArray
from .elements import positive
from .noise import generator

if TYPE_CHECKING:
    import pandas as pd

_MODES = 200
_THERMAL = 8.314462618 * 298.15 / 96485.33212
"""RT/F in V at 25 °C."""


@dataclass(frozen=True, eq=False)
class SimulatedCv:
    """Simulated voltammograms and the truth behind them.

    Parameters
    ----------
    frame : DataFrame
        scan_rate_V_s, time_s, potential_V, current_A; the anodic sweep of each rate first.
    share : ndarray, shape [rate, branch]
        Exact capacitive share of the charge; branches anodic, cathodic, both.
    """

    frame: pd.DataFrame
    share: FloatArray


def cv(
    scan_rates: ArrayLike,
    k1: Callable[[FloatArray], FloatArray],
    k2: Callable[[FloatArray], FloatArray],
    *,
    window: tuple[float, float] = (0.01, 1.5),
    points: int = 600,
    noise: float = 0.0,
    seed: int | np.random.Generator = 0,
) -> SimulatedCv:
    """Simulate i = k1 v + k2 √v, the same on both branches but for the sign.

    Parameters
    ----------
    scan_rates : array_like, shape [rate]
        V/s.
    k1, k2 : callable
        Of the potential in V [point], in F and A s^½ V^-½, at least 0.
    window : tuple of float
        Vertices in V.
    points : int
        Rows of each sweep.
    noise : float
        Standard deviation of the current, relative to its size.
    seed : int or numpy.random.Generator

    Returns
    -------
    SimulatedCv

    Raises
    ------
    InvalidInput
        If a rate is not positive.
    """
    rates = positive("scan_rates", scan_rates)
    E = np.linspace(*window, points)
    a, b = k1(E) * np.ones(points), k2(E) * np.ones(points)
    rng = generator(seed)
    tables, shares = [], []
    for v in np.atleast_1d(rates):
        i = a * v + b * np.sqrt(v)
        shares.append(np.full(3, _integral(a * v, E) / _integral(i, E)))
        both = np.concatenate([i, -i[::-1]])
        both = both * (1 + noise * rng.standard_normal(both.size))
        tables.append(_table(v, np.concatenate([E, E[::-1]]), both))
    return SimulatedCv(_join(tables), np.array(shares))


def film_cv(
    scan_rates: ArrayLike,
    *,
    D: float,
    thickness: float,
    charge: float = 1.0,
    potential: float = 0.5,
    window: tuple[float, float] = (0.0, 1.0),
    points: int = 2000,
    cycles: int = 1,
) -> SimulatedCv:
    """Simulate a film that is filled by diffusion alone, its surface in equilibrium with the potential (Nernst).

    Nothing in it is capacitive, yet at low rates, or in thin films, the current goes with the scan rate: this is
    what b and k1 cannot tell from a surface process. Solved exactly mode by mode for a surface concentration that
    is linear between rows.

    Parameters
    ----------
    scan_rates : array_like, shape [rate]
        V/s.
    D : float
        m2/s.
    thickness : float
        m.
    charge : float
        C, to fill the film.
    potential : float
        Standard potential in V.
    window : tuple of float
        Vertices in V.
    points : int
        Rows of each sweep.
    cycles : int
        Cycles of each rate.

    Returns
    -------
    SimulatedCv
        Its share is 0.
    """
    rates = np.atleast_1d(positive("scan_rates", scan_rates))
    modes = (np.arange(1, _MODES + 1) - 0.5) * np.pi
    rate = modes**2 * check_positive("D", D) / check_positive("thickness", thickness) ** 2
    weight = 2 / modes**2
    rest = 1 - weight.sum()  # faster modes follow the surface
    if cycles < 1:
        raise InvalidInput(f"cycles must be at least 1, got {cycles!r}")
    E = np.linspace(*window, points)
    E = np.tile(np.concatenate([E, E[::-1]]), cycles)
    surface = 1 / (1 + np.exp((E - potential) / _THERMAL))
    tables = []
    for v in rates:
        dt = np.abs(np.diff(E)) / v
        state = np.full(_MODES, surface[0])
        current = np.zeros(E.size)
        for n in range(1, E.size):
            x = rate * dt[n - 1]
            if dt[n - 1] > 0:
                decay, lag = np.exp(-x), -np.expm1(-x) / x
                state = state * decay + surface[n - 1] * (lag - decay) + surface[n] * (1 - lag)
            follows = rest * (surface[n] - surface[n - 1]) / dt[n - 1] if dt[n - 1] > 0 else 0.0
            current[n] = -charge * ((weight * rate) @ (surface[n] - state) + follows)
        tables.append(_table(v, E, current))
    return SimulatedCv(_join(tables), np.zeros((rates.size, 3)))


def _integral(y: FloatArray, x: FloatArray) -> float:
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())


def _table(v: float, E: FloatArray, current: FloatArray) -> dict[str, FloatArray]:
    time = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(E)) / v)])
    return {"scan_rate_V_s": np.full(E.size, v), "time_s": time, "potential_V": E, "current_A": current}


def _join(tables: list[dict[str, FloatArray]]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([pd.DataFrame(table) for table in tables], ignore_index=True)
