"""The chat server as people use it: real programs talk to each other through it."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.scenarios.examples.chat_server import SERVER, ChatServer, Guest, Start
from tests.scenarios.programs import PATIENCE


def test_openssl_gnutls_and_netcat_talk_to_each_other(server: ChatServer) -> None:
    guests = {
        "old": server.s_client("old", "-tls1_2"),
        "new": server.s_client("new", "-tls1_3"),
        "gnu": server.gnutls("gnu"),
        "plain": server.nc("plain"),
    }
    for name, speaker in guests.items():
        speaker.types(f"hello from {name}, ünïcödé")
        for listener in guests.values():
            if listener is not speaker:
                listener.expect(f"<{name}> hello from {name}, ünïcödé")
    guests["gnu"].types("/join garden")
    guests["gnu"].expect("* in garden: gnu")
    guests["old"].expect("* gnu went to garden")
    guests["plain"].types("/quit")
    guests["plain"].expect("* goodbye")
    guests["plain"].types_no_more()  # this nc waits for that, even when its peer has gone
    assert guests["plain"].ends() == 0
    guests["new"].expect("* plain has left")
    guests["new"].types("/who")
    guests["new"].expect("* in lobby: old, new")


def test_sigterm_says_goodbye_and_exits_with_0__rel_45(server: ChatServer) -> None:
    """SIGTERM ends what is in flight and exits with 0; the port can be bound at once."""
    guests = [server.s_client("old", "-tls1_2"), server.s_client("new", "-tls1_3")]
    guests.append(server.nc("plain"))
    guests[-1].types_no_more()  # this nc waits for that, even when its peer has gone
    server.program.signals(signal.SIGTERM)
    for guest in guests:
        guest.expect("* the server ends")
        guest.expect("* goodbye")
        assert guest.ends() == 0
    assert server.program.ends() == 0
    with socket.create_server(("127.0.0.1", server.port)) as again:
        assert again.getsockname()[1] == server.port


def test_ctrl_c_with_nobody_there_ends_without_a_traceback(server: ChatServer) -> None:
    server.program.signals(signal.SIGINT)
    assert server.program.ends() == 0
    assert "Traceback" not in server.program.seen
    assert "Warning" not in server.program.seen


def ask_without_reading(eve: Guest, bob: Guest) -> None:
    """Cause seven megabytes of answers, and give the server time to see that nobody takes them."""
    eve.says(*["/help"] * 100_000, "/who")
    for _ in range(20):
        bob.says("/who")
        bob.hears("* in lobby: eve, bob")


@pytest.mark.slow
def test_who_does_not_read_the_answers_is_not_read_either__pr_6(server: ChatServer) -> None:
    """A peer that does not read its answers is not read either, and harms nobody.

    If the server read on, it would drop her at the limit, and she would not get all of them.
    """
    with server.guest("eve") as eve, server.guest("bob") as bob:
        ask_without_reading(eve, bob)
        heard = eve.hears("* in lobby: eve, bob")
    assert len([line for line in heard if line.startswith("* /nick NAME")]) == 100_000


@pytest.mark.slow
def test_a_second_signal_ends_at_once__rel_45(start: Start, tmp_path: Path) -> None:
    """A second SIGTERM ends the program at once, though a peer who reads nothing holds its
    end up.
    """
    server = ChatServer(start, tmp_path, "--rate", "1000000", "--drain-timeout", "600")
    with server.guest("eve") as eve, server.guest("bob") as bob:
        ask_without_reading(eve, bob)
        server.program.signals(signal.SIGTERM)
        bob.hears("* goodbye")
        server.program.signals(signal.SIGTERM)
        assert server.program.ends() == 128 + signal.SIGTERM
    assert "Traceback" not in server.program.seen


@pytest.mark.slow
def test_who_takes_no_goodbye_is_cut_off_at_the_limit__rel_45(start: Start, tmp_path: Path) -> None:
    """Ending after SIGTERM is bounded, and says whom it did not reach."""
    server = ChatServer(start, tmp_path, "--rate", "1000000", "--drain-timeout", "0.3")
    with server.guest("eve") as eve, server.guest("bob") as bob:
        ask_without_reading(eve, bob)
        server.program.signals(signal.SIGTERM)
        server.program.expect("1 did not read their goodbye")
        assert server.program.ends() == 0


def test_a_reader_that_does_not_read_is_dropped_and_harms_nobody__rel_7(
    server: ChatServer,
) -> None:
    """A chat guest who does not read is dropped at a limit, and the others hear every line
    meanwhile.
    """
    with server.guest("ann") as ann, server.guest("bob") as bob, server.guest("eve"):
        bob.hears("eve")
        for number in range(400):  # 20 MB: more than any kernel keeps for one connection
            ann.says(*(f"{number} {line} ".ljust(1000, "x") for line in range(50)), f"end {number}")
            heard = bob.hears(f"end {number}")
            lines = [line.split()[2] for line in heard if line.startswith(f"<ann> {number} ")]
            assert lines == [str(line) for line in range(50)]
            if any("* eve did not read and was dropped" in line for line in heard):
                break
        else:
            pytest.fail("nobody was dropped")
        ann.says("/who")
        ann.hears("* in lobby: ann, bob")


def test_a_guest_who_has_vanished_harms_nobody_who_speaks__rel_4(server: ChatServer) -> None:
    """A reset ends its own connection only, even if it is met by somebody else's words first.

    The server is stopped meanwhile, so that it finds the words of the one before the reset of the
    other, and has two lines to write into a connection that is no more.
    """
    with server.guest("ann") as ann, server.guest("bob") as bob, server.guest("eve") as eve:
        bob.hears("is now eve")
        server.program.stops()
        ann.says("one", "two", "three")
        eve.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        eve.close()
        server.program.goes_on()
        bob.hears("<ann> three")
        ann.says("four")
        bob.hears("<ann> four")
    server.program.signals(signal.SIGTERM)
    assert server.program.ends() == 0
    assert "Traceback" not in server.program.seen


@pytest.mark.slow
def test_who_sends_too_fast_is_heard_later_but_wholly(start: Start, tmp_path: Path) -> None:
    """Twenty lines pass at once, the others wait; somebody else is heard in between."""
    server = ChatServer(start, tmp_path, "--rate", "20")
    with server.guest("ann") as ann, server.guest("bob") as bob, server.guest("eve") as eve:
        bob.hears("is now eve")
        ann.says(*(f"line {number}" for number in range(40)))
        bob.hears("<ann> line 10")
        eve.says("me too")
        heard = bob.hears("<ann> line 39")
    assert "<eve> me too" in heard
    assert [line for line in heard if "<ann>" in line] == [
        f"<ann> line {number}" for number in range(11, 40)
    ]


@pytest.mark.slow
def test_a_guest_who_does_nothing_is_shown_out(start: Start, tmp_path: Path) -> None:
    server = ChatServer(start, tmp_path, "--idle-timeout", "0.5")
    with server.guest("ann") as ann:
        assert ann.hears_the_end() == []
    with server.guest("ann"):  # the name is free, and the server lives
        pass


def test_bad_input_is_answered_and_the_guest_stays(server: ChatServer) -> None:
    with server.guest("ann") as ann:
        for line, answer in {
            b"caf\xe9": "! that line was not UTF-8",
            b"x" * 1025: "! a line has 1024 bytes at most",
            b"/nick a b": "! a name is made of letters",
            b"/dance": "! there is no command /dance",
        }.items():
            ann.sock.sendall(line + b"\r\n")
            ann.hears(answer)
        ann.says("x" * 1024, "/who")
        ann.hears("* in lobby: ann")


def test_a_busy_port_is_one_clear_line(server: ChatServer, start: Start, tmp_path: Path) -> None:
    options = ("--port", str(server.port), "--certificate-folder", tmp_path)
    second = start(sys.executable, "-X", "dev", SERVER, *options)
    assert second.ends() == 1
    [line] = second.seen.splitlines()
    assert line.startswith("chat: ")
    assert f"127.0.0.1:{server.port}" in line
    assert "in use" in line


@pytest.mark.slow
def test_a_server_whose_output_nobody_reads_ends_all_the_same(tmp_path: Path) -> None:
    command = [sys.executable, str(SERVER), "--port", "0", "--tls-port", "0"]
    with subprocess.Popen(
        [*command, "--certificate-folder", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as server:
        assert server.stdout is not None
        while b"Ctrl-C" not in server.stdout.readline():
            pass
        server.stdout.close()
        server.terminate()
        try:
            server.wait(PATIENCE)
        finally:
            server.kill()
