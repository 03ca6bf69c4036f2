"""Sweeps, rates and peaks of voltammograms, each beside what was put in or the same in plain words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from drtengine import voltammetry
from drtengine.voltammetry import _groups, _peaks, _rates_from_time, _vertices, track_peaks_of_sweeps

RNG = np.random.default_rng(3)


def triangle(*rows: int, low: float = 0.2, high: float = 1.0) -> np.ndarray:
    """Sweeps up and down in turn, each of so many rows after the vertex it starts from."""
    E, ends = [low], (high, low)
    for k, count in enumerate(rows):
        E += [*np.linspace(E[-1], ends[k % 2], count + 1)[1:]]
    return np.array(E)


@pytest.mark.parametrize("rows", [(50, 70, 30), (7, 5), (400, 400, 400, 400)])
def test_the_potential_turns_at_its_vertices(rows: tuple[int, ...]) -> None:
    E = triangle(*rows)
    expected = np.cumsum([0, *rows])[:-1].tolist()
    assert _vertices(E) == expected
    assert _vertices(-E) == expected  # down first
    wiggle = E + 0.4 * voltammetry._TURN * np.ptp(E) * RNG.uniform(-1, 1, E.size)  # too little to be a turn
    assert np.abs(np.array(_vertices(wiggle)) - expected).max() <= 0.02 * max(rows) + 1
    assert len(_vertices(wiggle)) == len(rows)


def test_vertices_of_more_rows_than_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voltammetry, "_MOST_ROWS", 300)
    assert _vertices(triangle(1234, 2345, 777)) == [0, 1234, 1234 + 2345]


def test_rates_are_those_of_the_sweeps() -> None:
    E = triangle(60, 60, 20, 20)
    step = np.abs(np.diff(E)) / np.where(np.arange(160) < 120, 1e-3, 5e-3)
    time = np.concatenate([[0], np.cumsum(step)])
    time[40] = time[39]  # a row that was written twice
    np.testing.assert_allclose(_rates_from_time(time, E)[:119], 1e-3, rtol=1e-9)
    np.testing.assert_allclose(_rates_from_time(time, E)[121:], 5e-3, rtol=1e-9)


def test_rates_that_are_nearly_the_same_are_one() -> None:
    share = voltammetry._SAME_RATE
    rate = np.array([5.0, 1.0, 1 + 0.9 * share, 5.0, 2.0, 1.0])
    rates, members = _groups(rate)
    assert [rows.tolist() for rows in members] == [[1, 2, 5], [4], [0, 3]]
    assert rates.tolist() == [1.0, 2.0, 5.0]
    assert len(_groups(np.array([1.0, 1 + 1.1 * share]))[1]) == 2


def bump(E: np.ndarray, place: float, width: float = 0.06) -> np.ndarray:
    return np.exp(-(((E - place) / width) ** 2) / 2)


def test_a_peak_is_the_vertex_of_a_parabola_through_its_top() -> None:
    E = np.linspace(0, 1, 201)
    for place in (0.3012, 0.55, 0.7077):
        current = 2 * bump(E, place) + 0.3 * E + 0.5
        smooth = gaussian_filter1d(current, 2.0)
        row = int(smooth.argmax())
        first = last = row
        while smooth[first - 1] >= voltammetry._TOP * smooth[row]:
            first -= 1
        while smooth[last + 1] >= voltammetry._TOP * smooth[row]:
            last += 1
        parabola = np.poly1d(np.polyfit(E[first : last + 1], current[first : last + 1], 2))
        top = float(-parabola[1] / (2 * parabola[2]))
        np.testing.assert_allclose(_peaks(E, current), [(top, parabola(top))], rtol=1e-9)
        assert top == pytest.approx(place, abs=0.005)


def test_narrow_peaks_have_five_points_at_least() -> None:
    E = np.linspace(0, 1, 61)
    current = bump(E, 0.5, 0.012)
    found = _peaks(E, current)
    parabola = np.poly1d(np.polyfit(E[28:33], current[28:33], 2))
    np.testing.assert_allclose(found, [(0.5, parabola(0.5))], rtol=1e-6)


@pytest.mark.parametrize(
    ("rates", "seen", "kept"), [(8, 4, True), (8, 3, False), (4, 3, True), (4, 2, False), (2, 2, True)]
)
def test_a_peak_must_be_there_at_half_of_the_rates(rates: int, seen: int, kept: bool) -> None:
    E = np.linspace(0, 1, 201)
    current = np.stack([np.stack([bump(E, 0.5 + 0.004 * k) * (k < seen) + 0.01, 0 * E]) for k in range(rates)])
    peaks = track_peaks_of_sweeps(E, current)
    assert peaks.branch.tolist() == [0] * kept
    if kept:
        np.testing.assert_allclose(peaks.potential[0, :seen], 0.5 + 0.004 * np.arange(seen), atol=1e-3)
        assert np.isnan(peaks.potential[0, seen:]).all()
