"""Multicast: groups that states join and leave, and how far their messages go."""

from __future__ import annotations

import ipaddress
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from reactor.errors import OperationNotAllowed, SocketIOError
from reactor.loop.collection import WaitStateCollection
from reactor.net.path import UNIX
from reactor.opening.udp import open_udp
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.settle import settle
from tests.peers import needs_ipv6
from tests.reactor.state.reports import Reports

LOOPBACK = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
INDEX = socket.if_nametoindex(LOOPBACK)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a matter of Linux's tables")
FAMILIES = [
    False,
    pytest.param(True, marks=[needs_ipv6, linux_only]),
    pytest.param("both", marks=needs_ipv6),
]
GROUPS = {False: "239.255.77.1", True: "ff12::77:1", "both": "239.255.77.1"}


@pytest.fixture(params=FAMILIES, ids=str)
def ipv6(request: pytest.FixtureRequest) -> Any:
    """The family of the member."""
    return request.param


@pytest.fixture
def member(collection: WaitStateCollection, ipv6: Any) -> AsyncIOState:
    """A state that could hear a group."""
    return open_udp(collection, local_port=0, ipv6=ipv6)


def is_heard(collection: WaitStateCollection, member: AsyncIOState, group: str, ipv6: Any) -> bool:
    """Tell whether a group is heard on the loopback.

    Few machines route multicast of IPv6 there, so of that the system's table is looked at.
    """
    if ipv6 is True:
        wanted = ipaddress.IPv6Address(group).packed.hex()
        table = Path("/proc/net/igmp6").read_text("ascii").splitlines()
        return any(line.split()[1:3] == [LOOPBACK, wanted] for line in table)
    sender, reports = open_udp(collection), Reports()
    sender.multicast_interface = LOOPBACK
    sender.send_message_to(group, member.address[1], b"who is there?", None)
    member.receive_message(bytearray(99), reports, timeout=0)
    settle(collection)
    sender.close()
    return reports.counts == [13]


def interfaces(ipv6: Any) -> list[Any]:
    """Return the loopback, in all the ways to say it."""
    if ipv6 is True:
        return [LOOPBACK, INDEX, *(["::1"] if sys.platform == "linux" else [])]
    return [LOOPBACK, INDEX, "127.0.0.1", ipaddress.ip_address("127.0.0.1")]


def test_a_group_is_heard_from_joining_to_leaving__lw_201(
    collection: WaitStateCollection, member: AsyncIOState, ipv6: Any
) -> None:
    """A datagram state hears a group, of either family, from `join_group` until `leave_group`; the
    interface is a name, a number, or an address of it.
    """
    group = GROUPS[ipv6]
    for interface in interfaces(ipv6):
        assert not is_heard(collection, member, group, ipv6)
        member.join_group(group, interface)
        assert is_heard(collection, member, group, ipv6)
        member.leave_group(group, interface)
    assert not is_heard(collection, member, group, ipv6)


def test_members_are_counted__lw_201(member: AsyncIOState, ipv6: Any) -> None:
    """Joining a group twice, and leaving one that was not joined, raise `SocketIOError`."""
    member.join_group(GROUPS[ipv6], LOOPBACK)
    with pytest.raises(SocketIOError) as caught:
        member.join_group(GROUPS[ipv6], LOOPBACK)
    assert (caught.value.identifier, caught.value.situation) == ("address-in-use", "setsockopt")
    member.leave_group(GROUPS[ipv6], LOOPBACK)
    with pytest.raises(SocketIOError):
        member.leave_group(GROUPS[ipv6], LOOPBACK)


def test_how_far_messages_go__lw_201(member: AsyncIOState) -> None:
    """`multicast_hops`, `multicast_loop` and `multicast_interface` can be asked and set; messages
    go one hop and are heard on this machine unless told otherwise.
    """
    found = member.multicast_hops, member.multicast_loop, member.multicast_interface
    assert found == (1, True, None)
    member.multicast_hops, member.multicast_loop = 7, False
    member.multicast_interface = INDEX
    found = member.multicast_hops, member.multicast_loop, member.multicast_interface
    assert found == (7, False, INDEX)
    member.multicast_interface = None
    assert member.multicast_interface is None


