"""Peaks of gamma: found, followed along a campaign, summed up by process and taken apart into components."""

from .components import Components, fit_components
from .finding import Peaks, find_peaks
from .processes import DEFAULT_PROCESSES, Processes, integrate_processes
from .tracking import Tracks, track_peaks

__all__ = [
    "DEFAULT_PROCESSES",
    "Components",
    "Peaks",
    "Processes",
    "Tracks",
    "find_peaks",
    "fit_components",
    "integrate_processes",
    "track_peaks",
]
