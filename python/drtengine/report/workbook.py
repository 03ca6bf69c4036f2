"""Tables as sheets of one Excel workbook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS, _MOST_COLUMNS = 1_048_575, 16_384
"""What a sheet holds below its heading."""
_WIDEST, _LOOK_AT = 40, 50


def write_workbook(path: Path, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Write a sheet for each table, headings in bold and in sight; cells without a number stay empty.

    Returns
    -------
    list of str
        Tables that a sheet cannot hold.
    """
    import xlsxwriter

    remarks = []
    with xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
                                    "default_date_format": "yyyy-mm-dd hh:mm:ss"}) as book:  # fmt: skip
        bold = book.add_format({"bold": True, "bottom": 1})
        for name, table in tables.items():
            if len(table) > _MOST_ROWS or table.shape[1] > _MOST_COLUMNS:
                remarks.append(f"tables.xlsx lacks {name}, which is larger than a sheet; it stands in its CSV file")
                continue
            sheet = book.add_worksheet(name[:31])
            sheet.freeze_panes(1, 1)
            columns = [_cells(table[column].to_numpy()) for column in table]
            for number, (heading, cells) in enumerate(zip(table, columns, strict=True)):
                width = max(
                    (len(str(cell)[:_WIDEST]) if isinstance(cell, str) else 10 for cell in cells[:_LOOK_AT]), default=0
                )
                sheet.set_column(number, number, max(width, len(str(heading))) + 1)
            sheet.write_row(0, 0, list(map(str, table)), bold)
            for row, values in enumerate(zip(*columns, strict=True), 1):
                sheet.write_row(row, 0, values)
    return remarks


def _cells(values: Any) -> list[Any]:
    """Values as Excel takes them; None where there is none."""
    if values.dtype.kind == "f":
        return [value if known else None for value, known in zip(values.tolist(), np.isfinite(values), strict=True)]
    if values.dtype.kind in "iub":
        return list(values.tolist())
    return [None if value is None else str(value) for value in values.tolist()]
