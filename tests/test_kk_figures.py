"""Figures and commands of the Kramers-Kronig check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import plot

pytest.importorskip("matplotlib")
typer = pytest.importorskip("typer")
from typer.testing import CliRunner  # noqa: E402

from drtengine.cli.commands import app  # noqa: E402

F = np.geomspace(1e5, 1e-2, 71)
TIME = np.linspace(0, 1, 71) ** 4


@pytest.fixture(scope="module")
def result() -> dt.KkResult:
    """Twelve spectra: the first passes, one has a bad point, the last fails, one cannot be tested."""
    cell = dt.simulate.Resistor(10) + dt.simulate.ZARC(50, 1e-2, 0.8) + dt.simulate.ZARC(30, 1.0, 0.9)
    Z = dt.simulate.add_noise(np.tile(cell.impedance(F), (12, 1)), 1e-3)
    Z[3, 20] *= 1.1
    Z[5] = np.nan
    Z[11] *= 1 + 0.4 * TIME
    return dt.check_kk(dt.Campaign.from_arrays(F, Z, coordinates={"voltage": np.linspace(1, 2, 12)}))


def test_residuals_of_one_spectrum(result: dt.KkResult) -> None:
    ax = plot.kk_residuals(result, 3)
    real, imag = (line for line in ax.lines if line.get_label() in ("real", "imaginary"))
    assert np.array_equal(np.asarray(real.get_ydata()), 100 * result.residual[3].real)
    assert np.array_equal(np.asarray(imag.get_xdata()), F)
    rings = [line for line in ax.lines if np.size(line.get_xdata()) == 1]
    assert {float(np.asarray(line.get_xdata())[0]) for line in rings} == {F[20]}
    assert ax.get_title() == "spectrum 3: warn"
    assert not [p for p in ax.patches if p.get_hatch()]


def test_what_lies_outside_of_the_window_is_shaded(result: dt.KkResult) -> None:
    ax = plot.kk_residuals(result, -1)
    low, high = result.window[-1]
    bounds = [p.get_extents().transformed(ax.transData.inverted()) for p in ax.patches if p.get_hatch()]
    assert len(bounds) == int(low > F[-1]) + int(high < F[0])
    assert bounds
    assert all(box.x1 == pytest.approx(low) or box.x0 == pytest.approx(high) for box in bounds)


def test_map_shows_all_residuals_and_verdicts(result: dt.KkResult) -> None:
    figure = plot.kk_map(result)
    strip, ax = figure.axes[:2]
    mesh = ax.collections[0]
    shown = np.ma.getdata(mesh.get_array()).reshape(71, 12)
    expected = 100 * np.abs(result.residual[:, ::-1].T)
    assert np.allclose(shown[:, :5], expected[:, :5])
    assert np.ma.getmaskarray(mesh.get_array()).reshape(71, 12)[:, 5].all()
    verdicts = np.asarray(strip.collections[0].get_array()).ravel()
    assert verdicts.tolist() == [("pass", "warn", "fail").index(v) for v in result.verdict]
    assert ax.get_xlabel() == "voltage / V"


def test_map_of_sweeps_of_different_grids() -> None:
    cell = dt.simulate.Resistor(10) + dt.simulate.ZARC(50, 1e-2, 0.8)
    grids = [np.geomspace(1e5, 1e-2, 71), np.geomspace(1e4, 1e-1, 26)]
    r = dt.check_kk(
        dt.Campaign.from_spectra([dt.Spectrum(f, dt.simulate.add_noise(cell.impedance(f), 1e-3)) for f in grids])
    )
    mesh = plot.kk_map(r).axes[1].collections[0]
    known = ~np.ma.getmaskarray(mesh.get_array()).reshape(-1, 2)
    assert known[:, 0].all()
    assert 45 <= known[:, 1].sum() <= 55


def test_noise_is_drawn_by_verdict(result: dt.KkResult) -> None:
    ax = plot.kk_noise(result)
    lines = {line.get_label(): line for line in ax.lines}
    for verdict in ("pass", "warn", "fail"):
        here = (result.verdict == verdict) & np.isfinite(result.noise)
        assert np.asarray(lines[verdict].get_ydata()) == pytest.approx(100 * result.noise[here])


def test_figures_ask_for_a_check(result: dt.KkResult) -> None:
    fit: Any = dt.fit_drt(result.campaign[:2])
    for function in (plot.kk_residuals, plot.kk_map, plot.kk_noise):
        with pytest.raises(dt.InvalidInput, match="needs a KkResult"):
            function(fit)
    with pytest.raises(dt.InvalidInput, match="no spectrum 12"):
        plot.kk_residuals(result, 12)
    with pytest.raises(dt.InvalidInput, match="has no residuals: not tested"):
        plot.kk_residuals(result, 5)


# ---------------------------------------------------------------- commands


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A valid and a drifting spectrum as text."""
    cell = dt.simulate.Resistor(10) + dt.simulate.ZARC(50, 1e-2, 0.8) + dt.simulate.ZARC(30, 1.0, 0.9)
    Z = dt.simulate.add_noise(cell.impedance(F), 1e-3)
    paths = tmp_path / "good.csv", tmp_path / "bad.csv"
    for path, z in zip(paths, (Z, Z * (1 + 0.4 * TIME)), strict=True):
        lines = [f"{f!r},{value.real!r},{value.imag!r}" for f, value in zip(F.tolist(), z.tolist(), strict=True)]
        path.write_text("\n".join(["Frequency / Hz,Re(Z)/Ohm,Im(Z)/Ohm", *lines]))
    return paths


def test_kk_command_tells_verdicts_and_exits_by_them(files: tuple[Path, Path]) -> None:
    good, bad = map(str, files)
    fine = CliRunner().invoke(app, ["kk", good])
    assert fine.exit_code == 0
    assert "1 pass, 0 warn, 0 fail" in fine.output
    broken = CliRunner().invoke(app, ["kk", good, bad])
    assert broken.exit_code == 1
    assert "1 pass, 0 warn, 1 fail" in broken.output
    assert "valid between" in broken.output


def test_kk_command_writes_tables_and_figures(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["kk", *map(str, files), "--out", str(out)])
    assert done.exit_code == 1
    names = {"kk.nc", "kk.csv", "kk_residuals.csv", "kk_map.png", "kk_map.svg", "kk_noise.png", "kk_noise.svg"}
    assert {path.name for path in out.iterdir()} == names
    assert isinstance(dt.load(out / "kk.nc"), dt.KkResult)
    again = CliRunner().invoke(app, ["kk", str(files[0]), "--out", str(out)])
    assert again.exit_code == 0
    assert (out / "kk_residuals.png").exists()


@pytest.mark.parametrize("options", [["--method", "linkk"], ["--along", "nothing"], ["--representation", "x"]])
def test_kk_command_refuses_bad_options(files: tuple[Path, Path], options: list[str]) -> None:
    assert CliRunner().invoke(app, ["kk", str(files[0]), *options]).exit_code == 2


def test_drt_command_checks_first(files: tuple[Path, Path], tmp_path: Path) -> None:
    for option, count in (("--kk", 2), ("--drop-invalid", 1)):
        out = tmp_path / option
        done = CliRunner().invoke(app, ["drt", *map(str, files), "--out", str(out), option])
        assert done.exit_code == 0, done.output
        assert "1 pass, 0 warn, 1 fail" in done.output
        assert (out / "kk.csv").exists()
        result = dt.load(out / "drt.nc")
        assert isinstance(result, dt.DrtResult)
        assert len(result) == count
        assert any("left out: bad" in note for note in result.notes) == (count == 1)
