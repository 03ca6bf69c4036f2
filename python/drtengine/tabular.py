"""Results that are tables: arrays side by side whose fields know their unit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from .spectrum import BoolArray, FloatArray

_SUFFIXES = {
    "": "", "1": "", "s": "_s", "A": "_A", "V": "_V", "C": "_C", "J": "_J", "ohm": "_ohm", "m2 s-1": "_m2_s",
    "V s-1": "_V_s", "V s-1/2": "_V_sqrt_s", "ohm s-1/2": "_ohm_sqrt_s",
}  # fmt: skip
"""What a unit looks like at the end of a column name."""


class Tabular:
    """Base of frozen dataclasses with arrays whose first dimension is `ROW`."""

    ROW: ClassVar[str]
    """Name of the first dimension."""
    COLUMNS: ClassVar[Mapping[str, tuple[str, str]]]
    """Unit and meaning of each array; "" for text."""
    SECOND: ClassVar[str] = "limit"
    """Name of the second dimension of arrays that have one."""

    def __post_init__(self) -> None:
        for name in self.COLUMNS:
            getattr(self, name).flags.writeable = False

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.COLUMNS))))

    def _attributes(self) -> dict[str, Any]:
        """Scalars and words that belong to the whole."""
        return {}

    def to_frame(self) -> pd.DataFrame:
        """Give a table with one row for each item; units stand in the column names, D also in cm2/s."""
        import pandas as pd

        table: dict[str, Any] = {}
        for name, (unit, _) in self.COLUMNS.items():
            values = getattr(self, name)
            if values.ndim > 1:
                table |= {f"{name}_{i}{_SUFFIXES[unit]}": column for i, column in enumerate(values.T)}
                continue
            table[name + _SUFFIXES[unit]] = values
            if unit == "m2 s-1":
                table[f"{name}_cm2_s"] = values * 1e4
        return pd.DataFrame(table)

    def to_dataset(self) -> xr.Dataset:
        """Give a copy of everything as an xarray Dataset, with units and provenance in the attributes."""
        import xarray as xr

        from . import __version__

        variables = {}
        for name, (unit, meaning) in self.COLUMNS.items():
            values = np.array(getattr(self, name))
            dims = (self.ROW, self.SECOND)[: values.ndim]
            variables[name] = (dims, values, {"long_name": meaning} | ({"units": unit} if unit else {}))
        notes = json.dumps(list(getattr(self, "notes", ())))
        attributes = {"kind": type(self).__name__, "drtengine": __version__, **self._attributes(), "notes": notes}
        return xr.Dataset(variables, attrs=attributes)


class Diffusivities(Tabular):
    """Base of tables that have a diffusion coefficient, and doubts about it, in each row."""

    D: FloatArray
    flag: NDArray[np.str_]

    D_COLUMNS: ClassVar[Mapping[str, tuple[str, str]]] = {
        "D": ("m2 s-1", "diffusion coefficient"),
        "u_D": ("m2 s-1", "standard uncertainty of D"),
        "D_low": ("m2 s-1", "lower end of the 95 % interval"),
        "D_high": ("m2 s-1", "upper end of the 95 % interval"),
    }
    """Unit and meaning of D and its uncertainty."""

    @property
    def trusted(self) -> BoolArray:
        """Whether there is a D and no doubt about it [row]."""
        return np.asarray(np.isfinite(self.D) & (self.flag == ""))
