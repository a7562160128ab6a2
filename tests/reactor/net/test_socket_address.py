"""What the kernel is told, and the pair that we show for it."""

import socket
from collections.abc import Callable

import pytest

from reactor.net.socket_address import SocketAddress, any_interface, loopback

INTERFACE = socket.if_nameindex()[0] if hasattr(socket, "if_nameindex") else (1, "lo")


@pytest.mark.parametrize(
    ("address", "pair"),
    [
        (SocketAddress(socket.AF_INET, ("192.0.2.1", 80)), ("192.0.2.1", 80)),
        (SocketAddress(socket.AF_INET6, ("2001:db8::1", 80, 0, 0)), ("2001:db8::1", 80)),
        (SocketAddress(socket.AF_INET6, ("::ffff:192.0.2.1", 80, 0, 0)), ("192.0.2.1", 80)),
        (
            SocketAddress(socket.AF_INET6, ("fe80::1", 80, 0, INTERFACE[0])),
            (f"fe80::1%{INTERFACE[1]}", 80),
        ),
    ],
)
def test_a_socket_address_is_shown_as_a_pair__lw_028_030(
    address: SocketAddress, pair: tuple[str, int]
) -> None:
    """An address is a pair of numeric text and port, IPv4 always in its plain form."""
    assert address.pair == pair


def test_an_ipv4_address_can_be_told_to_an_ipv6_socket__lw_028() -> None:
    """An IPv4 address in plain form is accepted by a socket that speaks both families."""
    plain = SocketAddress(socket.AF_INET, ("192.0.2.1", 80))
    mapped = SocketAddress(socket.AF_INET6, ("::ffff:192.0.2.1", 80, 0, 0))
    assert plain.mapped() == mapped
    assert mapped.mapped() == mapped
    assert mapped.pair == plain.pair


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("make", [any_interface, loopback])
def test_the_kernel_takes_what_we_make_of_nothing__lw_025(
    make: Callable[[int, int], SocketAddress], family: int
) -> None:
    """Without an address every interface is bound, and port 0 is a port of the system's choice."""
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        try:
            sock.bind(make(family, 0).sockaddr)
        except OSError:
            assert family == socket.AF_INET6
            pytest.skip("this machine has no IPv6")
        assert sock.getsockname()[1] > 0
