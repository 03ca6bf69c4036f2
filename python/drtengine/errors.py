"""What drtengine raises on purpose, and what a batch returns instead of raising.

Bad input raises; bad numerics returns. Inside a campaign one broken spectrum
never stops the others: it gets a `Status` and NaN.
"""

from __future__ import annotations

import enum


class DrtengineError(Exception):
    """Base of everything drtengine raises on purpose."""


class InvalidInput(DrtengineError, ValueError):
    """An argument, a spectrum or a frequency cannot be used; the message says which and what to do."""


class UnreadableFile(InvalidInput):
    """A file cannot be read as impedance; the message names the file and, where known, the line."""


class MissingExtra(DrtengineError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class DataWarning(UserWarning):
    """The data look wrong but can be used, for example a Z'' of unexpected sign."""


class Status(enum.IntEnum):
    """How the answer for one spectrum came out.

    `OK`, `LAMBDA_AT_BOUND`, `PARAMETER_AT_BOUND` and `NOT_IDENTIFIABLE` carry numbers; every other carries NaN.
    """

    OK = 0
    LAMBDA_AT_BOUND = 1
    """The selector has no minimum inside its range of lambda; the numbers stand at the bound."""
    UNCONVERGED = 2
    """The non-negative solver gave up; no number is returned."""
    SINGULAR = 3
    """The regularised problem is not positive definite to working precision."""
    NOT_FINITE = 4
    """Z or frequency holds NaN or Inf at a point that is used."""
    NEGATIVE_FREQUENCY = 5
    """A frequency is below zero. (Rows at exactly 0 Hz are dropped and reported.)"""
    REPEATED_FREQUENCY = 6
    """A frequency occurs twice: two sweeps in one, or an overlap at the start of a sweep."""
    TOO_FEW_POINTS = 7
    """Fewer than three usable points."""
    SIGN_FLIPPED = 8
    """Z'' contradicts Z' (Kramers-Kronig): the file or the caller has the sign of Z'' the other way round."""
    ZERO_IMPEDANCE = 9
    """Z is zero at a point that is used, where weights relative to Z have no value."""

    NARROW_WINDOW = 10
    """One decade of frequency or less, where Kramers and Kronig have nothing to say."""
    PHASE_WRAPS = 11
    """The phase jumps by more than half a turn between two points, so that it cannot be integrated."""
    PARAMETER_AT_BOUND = 20
    """A parameter of a circuit stands at its bound; it has no uncertainty, the others have theirs beside it."""
    NOT_IDENTIFIABLE = 21
    """The data do not determine every parameter of a circuit; the numbers fit, but so do others far away."""

    @property
    def has_answer(self) -> bool:
        """Whether the arrays hold numbers for a spectrum of this status."""
        return self in (Status.OK, Status.LAMBDA_AT_BOUND, Status.PARAMETER_AT_BOUND, Status.NOT_IDENTIFIABLE)


def require(module: str, extra: str) -> None:
    """Raise `MissingExtra` unless `module` can be imported.

    Parameters
    ----------
    module : str
        Name of the optional module.
    extra : str
        The extra of drtengine that installs it.
    """
    import importlib

    try:
        importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(f"{module} is not installed; install it with: pip install 'drtengine[{extra}]'") from error


def near_miss(given: object, allowed: tuple[str, ...]) -> str:
    """Describe the allowed values and, where one is close to `given`, name it."""
    import difflib

    close = difflib.get_close_matches(str(given), allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"choose one of {', '.join(map(repr, allowed))}{hint}"
