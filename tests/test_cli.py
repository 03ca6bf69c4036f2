"""The command line: what it writes and says, and that it never leaves half a result behind."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import drtengine as dt
from csv_files import read_exactly
from drtengine import simulate
from drtengine.cli import analyze, commands, output, terminal  # noqa: F401  # analyze adds its command
from drtengine.cli.demo import cells, misplacement

FREQUENCY = np.geomspace(1e4, 1e-1, 41)
MAP_FILES = {"drt.nc", "gamma.csv", "summary.csv", "gamma_map.png", "gamma_map.svg", "nyquist.png", "nyquist.svg"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


def write_spectrum(path: Path, R: float = 20.0, frequency: Any = FREQUENCY) -> Path:
    Z = simulate.Circuit([simulate.Resistor(5), simulate.ZARC(R, 1e-2, 0.85)]).impedance(frequency)
    table = pd.DataFrame({"Frequency / Hz": frequency, "Z' / ohm": Z.real, "Z'' / ohm": Z.imag})
    table.to_csv(path, index=False)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three spectra, one of them shorter, that a shell would sort as 1, 10, 2."""
    folder = tmp_path / "data"
    folder.mkdir()
    return [
        write_spectrum(folder / "cell1.csv", 10),
        write_spectrum(folder / "cell10.csv", 30, FREQUENCY[:30]),
        write_spectrum(folder / "cell2.csv", 20),
    ]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# drt


