"""Reports: a folder with one HTML file, tables, figures and NetCDF of an analysis, or of two side by side."""

from .page import render
from .writing import write_comparison, write_report

__all__ = ["render", "write_comparison", "write_report"]
