"""Spectra of a campaign chosen, sorted, split, joined, resampled and shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import drtengine as dt
from drtengine.campaign import Campaign
from drtengine.errors import InvalidInput
from drtengine.spectrum import Spectrum

F = np.geomspace(1e4, 1e-1, 26)


def rc(tau: float, frequency: Any = F) -> Any:
    return 2 + 5 / (1 + 2j * np.pi * np.asarray(frequency) * tau)


@pytest.fixture
def campaign() -> Campaign:
    return Campaign.from_arrays(
        F,
        [rc(tau) for tau in (1e-3, 2e-3, 3e-3, 4e-3, 5e-3)],
        coordinates={
            "voltage": [0.1, 0.1 + 0.2, np.nan, 0.2, 0.1],
            "branch": ["charge", "charge", "", "discharge", "discharge"],
            "date": np.array(["2024-01-03", "2024-01-01", "NaT", "2024-01-02", "2024-01-05"], dtype="datetime64[s]"),
        },
        names=list("abcde"),
    )


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"voltage": 0.3}, "b"),
        ({"voltage": [0.1, 0.2]}, "ade"),
        ({"voltage": slice(0.15, 0.4)}, "bd"),
        ({"voltage": slice(0.2, None)}, "bd"),
        ({"voltage": slice(None, None)}, "abcde"),
        ({"voltage": 0.1, "branch": "discharge"}, "e"),
        ({"branch": ("charge", "discharge")}, "abde"),
        ({"branch": ""}, "c"),
        ({"voltage": np.isnan}, "c"),
        ({"date": slice("2024-01-02", "2024-01-03")}, "ad"),
        ({"date": np.datetime64("2024-01-05")}, "e"),
        ({}, "abcde"),
    ],
)
def test_selected(campaign: Campaign, wanted: dict[str, Any], names: str) -> None:
    assert campaign.selected(**wanted).names == tuple(names)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"volts": 1}, "there is no coordinate 'volts'"),
        ({"voltage": 5}, "no spectrum has voltage=5; coordinate 'voltage' has 0.1 to 0.3"),
        ({"branch": "rest"}, "coordinate 'branch' has charge, discharge"),
        ({"branch": "charge", "voltage": 0.2}, "no spectrum has voltage=0.2 beside branch, voltage"),
        ({"voltage": "low"}, "cannot be compared with coordinate 'voltage': it holds numbers"),
        ({"branch": 3}, "it holds text"),
        ({"voltage": slice(0, 1, 2)}, "a range has no step"),
        ({"date": "soon"}, "cannot be compared with coordinate 'date'"),
        ({"date": slice("2030-01-01", None)}, "'date' has 2024-01-01T00:00:00 to 2024-01-05"),
    ],
)
def test_selected_refused(campaign: Campaign, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        campaign.selected(**wanted)


def test_sorted_by(campaign: Campaign) -> None:
    assert campaign.sorted_by("voltage").names == tuple("aedbc")
    assert campaign.sorted_by("voltage", descending=True).names == tuple("bdaec")
    assert campaign.sorted_by("branch", "voltage").names == tuple("abedc")
    assert campaign.sorted_by("date").names == tuple("bdaec")
    with pytest.raises(InvalidInput, match="at least one coordinate"):
        campaign.sorted_by()


def test_split_by_and_concatenate(campaign: Campaign) -> None:
    parts = campaign.split_by("branch")
    assert {value: part.names for value, part in parts.items()} == {
        **{"charge": ("a", "b"), "discharge": ("d", "e"), "": ("c",)},
    }
    assert [len(part) for part in campaign.split_by("voltage").values()] == [2, 1, 1, 1]
    assert len(campaign.split_by("date")) == 5
    joined = Campaign.concatenate(list(parts.values()))
    assert joined.names == tuple("abdec")
    np.testing.assert_array_equal(joined.Z, campaign[[0, 1, 3, 4, 2]].Z)
    assert joined.is_shared
    assert joined.coordinates["date"].dtype == campaign.coordinates["date"].dtype


@given(rows=st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_parts_joined_are_the_whole(rows: list[int]) -> None:
    whole = Campaign.from_arrays(F, [rc(1e-3 * (1 + i)) for i in range(len(rows))], coordinates={"cycle": rows})
    joined = Campaign.concatenate([*whole.split_by("cycle").values()])
    order = np.argsort([list(dict.fromkeys(rows)).index(row) for row in rows], kind="stable")
    np.testing.assert_array_equal(joined.Z, whole.Z[order])


def test_concatenate_of_unlike_campaigns() -> None:
    short = Campaign.from_spectra([Spectrum(F[:5], rc(1e-3, F[:5]), "short", {"cycle": 1}, notes=["odd"])])
    bare = Campaign.from_arrays(F, [rc(1e-3)])
    joined = Campaign.concatenate([short, bare])
    assert joined.is_point.sum(axis=1).tolist() == [5, 26]
    assert joined.notes == ("short: odd", "coordinate 'cycle' is unknown for 1 of 2 spectra")
    with pytest.raises(InvalidInput, match="'cycle' does not hold the same kind of values"):
        Campaign.concatenate([short, bare.with_coordinates(cycle=["one"])])
    for wrong in ([], [1], "ab"):
        with pytest.raises(InvalidInput, match="takes a list of at least one Campaign"):
            Campaign.concatenate(wrong)  # type: ignore[arg-type]


def test_resampled() -> None:
    frequencies = [np.geomspace(1e5, 1e-2, 71), np.geomspace(2e4, 1e-1, 50), np.geomspace(1e-1, 1e4, 80)]
    spectra = [Spectrum(f, rc(tau, f)) for f, tau in zip(frequencies, (1e-3, 1e-2, 1e-1), strict=True)]
    whole = Campaign.from_spectra(spectra)
    same = whole.resampled()
    assert same.is_shared
    assert (same.frequency[0, 0], same.frequency[0, -1]) == (pytest.approx(1e4), pytest.approx(1e-1))
    assert same.Z.shape == (3, 80)  # as dense as the densest
    for Z, tau in zip(same.Z, (1e-3, 1e-2, 1e-1), strict=True):
        np.testing.assert_allclose(Z, rc(tau, same.frequency[0]), rtol=2e-3)
    assert "resampled to 80 frequencies by cubic splines" in same.notes[-1]
    own = whole[[0]].resampled(frequencies[0])
    np.testing.assert_allclose(own.Z[0], spectra[0].Z, rtol=1e-12)


def test_resampling_refused(campaign: Campaign) -> None:
    with pytest.raises(InvalidInput, match=r"a: measured from 0\.1 to 10000 Hz, the grid reaches from 0\.01"):
        campaign.resampled([1.0, 0.01])
    for wrong in ([], [0.0], [np.nan]):
        with pytest.raises(InvalidInput, match="must hold positive, finite numbers"):
            campaign.resampled(wrong)
    broken = Campaign.from_arrays(F, [np.where(F > 1, rc(1e-3), np.nan)], names=["x"])
    with pytest.raises(InvalidInput, match="x: only spectra of two or more finite points"):
        broken.resampled([10.0])
    apart = Campaign.from_spectra([Spectrum(f, rc(1, f)) for f in (F[:5], F[-5:])])
    with pytest.raises(InvalidInput, match="share no range"):
        apart.resampled()


def test_shown_as_text_and_html(campaign: Campaign) -> None:
    noted = Campaign.concatenate([campaign, Campaign.from_arrays(F, [rc(1)], names=["<b>"])])
    text = str(noted)
    assert text.startswith("<Campaign: 6 spectra, 26 points, 0.1 to 1e+04 Hz")
    assert "\n  voltage: 0.1 to 0.3\n" in text
    assert "\n  branch: charge, discharge\n" in text
    assert "\n  note: coordinate 'voltage' is unknown for 1 of 6 spectra" in text
    html = noted._repr_html_()
    assert html.count("<tr>") == 4
    assert "3 note(s)" in html
    result = dt.fit_drt(noted)._repr_html_()
    assert "DrtResult: 6 of 6 spectra inverted" in result
    assert "&lt;b&gt;" in result
    assert "<b>" not in result.replace("<b>DrtResult", "")
    assert result.count("<tr>") == 7
    many = dt.fit_drt(campaign[[0] * 30])._repr_html_()
    assert "... 18 more" in many
