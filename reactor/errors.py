"""The errors of the library: one tree, and the one table that gives an errno its meaning.

A class tells who has to act. The caller: `OperationInProgress`, `OperationNotAllowed`,
`WrongThread`, `WrongProcess`, `StateClosed`. The world: everything else below `SocketError`.
Us: `InternalError`. Each class is also the built-in that Python users catch already (in
parentheses), and mistakes in arguments are plain `TypeError` and `ValueError`.

    ReactorError (Exception)
    ├── EndOfStream (EOFError)                end-of-stream; information, not a failure
    ├── OperationAborted                      aborted
    ├── OperationInProgress (RuntimeError)    operation-in-progress
    ├── OperationNotAllowed (RuntimeError)    operation-not-allowed
    ├── WrongThread (RuntimeError)            wrong-thread
    ├── WrongProcess (RuntimeError)           wrong-process
    ├── InternalError (RuntimeError)          internal-error
    └── SocketError (OSError)                 by errno, see IDENTIFIERS
        ├── StateClosed (ValueError)          closed
        ├── OperationTimeout (TimeoutError)   timed-out
        │   └── DeadlinePassed                timed-out
        ├── LimitExceeded                     input-limit, output-limit, handshake-limit ...
        ├── SocketCreationError               before there is a connection
        │   ├── NameLookupFailed (socket.gaierror)
        │   ├── BindError
        │   └── ConnectError
        │       ├── ConnectionRefused (ConnectionRefusedError)
        │       ├── ConnectTimedOut (OperationTimeout)
        │       └── NoSuchPath (FileNotFoundError)
        ├── AcceptError
        ├── SocketIOError                     on an existing connection
        │   ├── ConnectionReset (ConnectionResetError)
        │   ├── ConnectionAborted (ConnectionAbortedError)
        │   ├── BrokenPipe (BrokenPipeError)
        │   └── ConnectionTimedOut (TimeoutError)
        └── TLSError (ssl.SSLError)           tls-failure
            ├── TLSVerificationFailed (ssl.SSLCertVerificationError)   tls-verification
            ├── TLSHandshakeTimeout (OperationTimeout)                 timed-out
            ├── TLSClosed (ssl.SSLZeroReturnError)                     tls-closed
            └── TLSTruncated (ssl.SSLEOFError)                         tls-truncated
"""

import errno
import os
import socket
import ssl
from typing import Any, Final, TypeAlias

# A host or a path, and a port or None: LW-030.
Address: TypeAlias = tuple[Any, Any]

# errno -> the word that means the same on every system (CC-64 to CC-82). Windows has numbers of
# its own for sockets, under names that begin with WSA; both name one word.
_WORDS: Final = {
    "address-in-use": ("EADDRINUSE",),
    "connection-aborted": ("ECONNABORTED",),
    "no-buffer-space": ("ENOBUFS", "ENOMEM"),
    "connection-timed-out": ("ETIMEDOUT",),
    "connection-refused": ("ECONNREFUSED",),
    "host-unreachable": ("EHOSTUNREACH", "ENETUNREACH"),
    "host-down": ("EHOSTDOWN",),
    "network-down": ("ENETDOWN",),
    "address-not-available": ("EADDRNOTAVAIL",),
    "network-reset": ("ENETRESET",),
    "connection-reset": ("ECONNRESET",),
    "shutdown": ("ESHUTDOWN",),
    "access-denied": ("EACCES", "EPERM"),
    "no-descriptors": ("EMFILE", "ENFILE"),
    "broken-pipe": ("EPIPE",),
    "not-connected": ("ENOTCONN",),
    "no-such-path": ("ENOENT",),
    "already": ("EALREADY",),
}
IDENTIFIERS: Final[dict[int, str]] = {
    number: word
    for word, names in _WORDS.items()
    for name in names
    for number in (getattr(errno, name, None), getattr(errno, "WSA" + name, None))
    if number is not None
}


