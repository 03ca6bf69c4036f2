"""What the page draws: arrays as base64 of float32, and the rest as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis import Analysis
from ..basis import between_nodes
from ..errors import Status
from ..series import Series
from ..spectrum import FloatArray, IntArray

_POINTS_PER_NODE = 2
_MOST_WORDS = 40
"""Different texts up to which a coordinate of text is worth a column."""


def payload(analysis: Analysis) -> dict[str, Any]:
    """Give everything that the script of the page needs, ready for JSON.

    Spectra are numbered as in `analysis.campaign`; where one was not inverted, its numbers are NaN.
    """
    campaign, result, kept = analysis.campaign, analysis.result, analysis.kept
    count = len(campaign)
    tau = between_nodes(result.tau, _POINTS_PER_NODE)
    area = result.options.get("area")
    grids, grid = np.unique(campaign.frequency, axis=0, return_inverse=True, equal_nan=True)
    Z = campaign.Z if area is None else campaign.Z * area
    fit = _fit_where_measured(analysis)
    arrays = {
        "tau": tau,
        "gamma": _spread(result.evaluate(tau), kept, count),
        "node_tau": result.tau,
        "node_gamma": _spread(result.gamma, kept, count),
        "frequency": grids,
        "Z_real": Z.real,
        "Z_imag": Z.imag,
        "fit_real": fit.real,
        "fit_imag": fit.imag,
    }
    if result.gamma_low is not None:
        low, high = result.evaluate_band(tau)
        arrays |= {"gamma_low": _spread(low, kept, count), "gamma_high": _spread(high, kept, count)}
    check = analysis.check
    if check is not None:
        arrays |= {"kk_real": check.residual.real, "kk_imag": check.residual.imag}
    window = _window(analysis)
    return {
        "unit": "Ω" if result.unit == "ohm" else "Ω cm²",
        "names": [campaign.label(i) for i in range(count)],
        "grid": np.asarray(grid).ravel().tolist(),
        "coordinates": _coordinates(analysis),
        "series": _series(analysis.series, kept),
        "groups": _groups(analysis),
        "top": gamma_top(analysis),
        "window": {"low": _numbers(window[:, 0]), "high": _numbers(window[:, 1])},
        "used": _bits(_used(analysis)),
        "flagged": None if check is None else _bits(check.flagged),
        "status": _words([*_statuses(analysis)]),
        "verdict": None if check is None else check.verdict.tolist(),
        "reason": None if check is None else _words(list(check.reason)),
        "numbers": {
            name: _numbers(_spread(values, kept, count))
            for name, values in _per_spectrum(analysis).items()
            if np.isfinite(values).any()
        },
        "method": _words(_spread_words(result.method, kept, count)),
        "peaks": _peaks(analysis),
        "tracks": _tracks(analysis),
        "processes": _processes(analysis),
        "arrays": {name: encode(values) for name, values in arrays.items()},
    }


def gamma_top(analysis: Analysis) -> float:
    """Where the colours of a map end: the highest gamma in the window, of spectra that are valid, but for outliers."""
    result, check = analysis.result, analysis.check
    highest = np.where(result.in_window & np.isfinite(result.gamma), result.gamma, 0.0).max(axis=1)
    if check is not None and (valid := check.verdict[analysis.kept] != "fail").any():
        highest = highest[valid]
    return float(min(highest.max(initial=0.0), _BEYOND * np.percentile(highest, _MOST))) or 1.0


_MOST, _BEYOND = 95, 1.5
"""Colours end no higher than this factor above this percentile of the spectra."""


def to_script(data: Mapping[str, Any]) -> str:
    """Write JSON that may stand inside a script element whatever is in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def encode(values: NDArray[Any]) -> dict[str, Any]:
    """Give an array as base64 of little-endian float32, with its shape."""
    raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
    return {"shape": list(values.shape), "data": base64.b64encode(raw).decode("ascii")}


def _spread(values: NDArray[Any], kept: IntArray, count: int) -> FloatArray:
    """Put rows of the kept spectra to their places among all."""
    everywhere = np.full((count, *values.shape[1:]), np.nan)
    everywhere[kept] = values
    return everywhere


def _spread_words(values: NDArray[np.str_], kept: IntArray, count: int) -> list[str]:
    words = [""] * count
    for place, word in zip(kept, values.tolist(), strict=True):
        words[place] = word
    return words


def _fit_where_measured(analysis: Analysis) -> NDArray[np.complex128]:
    """Give the model at the points of the campaign [spectrum, point]; points that were left out have none."""
    campaign, result = analysis.campaign, analysis.result
    fit = np.full(campaign.Z.shape, complex(np.nan, np.nan))
    if result.frequency.shape == campaign.frequency[analysis.kept].shape and np.array_equal(
        result.frequency, campaign.frequency[analysis.kept], equal_nan=True
    ):
        fit[analysis.kept] = result.Z_fit
        return fit
    for row, place in enumerate(analysis.kept):  # points that were left out have moved the others
        _, here, there = np.intersect1d(campaign.frequency[place], result.frequency[row], return_indices=True)
        fit[place, here] = result.Z_fit[row, there]
    return fit


def _used(analysis: Analysis) -> NDArray[np.bool_]:
    campaign, result = analysis.campaign, analysis.result
    used = np.zeros(campaign.Z.shape, dtype=bool)
    for row, place in enumerate(analysis.kept):
        used[place] = np.isin(campaign.frequency[place], result.frequency[row][result.used[row]])
    return used


