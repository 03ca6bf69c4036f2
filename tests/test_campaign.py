"""Campaigns: construction, indexing, the table of coordinates, and the judgement of each spectrum."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtengine import Campaign, InvalidInput, Spectrum, Status
from drtengine.campaign import find_problems, frequency_grids

F = np.geomspace(1e4, 1e-1, 51)
Z1 = 10 + 50 / (1 + (2j * np.pi * F * 1e-2) ** 0.8)
Z = np.array([Z1, 2 * Z1, 3 * Z1, 4 * Z1])
VOLTAGE = [0.1, 0.2, 0.3, 0.4]
BRANCH = ["charge", "charge", "discharge", "discharge"]


def campaign() -> Campaign:
    return Campaign.from_arrays(F, Z, coordinates={"voltage": VOLTAGE, "branch": BRANCH}, names=list("abcd"))


def ragged() -> Campaign:
    return Campaign.from_spectra(
        [Spectrum(F[:n], Z1[:n], point_time=np.arange(n) if n > 40 else None) for n in (51, 40)]
    )


# Construction


def test_from_arrays() -> None:
    c = campaign()
    assert repr(c) == "<Campaign: 4 spectra, 51 points, 0.1 to 1e+04 Hz, coordinates: voltage, branch>"
    np.testing.assert_array_equal(c.Z, Z)
    np.testing.assert_array_equal(c.frequency, np.tile(F, (4, 1)))
    assert c.is_shared
    assert c.is_point.all()
    assert (c.frequency.dtype, c.Z.dtype) == (np.float64, np.complex128)
    assert c.coordinates["voltage"].tolist() == VOLTAGE
    assert c.coordinates["branch"].tolist() == BRANCH
    assert c.names == tuple("abcd")


@pytest.mark.parametrize(
    ("f", "z"),
    [
        (F.astype(np.float32), Z.astype(np.complex64)),
        (np.repeat(F, 2)[::2], np.repeat(Z, 2, axis=1)[:, ::2]),
        (F, np.asfortranarray(Z)),
        (np.asfortranarray(np.tile(F, (4, 1))), Z),
        (F.tolist(), Z.tolist()),
        (np.broadcast_to(F.astype(np.float32), Z.shape), Z),
    ],
    ids=["single precision", "strided", "Fortran", "Fortran frequencies", "lists", "one row seen four times"],
)
def test_arrays_of_every_kind(f: object, z: object) -> None:
    c = Campaign.from_arrays(f, z)  # type: ignore[arg-type]
    np.testing.assert_array_equal(c.frequency, np.broadcast_to(np.asarray(f, dtype=np.float64), (4, 51)))
    np.testing.assert_array_equal(c.Z, np.asarray(z, dtype=np.complex128))
    assert c.Z.flags.c_contiguous


def test_neither_shares_nor_freezes_the_arrays_of_the_caller() -> None:
    f, z, voltage, time = F.copy(), Z.copy(), np.array(VOLTAGE), np.zeros(Z.shape)
    for frequency in (f, np.tile(f, (4, 1)), np.broadcast_to(f, Z.shape)):
        c = Campaign.from_arrays(frequency, z, coordinates={"voltage": voltage}, point_time=time)
        assert f.flags.writeable
        assert z.flags.writeable
        assert voltage.flags.writeable
        assert time.flags.writeable
        f[0], z[0, 0], voltage[0], time[0, 0] = 7, 7, 7, 7
        assert (c.frequency[0, 0], c.Z[0, 0], c.coordinates["voltage"][0]) == (F[0], Z[0, 0], 0.1)
        assert c.point_time is not None
        assert c.point_time[0, 0] == 0
        f[0], z[0, 0], voltage[0], time[0, 0] = F[0], Z[0, 0], 0.1, 0


def test_one_grid_costs_the_memory_of_one_row() -> None:
    many = Campaign.from_arrays(F, np.tile(Z1, (1000, 1)))
    parts = (
        many,
        many[10:20],
        many[[1, 5]],
        many.with_coordinates(i=np.arange(1000)),
        pickle.loads(pickle.dumps(many)),
    )
    for c in parts:
        assert c.frequency.strides[0] == 0
        assert c.is_point.strides[0] == 0
    assert len(pickle.dumps(many)) < 1.01 * many.Z.nbytes


def test_is_immutable() -> None:
    c = campaign()
    for array in (c.frequency, c.Z, c.coordinates["voltage"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        c.names = None  # type: ignore[misc]
    with pytest.raises(TypeError):
        c.coordinates["x"] = np.ones(4)  # type: ignore[index]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
@pytest.mark.parametrize("make", [campaign, ragged])
def test_copies_and_pickles(duplicate, make) -> None:
    c = make()
    other = duplicate(c)
    np.testing.assert_array_equal(other.frequency, c.frequency)
    np.testing.assert_array_equal(other.Z, c.Z)
    assert other.names == c.names
    assert other.notes == c.notes
    assert list(other.coordinates) == list(c.coordinates)
    for array in (other.Z, *other.coordinates.values()):
        assert not array.flags.writeable


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        ((F, Z[0]), {}, r"Z must have 2 dimension\(s\), got shape \(51,\)"),
        ((F[:-1], Z), {}, r"frequency has 50 points but Z is \[4, 51\]"),
        ((np.tile(F, (3, 1)), Z), {}, r"frequency has shape \(3, 51\) but Z has \(4, 51\)"),
        ((F[None], Z), {}, "they must match"),
        ((np.empty((0, 51)), np.empty((0, 51))), {}, "at least one spectrum of one point"),
        (([], [[]]), {}, "at least one spectrum of one point"),
        ((F, [[1j, 2j], [1j]]), {}, "rows of one length"),
        ((F * 1j, Z), {}, "frequency must be real"),
        ((["a"] * 51, Z), {}, "frequency must hold numbers"),
        ((F, Z), {"names": ["a"]}, "one name for each of the 4 spectra"),
        ((F, Z), {"names": "abcd"}, "one name for each of the 4 spectra"),
        ((F, Z), {"point_time": F}, "point_time must have 2 dimension"),
        ((F, Z), {"point_time": Z.real[:2]}, r"point_time has shape \(2, 51\) but Z has \(4, 51\)"),
        ((F, Z), {"coordinates": {"voltage": [1, 2]}}, r"'voltage' has shape \(2,\) but there are 4 spectra"),
        ((F, Z), {"coordinates": {"voltage": 1.0}}, "has shape"),
        ((F, Z), {"coordinates": {"voltage": [[1], [2], [3], [4]]}}, r"has shape \(4, 1\)"),
        ((F, Z), {"coordinates": {"voltage": [1j, 2, 3, 4]}}, "numbers, strings or times: got complex128"),
        ((F, Z), {"coordinates": {"voltage": ["a", None, 1, 2]}}, "numbers, strings or times: could not convert"),
        ((F, Z), {"coordinates": {"voltage": [[1], [2, 3], [4], [5]]}}, "numbers, strings or times"),
        ((F, Z), {"coordinates": {"": [1, 2, 3, 4]}}, "name of a coordinate must be a string, got ''"),
        ((F, Z), {"coordinates": {3: [1, 2, 3, 4]}}, "name of a coordinate must be a string, got 3"),
    ],
)
def test_refuses(arguments: tuple[object, object], more: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Campaign.from_arrays(*arguments, **more)  # type: ignore[arg-type]


# From spectra


def test_spectra_of_one_grid() -> None:
    c = Campaign.from_spectra([Spectrum(F, z, coordinates={"voltage": v}) for z, v in zip(Z, VOLTAGE, strict=True)])
    assert c.is_shared
    assert c.names == ("spectrum 0", "spectrum 1", "spectrum 2", "spectrum 3")
    np.testing.assert_array_equal(c.coordinates["voltage"], VOLTAGE)


def test_ragged_spectra_are_padded() -> None:
    c = ragged()
    assert c.Z.shape == (2, 51)
    assert c.is_point.sum(axis=1).tolist() == [51, 40]
    assert np.isnan(c.Z[1, 40:]).all()
    assert np.isnan(c.frequency[1, 40:]).all()
    assert c.point_time is not None
    np.testing.assert_array_equal(c.point_time[0], np.arange(51))
    assert np.isnan(c.point_time[1]).all()
    assert c.problems.tolist() == [Status.OK, Status.OK]
    second = c[1]
    assert len(second) == 40
    np.testing.assert_array_equal(second.Z, Z1[:40])


def test_times_of_points_may_be_longer_than_others() -> None:
    c = Campaign.from_spectra([Spectrum(F, Z1), Spectrum(F[:30], Z1[:30], point_time=np.arange(30))])
    assert c.point_time is not None
    assert c.point_time.shape == (2, 51)
    assert np.isnan(c.point_time[1]).sum() == 21


def test_unknown_coordinates_are_noted() -> None:
    day = np.datetime64("2024-02-29T12:00:00")
    c = Campaign.from_spectra(
        [
            Spectrum(F, Z1, "first", {"voltage": 0.1, "file": "a.txt", "time": day}, notes=["odd"]),
            Spectrum(F, Z1, "second", {"cycle": 3}),
            Spectrum(F, Z1, coordinates={"file": 7}),
        ]
    )
    np.testing.assert_array_equal(c.coordinates["voltage"], [0.1, np.nan, np.nan])
    np.testing.assert_array_equal(c.coordinates["cycle"], [np.nan, 3, np.nan])
    assert c.coordinates["file"].tolist() == ["a.txt", "", "7"]
    assert c.coordinates["time"][0] == day
    assert np.isnat(c.coordinates["time"][1:]).all()
    assert c.notes == (
        "first: odd",
        "coordinate 'voltage' is unknown for 2 of 3 spectra",
        "coordinate 'file' is unknown for 1 of 3 spectra",
        "coordinate 'time' is unknown for 2 of 3 spectra",
        "coordinate 'cycle' is unknown for 2 of 3 spectra",
    )


def test_blank_points_at_the_end_are_reported() -> None:
    blank = Spectrum(np.append(F, np.nan), np.append(Z1, np.nan))
    c = Campaign.from_spectra([blank, Spectrum(F, Z1)])
    assert c.notes == ("1 of 2 spectra end with blank points (NaN); these count as padding",)
    assert c.problems.tolist() == [Status.OK, Status.OK]


@pytest.mark.parametrize("spectra", [[], ()])
def test_no_spectrum(spectra) -> None:
    with pytest.raises(InvalidInput, match="at least one spectrum, got none"):
        Campaign.from_spectra(spectra)


@pytest.mark.parametrize("spectra", [[1, 2], Z, [Spectrum(F, Z1), None]])
def test_something_else_than_spectra(spectra) -> None:
    with pytest.raises(InvalidInput, match="takes a list of Spectrum"):
        Campaign.from_spectra(spectra)


def test_any_series_of_spectra_will_do() -> None:
    for spectra in (campaign(), (s for s in campaign()), tuple(campaign())):
        np.testing.assert_array_equal(Campaign.from_spectra(spectra).Z, Z)  # type: ignore[arg-type]
    assert len(Campaign.from_spectra(Spectrum(F, Z1))) == 1  # type: ignore[arg-type]


def test_campaigns_are_joined_through_their_spectra() -> None:
    a, b = campaign(), ragged()
    joined = Campaign.from_spectra([*a, *b])
    assert len(joined) == 6
    assert joined.coordinates["branch"].tolist() == [*BRANCH, "", ""]
    assert joined.is_point.sum(axis=1).tolist() == [51] * 5 + [40]


# Indexing


def test_one_spectrum() -> None:
    c = campaign()
    for index in (3, -1, np.int64(3)):
        s = c[index]  # type: ignore[index]
        assert isinstance(s, Spectrum)
        assert s.name == "d"
        np.testing.assert_array_equal(s.Z, Z[3])
        assert dict(s.coordinates) == {"voltage": 0.4, "branch": "discharge"}
        assert [type(value) for value in s.coordinates.values()] == [float, str]
    assert Campaign(F, Z)[-1].name == "spectrum 3"
    for index in (4, -5):
        with pytest.raises(IndexError, match=f"there is no spectrum {index} in a campaign of 4"):
            c[index]


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (slice(None, None, 2), [0, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        ([3, 0, 0], [3, 0, 0]),
        ([-1], [3]),
        (np.array([False, True, True, False]), [1, 2]),
        ([True, False, False, True], [0, 3]),
        (np.array([2]), [2]),
    ],
)
def test_some_spectra(index, rows: list[int]) -> None:
    c = campaign()[index]
    assert isinstance(c, Campaign)
    np.testing.assert_array_equal(c.Z, Z[rows])
    assert c.coordinates["voltage"].tolist() == [VOLTAGE[i] for i in rows]
    assert c.names == tuple("abcd"[i] for i in rows)


def test_some_ragged_spectra() -> None:
    c = ragged()[[1, 0]]
    assert c.is_point.sum(axis=1).tolist() == [40, 51]
    assert c.point_time is not None
    assert np.isnan(c.point_time[0]).all()


@pytest.mark.parametrize("index", [slice(0, 0), [], np.zeros(4, dtype=bool), np.array([[0, 1]]), None])
def test_an_index_that_selects_nothing(index) -> None:
    with pytest.raises(InvalidInput, match="at least one spectrum, in one dimension"):
        campaign()[index]


@pytest.mark.parametrize("index", [[4], np.array([True, False]), 1.5, "a", (0, 1)])
def test_an_index_out_of_place(index) -> None:
    with pytest.raises(IndexError):
        campaign()[index]


def test_iteration() -> None:
    assert [s.name for s in campaign()] == list("abcd")
    assert len(campaign()) == 4


# Coordinates


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ([1, 2, 3, 4], np.array([1.0, 2.0, 3.0, 4.0])),
        ([True, False, True, True], np.array([1.0, 0.0, 1.0, 1.0])),
        (np.arange(4, dtype=np.float16), np.arange(4.0)),
        ([1, None, 3, np.nan], np.array([1, np.nan, 3, np.nan])),
        (["µ", "", "b", "long"], np.array(["µ", "", "b", "long"])),
        (np.array(["a", "b", "c", "d"], dtype=object), np.array(["a", "b", "c", "d"])),
        (np.array(["a", "b", "c", "d"], dtype="U50"), np.array(["a", "b", "c", "d"])),
        (np.array(["2024-02-29"] * 4, dtype="M8[D]"), np.array(["2024-02-29"] * 4, dtype="M8[ns]")),
    ],
)
def test_coordinates_of_every_kind(given_: object, kept: np.ndarray) -> None:
    c = campaign().with_coordinates(x=given_)  # type: ignore[arg-type]
    assert c.coordinates["x"].dtype == kept.dtype
    np.testing.assert_array_equal(c.coordinates["x"], kept)
    again = Campaign.from_spectra(list(c)).coordinates["x"]
    np.testing.assert_array_equal(again, kept)
    assert again.dtype == kept.dtype


def test_with_coordinates_adds_and_replaces() -> None:
    c = campaign()
    changed = c.with_coordinates(voltage=[1, 2, 3, 4], cycle=[1, 1, 2, 2])
    assert list(changed.coordinates) == ["voltage", "branch", "cycle"]
    assert changed.coordinates["voltage"].tolist() == [1, 2, 3, 4]
    assert c.coordinates["voltage"].tolist() == VOLTAGE
    assert changed.names == c.names
    with pytest.raises(InvalidInput, match="'cycle' has shape"):
        c.with_coordinates(cycle=[1, 2])


# The judgement of each spectrum


@pytest.mark.parametrize(
    ("point", "value_f", "value_Z", "expected"),
    [
        (5, None, np.nan, Status.NOT_FINITE),
        (5, None, complex(1, np.inf), Status.NOT_FINITE),
        (5, np.nan, None, Status.NOT_FINITE),
        (5, np.nan, np.nan, Status.NOT_FINITE),  # not padding: points follow
        (5, np.inf, None, Status.NOT_FINITE),
        (5, -1.0, None, Status.NEGATIVE_FREQUENCY),
        (5, F[20], None, Status.REPEATED_FREQUENCY),
        (5, 0.0, None, Status.OK),
        (50, np.nan, np.nan, Status.OK),  # padding
    ],
)
@pytest.mark.parametrize("shared", [True, False])
def test_problems(point: int, value_f: float | None, value_Z: complex | None, expected: Status, shared: bool) -> None:
    f, z = (F.copy(), Z.copy()) if shared else (np.tile(F, (4, 1)), Z.copy())
    rows = slice(None) if shared else 2
    if value_f is not None:
        f[..., point] = value_f if shared else np.where(np.arange(4) == 2, value_f, f[:, point])
    if value_Z is not None:
        z[rows, point] = value_Z
    expect = [expected] * 4 if shared else [Status.OK, Status.OK, expected, Status.OK]
    assert Campaign(f, z).problems.tolist() == expect


def test_flipped_signs_and_few_points() -> None:
    rows = [Spectrum(F, Z1.conj()), Spectrum(F[:2], Z1[:2]), Spectrum(F[:1], Z1[:1]), Spectrum(F[::-1], Z1[::-1])]
    assert Campaign.from_spectra(rows).problems.tolist() == [
        Status.SIGN_FLIPPED,
        Status.TOO_FEW_POINTS,
        Status.TOO_FEW_POINTS,
        Status.OK,
    ]


def test_unused_points_are_not_judged() -> None:
    z = Z.copy()
    z[1, 3] = np.nan
    used = np.ones(z.shape, dtype=bool)
    used[:, 3] = False
    assert find_problems(np.broadcast_to(F, z.shape), z, used).tolist() == [Status.OK] * 4


def test_nothing_but_blanks() -> None:
    c = Campaign(np.full(5, np.nan), np.full((2, 5), np.nan))
    assert c.problems.tolist() == [Status.TOO_FEW_POINTS] * 2
    assert repr(c) == "<Campaign: 2 spectra, 5 points>"
    assert not c.is_point.any()


def test_grids_are_found() -> None:
    f = np.tile(F, (5, 1))
    f[3] *= 2
    used = np.ones(f.shape, dtype=bool)
    used[1, 0] = used[4, 0] = False
    grids = frequency_grids(f, used)
    assert [rows.tolist() for rows, _ in grids] == [[0, 2], [1, 4], [3]]
    assert [int(points.sum()) for _, points in grids] == [51, 50, 51]
    shared = np.broadcast_to(F, f.shape)
    assert [rows.tolist() for rows, _ in frequency_grids(shared, np.ones(f.shape, dtype=bool))] == [[0, 1, 2, 3, 4]]
    assert [rows.tolist() for rows, _ in frequency_grids(shared, used)] == [[0, 2, 3], [1, 4]]


def test_a_hundred_thousand_spectra() -> None:
    count = 100_000
    z = np.broadcast_to(Z1[::5], (count, 11)).copy()
    z[::1000] = z[::1000].conj()
    z[1::1000, 3] = np.nan
    c = Campaign.from_arrays(F[::5], z, coordinates={"cycle": np.arange(count)})
    found, counts = np.unique(c.problems, return_counts=True)
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == {
        Status.OK: count - 200,
        Status.NOT_FINITE: 100,
        Status.SIGN_FLIPPED: 100,
    }


@given(st.permutations(range(8)))
def test_problems_follow_the_order_of_the_spectra(order: list[int]) -> None:
    z = np.tile(Z1, (8, 1))
    z[1, 4] = np.inf
    z[2] = z[2].conj()
    f = np.tile(F, (8, 1))
    f[3, 7] = -1
    f[4, 7] = f[4, 8]
    f[5] *= 1.5
    problems = Campaign(f, z).problems
    assert Campaign(f[order], z[order]).problems.tolist() == problems[order].tolist()
