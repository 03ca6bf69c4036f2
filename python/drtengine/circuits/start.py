"""Where a fit starts: resistances and relaxation times read off the distribution of relaxation times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..campaign import Campaign
from ..drt import fit_drt
from ..errors import Status
from ..result import DrtResult
from ..spectrum import BoolArray, FloatArray
from .topology import EquivalentCircuit, Leaf, Node, Parallel

_EXPONENT = 0.8
"""Exponents start here."""
_SMALLEST_SHARE = 0.01
"""Nothing starts with less than this share of the polarisation resistance, or of the smallest impedance."""
_SEED = 0


def draw_starts(circuit: EquivalentCircuit, campaign: Campaign, used: BoolArray, count: int) -> FloatArray:
    """Give first guesses for every spectrum, from its own distribution of relaxation times.

    Each parallel connection, diffusion and relaxation element is a relaxation with a time, and with the resistance
    that the distribution has around it; W and Wo are read off the low end of the spectrum. The times are, start by
    start: the highest peaks; quantiles of the resistance; and draws over the measured window, the same for all
    spectra. What the string names first is taken for the faster.

    Parameters
    ----------
    circuit : EquivalentCircuit
    campaign : Campaign
        Of sound spectra.
    used : ndarray of bool, shape [spectrum, point]
    count : int
        How many guesses a spectrum.

    Returns
    -------
    ndarray, shape [start, spectrum, parameter]
        Numbers as they are fitted.
    """
    places = _assign(circuit)
    omega = 2 * np.pi * np.where(used, campaign.frequency, np.nan)
    slowest, fastest = np.nanmin(omega, axis=1), np.nanmax(omega, axis=1)
    smallest = np.where(used, np.abs(campaign.Z), np.inf).min(axis=1)
    tail = -campaign.Z.imag[np.arange(len(campaign)), np.nanargmin(omega, axis=1)]
    blocking = any(leaf.kind.role in ("capacitive", "tail") for leaf in places.others)
    drt = fit_drt(campaign, method="ridge", exclude=~used, capacitance=blocking, weights="modulus")
    curve = _Curve.of(drt, used, campaign)
    # what the role of an element without relaxation says of it: a resistance and a frequency
    by_role = {
        "ohmic": (np.fmax(drt.R_inf, _SMALLEST_SHARE * smallest), fastest),
        "inductive": (np.fmax(drt.L_0 * fastest, _SMALLEST_SHARE * smallest), fastest),
        "capacitive": (np.fmax(tail, _SMALLEST_SHARE * smallest), slowest),
    }
    by_role["tail"] = by_role["capacitive"]

    starts = np.empty((count, len(campaign), len(circuit.names)))
    for start, log_tau in zip(starts, _times(curve, places.count, count), strict=True):
        R_around = curve.resistance_around(log_tau)
        if not any(leaf.kind.role == "ohmic" for leaf in places.others):
            R_around = R_around + (by_role["ohmic"][0] / max(places.count, 1))[:, None]  # some of them must carry it
        for leaf in circuit.leaves:
            if leaf.name in places.relaxation:
                rank = places.relaxation[leaf.name]
                log_R, log_omega = np.log(R_around[:, rank]), -log_tau[:, rank]
            else:
                R, at = by_role[leaf.kind.role]
                alike = sum(other.kind.role == leaf.kind.role for other in places.others)
                log_R, log_omega = np.log(R / alike), np.log(at)
            for column, parameter in enumerate(leaf.kind.parameters, leaf.first):
                a, b, c = parameter.scale
                start[:, column] = a * log_R + (b + c * _EXPONENT) * log_omega
                if parameter.is_exponent:
                    start[:, column] = _EXPONENT
    return starts


@dataclass(frozen=True)
class _Places:
    """The rank, from fast to slow, of the relaxation that an element belongs to, and the elements of none."""

    relaxation: dict[str, int]
    count: int
    others: tuple[Leaf, ...]


def _assign(circuit: EquivalentCircuit) -> _Places:
    """Rank the relaxations in the order of the string, diffusion after all else."""
    fast: list[str] = []
    slow: list[str] = []
    owner: dict[str, str] = {}
    others: list[Leaf] = []

    def visit(node: Node, within: str) -> None:
        if isinstance(node, Leaf):
            if node.kind.role in ("relaxation", "diffusion"):
                owner[node.name] = node.name
                (slow if node.kind.role == "diffusion" else fast).append(node.name)
            elif node.kind.role != "tail" and within:
                owner[node.name] = within
            else:
                others.append(node)
            return
        if isinstance(node, Parallel):
            within = f"p{len(fast)}"
            fast.append(within)
        for child in node.nodes:
            visit(child, within)

    visit(circuit.root, "")
    rank = {name: i for i, name in enumerate([*fast, *slow])}
    return _Places({name: rank[of] for name, of in owner.items()}, len(rank), tuple(others))


@dataclass(frozen=True)
class _Curve:
    """The cumulative resistance of each spectrum over ln tau.

    Attributes
    ----------
    log_tau : ndarray, shape [tau]
    cumulative : ndarray, shape [spectrum, tau]
        Ohm, from 0.
    height : ndarray, shape [spectrum, tau]
        gamma at its local maxima within the window, 0 elsewhere.
    low, high : ndarray, shape [spectrum]
        The measured window in ln tau.
    """

    log_tau: FloatArray
    cumulative: FloatArray
    height: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, drt: DrtResult, used: BoolArray, campaign: Campaign) -> _Curve:
        """From a result; a spectrum without an answer is given a flat distribution of its range of Z'."""
        real = campaign.Z.real
        spread = np.where(used, real, -np.inf).max(axis=1) - np.where(used, real, np.inf).min(axis=1)
        log_tau = np.log(drt.tau)
        answered = np.isin(drt.status, [status for status in Status if status.has_answer])
        flat = np.maximum(spread, np.finfo(float).tiny)[:, None] / np.ptp(log_tau)
        gamma = np.where(answered[:, None], np.maximum(drt.gamma, 0) * drt.in_window, flat)
        steps = 0.5 * (gamma[:, 1:] + gamma[:, :-1]) * np.diff(log_tau)
        cumulative = np.concatenate([np.zeros((len(gamma), 1)), np.cumsum(steps, axis=1)], axis=1)
        middle = gamma[:, 1:-1]
        highest = (middle > gamma[:, :-2]) & (middle >= gamma[:, 2:]) & drt.in_window[:, 1:-1]
        height = np.pad(np.where(highest, middle, 0.0), ((0, 0), (1, 1)))
        omega = 2 * np.pi * np.where(used, campaign.frequency, np.nan)
        return cls(log_tau, cumulative, height, -np.log(np.nanmax(omega, axis=1)), -np.log(np.nanmin(omega, axis=1)))

    def resistance_around(self, log_tau: FloatArray) -> FloatArray:
        """Resistance nearer to each of some times than to the others, [spectrum, time]."""
        order = np.argsort(log_tau, axis=1, kind="stable")
        rising = np.take_along_axis(log_tau, order, axis=1)
        edges = 0.5 * (rising[:, 1:] + rising[:, :-1])
        step = self.log_tau[1] - self.log_tau[0]
        place = np.clip((edges - self.log_tau[0]) / step, 0, self.log_tau.size - 1.001)
        left = place.astype(int)
        below = np.take_along_axis(self.cumulative, left, axis=1)
        above = np.take_along_axis(self.cumulative, left + 1, axis=1)
        inner = below + (place - left) * (above - below)
        total = self.cumulative[:, -1:]
        within = np.diff(np.concatenate([np.zeros_like(total), inner, total], axis=1), axis=1)
        R = np.empty_like(within)
        np.put_along_axis(R, order, within, axis=1)
        return np.maximum(R, np.maximum(_SMALLEST_SHARE * total, np.finfo(float).tiny))


def _times(curve: _Curve, relaxations: int, count: int) -> Iterator[FloatArray]:
    """Logarithms of the relaxation times of each start [spectrum, relaxation]."""
    if relaxations == 0:
        yield from (np.empty((len(curve.low), 0)) for _ in range(count))
        return
    shares = (np.arange(relaxations) + 0.5) / relaxations
    quantiles = np.stack([np.interp(shares * row[-1], row, curve.log_tau) for row in curve.cumulative])
    quantiles = np.clip(quantiles, curve.low[:, None], curve.high[:, None])
    peaks = np.sort(np.argsort(-curve.height, axis=1, kind="stable")[:, :relaxations], axis=1)
    enough = (curve.height > 0).sum(axis=1, keepdims=True) >= relaxations
    yield np.where(enough, curve.log_tau[peaks], quantiles) if relaxations <= curve.log_tau.size else quantiles
    if count > 1:
        yield quantiles
    rng = np.random.default_rng(_SEED)
    for number in range(2, count):
        draw = rng.random(relaxations)
        if number % 2 == 0:  # every other start keeps the order of the string
            draw.sort()
        yield curve.low[:, None] + draw * (curve.high - curve.low)[:, None]
