"""What the programs of the examples say when they cannot do what their command line asks for."""

from __future__ import annotations

import runpy
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from tests.architecture.tree import ROOT
from tests.hosts.loops import require_module

SERVERS: Final = {
    "echo/server.py": "{}",
    "functions/server.py": "{}",
    "chat/server.py": "--tls-port 0 --port {}",
    "smtp/server.py": "--port {}",
    "gui/instrument/simulator.py": "--port {}",
    "gui/game/udp_relay.py": "--port {}",
}
CLIENTS: Final = {
    "follow/client.py": "",
    "functions/client.py": "",
    "gui/instrument/panel.py": "_tkinter",
    "gui/game/game.py": "pygame",
}
HOSTED: Final = ["chat/server.py", "gui/instrument/simulator.py", "gui/game/udp_relay.py"]

Run: TypeAlias = Callable[[str, str], tuple[object, str]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where programs keep a certificate, which takes longer to make than all the rest."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: Path) -> Run:
    """Run a program in here; return its exit status, and the last line that it has to say."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    def begin(program: str, arguments: str) -> tuple[object, str]:
        path = str(ROOT / "examples" / program)
        monkeypatch.setattr(sys, "argv", [path, *arguments.split(" ")])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(path, run_name="__main__")
        printed = capsys.readouterr()
        assert printed.out.count("\n") <= 1  # what pygame is
        return end.value.code, printed.err.rpartition("\n")[0].rpartition("\n")[2]

    return begin


@pytest.mark.parametrize("program", SERVERS)
@pytest.mark.parametrize("port", ["65536", "-1", "echoes"])
def test_a_server_says_that_there_is_no_such_port(run: Run, program: str, port: str) -> None:
    status, said = run(program, SERVERS[program].format(port))
    assert status == 2
    assert port in said


@pytest.mark.parametrize("program", SERVERS)
def test_a_server_says_that_its_port_is_taken(run: Run, program: str) -> None:
    kind = socket.SOCK_DGRAM if "udp" in program else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = str(taken.getsockname()[1])
        status, said = run(program, SERVERS[program].format(port))
    assert status == 1
    assert f"127.0.0.1:{port}" in said


@pytest.mark.parametrize("program", HOSTED)
def test_a_server_says_that_an_address_is_not_here(run: Run, program: str) -> None:
    status, said = run(program, f"--host 192.0.2.1 {SERVERS[program].format(0)}")
    assert status == 1
    assert "192.0.2.1" in said


@pytest.mark.parametrize("program", CLIENTS)
@pytest.mark.parametrize("where", ["127.0.0.1 0", "127.0.0.1 65536", " 80"])
def test_a_client_says_that_there_is_no_such_place(run: Run, program: str, where: str) -> None:
    if CLIENTS[program]:
        require_module(CLIENTS[program], "pip install pygame-ce; apt-get install python3-tk")
    status, said = run(program, where)
    assert status == 2
    assert "host" in said or "port" in said


@pytest.mark.parametrize("option", ["--rate", "--idle-timeout", "--drain-timeout"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_a_chat_has_no_limit_that_is_none(run: Run, option: str, value: str) -> None:
    status, said = run("chat/server.py", f"--port 0 --tls-port 0 {option} {value}")
    assert status == 2
    assert said.endswith(f"argument {option}: invalid positive value: '{value}'")


def test_a_greeting_says_what_is_wrong_with_its_certificate(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", Path(__file__)):
        status, said = run("smtp/server.py", f"--port 0 --certificate {path}")
        assert status == 1
        assert said.startswith("smtp: ")
        assert str(path) in said


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display there")
@pytest.mark.parametrize("program", ["gui/tk_client.py", "gui/instrument/panel.py"])
def test_a_window_says_that_there_is_no_display(
    run: Run, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_module("_tkinter", "Debian has it in python3-tk")
    monkeypatch.setenv("DISPLAY", "")
    status, said = run(program, "localhost 4321")
    assert (type(status), said) == (str, "")
    assert "display" in str(status)


def test_a_game_says_that_there_is_no_display(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    require_module("pygame", "pip install pygame-ce")
    monkeypatch.setenv("SDL_VIDEODRIVER", "nothing")
    assert run("gui/game/game.py", "127.0.0.1") == (1, "game: nothing not available")
