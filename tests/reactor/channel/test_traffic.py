"""Traffic: what a connection says that it has carried, by whoever counted it."""

import socket
import sys
from collections.abc import Callable
from contextlib import closing

import pytest

from reactor.channel.adopting import socket_channel
from reactor.channel.socket_channel import SocketChannel
from reactor.channel.traffic import CountingChannel, KernelCountedChannel


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    return near, far


@pytest.mark.parametrize("pair", [tcp_pair, socket.socketpair], ids=["TCP", "Unix"])
def test_a_connection_knows_what_it_has_carried__lw_015(
    pair: Callable[[], tuple[socket.socket, socket.socket]],
) -> None:
    """The figures of bytes in and out are exact, also for what the peer has not read yet."""
    near, far = pair()
    with closing(socket_channel(near)) as channel, far:
        far.sendall(b"abc")
        assert channel.write(b"12345") == 5
        assert channel.read(2) == b"ab"
        assert channel.readinto(memoryview(bytearray(9))) == 1
        assert channel.traffic() == (3, 5)
        sent = 5
        while (count := channel.write(bytes(65_536))) is not None:
            sent += count
        assert channel.traffic() == (3, sent)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts for us")
def test_the_kernel_counts_for_tcp_on_linux__lw_015() -> None:
    """Counting the bytes of a TCP connection costs nothing per read and write where the
    kernel does it.
    """
    near, far = tcp_pair()
    with closing(socket_channel(near)) as channel, far:
        assert isinstance(channel, KernelCountedChannel)
        assert channel.read.__func__ is SocketChannel.read  # type: ignore[attr-defined]  # a method
        channel.close()
        assert channel.traffic() == (0, 0)
    left, right = socket.socketpair()
    with closing(socket_channel(left)) as counting, right:
        assert isinstance(counting, CountingChannel)
