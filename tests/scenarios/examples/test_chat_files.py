"""Files through the chat server, by connections of their own."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.peers import require
from tests.scenarios.examples.chat_server import ChatServer, Guest
from tests.scenarios.programs import PATIENCE

SOME = b"no line\nlike another\r\n\0\xff" * 1000
MUCH = bytes(range(256)) * 65536  # 16 MiB: more than kernels keep for two connections


@dataclass
class Deal:
    """Ann gives bob a file that he has accepted; each has a port and a line to begin with."""

    server: ChatServer
    ann: Guest
    bob: Guest

    def offer(self, size: int) -> None:
        """Offer a file, and accept it."""
        self.ann.says(f"/send bob {size} note.bin")
        offered = self.bob.hears(" bytes, note.bin")[-1]
        assert f"ann offers bob {size}" in offered
        self.bob.says(f"/accept {offered.split()[2].rstrip(':')}")

    def both_hear(self, text: str) -> None:
        """Read on to that line."""
        for guest in (self.ann, self.bob):
            guest.hears(text)

    def still_talk(self) -> None:
        """See that both are served."""
        self.ann.says("still here?")
        self.bob.hears("<ann> still here?")


@pytest.fixture
def deal(server: ChatServer) -> Iterator[Deal]:
    with server.guest("ann") as ann, server.guest("bob") as bob:
        yield Deal(server, ann, bob)


def everything(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize(("early", "data"), [("giver", SOME), ("taker", SOME), ("giver", b"")])
def test_a_file_arrives_whoever_comes_first(deal: Deal, early: str, data: bytes) -> None:
    deal.offer(len(data))
    with contextlib.ExitStack() as stack:
        if early == "taker":
            taker = stack.enter_context(deal.bob.end())
        giver = stack.enter_context(deal.ann.end())
        giver.sendall(data)
        if early == "giver":
            taker = stack.enter_context(deal.bob.end())
        assert everything(taker) == data
        taker.close()
        deal.both_hear(": has arrived")
        assert giver.recv(1) == b""


@pytest.mark.slow
def test_a_taker_may_end_his_direction_before_he_takes(deal: Deal) -> None:
    deal.offer(len(SOME))
    with deal.bob.end() as taker:
        taker.shutdown(socket.SHUT_WR)
        with deal.ann.end() as giver:
            giver.sendall(SOME[:1])
            assert taker.recv(1) == SOME[:1]
            for _ in range(2):  # turns, in which the server sees that end
                deal.still_talk()
            giver.sendall(SOME[1:])
            assert everything(taker) == SOME[1:]
            deal.both_hear(": has arrived")


@pytest.mark.slow
def test_netcat_gives_what_openssl_takes(server: ChatServer) -> None:
    """People do it by hand: plain on one side, over TLS on the other."""
    text = "a line for bob"
    with server.guest("ann") as ann:
        bob = server.s_client("bob")
        ann.says(f"/send bob {len(text) + 1} note.txt")
        bob.expect("ann offers bob 15 bytes, note.txt")
        bob.types("/accept 1")
        plain_port, line = ann.hears_the_key()
        giver = server.start(require("nc"), "127.0.0.1", str(plain_port))
        giver.types(line)
        giver.types(text)
        port, _, line = (
            bob.expect(" behind the line ").partition("port ")[2].partition(" behind the line ")
        )
        where = ("-connect", f"localhost:{port}", "-CAfile", server.certificate)
        taker = server.start(require("openssl"), "s_client", "-quiet", "-no_ign_eof", *where)
        taker.types(line)
        taker.expect(text)
        assert taker.ends() == 0
        ann.hears(": has arrived")


@pytest.mark.slow
def test_a_slow_taker_holds_up_his_giver_and_not_the_room__rel_7(deal: Deal) -> None:
    """While somebody does not take a large file, its giver is not read, so that the server keeps
    little of it, and the room is served; then every byte arrives.
    """
    deal.offer(len(MUCH))
    with deal.ann.end() as giver, deal.bob.end() as taker:
        giver.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < len(MUCH):
                sent += giver.send(memoryview(MUCH)[sent:])
        assert sent < len(MUCH)
        deal.still_talk()
        giver.setblocking(False)
        taken = hashlib.sha256()
        count = 0
        while count < len(MUCH):
            with contextlib.suppress(BlockingIOError):
                sent += giver.send(memoryview(MUCH)[sent:]) if sent < len(MUCH) else 0
            data = taker.recv(1 << 20)
            taken.update(data)
            count += len(data)
        taker.close()
        deal.both_hear(": has arrived")
    assert taken.digest() == hashlib.sha256(MUCH).digest()


@pytest.mark.slow
def test_a_giver_who_stops_in_the_middle_leaves_no_whole_file(deal: Deal) -> None:
    deal.offer(len(SOME) + 1)
    with deal.bob.end() as taker:
        with deal.ann.end() as giver:
            giver.sendall(SOME)
            giver.shutdown(socket.SHUT_WR)
            deal.both_hear(": over, its giver has stopped")
        with pytest.raises(ConnectionResetError):
            everything(taker)
    deal.still_talk()


@pytest.mark.slow
def test_a_giver_who_sends_more_than_he_said_is_cut_off(deal: Deal) -> None:
    deal.offer(len(SOME) - 1)
    with deal.bob.end(), deal.ann.end() as giver:
        giver.sendall(SOME)
        deal.both_hear(": over, more came than was said")
    deal.still_talk()


@pytest.mark.slow
@pytest.mark.parametrize("who", ["ann", "bob"])
def test_an_end_that_is_lost_ends_the_other__rel_4(deal: Deal, who: str) -> None:
    """A file whose giver or taker loses the connection for it is over for both, at once."""
    deal.offer(len(MUCH))
    with deal.bob.end() as taker, deal.ann.end() as giver:
        giver.sendall(SOME)
        assert taker.recv(1)
        lost = giver if who == "ann" else taker
        lost.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        lost.close()
        deal.both_hear(": over, a connection of it was lost")
    deal.still_talk()


@pytest.mark.slow
@pytest.mark.parametrize("who", ["ann", "bob"])
def test_who_leaves_the_chat_ends_his_files(deal: Deal, who: str) -> None:
    deal.offer(len(MUCH))
    with deal.bob.end() as taker, deal.ann.end() as giver:
        giver.sendall(SOME)
        assert taker.recv(1)
        leaving, staying = (deal.ann, deal.bob) if who == "ann" else (deal.bob, deal.ann)
        leaving.close()
        staying.hears(f": over, {who} has left")
        with pytest.raises(ConnectionResetError):
            everything(taker)


@pytest.mark.slow
def test_a_connection_without_a_key_is_told_and_closed(deal: Deal) -> None:
    deal.offer(1)
    port, line = deal.ann.hears_the_key()
    for said in (
        b"/put " + b"0" * 32 + b"\n",
        b"\xff\0\n",
        b"x" * 82,
        b"x" * 100 + line.encode() + b"\n",
    ):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as stranger:
            stranger.sendall(said)
            assert everything(stranger) == b"! that is not the key of a file\n"
    deal.still_talk()
    assert "Traceback" not in deal.server.program.seen
