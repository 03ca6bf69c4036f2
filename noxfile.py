"""One command for each thing a contributor does; `nox -l` lists them."""

import re
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "tests"]


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Install with what the tests need, the newest of everything, and run them."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest versions that pyproject.toml allows; a wheel may be given: `-- dist/x.whl`."""
    wheels = [argument for argument in session.posargs if argument.endswith(".whl")]
    project = nox.project.load_toml("pyproject.toml")["project"]
    floors = [
        f"{name}=={version}"
        for requirement in (*project["dependencies"], *requirements("test"))
        for name, version in re.findall(r"^([\w-]+)>=([\d.]+)", requirement)
    ]
    session.install(*(wheels or ["."]), *floors)
    # what the old versions call may be deprecated in the newest of what they need in turn
    ignored = [f"-Wignore::{kind}" for kind in ("DeprecationWarning", "PendingDeprecationWarning")]
    session.run("pytest", *ignored, *(argument for argument in session.posargs if argument not in wheels))


@nox.session
def lint(session: nox.Session) -> None:
    """Check formatting, types and what static analysis finds."""
    session.install("-e", ".[dev]")
    session.run("bash", "scripts/lint.sh", external=True)


@nox.session
def cpp(session: nox.Session) -> None:
    """Run the C++ tests, without Python; `nox -s cpp -- address,undefined` adds sanitizers."""
    session.install("cmake>=3.24", "ninja", "cmeel-eigen>=3.4,<4")
    session.run("bash", "scripts/cpp_tests.sh", *session.posargs, external=True)


@nox.session
def coverage(session: nox.Session) -> None:
    """Show which lines of Python and C++ no test reaches; needs doctest and takes a while."""
    build = ("cmake>=3.24", "ninja", "pybind11>=3.0", "cmeel-eigen>=3.4,<4")
    session.install(*requirements("test"), *build, "coverage>=7.10", "gcovr>=8")
    session.run("bash", "scripts/coverage.sh", *session.posargs, external=True)


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the numerical modules and the core slightly and show which changes no test notices; takes hours."""
    session.install("-e", ".[test]", "cmake>=3.24", "ninja", "cmeel-eigen>=3.4,<4")
    session.run("python", "scripts/mutants.py", *session.posargs)
    session.run("python", "scripts/core_mutants.py")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Hand mutated arguments to a core with sanitizers; `nox -s fuzz -- 100000` tries so many."""
    session.install(".", "cmake>=3.24", "ninja", "pybind11>=3.0", "cmeel-eigen>=3.4,<4")
    session.run("bash", "scripts/fuzz_core.sh", *session.posargs, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks, beside the peers that are on PyPI."""
    session.install(".[bench]")
    session.run("pytest", "bench", *session.posargs)


@nox.session
def notebooks(session: nox.Session) -> None:
    """Execute every notebook."""
    session.install(*(session.posargs or ["."]), *requirements("docs"), "pytest>=8")
    session.run("pytest", "--nbmake", "--nbmake-timeout=300", "notebooks")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages, notebooks included, and run the examples on them; any warning is an error."""
    session.install(*(session.posargs or ["."]), *requirements("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "doctest", "docs", "docs/_build/doctest")
    session.log(f"open {Path('docs/_build/html/index.html').resolve()}")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build and test the wheels of this platform (on Linux with Docker), as the workflow does."""
    session.install("cibuildwheel>=4", "build")
    session.run("python", "-m", "build", "--sdist", "--outdir", "wheelhouse")
    session.run("cibuildwheel", "--output-dir", "wheelhouse", *session.posargs)


@nox.session
def leaks(session: nox.Session) -> None:
    """Ask the core 100,000 times and watch the memory."""
    session.install(".")
    session.run("python", "scripts/leaks.py", *session.posargs)


def requirements(*names: str) -> list[str]:
    """Return what some extras ask for, without drtengine itself."""
    extras = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]
    found = []
    for requirement in (requirement for name in names for requirement in extras[name]):
        if own := re.fullmatch(r"drtengine\[(.*)\]", requirement):
            found += requirements(*own[1].split(","))
        else:
            found.append(requirement)
    return found
