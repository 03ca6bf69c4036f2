"""Reading impedance files, and tables of time, current and voltage.

`read` turns files into a `drtengine.Campaign`, `to_campaign` what is in memory; each format is a `Reader`. Further
formats join with `register`, or from an installed package through an entry point of the group "drtengine.readers"
that names a `Reader`.
"""

from __future__ import annotations

from . import chinstruments, delimited, eclab, excel, gamry, mpr, relaxis, versastudio, zahner, zplot
from .memory import to_campaign
from .reading import read
from .registry import Reader, readers, register
from .tables import read_table

for _format in (delimited, eclab, mpr, zahner, gamry, zplot, versastudio, relaxis, chinstruments, excel):
    register(_format.READER)

__all__ = ["Reader", "read", "read_table", "readers", "register", "to_campaign"]
