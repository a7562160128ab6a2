"""Datagram protocols: what goes and comes over real loopback sockets, and what fails."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from reactor.datagram import open_datagram
from reactor.errors import (
    BindError,
    ConnectionRefused,
    WrongThread,
)
from reactor.loop.collection import WaitStateCollection
from reactor.protocol import DatagramProtocol
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.peers import require_ipv6
from tests.reactor.datagram.endpoints import (
    LONGEST,
    LOOPBACK,
    Answers,
    Recorder,
    bound,
    connected,
    echo,
    opened,
)
from tests.reactor.loop.probe import elsewhere

# Sending and receiving.


@pytest.mark.parametrize("host", [LOOPBACK, "::1"])
def test_datagrams_go_there_and_back__pr_16(collection: WaitStateCollection, host: str) -> None:
    """Datagrams arrive with their sender's address, which is good for an answer."""
    if host == "::1":
        require_ipv6()
    server, there = opened(collection, echo, local_address=host, local_port=0)
    client, here = opened(collection, local_address=host)
    address = server.get_extra_info("sockname")
    client.sendto(b"one", address)
    client.sendto(bytearray(b"two"), address)
    settle(collection)
    assert here.datagrams == [(b"one", address), (b"two", address)]
    assert there.datagrams[0][1] == client.get_extra_info("sockname")
    assert here.calls == ["made", "received", "received"]


def test_an_endpoint_of_both_families_serves_both__lw_028(
    collection: WaitStateCollection,
) -> None:
    """IPv4 peers of a datagram endpoint of both families have IPv4 addresses, there and back."""
    require_ipv6()
    server, there = opened(collection, echo, local_port=0, ipv6="both")
    port = server.get_extra_info("sockname")[1]
    for host in (LOOPBACK, "::1"):
        client, here = opened(collection, local_address=host)
        client.sendto(b"hello", (host, port))
        settle(collection)
        assert here.datagrams == [(b"hello", (host, port))]
    assert [addr[0] for _, addr in there.datagrams] == [LOOPBACK, "::1"]


def test_a_connected_endpoint_needs_no_address__pr_16(collection: WaitStateCollection) -> None:
    """A connected datagram endpoint takes its peer's address or none, and no other."""
    server, _, address = bound(collection, echo)
    client, here = connected(collection, address)
    client.sendto(b"1")
    client.sendto(b"2", address)
    with pytest.raises(ValueError, match="peer only"):
        client.sendto(b"3", (LOOPBACK, 9))
    settle(collection)
    assert [data for data, _ in here.datagrams] == [b"1", b"2"]
    assert client.get_extra_info("peername") == address
    assert server.get_extra_info("peername", "nobody") == "nobody"
    assert client.get_extra_info("socket").getpeername() == address


@pytest.mark.parametrize(
    ("data", "addr", "error"),
    [
        ("text", (LOOPBACK, 9), TypeError),
        (b"x", None, ValueError),
        (b"x", ("example.org", 9), ValueError),
        (b"x", LOOPBACK, TypeError),
        (b"x", [LOOPBACK, 9], TypeError),
    ],
)
def test_mistakes_are_the_callers__pr_16(
    collection: WaitStateCollection, data: Any, addr: Any, error: type[Exception]
) -> None:
    """A wrong datagram or address raises in `sendto`, and nothing is sent."""
    transport, protocol, _ = bound(collection)
    with pytest.raises(error):
        transport.sendto(data, addr)
    settle(collection)
    assert protocol.calls == ["made"]
    assert transport.get_write_buffer_size() == 0


def test_what_is_sent_early_goes_and_fails_after_connection_made__pr_04(
    collection: WaitStateCollection,
) -> None:
    """A datagram protocol hears of nothing, failures included, before `connection_made`."""
    _, there, address = bound(collection)
    protocol = Recorder()
    transport = open_datagram(collection, lambda: protocol)
    transport.sendto(b"early", address)
    transport.sendto(bytes(LONGEST + 1), address)
    transport.sendto(b"behind", address)
    transport.close()
    assert protocol.calls == []
    settle(collection)
    assert protocol.calls == ["made", "error", "lost"]
    assert [data for data, _ in there.datagrams] == [b"early", b"behind"]


def test_protocols_can_be_exchanged__pr_09(collection: WaitStateCollection) -> None:
    """After `set_protocol` of a datagram transport the new protocol has all calls, errors
    included.
    """
    transport, first, address = bound(collection)
    second = Recorder()
    transport.set_protocol(second)
    assert transport.get_protocol() is second
    transport.sendto(b"to myself", address)
    settle(collection)
    transport.sendto(bytes(LONGEST + 1), address)
    settle(collection)
    transport.close()
    settle(collection)
    assert first.calls == ["made"]
    assert second.calls == ["received", "error", "lost"]


def test_another_thread_is_refused__pr_16(collection: WaitStateCollection) -> None:
    """The verbs of a datagram transport raise `WrongThread` in a thread that does not own
    the collection.
    """
    transport, _, address = bound(collection)
    refused = list[str]()
    made = list[Recorder]()

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    verbs: list[Callable[[], object]] = [
        lambda: open_datagram(collection, factory),
        lambda: transport.sendto(b"x", address),
        transport.close,
        transport.abort,
    ]

    def elsewhere() -> None:
        for verb in verbs:
            with pytest.raises(WrongThread):
                verb()
            refused.append("refused")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(refused) == 4
    assert made == []


