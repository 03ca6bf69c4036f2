"""Warburg regions of impedance spectra: verdict, coefficient, and diffusion coefficients with uncertainties."""

from .fit import fit_warburg
from .result import WarburgResult

__all__ = ["WarburgResult", "fit_warburg"]
