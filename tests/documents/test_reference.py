"""The reference has every public name, and docstrings leave no parameter without a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs.entries import BESIDE, FACADES, HOSTS, OLD, entries, faults, faults_of, wanted
from tests.architecture.surface import public_names


class Tap:
    """Something to be opened.

    Args:
        width: in millimetres.

    Thread: any. Calls back: never. Source: LW-001.
    """

    def __init__(self, width: int, *, colour: str = "") -> None:
        self.width = (width, colour)

    def open(self, far: int = 0) -> None:
        """Open it."""
        if far < 0:
            raise ValueError("too far")

    def close(self) -> None:
        """Close it.

        Args:
            slowly: whether it takes time.

        Thread: any. Calls back: never. Source: LW-001.
        """

    @property
    def wet(self) -> bool:
        """Whether it drips: a fact."""
        return True


class Made:
    """What `Tap` makes; made by `Tap.open`.

    Thread: any. Calls back: never. Source: LW-001.
    """

    def __init__(self, size: int) -> None:
        self.size = size


def lay(pipe: int, *turns: int) -> int:
    """Lay a pipe.

    Args:
        pipe: its length.
        turns: where it bends.

    Thread: any. Calls back: never. Source: LW-001.
    """
    return pipe + len(turns)


def test_no_name_and_no_parameter_is_without_a_word() -> None:
    assert faults() == []


def test_every_public_name_is_wanted() -> None:
    public = {name for name in wanted() if name.rpartition(".")[0] in FACADES}
    assert public | {*HOSTS, *BESIDE, *OLD} == set(public_names())


def test_a_name_without_a_page_is_a_fault(tmp_path: Path) -> None:
    pages = tmp_path / "docs/reference"
    pages.mkdir(parents=True)
    pages.joinpath("one.md").write_text(".. autofunction:: reactor.serve\n" * 2)
    assert entries(tmp_path) == ["reactor.serve"] * 2
    found = faults(tmp_path)
    assert "reactor.serve has 2 places" in found
    assert "reactor.connect is on no page of docs/reference/" in found
    assert "reactor.serve is on no page of docs/reference/" not in found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            Tap,
            [
                "reactor.x: no word on `colour` under Args",
                "reactor.x.close: it has no `slowly`",
                "reactor.x.open: it raises, and has no Raises",
                "reactor.x.open: no `Thread: ... Calls back: ... Source: ...`",
                "reactor.x.open: no word on `far` under Args",
                "reactor.x.wet: a colon in the first line of a property looks like a type",
            ],
        ),
        (Made, []),
        (lay, []),
    ],
)
def test_what_a_docstring_leaves_out_is_a_fault(
    value: Callable[..., Any], expected: list[str]
) -> None:
    assert sorted(faults_of("reactor.x", value)) == sorted(expected)
