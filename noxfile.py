"""One command for each thing a contributor does; `nox -l` lists them."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "tests"]


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Install with what the tests need, and run them."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


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
def bench(session: nox.Session) -> None:
    """Run the benchmarks, beside the peers that are on PyPI."""
    session.install(".[bench]")
    session.run("pytest", "bench", *session.posargs)
