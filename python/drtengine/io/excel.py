"""Excel .xlsx, through openpyxl: every sheet is read like delimited text.

A sheet without impedance is noted. The values of formulas are those that Excel stored last.
"""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..errors import UnreadableFile, require
from ..spectrum import Spectrum
from .delimited import spectra_of_lines
from .metadata import complete
from .registry import Reader

_OLD = b"\xd0\xcf\x11\xe0"


def read_excel(path: Path) -> list[Spectrum]:
    """Read the spectra of all sheets; their name is the coordinate "sheet".

    Raises
    ------
    UnreadableFile
        If no sheet holds impedance, or the file is damaged or an old .xls.
    MissingExtra
        If openpyxl is not installed.
    """
    spectra: list[Spectrum] = []
    refused = []
    for title, lines in read_sheets(path).items():
        if not lines:
            continue
        try:
            found = spectra_of_lines(Path(f"{path}, sheet {title!r}"), lines)
        except UnreadableFile as error:
            refused.append(str(error))
        else:
            spectra += complete(found, {"sheet": title})
    if not spectra:
        raise UnreadableFile("; ".join(refused) or f"{path}: every sheet is blank")
    return complete(spectra, {}, [f"skipped {reason}" for reason in refused])


def read_sheets(path: Path) -> dict[str, list[str]]:
    """Read the sheets of a workbook as lines of cells with tabs between; none of a blank one.

    Raises
    ------
    UnreadableFile
        If the file is damaged or an old .xls.
    MissingExtra
        If openpyxl is not installed.
    """
    require("openpyxl", "xlsx")
    import openpyxl

    data = path.read_bytes()
    if data.startswith(_OLD):
        raise UnreadableFile(f"{path} is an old Excel file (.xls), or one with a password; save it as .xlsx or csv")
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UnreadableFile(f"{path}: not an Excel file, or a damaged one ({error})") from error
    sheets = {}
    try:
        for sheet in book.worksheets:
            lines = ["\t".join(map(_text, row)) for row in sheet.iter_rows(values_only=True)]
            while lines and not lines[-1].strip():
                lines.pop()
            sheets[sheet.title] = lines
    finally:
        book.close()
    return sheets


def _text(value: Any) -> str:
    """Write a cell as it would stand in a text file; times beyond a day as days and clock."""
    if value is None:
        return ""
    if isinstance(value, timedelta):
        clock = timedelta(seconds=value.seconds, microseconds=value.microseconds)
        return f"{value.days}-{clock}"
    return repr(float(value)) if isinstance(value, int | float) else " ".join(str(value).split())


def is_workbook(path: Path, head: bytes) -> bool:
    """Whether a file is an Excel workbook, also an old one that cannot be read."""
    is_book = head.startswith(b"PK\x03\x04") and (b"[Content_Types].xml" in head or b"xl/" in head)
    return is_book or (head.startswith(_OLD) and path.suffix.lower() in (".xls", ".xlsx"))


READER = Reader(
    name="excel",
    suffixes=(".xlsx", ".xlsm"),
    description="Excel workbooks; needs the extra xlsx",
    recognizes=is_workbook,
    read=read_excel,
)
