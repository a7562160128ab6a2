"""A fork in the midst of work: the child is refused everything, and the parent does not notice."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import ROOT
from tests.faults.watched import echoes
from tests.scenarios.programs import PATIENCE, Program

if os.name == "nt":
    pytest.skip("Windows does not fork", allow_module_level=True)

FORKING: Final = Path(__file__).with_name("forking.py")
HOST: Final = "127.0.0.1"
HARMLESS: Final = {  # they only ask; the timer is the child's own copy
    *("can_write_eof", "get_extra_info", "get_protocol", "get_write_buffer_limits"),
    *("get_write_buffer_size", "is_closing", "is_reading", "cancel"),
}


@pytest.mark.slow  # it starts a program, and that one others
@pytest.mark.parametrize("way", ["thread", "callback"])
def test_a_child_may_try_everything__rel_44(way: str, tmp_path: Path) -> None:
    """Each verb raises WrongProcess in the child, which exits as usual; 100 echoes go on."""
    command = (sys.executable, FORKING, way)
    environment = {"PYTHONPATH": str(ROOT)}
    with (
        Program(*command, folder=tmp_path, environment=environment) as program,
        ExitStack() as stack,
    ):
        place = HOST, json.loads(program.expect("port {")[5:])["number"]
        callers = [
            stack.enter_context(socket.create_connection(place, PATIENCE)) for _ in range(100)
        ]
        for caller in callers:
            echoes(caller)
        for _ in range(3):
            program.types("fork")
            for caller in callers * 10:
                echoes(caller)
            raised = json.loads(program.expect("raised {")[7:])
            assert json.loads(program.expect("ended {")[6:]) == {"status": 0}
            assert {verb for verb, error in raised.items() if not error} == {
                verb for verb in raised if verb.rpartition(".")[2] in HARMLESS
            }
            assert [verb for verb in raised if raised[verb] not in {"", "WrongProcess"}] == []
            for caller in callers:
                echoes(caller)
        program.types_no_more()
        assert program.ends() == 0
    assert "Traceback" not in program.seen