@needs_ipv6
def test_a_socket_of_both_families_sets_both__lw_201(collection: WaitStateCollection) -> None:
    """On a socket of both families the options count for messages to groups of both."""
    member = open_udp(collection, ipv6="both")
    member.multicast_hops = 9
    sock = member.object
    assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS) == 9
    assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 9


@pytest.mark.parametrize(
    ("group", "interface", "error"),
    [
        ("127.0.0.1", None, ValueError),
        ("example.org", None, ValueError),
        ("ff12::77:1", None, ValueError),
        (None, None, TypeError),
        ("239.255.77.1", "no-such-interface", ValueError),
        ("239.255.77.1", 99_999, ValueError),
        ("239.255.77.1", "::77", ValueError),
        ("239.255.77.1", 1.5, TypeError),
        ("239.255.77.1", True, TypeError),
    ],
)
def test_what_is_no_group_is_refused__lw_201(
    collection: WaitStateCollection, group: Any, interface: Any, error: type[Exception]
) -> None:
    """An address that is no group, one of another family, and an interface that is not there are
    refused at the call.
    """
    member = open_udp(collection)
    with pytest.raises(error):
        member.join_group(group, interface)


@pytest.mark.parametrize(("hops", "error"), [(256, ValueError), (-1, ValueError), ("1", TypeError)])
def test_hops_are_a_small_number__lw_201(
    collection: WaitStateCollection, hops: Any, error: type[Exception]
) -> None:
    """`multicast_hops` is a whole number from 0 to 255."""
    with pytest.raises(error, match="multicast_hops"):
        open_udp(collection).multicast_hops = hops


def test_a_unix_socket_has_no_groups__lw_201(collection: WaitStateCollection) -> None:
    """A datagram state that is not of the internet has no groups."""
    here, there = socket.socketpair(UNIX, socket.SOCK_DGRAM)
    state = AsyncIOState(collection, here)
    with pytest.raises(OperationNotAllowed):
        state.join_group("239.255.77.1")
    there.close()


@linux_only
@needs_ipv6
def test_the_scope_of_a_group_is_an_interface__lw_201(collection: WaitStateCollection) -> None:
    """The scope of an IPv6 group counts as the interface."""
    member = open_udp(collection, ipv6=True, local_port=0)
    member.join_group(f"ff12::77:1%{LOOPBACK}")
    assert is_heard(collection, member, "ff12::77:1", True)


@linux_only
def test_groups_have_the_limit_of_the_system__lw_201(collection: WaitStateCollection) -> None:
    """More groups than the system has room for are a `SocketIOError`; those that were joined stay,
    and one that is left makes room.
    """
    member = open_udp(collection, local_port=0)
    limit = int(Path("/proc/sys/net/ipv4/igmp_max_memberships").read_text("ascii"))
    groups = [str(ipaddress.IPv4Address("239.255.0.0") + number) for number in range(limit + 1)]
    for group in groups[:-1]:
        member.join_group(group, LOOPBACK)
    with pytest.raises(SocketIOError) as caught:
        member.join_group(groups[-1], LOOPBACK)
    assert caught.value.identifier == "no-buffer-space"
    member.leave_group(groups[0], LOOPBACK)
    member.join_group(groups[-1], LOOPBACK)
    assert is_heard(collection, member, groups[-1], False)


@pytest.mark.parametrize(
    ("interface", "error"), [("no-such-interface", ValueError), ("192.0.2.1", SocketIOError)]
)
def test_an_interface_that_is_refused_changes_nothing__lw_201(
    collection: WaitStateCollection, interface: str, error: type[Exception]
) -> None:
    """Messages to groups leave as before if the interface is none, or has not that address."""
    member = open_udp(collection)
    member.multicast_interface = LOOPBACK
    with pytest.raises(error):
        member.multicast_interface = interface
    with pytest.raises(error):
        member.join_group("239.255.77.1", interface)
    assert member.multicast_interface == LOOPBACK
