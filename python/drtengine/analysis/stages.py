"""From files to processes in one call."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..campaign import Campaign
from ..drt import fit_drt
from ..errors import DataWarning, InvalidInput, Status
from ..kk import KkResult, check_kk
from ..maps import map_gamma
from ..peaks import Peaks, Processes, Tracks, find_peaks, integrate_processes, track_peaks
from ..result import DrtResult
from ..series import Series, arrange, why_numbered
from ..spectrum import BoolArray, IntArray, Spectrum
from ..warburg import fit_warburg
from .inputs import PathLike, read_inputs
from .kinetics import Section, analyze_tables
from .settings import Settings

if TYPE_CHECKING:
    import xarray as xr

Progress: TypeAlias = Callable[[str, int, int], object]


@dataclass(frozen=True, eq=False, repr=False)
class Analysis:
    """All that was found about a campaign; made by `analyze`.

    Attributes
    ----------
    campaign : Campaign
        All spectra that were read.
    check : KkResult or None
        Kramers-Kronig verdicts of all of them; None where the check was not asked for.
    result : DrtResult
        The inversion; of the `kept` spectra.
    kept : ndarray of int
        Which spectra of `campaign` were inverted: all, unless those that fail the check were to be left out.
    tracks : Tracks
        Peaks and the lines that they make along the campaign.
    processes : Processes or None
        Resistances of the named ranges of tau; None where no ranges were named.
    series : Series
        The inverted spectra in order of the coordinate.
    sections : sequence of Section
        Kinetics: diffusion in the spectra, and what tables among the files gave.
    refused : mapping of str to str
        Files that could not be read, with the reason.
    settings : Settings
    seconds : mapping of str to float
        How long each stage took.
    notes : sequence of str
        What was dropped, refused or found odd, in words.
    """

    campaign: Campaign
    check: KkResult | None
    result: DrtResult
    kept: IntArray
    tracks: Tracks
    processes: Processes | None
    series: Series
    sections: Sequence[Section]
    refused: Mapping[str, str]
    settings: Settings
    seconds: Mapping[str, float]
    notes: Sequence[str]

    def __len__(self) -> int:
        return len(self.campaign)

    def __repr__(self) -> str:
        lines = f"{len(self.tracks.peaks)} peaks on {len(self.tracks)} lines"
        verdicts = "" if self.check is None else f", {int((self.check.verdict == 'pass').sum())} pass Kramers-Kronig"
        return f"<Analysis: {len(self)} spectra, {int(self.answered.sum())} inverted{verdicts}, {lines}>"

    @property
    def peaks(self) -> Peaks:
        """The peaks of gamma."""
        return self.tracks.peaks

    @property
    def answered(self) -> BoolArray:
        """Whether a kept spectrum has a gamma [kept]."""
        return np.isin(self.result.status, [status for status in Status if status.has_answer])

    @cached_property
    def map(self) -> xr.Dataset:
        """Gamma with its uncertainty over the coordinate and tau, see `map_gamma`."""
        return map_gamma(self.result, along=self.series.along, level=self.settings.level)

    @property
    def title(self) -> str:
        """What the campaign is called."""
        if self.settings.title:
            return self.settings.title
        if len(self) == 1:
            return self.campaign.label(0)
        sources = [Path(source) for source in self.campaign.sources]
        if len(sources) == 1:
            return sources[0].stem
        folders = {source.absolute().parent.name for source in sources}
        return folders.pop() if len(folders) == 1 else f"{len(self)} spectra"

    def _repr_html_(self) -> str:
        """Show key figures, and the map where Matplotlib is there, in a notebook."""
        from .notebook import to_html

        return to_html(self)


def analyze(
    data: Campaign | Spectrum | PathLike | Sequence[PathLike],
    settings: Settings | None = None,
    *,
    n_threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Analysis:
    """Read, check Kramers-Kronig validity, invert, find peaks and processes, and look at the kinetics.

    Parameters
    ----------
    data : Campaign, Spectrum, path, or sequence of paths
        Files, folders or patterns. Tables of time, current and voltage among them (titrations, interrupted currents,
        voltammograms, cycling) get a section of their own; what cannot be read is listed and stops nothing.
    settings : Settings, optional
        All options, as from `read_settings`.
    n_threads : int, optional
        Default: the CPUs this process may use. The result does not depend on it.
    progress : callable, optional
        Called now and then with (stage, done, total).
    **options
        Fields of `Settings`, which go before those of `settings`: ``processes={"SEI": (0, 1e-3)}``,
        ``drt={"method": "log", "area": 1.13}``, ``along="voltage"``.

    Returns
    -------
    Analysis

    Raises
    ------
    InvalidInput
        If nothing can be read, no spectrum can be inverted, or an option is unknown or out of range.

    Examples
    --------
    >>> import drtengine as dt
    >>> campaign = dt.simulate.standin(branches=["discharge"]).campaign
    >>> analysis = dt.analyze(campaign, drt={"method": "log", "capacitance": True})
    >>> analysis
    <Analysis: 24 spectra, 24 inverted, 24 pass Kramers-Kronig, 72 peaks on 3 lines>
    >>> dt.write_report(analysis, "report")  # doctest: +SKIP
    """
    with _single_threaded_algebra():
        return _analyze(data, (settings or Settings()).updated(options), n_threads, progress)


def _analyze(
    data: Campaign | Spectrum | PathLike | Sequence[PathLike],
    settings: Settings,
    n_threads: int | None,
    progress: Progress | None,
) -> Analysis:
    clock = _Clock(progress)
    refused: Mapping[str, str] = {}
    others: Sequence[Path] = ()
    with clock("reading") as hook:
        if isinstance(data, Campaign | Spectrum):
            campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
        else:
            paths = [data] if isinstance(data, str | os.PathLike) else list(data)
            inputs = read_inputs(paths, settings.for_stage("read"), hook)
            campaign, others, refused = inputs.campaign, inputs.others, inputs.refused
    along, remarks = _choose_along(campaign, settings.along)  # before the work, in case there is no such coordinate
    check = None
    if settings.check:
        with clock("checking") as hook:
            check = check_kk(campaign, **settings.for_stage("kk"), n_threads=n_threads, progress=hook)
    kept, remaining = np.arange(len(campaign)), campaign
    if settings.drop_invalid and check is not None:
        kept, remaining = _without_invalid(campaign, check)
    with clock("inverting") as hook:
        result = fit_drt(remaining, **settings.for_stage("drt"), n_threads=n_threads, progress=hook)
    _require_answers(result)
    with clock("finding peaks"):
        peaks = find_peaks(result, **settings.for_stage("peaks"), processes=settings.processes, level=settings.level)
        tracks = track_peaks(peaks, **settings.for_stage("tracks"), along=along)
        processes = (
            integrate_processes(result, settings.processes, level=settings.level) if settings.processes else None
        )
    with clock("kinetics"):
        of_tables, odd_tables = analyze_tables(others, settings)
        sections = [*_diffusion(remaining, settings), *of_tables]
        refused = {
            name: odd_tables.get(name, reason) for name, reason in refused.items() if not _became_table(name, sections)
        }
    notes = [*remarks, *result.notes, *peaks.notes, *(processes.notes if processes else ())]
    return Analysis(
        campaign=campaign,
        check=check,
        result=result,
        kept=kept,
        tracks=tracks,
        processes=processes,
        series=tracks.series,
        sections=sections,
        refused=refused,
        settings=settings,
        seconds=clock.seconds,
        notes=list(dict.fromkeys(notes)),
    )


def _single_threaded_algebra() -> AbstractContextManager[object]:
    """Keep the threads of NumPy's BLAS from waiting for each other over matrices too small to share."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


