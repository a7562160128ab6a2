"""Every kind of channel that the matrices go through: name -> how to make a connected pair.

TLS pairs have shaken hands, and nothing of it is under way any more. Only the near end is the
client; `near` and `far` speak to each other over what the name says.
"""

import select
import socket
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

from reactor.channel.adopting import socket_channel
from reactor.channel.base import Channel
from reactor.channel.socket_channel import ListeningChannel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import TLSEngine
from reactor.testing.memory import memory_pair
from tests.certificates import Certificates
from tests.peers import require_ipv6

Ends: TypeAlias = tuple[Channel, Channel]
Maker: TypeAlias = Callable[[Certificates], Ends]

AF_UNIX: Final[int] = getattr(socket, "AF_UNIX", -1)  # Windows' Python has none
ARRIVING: Final = 10.0  # seconds until a client who has connected must be there to be accepted
HANDSHAKE_STEPS: Final = 100  # three flights take a handful; this is a bound, not a figure


def in_memory(_: Certificates, *, capacity: int = 65536, sip: int | None = None) -> Ends:
    """Two ends in memory."""
    return memory_pair(capacity, sip)


def socket_pair(_: Certificates) -> Ends:
    """A pair that the kernel has made."""
    near, far = socket.socketpair()
    return socket_channel(near), socket_channel(far)


def tcp(_: Certificates, *, family: int = socket.AF_INET, host: str = "127.0.0.1") -> Ends:
    """A connection over the loopback interface, the far end accepted."""
    if family == socket.AF_INET6:
        require_ipv6()
    with socket.create_server((host, 0), family=family) as server:
        return accepted(server)


def unix(_: Certificates) -> Ends:
    """A connection over a Unix socket with a path."""
    with TemporaryDirectory() as folder, socket.socket(AF_UNIX) as server:
        server.bind(str(Path(folder) / "socket"))
        server.listen()
        return accepted(server)


def accepted(server: socket.socket) -> Ends:
    """Connect to a listening socket, and accept."""
    near = socket.socket(server.family)
    near.connect(server.getsockname())
    select.select([server], [], [], ARRIVING)  # which is at once, unless the kernel is busy
    client = ListeningChannel(server).accept()
    assert client is not None, "a client that has connected can be accepted"
    sock, peer_address = client
    return socket_channel(near), socket_channel(sock, peer_address=peer_address)


def tls(certificates: Certificates, version: ssl.TLSVersion, below: Maker = tcp) -> Ends:
    """TLS of one version over the pair that `below` makes."""
    near, far = below(certificates)
    client, server = certificates.client_context(), certificates.server_context()
    client.minimum_version = client.maximum_version = version
    ends = (
        TLSChannel(near, TLSEngine(client, server_side=False, server_hostname="localhost")),
        TLSChannel(far, TLSEngine(server, server_side=True)),
    )
    shake_hands(*ends)
    return ends


def shake_hands(near: TLSChannel, far: TLSChannel) -> None:
    """Step both handshakes until they are over, and what came behind them has been read."""
    for _ in range(HANDSHAKE_STEPS):
        if all([near.handshake(), far.handshake()]):
            assert near.read(1) is None, "tickets are not plaintext"
            return
    raise AssertionError(f"no agreement after {HANDSHAKE_STEPS} steps")


UNIX_CHANNELS: Final[dict[str, Maker]] = (
    {"unix": unix, "tls-unix": partial(tls, version=ssl.TLSVersion.TLSv1_3, below=unix)}
    if AF_UNIX >= 0
    else {}
)
CHANNELS: Final[dict[str, Maker]] = {
    "memory": in_memory,
    "memory-sips": partial(in_memory, capacity=1024, sip=1),
    "memory-clogged": partial(in_memory, capacity=16),
    "socketpair": socket_pair,
    "tcp4": tcp,
    "tcp6": partial(tcp, family=socket.AF_INET6, host="::1"),
    **UNIX_CHANNELS,
    "tls12": partial(tls, version=ssl.TLSVersion.TLSv1_2),
    "tls13": partial(tls, version=ssl.TLSVersion.TLSv1_3),
    "tls-in-tls": partial(
        tls,
        version=ssl.TLSVersion.TLSv1_3,
        below=partial(tls, version=ssl.TLSVersion.TLSv1_3),
    ),
}
