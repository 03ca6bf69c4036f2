"""What is optional is optional: without any extra the core reads, inverts and saves, and says what is missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
OPTIONAL = (
    *("matplotlib", "plotly", "typer", "rich", "cvxpy", "jinja2", "xlsxwriter", "threadpoolctl", "openpyxl"),
    *("zarr", "pyarrow", "cloudpickle", "dask", "distributed", "fastnda", "polars"),
)

WITHOUT = f"""
from importlib.machinery import PathFinder

find = PathFinder.find_spec

def find_what_counts_as_installed(name, path=None, target=None):
    return None if name.partition(".")[0] in {OPTIONAL!r} else find(name, path, target)

PathFinder.find_spec = find_what_counts_as_installed
"""


def run_without_extras(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT + code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_core_reads_inverts_checks_and_saves(tmp_path: Path) -> None:
    code = """
import numpy as np, drtengine as dt
from drtengine.simulate import ZARC, Circuit, Resistor

f = np.geomspace(1e5, 1e-2, 71)
Z = dt.simulate.add_noise(Circuit([Resistor(10), ZARC(50, 1e-2, 0.8)]).impedance(f), 0.003)
np.savetxt("a.csv", np.column_stack([f, Z.real, Z.imag]), delimiter=",")
campaign = dt.read("a.csv")
assert dt.check_kk(campaign).verdict[0] == "pass"
for method in ("ridge", "log", "elements", "auto"):
    result = dt.fit_drt(campaign, method=method)
    assert abs(result.R_pol[0] - 50) < 2, result.R_pol
    dt.save(result, "a.nc")
    again = dt.load("a.nc")
    assert np.array_equal(again.gamma, result.gamma)
dt.find_peaks(result).to_frame()
dt.integrate_processes(result, {"all": (1e-4, 1.0)}).to_dataset()
dt.map_gamma(result)
dt.fit_circuit(campaign, "R0-p(R1,CPE1)").to_frame()
result.to_dataset(), result.to_frame(), result.summary()
"""
    done = run_without_extras(code, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("call", "extra"),
    [
        ("from drtengine import plot; plot.new_figure()", "plot"),
        ("from drtengine import plot; plot.gamma(dt.fit_drt(dt.simulate.standin().campaign))", "plot"),
        ("dt.run_batch(dt.simulate.standin().campaign, 'a.zarr')", "zarr"),
        ("import zipfile; zipfile.ZipFile('a.xlsx', 'w').writestr('xl/workbook.xml', ''); dt.read('a.xlsx')", "xlsx"),
        (
            "from drtengine.reference import solve; solve(dt.simulate.standin().campaign[0], lambda_=1e-3)",
            "reference",
        ),
    ],
    ids=["figure", "plot", "batch", "workbook", "reference"],
)
def test_what_is_missing_is_named(call: str, extra: str, tmp_path: Path) -> None:
    done = run_without_extras(f"import drtengine as dt; {call}", tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("drtengine.errors.MissingExtra: ")
    assert last.endswith(f"install it with: pip install 'drtengine[{extra}]'")


def test_the_command_says_what_it_needs(tmp_path: Path) -> None:
    done = run_without_extras("from drtengine.cli import main; main()", tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip() == "drtengine: typer is not installed; install it with: pip install 'drtengine[cli]'"


def test_every_extra_of_users_is_blocked_above() -> None:
    if not PYPROJECT.is_file():
        pytest.skip("pyproject.toml is not here")
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for_users = set(extras) - {"all", "test", "bench", "browser", "dev", "docs"}
    named = {requirement.split(">")[0].split("[")[0] for extra in for_users for requirement in extras[extra]}
    assert named <= {*OPTIONAL, "drtengine"}
