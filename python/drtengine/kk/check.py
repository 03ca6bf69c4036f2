"""Check whether spectra obey the Kramers-Kronig relations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import options
from ..campaign import Campaign, frequency_grids
from ..errors import InvalidInput, Status
from ..points import explain, judge_points
from ..spectrum import BoolArray, FloatArray, IntArray, Spectrum
from . import hilbert, zhit
from .answers import Answers
from .limits import FAIL, VERDICTS, WARN, KkLimits
from .linear import Grid, densest, sweep_time
from .model import KkModel
from .reasons import reasons_of
from .result import KkResult
from .statistics import odd_ones
from .structure import EXTENSION, REPRESENTATIONS, Judgement
from .verdict import judge

METHODS = ("lin_kk", "z_hit", "bayesian_hilbert")
_OPINIONS = {"z_hit": zhit.reconstruct, "bayesian_hilbert": hilbert.transform}

_THINNEST = 3.0
"""Relaxation times a decade below which the model may not follow a valid spectrum."""
_NARROWEST = 1.0
"""A spectrum must span more decades."""
_BROKEN = (
    Status.NOT_FINITE, Status.NEGATIVE_FREQUENCY, Status.REPEATED_FREQUENCY, Status.SIGN_FLIPPED,
    Status.ZERO_IMPEDANCE, Status.SINGULAR,
)  # fmt: skip
"""What cannot be right; anything else that prevents a test speaks neither for nor against a spectrum."""


def check_kk(
    data: Campaign | Spectrum,
    *,
    method: str = "lin_kk",
    representation: str = "auto",
    n_rc: int | str = "density",
    part: str = "both",
    inductance: bool = True,
    capacitance: bool = True,
    mu_stop: float = 0.85,
    most_rc: int = 50,
    density: float | None = None,
    extension: float | None = None,
    weights: str | ArrayLike = "modulus",
    limits: KkLimits | None = None,
    f_min: float | None = None,
    f_max: float | None = None,
    exclude: ArrayLike | None = None,
    n_threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> KkResult:
    """Judge whether spectra obey the Kramers-Kronig relations, and say why not.

    A causal model - resistance, inductance, capacitance and four relaxations a decade, in series, or in parallel for
    the admittance - is fitted without regularisation. What it leaves is noise if the spectrum is valid. It is
    tested for a drift in time and for turns of the phase that are smooth in the logarithm of the frequency; the
    verdict rests on significance and on size, see `KkLimits`. Nothing in the data is changed.

    Parameters
    ----------
    data : Campaign or Spectrum
    method : {"lin_kk", "z_hit", "bayesian_hilbert"}
        "z_hit": the modulus from the phase (Ehm et al. 2000), which sees a drift at low frequency well and little
        else; it warns from 3 % and fails from 6 % on. "bayesian_hilbert": each part of Z from the other one (Liu, Wan,
        Ciucci 2020), with `KkResult.scores`; it warns below an agreement of 0.85 and fails below 0.75. Both are
        second opinions, coarser than "lin_kk" by far; all the options about fits belong to that.
    representation : {"auto", "impedance", "admittance"}
        What is modelled. "auto" turns to the admittance where the impedance fails: loops and negative resistances
        need it.
    n_rc : "density", int, "mu" or the name of a criterion
        How many relaxations the reported fit has (residual, chi2, mu, n_rc). "density": as the test. "mu": as many
        as bring mu down to `mu_stop` (Schönleber 2014). "mu_score", "norm", "curvature", "sign_changes",
        "sign_distance", "apex": by the criteria 1 to 6 of Yrjänä and Bobacka (2024), between limits from chi2 and from
        the sign changes of the curvature; made after how their program describes them, and not checked
        against its numbers. The verdict always comes from the test, because the mu rule stops
        far too early on some valid spectra.
    part : {"both", "real", "imaginary"}
        What the reported fit sees. The elements the part does not know come from the other one.
    inductance, capacitance : bool
        Whether the reported fit has these.
    mu_stop : float
        Between 0 and 1.
    most_rc : int
        Where the search for `n_rc` ends.
    density, extension : float, optional
        Relaxation times a decade, and how many decades they reach beyond the measured window, of the reported fit;
        4 and 0.3 where the number is chosen by density, otherwise 0 for `extension`.
    weights : "modulus" or array_like
        Weights of the residuals: 1/abs(Z), or an array of shape [spectrum, point], or [point] if the spectra share
        their frequencies.
    limits : KkLimits, optional
        Where "warn" and "fail" begin.
    f_min, f_max : float, optional
        Points outside these limits (Hz) are left out.
    exclude : array_like, optional
        Points to leave out: frequencies in Hz, or a boolean mask of shape [spectrum, point] or [point].
    n_threads : int, optional
        Default: the CPUs this process may use. The result does not depend on it.
    progress : callable, optional
        Called now and then with (spectra done, spectra in all).

    Returns
    -------
    KkResult

    Raises
    ------
    InvalidInput
        For an option that is unknown or out of range.

    Notes
    -----
    Where the times of the points are known (``campaign.point_time``), the drift is in them; otherwise each point is
    taken to last three periods and half a second, from high to low frequency.

    What no test of a single spectrum can see, because it is causal: an offset of the real part, an error of the
    overall gain, a pure delay, a ramp of the voltage; and slow changes that look like another valid cell.

    Boukamp, J. Electrochem. Soc. 142, 1885 (1995), doi:10.1149/1.2044210;
    Schönleber, Klotz, Ivers-Tiffée, Electrochim. Acta 131, 20 (2014), doi:10.1016/j.electacta.2014.01.034;
    Yrjänä, Bobacka, Electrochim. Acta 504, 144951 (2024), doi:10.1016/j.electacta.2024.144951.

    Examples
    --------
    >>> import drtengine as dt
    >>> circuit = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> dt.check_kk(dt.Spectrum(frequency, circuit.impedance(frequency)))
    <KkResult: 1 spectra, 1 pass, 0 warn, 0 fail>
    """
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(
            f"data must be a Campaign or a Spectrum, got {type(data).__name__}; see Campaign.from_arrays, from_spectra"
        )
    options.check_choice("method", method, METHODS)
    options.check_choice("representation", representation, tuple(REPRESENTATIONS))
    model = KkModel(n_rc, part, inductance, capacitance, mu_stop, most_rc, density, extension)
    limits = _check_limits(limits)
    _check_progress(progress)
    if method != "lin_kk" and not (model.is_default and representation == "auto" and limits == KkLimits()):
        raise InvalidInput(f"method={method!r} fits no circuit: leave out the options about fits, and limits")
    f_min, f_max = options.check_limits(f_min, f_max)
    threads = options.check_threads(n_threads)

    used, status, notes = judge_points(campaign, f_min, f_max, exclude, "modulus")
    if isinstance(weights, str):
        options.check_choice("weights", weights, ("modulus",))
    table = options.check_weights(weights, campaign, used, status == Status.OK)
    if not isinstance(table, str):
        used = used & (np.broadcast_to(table, used.shape) > 0)
    request = _Request(method, representation, model, limits, table, threads)
    answers = Answers.blank(campaign)
    done = 0
    for every, points in frequency_grids(campaign.frequency, used):
        order = np.flatnonzero(points)
        order = order[np.argsort(-campaign.frequency[every[0], order], kind="stable")]
        done += every.size
        rows = every[status[every] == Status.OK]
        if rows.size:
            status[rows] = request.examine(campaign, rows, order, answers)
        if progress is not None:
            progress(done, len(campaign))
    _explain_untested(campaign, status, used, answers)
    odd = odd_ones(campaign, used, (status == Status.OK) & (answers.verdict != VERDICTS[FAIL]))
    for row in np.flatnonzero(odd):
        answers.reason[row] += "; differs from its neighbours in the series"
    untested = [f"{campaign.label(int(i))}: {answers.reason[i]}" for i in np.flatnonzero(status != Status.OK)]
    return KkResult(
        campaign=campaign,
        status=status,
        used=used,
        stands_out=odd,
        options={
            "method": method,
            "representation": representation,
            "n_rc": n_rc,
            "part": part,
            "inductance": inductance,
            "capacitance": capacitance,
            "mu_stop": mu_stop,
            "most_rc": most_rc,
            "density": density,
            "extension": extension,
            "weights": weights if isinstance(weights, str) else "array",
            "limits": {name: list(x) if isinstance(x, tuple) else x for name, x in asdict(limits).items()},
            "f_min": f_min,
            "f_max": f_max,
            "exclude": None if exclude is None else "points",
        },
        notes=(*campaign.notes, *notes, *untested),
        **vars(answers),
    )


def _check_limits(limits: KkLimits | None) -> KkLimits:
    if limits is not None and not isinstance(limits, KkLimits):
        raise InvalidInput(f"limits must be a KkLimits, got {type(limits).__name__}")
    return limits or KkLimits()


def _check_progress(progress: object) -> None:
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress must be callable with (done, total), got {progress!r}")


@dataclass(frozen=True)
class _Request:
    """What is asked of every grid."""

    method: str
    representation: str
    model: KkModel
    limits: KkLimits
    weights: FloatArray | str
    n_threads: int

    def examine(self, campaign: Campaign, rows: IntArray, order: IntArray, answers: Answers) -> NDArray[Any]:
        """Judge spectra of one grid, its points given in falling order, and return the status of each."""
        f = campaign.frequency[rows[0], order]
        if np.log10(f[0] / f[-1]) <= _NARROWEST:
            return np.full(rows.size, Status.NARROW_WINDOW)
        if densest(f, EXTENSION) < _THINNEST:
            return np.full(rows.size, Status.TOO_FEW_POINTS)
        grid, timed = _grid(campaign, rows, order, self.weights, self.n_threads)
        if self.method != "lin_kk":
            opinion = _OPINIONS[self.method](grid)
            answers.take_opinion(rows, order, opinion)
            return opinion.status
        found = judge(grid, self.limits, self.representation)
        if not self.model.is_default:
            _refit(self.model, grid, found)
        answers.take(rows, order, found, reasons_of(found, f, self.limits, timed))
        answers.timed[rows] = timed
        return np.where(np.isfinite(found.noise), Status.OK, Status.SINGULAR)


def _grid(
    campaign: Campaign, rows: IntArray, order: IntArray, weights: FloatArray | str, n_threads: int
) -> tuple[Grid, BoolArray]:
    """Gather the spectra of a grid; also say of which the times of the points are known [spectrum]."""
    where = np.ix_(rows, order)
    f, Z = campaign.frequency[rows[0], order], campaign.Z[where]
    relative = np.ones(Z.shape)
    if not isinstance(weights, str):
        relative = (weights[order] if weights.ndim == 1 else weights[where]) * np.abs(Z)
        relative /= np.sqrt(np.mean(relative**2, axis=1, keepdims=True))
    time, timed = sweep_time(f)[None], np.zeros(rows.size, dtype=bool)
    if campaign.point_time is not None:
        known = campaign.point_time[where]
        timed = np.isfinite(known).all(axis=1) & (np.ptp(known, axis=1) > 0)
        if timed.any():
            time = np.where(timed[:, None], known, time)
    first = time.min(axis=1, keepdims=True)
    return Grid(f, Z, relative, (time - first) / (time.max(axis=1, keepdims=True) - first), n_threads), timed


def _refit(model: KkModel, grid: Grid, found: Judgement) -> None:
    """Replace the fit on which the verdict rests by the one that is asked for."""
    for admittance in (False, True):
        rows = np.flatnonzero(found.admittance == admittance)
        if rows.size:
            found.residual[rows], found.mu[rows], found.n_rc[rows] = model.fit(grid.take(rows), admittance=admittance)
            found.fitted[rows] = True


def _explain_untested(campaign: Campaign, status: NDArray[np.int8], used: BoolArray, answers: Answers) -> None:
    for row in np.flatnonzero(status != Status.OK):
        answers.verdict[row] = VERDICTS[FAIL if status[row] in _BROKEN else WARN]
        answers.reason[row] = _why(campaign, int(row), Status(status[row]), used)


def _why(campaign: Campaign, row: int, status: Status, used: BoolArray) -> str:
    """Why a spectrum could not be tested."""
    f = campaign.frequency[row][used[row]]
    match status:
        case Status.NARROW_WINDOW:
            return (
                f"not tested: {np.log10(f.max() / f.min()):.2g} decades of frequency are too few, more than 1 is needed"
            )
        case Status.TOO_FEW_POINTS if f.size > 3:
            return f"not tested: {f.size} points are too few for {np.log10(f.max() / f.min()):.2g} decades of frequency"
        case Status.SINGULAR:
            return "not tested: the causal model cannot be fitted to working precision"
        case Status.PHASE_WRAPS:
            return "not tested: the phase jumps by more than half a turn between two points and cannot be integrated"
        case _:
            return "not tested: " + explain(campaign, row, status, used).removeprefix(f"{campaign.label(row)}: ")
