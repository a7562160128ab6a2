"""Socket channels: a socket that is tried, and the border behind which no errno is seen.

`SocketChannel` is one connection, over TCP or a Unix socket; `ListeningChannel` is what hands new
ones out; `DatagramChannel` carries messages to and from anybody. All make their socket non-blocking
and own it. Every failure of a system call becomes an error of our tree here, by the one table in
`reactor.errors`.

The verbs of a connection are the hottest lines of the library, so they ask nothing in advance:
they call the system, and look at the circumstances only if that failed. A closed socket fails by
itself, and so does `_NoSocket`, which stands where a socket was that has been given away.
"""

import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

from reactor.channel.base import BytesLike, Channel
from reactor.errors import Address, SocketError, StateClosed, address_text, from_os_error

NO_ADDRESS: Final[Address] = (None, None)  # LW-030: there is none, or nobody can tell any more
IPV6_LENGTH: Final = 4  # host, port, flow and scope; of IPv4 there are two
IPV4_IN_IPV6: Final = "::ffff:"  # how an IPv6 socket writes an IPv4 peer; never shown (LW-028)

# What `SO_LINGER` takes: on, and for 0 seconds. Then a close sends a reset and keeps nothing.
LINGER_NOT_AT_ALL: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

# accept() of these means that a client has gone, or its network has, before we came to it: only
# that client is concerned (accept(2), "Error handling"). EOPNOTSUPP and EPERM are in that list of
# Linux as well; they are not in ours, as a listener of the wrong kind, or a sandbox, answers so
# for ever.
LOST_CLIENT: Final = frozenset(
    number
    for name in (
        *("ECONNABORTED", "ECONNRESET", "ENOTCONN", "EPROTO", "ENOPROTOOPT", "ENONET"),
        *("ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH"),
    )
    for number in (getattr(errno, name, None), getattr(errno, "WSA" + name, None))
    if number is not None
)
LOST_CLIENT_LIMIT: Final = 64  # clients skipped in one call; the size of a burst of accepts

# What any call answers if the descriptor is not ours any more, or no socket: somebody has closed
# it behind our back. No later call can do better, so even a datagram channel is at its end then.
NO_SOCKET_THERE: Final = frozenset({errno.EBADF, errno.ENOTSOCK})

# The bytes of one datagram, the pair of its sender, and whether it was longer than what was asked.
Datagram: TypeAlias = tuple[bytes, Address, bool]


class OwnedSocket(Channel):
    """A socket that belongs to its channel: what its addresses are, and how it ends.

    Nothing is kept here but what a report must still know when the connection is gone. A peer
    cannot be asked for after a reset, so it is asked for at once unless the caller knows it; our
    own address can be asked for until the end.

    Args:
        sock: becomes non-blocking, and belongs to the channel until `detach`.
        peer_address: the pair of the other end, if known (LW-030); None asks the system.

    Raises:
        StateClosed: the socket is closed.

    Thread: one at a time for each direction. Calls back: never. Source: LW-028, LW-030, LW-067.
    """

    __slots__ = ("_address", "_peer_address", "sock")

    def __init__(self, sock: socket.socket, *, peer_address: Address | None = None) -> None:
        if sock.fileno() < 0:
            raise StateClosed("a channel needs an open socket, and this one is closed")
        sock.setblocking(False)
        self.sock = sock
        self._address: Address | None = None
        self._peer_address = peer_address or _ask_peer_address(sock)

    @property
    def address(self) -> Address:
        """The address of this end; asked for until it is known, at the latest when closing."""
        self._address = self._address or _ask_address(self.sock)
        return self._address or NO_ADDRESS

    @property
    def peer_address(self) -> Address:
        """The address of the other end, as it was when the connection was up."""
        if self._peer_address is None:  # it was not connected yet, or lost already
            self._peer_address = _ask_peer_address(self.sock)
        return self._peer_address or NO_ADDRESS

    @property
    def closed(self) -> bool:
        """Whether the socket is closed, or has been given away."""
        return self.sock.fileno() < 0

    def fileno(self) -> int:
        """Return the descriptor, or -1 once closed."""
        return self.sock.fileno()

    def shutdown(self, how: int) -> None:
        """Shut the connection down; one that both ends have ended already is left as it is."""
        try:
            self.sock.shutdown(how)
        except OSError as error:
            if self.closed or error.errno != errno.ENOTCONN:
                raise self._failure(error, "close", "shutdown") from error

    def raise_if_lost(self) -> None:
        """Raise what has happened to the connection since the last try; it is told only once."""
        try:
            number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number))
        except OSError as error:
            raise self._failure(error, "read", "getsockopt") from error

    def close(self) -> None:
        """Give the descriptor back; once more is harmless.

        The descriptor is free whatever the system answers, and by then there is nobody who could
        do anything about the answer: so this never fails.
        """
        if not self.closed:
            self._address = self.address
            with contextlib.suppress(OSError):
                self.sock.close()

    def detach(self) -> socket.socket:
        """Give the socket to the caller, still non-blocking, and be closed without it.

        Raises:
            StateClosed: there is no socket any more.
        """
        if self.closed:
            raise self._closed_error("close")
        self._address = self.address
        sock, self.sock = self.sock, cast(socket.socket, _NoSocket())
        return sock

    def _failure(self, error: OSError, phase: str, situation: str) -> SocketError:
        if self.closed:
            return self._closed_error(phase)
        return from_os_error(
            error, phase=phase, situation=situation, peer=self.peer_address, connection=self
        )

    def _closed_error(self, phase: str) -> StateClosed:
        return StateClosed(
            "this connection is closed: make a new one",
            phase=phase,
            peer=self.peer_address,
            connection=self,
        )

    def __repr__(self) -> str:
        where = "closed" if self.closed else f"fd {self.fileno()}"
        return f"<{type(self).__name__} to {address_text(self.peer_address)}, {where}>"


