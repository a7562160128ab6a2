"""Clients: sockets that talk to a server under test; their part is never timed.

As a program, `python -m benchmarks.clients PORT [--tls]` holds idle connections in a process of its
own: each line on its standard input is a number of connections to open. It sends a message through
each, awaits the echo, and answers with a line when all of them are idle.
"""

import socket
import ssl
import sys

from benchmarks.certificates import client_context

HOLD_SIZE = 1 << 20  # bytes that a kernel buffer may hold: a whole message waits in one piece
MESSAGE = b"m" * 1024


def connect(port: int, tls: ssl.SSLContext | None) -> socket.socket:
    """Connect to a server on this machine; with `tls`, shake hands too."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HOLD_SIZE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HOLD_SIZE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.connect(("127.0.0.1", port))
    return tls.wrap_socket(sock) if tls else sock


def receive_exactly(sock: socket.socket, size: int) -> bytes:
    """Wait for `size` bytes; an early end is an error."""
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("the server under test has hung up")
        data += piece
    return bytes(data)


def echo_once(sock: socket.socket) -> None:
    """Send a message of 1 KiB and await it."""
    sock.sendall(MESSAGE)
    if receive_exactly(sock, len(MESSAGE)) != MESSAGE:
        raise ValueError("the server under test does not echo")


def _hold(port: int, tls: ssl.SSLContext | None) -> None:
    held = []
    for line in sys.stdin:
        for _ in range(int(line)):
            held.append(connect(port, tls))
            echo_once(held[-1])
        print(len(held), flush=True)


if __name__ == "__main__":
    _hold(int(sys.argv[1]), client_context() if "--tls" in sys.argv else None)
