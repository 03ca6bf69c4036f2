"""Mutated arguments for every function of the compiled core: each is refused with an error or answered, never more.

``python tests/fuzz_bindings.py 100000`` tries so many, each in a process that a crash or a hang would end, and
prints what came out; `test_native.py` tries some in every run. A case is known by its number alone:
``python tests/fuzz_bindings.py --case 1234`` runs it again.
"""

from __future__ import annotations

import argparse
import copy
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from drtengine._native import core
from drtengine.errors import DrtengineError

SLOWEST = 60.0
"""Seconds of CPU after which a call counts as hanging; one that waits has ten times as long."""

_N_NODES, _N_POINTS, _N_SPECTRA = 17, 12, 3
_LOG_TAU = np.linspace(np.log(1e-4), np.log(1.0), _N_NODES)
_OMEGA = 2 * np.pi * np.geomspace(1e4, 1.0, _N_POINTS)
_R = np.array([[10.0], [11.0], [12.0]])
_Z = 2 + _R / (1 + (1j * _OMEGA * 1e-2) ** 0.8) + 5 / (1 + 1j * _OMEGA * 3e-4)
_NONE = np.ones((0, 0))


def _problem(**changes: Any) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "shape": 1,
        "epsilon": 1.2,
        "log_tau": _LOG_TAU,
        "omega": _OMEGA,
        "order": 1,
        "inductance": True,
        "capacitance": False,
        "part": 0,
        "Z": _Z,
        "weights": np.ones((1, _N_POINTS)),
        "nonneg": True,
        "n_threads": 2,
        "progress": None,
    }
    return problem | changes


def _smooth(**changes: Any) -> dict[str, Any]:
    return _problem(shape=0, order=2, **changes)


def _elements() -> dict[str, Any]:
    kept = ("omega", "Z", "inductance", "capacitance", "n_threads", "progress")
    return {key: value for key, value in _problem().items() if key in kept} | {"weights": np.ones(_Z.shape)}


def _kk() -> dict[str, Any]:
    kept = ("omega", "inductance", "capacitance", "part", "n_threads", "progress")
    own = {"admittance": False, "X": _Z, "weights": np.ones(_Z.shape), "time": np.linspace(0, 1, _N_POINTS)[None]}
    return {key: value for key, value in _problem().items() if key in kept} | own


_SAMPLING = {"draws": 40, "lower": 0.1, "upper": 0.9, "keep": True, "seed": 3}
_LAMBDAS = np.geomspace(1e-5, 1.0, 11)
_OUTPUTS = np.eye(_N_NODES)
_HALF = np.ones((_N_NODES, 2))


def _found() -> tuple[Any, ...]:
    found = core.find_elements(
        _elements(), _LOG_TAU, np.full((_N_SPECTRA, _N_NODES), 0.5), np.full(3, 2.0), np.full(3, -np.inf)
    )
    return tuple(found)


def _series() -> list[Any]:
    start = core.fit_log(_smooth(), [np.ones((1, _N_POINTS))])
    named = {key: start[key] for key in ("log_gamma", "lambda_", "noise")}
    return [[_smooth()], [np.arange(_N_SPECTRA)], np.ones(_N_SPECTRA - 1), named]


def valid() -> dict[str, list[Any]]:
    """Return arguments that every function answers, by its name."""
    parameters, covariance, kind, _, _, rss, sigma2, _ = _found()
    fitted = core.solve_ridge(_problem(), np.array([1e-3]), _OUTPUTS)
    fold = np.arange(2 * _N_POINTS, dtype=np.int32) % 3
    noise = np.full(_N_SPECTRA, 0.01)
    return {
        "kernel": [1, 1.2, _LOG_TAU, _OMEGA],
        "penalty": [1, 1.2, _LOG_TAU, 1],
        "epsilon_from_fwhm": [1, 0.5, _LOG_TAU],
        "basis_values": [1, 1.2, _LOG_TAU, np.linspace(-9, 0, 5)],
        "basis_integrals": [1, 1.2, _LOG_TAU, -5.0, -1.0],
        "multiply_rows": [np.ones((3, 4)), np.ones((4, 2))],
        "solve_ridge": [_problem(), np.array([1e-3]), _OUTPUTS],
        "fit_log": [_smooth(), [np.ones((1, _N_POINTS)), 1 / np.abs(_Z)]],
        "find_bands": [_smooth(), np.ones((_N_SPECTRA, 2 * _N_POINTS)), _HALF, 0, 0.95, True, 5],
        "sample_log": [_smooth(), _HALF, np.empty(0), _SAMPLING],
        "sample_ridge": [_problem(), np.array([1e-3]), fitted[0], fitted[1], _OUTPUTS, _N_NODES, _SAMPLING],
        "find_elements": [
            _elements(),
            _LOG_TAU,
            np.full((_N_SPECTRA, _N_NODES), 0.5),
            np.full(_N_SPECTRA, 2.0),
            np.full(_N_SPECTRA, -np.inf),
        ],
        "profile_elements": [_elements(), parameters, covariance, kind, rss, sigma2, np.full(_N_SPECTRA, 0.1)],
        "element_gamma": [parameters, covariance, _LOG_TAU],
        "element_integrals": [parameters, covariance, np.array([-9.0, -5.0]), np.array([-5.0, 0.0])],
        "fit_lin_kk": [_kk(), np.geomspace(1e-4, 1, 6), 3, True],
        "scan_lin_kk": [_kk(), 1e-4, 1.0, 8, 0.85, False],
        "select_lambda": [_problem(), 0, _LAMBDAS, True, noise, fold],
        "lambda_scores": [_problem(), 6, _LAMBDAS, noise, fold],
        "fit_joint": _series(),
    }


