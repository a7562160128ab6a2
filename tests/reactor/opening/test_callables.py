"""What is called later must be a function now: it is refused while the caller can hear of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import accept_tcp
from reactor.opening.connect import connect_tcp
from reactor.opening.udp import connect_udp
from reactor.opening.unix import accept_unix, connect_unix
from reactor.protocol import Protocol
from reactor.server import connect, serve

HOST: Final = "127.0.0.1"
WRONG: Final[Any] = b"no function"

Opening = Callable[[WaitStateCollection], object]
OPENINGS: Final[dict[str, Opening]] = {
    "connect_tcp": lambda place: connect_tcp(place, HOST, 9, WRONG),
    "connect_udp": lambda place: connect_udp(place, HOST, 9, WRONG),
    "connect factory": lambda place: connect(place, WRONG, HOST, 9),
    "connect failed": lambda place: connect(place, Protocol, HOST, 9, failed=WRONG),
    "serve": lambda place: serve(place, WRONG, 0),
    "accept_tcp": lambda place: accept_tcp(place, 0, WRONG),
    "accept_tcp init": lambda place: accept_tcp(place, 0, print, init_function=WRONG),
    "accept_tcp error": lambda place: accept_tcp(place, 0, print, accept_error_callback=WRONG),
}


@pytest.mark.parametrize("opening", OPENINGS)
def test_what_cannot_be_called_is_refused_at_the_call__lw_070(
    collection: WaitStateCollection, opening: str
) -> None:
    """A callback that cannot be called is a `TypeError` of the opening verb; nothing is opened."""
    with pytest.raises(TypeError, match="is a function"):
        OPENINGS[opening](collection)
    assert (len(collection.held), len(collection.timers)) == (0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
def test_unix_sockets_refuse_it_too__lw_070(
    collection: WaitStateCollection, tmp_path: Path
) -> None:
    """The verbs of Unix sockets refuse what cannot be called, and no path comes to be."""
    path = tmp_path / "gate"
    wrongs: list[Opening] = [
        lambda place: connect_unix(place, path, WRONG),
        lambda place: accept_unix(place, path, WRONG),
        lambda place: accept_unix(place, path, print, init_function=WRONG),
    ]
    for wrong in wrongs:
        with pytest.raises(TypeError, match="is a function"):
            wrong(collection)
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
def test_a_line_of_clients_is_countable__lw_048(
    collection: WaitStateCollection, tmp_path: Path
) -> None:
    """A `backlog` that the system cannot count is a `ValueError`, of ports and of paths."""
    with pytest.raises(ValueError, match="backlog is at most"):
        accept_tcp(collection, 0, print, backlog=1 << 31)
    with pytest.raises(ValueError, match="backlog is at most"):
        accept_unix(collection, tmp_path / "gate", print, backlog=1 << 31)


def test_who_is_told_of_closing_must_be_callable__lw_064(collection: WaitStateCollection) -> None:
    """A wrong callback of `close` is refused, and the handle accepts on."""
    handle = accept_tcp(collection, 0, print)
    with pytest.raises(TypeError, match="is a function"):
        handle.close(WRONG)
    assert not handle.closed
