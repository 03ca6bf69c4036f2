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
    """Thin, cut, repeat, blank, scale, turn, freeze, round or reverse, several times over."""
    for _ in range(rng.integers(1, 5)):
        count, column = len(frame), rng.choice(frame.columns)
        if count < 2:
            break
        first, last = np.sort(rng.integers(0, count, 2))
        values = frame[column].to_numpy()
        changed = values.copy()
        changed[first] = rng.choice([np.nan, np.inf])
        choices: list[Callable[[], pd.DataFrame]] = [
            lambda count=count: frame.iloc[np.sort(rng.choice(count, max(count // 10, 1), replace=False))],
            lambda first=first, last=last: frame.iloc[first : last + 1],
            lambda first=first, last=last: frame.drop(index=frame.index[first:last]),
            lambda: pd.concat([frame, frame]),
            lambda column=column, changed=changed: frame.assign(**{column: changed}),
            lambda column=column, values=values: frame.assign(**{column: values * 10.0 ** rng.integers(-6, 7)}),
            lambda column=column, values=values: frame.assign(**{column: -values}),
            lambda column=column, values=values: frame.assign(**{column: values[0]}),
            lambda column=column, values=values: frame.assign(**{column: values.round(int(rng.integers(0, 5)))}),
            lambda: frame.iloc[::-1],
            lambda count=count: frame.assign(step=rng.integers(0, 3, count) * 1.0),
        ]
        frame = choices[rng.integers(len(choices))]().reset_index(drop=True)
    return frame


@pytest.mark.parametrize("name", ANALYSES)
def test_there_is_an_answer_or_a_reason(name: str) -> None:
    whole, analyse = ANALYSES[name]
    rng = np.random.default_rng(7)
    answers = 0
    for _ in range(60):
        frame = damage(whole, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DataWarning)
            try:
                result = analyse(frame)
            except dt.InvalidInput as error:
                assert len(str(error)) > 20
                continue
        result.to_dataset()
        result.to_frame()
        answers += 1
    assert 15 <= answers < 60
