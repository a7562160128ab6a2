"""asyncore: the module of that name, which left Python with 3.12, on a collection.

Old programs run unchanged: their `import asyncore` becomes

    from reactor.compat import asyncore

What is here does what its name has always done, and is told once more in a few words only; the
page "From asyncore" has what is different, and what comes next. Nothing else in this library keeps
state in a module. This does, because `socket_map` is what old programs look for.
"""

import contextlib
import math
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from errno import (
    EAGAIN,
    EALREADY,
    EBADF,
    ECONNABORTED,
    ECONNRESET,
    EINPROGRESS,
    EINVAL,
    EISCONN,
    ENOTCONN,
    EPIPE,
    ESHUTDOWN,
    EWOULDBLOCK,
)
from types import TracebackType
from typing import Any, Final, TypeAlias, TypeVar

from reactor.compat.residents import Dispatcher, Members, Resident, Residents, urgent
from reactor.compat.residents import ExitNow as ExitNow  # under their old names, for programs
from reactor.compat.residents import read as read
from reactor.compat.residents import write as write
from reactor.compat.socket_map import SocketMap as SocketMap
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate

# The bits of poll(2), the same on every system that has it.
POLLIN: Final = 1
POLLPRI: Final = 2
POLLOUT: Final = 4
POLLERR: Final = 8
POLLHUP: Final = 16
POLLNVAL: Final = 32

SEND_SIZE: Final = 65536  # bytes that one call offers to the kernel

_DISCONNECTED: Final = frozenset(
    {ECONNRESET, ENOTCONN, ESHUTDOWN, ECONNABORTED, EPIPE, EBADF}
)  # what says that the connection is gone
_CONNECTING: Final = frozenset({EINPROGRESS, EALREADY, EWOULDBLOCK})

Hook = TypeVar("Hook", bound=Callable[..., object])
Place: TypeAlias = tuple[str, str, str]

# Where a dispatcher lives that is given no map. Programs may set another one.
socket_map: Members = {}

_exception: Final = urgent


def readwrite(obj: Dispatcher, flags: int) -> None:
    """Tell a dispatcher what poll(2) has found.

    A connection that is gone goes to its `handle_close`, any other error to its `handle_error`.

    Args:
        obj: a dispatcher, or an object with its methods.
        flags: the bits of poll(2).

    Raises:
        ExitNow: its handler wants to leave the loop.

    Thread: the owner's. Calls back: the dispatcher. Source: asyncore.
    """
    try:
        if flags & POLLIN:
            obj.handle_read_event()
        if flags & POLLOUT:
            obj.handle_write_event()
        if flags & POLLPRI:
            obj.handle_expt_event()
        if flags & (POLLHUP | POLLERR | POLLNVAL):
            obj.handle_close()
    except ExitNow:
        raise
    except OSError as error:
        if error.errno in _DISCONNECTED:
            obj.handle_close()
        else:
            obj.handle_error()
    except Exception:  # noqa: BLE001  # user code: its own handler is told
        obj.handle_error()


def loop(
    timeout: float | None = 30.0,
    use_poll: bool = False,
    map: Members | None = None,
    count: int | None = None,
) -> None:
    """Serve the dispatchers of a map, until there are none.

    A plain map is served by a collection that is made for this call; a `SocketMap` by its own. A
    handler may call this again; of a `SocketMap`, whose turns do not nest, it may not.

    Args:
        timeout: seconds after which each dispatcher is asked again though nothing has happened;
            default 30. None, or a number below 0, waits until something does.
        use_poll: without effect: the best selector of the system is used always.
        map: dispatchers by descriptor; None, the default, stands for `socket_map`.
        count: how many turns to take at most; None, the default, is no limit.

    Raises:
        ExitNow, Exception: whatever leaves a dispatcher's `handle_error`, unless the error handler
            of a `SocketMap`'s collection takes it. OperationInProgress: that collection is in a
            turn.

    Thread: any; of a `SocketMap`, the owner's. Calls back: the dispatchers. Source: asyncore.
    """
    members = socket_map if map is None else map
    span = None if timeout is None or timeout < 0 else timeout
    left = math.inf if count is None else count
    while members and left > 0:
        with _lodging(members) as residents:
            # In a child that was forked by a handler the collection is not ours: there, anew.
            while members and left > 0 and residents.collection.alive:
                residents.turn(span)
                left -= 1


