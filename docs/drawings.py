"""Drawings: SVG made of what the code says, so that no picture can go stale.

`house` draws the floors: which folders and files there are, and who imports whom. `machine` draws a
table of legal moves. Both are strings that stand inside a page: they take its colours, which is why
they can be read in the light and in the dark theme. Who puts them there is `directives`.
"""

import ast
import enum
import math
import textwrap
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Final, TypeAlias

WIDTH: Final = 760  # units; furo's column has 736 pixels
MARGIN: Final = 34  # for the numbers of the floors
GAP: Final = 12  # between boxes
STAIRS: Final = 34  # between floors, where the arrows are
LINE: Final = 14  # from one line of text to the next
SMALL: Final = 6.1  # the width of a letter of 10 units in a typewriter font
LETTER: Final = 5.9  # the mean width of a letter of 11 units
HEAD: Final = 4  # half the width of an arrow's head
RIM: Final = 3  # between the two frames of a phase that is for good
ROOF: Final = ("__main__", "testing")  # above all floors, and no floor themselves
OURS: Final = ("reactor.", "protocols.")
CONTRACT: Final = "A file imports lower floors only"

# What the three sentences say of a room.
MOTTOES: Final = {
    "channel": "is tried",
    "loop": "waits",
    "operations": "are stepped",
    "state": "steps them; drive waits",
}

Moves: TypeAlias = Mapping[Any, Any]
Point: TypeAlias = tuple[float, float]


# Machines.


def machine(moves: Moves, name: str) -> str:
    """Draw a table of legal moves: first the phase it begins with; double frames are for good.

    Args:
        moves: from each phase, the phases that may follow: a set, or a mask of them.
        name: said to those who cannot see it.
    """
    table = {phase: followers(moves, phase) for phase in moves}
    phases = list(table)
    pitch = WIDTH / len(phases)
    boxes = [Box(pitch * (i + 0.5) - 50, 0, 100, 28) for i in range(len(phases))]
    arcs = [
        Arc(phases.index(a), phases.index(b), final=not table[b])
        for a, after in table.items()
        for b in after
    ]
    above, below = ([arc for arc in arcs if arc.forward is way] for way in (True, False))
    top, bottom = (10 + max((arc.height for arc in side), default=0) for side in (above, below))
    for box in boxes:
        box.y = top
    place_ends(arcs, boxes)
    parts = [arc.svg(boxes[arc.begin]) for arc in arcs]
    for phase, box in zip(phases, boxes, strict=True):
        parts.append(box.frame())
        if not table[phase]:
            parts.append(box.grown(RIM).frame("rim"))
        parts.append(text(box.middle, box.y + 18, phase.name, "name middle"))
    said = "; ".join(
        f"{phase.name} to {', '.join(one.name for one in after) or 'nothing'}"
        for phase, after in table.items()
    )
    return picture(top + 28 + bottom, f"The moves of {name}: {said}.", parts)


def followers(moves: Moves, phase: enum.Enum) -> list[enum.Enum]:
    """Return the phases that may follow one, in the order of the table."""
    after = moves[phase]
    if isinstance(after, int):
        return [one for one in moves if one.value & after]
    return [one for one in moves if one in after]


