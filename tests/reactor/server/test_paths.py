"""serve and connect on paths: the contract of ports, for protocols on Unix sockets."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    BindError,
    ConnectionRefused,
    ConnectTimedOut,
    NoSuchPath,
    SocketError,
    TLSHandshakeTimeout,
)
from reactor.loop.collection import WaitStateCollection
from reactor.opening.connect import Connecting
from reactor.server import connect, serve
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.server.conftest import Services
from tests.recorder import Recorder

assert sys.platform != "win32", "Python has no Unix sockets there"


class Call:
    """A connection to a path on its way, with everything that may be called."""

    def __init__(self, collection: WaitStateCollection, path: Any, **how: Any) -> None:
        self.near = Recorder()
        self.failures = list[SocketError]()
        self.connecting: Connecting = connect(
            collection, lambda: self.near, path=path, failed=self.failures.append, **how
        )


def said(collection: WaitStateCollection, near: Recorder, far: Recorder) -> bytes:
    """Return what one protocol hears of what the other says."""
    near.transport.write(b"hello")
    settle(collection)
    return far.received[-5:]


@pytest.mark.parametrize("form", [str, os.fsencode, Path])
def test_protocols_talk_over_a_path__pr_2__pr_3__lw_199(
    services: Services, tmp_path: Path, form: Any
) -> None:
    """`serve` and `connect` take `path=` in any form, and two protocols talk over it; ends and
    addresses are as on a port.
    """
    path = tmp_path / "gate"
    service = services(path=form(path))
    call = Call(service.collection, form(path))
    settle(service.collection)
    (far,) = service.protocols
    assert said(service.collection, call.near, far) == b"hello"
    assert said(service.collection, far, call.near) == b"hello"
    assert (service.server.addresses, service.server.port) == ([(str(path), None)], None)
    assert call.near.transport.get_extra_info("peername") == (str(path), None)
    assert str(path) in repr(service.server)
    assert str(path) in repr(call.near.transport)
    call.near.transport.close()
    settle(service.collection)
    assert (call.near.lost, far.lost, call.failures) == ([None], [None], [])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_protocols_talk_over_an_abstract_name__pr_2__pr_3__lw_199(services: Services) -> None:
    """A name of Linux's abstract space serves like a path, and nobody else can have it."""
    name = f"\0waitstate-serve-{os.getpid()}"
    service = services(path=name)
    call = Call(service.collection, name)
    settle(service.collection)
    assert said(service.collection, call.near, service.protocols[0]) == b"hello"
    with pytest.raises(BindError):
        serve(service.collection, Recorder, path=name)


def test_the_path_of_a_dead_server_is_taken_over__pr_3__lw_199__rel_42(
    collection: WaitStateCollection, services: Services, tmp_path: Path
) -> None:
    """`serve` takes a dead server's path over, sets its mode, and removes it when it closes; the
    path of a live one is in use, and is left.
    """
    path = tmp_path / "gate"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))
    service = services(path=path, mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BindError) as caught:
        serve(collection, Recorder, path=path)
    assert caught.value.identifier == "address-in-use"
    assert caught.value.address == (str(path), None)
    service.call()
    assert len(service.protocols) == 1
    service.server.close()
    settle(collection)
    assert not path.exists()


def test_another_file_is_left_alone__pr_3__rel_42(
    collection: WaitStateCollection, services: Services, tmp_path: Path
) -> None:
    """`serve` refuses a path that is no socket, and its end leaves a file that stands where its
    own path was.
    """
    path = tmp_path / "gate"
    path.write_text("precious")
    with pytest.raises(BindError) as caught:
        serve(collection, Recorder, path=path)
    assert caught.value.identifier == "address-in-use"
    path.unlink()
    service = services(path=path)
    path.unlink()
    path.write_text("precious")
    service.server.close()
    settle(collection)
    assert path.read_text() == "precious"


def test_a_closing_collection_removes_the_path__pr_3__lw_199(
    collection: WaitStateCollection, services: Services, tmp_path: Path
) -> None:
    """`collection.close()` removes the path of a server in it."""
    services(path=tmp_path / "gate")
    collection.close()
    assert not (tmp_path / "gate").exists()


def test_paths_without_a_server_are_failures__pr_2__lw_199(
    collection: WaitStateCollection, tmp_path: Path
) -> None:
    """`connect` tells of a missing path as `NoSuchPath`, of one where nobody listens as
    `ConnectionRefused`, each once and later.
    """
    missing = Call(collection, tmp_path / "missing")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(tmp_path / "gate"))
        refused = Call(collection, tmp_path / "gate")
        assert missing.failures == refused.failures == []
        settle(collection)
    assert [type(one) for one in missing.failures] == [NoSuchPath]
    assert [type(one) for one in refused.failures] == [ConnectionRefused]
    assert str(tmp_path / "missing") in str(missing.failures[0])
    assert (missing.near.calls, refused.near.calls) == ([], [])