def poll(timeout: float | None = 0.0, map: Members | None = None) -> None:
    """Take one turn, as `loop` does with a count of 1.

    Args:
        timeout: seconds to wait at most; 0, the default, only looks.
        map: dispatchers by descriptor; None, the default, stands for `socket_map`.

    Raises:
        ExitNow, Exception, OperationInProgress: as `loop`.

    Thread: as of `loop`. Calls back: the dispatchers. Source: asyncore.
    """
    loop(timeout, map=map, count=1)


poll2: Final = poll
poll3: Final = poll


@contextlib.contextmanager
def _lodging(members: Members) -> Iterator[Residents]:
    if isinstance(members, SocketMap):
        members.residents.collection.owner.check_alive()
        yield members.residents
        return
    collection = WaitStateCollection("asyncore", error_handler=propagate)
    collection.owner.claim()
    residents = Residents(collection, members)
    try:
        yield residents
    finally:
        if collection.alive:
            residents.dismiss_all()
            collection.close()


def _ignoring(hook: Hook) -> Hook:
    """Mark a hook that takes no byte out of band."""
    hook.ignores = True  # type: ignore[attr-defined]  # functions have attributes
    return hook


class dispatcher:
    """A socket with a handler for each of its events; to be subclassed.

    Args:
        sock: an open socket; None, the default, leaves that to `create_socket` or `set_socket`.
        map: where it lives; None, the default, stands for the module's `socket_map`.

    Attributes:
        socket: the socket, or None.
        connected, accepting, connecting, closing: what it has come to.
        addr: where it is bound or connected to, or None.
        debug: whether `dispatcher_with_send` logs what it sends.
        ignore_log_types: the kinds of messages that `log_info` drops.
        family_and_type: what `create_socket` was given.

    Raises:
        OSError: the socket is broken.

    Thread: the owner's, which is who calls `loop`. Calls back: the hooks. Source: asyncore.
    """

    debug = False
    connected = False
    accepting = False
    connecting = False
    closing = False
    addr: Any = None
    ignore_log_types: Any = frozenset({"warning"})

    # Not asyncore's: where it lives on collections, one for each loop that is under way.
    _places: tuple[Resident, ...] = ()

    def __init__(self, sock: Any = None, map: Members | None = None) -> None:
        self._map = socket_map if map is None else map
        self._fileno: Any = None
        self.socket: Any = None
        if sock is None:
            return
        sock.setblocking(False)
        self.set_socket(sock, map)
        self.connected = True
        try:
            self.addr = sock.getpeername()
        except OSError as error:
            if error.errno not in (ENOTCONN, EINVAL):
                self.del_channel(map)
                raise
            self.connected = False

    # What it waits for.

    def readable(self) -> bool:
        """Tell whether it wants to hear of input, or of clients; asked before each wait.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        return True

    def writable(self) -> bool:
        """Tell whether it wants to hear of room for output; asked before each wait.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        return True

    # Its socket.

    def create_socket(
        self,
        family: int = socket.AF_INET,
        type: int = socket.SOCK_STREAM,
    ) -> None:
        """Make a socket that does not block.

        Args:
            family: of addresses; default `AF_INET`.
            type: default `SOCK_STREAM`.

        Raises:
            OSError: the system makes none.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        self.family_and_type = family, type
        sock = socket.socket(family, type)
        sock.setblocking(False)
        self.set_socket(sock)

    def set_socket(self, sock: Any, map: Members | None = None) -> None:
        """Use a socket, and go into the map with it.

        Args:
            sock: a socket that does not block, or what has its methods.
            map: where to live; None stands for the map it has.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        self.socket = sock
        self._fileno = sock.fileno()
        self.add_channel(map)

    def add_channel(self, map: Members | None = None) -> None:
        """Go into the map.

        Args:
            map: which one; None stands for the map it has.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        self._leave_places()  # another socket can have the number of the one before it
        (self._map if map is None else map)[self._fileno] = self

    def del_channel(self, map: Members | None = None) -> None:
        """Leave the map; the socket stays open.

        Args:
            map: which one; None stands for the map it has.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        (self._map if map is None else map).pop(self._fileno, None)
        self._leave_places()
        self._fileno = None

    def set_reuse_addr(self) -> None:
        """Take an address over that a dead connection still holds, if the system lets us.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def bind(self, addr: Any) -> None:
        """Give the socket an address.

        Args:
            addr: a socket address of its family.

        Raises:
            OSError: the system refuses it.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        self.addr = addr
        self.socket.bind(addr)

    def listen(self, num: int) -> None:
        """Wait for clients.

        Args:
            num: how many may wait in the kernel.

        Raises:
            OSError: the system refuses it.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        self.accepting = True
        self.socket.listen(num)

    def accept(self) -> tuple[Any, Any] | None:
        """Take the next client: a socket and its address, or None if there is none.

        Raises:
            OSError: the system has no room for it.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        try:
            conn, addr = self.socket.accept()
        except OSError as error:
            if error.errno in (EWOULDBLOCK, ECONNABORTED, EAGAIN):
                return None
            raise
        return conn, addr

    def connect(self, address: Any) -> None:
        """Begin to connect; `handle_connect` tells when it is done.

        Args:
            address: a socket address of its family. A name is looked up here and now, as ever.

        Raises:
            OSError: it has failed already.

        Thread: the owner's. Calls back: `handle_connect`, where there is nothing to wait for.
        Source: asyncore.
        """
        self.connected = False
        self.connecting = True
        code = self.socket.connect_ex(address)
        if code in _CONNECTING or (code == EINVAL and os.name == "nt"):
            self.addr = address
        elif code in (0, EISCONN):
            self.addr = address
            self.handle_connect_event()
        else:
            raise OSError(code, _strerror(code))

    def send(self, data: Any) -> int:
        """Send some of the data, and return how many bytes; 0 if there is no room now.

        Args:
            data: bytes.

        Raises:
            OSError: it has failed, and the connection is not gone.

        Thread: the owner's. Calls back: `handle_close`, if the connection is gone.
        Source: asyncore.
        """
        try:
            size: int = self.socket.send(data)
        except OSError as error:
            if error.errno == EWOULDBLOCK:
                return 0
            if error.errno not in _DISCONNECTED:
                raise
            self.handle_close()
            return 0
        return size

    def recv(self, buffer_size: int) -> bytes:
        """Read some bytes; empty ones if the peer has ended the connection.

        Args:
            buffer_size: how many at most.

        Raises:
            BlockingIOError: there are none now. OSError: it has failed, and the connection is not
            gone.

        Thread: the owner's. Calls back: `handle_close`, at the end. Source: asyncore.
        """
        try:
            data: bytes = self.socket.recv(buffer_size)
        except OSError as error:
            if error.errno not in _DISCONNECTED:
                raise
            data = b""
        if not data:
            self.handle_close()
            return b""
        return data

    def close(self) -> None:
        """Leave the map and close the socket; once more is harmless.

        Raises:
            OSError: the system's, if the connection was not gone anyway.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        self.connected = False
        self.accepting = False
        self.connecting = False
        self.del_channel()
        if self.socket is None:
            return
        try:
            self.socket.close()
        except OSError as error:
            if error.errno not in (ENOTCONN, EBADF):
                raise

    # What it tells people.

    def log(self, message: object) -> None:
        """Write a line to the standard error output.

        Args:
            message: what to write.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        sys.stderr.write(f"log: {message}\n")

    def log_info(self, message: object, type: str = "info") -> None:
        """Write a line to the standard output.

        Args:
            message: what to write.
            type: its kind; those in `ignore_log_types` are dropped.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        if type not in self.ignore_log_types:
            print(f"{type}: {message}")  # noqa: T201  # where old programs look for it

    # What the loop calls.

    def handle_read_event(self) -> None:
        """Turn readiness into the hook that is meant.

        Thread: the owner's. Calls back: `handle_accept`, or `handle_connect`, `handle_read`.
        Source: asyncore.
        """
        if self.accepting:
            self.handle_accept()
            return
        if self.connecting and not self.connected:
            self.handle_connect_event()
        self.handle_read()

    def handle_write_event(self) -> None:
        """Turn readiness into the hook that is meant.

        Thread: the owner's. Calls back: `handle_connect`, `handle_write`. Source: asyncore.
        """
        if self.accepting:
            return
        if self.connecting and not self.connected:
            self.handle_connect_event()
        self.handle_write()

    @_ignoring
    def handle_expt_event(self) -> None:
        """Turn an exceptional condition into the hook that is meant.

        Thread: the owner's. Calls back: `handle_expt`, or `handle_close` after an error.
        Source: asyncore.
        """
        if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.handle_close()
        else:
            self.handle_expt()

    def handle_connect_event(self) -> None:
        """Find out whether the connection is up.

        Raises:
            OSError: it is not, and never will be.

        Thread: the owner's. Calls back: `handle_connect`. Source: asyncore.
        """
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, _strerror(code))
        self.handle_connect()
        self.connected = True
        self.connecting = False

    # The hooks.

    def handle_read(self) -> None:
        """Read: there is input, or the end.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        self.log_info("unhandled read event", "warning")

    def handle_write(self) -> None:
        """Write: there is room for output.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        self.log_info("unhandled write event", "warning")

    @_ignoring
    def handle_expt(self) -> None:
        """Read a byte out of band. Who does not override this is not told, where epoll is.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        self.log_info("unhandled incoming priority event", "warning")

    def handle_connect(self) -> None:
        """Begin to talk: the connection is up.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        self.log_info("unhandled connect event", "warning")

    def handle_accept(self) -> None:
        """Take a client, and give it to `handle_accepted`.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        pair = self.accept()
        if pair is not None:
            self.handle_accepted(*pair)

    def handle_accepted(self, sock: Any, addr: Any) -> None:
        """Talk with a client.

        Args:
            sock: its socket.
            addr: its address.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        sock.close()
        self.log_info("unhandled accepted event", "warning")

    def handle_close(self) -> None:
        """Close: the connection has ended.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        self.log_info("unhandled close event", "warning")
        self.close()

    def handle_error(self) -> None:
        """Log the exception that left a hook, and end the connection.

        Thread: the owner's. Calls back: it is a hook; `handle_close`. Source: asyncore.
        """
        _, kind, value, places = compact_traceback()
        try:
            title = repr(self)
        except Exception:  # noqa: BLE001  # user code: its `__repr__`
            title = f"<__repr__(self) failed for object at {id(self):0x}>"
        self.log_info(
            f"uncaptured python exception, closing channel {title} ({kind}:{value} {places})",
            "error",
        )
        self.handle_close()

    def _leave_places(self) -> None:
        for place in self._places:
            place.depart()

    def __repr__(self) -> str:
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        status = [name.removeprefix("reactor.compat.")]
        if self.accepting and self.addr:
            status.append("listening")
        elif self.connected:
            status.append("connected")
        if isinstance(self.addr, tuple) and len(self.addr) == 2:
            status.append("{}:{}".format(*self.addr))
        elif self.addr is not None:
            status.append(repr(self.addr))
        return f"<{' '.join(status)} at {id(self):#x}>"


