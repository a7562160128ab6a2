"""The desk of the windows, with a server that is not ours and may do anything."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import TRANSFER_LIMIT, Desk
from transfers import GRACE, Phase

from reactor import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.turns import until


class Window:
    """A desk, and what it has sent and shown."""

    def __init__(self, collection: WaitStateCollection, folder: Path) -> None:
        self.folder = folder
        self.sent: list[str] = []
        self.outcomes: list[str] = []
        self.desk = Desk(
            collection,
            "127.0.0.1",
            tls=None,
            folder=folder,
            send=self.send,
            refuse=lambda reason: False,
            show=lambda transfer: self.outcomes.append(transfer.outcome),
        )

    def accepts(self, number: int) -> None:
        """Hear of a file, and want it."""
        self.is_offered(number)
        self.desk.accept(self.desk.transfers[number])

    def phase(self, number: int) -> Phase:
        """Return what a file does."""
        return self.desk.transfers[number].phase

    def send(self, line: str) -> bool:
        self.sent.append(line)
        return True

    def is_offered(self, number: int, size: int = 3) -> None:
        """Hear of a file."""
        assert self.desk.hears(f"* file {number}: bob offers ann {size} bytes, a.txt", "ann")

    def may_take(self, number: int, port: int) -> None:
        """Hear that it may come."""
        assert self.desk.hears(
            f"* file {number}: take it at port {port} behind the line /get 77ab", "ann"
        )


@pytest.fixture
def collection(clock: ManualClock) -> Iterator[WaitStateCollection]:
    with contextlib.closing(WaitStateCollection("desk", clock=clock)) as collection:
        yield collection


@pytest.fixture
def window(collection: WaitStateCollection, tmp_path: Path) -> Window:
    return Window(collection, tmp_path)


@contextlib.contextmanager
def server_of(collection: WaitStateCollection, window: Window) -> Iterator[socket.socket]:
    """Let a file come; yield the far end of its connection."""
    window.accepts(1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        window.may_take(1, server.getsockname()[1])
        until(collection, lambda: window.desk.transfers[1].stop.__name__ == "stop")
        far, _ = server.accept()
        with far:
            assert far.recv(100) == b"/get 77ab\n"
            yield far


def test_more_offers_than_there_is_room_for_are_refused(window: Window) -> None:
    for number in range(TRANSFER_LIMIT + 1):
        window.is_offered(number)
    assert len(window.desk.transfers) == TRANSFER_LIMIT
    assert window.sent == [f"/cancel {TRANSFER_LIMIT}"]


def test_nothing_of_ours_is_given_that_we_have_not_offered(window: Window) -> None:
    window.desk.hears("* file 1: ann offers bob 3 bytes, passwd", "ann")
    assert (window.sent, window.desk.transfers) == (["/cancel 1"], {})


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"four", "a.txt: more has come than was said"),
        (b"2!", "a.txt: its connection has ended"),
        (b"", "a.txt: its connection has ended"),
    ],
)
def test_a_server_that_does_not_keep_its_word_leaves_no_file(
    collection: WaitStateCollection, window: Window, clock: ManualClock, data: bytes, outcome: str
) -> None:
    with server_of(collection, window) as far:
        far.sendall(data)
    until(collection, lambda: not collection.stats()["states"])
    collection.run_once(0)  # that the connection is lost is told a turn later
    clock.advance(GRACE)
    collection.run_once(0)
    assert (window.outcomes[-1], window.sent) == (outcome, ["/accept 1", "/cancel 1"])
    assert list(window.folder.iterdir()) == []


@pytest.mark.parametrize("taken", ["the file", "the folder"])
def test_a_file_whose_place_is_taken_away_leaves_none(
    collection: WaitStateCollection, window: Window, taken: str
) -> None:
    with server_of(collection, window) as far:
        far.sendall(b"ab")
        transfer = window.desk.transfers[1]
        until(collection, lambda: transfer.count == 2)
        [part] = window.folder.iterdir()
        part.unlink()
        if taken == "the folder":
            window.folder.rmdir()
        far.sendall(b"c")
        until(collection, lambda: window.outcomes[-1])
    assert window.outcomes[-1].startswith("a.txt: [Errno ")
    assert window.sent == ["/accept 1", "/cancel 1"]
    assert [*window.folder.glob("*")] == []


def test_a_port_where_nobody_is_ends_the_file(
    collection: WaitStateCollection, window: Window
) -> None:
    window.accepts(1)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        window.may_take(1, sock.getsockname()[1])
        until(collection, lambda: window.outcomes[-1])
    assert "refused" in window.outcomes[-1]
    assert window.sent == ["/accept 1", "/cancel 1"]


def test_nothing_comes_that_nobody_has_accepted(window: Window) -> None:
    window.is_offered(1)
    window.may_take(1, 1)
    assert window.phase(1) is Phase.OFFERED
    window.desk.accept(window.desk.transfers[1])
    window.desk.accept(window.desk.transfers[1])  # clicked twice
    assert window.sent == ["/accept 1"]
    window.may_take(1, 1)
    assert window.phase(1) is Phase.MOVING
    window.desk.stop("has stopped")


def test_a_long_name_leaves_room_for_the_size_and_shows_what_it_is(window: Window) -> None:
    window.desk.hears(f"* file 1: bob offers ann 5000000 bytes, {'x' * 60}.tar.exe", "ann")
    text = window.desk.transfers[1].text
    assert text == f"{'x' * 24}…{'x' * 8}.tar.exe from bob, 5.0 MB"


def test_a_number_is_that_of_one_file(window: Window) -> None:
    window.is_offered(1)
    first = window.desk.transfers[1]
    window.is_offered(1)
    assert window.desk.transfers == {1: first}
    window.desk.cancel(first)
    assert window.desk.transfers == {}


def test_numbers_that_no_server_means_are_no_harm(window: Window) -> None:
    many = "9" * 400
    for line in (
        f"* file {many}: bob offers ann 3 bytes, a.txt",
        f"* file 1: bob offers ann {many} bytes, a.txt",
        f"* file {many}: take it at port 1 behind the line /get 77ab",
        f"* file 1: take it at port {many} behind the line /get 77ab",
    ):
        window.desk.hears(line, "ann")
    assert window.desk.transfers == {}
    window.accepts(2)
    window.may_take(2, 99_999)
    assert "a port is 0 to 65535" in window.outcomes[-1]
    assert window.sent == ["/accept 2", "/cancel 2"]
