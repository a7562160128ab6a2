"""UDP: from addresses as people write them to a datagram channel.

Opening a datagram socket sends nothing and so waits for nobody, save for the name service if an
address is a name: then the calling thread waits, unless it is that of a running loop, which is
refused. A peer that is fixed when the socket is opened is the only one that is heard.
"""

import contextlib
import dataclasses
import socket
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from reactor.arguments import check_callables
from reactor.channel.base import Channel
from reactor.channel.socket_channel import DatagramChannel
from reactor.channel.unresolved import Unresolved
from reactor.deadline import check_timeout
from reactor.errors import SocketCreationError, SocketError, StateClosed, from_os_error
from reactor.loop.collection import WaitStateCollection
from reactor.net.address import (
    HostLike,
    IPv6Choice,
    ServiceLike,
    Target,
    family_for_binding,
    family_for_connecting,
    lookup_port,
    read_local,
    read_target,
)
from reactor.net.inquiry import Found, Inquiry, known_addresses
from reactor.net.name_service import host_not_found
from reactor.net.options import (
    check_reuse_port,
    set_broadcast,
    set_reuse_address,
    set_reuse_port,
    set_v6only,
)
from reactor.net.socket_address import SocketAddress, any_interface
from reactor.opening.listen import Finder, finder
from reactor.state.async_io_state import AsyncIOState
from reactor.state.connection import Callback, closed_error


def open_udp(
    collection: WaitStateCollection,
    *,
    local_address: HostLike | None = None,
    local_port: ServiceLike | None = None,
    ipv6: IPv6Choice = "any",
    broadcast: bool = False,
    reuse_port: bool = False,
    queue_output: bool = True,
    queue_input: bool = False,
    name: Any = None,
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    user_info: Any = None,
) -> AsyncIOState:
    """Open a UDP socket that sends to, and hears, everybody; return its state at once.

    It is bound if there is a local address or port, else by the system when it first sends.

    Args:
        collection: where the state belongs.
        local_address: what to bind, a host in any form; None is every interface.
        local_port: a number, its digits, or a service name; 0 is any free port.
        ipv6: False, True, "both" for one socket of both families, or "any", the default, for the
            family of `local_address`, IPv4 without one.
        broadcast: whether messages may go to broadcast addresses; refused by default.
        reuse_port: whether other sockets may have the same port, as for a group with several
            members on a machine.
        queue_output: whether a second message waits in line; it does by default.
        queue_input: whether a second read waits in line.
        name: any object; shown in the `repr`.
        read_timeout: seconds for reads that bring no limit of their own; None is no limit.
        write_timeout: likewise for messages that are sent.
        user_info: any object; the state's.

    Raises:
        BindError: the local address cannot be had. NameLookupFailed, OperationTimeout: of a name,
            which is waited for. ValueError, TypeError: an argument is wrong, or there is a name and
            the caller is in a callback of the loop. WrongThread, StateClosed, WrongProcess.

    Thread: the owner's. Calls back: never. Source: LW-105, LW-114, LW-029.
    """
    collection.owner.check()
    endpoint = Endpoint(
        local_address, local_port, ipv6=ipv6, broadcast=broadcast, reuse_port=reuse_port
    )
    settings = Settings(name, queue_output, queue_input, read_timeout, write_timeout, user_info)
    return settings.state(collection, open_udp_channel(finder(collection), endpoint))


