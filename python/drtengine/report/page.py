"""One HTML file that shows an analysis, complete in itself."""

from __future__ import annotations

import base64
import io
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..analysis import Analysis, Section, settings_text
from ..errors import require
from ..plot.figures import unit_label
from .figures import section_figures
from .methods import sentence, versions
from .notes import told_once
from .payload import payload, to_script

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS, _MANY, _MOST_DRAWN = 200, 12, 40
_WIDE = 1400
"""Pixels from which a figure stands across the page."""
_EDGE = "peaks at an edge reach out of the measured window: what stands there is extrapolated."


def render(analysis: Analysis, *, made: date | None = None) -> str:
    """Write the report as one HTML file that needs no network.

    Parameters
    ----------
    analysis : Analysis
    made : date, optional
        Printed at the foot; today by default.

    Raises
    ------
    MissingExtra
        If Jinja2 or plotly is not installed.
    """
    check, result, settings = analysis.check, analysis.result, analysis.settings
    text, sources = sentence(analysis)
    several = len(analysis) > 1
    along = analysis.series.label
    return fill(
        "report.html.j2",
        "report.js",
        payload(analysis),
        made,
        title=analysis.title,
        lead=_lead(analysis),
        alarms=_alarms(analysis),
        cards=_cards(analysis),
        verdicts=_verdicts(analysis) if check is not None and several else None,
        several=several,
        count=len(analysis),
        along="number of the spectrum" if analysis.series.along == "spectrum" else along,
        has_processes=analysis.processes is not None,
        process_tables=_process_tables(analysis),
        level=f"{settings.level:g}",
        edge_note=_EDGE,
        sections=[_section(section) for section in analysis.sections],
        files=_files(analysis),
        refused=list(analysis.refused.values()),
        notes=told_once(analysis.notes),
        sentence=text,
        sources=sources,
        options=pairs_table(result.options),
        kk_options=pairs_table(check.options) if check is not None else "",
        toml=settings_only(analysis),
        versions=pairs_table(versions()),
        digests=list(analysis.campaign.sources.items()),
    )


