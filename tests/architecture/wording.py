"""Rules about words: names of tests, remarks to tools, things to do, white space."""

from __future__ import annotations

import ast
import re
from typing import Final

from docs.promises import FAMILIES, TAIL, fault_of, promise_of
from tests.architecture.tree import Source

IGNORE: Final = re.compile(r"#\s*(type: ignore|noqa)(.*)")
REASONED: Final = re.compile(r"(\[[a-z-]+(, [a-z-]+)*\]|: [A-Z]+\d+(, [A-Z]+\d+)*)(  #| -) \S.*")
TO_DO: Final = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")  # rule: to-do
OTHERS: Final = "tests/old/unittests.py"  # runs the tests of others, as they are


def a_promise_is_said_in_a_sentence(source: Source) -> list[str]:
    """A test that bears an id says in its docstring what is promised, to be read alone."""
    return [
        source.at(node, f"{node.name}: {fault}")
        for node in _tests(source)
        if TAIL.search(node.name) and (fault := fault_of(promise_of(node)))
    ]


def an_id_is_one_that_we_know(source: Source) -> list[str]:
    """The tail of a test's name is a family of ids with numbers: `__lw_071_072`, `__tls_6`."""
    findings = []
    for node in _tests(source):
        tails = node.name.partition("__")[2]
        if not tails:
            continue
        families = {family for family, _ in TAIL.findall(node.name)}
        if TAIL.sub("", "__" + tails) or not families <= set(FAMILIES):
            findings.append(source.at(node, f"{node.name}: __{tails} is no id that we know"))
    return findings


def _tests(source: Source) -> list[ast.FunctionDef]:
    if not source.under("tests/"):
        return []
    found = source.nodes(ast.FunctionDef)
    return [
        node
        for node in found
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def an_ignore_has_a_reason(source: Source) -> list[str]:
    """A remark that silences a tool names the code and the reason."""
    return [
        f"{source.path}:{number}: an ignore names its code and, after `  #`, its reason"
        for number, line in enumerate(source.text.splitlines(), 1)
        if (found := IGNORE.search(line)) and not source.under("tests/architecture/")
        if not REASONED.fullmatch(found[2])
    ]


def what_is_to_do_has_a_number(source: Source) -> list[str]:
    """What is left to do is an issue, and a remark names it: `TODO(#12)`."""
    return [
        f"{source.path}:{number}: a thing to do has the number of its issue"
        for number, line in enumerate(source.text.splitlines(), 1)
        if TO_DO.search(line) and not source.under("tests/architecture/")
    ]


def tests_neither_sleep_nor_mock(source: Source) -> list[str]:
    """A test advances the clock or settles the collection; it does not mock classes of ours."""
    if not source.under("tests/"):
        return []
    findings = []
    for node in source.nodes(ast.Call, ast.Import, ast.ImportFrom):
        words = ast.unparse(node)
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in {"time.sleep", "sleep"}:
                findings.append(source.at(node, "a test does not sleep: advance the clock"))
        elif re.search(r"\bunittest\b|\bmock\b", words) and not source.under(OTHERS):
            findings.append(source.at(node, "a test does not mock: use a verified fake"))
    return findings


RULES: Final = (
    a_promise_is_said_in_a_sentence,
    an_id_is_one_that_we_know,
    an_ignore_has_a_reason,
    what_is_to_do_has_a_number,
    tests_neither_sleep_nor_mock,
)
