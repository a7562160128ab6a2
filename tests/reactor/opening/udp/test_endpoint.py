"""UDP: how a datagram socket is opened, and whom it can send to."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import BindError, ConnectError, NameLookupFailed
from reactor.loop.collection import WaitStateCollection
from reactor.net.resolver import Resolver
from reactor.opening.listen import finder
from reactor.opening.udp import Endpoint, open_udp_channel
from reactor.testing.settle import settle
from tests.peers import needs_ipv6
from tests.reactor.opening.network import BROADCAST

V4, V6 = socket.AF_INET, socket.AF_INET6


def opened(collection: WaitStateCollection, **options: Any) -> DatagramChannel:
    return open_udp_channel(finder(collection), Endpoint(**options))


@pytest.mark.parametrize(
    ("options", "family", "host"),
    [
        ({}, V4, "0.0.0.0"),
        ({"ipv6": False}, V4, "0.0.0.0"),
        pytest.param({"ipv6": True}, V6, "::", marks=needs_ipv6),
        pytest.param({"ipv6": "both"}, V6, "::", marks=needs_ipv6),
        ({"local_address": "127.0.0.1"}, V4, "127.0.0.1"),
        ({"local_address": "127.0.0.1", "ipv6": "both"}, V4, "127.0.0.1"),
        pytest.param({"local_address": "::1"}, V6, "::1", marks=needs_ipv6),
        pytest.param({"local_address": ipaddress.ip_address("::1")}, V6, "::1", marks=needs_ipv6),
        pytest.param({"remote_address": "::1", "remote_port": 9}, V6, "::1", marks=needs_ipv6),
    ],
    ids=str,
)
def test_the_family_is_that_of_the_addresses__lw_105_106(
    collection: WaitStateCollection, options: dict[str, Any], family: int, host: str
) -> None:
    """The family of a UDP socket is chosen by `ipv6=`, else taken from the addresses, else IPv4."""
    with contextlib.closing(opened(collection, local_port=0, **options)) as channel:
        assert (channel.family, channel.address[0]) == (family, host)
        assert channel.address[1] > 0


@needs_ipv6
@pytest.mark.parametrize(("ipv6", "only"), [("both", 0), (True, 1)])
def test_both_families_only_if_asked_for__lw_105(
    collection: WaitStateCollection, ipv6: Any, only: int
) -> None:
    """A UDP socket of IPv6 takes IPv4 only if both were asked for, whatever the system's
    own way is.
    """
    with contextlib.closing(opened(collection, ipv6=ipv6)) as channel:
        assert channel.sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == only


@needs_ipv6
def test_an_ipv4_address_in_the_form_of_ipv6_is_reached__lw_022__lw_028(
    collection: WaitStateCollection,
) -> None:
    """An address such as `::ffff:127.0.0.1` can be bound and connected to, and is shown as what it
    is.
    """
    with contextlib.closing(opened(collection, local_address="::ffff:127.0.0.1")) as server:
        host, port = server.address
        near = opened(collection, remote_address="::ffff:127.0.0.1", remote_port=port)
        with contextlib.closing(near):
            near.transmit(b"x")
            received = server.receive(10)
            assert received is not None
            assert received[:2] == (b"x", near.address)
            assert (host, near.peer_address) == ("127.0.0.1", ("127.0.0.1", port))


def test_without_a_local_side_nothing_is_bound__lw_105(collection: WaitStateCollection) -> None:
    """Without a local side a UDP socket is not bound: a port is taken when the first
    datagram leaves.
    """
    with contextlib.closing(opened(collection)) as channel:
        assert not channel.address[1]


def test_a_peer_is_fixed_when_the_socket_is_opened__lw_106(
    collection: WaitStateCollection,
) -> None:
    """A connected UDP socket does not hear what others send."""
    with (
        contextlib.closing(opened(collection, local_address="127.0.0.1")) as peer,
        contextlib.closing(opened(collection, local_address="127.0.0.1")) as other,
        contextlib.closing(
            opened(collection, remote_address="127.0.0.1", remote_port=peer.address[1])
        ) as near,
    ):
        assert (near.connected, near.peer_address) == (True, peer.address)
        other.transmit(b"from a stranger", near.address)
        peer.transmit(b"from the peer", near.address)
        received = near.receive(100)
        assert received is not None
        assert received[:2] == (b"from the peer", peer.address)


def test_a_port_that_is_taken_is_a_bind_error__lw_106(collection: WaitStateCollection) -> None:
    """A UDP port that is taken raises `BindError` at once, with the address, and nothing is
    left open.
    """
    with contextlib.closing(opened(collection, local_address="127.0.0.1")) as first:
        port = first.address[1]
        with pytest.raises(BindError) as caught:
            opened(collection, local_address="127.0.0.1", local_port=port)
    assert caught.value.identifier == "address-in-use"
    assert caught.value.address == ("127.0.0.1", port)


def test_a_port_can_be_shared_if_both_say_so__pr_16(collection: WaitStateCollection) -> None:
    """A UDP port can be shared by sockets that all say so."""
    if not hasattr(socket, "SO_REUSEPORT"):
        with pytest.raises(ValueError, match="reuse_port"):
            Endpoint(reuse_port=True)
        return
    options = {"local_address": "127.0.0.1", "reuse_port": True}
    with contextlib.closing(opened(collection, **options)) as first:
        opened(collection, local_port=first.address[1], **options).close()


@pytest.mark.parametrize("broadcast", [False, True])
def test_broadcasting_needs_a_permission__lw_114(
    collection: WaitStateCollection, broadcast: bool
) -> None:
    """Without `broadcast=True` sending to a broadcast address is refused with "access-denied"."""
    options: dict[str, Any] = {"remote_address": BROADCAST, "remote_port": 9}
    with contextlib.closing(opened(collection, broadcast=broadcast)) as channel:
        assert bool(channel.sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)) is broadcast
    if not broadcast:
        with pytest.raises(ConnectError) as caught:
            opened(collection, **options)
        assert caught.value.identifier == "access-denied"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ipv6": None}, ValueError),
        ({"ipv6": True, "local_address": "127.0.0.1"}, ValueError),
        ({"local_address": ""}, ValueError),
        ({"local_port": 65_536}, ValueError),
        ({"remote_port": 9}, ValueError),
        ({"remote_address": "127.0.0.1"}, TypeError),
        ({"remote_address": "127.0.0.1", "remote_port": 0}, ValueError),
        ({"local_port": "no such service"}, NameLookupFailed),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_at_the_door__pr_16(
    options: dict[str, Any], error: type[Exception]
) -> None:
    """Wrong arguments of `open_datagram` are refused before a socket is made."""
    with pytest.raises(error):
        Endpoint(**options)


@needs_ipv6
@pytest.mark.parametrize(
    "options", [{"local_address": "::1"}, {"ipv6": True}], ids=["by address", "by choice"]
)
def test_a_peer_of_the_other_family_is_an_unknown_host__lw_026(
    collection: WaitStateCollection, options: dict[str, Any]
) -> None:
    """A numeric peer of the wrong family fails like a name that nobody knows."""
    with pytest.raises(NameLookupFailed) as caught:
        opened(collection, remote_address="127.0.0.1", remote_port=9, **options)
    assert caught.value.identifier == "host-not-found"


def answering(answers: dict[str, str], asked: list[str]) -> Callable[..., Any]:
    """Return a look-up of these names, that writes down on which thread it was asked."""

    def look_up(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(threading.current_thread().name)
        address = answers[host]
        sockaddr = (address, port, 0, 0) if ":" in address else (address, port)
        return [(V6 if ":" in address else V4, socket.SOCK_DGRAM, 0, "", sockaddr)]

    return look_up


def test_a_name_is_waited_for_outside_the_loop__lw_029(collection: WaitStateCollection) -> None:
    """Outside of the loop the names of a UDP socket are known when the call returns."""
    asked = list[str]()
    answers = {"here.test": "127.0.0.1", "there.test": "127.0.0.1"}
    collection.resolver = Resolver(lookup=answering(answers, asked))
    options: dict[str, Any] = {"remote_address": "there.test", "remote_port": 9}
    with contextlib.closing(opened(collection, local_address="here.test", **options)) as channel:
        assert channel.address[0] == "127.0.0.1"
        assert channel.peer_address == ("127.0.0.1", 9)
    collection.resolver.close()
    assert len(asked) == 2


def test_names_that_have_no_family_in_common_are_unknown__lw_026(
    collection: WaitStateCollection,
) -> None:
    """A local name and a peer's that have no family in common are an unknown host."""
    answers = {"here.test": "127.0.0.1", "there.test": "::1"}
    collection.resolver = Resolver(lookup=answering(answers, []))
    with pytest.raises(NameLookupFailed) as caught:
        opened(collection, local_address="here.test", remote_address="there.test", remote_port=9)
    collection.resolver.close()
    assert caught.value.peer == ("there.test", 9)


@pytest.mark.parametrize(
    "options",
    [{"local_address": "example.org"}, {"remote_address": "example.org", "remote_port": 9}],
    ids=["to bind", "to connect"],
)
def test_a_name_is_refused_in_the_loop__lw_029(
    collection: WaitStateCollection, options: dict[str, Any]
) -> None:
    """Inside the loop a UDP socket takes no names but "localhost": a look-up would stop
    everybody else.
    """
    errors = list[str]()

    def within() -> None:
        opened(collection, local_address="localhost").close()
        with pytest.raises(ValueError, match="give an address") as caught:
            opened(collection, **options)
        errors.append(str(caught.value))

    collection.call_soon(within)
    settle(collection)
    assert len(errors) == 1
