"""Sphinx builds this folder with `make docs`; every warning is an error."""

from importlib.metadata import version as version_of

project = "Waitstate"
author = "The Waitstate developers"
project_copyright = "2026, The Waitstate developers"
release = version_of("waitstate")

extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True
