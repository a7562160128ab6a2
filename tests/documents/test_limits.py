"""The page of limits: the figures are those that are promised, and each row names its tests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from docs.entries import value_of
from docs.listings import find
from protocols.codecs.line import LineDecoder
from protocols.line import LineProtocol
from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.net.resolver import Resolver
from reactor.opening.accept import accept_tcp
from reactor.opening.connect import connect_tcp
from reactor.reconnection import Backoff, reconnecting
from reactor.server import Server, connect, serve
from reactor.state.async_io_state import AsyncIOState
from reactor.transport import Transport
from tests.architecture.tree import ROOT

KIB, MIB = 1 << 10, 1 << 20

# Written out by hand: what a program may count on. A changed figure is a change that users notice.
PROMISED = {
    "protocols.asynchat.INPUT_LIMIT": 64 * MIB,
    "protocols.codecs.line.LINE_LIMIT": 16 * KIB,
    "reactor.callbacks.binding.CLOSE_TIMEOUT": 30.0,
    "reactor.callbacks.inbox.INPUT_LIMIT": 16 * MIB,
    "reactor.callbacks.inbox.READ_AHEAD": 64 * KIB,
    "reactor.channel.tls.CLOSE_TIMEOUT": 3.0,
    "reactor.channel.tls_settings.HANDSHAKE_TIMEOUT": 10.0,
    "reactor.compat.socket_map.ASK_TIMEOUT": 30.0,
    "reactor.datagram.DRAIN_TIMEOUT": 20.0,
    "reactor.flow.waiting_output.WRITE_LIMIT_HIGH": 64 * KIB,
    "reactor.flow.waiting_output.WRITE_LIMIT_LOW": 16 * KIB,
    "reactor.hosts.aside.streams.INPUT_LIMIT_HIGH": 512 * KIB,
    "reactor.hosts.aside.streams.INPUT_LIMIT_LOW": 128 * KIB,
    "reactor.hosts.guest.TURN_EVENT_LIMIT": 64,
    "reactor.hosts.guest.TURNS_TIME_LIMIT": 0.005,
    "reactor.hosts.thread.CLOSE_TIMEOUT": 5.0,
    "reactor.hosts.thread.DELIVERY_LIMIT": 10_000,
    "reactor.loop.poller.EVENT_LIMIT": 256,
    "reactor.opening.accept.ACCEPT_LIMIT": 64,
    "reactor.opening.clients.HANDSHAKE_LIMIT": 128,
    "reactor.opening.connect.CONNECT_TIMEOUT": 30.0,
    "reactor.opening.listen.BACKLOG": 128,
    "reactor.opening.listen.INIT_TIMEOUT": 60.0,
    "reactor.net.race.CONNECTION_ATTEMPT_DELAY": 0.250,
    "reactor.net.lookup_threads.ABANDONED_LIMIT": 64,
    "reactor.net.known_names.CACHE_LIMIT": 1024,
    "reactor.net.known_names.NEGATIVE_LIFETIME": 1.0,
    "reactor.net.known_names.POSITIVE_LIFETIME": 10.0,
    "reactor.net.resolver.LOOKUP_TIMEOUT": 10.0,
    "reactor.reconnection.DELAY_FIRST": 1.0,
    "reactor.reconnection.DELAY_LIMIT": 60.0,
    "reactor.reconnection.LASTING": 10.0,
    "reactor.net.resolver.QUEUE_TIMEOUT": 1.0,
    "reactor.net.lookup_threads.QUEUE_LIMIT": 256,
    "reactor.net.lookup_threads.THREAD_COUNT": 4,
    "reactor.server.DRAIN_TIMEOUT": 20.0,
    "reactor.state.async_io_state.DETACH_TIMEOUT": 3.0,
    "reactor.state.state_base.READ_LIMIT": 256 * KIB,
    "reactor.state.connection.INPUT_LIMIT": 16 * MIB,
    "reactor.state.connection.OUTPUT_LIMIT": 16 * MIB,
    "reactor.state.line.READ_LIMIT": 1_000,
    "reactor.state.line.WRITE_LIMIT": 65_536,
    "reactor.transport.DRAIN_TIMEOUT": 20.0,
}
PAGE = (ROOT / "docs/limits.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]


@pytest.mark.parametrize("name", PROMISED)
def test_a_limit_has_the_figure_that_is_promised(name: str) -> None:
    assert value_of(name) == PROMISED[name]
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(
    ("verb", "parameter", "name"),
    [
        (connect_tcp, "connect_timeout", "reactor.opening.connect.CONNECT_TIMEOUT"),
        (connect, "connect_timeout", "reactor.opening.connect.CONNECT_TIMEOUT"),
        *(
            (verb, "handshake_timeout", "reactor.channel.tls_settings.HANDSHAKE_TIMEOUT")
            for verb in (connect_tcp, accept_tcp, connect, serve)
        ),
        (
            AsyncIOState.attach_tls,
            "handshake_timeout",
            "reactor.channel.tls_settings.HANDSHAKE_TIMEOUT",
        ),
        (AsyncIOState.handshake, "timeout", "reactor.channel.tls_settings.HANDSHAKE_TIMEOUT"),
        (AsyncIOState.detach_tls, "timeout", "reactor.state.async_io_state.DETACH_TIMEOUT"),
        (
            Transport.start_tls,
            "handshake_timeout",
            "reactor.channel.tls_settings.HANDSHAKE_TIMEOUT",
        ),
        (accept_tcp, "handshake_limit", "reactor.opening.clients.HANDSHAKE_LIMIT"),
        (serve, "handshake_limit", "reactor.opening.clients.HANDSHAKE_LIMIT"),
        (ClientTLS, "close_timeout", "reactor.channel.tls.CLOSE_TIMEOUT"),
        (ServerTLS, "close_timeout", "reactor.channel.tls.CLOSE_TIMEOUT"),
        (Resolver, "thread_count", "reactor.net.lookup_threads.THREAD_COUNT"),
        (Resolver, "queue_limit", "reactor.net.lookup_threads.QUEUE_LIMIT"),
        (Resolver, "abandoned_limit", "reactor.net.lookup_threads.ABANDONED_LIMIT"),
        (Resolver, "timeout", "reactor.net.resolver.LOOKUP_TIMEOUT"),
        (reconnecting, "connect_timeout", "reactor.opening.connect.CONNECT_TIMEOUT"),
        (reconnecting, "handshake_timeout", "reactor.channel.tls_settings.HANDSHAKE_TIMEOUT"),
        (Backoff, "delay_first", "reactor.reconnection.DELAY_FIRST"),
        (Backoff, "delay_limit", "reactor.reconnection.DELAY_LIMIT"),
        (Backoff, "reset_after", "reactor.reconnection.LASTING"),
        (Server.close, "drain_timeout", "reactor.server.DRAIN_TIMEOUT"),
        (LineDecoder, "line_limit", "protocols.codecs.line.LINE_LIMIT"),
    ],
)
def test_a_verb_has_the_limit_by_default(
    verb: Callable[..., Any], parameter: str, name: str
) -> None:
    assert inspect.signature(verb).parameters[parameter].default == PROMISED[name]


def test_a_line_protocol_has_the_limit_of_its_codec() -> None:
    assert LineProtocol.line_limit == PROMISED["protocols.codecs.line.LINE_LIMIT"]


def test_each_limit_of_the_page_names_tests_that_exist() -> None:
    limits = [row for row in ROWS if not row.startswith("| what")]
    assert len(limits) > 40
    for row in limits:
        tests = re.findall(r"\{test\}`([^`]+)`", row.rpartition(" | ")[2])
        assert tests, f"no test holds this: {row}"
        for test in tests:
            assert find(test).startswith("tests/")


def test_a_test_that_is_not_there_or_there_twice_is_not_found() -> None:
    with pytest.raises(LookupError, match="no file"):
        find("test_that_nobody_has_written")
    name = "test_an_end_without_alert_is_truncation__tls_8__lw_151_118"
    path = "tests/reactor/state/async_io_state/test_tls_rules.py"
    assert find(name) == find(f"{path}::{name}") == path
    with pytest.raises(LookupError, match="no file"):
        find(f"tests/conftest.py::{name}")