def connect_udp(
    collection: WaitStateCollection,
    host: HostLike,
    service: ServiceLike,
    callback: Callback | None = None,
    *,
    local_address: HostLike | None = None,
    local_port: ServiceLike | None = None,
    ipv6: IPv6Choice = "any",
    broadcast: bool = False,
    queue_output: bool = True,
    queue_input: bool = False,
    name: Any = None,
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    user_info: Any = None,
) -> AsyncIOState:
    """Open a UDP socket for one peer, who alone is heard; return its state at once.

    A host name is looked up off the loop. Messages may be sent and received meanwhile: they wait
    for it, and end with its error if it fails.

    Args:
        collection: where the state belongs.
        host: the peer, in any form.
        service: its port, its digits, or a service name.
        callback: gets `(state, None)` later, when messages can go; or `(state, error)` if the look-
            up, or what comes after it, has failed, or the state was closed meanwhile. None tells
            nobody.
        local_address: as in `open_udp`.
        local_port: as in `open_udp`.
        ipv6: "any", True or False: the family of `host` if that is text.
        broadcast: as in `open_udp`.
        queue_output: as in `open_udp`.
        queue_input: as in `open_udp`.
        name: as in `open_udp`.
        read_timeout: as in `open_udp`.
        write_timeout: as in `open_udp`.
        user_info: as in `open_udp`.

    Raises:
        BindError, ConnectError: of an address, at the call. NameLookupFailed: there is no such
            address or service. ValueError, TypeError: as `open_udp`, and no host or port 0.
            WrongThread, StateClosed, WrongProcess.

    Thread: the owner's. Calls back: never before it returns. Source: LW-106, LW-107, LW-026.
    """
    collection.owner.check()
    check_callables(callback=callback)
    target = read_target(host, service, "udp")
    family = family_for_connecting(ipv6, target.host)
    endpoint = Endpoint(local_address, local_port, host, service, broadcast=broadcast)
    settings = Settings(name, queue_output, queue_input, read_timeout, write_timeout, user_info)
    own = _own_addresses(finder(collection), endpoint)
    known = known_addresses(collection, target, family)
    if known is None:
        state = settings.state(collection, Unresolved())
        Locating(state, endpoint, own, family, callback)
        return state
    state = settings.state(collection, _open_first(endpoint, _places(endpoint, own, known)))
    if callback is not None:
        state.later(_tell, callback, state)
    return state


def _tell(callback: Callback, state: AsyncIOState) -> None:
    """Tell that messages can go, unless the state has been closed since."""
    closed = closed_error(state, "before its callback was called") if state.closed else None
    callback(state, closed)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What a state is made with.

    Raises:
        TypeError, ValueError: a limit is none; before there is a socket, or a path.

    Thread: any. Calls back: never. Source: LW-069, LW-105, LW-200.
    """

    name: Any
    queue_output: bool
    queue_input: bool
    read_timeout: float | None
    write_timeout: float | None
    user_info: Any

    def __post_init__(self) -> None:
        check_timeout("read_timeout", self.read_timeout)
        check_timeout("write_timeout", self.write_timeout)

    def state(self, collection: WaitStateCollection, channel: Channel) -> AsyncIOState:
        """Make the state of a channel, which is closed if that fails.

        Its object is the socket, and None as long as there is none.
        """
        try:
            state = AsyncIOState(
                collection,
                channel,
                name=self.name,
                queue_output=self.queue_output,
                queue_input=self.queue_input,
                read_timeout=self.read_timeout,
                write_timeout=self.write_timeout,
                user_info=self.user_info,
                direction="datagram",
            )
        except BaseException:
            channel.close()
            raise
        state.object = channel.sock if isinstance(channel, DatagramChannel) else None
        return state


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a datagram socket is bound, whom it speaks to, and how.

    Args:
        local_address: a host in any form, or None for every interface.
        local_port: a port, its digits or a service name; 0 is any free port. With neither of both
            the system binds the socket when it sends.
        remote_address: the only peer, in any form; None leaves the socket open to everybody.
        remote_port: the port of that peer.
        ipv6: False, True, "both" for one socket of both families, or "any" for the family of the
            addresses, IPv4 without one. Beside an address "both" is as "any".
        broadcast: whether it may send to broadcast addresses.
        reuse_port: whether several sockets may share the port.
        reuse_address: whether the port may be one that was in use a moment ago.
        sock: what is bound and connected instead of a new socket; it belongs to the endpoint.

    Raises:
        TypeError, ValueError: an argument is wrong. NameLookupFailed: there is no such service.

    Thread: any. Calls back: never. Source: LW-025, LW-105, LW-106, LW-114, PR-16.
    """

    local_address: HostLike | None = None
    local_port: ServiceLike | None = None
    remote_address: HostLike | None = None
    remote_port: ServiceLike | None = None
    ipv6: IPv6Choice = "any"
    broadcast: bool = False
    reuse_port: bool = False
    reuse_address: bool = False
    sock: socket.socket | None = None

    def __post_init__(self) -> None:
        local = self.local
        family_for_binding(self.ipv6, None if local is None else local.host)
        check_reuse_port(self.reuse_port)
        if self.remote is None and self.remote_port is not None:
            raise ValueError(f"remote_port={self.remote_port!r} needs a remote_address")

    @property
    def local(self) -> Target | None:
        """The local host and port; None if there is no host."""
        host, port = read_local(self.local_address, self.local_port, "udp")
        return None if host is None else Target(host, port, self.local_port)

    @property
    def remote(self) -> Target | None:
        """The peer; None if the socket is open to everybody."""
        if self.remote_address is None:
            return None
        return read_target(self.remote_address, self.remote_port, "udp")  # type: ignore[arg-type]  # it refuses None


