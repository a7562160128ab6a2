"""Docstrings: our style of them, told to Sphinx's autodoc and napoleon.

Ours close with three facts, which become fields; have errors in a row, which become one entry
each; and put code between single backticks, which become a link where the name is on a page.
"""

import functools
import inspect
import re
from typing import Any, Final

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from docs.entries import FACTS, ROOT, SECTION, faults, made_by_a_verb, shown, value_of, wanted
from docs.promises import FAMILIES, ROW, collect

logger = logging.getLogger(__name__)

NAMES: Final = r"[A-Z][\w.]*(?:, [A-Z][\w.]*)*"
ERROR: Final = re.compile(rf"(?:^|(?<=\. ))({NAMES})(?:: |\.$)")
FACT_NAMES: Final = ("Thread", "Calls back", "Source")
IDENTIFIER: Final = re.compile(r"[A-Za-z_][\w.]*")


def adapt(_app: Sphinx, what: str, _name: str, obj: Any, _options: Any, lines: list[str]) -> None:
    """Bring a docstring into a form that napoleon and docutils know."""
    if what == "data":  # the docstring of its class; what it is stands on the page
        lines.clear()
    text = "\n".join(lines)
    fields = []
    if match := FACTS.search(text):
        text = text[: match.start()].rstrip()
        words = [" ".join(group.split()).rstrip(".") for group in match.groups()]
        fields = [f":{fact}: {said}" for fact, said in zip(FACT_NAMES, words, strict=True)]
    text = SECTION.sub(errors, text + "\n")
    if what == "exception" and (word := getattr(obj, "identifier", None)):
        fields.append(f":Identifier: ``{word}``")
    lines[:] = [ROW.sub(as_link, line) for line in (*text.splitlines(), "", *fields, "")]


def as_link(row: re.Match[str]) -> str:
    """Make a link of the id of a promise; `UTF-8` is none."""
    return f":promise:`{row[0]}`" if row[1].lower() in FAMILIES else row[0]


def errors(section: re.Match[str]) -> str:
    """Give each error of a section Raises an entry of its own."""
    if section[1] != "Raises":
        return section[0]
    words = " ".join(section[2].split())
    parts = ERROR.split(words)
    rest = parts[0].strip()
    entries = [f"    Exception: {rest}"] if rest else []
    for names, said in zip(parts[1::2], parts[2::2], strict=True):
        entries.append(f"    {names}: {said.strip() or 'as everywhere.'}")
    return "Raises:\n" + "\n".join(entries) + "\n\n"


def choose(_app: Sphinx, _what: str, name: str, obj: Any, _skip: bool, _options: Any) -> bool:
    """Tell whether a member is left out."""
    function = getattr(obj, "fget", None) or getattr(obj, "__func__", obj)
    owner = getattr(function, "__qualname__", "").rpartition(".")[0]
    return not any(name in shown(kind) for kind in kinds().values() if owner in names_of(kind))


@functools.cache
def kinds() -> dict[str, type]:
    """Return the classes that have an entry, by their names there."""
    return {name: kind for name in wanted() if inspect.isclass(kind := value_of(name))}


def names_of(kind: type) -> set[str]:
    """Return the names of a class and of its bases."""
    return {base.__qualname__ for base in kind.__mro__}


def sign(
    _app: Sphinx,
    what: str,
    _name: str,
    obj: Any,
    _options: Any,
    signature: str | None,
    returns: str,
) -> tuple[str, str] | None:
    """Show how a class is made only where programs make it."""
    own = "Args:" in (obj.__doc__ or "")
    if signature is None:
        return None
    if (what == "exception" and not own) or (what == "class" and made_by_a_verb(obj)):
        return "", ""
    return None


class Name(SphinxRole):
    """What stands between single backticks: code, and a link where that name has an entry."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the code; whether it is a link is found out when all pages are known."""
        code = nodes.literal(self.text, self.text)
        word = self.text.removesuffix("()")
        if not IDENTIFIER.fullmatch(word):
            return [code], []
        context = {key: self.env.ref_context.get(key) for key in ("py:module", "py:class")}
        link = addnodes.pending_xref(
            "", code, refdomain="py", reftype="obj", reftarget=word, refexplicit=False, ours=True
        )
        link["refdoc"] = self.env.docname
        link.attributes.update(context)
        return [link], []


class Promise(SphinxRole):
    """Links to a promise by its id, if a test proves it already."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link, or the bare id."""
        if self.text not in promised():
            return [nodes.Text(self.text)], []
        up = "../" * self.env.docname.count("/")
        address = f"{up}promises.html#{self.text.lower()}"
        return [nodes.reference("", self.text, refuri=address, internal=True)], []


@functools.cache
def promised() -> frozenset[str]:
    """Return the ids of all promises."""
    return frozenset(collect(ROOT))


def find_public(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, code: nodes.TextElement
) -> nodes.Node | None:
    """Follow the name of a class in its file to its public name; leave code that is no name."""
    public = homes().get(node.get("reftarget", ""))
    if public is not None:
        domain = env.domains.python_domain
        found = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, code)
        if found is not None:
            return found
    return code if node.get("ours") else None


@functools.cache
def homes() -> dict[str, str]:
    """Map where each public class lives to the name under which programs know it."""
    return {f"{kind.__module__}.{kind.__qualname__}": name for name, kind in kinds().items()}


def check(_app: Sphinx, _env: BuildEnvironment) -> None:
    """Warn of what the reference leaves out."""
    for fault in faults():
        logger.warning(fault)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what there is."""
    app.connect("autodoc-process-docstring", adapt, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", choose)
    app.connect("autodoc-process-signature", sign)
    app.connect("missing-reference", find_public)
    app.connect("env-check-consistency", check)
    app.add_role("name", Name())
    app.add_role("promise", Promise())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
