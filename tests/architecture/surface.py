"""The public surface: what the facades and the old modules export, and what docstrings promise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.architecture.tree import FACADES, ROOT, Documented, Function, Source, decorators

OLD_MODULES: Final = ("reactor/compat/asyncore.py", "protocols/asynchat.py")  # imported whole
HOSTS: Final = tuple(  # programs import the module of their host, for a verb or two
    (f"reactor.hosts.{path.stem}", verb)
    for path in (ROOT / "reactor/hosts").glob("*.py")
    for verb in ("attach", "deliver")
    if f"\ndef {verb}(" in path.read_text("utf-8")
)
PUBLIC_NAMES: Final = ROOT / "tests/architecture/public_names.txt"
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
FACTS: Final = re.compile(r"\bThread:\s.+\sCalls back:\s.+\sSource:\s.+", re.DOTALL)
NO_VERB: Final = {"property", "cached_property", "setter", "deleter", "overload"}


def facade(path: str) -> Source:
    """Read `reactor/__init__.py` or `protocols/__init__.py`."""
    return Source(path, (ROOT / path).read_text("utf-8"))


def exported(source: Source) -> list[str]:
    """Return `__all__` as it stands, or nothing where there is none yet."""
    for node in source.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return list(names)
    return []


def origins(source: Source) -> dict[str, str]:
    """Map each name that the facade imports to the module where it lives."""
    return {
        one.asname or one.name: node.module or ""
        for node in source.tree.body
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    }


def offered(source: Source) -> list[str]:
    """Return what a module offers that is imported whole: its classes and functions, and more.

    A name that is imported as itself is passed on; constants and aliases are its own affair.
    """
    found = list[str]()
    for node in source.nodes(ast.Module, ast.If):
        for child in getattr(node, "body", ()):
            if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                found.append(child.name)
            elif isinstance(child, ast.AnnAssign):
                if ast.unparse(child.annotation) not in {"Final", "TypeAlias"}:
                    found.append(ast.unparse(child.target))
            elif isinstance(child, ast.ImportFrom):
                found += [one.name for one in child.names if one.asname == one.name]
    return sorted({name for name in found if not name.startswith("_")})


def public_names() -> list[str]:
    """Return every exported name with its package, sorted."""
    found = [(facade(path).name, exported(facade(path))) for path in FACADES]
    found += [(facade(path).name, offered(facade(path))) for path in OLD_MODULES]
    found += [(module, [verb]) for module, verb in HOSTS]
    return sorted(f"{package}.{name}" for package, names in found for name in names)


def kept_names() -> list[str]:
    """Return the names that `public_names.txt` keeps."""
    lines = PUBLIC_NAMES.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def without_facts(source: Source, names: set[str]) -> list[str]:
    """Say which public functions, and methods of public classes, do not close with the three facts.

    Args:
        source: a file.
        names: those of its names that the facade exports.
    """
    findings = []
    for title, node in _public(source.tree, names):
        closing = (ast.get_docstring(node) or "").rpartition("\n\n")[2]
        if not FACTS.search(closing):
            facts = "`Thread: ... Calls back: ... Source: ...`"
            findings.append(source.at(node, f"{title} does not close with {facts}"))
    return findings


def _public(tree: ast.Module, names: set[str]) -> Iterator[tuple[str, Documented]]:
    for node in tree.body:
        if isinstance(node, FUNCTIONS) and node.name in names and _is_verb(node):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and node.name in names:
            for child in node.body:
                if isinstance(child, FUNCTIONS) and _is_verb(child):
                    yield f"{node.name}.{child.name}", child


def _is_verb(node: Function) -> bool:
    """Tell whether users call it: an attribute has no thread, and a private name no promise."""
    return not node.name.startswith("_") and not decorators(node) & NO_VERB
