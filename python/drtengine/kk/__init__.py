"""Kramers-Kronig validity: a verdict for every spectrum, with reasons."""

from .check import check_kk
from .result import KkResult
from .verdict import KkLimits

__all__ = ["KkLimits", "KkResult", "check_kk"]
