"""Methods side by side: equal where the cell is the same, decades apart where a length is wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import drtengine as dt
from drtengine import simulate

SPHERE = {"sphere_radius": 5e-6}
GITT = dt.fit_gitt(simulate.gitt(D=1e-14, count=20, **SPHERE).frame, **SPHERE)
ICI = dt.fit_ici(simulate.ici(D=1e-14, count=40, **SPHERE).frame, **SPHERE)


def test_methods_agree_on_one_cell() -> None:
    result = dt.compare_diffusion(GITT, ICI)
    assert set(result.method) == {"GITT", "ICI"}
    [difference] = result.differences
    assert abs(difference.decades) < 0.01
    assert difference.places > 10
    assert "agree" in result.notes[-1]
    assert len(result) == len(GITT) + len(ICI)
    np.testing.assert_array_equal(result.D_low[: len(GITT)], GITT.D_low)


def test_a_wrong_length_is_decades() -> None:
    wrong = dt.fit_ici(simulate.ici(D=1e-14, count=40, **SPHERE).frame, sphere_radius=5e-5)
    result = dt.compare_diffusion(GITT=GITT, ICI=wrong)
    assert result.differences[0].decades == pytest.approx(2, abs=0.02)
    assert "2.00 decades above" in repr(result)
    assert "compare lengths" in result.notes[-1]
    swapped = dt.compare_diffusion(ICI=wrong, GITT=GITT)
    assert swapped.differences[0].decades == pytest.approx(-result.differences[0].decades)


def test_any_object_with_D_takes_part() -> None:
    """Such as the result of an impedance campaign: places and branches in its coordinates."""
    eis = SimpleNamespace(
        D=np.array([1e-12, 1.2e-12, np.nan]),
        u_D=np.array([1e-13, 1e-13, np.nan]),
        coordinates={"voltage": np.array([0.5, 0.45, 0.4]), "branch": np.array(["discharge"] * 3)},
    )
    result = dt.compare_diffusion(EIS=eis, GITT=GITT, ICI=ICI, along="voltage")
    assert [(d.first, d.second) for d in result.differences] == [("EIS", "GITT"), ("EIS", "ICI"), ("GITT", "ICI")]
    assert result.differences[0].decades == pytest.approx(-2.04, abs=0.02)
    assert result.differences[0].places == 2
    assert len(result.summary()) == 3
    assert (result.direction[:3] == "lithiation").all()
    frame = result.to_frame()
    np.testing.assert_allclose(frame["D_high_m2_s"][0] / 1e-12, np.exp(1.96 * 0.1), rtol=1e-4)
    assert result.to_dataset().attrs["along"] == "voltage"


def test_unknown_places_are_said() -> None:
    bare = SimpleNamespace(D=np.array([1e-12]), u_D=np.array([1e-13]))
    result = dt.compare_diffusion(GITT=GITT, EIS=bare)
    assert result.differences[0].places == 0
    assert any("its lithiation is unknown" in note for note in result.notes)
    assert any("no place in common" in note for note in result.notes)


def test_two_of_a_kind_keep_their_names_apart() -> None:
    assert set(dt.compare_diffusion(GITT, GITT).method) == {"GITT", "GITT'"}


def test_bad_input_is_named() -> None:
    with pytest.raises(dt.InvalidInput, match="two results or more"):
        dt.compare_diffusion(GITT)
    with pytest.raises(dt.InvalidInput, match="EIS: a SimpleNamespace has no D and u_D"):
        dt.compare_diffusion(GITT=GITT, EIS=SimpleNamespace(D=[1.0]))
    with pytest.raises(dt.InvalidInput, match="arrays of one length"):
        dt.compare_diffusion(GITT=GITT, EIS=SimpleNamespace(D=[1.0], u_D=[1.0, 2.0]))
    with pytest.raises(dt.InvalidInput, match="unknown along 'soc'"):
        dt.compare_diffusion(GITT, ICI, along="soc")


def test_titration_and_interruption_of_others_beside_each_other(shared_data: Path) -> None:
    folder = shared_data / "kinetics" / "ampworks"
    ici = dt.fit_ici(dt.read_table(folder / "ici_discharge.csv"), sphere_radius=1.8e-6)
    import pandas as pd

    table = pd.read_csv(folder / "gitt_discharge.csv.gz")
    gitt = dt.fit_gitt(time_s=table["Seconds"], current_A=table["Amps"], voltage_V=table["Volts"], sphere_radius=1.8e-6)
    [difference] = dt.compare_diffusion(GITT=gitt, ICI=ici).differences
    assert difference.places > 20
    assert -1.5 < difference.decades < -0.3