class Place(NamedTuple):
    """One way to open an endpoint."""

    family: int
    local: SocketAddress | None
    remote: SocketAddress | None


class Locating:
    """What stands for a state while its peer is looked up: it brings the channel, or the error.

    Args:
        state: over an `Unresolved` channel.
        endpoint: where and how.
        own: the addresses to bind.
        family: of the peer.
        callback: the user's, or None.

    Thread: the owner's. Calls back: `callback`, from the loop only. Source: LW-107.
    """

    __slots__ = ("_callback", "_endpoint", "_inquiry", "_own", "_state")

    def __init__(
        self,
        state: AsyncIOState,
        endpoint: Endpoint,
        own: Sequence[SocketAddress],
        family: int,
        callback: Callback | None,
    ) -> None:
        self._state = state
        self._endpoint = endpoint
        self._own = own
        self._callback = callback
        state.face = self
        state.collection.held.add(self)
        assert endpoint.remote is not None, "it has a name"
        self._inquiry = Inquiry(state.collection, endpoint.remote, family, self._found)

    def cancel(self, status: StateClosed | None) -> None:
        """Give up: the state has been closed, and `callback` is told so unless `status` is None."""
        self._inquiry.cancel()
        self._state.collection.held.discard(self)
        if status is not None and self._callback is not None:
            self._state.later(self._callback, self._state, status)

    def close(self) -> None:
        """Close the state, and say nothing; for the collection's end."""
        self._state.close_silently()

    def collection_closed(self) -> None:
        """Give up, and say nothing."""
        self._inquiry.cancel()

    def failed(self, exception: Exception) -> bool:
        """Leave an exception of a callback to the error handler."""
        return False

    def _found(self, answer: Found) -> None:
        state, error = self._state, None
        state.collection.held.discard(self)
        try:
            if isinstance(answer, SocketError):
                raise answer
            channel = _open_first(self._endpoint, _places(self._endpoint, self._own, answer))
        except SocketError as failure:
            error = failure
            error.connection = state
            state.failed_to_connect(error)
        else:
            state.connected(channel)
            state.object = channel.sock
        if self._callback is not None:
            state.later(self._callback, state, error)


