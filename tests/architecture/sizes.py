"""How big things are, and the ceilings that they stay under.

What is above its ceiling stands in `ceilings.toml` with its size and the reason. An exception that
is not needed any more, or allows more than is there, fails as well: those numbers only go down.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.architecture.tree import ROOT, Function, Source, decorators, docstring_lines

CEILINGS: Final = {
    "function": 50,  # lines, without the docstring
    "test": 40,  # lines of a test, without the docstring
    "methods": 20,  # of a class; properties and `__repr__` with its like are none
    "attributes": 12,  # of an instance, as the class itself names them
    "file": 400,  # lines of code: docstrings, comments and blanks are not counted
    "folder": 12,  # files; its chapter is not counted
}
# As wide as the contracts they keep: exempt for methods, and a little wider in attributes.
FACES: Final = {
    *("WaitStateCollection", "AsyncIOState", "Transport", "SocketStream", "DeliveredTransport"),
    "dispatcher",  # asyncore's
}
FACE_ATTRIBUTES: Final = 20
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Size:
    """One thing that was measured; `where` is `reactor/loop/timers.py::TimerQueue.pop_due`."""

    what: str
    where: str
    size: int

    @property
    def ceiling(self) -> int | None:
        """The most that it may be; None for what may be as big as it likes."""
        if self.where.rsplit("::")[-1] in FACES:
            return {"attributes": FACE_ATTRIBUTES}.get(self.what)
        return CEILINGS[self.what]


def measure(sources: Iterable[Source]) -> Iterator[Size]:
    """Measure everything that has a ceiling."""
    folders: Counter[str] = Counter()
    for source in sources:
        yield Size("file", source.path, source.code_size)
        if not source.path.endswith("__init__.py"):
            folders[source.path.rpartition("/")[0]] += 1
        yield from _in_body(source.tree, source.path + "::", in_tests=source.under("tests/"))
    for folder, count in folders.items():
        yield Size("folder", folder, count)


def _in_body(node: ast.AST, prefix: str, *, in_tests: bool) -> Iterator[Size]:
    """Measure the functions and classes under `node`, however deep they stand."""
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, FUNCTIONS):
            is_test = in_tests and child.name.startswith("test_")
            yield Size("test" if is_test else "function", prefix + child.name, _length(child))
            inner = f"{prefix}{child.name}."
        elif isinstance(child, ast.ClassDef):
            yield Size("methods", prefix + child.name, len(_methods(child)))
            yield Size("attributes", prefix + child.name, len(attributes(child)))
            inner = f"{prefix}{child.name}."
        yield from _in_body(child, inner, in_tests=in_tests)


def _length(function: Function) -> int:
    last = function.end_lineno or function.lineno
    return last - function.lineno + 1 - len(docstring_lines(function))


def _methods(node: ast.ClassDef) -> set[str]:
    properties = {"property", "cached_property", "setter"}
    verbs = [child for child in node.body if isinstance(child, FUNCTIONS)]
    verbs = [child for child in verbs if not decorators(child) & properties]
    return {child.name for child in verbs if not child.name.startswith("__")}


def attributes(node: ast.ClassDef) -> set[str]:
    """Name the instance attributes: slots, annotations, and whatever is assigned through `self`."""
    found = set()
    for child in node.body:
        if isinstance(child, ast.AnnAssign):
            if isinstance(child.target, ast.Name) and _is_field(node, child):
                found.add(child.target.id)
        elif isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "__slots__":
            found.update(_strings(child.value))
        elif isinstance(child, FUNCTIONS) and "staticmethod" not in decorators(child):
            found.update(_assigned_through_self(child))
    return found - {"__weakref__", "__dict__"}


def _is_field(node: ast.ClassDef, annotation: ast.AnnAssign) -> bool:
    if "ClassVar" in ast.unparse(annotation.annotation):
        return False
    bases = {ast.unparse(base).rsplit(".", 1)[-1] for base in node.bases}
    return annotation.value is None or "dataclass" in decorators(node) or "NamedTuple" in bases


def _strings(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value


def _assigned_through_self(function: Function) -> Iterator[str]:
    properties = {"setter", "classmethod"}
    first = function.args.args[0].arg if function.args.args else ""
    if properties & decorators(function):
        return
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Store()):
                if name == first:
                    yield attribute


def exceptions() -> list[dict[str, Any]]:
    """Read `ceilings.toml`."""
    text = (ROOT / "tests/architecture/ceilings.toml").read_text("utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text).get("exception", [])
    return found


def judge(sizes: Iterable[Size], allowed: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say what is too big, and which exceptions are stale, too generous, or without a reason."""
    measured = {(size.what, size.where): size for size in sizes}
    open_exceptions = {(one["what"], one["where"]): one for one in allowed}
    findings = []
    for key, size in measured.items():
        if size.ceiling is not None and size.size > size.ceiling and key not in open_exceptions:
            findings.append(f"{size.where}: {size.what} {size.size}, the ceiling is {size.ceiling}")
    for key, one in open_exceptions.items():
        findings.extend(_judge_exception(measured.get(key), one))
    return findings


def _judge_exception(size: Size | None, one: Mapping[str, Any]) -> Iterator[str]:
    title = f"ceilings.toml: {one['what']} of {one['where']}"
    if len(str(one.get("reason", ""))) < 10:
        yield f"{title}: needs a reason"
    if size is None:
        yield f"{title}: there is no such thing; remove the exception"
    elif size.ceiling is None or size.size <= size.ceiling:
        yield f"{title}: is {size.size} now, under its ceiling; remove the exception"
    elif size.size < one["size"]:
        yield f"{title}: is {size.size} now; lower the exception to it"
    elif size.size > one["size"]:
        yield f"{title}: has grown from {one['size']} to {size.size}"