def fill(template: str, script: str, data: Mapping[str, Any], made: date | None, **context: Any) -> str:
    """Fill a template of ours with its style, its script, its data and plotly."""
    require("jinja2", "report")
    require("plotly", "report")
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    library = resources.files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
    return environment.from_string(_asset(template)).render(
        version=__version__,
        date=(made or date.today()).isoformat(),
        css=Markup(_asset("report.css")),
        js=Markup(_asset(script)),
        plotly=Markup(library.replace("</script", "<\\/script")),
        data=Markup(to_script(data)),
        **context,
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def settings_only(analysis: Analysis) -> str:
    """Give the options that were given, as TOML without the explanations of all others."""
    lines = [line for line in settings_text(analysis.settings).split("\n") if line and not line.startswith("#")]
    kept: list[str] = []
    for line, following in itertools.pairwise([*lines, "["]):
        if not (line.startswith("[") and following.startswith("[")):
            kept.append(line)
    return "\n".join(kept) or "# all options at their defaults"


def frame_table(frame: pd.DataFrame, most: int = _MOST_ROWS) -> Any:
    """Write a table as HTML, numbers with four digits and to the right."""
    from markupsafe import Markup, escape

    numeric = [kind.kind in "fiu" for kind in frame.dtypes]
    head = "".join(
        f"<th{' class=n' if number else ''}>{escape(name)}</th>" for name, number in zip(frame, numeric, strict=True)
    )
    rows = []
    for row in frame.head(most).itertuples(index=False):
        cells = (
            f"<td{' class=n' if number else ''}>{escape(_short(value))}</td>"
            for value, number in zip(row, numeric, strict=True)
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = f"<p class=hint>… {len(frame) - most} more rows in the CSV file</p>" if len(frame) > most else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return Markup(f"<div class=scroll>{table}</div>{more}")  # every cell is escaped


_PLAIN = 1e-3, 1e6


def _short(value: Any) -> str:
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            return "–" if np.isnan(value) else "∞"
        number = float(value)
        if number == 0 or _PLAIN[0] <= abs(number) < _PLAIN[1]:
            return np.format_float_positional(float(f"{number:.4g}"), trim="-")
        return f"{value:.3g}"
    return str(value)


def pairs_table(table: Mapping[str, Any]) -> Any:
    """Write names and values as HTML."""
    from markupsafe import Markup, escape

    rows = "".join(
        f"<tr><td>{escape(name)}</td><td class=wrap>{escape(_shown(v))}</td></tr>" for name, v in table.items()
    )
    return Markup(f"<div class=scroll><table><tbody>{rows}</tbody></table></div>")  # escaped


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)


def _lead(analysis: Analysis) -> str:
    campaign = analysis.campaign
    f = campaign.frequency[campaign.is_point & (campaign.frequency > 0)]
    points = campaign.is_point.sum(axis=1)
    many = f"{points.min()}" if np.ptp(points) == 0 else f"{points.min()} to {points.max()}"
    what = f"{len(campaign):,} impedance spectra" if len(campaign) > 1 else "One impedance spectrum"
    files = f" from {len(campaign.sources)} files" if len(campaign.sources) > 1 else ""
    each = " each" if len(campaign) > 1 else ""
    return f"{what}{files}, {many} points{each}, {_short(np.nanmin(f))} to {_short(np.nanmax(f))} Hz."


def _alarms(analysis: Analysis) -> list[str]:
    alarms = []
    check = analysis.check
    if check is not None:
        failed = int((check.verdict == "fail").sum())
        if failed == len(check):
            whom = f"All {failed} spectra fail" if failed > 1 else "The spectrum fails"
            alarms.append(
                f"{whom} the Kramers–Kronig check. What is shown below describes no stationary, linear system."
            )
        elif failed > len(check) / 2:
            alarms.append(f"{failed} of {len(check)} spectra fail the Kramers–Kronig check; do not rely on their γ.")
    lacking = int((~analysis.answered).sum())
    if lacking:
        alarms.append(f"{lacking} of {len(analysis.result)} spectra have no answer; their status says why.")
    left = len(analysis.campaign) - len(analysis.result)
    if left:
        alarms.append(f"{left} spectra that fail the Kramers–Kronig check were left out of the inversion.")
    return alarms


def _cards(analysis: Analysis) -> list[dict[str, str]]:
    result, check = analysis.result, analysis.check
    unit = unit_label(result.unit)
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = 100 * np.sqrt(result.chi2 / result.used.sum(axis=1))
    cards = [(f"{len(analysis):,}", "spectra" if len(analysis) > 1 else "spectrum")]
    if check is not None:
        cards.append((f"{(check.verdict == 'pass').mean():.0%}", "pass Kramers–Kronig"))
    for name, label in (("R_inf", "R∞"), ("R_pol_window", "Rₚₒₗ in the measured window")):
        if span := _span(getattr(result, name)):
            cards.append((f"{span} {unit}", label))
    if np.isfinite(rms).any():
        cards.append((f"{np.nanmedian(rms):.2g} %", "median residual of the inversion"))
    counts = analysis.peaks.count[analysis.answered]
    if counts.size:
        cards.append((f"{np.median(counts):g}", "peaks a spectrum (median)" if len(analysis) > 1 else "peaks"))
    return [{"value": value, "name": name} for value, name in cards]


def _span(values: Any) -> str:
    known = values[np.isfinite(values)]
    if known.size == 0:
        return ""
    low, high = f"{known.min():.3g}", f"{known.max():.3g}"
    return low if low == high else f"{low} … {high}"


def _verdicts(analysis: Analysis) -> dict[str, Any]:
    check = analysis.check
    assert check is not None  # asked by the caller
    runs, first = [], 0
    for verdict, group in itertools.groupby(check.verdict.tolist()):
        count = len(list(group))
        names = analysis.campaign.label(first), analysis.campaign.label(first + count - 1)
        where = names[0] if count == 1 else f"{names[0]} to {names[1]}"
        runs.append({"verdict": verdict, "count": count, "title": f"{where}: {verdict}"})
        first += count
    counts = Counter(check.verdict.tolist())
    doubtful = [
        f"{analysis.campaign.label(i)}: {check.reason[i]}" for i in np.flatnonzero(check.verdict != "pass").tolist()
    ]
    return {
        "runs": runs,
        "counts": [{"name": name, "count": counts.get(name, 0)} for name in ("pass", "warn", "fail")],
        "label": ", ".join(f"{counts.get(name, 0)} {name}" for name in ("pass", "warn", "fail")),
        "doubtful": len(doubtful),
        "total": len(check),
        "reasons": told_once(doubtful)[:_MOST_REASONS],
    }


_MOST_REASONS = 40


def _process_tables(analysis: Analysis) -> list[dict[str, Any]]:
    import pandas as pd

    unit = unit_label(analysis.result.unit)
    tables = []
    table = analysis.processes
    if table is not None:
        rows = []
        for k, (name, (low, high)) in enumerate(table.ranges.items()):
            known = np.isfinite(table.R[:, k])
            least, median, largest = np.percentile(table.R[known, k], [0, 50, 100]) if known.any() else (np.nan,) * 3
            relative = np.median((table.u_R / table.R)[known, k]) if known.any() else np.nan
            rows.append((name, low, high, int(known.sum()), least, median, largest, 100 * relative))
        head = ["process", "from / s", "to / s", "spectra", f"R least / {unit}", f"median / {unit}",
                f"largest / {unit}", "u(R)/R, median / %"]  # fmt: skip
        tables.append({"title": "Named processes", "html": frame_table(pd.DataFrame(rows, columns=head))})
    if len(analysis) > 1:
        summary = analysis.tracks.summary()
        if len(summary) > _MANY:  # the lines that matter first
            summary = summary.sort_values("peaks", ascending=False, kind="stable")
        head = ["line", "branch", "process", "peaks", "gaps", f"{analysis.series.label}, from", "to", "τ from / s",
                "τ to / s", f"R from / {unit}", f"R to / {unit}", "τ median / s", f"R median / {unit}"]  # fmt: skip
        summary.columns = pd.Index(head)
        if not summary["branch"].any():
            summary = summary.drop(columns="branch")
        if not summary["process"].any():
            summary = summary.drop(columns="process")
        loose = analysis.tracks.loose
        some = "; the 40 longest or fewer are drawn" if len(summary) > _MOST_DRAWN else ""
        title = f"Lines of peaks ({len(summary)}; {loose} of {len(analysis.peaks)} peaks are on none{some})"
        tables.append({"title": title, "html": frame_table(summary)})
    return tables


def _section(section: Section) -> dict[str, Any]:
    result = section.result
    figures = []
    for name, figure in section_figures(section):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=200)
        wide = figure.get_size_inches()[0] * 200 > 1000
        figures.append({"name": name, "data": base64.b64encode(buffer.getvalue()).decode("ascii"), "wide": wide})
    return {
        "title": section.title,
        "sources": ", ".join(section.sources),
        "missing": section.missing,
        "lines": [] if result is None else [repr(result).strip("<>").split(": ", 1)[-1] + "."],
        "figures": figures,
        "table": "" if result is None else frame_table(result.to_frame()),
        "notes": told_once(section.notes),
    }


