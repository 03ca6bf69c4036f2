"""Tables of time, current and voltage in Excel workbooks; each sheet is read like delimited text.

The values of formulas are those that Excel stored last.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidInput, UnreadableFile
from ..places import listed
from .excel import is_workbook, read_sheets
from .measured import Measured, TableReader
from .table_text import table_of_lines


def read_sheet(path: Path, name: str | None = None) -> Measured:
    """Read the table of one sheet, which is named where several hold one.

    Raises
    ------
    UnreadableFile
        If no sheet holds a table, several do and none is named, or the file is damaged or an old .xls.
    InvalidInput
        If there is no sheet of that name.
    MissingExtra
        If openpyxl is not installed.
    """
    sheets = read_sheets(path)
    if name is not None:
        if name not in sheets:
            raise InvalidInput(f"{path} has no sheet {name!r}; there are {listed([*map(repr, sheets)])}")
        return _read(path, name, sheets[name])
    found: dict[str, Measured] = {}
    refused = []
    for title, lines in sheets.items():
        if not lines:
            continue
        try:
            found[title] = _read(path, title, lines)
        except UnreadableFile as error:
            refused.append(str(error))
    if len(found) > 1:
        raise UnreadableFile(
            f"{path}: the sheets {listed([*map(repr, found)])} hold tables; name the one to read by sheet="
        )
    if not found:
        raise UnreadableFile("; ".join(refused) or f"{path}: every sheet is blank")
    (table,) = found.values()
    table.notes += [f"skipped {reason}" for reason in refused]
    return table


def _read(path: Path, title: str, lines: list[str]) -> Measured:
    where = Path(f"{path}, sheet {title!r}")
    if not lines:
        raise UnreadableFile(f"{where}: it is blank")
    return table_of_lines(where, lines)


READER = TableReader("excel", is_workbook, read_sheet)
