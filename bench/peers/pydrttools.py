"""The whole of pyDRTtools, run without a window.

Its import builds a graphical interface; empty modules in place of its windows keep that away, and
with them the need for PyQt5. Nothing that it computes is touched.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import types
import warnings
from functools import cache
from typing import Any

import numpy as np

from drtengine import DrtResult
from drtengine.spectrum import ComplexArray, FloatArray

INSTALL = "pip install --no-deps pyDRTtools && pip install scikit-learn"
"""pyDRTtools declares what it does not need and not what it does."""

EXACT = {"abstol": 1e-12, "reltol": 1e-12, "feastol": 1e-12, "maxiters": 300}
"""Settings of cvxopt that leave gamma off by 1e-6 and less; its defaults, which are timed, leave 1e-4 to 0.03."""

TOLERANCE = 1e-4
"""Largest `difference` from ours under `EXACT`, which shows that both solve the same problem."""


@cache
def load() -> Any:
    """Import its module `runs`.

    Raises
    ------
    ImportError
        If pyDRTtools, or one of cvxopt, matplotlib, pandas and scikit-learn, is not installed.
    """
    os.environ.setdefault("MPLBACKEND", "Agg")
    for window in ("GUI", "layout", "cli"):
        name = f"pyDRTtools.{window}"
        sys.modules.setdefault(name, types.ModuleType(name))
    with _quiet():
        from cvxopt import solvers
        from pyDRTtools import runs

    solvers.options["show_progress"] = False  # printing would be timed
    return runs


def run(frequency: FloatArray, Z: ComplexArray, lambda_: float | None = None) -> Any:
    """Invert one spectrum with its defaults, at a fixed lambda or (None) with GCV from 1e-3 on.

    Falling frequencies only: it takes an irregular rising grid for a regular one.
    """
    runs = load()
    choice = {"cv_type": "GCV"} if lambda_ is None else {"cv_type": "custom", "reg_param": lambda_}
    with _quiet():
        entry = runs.EIS_object(frequency, Z.real, Z.imag)
        return runs.simple_run(entry, **choice)


def run_exactly(frequency: FloatArray, Z: ComplexArray, lambda_: float | None = None) -> Any:
    """Do the same with its quadratic program solved more exactly than by default."""
    load()
    from cvxopt import solvers

    defaults = dict(solvers.options)
    solvers.options.update(EXACT)
    try:
        return run(frequency, Z, lambda_)
    finally:
        solvers.options.clear()
        solvers.options.update(defaults)


def difference(entry: Any, ours: DrtResult) -> float:
    """Distance of its gamma from ours at the tau where it gives it, relative to the norm."""
    gamma = ours.evaluate(entry.tau_fine)[0]
    return float(np.linalg.norm(entry.gamma - gamma) / np.linalg.norm(gamma))


def assemble(frequency: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Real and imaginary kernel [frequency, node] and penalty [node, node], nodes at 1/f."""
    basics = load().basics
    tau = 1 / frequency
    epsilon = basics.compute_epsilon(frequency, 0.5, "Gaussian", "FWHM Coefficient")
    return (
        basics.assemble_A_re(frequency, tau, epsilon, "Gaussian"),
        basics.assemble_A_im(frequency, tau, epsilon, "Gaussian"),
        basics.assemble_M_1(tau, epsilon, "Gaussian"),
    )


@contextlib.contextmanager
def _quiet() -> Any:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
