"""Which build of the core is chosen, and what a wrong choice says."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drtengine import _native
from drtengine._native import LEVELS
from levels import USABLE

BEST = importlib.import_module("drtengine._core_baseline").cpu_level

FIT = """
import numpy as np, drtengine as dt
f = np.geomspace(1e4, 1e-1, 41)
Z = 10 + 50 / (1 + (2j * np.pi * f * 1e-2) ** 0.8)
result = dt.fit_drt(dt.Campaign(f, [Z, 2 * Z, 3 * Z]), lambda_=1e-3)
print(dt._native.ISA, *result.gamma.ravel().tolist())
"""


def run(code: str, isa: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DRTENGINE_ISA"}
    if isa is not None:
        environment["DRTENGINE_ISA"] = isa
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_the_widest_level_is_chosen_by_itself() -> None:
    for unset in (None, ""):
        assert run("import drtengine._native as n; print(n.ISA)", unset).stdout.strip() == USABLE[-1]


def test_each_level_can_be_forced_and_gives_the_same_answer() -> None:
    answers = {}
    for level in USABLE:
        isa, *numbers = run(FIT, level).stdout.split()
        assert isa == level
        answers[level] = np.array(numbers, dtype=float).reshape(3, -1)
    reference = answers[USABLE[0]]
    for answer in answers.values():
        assert (np.linalg.norm(answer - reference, axis=1) <= 1e-8 * np.linalg.norm(reference, axis=1)).all()


def test_this_process_uses_a_level_that_exists() -> None:
    assert _native.ISA in USABLE
    assert _native.core.__name__ == f"drtengine._core_{_native.ISA}"


def test_an_unknown_level_is_refused() -> None:
    message = last_line(run("import drtengine", "v33"))
    assert message.startswith("drtengine.errors.InvalidInput: DRTENGINE_ISA is 'v33'")
    assert message.endswith("choose one of 'baseline', 'v3', 'v4'; did you mean 'v3'?")


def test_a_level_above_the_cpu_is_refused() -> None:
    code = """
import sys, types
sys.modules["drtengine._core_baseline"] = types.SimpleNamespace(cpu_level="baseline", isa="baseline")
import drtengine
"""
    assert "DRTENGINE_ISA is 'v4', but this CPU has 'baseline' at most" in last_line(run(code, "v4"))


def test_a_level_that_was_not_built_is_refused_or_passed_over() -> None:
    code = """
import sys, types
sys.modules["drtengine._core_baseline"] = types.SimpleNamespace(cpu_level="v4", isa="baseline")
sys.modules["drtengine._core_v3"] = sys.modules["drtengine._core_v4"] = None  # as if missing
import drtengine
print(drtengine._native.ISA)
"""
    assert "DRTENGINE_ISA is 'v3', but this build of drtengine left it out" in last_line(run(code, "v3"))
    assert run(code, None).stdout.strip() == "baseline"


def test_a_missing_core_says_how_to_build_it() -> None:
    code = "import sys; sys.modules['drtengine._core_baseline'] = None; import drtengine"
    message = last_line(run(code, None))
    assert message.startswith("ImportError: the compiled core of drtengine is missing")
    assert "pip install ." in message


@pytest.mark.parametrize("level", LEVELS)
def test_levels_are_tried_from_the_widest_down(level: str) -> None:
    code = f"""
import sys, types
for name in {LEVELS!r}:
    sys.modules["drtengine._core_" + name] = types.SimpleNamespace(cpu_level={level!r}, isa=name)
import drtengine
print(drtengine._native.ISA)
"""
    assert run(code, None).stdout.strip() == level


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cases are tried in forks")
def test_mutated_arguments_are_refused_or_answered() -> None:
    """More of the same: python tests/fuzz_bindings.py 100000."""
    fuzz = Path(__file__).with_name("fuzz_bindings.py")
    done = subprocess.run([sys.executable, str(fuzz), "500"], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout
