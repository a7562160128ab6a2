"""Servers that were written for asyncore, unchanged, with the clients of today."""

from __future__ import annotations

import os
import smtplib
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.architecture.tree import ROOT
from tests.peers import require
from tests.scenarios.programs import PATIENCE, Program

Start: TypeAlias = Callable[[str], tuple[Program, int]]


@pytest.fixture(params=["plain", "shared"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts a server by its name, on both kinds of maps; gives the program and its port."""
    with ExitStack() as ends:

        def start(name: str) -> tuple[Program, int]:
            # -u: asyncore prints what has failed, and the test waits for that.
            command = [sys.executable, "-u", "-W", "ignore", "-m", "tests.old.adapt"]
            command += [str(ROOT / "tests/old/servers.py"), name, request.param]
            program = Program(*command, folder=tmp_path, environment={"PYTHONPATH": str(ROOT)})
            ends.enter_context(program)
            return program, int(program.expect("port ").split()[1])

        yield start


def lines_of(sock: socket.socket) -> Iterator[bytes]:
    with sock.makefile("rb") as file:
        yield from file


def test_echo_gives_back_every_byte_and_then_the_end(start: Start) -> None:
    _, port = start("echo")
    sent, got = os.urandom(1_000_000), bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        for start_at in range(0, len(sent), 50_000):
            client.sendall(sent[start_at : start_at + 50_000])
            got += client.recv(50_000)
        client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65536):
            got += piece
    assert bytes(got) == sent


def test_a_chat_goes_on_without_who_left_or_failed(start: Start, tmp_path: Path) -> None:
    server, port = start("chat")
    nc = require("nc")
    with (
        Program(nc, "127.0.0.1", str(port), folder=tmp_path) as anna,
        Program(nc, "127.0.0.1", str(port), folder=tmp_path) as berta,
    ):
        berta.types("hello from berta")
        berta.expect("hello from berta")
        anna.types("hello from anna")
        berta.expect("hello from anna")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as failing:
            failing.sendall(b"/fail\n")
            assert list(lines_of(failing)) == []
        server.expect("as it was asked to")
        berta.types("/quit")
        berta.expect("bye")
        berta.types_no_more()
        assert berta.ends() == 0
        anna.types("anybody there?")
        anna.expect("anybody there?")


def send_mail(port: int, lines: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
        for _ in range(2):
            text = "Subject: test\r\n\r\n" + ".a line\r\n" * lines
            assert client.sendmail("one@example.org", ["two@example.org"], text) == {}


def test_mail_of_a_server_of_old_is_taken(start: Start) -> None:
    server, port = start("mail")
    send_mail(port, 20_000)
    for _ in range(2):
        server.expect("message of 200015 bytes")


@pytest.mark.slow
def test_the_mail_server_of_the_standard_library_runs(start: Start) -> None:
    if sys.version_info >= (3, 12):
        pytest.skip("Python 3.12 and later have no smtpd")
    server, port = start("smtpd")
    send_mail(port, 3)
    for _ in range(2):
        server.expect("b'.a line'")
        server.expect("END MESSAGE")