def test_a_crowded_path_has_a_limit__pr_2__lw_036__lw_199(
    collection: WaitStateCollection, clock: ManualClock, tmp_path: Path
) -> None:
    """`connect` gives a path up at `connect_timeout` if its server never has room."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "gate"))
        server.listen(0)
        calls = [Call(collection, tmp_path / "gate", connect_timeout=5.0) for _ in range(3)]
        settle(collection)
        clock.advance(5.0)
        settle(collection)
        assert [type(one) for one in calls[2].failures] == [ConnectTimedOut]
        calls[0].near.transport.abort()
        settle(collection)


def test_tls_works_over_a_path__pr_2__pr_3__lw_153__lw_199(
    services: Services, certificates: Certificates, tmp_path: Path
) -> None:
    """TLS works for protocols on a path; the name to verify must be given, since there is no
    host, also for a later `start_tls`.
    """
    path, trusting = tmp_path / "gate", ClientTLS(trusted_file=certificates.authority)
    service = services(path=path, tls=ServerTLS(certificates.localhost))
    with pytest.raises(ValueError, match="server_hostname"):
        Call(service.collection, path, tls=trusting)
    call = Call(service.collection, path, tls=trusting, server_hostname="localhost")
    settle(service.collection)
    (far,) = service.protocols
    assert call.near.transport.get_extra_info("cipher") is not None
    assert said(service.collection, call.near, far) == b"hello"
    call.near.transport.close()
    settle(service.collection)
    assert far.transport.close_report.tls_ended is True
    plain = Call(service.collection, path)
    settle(service.collection)
    with pytest.raises(ValueError, match="server_hostname"):
        plain.near.transport.start_tls(trusting)
    plain.near.transport.abort()
    settle(service.collection)


def test_limits_count_on_a_path__pr_3__lw_056__lw_058(
    clock: ManualClock, services: Services, certificates: Certificates, tmp_path: Path
) -> None:
    """Limits of connections and of handshakes are kept on a path, at either end."""
    service = services(path=tmp_path / "gate", connection_limit=1)
    service.call()
    waiting = service.call()
    assert len(service.protocols) == 1
    service.protocols[0].transport.close()
    settle(service.collection)
    assert len(service.protocols) == 2
    waiting.close()
    settle(service.collection)
    tls = ServerTLS(certificates.localhost)
    shaking = services(path=tmp_path / "other", tls=tls, handshake_timeout=2.0)
    client = shaking.call()
    silent = Call(
        service.collection,
        tmp_path / "gate",
        tls=True,
        server_hostname="localhost",
        handshake_timeout=2.0,
    )
    settle(service.collection)
    clock.advance(2.0)
    settle(service.collection)
    assert client.recv(1) == b""
    assert [type(one) for one in silent.failures] == [TLSHandshakeTimeout]


def test_a_call_to_a_path_is_cancelled__pr_2__rel_14(services: Services, tmp_path: Path) -> None:
    """Closing the handle of a `connect` to a path calls nobody."""
    service = services(path=tmp_path / "gate")
    call = Call(service.collection, tmp_path / "gate")
    call.connecting.close()
    settle(service.collection)
    assert (call.near.calls, call.failures) == ([], [])


@pytest.mark.parametrize(
    "word", ["port", "address", "ipv6", "reuse_port", "connection_limit_per_peer"]
)
def test_a_path_has_no_port_to_serve__pr_3(
    collection: WaitStateCollection, tmp_path: Path, word: str
) -> None:
    """What belongs to ports is a `ValueError` of `serve` beside a path, as is a mode without one;
    nothing is bound.
    """
    how: Any = {word: False if word == "ipv6" else 1}
    with pytest.raises(ValueError, match=f"{word} means nothing beside path"):
        serve(collection, Recorder, path=tmp_path / "gate", **how)
    assert not (tmp_path / "gate").exists()
    with pytest.raises(ValueError, match="mode is for a path"):
        serve(collection, Recorder, 0, mode=0o600)


@pytest.mark.parametrize("word", ["host", "port", "local_address", "local_port", "ipv6"])
def test_a_path_has_no_host_to_connect_to__pr_2(
    collection: WaitStateCollection, tmp_path: Path, word: str
) -> None:
    """What belongs to hosts and ports is a `ValueError` of `connect` beside a path; without
    either there is a `TypeError`.
    """
    how: Any = {word: False if word == "ipv6" else 1}
    with pytest.raises(ValueError, match=f"{word} means nothing beside path"):
        connect(collection, Recorder, path=tmp_path / "gate", **how)
    for nowhere in ({}, {"host": "127.0.0.1"}, {"port": 9}):
        with pytest.raises(TypeError, match="a host and a port, or a path"):
            connect(collection, Recorder, **nowhere)
    assert collection.held == set()
