"""The search for elements, over all frequency grids of a campaign."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import options
from .._native import core
from ..campaign import find_problems, frequency_grids
from ..errors import InvalidInput, Status
from ..spectrum import frozen_array
from .fit import MAX_ELEMENTS, N_PARAMETERS, ElementFit, at_points, core_problem, positive


def fit_elements(
    frequency: ArrayLike,
    Z: ArrayLike,
    *,
    tau: ArrayLike,
    gamma: ArrayLike,
    R_inf: ArrayLike,
    evidence: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    used: ArrayLike | None = None,
    inductance: bool = False,
    capacitance: bool = False,
    n_threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> ElementFit:
    """Search for the sum of elements that explains each spectrum best, starting from a smooth γ.

    Candidates are fitted by least squares with bounds (alpha from 0.3, beta from 0.15, both to 1; tau
    within the window and a decade more). From ZARCs at the peaks of `gamma`, elements change kind, are
    added where `gamma` lies above theirs, split, merged and taken away as long as the score gains.
    The score is a Laplace approximation of the evidence over stated ranges of the parameters, or
    that of BIC where smaller; elements beyond the peaks of `gamma`, ones that are no ZARC, and
    parameters at their bounds must pay for themselves.

    Parameters
    ----------
    frequency : array_like, shape [point] or [spectrum, point]
        Hz, NaN where a short spectrum is padded.
    Z : array_like of complex, shape [spectrum, point]
        Ohm, true sign.
    tau : array_like, shape [tau]
        Increasing, in s: where `gamma` is given.
    gamma : array_like, shape [spectrum, tau]
        A smooth estimate, ohm per unit ln(tau), at least somewhere above 0.
    R_inf : array_like, shape [spectrum]
        That estimate's resistance at infinite frequency, ohm.
    evidence : array_like, shape [spectrum], optional
        Its evidence: a search that stays far below is given up early.
    weights : array_like, shape [spectrum, point] or [spectrum, 2 * point], optional
        Squared weights of the points, or of Re and Im in turn. Default: ones. `score` compares with
        an evidence only for the same weights.
    used : array_like of bool, shape [spectrum, point], optional
        Points to use. Default: those with a frequency.
    inductance, capacitance : bool
        Whether the model has L_0 and C_0. Score and evidence then count the same unknowns only if the
        evidence takes w_max L_0 and 1/(w_min C_0), in ohm, for unknowns of flat prior.
    n_threads : int, optional
        Default: the CPUs this process may use. The result does not depend on it.
    progress : callable, optional
        Called now and then with (spectra done, spectra in all).

    Returns
    -------
    ElementFit

    Raises
    ------
    InvalidInput
        If arrays do not fit together.

    Notes
    -----
    Havriliak, Negami, Polymer 8, 161 (1967), doi:10.1016/0032-3861(67)90021-3; Kass, Raftery,
    J. Am. Stat. Assoc. 90, 773 (1995), doi:10.1080/01621459.1995.10476572.

    Examples
    --------
    >>> import drtengine as dt
    >>> from drtengine.elements import fit_elements
    >>> f = np.geomspace(1e5, 1e-2, 71)
    >>> cell = dt.simulate.Resistor(10) + dt.simulate.ZARC(50, 1e-2, 0.8)
    >>> Z = dt.simulate.add_noise(cell.impedance(f), 0.003, seed=1)
    >>> smooth = dt.fit_drt(dt.Spectrum(f, Z), inductance=False)
    >>> fit = fit_elements(f, Z[None], tau=smooth.tau, gamma=smooth.gamma, R_inf=smooth.R_inf)
    >>> print(fit.to_frame()[["kind", "R", "u_R"]].round(2).to_string(index=False))
    kind    R  u_R
    ZARC 50.0 0.03
    """
    Z = frozen_array(Z, np.complex128, "Z", 2)
    f = np.asarray(frequency)
    f = np.broadcast_to(frozen_array(f, np.float64, "frequency", f.ndim), Z.shape) if f.ndim == 1 else f
    f = frozen_array(f, np.float64, "frequency", 2)
    _check_shape("frequency", f, Z.shape)
    points_used = np.isfinite(f) if used is None else np.array(used, dtype=bool)
    _check_shape("used", points_used, Z.shape)
    n_spectra, n_points = Z.shape
    nodes = positive("tau", tau)
    start = frozen_array(gamma, np.float64, "gamma", 2)
    _check_shape("gamma", start, (n_spectra, nodes.size))
    R_start = frozen_array(R_inf, np.float64, "R_inf", 1)
    level = frozen_array(np.full(n_spectra, -np.inf) if evidence is None else evidence, np.float64, "evidence", 1)
    for name, array in (("R_inf", R_start), ("evidence", level)):
        _check_shape(name, array, (n_spectra,))
    if nodes.size < 3 or not (np.diff(nodes) > 0).all():
        raise InvalidInput("tau must hold at least three nodes, increasing")
    w2 = frozen_array(np.ones(Z.shape) if weights is None else weights, np.float64, "weights", 2)
    if w2.shape not in (Z.shape, (n_spectra, 2 * n_points)):
        raise InvalidInput(f"weights has shape {w2.shape}; needed is {Z.shape} or {(n_spectra, 2 * n_points)}")
    inductance = options.check_flag("inductance", inductance)
    capacitance = options.check_flag("capacitance", capacitance)
    threads = options.check_threads(n_threads)

    parameters = np.full((n_spectra, N_PARAMETERS), np.nan)
    covariance = np.full((n_spectra, N_PARAMETERS, N_PARAMETERS), np.nan)
    kind = np.full((n_spectra, MAX_ELEMENTS), -1, dtype=np.int8)
    score, rss, variance = (np.full(n_spectra, np.nan) for _ in range(3))
    status = find_problems(f, Z, points_used)
    log_tau = np.log(nodes)
    done = int((status != Status.OK).sum())
    for same_grid, points in frequency_grids(f, points_used):
        rows = same_grid[status[same_grid] == Status.OK]
        if rows.size == 0:
            continue
        report = None if progress is None else _shifted(progress, done, n_spectra)
        problem = core_problem(
            f, Z, at_points(w2, rows, points), rows, points, inductance, capacitance, threads, report
        )
        found = core.find_elements(problem, log_tau, start[rows], R_start[rows], level[rows])
        parameters[rows], covariance[rows] = found[0], found[1].reshape(-1, N_PARAMETERS, N_PARAMETERS)
        there = np.arange(MAX_ELEMENTS) < found[3][:, None]
        kind[rows] = np.where(there, found[2].reshape(-1, MAX_ELEMENTS), -1)
        score[rows], rss[rows], variance[rows], status[rows] = found[4:]
        done += rows.size
    return ElementFit(
        parameters=parameters,
        covariance=covariance,
        kind=kind,
        score=score,
        rss=rss,
        variance=variance,
        status=status,
        frequency=f,
        Z=Z,
        weights=w2,
        used=points_used,
        inductance=inductance,
        capacitance=capacitance,
    )


def _shifted(progress: Callable[[int, int], object], done: int, total: int) -> Callable[[int, int], object]:
    """Report the progress within one grid as progress in all spectra."""
    return lambda here, _: progress(done + here, total)


def _check_shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise InvalidInput(f"{name} has shape {array.shape}; needed is {shape}")
