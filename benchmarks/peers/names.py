"""The peers by name, each imported only by the process that measures it."""

import importlib
from typing import Any, Final

OURS: Final = "ours"
BARE: Final = "bare"  # no loop at all, or next to none
MAKERS: Final = {
    "asyncio": ("benchmarks.peers.asyncio_peer", "AsyncioPeer"),
    "streams": ("benchmarks.peers.asyncio_peer", "StreamsPeer"),
    "messages": ("benchmarks.peers.asyncio_peer", "MessagesPeer"),
    "uvloop": ("benchmarks.peers.asyncio_peer", "UvloopPeer"),
    BARE: ("benchmarks.peers.bare", "BarePeer"),
    OURS: ("benchmarks.peers.ours", "OurPeer"),
    "states": ("benchmarks.peers.ours", "StatesPeer"),
}


def make_peer(name: str) -> Any:
    """Make the peer of that name; NotInstalledError if it is not on this machine."""
    module, maker = MAKERS[name]
    return getattr(importlib.import_module(module), maker)()
