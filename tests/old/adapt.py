"""Runs a program that imports asyncore and asynchat, with ours under these names.

    python adapt.py PROGRAM ARGUMENTS

`adapt` is all that a program of old needs. A map on a collection may serve instead of a dictionary.
"""

from __future__ import annotations

import runpy
import sys

from protocols import asynchat
from reactor.compat import asyncore
from reactor.loop.collection import WaitStateCollection


def adapt(*, shared: bool = False) -> None:
    """Put our two modules where `import` finds them."""
    sys.modules["asyncore"] = asyncore
    sys.modules["asynchat"] = asynchat
    if shared:
        asyncore.socket_map = asyncore.SocketMap(WaitStateCollection("shared"))


if __name__ == "__main__":
    adapt(shared="shared" in sys.argv)
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
