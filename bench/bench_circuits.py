"""How long does a circuit fit along a campaign of 85 measured spectra take, beside impedance.py?

Both minimise the same sum of squares, with weights 1/abs(Z). impedance.py starts the first spectrum from the guess
below and each further one from the answer before; ours is timed from the same guess, and as it is used: without any
guess, with eight starts a spectrum and warm starts in both directions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import drtengine as dt
from peers import impedance

SPECTRA = 85
GROUP = "circuit fits along a campaign of 85"
CIRCUITS = {
    "R0-p(R1,CPE1)-W1": [0.3, 0.3, 0.1, 0.8, 0.05],
    "R0-p(R1,CPE1)-p(R2-W1,CPE2)": [0.3, 0.3, 0.1, 0.8, 0.8, 0.1, 0.1, 0.5],
    "L0-R0-p(R1,CPE1)-p(R2,CPE2)-CPE3": [5e-7, 0.2, 0.4, 0.1, 0.8, 0.9, 0.05, 0.5, 10.0, 0.7],
}


@cache
def measured(folder: Path) -> dt.Campaign:
    return dt.read(folder / "zhang2020_25C08_45C01" / "EIS_state_V_25C08.txt")[:SPECTRA]


@pytest.mark.parametrize("string", CIRCUITS)
@pytest.mark.parametrize("how", ["same guess", "no guess"])
def bench_drtengine(clock, shared_data, string, how):
    campaign = measured(shared_data)
    names = dt.circuits.parse_circuit(string).names
    guess = dict(zip(names, CIRCUITS[string], strict=True)) if how == "same guess" else None
    result = clock(
        lambda: dt.fit_circuit(campaign, string, guess=guess),
        group=GROUP,
        label=f"drtengine, {string}, {how}",
        spectra=SPECTRA,
    )
    assert result.has_answer.all()


@pytest.mark.impedance
@pytest.mark.parametrize("string", CIRCUITS)
def bench_impedance(clock, shared_data, short, string):
    """The whole campaign, once; in the short form a tenth of it."""
    try:
        impedance.load()
    except ImportError as error:
        pytest.skip(f"{error}; {impedance.INSTALL}")
    campaign = measured(shared_data)[: SPECTRA // 10 if short else SPECTRA]
    _, theirs = clock(
        lambda: impedance.fit_campaign(string, CIRCUITS[string], campaign.frequency[0], campaign.Z),
        group=GROUP,
        label=f"impedance.py, {string}, each from the one before",
        spectra=len(campaign),
        rounds=1,
        warm=False,
    )
    ours = dt.fit_circuit(campaign, string).chi2
    assert (ours <= theirs * (1 + 1e-6)).all()  # never a worse minimum
