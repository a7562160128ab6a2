"""Names: every way to connect, and a name service that is out of order."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from reactor.errors import ConnectError, ConnectTimedOut, SocketError
from reactor.loop.collection import WaitStateCollection
from reactor.net.resolver import Resolver
from reactor.opening.connect import connect_tcp
from reactor.opening.listen import Binding, listen
from reactor.opening.udp import connect_udp, open_udp
from reactor.protocol import Protocol
from reactor.server import connect
from reactor.sockets.make_socket import make_socket
from reactor.stream.opening import open_tcp_stream
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.reactor.opening.network import at
from tests.turns import until

NAME: Final = "host.example"
STUCK: Final = 50
PATIENCE: Final = 20.0  # seconds for another program, or for threads to end


@pytest.fixture
def resolver(clock: ManualClock) -> Iterator[Resolver]:
    """Who hears nothing of any name but "good.example"."""
    end, threads = threading.Event(), []

    def lookup(name: str, *_: object) -> list[tuple[Any, ...]]:
        threads.append(threading.current_thread())
        if name != "good.example":
            end.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "out of order")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    made = Resolver(lookup=lookup, clock=clock, overrides={"given.example": "127.0.0.1"})
    with contextlib.closing(made):
        yield made
        end.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server on this machine."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]


def test_fifty_stuck_look_ups_delay_nobody__lw_029__rel_48(
    collection: WaitStateCollection, clock: ManualClock, resolver: Resolver, port: int
) -> None:
    """While 50 look-ups are stuck, numbers, "localhost" and names with given addresses connect
    without a thread, another name within a second, and each of the 50 fails at its own limit.
    """
    collection.resolver = resolver
    up: list[str] = []
    late: list[object] = []

    def told(state: Any, error: object) -> None:
        if error is None:
            up.append(state.name)
            state.close()
        else:
            late.append(error)

    for number in range(STUCK):
        connect_tcp(collection, f"stuck-{number}.example", port, told)
    assert collection.stats()["lookups"] == STUCK
    for host in ("localhost", "127.0.0.1", 0x7F000001, "given.example") * 25:
        connect_tcp(collection, host, port, told, name=str(host))
    until(collection, lambda: len(up) == 100)  # the clock has not moved
    assert (late, collection.stats()["lookups"]) == ([], STUCK)
    connect_tcp(collection, "good.example", port, told, name="good")
    settle(collection)
    clock.advance(1)
    until(collection, lambda: up[100:] == ["good"])
    assert (late, collection.stats()["lookups"]) == ([], STUCK)
    clock.advance(9)
    until(collection, lambda: len(late) == STUCK)
    assert {(type(error), getattr(error, "phase", None)) for error in late} == {
        (ConnectTimedOut, "resolve")
    }
    assert (collection.stats()["lookups"], resolver.abandoned_count) == (0, STUCK)


def test_a_name_with_given_addresses_needs_no_wait_in_the_loop__lw_029(
    collection: WaitStateCollection, resolver: Resolver
) -> None:
    """A name to which the program gives addresses may be bound inside the loop, where others are
    refused, and datagrams go to it at once.
    """
    collection.resolver = resolver
    opened: list[Any] = []

    def begin() -> None:
        opened.append(open_udp(collection, local_address="given.example"))
        sender = connect_udp(collection, "given.example", opened[0].address[1])
        opened.append(sender.peer_address)
        with contextlib.closing(listen(collection, Binding(0, "given.example"))) as channel:
            opened.append(channel.address[0])
        with pytest.raises(ValueError, match="give an address"):
            listen(collection, Binding(0, "good.example"))

    collection.apply(begin)
    settle(collection)
    receiver, peer, host = opened
    assert (peer, host) == (receiver.address, "127.0.0.1")
    assert resolver.lookup_count == 0


class Telling(Protocol):
    """Tells its peer."""

    def __init__(self, told: list[object]) -> None:
        self.told = told

    def connection_made(self, transport: Transport) -> None:
        """Tell the peer, and go."""
        self.told.append(transport.get_extra_info("peername"))
        transport.close()


def by_a_state(collection: WaitStateCollection, port: int) -> object:
    told: list[Any] = []
    connect_tcp(collection, NAME, port, lambda *answer: told.append(answer))
    settle(collection)  # with the wake-ups behind us, the next one has the answer
    until(collection, lambda: told)
    state, error = told[0]
    peer = state.peer_address
    state.close()
    return error or peer


def by_a_protocol(collection: WaitStateCollection, port: int) -> object:
    told: list[object] = []
    connect(collection, lambda: Telling(told), NAME, port, failed=told.append)
    settle(collection)  # with the wake-ups behind us, the next one has the answer
    until(collection, lambda: told)
    return told[0]


def by_a_stream(_: WaitStateCollection, port: int) -> object:
    try:
        with open_tcp_stream(NAME, port) as stream:
            return stream.peer_address
    except SocketError as error:
        return error


def by_keywords(_: WaitStateCollection, port: int) -> object:
    try:
        with make_socket(remote_host=NAME, remote_port=port) as made:
            return made.peer_address
    except SocketError as error:
        return error


WAYS: Final = [by_a_state, by_a_protocol, by_a_stream, by_keywords]
Way = Callable[[WaitStateCollection, int], object]


@pytest.fixture
def hosts(collection: WaitStateCollection, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The addresses of the name, for all who ask; those that were asked for are taken off."""
    hosts: list[str] = []

    def lookup(*_: object) -> list[tuple[Any, ...]]:
        found, hosts[:] = hosts[:], []
        return [(place.family, 1, 6, "", place.sockaddr) for place in (at(h, 0) for h in found)]

    with contextlib.closing(Resolver(lookup=lookup)) as made:
        collection.resolver = made
        monkeypatch.setattr("reactor.opening.blocking.blocking_resolver", lambda: made)
        yield hosts


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_connect_tries_all_addresses__lw_037_172__cc_017(
    collection: WaitStateCollection, hosts: list[str], port: int, way: Way
) -> None:
    """States, protocols, streams and sockets by keywords try every address of a name."""
    hosts[:] = ["127.0.0.2", "::1", "127.0.0.1"]
    assert way(collection, port) == ("127.0.0.1", port)
    assert way(collection, port) == ("127.0.0.1", port)  # remembered


