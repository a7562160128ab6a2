"""Promises: what the tests prove, collected from their names and docstrings.

A test whose name ends in `__lw_071` proves the promise LW-071, and its docstring says what is
promised, in one sentence. So the promises have one home, and the page of promises is made of it.
Some tests prove a promise with each of their parameters, whose ids are then `LW-071`. The tests
are parsed and never imported: a page can be built where they cannot run.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TAIL: Final = re.compile(r"__([a-z]+)((?:_\d+)+)")
ROW: Final = re.compile(r"([A-Z]+)-(\d+)")
SENTENCE: Final = re.compile(r"[A-Z`0-9].*[.?!]", re.DOTALL)
# Words that lean on the name of the test, or on the sentence before.
LEANING: Final = {"he", "her", "his", "it", "its", "she", "their", "these", "they", "this", "those"}
FEWEST_WORDS: Final = 5


@dataclass(frozen=True)
class Group:
    """The promises of one family: their chapters, each with the numbers in its order."""

    family: str
    digits: int  # of a number, as it is written
    title: str
    chapters: tuple[tuple[str, str], ...]

    def identifier(self, number: int) -> str:
        """Write an id: `LW-071`."""
        return f"{self.family.upper()}-{number:0{self.digits}}"

    def numbers(self) -> Iterator[tuple[str, list[int]]]:
        """Yield each chapter with its numbers: "1-3 196" are 1, 2, 3 and 196."""
        for title, text in self.chapters:
            spans = [span.partition("-") for span in text.split()]
            numbers = [n for a, _, b in spans for n in range(int(a), int(b or a) + 1)]
            yield title, numbers


GROUPS: Final = (
    Group(
        "lw",
        3,
        "Collections, states and streams",
        (
            ("The loop", "1-21"),
            ("Hosts, services and families", "22-30"),
            ("Connecting", "31-42"),
            ("Accepting", "43-64 198-199 202"),
            ("A state", "65-70"),
            ("Reading", "71-93"),
            ("Writing", "94-104"),
            ("Datagrams", "105-114 200-201"),
            ("Statuses, limits, order", "115-122 196 123-124"),
            ("Aborting, closing, handing over", "125-138"),
            ("TLS on a state", "139-153"),
            ("Descriptions of TLS", "154-171"),
            ("Blocking streams", "172-188 194-195"),
            ("Errors of all of them", "189-193 197"),
        ),
    ),
    Group(
        "cl",
        2,
        "Programs written as functions",
        (
            ("Connecting by functions", "1-11"),
            ("Servers of functions", "12-20"),
            ("Their sockets", "21-24"),
            ("Reading by callbacks", "25-35 89"),
            ("Writing and closing", "36-45"),
            ("Pausing and limits", "46-52"),
            ("Events", "53-67"),
            ("Unix sockets and TLS", "68-72"),
            ("Timers, look-ups, descriptors, signals", "73-85"),
            ("Beginning, ending, figures", "86-88"),
        ),
    ),
    Group(
        "cc",
        2,
        "Blocking sockets",
        (
            ("Options", "1-19"),
            ("Kinds of sockets", "20-27"),
            ("Taking clients, closing", "28-34"),
            ("Questions to a socket", "35-41"),
            ("Datagrams one by one", "42-50"),
            ("Limits of one wait", "51-58"),
            ("Words for errors", "59-84"),
            ("Names and addresses", "85-89"),
        ),
    ),
    Group("pr", 2, "Protocols and transports", (("", "1-16"),)),
    Group("ho", 2, "In somebody else's main loop", (("", "1-10"),)),
    Group(
        "rel",
        2,
        "What it survives",
        (
            ("TCP and descriptors", "1-20"),
            ("TLS", "21-38"),
            ("UDP, Unix sockets, threads, processes, time", "39-50"),
        ),
    ),
    Group("tls", 1, "Nine rules of TLS", (("", "1-9"),)),
    Group("pitfall", 2, "Twelve pitfalls", (("", "1-12"),)),
    Group("perf", 2, "What it costs", (("", "1-99"),)),
)
FAMILIES: Final = {group.family: group for group in GROUPS}


@dataclass(frozen=True)
class Proof:
    """A test, and the promise that it proves: its file, seen from the root, and its name."""

    path: str
    test: str
    sentence: str


def collect(root: Path) -> dict[str, list[Proof]]:
    """Return the proofs of every id, from the tests under `root`."""
    found: dict[str, list[Proof]] = {}
    for path in files_of(root):
        tree = ast.parse(path.read_text("utf-8"), str(path))
        for test in tests_of(tree):
            sentence = promise_of(test)
            where = path.relative_to(root).as_posix()
            for identifier in ids_of(test.name):
                found.setdefault(identifier, []).append(Proof(where, test.name, sentence))
            for identifier, words in parameters_of(test, tree):
                said = f"{sentence.rstrip('.')}: {words}."
                found.setdefault(identifier, []).append(Proof(where, test.name, said))
    return found


def faults(found: dict[str, list[Proof]]) -> list[str]:
    """Say what no page could show: an id without a chapter, a test without a promise."""
    known = {
        group.identifier(number)
        for group in GROUPS
        for _, numbers in group.numbers()
        for number in numbers
    }
    strangers = [
        f"{proof.path}: {proof.test}: {identifier} has no chapter in docs/promises.py"
        for identifier, proofs in found.items()
        for proof in proofs
        if identifier not in known
    ]
    mute = {
        f"{proof.path}: {proof.test}: {fault}"
        for proofs in found.values()
        for proof in proofs
        if (fault := fault_of(proof.sentence))
    }
    return strangers + sorted(mute)


def fault_of(sentence: str) -> str | None:
    """Say why a text is no promise; None if it is one that a stranger understands."""
    if not SENTENCE.fullmatch(sentence):
        return "its docstring says the promise, in a sentence"
    words = sentence.split()
    if words[0].lower() in LEANING or len(words) < FEWEST_WORDS:
        return f"a promise names what it is about: {sentence!r}"
    if row := next((row for row in ROW.findall(sentence) if row[0].lower() in FAMILIES), None):
        return f"a promise says it itself, without a look at {'-'.join(row)}"
    return None


def promise_of(test: ast.FunctionDef) -> str:
    """Return the first paragraph of a test's docstring as one line."""
    return " ".join((ast.get_docstring(test) or "").split("\n\n", maxsplit=1)[0].split())


