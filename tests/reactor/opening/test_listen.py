"""Binding and listening: which place is taken, who may wait for it, and what is told if not."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reactor.errors import BindError, NameLookupFailed
from reactor.loop.collection import WaitStateCollection
from reactor.opening.listen import INIT_TIMEOUT, Binding, listen
from reactor.testing.settle import settle
from tests.peers import needs_ipv6
from tests.reactor.loop.probe import elsewhere
from tests.reactor.opening.network import (
    HOST,
    PATIENCE,
    at,
    free_port,
    listening,
    port_of,
    resolver,
)


@contextlib.contextmanager
def bound(
    collection: WaitStateCollection, service: Any = 0, **options: Any
) -> Iterator[socket.socket]:
    """Listen, and close at the end."""
    channel = listen(collection, Binding(service, **options))
    try:
        yield channel.sock
    finally:
        channel.close()


def reachable(port: int, host: str) -> bool:
    """Connect as any program does."""
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


@needs_ipv6
@pytest.mark.parametrize(
    ("options", "hosts"),
    [
        ({}, {HOST, "::1"}),
        ({"ipv6": "both"}, {HOST, "::1"}),
        ({"ipv6": True}, {"::1"}),
        ({"ipv6": False}, {HOST}),
        ({"address": HOST}, {HOST}),
        ({"address": "::1"}, {"::1"}),
        ({"address": "::"}, {"::1"}),
        ({"address": "::", "ipv6": "both"}, {HOST, "::1"}),
        ({"address": 2130706433, "ipv6": "both"}, {HOST}),
    ],
    ids=repr,
)
def test_the_families_are_those_asked_for__lw_025_027_043(
    collection: WaitStateCollection, options: dict[str, Any], hosts: set[str]
) -> None:
    """Without an address every interface is bound, in the families asked for; clients can
    connect when it returns.
    """
    with bound(collection, **options) as sock:
        port = port_of(sock)
        assert port != 0
        assert {host for host in (HOST, "::1") if reachable(port, host)} == hosts


def test_without_ipv6_any_takes_ipv4_and_both_fails__lw_027(
    collection: WaitStateCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has no IPv6, "any" listens on IPv4, and "both" is a `BindError`."""
    real = socket.socket

    def no_ipv6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, kind)

    monkeypatch.setattr("reactor.opening.listen.socket.socket", no_ipv6)
    with bound(collection) as sock:
        assert sock.family == socket.AF_INET
    with pytest.raises(BindError) as failed:
        listen(collection, Binding(0, ipv6="both"))
    assert failed.value.address == ("::", 0)


@pytest.mark.parametrize(
    "options",
    [
        {"ipv6": None},
        {"ipv6": "yes"},
        {"ipv6": True, "address": HOST},
        {"ipv6": False, "address": "::1"},
        {"backlog": 0},
        {"backlog": 1 << 31},
        {"init_timeout": -1},
        {"address": ""},
    ],
    ids=repr,
)
def test_wrong_options_raise__lw_027_046_048(options: dict[str, Any]) -> None:
    """Wrong options of `accept_tcp` raise before anything is bound."""
    with pytest.raises(ValueError, match=r"."):
        Binding(0, **options)


def test_a_name_is_looked_up_before_it_returns__lw_027_029(
    collection: WaitStateCollection,
) -> None:
    """A name to bind is looked up before `accept_tcp` returns; inside the loop it is refused."""
    with contextlib.closing(resolver(here_example=["192.0.2.1", "127.0.0.2"])) as names:
        collection.resolver = names
        with bound(collection, address="here.example") as sock:
            assert sock.getsockname()[0] == "127.0.0.2"
        with pytest.raises(NameLookupFailed):
            listen(collection, Binding(0, "nowhere.example"))
        failures = raised_in_loop(collection, Binding(0, "here.example"))
    assert "give an address" in str(failures[0])
    assert isinstance(failures[0], ValueError)


