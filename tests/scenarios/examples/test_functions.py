"""The examples that are written as functions, with curl and with each other."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import ROOT
from tests.peers import require
from tests.reactor.opening.network import free_port
from tests.scenarios.programs import PATIENCE, Program

EXAMPLE: Final = ROOT / "examples" / "functions"
ENVIRONMENT: Final = {"PYTHONPATH": str(ROOT)}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    """Where the server of the example is."""
    server = Program(
        sys.executable, EXAMPLE / "server.py", folder=tmp_path, environment=ENVIRONMENT
    )
    with server:
        yield server.expect("functions 127.0.0.1:").rpartition(":")[2]


def test_curl_gets_the_whole_answer__cl_39(port: str) -> None:
    """A server that closes in its `write_cb` has sent the whole answer."""
    command = [require("curl"), "-sS", "--http1.1", f"http://127.0.0.1:{port}/"]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
    assert done.stdout == b"hello, 127.0.0.1\n"


def test_the_client_closes_when_it_has_what_it_wants__cl_44(port: str, tmp_path: Path) -> None:
    """A client that closes in its `read_cb` has what it wanted, and hears of nothing more."""
    command: list[str | Path] = [sys.executable, EXAMPLE / "client.py", "127.0.0.1", port]
    with Program(*command, folder=tmp_path, environment=ENVIRONMENT) as client:
        client.expect("HTTP/1.1 200 OK")
        assert client.ends() == 0
        assert client.seen == "HTTP/1.1 200 OK\n"


def test_the_client_says_why_there_is_no_answer__cl_59(tmp_path: Path) -> None:
    """A client whose connection is refused prints the one event, and ends."""
    command: list[str | Path] = [
        sys.executable,
        EXAMPLE / "client.py",
        "127.0.0.1",
        str(free_port()),
    ]
    with Program(*command, folder=tmp_path, environment=ENVIRONMENT) as client:
        client.expect("no answer: cannot connect")
        assert client.ends() == 1


def test_a_request_without_an_end_is_bounded__cl_34(port: str) -> None:
    """A client that sends more than the server has set as its limit is closed."""
    with socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE) as client:
        client.sendall(b"x" * 20_000)
        assert client.recv(1) == b""
