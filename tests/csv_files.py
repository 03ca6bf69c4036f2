"""CSV files as they were written, to the last bit; pandas rounds by default, and changes how it is told not to."""

from pathlib import Path

import pandas as pd


def read_exactly(path: Path) -> pd.DataFrame:
    """Read a table; every column that holds numbers alone becomes one of floats."""
    frame = pd.read_csv(path, dtype=str)
    for name in frame:
        try:
            frame[name] = frame[name].astype(float)
        except ValueError:
            continue
    return frame
