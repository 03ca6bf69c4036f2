"""Peaks followed through a campaign: each process one line along a coordinate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import options
from ..errors import InvalidInput
from ..result import DrtResult
from ..series import Selection, Series, arrange
from ..spectrum import FloatArray, IntArray
from .finding import NUMBERS, Peaks, find_peaks
from .tables import dataset_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_ALONE = 0.5
"""Cost of a peak that stays alone, on either side of a step: a link that costs more than two of it is not made."""


@dataclass(frozen=True, eq=False, repr=False)
class Tracks:
    """Peaks joined to lines; made by `track_peaks`.

    Attributes
    ----------
    peaks : Peaks
        The peaks that were followed.
    track : ndarray of int, shape [peak]
        Number of the line that a peak is on, -1 where it is on none. Lines are numbered by branch and rising tau.
    branch : ndarray of int, shape [track]
        Branch of `series` that a line runs through.
    series : Series
        The spectra in order of the coordinate.
    notes : sequence of str
    """

    peaks: Peaks
    track: IntArray
    branch: IntArray
    series: Series
    notes: Sequence[str]

    def __len__(self) -> int:
        return len(self.branch)

    def __repr__(self) -> str:
        return f"<Tracks: {len(self)} lines through {(self.track >= 0).sum()} peaks, {self.loose} peaks on none>"

    @property
    def loose(self) -> int:
        """Number of peaks of the series that are on no line."""
        return int((np.isfinite(self.position[self.peaks.spectrum]) & (self.track < 0)).sum())

    @cached_property
    def position(self) -> FloatArray:
        """Where each spectrum stands along the coordinate [spectrum]; NaN outside the series."""
        position = np.full(len(self.peaks.campaign), np.nan)
        for branch in self.series.branches:
            position[branch.spectra] = branch.values
        return position

    def members(self, track: int) -> IntArray:
        """Give the peaks of a line by rising coordinate."""
        peaks = np.flatnonzero(self.track == track)
        return np.asarray(peaks[np.argsort(self.position[self.peaks.spectrum[peaks]], kind="stable")])

    def process(self, track: int) -> str:
        """Name the process that most peaks of a line belong to; empty if that is none."""
        names, counts = np.unique(self.peaks.process[self.track == track], return_counts=True)
        return str(names[counts.argmax()])

    def summary(self) -> pd.DataFrame:
        """One row a line: branch, process, number of peaks and gaps, the two ends, medians of tau and R."""
        import pandas as pd

        return pd.DataFrame([self._describe(track) for track in range(len(self))], columns=_SUMMARY)

    def _describe(self, track: int) -> tuple[Any, ...]:
        peaks, branch, at = self.peaks, self.series.branches[self.branch[track]], self.members(track)
        place = self.position[peaks.spectrum[at]]
        passed = int(((branch.values >= place[0]) & (branch.values <= place[-1])).sum())
        tau, R = peaks.tau[at], peaks.R[at]
        ends = place[0], place[-1], tau[0], tau[-1], R[0], R[-1]
        return (
            track,
            branch.name,
            self.process(track),
            at.size,
            passed - at.size,
            *ends,
            np.median(tau),
            np.median(R),
        )

    def to_frame(self) -> pd.DataFrame:
        """Give the table of the peaks with their `track`, line by line; those on none come last."""
        rows = np.array([*chain(*map(self.members, range(len(self)))), *np.flatnonzero(self.track < 0)], dtype=np.intp)
        frame = self.peaks.to_frame().iloc[rows].reset_index(drop=True)
        frame.insert(0, "track", self.track[rows])
        return frame

    def to_dataset(self) -> xr.Dataset:
        """Give an xarray Dataset [track, spectrum], NaN where a line has no peak."""
        peaks, on = self.peaks, self.track >= 0
        arrays = {name: np.full((len(self), len(peaks.campaign)), np.nan) for name in NUMBERS}
        for name, array in arrays.items():
            array[self.track[on], peaks.spectrum[on]] = getattr(peaks, name)[on]
        own = {"track_branch": ("track", np.array([self.series.branches[b].name for b in self.branch], dtype=str))}
        spectrum = "spectrum", np.arange(len(peaks.campaign))
        attributes = {"level": peaks.level, "along": self.series.label}
        return dataset_of("Tracks", peaks, arrays, ("track", "spectrum"), NUMBERS, own, spectrum, **attributes)


_SUMMARY = [
    *("track", "branch", "process", "peaks", "gaps", "from", "to", "tau_from", "tau_to", "R_from", "R_to"),
    *("tau_median", "R_median"),
]


def track_peaks(
    data: DrtResult | Peaks,
    *,
    along: str | None = None,
    spectra: Selection = None,
    max_shift: float = 0.3,
    max_ratio: float = 5.0,
    max_gap: int = 1,
    min_length: int = 2,
) -> Tracks:
    """Follow peaks from spectrum to spectrum, branch by branch.

    At each step the peaks of a spectrum are assigned to the lines so that the sum of the costs is least: the square
    of the shift of log(tau) over that allowed, plus the same of the height; a line and a peak may also stay alone.
    Lines begin and end anywhere.

    Parameters
    ----------
    data : DrtResult or Peaks
        A result stands for its peaks with the defaults of `find_peaks`.
    along : str, optional
        Name of a coordinate, or "spectrum" for the number of the spectrum. By default the first of voltage, soc,
        cycle and time that runs one way within each branch, without one gap that takes the axis, else "spectrum".
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    max_shift : float
        How far tau may move between neighbours of equal height, in decades.
    max_ratio : float
        By which factor the height may change between neighbours of equal tau.
    max_gap : int
        In how many spectra on end a line may be missing. Spectra without any peak do not count.
    min_length : int
        Lines of fewer peaks are dissolved, unless the branch has no more spectra with peaks.

    Returns
    -------
    Tracks

    Raises
    ------
    InvalidInput
        If an option is out of range, or the coordinate does not give each spectrum of a branch a place of its own.

    Notes
    -----
    Linear assignment after Crouse, IEEE Trans. Aerosp. Electron. Syst. 52, 1679 (2016),
    doi:10.1109/TAES.2016.140952, as SciPy has it.

    Examples
    --------
    >>> import drtengine as dt
    >>> truth = dt.simulate.standin(branches=["discharge"])
    >>> tracks = dt.track_peaks(dt.fit_drt(truth.campaign, method="log", capacitance=True), along="voltage")
    >>> len(tracks)  # SEI, charge transfer, diffusion
    3
    """
    if not isinstance(data, DrtResult | Peaks):
        raise InvalidInput(f"track_peaks() takes a DrtResult or the Peaks in it, got {type(data).__name__}")
    max_shift, max_ratio = (
        options.check_positive("max_shift", max_shift),
        options.check_positive("max_ratio", max_ratio),
    )
    if max_ratio <= 1:
        raise InvalidInput(f"max_ratio is a factor above 1, got {max_ratio:g}")
    gap, shortest = options.check_count("max_gap", max_gap, 0), options.check_count("min_length", min_length, 1)
    peaks = data if isinstance(data, Peaks) else find_peaks(data)
    series = arrange(peaks.campaign.coordinates, len(peaks.campaign), along, spectra)
    scale = np.array([max_shift, np.log10(max_ratio)])
    features = np.log10(np.stack([peaks.tau, peaks.gamma], axis=1)) / scale
    track, of_branch = np.full(len(peaks), -1), list[int]()
    for number, branch in enumerate(series.branches):
        steps = [here for i in branch.spectra if (here := np.flatnonzero(peaks.spectrum == i)).size]
        lines = [line for line in _follow(features, steps, gap) if len(line) >= min(shortest, len(steps))]
        for line in sorted(lines, key=lambda line: float(np.median(peaks.tau[line]))):
            track[line] = len(of_branch)
            of_branch.append(number)
    return Tracks(peaks, track, np.array(of_branch, dtype=np.intp), series, peaks.notes)


def _follow(features: FloatArray, steps: Sequence[IntArray], max_gap: int) -> list[list[int]]:
    """Join the peaks of consecutive steps; each line is a list of peaks."""
    from scipy.optimize import linear_sum_assignment

    lines, seen = list[list[int]](), list[int]()
    for step, here in enumerate(steps):
        live = [k for k, last in enumerate(seen) if step - last <= max_gap + 1]
        ends = features[[lines[k][-1] for k in live]]
        cost = np.square(ends[:, None] - features[here]).sum(axis=2)
        m, n = cost.shape
        table = np.full((m + n, n + m), np.inf)
        table[:m, :n], table[m:, n:] = cost, 0.0
        table[np.arange(m), n + np.arange(m)] = table[m + np.arange(n), np.arange(n)] = _ALONE
        partner = dict(zip(*(side.tolist() for side in linear_sum_assignment(table)[::-1]), strict=True))
        for column, peak in enumerate(here.tolist()):
            if partner[column] < m:
                lines[live[partner[column]]].append(peak)
                seen[live[partner[column]]] = step
            else:
                lines.append([peak])
                seen.append(step)
    return lines
