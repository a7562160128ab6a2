"""The seam: real sockets and a real epoll, of whose calls the n-th of a kind fails.

`socket.socket` and the class behind the standard library's epoll selectors are replaced while a
`Seam` is entered, so every line of the library runs as it always does. What is counted is what
sockets made meanwhile are asked for; those of the waker are made before `begin`.

A failure looks as the kernel's would from outside as well. A `close` that fails has closed, who
is lost in `accept` has been reset, and an interrupted `connect` goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pytest

from reactor.channel.socket_channel import LINGER_NOT_AT_ALL
from tests.torture.errnos import LOST_CLIENT, SHORTAGE

REAL_SOCKET: Final = socket.socket

needs_epoll = pytest.mark.skipif(
    sys.platform != "linux", reason="only epoll asks the kernel when something is registered"
)


@dataclass(frozen=True)
class Fault:
    """The `number`-th call of a kind, counted from 1, fails with an errno; see also `lasts`."""

    call: str
    number: int
    error: str

    @property
    def lasts(self) -> bool:
        """Whether the calls behind it fail too, until time passes."""
        return self.call == "accept" and self.error in SHORTAGE

    def exception(self) -> OSError:
        """Make what Python raises for it."""
        number = getattr(errno, self.error)
        return OSError(number, os.strerror(number))

    def __str__(self) -> str:
        return f"{self.call} {self.number} {self.error}"


class Seam:
    """Counts the calls, and lets one of them fail.

    `counts` has how often each kind was called, `fired` whether the fault has happened,
    `client_lost` whether it has cost a client in `accept`, `made` every socket that was made. Who
    lets time pass sets `time_has_passed`, and a shortage is over.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.fired = False
        self.client_lost = False
        self.time_has_passed = False
        self.counting = False
        self.counts = Counter[str]()
        self.made = list[FaultySocket]()

    @contextlib.contextmanager
    def entered(self) -> Iterator[pytest.MonkeyPatch]:
        """Put the faulty classes in place of the real ones; what else is patched ends with it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "socket", type("Socket", (FaultySocket,), {"seam": self}))
            if sys.platform == "linux":
                faulty = staticmethod(partial(FaultyEpoll, self))
                patch.setattr(selectors.EpollSelector, "_selector_cls", faulty)
            yield patch

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Count, and fail, in here only."""
        self.counting = True
        try:
            yield
        finally:
            self.counting = False

    def due(self, call: str) -> Fault | None:
        """Count a call; return the fault if this is the one."""
        if not self.counting:
            return None
        self.counts[call] += 1
        fault = self.fault
        if fault is not None and fault.call == call:
            late = self.counts[call] - fault.number
            if late == 0 or (late > 0 and fault.lasts and not self.time_has_passed):
                self.fired = True
                return fault
        return None

    def pass_or_fail(self, call: str) -> None:
        """Count a call that fails before anything is done."""
        if (fault := self.due(call)) is not None:
            raise fault.exception()

    @property
    def left_open(self) -> list[FaultySocket]:
        """What was made while it counted, and is not closed."""
        return [sock for sock in self.made if sock.counted and sock.fileno() >= 0]


@contextlib.contextmanager
def failing(call: str, error: str, number: int = 1) -> Iterator[Seam]:
    """Let one call in here fail, of a socket or a selector that is made in here."""
    seam = Seam(Fault(call, number, error))
    with seam.entered(), seam.watching():
        yield seam


class FaultySocket(socket.socket):
    """A socket of which a call may fail."""

    seam: Seam

    def __init__(
        self, family: int = -1, kind: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        # One that has a descriptor was accepted, or is half of a pair: it is not asked for here.
        self.counted = self.seam.counting
        if fileno is None:
            self.seam.pass_or_fail("socket")
        super().__init__(family, kind, proto, fileno)
        self.seam.made.append(self)

    def _ask(self, call: str) -> None:
        """Let a call pass or fail, unless this socket is one of the waker's."""
        if self.counted:
            self.seam.pass_or_fail(call)

    def accept(self) -> tuple[socket.socket, Any]:
        fault = self.seam.due("accept")
        if fault is None:
            return super().accept()
        if fault.error in LOST_CLIENT:
            # Python's accept() is built on this one; it raises BlockingIOError if nobody is there.
            descriptor, _ = self._accept()  # type: ignore[attr-defined]  # typeshed has it not
            with contextlib.closing(REAL_SOCKET(fileno=descriptor)) as lost:
                lost.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT_AT_ALL)
            self.seam.client_lost = True
        raise fault.exception()

    def recv(self, *arguments: Any) -> bytes:
        self._ask("recv")
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        self._ask("recv")
        return super().recv_into(*arguments)

    if sys.platform != "win32":

        def recvmsg(self, *arguments: Any) -> Any:
            self._ask("recv")
            return super().recvmsg(*arguments)

    def send(self, *arguments: Any) -> int:
        self._ask("send")
        return super().send(*arguments)

    def sendto(self, *arguments: Any) -> int:
        self._ask("send")
        return super().sendto(*arguments)

    def connect(self, address: Any) -> None:
        self._ask("connect")
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        fault = self.seam.due("connect")
        if fault is None:
            return super().connect_ex(address)
        if fault.error == "EINTR":
            super().connect_ex(address)
        return fault.exception().errno or 0

    def bind(self, address: Any) -> None:
        self._ask("bind")
        super().bind(address)

    def listen(self, *arguments: Any) -> None:
        self._ask("listen")
        super().listen(*arguments)

    def shutdown(self, how: int) -> None:
        self._ask("shutdown")
        super().shutdown(how)

    def setsockopt(self, *arguments: Any) -> None:
        self._ask("setsockopt")
        super().setsockopt(*arguments)

    def getsockopt(self, *arguments: Any) -> Any:
        self._ask("getsockopt")
        return super().getsockopt(*arguments)

    def getsockname(self) -> Any:
        self._ask("getsockname")
        return super().getsockname()

    def getpeername(self) -> Any:
        self._ask("getpeername")
        return super().getpeername()

    def close(self) -> None:
        was_open = self.fileno() >= 0
        super().close()
        if was_open:
            self._ask("close")


def past_the_seam(sock: socket.socket, verb: str, *arguments: Any) -> Any:
    """Do something with a socket that is not counted and does not fail."""
    return getattr(REAL_SOCKET, verb)(sock, *arguments)


if sys.platform == "linux":

    class FaultyEpoll:
        """An epoll set of which a call may fail; it has the verbs that selectors use."""

        def __init__(self, seam: Seam) -> None:
            self._seam = seam
            self._epoll = select.epoll()
            self.fileno = self._epoll.fileno
            self.poll = self._epoll.poll
            self.close = self._epoll.close

        def register(self, fd: int, eventmask: int) -> None:
            self._seam.pass_or_fail("register")
            self._epoll.register(fd, eventmask)

        def modify(self, fd: int, eventmask: int) -> None:
            fault = self._seam.due("modify")
            if fault is None:
                self._epoll.modify(fd, eventmask)
                return
            if fault.error == "ENOENT":
                self._epoll.unregister(fd)
            raise fault.exception()

        def unregister(self, fd: int) -> None:
            fault = self._seam.due("unregister")
            self._epoll.unregister(fd)
            if fault is not None:
                raise fault.exception()
