"""The options of sockets, set and read back."""

import math
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor.errors import AcceptError, BindError, ConnectError
from reactor.net.options import (
    LINGER_LIMIT,
    SocketOptions,
    check_linger,
    check_reuse_port,
    check_user_timeout,
    ipv6_available,
    set_broadcast,
    set_keepalive,
    set_linger,
    set_nodelay,
    set_out_of_band_inline,
    set_reuse_address,
    set_reuse_port,
    set_user_timeout,
    set_v6only,
)
from tests.peers import needs_ipv6

SWITCHES = [
    (set_nodelay, socket.IPPROTO_TCP, socket.TCP_NODELAY),
    (set_keepalive, socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    (set_out_of_band_inline, socket.SOL_SOCKET, socket.SO_OOBINLINE),
]
Switch = Callable[..., None]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="an option of Linux")


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """A TCP socket, not connected."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        yield made


@pytest.mark.parametrize(("switch", "level", "option"), SWITCHES)
def test_an_option_is_switched_on_and_off__lw_039_049__cc_011_016(
    sock: socket.socket, switch: Switch, level: int, option: int
) -> None:
    """`nodelay`, `keepalive` and `out_of_band_inline` set the option of their name."""
    for enabled in (True, False):
        switch(sock, enabled, phase="connect")
        assert bool(sock.getsockopt(level, option)) is enabled


@pytest.mark.parametrize("value", [None, "", "yes", 2, 1 << 40], ids=repr)
def test_options_count_as_true_or_false__lw_039_049(sock: socket.socket, value: Any) -> None:
    """`nodelay` and `keepalive` are on if their value is true and off if not, whatever its type."""
    SocketOptions(nodelay=value, keepalive=value).set_on(sock, phase="connect")
    for _, level, option in SWITCHES[:2]:
        assert bool(sock.getsockopt(level, option)) is bool(value)


@linux_only
def test_reuse_address_is_the_systems_option__lw_050__cc_012(sock: socket.socket) -> None:
    """`reuse_address` lets a listener take a port on which only old connections are left."""
    set_reuse_address(sock, True, phase="bind")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1


def test_broadcast_is_for_datagrams__cc_013() -> None:
    """`broadcast=True` lets a UDP socket send to broadcast addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        set_broadcast(sock, True, phase="bind")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="not on this platform")
def test_two_listeners_share_a_port__lw_050() -> None:
    """With `reuse_port` two listeners can have one port."""
    with socket.socket() as one, socket.socket() as other:
        set_reuse_port(one, True, phase="bind")
        one.bind(("127.0.0.1", 0))
        one.listen()
        set_reuse_port(other, True, phase="bind")
        other.bind(one.getsockname())
        other.listen()


def test_reuse_port_is_refused_where_it_is_missing__lw_050(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`reuse_port=True` raises `ValueError` where the platform lacks it; False never does."""
    monkeypatch.delattr(socket, "SO_REUSEPORT", raising=False)
    with pytest.raises(ValueError, match="platform"):
        check_reuse_port(True)
    with pytest.raises(ValueError, match="platform"):
        set_reuse_port(sock, True, phase="bind")
    assert check_reuse_port(False) is False
    set_reuse_port(sock, False, phase="bind")


@needs_ipv6
def test_an_ipv6_socket_keeps_ipv4_away_or_lets_it_in__lw_027() -> None:
    """`v6only` decides whether an IPv6 socket also takes IPv4."""
    for enabled in (True, False):
        with socket.socket(socket.AF_INET6) as sock:
            set_v6only(sock, enabled, phase="bind")
            assert bool(sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)) is enabled


@linux_only
@pytest.mark.parametrize(("linger", "seconds"), [(0, 0), (0.1, 1), (3, 3), (2.5, 3)])
def test_linger_is_whole_seconds_rounded_up__cc_014__lw_202(
    sock: socket.socket, linger: float, seconds: int
) -> None:
    """`linger` is how many seconds a close may wait, rounded up; only 0 itself means a reset."""
    set_linger(sock, linger, phase="connect")
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
    assert struct.unpack("ii", raw) == (1, seconds)


@linux_only
def test_without_linger_the_kernel_keeps_its_way__cc_014(sock: socket.socket) -> None:
    """`linger=None` leaves closing to the system's own way."""
    set_linger(sock, None, phase="connect")
    assert struct.unpack("ii", sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))[0] == 0


@pytest.mark.parametrize("linger", [-1, -0.001, math.nan, math.inf, LINGER_LIMIT + 1])
def test_linger_out_of_range_is_refused__cc_014(linger: float) -> None:
    """A negative `linger`, or one that the system cannot count, raises `ValueError`."""
    with pytest.raises(ValueError, match="linger must be 0 to"):
        check_linger(linger)


@pytest.mark.parametrize("wrong", [True, False, "3", b"3", [3]])
def test_linger_of_a_wrong_type_is_refused__cc_014(wrong: Any) -> None:
    """`linger` is a number, else a `TypeError`; a bool is none."""
    with pytest.raises(TypeError, match="linger is seconds"):
        check_linger(wrong)


@linux_only
@pytest.mark.parametrize(("seconds", "number"), [(30, 30000), (0.0001, 1), (1.5, 1500)])
def test_user_timeout_is_in_seconds__lw_202(
    sock: socket.socket, seconds: float, number: int
) -> None:
    """`user_timeout` is seconds for TCP_USER_TIMEOUT, never rounded down to "the default"."""
    if sys.platform == "linux":
        set_user_timeout(sock, seconds, phase="connect")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == number


def test_no_user_timeout_leaves_the_systems__lw_202(sock: socket.socket) -> None:
    """`user_timeout=None` leaves the system's own, on every platform."""
    set_user_timeout(sock, None, phase="connect")
    if sys.platform == "linux":
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0


@linux_only
@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, 3_000_000])
def test_user_timeout_out_of_range_is_refused__lw_202(wrong: float) -> None:
    """`user_timeout` is above 0 and not more than the kernel can count."""
    with pytest.raises(ValueError, match="user_timeout must be"):
        check_user_timeout(wrong)


def test_user_timeout_is_refused_where_it_is_missing__lw_202(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`user_timeout` raises `ValueError` where the platform lacks it; None does not."""
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT", raising=False)
    with pytest.raises(ValueError, match="platform"):
        check_user_timeout(30)
    assert check_user_timeout(None) is None


@pytest.mark.parametrize(
    ("phase", "kind"), [("connect", ConnectError), ("bind", BindError), ("accept", AcceptError)]
)
def test_what_the_system_refuses_is_an_error_of_the_phase__lw_190(
    phase: str, kind: type[Exception]
) -> None:
    """A socket option that cannot be set is an error of our tree, with the system call."""
    one, other = socket.socketpair()
    with one, other, pytest.raises(kind) as caught:
        set_v6only(one, True, phase=phase)
    assert getattr(caught.value, "situation", None) == "setsockopt"
    assert isinstance(caught.value.__cause__, OSError)


def test_ipv6_that_cannot_be_bound_is_not_available__lw_029(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """IPv6 counts as available when ::1 can be bound, not when Python was built with it."""
    monkeypatch.setattr(socket, "has_ipv6", False)
    assert not ipv6_available()
    monkeypatch.undo()
    monkeypatch.setattr(socket, "AF_INET6", socket.AF_INET)  # which cannot have the address ::1
    assert not ipv6_available()