def ids_of(name: str) -> list[str]:
    """Return the ids in the name of a test: `__lw_071_072__tls_6` has three."""
    return [
        FAMILIES[family].identifier(int(number)) if family in FAMILIES else f"{family}-{number}"
        for family, numbers in TAIL.findall(name)
        for number in numbers.strip("_").split("_")
    ]


def parameters_of(test: ast.FunctionDef, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the ids among the parameters of a test, each with the words that it stands for."""
    tables = {
        ast.unparse(node.targets[0]): node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    for decorator in test.decorator_list:
        named = [tables.get(n.id) for n in ast.walk(decorator) if isinstance(n, ast.Name)]
        for place in (decorator, *filter(None, named)):
            for call in ast.walk(place):
                if isinstance(call, ast.Call) and (identifier := _row(call)):
                    yield identifier, ", ".join(f"`{word}`" for word in _words(call))


def _row(call: ast.Call) -> str | None:
    for keyword in call.keywords:
        if keyword.arg == "id" and isinstance(keyword.value, ast.Constant):
            match = ROW.fullmatch(str(keyword.value.value))
            if match and (group := FAMILIES.get(match[1].lower())):
                return group.identifier(int(match[2]))
    return None


def _words(call: ast.Call) -> Iterator[str]:
    for argument in call.args:
        for node in ast.walk(argument):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def files_of(root: Path) -> list[Path]:
    """Return the files of tests under `root`."""
    return sorted((root / "tests").rglob("test_*.py"))


def tests_of(tree: ast.Module) -> list[ast.FunctionDef]:
    """Return the tests of a file."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
