"""The voltage after a current was switched: jump, √t and drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .regression import LinearFit, fit_linear
from .spectrum import BoolArray, FloatArray

_MIN_ROWS = 6
_MOST_ROWS = 300
"""Rows among which an exponential is sought; more would not find more."""
_INSTANT = 0.005
"""Share of the window within which the instant of switching must be known, or it is fitted."""
_SEEN, _SPENT = 0.01, 0.002
"""Size of an exponential, relative to the √t part over the window, that is noticed, and that may remain."""


@dataclass(frozen=True)
class Transient:
    """E = E_start + slope √t + drift t, t in s since the switch.

    Parameters
    ----------
    E_start, u_E_start : float
        V.
    slope, u_slope : float
        V s^-1/2; the uncertainty includes those of the instant of switching and of the end of the window.
    drift : float
        V/s.
    rms : float
        Scatter of the residuals in V.
    freedom : int
        Points less terms.
    tau_RC : float
        Time constant in s of an exponential before the window, NaN where none is seen.
    switch, u_switch : float
        Instant of switching in s, and its uncertainty where it was fitted (0 otherwise).
    window : tuple of float
        First and last t that were fitted.
    """

    E_start: float
    u_E_start: float
    slope: float
    u_slope: float
    drift: float
    rms: float
    freedom: int
    tau_RC: float
    switch: float
    u_switch: float
    window: tuple[float, float]


def fit_transient(
    time: FloatArray,
    voltage: FloatArray,
    switch: tuple[float, float],
    window: tuple[float, float],
    *,
    root: Callable[[FloatArray], FloatArray] = np.sqrt,
    seek_RC: bool = True,
    drift: bool = True,
) -> Transient:
    """Fit the early part of a transient.

    Parameters
    ----------
    time, voltage : ndarray, shape [row]
        From the first row after the switch on.
    switch : tuple of float
        Earliest and latest possible instant of switching. Where the gap matters, the instant is fitted.
    window : tuple of float
        Seconds since the switch. It is widened at its end to six rows.
    root : callable
        What √t is replaced with, t -> [row].
    seek_RC : bool
        Whether to begin only when an exponential (a double layer) is spent.
    drift : bool
        Whether the linear term is fitted.

    Returns
    -------
    Transient
        NaN where there are fewer rows than terms.
    """
    begin, u_begin = switch[0], 0.0
    if switch[1] - switch[0] > _INSTANT * window[1]:
        begin, u_begin = _find_instant(time, voltage, switch, window, root, drift)
    t = time - begin
    tau_RC, low = np.nan, window[0]
    if seek_RC:
        tau_RC, spent = _find_exponential(t, voltage, window[1], root)
        low = max(low, min(spent, window[1] / 3))
    used = _rows(t, (low, window[1]))
    fit = _fit(t[used], voltage[used], root, drift)
    u_slope = float(fit.u_values[1])
    u_slope = float(np.hypot(u_slope, _excess(t[used], voltage[used], fit, root, drift)))
    if u_begin > 0:
        after = used & (t > u_begin)
        later = _fit(t[after] - u_begin, voltage[after], root, drift)
        u_slope = float(np.hypot(u_slope, fit.values[1] - later.values[1]))
    limits = (float(t[used].min()), float(t[used].max())) if used.any() else (np.nan, np.nan)
    return Transient(
        E_start=float(fit.values[0]),
        u_E_start=float(fit.u_values[0]),
        slope=float(fit.values[1]),
        u_slope=u_slope,
        drift=float(fit.values[2]) if drift else 0.0,
        rms=float(fit.rms),
        freedom=fit.freedom,
        tau_RC=tau_RC,
        switch=begin,
        u_switch=u_begin,
        window=limits,
    )


def _rows(t: FloatArray, window: tuple[float, float]) -> BoolArray:
    """Rows in the window, or the first six after its begin."""
    used = (t >= window[0]) & (t <= window[1])
    if used.sum() < _MIN_ROWS:
        used = np.zeros(t.size, dtype=bool)
        used[np.flatnonzero(t >= window[0])[:_MIN_ROWS]] = True
    return used


def _fit(t: FloatArray, voltage: FloatArray, root: Callable[[FloatArray], FloatArray], drift: bool) -> LinearFit:
    terms = [np.ones(t.size), root(t), t]
    return fit_linear(np.column_stack(terms if drift else terms[:2]), voltage)


def _excess(
    t: FloatArray, voltage: FloatArray, whole: LinearFit, root: Callable[[FloatArray], FloatArray], drift: bool
) -> float:
    """By how much the slope differs in the first half of the window, less twice what noise explains."""
    half = t <= t.max() / 2 if t.size else np.zeros(0, dtype=bool)
    if half.sum() < _MIN_ROWS:
        return 0.0
    part = _fit(t[half], voltage[half], root, drift)
    return float(np.fmax(abs(part.values[1] - whole.values[1]) - 2 * part.u_values[1], 0.0))


def _find_instant(
    time: FloatArray,
    voltage: FloatArray,
    switch: tuple[float, float],
    window: tuple[float, float],
    root: Callable[[FloatArray], FloatArray],
    drift: bool,
) -> tuple[float, float]:
    """Mean and standard deviation of the instants of switching that agree with the transient."""
    begins = np.linspace(*switch, 21)
    away = 2 * (switch[1] - switch[0])  # the first rows tell most, but a double layer would be taken for a delay
    rows = _rows(time - switch[1], (away, max(window[1], 4 * away)))
    fits = [_fit(time[rows] - begin, voltage[rows], root, drift) for begin in begins]
    rms = np.array([fit.rms for fit in fits])
    if not (np.isfinite(rms).all() and rms.min() > 0):
        rms = np.ones(begins.size)
    # any instant in the gap is as likely as another beforehand
    weight = (rms / rms.min()) ** -float(fits[0].freedom)
    weight /= weight.sum()
    mean = float(weight @ begins)
    return mean, float(np.sqrt(weight @ (begins - mean) ** 2))


def _find_exponential(
    t: FloatArray, voltage: FloatArray, end: float, root: Callable[[FloatArray], FloatArray]
) -> tuple[float, float]:
    """Find an exponential at the begin of a transient: its time constant, and when it is spent; NaN and 0 if none."""
    rows = (t > 0) & (t <= end)
    t, voltage = t[rows], voltage[rows]
    if t.size < 2 * _MIN_ROWS:
        return np.nan, 0.0
    if t.size > _MOST_ROWS:  # evenly in √t, so that the begin stays dense
        rows = np.unique(np.searchsorted(np.sqrt(t), np.linspace(np.sqrt(t[0]), np.sqrt(t[-1]), _MOST_ROWS)))
        t, voltage = t[rows], voltage[rows]
    smooth = np.column_stack([np.ones(t.size), root(t), t])
    Q = np.linalg.qr(smooth / np.sqrt((smooth**2).sum(axis=0)))[0]
    taus = np.geomspace(max(t[0], 1e-4 * end), end / 10, 25)
    decays = np.exp(-t[:, None] / taus)
    own, left = decays - Q @ (Q.T @ decays), voltage - Q @ (Q.T @ voltage)  # what the smooth terms cannot do
    gain = (own.T @ left) ** 2 / np.fmax((own**2).sum(axis=0), np.finfo(np.float64).tiny)
    tau = float(taus[np.argmax(gain)])
    fit = fit_linear(np.column_stack([smooth, np.exp(-t / tau)]), voltage)
    if not np.isfinite(fit.rms):
        return np.nan, 0.0
    size, swing = abs(fit.values[3]), abs(fit.values[1]) * np.sqrt(end)
    if not (size > _SEEN * swing and size > 5 * fit.u_values[3]):
        return np.nan, 0.0
    return tau, tau * max(5.0, float(np.log(size / (_SPENT * swing))))
