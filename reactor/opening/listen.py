"""Listening: from a port, and perhaps an address, to a socket that clients can connect to.

This is done in the calling thread, and at once, so that a program knows when it returns whether
it has the port. It waits only for a port that is busy, and for a name; the thread that runs a loop
waits for neither.
"""

import contextlib
import dataclasses
import functools
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from reactor.arguments import check_callables, check_optional_count
from reactor.channel.socket_channel import ListeningChannel
from reactor.errors import BindError, SocketError, from_os_error
from reactor.loop.collection import WaitStateCollection
from reactor.net.address import (
    Host,
    HostLike,
    IPv6Choice,
    ServiceLike,
    Target,
    family_for_binding,
    read_local,
)
from reactor.net.inquiry import known_addresses
from reactor.net.options import (
    SocketOptions,
    check_reuse_port,
    set_reuse_address,
    set_reuse_port,
    set_v6only,
)
from reactor.net.resolver import Resolver
from reactor.net.socket_address import SocketAddress, any_interface
from reactor.state.drive import wait

INT_MAX: Final = 0x7FFFFFFF  # what listen(2) can be told; the kernel takes less without a word
BACKLOG: Final = 128  # clients that may wait to be accepted; what Linux allows unless told more
INIT_TIMEOUT: Final = 60.0  # seconds that a busy port is worth; a socket in TIME_WAIT takes so long
BIND_RETRY_DELAY: Final = 0.25  # seconds; the contract has a second at most, and people wait for it

Finder: TypeAlias = Callable[[Target, int], Sequence[SocketAddress]]  # may wait

log: Final = logging.getLogger("reactor")


class Place(NamedTuple):
    """Something to bind: `v6only` counts for IPv6, `dual` means that it stands for IPv4 too."""

    address: SocketAddress
    v6only: bool = True
    dual: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """What a listener is to be bound to, and how.

    Args:
        service: a port, its digits, or the name of a service; None or 0 is any free port.
        address: a host in any form, or None for every interface.
        ipv6: "any", "both", True or False; see `accept_tcp`.
        options: for the sockets of the clients; set on the listener, which hands them down.
        backlog: clients that may wait to be accepted; None is 128.
        reuse_port: whether several listeners may share the port.
        init_function: called with the socket between binding and listening.
        init_timeout: seconds that a busy port is tried for; None is 60, or a single try in a
            callback of the loop.
        reuse_address: whether the port may have old connections.
        sock: what is bound instead of a new socket; it belongs to the listener.

    Raises:
        TypeError, ValueError: an argument is wrong. NameLookupFailed: there is no such service.

    Thread: any. Calls back: never. Source: LW-025, LW-027, LW-045 to LW-050.
    """

    service: ServiceLike | None
    address: HostLike | None = None
    ipv6: IPv6Choice = "any"
    options: SocketOptions = dataclasses.field(default_factory=SocketOptions)
    backlog: int | None = None
    reuse_port: bool = False
    init_function: Callable[[socket.socket], object] | None = None
    init_timeout: float | None = None
    reuse_address: bool = True
    sock: socket.socket | None = None

    def __post_init__(self) -> None:
        family_for_binding(self.ipv6, self.place[0])
        check_backlog(self.backlog)
        check_reuse_port(self.reuse_port)
        check_callables(init_function=self.init_function)
        check_init_timeout(self.init_timeout)

    @property
    def place(self) -> tuple[Host | None, int]:
        """The host and the port, read."""
        return read_local(self.address, self.service)

    def prepared(self, find: Finder) -> Callable[[], ListeningChannel]:
        """Look names up, and return what tries once to bind and to listen."""
        places = _places(find, self)
        return lambda: ListeningChannel(_bind_first(places, self))


class Bindable(Protocol):
    """What a listener is to be bound to: a `Binding`, or a path."""

    @property
    def init_timeout(self) -> float | None:
        """Seconds that a busy address is tried for."""

    def prepared(self, find: Finder) -> Callable[[], ListeningChannel]:
        """Return what tries once to bind and to listen; `find` looks names up."""


def listen(collection: WaitStateCollection, binding: Bindable) -> ListeningChannel:
    """Bind and listen; the channel is in no collection yet.

    Args:
        collection: whose loop must not be stopped, and whose resolver is asked.
        binding: what and how.

    Raises:
        BindError: the port or the address cannot be had. NameLookupFailed, OperationTimeout: of
            a name that was given as address. ValueError: the caller is in a callback of the loop
            and this would have to wait. Whatever `init_function` raises.

    Thread: any, which waits. Calls back: `init_function`. Source: LW-027, LW-029, LW-043 to LW-050.
    """
    limit = patience(binding.init_timeout, may_wait_for(collection))
    attempt = binding.prepared(finder(collection))
    give_up = time.monotonic() + limit
    complained = False
    while True:
        try:
            return attempt()
        except BindError as error:
            left = give_up - time.monotonic()
            if error.identifier != "address-in-use" or left <= 0:
                raise
            if not complained:
                log.warning("waiting up to %g s for a busy address: %s", limit, error)
                complained = True
            wait([], min(left, BIND_RETRY_DELAY))


def may_wait_for(collection: WaitStateCollection) -> bool:
    """Return whether the caller may wait: not in a callback of the loop, or in a host's main loop.

    Thread: any. Calls back: never. Source: LW-029, LW-046.
    """
    if collection.owner.thread != threading.get_ident():
        return True
    return not collection.turning and collection.on_earlier is None


