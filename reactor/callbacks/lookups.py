"""Look-ups by callbacks: the addresses of a name, and the names of an address.

The resolver of the collection is asked, so whatever is true of it is true here: numbers need no
thread, names to which the program has given addresses are not asked for, and what was looked up a
moment ago is remembered.
"""

import socket
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from reactor.arguments import check_callables, check_callback
from reactor.callbacks.handlers import EventCallback, log_event
from reactor.deadline import NEVER, check_timeout
from reactor.errors import Address, ReactorError, address_text, escaped
from reactor.loop.collection import WaitStateCollection
from reactor.loop.wait_state import call, current_context
from reactor.net.address import HostLike, ServiceLike, Target, lookup_port, read_host
from reactor.net.inquiry import Asking, Found, FoundNames, Inquiry, NameInquiry
from reactor.net.resolver import LOOKUP_TIMEOUT

AddressCallback: TypeAlias = Callable[[str, int], object]
NameCallback: TypeAlias = Callable[[str, str], object]
Family: TypeAlias = Literal["any", "internet", "internet6"]

FAMILIES: Final[dict[str, int]] = {
    "any": socket.AF_UNSPEC,
    "internet": socket.AF_INET,
    "internet6": socket.AF_INET6,
}


def dns_lookup(
    collection: WaitStateCollection,
    host: HostLike,
    resolve_cb: AddressCallback,
    event_cb: EventCallback | None = None,
    *,
    family: Family = "any",
    timeout: float | None = LOOKUP_TIMEOUT,
) -> "PendingLookup":
    """Look the address of a host up: that which a connection to it would try first.

    Args:
        collection: whose resolver is asked, and whose loop calls back.
        host: a name, or any numeric form of an address.
        resolve_cb: called once with the address as numeric text, and its family:
            `socket.AF_INET` or `socket.AF_INET6`.
        event_cb: called instead with a `NameLookupFailed`, a `LimitExceeded` if too many look-ups
            are stuck, an `OperationTimeout`, or a `StateClosed` if somebody closes the resolver
            meanwhile; by default the log is told.
        family: "internet" for IPv4 only, "internet6" for IPv6 only, "any" by default.
        timeout: seconds, waiting for a thread included, 10 by default; None awaits the verdict of
            the system.

    Returns:
        The look-up; its `cancel()` ends it, and then nothing is called.

    Raises:
        TypeError, ValueError: an argument is wrong. WrongThread, StateClosed, WrongProcess: as
            every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: CL-79 to CL-81.
    """
    collection.owner.check()
    if family not in FAMILIES:
        raise ValueError(f"family is one of {', '.join(map(repr, FAMILIES))}, not {family!r}")
    lookup = PendingLookup(collection, (host, None), resolve_cb, event_cb)
    lookup.begin(
        Inquiry(
            collection,
            Target(read_host(host), 0, None),
            FAMILIES[family],
            lookup.found,
            limit=_limit(timeout),
        )
    )
    return lookup


def reverse_dns_lookup(
    collection: WaitStateCollection,
    address: HostLike | tuple[HostLike, ServiceLike],
    resolve_cb: NameCallback,
    event_cb: EventCallback | None = None,
    *,
    timeout: float | None = LOOKUP_TIMEOUT,
) -> "PendingLookup":
    """Look the name of an address up, and that of the service at its port.

    Args:
        collection: whose resolver is asked, and whose loop calls back.
        address: any numeric form of a host; or a pair of it and a port, as a `peer_address` is.
        resolve_cb: called once with the name of the host and the name of the service; a service
            without a name is its number, "0" if there was no port.
        event_cb: as in `dns_lookup`.
        timeout: as in `dns_lookup`.

    Returns:
        The look-up; its `cancel()` ends it, and then nothing is called.

    Raises:
        TypeError, ValueError: an argument is wrong; a name is no address. NameLookupFailed: there
            is no such service. WrongThread, StateClosed, WrongProcess: as every verb of a
            collection.

    Thread: the owner's. Calls back: never before it returns. Source: CL-82.
    """
    collection.owner.check()
    host, service = address if isinstance(address, tuple) else (address, None)
    port = 0 if service is None else lookup_port(service, "tcp")
    lookup = PendingLookup(collection, (host, service), resolve_cb, event_cb)
    lookup.begin(
        NameInquiry(
            collection,
            Target(read_host(host, "address"), port, service),
            lookup.found_names,
            limit=_limit(timeout),
        )
    )
    return lookup


class PendingLookup:
    """A look-up under way, made by `dns_lookup` or `reverse_dns_lookup`.

    Thread: the owner's. Calls back: `resolve_cb` or `event_cb`, once, from the loop only.
    Source: CL-53, CL-79 to CL-82.
    """

    __slots__ = ("_collection", "_context", "_event_cb", "_given", "_inquiry", "_resolve_cb")

    def __init__(
        self,
        collection: WaitStateCollection,
        given: Address,
        resolve_cb: Callable[..., object],
        event_cb: EventCallback | None,
    ) -> None:
        check_callback(resolve_cb, "resolve_cb")
        check_callables(event_cb=event_cb)
        self._collection = collection
        self._given = given
        self._resolve_cb = resolve_cb
        self._event_cb = log_event if event_cb is None else event_cb
        self._context = current_context()
        self._inquiry: Asking[Any] | None = None

    def begin(self, inquiry: Asking[Any]) -> None:
        """Be answered by an inquiry. For the two verbs.

        Thread: the owner's. Calls back: never. Source: CL-79, CL-82.
        """
        self._inquiry = inquiry

    def cancel(self) -> bool:
        """End it: no callback comes any more; false if one has come, or this was done before.

        Raises:
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never. Source: CL-79.
        """
        self._collection.owner.check(over=True)
        inquiry, self._inquiry = self._inquiry, None
        return inquiry is not None and inquiry.cancel()

    def found(self, answer: Found) -> None:
        """Tell the first of the addresses, or the failure. For the inquiry.

        Thread: the owner's. Calls back: the program's, in here. Source: CL-79, CL-80.
        """
        if isinstance(answer, ReactorError):
            self._fail(answer)
        else:
            self._tell(self._resolve_cb, answer[0].pair[0], answer[0].family)

    def found_names(self, answer: FoundNames) -> None:
        """Tell the names, or the failure. For the inquiry.

        Thread: the owner's. Calls back: the program's, in here. Source: CL-82.
        """
        if isinstance(answer, ReactorError):
            self._fail(answer)
        else:
            self._tell(self._resolve_cb, *answer)

    def _fail(self, event: ReactorError) -> None:
        event.connection = self
        self._tell(self._event_cb, event)

    def _tell(self, callback: Callable[..., object], *arguments: Any) -> None:
        self._inquiry = None
        try:
            call(callback, arguments, self._context)
        except Exception as exception:  # noqa: BLE001  # user code
            self._collection.report(self, exception)

    def __repr__(self) -> str:
        state = "over" if self._inquiry is None else "open"
        return f"<PendingLookup of {escaped(address_text(self._given))} {state}>"


def _limit(timeout: float | None) -> float:
    limit = check_timeout("timeout", timeout)
    return NEVER if limit is None else limit
