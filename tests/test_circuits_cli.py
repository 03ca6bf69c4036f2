"""Figures and commands of circuits and Warburg regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import same_color
from typer.testing import CliRunner, Result

import drtengine as dt
from csv_files import read_exactly
from drtengine import plot, simulate
from drtengine.circuits import parse_circuit
from drtengine.cli import commands

FREQUENCY = np.geomspace(1e4, 1e-2, 61)
RANDLES = "R0-p(R1-W1,C1)"
VALUES = {"R0": 5.0, "R1": 40.0, "W1": 30.0, "C1": 2e-5}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


def campaign() -> dt.Campaign:
    Z = [parse_circuit(RANDLES).impedance(FREQUENCY, {**VALUES, "R1": 40.0 + 10 * i}) for i in range(4)]
    noisy = simulate.add_noise(np.array(Z), 0.002)
    noisy[3] = simulate.add_noise(simulate.ZARC(50, 1e-2, 0.8).impedance(FREQUENCY) + 5, 0.002)
    places = {"voltage": [0.1, 0.2, 0.1, 0.2], "branch": ["charge", "charge", "discharge", "discharge"]}
    return dt.Campaign.from_arrays(FREQUENCY, noisy, coordinates=places)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for i, Z in enumerate(campaign().Z):
        paths.append(tmp_path / f"cell{i}.csv")
        columns = {"Frequency / Hz": FREQUENCY, "Z' / ohm": Z.real, "Z'' / ohm": Z.imag}
        pd.DataFrame(columns).to_csv(paths[-1], index=False)
    return paths


def test_warburg_lines_show_data_window_and_fit() -> None:
    result = dt.fit_warburg(campaign())
    ax = plot.warburg(result, spectrum=1)
    x = 1 / np.sqrt(2 * np.pi * FREQUENCY)
    inside = result.fitted[1]
    lines = {len(line.get_xdata()): line for line in ax.lines if line.get_linestyle() == "-"}
    fit = lines[int(inside.sum())]
    np.testing.assert_allclose(np.sort(np.asarray(fit.get_xdata())), np.sort(x[inside]))
    drawn = np.concatenate([np.asarray(line.get_ydata()) for line in ax.lines if line.get_marker() == "o"])
    np.testing.assert_allclose(np.sort(drawn), np.sort(result.campaign.Z[1].real))
    assert ax.get_xlabel() == "ω$^{-1/2}$ / s$^{1/2}$"
    assert "σ = 30" in ax.get_title() or "σ = 29" in ax.get_title()
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert band.x0 == pytest.approx(x[inside].min())
    none = plot.warburg(result, spectrum=3)
    assert "no Warburg region" in none.get_title()
    assert not none.patches


def test_parameters_stand_at_their_coordinates() -> None:
    result = dt.fit_circuit(campaign(), RANDLES)
    figure: Any = plot.circuit_parameters(result, names=["R1", "W1"], along="voltage")
    R1, W1 = figure.axes
    assert R1.get_ylabel() == "R1 / Ω"
    assert W1.get_ylabel() == "W1 / Ω s$^{-1/2}$"
    assert W1.get_xlabel() == "voltage / V"
    points = {(x, y) for line in R1.lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}
    assert {(0.1, result["R1"][0]), (0.2, result["R1"][1])} <= points
    hollow = [line for line in R1.lines if same_color(line.get_markerfacecolor(), "none") and len(line.get_xdata())]
    shaky = np.isin(result.status, (dt.Status.NOT_IDENTIFIABLE, dt.Status.PARAMETER_AT_BOUND))
    assert bool(hollow) == bool((shaky & result.has_answer).any())


def test_nyquist_shows_the_fit_of_a_circuit() -> None:
    result = dt.fit_circuit(campaign()[:1], RANDLES)
    ax = plot.nyquist(result)
    line = next(line for line in ax.lines if line.get_linestyle() == "-")
    np.testing.assert_allclose(np.sort(np.asarray(line.get_xdata())), np.sort(result.Z_fit[0].real))


def test_bad_arguments_of_figures_are_explained() -> None:
    warburg, fit = dt.fit_warburg(campaign()), dt.fit_circuit(campaign(), RANDLES)
    with pytest.raises(dt.InvalidInput, match="there is no spectrum 4"):
        plot.warburg(warburg, spectrum=4)
    with pytest.raises(dt.InvalidInput, match="needs a WarburgResult"):
        plot.warburg(fit)  # type: ignore[arg-type]
    with pytest.raises(dt.InvalidInput, match="no parameter 'R9'"):
        plot.circuit_parameters(fit, names=["R9"])
    with pytest.raises(dt.InvalidInput, match="at least one parameter"):
        plot.circuit_parameters(fit, names=[])
    with pytest.raises(dt.InvalidInput, match="needs a CircuitResult"):
        plot.circuit_parameters(warburg)  # type: ignore[arg-type]


def test_circuit_command_writes_everything(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("circuit", RANDLES, *files[:3], "--out", out)
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {
        "circuit.csv", "circuit.nc", "circuit_parameters.png", "circuit_parameters.svg", "circuit_nyquist.png",
        "circuit_nyquist.svg"
    }  # fmt: skip
    table = read_exactly(out / "circuit.csv")
    expected = dt.fit_circuit(dt.read(files[:3]), RANDLES)
    np.testing.assert_array_equal(table["W1"], expected["W1"])
    assert "3 spectra: 3 ok" in done.output
    assert " ± " in done.output


@pytest.mark.usefixtures("quick")
def test_circuit_command_is_fit_circuit(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = [
        *("--fix", "R0=5", "--guess", "R1=50", "--bound", "C1=1e-6:1e-4", "--weights", "unit", "--starts", 2),
        *("--no-warm-start", "--f-max", 5e3, "--interval", "profile"),
    ]
    done = run("circuit", RANDLES, *files[:2], "-o", out, *options)
    assert done.exit_code == 0, done.output
    expected = dt.fit_circuit(
        dt.read(files[:2]), RANDLES, fixed={"R0": 5}, guess={"R1": 50}, bounds={"C1": (1e-6, 1e-4)}, weights="unit",
        starts=2, warm_start=False, f_max=5e3, interval="profile",
    )  # fmt: skip
    table = read_exactly(out / "circuit.csv")
    for name in ("R1", "u_W1", "C1_low"):
        np.testing.assert_array_equal(table[name], expected.to_frame()[name])


@pytest.mark.usefixtures("quick")
def test_warburg_command(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("warburg", *files, "-o", out, "--area", 1e-4, "--concentration", 2e4)
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {
        "warburg.csv", "warburg.nc", "warburg_lines.png", "warburg_lines.svg"
    }  # fmt: skip
    expected = dt.fit_warburg(dt.read(files), area=1e-4, concentration=2e4)
    table = pd.read_csv(out / "warburg.csv")
    np.testing.assert_array_equal(table["D_m2_s"], expected.D)
    assert "4 spectra: 3 warburg, 1 none" in done.output
    assert expected.reason[3] in done.output
    assert "D, insertion" not in done.output


@pytest.mark.usefixtures("quick")
def test_warburg_command_gives_every_way_to_D(files: list[Path], tmp_path: Path) -> None:
    quantities = {"area": 1e-4, "molar_volume": 1e-5, "u_molar_volume": 1e-6, "dE_dx": -0.5, "u_dE_dx": 0.1}
    options = [part for name, value in quantities.items() for part in (f"--{name.replace('_', '-')}", value)]
    done = run("warburg", files[0], "-o", tmp_path / "out", *options, "--charge-number", 2)
    assert done.exit_code == 0, done.output
    assert "D, insertion" in done.output
    expected = dt.fit_warburg(dt.read(files[0]), **quantities, charge_number=2)
    with xr.open_dataset(tmp_path / "out" / "warburg.nc", engine="h5netcdf") as dataset:
        assert float(dataset["D_insertion"][0]) == expected.D_insertion[0]
        assert float(dataset["u_D_insertion"][0]) == expected.u_D_insertion[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["circuit", "R0-X1"], "unknown element 'X'"),
        (["circuit", "R0-K1", "--fix", "R0"], "is not NAME=VALUE"),
        (["circuit", "R0-K1", "--fix", "R0=two"], "'two' is not a number"),
        (["circuit", "R0-K1", "--bound", "R0=1"], "is not NAME=LOW:HIGH"),
        (["circuit", "R0-K1", "--tie", "R9=R0"], "no parameter 'R9'"),
        (["warburg", "--area", "-1"], "area must be positive"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(
    files: list[Path], tmp_path: Path, arguments: list[str], words: str
) -> None:
    place = 2 if arguments[0] == "circuit" else 1
    done = run(*arguments[:place], files[0], "-o", tmp_path / "out", *arguments[place:])
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "out").exists()


def test_implausible_area_is_a_warning(files: list[Path], tmp_path: Path) -> None:
    done = run("warburg", files[0], "-o", tmp_path / "out", "--area", 1.13)
    assert done.exit_code == 0
    assert "if that is in cm2, pass 0.000113" in done.output
