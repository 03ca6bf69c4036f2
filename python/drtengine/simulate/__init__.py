"""Spectra and campaigns with their exact truth.

Elements know their impedance and their distribution of relaxation times in closed form:
discrete lines, a continuous density, and the exact resistance between any two relaxation
times. Circuits put elements in series, campaigns measure circuits with known noise.

>>> import numpy as np
>>> from drtengine import simulate
>>> cell = simulate.Resistor(10) + simulate.ZARC(50, 1e-2, 0.8) + simulate.RC(20, 1.0)
>>> Z = simulate.add_noise(cell.impedance(np.geomspace(1e5, 1e-2, 71)), 0.003, seed=1)
>>> cell.lines().R, round(float(cell.integral(1e-3, 1e-1)), 2)
(array([20.]), 45.76)
"""

from .campaigns import SimulatedCampaign, benchmark_cases, campaign
from .cv import SimulatedCv, cv, film_cv
from .elements import Capacitor, Circuit, Element, Inductor, Lines, Resistor
from .gitt import SimulatedTitration, gitt, ici
from .noise import add_noise
from .relaxations import RC, ZARC, ColeDavidson, FractalGerischer, Gerischer, HavriliakNegami
from .standin import standin
from .warburg import ReflectiveWarburg, TransmissiveWarburg

__all__ = [
    "RC",
    "ZARC",
    "Capacitor",
    "Circuit",
    "ColeDavidson",
    "Element",
    "FractalGerischer",
    "Gerischer",
    "HavriliakNegami",
    "Inductor",
    "Lines",
    "ReflectiveWarburg",
    "Resistor",
    "SimulatedCampaign",
    "SimulatedCv",
    "SimulatedTitration",
    "TransmissiveWarburg",
    "add_noise",
    "benchmark_cases",
    "campaign",
    "cv",
    "film_cv",
    "gitt",
    "ici",
    "standin",
]
