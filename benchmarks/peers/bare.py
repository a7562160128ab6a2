"""Bare: a loop of epoll, recv and send; nobody who writes Python can be faster."""

import select
import socket
import ssl
from collections.abc import Callable

READ_SIZE = 262_144  # bytes; what asyncio reads at once


class BarePeer:
    """The limit of Python: no objects but sockets, no timeouts, no errors, no short writes."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._calls: list[Callable[[], object]] = []
        self._running = False

    def serve(self, tls: ssl.SSLContext | None) -> int:
        """Listen on a free port and return the port; `tls` has to be None."""
        if tls is not None:
            raise NotImplementedError("the bare loop speaks no TLS")
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self._poll.register(self._listener, select.EPOLLIN)
        return int(self._listener.getsockname()[1])

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call `function` before the next poll."""
        self._calls.append(function)

    def run(self) -> None:
        """Poll, receive and send until `stop`."""
        self._running = True
        listener, sockets, poll = self._listener.fileno(), self._sockets, self._poll.poll
        while self._running:
            calls, self._calls = self._calls, []
            for call in calls:
                call()
            for fd, _ in poll(0 if self._calls or not self._running else -1):
                if fd == listener:
                    self._accept()
                else:
                    sock = sockets[fd]
                    if data := sock.recv(READ_SIZE):
                        sock.send(data)
                    else:
                        self._close(fd)

    def stop(self) -> None:
        """End `run` after this turn."""
        self._running = False

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        self._sockets[sock.fileno()] = sock
        self._poll.register(sock, select.EPOLLIN)

    def _close(self, fd: int) -> None:
        self._poll.unregister(fd)
        self._sockets.pop(fd).close()
