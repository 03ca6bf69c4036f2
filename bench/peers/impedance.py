"""impedance.py, run on one spectrum after the other as its manual shows."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from drtengine.spectrum import ComplexArray, FloatArray

INSTALL = "pip install --no-deps impedance"
"""Of what it declares, drawing with altair is not needed to fit."""


@cache
def load() -> Any:
    """Import its module of circuits.

    Raises
    ------
    ImportError
        If impedance.py, or one of matplotlib and pandas, is not installed.
    """
    sys.modules.setdefault("altair", types.ModuleType("altair"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from impedance.models import circuits

    return circuits


def fit(
    string: str, guess: Sequence[float], frequency: FloatArray, Z: ComplexArray
) -> tuple[FloatArray, FloatArray, float]:
    """Fit one spectrum with weights 1/abs(Z); returns parameters, standard errors and the sum of squares."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        circuit = load().CustomCircuit(string, initial_guess=list(guess))
        circuit.fit(frequency, Z, weight_by_modulus=True)
        residual = (circuit.predict(frequency) - Z) / np.abs(Z)
    return circuit.parameters_, circuit.conf_, float((np.abs(residual) ** 2).sum())


def fit_campaign(
    string: str, guess: Sequence[float], frequency: FloatArray, Z: ComplexArray
) -> tuple[FloatArray, FloatArray]:
    """Fit spectra in turn, each from the answer of the one before; returns parameters and sums of squares."""
    parameters, sums = [], []
    for row in Z:
        guess, _, chi2 = fit(string, guess, frequency, row)
        parameters.append(guess)
        sums.append(chi2)
    return np.array(parameters), np.array(sums)