class dispatcher_with_send(dispatcher):
    """A dispatcher that keeps what the kernel does not take at once.

    Args:
        sock, map: as of `dispatcher`.

    Attributes:
        out_buffer: the bytes that wait to be sent.

    Thread: the owner's. Calls back: the hooks. Source: asyncore.
    """

    def __init__(self, sock: Any = None, map: Members | None = None) -> None:
        super().__init__(sock, map)
        self.out_buffer = b""

    def initiate_send(self) -> None:
        """Send some of what waits.

        Thread: the owner's. Calls back: as `send` of a dispatcher. Source: asyncore.
        """
        size = dispatcher.send(self, self.out_buffer[:SEND_SIZE])
        self.out_buffer = self.out_buffer[size:]

    def handle_write(self) -> None:
        """Send some of what waits.

        Thread: the owner's. Calls back: as `send` of a dispatcher. Source: asyncore.
        """
        self.initiate_send()

    def writable(self) -> bool:
        """Tell whether something waits to be sent, or to be connected.

        Thread: the owner's. Calls back: it is a hook. Source: asyncore.
        """
        return not self.connected or bool(self.out_buffer)

    def send(self, data: Any) -> int:
        """Send the data, sooner or later; return its size.

        Args:
            data: bytes; copied.

        Thread: the owner's. Calls back: as `send` of a dispatcher. Source: asyncore.
        """
        if self.debug:
            self.log_info(f"sending {data!r}")
        self.out_buffer += data
        self.initiate_send()
        return len(data)


