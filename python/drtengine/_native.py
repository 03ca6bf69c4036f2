"""Picks the extension module built for the widest instruction set this CPU has.

The environment variable ``DRTENGINE_ISA`` (``baseline``, ``v3`` or ``v4``) forces one.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from .errors import InvalidInput, near_miss

if TYPE_CHECKING:
    from . import _core as core

__all__ = ["ISA", "LEVELS", "core"]

LEVELS = ("baseline", "v3", "v4")
"""Levels of the x86-64 instruction set; other architectures have the baseline alone."""


def _load() -> object:
    try:
        baseline = importlib.import_module("drtengine._core_baseline")
    except ImportError as error:
        raise ImportError(
            "the compiled core of drtengine is missing; did you forget to build it? (pip install . in the checkout)"
        ) from error
    forced = os.environ.get("DRTENGINE_ISA") or None
    if forced is not None and forced not in LEVELS:
        raise InvalidInput(f"DRTENGINE_ISA is {forced!r}; {near_miss(forced, LEVELS)}")
    best = LEVELS.index(baseline.cpu_level)
    if forced is not None:
        if LEVELS.index(forced) > best:
            raise InvalidInput(f"DRTENGINE_ISA is {forced!r}, but this CPU has {baseline.cpu_level!r} at most")
        try:
            return importlib.import_module(f"drtengine._core_{forced}")
        except ModuleNotFoundError as error:
            raise InvalidInput(f"DRTENGINE_ISA is {forced!r}, but this build of drtengine left it out") from error
    for level in reversed(LEVELS[1 : best + 1]):
        try:
            return importlib.import_module(f"drtengine._core_{level}")
        except ModuleNotFoundError:
            continue  # this build left the level out
    return baseline


if not TYPE_CHECKING:
    core = _load()

ISA: str = core.isa
"""The instruction set in use."""
