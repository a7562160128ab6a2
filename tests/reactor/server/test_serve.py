"""serve: a protocol for every client."""

from __future__ import annotations

import contextvars
import socket
from typing import Any, Final

import pytest

from reactor.channel.socket_channel import SocketChannel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import TLSEngine
from reactor.channel.tls_settings import ServerTLS
from reactor.errors import BindError, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.server import serve
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.server.conftest import HOST, Services
from tests.recorder import Recorder

WHERE: Final = contextvars.ContextVar("WHERE", default="nowhere")
STEPS: Final = 50  # of a handshake that is stepped by hand


def test_every_client_gets_a_protocol_of_its_own__pr_3(services: Services) -> None:
    """`serve` calls the factory once for each client, and `connections` has those that are up."""
    service = services()
    first, second = service.call(), service.call()
    assert len(service.protocols) == 2
    assert service.server.connections == {one.transport for one in service.protocols}
    first.sendall(b"one")
    second.sendall(b"two")
    settle(service.collection)
    assert [one.received for one in service.protocols] == [b"one", b"two"]
    first.close()
    settle(service.collection)
    assert service.server.connections == {service.protocols[1].transport}
    assert service.protocols[0].lost == [None]


def test_the_port_is_bound_before_it_returns__pr_3(collection: WaitStateCollection) -> None:
    """`serve` has bound its port when it returns; the address stays known after closing."""
    server = serve(collection, Recorder, 0, address=HOST)
    with socket.create_connection(server.addresses[0]):
        pass
    port = server.port
    assert server.addresses == [(HOST, port)]
    server.close()
    assert (server.closed, server.port, server.addresses) == (True, port, [(HOST, port)])
    settle(collection)


def test_a_port_that_is_taken_is_told_at_the_call__pr_3(collection: WaitStateCollection) -> None:
    """A port that is taken is a `BindError` of `serve` itself, and nothing is left."""
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BindError) as caught:
            serve(collection, Recorder, port, address=HOST)
    assert caught.value.address == (HOST, port)


def test_a_factory_that_raises_ends_its_connection_only__pr_3(
    services: Services, errors: list[tuple[object, BaseException]]
) -> None:
    """A factory that raises in a server is told once, its client sent away, and the next
    one served.
    """
    moods = [True, False]

    def factory() -> Recorder:
        if moods.pop(0):
            raise KeyError("boom")
        return Recorder()

    service = services(factory)
    client = service.call()
    settle(service.collection)
    assert client.recv(1) == b""
    assert [type(error) for _, error in errors] == [KeyError]
    service.call().sendall(b"x")
    settle(service.collection)
    assert [one.received for one in service.protocols] == [b"x"]


def test_pause_and_resume__pr_3(services: Services) -> None:
    """While a server is paused nobody is accepted and nobody refused; both verbs may come twice."""
    service = services()
    service.server.pause()
    service.server.pause()
    client = service.call()
    client.sendall(b"waits")
    settle(service.collection)
    assert service.protocols == []
    service.server.resume()
    service.server.resume()
    settle(service.collection)
    assert [one.received for one in service.protocols] == [b"waits"]


def test_the_factory_comes_after_the_handshake__pr_3(
    services: Services, certificates: Certificates
) -> None:
    """With TLS a server calls its factory after the handshake."""
    service = services(tls=ServerTLS(certificates.localhost))
    client = service.call()
    assert service.protocols == []
    engine = TLSEngine(
        certificates.client_context(), server_side=False, server_hostname="localhost"
    )
    channel = TLSChannel(SocketChannel(client), engine)
    for _ in range(STEPS):
        if channel.handshake():
            break
        settle(service.collection)
    settle(service.collection)
    (protocol,) = service.protocols
    assert protocol.transport.get_extra_info("cipher") is not None
    channel.write(b"protected")
    channel.flush()
    settle(service.collection)
    assert protocol.received == b"protected"


def test_facts_of_a_connection__pr_10(services: Services) -> None:
    """`get_extra_info` gives addresses as pairs, the socket, and the default for what there
    is not.
    """
    service = services()
    client = service.call()
    transport = service.protocols[0].transport
    assert transport.get_extra_info("sockname") == client.getpeername()
    assert transport.get_extra_info("peername") == client.getsockname()
    assert isinstance(transport.get_extra_info("socket"), socket.socket)
    assert transport.get_extra_info("socket").getpeername() == client.getsockname()
    assert transport.get_extra_info("cipher", "none") == "none"
    assert transport.get_extra_info("nonsense") is None


def test_hooks_have_the_context_of_serve__lw_021(services: Services) -> None:
    """Every hook of a server's protocols sees the context in which `serve` was called."""
    seen = list[str]()
    context = contextvars.copy_context()
    context.run(WHERE.set, "here")

    def protocol() -> Recorder:
        seen.append(WHERE.get())
        look: Any = lambda transport: seen.append(WHERE.get())  # noqa: E731  # short
        return Recorder(connection_made=look, data_received=look, connection_lost=look)

    service = context.run(services, protocol)
    client = service.call()
    client.sendall(b"x")
    settle(service.collection)
    client.close()
    settle(service.collection)
    assert seen == ["here"] * 4


def test_a_closing_collection_ends_server_and_connections__pr_3__pr_4(
    collection: WaitStateCollection, services: Services
) -> None:
    """`collection.close()` frees a server's port, makes every last call, and ends a drain."""
    service = services()
    client = service.call()
    drained = service.server.close(drain_timeout=None)
    service.protocols[0].transport.pause_reading()
    other = services()
    other.call()
    collection.close()
    assert drained.result(0) == 0
    assert [type(one) for one in other.protocols[0].lost] == [StateClosed]
    assert (other.server.closed, other.server.connections) == (True, frozenset())
    assert client.recv(1) == b""
