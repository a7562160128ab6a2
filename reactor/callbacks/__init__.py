"""Callbacks: programs written as functions, in the manner of cl-async.

A client says what shall happen when something has arrived, and when it is over; a server says the
same for all of its clients. There is no class to subclass: every callback gets the socket.

    tcp_connect, tcp_server ──► connect, serve      of `reactor.server`
    TCPSocket ──write, close──► Transport
        ▲                           │ hooks
        └── connect_cb, read_cb, write_cb, event_cb ◄── SocketBinding, the one protocol of all this

A callback runs on the collection's thread, later, never inside the call that caused it. Every
connection has one event at its end, unless the program closes it: an `EndOfStream`, or what has
gone wrong, of the classes in `reactor.errors`. Those of one turn that replace others count from
the next turn on.

Reading order: clients.py, servers.py; tcp_socket.py is what a program holds, binding.py what the
transport calls; handlers.py knows which callbacks count, inbox.py what is unread, and
async_io_stream.py makes a file of it. lookups.py asks for names; neighbours.py is what else there
is beside sockets: descriptors of others, idle moments, signals.
"""

from reactor.callbacks.async_io_stream import AsyncIOStream
from reactor.callbacks.clients import (
    connect_tcp_socket,
    init_tcp_socket,
    tcp_connect,
    unix_connect,
)
from reactor.callbacks.lookups import PendingLookup, dns_lookup, reverse_dns_lookup
from reactor.callbacks.neighbours import Poll, idle, poll, signal_handler
from reactor.callbacks.servers import TCPServer, tcp_server, unix_server
from reactor.callbacks.tcp_socket import TCPSocket

__all__ = [
    "AsyncIOStream",
    "PendingLookup",
    "Poll",
    "TCPServer",
    "TCPSocket",
    "connect_tcp_socket",
    "dns_lookup",
    "idle",
    "init_tcp_socket",
    "poll",
    "reverse_dns_lookup",
    "signal_handler",
    "tcp_connect",
    "tcp_server",
    "unix_connect",
    "unix_server",
]
