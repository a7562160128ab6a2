"""`connect_tcp`, against listeners on the loopback interface and look-ups of the test's own."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import ipaddress
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest

from reactor.errors import (
    BindError,
    ConnectionRefused,
    ConnectTimedOut,
    NameLookupFailed,
    OperationInProgress,
    OperationTimeout,
    SocketError,
    StateClosed,
    WrongThread,
)
from reactor.loop.collection import WaitStateCollection
from reactor.net.address import read_target
from reactor.opening.connect import connect_tcp, read_route
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests import leaks
from tests.peers import needs_ipv6
from tests.reactor.loop.probe import elsewhere
from tests.reactor.opening.network import (
    HOST,
    Options,
    Told,
    accepted,
    at,
    free_port,
    full_listener,
    listening,
    port_of,
    read_options,
    resolver,
    silent_resolver,
)
from tests.turns import until

Handler = list[tuple[object, BaseException]]


def connected(collection: WaitStateCollection, port: int, **options: Any) -> AsyncIOState:
    """Connect, and expect it to succeed."""
    told = Told()
    state = connect_tcp(collection, options.pop("host", HOST), port, told, **options)
    until(collection, lambda: told)
    assert told.calls == [(state, None)]
    return state


def failed(collection: WaitStateCollection, port: int, **options: Any) -> Any:
    """Connect, and expect it to fail; return the error."""
    told = Told()
    state = connect_tcp(collection, options.pop("host", HOST), port, told, **options)
    until(collection, lambda: told)
    assert told.error is not None
    assert told.calls[0][0] is state
    assert state.closed
    return told.error


# Who is reached.


@pytest.mark.parametrize(
    "host", [2130706433, HOST, ipaddress.ip_address(HOST), "localhost"], ids=repr
)
def test_every_form_of_a_host_reaches_the_same_place__lw_022(
    collection: WaitStateCollection, server: socket.socket, host: Any
) -> None:
    """A host as a number, numeric text, an `ipaddress` object or a name reaches the same place."""
    state = connected(collection, port_of(server), host=host)
    assert state.peer_address == (HOST, port_of(server))


def test_a_service_may_be_text__lw_023(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """A service of decimal digits is that port, and port 0 cannot be connected to."""
    told = Told()
    connect_tcp(collection, HOST, str(port_of(server)), told)
    settle(collection)
    assert told.error is None
    with pytest.raises(ValueError, match="port 0"):
        connect_tcp(collection, HOST, 0, told)


def test_wrong_arguments_raise_at_the_call__lw_024(collection: WaitStateCollection) -> None:
    """Wrong arguments of `connect_tcp` raise at the call, before anything has begun."""
    told, wrong = Told(), list[tuple[type[Exception], Callable[[], object]]]()
    wrong.append((TypeError, lambda: connect_tcp(collection, None, 80, told)))  # type: ignore[arg-type]  # that is the point
    wrong.append((ValueError, lambda: connect_tcp(collection, "", 80, told)))
    wrong.append((ValueError, lambda: connect_tcp(collection, HOST, 65536, told)))
    wrong.append((ValueError, lambda: connect_tcp(collection, HOST, 80, told, connect_timeout=0)))
    wrong.append((ValueError, lambda: connect_tcp(collection, HOST, 80, told, linger=-1)))
    wrong.append((ValueError, lambda: connect_tcp(collection, HOST, 80, told, read_timeout=-1)))
    wrong.append((ValueError, lambda: connect_tcp(collection, HOST, 80, told, server_hostname="x")))
    for kind, call in wrong:
        with pytest.raises(kind):
            call()
    settle(collection)
    assert not told
    assert len(collection.held) == 0


def test_a_number_of_the_other_family_is_not_found__lw_026(
    collection: WaitStateCollection,
) -> None:
    """Numeric text of the family that `ipv6=` excludes fails like an unknown name, later."""
    error = failed(collection, 9, ipv6=True)
    assert (type(error), error.identifier) == (NameLookupFailed, "host-not-found")
    assert isinstance(
        failed(collection, free_port(), host=2130706433, ipv6=True), ConnectionRefused
    )


def test_an_unknown_name_is_told_with_host_and_service__lw_190_197(
    collection: WaitStateCollection,
) -> None:
    """The peer in the error of a failed look-up is host and service as they were given."""
    collection.resolver = names = resolver()
    error = failed(collection, 9, host="nowhere.example")
    names.close()
    assert (error.phase, error.identifier) == ("resolve", "host-not-found")
    assert error.peer == ("nowhere.example", 9)
    assert "nowhere.example:9" in str(error)


def test_a_slow_look_up_stops_nobody__lw_029__rel_48(
    clock: ManualClock, collection: WaitStateCollection
) -> None:
    """While a look-up lasts timers run on time; after 10 s it is given up, phase "resolve"."""
    told, ticks = Told(), list[int]()
    with silent_resolver() as collection.resolver:
        connect_tcp(collection, "slow.example", 9, told)
        collection.call_later(0.05, ticks.append, 1)
        clock.advance(0.05)
        settle(collection)
        assert (ticks, told.calls) == ([1], [])
        clock.advance(9.95)
        settle(collection)
    assert (type(told.error), told.error.phase) == (ConnectTimedOut, "resolve")
    assert told.error.limit == 10.0
    assert isinstance(told.error, OperationTimeout)


def test_a_look_up_is_counted_while_it_lasts__lw_015(collection: WaitStateCollection) -> None:
    """The figures have the look-ups that are open, and everything else that was promised."""
    with silent_resolver() as collection.resolver:
        state = connect_tcp(collection, "slow.example", 9, Told())
        figures = collection.stats()
        state.close()
        assert (figures["lookups"], collection.stats()["lookups"]) == (1, 0)
    promised = {"turns", "longest_callback", "timer_lag", "posted_calls", "timers", "states"}
    promised |= {"connections_in", "connections_out", "bytes_in", "bytes_out"}
    assert promised <= set(figures)


def test_without_a_limit_a_look_up_has_none__lw_029(
    clock: ManualClock, collection: WaitStateCollection
) -> None:
    """With `connect_timeout=None` the look-up has no limit of ours either."""
    told, end = Told(), threading.Event()
    with silent_resolver(end) as collection.resolver:
        connect_tcp(collection, "slow.example", 9, told, connect_timeout=None)
        clock.advance(1000.0)
        settle(collection)
        assert not told
        end.set()
        until(collection, lambda: told)
    assert told.error.identifier == "try-again"


def test_the_collection_makes_a_resolver_and_closes_it__lw_001() -> None:
    """A resolver given to a collection stays open; one of the collection's own ends with it."""
    target = read_target("known.example", 9)
    with contextlib.closing(resolver(known_example=["192.0.2.1"])) as given:
        collection = WaitStateCollection(resolver=given)
        connect_tcp(collection, "known.example", 9, Told()).close()
        collection.close()
        assert given.look_up_blocking(target, socket.AF_UNSPEC) == [at("192.0.2.1", 9)]
    collection = WaitStateCollection()
    connect_tcp(collection, "name.invalid", 9, Told()).close()
    made = collection.resolver
    collection.close()
    with pytest.raises(StateClosed):
        made.look_up_blocking(read_route("name.invalid", 9).target, socket.AF_UNSPEC)


