"""Check whether spectra obey the Kramers-Kronig relations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import options
from ..campaign import Campaign, find_problems, frequency_grids
from ..errors import InvalidInput, Status
from ..points import explain, select_points, vanishing_points
from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray, Spectrum
from .limits import FAIL, VERDICTS, WARN, KkLimits
from .linear import Grid, densest, sweep_time
from .model import KkModel
from .reasons import reasons_of
from .result import KkResult
from .statistics import autocorrelation, odd_ones, runs_probability
from .structure import EXTENSION, REPRESENTATIONS, Judgement
from .verdict import judge

METHODS = ("lin_kk",)

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
    method : {"lin_kk"}
    representation : {"auto", "impedance", "admittance"}
        What is modelled. "auto" turns to the admittance where the impedance fails: loops and negative resistances
        need it.
    n_rc : "density", int, "mu" or the name of a criterion
        How many relaxations the reported fit has (residual, chi2, mu, n_rc). "density": as the test. "mu": as many
        as bring mu down to `mu_stop` (Schönleber 2014). The verdict always comes from the test, because
        the mu rule stops far too early on some valid spectra.
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
    Schönleber, Klotz, Ivers-Tiffée, Electrochim. Acta 131, 20 (2014), doi:10.1016/j.electacta.2014.01.034.

    Examples
    --------
    >>> import drtengine as dt
    >>> circuit = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> dt.check_kk(dt.Spectrum(frequency, circuit.impedance(frequency))).verdict[0]
    'pass'
    """
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(
            f"data must be a Campaign or a Spectrum, got {type(data).__name__}; see Campaign.from_arrays, from_spectra"
        )
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress must be callable with (done, total), got {progress!r}")
    options.check_choice("method", method, METHODS)
    options.check_choice("representation", representation, tuple(REPRESENTATIONS))
    model = KkModel(n_rc, part, inductance, capacitance, mu_stop, most_rc, density, extension)
    limits = KkLimits() if limits is None else limits
    f_min, f_max = options.check_limits(f_min, f_max)
    threads = options.check_threads(n_threads)

    used, notes = select_points(campaign, f_min, f_max, exclude)
    status = find_problems(campaign.frequency, campaign.Z, used)
    status[vanishing_points(campaign.Z, used).any(axis=1) & (status == Status.OK)] = Status.ZERO_IMPEDANCE
    table = options.check_weights(weights, campaign, used & (status == Status.OK)[:, None])
    if not isinstance(table, str):
        used = used & (np.broadcast_to(table, used.shape) > 0)
    r = _Answers.blank(campaign)
    done = 0
    for every, points in frequency_grids(campaign.frequency, used):
        order = np.flatnonzero(points)
        order = order[np.argsort(-campaign.frequency[every[0], order], kind="stable")]
        rows = every[status[every] == Status.OK]
        if rows.size:
            status[rows] = _untestable(campaign.frequency[rows[0], order])
            rows = rows[status[rows] == Status.OK]
        if rows.size:
            grid, timed = _grid(campaign, rows, order, table, threads)
            found = judge(grid, limits, representation)
            if not model.is_default:
                _refit(model, grid, found)
            r.take(rows, order, found)
            for row, reason in zip(rows, reasons_of(found, grid.frequency, limits, timed=timed), strict=True):
                r.reason[row] = reason
            status[rows[~np.isfinite(found.noise)]] = Status.SINGULAR
        done += every.size
        if progress is not None:
            progress(done, len(campaign))
    for row in np.flatnonzero(status != Status.OK):
        broken = status[row] in _BROKEN
        r.verdict[row] = VERDICTS[FAIL if broken else WARN]
        r.reason[row] = _why(campaign, int(row), Status(status[row]), used)
    odd = odd_ones(campaign, used, (status == Status.OK) & (r.verdict != VERDICTS[FAIL]))
    for row in np.flatnonzero(odd):
        r.reason[row] += "; differs from its neighbours in the series"
    untested = [f"{campaign.label(int(i))}: {r.reason[i]}" for i in np.flatnonzero(status != Status.OK)]
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
            "limits": asdict(limits),
            "f_min": f_min,
            "f_max": f_max,
            "exclude": None if exclude is None else "points",
        },
        notes=(*campaign.notes, *notes, *untested),
        **vars(r),
    )


