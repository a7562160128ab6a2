"""Listings: the tests as pages, so that a promise can link to its proof.

There is a page for each file of tests, with an anchor at each test. The pages are made when all
others have been written, and no page of ours need mention them.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docs.promises import files_of, tests_of

if TYPE_CHECKING:
    from sphinx.application import Sphinx  # the tests of other Pythons have none

ROOT: Final = Path(__file__).resolve().parents[1]


def address(docname: str, path: str, test: str) -> str:
    """Return the address of a test, as a link on the page `docname`.

    Args:
        docname: a page, without its suffix.
        path: the file of the test, seen from the root.
        test: the name of the test.
    """
    return f"{'../' * docname.count('/')}{path.removesuffix('.py')}.html#{test}"


def find(test: str) -> str:
    """Return the file of a test by its name: `test_a`, or `tests/b/test_c.py::test_a`.

    Raises:
        LookupError: no file, or more than one, has such a test.
    """
    where, _, name = test.rpartition("::")
    paths = [path for path in places().get(name, []) if where in ("", path)]
    if len(paths) != 1:
        raise LookupError(f"{test} is a test of {', '.join(paths) or 'no file'}")
    return paths[0]


@functools.cache
def places() -> dict[str, list[str]]:
    """Return the files that have a test of each name."""
    found: dict[str, list[str]] = {}
    for path in files_of(ROOT):
        for test in tests_of(ast.parse(path.read_text("utf-8"))):
            found.setdefault(test.name, []).append(path.relative_to(ROOT).as_posix())
    return found


def pages(app: "Sphinx") -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the pages, as `html-collect-pages` wants them."""
    for path in files_of(ROOT):
        source = path.read_text("utf-8")
        where = path.relative_to(ROOT).as_posix()
        listing = app.builder.highlighter.highlight_block(source, "python")
        lines = listing.splitlines()
        for test in tests_of(ast.parse(source)):
            first = min([test.lineno, *(one.lineno for one in test.decorator_list)])
            lines[first - 1] = f'<span id="{test.name}"></span>{lines[first - 1]}'
        body = f"<h1>{where}</h1>\n" + "\n".join(lines)
        yield where.removesuffix(".py"), {"title": where, "body": body}, "page.html"
