"""Tables of a chunk: what each spectrum is and how it came out, its peaks, its processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tables
from ..errors import Status, UnreadableFile
from ..peaks import find_peaks, integrate_processes
from ..points import explain, measured_window
from ..result import DrtResult
from .manifest import write_whole

if TYPE_CHECKING:
    import pandas as pd

Limits = Mapping[str, tuple[float, float]]


def spectra_frame(result: DrtResult, start: int) -> pd.DataFrame:
    """One row a spectrum: number, name, coordinates, status, and the reason where it is not OK."""
    import pandas as pd

    campaign = result.campaign
    reasons = np.full(len(result), "", dtype=object)
    for i in np.flatnonzero(result.status != Status.OK):
        told = explain(campaign, int(i), Status(result.status[i]), result.used)
        reasons[i] = told.removeprefix(f"{campaign.label(int(i))}: ")
    columns: dict[str, Any] = {"spectrum": np.arange(start, start + len(result))}
    columns["name"] = np.array([campaign.label(i) for i in range(len(result))], dtype=object)
    for name, column in tables.columns(campaign.coordinates, (*tables.TAKEN, "reason")).items():
        columns[column] = campaign.coordinates[name]
    names = {status.value: status.name for status in Status}
    columns["status"] = np.array([names[s] for s in result.status.tolist()], dtype=object)
    columns["reason"] = reasons
    return pd.DataFrame(columns)


def peaks_frame(result: DrtResult, start: int, processes: Limits | None) -> pd.DataFrame:
    """One row a peak, as `Peaks.to_frame` has it, with numbers of spectra from `start` on."""
    frame = find_peaks(result, processes=processes).to_frame()
    frame["spectrum"] += start
    return frame


def processes_frame(result: DrtResult, start: int, processes: Limits) -> pd.DataFrame:
    """One row for each spectrum and process, as `Processes.to_frame` has it.

    A range that no spectrum of the chunk has measured is NaN, as it is where some other spectrum has.
    """
    import pandas as pd

    low, high = measured_window(result.frequency, result.used)
    measured = {
        name: limits
        for name, limits in processes.items()
        if not (np.fmax(limits[0], low) >= np.fmin(limits[1], high)).all()
    }
    frame = integrate_processes(result, measured or {"": (0.0, np.inf)}).to_frame()
    absent = [name for name in processes if name not in measured]
    if absent:
        template = frame.drop_duplicates("spectrum").copy()
        numbers = [c for c in ("R", "u_R", "R_low", "R_high", "share", "extrapolated") if c in template]
        template[numbers] = np.nan
        blank = [template.assign(process=n, tau_from=processes[n][0], tau_to=processes[n][1]) for n in absent]
        frame = pd.concat([frame[frame["process"] != ""], *blank], ignore_index=True)
        order = list(processes)
        place = frame["process"].map(order.index)
        frame = frame.assign(_place=place).sort_values(["spectrum", "_place"], kind="stable").drop(columns="_place")
    frame["spectrum"] += start
    return frame


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all; text stays text where there is no row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name in frame.columns:
        values = frame[name].to_numpy()
        columns[str(name)] = pa.array(values, pa.string()) if values.dtype.kind in "OUT" else pa.array(values)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    write_whole(path, sink.getvalue().to_pybytes())


def read_frames(paths: list[Path]) -> pd.DataFrame:
    """Read tables and put them one below the other.

    Raises
    ------
    UnreadableFile
        If one is damaged.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    read = []
    for path in paths:
        try:
            read.append(pq.read_table(path))
        except (OSError, pa.ArrowException) as error:
            raise UnreadableFile(
                f"{path} is damaged ({error}); BatchStore.verify(withdraw=True) takes damaged chunks out, and "
                "run_batch computes them again"
            ) from error
    if not read:
        return pd.DataFrame()
    frame: pd.DataFrame = pa.concat_tables(read).to_pandas()
    return frame