def _files(analysis: Analysis) -> Any:
    """Give a row for each file: what came of it."""
    import pandas as pd

    campaign = analysis.campaign
    if not campaign.sources or "file" not in campaign.coordinates:
        return ""
    rows = []
    for name, members in _by_value(campaign.coordinates["file"].tolist()):
        points = campaign.is_point[members].sum(axis=1)
        f = campaign.frequency[members]
        row: list[Any] = [
            name,
            len(members),
            f"{points.min()}" if np.ptp(points) == 0 else f"{points.min()} to {points.max()}",
        ]
        row += [np.nanmin(f), np.nanmax(f)]
        if analysis.check is not None:
            counts = Counter(analysis.check.verdict[members].tolist())
            row.append(" / ".join(str(counts.get(verdict, 0)) for verdict in ("pass", "warn", "fail")))
        rows.append(row)
    head = ["file", "spectra", "points", "f lowest / Hz", "f highest / Hz"]
    head += ["pass / warn / fail"] if analysis.check is not None else []
    return frame_table(pd.DataFrame(rows, columns=head), most=2000)


def _by_value(values: Sequence[str]) -> Iterable[tuple[str, list[int]]]:
    groups: dict[str, list[int]] = {}
    for number, value in enumerate(values):
        groups.setdefault(value, []).append(number)
    return groups.items()
