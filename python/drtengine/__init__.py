"""Distributions of relaxation times from campaigns of impedance spectra.

>>> import numpy as np
>>> import drtengine as dt
>>> frequency = np.geomspace(1e5, 1e-2, 71)
>>> circuit = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
>>> campaign = dt.Campaign.from_arrays(frequency, [circuit.impedance(frequency)], coordinates={"voltage": [0.1]})
>>> result = dt.fit_drt(campaign)
>>> result
<DrtResult: 1 of 1 spectra inverted, 92 nodes, 1.58e-07 to 200 s>
>>> f"{result.tau[result.gamma[0].argmax()]:.3g} s"
'0.01 s'
"""

from __future__ import annotations

from . import simulate
from ._version import __version__
from .basis import Basis
from .campaign import Campaign
from .drt import fit_drt
from .errors import DataWarning, DrtengineError, InvalidInput, MissingExtra, Status, UnreadableFile
from .io import read
from .joint import Series
from .result import DrtResult
from .spectrum import Spectrum
from .store import load, save

__all__ = [
    "Basis",
    "Campaign",
    "DataWarning",
    "DrtResult",
    "DrtengineError",
    "InvalidInput",
    "MissingExtra",
    "Series",
    "Spectrum",
    "Status",
    "UnreadableFile",
    "__version__",
    "fit_drt",
    "load",
    "read",
    "save",
    "simulate",
]


def __dir__() -> list[str]:
    return __all__
