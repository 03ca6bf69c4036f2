"""The verdict on the spectra of one grid, step by step."""

from __future__ import annotations

import numpy as np

from .limits import PASS, WARN, KkLimits
from .linear import Grid
from .outliers import flag_points, has_suspects, lighten_dips
from .structure import Judgement, judge_structure
from .windows import find_stretches, find_windows


def judge(grid: Grid, limits: KkLimits, representation: str) -> Judgement:
    """Judge the spectra of a grid: structure of the residual, single points, noise, and what is valid.

    Parameters
    ----------
    grid : Grid
    limits : KkLimits
    representation : {"auto", "impedance", "admittance"}
    """
    found = judge_structure(grid, limits, representation)
    suspects = has_suspects(found, limits)
    lighter, dips = lighten_dips(grid, np.flatnonzero(suspects | (found.tier > PASS)))
    suspects[dips] = False
    for rows, here in ((np.flatnonzero(suspects), grid), (dips, lighter)):
        if rows.size:
            flag_points(here, rows, limits, representation, found)
    found.tier[(found.tier == PASS) & (found.noise >= limits.noise_warn)] = WARN
    find_stretches(grid, limits, found)
    find_windows(grid, limits, representation, found)
    return found
