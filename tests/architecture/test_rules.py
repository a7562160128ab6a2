"""Every rule of this folder holds in the whole tree, and each refuses a sample that breaks it."""

from __future__ import annotations

from typing import Final

import pytest

from tests.architecture import borders, shape, wording
from tests.architecture.tree import EVERYTHING, Rule, Source, sources

RULES: Final = (*shape.RULES, *borders.RULES, *wording.RULES)
SAYS: Final = "A write of nothing reports nothing."
LEANS: Final = "It reports nothing, whatever was written."
REFERS: Final = "A write does what LW-094 says of it."
LONG: Final = '"""' + "A line of prose.\n" * 24 + '"""\n'

REFUSED: Final = [
    (shape.has_a_docstring, "tests/a.py", "import os\n"),
    (shape.is_a_chapter, "reactor/loop/__init__.py", LONG + "import os\n"),
    (shape.is_a_chapter, "reactor/loop/__init__.py", '"""Short."""\n'),
    (shape.is_a_chapter, "protocols/codecs/__init__.py", LONG.replace("prose.", "prose.\n")),
    (shape.has_no_state, "reactor/a.py", '"""A."""\nLIMIT = 3\n'),
    (shape.has_no_state, "reactor/a.py", '"""A."""\nlimit: int = 3\n'),
    (shape.has_no_state, "reactor/a.py", '"""A."""\nif True:\n  limit = 3\n'),
    (shape.has_no_state, "reactor/a.py", '"""A."""\ntry:\n  pass\nexcept OSError:\n  limit = 3\n'),
    (shape.has_no_state, "reactor/a.py", '"""A."""\nCACHE: Final = {}\n'),
    (shape.has_no_state, "reactor/a.py", '"""A."""\nALL: Final = weakref.WeakSet()\n'),
    (shape.has_no_state, "reactor/a.py", '"""A."""\nCALLS: Final[list[int]] = []\n'),
    (shape.has_no_state, "reactor/a.py", '"""A."""\natexit.register(print)\n'),
    (shape.has_no_state, "protocols/a.py", '"""A."""\ndef f():\n  global x\n  x = 1\n'),
    (shape.imports_at_the_top, "reactor/a.py", "def f():\n  import os\n"),
    (shape.imports_from_the_file, "reactor/a.py", "from reactor import WaitStateCollection\n"),
    (shape.imports_from_the_file, "protocols/a.py", "import reactor\n"),
    (shape.imports_from_the_file, "reactor/a.py", '__all__ = ["b"]\n'),
    (shape.has_slots, "reactor/loop/a.py", "class A:\n  pass\n"),
    (borders.modules_stay_behind_their_border, "reactor/server.py", "import ssl\n"),
    (borders.modules_stay_behind_their_border, "reactor/a.py", "from ssl import SSLContext\n"),
    (borders.modules_stay_behind_their_border, "reactor/loop/a.py", "import errno\n"),
    (borders.modules_stay_behind_their_border, "reactor/a.py", "def f():\n  import select\n"),
    (borders.modules_stay_behind_their_border, "protocols/a.py", "from reactor import testing\n"),
    (borders.modules_stay_behind_their_border, "reactor/a.py", "import reactor.testing.clock\n"),
    (borders.calls_stay_behind_their_border, "reactor/stream.py", "sock.recv_into(view)\n"),
    (borders.calls_stay_behind_their_border, "reactor/loop/a.py", "self._sock.send(b'')\n"),
    (borders.calls_stay_behind_their_border, "protocols/a.py", "logging.basicConfig()\n"),
    (borders.calls_stay_behind_their_border, "reactor/a.py", "time.sleep(1)\n"),
    (borders.codecs_are_pure, "protocols/codecs/a.py", "import socket\n"),
    (borders.codecs_are_pure, "protocols/codecs/a.py", "from time import monotonic\n"),
    (borders.codecs_are_pure, "protocols/codecs/a.py", "from reactor.errors import Error\n"),
    (borders.nothing_foreign_is_imported, "reactor/a.py", "import requests\n"),
    (borders.nothing_foreign_is_imported, "protocols/a.py", "import h11\n"),
    (wording.a_promise_is_said_in_a_sentence, "tests/a.py", "def test_a__lw_1(): ...\n"),
    (wording.a_promise_is_said_in_a_sentence, "tests/a.py", "def test_a__tls_1():\n  'no'\n"),
    (wording.a_promise_is_said_in_a_sentence, "tests/a.py", "def test_a__tls_1():\n  'No!'\n"),
    (wording.a_promise_is_said_in_a_sentence, "tests/a.py", f"def test_a__lw_1():\n  {LEANS!r}\n"),
    (wording.a_promise_is_said_in_a_sentence, "tests/a.py", f"def test_a__lw_1():\n  {REFERS!r}\n"),
    (wording.an_id_is_one_that_we_know, "tests/a.py", "def test_a__lv_1(): ...\n"),
    (wording.an_id_is_one_that_we_know, "tests/a.py", "def test_a__lw_one(): ...\n"),
    (wording.an_ignore_has_a_reason, "reactor/a.py", "a = b  # type: ignore\n"),
    (wording.an_ignore_has_a_reason, "reactor/a.py", "a = b  # type: ignore[misc]\n"),
    (wording.an_ignore_has_a_reason, "tests/a.py", "a = b  # noqa: E501\n"),
    (wording.what_is_to_do_has_a_number, "reactor/a.py", "a = b  # TODO: think\n"),
    (wording.tests_neither_sleep_nor_mock, "tests/a.py", "time.sleep(0.1)\n"),
    (wording.tests_neither_sleep_nor_mock, "tests/a.py", "from unittest import mock\n"),
]