def raised_in_loop(collection: WaitStateCollection, binding: Binding) -> list[Exception]:
    """Listen in a callback of the loop; return what that raised."""
    failures = list[Exception]()

    def call() -> None:
        with contextlib.ExitStack() as undo:
            try:
                undo.callback(listen(collection, binding).close)
            except (OSError, ValueError) as error:
                failures.append(error)

    collection.call_soon(call)
    settle(collection)
    return failures


def test_the_init_function_comes_between_binding_and_listening__lw_045(
    collection: WaitStateCollection,
) -> None:
    """`init_function` gets the bound socket before it listens; if it raises, the socket is
    closed.
    """
    seen = list[tuple[int, int]]()

    def look(sock: socket.socket) -> None:
        accepting = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        seen.append((port_of(sock), accepting))

    with bound(collection, init_function=look) as sock:
        assert seen == [(port_of(sock), 0)]

    def fail(_: socket.socket) -> None:
        raise LookupError("a mistake")

    port = free_port()
    with pytest.raises(LookupError):
        listen(collection, Binding(port, init_function=fail))
    assert not reachable(port, HOST)


@pytest.mark.slow
def test_a_port_lost_before_listening_is_bound_anew__lw_045_046(
    collection: WaitStateCollection, caplog: pytest.LogCaptureFixture
) -> None:
    """If another program takes the port between binding and listening, a new socket is bound
    once the port is free, and `init_function` gets that one too.
    """
    seen, others = list[socket.socket](), contextlib.ExitStack()

    def take_it_once(sock: socket.socket) -> None:
        seen.append(sock)
        if len(seen) == 1:
            other = others.enter_context(socket.socket())
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(sock.getsockname())
            other.listen()

    def free_it(record: logging.LogRecord) -> bool:
        others.close()
        return True

    port = free_port()
    with caplog.at_level(logging.WARNING, "reactor"), others:
        caplog.handler.addFilter(free_it)
        with bound(collection, port, address=HOST, init_function=take_it_once) as sock:
            caplog.handler.removeFilter(free_it)
            assert port_of(sock) == port
            assert len(seen) == 2
            assert seen[1] is sock
    assert seen[0].fileno() == -1
    assert "system call listen" in caplog.records[0].getMessage()


def test_a_busy_port_is_told_with_its_address__lw_046_050(collection: WaitStateCollection) -> None:
    """A port with a live listener is a `BindError` with its address, at once with
    `init_timeout=0`.
    """
    with listening() as other:
        with pytest.raises(BindError) as failed:
            listen(collection, Binding(port_of(other), HOST, init_timeout=0))
        error = failed.value
        assert (error.identifier, error.phase) == ("address-in-use", "bind")
        assert error.address == (HOST, port_of(other))
    with listening("::1") as other, pytest.raises(BindError):
        listen(collection, Binding(port_of(other), init_timeout=0))  # not the half that is free


def test_a_busy_port_is_tried_again__lw_046_047(
    collection: WaitStateCollection, caplog: pytest.LogCaptureFixture
) -> None:
    """A busy port is tried again until it is free, in any thread that asks; the first
    failure is logged.
    """
    collection.run_once(0)  # from now on the thread of this test is the owner
    with listening() as other, caplog.at_level(logging.WARNING, "reactor"):
        port = port_of(other)

        def free_it(record: logging.LogRecord) -> bool:
            other.close()
            return True

        caplog.handler.addFilter(free_it)
        channel = elsewhere(lambda: listen(collection, Binding(port, HOST)))
        caplog.handler.removeFilter(free_it)
        assert channel.address == (HOST, port)
        channel.close()
    (record,) = caplog.records
    assert str(port) in record.getMessage()


@pytest.mark.slow
def test_of_a_port_that_stays_busy_the_log_tells_once__lw_046(
    collection: WaitStateCollection, caplog: pytest.LogCaptureFixture
) -> None:
    """A port that stays busy until `init_timeout` has passed is logged once, and then an error."""
    with listening() as other, pytest.raises(BindError):
        listen(collection, Binding(port_of(other), HOST, init_timeout=0.3))
    assert len(caplog.records) == 1


