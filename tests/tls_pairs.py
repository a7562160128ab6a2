"""Two ends of TLS in one process: engines without anything between them, channels over memory."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final

from reactor.channel.base import Channel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import Stage, TLSEngine
from reactor.testing.memory import memory_pair
from tests.certificates import Certificates

TLS_1_2: Final = ssl.TLSVersion.TLSv1_2
TLS_1_3: Final = ssl.TLSVersion.TLSv1_3
VERSIONS: Final = (TLS_1_2, TLS_1_3)
STEP_LIMIT: Final = 50_000  # steps of one exchange; one-byte sips need a tenth of it

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
Engines = tuple[TLSEngine, TLSEngine]
Channels = tuple[TLSChannel, TLSChannel]


def contexts(certificates: Certificates, version: ssl.TLSVersion | None = None) -> Contexts:
    """Make a client's and a server's context that trust each other, for one version or any."""
    client, server = certificates.client_context(), certificates.server_context()
    server.load_verify_locations(certificates.authority)
    if version is not None:
        client.maximum_version = server.maximum_version = version
        client.minimum_version = server.minimum_version = version
    return client, server


def engines(client: ssl.SSLContext, server: ssl.SSLContext) -> Engines:
    """Make two engines that have not spoken yet."""
    return (
        TLSEngine(client, server_side=False, server_hostname="localhost"),
        TLSEngine(server, server_side=True),
    )


def carry(one: TLSEngine, other: TLSEngine) -> None:
    """Give each engine the ciphertext that the other one has ready now."""
    here, there = one.take(), other.take()
    other.feed(here)
    one.feed(there)


def shake(client: TLSEngine, server: TLSEngine) -> None:
    """Bring both through the handshake, and let them take in what comes behind it."""
    for _ in range(5):
        client.handshake()
        server.handshake()
        carry(client, server)
    assert client.stage is server.stage is Stage.OPEN
    assert client.read(1) is None  # tickets
    assert server.read(1) is None


def shaken(certificates: Certificates, version: ssl.TLSVersion | None = None) -> Engines:
    """Make two engines that have shaken hands."""
    client, server = engines(*contexts(certificates, version))
    shake(client, server)
    return client, server


def channels(
    certificates: Certificates,
    version: ssl.TLSVersion | None = None,
    *,
    capacity: int = 65536,
    sip: int | None = None,
    depth: int = 1,
) -> Channels:
    """Make a client and a server over memory that have shaken hands; TLS in TLS at depth 2."""
    near: Channel
    far: Channel
    near, far = memory_pair(capacity, sip)
    for _ in range(depth):
        client, server = engines(*contexts(certificates, version))
        near, far = TLSChannel(near, client), TLSChannel(far, server)
        shake_channels(near, far)
    assert isinstance(near, TLSChannel)
    assert isinstance(far, TLSChannel)
    return near, far


def shake_channels(near: TLSChannel, far: TLSChannel) -> None:
    """Bring both through the handshake, and read what comes behind it."""
    step_until(lambda: all([near.handshake(), far.handshake()]))
    for channel in (near, far):
        while channel.inner.holds_input or _has_arrived(channel.inner):
            assert channel.read(1) is None


def step_until(step: Callable[[], object]) -> None:
    """Call `step` until it says that it is done; fail at a limit."""
    for _ in range(STEP_LIMIT):
        if step():
            return
    raise AssertionError("it does not come to an end")


def close(*ends: Channel) -> None:
    """Close channels."""
    for end in ends:
        end.close()


def _has_arrived(channel: Channel) -> bool:
    while isinstance(channel, TLSChannel):
        channel = channel.inner
    inward = getattr(channel, "_inward", None)
    return bool(inward is not None and inward.data)
