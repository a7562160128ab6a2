"""Handshaking: TLS on a connection that nobody has been given yet.

`connect` and `accept` tell a program of a connection when it can be used, and under TLS that is
after the handshake. Until then it belongs to a `Handshaking`, which ends with a channel for the
program or with an error, and in the second case parts from the peer by itself.
"""

import socket
from collections.abc import Callable

from reactor.channel.base import Channel
from reactor.channel.socket_channel import SocketChannel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_settings import TLSPlan
from reactor.errors import LimitExceeded, OperationTimeout, ReactorError, SocketError
from reactor.loop.collection import WaitStateCollection
from reactor.operations.exchanges import Handshake
from reactor.state.exchange import Exchanging
from reactor.state.farewell import Farewell, part_from
from reactor.state.operation_queue import CLOSED, QueueOwner


class Handshaking(Exchanging):
    """The handshake on a connection that nobody has yet.

    Args:
        collection: whose loop steps it.
        channel: connected and plain; from now on it belongs to the handshake.
        plan: how TLS is to be spoken.
        limit: seconds for the whole handshake, None for no limit.
        done: called once, with this and either the TLS channel, which has left the collection,
            or the error; by then the peer has been told what OpenSSL had to say.

    Raises:
        SocketError: the collection cannot hold one more; the channel is closed.

    Thread: the owner's. Calls back: `done`, from the loop only, and what the plan configures.
    Source: LW-041, LW-042, LW-054, LW-056, LW-152.
    """

    __slots__ = ("_done", "farewell")

    def __init__(
        self,
        collection: WaitStateCollection,
        channel: Channel,
        plan: TLSPlan,
        limit: float | None,
        done: "Callable[[Handshaking, Channel | SocketError], object]",
    ) -> None:
        self._done = done
        self.farewell: Farewell | None = None  # after a failure, while the peer may read of it
        layered = TLSChannel(channel, plan.engine(), close_timeout=plan.close_timeout)
        try:
            super().__init__(collection, layered, Handshake(), limit)
        except SocketError:
            channel.close()
            raise

    def over(self, state: QueueOwner, status: ReactorError | None) -> None:
        """Hand the channel out, or part from the peer and say why."""
        self.leave()
        if not isinstance(status, SocketError):
            self._done(self, self.channel)
            return
        if isinstance(status, OperationTimeout):
            self.collection.retire(self.channel)  # there is no alert that would say so
        else:
            self.farewell = part_from(self.collection, self.channel)
        status.connection = self.channel
        self._done(self, status)

    def cancel(self) -> None:
        """Drop the connection without a word, and without a call; again is harmless."""
        if self._queue.phase != CLOSED:
            self.leave()
            self.collection.retire(self.channel)

    def close_silently(self) -> None:
        """Drop it: the collection is being closed."""
        self.cancel()


class Lobby:
    """Where the clients of a listener shake hands, all at the same time.

    Silent ones cannot fill it: at the limit the one who has been here for longest is dropped. As
    many may linger on their way out, after a handshake that has failed.

    Args:
        collection: whose loop it is.
        plan: how TLS is spoken.
        timeout: seconds for each handshake, None for no limit.
        limit: how many may be here, None for any number.
        done: called once for each, with its TLS channel, and None or the error.

    Thread: the owner's. Calls back: `done`, from the loop or inside `drop_excess`.
    Source: LW-056, LW-058, REL-22.
    """

    __slots__ = ("_collection", "_done", "_leaving", "_limit", "_plan", "_timeout", "_waiting")

    def __init__(
        self,
        collection: WaitStateCollection,
        plan: TLSPlan,
        timeout: float | None,
        limit: int | None,
        done: Callable[[Channel, SocketError | None], object],
    ) -> None:
        self._collection = collection
        self._plan = plan
        self._timeout = timeout
        self._limit = limit
        self._done = done
        self._waiting: dict[Handshaking, None] = {}  # a set with an order, the oldest comes first
        self._leaving: dict[Farewell, None] = {}  # likewise

    def enter(self, channel: Channel) -> None:
        """Begin a handshake.

        Raises:
            SocketError: the collection cannot hold one more; the channel is closed.
        """
        handshaking = Handshaking(
            self._collection, channel, self._plan, self._timeout, self._shaken
        )
        self._waiting[handshaking] = None

    def drop_excess(self) -> None:
        """Drop the one who has been here for longest, if there is one too many.

        Whoever is told of it may close the listener, and with it everybody here.
        """
        if self._limit is None or len(self._waiting) <= self._limit:
            return
        oldest = next(iter(self._waiting))
        del self._waiting[oldest]
        oldest.cancel()
        self._done(
            oldest.channel,
            LimitExceeded(
                f"{self._limit} clients are shaking hands, and this one has been for longest",
                identifier="handshake-limit",
                phase="handshake",
                peer=oldest.channel.peer_address,
                connection=oldest.channel,
            ),
        )

    def clear(self) -> list[Channel]:
        """Drop everybody without a call, and return their channels."""
        waiting, self._waiting = self._waiting, {}
        for handshaking in waiting:
            handshaking.cancel()
        return [handshaking.channel for handshaking in waiting]

    def _shaken(self, handshaking: Handshaking, result: Channel | SocketError) -> None:
        del self._waiting[handshaking]
        if handshaking.farewell is not None:
            self._see_off(handshaking.farewell)
        self._done(handshaking.channel, result if isinstance(result, SocketError) else None)

    def _see_off(self, farewell: Farewell) -> None:
        """Let somebody linger; beyond the limit whoever has done so for longest goes at once."""
        self._leaving[farewell] = None
        farewell.on_over = self._leaving.pop
        if self._limit is not None and len(self._leaving) > self._limit:
            next(iter(self._leaving)).close_silently()

    def __repr__(self) -> str:
        return f"<Lobby with {len(self._waiting)} of {self._limit}>"


def socket_of(channel: Channel) -> socket.socket | None:
    """Return the socket at the bottom of a channel, None if there is something else."""
    while isinstance(channel, TLSChannel):
        channel = channel.inner
    return channel.sock if isinstance(channel, SocketChannel) else None
