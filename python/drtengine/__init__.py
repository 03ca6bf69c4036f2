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

from typing import TYPE_CHECKING

from ._version import __version__
from .basis import Basis
from .campaign import Campaign
from .drt import fit_drt
from .elements import ElementFit
from .errors import DataWarning, DrtengineError, InvalidInput, MissingExtra, Status, UnreadableFile
from .joint import Series
from .result import DrtResult
from .sampling import Sampling
from .spectrum import Spectrum
from .store import load, save

if TYPE_CHECKING:
    from . import simulate
    from .analysis import Analysis, Settings, analyze, compare
    from .batch import BatchPlan, BatchStore, LazyCampaign, open_store, run_batch
    from .circuits import CircuitResult, fit_circuit
    from .cv import CvResult, analyze_cv
    from .cycling import CyclingResult, expand, summarize_cycling
    from .diffusion import DiffusionComparison, compare_diffusion
    from .gitt import GittResult, fit_gitt
    from .ici import IciResult, fit_ici
    from .io import read, read_table, to_campaign
    from .kk import KkLimits, KkResult, check_kk
    from .maps import compare_maps, map_gamma
    from .peaks import DEFAULT_PROCESSES, find_peaks, fit_components, integrate_processes, track_peaks
    from .report import write_comparison, write_report
    from .resistances import compare_resistances
    from .samples import integrate_samples, locate_peak_samples
    from .scores import LambdaScores, lambda_scores
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


_HOMES = {
    name: module
    for module, names in {
        "analysis": "Analysis Settings analyze compare",
        "batch": "BatchPlan BatchStore LazyCampaign open_store run_batch",
        "circuits": "CircuitResult fit_circuit",
        "cv": "CvResult analyze_cv",
        "cycling": "CyclingResult expand summarize_cycling",
        "diffusion": "DiffusionComparison compare_diffusion",
        "gitt": "GittResult fit_gitt",
        "ici": "IciResult fit_ici",
        "io": "read read_table to_campaign",
        "kk": "KkLimits KkResult check_kk",
        "maps": "compare_maps map_gamma",
        "peaks": "DEFAULT_PROCESSES find_peaks fit_components integrate_processes track_peaks",
        "report": "write_comparison write_report",
        "resistances": "compare_resistances",
        "samples": "integrate_samples locate_peak_samples",
        "scores": "LambdaScores lambda_scores",
        "warburg": "WarburgResult fit_warburg",
    }.items()
    for name in names.split()
}
"""Public names whose modules are imported when they are first asked for, so that `import drtengine` stays quick."""

_MODULES = ("simulate", *dict.fromkeys(_HOMES.values()))


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # type checkers see the imports above, and that nothing else is here

    def __getattr__(name: str) -> object:
        """Import what was left for later."""
        from importlib import import_module

        if name in _HOMES:
            value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        elif name in _MODULES:
            value = import_module(f".{name}", __name__)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value
