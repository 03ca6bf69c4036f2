"""Impedance in memory: pandas, xarray, pairs of arrays, and what yadg makes of files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from drtengine import Campaign, fit_drt, to_campaign
from drtengine.errors import InvalidInput

F = np.geomspace(1e4, 1e-1, 11)
Z = np.array([2 + 5 / (1 + 2j * np.pi * F * tau) for tau in (1e-3, 1e-2)])


def same(campaign: Campaign, spectra: Any = Z) -> None:
    np.testing.assert_array_equal(campaign.frequency, np.broadcast_to(F, campaign.Z.shape))
    np.testing.assert_array_equal(campaign.Z, np.atleast_2d(spectra))


def yadg(Z: Any, start: float = 1.7e9) -> xr.Dataset:
    """A dataset like those of yadg: one dimension, a variable for each column, units in their attributes."""
    columns = {"freq": (F, "Hz"), "Re(Z)": (1e-3 * Z.real, "kΩ"), "-Im(Z)": (-Z.imag, "Ω"), "cycle number": (0 * F, "")}
    variables = {name: ("uts", values, {"units": unit} if unit else {}) for name, (values, unit) in columns.items()}
    variables["Re(Z)_std_err"] = ("uts", 0.1 * Z.real, {"units": "Ω"})
    return xr.Dataset(variables, coords={"uts": start + np.arange(F.size)})


def test_frame_with_one_point_a_row() -> None:
    frame = pd.DataFrame({"Frequency / Hz": F, "Z' / ohm": Z[0].real, "-Z'' / ohm": -Z[0].imag})
    same(to_campaign(frame), Z[0])
    same(to_campaign(pd.DataFrame({"f": F, "Z": Z[0]})), Z[0])
    notes = to_campaign(pd.DataFrame({"f": F, "Z": Z[0], "other": Z[0]})).notes
    assert notes == ("column 'other' not read: complex numbers are expected under the name Z",)
    same(to_campaign(pd.DataFrame({"f": F, "Z/kohm": Z[0] / 1000, "other": Z[0]})), Z[0] / 1000 * 1000)


def test_tidy_frame() -> None:
    frame = pd.DataFrame(
        {
            "cell": ["A"] * 11 + ["B"] * 11,
            "soc": [0.5] * 22,
            "f": [*F, *F[::-1]],  # one sweep down, one up: nothing but the label tells them apart
            "Z": [*Z[0], *Z[1][::-1]],
        }
    )
    campaign = to_campaign(frame)
    assert campaign.coordinates["cell"].tolist() == ["A", "B"]
    assert campaign.coordinates["soc"].tolist() == [0.5, 0.5]
    np.testing.assert_array_equal(campaign.Z[1], Z[1][::-1])
    indexed = to_campaign(frame.set_index("cell"))
    np.testing.assert_array_equal(indexed.Z, campaign.Z)
    assert indexed.coordinates["cell"].tolist() == ["A", "B"]


def test_wide_frame_and_missing_values() -> None:
    frame = pd.DataFrame(
        np.column_stack([Z.real, Z.imag]), columns=[f"{p}(Z){f!r}" for p in ("Re", "Im") for f in F.tolist()]
    )
    frame["voltage (mV)"] = [100.0, None]
    campaign = to_campaign(frame)
    same(campaign)
    np.testing.assert_array_equal(campaign.coordinates["voltage"], [0.1, np.nan])


def test_pairs_as_impedance_py_has_them() -> None:
    same(to_campaign((F, Z[0])), Z[0])
    same(to_campaign([F, Z]))
    same(to_campaign([(F, Z[0]), (F, Z[1])]))
    same(to_campaign([(F, Z[0]), (F, Z[1]), (F, Z[0])]), Z[[0, 1, 0]])
    shorter = to_campaign([(F, Z[0]), (F[:5], Z[1][:5])])
    assert shorter.is_point.sum(axis=1).tolist() == [11, 5]
    named = to_campaign({"one": (F, Z[0]), "both": (F, Z)}, coordinates={"cycle": [1, 2, 3]})
    assert named.names == ("one", "both#1", "both#2")
    assert named.coordinates["cycle"].tolist() == [1, 2, 3]
    assert to_campaign(named) is named
    same(to_campaign([named[0], named[1]]), Z[[0, 0]])
    same(to_campaign(named[0]), Z[0])


def test_dataset_of_yadg() -> None:
    campaign = to_campaign(yadg(Z[0]))
    np.testing.assert_allclose(campaign.Z[0], Z[0], rtol=1e-15)
    np.testing.assert_array_equal(campaign.frequency[0], F)
    assert campaign.coordinates["time"][0] == 1.7e9
    assert campaign.point_time is not None
    assert any("multiplied by 1000" in note for note in campaign.notes)


@pytest.mark.skipif(not hasattr(xr, "DataTree"), reason="this xarray has no DataTree")
def test_tree_of_yadg() -> None:
    other = xr.Dataset({"Ewe": ("uts", [1.0, 2.0])}, coords={"uts": [0.0, 1.0]})
    tree = xr.DataTree.from_dict({"/eis/1": yadg(Z[0]), "/eis/2": yadg(Z[1]), "/cv": other})
    campaign = to_campaign(tree)
    np.testing.assert_allclose(campaign.Z, Z, rtol=1e-15)
    assert campaign.coordinates["node"].tolist() == ["/eis/1", "/eis/2"]
    assert any(note.startswith("skipped node '/cv': ") for note in campaign.notes)
    with pytest.raises(InvalidInput, match="no node of the DataTree holds impedance:\n  node '/cv': "):
        to_campaign(xr.DataTree.from_dict({"/cv": other}))


def test_dataset_of_two_dimensions() -> None:
    coords = {"frequency": F, "voltage": ("run", [0.1, 0.2]), "name": ("run", ["a", "b"])}
    same(to_campaign(xr.Dataset({"Z": (("frequency", "run"), Z.T)}, coords=coords)))
    campaign = to_campaign(xr.Dataset({"Z": (("run", "frequency"), Z)}, coords=coords))
    same(campaign)
    assert campaign.coordinates["voltage"].tolist() == [0.1, 0.2]
    assert campaign.names == ("a", "b")
    result = fit_drt(campaign)
    back = to_campaign(result.to_dataset())
    same(back)
    assert set(back.coordinates) == {"voltage"}
    halves = xr.Dataset(
        {"Z_real": (("run", "frequency"), Z.real), "Z_imag": (("run", "frequency"), Z.imag)}, coords=coords
    )
    same(to_campaign(halves))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("cell.csv", "got str; files are for read"),
        (7, "to_campaign takes a DataFrame"),
        ([], "got list"),
        ((F, F), "a pair must be frequency"),
        ((Z[0], F), "a pair must be frequency"),
        (pd.DataFrame({"f": F, "x": F}), "the DataFrame: line 1 has the columns 'f', 'x'"),
        (xr.Dataset(), "the Dataset: no variable has one dimension"),
        (
            xr.Dataset({"Z": (("a", "b"), Z)}, coords={"frequency": ("c", F)}),
            "frequency runs along 'c', but Z along 'a', 'b'",
        ),
    ],
)
def test_refused(data: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        to_campaign(data)
