"""The version: that of the git tag, which the build writes into a file beside this one."""

from __future__ import annotations

import os


def _read() -> str:
    # a file instead of importlib.metadata: that would cost a tenth of what importing drtengine does
    try:
        with open(os.path.join(os.path.dirname(__file__), "_version.txt"), encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return "0+unbuilt"


__version__ = _read()
