"""Rules about the shape of a file: its docstring, its imports, its chapter, its lack of state."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from tests.architecture.tree import FACADES, PACKAGES, Source, decorators

CHAPTER: Final = range(20, 41)  # lines of a chapter
DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS: Final = (ast.Import, ast.ImportFrom)
EMPTY_MAKERS: Final = {"bytearray", "defaultdict", "deque", "dict", "list", "local", "set"}
SLOTLESS: Final = {  # bases that have a dictionary anyway, or no instances of ours
    *("Enum", "Exception", "Flag", "IntEnum", "IntFlag", "NamedTuple", "Protocol", "Thread"),
}
FEW: Final = ("reactor/channel/tls_settings.py",)  # descriptions: a program has two or three
STATE: Final = {  # (file, how the statement begins): why a module may hold it nevertheless
    ("reactor/loop/ownership.py", "_EVERY_OWNERSHIP:"): "weak; a fork has to find them all",
    ("reactor/loop/ownership.py", "os.register_at_fork("): "there is one such list per process",
    ("reactor/loop/signals.py", "_WAY:"): "the interpreter writes to one descriptor in a process",
    ("reactor/loop/signals.py", "atexit.register("): "there is one such pipe per process",
    ("reactor/loop/signals.py", "os.register_at_fork("): "there is one such pipe per process",
    ("reactor/compat/asyncore.py", "socket_map:"): "asyncore's contract: old programs look for it",
    ("reactor/net/resolver.py", "_EVERY_RESOLVER:"): "weak; a fork has to find them all",
    ("reactor/net/resolver.py", "os.register_at_fork("): "there is one such list per process",
    ("reactor/testing/conformance.py", "CHECKS"): "a table that a decorator fills at import",
}


def has_a_docstring(source: Source) -> list[str]:
    """Every file tells somebody who came by accident what it is."""
    if ast.get_docstring(source.tree):
        return []
    return [f"{source.path}: a file begins with a docstring: what this is, and what it is not"]


def is_a_chapter(source: Source) -> list[str]:
    """The `__init__.py` of a floor is a docstring of 20 to 40 lines and no code."""
    if not source.is_chapter or not source.under("reactor/", "protocols/"):
        return []
    findings = [source.at(node, "a chapter has no code") for node in source.tree.body[1:]]
    length = len(source.text.splitlines())
    if length not in CHAPTER:
        findings.append(f"{source.path}: a chapter has 20 to 40 lines, this one {length}")
    return findings


def has_no_state(source: Source) -> list[str]:
    """A module holds nothing that can change: constants are `Final`, and none is an empty store."""
    if not source.under("reactor/", "protocols/"):
        return []
    findings = [
        source.at(node, "`global` is state of a module") for node in source.nodes(ast.Global)
    ]
    findings += [
        source.at(node, complaint)
        for node in _statements(source.tree.body[1:])
        if (complaint := _complaint(node)) and not _is_excepted(source, node)
    ]
    return findings


def _is_excepted(source: Source, node: ast.stmt) -> bool:
    text = ast.unparse(node)
    return any(source.path == path and text.startswith(start) for path, start in STATE)


def stale_exceptions(sources: Iterable[Source]) -> list[tuple[str, str]]:
    """Return the entries of `STATE` that stand for nothing any more."""
    found = {
        (path, start)
        for source in sources
        for path, start in STATE
        if source.path == path
        if any(ast.unparse(node).startswith(start) for node in _statements(source.tree.body))
    }
    return sorted(STATE.keys() - found)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield what runs at import, that is, also what stands under an `if` or a `try`."""
    for node in body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            continue  # the body of a program, not of a module
        if isinstance(node, ast.If):
            yield from _statements(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            inner = [line for handler in node.handlers for line in handler.body]
            yield from _statements(node.body + inner + node.orelse + node.finalbody)
        else:
            yield node


def _complaint(node: ast.stmt) -> str | None:
    if isinstance(node, (*DEFINITIONS, *IMPORTS, ast.Assert, ast.Pass)):
        return None
    if isinstance(node, ast.AnnAssign):
        annotation = ast.unparse(node.annotation)
        if "Final" not in annotation and "TypeAlias" not in annotation:
            return f"{ast.unparse(node.target)} is state; a constant is `Final`"
        if node.value is not None and _is_empty_store(node.value):
            return f"{ast.unparse(node.target)} is an empty store: it belongs to an object"
        return None
    if isinstance(node, ast.Assign):
        name, value = ast.unparse(node.targets[0]), ast.unparse(node.value)
        allowed = ("logging.getLogger(", "getLogger(", "TypeVar(", "ParamSpec(", "typing.TypeVar(")
        if name == "__all__" or value.startswith(allowed):
            return None
        return f"{name} is state; a constant is `Final`, an alias a `TypeAlias`"
    return f"`{ast.unparse(node).splitlines()[0]}` runs at import"


def _is_empty_store(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        maker = ast.unparse(value.func).rsplit(".", 1)[-1]
        return (maker in EMPTY_MAKERS or maker.startswith("Weak")) and not value.args
    elements = getattr(value, "keys", getattr(value, "elts", None))
    return isinstance(value, (ast.Dict, ast.List, ast.Set)) and not elements


def imports_at_the_top(source: Source) -> list[str]:
    """A floor is not dodged inside a function; only a host imports late, when it is attached."""
    if not source.under("reactor/", "protocols/") or source.under("reactor/hosts/"):
        return []
    return [
        source.at(inner, "imports stand at the top; only reactor/hosts/ imports late")
        for node in source.nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, IMPORTS)
    ]


def imports_from_the_file(source: Source) -> list[str]:
    """Inside, a name is imported from the file where it lives, and no file passes names on."""
    if not source.under("reactor/", "protocols/") or source.path in FACADES:
        return []
    findings = [
        source.at(node, "only reactor/__init__.py and protocols/__init__.py export names")
        for node in source.tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    for node in source.nodes(*IMPORTS):
        from_facade = isinstance(node, ast.ImportFrom) and node.module in PACKAGES
        whole = isinstance(node, ast.Import) and any(one.name in PACKAGES for one in node.names)
        if from_facade or whole:
            findings.append(source.at(node, "import from the file where the name lives"))
    return findings


def has_slots(source: Source) -> list[str]:
    """There may be ten thousand of what floors 1 and 2 make: no dictionary for each."""
    if not source.under("reactor/channel/", "reactor/loop/", "reactor/state/") or source.under(
        *FEW
    ):
        return []
    findings = []
    for node in source.tree.body:
        if not isinstance(node, ast.ClassDef) or _needs_no_slots(node):
            continue
        names = {ast.unparse(one.targets[0]) for one in node.body if isinstance(one, ast.Assign)}
        names |= {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
        if "__slots__" not in names:
            findings.append(source.at(node, f"{node.name} has no __slots__"))
    return findings


def _needs_no_slots(node: ast.ClassDef) -> bool:
    bases = {ast.unparse(base).rsplit(".", 1)[-1].split("[")[0] for base in node.bases}
    return bool(bases & SLOTLESS) or "dataclass" in decorators(node)


RULES: Final = (
    has_a_docstring,
    is_a_chapter,
    has_no_state,
    imports_at_the_top,
    imports_from_the_file,
    has_slots,
)
