"""Torture of blocking code: whichever call fails, it raises an error, or nothing is missing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from reactor.channel.tls_settings import ClientTLS
from reactor.errors import EndOfStream, SocketError
from reactor.stream.opening import open_tcp_stream
from tests.certificates import Certificates
from tests.torture.errnos import HARMLESS, TABLE
from tests.torture.seam import REAL_SOCKET, Fault, Seam

HOST: Final = "127.0.0.1"
LINE: Final = b"one line\n"
BULK: Final = bytes(range(256)) * 1024
WHOLE: Final = LINE + BULK + LINE
PATIENCE: Final = 10.0  # seconds until a peer that is silent has hung
PARTING: Final = 0.2  # seconds that a peer who has heard everything waits for an end that may fail
SAMPLE: Final = 2  # faults of each kind of call that the fast tests try

# What a stream asks of the kernel, from its look at an address to its end.
CALLS: Final = (
    *("socket", "setsockopt", "bind", "connect", "getsockopt", "getpeername", "getsockname"),
    *("send", "recv", "shutdown", "close"),
)


class Echo:
    """Another program, for one client: it says what it hears until the client has ended."""

    def __init__(self, certificates: Certificates, tls: bool, parting: float) -> None:
        self._parting = parting
        self._context = certificates.server_context() if tls else None
        self._listener = REAL_SOCKET()
        self._listener.bind((HOST, 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Go; a client that has never come is not waited for."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(2 * PATIENCE)
        assert not self._thread.is_alive(), "the peer hangs"
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]  # no counted one
                self._talk(REAL_SOCKET(fileno=descriptor))

    def _talk(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            left = len(WHOLE)
            while data := sock.recv(100_000):
                sock.sendall(data)
                left -= len(data)
                if not left:
                    sock.settimeout(self._parting)
            sock.unwrap() if self._context is not None else None  # type: ignore[attr-defined]  # of TLS
        sock.close()


def converse(port: int, tls: ClientTLS | None) -> Iterator[bytes]:
    """Say something and hear it, in every way; yields what was heard."""
    with open_tcp_stream(
        HOST, port, tls=tls, local_address=HOST, keepalive=True, read_timeout=PATIENCE
    ) as stream:
        stream.write(LINE)
        yield stream.readline()
        stream.write(BULK)
        yield stream.read_exactly(len(BULK))
        stream.write(LINE)
        stream.shutdown("output")
        yield stream.read()


def trial(certificates: Certificates, tls: bool, fault: Fault | None) -> tuple[Counter[str], str]:
    """Converse with one fault; return what was called, and what is wrong, or nothing."""
    seam, heard, error = Seam(fault), b"", None
    client = ClientTLS(trusted_file=certificates.authority) if tls else None
    harmless = fault is None or (fault.call, fault.error) in HARMLESS
    parting = PATIENCE if harmless else PARTING
    with (
        contextlib.closing(Echo(certificates, tls, parting)) as peer,
        seam.entered(),
        seam.watching(),
    ):
        try:
            for piece in converse(peer.port, client):
                heard += piece
        except (SocketError, EndOfStream) as raised:
            error = raised
    if seam.left_open:
        return seam.counts, f"left open: {seam.left_open}"
    if not WHOLE.startswith(heard):
        return seam.counts, f"heard {len(heard)} bytes, which were not said"
    if error is None and heard != WHOLE:
        return seam.counts, f"heard {len(heard)} of {len(WHOLE)} bytes and was told nothing"
    if harmless and error is not None:
        return seam.counts, f"failed by what is no failure: {error!r}"
    return seam.counts, ""


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_without_a_fault_a_stream_hears_everything(certificates: Certificates, tls: bool) -> None:
    counts, problem = trial(certificates, tls, None)
    assert problem == ""
    assert set(CALLS) - set(counts) <= {"getpeername", "getsockname", "shutdown"}


def problems(certificates: Certificates, tls: bool, call: str, limit: int | None) -> list[str]:
    """Try the faults of one call; say what has gone wrong."""
    counts, _ = trial(certificates, tls, None)
    faults = [
        Fault(call, number, error)
        for number in range(1, counts[call] + 1)
        for error in TABLE.get(call, ())
    ]
    found = list[str]()
    for fault in faults[:limit]:
        _, problem = trial(certificates, tls, fault)
        if problem:
            found.append(f"{fault}: {problem}")
    return found


@pytest.mark.parametrize("call", CALLS)
def test_the_first_calls_of_a_stream_may_fail(certificates: Certificates, call: str) -> None:
    """A blocking stream of which a system call fails raises an error, or hears everything."""
    assert problems(certificates, False, call, SAMPLE) == []


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_any_call_of_a_stream_may_fail(certificates: Certificates, tls: bool, call: str) -> None:
    """A blocking stream raises an error for every call that fails with any errno, or it hears
    everything; nothing is left open, and an end that is none never looks like one.
    """
    assert problems(certificates, tls, call, None) == []
