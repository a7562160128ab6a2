"""The example with a window: it is opened on a display that nobody sees."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.hosts.conftest import display
from tests.hosts.loops import LIMIT, require_module
from tests.peers import require
from tests.scenarios.programs import Program


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there Tk watches no descriptors")
def test_a_window_talks_to_a_server(tmp_path: Path) -> None:
    require("Xvfb")
    require_module("_tkinter", "Debian has it in python3-tk")
    path = ROOT / "examples" / "window" / "client.py"
    with display() as screen, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT)
        command = (sys.executable, path, "127.0.0.1", str(server.getsockname()[1]))
        environment = {"PYTHONPATH": str(ROOT), "DISPLAY": screen}
        with Program(*command, folder=tmp_path, environment=environment) as window:
            far, _ = server.accept()
            with far:
                far.settimeout(LIMIT)
                far.sendall(b"news\n")
                far.shutdown(socket.SHUT_WR)
                assert far.recv(1) == b""  # it has read everything, and hangs up as well
            window.signals(signal.SIGTERM)
            assert window.ends() == 0