def test_ending_again_is_for_the_owner__pr_16__lw_014(collection: WaitStateCollection) -> None:
    """`close` and `abort` of a closed datagram transport are harmless for the owner and raise
    `WrongThread` elsewhere; of a closed collection they are harmless in every thread.
    """
    transport, _, _ = bound(collection)
    transport.close()
    for verb in (transport.close, transport.abort):
        verb()
        with pytest.raises(WrongThread):
            elsewhere(verb)
    collection.close()
    for verb in (transport.close, transport.abort):
        elsewhere(verb)


def test_a_flood_leaves_a_turn_for_others__rel_41(collection: WaitStateCollection) -> None:
    """However many datagrams have arrived, a posted call comes after a bounded number of them."""
    transport, protocol, address = bound(collection)
    seen = list[int]()
    for _ in range(100):
        transport.sendto(b"flood", address)
    collection.call_soon(lambda: seen.append(len(protocol.datagrams)))
    settle(collection)
    assert len(protocol.datagrams) == 100
    assert 0 < seen[0] < 100


# Failures.


def test_any_length_that_udp_can_carry_is_echoed__rel_39(collection: WaitStateCollection) -> None:
    """Empty datagrams and the longest come back; one byte more is told, and the endpoint lives."""
    _, _, address = bound(collection, echo)
    client, here = connected(collection, address)
    client.sendto(b"")
    client.sendto(bytes(LONGEST))
    client.sendto(bytes(LONGEST + 1))
    client.sendto(b"after it")
    settle(collection)
    assert [len(data) for data, _ in here.datagrams] == [0, LONGEST, 8]
    assert [error.errno for error in here.errors] == [errno.EMSGSIZE]
    assert here.lost == []


def test_an_answer_that_cannot_be_sent_ends_nothing__rel_39(
    collection: WaitStateCollection,
) -> None:
    """No stranger can provoke an answer that ends the datagram endpoint of everybody."""

    def answer_with_more(protocol: Recorder) -> None:
        data, addr = protocol.datagrams[-1]
        protocol.transport.sendto(b"an answer: " + data, addr)

    server, there, address = bound(collection, Answers(received=answer_with_more))
    client, here = connected(collection, address)
    client.sendto(bytes(LONGEST))
    client.sendto(b"hello")
    settle(collection)
    assert here.datagrams == [(b"an answer: hello", address)]
    assert [error.errno for error in there.errors] == [errno.EMSGSIZE]
    assert not server.is_closing()


def test_peers_that_vanish_end_nothing__rel_40(collection: WaitStateCollection) -> None:
    """A datagram endpoint that has answered 300 vanished peers serves the next one."""
    server, there, address = bound(collection)
    for _ in range(300):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"hello and goodbye", address)
        collection.run_once(0)
    assert len(there.datagrams) == 300
    for _, addr in there.datagrams:
        server.sendto(b"where are you?", addr)
    settle(collection)
    client, here = connected(collection, address)
    client.sendto(b"I am here")
    settle(collection)
    server.sendto(b"welcome", there.datagrams[-1][1])
    settle(collection)
    assert here.datagrams == [(b"welcome", address)]
    assert there.lost == []


def test_a_refusal_is_told_once_and_the_next_peer_is_heard__rel_40(
    collection: WaitStateCollection,
) -> None:
    """A connected datagram endpoint is told once that its peer is gone, and hears who takes
    the port after it.
    """
    server, _, address = bound(collection)
    client, here = connected(collection, address)
    server.close()
    settle(collection)
    client.sendto(b"anybody?")
    settle(collection)
    assert [type(error) for error in here.errors] == [ConnectionRefused]
    opened(collection, echo, local_address=address[0], local_port=address[1])
    client.sendto(b"again")
    settle(collection)
    assert here.calls == ["made", "error", "received"]


def test_a_hook_that_raises_ends_its_own_endpoint__pr_14(clock: ManualClock) -> None:
    """A datagram hook that raises ends its own endpoint; error handler and
    `connection_lost` get the exception.
    """
    told = list[Any]()
    collection = WaitStateCollection(
        clock=clock, error_handler=lambda thing, exception: told.append((thing, exception))
    )
    error = RuntimeError("of the user")

    def fail(_: Recorder) -> None:
        raise error

    for hook in ("made", "received", "error", "lost"):
        told.clear()
        transport, protocol, address = bound(collection, Answers({hook: fail}))
        if not transport.is_closing():
            transport.sendto(bytes(LONGEST + (hook == "error")), address)
            settle(collection)
            if hook == "lost":
                transport.close()
                settle(collection)
        assert told == [(transport, error)], hook
        assert protocol.lost == [None if hook == "lost" else error]
        assert protocol.calls.count(hook) == 1
    collection.close()


def test_a_factory_that_raises_leaves_nothing_open__pr_16(collection: WaitStateCollection) -> None:
    """What the factory of a datagram endpoint raises is the caller's, and no socket is left."""

    def factory() -> DatagramProtocol:
        raise RuntimeError("no protocol today")

    with pytest.raises(RuntimeError, match="today"):
        open_datagram(collection, factory, local_port=0)
    assert collection.stats()["states"] == 0


def test_a_port_that_is_taken_is_told_at_once__pr_16(collection: WaitStateCollection) -> None:
    """`open_datagram` raises `BindError` for a port that is taken, and does not call the
    factory.
    """
    made = list[Recorder]()

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    _, _, address = bound(collection)
    with pytest.raises(BindError):
        open_datagram(collection, factory, local_address=address[0], local_port=address[1])
    assert made == []
