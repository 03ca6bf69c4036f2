"""The running sums behind Warburg lines, beside least squares window by window; what a line has to bear and no more."""

from __future__ import annotations

import numpy as np
import pytest

from drtengine.warburg import windows
from drtengine.warburg.windows import Noise, _Windows, estimate_noise, find_line, line_over

RNG = np.random.default_rng(5)
X = np.geomspace(0.05, 8, 34)
LINE = 12 + 3j + 4 * (1 - 1j) * X
BENT = LINE + 0.3 * X**2 - 0.2j * X**2
NOISY = BENT * (1 + 0.004 * (RNG.normal(size=X.size) + 1j * RNG.normal(size=X.size)))
FLAT = Noise(0.004, np.arange(X.size - 4) * 0.004**2)


def least_squares(x: np.ndarray, Z: np.ndarray, columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    """Coefficients, inverse normal matrix and sum of squares of a complex model with weights 1/abs(Z)."""
    A = np.stack(columns, axis=1) / np.abs(Z)[:, None]
    A, z = np.concatenate([A.real, A.imag]), np.concatenate([(Z / np.abs(Z)).real, (Z / np.abs(Z)).imag])
    solution = np.linalg.lstsq(A, z, rcond=None)[0]
    return solution, np.linalg.inv(A.T @ A), float(np.sum((z - A @ solution) ** 2))


@pytest.mark.parametrize(("first", "stop"), [(0, 34), (3, 20), (10, 16), (20, 34)])
def test_windows_are_least_squares(first: int, stop: int) -> None:
    x, Z = X[first:stop], NOISY[first:stop]
    one = _Windows.over(X, NOISY, FLAT, np.array([first]), np.array([stop]))
    ends = [np.ones_like(Z), -1j * np.ones_like(Z)]
    slope, apart = (1 - 1j) * x, (0.5 + 0.5j) * x  # Z' and -Z'' rise together; and against each other
    curves = [x**2 + 0j, -1j * x**2]
    base, inverse, misfit = least_squares(x, Z, [*ends, slope])
    np.testing.assert_allclose(one.base[0], base, rtol=1e-6)
    np.testing.assert_allclose(one.u_base[0], 0.004 * np.sqrt(np.diag(inverse)), rtol=1e-6)
    np.testing.assert_allclose(one.reduced[0], misfit / (2 * x.size - 3) / 0.004**2, rtol=1e-6)
    both, inverse, _ = least_squares(x, Z, [*ends, slope, apart])
    np.testing.assert_allclose(one.difference[0], both[3] / abs(base[2]), rtol=1e-5)
    np.testing.assert_allclose(one.u_difference[0], 0.004 * np.sqrt(inverse[3, 3]) / abs(base[2]), rtol=1e-5)
    bent, inverse, _ = least_squares(x, Z, [*ends, slope, *curves])
    reach = 2 * (x[-1] - x[0]) / abs(base[2])
    np.testing.assert_allclose(one.curvature[0], bent[3:] * reach, rtol=1e-4)
    np.testing.assert_allclose(one.u_curvature[0], 0.004 * np.sqrt(np.diag(inverse)[3:]) * reach, rtol=1e-4)
    *_, misfit = least_squares(x, Z, [*ends, slope, apart, *curves])
    np.testing.assert_allclose(one.reduced_free[0], misfit / (2 * x.size - 6) / 0.004**2, rtol=1e-3)


def test_uncertainties_of_a_line_grow_with_what_noise_does_not_explain() -> None:
    quiet = Noise(5e-4, np.arange(X.size - 4) * 5e-4**2)
    one = _Windows.over(X, NOISY, quiet, np.array([3]), np.array([20]))
    line = line_over(X, NOISY, quiet, 3, 20)
    growth = np.sqrt(one.reduced[0])
    assert growth > 2
    assert len(line) == 17
    a, b, sigma = one.base[0]
    np.testing.assert_allclose([line.a, line.b, line.sigma], [a, b, sigma])
    np.testing.assert_allclose([line.u_a, line.u_b], growth * one.u_base[0][:2])
    np.testing.assert_allclose([line.difference, line.u_difference], [one.difference[0], growth * one.u_difference[0]])
    excess = max(one.difference[0] ** 2 - (1.5 * growth * one.u_difference[0]) ** 2, 0)
    np.testing.assert_allclose(line.u_sigma, np.hypot(growth * one.u_base[0][2], 0.5 * np.sqrt(excess) * sigma))
    loud = line_over(X, NOISY, Noise(0.1, np.arange(X.size - 4) * 0.1**2), 3, 20)  # the misfit is less than noise
    np.testing.assert_allclose(loud.u_a, 200 * one.u_base[0][0], rtol=1e-9)
    np.testing.assert_allclose(loud.u_sigma, 200 * one.u_base[0][2], rtol=1e-9)


def test_slopes_that_differ_beyond_the_noise_count_as_an_error() -> None:
    quiet = Noise(5e-4, np.arange(X.size - 4) * 5e-4**2)
    unequal = 12 + 3j + 4 * (1.04 - 0.96j) * X
    one = _Windows.over(X, unequal, quiet, np.array([0]), np.array([34]))
    line = line_over(X, unequal, quiet, 0, 34)
    np.testing.assert_allclose(line.difference, 0.08, rtol=0.05)
    growth = max(1.0, np.sqrt(one.reduced[0]))
    excess = 0.5 * np.sqrt(line.difference**2 - (1.5 * line.u_difference) ** 2) * line.sigma
    np.testing.assert_allclose(line.u_sigma, np.hypot(growth * one.u_base[0][2], excess))
    assert excess > 0.1


def test_noise_is_what_cubics_through_six_points_leave() -> None:
    noise = estimate_noise(X, NOISY)
    log_x = np.log(X)
    variances = []
    for k in range(X.size - 5):
        here = slice(k, k + 6)
        u, values = log_x[here] - log_x[here].mean(), NOISY[here] / abs(NOISY[k + 2])
        left = values - np.polyval(np.polyfit(u, values.real, 3), u) - 1j * np.polyval(np.polyfit(u, values.imag, 3), u)
        variances.append(np.sum(np.abs(left) ** 2) / 4)
    np.testing.assert_allclose(np.diff(noise.cumulative), variances, rtol=1e-6)
    assert noise.cumulative[0] == 0
    median_of_chi2 = 3.3567 / 4  # four degrees of freedom
    np.testing.assert_allclose(noise.overall, np.sqrt(np.median(variances) / median_of_chi2), rtol=5e-3)
    assert estimate_noise(X, LINE).overall == 5e-4  # smoother than any instrument


def test_the_noise_of_a_window_is_its_own_where_that_is_larger() -> None:
    loud = np.where(np.arange(10) >= 5, 0.03**2, 0.001**2)
    noise = Noise(0.002, np.concatenate([[0.0], np.cumsum(loud)]))
    first, stop = np.array([0, 5, 0, 8]), np.array([10, 15, 15, 15])
    np.testing.assert_allclose(
        noise.variance(first, stop), [0.002**2, 0.03**2, (0.03**2 + 0.001**2) / 2, 0.03**2], rtol=1e-12
    )
    # of fewer than six points: the nearest run that there is
    short = noise.variance(np.array([0, 4, 5, 12]), np.array([3, 6, 7, 15]))
    np.testing.assert_allclose(short, [0.002**2, 0.002**2, 0.03**2, 0.03**2], rtol=1e-12)


@pytest.mark.parametrize("level", [1e-4, 2e-3, 4e-3, 8e-3, 0.016])
def test_the_quick_look_drops_no_line(level: float) -> None:
    """What lies on a line after all fits has passed the first sums, whatever the noise."""
    Z = LINE * (1 + level * (RNG.normal(size=X.size) + 1j * RNG.normal(size=X.size)))
    noise = Noise(level, np.arange(X.size - 4) * level**2)
    first, stop = np.triu_indices(X.size + 1, windows.LEAST_POINTS)
    wide = X[stop - 1] >= X[first] * 10**0.25
    every = _Windows.over(X, Z, noise, first[wide], stop[wide])
    some = _Windows.promising(X, Z, noise)
    sound = every.fair & (every.reduced_free <= every.low_misfit)
    assert sound.any()
    lines = set(zip(every.first[sound].tolist(), every.stop[sound].tolist(), strict=True))
    assert lines <= set(zip(some.first.tolist(), some.stop.tolist(), strict=True))
    assert (some.first.size < every.first.size) == (level > 1e-3)


def is_sound(Z: np.ndarray, reduced: float = 0.0, noise: float = 1e-6) -> bool:
    """Whether the whole of a spectrum is a line."""
    one = _Windows.over(X, Z, Noise(noise, np.arange(X.size - 4) * noise**2), np.array([0]), np.array([X.size]))
    return bool(one.fair[0] and reduced <= one.low_misfit[0])


def test_what_is_never_held_against_a_line() -> None:
    """Where noise explains nothing, slopes may differ by 2 % of each other and each bend by 5 % from end to end."""
    assert is_sound(LINE)
    assert not is_sound(24 - LINE)  # falls
    for share, sound in ((0.97, True), (1.03, False)):
        d = share * windows.MOST_DIFFERENCE
        assert is_sound(12 + 3j + 4 * ((1 + d / 2) - (1 - d / 2) * 1j) * X) == sound
        assert is_sound(12 + 3j + 4 * ((1 - d / 2) - (1 + d / 2) * 1j) * X) == sound
    for part in (1, -1j, -1, 1j):
        bend = [LINE + c * windows.MOST_CURVATURE * 4 / (2 * (X[-1] - X[0])) * part * X**2 for c in (0.9, 1.15)]
        assert [is_sound(Z) for Z in bend] == [True, False]


def test_the_misfit_and_the_noise_have_limits() -> None:
    spread = 1.5 * np.sqrt(2 / (2 * X.size - 3))
    assert is_sound(LINE, 1 + 0.99 * spread)
    assert not is_sound(LINE, 1 + 1.01 * spread)
    one = _Windows.over(X, LINE, Noise(1.0, np.arange(X.size - 4.0)), np.array([0]), np.array([X.size]))
    of_sigma, of_difference = one.u_base[0, 2] / one.base[0, 2], one.u_difference[0]
    most = min(windows.LARGEST_ERROR / of_sigma, windows.LARGEST_DIFFERENCE_ERROR / of_difference)
    assert is_sound(LINE, noise=0.99 * most)
    assert not is_sound(LINE, noise=1.01 * most)


def test_only_ends_are_cut_off() -> None:
    whole = find_line(X, LINE, estimate_noise(X, LINE))
    assert whole is not None
    assert whole.stop == X.size  # none where the measurement ends
    assert whole.first == np.searchsorted(X, X[0] * np.sqrt(windows.FAST_GUARD))
    turned = np.where(np.arange(X.size) < 28, LINE, LINE - 0.2 * (X - X[27]) ** 2)
    line = find_line(X, turned, estimate_noise(X, turned))
    assert line is not None
    assert 28 / windows.SLOW_GUARD < line.stop <= 28
    assert X[line.stop - 1] <= X[29] / np.sqrt(windows.SLOW_GUARD)


def test_a_line_needs_half_a_decade() -> None:
    for span, there in ((10**0.55, True), (10**0.45, False)):
        x = np.geomspace(1, np.sqrt(span * 8), 60)  # eight go for the guard at the fast end
        Z = 1 + 1j + (1 - 1j) * x
        assert (find_line(x, Z, estimate_noise(x, Z)) is not None) == (there or span * 8 / 5 > 10**0.5 * 0.99)
