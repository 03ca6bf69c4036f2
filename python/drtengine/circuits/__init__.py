"""Equivalent circuits: read from strings, evaluated with derivatives, fitted to whole campaigns.

>>> from drtengine.circuits import parse_circuit
>>> circuit = parse_circuit("R0-p(R1,CPE1)")
>>> circuit.impedance([1e3, 1.0], {"R0": 10, "R1": 50, "CPE1_Q": 1e-4, "CPE1_alpha": 0.8}).round(2)
array([13.93-7.59j, 59.65-1.02j])
"""

from .arc import ArcResult, fit_arc
from .elements import ALIASES, KINDS
from .fit import fit_circuit
from .result import CircuitResult
from .topology import EquivalentCircuit, parse_circuit

__all__ = [
    "ALIASES",
    "KINDS",
    "ArcResult",
    "CircuitResult",
    "EquivalentCircuit",
    "fit_arc",
    "fit_circuit",
    "parse_circuit",
]
