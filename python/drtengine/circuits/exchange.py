"""Branches that can trade places without changing the impedance, put in order from fast to slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..spectrum import FloatArray, IntArray
from .elements import Axis
from .levenberg import Minima
from .problem import Problem
from .topology import EquivalentCircuit, Leaf, Node, Series, parse_circuit

_POINTS = 241
_OUTSIDE = 1e3
"""Branches may relax this far outside the measured window."""


def put_in_order(problem: Problem, rows: IntArray, minima: Minima, pinned: set[int]) -> None:
    """Sort branches in series that are built alike by their relaxation times, the fastest first.

    Parameters
    ----------
    problem : Problem
    rows : ndarray of int, shape [row]
    minima : Minima
        Changed in place.
    pinned : set of int
        Parameters that mean a certain branch, as they are fixed, tied, bounded or guessed; such branches stay.
    """
    for group in _alike(problem.circuit, pinned):
        first = [_range(node)[0] for node in group]
        size = _range(group[0])[1] - first[0]
        times = np.stack([_relaxation_time(problem, rows, minima.x, node) for node in group], axis=1)
        order = np.argsort(times, axis=1, kind="stable")
        columns = np.tile(np.arange(minima.x.shape[1]), (rows.size, 1))
        slots = problem.slot[np.add.outer(first, np.arange(size))]
        for place, own in enumerate(slots):
            columns[:, own] = slots[order[:, place]]
        minima.x[:] = np.take_along_axis(minima.x, columns, axis=1)
        minima.gradient[:] = np.take_along_axis(minima.gradient, columns, axis=1)
        half = np.take_along_axis(minima.hessian, columns[:, :, None], axis=1)
        minima.hessian[:] = np.take_along_axis(half, columns[:, None, :], axis=2)


def _alike(circuit: EquivalentCircuit, pinned: set[int]) -> Iterator[list[Node]]:
    """Find groups of relaxing branches in one series that are built alike."""

    def visit(node: Node) -> Iterator[list[Node]]:
        if isinstance(node, Leaf):
            return
        if isinstance(node, Series):
            groups: dict[Any, list[Node]] = {}
            for child in node.nodes:
                relaxes = child.kind.role == "relaxation" if isinstance(child, Leaf) else True
                if relaxes and not pinned & set(range(*_range(child))):
                    groups.setdefault(_shape(child), []).append(child)
            yield from (group for group in groups.values() if len(group) > 1)
        for child in node.nodes:
            yield from visit(child)

    yield from visit(circuit.root)


def _range(node: Node) -> tuple[int, int]:
    """First parameter of a node, and one past its last."""
    if isinstance(node, Leaf):
        return node.first, node.stop
    return _range(node.nodes[0])[0], _range(node.nodes[-1])[1]


def _shape(node: Node) -> Any:
    """Give what two nodes built alike have in common."""
    return node.kind.code if isinstance(node, Leaf) else (type(node).__name__, *map(_shape, node.nodes))


def _write(node: Node) -> str:
    """Circuit string of a node."""
    if isinstance(node, Leaf):
        return node.name
    parts = map(_write, node.nodes)
    return "-".join(parts) if isinstance(node, Series) else f"p({','.join(parts)})"


def _relaxation_time(problem: Problem, rows: IntArray, x: FloatArray, node: Node) -> FloatArray:
    """Where -Z'' of a branch is largest, as 1/omega in s, by row."""
    branch = parse_circuit(_write(node))
    omega = np.geomspace(problem.omega.min() / _OUTSIDE, problem.omega.max() * _OUTSIDE, _POINTS)
    internal = problem.complete(rows, x)[:, slice(*_range(node))]
    highest = np.argmin(branch.evaluate(Axis(omega[None]), internal)[0].imag, axis=1)
    return np.asarray(1 / omega[highest])