if sys.platform != "win32":

    class file_wrapper:
        """A copy of a descriptor, with the verbs of a socket.

        Args:
            fd: of a pipe, a terminal, a file; copied, so that it stays its owner's.

        Attributes:
            fd: the copy; -1 once it is closed.

        Raises:
            OSError: it cannot be copied.

        Thread: any, one at a time. Calls back: never. Source: asyncore.
        """

        def __init__(self, fd: int) -> None:
            self.fd = os.dup(fd)

        def recv(self, *size: int) -> bytes:
            """Read some bytes.

            Args:
                size: how many at most.

            Thread: any, one at a time. Calls back: never. Source: asyncore.
            """
            return os.read(self.fd, *size)

        def send(self, *data: Any) -> int:
            """Write some of the data; return how many bytes.

            Args:
                data: bytes.

            Thread: any, one at a time. Calls back: never. Source: asyncore.
            """
            return os.write(self.fd, *data)

        read = recv
        write = send

        def getsockopt(self, level: int, optname: int, buflen: int | None = None) -> int:
            """Say that there is no error; of other options a descriptor knows nothing.

            Args:
                level: `SOL_SOCKET`.
                optname: `SO_ERROR`.
                buflen: None.

            Raises:
                NotImplementedError: it is another option.

            Thread: any. Calls back: never. Source: asyncore.
            """
            if (level, optname) == (socket.SOL_SOCKET, socket.SO_ERROR) and not buflen:
                return 0
            raise NotImplementedError("Only asyncore specific behaviour implemented.")

        def fileno(self) -> int:
            """Return the copy of the descriptor.

            Thread: any. Calls back: never. Source: asyncore.
            """
            return self.fd

        def close(self) -> None:
            """Close the copy; once more is harmless.

            Thread: any, one at a time. Calls back: never. Source: asyncore.
            """
            fd, self.fd = self.fd, -1
            if fd >= 0:
                os.close(fd)

        def __del__(self) -> None:
            if self.fd >= 0:
                warnings.warn(f"unclosed file {self!r}", ResourceWarning, 2, source=self)
            self.close()

    class file_dispatcher(dispatcher):
        """A dispatcher of a pipe, a terminal or a file; it does not block from now on.

        Args:
            fd: a descriptor, or an object with `fileno()`; it stays its owner's.
            map: as of `dispatcher`.

        Raises:
            OSError: it cannot be copied.

        Thread: the owner's. Calls back: the hooks. Source: asyncore.
        """

        def __init__(self, fd: Any, map: Members | None = None) -> None:
            super().__init__(None, map)
            self.connected = True
            number = fd.fileno() if hasattr(fd, "fileno") else fd
            self.set_file(number)
            os.set_blocking(number, False)

        def set_file(self, fd: int) -> None:
            """Use a descriptor, and go into the map with a copy of it.

            Args:
                fd: the descriptor.

            Raises:
                OSError: it cannot be copied.

            Thread: the owner's. Calls back: never. Source: asyncore.
            """
            self.set_socket(file_wrapper(fd))


