"""Mutated files of every reader are read or refused, never worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtengine.io import read
from fuzz_readers import SEEDS, fuzz, outcome


@pytest.mark.filterwarnings("ignore:.*uncalibrated")
@pytest.mark.parametrize("reader", list(SEEDS))
def test_seeds_are_sound(tmp_path: Path, reader: str) -> None:
    for name, text in SEEDS[reader]:
        assert outcome(tmp_path / name, text.encode(), reader).startswith("read")
        assert outcome(tmp_path / name, text.encode(), None).startswith("read")
        assert read(tmp_path / name).Z.shape[1] >= 3


@pytest.mark.parametrize("reader", list(SEEDS))
def test_mutated_files(tmp_path: Path, reader: str) -> None:
    outcomes = fuzz(reader, 290, 2, tmp_path)
    assert outcomes["refused"] > 0
    assert sum(outcomes.values()) - outcomes["refused"] > 50
