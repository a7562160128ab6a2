"""Request: the keywords of `make_socket`, checked together before any system call."""

import dataclasses
import math
import time
from typing import Any, Final

from reactor.arguments import check_count
from reactor.deadline import check_timeout, moment
from reactor.net.options import SocketOptions
from reactor.opening.listen import check_backlog

IPV6: Final = {"internet": False, "internet6": True, "file": False}  # family -> whether it is that
TYPES: Final = ("stream", "datagram")
ROLES: Final = ("active", "passive")
FORMATS: Final = ("text", "binary", "bivalent")

# Clients that may wait to be accepted, of a listener for blocking code (CC-15).
BACKLOG: Final = 5
CONNECT_TIMEOUT_MAX: Final = 1_000_000.0  # seconds (CC-17)


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """The seconds of a socket; `deadline` is a moment.

    Raises:
        TypeError, ValueError: one is wrong.

    Thread: any. Calls back: never. Source: CC-17 to CC-19.
    """

    connect_timeout: float | None
    input_timeout: float | None
    output_timeout: float | None
    deadline: float | None

    def __post_init__(self) -> None:
        check_connect_timeout(self.connect_timeout)
        check_timeout("input_timeout", self.input_timeout)
        check_timeout("output_timeout", self.output_timeout)
        if self.deadline is not None:
            check_moment(self.deadline)

    @property
    def of_waits(self) -> dict[str, Any]:
        """The timeouts of what comes back."""
        return {"read_timeout": self.input_timeout, "write_timeout": self.output_timeout}

    def last_moment(self) -> float:
        """Return until when names may be looked up, and addresses tried, from now."""
        if self.deadline is not None:
            return self.deadline
        return moment(self.connect_timeout, time.monotonic())


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What kind of socket is wanted, where, and with which limits; see `make_socket`.

    Raises:
        TypeError, ValueError: a keyword is wrong, or a required one is missing.

    Thread: any. Calls back: never. Source: CC-01 to CC-19, CC-25.
    """

    address_family: str
    type: str
    connect: str | None
    format: str
    remote: tuple[Any, Any]
    local: tuple[Any, Any]
    paths: tuple[Any, Any]  # remote_filename, local_filename
    options: SocketOptions
    broadcast: bool
    backlog: int
    limits: Limits
    fd: int | None

    def __post_init__(self) -> None:
        one_of("address_family", self.address_family, IPV6)
        one_of("type", self.type, TYPES)
        one_of("format", self.format, FORMATS)
        if self.is_file and self.is_datagram:
            raise ValueError('a socket of type "datagram" is "internet" or "internet6", no "file"')
        if not self.is_datagram:
            one_of("connect", self.role, ROLES)
        check_count("backlog", self.backlog, least=1)
        check_backlog(self.backlog)
        if self.fd is not None:
            check_count("fd", self.fd)
        self._check_required()

    @property
    def is_datagram(self) -> bool:
        """Whether it carries datagrams."""
        return self.type == "datagram"

    @property
    def is_file(self) -> bool:
        """Whether it has a path for an address."""
        return self.address_family == "file"

    @property
    def ipv6(self) -> bool:
        """Whether its addresses are of IPv6."""
        return IPV6[self.address_family]

    @property
    def role(self) -> str:
        """What a stream does: "active" connects, "passive" listens."""
        return "active" if self.connect is None else self.connect

    @property
    def is_passive(self) -> bool:
        """Whether it listens."""
        return not self.is_datagram and self.role == "passive"

    @property
    def remote_path(self) -> Any:
        """The path to connect to, as it was given."""
        return self.paths[0]

    @property
    def local_path(self) -> Any:
        """The path to make, as it was given."""
        return self.paths[1]

    @property
    def connected(self) -> bool:
        """Whether a datagram socket has one peer: only if told so, and told whom."""
        return self.connect == "active" and None not in self.remote

    def _check_required(self) -> None:
        missing = None
        if self.is_datagram or self.fd is not None:
            pass  # neither needs one: what is open already may be connected, or bound
        elif self.is_passive:
            if self.is_file and self.local_path is None:
                missing = "local_filename"
        elif self.is_file:
            if self.remote_path is None:
                missing = "remote_filename"
            elif self.local_path is not None:
                raise ValueError("local_filename is for listeners: what connects has no path")
        elif None in self.remote:
            missing = "remote_host and remote_port"
        if missing is not None:
            raise ValueError(f"a socket that is {self.role} needs {missing}")


def one_of(name: str, value: Any, choices: Any) -> None:
    """Refuse what is none of the words.

    Raises:
        ValueError: it is none of them.

    Thread: any. Calls back: never. Source: CC-01 to CC-05.
    """
    if not isinstance(value, str) or value not in choices:
        words = ", ".join(f'"{word}"' for word in choices)
        raise ValueError(f"{name} is one of {words}, not {value!r}")


def check_connect_timeout(value: Any) -> None:
    """Refuse what is no time to connect in.

    Raises:
        TypeError: it is no number. ValueError: it is not 0 to 1,000,000 seconds.

    Thread: any. Calls back: never. Source: CC-17.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"connect_timeout is seconds, or None, not {value!r}")
    if not 0 <= value <= CONNECT_TIMEOUT_MAX:  # a NaN fails this too
        raise ValueError(f"connect_timeout is 0 to {CONNECT_TIMEOUT_MAX:,.0f} s, not {value!r}")


def check_moment(value: Any) -> None:
    """Refuse what is no moment of `time.monotonic()`.

    Raises:
        TypeError: it is no number. ValueError: it is a NaN.

    Thread: any. Calls back: never. Source: CC-19.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"a deadline is a moment of time.monotonic(), or None, not {value!r}")
    if math.isnan(value):
        raise ValueError("a deadline is a moment of time.monotonic(), not NaN")