# The state, and its callback.


def test_a_state_is_returned_before_there_is_a_connection__lw_031_032_040(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """`connect_tcp` returns a state with its attributes at once; the callback comes later, once,
    and then it has its object.
    """
    told, info = Told(), object()
    state = connect_tcp(
        collection,
        HOST,
        port_of(server),
        told,
        read_timeout=1.0,
        write_timeout=2.0,
        user_info=info,
        queue_output=True,
        queue_input=True,
    )
    assert not told
    assert (state.object, state.collection, state.name) == (None, collection, "Connected TCP")
    assert (state.read_timeout, state.write_timeout) == (1.0, 2.0)
    assert (state.user_info, state.queue_output, state.queue_input) == (info, True, True)
    settle(collection)
    assert told.calls == [(state, None)]
    assert isinstance(state.object, socket.socket)
    assert state.address == state.object.getsockname()
    assert collection.stats()["connections_out"] == 1


def test_the_collection_keeps_what_the_program_drops__lw_031(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """A state that the program has dropped connects all the same, and stays open: it is not closed
    by the garbage collector.
    """
    errors = list[object]()
    connect_tcp(collection, HOST, port_of(server), lambda _, error: errors.append(error))
    gc.collect()
    settle(collection)
    gc.collect()
    assert (errors, collection.stats()["states"]) == ([None], 1)
    with accepted(server) as peer:
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):  # neither bytes nor an end
            peer.recv(1)


def test_every_verb_may_be_used_inside_the_callback__lw_032(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """Inside the callback of `connect_tcp` any verb of the state may be used."""
    connect_tcp(
        collection, HOST, port_of(server), lambda state, _: state.write_buffer(b"hello", None)
    )
    settle(collection)
    peer = accepted(server)
    with peer:
        assert peer.recv(5) == b"hello"


def test_before_the_callback_only_closing_is_possible__lw_034(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """Before the callback every verb but closing raises `OperationInProgress`, phase "connect"."""
    state = connect_tcp(collection, HOST, port_of(server), Told())
    verbs: list[Callable[[], object]] = [
        lambda: state.read_buffer(bytearray(1), Told()),
        lambda: state.read_with_checking(Told()),
        lambda: state.wait_for_input(Told()),
        lambda: state.write_buffer(b"x", Told()),
        lambda: state.abort(None),
        lambda: state.shutdown("output"),
        lambda: state.attach_tls(Told()),
        lambda: state.detach_tls(Told()),
        lambda: state.handshake(Told()),
        lambda: state.discard(0),
        lambda: state.finish(),
        lambda: state.get_buffered_data(bytearray(1)),
        state.release,
    ]
    for verb in verbs:
        with pytest.raises(OperationInProgress) as refused:
            verb()
        assert refused.value.phase == "connect"


def test_a_failure_comes_with_the_closed_state__lw_033_037_197(
    collection: WaitStateCollection,
) -> None:
    """A failed connect calls back with the closed state and an error that has phase,
    address and all attempts.
    """
    port = free_port()
    error = failed(collection, port, host="localhost")
    assert isinstance(error, ConnectionRefused)
    assert isinstance(error.connection, AsyncIOState)
    assert error.connection.closed
    assert error.phase == "connect"
    assert error.peer == error.attempts[0][0]
    assert (HOST, port) in [address for address, _ in error.attempts]
    assert f"localhost:{port}" in str(error)
    assert str(error.code) in str(error)


def test_what_the_callback_raises_goes_to_the_error_handler__lw_033() -> None:
    """What the callback of `connect_tcp` raises goes to the error handler, with the state."""
    reports: Handler = []
    mistake = LookupError("a mistake")

    def callback(state: AsyncIOState, error: SocketError | None) -> None:
        raise mistake

    collection = WaitStateCollection(error_handler=lambda *report: reports.append(report))
    state = connect_tcp(collection, HOST, free_port(), callback)
    until(collection, lambda: reports)
    collection.close()
    assert reports == [(state, mistake)]


def test_the_context_is_that_of_the_call__lw_021(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """The callback of `connect_tcp` sees the context of the call, and the connection keeps
    what it sets.
    """
    variable = contextvars.ContextVar[str]("variable")
    seen = list[str]()

    def callback(state: AsyncIOState, _: SocketError | None) -> None:
        seen.append(variable.get())
        variable.set("changed")
        state.write_buffer(b"x", lambda *_: seen.append(variable.get()))

    context = contextvars.copy_context()
    context.run(variable.set, "given")
    context.run(connect_tcp, collection, HOST, port_of(server), callback)
    settle(collection)
    assert seen == ["given", "changed"]


def test_only_the_owner_may_connect__lw_014(collection: WaitStateCollection) -> None:
    """`connect_tcp` raises `WrongThread` in a thread that does not own the collection."""
    collection.run_once(0)
    with pytest.raises(WrongThread):
        elsewhere(lambda: connect_tcp(collection, HOST, 9, Told()))


# Limits and options.


def test_a_limit_spans_everything__lw_036__rel_13(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """A host that does not answer is given up after 30 s, and its descriptor closed."""
    told = Told()
    with full_listener() as silent:
        before = leaks.inventory()
        state = connect_tcp(collection, HOST, port_of(silent), told)
        assert leaks.left_since(before) != []
        clock.advance(29.99)
        settle(collection)
        assert not told
        clock.advance(0.01)
        settle(collection)
        error = told.error
        assert isinstance(error, ConnectTimedOut)
        assert (error.phase, error.limit, error.peer) == ("connect", 30.0, (HOST, port_of(silent)))
        assert isinstance(error, OperationTimeout)
        assert state.closed
        assert len(collection.timers) == 0
        assert leaks.left_since(before) == []


def test_the_limit_counts_the_look_up__lw_036(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """`connect_timeout` counts the look-up: shorter than the limit of look-ups, it ends one."""
    told = Told()
    with silent_resolver() as collection.resolver:
        connect_tcp(collection, "slow.example", 9, told, connect_timeout=2.0)
        clock.advance(2.0)
        settle(collection)
    assert (told.error.phase, told.error.limit) == ("resolve", 2.0)


@needs_ipv6
def test_a_limit_that_has_passed_lists_who_failed_before__lw_036_037(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """The error of `connect_timeout` lists the addresses that had failed by then."""
    told = Told()
    with full_listener() as silent, contextlib.closing(resolver(both=["::1", HOST])) as names:
        collection.resolver = names
        connect_tcp(collection, "both", port_of(silent), told)
        until(collection, lambda: len(collection.timers) == 1 and not collection.stats()["lookups"])
        clock.advance(0.25)
        settle(collection)
        clock.advance(30.0)
        settle(collection)
    assert isinstance(told.error, ConnectTimedOut)
    assert [(host, type(error)) for (host, _), error in told.error.attempts] == [
        ("::1", ConnectionRefused)
    ]


def test_without_a_limit_there_is_no_timer__lw_036(collection: WaitStateCollection) -> None:
    """`connect_timeout=None` awaits the verdict of the system."""
    with full_listener() as silent:
        connect_tcp(collection, HOST, port_of(silent), Told(), connect_timeout=None)
        assert len(collection.timers) == 0


def test_all_addresses_are_tried__lw_037(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """All addresses of a name are tried: the second wins where the first is silent or refuses."""
    with full_listener() as silent, listening("::1", port_of(silent)) as good:
        collection.resolver = names = resolver(both=[HOST, "::1"])
        told = Told()
        state = connect_tcp(collection, "both", port_of(good), told)
        until(collection, lambda: collection.next_timeout() == 0.25)  # to the next attempt
        clock.advance(0.25)
        settle(collection)
        assert told.error is None
        assert state.peer_address == ("::1", port_of(good))
        names.close()


def test_the_local_side_is_bound__lw_038(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """The local side is bound to an address, a port or both, and only addresses of that
    family are tried.
    """
    port = free_port("127.0.0.2")
    for options, address in (
        ({"local_address": "127.0.0.2"}, "127.0.0.2"),
        ({"local_address": "127.0.0.2", "local_port": port}, "127.0.0.2"),
        ({"local_port": port}, HOST),
    ):
        state = connected(collection, port_of(server), host="localhost", **options)
        assert state.address[0] == address
        assert state.address[1] == options.get("local_port", state.address[1])
    error = failed(collection, 9, host="::1", local_address=HOST)
    assert isinstance(error, NameLookupFailed)


def test_a_local_name_is_looked_up__lw_038(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """A local name is looked up off the loop, as that of the host is."""
    collection.resolver = names = resolver(here_example=["127.0.0.2"])
    state = connected(collection, port_of(server), local_address="here.example")
    assert state.address[0] == "127.0.0.2"
    names.close()


def test_a_busy_local_port_is_a_bind_error__lw_038(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """A busy local port is delivered as `BindError`, with the local address."""
    with listening() as other:
        busy = port_of(other)
        error = failed(collection, port_of(server), local_port=busy)
    assert isinstance(error, BindError)
    assert (error.identifier, error.phase) == ("address-in-use", "bind")
    assert error.address == ("0.0.0.0", busy)
    assert error.peer == (HOST, port_of(server))


def test_a_local_failure_lists_its_attempts__lw_037_038(collection: WaitStateCollection) -> None:
    """If it was the local port that failed, for every address, the error lists those as well."""
    with listening("::1") as other:
        busy = port_of(other)
        error = failed(collection, free_port(), host="localhost", local_port=busy)
    assert isinstance(error, BindError)
    assert [host for (host, _), _ in error.attempts] == ["::1", HOST]
    assert error.attempts[0][1] is error


def test_options_are_those_asked_for__lw_039_202(
    collection: WaitStateCollection, server: socket.socket
) -> None:
    """`nodelay` is on unless told otherwise; `keepalive`, `linger` and `user_timeout` are off."""

    def options_of(**options: Any) -> Options:
        return read_options(connected(collection, port_of(server), **options).object)

    assert options_of() == (True, False, struct.pack("ii", 0, 0), 0)
    asked = options_of(nodelay=False, keepalive=True, linger=2, user_timeout=1.5)
    assert asked == (False, True, struct.pack("ii", 1, 2), 1500)
