"""Directives: what pages take from the code when they are built, so that they cannot go stale.

{house}                    the drawing of the floors
{machine} module           the drawing of the table MOVES of a module
{way} name                 the drawing of a byte's way through the code, of `docs/ways.py`
{unreleased}               the fragments of `changes/`, by their kinds
{promises}                 what the tests prove, each promise with links to its tests
{seconds}`module.NAME`     the value of a constant; likewise {size}, in bytes, and {count}
{test}`test_name`          a link to a test; `tests/a/test_b.py::test_name` where two have that name
"""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from docs.drawings import house, machine
from docs.figures import UNITS, figure
from docs.listings import address, find, pages
from docs.promises import GROUPS, Group, Proof, collect, faults
from docs.ways import way

logger = logging.getLogger(__name__)

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


class Way(SphinxDirective):
    """Draws a way."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the drawing."""
        self.env.note_reread()
        return [nodes.raw("", way(self.arguments[0]), format="html")]


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


class Promises(SphinxDirective):
    """Lists the promises, by families and chapters."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each family; a test that promises nothing is a warning."""
        self.env.note_reread()
        self._found = collect(ROOT)
        for fault in faults(self._found):
            logger.warning(fault, location=self.get_location())
        return [part for group in GROUPS for part in self._family(group)]

    def _family(self, group: Group) -> Iterator[nodes.Node]:
        chapters = [
            (title, known)
            for title, numbers in group.numbers()
            if (known := [one for one in map(group.identifier, numbers) if one in self._found])
        ]
        if not chapters:
            return
        section = titled(group.title, group.family)
        for title, identifiers in chapters:
            place = titled(title, f"{group.family}-{title}") if title else section
            place += nodes.definition_list("", *map(self._entry, identifiers))
            if title:
                section += place
        yield section

    def _entry(self, identifier: str) -> nodes.Node:
        proofs: dict[str, list[Proof]] = {}
        for proof in self._found[identifier]:
            proofs.setdefault(proof.sentence, []).append(proof)
        items = nodes.bullet_list()
        for sentence, proven in proofs.items():
            links = [link(self.env.docname, proof.path, proof.test) for proof in proven]
            gaps = [part for one in links for part in (nodes.Text(" "), one)]
            items += nodes.list_item("", nodes.paragraph("", "", *prose(sentence), *gaps))
        term = nodes.term("", identifier, ids=[identifier.lower()])
        return nodes.definition_list_item("", term, nodes.definition("", items))


def titled(title: str, name: str) -> nodes.section:
    """Return a section with a title, and an anchor made of a name."""
    return nodes.section("", nodes.title("", title), ids=[nodes.make_id(name)], names=[name])


def prose(sentence: str) -> Iterator[nodes.Node]:
    """Yield the parts of a sentence: words, and what stands between backticks as code."""
    for i, part in enumerate(sentence.split("`")):
        if part:
            yield nodes.literal("", part) if i % 2 else nodes.Text(part)


def link(docname: str, path: str, test: str) -> nodes.reference:
    """Return a link from a page to a test."""
    words = re.sub("__[a-z].*", "", test.removeprefix("test_")).replace("_", " ")
    return nodes.reference(
        "", "test", refuri=address(docname, path, test), reftitle=words, internal=True
    )


class Test(SphinxRole):
    """Links to a test by its name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link; that there is no such test is a warning."""
        self.env.note_reread()
        try:
            path = find(self.text)
        except LookupError as error:
            logger.warning(str(error), location=(self.env.docname, self.lineno))
            return [], []
        return [link(self.env.docname, path, self.text.rpartition("::")[2])], []


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
    app.add_directive("way", Way)
    app.add_directive("unreleased", Unreleased)
    app.add_directive("promises", Promises)
    app.add_role("test", Test())
    app.connect("html-collect-pages", pages)
    for unit in UNITS:
        app.add_role(unit, Constant(unit))
    app.add_css_file("drawings.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