class SocketChannel(OwnedSocket):
    """A connected stream socket: TCP, Unix, or one of a pair.

    Args:
        sock: connected; becomes non-blocking, and belongs to the channel until `detach`.
        peer_address: the pair of the other end, if known (LW-030); None asks the system.

    Raises:
        StateClosed: the socket is closed.

    Thread: one at a time for each direction. Calls back: never. Source: LW-028, LW-030, LW-067.
    """

    __slots__ = ("_ended",)

    full_when_partial = True

    def __init__(self, sock: socket.socket, *, peer_address: Address | None = None) -> None:
        super().__init__(sock, peer_address=peer_address)
        self._ended = False  # our end was announced to the peer

    def read(self, size: int) -> bytes | None:
        """Receive at most `size` bytes; None is "not now", empty the end of the stream."""
        try:
            return self.sock.recv(size)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error, "read", "recv") from error

    def readinto(self, view: memoryview) -> int | None:
        """Receive into the front of `view`; None is "not now", 0 the end of the stream."""
        try:
            return self.sock.recv_into(view)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error, "read", "recv") from error

    def write(self, view: BytesLike) -> int | None:
        """Send from the front of `view` and return how many bytes went; None is "not now"."""
        try:
            return self.sock.send(view)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error, "write", "send") from error

    def write_eof(self) -> bool:
        """Tell the peer that nothing more will be written; always true, as the kernel does it."""
        if not self._ended or self.closed:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                raise self._failure(error, "write", "shutdown") from error
            self._ended = True
        return True

    def shutdown(self, how: int) -> None:
        """Shut the connection down; one that both ends have ended already is left as it is."""
        super().shutdown(how)
        if how != socket.SHUT_RD:
            self._ended = True

    def abort(self) -> None:
        """Close at once, over TCP with a reset; nothing that is under way is waited for."""
        if not self.closed and self.sock.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # the connection may be lost already
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT_AT_ALL)
        self.close()


