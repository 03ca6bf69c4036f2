"""Settings of Sphinx; `nox -s docs` builds the pages."""

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

default_role = "py:obj"  # `gamma` in a docstring
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say the types, and shapes and units with them
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "drtengine"
