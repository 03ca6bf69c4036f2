"""Circuit strings, as impedance.py writes them, and the impedance of what they say.

A hyphen puts elements in series, ``p(a,b)`` in parallel: ``R0-p(R1,CPE1)-p(R2-W1,CPE2)``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput, near_miss
from ..spectrum import ComplexArray, FloatArray, frozen_array
from .elements import ALIASES, KINDS, Axis, Kind, Parameter

Node: TypeAlias = "Leaf | Series | Parallel"

_TOKEN = re.compile(r"p\(|[(),-]|[A-Za-z]+_?\d*")
_NAME = re.compile(r"([A-Za-z]+)_?(\d*)")
_UNDERSCORE = re.compile(r"^([A-Za-z]+)_(\d)")  # older versions of impedance.py write R_0
_CODES = (*KINDS, *ALIASES)


@dataclass(frozen=True)
class Leaf:
    """One element, and where its parameters stand among those of the circuit."""

    name: str
    kind: Kind
    first: int

    @property
    def stop(self) -> int:
        """One past its last parameter."""
        return self.first + len(self.kind.parameters)


@dataclass(frozen=True)
class Series:
    """Nodes one after the other; their parameters follow one another."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Parallel:
    """Nodes side by side; their parameters follow one another."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class EquivalentCircuit:
    """A circuit read from a string; made by `parse_circuit`.

    Attributes
    ----------
    string : str
        Without blanks.
    root : Series or Parallel or Leaf
    leaves : tuple of Leaf
        Elements in the order of the string.
    """

    string: str
    root: Node
    leaves: tuple[Leaf, ...]

    def __repr__(self) -> str:
        return f"<EquivalentCircuit {self.string}: {', '.join(self.names)}>"

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What each parameter is."""
        return tuple(parameter for leaf in self.leaves for parameter in leaf.kind.parameters)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, such as R0, CPE1_Q and CPE1_alpha."""
        return tuple(_joined(leaf.name, parameter) for leaf in self.leaves for parameter in leaf.kind.parameters)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Units of the parameters."""
        return tuple(parameter.unit for parameter in self.parameters)

    @cached_property
    def is_exponent(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether a parameter is an exponent, which is fitted as it is; of the others, the logarithm is."""
        return np.array([parameter.is_exponent for parameter in self.parameters])

    def index(self, name: object) -> int:
        """Place of a parameter, by its name or by that of impedance.py (CPE1_0, CPE_1_1).

        Raises
        ------
        InvalidInput
            If the circuit has no such parameter.
        """
        plain = _UNDERSCORE.sub(r"\1\2", name) if isinstance(name, str) else ""
        if plain in self.names:
            return self.names.index(plain)
        for leaf in self.leaves:
            numbered = {f"{leaf.name}_{k}": leaf.first + k for k in range(len(leaf.kind.parameters))}
            if plain in numbered:
                return numbered[plain]
        raise InvalidInput(f"{self.string} has no parameter {name!r}; {near_miss(name, self.names)}")

    def impedance(self, frequency: ArrayLike, values: Mapping[str, float] | ArrayLike) -> ComplexArray:
        """Give the impedance of the circuit in ohm, true sign.

        Parameters
        ----------
        frequency : array_like, shape [point]
            Hz, above 0.
        values : mapping of str to float, or array_like, shape [parameter] or [spectrum, parameter]
            Parameters in their units, in the order of `names`.

        Returns
        -------
        ndarray of complex, shape [point] or [spectrum, point]

        Raises
        ------
        InvalidInput
            If a parameter is missing or unknown, or a number out of range.
        """
        f = frozen_array(frequency, np.float64, "frequency", 1)
        if not (np.isfinite(f) & (f > 0)).all():
            raise InvalidInput("frequency must be finite and above 0")
        table = self.table_of(values)
        Z = self.evaluate(Axis(2 * np.pi * f[None]), self.to_internal(np.atleast_2d(table)))[0]
        return Z[0] if table.ndim == 1 else Z

    def table_of(self, values: Mapping[str, float] | ArrayLike) -> FloatArray:
        """Check parameters, shape [parameter] or [spectrum, parameter], and put those given by name into order."""
        if isinstance(values, Mapping):
            given = {self.index(name): value for name, value in values.items()}
            missing = [name for i, name in enumerate(self.names) if i not in given]
            if missing:
                raise InvalidInput(f"{self.string} also needs {', '.join(missing)}")
            values = [given[i] for i in range(len(self.names))]
        table: FloatArray = frozen_array(values, np.float64, "parameters", 2 if np.ndim(values) == 2 else 1)
        if table.shape[-1] != len(self.names):
            raise InvalidInput(f"{self.string} has {len(self.names)} parameters, got {table.shape[-1]}")
        highest = np.where(self.is_exponent, 1.0, np.inf)
        bad = ~(np.isfinite(table) & (table > 0) & (table <= highest))
        if bad.any():
            column = int(np.argwhere(bad)[0][-1])
            limits = "above 0 and at most 1" if self.is_exponent[column] else "above 0 and finite"
            raise InvalidInput(f"{self.names[column]} must be {limits}, got {table[bad][0]:g}")
        return table

    def without(self, names: Collection[str]) -> tuple[EquivalentCircuit, list[int]]:
        """Give the circuit with some of its elements short-circuited, and which parameters are left.

        Raises
        ------
        InvalidInput
            If there is no such element, or one stands alone in a branch of a parallel connection, or none is left.
        """
        known = tuple(leaf.name for leaf in self.leaves)
        for name in names:
            if name not in known:
                raise InvalidInput(f"{self.string} has no element {name!r}; {near_miss(name, known)}")
        left: list[Leaf] = []
        columns: list[int] = []

        def visit(node: Node) -> Node | None:
            if isinstance(node, Leaf):
                if node.name in names:
                    return None
                left.append(replace(node, first=len(columns)))
                columns.extend(range(node.first, node.stop))
                return left[-1]
            nodes = tuple(kept for child in node.nodes if (kept := visit(child)) is not None)
            if isinstance(node, Parallel) and len(nodes) < len(node.nodes):
                raise InvalidInput(
                    f"{', '.join(names)} cannot be taken out of {self.string}: that would short-circuit what stands in "
                    "parallel; name elements in series with others"
                )
            return replace(node, nodes=nodes) if nodes else None

        root = visit(self.root)
        if root is None:
            raise InvalidInput(f"nothing is left of {self.string} without {', '.join(names)}")
        return EquivalentCircuit(_written(root), root, tuple(left)), columns

    def to_internal(self, values: FloatArray) -> FloatArray:
        """Turn parameters in their units into the numbers that are fitted."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.is_exponent, values, np.log(values))

    def to_units(self, internal: FloatArray) -> FloatArray:
        """Undo `to_internal`."""
        with np.errstate(over="ignore"):
            return np.where(self.is_exponent, internal, np.exp(internal))

    def evaluate(self, axis: Axis, internal: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """Z and its derivatives with respect to the numbers that are fitted.

        Parameters
        ----------
        axis : Axis
            Of shape [spectrum, point] or [1, point].
        internal : ndarray, shape [spectrum, parameter]

        Returns
        -------
        Z : ndarray of complex, shape [spectrum, point]
        J : ndarray of complex, shape [spectrum, parameter, point]
        """
        count, points = internal.shape[0], axis.omega.shape[1]
        J = np.empty((count, len(self.names), points), dtype=np.complex128)

        def visit(node: Node) -> tuple[ComplexArray, int, int]:
            """Z of a node and the range of its parameters, whose derivatives of Z stand in J."""
            if isinstance(node, Leaf):
                columns = [internal[:, i, None] for i in range(node.first, node.stop)]
                Z, derivatives = node.kind.evaluate(axis, columns)
                for i, derivative in enumerate(derivatives, node.first):
                    J[:, i] = derivative
                return Z, node.first, node.stop
            parts = [visit(child) for child in node.nodes]
            first, stop = parts[0][1], parts[-1][2]
            if isinstance(node, Series):
                return sum((Z for Z, *_ in parts[1:]), parts[0][0]), first, stop
            Z = 1 / sum((1 / Z for Z, *_ in parts[1:]), 1 / parts[0][0])
            for own, low, high in parts:
                J[:, low:high] *= ((Z / own) ** 2)[:, None]
            return Z, first, stop

        return visit(self.root)[0], J


def parse_circuit(string: str) -> EquivalentCircuit:
    """Read a circuit string.

    Elements are letters with a number. In parentheses: the names of their parameters, if more than one.

    ======  ===============================================  =============================
    R       resistance                                       ohm
    C, L    capacitance, inductance                          F, H
    CPE     1/(Q (iω)^α)                                     (Q, alpha)
    La      lossy inductance (iωL)^α                         (L, alpha)
    W       semi-infinite Warburg, σ (1-i)/√ω                σ in ohm s^-½
    Wo, Ws  finite space R coth(u)/u, finite length          (R, tau)
            R tanh(u)/u, u = √(iωτ)
    G       Gerischer, R/√(1+iωτ)                            (R, tau)
    K       R/(1+iωτ), also written RC                       (R, tau)
    Zarc    R/(1+(iωτ)^α), also written ZARC                 (R, tau, alpha)
    HN      Havriliak-Negami, R/(1+(iωτ)^α)^β                (R, tau, alpha, beta)
    ======  ===============================================  =============================

    Parameters
    ----------
    string : str
        For example ``R0-p(R1,CPE1)-p(R2-W1,CPE2)``. Blanks do not count; ``R_0`` is taken for ``R0``.

    Returns
    -------
    EquivalentCircuit

    Raises
    ------
    InvalidInput
        If the string is no circuit; the message says where.

    Examples
    --------
    >>> parse_circuit("R0-p(R1,CPE1)")
    <EquivalentCircuit R0-p(R1,CPE1): R0, R1, CPE1_Q, CPE1_alpha>
    """
    if not isinstance(string, str) or not string.strip():
        raise InvalidInput(f"the circuit must be a string such as 'R0-p(R1,CPE1)', got {string!r}")
    reader = _Reader("".join(string.split()))
    root = reader.series()
    reader.expect_end()
    names = [leaf.name for leaf in reader.leaves]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InvalidInput(f"{reader.string}: {', '.join(sorted(twice))} occurs twice; number the elements")
    return EquivalentCircuit(reader.string.replace("_", ""), root, tuple(reader.leaves))


class _Reader:
    """Recursive descent through the tokens of a circuit string."""

    def __init__(self, string: str) -> None:
        self.string = string
        self.leaves: list[Leaf] = []
        self.tokens = list(self._split())
        self.at = 0
        self.count = 0

    def _split(self) -> Iterator[tuple[int, str]]:
        place = 0
        while place < len(self.string):
            match = _TOKEN.match(self.string, place)
            if match is None:
                raise InvalidInput(f"{self.string}: {self.string[place]!r} at {place + 1} has no meaning in a circuit")
            yield place, match.group()
            place = match.end()

    def _next(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _fail(self, wanted: str) -> InvalidInput:
        if self.at == len(self.tokens):
            return InvalidInput(f"{self.string}: {wanted} is missing at the end")
        place, token = self.tokens[self.at]
        return InvalidInput(f"{self.string}: {token!r} at {place + 1} stands where {wanted} belongs")

    def expect_end(self) -> None:
        if self.at < len(self.tokens):
            raise self._fail("'-' or the end")

    def series(self) -> Node:
        nodes = [self.node()]
        while self._next() == "-":
            self.at += 1
            nodes.append(self.node())
        return nodes[0] if len(nodes) == 1 else Series(tuple(nodes))

    def node(self) -> Node:
        token = self._next()
        if token == "p(":
            return self.parallel()
        match = _NAME.fullmatch(token)
        if match is None:
            raise self._fail("an element")
        letters, number = match.groups()
        kind = KINDS.get(ALIASES.get(letters, letters))
        if kind is None:
            raise InvalidInput(f"{self.string}: unknown element {letters!r}; {near_miss(letters, _CODES)}")
        self.at += 1
        leaf = Leaf(letters + number, kind, self.count)
        self.leaves.append(leaf)
        self.count = leaf.stop
        return leaf

    def parallel(self) -> Node:
        self.at += 1
        nodes = [self.series()]
        while self._next() == ",":
            self.at += 1
            nodes.append(self.series())
        if self._next() != ")":
            raise self._fail("',' or ')'")
        if len(nodes) < 2:
            raise InvalidInput(f"{self.string}: p() needs at least two branches, divided by a comma")
        self.at += 1
        return Parallel(tuple(nodes))


def _written(node: Node) -> str:
    """Write a circuit down as it is read."""
    if isinstance(node, Leaf):
        return node.name
    if isinstance(node, Series):
        return "-".join(map(_written, node.nodes))
    return f"p({','.join(map(_written, node.nodes))})"


def _joined(name: str, parameter: Parameter) -> str:
    return f"{name}_{parameter.symbol}" if parameter.symbol else name
