"""The charge curve beside an intensity map: how much charge stands behind each voltage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput
from ..spectrum import FloatArray, frozen_array
from .figures import dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHARGE_LABEL = "capacity\n/ mAh g⁻¹"
_ROOM = 0.05


def check_curve(curve: tuple[ArrayLike, ArrayLike], along: str, branches: str) -> tuple[FloatArray, FloatArray]:
    """Return voltage and charge as arrays.

    Raises
    ------
    InvalidInput
        If they do not fit together, or the map is not along the voltage in panels.
    """
    if len(curve) != 2:
        raise InvalidInput("curve is (voltage, charge), two arrays of one length")
    V, Q = (
        frozen_array(np.asarray(values), np.float64, name, 1)
        for name, values in zip(("voltage", "charge"), curve, strict=True)
    )
    if V.size != Q.size or V.size < 2:
        raise InvalidInput(f"voltage and charge need one length of two or more, got {V.size} and {Q.size}")
    if along != "voltage" or branches != "panels":
        raise InvalidInput(f"curve needs along='voltage' and branches='panels', got {along!r} and {branches!r}")
    return V, Q


def draw_curve(panels: Sequence[Axes], falling: Sequence[bool], V: FloatArray, Q: FloatArray, label: str) -> None:
    """Draw charge over voltage into the panels above those of a map, each with its direction of the voltage."""
    slope = np.gradient(V)
    room = _ROOM * np.ptp(Q)
    for ax, falls in zip(panels, falling, strict=True):
        ax.plot(np.where(slope < 0 if falls else slope >= 0, V, np.nan), Q, "-", lw=1, color="0.2")
        ax.set_ylim(Q.min() - room, Q.max() + room)
        dress(ax)
    panels[0].set_ylabel(label)
