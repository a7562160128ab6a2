"""Waitstate: a reactor for programs that are not written around `async` and `await`.

The public names are these; what is not here may change without notice. To read the library, go
upstairs: a file imports from lower floors only.

    0  errors, interest, deadline    the exception tree; READ and WRITE; spans and moments
    1  channel/                      what can be tried once: sockets, TLS over any channel
       loop/                         the one place that waits: WaitStateCollection
    2  operations/                   what there is to do on a channel, stepped until it is done
       net/                          where a channel leads: addresses, names, options, the race
    3  state/                        operations in order, each way: AsyncIOState; drive()
    4  opening/                      how a channel comes to be: connect, listen, accept
       protocol                      the classes that people subclass
    5  flow/                         how bytes come and go for a protocol, and how that ends
    6  transport, datagram           what a protocol sees of its connection, of its endpoint
       stream/                       a connection as a file, for code that waits
    7  server                        serve and connect: protocols on listening sockets
       sockets/                      every kind of socket for code that waits: make_socket
    8  callbacks/                   programs as functions: tcp_connect, tcp_server
       reconnection                 clients that connect again and again
       compat/                      old programs under their old names: asyncore

Begin with `loop/collection.py` if you wonder who calls whom, with `state/operation_queue.py` if
you wonder in which order, and with `channel/tls_engine.py` if you wonder about TLS.
"""

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.datagram import DatagramTransport, open_datagram
from reactor.errors import (
    AcceptError,
    BindError,
    BrokenPipe,
    ConnectError,
    ConnectionAborted,
    ConnectionRefused,
    ConnectionReset,
    ConnectionTimedOut,
    ConnectTimedOut,
    DeadlinePassed,
    EndOfStream,
    InternalError,
    LimitExceeded,
    NameLookupFailed,
    NoSuchPath,
    OperationAborted,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    ReactorError,
    SocketCreationError,
    SocketError,
    SocketIOError,
    StateClosed,
    TLSClosed,
    TLSError,
    TLSHandshakeTimeout,
    TLSTruncated,
    TLSVerificationFailed,
    WrongProcess,
    WrongThread,
)
from reactor.flow.rate_limit import RateLimit
from reactor.interest import READ, WRITE
from reactor.loop.calls import Notifier
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import log_and_close, propagate
from reactor.net.address import (
    dotted_to_ipaddr,
    ipaddr_to_dotted,
    ipaddr_to_hostname,
    lookup_hostname,
    lookup_port,
)
from reactor.net.resolver import Resolver
from reactor.opening.accept import AcceptingHandle, accept_tcp
from reactor.opening.connect import connect_tcp
from reactor.opening.udp import connect_udp, open_udp
from reactor.opening.unix import accept_unix, connect_unix, open_unix_datagram
from reactor.protocol import BaseProtocol, BufferedProtocol, DatagramProtocol, Protocol
from reactor.reconnection import Backoff, Reconnecting, may_heal, reconnecting
from reactor.server import Server, connect, serve
from reactor.sockets.listener_socket import ListenerSocket
from reactor.sockets.make_socket import make_socket
from reactor.sockets.udp_socket import UDPSocket
from reactor.state.async_io_state import AsyncIOState
from reactor.state.drive import drive
from reactor.stream.opening import open_tcp_stream
from reactor.stream.socket_stream import SocketStream
from reactor.stream.waiting import (
    wait_for_input_streams,
    with_input_timeout,
    with_output_timeout,
)
from reactor.transport import Transport

__all__ = [
    "READ",
    "WRITE",
    "AcceptError",
    "AcceptingHandle",
    "AsyncIOState",
    "Backoff",
    "BaseProtocol",
    "BindError",
    "BrokenPipe",
    "BufferedProtocol",
    "ClientTLS",
    "ConnectError",
    "ConnectTimedOut",
    "ConnectionAborted",
    "ConnectionRefused",
    "ConnectionReset",
    "ConnectionTimedOut",
    "DatagramProtocol",
    "DatagramTransport",
    "DeadlinePassed",
    "EndOfStream",
    "InternalError",
    "LimitExceeded",
    "ListenerSocket",
    "NameLookupFailed",
    "NoSuchPath",
    "Notifier",
    "OperationAborted",
    "OperationInProgress",
    "OperationNotAllowed",
    "OperationTimeout",
    "Protocol",
    "RateLimit",
    "ReactorError",
    "Reconnecting",
    "Resolver",
    "Server",
    "ServerTLS",
    "SocketCreationError",
    "SocketError",
    "SocketIOError",
    "SocketStream",
    "StateClosed",
    "TLSClosed",
    "TLSError",
    "TLSHandshakeTimeout",
    "TLSTruncated",
    "TLSVerificationFailed",
    "Transport",
    "UDPSocket",
    "WaitStateCollection",
    "WrongProcess",
    "WrongThread",
    "accept_tcp",
    "accept_unix",
    "connect",
    "connect_tcp",
    "connect_udp",
    "connect_unix",
    "dotted_to_ipaddr",
    "drive",
    "ipaddr_to_dotted",
    "ipaddr_to_hostname",
    "log_and_close",
    "lookup_hostname",
    "lookup_port",
    "make_socket",
    "may_heal",
    "open_datagram",
    "open_tcp_stream",
    "open_udp",
    "open_unix_datagram",
    "propagate",
    "reconnecting",
    "serve",
    "wait_for_input_streams",
    "with_input_timeout",
    "with_output_timeout",
]
