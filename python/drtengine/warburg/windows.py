"""Where a spectrum is a Warburg line: every run of points is tried at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ..spectrum import BoolArray, ComplexArray, FloatArray, IntArray

LEAST_POINTS = 6
FAST_GUARD, LEAST_FAST_GUARD, SLOW_GUARD = 8.0, 5.0, 3.0
"""Factors in frequency cut off the ends of a window, where what is just below the noise still bends the line; the
second where the first would leave too little."""

MOST_DIFFERENCE = 0.02
"""Relative difference of the slopes of Z' and -Z'' that is never held against a line,"""
MOST_CURVATURE = 0.05
"""nor is this relative change of one of the slopes from end to end;"""
DOUBT = 1.5
"""beyond, they may be this many standard errors from zero, and the misfit from what noise makes."""
LARGEST_ERROR, LARGEST_DIFFERENCE_ERROR = 0.05, 0.04
"""Relative standard errors of sigma and of the difference of slopes above which nothing is said of a line."""

_MARGIN = 1.01
_LEAST_SPAN = 10**0.5 * 0.99  # in frequency: half a decade
_NOISE_POINTS, _NOISE_TERMS = 6, 4
_LEAST_NOISE = 5e-4  # of an instrument; below, a line would have to be straighter than any cell is

# What a model adds to (Z', -Z''): each term is a coefficient and a power of x = omega^-1/2 for either part.
_INTERCEPTS = (((1.0, 0), (0.0, 0)), ((0.0, 0), (1.0, 0)))
_SLOPE = ((1.0, 1), (1.0, 1))
_DIFFERENCE = ((0.5, 1), (-0.5, 1))
_CURVATURES = (((1.0, 2), (0.0, 2)), ((0.0, 2), (1.0, 2)))


@dataclass(frozen=True)
class Line:
    """A Warburg line Z' = a + sigma x, -Z'' = b + sigma x, x = omega^-1/2.

    Attributes
    ----------
    first, stop : int
        Points of the window, by falling frequency; `stop` is one past the last.
    sigma, u_sigma : float
        Ohm s^-1/2.
    a, u_a, b, u_b : float
        Ohm.
    difference, u_difference : float
        (slope of Z' - slope of -Z'')/sigma.
    """

    first: int
    stop: int
    sigma: float
    u_sigma: float
    a: float
    u_a: float
    b: float
    u_b: float
    difference: float
    u_difference: float

    def __len__(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True)
class Noise:
    """Relative size of the noise of each part, from how far points lie off cubics through their neighbours.

    Attributes
    ----------
    overall : float
        From the median over the spectrum.
    cumulative : ndarray, shape [segment + 1]
        Cumulative sum of the variances of all runs of six points.
    """

    overall: float
    cumulative: FloatArray

    def variance(self, first: IntArray, stop: IntArray) -> FloatArray:
        """Variance in windows: that of the spectrum or of the window, whichever is larger."""
        last = np.maximum(stop - _NOISE_POINTS + 1, first + 1)
        last = np.minimum(last, self.cumulative.size - 1)
        first = np.minimum(first, last - 1)
        return np.maximum(self.overall**2, (self.cumulative[last] - self.cumulative[first]) / (last - first))