ALLOWED: Final = [
    (
        shape.has_no_state,
        "reactor/a.py",
        '"""A."""\nLIMIT: Final = 3\nlog = logging.getLogger("a")\n',
    ),
    (shape.has_no_state, "reactor/a.py", '"""A."""\nMOVES: Final = {1: {2}}\nA: TypeAlias = int\n'),
    (shape.has_no_state, "reactor/a.py", '"""A."""\nif __name__ == "__main__":\n  main()\n'),
    (shape.has_no_state, "tests/a.py", '"""A."""\nlimit = 3\n'),
    (shape.is_a_chapter, "reactor/loop/__init__.py", LONG),
    (shape.is_a_chapter, "reactor/__init__.py", '"""Short."""\nimport os\n'),
    (shape.imports_at_the_top, "reactor/hosts/a.py", "def f():\n  import tkinter\n"),
    (shape.imports_from_the_file, "reactor/a.py", "from reactor.errors import SocketError\n"),
    (shape.has_slots, "reactor/loop/a.py", "class A(enum.Enum):\n  B = 1\n"),
    (borders.modules_stay_behind_their_border, "reactor/channel/tls.py", "import ssl\n"),
    (borders.modules_stay_behind_their_border, "tests/a.py", "import ssl, reactor.testing\n"),
    (borders.calls_stay_behind_their_border, "reactor/loop/waker.py", "self._far.send(b'x')\n"),
    (borders.codecs_are_pure, "protocols/codecs/a.py", "import re\n"),
    (borders.nothing_foreign_is_imported, "protocols/codecs/http1.py", "import h11\n"),
    (wording.a_promise_is_said_in_a_sentence, "tests/a.py", f"def test_a__lw_1():\n  {SAYS!r}\n"),
    (wording.an_id_is_one_that_we_know, "tests/a.py", "def test_a__lw_071_072__tls_6(): ...\n"),
    (wording.an_ignore_has_a_reason, "reactor/a.py", "a = b  # type: ignore[misc]  # no stubs\n"),
    (wording.what_is_to_do_has_a_number, "reactor/a.py", "a = b  # TODO(#12): think\n"),
]


def _title(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("rule", RULES, ids=_title)
def test_the_tree_keeps_the_rule__pitfall_1_8_9_12(rule: Rule) -> None:
    """No file but those of TLS knows `ssl`, nothing that waits exists twice, no module keeps state,
    and no error is printed.
    """
    assert [finding for source in sources(*EVERYTHING) for finding in rule(source)] == []


@pytest.mark.parametrize(("rule", "path", "text"), REFUSED, ids=_title)
def test_the_rule_refuses_a_bad_sample(rule: Rule, path: str, text: str) -> None:
    findings = rule(Source(path, text))
    assert findings != []
    assert all(finding.startswith(path) for finding in findings)


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED, ids=_title)
def test_the_rule_allows_a_good_sample(rule: Rule, path: str, text: str) -> None:
    assert rule(Source(path, text)) == []


def test_every_rule_has_been_seen_to_refuse() -> None:
    assert {rule for rule, _, _ in REFUSED} == set(RULES)


def test_every_exception_for_state_is_needed() -> None:
    assert shape.stale_exceptions(sources("reactor", "protocols")) == []
    assert shape.stale_exceptions([]) == sorted(shape.STATE)
