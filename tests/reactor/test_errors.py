"""The tree of errors, written out by hand, and the table from errno to a word and a class."""

import errno
import importlib.util
import os
import socket
import ssl

import pytest

from reactor import errors
from reactor.errors import ReactorError, SocketError, from_os_error

# The tree of LW section 14, written out by hand: class, built-ins beside it, its own identifier.
TREE: list[tuple[type[ReactorError], tuple[type[BaseException], ...], str]] = [
    (errors.ReactorError, (Exception,), "unknown"),
    (errors.EndOfStream, (EOFError,), "end-of-stream"),
    (errors.OperationAborted, (Exception,), "aborted"),
    (errors.OperationInProgress, (RuntimeError,), "operation-in-progress"),
    (errors.OperationNotAllowed, (RuntimeError,), "operation-not-allowed"),
    (errors.WrongThread, (RuntimeError,), "wrong-thread"),
    (errors.WrongProcess, (RuntimeError,), "wrong-process"),
    (errors.InternalError, (RuntimeError,), "internal-error"),
    (errors.SocketError, (OSError,), "unknown"),
    (errors.StateClosed, (SocketError, ValueError), "closed"),
    (errors.OperationTimeout, (SocketError, TimeoutError), "timed-out"),
    (errors.DeadlinePassed, (errors.OperationTimeout,), "timed-out"),
    (errors.LimitExceeded, (SocketError,), "unknown"),
    (errors.SocketCreationError, (SocketError,), "unknown"),
    (errors.NameLookupFailed, (errors.SocketCreationError, socket.gaierror), "host-not-found"),
    (errors.BindError, (errors.SocketCreationError,), "unknown"),
    (errors.ConnectError, (errors.SocketCreationError,), "unknown"),
    (
        errors.ConnectionRefused,
        (errors.ConnectError, ConnectionRefusedError),
        "connection-refused",
    ),
    (
        errors.ConnectTimedOut,
        (errors.ConnectError, errors.OperationTimeout),
        "connection-timed-out",
    ),
    (errors.NoSuchPath, (errors.ConnectError, FileNotFoundError), "no-such-path"),
    (errors.AcceptError, (SocketError,), "unknown"),
    (errors.SocketIOError, (SocketError,), "unknown"),
    (errors.ConnectionReset, (errors.SocketIOError, ConnectionResetError), "connection-reset"),
    (
        errors.ConnectionAborted,
        (errors.SocketIOError, ConnectionAbortedError),
        "connection-aborted",
    ),
    (errors.BrokenPipe, (errors.SocketIOError, BrokenPipeError), "broken-pipe"),
    (errors.ConnectionTimedOut, (errors.SocketIOError, TimeoutError), "connection-timed-out"),
    (errors.TLSError, (SocketError, ssl.SSLError), "tls-failure"),
    (
        errors.TLSVerificationFailed,
        (errors.TLSError, ssl.SSLCertVerificationError),
        "tls-verification",
    ),
    (errors.TLSHandshakeTimeout, (errors.TLSError, errors.OperationTimeout), "timed-out"),
    (errors.TLSClosed, (errors.TLSError, ssl.SSLZeroReturnError), "tls-closed"),
    (errors.TLSTruncated, (errors.TLSError, ssl.SSLEOFError), "tls-truncated"),
]
CLASSES = [row[0] for row in TREE]

# The table of CC-64 to CC-82, written out by hand.
ROWS = [
    pytest.param("address-in-use", ["EADDRINUSE"], id="CC-64"),
    pytest.param("connection-aborted", ["ECONNABORTED"], id="CC-65"),
    pytest.param("no-buffer-space", ["ENOBUFS", "ENOMEM"], id="CC-66"),
    pytest.param("connection-timed-out", ["ETIMEDOUT"], id="CC-67"),
    pytest.param("connection-refused", ["ECONNREFUSED"], id="CC-68"),
    pytest.param("host-unreachable", ["EHOSTUNREACH", "ENETUNREACH"], id="CC-69"),
    pytest.param("host-down", ["EHOSTDOWN"], id="CC-70"),
    pytest.param("network-down", ["ENETDOWN"], id="CC-71"),
    pytest.param("address-not-available", ["EADDRNOTAVAIL"], id="CC-72"),
    pytest.param("network-reset", ["ENETRESET"], id="CC-73"),
    pytest.param("connection-reset", ["ECONNRESET"], id="CC-74"),
    pytest.param("shutdown", ["ESHUTDOWN"], id="CC-75"),
    pytest.param("access-denied", ["EACCES", "EPERM"], id="CC-76"),
    pytest.param("unknown", ["EIO", "EINVAL", "EBADF"], id="CC-77"),
    pytest.param("no-descriptors", ["EMFILE", "ENFILE"], id="CC-78"),
    pytest.param("broken-pipe", ["EPIPE"], id="CC-79"),
    pytest.param("not-connected", ["ENOTCONN"], id="CC-80"),
    pytest.param("no-such-path", ["ENOENT"], id="CC-81"),
    pytest.param("already", ["EALREADY"], id="CC-82"),
]