def estimate_noise(x: FloatArray, Z: ComplexArray) -> Noise:
    """Estimate the noise of a spectrum of at least six points, by falling frequency."""
    scale = np.abs(Z)[_NOISE_POINTS // 2 - 1 : Z.size - _NOISE_POINTS // 2]
    values = np.lib.stride_tricks.sliding_window_view(Z, _NOISE_POINTS) / scale[:, None]
    basis = _cubics(x.tobytes())
    fit = np.einsum("snk,smk,sm->sn", basis, basis, values)
    degrees = 2 * (_NOISE_POINTS - _NOISE_TERMS)
    variances = (np.abs(values - fit) ** 2).sum(axis=1) / degrees
    median_of_chi2 = degrees * (1 - 2 / (9 * degrees)) ** 3 / degrees  # of one degree of freedom, Wilson and Hilferty
    overall = max(np.sqrt(np.median(variances) / median_of_chi2), _LEAST_NOISE)
    return Noise(float(overall), np.concatenate([[0.0], np.cumsum(variances)]))


@lru_cache(maxsize=8)  # spectra of a campaign share their frequencies
def _cubics(x: bytes) -> FloatArray:
    """Orthogonal cubics in ln x through all runs of points [segment, point, term]."""
    segments = np.lib.stride_tricks.sliding_window_view(np.log(np.frombuffer(x)), _NOISE_POINTS)
    centred = segments - segments.mean(axis=1, keepdims=True)
    centred /= np.abs(centred).max(axis=1, keepdims=True)
    return np.linalg.qr(np.stack([centred**k for k in range(_NOISE_TERMS)], axis=2))[0]


@lru_cache(maxsize=8)
def _wide(x: bytes) -> tuple[IntArray, IntArray]:
    """First point, and the one past the last, of all windows of enough points and span."""
    here = np.frombuffer(x)
    first, stop = np.triu_indices(here.size + 1, LEAST_POINTS)
    wide = here[stop - 1] >= here[first] * np.sqrt(_LEAST_SPAN)
    return first[wide], stop[wide]


def find_line(x: FloatArray, Z: ComplexArray, noise: Noise) -> Line | None:
    """Find the longest Warburg line of a spectrum, then leave out what stands near its ends.

    First among the runs whose points lie on one line as well as the noise lets them. Where there is none, because
    the cell is less ideal than the instrument is exact, among those that lie on a line within the tolerances for
    difference and curvature; the misfit then counts in the uncertainty.

    Parameters
    ----------
    x : ndarray, shape [point]
        omega^-1/2, rising.
    Z : ndarray of complex, shape [point]
        Ohm.
    noise : Noise

    Returns
    -------
    Line or None
        None where no run of points is straight, of equal slopes, and long enough to say so.
    """
    windows = _Windows.promising(x, Z, noise)
    if windows.first.size == 0 or not windows.fair.any():
        return None
    return _longest(x, Z, noise, windows, windows.fair & (windows.reduced <= windows.low_misfit)) or _longest(
        x, Z, noise, windows, windows.fair & (windows.reduced_free <= windows.low_misfit)
    )


def _longest(x: FloatArray, Z: ComplexArray, noise: Noise, windows: _Windows, sound: BoolArray) -> Line | None:
    """Fit the longest of the sound windows without its ends; None where too little is left of it."""
    if not sound.any():
        return None
    length = np.where(sound, windows.stop - windows.first, -1)
    longest = np.flatnonzero(length == length.max())[-1]  # of equals, the slowest
    first, stop = int(windows.first[longest]), int(windows.stop[longest])
    if stop < x.size:
        stop = int(np.searchsorted(x, x[stop - 1] / np.sqrt(SLOW_GUARD), side="right"))
    for guard in (FAST_GUARD, LEAST_FAST_GUARD):
        inner = int(np.searchsorted(x, x[first] * np.sqrt(guard)))
        if stop - inner >= LEAST_POINTS and x[stop - 1] >= x[inner] * np.sqrt(_LEAST_SPAN):
            return line_over(x, Z, noise, inner, stop)
    return None


def line_over(x: FloatArray, Z: ComplexArray, noise: Noise, first: int, stop: int) -> Line:
    """Fit a line to one window; its uncertainties grow with a misfit above the noise."""
    one = _Windows.over(x, Z, noise, np.array([first]), np.array([stop]))
    growth = max(1.0, float(np.sqrt(one.reduced[0])))
    a, b, sigma = one.base[0]
    u_a, u_b, u_sigma = growth * one.u_base[0]
    spread = abs(float(one.difference[0]))
    # half of a difference of the slopes that noise does not explain counts as an error of both
    excess = 0.5 * np.sqrt(max(spread**2 - (DOUBT * growth * one.u_difference[0]) ** 2, 0.0)) * abs(sigma)
    return Line(
        first,
        stop,
        float(sigma),
        float(np.hypot(u_sigma, excess)),
        float(a),
        float(u_a),
        float(b),
        float(u_b),
        float(one.difference[0]),
        float(growth * one.u_difference[0]),
    )


@dataclass(frozen=True)
class _Windows:
    """Lines through many windows, and what speaks against them."""

    first: IntArray
    stop: IntArray
    sums: _Sums
    variance: FloatArray
    unit: float
    """Of x in the sums."""
    reach: FloatArray
    """Of the windows in x, in units."""

    @classmethod
    def promising(cls, x: FloatArray, Z: ComplexArray, noise: Noise) -> _Windows:
        """All windows of enough points and span whose slopes may pass: most fall here, before the costly fits."""
        first, stop = _wide(x.tobytes())
        slopes, u_slope = _Sums(x / np.median(x), Z, first, stop).slopes()
        u_slope = u_slope * np.sqrt(noise.variance(first, stop))
        sigma, u_difference = slopes.mean(axis=0), np.sqrt(2) * u_slope
        with np.errstate(divide="ignore", invalid="ignore"):
            difference, u_difference = np.abs(slopes[0] - slopes[1]) / sigma, u_difference / sigma
        # the limits of `fair`, a little wider, as these sums round otherwise
        may = (sigma > 0) & (u_slope / np.sqrt(2) <= _MARGIN * LARGEST_ERROR * sigma)
        may &= u_difference <= _MARGIN * LARGEST_DIFFERENCE_ERROR
        may &= difference <= _MARGIN * np.maximum(MOST_DIFFERENCE, DOUBT * u_difference)
        return cls.over(x, Z, noise, first[may], stop[may])

    @classmethod
    def over(cls, x: FloatArray, Z: ComplexArray, noise: Noise, first: IntArray, stop: IntArray) -> _Windows:
        """Fit lines, and lines with more freedom beside them, from running sums."""
        unit = float(np.median(x))
        reach = 2 * (x[stop - 1] - x[first]) / unit
        return cls(first, stop, _Sums(x / unit, Z, first, stop), noise.variance(first, stop), unit, reach)

    @cached_property
    def _line(self) -> tuple[FloatArray, ...]:
        return self.sums.fit((*_INTERCEPTS, _SLOPE))

    @cached_property
    def _apart(self) -> tuple[FloatArray, ...]:
        return self.sums.fit((*_INTERCEPTS, _SLOPE, _DIFFERENCE))

    @cached_property
    def _bent(self) -> tuple[FloatArray, ...]:
        return self.sums.fit((*_INTERCEPTS, _SLOPE, *_CURVATURES))

    @property
    def _in_units(self) -> FloatArray:
        return np.array([1.0, 1.0, 1 / self.unit])

    @property
    def _slope(self) -> FloatArray:
        return np.abs(self._line[0][:, 2])

    @property
    def _degrees(self) -> IntArray:
        return 2 * (self.stop - self.first) - 3

    @property
    def base(self) -> FloatArray:
        """Intercepts and sigma [window, 3]."""
        return self._line[0] * self._in_units

    @property
    def u_base(self) -> FloatArray:
        """Their standard errors by the noise."""
        return np.asarray(np.sqrt(np.einsum("kii->ki", self._line[1]) * self.variance[:, None]) * self._in_units)

    @property
    def difference(self) -> FloatArray:
        """Relative difference of the slopes [window]."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._apart[0][:, 3] / self._slope

    @property
    def u_difference(self) -> FloatArray:
        """Its standard error by the noise."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt(self._apart[1][:, 3, 3] * self.variance) / self._slope

    @property
    def curvature(self) -> FloatArray:
        """Relative change of the slopes of Z' and -Z'' over the window [window, part]."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._bent[0][:, 3:] * (self.reach / self._slope)[:, None]

    @property
    def u_curvature(self) -> FloatArray:
        """Their standard errors by the noise."""
        errors = np.sqrt(np.einsum("kii->ki", self._bent[1])[:, 3:] * self.variance[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(errors * (self.reach / self._slope)[:, None])

    @property
    def reduced(self) -> FloatArray:
        """Misfit of the line relative to the noise [window]."""
        return self._line[2] / self._degrees / self.variance

    @property
    def reduced_free(self) -> FloatArray:
        """Misfit of a line that may bend and differ between the parts."""
        *_, misfit = self.sums.fit((*_INTERCEPTS, _SLOPE, _DIFFERENCE, *_CURVATURES))
        return misfit / np.maximum(self._degrees - 3, 1) / self.variance

    @cached_property
    def fair(self) -> BoolArray:
        """Whether a window is a Warburg line as far as the noise lets one tell, and it lets one tell enough.

        Apart from the misfit.
        """
        sigma, difference, u_difference = self.base[:, 2], self.difference, self.u_difference
        equal = np.abs(difference) <= np.maximum(MOST_DIFFERENCE, DOUBT * u_difference)
        told = (self.u_base[:, 2] <= LARGEST_ERROR * sigma) & (u_difference <= LARGEST_DIFFERENCE_ERROR)
        fair = np.asarray((sigma > 0) & equal & told)
        if not fair.any():
            return fair
        straight = np.abs(self.curvature) <= np.maximum(MOST_CURVATURE, DOUBT * self.u_curvature)
        return np.asarray(fair & straight.all(axis=1))

    @property
    def low_misfit(self) -> FloatArray:
        """Reduced misfit that noise may still make [window]."""
        return np.asarray(1 + DOUBT * np.sqrt(2 / self._degrees))


class _Sums:
    """Normal equations of models that are linear in powers of x, for all windows, with weights 1/|Z|."""

    def __init__(self, x: FloatArray, Z: ComplexArray, first: IntArray, stop: IntArray) -> None:
        self._x, self._Z, self._weights, self._first, self._stop = x, Z, 1 / np.abs(Z) ** 2, first, stop

    def _within(self, values: FloatArray) -> FloatArray:
        running = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(running[self._stop] - running[self._first])

    @cached_property
    def powers(self) -> list[FloatArray]:
        """Of x, from 0 on."""
        return [self._within(self._weights * self._x**p) for p in range(5)]

    @cached_property
    def real(self) -> list[FloatArray]:
        """Of x, times Z'."""
        return [self._within(self._weights * self._x**p * self._Z.real) for p in range(3)]

    @cached_property
    def imag(self) -> list[FloatArray]:
        """Of x, times -Z''."""
        return [self._within(-self._weights * self._x**p * self._Z.imag) for p in range(3)]

    @cached_property
    def total(self) -> FloatArray:
        """Of the squares."""
        return self._within(self._weights * np.abs(self._Z) ** 2)

    def slopes(self) -> tuple[FloatArray, FloatArray]:
        """Slopes of Z' and of -Z'' on their own [part, window], and their standard error at unit variance [window]."""
        middle = self.powers[1] / self.powers[0]
        spread = np.maximum(self.powers[2] - middle * self.powers[1], np.finfo(float).tiny)
        parts = [(part[1] - middle * part[0]) / spread for part in (self.real, self.imag)]
        return np.stack(parts), 1 / np.sqrt(spread)

    def fit(self, terms: Sequence[tuple[tuple[float, int], tuple[float, int]]]) -> tuple[FloatArray, ...]:
        """Coefficients [window, term], inverse normal matrices [window, term, term], sums of squares [window]."""
        count, size = self.total.size, len(terms)
        normal, right = np.empty((count, size, size)), np.empty((count, size))
        for i, ((re, p), (im, q)) in enumerate(terms):
            right[:, i] = re * self.real[p] + im * self.imag[q]
            for k, ((re_k, p_k), (im_k, q_k)) in enumerate(terms[: i + 1]):
                both = re * re_k * self.powers[p + p_k] + im * im_k * self.powers[q + q_k]
                normal[:, i, k] = normal[:, k, i] = both
        scale = 1 / np.sqrt(np.einsum("kii->ki", normal))
        both = scale[:, :, None] * scale[:, None, :]
        inverse = np.linalg.inv(normal * both + 1e-14 * np.eye(size))
        scaled = np.matmul(inverse, (right * scale)[:, :, None])[:, :, 0]
        misfit = np.maximum(self.total - (scaled * right * scale).sum(axis=1), 0.0)
        return scaled * scale, inverse * both, misfit
