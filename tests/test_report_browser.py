"""The page in a browser: no error, no request, and what hover, click and keys do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import drtengine as dt
from drtengine import report
from test_analysis import campaign

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("DRTENGINE_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: the report was not opened")


class Opened:
    """A page that tells what it logged and asked the network for."""

    def __init__(self, page: Any, file: Path) -> None:
        self.page, self.troubles = page, list[str]()
        page.on("console", lambda message: self.troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("request", self._judge)
        page.goto(file.as_uri())
        page.wait_for_selector("body[data-ready]", timeout=120_000)

    def _judge(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.troubles.append(f"request: {request.url}")

    def title(self) -> str:
        return str(self.page.inner_text("#name"))

    def centre(self, selector: str, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
        """Where on the screen a share of a plot's drawing area is."""
        element = self.page.locator(selector).first
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    analysis = dt.analyze(
        campaign(6, drifting=(4,)), drt={"method": "log", "band": 0.95}, processes={"slow": (0.1, 10.0)}
    )
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(report.render(analysis), encoding="utf-8")
    return file


def test_hover_and_click_on_the_map(chromium: Any, page_file: Path) -> None:
    opened = Opened(chromium.new_page(viewport={"width": 1366, "height": 768}), page_file)
    page = opened.page
    assert opened.title() == "cell 0"
    x, y = opened.centre("#plot-map .nsewdrag[data-subplot='xy']", x=0.55, y=0.5)  # the fourth of six cells
    page.mouse.move(x, y)
    page.wait_for_selector("#plot-map .hovertext")
    shown = page.text_content("#plot-map .hoverlayer")
    assert "cell 3" in shown
    assert "γ =" in shown
    assert "Ω" in shown
    page.mouse.click(x, y)
    page.wait_for_function("document.getElementById('name').textContent === 'cell 3'")
    assert page.input_value("#slider") == "3"
    assert opened.troubles == []
    page.close()


def test_controls_of_one_spectrum(chromium: Any, page_file: Path) -> None:
    opened = Opened(chromium.new_page(viewport={"width": 1366, "height": 768}), page_file)
    page = opened.page
    page.click("#next")
    assert opened.title() == "cell 1"
    page.click("#pin")
    page.locator("body").press("ArrowRight")
    assert opened.title() == "cell 2"
    traces = page.evaluate("document.getElementById('plot-gamma').data.map((t) => t.name)")
    assert "cell 1" in traces
    page.select_option("#choice", "4")
    assert opened.title() == "cell 4"
    assert page.inner_text("#verdict") == "Kramers–Kronig: fail"
    assert "why" in page.inner_text("#facts")
    page.fill("#filter", "fail")
    assert page.locator("#table tbody tr:not([hidden])").count() == 1
    page.fill("#filter", "")
    page.click("#table tbody tr >> nth=5")
    assert opened.title() == "cell 5"
    with page.expect_download() as download:
        page.click("#csv")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith("# cell 5\ntau_s,gamma_ohm\n")
    assert "frequency_Hz,Z_real,Z_imag,fit_real,fit_imag" in text
    assert opened.troubles == []
    page.close()


def test_views_of_the_map(chromium: Any, page_file: Path) -> None:
    opened = Opened(chromium.new_page(viewport={"width": 1366, "height": 768}), page_file)
    page = opened.page
    for button, kind in (("#scale-linear", "heatmap"), ("#view-waterfall", "scatter"), ("#view-map", "heatmap")):
        page.click(button)
        assert page.evaluate("document.getElementById('plot-map').data[0].type") == kind
        assert page.get_attribute(button, "aria-pressed") == "true"
    before = page.evaluate("document.getElementById('plot-map').data.length")
    page.click("#show-tracks")
    assert page.evaluate("document.getElementById('plot-map').data.length") > before
    top, highest = page.evaluate(
        "[document.getElementById('plot-map').data[0].zmax, Math.max(...document.getElementById('plot-map')"
        ".data[0].z.flat().filter(Number.isFinite))]"
    )
    assert 0 < top <= 1.5 * highest
    assert opened.troubles == []
    page.close()


@pytest.mark.parametrize("kind", ["single", "failing", "left out"])
def test_other_campaigns_open_without_trouble(chromium: Any, tmp_path: Path, kind: str) -> None:
    if kind == "single":
        analysis = dt.analyze(campaign(1))
    elif kind == "failing":
        analysis = dt.analyze(campaign(3, drifting=(0, 1, 2)))
    else:
        analysis = dt.analyze(campaign(4, drifting=(0,)), drop_invalid=True)
    (tmp_path / "report.html").write_text(report.render(analysis), encoding="utf-8")
    opened = Opened(chromium.new_page(), tmp_path / "report.html")
    assert opened.title() == ("cell 1" if kind == "left out" else "cell 0")
    assert opened.troubles == []
    opened.page.close()


def test_two_campaigns_side_by_side(chromium: Any, tmp_path: Path) -> None:
    for name in "ab":
        dt.write_report(dt.analyze(campaign(4), figures=False, title=name), tmp_path / name)
    page = report.comparison.render_comparison(dt.compare(tmp_path / "a", tmp_path / "b"))
    (tmp_path / "both.html").write_text(page, encoding="utf-8")
    opened = Opened(chromium.new_page(viewport={"width": 1366, "height": 768}), tmp_path / "both.html")
    where = opened.page.inner_text("#where")
    opened.page.mouse.click(*opened.centre("#plot-b .nsewdrag[data-subplot='xy']", x=0.9))
    opened.page.wait_for_function("(old) => document.getElementById('where').textContent !== old", arg=where)
    assert "0.3" in opened.page.inner_text("#where")
    assert opened.troubles == []
    opened.page.close()
