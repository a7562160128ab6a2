"""Facts: what `get_extra_info` knows of a connection, by asyncio's names."""

from typing import Any

from reactor.state.connection import Connection
from reactor.state.handshake import socket_of


def fact(state: Connection, name: str, default: Any = None) -> Any:
    """Return a fact about a connection, `default` if there is no such thing.

    Args:
        state: the connection.
        name: "peername", "sockname", "socket"; under TLS "ssl_object", "sslcontext", "peercert",
            "cipher", "compression".
        default: what to return instead.

    Thread: any. Calls back: never. Source: PR-10, LW-030.
    """
    match name:
        case "peername":
            return state.peer_address
        case "sockname":
            return state.address
        case "socket":
            return socket_of(state.channel) or default
    tls = state.tls_object
    if tls is None:
        return default
    match name:
        case "ssl_object":
            return tls
        case "sslcontext":
            return tls.context
        case "peercert":
            return tls.getpeercert()
        case "cipher":
            return tls.cipher()
        case "compression":
            return tls.compression()
    return default