def compact_traceback() -> tuple[Place, type[BaseException], BaseException, str]:
    """Describe the exception that is being handled, in one line.

    Returns:
        The file, function and line where it was raised; its type; itself; and the places that it
        has come through.

    Raises:
        AssertionError: none is being handled.

    Thread: any. Calls back: never. Source: asyncore.
    """
    kind, value, traceback = sys.exc_info()
    if kind is None or value is None or traceback is None:
        raise AssertionError("traceback does not exist")
    places = list(_places_of(traceback))
    return places[-1], kind, value, " ".join("[{}|{}|{}]".format(*place) for place in places)


def _places_of(traceback: TracebackType | None) -> Iterator[Place]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield code.co_filename, code.co_name, str(traceback.tb_lineno)
        traceback = traceback.tb_next


def close_all(map: Members | None = None, ignore_all: bool = False) -> None:
    """Close every dispatcher of a map, and empty it.

    Args:
        map: dispatchers by descriptor; None, the default, stands for `socket_map`.
        ignore_all: whether what their `close` raises is dropped.

    Raises:
        ExitNow, Exception: whatever leaves their `close`, a lost descriptor excepted.

    Thread: the owner's. Calls back: their `close`. Source: asyncore.
    """
    members = socket_map if map is None else map
    for one in list(members.values()):
        try:
            one.close()
        except ExitNow:
            raise
        except Exception as exception:
            lost = isinstance(exception, OSError) and exception.errno == EBADF
            if not lost and not ignore_all:
                raise
    members.clear()


def _strerror(code: int) -> str:
    try:
        return os.strerror(code)
    except (ValueError, OverflowError):
        return f"Unknown error {code}"
