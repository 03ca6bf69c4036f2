"""Figures of impedance spectra and of distributions of relaxation times, ready for a journal.

Every function draws on Matplotlib's objects directly: nothing is shown, no window opens, no global
state changes. Each draws into a new figure unless given `ax` (one panel) or `figure` (several panels).

>>> import drtengine as dt
>>> from drtengine import plot
>>> result = dt.fit_drt(dt.simulate.standin().campaign, capacitance=True)
>>> figure = plot.intensity_map(result, along="voltage")
>>> plot.save(figure, "gamma_map")  # doctest: +SKIP
"""

from .diffusion import circuit_parameters, warburg
from .distributions import gamma, waterfall
from .figures import DOUBLE_COLUMN, SINGLE_COLUMN, new_figure, save
from .maps import intensity_map
from .spectra import bode, nyquist

__all__ = [
    "DOUBLE_COLUMN",
    "SINGLE_COLUMN",
    "bode",
    "circuit_parameters",
    "gamma",
    "intensity_map",
    "new_figure",
    "nyquist",
    "save",
    "warburg",
    "waterfall",
]