@dataclass
class Box:
    """A frame: where it is, and how large."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Where half of it is on the left."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.y + self.height

    def grown(self, size: float) -> "Box":
        """Return a frame around this one, `size` away from it."""
        return Box(self.x - size, self.y - size, self.width + 2 * size, self.height + 2 * size)

    def frame(self, kind: str = "box") -> str:
        """Draw it."""
        return (
            f'<rect class="{kind}" x="{self.x:.1f}" y="{self.y:.1f}" width="{self.width:.1f}"'
            f' height="{self.height:.1f}" rx="5"/>'
        )


@dataclass
class Arc:
    """A move: forwards above the boxes, backwards below them."""

    begin: int
    end: int
    final: bool
    x: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @property
    def forward(self) -> bool:
        """Whether it leads on."""
        return self.end >= self.begin

    @property
    def height(self) -> float:
        """How far it leads away from the boxes; a curve reaches three quarters of its handles."""
        return 22 + 15 * max(0, abs(self.end - self.begin) - 1)

    def svg(self, box: Box) -> str:
        """Draw it between its ends, which have been placed."""
        side = -1 if self.forward else 1
        y = box.y if self.forward else box.bottom
        y_end = y + side * RIM if self.final else y
        handle = y + side * self.height / 0.75
        curve = f"C{self.x[0]:.1f} {handle:.1f} {self.x[1]:.1f} {handle:.1f}"
        kind = "final" if self.final else ""
        return arrow((self.x[0], y), (self.x[1], y_end), kind, curve, (self.x[1], handle))


def place_ends(arcs: list[Arc], boxes: list[Box]) -> None:
    """Give the arcs at each box places of their own, so that they do not cross there.

    From left to right: those that come from the left, the nearest first; those that come from or
    lead to the box itself; those on the right, the farthest first.
    """
    for forward in (True, False):
        for i, box in enumerate(boxes):
            ends = [
                (other - i, arc, which)
                for arc in arcs
                if arc.forward is forward
                for which, (here, other) in enumerate(((arc.begin, arc.end), (arc.end, arc.begin)))
                if here == i
            ]
            ends.sort(key=lambda one: ((one[0] > 0) - (one[0] < 0), -one[0], one[2]))
            for place, (_, arc, which) in enumerate(ends, 1):
                arc.x[which] = box.x + box.width * place / (len(ends) + 1)


# The house.


@dataclass
class Room:
    """A folder or a file of the first level: its files, and what its docstring begins with."""

    name: str
    files: list[str]
    caption: str
    box: Box = field(default_factory=lambda: Box(0, 0, 0, 0))

    @property
    def title(self) -> str:
        """Its name on the door: folders have a slash."""
        return f"{self.name}/" if self.files else self.name

    def furnish(self) -> list[tuple[str, str]]:
        """Return the lines of text on it, each with its style."""
        columns = int((self.box.width - 16) / LETTER)
        lines = [(line, "") for line in textwrap.wrap(self.caption, columns)]
        names = textwrap.wrap(
            "  ".join(self.files),
            int((self.box.width - 16) / SMALL),
            break_long_words=False,
        )
        return lines + [(name, "file") for name in names]

    def svg(self) -> Iterator[str]:
        """Draw it."""
        box = self.box
        yield box.frame()
        yield text(box.x + 8, box.y + 17, self.title, "name")
        if self.name in MOTTOES:
            yield text(box.x + box.width - 8, box.y + 17, MOTTOES[self.name], "motto")
        for i, (line, kind) in enumerate(self.furnish(), 1):
            yield text(box.x + 8, box.y + 17 + i * LINE, line, kind)


def house(root: Path) -> str:
    """Draw the floors of the packages: a folder is a floor, a file is a noun.

    Args:
        root: the folder with `pyproject.toml`, whose contract says which floors there are.
    """
    floors = [row for names in floors_of(root) if (row := rooms(root, names))]
    number = len(floors) - 1
    height = 4.0
    parts: list[str] = []
    for row in floors:
        lay_out(row, height)
        bottom = max(room.box.bottom for room in row)
        for room in row:
            room.box.height = bottom - height
            parts += room.svg()
        if row is not floors[0]:  # which is the roof
            parts.append(text(8, height + 17, str(number), "floor"))
        number -= 1
        height = bottom + STAIRS
    by_name = {room.name: room.box for row in floors for room in row}
    stairs = [arrow(begin, end) for begin, end in stairways(by_name, uses(root))]
    said = "; ".join(", ".join(room.title for room in row) for row in floors)
    return picture(
        height - STAIRS + 4, f"The floors, the highest first: {said}.", [*stairs, *parts]
    )


def floors_of(root: Path) -> list[list[str]]:
    """Return the names on each floor, the highest first."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["name"] == CONTRACT)
    named = [[name.strip() for name in layer.split("|")] for layer in layers]
    roof = [names[0] for names in named if names[0] in ROOF]
    return [["protocols", *roof], *(names for names in named if names[0] not in ROOF)]


def rooms(root: Path, names: list[str]) -> list[Room]:
    """Make the rooms that exist, of a floor."""
    found = []
    for name in names:
        path = root / ("protocols" if name == "protocols" else f"reactor/{name}")
        chapter = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not chapter.exists():
            continue
        files = sorted(one.stem for one in path.glob("*.py") if one != chapter)
        files += sorted(f"{one.parent.name}/" for one in path.glob("*/__init__.py"))
        found.append(Room(name, files, first_words(chapter)))
    return found


