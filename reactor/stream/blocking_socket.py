"""BlockingSocket: a channel, its two directions, their limits, and how it ends.

It is what streams, listeners and datagram sockets have in common for a caller who waits. The verbs
that do something are upstairs.
"""

import contextlib
import socket
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Self

from reactor.channel.base import Channel
from reactor.deadline import NEVER, check_timeout
from reactor.errors import (
    Address,
    EndOfStream,
    OperationInProgress,
    SocketError,
    StateClosed,
    address_text,
)
from reactor.malloc import keep_large_pieces
from reactor.operations.operation import Operation
from reactor.state.blocking import Blocking, Direction, Limits
from reactor.state.drive import Drivable, Wants, drive
from reactor.stream.socket_facts import SocketFacts


class BlockingSocket(SocketFacts):
    """A channel for a caller who waits.

    Args:
        channel: it belongs to the socket.
        readable: whether it was opened for input.
        writable: whether it was opened for output.
        read_timeout: seconds for each wait for input; None is no limit.
        write_timeout: seconds without progress of output; None is no limit.

    Attributes:
        deadline: None, or a moment of `time.monotonic()` that bounds every wait in place of both
            timeouts (CC-55).

    Thread: any; one at a time for each direction. Calls back: never. Source: LW-182, LW-183,
    LW-186, CC-32, CC-51 to CC-56.
    """

    _channel: Channel | None = None  # for __del__, if the constructor raises

    def __init__(
        self,
        channel: Channel,
        *,
        readable: bool = True,
        writable: bool = True,
        read_timeout: float | None = None,
        write_timeout: float | None = None,
    ) -> None:
        left, check = weakly(self._left), weakly(self._open_channel)
        self._input = Direction("reading from", channel, left, check, allowed=readable)
        self._output = Direction("writing to", channel, left, check, allowed=writable)
        self._input.timeout, self._output.timeout = read_timeout, write_timeout
        self._steps: threading.Lock | None = None  # held for each step; None if they may overlap
        self._closing = False  # from now on everything is refused
        keep_large_pieces()
        self._addresses: tuple[Address, Address] | None = None  # once closed
        self.deadline: float | None = None
        self._channel = channel

    # What can be asked.

    @property
    def closed(self) -> bool:
        """Whether it is closed, or has been released."""
        return self._channel is None or self._closing

    @property
    def address(self) -> Address:
        """The address of this end, a pair; stays after closing (LW-180)."""
        return self._addresses[0] if self._addresses else self._open_channel().address

    @property
    def peer_address(self) -> Address:
        """The address of the other end, a pair; stays after closing (LW-180)."""
        return self._addresses[1] if self._addresses else self._open_channel().peer_address

    @property
    def read_timeout(self) -> float | None:
        """Seconds for each wait for input; a new value counts from the next wait (LW-182)."""
        return self._input.timeout

    @read_timeout.setter
    def read_timeout(self, timeout: float | None) -> None:
        self._input.timeout = check_timeout("read_timeout", timeout)

    @property
    def write_timeout(self) -> float | None:
        """Seconds without progress of output; a new value counts from the next wait (LW-183)."""
        return self._output.timeout

    @write_timeout.setter
    def write_timeout(self, timeout: float | None) -> None:
        self._output.timeout = check_timeout("write_timeout", timeout)

    def fileno(self) -> int:
        """Return the descriptor.

        Raises:
            StateClosed: it is closed.

        Thread: any. Calls back: never. Source: LW-186, CC-35.
        """
        return self._open_channel().fileno()

    # Waiting.

    def wait_for_input(self, timeout: float | None = None) -> bool:
        """Return True as soon as there is input, and consume nothing.

        Input is what the next verb for it would not wait for: a byte, the end, a failure; a client;
        a datagram.

        Args:
            timeout: seconds; 0 looks and never waits; None, the default, waits for ever.

        Returns:
            False if nothing has come by then.

        Raises:
            OperationInProgress: another thread is reading. StateClosed.

        Thread: one at a time. Calls back: never. Source: LW-194.
        """
        if timeout != 0:
            check_timeout("timeout", timeout)
        limit = NEVER if timeout is None else time.monotonic() + timeout
        with self.looking() as look:
            return bool(drive([look], min(limit, self._read_limits()[1])))

    @contextlib.contextmanager
    def looking(self) -> Iterator[Drivable]:
        """Lend what `drive` can drive until something can be read; nobody else reads meanwhile.

        Raises:
            As `wait_for_input`.

        Thread: one at a time. Calls back: never. Source: LW-195.
        """
        with self._input:
            self._open_channel()
            yield Look(self._blocking(self._input, self._look(), no_limits), self._met)

    # The end.

    def close(self, abort: bool = False) -> None:
        """Close in order; again is harmless.

        While another thread waits this is an abort: the waiter gets `StateClosed`, and closes.

        Args:
            abort: drop what is pending; default false.

        Thread: any. Calls back: never. Source: LW-186, CC-32.
        """
        channel = self._channel
        if channel is None or self._closing:
            return
        with contextlib.ExitStack() as turns:
            try:
                turns.enter_context(self._input)
                turns.enter_context(self._output)
            except StateClosed:
                return  # another thread does it
            except OperationInProgress:
                self._begin_to_close()
                with contextlib.suppress(SocketError):
                    self._wake(channel)
                self._left()  # unless it has gone in the meantime
                return
            self._begin_to_close()
            if not abort:
                with contextlib.suppress(SocketError):
                    self._say_goodbye(channel)
            self._forget()

    def __enter__(self) -> Self:
        self._open_channel()
        return self

    def __exit__(self, kind: Any, exception: Any, traceback: Any) -> None:
        self.close(abort=kind is not None)

    def __del__(self) -> None:
        if self._channel is not None:
            try:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            finally:  # it may be an error, by a filter
                self.close(abort=True)

    # Inside.

    def _open_channel(self) -> Channel:
        if self._channel is None or self._closing:
            raise StateClosed(
                f"this {type(self).__name__} is closed: open another",
                phase="close",
                connection=self,
            )
        return self._channel

    def _read_limits(self) -> Limits:
        deadline = self.deadline
        return (self._input.timeout, NEVER) if deadline is None else (None, deadline)

    def _write_limits(self) -> Limits:
        deadline = self.deadline
        return (self._output.timeout, NEVER) if deadline is None else (None, deadline)

    def _blocking(
        self, direction: Direction, operation: Operation, limits: Callable[[], Limits]
    ) -> Blocking:
        return Blocking(
            operation,
            direction.channel,
            limits,
            lock=self._steps,
            check=self._open_channel,
            owner=self,
        )

    def _run(
        self, direction: Direction, operation: Operation, limits: Callable[[], Limits]
    ) -> None:
        """Wait until an operation is done. Mostly the first try does it, and nobody waits."""
        if self.deadline is not None:  # it counts before the first try
            self._blocking(direction, operation, limits).run()
            return
        try:
            if self._steps is None:
                done = operation.step(direction.channel)
            else:
                with self._steps:
                    done = operation.step(direction.channel)
        finally:
            if self._closing:
                self._open_channel()  # closed by another thread: that is the reason
        if not done:
            self._blocking(direction, operation, limits).run(tried=True)

    def _look(self) -> Operation:
        """Return an operation that is done when there is input, and leaves it where it is."""
        raise NotImplementedError

    def _met(self, error: EndOfStream | SocketError) -> None:
        """Keep what a look has met, if the next verb for input would not meet it again."""

    def _wake(self, channel: Channel) -> None:
        """Wake who waits; it finds that the socket is closed, and closes the channel."""
        channel.shutdown(socket.SHUT_RDWR)

    def _say_goodbye(self, channel: Channel) -> None:
        """Say what has to be said before an orderly end."""

    def _begin_to_close(self) -> None:
        """Refuse everything from now on; who leaves last closes, should we be interrupted."""
        self._closing = self._input.closing = self._output.closing = True

    def _left(self) -> None:
        """Close what is to be closed, when nobody uses it any more."""
        if self._closing and not (self._input.taken or self._output.taken):
            self._forget()

    def _let_go(self) -> Channel:
        """Be closed, without the channel."""
        channel = self._open_channel()
        self._addresses = channel.address, channel.peer_address
        self._channel = None
        return channel

    def _forget(self) -> None:
        """Close the channel, which nobody uses any more."""
        channel = self._channel
        if channel is not None:
            self._addresses = channel.address, channel.peer_address
            channel, self._channel = self._channel, None  # two may come here, and one gets it
        if channel is not None:
            self._drop()
            channel.close()

    def _drop(self) -> None:
        """Drop what had been taken from the channel, and from nowhere else."""

    def __repr__(self) -> str:
        known = self._addresses
        if known is None and self._channel is not None:
            known = self._channel.address, self._channel.peer_address
        where = "nowhere" if known is None else self._where(*known)
        return f"<{type(self).__name__} {where}{' closed' if self.closed else ''}>"

    def _where(self, address: Address, peer_address: Address) -> str:
        """Return the place that tells it from others."""
        return f"to {address_text(peer_address)}"


