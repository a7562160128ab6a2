"""The border: what the name service answers, and what its failures mean."""

import errno
import socket
from typing import Any

import pytest

from reactor.errors import NameLookupFailed
from reactor.net.name_service import ask_for_addresses, ask_for_name
from reactor.net.socket_address import SocketAddress, loopback

PEER = ("name.example", "http")
FAILURES = [
    ("EAI_AGAIN", "try-again"),
    ("EAI_FAIL", "no-recovery"),
    ("EAI_NONAME", "host-not-found"),
    ("EAI_NODATA", "host-not-found"),
    ("EAI_ADDRFAMILY", "host-not-found"),
    ("EAI_SERVICE", "service-not-found"),
    ("EAI_MEMORY", "unknown"),
    ("EAI_FAMILY", "unknown"),
]


def row(family: int, *sockaddr: Any) -> tuple[Any, ...]:
    """One row as `socket.getaddrinfo` returns it."""
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", sockaddr)


def ask(answer: Any) -> list[SocketAddress]:
    """Ask a name service that has only one answer."""

    def lookup(*_question: Any) -> list[tuple[Any, ...]]:
        if isinstance(answer, Exception):
            raise answer
        rows: list[tuple[Any, ...]] = answer
        return rows

    return ask_for_addresses("name.example", 80, socket.AF_UNSPEC, peer=PEER, lookup=lookup)


def failure(answer: Any) -> NameLookupFailed:
    with pytest.raises(NameLookupFailed) as caught:
        ask(answer)
    return caught.value


def test_the_addresses_come_in_the_order_of_the_system__lw_037() -> None:
    """A name's addresses keep the order of the name service, each once, of the wanted family."""
    six, four = row(socket.AF_INET6, "2001:db8::1", 80, 0, 0), row(socket.AF_INET, "192.0.2.1", 80)
    other = row(socket.AF_INET6 + 1000, "?")
    assert ask([six, other, four, six]) == [
        (socket.AF_INET6, ("2001:db8::1", 80, 0, 0)),
        (socket.AF_INET, ("192.0.2.1", 80)),
    ]


def test_the_name_service_is_asked_once_for_every_address() -> None:
    questions = []

    def lookup(*question: Any) -> list[tuple[Any, ...]]:
        questions.append(question)
        return [row(socket.AF_INET, "192.0.2.1", 80)]

    ask_for_addresses("name.example", 80, socket.AF_INET, lookup=lookup)
    assert questions == [("name.example", 80, socket.AF_INET, socket.SOCK_STREAM)]


@pytest.mark.parametrize("rows", [None, [()], [(socket.AF_INET, 1, 6, "", ("192.0.2.1",))]])
def test_what_is_no_list_of_addresses_is_a_failure__lw_029(rows: Any) -> None:
    """A look-up function that returns nonsense is reported as a failed look-up, like its errors."""
    error = failure(rows)
    assert (error.identifier, error.peer) == ("unknown", PEER)
    assert isinstance(error.__cause__, (TypeError, IndexError, ValueError))


@pytest.mark.parametrize(("number", "identifier"), FAILURES)
def test_a_failed_look_up_has_a_portable_word__cc_083_084(number: str, identifier: str) -> None:
    """The `identifier` of a failed look-up does not depend on the system's numbers."""
    if not hasattr(socket, number):
        pytest.skip(f"this system has no {number}")
    code = getattr(socket, number)
    cause = socket.gaierror(code, "it says no")
    error = failure(cause)
    assert (error.identifier, error.code, error.errno) == (identifier, code, code)
    assert error.__cause__ is cause


def test_a_failed_look_up_says_where_and_for_whom__cc_060__lw_190() -> None:
    """The error of a failed look-up has phase and system call, and as peer host and service
    as given.
    """
    error = failure(socket.gaierror(socket.EAI_NONAME, "it says no"))
    assert (error.phase, error.situation, error.peer) == ("resolve", "getaddrinfo", PEER)
    assert isinstance(error, socket.gaierror)
    assert "name.example:http" in str(error)
    assert "it says no" in str(error)


@pytest.mark.parametrize("name", ["x" * 64 + ".example", "a..b", "\u2028é.example", "\ud800"])
def test_a_name_that_cannot_be_asked_for_is_not_found__cc_083(name: str) -> None:
    """A name with a label that is empty, too long or not allowed by IDNA is an unknown host."""
    with pytest.raises(NameLookupFailed) as caught:
        ask_for_addresses(name, 80, socket.AF_UNSPEC)
    assert caught.value.identifier == "host-not-found"
    assert caught.value.code is None
    assert isinstance(caught.value.__cause__, UnicodeError)


def test_a_look_up_that_fails_below_the_name_service_keeps_its_errno__cc_061() -> None:
    """A look-up that fails in the system itself has the identifier of its errno."""
    error = failure(OSError(errno.EMFILE, "too many open files"))
    assert (error.identifier, error.code) == ("no-descriptors", errno.EMFILE)


def test_the_numbers_of_the_two_tables_do_not_mix__cc_083() -> None:
    """An error of the name service is told by its own table, even where its number is also
    an errno.
    """
    assert failure(socket.gaierror(errno.ECONNREFUSED, "?")).identifier == "unknown"
    assert failure(OSError(socket.EAI_NONAME, "?")).identifier == "unknown"


def test_a_look_up_function_of_the_program_may_raise_anything() -> None:
    cause = RuntimeError("our own mistake")
    error = failure(cause)
    assert (error.identifier, error.code) == ("unknown", None)
    assert error.__cause__ is cause


@pytest.mark.parametrize("rows", [[], [row(socket.AF_INET6 + 1000, "?")]])
def test_no_address_is_no_answer__cc_083(rows: list[tuple[Any, ...]]) -> None:
    """A name without an address that a socket can use is not found."""
    error = failure(rows)
    assert (error.identifier, error.peer) == ("host-not-found", PEER)


def test_an_address_without_a_name_fails__cc_087() -> None:
    """A reverse look-up that finds nothing is a `NameLookupFailed`, never the number as text."""
    asked = []

    def lookup(sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        asked.append((sockaddr, flags))
        raise socket.gaierror(socket.EAI_NONAME, "no name")

    with pytest.raises(NameLookupFailed) as caught:
        ask_for_name(loopback(socket.AF_INET, 7), peer=("127.0.0.1", 7), lookup=lookup)
    assert asked == [(("127.0.0.1", 7), socket.NI_NAMEREQD)]
    assert (caught.value.identifier, caught.value.situation) == ("host-not-found", "getnameinfo")
