"""Sphinx builds this folder with `make docs`; every warning is an error."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the extension of our own

project = "Waitstate"
author = "The Waitstate developers"
project_copyright = "2026, The Waitstate developers"
release = version_of("waitstate")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docs.directives",
    "docs.docstrings",
]
html_theme = "furo"
html_static_path = ["_static"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True

# The reference: what it looks like. What stands in it is the business of `docs/docstrings.py`.
default_role = "name"
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_member_order = "bysource"
napoleon_use_ivar = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
nitpick_ignore = [  # what a function returns, and what anybody's collection is: no entries
    ("py:class", "protocols.codecs.decoder.Decoder"),  # what decoders do alike: not public
    ("py:class", "reactor.hosts.host.Host"),  # the way into one: for `hosts.thread.attach`
    ("py:class", "reactor.loop.calls.Applies"),  # a collection
    ("py:class", "reactor.loop.collection.Result"),
    ("py:class", "reactor.loop.watch.HasFileno"),  # a file, a socket
    ("py:class", "reactor.state.drive.Driven"),
    ("py:class", "reactor.stream.blocking_socket.BlockingSocket"),  # any of this kind
    ("py:class", "reactor.stream.waiting.Waited"),
    ("py:class", "reactor.testing.settle.TakesTurns"),
]
# The standard library has no inventory here: a build asks no network.
nitpick_ignore_regex = [("py:.*", r"(?!reactor\.|protocols\.).*")]
