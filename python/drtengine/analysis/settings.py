"""All options of an analysis in one place, and the TOML file that holds them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..cv import analyze_cv
from ..cycling import summarize_cycling
from ..drt import fit_drt
from ..errors import InvalidInput, near_miss
from ..gitt import fit_gitt
from ..ici import fit_ici
from ..io import read
from ..kk import KkLimits, check_kk
from ..peaks import find_peaks, track_peaks
from ..peaks.processes import check_processes
from ..warburg import fit_warburg

STAGES: Mapping[str, tuple[Callable[..., Any], str]] = MappingProxyType(
    {
        "read": (read, "How files are read."),
        "kk": (check_kk, "The check of Kramers-Kronig validity."),
        "drt": (fit_drt, "The inversion."),
        "peaks": (find_peaks, "Which maxima of gamma count."),
        "tracks": (track_peaks, "How peaks are followed from spectrum to spectrum."),
        "warburg": (
            fit_warburg,
            "Diffusion in the spectra. D needs an area and a concentration, or what stands below.",
        ),
        "gitt": (fit_gitt, "Titrations. One of sphere_radius, plane_thickness and volume_area is needed."),
        "ici": (fit_ici, "Interrupted currents."),
        "cv": (analyze_cv, "Voltammograms at several scan rates."),
        "cycling": (summarize_cycling, "Charge and discharge cycles."),
    }
)
"""Each table of a file of options: the function whose options it holds, and what it is about."""

_NOT_OPTIONS = {
    *("progress", "n_threads", "processes", "spectra"),
    *("time_s", "current_A", "voltage_V", "step_time_s", "potential_V", "scan_rate_V_s"),
}
"""Arguments that are data, hooks, or stand elsewhere."""
_GENERAL = {
    "title": (str, "Title of the report; the name of the folder or file if left out."),
    "along": (str, "Coordinate that the campaign runs along, such as voltage or cycle; found if left out."),
    "check": (bool, "Whether Kramers-Kronig validity is checked."),
    "drop_invalid": (bool, "Whether spectra that fail this check, and flagged points, are left out of the inversion."),
    "figures": (bool, "Whether figures for print (PNG and SVG) are made."),
    "level": (float, "Probability of the intervals of peaks and processes."),
}
_PARAMETER = re.compile(r"^(?P<names>\w+(?:, \w+)*) : (?P<type>.+)$")


@dataclass(frozen=True)
class Settings:
    """The options of `analyze`, checked by name; values are checked by the functions that use them.

    Parameters
    ----------
    title : str, optional
        Of the report.
    along : str, optional
        Coordinate that the campaign runs along; the first of voltage, soc, cycle and time that runs one way if None.
    check : bool
        Whether Kramers-Kronig validity is checked.
    drop_invalid : bool
        Whether spectra that fail, and flagged points, are left out of the inversion.
    figures : bool
        Whether figures for print are made.
    level : float
        Probability of the intervals of peaks and processes.
    processes : mapping of str to (float, float), optional
        Named ranges of relaxation times in s.
    read, kk, drt, peaks, tracks, warburg, gitt, ici, cv, cycling : mapping of str to value
        Options of `read`, `check_kk`, `fit_drt`, `find_peaks`, `track_peaks`, `fit_warburg`, `fit_gitt`, `fit_ici`,
        `analyze_cv` and `summarize_cycling` by their names; what is not named keeps its default.

    Raises
    ------
    InvalidInput
        For an option that does not exist; the message names the one that was probably meant.
    """

    title: str | None = None
    along: str | None = None
    check: bool = True
    drop_invalid: bool = False
    figures: bool = True
    level: float = 0.95
    processes: Mapping[str, tuple[float, float]] | None = None
    read: Mapping[str, Any] = field(default_factory=dict)
    kk: Mapping[str, Any] = field(default_factory=dict)
    drt: Mapping[str, Any] = field(default_factory=dict)
    peaks: Mapping[str, Any] = field(default_factory=dict)
    tracks: Mapping[str, Any] = field(default_factory=dict)
    warburg: Mapping[str, Any] = field(default_factory=dict)
    gitt: Mapping[str, Any] = field(default_factory=dict)
    ici: Mapping[str, Any] = field(default_factory=dict)
    cv: Mapping[str, Any] = field(default_factory=dict)
    cycling: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (kind, _) in _GENERAL.items():
            value = getattr(self, name)
            wanted = (int, float) if kind is float else kind
            if value is not None and (not isinstance(value, wanted) or (kind is float and isinstance(value, bool))):
                raise InvalidInput(f"{name} must be {_KINDS[kind]}, got {value!r}")
        if self.drop_invalid and not self.check:
            raise InvalidInput("drop_invalid needs the check of Kramers-Kronig validity: leave check=False out")
        ranges = check_processes(self.processes) if self.processes else None  # an empty table names none
        object.__setattr__(self, "processes", ranges and MappingProxyType(ranges))
        for stage in STAGES:
            given = getattr(self, stage)
            if not isinstance(given, Mapping):
                raise InvalidInput(f"{stage} must map names of options to values, got {given!r}")
            for name in given:
                _require_known(name, tuple(options_of(stage)), f"{stage}.")
            object.__setattr__(self, stage, MappingProxyType(dict(given)))  # the class is frozen

    def for_stage(self, stage: str) -> dict[str, Any]:
        """Give the keyword arguments of a stage's function."""
        given = dict(getattr(self, stage))
        if stage == "kk" and isinstance(limits := given.get("limits"), Mapping):
            known = tuple(one.name for one in fields(KkLimits))
            for name in limits:
                _require_known(name, known, "kk.limits.")
            values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in limits.items()}
            given["limits"] = KkLimits(**values)
        return given

    def updated(self, changes: Mapping[str, Any]) -> Settings:
        """Give settings with some options replaced; tables are merged, other values replaced."""
        known = (*_GENERAL, "processes", *STAGES)
        for name in changes:
            _require_known(name, known, "")
        merged: dict[str, Any] = {
            name: {**getattr(self, name), **value} if name in STAGES and isinstance(value, Mapping) else value
            for name, value in changes.items()
        }
        return replace(self, **merged)

    def to_dict(self) -> dict[str, Any]:
        """Give the options that differ from the defaults, as they stand in a file."""
        default = Settings()
        general = {n: getattr(self, n) for n in _GENERAL if getattr(self, n) != getattr(default, n)}
        if self.processes is not None:
            general["processes"] = {name: list(limits) for name, limits in self.processes.items()}
        return general | {stage: dict(given) for stage in STAGES if (given := getattr(self, stage))}