def test_drt_writes_everything(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    done = run("drt", *files, "--out", out, "--lambda", 1e-4)
    assert done.exit_code == 0, done.output
    assert names(out) == MAP_FILES
    assert names(out.parent) == {"out"}
    result = dt.load(out / "drt.nc")
    assert list(result.campaign.names or ()) == ["cell1", "cell2", "cell10"]
    gamma = read_exactly(out / "gamma.csv")
    np.testing.assert_array_equal(gamma["gamma"].to_numpy().reshape(3, -1), result.gamma)
    assert {"name", "tau", "gamma", "in_window"} <= set(gamma)
    summary = read_exactly(out / "summary.csv")
    np.testing.assert_array_equal(summary["R_pol"], result.R_pol)
    assert "3 spectra: 3 ok" in done.output
    assert f"written to {out}" in done.output
    for name in ("cell1", "cell2", "cell10", "R_inf", "residual"):
        assert name in done.output


@pytest.mark.usefixtures("quick")
def test_drt_is_fit_drt(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = [
        *("--basis", "piecewise_linear", "--order", 2, "--lambda", 1e-3, "--weights", "modulus", "--part", "both"),
        *("--tau", "1e-5:10:61", "--free", "--no-inductance", "--capacitance", "--f-min", 0.5, "--f-max", 5e3),
        *("--area", 1.5, "--threads", 1, "--format", "delimited", "--along", "spectrum"),
    ]
    done = run("drt", *files, "--out", out, *options)
    assert done.exit_code == 0, done.output
    campaign = dt.read([files[0], files[2], files[1]])
    expected = dt.fit_drt(
        campaign, basis="piecewise_linear", order=2, lambda_=1e-3, weights="modulus", tau=np.geomspace(1e-5, 10, 61),
        nonneg=False, inductance=False, capacitance=True, f_min=0.5, f_max=5e3, area=1.5,
    )  # fmt: skip
    written = dt.load(out / "drt.nc")
    np.testing.assert_array_equal(written.gamma, expected.gamma)
    assert dict(written.options) == dict(expected.options)
    assert "Ω cm²" in done.output
    assert "C_0" in done.output


@pytest.mark.usefixtures("quick")
def test_joint_map_goes_along_the_coordinate(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("drt", *files, "--out", out, "--method", "joint", "--along", "spectrum")
    assert done.exit_code == 2
    assert "coordinate" in done.output
    data = tmp_path / "series.csv"
    f = np.geomspace(1e4, 1e-1, 41)
    rows = ["time/s,cycle number,freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm"]
    for cycle in (1, 2, 3):
        Z = dt.simulate.add_noise(dt.simulate.ZARC(50 + cycle, 1e-2, 0.8).impedance(f), 0.003, seed=cycle)
        rows += [f"0,{cycle},{f[i]},{Z[i].real},{-Z[i].imag}" for i in range(f.size)]
    data.write_text("\n".join(rows) + "\n")
    done = run("drt", data, "--out", out, "--method", "joint", "--along", "cycle")
    assert done.exit_code == 0, done.output
    written = dt.load(out / "drt.nc")
    assert written.series is not None
    assert written.series.along == "cycle"
    assert np.array_equal(written.gamma, dt.fit_drt(dt.read(data), method="joint", along="cycle").gamma)


@pytest.mark.usefixtures("quick")
def test_gamma_may_be_negative_in_a_range(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("drt", files[0], "--out", out, "--free-range", "1:100")
    assert done.exit_code == 0, done.output
    assert dt.load(out / "drt.nc").options["free"] == [1.0, 100.0]
    wrong = run("drt", files[0], "--out", out, "--free-range", "1")
    assert wrong.exit_code == 2
    assert "--free-range '1' is not FROM:TO in s" in wrong.output


@pytest.mark.usefixtures("quick")
def test_default_method_with_a_band_and_processes(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("drt", *files, "--out", out, "--band", 0.9, "--per-spectrum", "--processes", "a=1e-3:1e-1")
    assert done.exit_code == 0, done.output
    written = dt.load(out / "drt.nc")
    assert set(written.method) <= {"log", "elements"}
    assert written.gamma_low is not None
    assert np.isfinite(written.gamma_low).all()
    assert {"gamma_low", "gamma_high"} <= set(pd.read_csv(out / "gamma.csv"))
    assert "method='auto' took" in done.output


def test_defaults_are_those_of_fit_drt() -> None:
    ours = inspect.signature(commands.drt).parameters
    theirs = inspect.signature(dt.fit_drt).parameters
    shared = set(ours) & set(theirs)
    assert {"basis", "order", "lambda_", "weights", "part", "tau", "nonneg", "inductance", "capacitance"} <= shared
    assert all(ours[name].default == theirs[name].default for name in shared)


@pytest.mark.usefixtures("quick")
def test_single_spectrum_has_its_own_figures(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("drt", files[0], "--out", out).exit_code == 0
    figures = {f"{name}.{suffix}" for name in ("gamma", "nyquist") for suffix in ("png", "svg")}
    assert names(out) == {"drt.nc", "gamma.csv", "summary.csv"} | figures


@pytest.mark.usefixtures("quick")
def test_order_of_the_user_is_kept_but_not_that_of_a_shell(files: list[Path], tmp_path: Path) -> None:
    def order(*given: Path) -> list[str]:
        assert run("drt", *given, "-o", tmp_path / "out").exit_code == 0
        return list(dt.load(tmp_path / "out" / "drt.nc").campaign.names or ())

    one, ten, two = files
    assert order(one, ten, two) == ["cell1", "cell2", "cell10"]
    assert order(two, ten, one) == ["cell2", "cell10", "cell1"]
    assert order(files[0].parent) == ["cell1", "cell2", "cell10"]
    assert order(files[0].parent / "*.csv") == ["cell1", "cell2", "cell10"]


@pytest.mark.usefixtures("quick")
def test_one_bad_spectrum_does_not_stop_the_others(files: list[Path], tmp_path: Path) -> None:
    write_spectrum(files[0], frequency=FREQUENCY[[0, 20]])
    done = run("drt", *files, "-o", tmp_path / "out", "--lambda", 1e-4)
    assert done.exit_code == 0, done.output
    assert "2 ok" in done.output
    assert "1 too few points" in done.output
    assert "note: cell1: 2 usable point(s), at least 3 are needed" in done.output


def test_no_answer_at_all_is_an_error(files: list[Path], tmp_path: Path) -> None:
    write_spectrum(files[0], frequency=FREQUENCY[[0, 20]])
    done = run("drt", files[0], "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "none of the 1 spectra could be inverted" in done.stderr
    assert "at least 3 are needed" in done.stderr
    assert names(tmp_path) == {"data"}


@pytest.mark.usefixtures("quick")
def test_many_spectra_and_alike_notes_are_told_in_few_lines(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(30):
        write_spectrum(folder / f"c{i}.csv", frequency=FREQUENCY if i % 2 else FREQUENCY[[0, 20]])
    done = run("drt", folder, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert f"... {30 - terminal.MOST_ROWS} more, all in summary.csv" in done.output
    assert "note: c0: 2 usable point(s), at least 3 are needed (and 14 more like this)" in done.output
    assert len(done.output.splitlines()) < terminal.MOST_ROWS + 15


def test_data_warnings_are_lines_on_stderr(files: list[Path], tmp_path: Path) -> None:
    table = pd.read_csv(files[0])
    table["Z'' / ohm"] *= -1
    table.to_csv(files[0], index=False)
    done = run("info", *files)
    assert done.exit_code == 0
    assert "warning: cell1" in done.stderr
    assert "contradicts" in done.stderr
    assert "problem: sign flipped: cell1" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--basis", "gausian"], "did you mean 'gaussian'"),
        (["--lambda", "gvc"], "did you mean 'gcv'"),
        (["--lambda", "-1"], "lambda_ must be positive"),
        (["--order", "3"], "order must be 0, 1 or 2"),
        (["--tau", "1:2"], "LOWEST:HIGHEST:COUNT"),
        (["--tau", "1e2:1e-6:81"], "LOWEST:HIGHEST:COUNT"),
        (["--along", "voltag"], "there is no coordinate 'voltag'"),
        (["--along", "file"], "holds text"),
        (["--format", "ecclab"], "did you mean 'eclab'"),
        (["--threads", "0"], "n_threads must be a whole number"),
        (["--area", "0"], "area must be positive"),
    ],
)
def test_bad_options_are_one_message_and_leave_nothing(
    files: list[Path], tmp_path: Path, options: list[str], message: str
) -> None:
    done = run("drt", *files, "-o", tmp_path / "out", *options)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""
    assert names(tmp_path) == {"data"}


def test_unreadable_input_is_named(tmp_path: Path) -> None:
    done = run("drt", tmp_path / "no.csv", "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "there is no file" in done.stderr
    assert names(tmp_path) == set()


def test_missing_arguments_are_usage_errors(files: list[Path]) -> None:
    assert run("drt").exit_code == 2
    assert "--out" in run("drt", files[0]).output
    assert run("drt", files[0], "--ordr", 1).exit_code == 2


# the folder of results


@pytest.mark.usefixtures("quick")
def test_own_files_are_replaced_and_others_stay(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("drt", *files, "-o", out).exit_code == 0
    (out / "notes.txt").write_text("mine")
    assert run("drt", files[0], "-o", out).exit_code == 0
    assert names(out) == MAP_FILES | {"gamma.png", "gamma.svg", "notes.txt"}
    assert (out / "notes.txt").read_text() == "mine"
    assert len(dt.load(out / "drt.nc")) == 1


@pytest.mark.usefixtures("quick")
def test_strangers_are_not_replaced_unless_forced(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.csv").write_text("precious")
    done = run("drt", files[0], "-o", out)
    assert done.exit_code == 2
    assert "summary.csv" in done.stderr
    assert "--force" in done.stderr
    assert (out / "summary.csv").read_text() == "precious"
    assert names(out) == {"summary.csv"}
    assert run("drt", files[0], "-o", out, "--force").exit_code == 0
    assert (out / "summary.csv").read_text() != "precious"


def test_target_that_cannot_be_written_is_an_error_before_the_work(files: list[Path], tmp_path: Path) -> None:
    for target in (files[0], files[0] / "below", Path("/proc/drtengine")):
        done = run("drt", tmp_path / "not read", "-o", target)
        assert done.exit_code == 2
        assert "error: " in done.stderr
        assert str(target) in done.stderr
        assert "not read" not in done.stderr


@pytest.mark.usefixtures("quick")
def test_failure_while_writing_leaves_the_target_as_it_was(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run("drt", *files, "-o", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "write_table", full)
    done = run("drt", files[0], "-o", out)
    assert done.exit_code == 2
    assert "No space left on device" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_numbers_come_without_matplotlib(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run("drt", *files, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert names(tmp_path / "out") == {"drt.nc", "gamma.csv", "summary.csv"}
    assert "no figures: matplotlib is not installed" in done.output


# info, demo, version


def test_info_tells_what_is_there(files: list[Path]) -> None:
    done = run("info", *files)
    assert done.exit_code == 0, done.output
    for text in ("files      3", "format     delimited", "spectra    3", "points     30 to 41", "0.1 to 1e+04 Hz"):
        assert text in done.stdout
    assert "cell1.csv, cell2.csv, cell10.csv" in done.stdout
    assert "no problems found" in done.stdout


def test_info_of_real_files(shared_data: Path) -> None:
    done = run("info", shared_data / "zahner_ism_diode" / "*_mvdc.ism")
    assert done.exit_code == 0, done.output
    assert "format     zahner" in done.stdout
    assert "0.0252742 V to 0.325221 V" in done.stdout
    assert "2021-10-15T07:14:33 UTC" in done.stdout
    assert "(and 12 more like this)" in done.stdout


def test_coordinates_from_file_names_and_a_table(files: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "coordinates.csv"
    table.write_text("file,cell\ncell1,A\ncell2,B\ncell10,C\n")
    options = ("--pattern", "cell{voltage_mV:d}", "--coords", table)
    done = run("info", *files, *options)
    assert done.exit_code == 0, done.output
    assert "0.001 V to 0.01 V" in done.stdout
    assert "A, B, C" in done.stdout
    done = run("drt", *files, *options, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert summary["cell"].tolist() == ["A", "B", "C"]
    done = run("drt", *files, "--pattern", "cell1{cycle}", "--out", tmp_path / "out")
    assert "cycle is unknown for 2 spectra, so that figures run along the number of the spectrum" in done.stdout
    table.write_text("file,soc,time\ncell1,0,0\ncell2,1,9\ncell10,99,1\n")
    done = run("drt", *files, "--coords", table, "--out", tmp_path / "gap")
    assert "spectra crowd on soc, nearly all of it a gap, so that figures run along the number" in done.stdout
    for command in ("drt", "peaks", "kk", "circuit", "warburg", "analyze"):
        first = ("R0",) if command == "circuit" else ()
        done = run(command, *first, *files, "--pattern", "{cell}.mpt", "--out", tmp_path / "none")
        assert done.exit_code == 2, command
        assert "fits no file name" in done.stderr
    done = run("peaks", tmp_path / "out", *options, "--out", tmp_path / "none")
    assert done.exit_code == 2
    assert "a saved result has its coordinates" in done.stderr


def test_demo_compares_with_the_truth(tmp_path: Path) -> None:
    done = run("demo", "--out", tmp_path / "demo")
    assert done.exit_code == 0, done.output
    assert names(tmp_path / "demo") == MAP_FILES | {"comparison.csv", "comparison.png", "comparison.svg"}
    assert "Synthetic" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(("discharge", "charge"))]
    assert len(rows) == 48
    R_pol, exact = np.array([[float(row[4]), float(row[5])] for row in rows]).T
    np.testing.assert_allclose(R_pol, exact, rtol=0.03)
    table = pd.read_csv(tmp_path / "demo" / "comparison.csv")
    truth = simulate.standin()
    result = dt.load(tmp_path / "demo" / "drt.nc")
    np.testing.assert_allclose(table["gamma_exact"], truth.cell_average(cells(result.tau)).ravel())


def test_misplacement_is_the_distance_in_decades() -> None:
    """A line at 1 s found at 10 s is misplaced by one decade, with half of it there by half."""
    tau = 10.0 ** np.arange(-3, 4.01, 0.1)
    lines = [simulate.RC(1.0, 1.0), simulate.RC(1.0, 10.0)]
    half = simulate.RC(0.5, 1.0) + simulate.RC(0.5, 10.0)
    frequency = np.geomspace(1e3, 1e-3, 61)
    fits = simulate.campaign([*lines, half], frequency)
    result = dt.fit_drt(fits, tau=tau, basis="piecewise_linear", lambda_=1e-6)
    truth = simulate.SimulatedCampaign(fits, [lines[0]] * 3)
    np.testing.assert_allclose(misplacement(result, truth), [0, 1, 0.5], atol=0.06)


def test_version() -> None:
    done = run("--version")
    assert (done.exit_code, done.stdout) == (0, f"drtengine {dt.__version__}\n")


# as a program

MAIN = "from drtengine.cli import main; main()"
NO_FIGURES = "import sys; sys.modules['matplotlib'] = None\n"
TABLES = {"drt.nc", "gamma.csv", "summary.csv"}


def program(code: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_missing_extra_is_named(module: str) -> None:
    done = program(f"import sys; sys.modules[{module!r}] = None; {MAIN}", "--version")
    assert done.returncode == 2
    assert done.stderr == f"drtengine: {module} is not installed; install it with: pip install 'drtengine[cli]'\n"


def test_output_to_a_pipe_is_plain_and_whole(files: list[Path], tmp_path: Path) -> None:
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = program(NO_FIGURES + MAIN, "drt", *files, "-o", tmp_path / "out", env=ascii_only)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr == ""
    assert "cell10" in done.stdout


def test_errors_are_plain_and_exit_with_2(tmp_path: Path) -> None:
    done = program(MAIN, "info", tmp_path / "nothing.csv")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: there is no file")


INTERRUPTED_AT = {
    "inverting": "import drtengine.cli.commands as at; name = 'fit_drt'",
    "writing figures": "import drtengine.plot as at; name = 'save'",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="sends SIGINT as a terminal of Unix does")
@pytest.mark.parametrize(
    ("moment", "exists"),
    [("reading", False), ("inverting", False), ("writing figures", False), ("writing figures", True)],
)
@pytest.mark.usefixtures("quick")
def test_ctrl_c_leaves_nothing_half_written(moment: str, exists: bool, files: list[Path], tmp_path: Path) -> None:
    out, marker = tmp_path / "out", tmp_path / "marker"
    if exists:
        assert run("drt", *files, "-o", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()} if exists else None
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    given: list[Path] = list(files)
    if moment == "reading":
        os.mkfifo(tmp_path / "pipe.csv")  # opening it waits for a writer
        given.append(tmp_path / "pipe.csv")
        code += f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    else:
        code += f"{INTERRUPTED_AT[moment]}\nimport pathlib, time\n"
        code += f"def wait(*_, **__): pathlib.Path({str(marker)!r}).touch(); time.sleep(60)\n"
        code += "setattr(at, name, wait)\n"
    command = [sys.executable, "-c", code + MAIN, "drt", *map(str, given), "-o", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        started = time.monotonic()
        base = out if exists else tmp_path
        while not (marker.exists() and any(base.glob(".drtengine.*.partial"))):
            assert process.poll() is None
            assert time.monotonic() - started < 60
            time.sleep(0.02)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "interrupted\n"
    assert not list(base.glob(".drtengine.*"))
    assert (before is None and not out.exists()) or {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_a_closed_pipe_is_no_reason_to_lose_results(files: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_FIGURES + MAIN, "drt", *map(str, files), "-o", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        stderr = process.stderr.read()
        process.wait(timeout=60)
    assert "Traceback" not in stderr
    assert names(tmp_path / "out") == TABLES
