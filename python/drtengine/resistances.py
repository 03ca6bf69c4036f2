"""R_s and R_ct of the same spectra from a circuit, from the distribution of relaxation times and from the arc."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .circuits import ArcResult, CircuitResult
from .errors import InvalidInput
from .peaks import Processes
from .peaks.tables import campaign_columns
from .result import DrtResult
from .spectrum import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from .campaign import Campaign

Estimate = tuple[str, FloatArray, FloatArray, str]
"""Quantity, value and standard uncertainty in ohm [spectrum], and where they come from."""


def compare_resistances(
    *results: CircuitResult | DrtResult | Processes | ArcResult,
    R_s: str | None = "R0",
    R_ct: str | Sequence[str] | None = "R1",
    process: str = "charge transfer",
) -> pd.DataFrame:
    """Put the series and the charge-transfer resistance from several analyses below each other, with their source.

    They mean the same and differ in value: a circuit's R_ct is what its branch takes, a process is all of gamma
    between two relaxation times, the diameter of the semicircle holds whatever overlaps with it.

    Parameters
    ----------
    *results : CircuitResult, DrtResult, Processes or ArcResult
        At least one, of the same spectra: by `fit_circuit`, `fit_drt` (R_inf), `integrate_processes`,
        `circuits.fit_arc`.
    R_s, R_ct : str or sequence of str, optional
        Parameters of a circuit; the resistances of several are added up, their correlation included. None: the
        circuit has none.
    process : str
        Name of the process that is the charge transfer.

    Returns
    -------
    DataFrame
        One row for each spectrum, quantity and source: name, spectrum, coordinates, quantity ("R_s", "R_ct" or
        "semicircle diameter"), R_ohm, u_R_ohm, source.

    Raises
    ------
    InvalidInput
        If a result is of another kind, of other spectra, per area, or lacks the parameter or the process.

    Examples
    --------
    >>> import drtengine as dt
    >>> f = np.geomspace(1e5, 1e-2, 71)
    >>> cell = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-1, 0.9)])
    >>> spectrum = dt.Spectrum(f, cell.impedance(f))
    >>> table = dt.compare_resistances(dt.fit_circuit(spectrum, "R0-p(R1,CPE1)"), dt.circuits.fit_arc(spectrum))
    >>> table[["quantity", "R_ohm", "source"]].round(3).values.tolist()  # doctest: +NORMALIZE_WHITESPACE
    [['R_s', 10.0, 'circuit R0-p(R1,CPE1): R0'], ['R_ct', 50.0, 'circuit R0-p(R1,CPE1): R1'],
     ['R_s', 10.0, 'arc'], ['semicircle diameter', 50.0, 'arc']]
    """
    import pandas as pd

    if not results:
        raise InvalidInput("compare_resistances() takes at least one result")
    tables = []
    for result in results:
        campaign = _campaign(result, results[0])
        for quantity, value, u_value, source in _estimates(result, R_s, R_ct, process):
            own = {"quantity": quantity, "R_ohm": value, "u_R_ohm": u_value, "source": source}
            tables.append(pd.DataFrame({**campaign_columns(campaign, np.arange(len(campaign)), list(own)), **own}))
    return pd.concat(tables, ignore_index=True)


def _campaign(result: object, first: object) -> Campaign:
    """Return the spectra of a result, which must be those of the first one."""
    if not isinstance(result, CircuitResult | DrtResult | Processes | ArcResult):
        raise InvalidInput(
            "compare_resistances() takes results of fit_circuit, fit_drt, integrate_processes and fit_arc, "
            f"got {type(result).__name__}"
        )
    if isinstance(result, CircuitResult | DrtResult | Processes) and result.unit != "ohm":
        raise InvalidInput(f"{type(result).__name__} is in {result.unit}; compare resistances in ohm")
    mine, theirs = result.campaign, getattr(first, "campaign", None)
    if theirs is None or mine.Z.shape != theirs.Z.shape or not np.array_equal(mine.Z, theirs.Z, equal_nan=True):
        raise InvalidInput(f"{type(result).__name__} is of other spectra than the first result")
    return mine


def _estimates(
    result: CircuitResult | DrtResult | Processes | ArcResult,
    R_s: str | None,
    R_ct: str | Sequence[str] | None,
    process: str,
) -> Iterator[Estimate]:
    match result:
        case CircuitResult():
            for quantity, names in (("R_s", R_s), ("R_ct", R_ct)):
                if names is not None:
                    yield _from_circuit(result, quantity, [names] if isinstance(names, str) else list(names))
        case DrtResult():
            yield "R_s", result.R_inf, result.u_R_inf, "DRT: R_inf"
        case Processes():
            if process not in result.ranges:
                raise InvalidInput(f"there is no process {process!r}; there are {', '.join(result.names)}")
            k = list(result.names).index(process)
            low, high = result.ranges[process]
            yield "R_ct", result.R[:, k], result.u_R[:, k], f"DRT: {process}, {low:g} to {high:g} s"
        case ArcResult():
            yield "R_s", result.R_s, result.u_R_s, "arc"
            yield "semicircle diameter", result.diameter, result.u_diameter, "arc"


def _from_circuit(result: CircuitResult, quantity: str, names: list[str]) -> Estimate:
    """Add up parameters of a circuit."""
    units = dict(zip(result.names, result.circuit.units, strict=True))
    for name in names:
        if units.get(name) != "ohm":
            there = ", ".join(name for name, unit in units.items() if unit == "ohm")
            raise InvalidInput(f"{quantity}={name!r} is no resistance of {result.circuit.string}; there are {there}")
    columns = [result.names.index(name) for name in names]
    u = result.u_values[:, columns]
    correlation = result.correlation[:, columns][:, :, columns]
    variance = np.einsum("si,sij,sj->s", u, np.where(np.isfinite(correlation), correlation, np.eye(len(columns))), u)
    total = result.values[:, columns].sum(axis=1)
    return quantity, total, np.sqrt(variance), f"circuit {result.circuit.string}: {' + '.join(names)}"
