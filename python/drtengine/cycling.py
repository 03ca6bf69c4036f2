"""Charge and discharge cycles: capacities, efficiencies, retention, dQ/dV, rate steps; and swelling."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataWarning, InvalidInput
from .options import check_choice, check_positive
from .records import Record, Steps, as_record, find_steps, oxidation_sign, switch_instant
from .spectrum import FloatArray, IntArray, frozen_array
from .tabular import Tabular

if TYPE_CHECKING:
    import pandas as pd

    from .records import Frame

_SAME_CURRENT = 0.05
"""Cycles whose currents differ by less belong to one rate step."""
_REST_CURRENT = 1e-3
"""Lower than for titrations, as cycles may have slow steps and end in a falling current."""
_LEAST_CHARGE = 1e-3
"""Steps with less than this share of the largest step's charge begin no cycle."""
_COULOMB_PER_MAH = 3.6


@dataclass(frozen=True, eq=False, repr=False)
class CyclingResult(Tabular):
    """What each cycle took in and gave back; made by `summarize_cycling`. All arrays are [cycle].

    Attributes
    ----------
    cycle : ndarray
        Number, as recorded or counted from 1.
    charge_capacity, discharge_capacity : ndarray
        C: what passed while the voltage was driven up, and down. NaN where a cycle lacks that half.
    coulombic_efficiency : ndarray
        Second half over first half of the cycle: what came back of what was put in (lithiation then delithiation for
        an anode against lithium, charge then discharge for a full cell).
    retention : ndarray
        Capacity of the second half relative to the reference cycle.
    charge_voltage, discharge_voltage : ndarray
        V, means over charge.
    charge_energy, discharge_energy : ndarray
        J.
    current : ndarray
        A: largest current that held for a tenth of the first half's charge.
    rate_step : ndarray
        Number of the run of cycles with the same current, from 1.
    complete : ndarray of bool
        Whether the cycle has both halves and is followed by another, or by a rest.
    first : str
        "charge" or "discharge": with what cycles begin.
    mass : float or None
        kg.
    record : Record
    notes : sequence of str
    """

    cycle: FloatArray
    start: FloatArray
    charge_capacity: FloatArray
    discharge_capacity: FloatArray
    coulombic_efficiency: FloatArray
    retention: FloatArray
    charge_voltage: FloatArray
    discharge_voltage: FloatArray
    charge_energy: FloatArray
    discharge_energy: FloatArray
    current: FloatArray
    rate_step: FloatArray
    complete: NDArray[np.bool_]
    first: str
    mass: float | None
    record: Record
    passed: FloatArray
    cycle_of_row: IntArray
    notes: Sequence[str]

    ROW: ClassVar[str] = "number"
    COLUMNS: ClassVar[Mapping[str, tuple[str, str]]] = {
        "cycle": ("1", "number of the cycle"),
        "start": ("s", "start of the cycle"),
        "charge_capacity": ("C", "charge passed while the voltage was driven up"),
        "discharge_capacity": ("C", "charge passed while the voltage was driven down"),
        "coulombic_efficiency": ("1", "second half of the cycle over the first"),
        "retention": ("1", "capacity of the second half relative to the reference cycle"),
        "charge_voltage": ("V", "mean voltage of the charge"),
        "discharge_voltage": ("V", "mean voltage of the discharge"),
        "charge_energy": ("J", "energy of the charge"),
        "discharge_energy": ("J", "energy of the discharge"),
        "current": ("A", "current of the first half"),
        "rate_step": ("1", "number of the run of cycles with the same current"),
        "complete": ("", "whether both halves are there to their ends"),
    }

    def __repr__(self) -> str:
        return f"<CyclingResult: {len(self)} cycles, {self.first} first, ICE {self.initial_efficiency:.2%}>"

    @property
    def initial_efficiency(self) -> float:
        """Coulombic efficiency of the first cycle (ICE)."""
        return float(self.coulombic_efficiency[0])

    def _attributes(self) -> dict[str, Any]:
        return {"first": self.first} | ({} if self.mass is None else {"mass_kg": self.mass})

    def to_frame(self) -> pd.DataFrame:
        """Give one row a cycle; capacities also in mAh and, where the mass is known, in mAh/g."""
        table = super().to_frame()
        for name in ("charge_capacity", "discharge_capacity"):
            table[f"{name}_mAh"] = getattr(self, name) / _COULOMB_PER_MAH
            if self.mass is not None:
                table[f"{name}_mAh_g"] = getattr(self, name) / _COULOMB_PER_MAH / (1e3 * self.mass)
        return table

    def rate_steps(self) -> pd.DataFrame:
        """Give one row for each run of cycles with the same current: cycles, current, median of the capacities."""
        import pandas as pd

        rows = []
        for step in np.unique(self.rate_step):
            here = np.flatnonzero((self.rate_step == step) & self.complete)
            if here.size == 0:
                continue
            medians = [float(np.median(getattr(self, f"{half}_capacity")[here])) for half in ("charge", "discharge")]
            rows.append((self.cycle[here[0]], self.cycle[here[-1]], np.median(self.current[here]), *medians))
        names = ("first_cycle", "last_cycle", "current_A", "charge_capacity_C", "discharge_capacity_C")
        return pd.DataFrame(rows, columns=list(names))

    def differential_capacity(self, cycle: float, half: str, *, width: float = 0.005) -> tuple[FloatArray, FloatArray]:
        """Give dQ/dV of half a cycle, as the charge that passed in cells of voltage.

        Parameters
        ----------
        cycle : float
            Number of the cycle.
        half : {"charge", "discharge"}
        width : float
            Of the cells in V: wider cells are smoother.

        Returns
        -------
        voltage, dQ_dV : ndarray, shape [cell]
            V, and C/V, not negative.

        Raises
        ------
        InvalidInput
            If there is no such cycle or half.
        """
        check_choice("half", half, ("charge", "discharge"))
        number = np.flatnonzero(self.cycle == cycle)
        if number.size == 0:
            raise InvalidInput(f"there is no cycle {cycle}; there are {self.cycle[0]:g} to {self.cycle[-1]:g}")
        check_positive("width", width)
        sign = 1 if half == "charge" else -1
        moved = np.diff(self.passed) * sign
        rows = np.flatnonzero((self.cycle_of_row[1:] == number[0]) & (moved > 0))
        if rows.size < 2:
            raise InvalidInput(f"cycle {cycle:g} has no {half}")
        V = self.record.voltage
        ends = np.sort(np.stack([V[rows], V[rows + 1]]), axis=0)
        ends[1] = np.maximum(ends[1], ends[0] + 1e-9)  # where the voltage is held, charge passes as well
        edges = np.arange(np.floor(ends.min() / width), np.ceil(ends.max() / width) + 1) * width
        # charge between two rows is spread evenly over the voltages between them
        span = ends[1] - ends[0]
        density = np.zeros(edges.size)
        for side, weight in ((0, 1.0), (1, -1.0)):
            density += weight * _ramps(edges, ends[side], moved[rows] / span)
        return (edges[1:] + edges[:-1]) / 2, np.maximum(np.diff(density), 0) / width


