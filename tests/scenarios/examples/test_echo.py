"""The echo server of the examples, with netcat."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.architecture.tree import ROOT
from tests.peers import require
from tests.scenarios.programs import Program


def test_netcat_gets_back_what_it_sends(tmp_path: Path) -> None:
    path = ROOT / "examples" / "echo" / "server.py"
    environment = {"PYTHONPATH": str(ROOT)}
    with Program(sys.executable, path, folder=tmp_path, environment=environment) as server:
        port = server.expect("echo 127.0.0.1:").rpartition(":")[2]
        with Program(require("nc"), "-N", "127.0.0.1", port, folder=tmp_path) as client:
            client.types("hello")
            client.expect("hello")
            client.types_no_more()
            assert client.ends() == 0