def test_an_option_that_is_refused_is_a_bind_error__lw_190(
    collection: WaitStateCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener's option that the system refuses is a `BindError` with its address, and
    the socket is closed.
    """

    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(socket.socket, "setsockopt", refuse)
    with pytest.raises(BindError) as failed:
        listen(collection, Binding(0, HOST))
    assert failed.value.address == (HOST, 0)
    assert failed.value.situation == "setsockopt"


def test_another_cause_is_told_at_once__lw_046(collection: WaitStateCollection) -> None:
    """Only a busy port is waited for; any other cause is told at once."""
    began = time.monotonic()
    with pytest.raises(BindError) as failed:
        listen(collection, Binding(0, "192.0.2.1"))
    assert failed.value.identifier == "address-not-available"
    assert time.monotonic() - began < INIT_TIMEOUT / 2


def test_a_callback_of_the_loop_never_waits__lw_047(collection: WaitStateCollection) -> None:
    """Inside the loop `accept_tcp` never waits: None means one try, and a limit above 0 is
    refused.
    """
    with listening() as other:
        port = port_of(other)
        (failure,) = raised_in_loop(collection, Binding(port, HOST))
        assert isinstance(failure, BindError)
        (failure,) = raised_in_loop(collection, Binding(port, HOST, init_timeout=1.0))
        assert isinstance(failure, ValueError)
        (failure,) = raised_in_loop(collection, Binding(port, HOST, init_timeout=0))
        assert isinstance(failure, BindError)


def test_the_main_loop_of_a_host_never_waits__lw_047(collection: WaitStateCollection) -> None:
    """A host's main loop is as little stopped by a busy port as our own, outside of a turn too."""
    collection.run_once(0)  # from now on the thread of this test is the owner
    collection.on_earlier = lambda: None  # as a host has it
    with listening() as other, pytest.raises(BindError):
        listen(collection, Binding(port_of(other), HOST))
    with pytest.raises(ValueError, match="cannot wait"):
        listen(collection, Binding(0, HOST, init_timeout=1.0))


def test_of_several_failures_the_busy_port_is_told__lw_027_046(
    collection: WaitStateCollection,
) -> None:
    """If a name to bind has an address whose port is busy and one that is not ours, the port is
    what is worth waiting for.
    """
    with contextlib.closing(resolver(here_example=[HOST, "192.0.2.1"])) as names:
        collection.resolver = names
        with listening() as other, pytest.raises(BindError) as failed:
            listen(collection, Binding(port_of(other), "here.example", init_timeout=0))
    assert failed.value.identifier == "address-in-use"


def test_two_can_share_a_port__lw_050(collection: WaitStateCollection) -> None:
    """Two handles can have one port if both say `reuse_port`."""
    with bound(collection, reuse_port=True) as one:
        with bound(collection, port_of(one), reuse_port=True) as other:
            assert port_of(one) == port_of(other)
        with pytest.raises(BindError):
            listen(collection, Binding(port_of(one), init_timeout=0))


def test_old_connections_do_not_keep_a_port_busy__lw_050(collection: WaitStateCollection) -> None:
    """Connections in TIME_WAIT do not keep a port busy, so a server can be restarted."""
    with bound(collection, address=HOST) as sock:
        port = port_of(sock)
        with socket.create_connection((HOST, port)) as client:
            sock.setblocking(True)
            sock.accept()[0].close()  # who closes first is the one in TIME_WAIT
            assert client.recv(1) == b""
    with bound(collection, port, address=HOST, init_timeout=0) as sock:
        assert port_of(sock) == port


def test_the_port_asked_for_is_the_port_bound__lw_025(collection: WaitStateCollection) -> None:
    """The port asked for is the port bound, also where it was given as text."""
    port = free_port()
    with bound(collection, str(port)) as sock:
        assert at("::", port_of(sock)).sockaddr == sock.getsockname()
