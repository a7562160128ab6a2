"""The files around the code: floors as contracts, make targets, changes, decisions, white space."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.architecture.tree import PACKAGES, ROOT

PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FLOORS: Final = (
    "__main__",
    "testing",
    "callbacks | compat | workers | reconnection",
    "server | sockets | hosts",
    "transport | datagram | stream",
    "flow",
    "opening | protocol",
    "state",
    "net | operations",
    "loop | channel",
    "errors | interest | deadline | arguments | malloc",
)
IO: Final = ("asyncio", "select", "selectors", "socket", "ssl", "threading", "time")
FORBIDDEN: Final = {  # contract: who may not import, and what
    "What is stepped never meets what waits": (
        (
            "reactor.operations",
            "reactor.state.drive",
        ),
        ("reactor.loop",),
    ),
    "The reactor knows no protocol": (("reactor",), ("protocols",)),
    "Codecs do no I/O and ask no clock": (("protocols.codecs",), ("reactor", *IO)),
}
TARGETS: Final = ("help", "run", "test", "debian", "lint", "types", "docs", "bench", "check")
FRAGMENT: Final = re.compile(
    r"(\d+|\+[a-z0-9-]+)\.(feature|bugfix|breaking|deprecated|doc|misc)\.md"
)
DECISION: Final = re.compile(r"(\d{4})-[a-z0-9-]+\.md")
HEADINGS: Final = ["Context", "Decision", "Consequences", "What else we considered"]
PROSE: Final = ("*.md", "*.toml", "Makefile", ".gitignore", ".pre-commit-config.yaml", ".ci/*")
FOLDERS: Final = ("benchmarks", "changes", "docs", "examples", "protocols", "reactor", "tests")
SUFFIXES: Final = {".md", ".py", ".toml", ".txt"}


def texts() -> Iterator[Path]:
    """Yield every file that people write."""
    for pattern in PROSE:
        yield from ROOT.glob(pattern)
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SUFFIXES and "_build" not in path.parts:
                yield path


def exists(module: str) -> bool:
    path = ROOT / module.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def contract(name: str) -> dict[str, Any]:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    found: list[dict[str, Any]] = [one for one in contracts if one["name"] == name]
    return found[0] if found else {}


def test_the_floors_are_those_of_the_design__pitfall_7() -> None:
    """Every file has a floor and imports lower ones only; a floor that is still to come is
    marked as such.
    """
    layers = contract("A file imports lower floors only")
    wanted = [
        " | ".join(
            name if exists(f"reactor.{name}") else f"({name})" for name in floor.split(" | ")
        )
        for floor in FLOORS
    ]
    assert layers["layers"] == wanted
    assert layers["containers"] == ["reactor"]
    assert layers["exhaustive"] is True


def test_every_folder_of_the_packages_has_its_chapter() -> None:
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_forbidden_stays_forbidden(name: str) -> None:
    sources, forbidden = FORBIDDEN[name]
    there = [module for module in sources if exists(module)]
    assert contract(name).get("source_modules", []) == there
    if there:
        assert contract(name)["forbidden_modules"] == list(forbidden)


def test_nothing_is_needed_at_run_time() -> None:
    assert PROJECT["project"]["dependencies"] == []


def test_both_packages_say_that_they_are_typed() -> None:
    assert (ROOT / "reactor/py.typed").exists()
    assert (ROOT / "protocols/py.typed").exists()


def test_the_makefile_has_the_targets_that_the_house_style_names() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    listed = re.findall(r"^([a-z]+):.*## \S", text, re.MULTILINE)
    assert set(listed) >= set(TARGETS)
    assert ".DEFAULT_GOAL := help" in text
    assert re.search(r"^check: .*\n.* --jobs=1 lint types test docs\b", text, re.MULTILINE)


def test_a_fragment_is_named_by_its_issue_and_kind() -> None:
    names = {path.name for path in (ROOT / "changes").iterdir()} - {"README.md"}
    assert [name for name in names if not FRAGMENT.fullmatch(name)] == []
    assert FRAGMENT.fullmatch("12.bugfix.md")
    assert FRAGMENT.fullmatch("+echo-server.feature.md")
    assert not FRAGMENT.fullmatch("echo.feature.md")
    assert not FRAGMENT.fullmatch("12.fix.md")


def test_decisions_are_numbered_in_order_and_have_their_headings() -> None:
    paths = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [match[1] for path in paths if (match := DECISION.fullmatch(path.name))]
    assert numbers == [f"{number:04}" for number in range(1, len(paths) + 1)]
    for path in paths:
        text = path.read_text("utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS, path.name
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name


def test_white_space_is_invisible_and_in_order() -> None:
    findings = [
        f"{path.relative_to(ROOT)}: {finding}"
        for path in texts()
        for finding in white_space(path.read_text("utf-8"), tabs=path.name == "Makefile")
    ]
    assert findings == []


def white_space(text: str, *, tabs: bool) -> list[str]:
    """Say what is wrong with the ends of the lines, and with the end of the text."""
    findings = [
        f"line {number}: white space at its end"
        for number, line in enumerate(text.split("\n"), 1)
        if line != line.rstrip()
    ]
    if "\t" in text and not tabs:
        findings.append("there is a tab")
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        findings.append("a file ends with one line end")
    return findings


@pytest.mark.parametrize("text", ["a \n", "a\r\n", "a", "a\n\n", "\ta\n"])
def test_white_space_out_of_order_is_seen(text: str) -> None:
    assert len(white_space(text, tabs=False)) == 1