@dataclass
class _Clock:
    """Times stages, and gives each a hook for its progress."""

    progress: Progress | None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[Callable[[int, int], object] | None]:
        start, progress = perf_counter(), self.progress
        if progress is None:
            yield None
        else:
            progress(stage, 0, 0)
            yield lambda done, total: progress(stage, done, total)
        self.seconds[stage] = perf_counter() - start


def _choose_along(campaign: Campaign, along: str | None) -> tuple[str, list[str]]:
    """Choose the coordinate of maps: the one given, or the one found; notes."""
    series = arrange(campaign.coordinates, len(campaign), along)
    return series.along, why_numbered(series, campaign.coordinates) if along is None else []


def _without_invalid(campaign: Campaign, check: KkResult) -> tuple[IntArray, Campaign]:
    """Leave out spectra that fail and points that stand out; which spectra are left."""
    failed = check.verdict == "fail"
    if failed.all():
        raise InvalidInput(
            f"all {len(campaign)} spectra fail the Kramers-Kronig check, the first because: {check.reason[0]}; "
            "leave drop_invalid out to invert them anyway, or ask for a window by f_min and f_max"
        )
    left = ~failed & ~(check.flagged == campaign.is_point).all(axis=1)
    return np.flatnonzero(left), campaign.masked(points=check.flagged, spectra=failed)


def _require_answers(result: DrtResult) -> None:
    if not any(Status(status).has_answer for status in result.status):
        reasons = "\n  ".join(result.notes[-5:])
        raise InvalidInput(f"none of the {len(result)} spectra could be inverted:\n  {reasons}")


def _diffusion(campaign: Campaign, settings: Settings) -> list[Section]:
    """Give a section where a spectrum has a Warburg region or a finite layer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the section repeats it as a note
        found = fit_warburg(campaign, **settings.for_stage("warburg"))
    if (found.kind == "none").all():
        return []
    missing = "" if np.isfinite(found.D).any() else _FOR_D
    return [Section("warburg", [], found, missing, found.notes)]


_FOR_D = (
    "for D give area (m²) and concentration (mol/m³), or area, molar_volume (m³/mol) and dE_dx (V), or thickness (m), "
    "in the table [warburg] of the options"
)


def _became_table(name: str, sections: Sequence[Section]) -> bool:
    return any(Path(name).name in section.sources for section in sections)
