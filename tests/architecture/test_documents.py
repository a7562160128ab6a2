"""The documents hold what they promise: their drawings and figures are those of the code."""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from docs.drawings import house, machine
from docs.figures import figure
from tests.architecture.tree import PACKAGES, ROOT, Source, sources

LIMIT: Final = re.compile(r"(.*_)?(LIMIT(_HIGH|_LOW)?|TIMEOUT|BACKLOG)")
VALUE: Final = re.compile(r"\{(seconds|size|count)\}`([\w.]+)`")
OPTION: Final = re.compile(r"`(\w+)=`")
LABEL: Final = re.compile(r'aria-label="([^"]*)"')
ARROW: Final = 'class="line'
CODE: Final = [
    source for source in sources(*PACKAGES) if not source.path.startswith("reactor/testing/")
]


class Light(enum.Enum):
    """A machine to be drawn."""

    RED, GREEN, BROKEN = range(3)


class Mask(enum.IntEnum):
    """The same, of powers of two."""

    RED, GREEN, BROKEN = 1, 2, 4


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def constants(source: Source) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a module sets once and for all, and what they are set to."""
    for node in source.tree.body:
        if isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            yield f"{source.name}.{node.target.id}", node.value


def test_every_table_of_moves_is_drawn() -> None:
    tables = {name for source in CODE for name, _ in constants(source) if name.endswith(".MOVES")}
    drawn = re.findall(r"^```\{machine\} (\S+)$", page("architecture.md"), re.MULTILINE)
    assert {f"{module}.MOVES" for module in drawn} == tables


def test_every_limit_is_on_the_page_of_limits() -> None:
    limits = {
        name
        for source in CODE
        for name, value in constants(source)
        if LIMIT.fullmatch(name.rpartition(".")[2]) and not isinstance(value, ast.Name)
    }
    listed = {match[2] for match in VALUE.finditer(page("limits.md"))}
    assert limits - listed == set(), "docs/limits.md says what it is and who can change it"


def test_what_changes_a_limit_is_a_parameter() -> None:
    parameters = {
        argument.arg
        for source in CODE
        for node in source.nodes(ast.FunctionDef)
        if isinstance(node, ast.FunctionDef)
        for argument in (*node.args.args, *node.args.kwonlyargs)
    }
    options = set(OPTION.findall(page("limits.md")))
    assert "connect_timeout" in options
    assert options - parameters == set()


@pytest.mark.parametrize(
    "moves",
    [
        {
            Light.RED: {Light.GREEN, Light.BROKEN},
            Light.GREEN: {Light.RED, Light.GREEN},
            Light.BROKEN: set[Light](),
        },
        {
            Mask.RED: Mask.GREEN | Mask.BROKEN,
            Mask.GREEN: Mask.RED | Mask.GREEN,
            Mask.BROKEN: 0,
        },
    ],
)
def test_a_machine_is_drawn_with_all_its_moves(moves: dict[enum.Enum, object]) -> None:
    drawing = machine(moves, "lights")
    label = LABEL.search(drawing)
    assert label is not None
    assert label[1] == (
        "The moves of lights: RED to GREEN, BROKEN; GREEN to RED, GREEN; BROKEN to nothing."
    )
    assert drawing.count(ARROW) == 4
    assert drawing.count('class="rim"') == 1  # what is for good


def test_the_house_has_every_file() -> None:
    drawing = house(ROOT)
    words = set(re.findall(r"[\w/]+", re.sub(r"<[^>]*>", " ", drawing)))
    found = {*(ROOT / "reactor").glob("*.py"), *(ROOT / "reactor").glob("*/*.py")}
    inner = {path.parent for path in (ROOT / "reactor").glob("*/*/__init__.py")}
    names = {path.stem for path in found | inner} - {"__init__"}
    assert names - {word.rstrip("/") for word in words} == set()


def test_the_house_has_the_arrows_that_do_not_follow_from_others(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": """\
[[tool.importlinter.contracts]]
name = "A file imports lower floors only"
layers = ["roof", "middle", "(planned) | ground"]
""",
        "protocols/__init__.py": '"""Codecs."""',
        "reactor/roof.py": '"""Roof: on top."""\nimport reactor.middle.a\n',
        "reactor/middle/__init__.py": '"""In between."""',
        "reactor/middle/a.py": "from reactor.ground import x\nfrom reactor.middle.b import y\n",
        "reactor/middle/b.py": "import os\n",
        "reactor/ground.py": '"""Ground: below."""',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert house(tmp_path).count(ARROW) == 1  # `import a.b` is not how we import

    (tmp_path / "reactor/roof.py").write_text(
        '"""Roof: on top."""\nfrom reactor.middle.a import z\nfrom reactor.ground import x\n'
    )
    drawing = house(tmp_path)
    assert drawing.count(ARROW) == 2  # the roof's on the ground follows from the others
    label = LABEL.search(drawing)
    assert label is not None
    assert label[1] == "The floors, the highest first: protocols; roof; middle/; ground."
    assert "On top." in drawing


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (30.0, "seconds", "30 s"),
        (0.25, "seconds", "0.25 s"),
        (16 << 20, "size", "16 MiB"),
        (65_536, "size", "64 KiB"),
        (255, "size", "255 bytes"),
        (1_500, "size", "1500 bytes"),
        (128, "count", "128"),
        (1_000, "count", "1\N{NO-BREAK SPACE}000"),
    ],
)
def test_a_figure_is_written_for_people(value: float, unit: str, text: str) -> None:
    assert figure(value, unit) == text
