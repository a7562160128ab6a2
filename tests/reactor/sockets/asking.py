"""What the tests of sockets share: asking the kernel."""

from __future__ import annotations

import os
import socket
from typing import Any


def duplicate(thing: Any) -> socket.socket:
    """Another object for the same socket, to be asked and closed."""
    return socket.socket(fileno=os.dup(thing.fileno()))
