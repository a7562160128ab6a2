"""What the tests of streams share: pairs, and somebody who does something in another thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import pytest

from reactor.state import drive
from reactor.stream.socket_stream import SocketStream
from tests.certificates import Certificates
from tests.channels import CHANNELS

# A blocking caller needs a descriptor to wait for, which memory has not.
KINDS: Final = [kind for kind in CHANNELS if not kind.startswith("memory")]
PLAIN: Final = [kind for kind in KINDS if "tls" not in kind]
TLS: Final = [kind for kind in KINDS if "tls" in kind]

SHORT: Final = 0.02  # seconds: a limit that is meant to pass
PATIENCE: Final = 10.0  # seconds until a test that waits for somebody has failed

Result = TypeVar("Result")


@contextlib.contextmanager
def pair_of(kind: str, certificates: Certificates) -> Iterator[tuple[SocketStream, SocketStream]]:
    """Connect two streams that lose patience when a test hangs."""
    with contextlib.ExitStack() as made:
        near, far = (
            made.enter_context(SocketStream(channel, read_timeout=PATIENCE, write_timeout=PATIENCE))
            for channel in CHANNELS[kind](certificates)
        )
        yield near, far


@contextlib.contextmanager
def meanwhile(function: Callable[[], Result]) -> Iterator[Future[Result]]:
    """Call a function in another thread; it must have returned at the end of the block."""
    future = Future[Result]()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001  # it is told by the future
            future.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield future
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the other thread hangs"


def interrupt_the_wait_of(verb: Callable[[], object]) -> None:
    """Call what waits, and let a ^C end that; it comes in the wait, however late this begins."""
    alarms: Any = pytest.importorskip("signal")
    if not hasattr(alarms, "setitimer"):
        pytest.skip("this system has no timers that send signals")

    def interrupt(number: int, frame: Any) -> None:
        if frame.f_code is drive.wait.__code__:
            alarms.setitimer(alarms.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    before = alarms.signal(alarms.SIGALRM, interrupt)
    try:
        alarms.setitimer(alarms.ITIMER_REAL, SHORT, SHORT)
        with pytest.raises(KeyboardInterrupt):
            verb()
    finally:
        alarms.setitimer(alarms.ITIMER_REAL, 0)
        alarms.signal(alarms.SIGALRM, before)
