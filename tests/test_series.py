"""Where spectra stand: cells, the coordinate that is chosen, and its parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drtengine.series import arrange, cell_edges, why_numbered


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=20, unique=True))
def test_cells_tile_and_hold_their_values(values: list[float]) -> None:
    rising = np.unique(np.round(values, 6))
    edges = cell_edges(rising)
    assert edges.size == rising.size + 1
    assert (edges[:-1] < rising).all()
    assert (rising < edges[1:]).all()


def test_coordinate_is_chosen_in_order() -> None:
    def label(**coordinates: Any) -> str:
        return arrange({name: np.asarray(values) for name, values in coordinates.items()}, 3).label

    rising, shuffled = [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]
    assert label(voltage=rising, cycle=rising) == "voltage / V"
    assert label(soc=rising, cycle=rising) == "state of charge"
    assert label(voltage=shuffled, cycle=rising) == "cycle"
    assert label(voltage=[1.0, 1.0, 1.0], time=rising) == "time since the first spectrum / s"
    assert label(voltage=[1.0, np.nan, 2.0]) == "spectrum"
    assert label(file=["a", "b", "c"]) == "spectrum"
    assert label(file=["a", "b", "c"], voltage=shuffled) == "spectrum"  # not a panel for each spectrum
    assert label(time=[0.0, 1.0, 1000.0]) == "spectrum"  # the first two would share a hair's breadth
    assert label(cycle=[1.0, 2.0, 12.0]) == "cycle"
    assert label() == "spectrum"


def test_files_part_where_a_coordinate_repeats() -> None:
    coordinates = {"cycle": np.array([1.0, 2, 3, 1, 2]), "file": np.array(["V", "V", "V", "IX", "IX"])}
    series = arrange(coordinates, 5)
    assert [branch.name for branch in series.branches] == ["V", "IX"]
    assert [branch.spectra.tolist() for branch in series.branches] == [[0, 1, 2], [3, 4]]


def test_times_count_from_the_first_in_a_unit_that_suits() -> None:
    seconds = 1.6e9 + np.array([0.0, 7200.0, 18000.0])
    series = arrange({"time": seconds}, 3, "time")
    assert series.label == "time since the first spectrum / h"
    np.testing.assert_allclose(series.branches[0].values, [0, 2, 5])
    dates = np.array(["2024-01-01", "2024-01-03", "2024-01-10"], dtype="M8[s]")
    series = arrange({"time": dates}, 3, "time")
    assert series.label == "time since the first spectrum / d"
    np.testing.assert_allclose(series.branches[0].values, [0, 2, 9])


def test_says_where_spectra_crowd() -> None:
    def notes(**coordinates: Any) -> list[str]:
        table = {name: np.asarray(values) for name, values in coordinates.items()}
        return why_numbered(arrange(table, 6), table)

    dates = ["2021-01-01", "2021-01-02", "2021-01-03", "2021-01-04", "2021-01-05", "2024-01-01"]
    assert "crowd on time" in notes(time=np.array(dates, dtype="M8[s]"))[0]
    branch = ["discharge"] * 3 + ["charge"] * 3
    assert "crowd on voltage" in notes(voltage=[1.0, 0.99, 0.0, 0.2, 0.5, 0.8], branch=branch)[0]
    assert not notes(voltage=[1.0, 0.8, 0.6, 0.4, 0.2, 0.0])


def test_explicit_coordinate_is_sorted() -> None:
    series = arrange({"temperature": np.array([40.0, 20.0, 30.0])}, 3, "temperature")
    assert series.branches[0].spectra.tolist() == [1, 2, 0]
    assert series.label == "temperature / °C"