# ---------------------------------------------------------------- mutations

Path = tuple[Any, ...]


def _leaves(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Everything in nested lists and dicts, and these themselves but for the outermost, with the way to it."""
    if isinstance(value, dict | list):
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        inner = [leaf for key, item in steps for leaf in _leaves(item, (*path, key))]
        return [(path, value), *inner] if path else inner
    return [(path, value)]


_NUMBERS = (
    0,
    -1,
    1,
    2,
    7,
    100,
    2**31 - 1,
    2**31,
    -(2**31),
    2**62,
    2**63,
    2**70,
    0.5,
    -0.0,
    np.nan,
    np.inf,
    -np.inf,
    1e308,
)
_NUMBERS += (5e-324, None, "x", b"", True, [1], {}, np.float32(1), np.int8(3))
_VALUES = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e308, -1e308, 1e150, 1e-150, 5e-324, 1e16)


def _changed_values(a: Any, rng: np.random.Generator) -> Any:
    a = np.array(a)
    if a.size == 0 or a.dtype.kind not in "fc":
        return a
    value = _VALUES[rng.integers(len(_VALUES))]
    match rng.integers(4):
        case 0:
            a[...] = value
        case 1:
            a.flat[rng.integers(a.size)] = value
        case 2:
            a[rng.integers(len(a))] = value
        case _:
            with np.errstate(over="ignore"):
                a *= value if np.isfinite(value) else -1.0
    return a


def _unaligned(a: Any) -> Any:
    room = np.zeros(a.nbytes + 1, np.uint8)
    moved = room[1:].view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def _read_only(a: Any) -> Any:
    a = a.copy()
    a.flags.writeable = False
    return a


_SHAPES: tuple[Callable[[Any], Any], ...] = (
    lambda a: a[:0],
    lambda a: a[..., :0],
    lambda a: a[:-1],
    lambda a: np.ascontiguousarray(a[..., :-1]),
    lambda a: np.concatenate([a, a]),
    lambda a: np.concatenate([a, a[..., :1]], axis=-1),
    lambda a: np.ascontiguousarray(a.T),
    lambda a: a.ravel(),
    lambda a: a[None],
    lambda a: a.reshape(()) if a.size == 1 else np.array(1.0),
    lambda a: np.zeros((0, 0)),
    lambda a: np.zeros((1, 0, 1)),
    lambda a: a[::-1],
    lambda a: np.repeat(a, 2, axis=0)[::2],
    np.asfortranarray,
    lambda a: np.broadcast_to(a.ravel()[:1], a.shape) if a.size else a,
    _unaligned,
    _read_only,
    lambda a: a.astype(a.dtype.newbyteorder()),
    lambda a: a.astype(np.float32) if a.dtype.kind == "f" else a.astype(np.complex64),
    lambda a: a.astype(np.complex128),
    lambda a: a.astype(object),
    lambda a: a.astype(str),
    lambda a: np.nan_to_num(a.real).clip(-100, 100).astype(np.int64),
    lambda a: a.tolist(),
    lambda a: None,
)


def _mutated(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, np.ndarray):
        if rng.integers(2):
            return _changed_values(value, rng)
        return _SHAPES[rng.integers(len(_SHAPES))](value)
    if isinstance(value, dict):
        kept = list(value)
        del kept[rng.integers(len(kept))]
        return {key: value[key] for key in kept}
    if isinstance(value, list):
        return value[:-1] if rng.integers(2) else [*value, *value]
    return _NUMBERS[rng.integers(len(_NUMBERS))]


def _put(tree: Any, path: Path, value: Any) -> None:
    for key in path[:-1]:
        tree = tree[key]
    tree[path[-1]] = value


def case(number: int, examples: dict[str, list[Any]]) -> tuple[str, list[Any], list[str]]:
    """Return function, arguments, and what was changed in them."""
    rng = np.random.default_rng(number)
    name = list(examples)[number % len(examples)]
    arguments = copy.deepcopy(examples[name])
    changes = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        leaves = _leaves(arguments)
        path, value = leaves[rng.integers(len(leaves))]
        try:
            new = _mutated(value, rng)
        except (ValueError, IndexError, TypeError, OverflowError):
            continue  # a change that this array cannot have
        _put(arguments, path, new)
        changes.append(f"{path}: {np.array2string(new, threshold=5) if isinstance(new, np.ndarray) else new!r:.60}")
    return name, arguments, changes


# ---------------------------------------------------------------- verdicts


def _tame(value: Any) -> bool:
    """Whether nothing in the arguments is so large, small or strange that an answer cannot be expected."""
    numbers = [v for _, v in _leaves(value) if isinstance(v, np.ndarray | float | int)]
    try:
        return all(bool(np.all((np.abs(v) < 1e12) & ((np.abs(v) > 1e-12) | (np.asarray(v) == 0)))) for v in numbers)
    except TypeError:
        return False


_FEW_DRAWS = {"r_hat", "ess_least", "ess_median"}  # too few to tell
_MAY_BE_NAN = {"find_bands": {"factor", "u_R_inf"}, "sample_log": _FEW_DRAWS, "sample_ridge": _FEW_DRAWS}
_MAY_BE_NAN["fit_lin_kk"] = {2, 3, 5, 6}  # a time that stands still has no drift


def _unsound(name: str, arguments: list[Any], answer: Any) -> str | None:
    """Say what is wrong with an answer: numbers that are not finite where nothing says why."""
    parts = answer if isinstance(answer, dict) else dict(enumerate(answer if isinstance(answer, tuple) else [answer]))
    if not _tame(arguments):
        return None
    status = next((p for p in reversed(parts.values()) if isinstance(p, np.ndarray) and p.dtype == np.int8), None)
    if name in ("profile_elements", "scan_lin_kk", "lambda_scores", "find_elements"):
        return None  # NaN says: nothing there
    if name.startswith("element_"):
        return None  # what the parameters say
    for key, part in parts.items():
        if key in _MAY_BE_NAN.get(name, ()) or not np.issubdtype(np.asarray(part).dtype, np.floating):
            continue
        rows = np.asarray(part)
        if status is not None and rows.ndim and len(rows) == len(status):
            rows = rows[status == 0]
        elif status is not None and (status != 0).any():
            continue
        if not np.isfinite(rows).all():
            return f"{key} is not finite"
    return None


def run_case(number: int, examples: dict[str, list[Any]]) -> tuple[str, str | None]:
    """Return what came out, and what is wrong with it."""
    name, arguments, changes = case(number, examples)
    try:
        answer = getattr(core, name)(*arguments)
    except (DrtengineError, TypeError, ValueError, KeyError) as error:
        return f"{name}: {type(error).__name__}", None
    except Exception:
        return f"{name}: foreign", f"case {number}, {name}, {changes}\n{traceback.format_exc()}"
    problem = _unsound(name, arguments, answer)
    return f"{name}: answered", f"case {number}, {name}, {changes}: {problem}" if problem else None


def _worker(first: int, step: int, last: int, to: int) -> None:
    """Run cases in a process of their own and tell of each before and after."""
    examples = valid()
    with os.fdopen(to, "w", buffering=1) as file:
        for number in range(first, last, step):
            print(f"> {number}", file=file)
            for timer, seconds in ((signal.ITIMER_PROF, SLOWEST), (signal.ITIMER_REAL, 10 * SLOWEST)):
                signal.setitimer(timer, seconds)  # not caught: ends the process
            outcome, problem = run_case(number, examples)
            print(f"< {outcome}", file=file)
            if problem:
                print("! " + problem.replace("\n", "\n! "), file=file)


def run(first: int, count: int) -> tuple[Counter[str], list[str]]:
    """Run cases in child processes; return what came out, and everything that is wrong."""
    outcomes: Counter[str] = Counter()
    problems: list[str] = []
    last = first + count
    while first < last:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _worker(first, 1, last, write)
            os._exit(0)
        os.close(write)
        at = first
        with os.fdopen(read) as file:
            for line in file:
                match line[0]:
                    case ">":
                        at = int(line[2:])
                    case "<":
                        outcomes[line[2:].strip()] += 1
                    case _:
                        problems.append(line[2:].rstrip())
        _, status = os.waitpid(child, 0)
        if status == 0:
            break
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {status >> 8}"
        name, _, changes = case(at, valid())
        problems.append(f"case {at}, {name}, {changes}: the process ended with {how}")
        first = at + 1
    return outcomes, problems


def main() -> int:
    """Run as many cases as asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--case", type=int, help="run this one here")
    options = parser.parse_args()
    if options.case is not None:
        print(case(options.case, valid()))
        print(run_case(options.case, valid()))
        return 0
    outcomes, problems = run(options.first, options.count)
    for outcome, number in sorted(outcomes.items()):
        print(f"{number:8d}  {outcome}")
    print("\n".join(problems))
    print(f"{outcomes.total()} cases, {len(problems)} lines of problems")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