def _ramps(x: FloatArray, start: FloatArray, slope: FloatArray) -> FloatArray:
    """Sum of the ramps slope * max(x - start, 0) [x]."""
    order = np.argsort(start)
    start, slope = start[order], slope[order]
    below = np.searchsorted(start, x, side="right")
    slopes = np.concatenate([[0.0], np.cumsum(slope)])[below]
    offsets = np.concatenate([[0.0], np.cumsum(slope * start)])[below]
    ramps: FloatArray = slopes * x - offsets
    return ramps


def summarize_cycling(
    frame: Frame | None = None,
    *,
    time_s: ArrayLike | None = None,
    current_A: ArrayLike | None = None,
    voltage_V: ArrayLike | None = None,
    cycle: ArrayLike | None = None,
    mass: float | None = None,
    reference_cycle: float | None = None,
    positive: str = "auto",
    threshold: float = _REST_CURRENT,
) -> CyclingResult:
    """Summarise charge and discharge cycles.

    Parameters
    ----------
    frame : DataFrame or mapping, optional
        Columns time_s, current_A, voltage_V (or in mA, mV, h, min, by name) and, where known, cycle.
    time_s, current_A, voltage_V, cycle : array_like, shape [row], optional
        The same as arrays. Without cycle numbers, a cycle begins where the current turns back to the direction of the
        first half-cycle.
    mass : float, optional
        kg of active material, for capacities in mAh/g.
    reference_cycle : float, optional
        To which retention relates; by default the first complete cycle.
    positive : {"auto", "charge", "discharge"}
        What positive current is; told from the jumps of the voltage by default.
    threshold : float
        Share of the largest current below which it counts as rest.

    Returns
    -------
    CyclingResult

    Raises
    ------
    InvalidInput
        If columns or options cannot be used, or there is no such reference cycle.

    Warns
    -----
    DataWarning
        If a value is so large that its unit may be another.

    Examples
    --------
    >>> import numpy as np
    >>> time = np.arange(0, 7210, 10.0)
    >>> current = np.where(time == 0, 0, np.where(time <= 3600, -1e-3, 0.9e-3))
    >>> result = summarize_cycling(time_s=time, current_A=current, voltage_V=0.5 + 100 * current)
    >>> result.first, round(result.initial_efficiency, 3)
    ('discharge', 0.9)
    """
    arrays = {"time_s": time_s, "current_A": current_A, "voltage_V": voltage_V, "cycle": cycle}
    record = as_record(frame, arrays)
    if mass is not None:
        mass = check_positive("mass", mass)
        if mass > 1:
            warnings.warn(f"mass={mass:g} is taken in kg: was it given in g or mg?", DataWarning, stacklevel=2)
    notes = list(record.notes)
    steps = find_steps(record, threshold, notes)
    oxidation = oxidation_sign(record, steps, positive, notes)
    direction = oxidation * steps.sign
    moved = oxidation * _charge_of_rows(record, steps)
    of_step = np.abs(np.add.reduceat(moved, steps.start))
    on = np.flatnonzero((direction != 0) & (of_step >= _LEAST_CHARGE * of_step.max()))
    first = int(direction[on[0]])
    numbers, of_row = _cycles(record, steps, direction, on, notes)
    between = record.voltage.copy()
    between[1:] = (between[1:] + between[:-1]) / 2
    between[steps.start] = record.voltage[steps.start]
    row_direction = np.repeat(direction, steps.stop - steps.start)
    count = numbers.size
    halves: dict[str, tuple[FloatArray, FloatArray, FloatArray]] = {}
    for name, sign in (("charge", 1), ("discharge", -1)):
        here = row_direction == sign
        weight = np.where(here, np.abs(moved), 0.0)
        Q = np.bincount(of_row, weight, count).astype(np.float64)
        W = np.bincount(of_row, weight * between, count).astype(np.float64)
        missing = np.bincount(of_row, here, count) < 2
        Q[missing], W[missing] = np.nan, np.nan
        with np.errstate(invalid="ignore", divide="ignore"):
            halves[name] = Q, W / Q, W
    order = ("charge", "discharge") if first > 0 else ("discharge", "charge")
    put_in, taken_out = halves[order[0]][0], halves[order[1]][0]
    with np.errstate(invalid="ignore", divide="ignore"):
        efficiency = taken_out / put_in
    complete = np.isfinite(efficiency)
    complete[-1] &= steps.sign[-1] == 0
    if not complete[-1]:
        notes.append(f"cycle {numbers[-1]:g} may be incomplete: the record ends under current or in its first half")
    current = _typical_currents(record, of_row, row_direction == first, moved, count)
    return CyclingResult(
        cycle=numbers, start=record.time[np.unique(of_row, return_index=True)[1]],
        charge_capacity=halves["charge"][0], discharge_capacity=halves["discharge"][0],
        coulombic_efficiency=efficiency,
        retention=taken_out / _reference(numbers, taken_out, complete, reference_cycle),
        charge_voltage=halves["charge"][1], discharge_voltage=halves["discharge"][1],
        charge_energy=halves["charge"][2], discharge_energy=halves["discharge"][2], current=current,
        rate_step=_rate_steps(current), complete=complete, first=order[0], mass=mass, record=record,
        passed=np.cumsum(moved), cycle_of_row=of_row, notes=tuple(notes),
    )  # fmt: skip


