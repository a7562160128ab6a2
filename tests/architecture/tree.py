"""The repository as data: its sources, parsed, for the rules of this folder to look at.

A rule is a function from a `Source` to its findings, one line of text each. It never reads a file
by itself, so that `test_rules` can show every rule a bad sample and see it complain.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("reactor", "protocols")
FACADES: Final = (  # they alone export names
    "reactor/__init__.py",
    "reactor/callbacks/__init__.py",
    "protocols/__init__.py",
)
EVERYTHING: Final = (*PACKAGES, "tests", "examples", "benchmarks")
NO_CODE: Final = frozenset(
    {
        tokenize.COMMENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
        tokenize.INDENT,
        tokenize.NEWLINE,
        tokenize.NL,
    }
)

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Documented: TypeAlias = Function | ast.ClassDef | ast.Module


@dataclass(frozen=True)
class Source:
    """One Python file: where it is, seen from the root with slashes, and what is in it."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def name(self) -> str:
        """The dotted name under which it is imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_chapter(self) -> bool:
        return self.path.endswith("/__init__.py") and self.path not in FACADES

    def under(self, *places: str) -> bool:
        """Tell whether this is one of `places`: files, or folders that end in a slash."""
        return any(self.path == place or self._is_in(place) for place in places)

    def _is_in(self, place: str) -> bool:
        return place.endswith("/") and self.path.startswith(place)

    def at(self, node: ast.AST, message: str) -> str:
        """Return a finding: `message` with the place of `node`."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {message}"

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    @property
    def code_size(self) -> int:
        """Count the lines that are neither docstring nor comment nor blank."""
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in NO_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in self.nodes(ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef):
            lines -= docstring_lines(node)
        return len(lines)


Rule: TypeAlias = Callable[[Source], list[str]]


def sources(*folders: str) -> list[Source]:
    """Read every Python file under `folders`, which are named from the root."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


def docstring_lines(node: ast.AST) -> set[int]:
    """Return the numbers of the lines that the docstring of `node` fills."""
    assert isinstance(node, Documented)
    if ast.get_docstring(node, clean=False) is None:
        return set()
    first = node.body[0]
    return set(range(first.lineno, (first.end_lineno or first.lineno) + 1))


def decorators(node: Function | ast.ClassDef) -> set[str]:
    """Return the last words of the decorators: `property`, `setter`, `overload`."""
    words = (one.func if isinstance(one, ast.Call) else one for one in node.decorator_list)
    return {ast.unparse(word).rsplit(".", 1)[-1] for word in words}
