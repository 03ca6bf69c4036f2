"""Excel .xlsx, through openpyxl: every sheet is read like delimited text.

A sheet without impedance is noted. The values of formulas are those that Excel stored last.
"""

from __future__ import annotations

import io
import zipfile
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
    require("openpyxl", "xlsx")
    import openpyxl

    data = path.read_bytes()
    if data.startswith(_OLD):
        raise UnreadableFile(f"{path} is an old Excel file (.xls), or one with a password; save it as .xlsx or csv")
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UnreadableFile(f"{path}: not an Excel file, or a damaged one ({error})") from error
    spectra: list[Spectrum] = []
    refused = []
    try:
        for sheet in book.worksheets:
            lines = ["\t".join(map(_text, row)) for row in sheet.iter_rows(values_only=True)]
            if not any(line.strip() for line in lines):
                continue
            try:
                found = spectra_of_lines(Path(f"{path}, sheet {sheet.title!r}"), lines)
            except UnreadableFile as error:
                refused.append(str(error))
            else:
                spectra += complete(found, {"sheet": sheet.title})
    finally:
        book.close()
    if not spectra:
        raise UnreadableFile("; ".join(refused) or f"{path}: every sheet is blank")
    return complete(spectra, {}, [f"skipped {reason}" for reason in refused])


def _text(value: Any) -> str:
    """Write a cell as it would stand in a text file."""
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, int | float) else " ".join(str(value).split())


def _recognizes(path: Path, head: bytes) -> bool:
    is_book = head.startswith(b"PK\x03\x04") and (b"[Content_Types].xml" in head or b"xl/" in head)
    return is_book or (head.startswith(_OLD) and path.suffix.lower() in (".xls", ".xlsx"))


READER = Reader(
    name="excel",
    suffixes=(".xlsx", ".xlsm"),
    description="Excel workbooks; needs the extra xlsx",
    recognizes=_recognizes,
    read=read_excel,
)
