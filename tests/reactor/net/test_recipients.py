"""Recipients: whom a datagram socket can send to."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from reactor.channel.socket_channel import DatagramChannel
from reactor.loop.collection import WaitStateCollection
from reactor.net.recipients import KNOWN_LIMIT, Recipients
from reactor.opening.listen import finder
from reactor.opening.udp import Endpoint, open_udp_channel

V4, V6 = socket.AF_INET, socket.AF_INET6


def opened(collection: WaitStateCollection, **options: Any) -> DatagramChannel:
    return open_udp_channel(finder(collection), Endpoint(**options))


@pytest.mark.parametrize(
    ("family", "address", "sockaddr"),
    [
        (V4, ("127.0.0.1", 9), ("127.0.0.1", 9)),
        (V4, ("127.0.0.1", "9"), ("127.0.0.1", 9)),
        (V4, (0x7F000001, 0), ("127.0.0.1", 0)),
        (V4, ("localhost", 9), ("127.0.0.1", 9)),
        (V6, ("::1", 9), ("::1", 9, 0, 0)),
        (V6, ("[::1]", 9), ("::1", 9, 0, 0)),
        (V6, ("fe80::1%7", 9), ("fe80::1", 9, 0, 7)),
        (V6, ("127.0.0.1", 9), ("::ffff:127.0.0.1", 9, 0, 0)),
    ],
)
def test_a_pair_becomes_what_the_system_takes__lw_022_028(
    collection: WaitStateCollection, family: int, address: Any, sockaddr: tuple[Any, ...]
) -> None:
    """The address of a datagram may have any numeric form, a scope, and IPv4 on a socket of
    both families.
    """
    with contextlib.closing(opened(collection, ipv6=family == V6)) as channel:
        assert Recipients(channel)[address] == sockaddr


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (("example.org", 9), ValueError),
        (("::1", 9), ValueError),
        (("127.1", 9), ValueError),
        (("127.0.0.1", 65_536), ValueError),
        (("127.0.0.1", None), TypeError),
        (("127.0.0.1",), TypeError),
        (9, TypeError),
    ],
)
def test_nobody_is_asked_for_an_address__lw_029(
    collection: WaitStateCollection, address: Any, error: type[Exception]
) -> None:
    """A name as the address of a datagram is refused: its look-up would stop the loop."""
    with contextlib.closing(opened(collection)) as channel, pytest.raises(error):
        Recipients(channel)[address]


def test_an_endpoint_remembers_a_bounded_number_of_peers__pr_16(
    collection: WaitStateCollection,
) -> None:
    """A datagram endpoint remembers a bounded number of addresses, and can send to any number."""
    with contextlib.closing(opened(collection)) as channel:
        known = Recipients(channel)
        for port in range(1, 2 * KNOWN_LIMIT + 10):
            assert known["127.0.0.1", port] == ("127.0.0.1", port)
            assert len(known) <= KNOWN_LIMIT
        assert known["127.0.0.1", 1] == ("127.0.0.1", 1)
        with pytest.raises(ValueError, match="give an address"):
            known[None]


def test_an_interface_is_looked_for_each_time__lw_022(
    collection: WaitStateCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address with the name of an interface is sent to where that is now: one that has gone and
    come again has another number.
    """
    with contextlib.closing(opened(collection, ipv6=True)) as channel:
        known = Recipients(channel)
        for number in (7, 8):
            monkeypatch.setattr(socket, "if_nametoindex", lambda _, number=number: number)
            assert known["fe80::1%usb0", 9] == ("fe80::1", 9, 0, number)


def test_a_connected_endpoint_knows_its_peer_only__pr_16(collection: WaitStateCollection) -> None:
    """A connected datagram endpoint sends to its peer without an address, and refuses any other."""
    peer = ("127.0.0.1", 9)
    with contextlib.closing(
        opened(collection, remote_address=peer[0], remote_port=peer[1])
    ) as channel:
        known = Recipients(channel)
        assert (known[None], known[peer]) == (None, None)
        with pytest.raises(ValueError, match="its peer only"):
            known["127.0.0.1", 10]
