"""Records damaged at random: every analysis answers, or says in words what it cannot use."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drtengine as dt
from drtengine import simulate

SPHERE = {"sphere_radius": 5e-6}
TITRATION = simulate.gitt(D=1e-15, count=4, rest=3000.0, **SPHERE).frame
PAUSES = simulate.ici(D=1e-14, count=8, **SPHERE).frame
SWEEPS = simulate.cv(np.array([1, 2, 5]) * 1e-3, lambda E: 1 + E, lambda E: np.exp(-(((E - 0.5) / 0.1) ** 2))).frame

ANALYSES: dict[str, tuple[pd.DataFrame, Callable[[Any], Any]]] = {
    "gitt": (TITRATION, lambda frame: dt.fit_gitt(frame, **SPHERE)),
    "ici": (PAUSES, lambda frame: dt.fit_ici(frame, plane_thickness=1e-5)),
    "cycling": (TITRATION, dt.summarize_cycling),
    "cv": (SWEEPS, dt.analyze_cv),
}


def damage(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Thin, cut, repeat, blank, scale, turn, freeze, round or reverse a record."""
    count, column = len(frame), rng.choice(frame.columns)
    first, last = np.sort(rng.integers(0, count, 2))
    values = frame[column].to_numpy()
    changed = values.copy()
    changed[first] = rng.choice([np.nan, np.inf])
    kinds: list[Callable[[], pd.DataFrame]] = [
        lambda: frame.iloc[np.sort(rng.choice(count, max(count // 10, 1), replace=False))],
        lambda: frame.iloc[first : last + 1],
        lambda: frame.drop(index=frame.index[first:last]),
        lambda: pd.concat([frame, frame]),
        lambda: frame.assign(**{column: changed}),
        lambda: frame.assign(**{column: values * 10.0 ** rng.integers(-6, 7)}),
        lambda: frame.assign(**{column: -values}),
        lambda: frame.assign(**{column: values[0]}),
        lambda: frame.assign(**{column: values.round(int(rng.integers(0, 5)))}),
        lambda: frame.iloc[::-1],
        lambda: frame.assign(step=rng.integers(0, 3, count) * 1.0),
    ]
    return kinds[rng.integers(len(kinds))]().reset_index(drop=True)


@pytest.mark.parametrize("name", ANALYSES)
def test_there_is_an_answer_or_a_reason(name: str) -> None:
    whole, analyse = ANALYSES[name]
    rng = np.random.default_rng(7)
    answers = 0
    for _ in range(60):
        frame = whole
        for _ in range(rng.integers(1, 5)):
            frame = damage(frame, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DataWarning)
            try:
                result = analyse(frame)
            except dt.InvalidInput:
                continue
        result.to_dataset()
        result.to_frame()
        answers += 1
    assert 15 <= answers < 60
