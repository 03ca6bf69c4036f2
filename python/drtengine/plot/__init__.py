"""Figures of impedance spectra, distributions of relaxation times and kinetics, ready for a journal.

Every function draws on Matplotlib's objects directly: nothing is shown, no window opens, no global
state changes. Each draws into a new figure unless given `ax` (one panel) or `figure` (several panels).

>>> import drtengine as dt
>>> from drtengine import plot
>>> result = dt.fit_drt(dt.simulate.standin().campaign, capacitance=True)
>>> figure = plot.intensity_map(result, along="voltage")
>>> plot.save(figure, "gamma_map")  # doctest: +SKIP
"""

from .choices import lambda_scores
from .cycles import cycling, differential_capacity
from .diffusion import circuit_parameters, warburg
from .distributions import gamma, waterfall
from .figures import DOUBLE_COLUMN, SINGLE_COLUMN, new_figure, save
from .grids import grid_map
from .maps import intensity_map
from .processes import processes, tracks
from .spectra import bode, nyquist
from .titrations import diffusion, interruptions, pulse, titration
from .validity import kk_map, kk_noise, kk_residuals
from .voltammograms import capacitive_current, capacitive_shares, exponents, peak_exponents, voltammograms

__all__ = [
    "DOUBLE_COLUMN",
    "SINGLE_COLUMN",
    "bode",
    "capacitive_current",
    "capacitive_shares",
    "circuit_parameters",
    "cycling",
    "differential_capacity",
    "diffusion",
    "exponents",
    "gamma",
    "grid_map",
    "intensity_map",
    "interruptions",
    "kk_map",
    "kk_noise",
    "kk_residuals",
    "lambda_scores",
    "new_figure",
    "nyquist",
    "peak_exponents",
    "processes",
    "pulse",
    "save",
    "titration",
    "tracks",
    "voltammograms",
    "warburg",
    "waterfall",
]
