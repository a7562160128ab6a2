"""Directives: what pages take from the code when they are built, so that they cannot go stale.

{house}                    the drawing of the floors
{machine} module           the drawing of the table MOVES of a module
{unreleased}               the fragments of `changes/`, by their kinds
{seconds}`module.NAME`     the value of a constant; likewise {size}, in bytes, and {count}
"""

import importlib
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from docs.drawings import house, machine
from docs.figures import UNITS, figure

ROOT: Final = Path(__file__).resolve().parents[1]
KINDS: Final = {  # of `changes/README.md`, in the order in which people want to know
    "breaking": "What has to be changed",
    "deprecated": "What will go",
    "feature": "What is new",
    "bugfix": "What works now",
    "doc": "Documentation",
    "misc": "Other things",
}


class House(SphinxDirective):
    """Draws the floors."""

    def run(self) -> list[nodes.Node]:
        """Return the drawing; it changes with every file, so the page is always read again."""
        self.env.note_reread()
        return [nodes.raw("", house(ROOT), format="html")]


class Machine(SphinxDirective):
    """Draws the moves of a module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the drawing."""
        self.env.note_reread()
        module = self.arguments[0]
        return [nodes.raw("", machine(value_of(f"{module}.MOVES"), module), format="html")]


class Unreleased(SphinxDirective):
    """Lists what users notice since the last release."""

    def run(self) -> list[nodes.Node]:
        """Return a chapter for each kind of change that there is."""
        self.env.note_reread()
        lines = []
        for kind, heading in KINDS.items():
            paths = sorted((ROOT / "changes").glob(f"*.{kind}.md"))
            lines += [f"**{heading}**", ""] if paths else []
            for path in paths:
                first, *others = path.read_text("utf-8").splitlines()
                lines += [f"- {first}", *(f"  {line}" for line in others)]
            lines.append("")
        parent = nodes.container()
        self.state.nested_parse(StringList(lines, "changes"), self.content_offset, parent)
        return parent.children


class Constant(SphinxRole):
    """Writes a constant.

    Args:
        unit: "seconds", "size" or "count".
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return its value, as people write it."""
        self.env.note_reread()
        return [nodes.inline("", figure(value_of(self.text), self._unit))], []


def value_of(name: str) -> Any:
    """Return what a dotted name stands for."""
    module, _, constant = name.rpartition(".")
    return getattr(importlib.import_module(module), constant)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what there is."""
    app.add_directive("house", House)
    app.add_directive("machine", Machine)
    app.add_directive("unreleased", Unreleased)
    for unit in UNITS:
        app.add_role(unit, Constant(unit))
    app.add_css_file("drawings.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
