"""Settings of Sphinx; `nox -s docs` builds the pages."""

import re
import shutil
from pathlib import Path

import drtengine

HERE = Path(__file__).parent
# The notebooks live at the top of the repository, where people look for them; Sphinx reads only below its own folder.
shutil.copytree(HERE.parent / "notebooks", HERE / "_notebooks", dirs_exist_ok=True)

project = "drtengine"
author = "The drtengine developers"
copyright = author
version = release = drtengine.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "myst_nb",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # what has not changed is not run again
nb_execution_raise_on_error = True
nb_execution_timeout = 120

default_role = "py:obj"
smartquotes = False  # Z'' is Z double prime
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say the types, and shapes and units with them
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]  # no links: many classes have a tau
napoleon_use_param = False  # nor from "shape [tau]"
napoleon_use_rtype = False
doctest_test_doctest_blocks = ""  # docstrings have their own test, tests/test_documentation.py

html_theme = "furo"
html_title = "drtengine"


def _single_backticks(app, what, name, obj, options, lines):
    """Let `fit_drt` in a docstring be a link, and `gamma`, which is the name of many things, plain code."""
    public = {*drtengine.__all__, "drtengine"}
    link = re.compile(r"(?<![`:])`(?!_)([^`<>]+?)`(?![`_])")
    for number, line in enumerate(lines):
        lines[number] = link.sub(lambda m: m[0] if m[1].split(".")[0] in public else f"``{m[1]}``", line)


def _no_constructor(app, what, name, obj, options, signature, return_annotation):
    """Leave out the arguments of results, which nobody makes by hand; their attributes are listed below."""
    if what == "class" and "; made by" in (obj.__doc__ or ""):
        return "", ""


def setup(app):
    """Connect to autodoc."""
    app.connect("autodoc-process-signature", _no_constructor)
    app.connect("autodoc-process-docstring", _single_backticks, priority=1)