class Look:
    """A look at the input, for `drive`: done when the next verb for input would not wait.

    Args:
        blocking: waits for input.
        met: called with an end or a failure, which can be read as well.

    Thread: the caller's. Calls back: `met`. Source: LW-194, LW-195.
    """

    __slots__ = ("_blocking", "_met")

    def __init__(
        self, blocking: Blocking, met: Callable[[EndOfStream | SocketError], object]
    ) -> None:
        self._blocking = blocking
        self._met = met

    def step(self) -> bool:
        """Look."""
        try:
            return self._blocking.step()
        except StateClosed:
            raise
        except (EndOfStream, SocketError) as error:
            self._met(error)
            return True

    def wants(self) -> Wants:
        """Return what the input waits for."""
        return self._blocking.wants()

    def next_moment(self) -> float:
        """Return NEVER: the limit is that of who drives."""
        return self._blocking.next_moment()


def weakly(method: Callable[[], object]) -> Callable[[], None]:
    """Return what calls a method as long as there is its object, and does not keep it.

    So a part can call what it is a part of, and both are freed without the collector of garbage.

    Thread: any. Calls back: the method. Source: LW-180.
    """
    found = weakref.WeakMethod(method)

    def call() -> None:
        alive = found()
        if alive is not None:
            alive()

    return call


def no_limits() -> Limits:
    """Return the limits of a look, which has none."""
    return None, NEVER
