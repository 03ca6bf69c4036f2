"""Gamma over the relaxation time and a coordinate, on common grids: one campaign, or two compared."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ._version import __version__
from .basis import positive_array
from .errors import InvalidInput, Status
from .posterior import Spread, gamma_spread, interval, spread
from .result import COORDINATE_UNITS, DrtResult
from .series import Branch, Series, arrange
from .spectrum import FloatArray, frozen_array