def system_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(("kind", "parents", "identifier"), TREE, ids=lambda value: str(value))
def test_each_class_is_what_python_users_catch_already__lw_189(
    kind: type[ReactorError], parents: tuple[type[BaseException], ...], identifier: str
) -> None:
    """Each class of the errors is also the built-in class that Python users catch already."""
    error = kind("what happened")
    assert all(isinstance(error, parent) for parent in (*parents, ReactorError))
    assert (error.identifier, error.args) == (identifier, ("what happened",))


def test_no_class_of_the_tree_is_forgotten_here__lw_189() -> None:
    """The tree of errors has the classes of its contract, and no others."""
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    assert set(CLASSES) == {kind for kind in found if issubclass(kind, ReactorError)}


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_says_what_when_where_and_with_whom__lw_190(kind: type[ReactorError]) -> None:
    """Every error has identifier, phase, system call, number, peer and object; what is not
    known is None.
    """
    connection = object()
    error = kind(
        "what happened",
        identifier="word",
        phase="read",
        situation="recv",
        code=5,
        peer=("192.0.2.1", 80),
        connection=connection,
    )
    assert (error.identifier, error.phase, error.situation) == ("word", "read", "recv")
    assert (error.code, error.peer, error.connection) == (5, ("192.0.2.1", 80), connection)
    assert getattr(error, "errno", 5) == 5
    bare = kind()
    assert {bare.phase, bare.situation, bare.code, bare.peer, bare.connection} == {None}


def test_some_classes_know_more__lw_121_190() -> None:
    """Timeouts know limit, time and bytes, a bind error its address, a connect error its
    attempts.
    """
    late = errors.DeadlinePassed("late", limit=2.0, elapsed=2.5, bytes_moved=7)
    assert (late.limit, late.elapsed, late.bytes_moved) == (2.0, 2.5, 7)
    unlimited = errors.OperationTimeout("late")
    assert (unlimited.limit, unlimited.elapsed, unlimited.bytes_moved) == (None, None, 0)
    assert errors.BindError("busy", address=("::", 80)).address == ("::", 80)
    tries: list[tuple[errors.Address, Exception]] = [(("192.0.2.1", 80), OSError())]
    lost = errors.ConnectTimedOut("no way", attempts=tries, limit=30.0)
    assert (lost.attempts, lost.limit) == (tries, 30.0)


@pytest.mark.parametrize(("word", "names"), ROWS)
def test_an_errno_has_a_word_that_means_the_same_everywhere__cc_61(
    word: str, names: list[str]
) -> None:
    """The `identifier` of a system error does not depend on the system."""
    for name in names:
        error = from_os_error(system_error(getattr(errno, name)), phase="bind", situation="bind")
        assert error.identifier == word, name


