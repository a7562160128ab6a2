"""System calls of an echo, counted by strace: they do not depend on the mood of the machine.

The server is stopped (SIGSTOP) while the clients send, so that all their messages wait when it goes
on and make one full batch. Being stopped costs it a call or two as well, and starting and ending a
few thousand: so it is counted twice, once with the messages and once without, and the difference is
what the echoes took. `futex` is left out: how often threads wait for each other while a process
starts is chance, and a serving loop has nobody to wait for.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.clients import MESSAGE, connect, receive_exactly
from benchmarks.peers.names import make_peer
from benchmarks.work import NotInstalledError, Work

STOP_LIMIT = 5.0  # seconds until a stopped process has to be seen as such


def system_calls(name: str, quick: bool, *, connections: int, rounds: int) -> float:
    """Return the number of system calls for each echo."""
    if shutil.which("strace") is None:
        raise NotInstalledError("strace is not installed")
    make_peer(name)  # if it is not installed, this process is the better one to say so
    rounds = rounds // 3 if quick else rounds
    idle = _count(name, connections, rounds, MESSAGE[:0])
    busy = _count(name, connections, rounds, MESSAGE)
    return (busy - idle) / connections / rounds


def _count(name: str, connections: int, rounds: int, message: bytes) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        strace = ["strace", "-f", "-c", "-e", "trace=!futex", "-o", str(report)]
        command = [*strace, sys.executable, "-m", "benchmarks.serve", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            port = int(server.stdout.readline())
            clients = [connect(port, None) for _ in range(connections)]
            for client in clients:  # each is known to be served before the count begins
                client.sendall(MESSAGE)
                receive_exactly(client, len(MESSAGE))
            for _ in range(rounds):
                _play(_child(server.pid), clients, message)
            os.kill(_child(server.pid), signal.SIGTERM)  # strace ends with it, and reports
            server.wait()
            for client in clients:
                client.close()
        return _total(report)


def _play(pid: int, clients: list, message: bytes) -> None:
    os.kill(pid, signal.SIGSTOP)
    _await_state(pid, "Tt")
    for client in clients:
        client.sendall(message)
    os.kill(pid, signal.SIGCONT)
    for client in clients:
        receive_exactly(client, len(message))
    _await_state(pid, "S")


def _await_state(pid: int, states: str) -> None:
    limit = time.monotonic() + STOP_LIMIT
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in states:
        if time.monotonic() > limit:
            raise TimeoutError(f"the server did not get into a state of {states!r}")


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _total(report: Path) -> int:
    """Return the calls in the last line, `100.00 seconds usecs calls errors total`."""
    return int(report.read_text().splitlines()[-1].split()[3])


def _work(key: str, title: str, **shape: int) -> Work:
    peers = ("asyncio", "uvloop", "ours")
    return Work(key, title, "calls", peers, partial(system_calls, **shape), runs=1)


WORKS: Final = (
    _work("system-calls", "system calls for an echo", connections=1, rounds=900),
    _work("system-calls-100", "the same, 100 connections", connections=100, rounds=60),
)