class DatagramChannel(OwnedSocket):
    """A datagram socket, connected to one peer or open to everybody.

    It carries messages, so the verbs for streams are not for it: an empty datagram is no end, and
    a failure says nothing about the next one. A refusal (`ConnectionRefused`) is the answer of a
    host to an *earlier* datagram. It comes once, with whatever is tried next; a
    `transmit` that fails with it has sent nothing (udp(7)).

    Args:
        sock: bound, connected, both or neither; becomes non-blocking, and belongs to the channel.

    Raises:
        StateClosed: the socket is closed.

    Attributes:
        truncated: whether the last datagram that `receive_into` has stored was longer than its
            room; the rest of it is lost.
        multicast_interface: where messages to groups leave, as it was set; the system tells only
            half of it. None is the system's way.
        before_close: called once, when it is closed and still open: to remove its path.

    Thread: one at a time for each direction. Calls back: never. Source: LW-105 to LW-114.
    """

    __slots__ = ("_arrived", "_family", "_sent", "before_close", "multicast_interface", "truncated")

    carries_messages = True

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.truncated = False
        self.multicast_interface: Any = None
        self.before_close: Callable[[], object] | None = None
        self._family = int(sock.family)  # asking a socket makes an enum of it, every time
        self._arrived = 0  # bytes
        self._sent = 0

    @property
    def address(self) -> Address:
        """The address of this end; the first `transmit` may give it one: it is asked again."""
        return self._address or _ask_address(self.sock) or NO_ADDRESS

    @property
    def family(self) -> int:
        """The family of the addresses that `transmit` takes."""
        return self._family

    @property
    def connected(self) -> bool:
        """Whether there is one peer, to whom everything goes and from whom everything comes."""
        if self._peer_address is None:
            self._peer_address = _ask_peer_address(self.sock)
        return self._peer_address is not None

    def receive(self, size: int) -> Datagram | None:
        """Receive one datagram; None is "not now".

        Returns:
            At most `size` bytes, who sent them, and whether there were more, which are lost.
            Windows does not tell who has sent one that was too long.

        Raises:
            ConnectionRefused: an earlier datagram was refused. SocketError: another failure.
        """
        try:
            if sys.platform == "win32":
                datagram = self._receive_there(size)
            else:
                data, _, flags, raw = self.sock.recvmsg(size)
                longer = bool(flags & socket.MSG_TRUNC)
                datagram = data, address_pair(raw), longer
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error, "read", "recvmsg") from error
        self._arrived += len(datagram[0])
        return datagram

    def receive_into(self, view: memoryview) -> tuple[int, Address] | None:
        """Receive one datagram into the front of `view`; None is "not now".

        Args:
            view: writable bytes, any number; what has no room there is lost: see `truncated`.

        Returns:
            How many bytes were stored, 0 of an empty datagram, and who sent them.

        Raises:
            ConnectionRefused: an earlier datagram was refused. SocketError: another failure.
        """
        try:
            if sys.platform == "win32":
                count, raw, longer = self._receive_into_there(view)
            else:
                count, _, flags, raw = self.sock.recvmsg_into([view])
                longer = bool(flags & socket.MSG_TRUNC)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error, "read", "recvmsg") from error
        self.truncated = longer
        self._arrived += count
        return count, address_pair(raw)

    def waiting(self) -> bool:
        """Tell whether a datagram could be received now; it stays where it is.

        Raises:
            ConnectionRefused: an earlier datagram was refused. SocketError: another failure.
        """
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EMSGSIZE:  # Windows' word for "yes, and more than that"
                raise self._failure(error, "read", "recv") from error
        return True

    def transmit(self, data: BytesLike, address: tuple[Any, ...] | None = None) -> bool:
        """Send one datagram; false is "not now".

        Args:
            data: all of it goes, or nothing.
            address: whom to, as the system takes it, numeric and of our `family`; None is the
                peer of a connected socket.

        Raises:
            ConnectionRefused: an earlier datagram was refused. SocketError: this one is too long,
                not allowed, or without a way there.
        """
        try:
            if address is None:
                self.sock.send(data)
            else:
                self.sock.sendto(data, address)
        except BlockingIOError:
            return False
        except OSError as error:
            failure = self._failure(error, "write", "send" if address is None else "sendto")
            if address is not None:
                failure.peer = address_pair(address)
            raise failure from error
        self._sent += len(data)
        return True

    def close(self) -> None:
        """Give the descriptor back, and before it the path if it has one."""
        if self.before_close is not None and not self.closed:
            self.before_close()
        super().close()

    def traffic(self) -> tuple[int, int]:
        """Return how many bytes have come and gone in datagrams, without any headers."""
        return self._arrived, self._sent

    def _receive_there(self, size: int) -> Datagram:
        buffer = bytearray(size)
        count, raw, longer = self._receive_into_there(memoryview(buffer))
        return bytes(buffer[:count]), address_pair(raw), longer

    def _receive_into_there(self, view: memoryview) -> tuple[int, Any, bool]:
        """Receive where a datagram that is too long is an error, with its beginning stored."""
        try:
            count, raw = self.sock.recvfrom_into(view)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            return len(view), (), True
        return count, raw, False

    def _failure(self, error: OSError, phase: str, situation: str) -> SocketError:
        if error.errno in NO_SOCKET_THERE:
            return self._closed_error(phase)
        if error.errno == errno.ECONNRESET:  # Windows' word for it
            refused = OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            return super()._failure(refused, phase, situation)
        return super()._failure(error, phase, situation)

    def __repr__(self) -> str:
        where = "closed" if self.closed else f"fd {self.fileno()}"
        return f"<DatagramChannel on {address_text(self.address)}, {where}>"


