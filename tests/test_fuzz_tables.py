"""Damaged text: `read_table` gives an error of ours or finite columns of one length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drtengine as dt
import test_table_gamry as gamry
import test_tables as tables
from damage import CHANGES, Change, damage
from drtengine.errors import UnreadableFile

ECLAB = "EC-Lab ASCII FILE\nNb header lines : 5\n\nGCPL\nmode\ttime/s\tEwe/V\tI/mA\tcycle number\n" + "".join(
    f"1\t{k}\t{3 + k / 9}\t0,{k}\t1\n".replace(".", ",") for k in range(6)
)
FILES = {
    "layered.csv": tables.LAYERED,
    "bts.csv": tables.BTS,
    "chinese.csv": tables.CHINESE,
    "curves.DTA": gamry.HEAD.format(tag="CV") + gamry.curve("CURVE1", 0) + gamry.curve("CURVE2", 4),
    "cell.mpt": ECLAB,
    "units.txt": "t\tE\tI\ns\tV\tmA\n0\t3\t0\n1\t3.5\t1\n2\t3\t0\n",
    "rates.csv": "scan rate (mV/s),potential_V,current_A\n1,0.1,1\n1,0.2,1\n",
}
TOKENS = st.sampled_from(
    [
        b",",
        b"\t",
        b"\n",
        b'"',
        b"nan",
        b"inf",
        b"1e400",
        b"-",
        b"\xff",
        b"\0",
        b"0:00:01",
        b";",
        b"\r",
        b"1,5",
        b"9" * 400,
    ]
)
INSERTED = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), TOKENS), max_size=4)


@pytest.mark.parametrize("name", FILES)
def test_damaged_text(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    data = FILES[name].encode()
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(data)
    assert len(dt.read_table(path)) >= 2

    @settings(max_examples=60)
    @given(st.one_of(st.just([]), CHANGES), INSERTED)
    def run(changes: list[Change], inserted: list[tuple[float, bytes]]) -> None:
        damaged = damage(data, changes, range(len(data)))
        for where, token in inserted:
            at = int(where * len(damaged))
            damaged = damaged[:at] + token + damaged[at:]
        path.write_bytes(damaged)
        try:
            frame = dt.read_table(path)
        except UnreadableFile as error:
            message = str(error)
            assert str(path) in message
            return
        needed = [column for column in ("time_s", "current_A", "voltage_V") if column in frame]
        assert len(needed) >= 2
        assert np.isfinite(frame[needed].to_numpy()).all()

    run()
