"""`connect_tcp` that is given up, by closing its state or the collection, at every moment."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from typing import Any

import pytest

from reactor.errors import StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.net.resolver import Resolver
from reactor.opening.connect import Connecting, connect_tcp, read_route
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.settle import settle
from tests import leaks
from tests.reactor.opening.network import (
    HOST,
    PATIENCE,
    Told,
    free_port,
    full_listener,
    port_of,
    silent_resolver,
)


def test_closing_cancels_and_tells_it_once__lw_035__rel_14(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """Closing a state that connects tells its callback `StateClosed`, later and once."""
    told = Told()
    with full_listener() as silent:
        before = leaks.inventory()
        under_way = connect_tcp(collection, HOST, port_of(silent), told)
        up = connect_tcp(collection, HOST, port_of(server), told)
        collection.call_soon(up.close)  # in the turn in which it connects
        under_way.close()
        assert not told
        settle(collection)
        assert len(told) == 2
        assert {state for state, _ in told.calls} == {under_way, up}
        assert len(collection.held) == 0
        assert all(isinstance(error, StateClosed) for _, error in told.calls)
        assert len(collection.timers) == 0
        assert leaks.left_since(before) == []


def test_who_cancels_reads_what_was_cancelled__lw_035_190_197(
    collection: WaitStateCollection,
) -> None:
    """The error of a connect that was cancelled has the phase "connect" and says where it should
    have led.
    """
    told = Told()
    connect_tcp(collection, "localhost", "http", told).close()
    settle(collection)
    assert (told.error.phase, told.error.identifier, told.error.peer) == ("connect", "closed", None)
    assert str(told.error).startswith("cannot connect to localhost:http: ")


def test_aborting_is_told_to_its_own_callback_only__lw_035(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """After `abort_and_close` of a state that connects only its `close_callback` runs."""
    told, closed = Told(), list[AsyncIOState]()
    state = connect_tcp(collection, HOST, port_of(server), told)
    state.abort_and_close(closed.append)
    settle(collection)
    assert (closed, told.calls) == ([state], [])


def test_closing_during_a_look_up_drops_it__lw_035(collection: WaitStateCollection) -> None:
    """The answer of a look-up whose state was closed meanwhile concerns nobody."""
    told = Told()
    with silent_resolver() as names:
        collection.resolver = names
        connect_tcp(collection, "slow.example", 9, told).close()
        settle(collection)
        assert isinstance(told.error, StateClosed)
        assert names.lookup_count == 0
    settle(collection)
    assert len(told) == 1


def test_an_answer_on_its_way_when_it_is_closed_is_dropped__lw_035(
    collection: WaitStateCollection, caplog: pytest.LogCaptureFixture
) -> None:
    """A look-up's answer that is on its way when the state is closed concerns nobody."""
    told, threads = Told(), queue.SimpleQueue[threading.Thread]()

    def look_up(*_: object) -> list[tuple[Any, ...]]:
        threads.put(threading.current_thread())
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (HOST, 9))]

    with contextlib.closing(Resolver(lookup=look_up)) as collection.resolver:
        state = connect_tcp(collection, "known.example", 9, told)
        threads.get(timeout=PATIENCE).join()
        assert collection.stats()["posted_calls"] == 1
        state.close()
        settle(collection)
    assert isinstance(told.error, StateClosed)
    assert caplog.records == []


@pytest.mark.parametrize("where", ["resolving", "racing", "done"])
def test_the_end_of_the_collection_calls_nobody__lw_011(server: socket.socket, where: str) -> None:
    """Closing the collection closes states that connect, gives descriptors back, and calls
    nobody.
    """
    told = Told()
    with full_listener() as silent, silent_resolver() as names:
        collection = WaitStateCollection(resolver=names)
        host, port = {
            "resolving": ("name.example", 9),
            "racing": (HOST, port_of(silent)),
            "done": (HOST, free_port()),
        }[where]
        state = connect_tcp(collection, host, port, told)
        collection.close()
        assert state.closed
        assert not told


def test_a_cancelled_connecting_calls_nobody__pr_02(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """A handle of `connect` that was closed calls nobody, even if the connection is up already."""
    results = list[object]()
    connecting = Connecting(collection, read_route(HOST, port_of(server)), results.append)
    collection.call_soon(connecting.close)
    settle(collection)
    connecting.close()
    assert results == []