@dataclass
class _Answers:
    """The arrays of a `KkResult` that are filled in grid by grid."""

    verdict: NDArray[np.str_]
    reason: list[str]
    noise: FloatArray
    structure: FloatArray
    p_value: FloatArray
    chi2: FloatArray
    mu: FloatArray
    n_rc: IntArray
    autocorrelation: FloatArray
    p_runs: FloatArray
    drift: FloatArray
    u_drift: FloatArray
    residual: ComplexArray
    flagged: BoolArray
    window: FloatArray
    representation: NDArray[np.str_]

    @classmethod
    def blank(cls, campaign: Campaign) -> _Answers:
        """For spectra of which nothing is known."""
        count, shape = len(campaign), campaign.Z.shape

        def unknown() -> FloatArray:
            return np.full(count, np.nan)

        return cls(
            np.full(count, VERDICTS[FAIL]), [""] * count, unknown(), unknown(), unknown(), unknown(), unknown(),
            np.zeros(count, int), unknown(), unknown(), unknown(), unknown(),
            np.full(shape, complex(np.nan, np.nan)), np.zeros(shape, bool), np.full((count, 2), np.nan),
            np.full(count, "impedance", dtype="U10"),
        )  # fmt: skip

    def take(self, rows: IntArray, order: IntArray, found: Judgement) -> None:
        """Put what was found of the spectra of a grid into their places."""
        kept = np.where(found.fitted, found.residual, complex(np.nan, np.nan))
        self.verdict[rows] = np.array(VERDICTS)[found.tier]
        for name in ("noise", "structure", "p_value", "mu", "n_rc", "drift", "u_drift", "window"):
            getattr(self, name)[rows] = getattr(found, name)
        self.chi2[rows] = np.nansum(np.abs(kept) ** 2, axis=1)
        self.autocorrelation[rows] = autocorrelation(kept)
        self.p_runs[rows] = runs_probability(kept)
        self.residual[np.ix_(rows, order)] = found.residual
        self.flagged[np.ix_(rows, order)] = found.flagged
        self.representation[rows] = np.where(found.admittance, "admittance", "impedance")


def _untestable(frequency: FloatArray) -> Status:
    """Whether a grid of falling frequencies can be judged at all."""
    if np.log10(frequency[0] / frequency[-1]) <= _NARROWEST:
        return Status.NARROW_WINDOW
    return Status.TOO_FEW_POINTS if densest(frequency, EXTENSION) < _THINNEST else Status.OK


def _grid(
    campaign: Campaign, rows: IntArray, order: IntArray, weights: FloatArray | str, n_threads: int
) -> tuple[Grid, bool]:
    """Gather the spectra of a grid; also say whether the times of their points are known."""
    where = np.ix_(rows, order)
    f, Z = campaign.frequency[rows[0], order], campaign.Z[where]
    relative = np.ones(Z.shape)
    if not isinstance(weights, str):
        relative = (weights[order] if weights.ndim == 1 else weights[where]) * np.abs(Z)
        relative /= np.sqrt(np.mean(relative**2, axis=1, keepdims=True))
    time = sweep_time(f)[None]
    timed = campaign.point_time is not None and bool(np.isfinite(campaign.point_time[where]).all())
    if campaign.point_time is not None and timed:
        time = campaign.point_time[where]
        timed = bool((np.ptp(time, axis=1) > 0).all())
    first = time.min(axis=1, keepdims=True)
    return Grid(f, Z, relative, (time - first) / (time.max(axis=1, keepdims=True) - first), n_threads), timed


def _refit(model: KkModel, grid: Grid, found: Judgement) -> None:
    """Replace the fit on which the verdict rests by the one that is asked for."""
    for admittance in (False, True):
        rows = np.flatnonzero(found.admittance == admittance)
        if rows.size:
            found.residual[rows], found.mu[rows], found.n_rc[rows] = model.fit(grid.take(rows), admittance=admittance)
            found.fitted[rows] = True


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
        case _:
            return "not tested: " + explain(campaign, row, status, used).removeprefix(f"{campaign.label(row)}: ")
