"""KnownNames: what a resolver knows about a name without asking.

Two things. *Overrides* are addresses that the program itself gives to a name, as the file of hosts
does for a whole machine. *Answers* are what the name service has said a moment ago: of a name that
was just looked up the same is true, most likely, and a crowd that connects to one host at a time
asks once.

`getaddrinfo` does not tell for how long an answer is good. So the lifetimes are short: 10 seconds
are below the lifetimes that most names have in the DNS, whose own caches keep the answer for longer
anyhow, and a host that has moved is found again by who tries twice. That a name does *not* exist is
believed for one second: enough to slow down a loop of attempts, and nobody who has just created
that name has time to notice. What may be different at the next moment (no answer in time, a
service that is out of order) is not kept at all.
"""

import collections
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from reactor.arguments import check_count
from reactor.deadline import check_timeout, moment
from reactor.errors import NameLookupFailed
from reactor.net.address import HostLike, ServiceLike, Target, lookup_port, read_host
from reactor.net.name_service import host_not_found, retold
from reactor.net.socket_address import SocketAddress

OverrideKey: TypeAlias = str | tuple[str, ServiceLike]
Overrides: TypeAlias = Mapping[Any, HostLike | Iterable[HostLike]]  # by OverrideKey

CACHE_LIMIT: Final = 1024  # answers; some hundred bytes each
POSITIVE_LIFETIME: Final = 10.0  # seconds
NEGATIVE_LIFETIME: Final = 1.0  # seconds


class Answers:
    """The answers of the last seconds; the one that was not asked for longest makes room.

    Args:
        limit: how many are kept; 0 keeps none.
        positive_lifetime: seconds for which addresses are believed; 0 for not at all, None until
            they are forgotten.
        negative_lifetime: likewise that a name does not exist.
        clock: a function without arguments that tells the seconds.

    Raises:
        TypeError, ValueError: a limit or a lifetime is wrong.

    Thread: one at a time. Calls back: never. Source: LW-029.
    """

    __slots__ = ("_answers", "_clock", "_lifetimes", "_limit", "epoch")

    def __init__(
        self,
        limit: int,
        positive_lifetime: float | None,
        negative_lifetime: float | None,
        clock: Callable[[], float],
    ) -> None:
        self._limit = check_count("cache_limit", limit)
        self._lifetimes = {
            False: _read_lifetime("positive_lifetime", positive_lifetime),
            True: _read_lifetime("negative_lifetime", negative_lifetime),
        }
        self._clock = clock
        self._answers: collections.OrderedDict[Any, tuple[Any, float]] = collections.OrderedDict()
        self.epoch = 0  # raised by `forget`: who asked before then has an old answer

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, key: Any) -> bool:
        return self.get(key) is not None

    def get(self, key: Any) -> Any:
        """Return the answer to a question, None if none is known any more."""
        kept = self._answers.get(key)
        if kept is None:
            return None
        answer, until = kept
        if self._clock() >= until:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        return answer

    def keep(self, key: Any, answer: Any) -> None:
        """Keep an answer for its lifetime; a failure only if it says that there is no such name."""
        failed = isinstance(answer, Exception)
        if failed:
            if not isinstance(answer, NameLookupFailed) or answer.identifier != "host-not-found":
                return
            answer = retold(answer, None)  # without the frames that its cause would hold
        lifetime = self._lifetimes[failed]
        if lifetime == 0:
            return
        self._answers[key] = (answer, moment(lifetime, self._clock()))
        self._answers.move_to_end(key)
        if len(self._answers) > self._limit:
            self._answers.popitem(last=False)

    def doubt(self, key: Any) -> None:
        """Believe an answer no longer, for a reason of its own."""
        self._answers.pop(key, None)

    def forget(self, about: Callable[[Any], bool]) -> None:
        """Forget the answers whose question `about` is true of, and distrust what is on its way."""
        self.epoch += 1
        for key in [key for key in self._answers if about(key)]:
            del self._answers[key]

    def __repr__(self) -> str:
        return f"<Answers {len(self)} of at most {self._limit}>"


class OverrideTable:
    """The names to which a program gives addresses itself.

    Args:
        overrides: a host name, or `(name, service)`, and its address or addresses in any numeric
            form; none at all says that there is no such name.

    Raises:
        TypeError, ValueError: a name or an address is none. NameLookupFailed: there is no such
            service, or no such interface.

    Thread: any. Calls back: never. Source: LW-029.
    """

    __slots__ = ("_addresses", "given")

    def __init__(self, overrides: Overrides) -> None:
        self.given = dict(overrides)
        self._addresses = {
            _read_key(key): tuple(_read_addresses(value)) for key, value in overrides.items()
        }

    def addresses(self, target: Target, family: int) -> list[SocketAddress] | None:
        """Return the addresses given to a target, those of its port first; None if there are none.

        Raises:
            NameLookupFailed: it was given none of that family.
        """
        if not self._addresses:
            return None
        name = spelling(target.host.text)
        found = self._addresses.get((name, target.port))
        if found is None:
            found = self._addresses.get((name, None))
        if found is None:
            return None
        kept = [a.at_port(target.port) for a in found if family in (a.family, socket.AF_UNSPEC)]
        if not kept:
            raise host_not_found("an override gives the name no such address", target.given)
        return kept


def spelling(name: str) -> str:
    """Return a host name in the one spelling by which it is found in a table."""
    text = name.removesuffix(".").lower()
    if text.isascii():
        return text
    try:
        return text.encode("idna").decode("ascii").removesuffix(".")  # it may have been another
    except UnicodeError:
        return text  # nobody can ask for it; the look-up says so


def _read_lifetime(name: str, value: float | None) -> float | None:
    """Return a span that may be 0."""
    return 0.0 if value == 0 and not isinstance(value, bool) else check_timeout(name, value)


def _read_key(key: Any) -> tuple[str, int | None]:
    name, service = key if isinstance(key, tuple) else (key, None)
    host = read_host(name, "the name in an override")
    if host.numeric or host.is_localhost:
        raise ValueError(f"{name!r} cannot be overridden: it is never looked up")
    port = None if service is None else lookup_port(service, "tcp")
    return spelling(host.text), port


def _read_addresses(value: Any) -> Iterable[SocketAddress]:
    several = not isinstance(value, str) and isinstance(value, Iterable)
    for one in value if several else (value,):
        host = read_host(one, "the address in an override")
        if not host.numeric:
            raise ValueError(f"an override leads to an address, not to a name such as {one!r}")
        yield Target(host, 0, None).numeric_address()
