"""Echo by full batch: what a framework costs on top of the kernel."""

from functools import partial
from typing import Final

from benchmarks.full_batch import FullBatch
from benchmarks.peers.names import OURS, make_peer
from benchmarks.work import Work

ALL: Final = ("asyncio", "streams", "uvloop", "bare", "ours")
WITH_TLS: Final = ("asyncio", "streams", "uvloop", "ours")


def echo(
    name: str, quick: bool, *, count: int, size: int, batches: int, tls: bool = False
) -> float:
    """Return the microseconds for an echo of `size` KiB on one of `count` connections."""
    batch = FullBatch(make_peer(name), connections=count, size=size << 10, tls=tls)
    cost = batch.run(batches // 3 if quick else batches)
    batch.close()
    return cost


def ping_pong(name: str, quick: bool) -> float:
    """Return the microseconds for an echo by who reads and writes whole messages, one by one."""
    peer = "states" if name == OURS else "messages"
    return echo(peer, quick, count=1, size=1, batches=6000)


def _work(key: str, title: str, peers: tuple[str, ...], **shape: int) -> Work:
    return Work(key, title, "us", peers, partial(echo, **shape))


# A large message or a TLS session with both of its ends takes much of the cache; so there are few
# of them, or what is measured is the memory of this machine.
WORKS: Final = (
    _work("echo", "echo 1 KiB", ALL, count=100, size=1, batches=600),
    _work("echo-1000", "echo 1 KiB, 1000 connections", ALL, count=1000, size=1, batches=60),
    _work("echo-large", "echo 100 KiB", ALL, count=20, size=100, batches=300),
    _work("tls-echo", "TLS echo 1 KiB", WITH_TLS, count=20, size=1, batches=1000, tls=True),
    _work(
        "tls-echo-large", "TLS echo 100 KiB", WITH_TLS, count=10, size=100, batches=200, tls=True
    ),
    Work("ping-pong", "messages of 1 KiB, states", "us", ("streams", "ours"), ping_pong),
)
