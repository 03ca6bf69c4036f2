"""What is read of a folder of measured files, and how well: a table for eyes, not a benchmark."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from drtengine import Campaign, DrtengineError, check_kk, read
from drtengine.io.registry import reader_for

HEAD = ("file", "format", "spectra", "points", "coordinates", "noise, %", "pass", "warn", "fail")


def main() -> None:
    """Read every file on its own and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skip", nargs="*", default=[".md", ".json", ".py"], help="suffixes that are left out")
    options = parser.parse_args()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    refused = []
    for path in sorted(options.folder.rglob("*")):
        if not path.is_file() or path.suffix in options.skip:
            continue
        name = str(path.relative_to(options.folder))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                print(f"| {' | '.join([name, *cells(path, read(path))])} |", flush=True)
        except DrtengineError as error:
            refused.append(f"{name}: {str(error).replace(str(options.folder), '').lstrip('/')[:160]}")
    print("\nRefused:\n")
    print("\n".join(f"- {line}" for line in refused))


def cells(path: Path, campaign: Campaign) -> list[str]:
    """Describe what was read of a file."""
    with path.open("rb") as stream:
        reader = reader_for(path, stream.read(8192))
    points = campaign.is_point.sum(axis=1)
    result = check_kk(campaign)
    verdicts = [str(int((result.verdict == verdict).sum())) for verdict in ("pass", "warn", "fail")]
    noise = result.noise[np.isfinite(result.noise)]
    return [
        reader.name if reader else "",
        str(len(campaign)),
        "-".join(dict.fromkeys(str(n) for n in (points.min(), points.max()))),
        ", ".join(name for name in campaign.coordinates if name != "file"),
        f"{100 * np.median(noise):.3g}" if noise.size else "",
        *verdicts,
    ]


if __name__ == "__main__":
    main()
