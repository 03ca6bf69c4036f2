"""What stands beside the code holds: examples of docstrings run, links lead somewhere, notebooks have no outputs."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import drtengine

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if not any(part.startswith("_") for part in path.relative_to(ROOT).parts)
)
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
MODULES = [name for _, name, _ in pkgutil.walk_packages(drtengine.__path__, "drtengine.") if "._core" not in name]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of its own to work in, for examples that write files."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


@pytest.mark.parametrize("name", ["drtengine", *MODULES])
def test_examples_of_docstrings(name: str, folder: Path) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module)
    assert failed == 0


def test_verbs_have_examples() -> None:
    verbs = [name for name in drtengine.__all__ if name.islower() and callable(getattr(drtengine, name))]
    without = [name for name in verbs if ">>>" not in (getattr(drtengine, name).__doc__ or "")]
    assert without == []


@pytest.mark.parametrize(
    ("page", "module"), [("index", "drtengine"), ("plot", "drtengine.plot"), ("simulate", "drtengine.simulate")]
)
def test_public_names_stand_on_the_pages_of_the_api(page: str, module: str) -> None:
    path = ROOT / "docs" / "api" / f"{page}.md"
    if not path.exists():
        pytest.skip("the pages are not here: the tests run against an installed package")
    found = importlib.import_module(module)
    public = {name for name in found.__all__ if not name.startswith("__") and name != "simulate"}
    if module == "drtengine.plot":
        public = {name for name in public if callable(getattr(found, name))}
    assert public <= set(path.read_text(encoding="utf-8").split())


def text_of(page: Path) -> str:
    """Return a page with what it includes."""
    return re.sub(
        r"```\{include\} (\S+)\n```",
        lambda found: (page.parent / found[1]).read_text(encoding="utf-8"),
        page.read_text(encoding="utf-8"),
    )


def anchors(page: Path) -> set[str]:
    """Names of the headings, as GitHub and MyST make them."""
    titles = re.findall(r"^#+ +(.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if there.parent == ROOT / "docs" / "_notebooks":  # copies that Sphinx reads
            there = ROOT / "notebooks" / there.name
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_carry_no_outputs(notebook: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert "".join(cells[0]["source"]).startswith(f"# {notebook.stem[:2]} · ")
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert cell["metadata"] == {}