def _charge_of_rows(record: Record, steps: Steps) -> FloatArray:
    """Charge in C since the row before [row]; in the first row of a step, since the switch, at the step's current."""
    moved = np.concatenate([[0.0], np.diff(record.time) * (record.current[1:] + record.current[:-1]) / 2])
    for row in steps.start:
        moved[row] = record.current[row] * (record.time[row] - switch_instant(record, int(row))[0])
    return moved


def _cycles(
    record: Record, steps: Steps, direction: IntArray, on: IntArray, notes: list[str]
) -> tuple[FloatArray, IntArray]:
    """Tell the numbers of the cycles [cycle], and to which one rows belong [row], from the steps `on`."""
    first = direction[on[0]]
    if record.cycle is not None and np.isfinite(record.cycle).all() and np.unique(record.cycle).size > 1:
        numbers, of_row = np.unique(record.cycle, return_inverse=True)
        of_row = of_row.astype(np.intp)
        used = np.unique(of_row[np.repeat(direction, steps.stop - steps.start) != 0])
        if used.size < numbers.size:
            notes.append(f"{numbers.size - used.size} cycle number(s) without current left out")
            of_row = np.clip(np.searchsorted(used, of_row), 0, used.size - 1)
        of_on = of_row[steps.start[on]]
        returns = (of_on[1:] == of_on[:-1]) & (direction[on[1:]] == first) & (direction[on[:-1]] != first)
        for cycle, count in zip(*np.unique(of_on[1:][returns], return_counts=True), strict=True):
            notes.append(f"cycle {numbers[used][cycle]:g} holds {count + 1} charges and discharges, added up")
        return numbers[used], of_row
    begins = np.concatenate([[False], (direction[on[1:]] == first) & (direction[on[:-1]] != first)])
    of_on = np.cumsum(begins)
    of_step = of_on[np.clip(np.searchsorted(on, np.arange(direction.size), side="right") - 1, 0, None)].astype(np.intp)
    of_row = np.repeat(of_step, steps.stop - steps.start)
    notes.append(f"cycles counted from the current: {of_on[-1] + 1}")
    return np.arange(1.0, of_on[-1] + 2), of_row