def test_windows_has_numbers_of_its_own_for_the_same_words__cc_61(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The numbers of Windows give the same identifiers as those of POSIX."""
    monkeypatch.setattr(errno, "WSAECONNRESET", 10054, raising=False)
    spec = importlib.util.find_spec("reactor.errors")
    assert spec is not None
    assert spec.loader is not None
    there = importlib.util.module_from_spec(spec)  # a second copy: ours stays as it is
    spec.loader.exec_module(there)
    assert there.IDENTIFIERS[10054] == "connection-reset"


@pytest.mark.parametrize(
    ("phase", "number", "kind"),
    [
        ("bind", errno.EADDRINUSE, errors.BindError),
        ("connect", errno.ECONNREFUSED, errors.ConnectionRefused),
        ("connect", errno.ENOENT, errors.NoSuchPath),
        ("connect", errno.EHOSTUNREACH, errors.ConnectError),
        ("connect", errno.ECONNRESET, errors.ConnectError),
        ("accept", errno.EMFILE, errors.AcceptError),
        ("read", errno.ECONNRESET, errors.ConnectionReset),
        ("write", errno.ECONNABORTED, errors.ConnectionAborted),
        ("write", errno.EPIPE, errors.BrokenPipe),
        ("write", errno.ESHUTDOWN, errors.BrokenPipe),
        ("read", errno.EHOSTUNREACH, errors.SocketIOError),
        ("read", errno.ECONNREFUSED, errors.ConnectionRefused),  # a datagram, the one exception
        ("close", errno.ENOTCONN, errors.SocketIOError),
    ],
)
def test_the_phase_and_the_number_choose_the_class__lw_191__cc_63(
    phase: str, number: int, kind: type[SocketError]
) -> None:
    """Before a connection an error is a `SocketCreationError`, on one a `SocketIOError`,
    for a listener neither.
    """
    assert type(from_os_error(system_error(number), phase=phase, situation="call")) is kind


def test_a_timeout_of_the_kernel_is_dead_and_ours_is_not__lw_193() -> None:
    """A timeout of the kernel is `ConnectTimedOut` while connecting, `ConnectionTimedOut`
    on a connection.
    """
    error = system_error(errno.ETIMEDOUT)
    connecting = from_os_error(error, phase="connect", situation="connect")
    connected = from_os_error(error, phase="read", situation="recv")
    assert type(connecting) is errors.ConnectTimedOut
    assert connecting.limit is None
    assert type(connected) is errors.ConnectionTimedOut
    assert not isinstance(connected, errors.OperationTimeout)
    assert isinstance(connecting, TimeoutError)
    assert isinstance(connected, TimeoutError)


def test_a_system_error_keeps_all_it_knew__lw_190__cc_60() -> None:
    """An error made of a system error has its number, system call, peer and object, and the
    original as cause.
    """
    original, channel = system_error(errno.ECONNRESET), object()
    error = from_os_error(
        original, phase="read", situation="recv", peer=("::1", 80), connection=channel
    )
    assert (error.code, error.errno, error.situation) == (errno.ECONNRESET,) * 2 + ("recv",)
    assert (error.phase, error.peer, error.connection) == ("read", ("::1", 80), channel)
    assert error.__cause__ is original


def test_a_bind_error_has_the_local_address_and_no_peer__lw_190() -> None:
    """A `BindError` has in `address` what could not be bound, and no peer."""
    error = from_os_error(
        system_error(errno.EADDRINUSE), phase="bind", situation="bind", peer=("::", 80)
    )
    assert isinstance(error, errors.BindError)
    assert (error.address, error.peer) == (("::", 80), None)


def test_the_text_has_message_peer_phase_call_and_number__lw_197__cc_62() -> None:
    """The text of an error is one line with message, peer, phase, system call and number."""
    number = errno.ECONNREFUSED
    error = from_os_error(
        system_error(number), phase="connect", situation="connect", peer=("::1", 80)
    )
    text = (
        f"{os.strerror(number)} (peer [::1]:80, phase connect, system call connect, error {number})"
    )
    assert str(error) == text
    assert repr(error) == f"ConnectionRefused({text!r})"


def test_the_text_of_a_timeout_has_the_seconds_that_were_allowed__lw_197() -> None:
    """The text of a timeout has the seconds that were allowed."""
    error = errors.OperationTimeout("nothing came", phase="read", limit=2.5)
    assert str(error) == "nothing came (phase read, limit 2.5 s)"


def test_text_from_outside_cannot_begin_a_line_of_its_own__lw_197() -> None:
    """In the text of an error what cannot be printed is escaped, in the message and in a
    peer's path.
    """
    error = errors.ConnectionReset("bye\nroot: all is well", peer=("/tmp/\x1b[2J", None))
    assert str(error) == r"bye\nroot: all is well (peer /tmp/\x1b[2J)"
    assert "\n" not in repr(error)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (("192.0.2.1", 80), "192.0.2.1:80"),
        (("2001:db8::1", 80), "[2001:db8::1]:80"),
        (("[2001:db8::1]", "http"), "[2001:db8::1]:http"),
        ((None, "http"), "*:http"),
        (("/run/socket", None), "/run/socket"),
        ((None, None), "unnamed"),
    ],
)
def test_an_address_is_written_as_people_write_it__cc_62(
    address: errors.Address, text: str
) -> None:
    """The text of an error has its peer as host and port, an IPv6 host in brackets, or as a
    path.
    """
    assert errors.address_text(address) == text


def test_a_failure_without_a_number_has_a_text_still() -> None:
    error = from_os_error(OSError("strange"), phase="read", situation="recv")
    assert (str(error), error.identifier) == ("strange (phase read, system call recv)", "unknown")
