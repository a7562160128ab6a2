"""What is public is exported on purpose, and every verb of it says its three facts."""

from __future__ import annotations

from typing import Final

import pytest

from tests.architecture import surface
from tests.architecture.tree import FACADES, Source, sources

FACTS: Final = "Thread: any. Calls back: never. Source: LW-001."


def test_the_public_names_are_the_kept_ones() -> None:
    there, kept = set(surface.public_names()), set(surface.kept_names())
    assert sorted(there - kept) == [], "new public names: add them to public_names.txt"
    assert sorted(kept - there) == [], "public names are gone: that is a breaking change"
    assert surface.kept_names() == sorted(kept)


@pytest.mark.parametrize("path", FACADES)
def test_a_facade_exports_what_it_imports(path: str) -> None:
    facade = surface.facade(path)
    assert sorted(surface.exported(facade)) == sorted(surface.origins(facade))


@pytest.mark.parametrize("path", FACADES[:2])
def test_every_public_verb_closes_with_its_facts(path: str) -> None:
    origins = surface.origins(surface.facade(path))
    findings = []
    for source in sources("reactor"):
        names = {name for name, module in origins.items() if module == source.name}
        findings += surface.without_facts(source, names)
    assert findings == []


@pytest.mark.parametrize(
    ("docstring", "accepted"),
    [
        (f"Do it.\n\n{FACTS}", True),
        ("Do it.\n\nThread: any. Calls back: never.\nSource: LW-001.", True),
        (f"Do it.\n\n{FACTS}\n\nAnd more.", False),
        ("Do it.\n\nThread: any. Source: LW-001.", False),
        ("Do it.", False),
    ],
)
@pytest.mark.parametrize("indent", ["", "class A:\n    "])
def test_the_facts_are_the_last_paragraph(docstring: str, accepted: bool, indent: str) -> None:
    source = Source("reactor/a.py", f"{indent}def f(): {docstring!r}\n")
    assert (surface.without_facts(source, {"A", "f"}) == []) is accepted


def test_only_public_verbs_owe_the_facts() -> None:
    text = "class A:\n  @property\n  def a(self): ...\n  def _b(self): ...\ndef f(): ...\n"
    assert surface.without_facts(Source("reactor/a.py", text), {"A"}) == []
    assert len(surface.without_facts(Source("reactor/a.py", text), {"A", "f"})) == 1


def test_an_old_module_offers_what_it_defines_and_passes_on() -> None:
    text = (
        "from a import B as B, C, D as E\nlimit: Final = 1\nAlias: TypeAlias = int\n"
        "map: Map = {}\nif True:\n  class F: ...\ndef _g(): ...\ndef h(): ...\n"
    )
    assert surface.offered(Source("reactor/compat/a.py", text)) == ["B", "F", "h", "map"]


def test_exports_are_read_as_they_stand() -> None:
    source = Source("reactor/__init__.py", 'from reactor.a import B, C as D\n__all__ = ["B"]\n')
    assert surface.exported(source) == ["B"]
    assert surface.origins(source) == {"B": "reactor.a", "D": "reactor.a"}
