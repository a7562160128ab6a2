"""Many peers at a time, and peers that do not do their part: the others do not notice."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.faults.conftest import Start
from tests.faults.watched import Watched, echoes, hear, hear_some, reset
from tests.scenarios.programs import Program

# Many connections in a process that can be killed; each has input that it does not read.
CALLER: Final = """
import socket, sys
callers = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(200)]
for caller in callers:
    caller.sendall(bytes(1000))
    caller.recv(1)
print("connected", flush=True)
sys.stdin.read()
"""
PIECE: Final = bytes(1 << 16)
TRICKLE: Final = 1 << 20  # bytes; the kernel finds a little room now and then, for 100 as well
SERVED: Final = 1.0  # seconds within which somebody is served, whatever the others do
IDLE: Final = 0.05  # of the processor; what a process that has nothing to do stays under
STALLED: Final = 0.5  # likewise, with 100 who do not read

if os.name == "nt":
    pytest.skip("Windows has no signals that stop and kill", allow_module_level=True)
assert sys.platform != "win32"  # says the same to mypy

pytestmark = pytest.mark.slow  # each has a server of its own, and looks at it for a while


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """Closes, at the end, who was entered."""
    with ExitStack() as stack:
        yield stack


def push(clients: Iterable[socket.socket]) -> int:
    """Send until the kernel takes no more of anybody, and return how many bytes it took."""
    taken = 0
    for client in clients:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                taken += client.send(PIECE)
    return taken


def stuff(server: Watched, *clients: socket.socket) -> int:
    """Send until the server does not read either; return how many bytes went."""
    taken = quiet = 0
    while quiet < 2:  # once may be just after it has read
        more = push(clients)
        taken += more
        moved = more + server.share(0.1)["bytes_in"]
        quiet = quiet + 1 if moved < TRICKLE else 0
    return taken


def test_who_sends_and_does_not_read_is_not_read__rel_7(
    start: Start, clients: ExitStack, face: str
) -> None:
    """A peer that never reads is read no more; the loop is idle, and no byte is lost by it."""
    server = start()
    client = clients.enter_context(server.call(face))
    taken = stuff(server, client)
    used = server.share(1.0)
    assert used["cpu"] < IDLE
    assert used["bytes_in"] < TRICKLE
    assert server.figures()["bytes_in"] < taken  # the rest is in the kernel, not with us
    client.setblocking(True)
    client.shutdown(socket.SHUT_WR)
    assert len(hear(client)) == taken


def test_a_protocol_that_writes_on_meets_the_limit__rel_7(start: Start, clients: ExitStack) -> None:
    """If it does not heed `pause_writing` a write is refused at last, and ends its connection."""
    server = start("--careless")
    server.reports = 1
    client, other = (clients.enter_context(server.call("transport")) for _ in range(2))
    with pytest.raises(ConnectionError):
        stuff(server, client)
    echoes(other)
    assert server.ends_of(server.figures()) == {"LimitExceeded": 1}


def test_a_hundred_stalled_readers_delay_nobody__rel_8(
    start: Start, clients: ExitStack, face: str
) -> None:
    """Beside 100 peers that send and do not read another is served at once, with little effort."""
    server = start("--room", "16384")  # or the kernel would take megabytes for each
    stalled = [clients.enter_context(server.call(face, room=4096)) for _ in range(100)]
    stuff(server, *stalled)
    server.types("share 1.0")
    echoes(clients.enter_context(server.call(face, patience=SERVED)), 100)
    assert server.answer("share")["cpu"] < STALLED
    assert server.share(1.0)["cpu"] < IDLE


def test_idle_connections_cost_nothing__rel_9(start: Start, clients: ExitStack, face: str) -> None:
    """With 300 connections on which nothing happens the loop sleeps: not one turn is for them."""
    server = start()
    for _ in range(300):
        echoes(clients.enter_context(server.call(face)))
    used = server.share(1.0)
    assert used["cpu"] < IDLE
    assert used["turns"] <= 2  # the one that answers, and the one that was asked


def test_a_killed_client_is_forgotten__rel_10(start: Start, tmp_path: Path, face: str) -> None:
    """When a process with 200 connections is killed every descriptor comes back."""
    server = start()
    command = (sys.executable, "-c", CALLER, str(server.ports[face]))
    with Program(*command, folder=tmp_path) as client:
        client.expect("connected")
        server.calls += 200
        assert server.figures()["descriptors"] == server.before["descriptors"] + 200
        client.signals(signal.SIGKILL)
        after = server.quiet()
    assert after["descriptors"] == server.before["descriptors"]


def test_who_waits_while_the_process_stands_still_is_served__rel_11(
    start: Start, clients: ExitStack, face: str
) -> None:
    """50 clients that come, and 50 that speak, while it is stopped for 1.5 s are all served.

    Those who were there before have a limit of 1 s without traffic: what they have said meanwhile
    counts, because it is read before anybody is told that it is too late.
    """
    server = start("--idle", "1.0")
    waiting = [clients.enter_context(server.call(face)) for _ in range(50)]
    for client in waiting:
        echoes(client)
    assert select.select(waiting, [], [], 0.1)[0] == []  # by now it waits
    server.stops()
    for client in waiting:
        client.sendall(b"before")
    waiting += [clients.enter_context(server.call(face)) for _ in range(50)]
    for client in waiting:
        client.sendall(b"meanwhile")
    assert select.select(waiting, [], [], 1.5)[0] == []
    server.goes_on()
    for number, client in enumerate(waiting):
        client.settimeout(SERVED)
        words = b"meanwhile" if number >= 50 else b"beforemeanwhile"
        assert hear_some(client, len(words)) == words


def test_clients_reset_before_they_are_accepted_are_passed_over__rel_5(
    start: Start, clients: ExitStack, face: str
) -> None:
    """300 of them in the queue of a process that stands still; who came behind them is served."""
    server = start("--backlog", "400")
    server.stops()
    for _ in range(300):
        reset(server.call(face))
    stays = clients.enter_context(server.call(face, patience=SERVED))
    server.goes_on()
    echoes(stays)
    server.calls = server.figures()["made"]  # a client that is gone need not have been seen
    assert server.share(0.5)["cpu"] < IDLE


def test_without_descriptors_nobody_is_turned_away__rel_20(
    start: Start, clients: ExitStack, face: str
) -> None:
    """With 60 descriptors and 100 clients some wait: nothing spins, and all are served in turn."""
    server = start("--files", "60", "--backlog", "128")
    waiting = [clients.enter_context(server.call(face)) for _ in range(100)]
    used = server.share(0.8)  # it tries again every 0.5 s
    assert used["cpu"] < IDLE
    assert used["turns"] < 10
    assert used["connections"] < 60
    assert used["timers"] == 1
    for client in waiting:
        with client:
            echoes(client)


def test_a_killed_server_s_port_is_free_at_once__rel_45(
    clients: ExitStack, tmp_path: Path, face: str
) -> None:
    """After SIGKILL, with 50 clients connected, the next process binds the port and serves."""
    with Watched(tmp_path) as first:
        for _ in range(50):
            echoes(clients.enter_context(first.call(face)))
        first.signals(signal.SIGKILL)
        assert first.ends() == -signal.SIGKILL
    with Watched(tmp_path, f"--{face}-port", str(first.ports[face])) as second:
        assert second.ports[face] == first.ports[face]
        echoes(clients.enter_context(second.call(face)))
