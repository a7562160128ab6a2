"""`open_unix_datagram`: messages between paths."""

from __future__ import annotations

import gc
import socket
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

from reactor.errors import ConnectionRefused, OperationTimeout, SocketIOError
from reactor.loop.collection import WaitStateCollection
from reactor.opening.unix import open_unix_datagram
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.state.reports import Reports

assert sys.platform != "win32", "Python has no Unix sockets there"


@pytest.fixture
def server(collection: WaitStateCollection, path: Path) -> AsyncIOState:
    """A state that can be reached by its path."""
    return open_unix_datagram(collection, path)


def hear(collection: WaitStateCollection, state: AsyncIOState) -> Any:
    """Receive one message, or look that there is none; with its address."""
    reports = Reports()
    state.receive_message(bytearray(9), reports, timeout=0, needs_address=True)
    settle(collection)
    return reports.moved[0]


def test_messages_go_between_paths__lw_200(
    collection: WaitStateCollection, server: AsyncIOState, path: Path
) -> None:
    """A message to `(path, None)` arrives with the path of its sender, who can be answered."""
    client = open_unix_datagram(collection, path.with_name("client"))
    client.send_message_to(path, None, b"hello", None)
    settle(collection)
    _, count, host, port = hear(collection, server)
    assert (count, host, port) == (5, str(path.with_name("client")), None)
    server.send_message_to(host, port, b"", None)
    settle(collection)
    assert hear(collection, client)[1:] == (0, str(path), None)
    assert (server.address, server.truncated) == ((str(path), None), False)


def test_who_has_no_path_has_no_address__lw_200(
    collection: WaitStateCollection, server: AsyncIOState, path: Path
) -> None:
    """A sender without a path is shown as None and None."""
    open_unix_datagram(collection).send_message_to(path, None, b"hello", None)
    settle(collection)
    assert hear(collection, server)[1:] == (5, None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has abstract names")
def test_messages_go_to_abstract_names__lw_200(collection: WaitStateCollection) -> None:
    """Messages reach a name in the abstract space."""
    name = f"\0waitstate-{id(collection)}"
    server = open_unix_datagram(collection, name)
    open_unix_datagram(collection).send_message_to(name, None, b"hello", None)
    settle(collection)
    assert hear(collection, server)[1] == 5


@pytest.mark.parametrize(
    ("host", "service", "error"),
    [("", None, ValueError), ("/x", 9, ValueError), (1, None, TypeError)],
)
def test_what_is_no_path_is_refused__lw_200(
    server: AsyncIOState, host: Any, service: Any, error: type[Exception]
) -> None:
    """A recipient that is no path, or has a port, is refused at the call."""
    with pytest.raises(error):
        server.send_message_to(host, service, b"x", None)


def test_a_recipient_that_is_gone_ends_one_message__lw_200__lw_113(
    collection: WaitStateCollection, server: AsyncIOState, path: Path
) -> None:
    """A message to a path that is not there, or behind which nobody is, fails alone."""
    client, errors, sent = open_unix_datagram(collection), Reports(), Reports()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path.with_name("stale")))
    for name in ("missing", "stale"):
        client.send_message_to(path.with_name(name), None, b"x", sent, error_callback=errors)
    client.send_message_to(path, None, b"x", sent)
    settle(collection)
    assert [type(status) for status in errors.writes] == [SocketIOError, ConnectionRefused]
    assert (sent.writes, hear(collection, server)[1]) == ([None], 1)


def test_a_full_recipient_is_waited_for_without_spinning__lw_200__pitfall_10(
    collection: WaitStateCollection, clock: ManualClock, server: AsyncIOState, path: Path
) -> None:
    """A recipient without room is tried again now and then; nothing is lost, and the loop sleeps
    in between.
    """
    client, sent = open_unix_datagram(collection), Reports()
    for number in range(2000):
        client.send_message_to(path, None, number.to_bytes(2, "big"), sent)
    settle(collection)
    assert len(sent) < 2000
    assert collection.run_once(0) == 0
    heard = list[int]()

    def again(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        heard.append(int.from_bytes(buffer, "big"))
        state.receive_message(buffer, again)

    server.receive_message(bytearray(2), again)
    while len(heard) < 2000:
        clock.advance(0.01)
        settle(collection, 10_000)
    assert (heard, len(sent)) == (list(range(2000)), 2000)


@pytest.mark.parametrize("way", ["timeout", "abort"])
def test_what_waits_for_room_can_be_ended__lw_200(
    collection: WaitStateCollection, clock: ManualClock, server: AsyncIOState, path: Path, way: str
) -> None:
    """A message that waits for room ends at its limit or by an abort, once, and keeps no timer."""
    client, ends = open_unix_datagram(collection), Reports()
    while not client.output.active:
        client.send_message_to(path, None, b"x", ends, timeout=2)
        settle(collection)
    before = len(ends)
    if way == "abort":
        client.abort(None, "output")
    clock.advance(2)
    settle(collection)
    assert len(ends) == before + (way == "timeout")
    assert way == "abort" or isinstance(ends.writes[-1], OperationTimeout)
    assert (client.output.active, collection.stats()["timers"]) == (False, 0)


@pytest.mark.parametrize("crowded", [False, True])
def test_a_message_that_is_over_is_no_circle__lw_200(
    collection: WaitStateCollection, server: AsyncIOState, path: Path, crowded: bool
) -> None:
    """What a message holds, its callback among it, is freed when it is over, without the collector
    of garbage; also if it has waited for room.
    """
    client, sent = open_unix_datagram(collection), Reports()
    while crowded and not client.output.active:
        client.send_message_to(path, None, b"filling", None)
        settle(collection)
    gone = weakref.ref(sent)
    gc.disable()
    try:
        client.send_message_to(path, None, b"x", sent)
        settle(collection)
        client.close()
        settle(collection)
        del sent
        assert gone() is None
    finally:
        gc.enable()
