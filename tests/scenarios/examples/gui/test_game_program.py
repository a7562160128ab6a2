"""The game of the examples as programs: the server, and windows that nobody sees."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from wire import COOKIE_SIZE, Move, Snapshot, pack_cookie, pack_move, read_from_server, read_move

from tests.architecture.tree import ROOT
from tests.hosts.loops import require_module
from tests.scenarios.programs import PATIENCE, Program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there a signal ends a program without a word"),
]

EXAMPLE: Final = ROOT / "examples" / "gui" / "game"
ENVIRONMENT: Final = {"PYTHONPATH": str(ROOT), "SDL_VIDEODRIVER": "dummy"}
COOKIE: Final = b"a cookie"
TOKEN: Final = b"a token!"


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """The other end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(PATIENCE)
        yield sock


def game(port: str, folder: Path) -> Program:
    """Begin to play, without a mouse."""
    require_module("pygame", "pip install pygame-ce")
    command: list[str | Path] = [sys.executable, "-X", "dev", "-W", "error", EXAMPLE / "game.py"]
    where = ("127.0.0.1", port, "--wander")
    return Program(*command, *where, folder=folder, environment=ENVIRONMENT)


def test_a_game_says_where_it_is_and_goodbye(sock: socket.socket, tmp_path: Path) -> None:
    with game(str(sock.getsockname()[1]), tmp_path) as program:
        data, address = sock.recvfrom(2000)
        move = read_move(data)
        assert move.cookie == bytes(COOKIE_SIZE)
        sock.sendto(pack_cookie(move.token, COOKIE), address)
        places = set[tuple[float, float]]()
        while len(places) < 3:
            move = read_move(sock.recv(2000))
            if move.cookie == COOKIE:
                places.add(move.place)
        program.signals(signal.SIGTERM)
        while not move.leaving:
            move = read_move(sock.recv(2000))
        assert program.ends() == 0
        assert "Error" not in program.seen
        assert "Warning" not in program.seen


def test_a_game_says_what_is_wrong_with_an_address(tmp_path: Path) -> None:
    with game("65536", tmp_path) as program:
        program.expect("error: a port is 0 to 65535")
        assert program.ends() == 2
        assert "Traceback" not in program.seen


def test_games_play_through_the_relay(sock: socket.socket, tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, EXAMPLE / "udp_relay.py", "--port", "0"]
    with Program(*command, folder=tmp_path, environment=ENVIRONMENT) as relay:
        port = relay.expect("relay 127.0.0.1:").rpartition(":")[2]
        with game(port, tmp_path) as ann, game(port, tmp_path) as bob:
            sock.connect(("127.0.0.1", int(port)))
            cookie, said, sequence = bytes(COOKIE_SIZE), None, 0
            while not isinstance(said, Snapshot) or len(said.places) < 3:
                sequence += 1
                sock.send(pack_move(Move(TOKEN, cookie, sequence, 0, (0.0, 0.0))))
                said = read_from_server(sock.recv(2000), TOKEN)
                cookie = said if isinstance(said, bytes) else cookie
            assert said.places[said.number] == (0.0, 0.0)
            ann.signals(signal.SIGTERM)
            bob.signals(signal.SIGTERM)
            assert (ann.ends(), bob.ends()) == (0, 0)
        relay.signals(signal.SIGTERM)
        assert relay.ends() == 0