@pytest.mark.parametrize("way", WAYS)
def test_addresses_that_lead_nowhere_are_asked_for_again__lw_029(
    collection: WaitStateCollection, hosts: list[str], port: int, way: Way
) -> None:
    """A host that has moved is found by the next attempt: addresses of no use are forgotten."""
    hosts[:] = ["127.0.0.2"]
    assert isinstance(way(collection, port), ConnectError)
    hosts[:] = ["127.0.0.1"]
    assert way(collection, port) == ("127.0.0.1", port)


PROGRAM = """
import socket, threading
from reactor import WaitStateCollection, connect_tcp
from reactor.net.resolver import Resolver

def stuck(*question):
    threading.Event().wait()

server = socket.create_server(("127.0.0.1", 0))
collection = WaitStateCollection("stuck", resolver=Resolver(lookup=stuck))

def told(state, error):
    print(state.name, error)
    collection.stop()

for number in range(50):
    connect_tcp(collection, f"stuck-{number}.example", 80, told)
connect_tcp(collection, "localhost", server.getsockname()[1], told, name="localhost")
collection.run()
print(collection.stats()["lookups"])
"""


@pytest.mark.slow
def test_a_program_with_fifty_stuck_look_ups_can_end__rel_48() -> None:
    """A program ends when it wants to, though 50 look-ups of it are stuck and nothing is closed."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (ran.stdout, ran.returncode) == ("localhost None\n50\n", 0), ran.stderr
