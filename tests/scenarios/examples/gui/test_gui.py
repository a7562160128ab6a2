"""The windows of the chat, each in its toolkit and on a display that nobody sees."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from tests.architecture.tree import ROOT
from tests.hosts.conftest import display
from tests.hosts.loops import require_module
from tests.peers import require
from tests.scenarios.examples.chat_server import ChatServer, Guest
from tests.scenarios.programs import Program

GUI: Final = ROOT / "examples" / "gui"
DRIVER: Final = Path(__file__).with_name("window_driver.py")
QT_REMEDY: Final = (
    "pip install PySide6-Essentials; apt-get install libegl1 libgl1 libxkbcommon0 libfontconfig1"
)
HEADLESS: Final = {"QT_QPA_PLATFORM": "offscreen", "GSK_RENDERER": "cairo"}
MUCH: Final = os.urandom(1 << 20) * 50
LINES: Final = 2000  # that each of them shows
GAP: Final = 0.2  # seconds that a window may stand still before people see it

Open: TypeAlias = Callable[..., Program]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Tk watches no descriptors there")


@pytest.fixture(params=["tk", "qt", "gtk"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each toolkit in turn."""
    if request.param == "qt":
        require_module("PySide6.QtWidgets", QT_REMEDY)
        return "qt"
    require("Xvfb")
    if request.param == "gtk":
        require_module("gi", "`make debian` runs this with Debian's Python")
    else:
        require_module("_tkinter", "Debian has it in python3-tk")
    return str(request.param)


@pytest.fixture
def open_window(kind: str, server: ChatServer, tmp_path: Path) -> Iterator[Open]:
    """Open windows: the program itself, or the one that has a hand of ours."""
    with contextlib.ExitStack() as undo:
        environment = {"PYTHONPATH": f"{ROOT}:{GUI}", **HEADLESS}
        if kind != "qt":
            environment["DISPLAY"] = undo.enter_context(display())

        def begin(*, driven: bool = True, port: int = server.tls_port) -> Program:
            program = (DRIVER, kind) if driven else (GUI / f"{kind}_client.py",)
            trust = ("--cafile", server.certificate, "--folder", tmp_path / "files")
            where = ("localhost", str(port), "--nick", "ann")
            command = (sys.executable, "-X", "dev", *program, *where, *trust)
            window = Program(*command, folder=tmp_path, environment=environment)
            return undo.enter_context(window)

        yield begin


def offer(bob: Guest, size: int) -> str:
    """Offer ann a file; return its number."""
    bob.says(f"/send ann {size} holiday.jpg")
    return bob.hears(" offers ann ")[-1].split()[2].rstrip(":")


@pytest.mark.slow
def test_people_talk_through_a_window_and_lose_no_words(
    server: ChatServer, open_window: Open
) -> None:
    window = open_window()
    window.expect("* guest1 is now ann")
    with server.guest("bob") as bob:
        window.expect("* guest2 is now bob")
        window.types("type hello, <b>bob</b>")
        bob.hears("<ann> hello, <b>bob</b>")
        window.expect("typed ''")
        bob.says("good morning")
        window.expect("show_line bob good morning")
        server.program.signals(signal.SIGTERM)
        bob.hears_the_end()
    window.expect("show_state State.OFFLINE")
    window.types("type still here?")
    window.expect("! you are offline, and that was not sent")
    window.expect("typed 'still here?'")
    window.types("leave")
    window.expect("left")
    assert window.ends() == 0
    assert "Traceback" not in window.seen


