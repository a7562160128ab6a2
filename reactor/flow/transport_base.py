"""TransportBase: what a protocol may set, and ask, of its connection.

How much may wait and whether anything may come or leave: nothing in here begins or ends. What does
is upstairs, in `transport`.
"""

from typing import Any

from reactor.arguments import check_count
from reactor.flow.facts import fact
from reactor.flow.feeding import Feeding
from reactor.flow.phase import CLOSED, ENDING, OPEN
from reactor.flow.rate_limit import Limits, meter_of
from reactor.flow.waiting_output import WaitingOutput
from reactor.loop.ownership import Ownership
from reactor.protocol import BaseProtocol
from reactor.state.connection import Connection


class TransportBase:
    """The settings of a transport, and the facts about it.

    Thread: the owner's; attributes may be read by all. Calls back: `pause_writing`, at most.
    Source: PR-05 to PR-10.
    """

    __slots__ = ("_direct", "_feeding", "_output", "_owner", "_phase", "_protocol", "_state")

    _direct: type[bytes] | None  # of what may go straight into the channel; None if nothing may
    _feeding: Feeding
    _output: WaitingOutput | None  # made when something has to wait
    _owner: Ownership
    _phase: int
    _protocol: BaseProtocol
    _state: Connection

    # Output that waits.

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks, in bytes, at which the protocol is paused and resumed.

        None for `high` is four times `low`, or 64 KiB; for `low` a quarter of `high`.

        Args:
            high: bytes above which it is paused.
            low: bytes at which it is resumed.

        Raises:
            ValueError: not 0 <= low <= high. WrongThread.

        Thread: the owner's. Calls back: `pause_writing`, if more waits. Source: PR-06.
        """
        self._owner.check()
        self._waiting.set_marks(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark, in bytes.

        Thread: any. Calls back: never. Source: PR-06.
        """
        return self._waiting.low, self._waiting.high

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent.

        Thread: any. Calls back: never. Source: PR-06.
        """
        return self._state.channel.output_size if self._output is None else self._output.size

    @property
    def output_limit(self) -> int:
        """Bytes of waiting output at which a write is refused; 16 MiB unless set (PR-05)."""
        return self._state.output.limit

    @output_limit.setter
    def output_limit(self, limit: int) -> None:
        self._owner.check()
        self._state.output.limit = check_count("output_limit", limit)

    def hold_output(self) -> None:
        """Let nothing be sent until `release_output`: writes are kept; once more is harmless.

        What waits counts for the marks and for the limit, and its write timeout stands still. What
        TLS has encrypted already leaves. Closing ends it: what is held is sent then.

        Thread: the owner's. Calls back: never. Source: CL-46.
        """
        self._owner.check()
        if self._phase & ~ENDING:
            self._direct = None
            self._waiting.hold()

    def release_output(self) -> None:
        """Send again, what was held first; its write timeout counts from now.

        Thread: the owner's. Calls back: never before it returns. Source: CL-47.
        """
        self._owner.check()
        if self._phase & ~ENDING and self._output is not None:
            self._output.release()

    def set_rate_limits(self, *, read: Limits = None, write: Limits = None) -> None:
        """Set how many bytes per second may come and leave; None is no limit.

        What may not be read is left to the kernel, so that the peer comes to feel it; what may not
        be sent waits, and counts for the marks and the output limit. Neither the read nor the
        write timeout runs because of that; the idle timeout does. `close` sends what waits at this
        rate too, which can be changed until it has gone, and its limit counts only while the peer
        could take something and does not.

        Args:
            read: a `RateLimit`, which may be shared with others, or several, this connection's own
                first: then all of them hold.
            write: likewise; the same one limits both together.

        Raises:
            TypeError: one is no RateLimit. ValueError: one is of another collection. WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: PR-05, PR-07.
        """
        self._owner.check()
        if self._phase == CLOSED:
            return
        collection = self._state.collection
        incoming = meter_of(read, self._feeding, collection)
        outgoing = meter_of(write, self._waiting, collection)
        self._feeding.limit_rate(incoming)
        self._waiting.limit_rate(outgoing)
        self._be_direct()

    # Reading.

    def pause_reading(self) -> None:
        """Deliver nothing from now on, not even an end; once more is harmless.

        Thread: the owner's. Calls back: never. Source: PR-07.
        """
        self._owner.check()
        self._feeding.pause()

    def resume_reading(self, *, restart: bool = False) -> None:
        """Deliver again, also what has come meanwhile; once more is harmless.

        Args:
            restart: whether the read timeout counts from zero; else from where it stood still.

        Thread: the owner's. Calls back: never before it returns. Source: PR-07, CL-47.
        """
        self._owner.check()
        self._feeding.resume(restart=restart)

    def is_reading(self) -> bool:
        """Return whether input is delivered.

        Thread: any. Calls back: never. Source: PR-07.
        """
        return not self._feeding.paused and self._phase == OPEN

    def set_protocol(self, protocol: BaseProtocol) -> None:
        """Let another protocol have every call from now on; no byte is lost between them.

        Args:
            protocol: of either kind, `Protocol` or `BufferedProtocol`.

        Raises:
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never. Source: PR-09.
        """
        self._owner.check()
        self._protocol = protocol
        self._feeding.change(protocol)

    def get_protocol(self) -> BaseProtocol:
        """Return the protocol that gets the calls; None when it has had the last one.

        Thread: any. Calls back: never. Source: PR-09.
        """
        return self._protocol

    # Facts.

    def can_write_eof(self) -> bool:
        """Return true: every stream here can be half closed.

        Thread: any. Calls back: never. Source: PR-08.
        """
        return True

    def is_closing(self) -> bool:
        """Return whether the transport is closing or closed.

        Thread: any. Calls back: never. Source: PR-11.
        """
        return bool(self._phase & ENDING)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the connection by asyncio's name for it.

        "peername" and "sockname" are pairs `(host, port)`; "socket"; under TLS "ssl_object",
        "sslcontext", "peercert", "cipher" and "compression".

        Args:
            name: one of these words.
            default: what to return for any other name, and for a fact that there is not.

        Thread: any. Calls back: never. Source: PR-10, LW-030.
        """
        return fact(self._state, name, default)

    # Inside.

    def _be_direct(self) -> None:
        """Let writes go straight into the channel, if nothing has to be looked at on the way."""
        raise NotImplementedError

    def _leave_limits(self) -> None:
        """Wait in no line any more."""
        for flow in (self._feeding, self._output):
            if flow is not None and flow.meter is not None:
                flow.meter.leave()

    @property
    def _waiting(self) -> WaitingOutput:
        """What waits to be sent, and the marks; made now if there is none."""
        if self._output is None:
            self._output = WaitingOutput(self._state, self)
        return self._output
