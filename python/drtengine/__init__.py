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
from .analysis import Analysis, Settings, analyze, compare
from .basis import Basis
from .batch import BatchPlan, BatchStore, LazyCampaign, open_store, run_batch
from .campaign import Campaign
from .circuits import CircuitResult, fit_circuit
from .cv import CvResult, analyze_cv
from .cycling import CyclingResult, expand, summarize_cycling
from .diffusion import DiffusionComparison, compare_diffusion
from .drt import fit_drt
from .elements import ElementFit
from .errors import DataWarning, DrtengineError, InvalidInput, MissingExtra, Status, UnreadableFile
from .gitt import GittResult, fit_gitt
from .ici import IciResult, fit_ici
from .io import read, read_table, to_campaign
from .joint import Series
from .kk import KkLimits, KkResult, check_kk
from .maps import compare_maps, map_gamma
from .peaks import DEFAULT_PROCESSES, find_peaks, fit_components, integrate_processes, track_peaks
from .report import write_comparison, write_report
from .resistances import compare_resistances
from .result import DrtResult
from .samples import integrate_samples, locate_peak_samples
from .sampling import Sampling
from .scores import LambdaScores, lambda_scores
from .spectrum import Spectrum
from .store import load, save
from .warburg import WarburgResult, fit_warburg

__all__ = [
    "DEFAULT_PROCESSES",
    "Analysis",
    "Basis",
    "BatchPlan",
    "BatchStore",
    "Campaign",
    "CircuitResult",
    "CvResult",
    "CyclingResult",
    "DataWarning",
    "DiffusionComparison",
    "DrtResult",
    "DrtengineError",
    "ElementFit",
    "GittResult",
    "IciResult",
    "InvalidInput",
    "KkLimits",
    "KkResult",
    "LambdaScores",
    "LazyCampaign",
    "MissingExtra",
    "Sampling",
    "Series",
    "Settings",
    "Spectrum",
    "Status",
    "UnreadableFile",
    "WarburgResult",
    "__version__",
    "analyze",
    "analyze_cv",
    "check_kk",
    "compare",
    "compare_diffusion",
    "compare_maps",
    "compare_resistances",
    "expand",
    "find_peaks",
    "fit_circuit",
    "fit_components",
    "fit_drt",
    "fit_gitt",
    "fit_ici",
    "fit_warburg",
    "integrate_processes",
    "integrate_samples",
    "lambda_scores",
    "load",
    "locate_peak_samples",
    "map_gamma",
    "open_store",
    "read",
    "read_table",
    "run_batch",
    "save",
    "simulate",
    "summarize_cycling",
    "to_campaign",
    "track_peaks",
    "write_comparison",
    "write_report",
]


def __dir__() -> list[str]:
    return __all__
