"""Attempts: the addresses of a race, each tried by a socket of its own.

`Attempt` is a single one. It waits for nobody and knows no loop, so that a blocking caller can
drive the same race. `Racing` is the race in a collection: there every attempt is a wait state, and
one timer stands for the moment at which the next of them is due.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Final

from reactor.errors import InternalError, SocketError, address_text, from_os_error
from reactor.interest import WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed
from reactor.loop.wait_state import WaitState
from reactor.net.options import set_reuse_address
from reactor.net.path import UNIX
from reactor.net.race import Race
from reactor.net.socket_address import SocketAddress

# What connect() answers while it is under way; the last is what Windows says. An interrupted call
# goes on in the background, too. EAGAIN is a failure (connect(2)): nothing has begun, and a socket
# that is not connecting is ready all the time.
UNDER_WAY: Final = frozenset(
    {errno.EINPROGRESS, errno.EINTR, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)}
)

# Seconds until a path whose server has no room for one more client is tried again: a connecting
# Unix socket does not wait for that, and no descriptor tells. A guess; nobody sees 20 ms.
CROWDED_DELAY: Final = 0.02


class Attempt:
    """One address being tried: a socket on its way. It waits for nobody and knows no loop.

    `start` it, wait until the descriptor is writable, ask whether it has `finished`, then `take`
    the socket, or `close` it.

    Args:
        address: where to.
        local: where to bind before, None to leave it to the system.
        prepare: gets the new socket, to set its options; None has none.
        sock: what is connected instead of a new one; it belongs to the attempt.

    Thread: one at a time. Calls back: `prepare`. Source: LW-037, LW-038.
    """

    __slots__ = ("_local", "_prepare", "_sock", "address")

    def __init__(
        self,
        address: SocketAddress,
        local: SocketAddress | None,
        prepare: Callable[[socket.socket], object] | None = None,
        sock: socket.socket | None = None,
    ) -> None:
        self.address = address
        self._local = local
        self._prepare = prepare
        self._sock = sock

    def start(self) -> bool:
        """Begin; true if the connection is up at once.

        Raises:
            BindError: the local address cannot be had. ConnectError: it has failed at once.
        """
        try:
            return self._begin()
        except SocketError as error:
            error.peer = self.address.pair  # also where it was our own end that has failed
            raise

    def _begin(self) -> bool:
        try:
            sock = self._sock or socket.socket(self.address.family, socket.SOCK_STREAM)
        except OSError as error:
            raise from_os_error(error, phase="connect", situation="socket") from error
        self._sock = sock
        sock.setblocking(False)
        if self._prepare is not None:
            self._prepare(sock)
        if self._local is not None:
            self._bind(sock, self._local)
        number = sock.connect_ex(self.address.sockaddr)
        if number not in UNDER_WAY:
            self._raise_if_failed(number)
        return number == 0

    def finished(self) -> bool:
        """Return whether the connection is up; false if it is still under way.

        Raises:
            ConnectError: it has failed.
        """
        try:
            return self._is_up(self._open_socket())
        except SocketError:
            raise
        except OSError as error:  # it cannot even be asked
            peer = self.address.pair
            raise from_os_error(error, phase="connect", situation="connect", peer=peer) from error

    def _is_up(self, sock: socket.socket) -> bool:
        self._raise_if_failed(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        if self.address.family == UNIX:
            return True
        try:
            peer = sock.getpeername()
        except OSError:
            return False  # if it failed since the line above, the descriptor stays ready
        if peer == sock.getsockname():
            # Nobody listens, and the system has given us that very port: TCP connects such a
            # socket to itself (simultaneous open; RFC 9293, section 3.5).
            self._raise_if_failed(errno.ECONNREFUSED)
        return True

    def take(self) -> socket.socket:
        """Give the connected socket to the caller."""
        sock, self._sock = self._open_socket(), None
        return sock

    def fileno(self) -> int:
        """Return the descriptor, to be waited on until it is writable; -1 without one."""
        return -1 if self._sock is None else self._sock.fileno()

    def shutdown(self, how: int) -> None:
        """Give up, but keep the descriptor."""
        if self._sock is not None:
            with contextlib.suppress(OSError):  # it is connected to nobody
                self._sock.shutdown(how)

    def close(self) -> None:
        """Give up; again, or after `take`, is harmless."""
        sock, self._sock = self._sock, None
        if sock is not None:
            with contextlib.suppress(OSError):  # as in SocketChannel.close
                sock.close()

    def _open_socket(self) -> socket.socket:
        if self._sock is None:
            raise InternalError(f"{self!r} has no socket")
        return self._sock

    def _bind(self, sock: socket.socket, local: SocketAddress) -> None:
        try:
            if local.pair[1]:  # else old connections from that port would keep it busy
                set_reuse_address(sock, True, phase="bind")
            sock.bind(local.sockaddr)
        except SocketError:
            raise
        except OSError as error:
            raise from_os_error(error, phase="bind", situation="bind", peer=local.pair) from error

    def _raise_if_failed(self, number: int) -> None:
        if number:
            error = OSError(number, os.strerror(number))
            peer = self.address.pair
            raise from_os_error(error, phase="connect", situation="connect", peer=peer) from error

    def __repr__(self) -> str:
        return f"<Attempt at {address_text(self.address.pair)} fd={self.fileno()}>"


def end_attempt(race: Race, address: SocketAddress, error: SocketError, now: float) -> None:
    """Note that an attempt has failed; a path whose server has no room is tried again soon.

    Thread: one at a time. Calls back: never. Source: LW-037, LW-199.
    """
    if error.code == errno.EAGAIN and address.family == UNIX:
        race.put_back(address, now + CROWDED_DELAY)
    else:
        race.failed(address, error, now)


class Racing(Timed):
    """A race whose attempts wait in a collection.

    Args:
        collection: where they wait.
        addresses: at least one.
        attempt: makes an attempt at an address.
        done: called once, from `go_on`, with the attempt that has won or the error of the race.

    Thread: the owner's. Calls back: `done`. Source: LW-037.
    """

    __slots__ = ("_attempt", "_collection", "_done", "_runners", "race")

    def __init__(
        self,
        collection: WaitStateCollection,
        addresses: Sequence[SocketAddress],
        attempt: Callable[[SocketAddress], Attempt],
        done: Callable[[Attempt | SocketError], object],
    ) -> None:
        super().__init__()
        self._collection = collection
        self._attempt = attempt
        self._done = done
        self._runners: list[Runner] = []
        self.race = Race(addresses)

    def go_on(self) -> None:
        """Begin the attempts that are due, and set the moment of the next one."""
        race, now = self.race, self._collection.clock()
        while (address := race.next_attempt(now)) is not None:
            attempt = self._attempt(address)
            try:
                if attempt.start():
                    race.won(address)
                    self._done(attempt)
                    return
                runner = Runner(attempt, self._look_at)
                self._collection.add(runner)
            except SocketError as error:
                attempt.close()
                end_attempt(race, address, while_connecting(error, address), now)
            else:
                self._runners.append(runner)
        if race.error is not None:
            self._done(race.error)
        else:
            self._collection.arm(self, race.next_moment())

    def on_due(self, now: float) -> None:
        """Begin the next attempt beside those that are under way."""
        self.go_on()

    def cancel(self) -> None:
        """Close every attempt that is under way."""
        self._collection.timers.disarm(self)
        for runner in list(self._runners):
            self._take_out(runner)
            self._collection.retire(runner.attempt)

    def _look_at(self, runner: "Runner") -> None:
        """See what has become of an attempt whose socket is ready."""
        attempt = runner.attempt
        try:
            if not attempt.finished():
                return
        except SocketError as error:
            self._take_out(runner)
            self._collection.retire(attempt)
            end_attempt(self.race, attempt.address, error, self._collection.clock())
            self.go_on()
        else:
            self._take_out(runner)
            self.race.won(attempt.address)
            self._done(attempt)

    def _take_out(self, runner: "Runner") -> None:
        self._runners.remove(runner)
        self._collection.remove(runner)

    def __repr__(self) -> str:
        return f"<Racing {self.race!r}>"


def while_connecting(error: SocketError, address: SocketAddress) -> SocketError:
    """Tell a failure to watch as one to connect: who watches knows neither phase nor peer.

    Thread: any. Calls back: never. Source: LW-190, LW-191.
    """
    if error.phase is None:
        cause = error.__cause__
        if isinstance(cause, OSError) and error.situation is not None:
            return from_os_error(
                cause, phase="connect", situation=error.situation, peer=address.pair
            )
        error.phase, error.peer = "connect", address.pair
    return error


class Runner(WaitState):
    """An attempt that waits in a collection for its socket to become writable."""

    __slots__ = ("_ready", "attempt")

    def __init__(self, attempt: Attempt, ready: "Callable[[Runner], object]") -> None:
        super().__init__(attempt.fileno())
        self.attempt = attempt
        self._ready = ready
        self.wanted = WRITE

    def on_writable(self) -> None:
        """Say that the attempt has ended, one way or the other."""
        self._ready(self)

    def close_silently(self) -> None:
        """Do nothing: `Connecting`, which the collection holds, closes every attempt."""
