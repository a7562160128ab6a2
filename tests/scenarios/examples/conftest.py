"""Programs for the tests of examples, and the chat server among them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.scenarios.examples.chat_server import ChatServer, Start
from tests.scenarios.programs import Program


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts programs, and ends them after the test."""
    with contextlib.ExitStack() as running:

        def begin(*command: str | Path) -> Program:
            environment = {"PYTHONPATH": str(ROOT)}
            program = Program(*command, folder=tmp_path, environment=environment)
            return running.enter_context(program)

        yield begin


@pytest.fixture
def server(start: Start, tmp_path: Path) -> ChatServer:
    return ChatServer(start, tmp_path / "certificate", "--rate", "1000000")
