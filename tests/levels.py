"""Which instruction sets can be tested here: built, and known to this CPU."""

import importlib.util

from drtengine._native import LEVELS, core

BUILT = tuple(level for level in LEVELS if importlib.util.find_spec(f"drtengine._core_{level}"))
USABLE = tuple(level for level in BUILT if LEVELS.index(level) <= LEVELS.index(core.cpu_level))
