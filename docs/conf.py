"""Sphinx builds this folder with `make docs`; every warning is an error."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the extension of our own

project = "Waitstate"
author = "The Waitstate developers"
project_copyright = "2026, The Waitstate developers"
release = version_of("waitstate")

extensions = ["myst_parser", "docs.directives"]
html_theme = "furo"
html_static_path = ["_static"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True