def _window(analysis: Analysis) -> FloatArray:
    """Relaxation times between which a spectrum measured [spectrum, 2]."""
    inside = np.where(analysis.result.used, analysis.result.frequency, np.nan)
    inside = np.where(inside > 0, inside, np.nan)
    low, high = np.fmin.reduce(inside, axis=1), np.fmax.reduce(inside, axis=1)
    ends = np.stack([1 / (2 * np.pi * high), 1 / (2 * np.pi * low)], axis=1)
    return _spread(ends, analysis.kept, len(analysis.campaign))


def _statuses(analysis: Analysis) -> list[str]:
    words = ["left out"] * len(analysis.campaign)
    for place, status in zip(analysis.kept, analysis.result.status, strict=True):
        words[place] = Status(status).name.lower().replace("_", " ")
    return words


def _per_spectrum(analysis: Analysis) -> dict[str, FloatArray]:
    result = analysis.result
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(result.chi2 / result.used.sum(axis=1))
    names = "R_inf", "u_R_inf", "R_pol", "u_R_pol", "R_pol_window", "u_R_pol_window", "L_0", "C_0", "lambda_"
    numbers = {name: np.asarray(getattr(result, name)) for name in names}
    return numbers | {"residual": rms}


def _coordinates(analysis: Analysis) -> list[dict[str, Any]]:
    """Coordinates that tell spectra apart, with their values."""
    found: list[dict[str, Any]] = []
    for name, values in analysis.campaign.coordinates.items():
        if values.dtype.kind == "M":
            found.append({"name": name, "values": _words([str(v)[:19] for v in values])})
        elif values.dtype.kind == "f":
            if np.unique(values[np.isfinite(values)]).size > 1:
                found.append({"name": name, "numbers": _numbers(values)})
        elif 1 < np.unique(values).size <= _MOST_WORDS or name == "file":
            found.append({"name": name, "values": _words(values.tolist())})
    return found


def _series(series: Series, kept: IntArray) -> dict[str, Any]:
    return {
        "along": series.along,
        "label": series.label,
        "branches": [
            {
                "name": branch.name,
                "spectra": kept[branch.spectra].tolist(),
                "values": _numbers(branch.values),
                "falling": branch.falling,
            }
            for branch in series.branches
        ],
    }


def _groups(analysis: Analysis) -> list[dict[str, Any]]:
    """Give runs of spectra of one file, where the campaign runs along the number of the spectrum."""
    files = analysis.campaign.coordinates.get("file")
    if files is None or analysis.series.along != "spectrum":
        return []
    files = files[analysis.kept]
    starts = np.flatnonzero(np.concatenate([[True], files[1:] != files[:-1]]))
    if not 1 < starts.size <= _MOST_WORDS:
        return []
    ends = np.append(starts[1:], files.size)
    names = [str(name).rsplit(".", 1)[0] for name in files[starts]]
    return [
        {"from": int(start), "to": int(end), "name": name}
        for start, end, name in zip(starts, ends, _distinct(names), strict=True)
    ]


def _distinct(names: Sequence[str]) -> list[str]:
    """Names without the words that all of them begin or end with."""
    parts = [name.split("_") for name in names]
    shortest = min(map(len, parts))
    begin = next((k for k in range(shortest) if len({part[k] for part in parts}) > 1), 0)
    end = next((k for k in range(shortest - begin) if len({part[-1 - k] for part in parts}) > 1), 0)
    return ["_".join(part[begin : len(part) - end]) or name for part, name in zip(parts, names, strict=True)]


def _peaks(analysis: Analysis) -> dict[str, Any]:
    peaks = analysis.peaks
    names = "tau", "u_tau", "gamma", "R", "u_R", "R_low", "R_high", "C", "tau_low", "tau_high", "width"
    return {
        "spectrum": analysis.kept[peaks.spectrum].tolist(),
        "track": analysis.tracks.track.tolist(),
        "edge": peaks.at_edge.astype(int).tolist(),
        "process": peaks.process.tolist(),
        **{name: _numbers(getattr(peaks, name)) for name in names},
    }


def _tracks(analysis: Analysis) -> list[dict[str, Any]]:
    tracks = analysis.tracks
    return [
        {"branch": int(branch), "process": tracks.process(number), "peaks": tracks.members(number).tolist()}
        for number, branch in enumerate(tracks.branch)
    ]


def _processes(analysis: Analysis) -> list[dict[str, Any]]:
    table = analysis.processes
    if table is None:
        return []
    count = len(analysis.campaign)
    return [
        {
            "name": name,
            "limits": [None if not np.isfinite(end) else float(end) for end in table.limits[k]],
            **{n: _numbers(_spread(getattr(table, n)[:, k], analysis.kept, count)) for n in ("R", "R_low", "R_high")},
        }
        for k, name in enumerate(table.names)
    ]


def _numbers(values: NDArray[Any]) -> list[float | None]:
    """Give numbers with five digits, None where there is none."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values.tolist()]


def _words(values: list[str]) -> dict[str, Any]:
    """Give texts each once, and which of them stands where."""
    different = list(dict.fromkeys(values))
    place = {word: number for number, word in enumerate(different)}
    return {"words": different, "at": [place[word] for word in values]}


def _bits(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Give a mask as base64 of its bits, row by row."""
    packed = np.packbits(mask, axis=1, bitorder="little")
    return {"row": packed.shape[1], "data": base64.b64encode(packed.tobytes()).decode("ascii")}
