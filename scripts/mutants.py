"""Change the numerical modules one operator or number at a time and see whether their own tests notice.

``python scripts/mutants.py warburg/windows.py kk/zhit.py`` tries these, without arguments all of `TESTS`;
``--most 60`` draws so many mutants of each module. Prints who survived. Linux (a process is forked for each mutant,
with everything but drtengine imported already, which is why this takes a fraction of what mutmut or cosmic-ray take).
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "drtengine"

TESTS: dict[str, list[str]] = {
    "warburg/windows.py": ["test_warburg_windows.py"],
    "warburg/fit.py": ["test_warburg.py"],
    "warburg/diffusivity.py": ["test_warburg.py", "test_diffusion.py"],
    "warburg/layer.py": ["test_warburg.py"],
    "gitt.py": ["test_kinetics_by_hand.py", "test_gitt.py"],
    "transients.py": ["test_kinetics_by_hand.py", "test_gitt.py", "test_ici.py"],
    "ici.py": ["test_kinetics_by_hand.py", "test_ici.py"],
    "cv.py": ["test_kinetics_by_hand.py", "test_cv.py", "-knot million"],
    "voltammetry.py": ["test_voltammetry.py", "test_kinetics_by_hand.py", "test_cv.py", "-knot million"],
    "regression.py": ["test_kinetics_by_hand.py", "test_ici.py", "test_cv.py", "test_gitt.py", "test_warburg.py"],
    "kk/zhit.py": ["test_zhit.py", "test_kk_verdict.py", "-kz_hit or zhit"],
    "kk/criteria.py": ["test_kk.py", "-kcriteria or curvature or choice"],
    "kk/statistics.py": ["test_kk.py", "test_kk_verdict.py"],
    "kk/structure.py": ["test_kk_verdict.py", "test_kk.py"],
    "peaks/finding.py": ["test_peaks.py"],
    "peaks/processes.py": ["test_processes_of_elements.py", "test_processes.py"],
    "peaks/tracking.py": ["test_tracks.py"],
    "selection.py": ["test_selection.py"],
    "choice.py": ["test_choice.py"],
    "resistances.py": ["test_resistances.py"],
    "scores.py": ["test_simulate.py"],
}
"""Modules and the tests that are to notice; with an option of pytest where a file has many others."""

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_NAMES = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
    "argmin": "argmax",
    "argmax": "argmin",
    "nanmin": "nanmax",
    "nanmax": "nanmin",
    "floor": "ceil",
    "ceil": "floor",
    "sin": "cos",
    "cos": "sin",
    "real": "imag",
    "imag": "real",
}


@dataclass(frozen=True)
class Mutant:
    """A changed module."""

    line: int
    before: str
    after: str
    code: CodeType

    def __str__(self) -> str:
        return f"{self.line}: {self.before}  ->  {self.after}"


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node."""
    changed = copy.deepcopy(node)
    match changed:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                if swap := _SWAPS.get(type(op)):
                    other = copy.deepcopy(changed)
                    other.ops[i] = swap()  # type: ignore[call-overload]
                    yield other
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op):
            if swap := _SWAPS.get(type(op)):
                changed.op = swap()  # type: ignore[assignment]
                yield changed
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 1.25 if value else 1.0)
        case ast.Name(id=name) if name in _NAMES and isinstance(changed.ctx, ast.Load):
            yield ast.Name(_NAMES[name], ast.Load())
        case ast.Attribute(attr=name) if name in _NAMES and isinstance(changed.ctx, ast.Load):
            changed.attr = _NAMES[name]
            yield changed


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Yield where nodes stand: parent, field, index. What is said in messages, types and docstrings is left alone."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params") or isinstance(
            node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom
        ):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield node, name, index
                yield from _places(child)


def mutants_of(source: str, name: str) -> list[Mutant]:
    """Return all mutants of a module."""
    tree = ast.parse(source)
    found = []
    for parent, field, index in list(_places(tree)):
        place = getattr(parent, field)
        original = place if index is None else place[index]
        for other in variants(original):
            ast.copy_location(other, original)
            if index is None:
                setattr(parent, field, other)
            else:
                place[index] = other
            code = compile(ast.fix_missing_locations(copy.deepcopy(tree)), name, "exec")
            if index is None:
                setattr(parent, field, original)
            else:
                place[index] = original
            shown = parent if isinstance(original, ast.Constant | ast.Name) and isinstance(parent, ast.expr) else None
            if shown is None:
                before, after = ast.unparse(original), ast.unparse(other)
            else:
                before, after = ast.unparse(shown), f"{ast.unparse(original)} as {ast.unparse(other)}"
            found.append(Mutant(getattr(original, "lineno", 0), before, after, code))
    return found


class Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives out a mutant where its module is imported."""

    def __init__(self, module: str, path: Path, code: CodeType) -> None:
        self.module, self.path, self.code = module, path, code

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Find the module that is replaced, and no other."""
        if fullname != self.module:
            return None
        packages = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=self, submodule_search_locations=packages
        )

    def create_module(self, spec: object) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant's code."""
        exec(self.code, module.__dict__)


def outcome(mutant: Mutant | None, module: str, path: Path, tests: list[str], limit: float) -> str:
    """Run tests in a fork; "survived", "killed" or "hung" (which counts as killed)."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.alarm(max(1, round(limit)))
        if mutant is not None:
            sys.meta_path.insert(0, Replaced(module, path, mutant.code))
        import pytest

        quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins are imported already
        without = [argument for name in ("cacheprovider", "xdist", "cov") for argument in ("-p", f"no:{name}")]
        status = pytest.main(["-x", "-q", *quiet, *without, *tests])
        os._exit(int(status))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "hung" if os.WTERMSIG(status) == signal.SIGALRM else "killed"
    return "survived" if status == 0 else "killed"


def try_module(name: str, most: int | None, seconds: float) -> tuple[int, int, list[Mutant]]:
    """Return how many mutants there are, how many were tried, and the survivors."""
    path = PACKAGE / name
    module = "drtengine." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    mutants = mutants_of(path.read_text(encoding="utf-8"), str(path))
    tests = [test if test.startswith("-") else str(ROOT / "tests" / test) for test in TESTS[name]]
    start = time.monotonic()
    if outcome(None, module, path, tests, 600) != "survived":
        raise SystemExit(f"{name}: its tests fail without a change")
    alone = time.monotonic() - start
    order = random.Random(0).sample(mutants, min(most or len(mutants), len(mutants)))
    survivors, tried = [], 0
    for mutant in order:
        if time.monotonic() - start > seconds:
            break
        tried += 1
        if outcome(mutant, module, path, tests, 3 * alone + 5) == "survived":
            survivors.append(mutant)
            print(f"  {name}:{mutant}", flush=True)
    return len(mutants), tried, sorted(survivors, key=lambda m: m.line)


def main() -> int:
    """Try every module asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="below drtengine; all without")
    parser.add_argument("--most", type=int, help="mutants of each module, drawn at random")
    parser.add_argument("--seconds", type=float, default=600, help="for each module")
    options = parser.parse_args()
    import hypothesis  # noqa: F401 - what every fork would import anew
    import matplotlib.pyplot  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import pytest  # noqa: F401
    import scipy.optimize  # noqa: F401
    import xarray  # noqa: F401

    for name in options.modules or TESTS:
        there, tried, survivors = try_module(name, options.most, options.seconds)
        print(f"{name}: {len(survivors)} of {tried} survived ({there} there are)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