@pytest.mark.slow
def test_a_window_forgets_what_is_long_ago(server: ChatServer, open_window: Open) -> None:
    window = open_window()
    window.expect("* guest1 is now ann")
    with server.guest("bob") as bob:
        for number in range(LINES // 100):
            bob.says(*["all work and no play"] * 100, f"end {number}")
            window.expect(f"bob end {number}")
    window.types("keep")
    assert LINES - 10 < int(window.expect("keeps ").split()[1]) <= LINES + 1


@pytest.mark.slow
def test_a_window_lives_while_50_megabytes_arrive__ho_10(
    server: ChatServer, open_window: Open, tmp_path: Path
) -> None:
    """A window goes on to repaint, with no gap that people would see, while a large file comes in
    through the collection that lives in its loop.
    """
    window = open_window()
    window.expect("* guest1 is now ann")
    with server.guest("bob") as bob:
        number = offer(bob, len(MUCH))
        window.expect(f"show_transfer {number} OFFERED")
        window.types("beat")
        window.expect("beating")
        window.types("press Accept")
        with bob.end() as giver:
            giver.sendall(MUCH)
            bob.hears(f"* file {number}: has arrived")
    window.types("beaten")
    assert float(window.expect("longest ").split()[1]) < GAP
    assert (tmp_path / "files" / "holiday.jpg").read_bytes() == MUCH
    window.types("leave")
    assert window.ends() == 0


@pytest.mark.slow
def test_a_program_that_is_ended_in_the_middle_leaves_nothing(
    server: ChatServer, open_window: Open, tmp_path: Path
) -> None:
    window = open_window()
    window.expect("* guest1 is now ann")
    with server.guest("bob") as bob:
        number = offer(bob, len(MUCH))
        window.expect(f"show_transfer {number} OFFERED")
        window.types("press Accept")
        with bob.end() as giver:
            giver.sendall(MUCH[: 1 << 20])
            window.expect(f"show_transfer {number} MOVING 0.0200")
            window.types("leave")
            bob.hears("* ann has left")
    assert window.ends() == 0
    assert list((tmp_path / "files").iterdir()) == []
    assert "Traceback" not in window.seen


@pytest.mark.slow
def test_no_words_of_strangers_push_a_window_apart(server: ChatServer, open_window: Open) -> None:
    window = open_window()
    window.expect("* guest1 is now ann")
    with server.guest("b" * 24) as bob:
        bob.says("x" * 1000, f"/send ann 10 {'W' * 96}.txt")
        window.expect("OFFERED")
        window.types("measure")
        assert window.expect("measures ").split()[1] == "640"


@pytest.mark.slow
def test_the_last_line_stays_in_view_when_a_file_takes_room(
    server: ChatServer, open_window: Open
) -> None:
    window = open_window()
    window.expect("* guest1 is now ann")
    with server.guest("bob") as bob:
        bob.says(*["good morning"] * 50, "x" * 1000, "word " * 150, "end")
        window.expect("bob end")
        window.types("look")
        assert window.expect("end ") == "end True"
        bob.says("/send ann 10 a.txt", "/send ann 10 b.txt", "and")
        window.expect("bob and")
        window.types("look")
        assert window.expect("end ") == "end True"


@pytest.mark.slow
def test_the_last_line_stays_in_view_when_more_comes_on_the_way(
    server: ChatServer, open_window: Open
) -> None:
    window = open_window()
    window.expect("* guest1 is now ann")
    with server.guest("bob") as bob:
        for text in ("word" * 30 * number for number in range(1, 8)):
            bob.says(text)
            window.expect(f"show_line bob {text[:50]}")
        window.types("look")
        assert window.expect("end ") == "end True"


@pytest.mark.slow
def test_there_is_room_for_the_button_beside_a_long_reason(
    server: ChatServer, open_window: Open
) -> None:
    window = open_window(port=server.port)
    window.expect("phase handshake")
    window.types("measure")
    width, right = map(int, window.expect("measures ").split()[1:])
    assert right <= width == 640


@pytest.mark.slow
def test_a_window_is_left_while_a_file_is_chosen(server: ChatServer, open_window: Open) -> None:
    window = open_window()
    window.expect("* guest1 is now ann")
    with server.guest("bob") as bob:
        window.types("choose")
        window.expect("choosing")
        bob.says("good morning")
        window.expect("show_line bob good morning")
        window.types("leave")
        bob.hears("* ann has left")
    assert window.ends() == 0
    assert "Traceback" not in window.seen


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_is_ended_by_a_signal(
    server: ChatServer, open_window: Open, number: signal.Signals
) -> None:
    with server.guest("bob") as bob:
        window = open_window(driven=False)
        bob.hears("is now ann")
        window.signals(number)
        bob.hears("* ann has left")
    assert window.ends() == 0
    assert "Traceback" not in window.seen
    assert "Error" not in window.seen
