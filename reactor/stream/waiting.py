"""Waiting: for the first of several streams, and with other limits for a while."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from reactor.deadline import NEVER, check_timeout
from reactor.state.drive import drive
from reactor.stream.blocking_socket import BlockingSocket

Waited = TypeVar("Waited", bound=BlockingSocket)


def wait_for_input_streams(streams: Iterable[Waited], timeout: float | None = None) -> list[Waited]:
    """Return those that can be read, or whose client can be accepted, without waiting.

    Unread bytes are looked at before descriptors; an end and a failure can be read as well.

    Args:
        streams: each a `SocketStream`, a `ListenerSocket` or a `UDPSocket`.
        timeout: seconds; 0 looks and never waits; None, the default, waits for ever.

    Returns:
        In the order given; empty after `timeout`, and if none was given.

    Raises:
        OperationInProgress: another thread is reading one of them. StateClosed: one is closed.

    Thread: one that may wait. Calls back: never. Source: LW-195.
    """
    if timeout != 0:
        check_timeout("timeout", timeout)
    asked = list(streams)
    if not asked:
        return []
    deadline = NEVER if timeout is None else time.monotonic() + timeout
    with contextlib.ExitStack() as turns:
        looks = [turns.enter_context(stream.looking()) for stream in asked]
        done = drive(looks, deadline)
        return [stream for stream, look in zip(asked, looks, strict=True) if look in done]


def with_input_timeout(
    stream: BlockingSocket, seconds: float | None
) -> contextlib.AbstractContextManager[None]:
    """Let another `read_timeout` count inside a `with`; the former one comes back on any exit.

    Args:
        stream: a stream, a listener or a datagram socket.
        seconds: above 0; None for no limit.

    Raises:
        TypeError, ValueError: it is no such number.

    Thread: that of the stream. Calls back: never. Source: CC-57.
    """
    return _for_a_while(stream, "read_timeout", seconds)


def with_output_timeout(
    stream: BlockingSocket, seconds: float | None
) -> contextlib.AbstractContextManager[None]:
    """Let another `write_timeout` count inside a `with`; the former one comes back on any exit.

    Args:
        stream: a stream or a datagram socket.
        seconds: above 0; None for no limit.

    Raises:
        TypeError, ValueError: it is no such number.

    Thread: that of the stream. Calls back: never. Source: CC-57.
    """
    return _for_a_while(stream, "write_timeout", seconds)


@contextlib.contextmanager
def _for_a_while(stream: BlockingSocket, name: str, seconds: float | None) -> Iterator[None]:
    former = getattr(stream, name)
    setattr(stream, name, seconds)
    try:
        yield
    finally:
        setattr(stream, name, former)