def open_udp_channel(find: Finder, endpoint: Endpoint) -> DatagramChannel:
    """Open a datagram socket, bound and connected as told; it is in no collection yet.

    Args:
        find: returns the addresses of a target; it may wait.
        endpoint: where and how.

    Raises:
        BindError: the local address cannot be had. ConnectError: there is no way to the peer.
        NameLookupFailed, OperationTimeout: of a name that was given as address. ValueError: there
            is such a name, and the caller is in a callback of the loop.

    Thread: any, which waits for names. Calls back: never. Source: LW-029, LW-105, LW-106.
    """
    own: Sequence[SocketAddress] = _own_addresses(find, endpoint)
    peers: Sequence[SocketAddress] = ()
    if endpoint.remote is not None:
        family = family_for_binding(endpoint.ipv6, None)
        peers = find(endpoint.remote, family)
    return _open_first(endpoint, _places(endpoint, own, peers))


def _open_first(endpoint: Endpoint, places: list[Place]) -> DatagramChannel:
    """Open the first place that can be had."""
    failures: list[SocketCreationError] = []
    for place in places:
        try:
            return DatagramChannel(_open(place, endpoint))
        except SocketCreationError as error:
            failures.append(error)
    raise failures[0]


def _own_addresses(find: Finder, endpoint: Endpoint) -> Sequence[SocketAddress]:
    """Return the addresses to bind, those of a name after waiting; none if none was given."""
    local = endpoint.local
    if local is None:
        return []
    return find(local, family_for_binding(endpoint.ipv6, None))


def _places(
    endpoint: Endpoint, own: Sequence[SocketAddress], peers: Sequence[SocketAddress]
) -> list[Place]:
    """Return the ways to open an endpoint; only names have more than one."""
    if peers and own:
        places = [Place(a.family, a, b) for b in peers for a in own if a.family == b.family]
        if not places:
            assert endpoint.remote is not None, "it has the addresses"
            text = "it has no address of the family of local_address"
            raise host_not_found(text, endpoint.remote.given)
        return places
    if peers:
        return [Place(one.family, _any_local(endpoint, one.family), one) for one in peers]
    if own:
        return [Place(one.family, one, None) for one in own]
    family = family_for_binding(endpoint.ipv6, None)
    if family == socket.AF_UNSPEC:
        family = socket.AF_INET6 if endpoint.ipv6 == "both" else socket.AF_INET
    return [Place(family, _any_local(endpoint, family), None)]


def _any_local(endpoint: Endpoint, family: int) -> SocketAddress | None:
    """Return what to bind without a local address: the port, if there is one."""
    if endpoint.local_port is None:
        return None
    return any_interface(family, lookup_port(endpoint.local_port, "udp"))


def _open(place: Place, endpoint: Endpoint) -> socket.socket:
    family, local, remote = place
    phase = "bind" if remote is None else "connect"
    with contextlib.ExitStack() as undo:
        with _failing(phase, "socket", remote or local):
            made = endpoint.sock or socket.socket(family, socket.SOCK_DGRAM)
            sock = undo.enter_context(made)
        sock.setblocking(False)
        if family == socket.AF_INET6:
            mapped = any(one is not None and one.is_mapped for one in (local, remote))
            set_v6only(sock, endpoint.ipv6 != "both" and not mapped, phase=phase)
        if endpoint.broadcast:
            set_broadcast(sock, True, phase=phase)
        if endpoint.reuse_address:
            set_reuse_address(sock, True, phase=phase)
        if endpoint.reuse_port:
            set_reuse_port(sock, True, phase=phase)
        if local is not None:
            with _failing("bind", "bind", local):
                sock.bind(local.sockaddr)
        if remote is not None:
            with _failing("connect", "connect", remote):
                sock.connect(remote.sockaddr)
        undo.pop_all()
    return sock


@contextlib.contextmanager
def _failing(phase: str, situation: str, address: SocketAddress | None) -> Iterator[None]:
    """Let a failure inside be one of our tree, with the address."""
    try:
        yield
    except OSError as error:
        if isinstance(error, SocketError):
            raise
        peer = None if address is None else address.pair
        raise from_os_error(error, phase=phase, situation=situation, peer=peer) from error
