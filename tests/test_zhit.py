"""Z-HIT beside a second implementation, and the limits of its verdict on spectra with known departures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

import drtengine as dt
from drtengine import simulate

F = 10.0 ** np.linspace(5, -2, 71)
QUIET = (F >= 1) & (F <= 1e3)
CELL = simulate.Circuit([simulate.Resistor(10), simulate.ZARC(50, 1e-3, 0.8), simulate.ZARC(30, 0.3, 0.9)])
CPE = 3 / (2j * np.pi * F) ** 0.6


def reconstructed(f: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """ln abs(Z) up to a constant: local parabolas by polyfit, the integral of the cubics through them by SciPy."""
    x, phase = np.log(f), np.angle(Z)
    value, slope = np.empty((2, x.size))
    for i in range(x.size):
        near = slice(min(max(i - 2, 0), x.size - 5), min(max(i - 2, 0), x.size - 5) + 5)
        parabola = np.poly1d(np.polyfit(x[near] - x[i], phase[near], 2))
        value[i], slope[i] = parabola(0), parabola.deriv()(0)
    rising = np.argsort(x)
    curve = CubicHermiteSpline(x[rising], value[rising], slope[rising])
    return 2 / np.pi * curve.antiderivative()(x) - np.pi / 6 * slope


@pytest.mark.parametrize("f", [F, F[F > 2e3], F[F < 2e3][::-1]], ids=["whole", "no quiet range", "rising"])
def test_second_implementation(f: np.ndarray) -> None:
    Z = CELL.impedance(f) * (1 + 0.002 * np.sin(7 * np.log(f)))
    quiet = (f >= 1) & (f <= 1e3)
    quiet = quiet if quiet.sum() >= 5 else np.ones(f.size, bool)
    away = np.log(np.abs(Z)) - reconstructed(f, Z)
    away -= np.median(away[quiet])
    result = dt.check_kk(dt.Spectrum(f, Z), method="z_hit")
    np.testing.assert_allclose(result.residual[0], Z / np.abs(Z) * (1 - np.exp(-away)), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.02, "pass"), (1 / 0.971, "pass"), (1 / 0.969, "warn"), (1 / 0.941, "warn"), (1.07, "fail")],
)
def test_limits_of_the_verdict(factor: float, verdict: str) -> None:
    """Three points of a constant phase element, whose modulus alone is off, the middle one a little more."""
    Z = CPE.copy()
    Z[65:68] *= factor * np.array([1, 1.001, 1])
    largest = 1 - 1 / (1.001 * factor)
    result = dt.check_kk(dt.Spectrum(F, Z), method="z_hit")
    assert result.verdict[0] == verdict
    np.testing.assert_allclose(np.abs(result.residual[0]).max(), largest, rtol=1e-6)
    if verdict != "pass":
        assert f"{100 * largest:.2g} % at {F[66]:.3g} Hz" in result.reason[0]


def test_two_points_alone_say_nothing() -> None:
    Z = CPE * np.where((np.arange(71) == 65) | (np.arange(71) == 66), 1.2, 1)
    assert dt.check_kk(dt.Spectrum(F, Z), method="z_hit").verdict[0] == "pass"


def test_the_level_is_that_between_1_hz_and_1_khz() -> None:
    Z = CPE * np.where(QUIET, 1, 1.5)
    residual = dt.check_kk(dt.Spectrum(F, Z), method="z_hit").residual[0]
    assert np.abs(residual[QUIET]).max() < 1e-9
    np.testing.assert_allclose(np.abs(residual[~QUIET]), 1 / 3, rtol=1e-6)
    only_ends = CPE * np.where(np.isin(F, F[QUIET][[0, -1]]), 1, 1.5)  # these two belong to it, and are outvoted
    assert np.abs(dt.check_kk(dt.Spectrum(F, only_ends), method="z_hit").residual[0][F == 10]).max() < 1e-9
