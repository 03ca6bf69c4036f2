"""Peaks followed along a campaign: the cheapest assignment, branch by branch, with births, deaths and gaps."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import drtengine as dt
from drtengine import simulate
from drtengine.peaks.tracking import _ALONE, _follow

FREQUENCY = np.geomspace(1e5, 1e-2, 71)


def campaign(*cells: list[tuple[float, float]], **coordinates: Any) -> dt.Campaign:
    """Spectra of ZARCs, each a list of (R, tau); an empty list stands for a spectrum with a NaN."""
    Z = []
    for cell in cells:
        elements = [simulate.ZARC(R, tau, 0.95) for R, tau in cell or [(10.0, 1e-2)]]
        Z.append(simulate.Circuit([simulate.Resistor(1), *elements]).impedance(FREQUENCY))
        if not cell:
            Z[-1][3] = np.nan
    return dt.Campaign.from_arrays(FREQUENCY, np.array(Z), coordinates=coordinates)


def follow(data: dt.Campaign, **options: Any) -> dt.peaks.Tracks:
    peaks = dt.find_peaks(dt.fit_drt(data, method="ridge", lambda_=1e-5), min_height=0.1, min_prominence=0.1)
    return dt.track_peaks(peaks, **options)


def lines(tracks: dt.peaks.Tracks) -> list[list[int]]:
    """The spectra that each line runs through."""
    return [tracks.peaks.spectrum[tracks.members(k)].tolist() for k in range(len(tracks))]


def test_each_process_is_one_line_through_the_voltages() -> None:
    """Tau of one drifts by 1.5 decades towards and past where the other was, which goes away too."""
    steps = np.linspace(0, 1, 12)
    cells = [[(20.0, 10 ** (-4 + 1.5 * x)), (40.0 - 20 * x, 10 ** (-2 + 1.5 * x))] for x in steps]
    tracks = follow(campaign(*cells, voltage=steps))
    assert lines(tracks) == [list(range(12))] * 2
    table = tracks.to_dataset()
    np.testing.assert_allclose(np.log10(table.tau[0]), -4 + 1.5 * steps, atol=0.05)
    np.testing.assert_allclose(np.log10(table.tau[1]), -2 + 1.5 * steps, atol=0.05)
    assert (tracks.track >= 0).all()


def test_births_deaths_and_gaps() -> None:
    slow, fast, late = (50.0, 1.0), (30.0, 1e-4), (40.0, 1e-2)
    cells = [[slow, fast], [slow, fast], [slow], [slow, fast, late], [slow, late], [slow, late]]
    tracks = follow(campaign(*cells, cycle=np.arange(6)))
    assert lines(tracks) == [[0, 1, 3], [3, 4, 5], [0, 1, 2, 3, 4, 5]]
    assert tracks.summary()["gaps"].tolist() == [1, 0, 0]
    assert tracks.summary()["from"].tolist() == [0, 3, 0]
    assert lines(follow(campaign(*cells, cycle=np.arange(6)), max_gap=0))[0] == [0, 1]
    loose = follow(campaign(*cells, cycle=np.arange(6)), max_gap=0)
    assert (loose.track == -1).sum() == 1  # the fast one of spectrum 3, alone
    assert len(follow(campaign(*cells, cycle=np.arange(6)), max_gap=0, min_length=1)) == 4
    assert loose.to_frame()["track"].iloc[-1] == -1
    assert loose.to_frame().shape[0] == len(loose.peaks)


def test_spectrum_without_peaks_is_no_gap() -> None:
    one = [(30.0, 1e-3)]
    tracks = follow(campaign(one, [], [], one, voltage=[0.4, 0.3, 0.2, 0.1]), max_gap=0)
    assert lines(tracks) == [[3, 0]]  # by rising voltage
    assert tracks.position.tolist() == [0.4, 0.3, 0.2, 0.1]
    assert tracks.summary()["gaps"].tolist() == [2]


def test_branches_are_followed_apart() -> None:
    one = [(30.0, 1e-3)]
    branch = ["discharge"] * 3 + ["charge"] * 2
    tracks = follow(campaign(*[one] * 5, voltage=[0.3, 0.2, 0.1, 0.1, 0.2], branch=branch), along="voltage")
    assert lines(tracks) == [[2, 1, 0], [3, 4]]
    assert tracks.loose == 0
    part = dt.track_peaks(tracks.peaks, along="voltage", spectra=[0, 1])
    assert (lines(part), part.loose, (part.track < 0).sum()) == ([[1, 0]], 0, 3)
    assert tracks.branch.tolist() == [0, 1]
    assert tracks.summary()["branch"].tolist() == ["discharge", "charge"]
    assert tracks.to_dataset().track_branch.values.tolist() == ["discharge", "charge"]
    assert np.isnan(tracks.to_dataset().R.values[0, 3:]).all()


def test_jumps_part_lines() -> None:
    cells = [[(30.0, 1e-3)], [(30.0, 1e-3)], [(30.0, 3e-3)], [(30.0, 3e-3)], [(3.0, 3e-3)], [(3.0, 3e-3)]]
    data = campaign(*cells, cycle=np.arange(6))
    assert lines(follow(data, max_shift=0.6, max_ratio=20)) == [[0, 1, 2, 3, 4, 5]]
    assert lines(follow(data, max_shift=0.3, max_ratio=20)) == [[0, 1], [2, 3, 4, 5]]
    assert lines(follow(data, max_shift=0.6, max_ratio=5)) == [[0, 1, 2, 3], [4, 5]]
    assert lines(follow(data, max_shift=0.6, max_ratio=1.5)) == [[0, 1, 2, 3], [4, 5]]


def test_what_lines_bear_by_default() -> None:
    def of_heights(*heights: float) -> list[list[int]]:
        return lines(follow(campaign(*[[(R, 1e-3)] for R in heights], cycle=np.arange(len(heights)))))

    assert of_heights(30.0, 30.0, 30 / 4.7, 30 / 4.7) == [[0, 1, 2, 3]]
    assert of_heights(30.0, 30.0, 30 / 5.4, 30 / 5.4) == [[0, 1], [2, 3]]
    for shift, joined in ((0.28, True), (0.34, False)):
        cells = [[(30.0, 1e-3)], [(30.0, 1e-3)], [(30.0, 1e-3 * 10**shift)], [(30.0, 1e-3 * 10**shift)]]
        assert (lines(follow(campaign(*cells, cycle=np.arange(4)))) == [[0, 1, 2, 3]]) == joined
    one, other = (30.0, 1e-4), (30.0, 1.0)
    missing = [[one, other], [one, other], [other], [one, other], [one, other]]
    assert lines(follow(campaign(*missing, cycle=np.arange(5))))[0] == [0, 1, 3, 4]
    missing.insert(3, [other])
    assert lines(follow(campaign(*missing, cycle=np.arange(6))))[:2] == [[0, 1], [4, 5]]


def test_the_summary_tells_the_ends_and_medians() -> None:
    tau = np.array([1e-4, 1.2e-4, 1.3e-4, 1.9e-4])
    R = np.array([10.0, 12.0, 17.0, 11.0])
    tracks = follow(campaign(*[[(r, t)] for r, t in zip(R, tau, strict=True)], voltage=[0.1, 0.2, 0.3, 0.4]))
    row = tracks.summary().iloc[0]
    assert (row["from"], row["to"], row["peaks"], row["gaps"]) == (0.1, 0.4, 4, 0)
    np.testing.assert_allclose([row["tau_from"], row["tau_to"]], tau[[0, -1]], rtol=0.05)
    np.testing.assert_allclose([row["R_from"], row["R_to"]], R[[0, -1]], rtol=0.05)
    np.testing.assert_allclose([row["tau_median"], row["R_median"]], [np.median(tau), np.median(R)], rtol=0.05)
    assert tracks.to_frame().columns.tolist() == ["track", *tracks.peaks.to_frame().columns]


def test_a_single_spectrum_has_lines_of_one_peak() -> None:
    tracks = follow(campaign([(30.0, 1e-3), (30.0, 1e-1)]))
    assert lines(tracks) == [[0], [0]]


def test_named_processes_are_followed() -> None:
    result = dt.fit_drt(campaign(*[[(30.0, 1e-3), (30.0, 1e-1)]] * 3, cycle=[1, 2, 3]), method="ridge", lambda_=1e-5)
    peaks = dt.find_peaks(result, min_prominence=0.1, processes={"charge transfer": (1e-2, 1)})
    tracks = dt.track_peaks(peaks)
    assert [tracks.process(k) for k in range(2)] == ["", "charge transfer"]
    assert repr(tracks) == "<Tracks: 2 lines through 6 peaks, 0 peaks on none>"
    from_result = dt.track_peaks(result)
    assert isinstance(from_result.peaks, dt.peaks.Peaks)


features = st.lists(st.tuples(st.floats(-2, 2), st.floats(-1, 1)), min_size=0, max_size=4)


@given(features, features)
def test_a_step_costs_the_least_possible(before: list[tuple[float, float]], after: list[tuple[float, float]]) -> None:
    """Against every way to pair the peaks of two spectra."""
    points = np.array([*before, *after]).reshape(-1, 2)
    m, n = len(before), len(after)
    found = _follow(points, [step for step in (np.arange(m), m + np.arange(n)) if step.size], 0)
    assert sorted(peak for line in found for peak in line) == list(range(m + n))

    def cost(pairs: list[tuple[int, int]]) -> float:
        linked = sum(float(np.square(points[i] - points[m + j]).sum()) for i, j in pairs)
        return linked + _ALONE * (m + n - 2 * len(pairs))

    few, many = sorted((m, n))
    best = min(
        cost([(k, p) if m <= n else (p, k) for k, p in enumerate(order) if chosen >> k & 1])
        for order in permutations(range(many), few)
        for chosen in range(2**few)
    )
    assert cost([(line[0], line[1] - m) for line in found if len(line) == 2]) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"along": "voltag"}, "no coordinate 'voltag'.*did you mean 'voltage'"),
        ({"max_shift": 0}, "max_shift must be positive"),
        ({"max_ratio": 1.0}, "max_ratio is a factor above 1"),
        ({"max_gap": -1}, "max_gap must be a whole number from 0"),
        ({"max_gap": 0.5}, "max_gap must be a whole number from 0"),
        ({"min_length": 0}, "min_length must be a whole number from 1"),
    ],
)
def test_bad_options_are_explained(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dt.InvalidInput, match=message):
        follow(campaign([(30.0, 1e-3)], voltage=[0.1]), **options)


def test_repeated_coordinate_is_explained() -> None:
    with pytest.raises(dt.InvalidInput, match=r"has the value 0\.1 for 2 spectra"):
        follow(campaign([(30.0, 1e-3)], [(30.0, 1e-3)], voltage=[0.1, 0.1]), along="voltage")


def test_only_results_and_peaks_are_followed() -> None:
    with pytest.raises(dt.InvalidInput, match=r"track_peaks\(\) takes"):
        dt.track_peaks(campaign([(30.0, 1e-3)]))  # type: ignore[arg-type]
