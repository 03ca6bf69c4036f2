"""The command `drtengine`."""

from __future__ import annotations

import sys

SOME_FAIL, INVALID, INTERRUPTED = 1, 2, 130
"""Exit codes: spectra that fail a check, input that cannot be used, and Ctrl-C."""


def main() -> None:
    """Run the command line; exits 0, 2 where the input cannot be used, or 130 after Ctrl-C."""
    from ..errors import MissingExtra, require

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a pipe may not know Greek
            stream.reconfigure(errors="replace")
    try:
        require("typer", "cli")
        require("rich", "cli")
        from . import analyze, batch, kinetics  # noqa: F401  # add their commands
        from .commands import app

        app(prog_name="drtengine")
    except MissingExtra as error:
        print(f"drtengine: {error}", file=sys.stderr)
        sys.exit(INVALID)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
