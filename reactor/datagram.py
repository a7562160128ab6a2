"""Datagram: protocols on messages that may be lost, doubled, or come out of order.

An endpoint is shared by all its peers, so nothing that one of them does may end it: what the
system says of a datagram (refused, too long, no way there) goes to `error_received`, and the next
one is another matter. A datagram is tried at once; what the kernel has no room for waits, each one
whole, up to a limit.

    NEW ──connection_made──► OPEN ──close──► CLOSING ──output gone, or its limit──► CLOSED
     └──close, abort, a hook that raises, the descriptor taken away──►──────────────┘ │
                                                                       connection_lost, later

What arrives and what waits are `DatagramFeed` and `DatagramPour`, in `operations/datagrams`.
"""

import enum
from collections.abc import Callable
from threading import get_ident
from typing import Any, Final, cast

from reactor.arguments import check_count
from reactor.channel.base import BytesLike
from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import (
    Address,
    InternalError,
    OperationTimeout,
    ReactorError,
    SocketError,
    StateClosed,
    address_text,
)
from reactor.flow.close_report import Closer, CloseReport, LastCall
from reactor.flow.waiting_output import WRITE_LIMIT_HIGH, WRITE_LIMIT_LOW
from reactor.loop.collection import WaitStateCollection
from reactor.net.address import HostLike, IPv6Choice, ServiceLike
from reactor.net.recipients import Recipients
from reactor.opening.listen import finder
from reactor.opening.udp import Endpoint, open_udp_channel
from reactor.operations.datagrams import DatagramFeed, DatagramPour, Waiting
from reactor.protocol import DatagramProtocol
from reactor.state.connection import Connection

DRAIN_TIMEOUT: Final = 20.0  # seconds without progress that a closing endpoint may still send


def open_datagram(
    collection: WaitStateCollection,
    factory: Callable[[], DatagramProtocol],
    *,
    local_address: HostLike | None = None,
    local_port: ServiceLike | None = None,
    remote_address: HostLike | None = None,
    remote_port: ServiceLike | None = None,
    ipv6: IPv6Choice = "any",
    broadcast: bool = False,
    reuse_port: bool = False,
) -> "DatagramTransport":
    """Open a UDP endpoint for a protocol; `connection_made` comes later.

    Args:
        collection: whose loop serves it, and keeps it alive until it is closed.
        factory: called without arguments, in the call; returns the protocol.
        local_address: what to bind, a host in any form; None is every interface.
        local_port: a number, digits, or a service name; 0 is any free port. With neither the
            system binds the endpoint when it sends.
        remote_address: the only peer; None sends to, and hears, everybody.
        remote_port: the port of that peer.
        ipv6: False, True, "both" for one socket of both families, or "any" (the default) for the
            family of the addresses, IPv4 without one.
        broadcast: whether datagrams may go to broadcast addresses.
        reuse_port: whether another endpoint may have the same port.

    Returns:
        The transport; the endpoint is open, and `sendto` can be used.

    Raises:
        BindError: the local address cannot be had. ConnectError: there is no way to the peer.
        NameLookupFailed, OperationTimeout: of a name, which is waited for. ValueError, TypeError:
            an argument is wrong, or there is a name and the caller is in a callback of the loop.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: `factory`. Source: PR-16, LW-029, LW-105, LW-106.
    """
    collection.owner.check()
    endpoint = Endpoint(
        local_address, local_port, remote_address, remote_port, ipv6, broadcast, reuse_port
    )
    channel = open_udp_channel(finder(collection), endpoint)
    try:
        protocol = factory()
        state = Connection(collection, channel, direction="datagram")
    except BaseException:
        channel.close()
        raise
    transport = DatagramTransport(state, protocol)
    state.later(transport.begin)
    return transport


class Phase(enum.IntEnum):
    """What an endpoint is doing; powers of two, so that a set of phases is a mask."""

    NEW = 1  # the protocol has not been told
    OPEN = 2
    CLOSING = 4  # nothing is received any more, and what waits still goes
    CLOSED = 8


MOVES: Final = {
    Phase.NEW: Phase.OPEN | Phase.CLOSING | Phase.CLOSED,
    Phase.OPEN: Phase.CLOSING | Phase.CLOSED,
    Phase.CLOSING: Phase.CLOSED,
    Phase.CLOSED: 0,
}
# On the hot path a set of members of an enum costs more than the number that it is.
ENDING: Final = int(Phase.CLOSING | Phase.CLOSED)


