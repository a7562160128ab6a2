"""open_tcp_stream: connect, and return a stream; and the limits of a stream for a while."""

from typing import Any

from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT, ServerHostname
from reactor.deadline import check_timeout
from reactor.net.address import HostLike, IPv6Choice, ServiceLike
from reactor.net.options import SocketOptions
from reactor.opening.blocking import open_route
from reactor.opening.connect import CONNECT_TIMEOUT, ClientSide, read_route
from reactor.stream.socket_stream import SocketStream
from reactor.stream.stream_base import directions


def open_tcp_stream(
    host: HostLike,
    service: ServiceLike,
    *,
    direction: str = "io",
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    timeout: float | None = CONNECT_TIMEOUT,
    tls: Any = None,
    configure_context: Any = None,
    configure_connection: Any = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    server_hostname: ServerHostname = None,
    local_address: HostLike | None = None,
    local_port: ServiceLike | None = None,
    ipv6: IPv6Choice = "any",
    nodelay: bool = True,
    keepalive: bool = False,
) -> SocketStream:
    """Connect, and return the stream; the caller waits. No collection is needed.

    Args:
        host: a name, numeric text, a number, or an `ipaddress` object.
        service: a port, its digits, or the name of a service.
        direction: "io", or "input" or "output" for a stream that only reads or writes.
        read_timeout: seconds for each wait of a read; None, the default, waits for ever.
        write_timeout: seconds without progress of a write; None, the default, waits for ever.
        timeout: seconds for look-up, all attempts and TLS together, 30 by default; None waits for
            the system's verdict.
        tls: a `ClientTLS`, an `ssl.SSLContext`, True for the safe default, None for no TLS.
        configure_context: called with a new context.
        configure_connection: called with the `ssl.SSLObject` before its handshake.
        handshake_timeout: seconds for the handshake alone, 10 by default; None for no limit.
        server_hostname: the name to verify and to send; None and True are the host.
        local_address: where to bind before; None lets the system choose.
        local_port: likewise.
        ipv6: "any", True or False: which families to look up.
        nodelay: whether small pieces are sent at once; true by default.
        keepalive: whether the kernel probes a silent peer; false by default.

    Raises:
        TypeError, ValueError: an argument is wrong. NameLookupFailed, BindError, ConnectError,
            ConnectTimedOut, TLSError and their kinds: there is no connection, and nothing is left
            open.

    Thread: one that may wait. Calls back: what is configured. Source: LW-172 to LW-179.
    """
    directions(direction)
    check_timeout("read_timeout", read_timeout)
    check_timeout("write_timeout", write_timeout)
    route = read_route(
        host,
        service,
        ipv6=ipv6,
        local=(local_address, local_port),
        options=SocketOptions(nodelay, keepalive),
        connect_timeout=check_timeout("timeout", timeout),
        handshake_timeout=handshake_timeout,
        tls=ClientSide(tls, server_hostname, configure_context, configure_connection),
    )
    stream = SocketStream(
        open_route(route),
        direction=direction,
        read_timeout=read_timeout,
        write_timeout=write_timeout,
    )
    stream.server_name = route.target.server_name
    return stream