class ListeningChannel(Channel):
    """A listening socket: each `accept` takes one client from the kernel's queue, or nobody.

    It carries no bytes, so the verbs for streams are not for it.

    Args:
        sock: bound and listening; becomes non-blocking, and belongs to the channel.

    Attributes:
        before_close: called once, when it is closed and still open: to remove its path.

    Thread: one at a time. Calls back: never. Source: LW-028, LW-190, REL-5, REL-20.
    """

    __slots__ = ("_address", "before_close", "sock")

    def __init__(self, sock: socket.socket) -> None:
        if sock.fileno() < 0:
            raise StateClosed("a listener needs an open socket, and this one is closed")
        sock.setblocking(False)
        self.sock = sock
        self.before_close: Callable[[], object] | None = None
        self._address: Address | None = None

    @property
    def address(self) -> Address:
        """The address that clients connect to; it stays after closing."""
        self._address = self._address or _ask_address(self.sock)
        return self._address or NO_ADDRESS

    @property
    def peer_address(self) -> Address:
        """The address of nobody."""
        return NO_ADDRESS

    @property
    def closed(self) -> bool:
        """Whether the socket is closed."""
        return self.sock.fileno() < 0

    def fileno(self) -> int:
        """Return the descriptor, readable while somebody waits; -1 once closed."""
        return self.sock.fileno()

    def accept(self) -> tuple[socket.socket, Address] | None:
        """Return a client's socket and its address, or None if nobody waits now.

        Clients that have gone meanwhile are passed over. After many of them in a row the answer
        is None too: the descriptor stays readable, and others have their turn first.

        Raises:
            AcceptError: the system cannot accept, for lack of descriptors or memory; the clients
                stay in its queue, and trying again later is right.
            StateClosed: the channel is closed.
        """
        for _ in range(LOST_CLIENT_LIMIT):
            try:
                sock, raw = self.sock.accept()
            except BlockingIOError:
                return None
            except OSError as error:
                if self.closed or error.errno not in LOST_CLIENT:
                    raise self._failure(error) from error
            else:
                return sock, address_pair(raw)
        return None

    def shutdown(self, how: int) -> None:
        """Do nothing: another process that has the socket too may go on listening."""

    def wake(self) -> None:
        """Wake who waits for a client, where the system does that; then nobody can listen here."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the descriptor back, and send away who still waits; once more is harmless."""
        if not self.closed:
            self._address = self.address
            if self.before_close is not None:
                self.before_close()
            with contextlib.suppress(OSError):  # as in SocketChannel.close
                self.sock.close()

    def _failure(self, error: OSError) -> SocketError:
        if self.closed:
            return StateClosed("this listener is closed", phase="accept", connection=self)
        return from_os_error(error, phase="accept", situation="accept", connection=self)

    def __repr__(self) -> str:
        where = "closed" if self.closed else f"fd {self.fileno()}"
        return f"<ListeningChannel on {address_text(self.address)}, {where}>"


def address_pair(raw: Any) -> Address:
    """Return a system's address as a pair: host and port, or path and None.

    Args:
        raw: what `getsockname`, `getpeername` or `accept` returned.

    Thread: any. Calls back: never. Source: LW-028, LW-030.
    """
    if not raw:  # a Unix socket without a name; None is the sender of a datagram from there
        return NO_ADDRESS
    if isinstance(raw, (str, bytes)):  # of a Unix socket; Linux gives abstract names as bytes
        return os.fsdecode(raw), None
    return (_ipv6_host(*raw) if len(raw) == IPV6_LENGTH else raw[0]), raw[1]


def _ipv6_host(host: str, _port: int, _flow: int = 0, scope: int = 0) -> str:
    if host.startswith(IPV4_IN_IPV6) and "." in host:
        return host[len(IPV4_IN_IPV6) :]
    if not scope or "%" in host:
        return host
    try:
        return f"{host}%{socket.if_indextoname(scope)}"
    except OSError:  # the interface has gone; its number still tells two of them apart
        return f"{host}%{scope}"


def _ask_address(sock: socket.socket) -> Address | None:
    try:
        return address_pair(sock.getsockname())
    except OSError:
        return None


def _ask_peer_address(sock: socket.socket) -> Address | None:
    try:
        return address_pair(sock.getpeername())
    except OSError:
        return None


class _NoSocket:
    """What stands where a socket was: looking up any verb fails as the system would."""

    __slots__ = ()

    def fileno(self) -> int:
        return -1

    def __getattr__(self, name: str) -> Any:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
