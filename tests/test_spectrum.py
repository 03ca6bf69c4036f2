"""One spectrum: what it takes, what it refuses, that it stays what it was, and the sign of its Z''."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import drtengine as dt
from drtengine import InvalidInput, Spectrum, Status
from drtengine.signs import are_flipped
from drtengine.spectrum import looks_flipped

F = np.geomspace(1e5, 1e-2, 71)
Z = 10 + 50 / (1 + (2j * np.pi * F * 1e-2) ** 0.8)


def test_holds_what_it_was_given() -> None:
    time = np.arange(71.0)
    s = Spectrum(F, Z, "cell", {"voltage": 0.3, "branch": "charge"}, time, {"a.txt": "12ab"}, ["odd"])
    np.testing.assert_array_equal(s.frequency, F)
    np.testing.assert_array_equal(s.Z, Z)
    np.testing.assert_array_equal(s.point_time, time)
    assert (s.frequency.dtype, s.Z.dtype, len(s)) == (np.float64, np.complex128, 71)
    assert (s.name, dict(s.coordinates), dict(s.sources)) == (
        "cell",
        {"voltage": 0.3, "branch": "charge"},
        {"a.txt": "12ab"},
    )
    assert s.notes == ("odd",)
    assert repr(s) == "<Spectrum 'cell': 71 points, 0.01 to 1e+05 Hz>"


def test_order_and_broken_values_are_kept() -> None:
    f, z = np.array([1.0, 100.0, np.nan, 0.0, -1.0]), np.array([1, 2, np.inf, 4, np.nan], dtype=complex)
    s = Spectrum(f, z)
    np.testing.assert_array_equal(s.frequency, f)
    np.testing.assert_array_equal(s.Z, z)
    assert repr(s) == "<Spectrum: 5 points, -1 to 100 Hz>"
    assert repr(Spectrum([np.nan], [1j])) == "<Spectrum: 1 points>"


@pytest.mark.parametrize(
    ("f", "z"),
    [
        (F.astype(np.float32), Z.astype(np.complex64)),
        (np.repeat(F, 2)[::2], np.repeat(Z, 3)[::3]),
        (F[::-1][::-1], np.stack([Z, Z], axis=1)[:, 0]),
        (F.tolist(), Z.tolist()),
        (np.asfortranarray(F), Z.astype(">c16")),
    ],
    ids=["single precision", "strided", "reversed twice", "lists", "other byte order"],
)
def test_arrays_of_every_kind(f: object, z: object) -> None:
    s = Spectrum(f, z)  # type: ignore[arg-type]
    np.testing.assert_array_equal(s.frequency, np.asarray(f, dtype=np.float64))
    np.testing.assert_array_equal(s.Z, np.asarray(z, dtype=np.complex128))
    assert s.frequency.flags.c_contiguous
    assert s.Z.flags.c_contiguous


def test_neither_shares_nor_freezes_the_arrays_of_the_caller() -> None:
    f, z = F.copy(), Z.copy()
    s = Spectrum(f, z)
    f[0], z[0] = 1.0, 1.0
    assert (s.frequency[0], s.Z[0]) == (F[0], Z[0])
    view = z.view()
    view.flags.writeable = False  # of an array that can be written to
    s = Spectrum(F, view)
    z[0] = 2.0
    assert s.Z[0] == 1.0


def test_arrays_that_nobody_can_change_are_not_copied() -> None:
    f, z = F.copy(), Z.copy()
    f.flags.writeable = z.flags.writeable = False
    s = Spectrum(f, z)
    assert s.frequency is f
    assert s.Z is z
    assert Spectrum(s.frequency, s.Z).Z is z


def test_is_immutable() -> None:
    s = Spectrum(F, Z, coordinates={"voltage": 1.0}, point_time=F)
    for array in (s.frequency, s.Z, s.point_time):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        s.name = "x"  # type: ignore[misc]
    assert isinstance(s.coordinates, MappingProxyType)
    with pytest.raises(TypeError):
        s.coordinates["voltage"] = 2.0  # type: ignore[index]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies_and_pickles(duplicate) -> None:
    s = Spectrum(F, Z, "µ", {"voltage": 1.0}, F, {"a": "b"}, ["n"])
    other = duplicate(s)
    assert (other.name, other.coordinates, other.sources, other.notes) == (s.name, s.coordinates, s.sources, s.notes)
    for name in ("frequency", "Z", "point_time"):
        np.testing.assert_array_equal(getattr(other, name), getattr(s, name))
        assert not getattr(other, name).flags.writeable
    assert len(dataclasses.replace(s, name="new")) == 71


@pytest.mark.parametrize(
    ("f", "z", "more", "message"),
    [
        (F, Z[:-1], {}, "frequency has 71 points but Z has 70"),
        ([], [], {}, "no point"),
        (1.0, 1j, {}, r"frequency must have 1 dimension\(s\), got shape \(\)"),
        (F[None], Z[None], {}, "frequency must have 1 dimension"),
        (F, Z[None], {}, "Z must have 1 dimension"),
        (F * 1j, Z, {}, "frequency must be real"),
        (["a"] * 71, Z, {}, "frequency must hold numbers"),
        (F, ["b"] * 71, {}, "Z must hold numbers"),
        ([[1.0, 2.0], [1.0]], Z, {}, "rows of one length"),
        (np.ma.masked_less(F, 1), Z, {}, "frequency has masked values"),
        (F, Z, {"point_time": F[:3]}, "point_time has 3 points, frequency has 71"),
        (F, Z[:-1], {"name": "cell 7"}, "spectrum 'cell 7': frequency has 71"),
        (None, None, {}, "frequency must have 1 dimension"),
    ],
)
def test_refuses(f: object, z: object, more: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Spectrum(f, z, **more)  # type: ignore[arg-type]


# The sign of Z''.


class Circuits:
    """Random circuits with impedances over four decades."""

    def __init__(self, frequency: np.ndarray, seed: int) -> None:
        self.w = 2j * np.pi * frequency
        self.rng = np.random.default_rng(seed)

    def between(self, low: float, high: float) -> float:
        """A number whose logarithm is uniform."""
        return float(10 ** self.rng.uniform(low, high))

    def cell(self) -> np.ndarray:
        Z = self.between(0, 2) + self.w * self.between(-8, -5.5)
        for _ in range(self.rng.integers(1, 4)):
            Z = Z + self.between(0, 2) / (1 + (self.w * self.between(-5, 1)) ** self.rng.uniform(0.6, 1))
        return Z

    def long_leads(self) -> np.ndarray:
        return self.cell() + self.w * self.between(-5.5, -4)

    def finite_warburg(self) -> np.ndarray:
        root = np.sqrt(self.w * self.between(-1, 3))
        return self.cell() + self.between(0, 2) / np.tanh(root) / root

    def inductive_loop(self) -> np.ndarray:
        Z = self.cell()
        return Z - self.rng.uniform(0.05, 0.5) * np.ptp(Z.real) / (1 + self.w * self.between(0, 1.2))

    def negative_resistance(self) -> np.ndarray:
        Z = self.cell()
        return Z - self.rng.uniform(0.5, 1.5) * np.ptp(Z.real) / (1 + self.w * self.between(-1, 2))

    def blocking_electrode(self) -> np.ndarray:
        return self.between(0, 2) + self.w**-0.9 / self.between(-6, -2)

    def capacitor(self) -> np.ndarray:
        return self.between(0, 2) + 1 / (self.w * self.between(-6, -2)) + self.w * 1e-7

    def resistor(self) -> np.ndarray:
        return self.between(0, 2) + 0 * self.w

    def resistor_with_lead(self) -> np.ndarray:
        return self.between(0, 2) + self.w * self.between(-7, -4)

    def skin_effect(self) -> np.ndarray:
        R = self.between(0, 2)
        return R + 1 / (1 / (R * self.rng.uniform(0.05, 1)) + 1 / (self.w * self.between(-6, -3)))

    def sample(self, kind: str, count: int, noise: float) -> np.ndarray:
        Z = np.array([getattr(self, kind)() for _ in range(count)])
        unit = self.rng.standard_normal(Z.shape) + 1j * self.rng.standard_normal(Z.shape)
        return Z + noise * np.abs(Z) * unit


# Share of spectra with Z'' the wrong way round that must be found, at 0, 0.1, 1 and 5 % noise: those below one
# are the ones where Z' hardly changes, or noise hides it.
FOUND = {
    "cell": (0.95, 0.95, 0.85, 0.6),
    "long_leads": (0.8, 0.8, 0.7, 0.5),
    "finite_warburg": (0.95, 0.95, 0.85, 0.6),
    "inductive_loop": (0.9, 0.9, 0.8, 0.5),
    "negative_resistance": (0.3, 0.3, 0.2, 0.1),
    "blocking_electrode": (0.95, 0.95, 0.9, 0.7),
    # nothing tells these from their conjugates but the sign itself
    "capacitor": (0, 0, 0, 0),
    "resistor": (0, 0, 0, 0),
    "resistor_with_lead": (0, 0, 0, 0),
    "skin_effect": (0, 0, 0, 0),
}
NOISE = (0, 1e-3, 1e-2, 5e-2)


@pytest.mark.parametrize("kind", FOUND)
@pytest.mark.parametrize("points", [60, 12])
def test_wrong_signs_are_found_and_right_ones_never_accused(kind: str, points: int) -> None:
    frequency = np.geomspace(1e5, 1e-2, points)
    circuits = Circuits(frequency, seed=points)
    for noise, share in zip(NOISE, FOUND[kind], strict=True):
        Z = circuits.sample(kind, 60, noise)
        assert not are_flipped(frequency, Z).any(), noise
        if points == 60:
            assert are_flipped(frequency, Z.conj()).mean() >= share, noise


@given(st.permutations(range(30)), st.floats(-8, 8))
def test_the_verdict_depends_neither_on_the_order_nor_on_the_unit(order: list[int], exponent: float) -> None:
    f = np.geomspace(1e5, 1e-2, 30)
    Z = 10 + 50 / (1 + (2j * np.pi * f * 1e-2) ** 0.8) + 1e-6j * f
    pair = np.array([Z, Z.conj()])[:, order] * 10**exponent
    assert looks_flipped(f[order], pair).tolist() == [False, True]
    assert are_flipped(f[order], pair).tolist() == [False, True]


def test_few_points_are_not_judged() -> None:
    for count in (1, 2, 3, 9):
        assert not looks_flipped(F[:count], Z[None, :count].conj()).any()
    assert looks_flipped(F[20:50:3], Z[20:50:3].conj())


def test_zeros_and_constants_are_not_accused() -> None:
    pair = np.array([np.zeros(71), np.full(71, 5.0)], dtype=complex)
    assert not are_flipped(F, pair).any()


VALID = ["zahner_ism_diode/*.ism", "ssb_ceracharge/*.csv", "ml621_soc/*.csv", "pydrttools/EIS data/*/*.*"]
UNDER_CURRENT = [f"zhang2020_25C08_45C01/EIS_state_{state}_25C08.txt" for state in ("II", "III", "VI", "VII", "VIII")]
AT_REST = [f"zhang2020_25C08_45C01/EIS_state_{state}_25C08.txt" for state in ("I", "IV", "V", "IX")]


@pytest.mark.parametrize("pattern", VALID + UNDER_CURRENT + AT_REST)
@pytest.mark.filterwarnings("ignore::drtengine.DataWarning")
def test_no_measurement_is_accused(shared_data: Path, pattern: str) -> None:
    paths = list(shared_data.glob(pattern))
    assert paths
    for path in paths:
        assert not (dt.read(path).problems == Status.SIGN_FLIPPED).any(), path


@pytest.mark.parametrize("pattern", [*AT_REST, "ssb_ceracharge/*.csv", "ml621_soc/*.csv"])
def test_every_turned_measurement_is_found(shared_data: Path, pattern: str) -> None:
    paths = list(shared_data.glob(pattern))
    assert paths
    for path in paths:
        campaign = dt.read(path)
        turned = dt.Campaign(campaign.frequency, campaign.Z.conj())
        assert (turned.problems == Status.SIGN_FLIPPED).all(), path