_KINDS = {str: "a string", bool: "true or false", float: "a number"}


def options_of(stage: str) -> dict[str, Any]:
    """Give the options of a stage with their defaults."""
    parameters = inspect.signature(STAGES[stage][0]).parameters.values()
    return {
        p.name: p.default
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name not in _NOT_OPTIONS and not (stage == "tracks" and p.name == "along")
        and not (stage == "peaks" and p.name == "level")
    }  # fmt: skip


def read_settings(path: Path) -> Settings:
    """Read a TOML file of options.

    Raises
    ------
    InvalidInput
        If it cannot be read, or holds an option that does not exist.
    """
    import tomllib

    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be opened: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: not UTF-8, as TOML must be ({error})") from error
    try:
        return Settings().updated(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path}: not TOML: {error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error


def settings_text(settings: Settings | None = None) -> str:
    """Write a TOML file with every option explained: those given stand, the defaults are commented out."""
    settings = settings or Settings()
    given = settings.to_dict()
    lines = [
        "# Options of `drtengine analyze`. Lines that begin with # show the defaults: take the # away to change one.",
        "# Options on the command line go before those here.",
        "",
    ]
    for name, (_, about) in _GENERAL.items():
        lines += _entry(name, getattr(Settings(), name), given.get(name), about)
    lines += ["", "# Processes by their relaxation times in s; a name with a space stands in quotes.", "[processes]"]
    if not given.get("processes"):
        lines += ["# SEI = [0.0, 1e-3]", '# "charge transfer" = [1e-2, 1.0]']
    lines += [f"{_key(name)} = {_value(limits)}" for name, limits in given.get("processes", {}).items()]
    for stage, (function, about) in STAGES.items():
        lines += ["", f"# {about}", f"[{stage}]"]
        documented = dict(_documented(function))
        for name, default in options_of(stage).items():
            lines += _entry(name, default, given.get(stage, {}).get(name), documented.get(name, ""))
    return "\n".join(lines) + "\n"


def _entry(name: str, default: Any, given: Any, about: str) -> list[str]:
    """Lines of one option."""
    comment = [f"# {line}" for line in _wrapped(about)]
    if given is not None:
        return [*comment, f"{_key(name)} = {_value(given)}"]
    shown = "   # (no default)" if default is None else _value(default)
    return [*comment, f"# {name} = {shown}".rstrip()]


def _documented(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Name and explanation of each parameter, from the docstring."""
    lines = (inspect.getdoc(function) or "").split("\n")
    for number, line in enumerate(lines):
        match = _PARAMETER.match(line)
        if match is None:
            continue
        body = []
        for following in lines[number + 1 :]:
            if not following.startswith("    "):
                break
            body.append(following.strip())
        for name in match["names"].split(", "):
            yield name, f"{match['type'].removesuffix(', optional')}. {' '.join(body)}".strip()


def _wrapped(text: str, width: int = 110) -> list[str]:
    import textwrap

    return textwrap.wrap(text.replace("``", "").replace("`", ""), width)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float | int):
        return repr(value)
    raise InvalidInput(f"{value!r} cannot stand in a file of options; give numbers, strings, lists or tables")


def _require_known(name: str, known: tuple[str, ...], where: str) -> None:
    if name not in known:
        raise InvalidInput(f"unknown option '{where}{name}'; {near_miss(name, known)}")
