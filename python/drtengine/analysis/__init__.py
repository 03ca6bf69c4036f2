"""Whole analyses of campaigns: everything from files to processes and kinetics in one call."""

from .comparison import Comparison, compare, read_analysis
from .kinetics import Section
from .settings import Settings, read_settings, settings_text
from .stages import Analysis, analyze

__all__ = [
    "Analysis",
    "Comparison",
    "Section",
    "Settings",
    "analyze",
    "compare",
    "read_analysis",
    "read_settings",
    "settings_text",
]
