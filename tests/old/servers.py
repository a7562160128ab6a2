"""Servers as they were written for asyncore and asynchat: nothing in here knows of us.

    python servers.py echo|chat|mail|smtpd

Each prints the port where it waits. Only the annotations are of today.
"""

from __future__ import annotations

import asynchat
import asyncore
import socket
import sys
from typing import Any


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class EchoHandler(asyncore.dispatcher_with_send):
    def handle_read(self) -> None:
        data = self.recv(8192)
        if data:
            self.send(data)

    def writable(self) -> bool:
        if self.ended and not self.out_buffer:
            self.close()
        return bool(asyncore.dispatcher_with_send.writable(self))

    def readable(self) -> bool:
        return not self.ended and len(self.out_buffer) < 65536

    ended = False
    out_buffer: bytes

    def handle_close(self) -> None:
        self.ended = True


class ChatHandler(asynchat.async_chat):
    def __init__(self, sock: Any, others: set[Any]) -> None:
        asynchat.async_chat.__init__(self, sock=sock)
        self.set_terminator(b"\n")
        self.buffer: list[bytes] = []
        self.others = others
        others.add(self)

    def collect_incoming_data(self, data: bytes) -> None:
        self.buffer.append(data)

    def found_terminator(self) -> None:
        line = b"".join(self.buffer)
        self.buffer = []
        if line == b"/quit":
            self.push(b"bye\n")
            self.close_when_done()
            return
        if line == b"/fail":
            raise ValueError("as it was asked to")
        for other in list(self.others):
            other.push(line + b"\n")

    def close(self) -> None:
        self.others.discard(self)
        asynchat.async_chat.close(self)


class MailHandler(asynchat.async_chat):
    """As much of SMTP as a client needs to get rid of a message."""

    def __init__(self, sock: Any) -> None:
        asynchat.async_chat.__init__(self, sock)
        self.line: list[bytes] = []
        self.set_terminator(b"\r\n")
        self.push(b"220 mail\r\n")

    def collect_incoming_data(self, data: bytes) -> None:
        self.line.append(data)

    def found_terminator(self) -> None:
        text = b"".join(self.line)
        self.line = []
        if self.get_terminator() == b"\r\n.\r\n":
            self.set_terminator(b"\r\n")
            tell(f"message of {len(text)} bytes")
            self.push(b"250 taken\r\n")
            return
        verb = text[:4].upper()
        if verb == b"DATA":
            self.set_terminator(b"\r\n.\r\n")
            self.push(b"354 go on\r\n")
        elif verb == b"QUIT":
            self.push(b"221 bye\r\n")
            self.close_when_done()
        else:
            self.push(b"250 fine\r\n")


class Server(asyncore.dispatcher):
    def __init__(self, handler: Any) -> None:
        asyncore.dispatcher.__init__(self)
        self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
        self.set_reuse_addr()
        self.bind(("127.0.0.1", 0))
        self.listen(5)
        self.handler = handler

    def writable(self) -> bool:
        return False

    def handle_accept(self) -> None:
        pair = self.accept()
        if pair is not None:
            self.handler(pair[0])


if __name__ == "__main__":
    others: set[Any] = set()
    server: Any
    if sys.argv[1] == "smtpd":
        import smtpd

        server = smtpd.DebuggingServer(("127.0.0.1", 0), ("127.0.0.1", 0))
    else:
        handlers: dict[str, Any] = {
            "echo": EchoHandler,
            "chat": lambda sock: ChatHandler(sock, others),
            "mail": MailHandler,
        }
        server = Server(handlers[sys.argv[1]])
    tell(f"port {server.socket.getsockname()[1]}")
    asyncore.loop()