def _typical_currents(
    record: Record, of_row: IntArray, here: NDArray[np.bool_], moved: FloatArray, count: int
) -> FloatArray:
    """Size of the current that a tenth of the first half's charge exceeds, in A [cycle]."""
    currents = np.full(count, np.nan)
    size, weight = np.abs(record.current), np.abs(moved)
    order = np.argsort(of_row[here], kind="stable")
    rows = np.flatnonzero(here)[order]
    for chunk in np.split(rows, np.flatnonzero(np.diff(of_row[rows])) + 1):
        if chunk.size:
            by_size = chunk[np.argsort(-size[chunk], kind="stable")]
            share = np.cumsum(weight[by_size])
            currents[of_row[chunk[0]]] = size[by_size[min(np.searchsorted(share, 0.1 * share[-1]), chunk.size - 1)]]
    return currents


def _rate_steps(current: FloatArray) -> FloatArray:
    """Count runs of like current, from 1 [cycle]."""
    numbers = np.ones(current.size)
    reference = np.nan
    for i, value in enumerate(current):
        changed = abs(value - reference) > _SAME_CURRENT * reference
        numbers[i:] += changed
        reference = value if changed or np.isnan(reference) else reference
    return numbers


def _reference(numbers: FloatArray, capacity: FloatArray, complete: NDArray[np.bool_], wanted: float | None) -> float:
    """Capacity of the reference cycle in C."""
    if wanted is None:
        return float(capacity[np.argmax(complete)]) if complete.any() else float("nan")
    found = np.flatnonzero(numbers == wanted)
    if found.size == 0:
        raise InvalidInput(f"there is no cycle {wanted:g} to refer to; there are {numbers[0]:g} to {numbers[-1]:g}")
    return float(capacity[found[0]])


def expand(thickness: ArrayLike, *, u_thickness: ArrayLike = 0.0) -> tuple[FloatArray, FloatArray]:
    """Give the swelling of an electrode relative to the first thickness.

    Parameters
    ----------
    thickness : array_like, shape [state]
        In any one unit; the first is the pristine electrode.
    u_thickness : array_like, shape [state] or scalar
        Standard uncertainties, in the same unit.

    Returns
    -------
    expansion, u_expansion : ndarray, shape [state]
        thickness/pristine - 1, and its standard uncertainty (0 for the first).

    Raises
    ------
    InvalidInput
        If a thickness is not positive.

    Examples
    --------
    >>> expansion, u = expand([7.425, 8.575, 15.827], u_thickness=0.1)
    >>> expansion.round(3).tolist(), u.round(3).tolist()
    ([0.0, 0.155, 1.132], [0.0, 0.021, 0.032])
    """
    d = frozen_array(np.asarray(thickness), np.float64, "thickness", 1)
    if d.size == 0 or not (np.isfinite(d) & (d > 0)).all():
        raise InvalidInput("thickness must hold positive numbers, the pristine electrode first")
    u = np.broadcast_to(np.asarray(u_thickness, dtype=np.float64), d.shape)
    ratio = d / d[0]
    u_ratio = ratio * np.hypot(u / d, u[0] / d[0])
    u_ratio[0] = 0.0
    return ratio - 1, u_ratio