class ReactorError(Exception):
    """The root of the tree: every exception that the library itself makes.

    Args:
        message: what happened and what can be done about it, in one sentence.
        identifier: a word that does not depend on the system; None takes that of the class.
        phase: "resolve", "bind", "connect", "accept", "handshake", "read", "write", "close", or
            None.
        situation: the name of the system call that failed, or None if none did.
        code: the system's number, or None.
        peer: the address of the other end, a pair `(host, port)`, or None.
        connection: the channel or state concerned, or None.

    Thread: any. Calls back: never. Source: LW-189, LW-190, LW-197.
    """

    identifier: str = "unknown"

    def __init__(
        self,
        message: str = "",
        *,
        identifier: str | None = None,
        phase: str | None = None,
        situation: str | None = None,
        code: int | None = None,
        peer: Address | None = None,
        connection: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if identifier is not None:
            self.identifier = identifier
        self.phase = phase
        self.situation = situation
        self.code = code
        self.peer = peer
        self.connection = connection

    def __str__(self) -> str:
        details = [f"{name} {value}" for name, value in self._details() if value is not None]
        text = f"{self.message} ({', '.join(details)})" if details else self.message
        return escaped(text)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def _details(self) -> list[tuple[str, object]]:
        peer = None if self.peer is None else address_text(self.peer)
        return [
            ("peer", peer),
            ("phase", self.phase),
            ("system call", self.situation),
            ("error", self.code),
        ]


class EndOfStream(ReactorError, EOFError):
    """The peer has sent everything it wanted to send: information, not a failure."""

    identifier = "end-of-stream"


class OperationAborted(ReactorError):
    """The operation was stopped by `abort` or `shutdown(abort=True)`."""

    identifier = "aborted"


class OperationInProgress(ReactorError, RuntimeError):
    """The call has to wait for something that is still running."""

    identifier = "operation-in-progress"


class OperationNotAllowed(ReactorError, RuntimeError):
    """This kind of object, or this moment of its life, does not know the verb."""

    identifier = "operation-not-allowed"


class WrongThread(ReactorError, RuntimeError):
    """The caller is not the thread that owns the collection."""

    identifier = "wrong-thread"


class WrongProcess(ReactorError, RuntimeError):
    """The collection was made before a fork, in the parent."""

    identifier = "wrong-process"


class InternalError(ReactorError, RuntimeError):
    """A promise between two of our own parts is broken: our mistake, never the caller's."""

    identifier = "internal-error"


class SocketError(ReactorError, OSError):
    """What the operating system, the network or the peer did; also an `OSError` with its errno."""

    def __init__(self, message: str = "", *, code: int | None = None, **details: Any) -> None:
        super().__init__(message, code=code, **details)
        if code is not None:
            self.errno = code
            self.strerror = message


class StateClosed(SocketError, ValueError):
    """The object is closed: nothing can be done with it any more."""

    identifier = "closed"


class OperationTimeout(SocketError, TimeoutError):
    """A limit of ours has passed; the state can still be used.

    Args:
        limit: the seconds that were allowed, or None if the system gave up, not we.
        elapsed: the seconds since the operation began or last moved.
        bytes_moved: how many bytes had been moved by then.

    Thread: any. Calls back: never. Source: LW-121, CC-52.
    """

    identifier = "timed-out"

    def __init__(
        self,
        message: str = "",
        *,
        limit: float | None = None,
        elapsed: float | None = None,
        bytes_moved: int = 0,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.limit = limit
        self.elapsed = elapsed
        self.bytes_moved = bytes_moved

    def _details(self) -> list[tuple[str, object]]:
        limit = None if self.limit is None else f"{self.limit:g} s"
        return [*super()._details(), ("limit", limit)]


class DeadlinePassed(OperationTimeout):
    """The moment by which the operation had to be over has passed."""


class LimitExceeded(SocketError):
    """A limit on bytes or things was reached; `identifier` names which."""


class SocketCreationError(SocketError):
    """It failed before there was a connection; `attempts` lists all addresses tried.

    Args:
        attempts: a list of pairs `(address, exception)`, in the order of the attempts; empty if
            none was made.

    Thread: any. Calls back: never. Source: LW-037, LW-191.
    """

    def __init__(
        self,
        message: str = "",
        *,
        attempts: list[tuple[Address, Exception]] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.attempts = attempts or []


class NameLookupFailed(SocketCreationError, socket.gaierror):
    """The name service has no answer; `code` is its own number (CC-83, CC-84)."""

    identifier = "host-not-found"


class BindError(SocketCreationError):
    """The local address cannot be had; `address` is that address.

    Args:
        address: the local address, a pair `(host, port)` or `(path, None)`.

    Thread: any. Calls back: never. Source: LW-190.
    """

    def __init__(
        self, message: str = "", *, address: Address | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.address = address

    def _details(self) -> list[tuple[str, object]]:
        address = None if self.address is None else address_text(self.address)
        return [("address", address), *super()._details()]


class ConnectError(SocketCreationError):
    """No address could be reached."""


class ConnectionRefused(ConnectError, ConnectionRefusedError):
    """Nobody listens there."""

    identifier = "connection-refused"


class ConnectTimedOut(ConnectError, OperationTimeout):
    """The connection was not up in time: our limit (`limit` tells), or the kernel's (None)."""

    identifier = "connection-timed-out"


class NoSuchPath(ConnectError, FileNotFoundError):
    """There is no Unix socket of that name."""

    identifier = "no-such-path"


class AcceptError(SocketError):
    """A listener could not accept; it stays open.

    `listener` is the listening socket, and `server` whose it is, where that is known.
    """

    listener: Any = None
    server: Any = None


class SocketIOError(SocketError):
    """An existing connection failed; it should be closed."""


class ConnectionReset(SocketIOError, ConnectionResetError):
    """The peer has thrown the connection away."""

    identifier = "connection-reset"


class ConnectionAborted(SocketIOError, ConnectionAbortedError):
    """The system has thrown the connection away."""

    identifier = "connection-aborted"


class BrokenPipe(SocketIOError, BrokenPipeError):
    """The way out is shut, by us or by the peer."""

    identifier = "broken-pipe"


class ConnectionTimedOut(SocketIOError, TimeoutError):
    """The kernel has given the connection up: unlike an `OperationTimeout`, it is dead."""

    identifier = "connection-timed-out"


class TLSError(SocketError, ssl.SSLError):
    """The two ends could not agree, or what arrived is not TLS."""

    identifier = "tls-failure"


class TLSVerificationFailed(TLSError, ssl.SSLCertVerificationError):
    """The certificate of the peer is not one that we may trust."""

    identifier = "tls-verification"


class TLSHandshakeTimeout(TLSError, OperationTimeout):
    """The handshake was not over in time."""

    identifier = "timed-out"


class TLSClosed(TLSError, ssl.SSLZeroReturnError):
    """The peer ended TLS properly where more was to come."""

    identifier = "tls-closed"


class TLSTruncated(TLSError, ssl.SSLEOFError):
    """The connection ended without the closing alert: bytes may have been cut off."""

    identifier = "tls-truncated"


# What an errno means on a connection that exists, and while one is made. What is not listed is
# the base class of its column.
_ON_A_CONNECTION: Final[dict[int, type[SocketError]]] = {
    errno.ECONNRESET: ConnectionReset,
    errno.ECONNABORTED: ConnectionAborted,
    errno.EPIPE: BrokenPipe,
    errno.ESHUTDOWN: BrokenPipe,
    errno.ETIMEDOUT: ConnectionTimedOut,
    errno.ECONNREFUSED: ConnectionRefused,  # a datagram that was refused: LW-191, the one exception
}
_WHILE_CONNECTING: Final[dict[int, type[SocketError]]] = {
    errno.ECONNREFUSED: ConnectionRefused,
    errno.ETIMEDOUT: ConnectTimedOut,
    errno.ENOENT: NoSuchPath,
}


def from_os_error(
    error: OSError,
    *,
    phase: str | None,
    situation: str,
    peer: Address | None = None,
    connection: object = None,
) -> SocketError:
    """Give a system error its meaning: the only place where an errno chooses a class.

    Args:
        error: what a system call raised; it becomes the `__cause__`.
        phase: what we were doing; "bind", "accept" and "connect" choose the class too.
        situation: the name of that system call.
        peer: the address of the other end (of this end, for "bind").
        connection: the object concerned.

    Thread: any. Calls back: never. Source: LW-190 to LW-193, CC-60 to CC-82.
    """
    number = error.errno
    kind: type[SocketError]
    details: dict[str, Any] = {"peer": peer}
    if phase == "bind":
        kind, details = BindError, {"address": peer}
    elif phase == "accept":
        kind = AcceptError
    elif phase == "connect":
        kind = _WHILE_CONNECTING.get(number or 0, ConnectError)
    else:
        kind = _ON_A_CONNECTION.get(number or 0, SocketIOError)
    made = kind(
        error.strerror or (os.strerror(number) if number else str(error)),
        identifier=IDENTIFIERS.get(number or 0),
        phase=phase,
        situation=situation,
        code=number,
        connection=connection,
        **details,
    )
    made.__cause__ = error
    return made


def address_text(address: Address) -> str:
    """Write an address for a person: `host:port`, `[host]:port`, `*:port`, a path, or "unnamed"."""
    host, port = address
    if port is None:
        return "unnamed" if host is None else escaped(str(host))
    text = "*" if host is None else str(host)  # as somebody has written it, perhaps in brackets
    return f"[{text}]:{port}" if ":" in text and text[0] != "[" else f"{text}:{port}"


def escaped(text: str) -> str:
    """Keep a text on one line: what cannot be printed is shown by its escape.

    Texts of peers and name servers end in logs, where a line end or a terminal's escape sequence
    would let them write lines of their own.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
