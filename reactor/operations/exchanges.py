"""Exchanges: what both directions of a connection have to stand still for.

`Handshake` and `Unwrap` are the beginning and the end of TLS, `Drain` is a polite end without it.
"""

import socket
from typing import Any, cast

from reactor.channel.base import Channel
from reactor.channel.tls import TLSChannel
from reactor.errors import ReactorError
from reactor.operations.operation import READ_SIZE, STEP_LIMIT, Operation


class Exchange(Operation):
    """What both directions have to stand still for; the callback gets None or the error."""

    __slots__ = ()

    phase = "handshake"

    def want(self, channel: Channel) -> int:
        """Wait for what the TLS channel needs to go on."""
        return cast(TLSChannel, channel).exchange_want

    def ready(self) -> bool:
        """Nobody else will make the first step."""
        return True

    def uses_held(self, channel: Channel) -> bool:
        """What was decrypted is for a read: only more ciphertext brings an exchange on."""
        return cast(TLSChannel, channel).inner.holds_input

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Return the error, or None."""
        return (status,)


class Handshake(Exchange):
    """Shake hands, on a TLS channel.

    Source: LW-146, LW-159.
    """

    __slots__ = ()

    def step(self, channel: Channel) -> bool:
        """Let the channel go on."""
        return cast(TLSChannel, channel).handshake()


class Unwrap(Exchange):
    """Exchange closing alerts, on a TLS channel.

    Args:
        discard: throw away what the peer says before its alert.

    Source: LW-137, LW-144.
    """

    __slots__ = ("_discard",)

    phase = "close"
    eager = True

    def __init__(self, *, discard: bool = False) -> None:
        super().__init__()
        self._discard = discard

    def step(self, channel: Channel) -> bool:
        """Let the channel go on."""
        return cast(TLSChannel, channel).unwrap(discard=self._discard)


class EndOutput(Exchange):
    """Tell the peer that nothing more will come, and wait until that has left.

    Source: LW-184, LW-186.
    """

    __slots__ = ()

    phase = "close"

    def step(self, channel: Channel) -> bool:
        """Try."""
        return channel.write_eof()

    def want(self, channel: Channel) -> int:
        """Wait for a way out."""
        return channel.write_want


class Drain(Exchange):
    """Send what is held, end our direction, and read until the peer has ended its own.

    A socket that is closed with unread input sends a reset, which may overtake and destroy the
    last thing we said: a fatal alert, for example.

    Source: LW-152.
    """

    __slots__ = ("_ended",)

    phase = "close"
    eager = True

    def __init__(self) -> None:
        super().__init__()
        self._ended = False

    def step(self, channel: Channel) -> bool:
        """Flush and end; then read below TLS, which is broken perhaps, and forget."""
        if not self._ended:
            if not channel.flush():
                return False
            channel.shutdown(socket.SHUT_WR)
            self._ended = True
        bottom = channel
        while isinstance(bottom, TLSChannel):
            bottom = bottom.inner
        while self.moved <= STEP_LIMIT:
            data = bottom.read(READ_SIZE)
            if not data:
                return data is not None
            self.moved += len(data)
        return True  # enough was listened to

    def uses_held(self, channel: Channel) -> bool:
        """It reads at the bottom, where a descriptor shows everything."""
        return False

    def want(self, channel: Channel) -> int:
        """Wait for a way out first, then for the peer."""
        return channel.read_want if self._ended else channel.write_want
