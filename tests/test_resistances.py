"""R_s and R_ct from circuit, distribution and arc: side by side, each with its source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine.circuits import fit_arc

FREQUENCY = np.geomspace(1e5, 1e-2, 71)
STRING = "R0-p(R1,CPE1)-p(R2,CPE2)"
VALUES = {
    "R0": 10.0, "R1": 50.0, "CPE1_Q": 2e-3, "CPE1_alpha": 0.95, "R2": 6.0, "CPE2_Q": 1e-5, "CPE2_alpha": 1.0,
}  # fmt: skip


def cells(count: int = 30) -> dt.Campaign:
    Z = np.tile(dt.circuits.parse_circuit(STRING).impedance(FREQUENCY, VALUES), (count, 1))
    return dt.Campaign.from_arrays(
        FREQUENCY, dt.simulate.add_noise(Z, 0.002), coordinates={"voltage": np.linspace(0, 1, count)}
    )


CELLS = cells()
FIT = dt.fit_circuit(CELLS, STRING)
DRT = dt.fit_drt(CELLS, method="elements")
PROCESSES = dt.integrate_processes(DRT, {"charge transfer": (1e-2, 10.0)})
ARC = fit_arc(CELLS)


def test_every_row_says_where_it_comes_from() -> None:
    table = dt.compare_resistances(FIT, DRT, PROCESSES, ARC, R_ct="R2")
    assert len(table) == 6 * len(CELLS)
    sources = table.groupby(["quantity", "source"])["R_ohm"].median()
    circuit = f"circuit {STRING}: "
    assert sources["R_s", circuit + "R0"] == pytest.approx(10, rel=0.01)
    assert sources["R_ct", circuit + "R2"] == pytest.approx(50, rel=0.01)
    assert sources["R_s", "DRT: R_inf"] == pytest.approx(10, rel=0.02)
    assert sources["R_ct", "DRT: charge transfer, 0.01 to 10 s"] == pytest.approx(50, rel=0.02)
    assert sources["semicircle diameter", "arc"] == pytest.approx(50, rel=0.05)
    assert table["voltage"].iloc[-1] == 1
    assert (table["u_R_ohm"] > 0)[~table["source"].str.startswith("DRT")].all()
    theirs = table[table["source"].str.contains("charge transfer")]
    np.testing.assert_array_equal(theirs["u_R_ohm"], PROCESSES.u_R[:, 0])


def test_resistances_in_series_are_added_up_with_their_correlation() -> None:
    table = dt.compare_resistances(FIT, R_s=None, R_ct=("R1", "R2"))
    np.testing.assert_array_equal(table["R_ohm"], FIT["R1"] + FIT["R2"])
    scatter = np.std(FIT["R1"] + FIT["R2"])
    assert table["u_R_ohm"].median() == pytest.approx(scatter, rel=0.4)
    apart = np.hypot(FIT.u_values[:, FIT.circuit.index("R1")], FIT.u_values[:, FIT.circuit.index("R2")])
    assert (table["u_R_ohm"] < apart).all()  # what one takes the other lacks


@pytest.mark.parametrize(
    ("results", "options", "words"),
    [
        ((), {}, "at least one"),
        ((FIT, 3), {}, "got int"),
        ((FIT,), {"R_ct": "R9"}, "R_ct='R9' is no resistance of .*; there are R0, R1, R2"),
        ((FIT,), {"R_s": "CPE1_Q"}, "is no resistance"),
        ((PROCESSES,), {"process": "SEI"}, "no process 'SEI'; there are charge transfer"),
        ((FIT, fit_arc(cells(3))), {}, "of other spectra"),
    ],
)
def test_bad_input_is_named(results: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(dt.InvalidInput, match=words):
        dt.compare_resistances(*results, **options)
