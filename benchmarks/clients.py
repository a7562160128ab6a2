"""Clients: sockets that talk to a server under test; their part is never timed.

As a program, `python -m benchmarks.clients PORT [--tls] [--visit|--send|--receive]` plays
clients in a process of its own. Each line of its input is a number, answered with a line when

    (nothing)  so many connections were opened, each has had one message echoed, and all are idle
    --visit    so many connections have come, have had one message echoed, and have gone
    --send     so many MiB were sent on one connection, which was then closed
    --receive  what the server sends after a first byte has come to its end
"""

import socket
import ssl
import sys

from benchmarks.certificates import client_context

HOLD_SIZE = 1 << 20  # bytes that a kernel buffer may hold: a whole message waits in one piece
MESSAGE = b"m" * 1024
AT_A_TIME = 20  # visitors


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


def _visit(port: int, tls: ssl.SSLContext | None) -> None:
    for line in sys.stdin:
        left = int(line)
        while left > 0:
            there = [connect(port, tls) for _ in range(min(left, AT_A_TIME))]
            for sock in there:
                sock.sendall(MESSAGE)
            for sock in there:
                receive_exactly(sock, len(MESSAGE))
                sock.close()
            left -= len(there)
        print(line.strip(), flush=True)


def _send(port: int, tls: ssl.SSLContext | None) -> None:
    piece = bytes(1 << 20)
    for line in sys.stdin:
        with connect(port, tls) as sock:
            for _ in range(int(line)):
                sock.sendall(piece)
            if isinstance(sock, ssl.SSLSocket):
                sock.unwrap()
        print(line.strip(), flush=True)


def _receive(port: int, tls: ssl.SSLContext | None) -> None:
    room = bytearray(1 << 20)
    for line in sys.stdin:
        with connect(port, tls) as sock:
            sock.sendall(b"!")
            while sock.recv_into(room):
                pass
        print(line.strip(), flush=True)


def _hold(port: int, tls: ssl.SSLContext | None) -> None:
    held = []
    for line in sys.stdin:
        for _ in range(int(line)):
            held.append(connect(port, tls))
            echo_once(held[-1])
        print(len(held), flush=True)


if __name__ == "__main__":
    plays = {"--visit": _visit, "--send": _send, "--receive": _receive}
    play = next((plays[option] for option in sys.argv if option in plays), _hold)
    play(int(sys.argv[1]), client_context() if "--tls" in sys.argv else None)