def first_words(path: Path) -> str:
    """Return the first sentence of a file, without the name of the file."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    sentence = docstring.split("\n\n", maxsplit=1)[0].replace("\n", " ")
    words = sentence.partition(": ")[2] or sentence
    return (words[0].upper() + words[1:]).replace("`", "")


def lay_out(row: list[Room], y: float) -> None:
    """Give each room of a floor its width, by what is in it, and its height."""
    weights = [max(3.0, math.sqrt(10 * len(room.files))) for room in row]
    free = WIDTH - MARGIN - GAP * (len(row) - 1) - 1
    x: float = MARGIN
    for room, weight in zip(row, weights, strict=True):
        width = free * weight / sum(weights)
        room.box = Box(x, y, width, 0)
        room.box.height = 26 + LINE * len(room.furnish())
        x += width + GAP


def uses(root: Path) -> set[tuple[str, str]]:
    """Return who imports whom, without what follows from the rest."""
    edges = {
        (room_of(module), room_of(imported))
        for package in ("reactor", "protocols")
        for path in (root / package).rglob("*.py")
        if (module := path.relative_to(root).with_suffix("").as_posix().replace("/", "."))
        != "reactor.__init__"
        for imported in imports(path)
    }
    edges = {(one, other) for one, other in edges if one != other}
    return {
        (one, other)
        for one, other in edges
        if not any(
            other in reach(edges, between) for who, between in edges if who == one != between
        )
    }


def room_of(module: str) -> str:
    """Return the room that a module is in: the second word of its name in `reactor`."""
    package, _, rest = module.partition(".")
    return package if package == "protocols" else rest.partition(".")[0]


def imports(path: Path) -> Iterator[str]:
    """Yield the modules of ours that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OURS):
            yield str(node.module)


def reach(edges: Collection[tuple[str, str]], begin: str) -> set[str]:
    """Return all that one room imports, directly or not."""
    found: set[str] = set()
    new = {begin}
    while new:
        new = {other for one, other in edges if one in new} - found
        found |= new
    return found


def stairways(
    boxes: Mapping[str, Box], edges: Collection[tuple[str, str]]
) -> Iterator[tuple[Point, Point]]:
    """Yield the ends of the arrows: places of their own along the bottoms and the tops."""
    known = [(one, other) for one, other in edges if one in boxes and other in boxes]
    for one, other in sorted(known):
        below = sorted((b for a, b in known if a == one), key=lambda name: boxes[name].middle)
        above = sorted((a for a, b in known if b == other), key=lambda name: boxes[name].middle)
        upper, lower = boxes[one], boxes[other]
        begin = upper.x + upper.width * (below.index(other) + 1) / (len(below) + 1)
        end = lower.x + lower.width * (above.index(one) + 1) / (len(above) + 1)
        yield (begin, upper.bottom), (end, lower.y)


# What both are made of.


def arrow(
    begin: Point, end: Point, kind: str = "", curve: str = "L", seen_from: Point | None = None
) -> str:
    """Draw an arrow, straight unless there is a `curve`, which arrives from `seen_from`."""
    x_from, y_from = seen_from or begin
    x, y = end
    length = math.hypot(x - x_from, y - y_from)
    ahead_x, ahead_y = (x - x_from) / length * HEAD, (y - y_from) / length * HEAD
    neck_x, neck_y = x - 2 * ahead_x, y - 2 * ahead_y
    return (
        f'<path class="line {kind}" d="M{begin[0]:.1f} {begin[1]:.1f} {curve}'
        f' {neck_x:.1f} {neck_y:.1f}"/>'
        f'<path class="head {kind}" d="M{x:.1f} {y:.1f} L{neck_x + ahead_y:.1f}'
        f' {neck_y - ahead_x:.1f} L{neck_x - ahead_y:.1f} {neck_y + ahead_x:.1f} z"/>'
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Write one line."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def picture(height: float, said: str, parts: list[str]) -> str:
    """Put a drawing together; `said` is for those who cannot see it."""
    return (
        f'<svg class="drawing" role="img" viewBox="0 0 {WIDTH} {height:.0f}"'
        f' xmlns="http://www.w3.org/2000/svg" aria-label="{escape(said)}">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
