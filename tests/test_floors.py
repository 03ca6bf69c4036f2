"""The floors of the package: who may import whom, what stays out of `import drtengine`, who sees pybind11."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import drtengine

PACKAGE = Path(drtengine.__file__).parent
BINDINGS = Path(__file__).parents[1] / "cpp"

# From the ground up, as in docs/decisions/0003-layout.md. A module imports from floors below its own, and
# from the modules of its own floor that stand further left.
FLOORS = (
    ("_version", "errors", "_native"),
    (
        *("spectrum", "basis", "signs", "markup", "places", "resampling", "campaign"),
        *("tables", "options", "points", "series", "densities"),
        *(
            "design",
            "selection",
            "elements",
            "smooth",
            "sampling",
            "bands",
            "pooled",
            "loops",
            "methods",
            "choice",
            "joint",
        ),
        *("regression", "tabular", "geometry", "records", "transients", "voltammetry", "folders"),
    ),
    (
        *("io", "result", "samples", "posterior", "drt", "scores", "peaks", "reference", "kk"),
        *("circuits", "warburg", "gitt", "ici", "cv", "cycling"),
    ),
    ("store", "maps", "simulate", "diffusion", "resistances"),
    ("batch",),
    ("plot",),
    ("analysis",),
    ("report",),
    ("cli",),
)
SIDEWAYS = {  # allowed above the second floor
    *(("drt", "result"), ("reference", "result"), ("posterior", "result"), ("samples", "result")),
    *(("peaks", "result"), ("peaks", "posterior"), ("scores", "drt")),
    *(("circuits", "drt"), ("circuits", "result"), ("warburg", "result"), ("warburg", "circuits")),
}
FACE = "__init__"  # gathers the public names; nothing imports from it, but for the version

HEAVY = (
    *("scipy", "xarray", "pandas", "matplotlib", "typer", "rich", "cvxpy", "h5netcdf", "h5py", "joblib", "fastnda"),
    *("zarr", "pyarrow", "cloudpickle", "numcodecs", "google_crc32c", "distributed"),
    *("jinja2", "markupsafe", "plotly", "xlsxwriter", "threadpoolctl"),
)
# The CLI is imported by its own command alone, and reports a missing typer or rich itself.
HEAVY_AT_TOP = {"cli": ("typer", "rich", "numpy")}
ANYWHERE = {*HEAVY, "openpyxl", "numpy", "drtengine"}


def modules() -> dict[str, list[Path]]:
    """Files of each module or subpackage."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        found.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).append(path)
    return found


def imports(path: Path, *, top_only: bool = False) -> Iterator[str]:
    """Absolute dotted names of what a file imports, inside functions too."""
    package = ["drtengine", *path.relative_to(PACKAGE).parts[:-1]]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) + 1 - node.level]] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def inner_imports(files: list[Path]) -> set[str]:
    """Modules of the package that files import from."""
    names = {name for path in files for name in imports(path) if name.split(".")[0] == "drtengine"}
    return {name.split(".")[1] for name in names}


def floor_of(module: str) -> tuple[int, int]:
    for level, floor in enumerate(FLOORS):
        if module in floor:
            return level, floor.index(module)
    raise AssertionError(f"{module} stands on no floor: add it to FLOORS and to docs/decisions/0003-layout.md")


def test_every_module_stands_on_a_floor() -> None:
    found = set(modules()) - {FACE}
    assert found == {module for floor in FLOORS for module in floor}


@pytest.mark.parametrize("module", [module for floor in FLOORS for module in floor])
def test_imports_come_from_below(module: str) -> None:
    own_level, own_place = floor_of(module)
    for other in inner_imports(modules()[module]) - {module, "__version__", "_core"}:
        level, place = floor_of(other)
        left_of_it = level == own_level <= 1 and place < own_place
        assert level < own_level or left_of_it or (module, other) in SIDEWAYS, f"{module} imports {other}"


def test_imports_of_every_form_are_seen() -> None:
    path = PACKAGE / "io" / "zahner.py"
    assert {"re", "numpy", "drtengine.errors.UnreadableFile", "drtengine.io.registry.Reader"} <= set(imports(path))
    inside = PACKAGE / "simulate" / "relaxations.py"
    assert "scipy.special.betainc" in set(imports(inside)) - set(imports(inside, top_only=True))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_modules_are_imported_inside_functions(path: Path) -> None:
    allowed = HEAVY_AT_TOP.get(path.relative_to(PACKAGE).parts[0], ())
    top = {name.split(".")[0] for name in imports(path, top_only=True)}
    assert not top & (set(HEAVY) - set(allowed))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_undeclared_is_imported(path: Path) -> None:
    outside = {name.split(".")[0] for name in imports(path)}
    assert outside <= ANYWHERE | set(sys.stdlib_module_names)


def test_import_stays_light() -> None:
    code = f"import sys, drtengine; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_import_brings_numpy_and_little_else() -> None:
    code = (
        "import sys, numpy; before = set(sys.modules); import drtengine;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"drtengine", "numpy"} | set(sys.stdlib_module_names)


def test_public_names_exist_and_nothing_else_shows() -> None:
    assert sorted(drtengine.__all__) == dir(drtengine)
    assert all(hasattr(drtengine, name) for name in drtengine.__all__)


def test_pybind11_is_included_once() -> None:
    if not BINDINGS.is_dir():
        pytest.skip("the C++ sources are not here: the tests run against an installed package")
    sources = [path for suffix in ("*.cpp", "*.hpp") for path in BINDINGS.rglob(suffix)]
    including = [path.name for path in sources if "<pybind11/" in path.read_text(encoding="utf-8")]
    assert including == ["bindings.hpp"]
    core = [path for path in sources if "bindings" not in path.parts]
    assert core
    for path in core:
        text = path.read_text(encoding="utf-8")
        assert "pybind11" not in text, path
        assert "Python.h" not in text, path


def test_no_file_has_grown_out_of_hand() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, path
