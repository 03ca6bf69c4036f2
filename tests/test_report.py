"""Reports: what is in the folder, that it is whole, and that the page says what the analysis says."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
import xarray as xr

import drtengine as dt
from drtengine import report, simulate
from drtengine.analysis import Settings, read_settings
from drtengine.report import methods, writing
from drtengine.report.figures import longest
from drtengine.report.payload import gamma_top, payload, to_script
from test_analysis import SPHERE, campaign, spectrum, write_csv

PROCESSES = {"fast": (1e-3, 0.1), "slow": (0.1, 10.0)}
DAY = date(2026, 1, 2)


@pytest.fixture(scope="module")
def analysis() -> dt.Analysis:
    data = campaign(5, drifting=(3,))
    return dt.analyze(data, drt={"method": "log", "band": 0.95}, processes=PROCESSES, title="five <cells>")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def decoded(given: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.frombuffer(base64.b64decode(given["data"]), "<f4").reshape(given["shape"])


def text_of(page: str) -> str:
    body = page.split("<main>")[1].split("</main>", maxsplit=1)[0]
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


# the folder


@pytest.mark.usefixtures("quick")
def test_the_folder_holds_everything(analysis: dt.Analysis, tmp_path: Path) -> None:
    assert dt.write_report(analysis, tmp_path / "a" / "out", made=DAY) == []
    out = tmp_path / "a" / "out"
    tables = {"summary", "gamma", "kk", "kk_residuals", "peaks", "lines", "processes"}
    figures = {"nyquist", "gamma_map", "waterfall", "tracks", "processes", "kk_map"}
    assert files(out) == {
        *("report.html", "analysis.json", "options.toml", "drt.nc", "kk.nc", "tables.xlsx"),
        *(f"tables/{name}.csv" for name in tables),
        *(f"figures/{name}.{suffix}" for name in figures for suffix in ("png", "svg")),
    }
    assert files(tmp_path) == {f"a/out/{name}" for name in files(out)}  # nothing is left of the work
    loaded = dt.load(out / "drt.nc")
    assert isinstance(loaded, dt.DrtResult)
    np.testing.assert_array_equal(loaded.gamma, analysis.result.gamma)
    assert read_settings(out / "options.toml") == analysis.settings
    summary = pd.read_csv(out / "tables" / "summary.csv")
    np.testing.assert_array_equal(summary["R_pol"], analysis.result.R_pol)


@pytest.mark.usefixtures("quick")
def test_the_workbook_holds_the_tables(analysis: dt.Analysis, tmp_path: Path) -> None:
    dt.write_report(analysis, tmp_path / "out")
    book = openpyxl.load_workbook(tmp_path / "out" / "tables.xlsx")
    assert book.sheetnames == ["summary", "kk", "peaks", "lines", "processes", "gamma"]
    for name, table in writing.tables_of(analysis).items():
        if name in book.sheetnames and name != "gamma":
            rows = list(book[name].values)
            assert list(rows[0]) == list(table)
            assert len(rows) == len(table) + 1
    rows = list(book["gamma"].values)
    assert [row[0] for row in rows[1:]] == list(analysis.campaign.names or ())
    np.testing.assert_allclose(np.array([row[1:] for row in rows[1:]], dtype=float), analysis.result.gamma, rtol=1e-15)


@pytest.mark.usefixtures("quick")
def test_texts_are_no_formulas_and_nan_is_an_empty_cell(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["=1+1", "http://x"], "value": [np.nan, 2.0], "ok": [True, False]})
    assert report.workbook.write_workbook(tmp_path / "t.xlsx", {"t": table}) == []
    rows = list(openpyxl.load_workbook(tmp_path / "t.xlsx")["t"].values)
    assert rows == [("name", "value", "ok"), ("=1+1", None, True), ("http://x", 2, False)]
    cell = openpyxl.load_workbook(tmp_path / "t.xlsx")["t"]["A2"]
    assert cell.data_type == "s"


@pytest.mark.usefixtures("quick")
def test_an_earlier_report_is_brought_up_to_date(analysis: dt.Analysis, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dt.write_report(analysis, out)
    (out / "mine.txt").write_text("keep")
    dt.write_report(dt.analyze(spectrum(0), check=False, figures=False), out)
    assert files(out) == {
        *("report.html", "analysis.json", "options.toml", "drt.nc", "tables.xlsx", "mine.txt"),
        *("tables/summary.csv", "tables/gamma.csv", "tables/peaks.csv", "tables/lines.csv"),
    }


def test_folders_of_others_are_refused_unless_forced(analysis: dt.Analysis, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("text")
    with pytest.raises(dt.InvalidInput, match=r"has files in it but no analysis.json.*--force"):
        dt.write_report(analysis, tmp_path)
    assert files(tmp_path) == {"thesis.tex"}
    with pytest.raises(dt.InvalidInput, match="is a file"):
        dt.write_report(analysis, tmp_path / "thesis.tex")
    plain = dt.analyze(spectrum(0), check=False, figures=False)
    dt.write_report(plain, tmp_path, force=True)
    assert {"thesis.tex", "report.html"} <= files(tmp_path)


def test_a_manifest_cannot_reach_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "precious").touch()
    names = ["../precious", str(tmp_path / "precious"), "old.csv"]
    (tmp_path / "out" / "analysis.json").write_text(json.dumps({"files": names}))
    assert writing.check_folder(tmp_path / "out") == {"old.csv"}


@pytest.mark.usefixtures("quick")
def test_what_fails_on_the_way_leaves_nothing(
    analysis: dt.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "render", broken)
    with pytest.raises(dt.InvalidInput, match=r"cannot write to .*No space left on device"):
        dt.write_report(analysis, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_extras_that_are_missing_are_named(
    analysis: dt.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    remarks = dt.write_report(analysis, tmp_path / "out")
    assert len(remarks) == 2
    assert "drtengine[report]" in remarks[0]
    assert "drtengine[plot]" in remarks[1]
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(dt.MissingExtra, match=r"drtengine\[report\]"):
        dt.write_report(analysis, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("quick")
def test_sections_have_files_of_their_own(tmp_path: Path) -> None:
    write_csv(tmp_path / "eis.csv", 0)
    for name in ("one", "two"):
        simulate.gitt(D=1e-15, count=4, **SPHERE).frame.to_csv(tmp_path / f"{name}.csv", index=False)
    analysis = dt.analyze(tmp_path, gitt=SPHERE)
    dt.write_report(analysis, tmp_path / "out")
    for name in ("gitt", "gitt_2"):
        assert {f"{name}.nc", f"tables/{name}.csv", f"figures/{name}_titration.png"} <= files(tmp_path / "out")
        with xr.open_dataset(tmp_path / "out" / f"{name}.nc", engine="h5netcdf") as dataset:
            np.testing.assert_allclose(dataset["D"], 1e-15, rtol=1e-3)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Titration (GITT) · one.csv" in text_of(page)
    assert "10.1149/1.2133112" in page


# the page


def test_the_page_is_complete_and_the_same_every_time(analysis: dt.Analysis) -> None:
    page = report.render(analysis, made=DAY)
    assert page == report.render(analysis, made=DAY)
    assert "2026-01-02" in page
    shell = re.sub(r"<script[\s\S]*?</script>", "", page)
    assert not re.search(r'(src|href)="(?!data:|#|https://doi\.org/)', shell)  # nothing is loaded
    assert "@import" not in shell
    assert "<cells>" not in shell
    assert "five &lt;cells&gt;" in shell


def test_the_page_draws_what_was_found(analysis: dt.Analysis) -> None:
    data = data_of(report.render(analysis))
    result = analysis.result
    np.testing.assert_allclose(decoded(data["arrays"]["node_gamma"]), result.gamma, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(decoded(data["arrays"]["fit_real"]), result.Z_fit.real, rtol=1e-6)
    np.testing.assert_allclose(decoded(data["arrays"]["frequency"]), result.frequency[:1], rtol=1e-6)
    tau = decoded(data["arrays"]["tau"]).astype(float)
    np.testing.assert_allclose(decoded(data["arrays"]["gamma_low"]), result.evaluate_band(tau)[0], rtol=1e-4, atol=1e-5)
    assert data["verdict"] == ["pass", "pass", "pass", "fail", "pass"]
    np.testing.assert_allclose(data["numbers"]["R_inf"], result.R_inf, rtol=1e-4)
    assert data["processes"][0]["R"] == pytest.approx(list(analysis.processes.R[:, 0]), rel=1e-4)  # type: ignore[union-attr]
    assert data["series"]["branches"][0]["values"] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_the_numbers_of_spectra_are_those_of_the_campaign_where_some_were_left_out() -> None:
    analysis = dt.analyze(campaign(4, drifting=(1,)), drop_invalid=True)
    data = payload(analysis)
    assert data["status"]["words"][data["status"]["at"][1]] == "left out"
    gamma = decoded(data["arrays"]["node_gamma"])
    assert np.isnan(gamma[1]).all()
    np.testing.assert_allclose(gamma[[0, 2, 3]], analysis.result.gamma, rtol=1e-6, atol=1e-30)
    assert data["series"]["branches"][0]["spectra"] == [0, 2, 3]
    assert set(data["peaks"]["spectrum"]) == {0, 2, 3}
    fit, Z = (decoded(data["arrays"][name]) for name in ("fit_real", "Z_real"))
    assert np.isnan(fit[1]).all()
    np.testing.assert_allclose(fit[[0, 2, 3]], Z[[0, 2, 3]], rtol=0.03)


def test_mixed_grids_stand_at_their_own_frequencies() -> None:
    grids = [np.geomspace(1e4, 1e-2, n) for n in (50, 40, 50)]
    mixed = dt.Campaign.from_spectra([spectrum(k, frequency=f) for k, f in enumerate(grids)])
    data = payload(dt.analyze(mixed))
    frequency = decoded(data["arrays"]["frequency"])
    for k, grid in enumerate(grids):
        row = frequency[data["grid"][k]]
        np.testing.assert_allclose(row[np.isfinite(row)], grid, rtol=1e-6)


def test_a_branch_each_side_by_side() -> None:
    truth = simulate.standin()
    data = payload(dt.analyze(truth.campaign, drt={"method": "ridge", "capacitance": True}))
    names = [(branch["name"], branch["falling"]) for branch in data["series"]["branches"]]
    assert names == [("discharge", True), ("charge", False)]


def test_what_stands_in_a_script_cannot_leave_it() -> None:
    given = {"name": "</script><script>alert(1)</script> & <!--"}
    text = to_script(given)
    assert not set("<>&") & set(text)
    assert json.loads(text) == given


def test_alarms_are_raised_where_spectra_fail(analysis: dt.Analysis) -> None:
    page = text_of(report.render(dt.analyze(campaign(3, drifting=(0, 1, 2)))))
    assert "All 3 spectra fail the Kramers–Kronig check" in page
    assert "All" not in text_of(report.render(analysis)).split("spectra fail")[0][-20:]


def test_colours_do_not_follow_spectra_that_fail() -> None:
    data = campaign(6, drifting=(5,))
    Z = data.Z.copy()
    Z[5] *= 100
    scaled = dt.Campaign(data.frequency, Z, data.coordinates, data.names)
    found = dt.analyze(scaled)
    assert gamma_top(found) < 2 * found.result.gamma[:5].max()
    assert found.result.gamma[5].max() > 20 * gamma_top(found)


def test_what_was_not_read_is_told(tmp_path: Path) -> None:
    write_csv(tmp_path / "eis.csv", 0)
    (tmp_path / "odd.csv").write_text("frequency,Z',Z''\n1,2\n")
    page = text_of(report.render(dt.analyze(tmp_path)))
    assert "Not read (1)" in page
    assert "odd.csv, line 2" in page


# the methods section


@pytest.mark.parametrize(
    ("options", "dois", "words"),
    [
        ({"method": "ridge"}, ("10.1016/j.electacta.2014.09.058",), ("ridge regression", "λ chosen by evidence")),
        ({"method": "ridge", "lambda_": 1e-3, "weights": "modulus"}, (), ("λ fixed", "modulus weights")),
        ({"method": "log", "f_min": 0.1, "area": 2.0}, ("10.1162/neco.1992.4.3.415",), ("f ≥ 0.1 Hz", "area 2 cm²")),
        ({"method": "elements"}, ("10.1016/0032-3861(67)90021-3",), ("Havriliak–Negami",)),
    ],
)
def test_the_sentence_says_what_was_done(
    options: dict[str, Any], dois: tuple[str, ...], words: tuple[str, ...]
) -> None:
    text, sources = methods.sentence(dt.analyze(campaign(2), drt=options))
    assert set(dois) <= {doi for doi, _ in sources}
    assert all(word in text for word in words)
    assert "(2 of 2 passed)" in text
    numbers = {int(number) for group in re.findall(r"\[([\d, ]+)\]", text) for number in group.split(", ")}
    assert numbers == set(range(1, len(sources) + 1))
    assert f"drtengine {dt.__version__}" in text


def test_the_sentence_without_a_check() -> None:
    text, sources = methods.sentence(dt.analyze(spectrum(0), check=False, drt={"method": "log"}))
    assert text.startswith("The impedance spectrum (0.01 to 10000 Hz) was inverted")
    assert "10.1149/1.2044210" not in {doi for doi, _ in sources}


# parts


def test_the_longest_lines_keep_their_peaks() -> None:
    tracks = dt.analyze(simulate.standin().campaign, drt={"method": "ridge"}).tracks
    few = longest(tracks, 2)
    counts = [np.count_nonzero(tracks.track == line) for line in range(len(tracks))]
    for branch in (0, 1):
        kept = sorted(np.count_nonzero(few.track == line) for line in np.flatnonzero(few.branch == branch))
        best = sorted(counts[line] for line in np.flatnonzero(tracks.branch == branch))[-2:]
        assert kept == best
    everything = longest(tracks, 10**6)
    np.testing.assert_array_equal(everything.track, tracks.track)


# two side by side


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    base = tmp_path_factory.mktemp("two")
    settings = Settings(drt={"method": "ridge"}, processes=PROCESSES, figures=False)
    for name, scale in (("a", 1.0), ("b", 2.0)):
        data = campaign(4)
        twice = dt.Campaign(data.frequency, scale * data.Z, data.coordinates, data.names)
        dt.write_report(dt.analyze(twice, settings, title=f"cell {name}"), base / name)
    return lambda name: base / name


@pytest.mark.usefixtures("quick")
def test_two_campaigns_side_by_side(folders: Callable[[str], Path], tmp_path: Path) -> None:
    found = dt.compare(folders("a"), folders("b"))
    assert (found.a.name, found.b.name, found.a.along) == ("cell a", "cell b", "voltage")
    np.testing.assert_allclose(found.difference["gamma_b"], 2 * found.difference["gamma_a"], rtol=1e-6, atol=1e-8)
    table = found.to_frame().set_index("quantity")
    assert list(table.index) == ["R_inf", "R_pol", "R_pol_window", "fast", "slow"]
    np.testing.assert_allclose(table["ratio_of_medians"], 0.5, rtol=1e-6)
    dt.write_comparison(found, tmp_path / "out", made=DAY)
    assert files(tmp_path / "out") == {
        *("report.html", "analysis.json", "difference.nc", "tables.xlsx", "tables/comparison.csv"),
        *(f"figures/{name}.{suffix}" for name in ("map_a", "map_b", "difference") for suffix in ("png", "svg")),
    }
    data = data_of((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    inside = found.difference["in_window"].values
    shown = decoded(data["arrays"]["difference"])[0]
    np.testing.assert_array_equal(np.isfinite(shown), inside)
    np.testing.assert_allclose(shown[inside], found.difference["difference"].values[inside], rtol=1e-5, atol=1e-6)


def test_folders_without_an_analysis_are_named(folders: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(dt.InvalidInput, match=r"nowhere is no analysed folder: there is no such folder"):
        dt.compare(folders("a"), tmp_path / "nowhere")
    with pytest.raises(dt.InvalidInput, match=r"has no drt.nc"):
        dt.compare(tmp_path, folders("a"))


def test_drt_folders_can_be_compared_too(folders: Callable[[str], Path], tmp_path: Path) -> None:
    dt.save(dt.fit_drt(campaign(4), method="ridge"), tmp_path / "drt.nc")
    found = dt.compare(folders("a"), tmp_path)
    assert found.b.name == tmp_path.name
    assert found.b.processes is None
    np.testing.assert_allclose(found.difference["difference"], 0, atol=1e-12)
