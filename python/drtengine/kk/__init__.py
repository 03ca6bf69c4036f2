"""Kramers-Kronig validity: a verdict for every spectrum, with reasons."""

from .check import check_kk
from .limits import KkLimits
from .result import KkResult

__all__ = ["KkLimits", "KkResult", "check_kk"]
