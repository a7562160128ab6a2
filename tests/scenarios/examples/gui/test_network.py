"""The network of the windows, with the real server and without a window."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from network import LINE_LIMIT, Place, State
from transfers import Phase

from reactor import ClientTLS, WaitStateCollection
from tests.scenarios.examples.chat_server import ChatServer, Start
from tests.scenarios.examples.gui.chat_window import Window, place_at

if sys.platform != "win32":
    import resource

SOME = bytes(range(256)) * 4096  # 1 MiB: four pieces

Come: TypeAlias = Callable[..., Window]


@pytest.fixture
def collection() -> Iterator[WaitStateCollection]:
    with contextlib.closing(WaitStateCollection("windows")) as collection:
        yield collection


@pytest.fixture
def come(collection: WaitStateCollection, server: ChatServer, tmp_path: Path) -> Iterator[Come]:
    """Opens windows that are online, and closes them."""
    windows = []

    def begin(nick: str, *, tls: bool = True) -> Window:
        window = Window(collection, place_at(server, nick, tmp_path, tls=tls))
        windows.append(window)
        window.network.retry()
        window.hears(f"is now {nick}")
        return window

    yield begin
    for window in windows:
        window.network.close()


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.bin"
    path.write_bytes(SOME)
    return path


@contextlib.contextmanager
def room_on_disk(size: int) -> Iterator[None]:
    """Let no file become larger; not on Windows, which has no such limit."""
    with contextlib.ExitStack() as undo:
        if sys.platform != "win32":
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
            undo.callback(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
        yield


def test_windows_talk_to_each_other_and_see_who_is_there(come: Come) -> None:
    ann = come("ann")
    bob = come("bob", tls=False)
    ann.hears("is now bob")
    assert ann.states == [
        (State.CONNECTING, f"connecting to localhost:{ann.place.port}, TLS"),
        (State.ONLINE, f"online: localhost:{ann.place.port}, TLS"),
    ]
    assert (ann.room, ann.people, bob.people) == ("lobby", ["ann", "bob"], ["ann", "bob"])
    assert ann.network.say("  hello,\nbob ")
    assert ann.lines == ["<ann> hello, bob"]
    bob.hears("<ann> hello, bob")
    bob.network.say("/join garden")
    ann.hears("* bob went to garden")
    assert ann.people == ["ann"]
    bob.until(lambda: bob.room == "garden")
    assert bob.people == ["bob"]


def test_a_file_arrives_whole_and_replaces_nothing(come: Come, note: Path) -> None:
    ann, bob = come("ann"), come("bob")
    for name in ("note.bin", "note (2).bin"):
        assert ann.network.say(f"/send bob {note}")
        offered = bob.is_offered()
        assert (offered.text, offered.fraction) == ("note.bin from ann, 1.0 MB", 0.0)
        bob.network.desk.accept(offered)
        bob.hears(f"* note.bin is in {bob.place.folder / name}")
        ann.hears("* note.bin has arrived")
        assert (bob.place.folder / name).read_bytes() == SOME
        for window in (ann, bob):
            assert (window.fractions[0], window.fractions[-1]) == (0.0, 1.0)
            assert window.fractions == sorted(window.fractions)
            window.fractions.clear()
            assert not window.network.desk.transfers
    assert len(bob.files()) == 2


def test_what_cannot_be_sent_is_refused_and_not_lost(
    collection: WaitStateCollection, come: Come, note: Path
) -> None:
    away = Window(collection, Place("localhost", 1, None, None, note.parent))
    assert not away.network.say("is anybody there?")
    assert not away.network.say(f"/send bob {note}")
    assert away.lines == ["! you are offline, and that was not sent"] * 2
    ann = come("ann")
    assert not ann.network.say("x" * (LINE_LIMIT + 1))
    ann.hears("! a line has 1024 bytes at most, and that was not sent")
    assert not ann.network.say(f"/send bob {note.parent}")
    ann.hears("is no file")
    for words in ("/send", "/send bob", "/send bob "):
        assert not ann.network.say(words)
        ann.hears("! say /send NAME PATH")
    assert not ann.network.say("/send bob ~nobody-of-this-name/note.bin")
    ann.hears("! ~nobody-of-this-name/note.bin: ")
    assert ann.network.offer("bob", note)
    assert not ann.network.offer("bob", note)
    ann.hears("! the server has not answered for the last file yet")
    ann.hears("! not offered: nobody else here is called bob")
    assert ann.network.offer("eve", note)


@pytest.mark.slow
def test_a_window_is_offline_while_the_server_is_and_comes_again(
    come: Come, server: ChatServer, start: Start, note: Path
) -> None:
    ann = come("ann", tls=False)
    bob = come("bob")
    ann.network.offer("bob", note)
    ann.is_offered()
    assert ann.people == ["ann", "bob"]
    server.program.signals(signal.SIGTERM)
    ann.until(lambda: State.OFFLINE in [state for state, _ in ann.states])
    bob.until(lambda: State.OFFLINE in [state for state, _ in bob.states])
    assert server.program.ends() == 0
    assert ann.people == []
    assert ann.states[2] == (State.OFFLINE, "offline: the server has hung up; again in 1 s")
    ann.hears("* note.bin has stopped, since we are offline")
    bob.network.close()
    ann.until(lambda: State.CONNECTING in [state for state, _ in ann.states[2:]])
    ann.until(lambda: "refused" in ann.states[-1][1])
    ports = ("--port", str(server.port), "--tls-port", "0")
    again = ChatServer(start, server.certificate.parent, *ports)
    ann.network.retry()
    ann.until(lambda: ann.network.state is State.ONLINE)
    ann.hears("is now ann")
    assert again.port == server.port


@pytest.mark.slow
def test_a_stranger_is_not_trusted_and_not_asked_again(
    collection: WaitStateCollection, server: ChatServer, tmp_path: Path
) -> None:
    place = Place("localhost", server.tls_port, ClientTLS(), None, tmp_path)
    ann = Window(collection, place)
    for _ in range(2):  # a second try at the button is a try
        ann.network.retry()
        ann.until(lambda: ann.network.state is State.OFFLINE)
        assert "certificate" in ann.states[-1][1]
        assert "again" not in ann.states[-1][1]
    ann.network.close()


@pytest.mark.slow
@pytest.mark.parametrize("who", ["ann", "bob"])
@pytest.mark.parametrize("moving", [False, True])
def test_either_side_cancels_and_nothing_is_left(
    come: Come, note: Path, who: str, moving: bool
) -> None:
    with note.open("ab") as file:
        file.truncate(1 << 30)  # what is not written takes no room
    windows = {"ann": come("ann"), "bob": come("bob")}
    ann, bob = windows["ann"], windows["bob"]
    ann.network.offer("bob", note)
    transfer = bob.is_offered()
    if moving:
        bob.network.desk.accept(transfer)
        bob.until(lambda: transfer.fraction > 0)
        assert len(bob.files()) == 1
    windows[who].network.desk.cancel(windows[who].is_offered())
    windows[who].hears("* note.bin: cancelled")
    windows["bob" if who == "ann" else "ann"].hears(f"* note.bin: {who} has cancelled it")
    assert bob.files() == []
    for window in windows.values():
        assert not window.network.desk.transfers


@pytest.mark.slow
def test_a_window_that_is_closed_in_the_middle_leaves_nothing(come: Come, note: Path) -> None:
    with note.open("ab") as file:
        file.truncate(1 << 30)
    ann, bob = come("ann"), come("bob")
    ann.network.offer("bob", note)
    transfer = bob.is_offered()
    bob.network.desk.accept(transfer)
    bob.until(lambda: transfer.fraction > 0)
    shown = (bob.lines[:], bob.states[:], bob.fractions[:])
    bob.network.close()
    ann.hears("* note.bin: ")
    ann.until(lambda: ann.people == ["ann"])
    assert (bob.lines, bob.states, bob.fractions) == shown
    assert bob.files() == []
    assert transfer.phase is Phase.OVER


@pytest.mark.slow
def test_a_file_that_cannot_be_written_or_read_is_over_for_both(come: Come, note: Path) -> None:
    ann, bob = come("ann"), come("bob")
    bob.place.folder.write_text("no folder")
    ann.network.offer("bob", note)
    bob.network.desk.accept(bob.is_offered())
    bob.hears("* note.bin: [Errno ")
    ann.hears("* note.bin: bob has cancelled it")
    bob.place.folder.unlink()
    ann.network.offer("bob", note)
    offered = bob.is_offered()
    note.write_bytes(SOME[:-1])
    bob.network.desk.accept(offered)
    ann.hears("* note.bin: the file has become shorter")
    bob.hears("* note.bin: ann has cancelled it")
    assert bob.files() == []


@pytest.mark.slow
def test_files_go_both_ways_at_once(come: Come, note: Path) -> None:
    ann, bob = come("ann"), come("bob")
    assert ann.network.offer("bob", note)
    bob.is_offered()
    assert bob.network.offer("ann", note)
    for window in (ann, bob):
        desk = window.network.desk
        window.until(lambda: len(desk.transfers) == 2)  # noqa: B023  # called at once
        desk.accept(next(one for one in desk.transfers.values() if one.incoming))
    for window in (ann, bob):
        window.until(lambda: not window.network.desk.transfers)  # noqa: B023  # likewise
        assert [path.read_bytes() for path in window.files()] == [SOME]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there no limit makes a disk small")
def test_a_disk_that_is_full_ends_the_file_for_both(come: Come, note: Path) -> None:
    ann, bob = come("ann"), come("bob")
    ann.network.offer("bob", note)
    offered = bob.is_offered()
    with room_on_disk(len(SOME) // 2):
        bob.network.desk.accept(offered)
        bob.hears("* note.bin: [Errno ")
    ann.hears("* note.bin: bob has cancelled it")
    assert bob.files() == []


@pytest.mark.slow
def test_who_has_said_goodbye_does_not_come_again(come: Come) -> None:
    ann = come("ann")
    ann.network.say("/quit")
    ann.until(lambda: ann.network.state is State.OFFLINE)
    assert ann.states[-1][1] == "offline: you have left"
    ann.network.retry()
    ann.until(lambda: ann.network.state is State.ONLINE)
