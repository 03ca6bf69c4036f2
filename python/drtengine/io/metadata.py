"""What headers say of a measurement as coordinates: dates, numbers, comments."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from ..spectrum import Spectrum

Coordinate: TypeAlias = float | str | np.datetime64

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_ISO = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d\d?)[-/.](?P<day>\d\d?)(?!\d)")
_NAMED = re.compile(
    rf"(?:(?P<before>\d\d?)[. ]+)?(?P<month>{'|'.join(_MONTHS)})[a-z]*[., ]+"
    r"(?:(?P<after>\d\d?)[, ]+)?(?P<year>\d{4})",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"(?<!\d)(?P<first>\d\d?)(?P<sign>[-/.])(?P<second>\d\d?)(?P=sign)(?P<year>\d{4}|\d\d)(?!\d)")
_CLOCK = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*([AP]M)?", re.IGNORECASE)
_NUMBER = re.compile(r"\s*([-+]?\d+(?:[.,]\d*)?(?:[eE][-+]?\d+)?)")


def parse_date(text: str, *, month_first: bool = False) -> tuple[np.datetime64 | None, list[str]]:
    """Find date and time of day in a text, as the instrument's clock had them; its time zone is not recorded.

    Parameters
    ----------
    text : str
    month_first : bool
        Whether the format is known to put the month first. Otherwise a date such as 02/04/2018, which can be
        read in two ways, is still read so, but noted.

    Returns
    -------
    date : datetime64 or None
    notes : list of str
    """
    notes = []
    if match := _ISO.search(text):
        year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    elif match := _NAMED.search(text):
        year, month = int(match["year"]), _MONTHS.index(match["month"].lower()) + 1
        day = int(match["before"] or match["after"] or 0)
    elif match := _NUMERIC.search(text):
        month, day, year = int(match["first"]), int(match["second"]), int(match["year"])
        year += 2000 if year < 100 else 0
        if match["sign"] == "." or month > 12:
            month, day = day, month
        elif not month_first and day <= 12 and day != month:
            notes.append(f"the date {match[0]!r} can be read in two ways; the month was taken to come first")
    else:
        return None, []
    hour, minute, second, fraction, half = found.groups() if (found := _CLOCK.search(text)) else (0, 0, 0, None, None)
    hours = int(hour) % 12 + 12 * (half.upper() == "PM") if half else int(hour)
    try:
        whole = datetime.datetime(year, month, day, hours, int(minute), int(second or 0))
    except ValueError:
        return None, []
    micro = round(float(f"0.{fraction or 0}") * 1e6)
    return np.datetime64(whole, "us") + np.timedelta64(micro, "us"), notes


def number(text: str | None) -> float | None:
    """Return the number at the start of a text, with decimal point or comma; None if there is none."""
    match = _NUMBER.match(text or "")
    value = float(match[1].replace(",", ".")) if match else math.nan
    return value if math.isfinite(value) else None


def named_values(lines: Iterable[str], sign: str) -> dict[str, str]:
    """Read lines "name <sign> value"; of several with one name the first counts."""
    values: dict[str, str] = {}
    for line in lines:
        name, found, value = line.partition(sign)
        if found:
            values.setdefault(name.strip(), value.strip())
    return values


def known(**values: Coordinate | None) -> dict[str, Coordinate]:
    """Leave out what a header does not say."""
    return {name: value for name, value in values.items() if value is not None and value != ""}


def complete(
    spectra: Sequence[Spectrum], coordinates: Mapping[str, Coordinate], notes: Sequence[str] = ()
) -> list[Spectrum]:
    """Add to spectra what the header of their file says; what they measured themselves wins."""
    return [
        replace(s, coordinates={**coordinates, **s.coordinates}, notes=list(dict.fromkeys([*s.notes, *notes])))
        for s in spectra
    ]
