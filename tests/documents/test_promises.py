"""The page of promises has every id with its sentence, and its links lead to the tests."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from docs.promises import FAMILIES, collect, faults
from tests.architecture.tree import ROOT

SAMPLE = '''\
import pytest

WORDS = [pytest.param("refused", ["ECONNREFUSED"], id="CC-68"), pytest.param("x", id="other")]


def test_a__lw_071_072__tls_6() -> None:
    """A read that is full
    is reported.

    More is said below.
    """


@pytest.mark.parametrize("word", WORDS)
def test_b__cc_61(word: str) -> None:
    """A number has a word."""
'''


def write(root: Path, text: str) -> Path:
    (root / "tests").mkdir(exist_ok=True)
    (root / "tests/test_a.py").write_text(text)
    return root


def test_every_promise_of_the_tests_has_a_chapter() -> None:
    found = collect(ROOT)
    assert len(found) > 250
    assert faults(found) == []


def test_a_number_has_one_place() -> None:
    for group in FAMILIES.values():
        numbers = [number for _, chapter in group.numbers() for number in chapter]
        assert sorted(numbers) == sorted(set(numbers)), group.family


def test_a_promise_is_found_under_every_id_of_its_test(tmp_path: Path) -> None:
    found = collect(write(tmp_path, SAMPLE))
    assert {name: proofs[0].sentence for name, proofs in found.items()} == {
        "LW-071": "A read that is full is reported.",
        "LW-072": "A read that is full is reported.",
        "TLS-6": "A read that is full is reported.",
        "CC-61": "A number has a word.",
        "CC-68": "A number has a word: `refused`, `ECONNREFUSED`.",
    }
    assert faults(found) == []


@pytest.mark.parametrize(
    ("test", "fault"),
    [
        ("def test_a__lw_1(): ...", "says the promise"),
        ("def test_a__lw_1():\n  'It is reported once and later.'", "names what it is about"),
        ("def test_a__lw_1():\n  'A read works.'", "names what it is about"),
        ("def test_a__lw_1():\n  'A read does what LW-071 says.'", "without a look at LW-071"),
        ("def test_a__lw_999():\n  'A read that is full is reported.'", "LW-999 has no chapter"),
        ("def test_a__no_1():\n  'A read that is full is reported.'", "no-1 has no chapter"),
    ],
)
def test_what_no_page_could_show_is_a_fault(tmp_path: Path, test: str, fault: str) -> None:
    found = faults(collect(write(tmp_path, test)))
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="needs Sphinx")
def test_no_link_of_the_pages_leads_nowhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-b", "html"]
    built = subprocess.run(
        [*command, str(ROOT / "docs"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (built.returncode, built.stderr) == (0, "")
    anchors = {
        path: set(re.findall(r'\bid="([^"]+)"', path.read_text("utf-8")))
        for path in tmp_path.rglob("*.html")
    }
    links = [
        (page, *unescape(target).partition("#")[::2])
        for page in anchors
        for target in re.findall(r'<a [^>]*href="([^"]+)"', page.read_text("utf-8"))
        if not re.match(r"\w+:", target)
    ]
    lost = [
        f"{page.relative_to(tmp_path)}: {target}#{anchor}"
        for page, target, anchor in links
        for path in [(page.parent / target).resolve() if target else page]
        if not path.exists() or (anchor and path in anchors and anchor not in anchors[path])
    ]
    assert len([anchor for _, _, anchor in links if "__lw_" in anchor]) > 250
    assert lost == []