class DatagramTransport:
    """The endpoint of a datagram protocol; made by `open_datagram`.

    Args:
        state: the endpoint, over a `DatagramChannel`, with nothing running on it.
        protocol: whose it is.

    Attributes:
        close_report: a `CloseReport`, from just before `connection_lost` on; None until then.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only, except
    `pause_writing`, which is called inside `sendto`. Source: PR-16.
    """

    __slots__ = (
        "__weakref__",  # PyQt6 connects a signal to a method by one
        "_channel",
        "_feed",
        "_made",
        "_output",
        "_owner",
        "_phase",
        "_pour",
        "_protocol",
        "_recipients",
        "_state",
        "close_report",
    )

    def __init__(self, state: Connection, protocol: DatagramProtocol) -> None:
        channel = cast(DatagramChannel, state.channel)
        self._state = state
        self._channel = channel
        self._owner = state.collection.owner
        self._output = state.output
        self._protocol = protocol
        self._phase: int = Phase.NEW
        self._made = False  # whether the protocol has been told of its connection
        self._feed = DatagramFeed(protocol.datagram_received, protocol.error_received)
        self._pour = DatagramPour(
            self._marked, protocol.error_received, WRITE_LIMIT_HIGH, WRITE_LIMIT_LOW
        )
        self._recipients = Recipients(channel)
        self.close_report: CloseReport | None = None
        state.face = self
        state.object = channel.sock

    def begin(self) -> None:
        """Tell the protocol that it is connected, then feed it.

        Thread: the owner's, from the loop. Calls back: `connection_made`. Source: PR-04, PR-16.
        """
        self._made = True
        if self._phase == Phase.NEW:
            self._enter(Phase.OPEN)
        self._protocol.connection_made(self)
        if self._phase == Phase.OPEN:
            feeding = self._feed.order(lambda state: self._over(state.input.status))
            self._state.input.start(feeding)
        if self._pour.size:
            self._pour_out()

    # Sending.

    def sendto(self, data: BytesLike, addr: Address | None = None) -> None:
        """Send one datagram, after those that wait; never block.

        The kernel is tried at once if nothing waits. What the system has against this datagram
        (too long, not allowed, no way there) is told to `error_received`, later, and not to the
        caller: a stranger who provokes an answer that cannot be sent must not be able to end an
        endpoint that others use.

        Args:
            data: may be empty; kept as a copy if it has to wait, unless it is `bytes`.
            addr: the host, numeric, and the port, as `datagram_received` gives them; None, or its
                own address, for the peer of a connected endpoint.

        Raises:
            LimitExceeded: as much waits already as the output limit (16 MiB) allows.
            StateClosed: the transport is closing or closed. WrongThread.
            TypeError, ValueError: not bytes-like, or no address that this endpoint can send to.

        Thread: the owner's. Calls back: `pause_writing`, at most. Source: PR-16, LW-113.
        """
        if self._owner.thread != get_ident():
            self._owner.check()
        if self._phase & ENDING:
            raise self._closed_error("sendto")
        if type(data) is not bytes:
            data = bytes(memoryview(data))
        try:
            sockaddr = self._recipients[addr]
            if not self._pour.size and self._channel.transmit(data, sockaddr):
                return
            waiting: Waiting = data, sockaddr, None
        except StateClosed as error:
            self._end(error, "error", "write")
            return
        except SocketError as error:
            waiting = b"", None, error
        self._pour.put(waiting, self._output.limit)
        if self._made:
            self._pour_out()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks, in bytes, at which the protocol is paused and resumed.

        None for `high` is four times `low`, or 64 KiB; for `low` a quarter of `high`.

        Args:
            high: bytes above which it is paused.
            low: bytes at which it is resumed.

        Raises:
            ValueError: not 0 <= low <= high. WrongThread.

        Thread: the owner's. Calls back: never. Source: PR-06, PR-16.
        """
        self._owner.check()
        if high is None:
            high = WRITE_LIMIT_HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(f"the marks must be 0 <= low <= high, not {low} and {high}")
        self._pour.high, self._pour.low = high, low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark, in bytes.

        Thread: any. Calls back: never. Source: PR-06, PR-16.
        """
        return self._pour.low, self._pour.high

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait; each datagram counts 128 more than it has.

        Thread: any. Calls back: never. Source: PR-06, PR-16, REL-41.
        """
        return self._pour.size

    @property
    def output_limit(self) -> int:
        """Bytes of waiting output at which a datagram is refused; 16 MiB unless set."""
        return self._output.limit

    @output_limit.setter
    def output_limit(self, limit: int) -> None:
        self._owner.check()
        self._output.limit = check_count("output_limit", limit)

    # Facts.

    def set_protocol(self, protocol: DatagramProtocol) -> None:
        """Let another protocol have every call from now on.

        Args:
            protocol: what gets the calls.

        Raises:
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never. Source: PR-09, PR-16.
        """
        self._owner.check()
        self._protocol = protocol
        self._feed.received = protocol.datagram_received
        self._feed.failed = self._pour.failed = protocol.error_received

    def get_protocol(self) -> DatagramProtocol:
        """Return the protocol that gets the calls.

        Thread: any. Calls back: never. Source: PR-09, PR-16.
        """
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the endpoint by asyncio's name for it.

        "sockname" is a pair `(host, port)`, and so is "peername" of a connected endpoint;
        "socket" is the socket.

        Args:
            name: one of these words.
            default: what to return for any other name, and for a fact that there is not.

        Thread: any. Calls back: never. Source: PR-16, LW-030.
        """
        if name == "sockname":
            return self._state.address
        if name == "peername" and self._channel.connected:
            return self._state.peer_address
        return self._state.object if name == "socket" else default

    # The end.

    def close(self) -> None:
        """Send what waits, for as long as it moves within 20 s, then end; again is harmless.

        Nothing is received any more.

        Thread: the owner's. Calls back: never before it returns. Source: PR-11, PR-16.
        """
        self._owner.check(over=self.is_closing())
        if self._phase & ENDING:
            return
        if not self._pour.size:
            self._end(None, "us", "close")
            return
        self._enter(Phase.CLOSING)
        self._feed.stopped = True
        self._state.input.withdraw()
        if self._made:
            self._pour_out()

    def abort(self) -> None:
        """End at once; what waits is lost. Once more is harmless.

        Thread: the owner's. Calls back: never before it returns. Source: PR-11, PR-16.
        """
        self._owner.check(over=self._phase == Phase.CLOSED)
        self._end(None, "us", "close")

    def is_closing(self) -> bool:
        """Return whether the transport is closing or closed.

        Thread: any. Calls back: never. Source: PR-11, PR-16.
        """
        return bool(self._phase & ENDING)

    # From below.

    def failed(self, exception: Exception) -> bool:
        """End the endpoint: a hook has raised this, and the error handler is told.

        Thread: the owner's. Calls back: the error handler. Source: PR-14, PR-16.
        """
        try:
            self._state.collection.report(self, exception)
        finally:
            self._end(exception, "error", "callback")
        return True

    def collection_closed(self) -> None:
        """End; the collection makes the last call before it is closed.

        Thread: the owner's. Calls back: never before it returns. Source: PR-04, PR-16.
        """
        self._end(self._closed_error("anything: the collection was closed"), "us", "close")

    # Inside.

    def _pour_out(self) -> None:
        """Let what waits go as there is room; the protocol has been told of its connection."""
        if not self._output.active:
            pouring = self._pour.order(lambda state: self._over(state.output.status))
            self._output.start(pouring)
        if self._phase == Phase.CLOSING:
            self._output.retime(DRAIN_TIMEOUT)
        self._pour.look_at_high_mark()

    def _marked(self, risen: bool) -> None:
        """Pause or resume the protocol."""
        if not risen:
            self._protocol.resume_writing()
            return
        try:
            self._protocol.pause_writing()
        except Exception as exception:  # noqa: BLE001  # user code
            self.failed(exception)

    def _over(self, status: ReactorError | None) -> None:
        """Hear that an operation is over: what waited has gone, or nothing can go on."""
        if status is None:
            if self._phase == Phase.CLOSING:
                self._end(None, "us", "close")
        elif isinstance(status, OperationTimeout):
            self._end(status, "limit", "close")
        else:
            self._end(status, "error", status.phase or "read")

    def _end(self, error: BaseException | None, by: Closer, phase: str) -> None:
        """End the endpoint, once: report, close, and tell the protocol later."""
        if self._phase == Phase.CLOSED:
            return
        self._enter(Phase.CLOSED)
        self._feed.stopped = True
        self.close_report = CloseReport(by, phase, error, 0, self._pour.clear(), None)
        last_call = LastCall(self._state, lambda: self._say_goodbye(error))
        self._state.end()
        self._state.later(last_call.make)

    def _say_goodbye(self, error: BaseException | None) -> None:
        if self._made:  # else the collection was closed before the protocol heard of anything
            self._protocol.connection_lost(error)

    def _closed_error(self, verb: str) -> StateClosed:
        return StateClosed(
            f"{self!r} is closing or closed, too late for {verb}",
            phase="close",
            peer=self._state.peer_address,
            connection=self,
        )

    def _enter(self, phase: int) -> None:
        if not MOVES[Phase(self._phase)] & phase:
            raise InternalError(
                f"{self!r} cannot go from {Phase(self._phase).name} to {Phase(phase).name}"
            )
        self._phase = phase

    def __repr__(self) -> str:
        where = address_text(self._state.address)
        return f"<DatagramTransport on {where} {Phase(self._phase).name}>"
