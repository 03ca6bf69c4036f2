"""Excel workbooks for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest


def workbook(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    """Write sheets, each of rows of cells."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path
