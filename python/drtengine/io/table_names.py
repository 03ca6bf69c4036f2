"""What the columns of tables of time, current and voltage are called, and in which units they come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .columns import LONGEST_NAME, split_unit

_NAMES = {
    "time": "time t totaltime cumulativetime testtime elapsedtime seconds sec timeelapsed runtime 时间 总时间",
    "step_time": "steptime relativetime recordtime timeinstep 相对时间",
    "current": "current i cur amps amp idc im measuredcurrent currentmean we1current wecurrent 电流",
    "voltage": "voltage potential e ewe ecell volts v u vf ewemean we1potential wepotential potentialapplied 电压",
    "cycle": "cycle cycleindex cyclenumber cyclenr cycleid cycleno cyc cycn cyclecount 循环号 循环序号",
    "step": "step stepindex stepid stepnumber stepno ns 工步号 工步序号",
    "scan_rate": "scanrate sweeprate",
    "temperature": "temperature temp 温度",
    "date": "date datetime datetimestamp absolutetime realtime systemtime timestamp 绝对时间 系统时间",
}
_BY_NAME = {name: quantity for quantity, names in _NAMES.items() for name in names.split()}
COLUMN = {
    "time": "time_s",
    "step_time": "step_time_s",
    "current": "current_A",
    "voltage": "voltage_V",
    "cycle": "cycle",
    "step": "step",
    "scan_rate": "scan_rate_V_s",
    "temperature": "temperature_C",
}
"""Columns of the result by quantity, in their order."""
_EITHER_TIME = ("time", "时间")
"""Names of a time that is that within steps where another column has the total."""
_DIMENSION = {"step_time": "time", "cycle": "number", "step": "number"}
_RATE = re.compile(r"(?P<name>.*?)[\s_]*[(\[/_ ]*(?P<unit>m?v)[\s_/·]*s(?:\^?-1)?[)\]]?$", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """A column of use: where it stands, what it is, and its factor to the unit of the result."""

    index: int
    name: str
    quantity: str
    factor: float


def understand_names(names: Sequence[str]) -> list[Column]:
    """Tell what the columns are; of several for one quantity the first counts."""
    columns: dict[str, Column] = {}
    for index, name in enumerate(names):
        column = understand_name(name.strip(), index)
        if column is not None and column.quantity not in columns:
            columns[column.quantity] = column
        elif column is not None and column.quantity == "time" and _key(columns["time"].name) in _EITHER_TIME:
            # where a total time stands beside it, plain "Time" is that of the step
            columns["step_time"] = Column(
                columns["time"].index, columns["time"].name, "step_time", columns["time"].factor
            )
            columns["time"] = column
    return list(columns.values())


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9\u4e00-\u9fff]", "", split_unit(name)[0].lower().split("(h:")[0])


def understand_name(name: str, index: int) -> Column | None:
    """Tell what one column is; None if it is of no use here."""
    if len(name) > LONGEST_NAME:
        return None
    rate = _RATE.match(name)
    if rate and _BY_NAME.get(re.sub(r"[^a-z]", "", rate["name"].lower())) == "scan_rate":
        return Column(index, name, "scan_rate", 1e-3 if rate["unit"].lower() == "mv" else 1.0)
    bare, unit = split_unit(name)
    if "-" in bare and "ewe" in bare.lower():  # Ewe-Ece is another voltage
        return None
    quantity = _BY_NAME.get(_key(name))
    if quantity is None:
        return None
    if unit is not None and unit[0] != _DIMENSION.get(quantity, quantity):
        return None
    return Column(index, name, quantity, unit[1] if unit else 1.0)
