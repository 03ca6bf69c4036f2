"""Where a spectrum is a Warburg line: every run of points is tried at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    log_x = np.log(x)
    segments = np.lib.stride_tricks.sliding_window_view(log_x, _NOISE_POINTS)
    scale = np.abs(Z)[_NOISE_POINTS // 2 - 1 : Z.size - _NOISE_POINTS // 2]
    values = np.lib.stride_tricks.sliding_window_view(Z, _NOISE_POINTS) / scale[:, None]
    centred = segments - segments.mean(axis=1, keepdims=True)
    centred /= np.abs(centred).max(axis=1, keepdims=True)
    basis = np.linalg.qr(np.stack([centred**k for k in range(_NOISE_TERMS)], axis=2))[0]
    fit = np.einsum("snk,smk,sm->sn", basis, basis, values)
    degrees = 2 * (_NOISE_POINTS - _NOISE_TERMS)
    variances = (np.abs(values - fit) ** 2).sum(axis=1) / degrees
    median_of_chi2 = degrees * (1 - 2 / (9 * degrees)) ** 3 / degrees  # of one degree of freedom, Wilson and Hilferty
    overall = max(np.sqrt(np.median(variances) / median_of_chi2), _LEAST_NOISE)
    return Noise(float(overall), np.concatenate([[0.0], np.cumsum(variances)]))


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
    if windows.first.size == 0:
        return None
    return _longest(x, Z, noise, windows, windows.sound(windows.reduced)) or _longest(
        x, Z, noise, windows, windows.sound(windows.reduced_free)
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
    base: FloatArray
    u_base: FloatArray
    difference: FloatArray
    u_difference: FloatArray
    curvature: FloatArray
    u_curvature: FloatArray
    reduced: FloatArray
    reduced_free: FloatArray

    @classmethod
    def promising(cls, x: FloatArray, Z: ComplexArray, noise: Noise) -> _Windows:
        """All windows of enough points and span whose slopes may pass: most fall here, before the costly fits."""
        first, stop = np.triu_indices(x.size + 1, LEAST_POINTS)
        wide = x[stop - 1] >= x[first] * np.sqrt(_LEAST_SPAN)
        first, stop = first[wide], stop[wide]
        slopes, u_slope = _Sums(x / np.median(x), Z, first, stop).slopes()
        u_slope = u_slope * np.sqrt(noise.variance(first, stop))
        sigma, u_difference = slopes.mean(axis=0), np.sqrt(2) * u_slope
        with np.errstate(divide="ignore", invalid="ignore"):
            difference, u_difference = np.abs(slopes[0] - slopes[1]) / sigma, u_difference / sigma
        # the limits of `sound`, a little wider, as these sums round otherwise
        may = (sigma > 0) & (u_slope / np.sqrt(2) <= _MARGIN * LARGEST_ERROR * sigma)
        may &= u_difference <= _MARGIN * LARGEST_DIFFERENCE_ERROR
        may &= difference <= _MARGIN * np.maximum(MOST_DIFFERENCE, DOUBT * u_difference)
        return cls.over(x, Z, noise, first[may], stop[may])

    @classmethod
    def over(cls, x: FloatArray, Z: ComplexArray, noise: Noise, first: IntArray, stop: IntArray) -> _Windows:
        """Fit lines, and lines with more freedom beside them, from running sums."""
        unit = float(np.median(x))
        sums = _Sums(x / unit, Z, first, stop)
        variance = noise.variance(first, stop)
        base, inverse, misfit = sums.fit((*_INTERCEPTS, _SLOPE))
        errors = np.sqrt(np.einsum("kii->ki", inverse) * variance[:, None])
        slope = np.abs(base[:, 2])
        with np.errstate(divide="ignore", invalid="ignore"):
            apart, inverse, _ = sums.fit((*_INTERCEPTS, _SLOPE, _DIFFERENCE))
            difference, u_difference = apart[:, 3] / slope, np.sqrt(inverse[:, 3, 3] * variance) / slope
            bent, inverse, _ = sums.fit((*_INTERCEPTS, _SLOPE, *_CURVATURES))
            *_, misfit_free = sums.fit((*_INTERCEPTS, _SLOPE, _DIFFERENCE, *_CURVATURES))
            reach = (2 * (x[stop - 1] - x[first]) / unit / slope)[:, None]
            curvature = bent[:, 3:] * reach
            u_curvature = np.sqrt(np.einsum("kii->ki", inverse)[:, 3:] * variance[:, None]) * reach
        in_units = np.array([1.0, 1.0, 1 / unit])
        degrees = 2 * (stop - first) - 3
        return cls(
            first, stop, base * in_units, errors * in_units, difference, u_difference, curvature, u_curvature,
            misfit / degrees / variance, misfit_free / np.maximum(degrees - 3, 1) / variance,
        )  # fmt: skip

    def sound(self, reduced: FloatArray) -> BoolArray:
        """Whether a window is a Warburg line as far as the noise lets one tell, and it lets one tell enough."""
        sigma, u_sigma = self.base[:, 2], self.u_base[:, 2]
        spread = DOUBT * np.sqrt(2 / (2 * (self.stop - self.first) - 3))
        equal = np.abs(self.difference) <= np.maximum(MOST_DIFFERENCE, DOUBT * self.u_difference)
        straight = np.abs(self.curvature) <= np.maximum(MOST_CURVATURE, DOUBT * self.u_curvature)
        told = (u_sigma <= LARGEST_ERROR * sigma) & (self.u_difference <= LARGEST_DIFFERENCE_ERROR)
        return np.asarray((sigma > 0) & equal & straight.all(axis=1) & told & (reduced <= 1 + spread))


class _Sums:
    """Normal equations of models that are linear in powers of x, for all windows, with weights 1/|Z|."""

    def __init__(self, x: FloatArray, Z: ComplexArray, first: IntArray, stop: IntArray) -> None:
        weights = 1 / np.abs(Z) ** 2

        def within(values: FloatArray) -> FloatArray:
            running = np.concatenate([[0.0], np.cumsum(values)])
            return np.asarray(running[stop] - running[first])

        self.powers = [within(weights * x**p) for p in range(5)]
        self.real = [within(weights * x**p * Z.real) for p in range(3)]
        self.imag = [within(-weights * x**p * Z.imag) for p in range(3)]
        self.total = within(weights * np.abs(Z) ** 2)

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
            for k, ((re_k, p_k), (im_k, q_k)) in enumerate(terms):
                normal[:, i, k] = re * re_k * self.powers[p + p_k] + im * im_k * self.powers[q + q_k]
        scale = 1 / np.sqrt(np.einsum("kii->ki", normal))
        both = scale[:, :, None] * scale[:, None, :]
        inverse = np.linalg.inv(normal * both + 1e-14 * np.eye(size))
        scaled = np.matmul(inverse, (right * scale)[:, :, None])[:, :, 0]
        misfit = np.maximum(self.total - (scaled * right * scale).sum(axis=1), 0.0)
        return scaled * scale, inverse * both, misfit
