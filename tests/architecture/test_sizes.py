"""Nothing is bigger than its ceiling, save what `ceilings.toml` names with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.architecture import sizes
from tests.architecture.sizes import Size
from tests.architecture.tree import EVERYTHING, Source, sources


def test_nothing_is_above_its_ceiling__pitfall_6_7() -> None:
    """Objects and modules stay small; each exception to that is needed, exact, and has a reason."""
    assert sizes.judge(sizes.measure(sources(*EVERYTHING)), sizes.exceptions()) == []


def sized(path: str, text: str) -> dict[tuple[str, str], int]:
    return {(one.what, one.where): one.size for one in sizes.measure([Source(path, text)])}


def test_a_function_is_measured_without_its_docstring() -> None:
    text = 'class A:\n  def f(self):\n    """One\n    two."""\n    # why\n\n    return 1\n'
    assert sized("reactor/a.py", text)["function", "reactor/a.py::A.f"] == 4


def test_a_test_is_a_test_only_among_the_tests() -> None:
    text = "def test_a():\n  pass\n"
    assert ("test", "tests/test_a.py::test_a") in sized("tests/test_a.py", text)
    assert ("function", "reactor/a.py::test_a") in sized("reactor/a.py", text)


def test_a_file_is_measured_by_its_lines_of_code() -> None:
    text = '"""Doc\nstring."""\n\n# why\nX = (\n  1,\n)\nY = """a\nb"""\n'
    assert sized("reactor/a.py", text)["file", "reactor/a.py"] == 5


def test_attributes_are_counted_wherever_they_are_named() -> None:
    text = """
class A:
    __slots__ = ("a", "b", "__weakref__")
    c: int
    limit: ClassVar[int] = 3
    default: int = 4
    def __init__(self):
        self.a, self.d = 1, 2
        self.e: int = 3
        other.f = 4
    @c.setter
    def g(self, value):
        self.h = value
"""
    assert sized("reactor/a.py", text)["attributes", "reactor/a.py::A"] == 5


def test_a_property_is_no_method() -> None:
    text = """
class A:
    def __repr__(self): ...
    def run(self): ...
    @property
    def a(self): ...
    @a.setter
    def a(self, b): ...
"""
    assert sized("reactor/a.py", text)["methods", "reactor/a.py::A"] == 1


def test_a_folder_is_measured_without_its_chapter() -> None:
    paths = ["reactor/loop/a.py", "reactor/loop/b.py", "reactor/loop/__init__.py"]
    found = list(sizes.measure([Source(path, "") for path in paths]))
    assert Size("folder", "reactor/loop", 2) in found


@pytest.mark.parametrize(("what", "ceiling"), sizes.CEILINGS.items())
def test_one_more_than_the_ceiling_is_refused(what: str, ceiling: int) -> None:
    assert sizes.judge([Size(what, "x", ceiling)], []) == []
    assert sizes.judge([Size(what, "x", ceiling + 1)], []) != []


def test_a_face_may_have_more_methods_and_twenty_attributes() -> None:
    face = "reactor/transport.py::Transport"
    assert sizes.judge([Size("methods", face, 99), Size("attributes", face, 20)], []) == []
    assert sizes.judge([Size("attributes", face, 21)], []) != []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({}, None),
        ({"reason": ""}, "needs a reason"),
        ({"where": "gone.py"}, "no such thing"),
        ({"size": 450}, "lower the exception"),
        ({"size": 410}, "has grown"),
        ({"where": "small.py"}, "under its ceiling"),
    ],
)
def test_an_exception_is_needed_exact_and_reasoned(
    change: dict[str, Any], complaint: str | None
) -> None:
    measured = [Size("file", "small.py", 3), Size("file", "big.py", 420)]
    if "where" in change:
        measured.pop()  # else the big file would complain as well
    one = {"what": "file", "where": "big.py", "size": 420, "reason": "it is a table"} | change
    found = sizes.judge(measured, [one])
    assert found == [] if complaint is None else [line for line in found if complaint in line]
