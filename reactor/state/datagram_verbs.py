"""DatagramVerbs: what a state on a datagram socket can do.

A message goes and comes whole, or not at all. What happens to one says nothing about the next: a
refusal, a limit that has passed, a datagram that is too long end their own operation only. A host
name is looked up off the loop, and the message keeps its place in line meanwhile.
"""

import socket
from typing import Any, Final, cast

from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import OperationNotAllowed, SocketError
from reactor.net import multicast
from reactor.net.address import HostLike, ServiceLike, Target
from reactor.net.inquiry import Found, Inquiry
from reactor.net.multicast import Interface
from reactor.net.name_service import host_not_found
from reactor.net.path import UNIX, PathLike
from reactor.net.recipients import Recipients
from reactor.operations.messages import ReceiveMessage, SendMessage
from reactor.state.connection import OPEN, OPEN_TO_OPERATIONS, Callback
from reactor.state.state_base import StateBase, order, view_of

# Seconds until a path whose socket has no room is tried again: poll() says that our own socket
# could be written, so waiting for that would spin. A guess.
CROWDED_DELAY: Final = 0.01


class DatagramVerbs(StateBase):
    """The verbs for datagrams, of every state; on a stream of bytes they are refused.

    Thread: the owner's. Calls back: never before a call returns. Source: LW-105 to LW-114, LW-201.
    """

    __slots__ = ()

    # Messages.

    def receive_message(
        self,
        buffer: Any,
        callback: Callback,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        error_callback: Callback | None = None,
        needs_address: bool = False,
        user_info: Any = None,
    ) -> None:
        """Receive one datagram into `buffer[start:end]`, then report; an empty one is data too.

        Args:
            buffer: writable and bytes-like; leave it alone until the report.
            callback: gets `(state, buffer, count)`. Of a datagram that is longer than its room the
                beginning is stored, and `truncated` is true until the next one has come.
            start: where to begin.
            end: where to stop; None is the end of the buffer.
            timeout: seconds; 0 looks once, None is the `read_timeout` of the state, `math.inf` no
                limit.
            deadline: a moment of the collection's clock by which it must be over, None for none.
            error_callback: gets the same arguments instead, if it fails: an earlier datagram was
                refused, mostly.
            needs_address: give `(state, buffer, count, host, port)` to the callbacks; both are None
                if nothing has come. The pair serves for an answer with `send_message_to`.
            user_info: replaces the state's, unless None.

        Raises:
            OperationNotAllowed: this is a stream. TypeError, ValueError: as `read_buffer`.
            OperationInProgress: a read is running and this state does not queue its input.
            StateClosed, WrongThread: as every verb.

        Thread: the owner's. Calls back: never before it returns. Source: LW-108 to LW-110, LW-113.
        """
        view = view_of(buffer, start, end)
        if view.readonly:
            raise TypeError("the buffer of a read must be writable")
        operation = ReceiveMessage(buffer, view, needs_address)
        looks_once = timeout == 0 and not isinstance(timeout, bool)
        order(operation, callback, error_callback, None if looks_once else timeout, deadline)
        if looks_once:
            operation.timeout = 0.0
        self._start(self.input, operation, user_info)

    def send_message(
        self,
        buffer: Any,
        callback: Callback | None,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        error_callback: Callback | None = None,
        user_info: Any = None,
    ) -> None:
        """Send `buffer[start:end]` as one datagram to the peer, then report.

        Args:
            buffer: bytes-like; lent, not copied: leave it alone until the report.
            callback: gets `(state)` when the kernel has it; `write_status` tells of a limit. None
                reports failures only, to the log.
            start: where to begin.
            end: where to stop; None is the end of the buffer.
            timeout: seconds until the kernel must have it; None is the `write_timeout` of the
                state, `math.inf` no limit. It counts from when this is first in line.
            deadline: as in `receive_message`.
            error_callback: gets `(state)` instead, if it fails: too long, refused, no way there.
            user_info: as in `receive_message`.

        Raises:
            OperationNotAllowed: this is a stream, or has no peer: use `send_message_to`.
            OperationInProgress: a write is running and this state does not queue its output.
            LimitExceeded: too much waits in line. TypeError, ValueError: as `write_buffer`.
            BrokenPipe, SocketError: the way out was shut down, or is lost.
            StateClosed, WrongThread: as every verb.

        Thread: the owner's. Calls back: never before it returns. Source: LW-111, LW-113.
        """
        self._check_messages("send_message", connected=True)
        operation = SendMessage(view_of(buffer, start, end))
        order(operation, callback, error_callback, timeout, deadline)
        self._start(self.output, operation, user_info)

    def send_message_to(
        self,
        host: HostLike | PathLike,
        service: ServiceLike | None,
        buffer: Any,
        callback: Callback | None,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        error_callback: Callback | None = None,
        user_info: Any = None,
    ) -> None:
        """Send `buffer[start:end]` as one datagram to an address, then report.

        A name is looked up off the loop, in the family of the socket; the message keeps its place
        in line, and those behind it wait.

        Args:
            host: a name, or an address in any form; a path for Unix sockets.
            service: a port, its digits or a service name; None for Unix sockets.
            buffer: as in `send_message`.
            callback: as in `send_message`.
            start: as in `send_message`.
            end: as in `send_message`.
            timeout: as in `send_message`; a look-up has 10 s in any case.
            deadline: as in `receive_message`.
            error_callback: as in `send_message`; `write_status` is a `NameLookupFailed`, too.
            user_info: as in `receive_message`.

        Raises:
            OperationNotAllowed: this is a stream, or has a peer: use `send_message`.
            TypeError, ValueError: no address that this socket can send to. NameLookupFailed: there
                is no such service. Others as `send_message`.

        Thread: the owner's. Calls back: never before it returns. Source: LW-112, LW-113, LW-200.
        """
        self._check_messages("send_message_to", connected=False)
        operation = SendMessage(view_of(buffer, start, end))
        order(operation, callback, error_callback, timeout, deadline)
        if self._recipients is None:
            self._recipients = Recipients(cast(DatagramChannel, self.channel))
        recipient = self._recipients.get((host, service)) or self._recipients.find((host, service))
        if not isinstance(recipient, Target):
            operation.sockaddr = recipient
            if cast(DatagramChannel, self.channel).family == UNIX:
                operation.crowded = self._await_room
            self._start(self.output, operation, user_info)
            return
        operation.awaited = Inquiry(
            self.collection,
            recipient,
            self._recipients.families,
            lambda answer: self._found(operation, recipient, answer),
        )
        try:
            self._start(self.output, operation, user_info)
        except BaseException:
            operation.awaited.cancel()
            raise

    @property
    def truncated(self) -> bool:
        """Whether the last datagram received was longer than its room (LW-110)."""
        return bool(getattr(self.channel, "truncated", False))

    # Groups.

    def join_group(self, group: HostLike, interface: Interface | None = None) -> None:
        """Hear what is sent to a multicast group.

        Args:
            group: a multicast address, in any numeric form.
            interface: where: a name, a number, or a local address of it; None, the default, leaves
                it to the system.

        Raises:
            SocketIOError: it is heard already, the system has no room for more groups, or no
                interface has that IPv4 address.
            TypeError, ValueError: no group of the socket's family, or no such interface.
            OperationNotAllowed: this is no internet datagram socket. StateClosed, WrongThread.

        Thread: the owner's. Calls back: never. Source: LW-201.
        """
        multicast.set_membership(self._group_socket("join_group"), group, interface, joined=True)

    def leave_group(self, group: HostLike, interface: Interface | None = None) -> None:
        """Hear a multicast group no longer.

        Args:
            group: as in `join_group`.
            interface: as in `join_group`; None by default.

        Raises:
            SocketIOError: it was not joined. Others as `join_group`.

        Thread: the owner's. Calls back: never. Source: LW-201.
        """
        multicast.set_membership(self._group_socket("leave_group"), group, interface, joined=False)

    @property
    def multicast_hops(self) -> int:
        """How far messages to groups go, 0 to 255; 1, this network, unless set (LW-201)."""
        return multicast.get_hops(self._group_socket("multicast_hops", changed=False))

    @multicast_hops.setter
    def multicast_hops(self, hops: int) -> None:
        multicast.set_hops(self._group_socket("multicast_hops"), hops)

    @property
    def multicast_loop(self) -> bool:
        """Whether members on this machine hear our own messages to groups; true unless set."""
        return multicast.get_loop(self._group_socket("multicast_loop", changed=False))

    @multicast_loop.setter
    def multicast_loop(self, loop: bool) -> None:
        multicast.set_loop(self._group_socket("multicast_loop"), loop)

    @property
    def multicast_interface(self) -> Interface | None:
        """Where messages to groups leave, as it was set; None, the default, is the system's way."""
        self._group_socket("multicast_interface", changed=False)
        return cast(Interface | None, cast(DatagramChannel, self.channel).multicast_interface)

    @multicast_interface.setter
    def multicast_interface(self, interface: Interface | None) -> None:
        multicast.set_interface(self._group_socket("multicast_interface"), interface)
        cast(DatagramChannel, self.channel).multicast_interface = interface

    # Inside.

    def _check_messages(self, verb: str, *, connected: bool) -> None:
        self._check_usable(verb, OPEN_TO_OPERATIONS)
        self._check_carries(messages=True)
        if cast(DatagramChannel, self.channel).connected is not connected:
            other = "send_message_to" if connected else "send_message"
            has = "no peer of its own" if connected else "one peer, fixed when it was opened"
            raise OperationNotAllowed(f"{self!r} has {has}: use {other}", connection=self)

    def _await_room(self, operation: SendMessage) -> None:
        """Try again soon: the recipient, who has its own room, cannot be waited for."""
        operation.awaited = self.collection.call_later(CROWDED_DELAY, self._go_on, operation)

    def _go_on(self, operation: SendMessage) -> None:
        """Let a message go on that has waited for what no descriptor shows."""
        operation.awaited = None
        if self.output.operation is operation:
            self.output.post()

    def _found(self, operation: SendMessage, target: Target, answer: Found) -> None:
        """Let a message go on whose recipient has been looked up, or fail."""
        assert self._recipients is not None, "it was asked before"
        if isinstance(answer, SocketError):
            operation.failure = answer
        else:
            try:
                operation.sockaddr = self._recipients.fitting(answer, target)
            except ValueError as error:  # the answer of a look-up of the program's own making
                operation.failure = host_not_found(str(error), target.given)
        self._go_on(operation)

    def _group_socket(self, verb: str, *, changed: bool = True) -> socket.socket:
        """Return the socket; what is not changed by it, every thread may ask (LW-014)."""
        if changed or self._mode != OPEN:
            self._check_usable(verb)
        self._check_carries(messages=True)
        channel = cast(DatagramChannel, self.channel)
        if channel.family not in (socket.AF_INET, socket.AF_INET6):
            raise OperationNotAllowed(f"{self!r} has no multicast groups", connection=self)
        return channel.sock
