"""Two ends of TLS in one process.

Engines have nothing between them, channels speak over memory; either may be made of contexts, or
as programs describe their clients and servers.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from reactor.channel.base import Channel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import CHUNK_SIZE, Stage, TLSEngine
from reactor.channel.tls_settings import ClientTLS, ServerTLS, TLSPlan, tls_plan
from reactor.testing.memory import MemoryChannel, memory_pair
from tests.certificates import Certificates
from tests.tls_forger import Forger

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


# Engines as programs describe them.


def plan(tls: object, **options: Any) -> TLSPlan:
    """Make a plan; there has to be one."""
    options.setdefault("side", None)
    made = tls_plan(tls, **options)
    assert made is not None
    return made


def client(certificates: Certificates, **options: Any) -> ClientTLS:
    """Describe a client that trusts our authority."""
    return ClientTLS(trusted_file=certificates.authority, **options)


def server(certificates: Certificates, **options: Any) -> ServerTLS:
    """Describe a server for localhost."""
    return ServerTLS(certificates.localhost, **options)


def meet(near: object, far: object, host: Any = "localhost", **options: Any) -> Engines:
    """Let a client and a server shake hands, each as described."""
    ends = plan(near, host=host, **options).engine(), plan(far).engine()
    shake(*ends)
    return ends


def shown(engine: TLSEngine) -> Any:
    """Return the names in the certificate that the other end has shown."""
    certificate = engine.tls_object.getpeercert()
    return None if not certificate else [pair[1] for pair in certificate["subjectAltName"]]


# Channels over memory.


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


@contextmanager
def ends(
    certificates: Certificates, version: ssl.TLSVersion | None = None, capacity: int = 65536
) -> Iterator[tuple[TLSChannel, TLSChannel]]:
    """Two ends that have shaken hands, closed behind the test."""
    near, far = channels(certificates, version, capacity=capacity)
    try:
        yield near, far
    finally:
        close(near, far)


@contextmanager
def forged(
    certificates: Certificates, folder: Path, capacity: int
) -> Iterator[tuple[TLSChannel, TLSChannel, Forger]]:
    """Two ends, and a forger who writes in the client's name."""
    client_context, server_context = contexts(certificates)
    client_context.keylog_filename = str(folder / "keys")
    here, there = memory_pair(capacity)
    client, server = engines(client_context, server_context)
    near, far = TLSChannel(here, client), TLSChannel(there, server)
    shake_channels(near, far)
    try:
        yield near, far, Forger(folder / "keys")
    finally:
        close(near, far)


def memory(channel: TLSChannel) -> MemoryChannel:
    """Return the inner channel, which tests may pull about."""
    assert isinstance(channel.inner, MemoryChannel)
    return channel.inner


def send(data: bytes, sender: TLSChannel) -> None:
    """Write little enough to leave in one go."""
    assert sender.write(data) == len(data)
    assert sender.flush()


def fill(channel: TLSChannel) -> int:
    """Write until it says "not now", and return how many bytes it took."""
    taken = 0
    while (count := channel.write(bytes(CHUNK_SIZE))) is not None:
        taken += count
        channel.flush()
    return taken


def _has_arrived(channel: Channel) -> bool:
    while isinstance(channel, TLSChannel):
        channel = channel.inner
    inward = getattr(channel, "_inward", None)
    return bool(inward is not None and inward.data)
