"""The client of the examples that comes again, with netcat."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.peers import require
from tests.scenarios.programs import Program


@pytest.mark.slow
def test_a_client_finds_netcat_whenever_it_is_there(tmp_path: Path) -> None:
    netcat = require("nc")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = str(sock.getsockname()[1])
    path = ROOT / "examples" / "follow" / "client.py"
    command = (sys.executable, path, "127.0.0.1", port)
    environment = {"PYTHONPATH": str(ROOT)}
    with Program(*command, folder=tmp_path, environment=environment) as client:
        client.expect("away: ConnectionRefused, again in ")
        for line in ("first news", "news after the night"):
            with Program(netcat, "-l", "127.0.0.1", port, folder=tmp_path) as server:
                client.expect("there")
                server.types(line)
                client.expect(line)
            client.expect("away: it has hung up, again in ")
        client.signals(signal.SIGTERM)
        assert client.ends() == (-signal.SIGTERM if sys.platform == "win32" else 0)