def finder(collection: WaitStateCollection) -> Finder:
    """Return what finds the addresses of a target and a family, as `addresses_of` does.

    Thread: any. Calls back: never. Source: LW-029.
    """
    return functools.partial(addresses_of, collection)


def addresses_of(
    collection: WaitStateCollection, target: Target, family: int
) -> list[SocketAddress]:
    """Return the addresses of a host at once; those of a name are waited for.

    Args:
        collection: whose loop must not be stopped, and whose resolver is asked.
        target: host and port.
        family: AF_INET, AF_INET6, or AF_UNSPEC for both.

    Raises:
        ValueError: it is a name, and the caller may not wait. NameLookupFailed, OperationTimeout,
            LimitExceeded: of the name.

    Thread: any, which waits. Calls back: never. Source: LW-029.
    """
    known = known_addresses(collection, target, family)
    if known is not None:
        return known
    if not may_wait_for(collection):
        raise ValueError(
            f"the name {target.host.text!r} cannot be looked up in a callback of the loop:"
            " give an address"
        )
    # One of our own if there is none yet: only the owner may give the collection one.
    resolver: Resolver = collection.resolver or Resolver()
    try:
        return resolver.look_up_blocking(target, family)
    finally:
        if resolver is not collection.resolver:
            resolver.close()


def patience(init_timeout: float | None, may_wait: bool) -> float:
    """Return for how many seconds a busy address may be tried.

    Raises:
        ValueError: the caller is in a callback of the loop, and wants to wait there.

    Thread: any. Calls back: never. Source: LW-046, LW-047.
    """
    if may_wait:
        return INIT_TIMEOUT if init_timeout is None else init_timeout
    if init_timeout:
        raise ValueError(
            "a callback of the loop cannot wait for a busy port: give init_timeout=0, or call"
            " from another thread"
        )
    return 0.0


def check_backlog(backlog: int | None) -> None:
    """Refuse what is no number of clients that may wait.

    Raises:
        TypeError, ValueError: neither None nor a whole number that the system can count.

    Thread: any. Calls back: never. Source: LW-048.
    """
    check_optional_count("backlog", backlog)
    if backlog is not None and backlog > INT_MAX:
        raise ValueError(f"backlog is at most {INT_MAX}, not {backlog}")


def check_init_timeout(value: Any) -> None:
    """Refuse what is no time to wait for a busy address.

    Raises:
        TypeError, ValueError: neither None nor seconds, 0 or more.

    Thread: any. Calls back: never. Source: LW-046.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"init_timeout is seconds, or None, not {value!r}")
    if math.isnan(value) or value < 0:
        raise ValueError(f"init_timeout is 0 seconds or more, not {value!r}")


def _places(find: Finder, binding: Binding) -> list[Place]:
    """Return what may be bound, the best first."""
    host, port = binding.place
    ipv6 = binding.ipv6
    if host is not None:
        target = Target(host, port, binding.service)
        addresses = find(target, family_for_binding(ipv6, host))
        return [Place(address, v6only=ipv6 != "both") for address in addresses]
    ipv4 = Place(any_interface(socket.AF_INET, port))
    if ipv6 is False:
        return [ipv4]
    every = any_interface(socket.AF_INET6, port)
    if ipv6 is True:
        return [Place(every)]
    both = Place(every, v6only=False, dual=True)
    return [both] if ipv6 == "both" else [both, ipv4]


def _bind_first(places: list[Place], binding: Binding) -> socket.socket:
    """Bind the first place that can be had."""
    failures: list[BindError] = []
    for place in places:
        try:
            return _bind(place, binding)
        except BindError as error:
            failures.append(error)
            if place.dual and error.identifier == "address-in-use":
                break  # the system can have both families: IPv4 alone would be half of it
    busy = [error for error in failures if error.identifier == "address-in-use"]
    raise (busy or failures)[-1]


def _bind(place: Place, binding: Binding) -> socket.socket:
    """Make a socket, bind it, and let it listen."""
    address = place.address
    with contextlib.ExitStack() as undo:
        with _bind_errors(address, "socket"):
            made = binding.sock or socket.socket(address.family, socket.SOCK_STREAM)
            sock = undo.enter_context(made)
        with _bind_errors(address, "bind"):
            if binding.reuse_address:
                set_reuse_address(sock, True, phase="bind")
            if binding.reuse_port:
                set_reuse_port(sock, True, phase="bind")
            if address.family == socket.AF_INET6:
                set_v6only(sock, place.v6only, phase="bind")
            binding.options.set_on(sock, phase="bind")
            sock.bind(address.sockaddr)
        if binding.init_function is not None:
            binding.init_function(sock)
        with _bind_errors(address, "listen"):
            sock.listen(binding.backlog or BACKLOG)
        undo.pop_all()
    return sock


@contextlib.contextmanager
def _bind_errors(address: SocketAddress, situation: str) -> Iterator[None]:
    """Let every failure inside be a `BindError` that names the address."""
    try:
        yield
    except BindError as error:
        error.address = error.address or address.pair
        raise
    except SocketError:
        raise
    except OSError as error:
        raise from_os_error(error, phase="bind", situation=situation, peer=address.pair) from error
