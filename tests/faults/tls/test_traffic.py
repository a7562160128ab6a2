"""TLS under way: much data, small data, readers that do not read, keys that change."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from reactor.errors import LimitExceeded
from reactor.loop.collection import WaitStateCollection
from reactor.state.connection import OUTPUT_LIMIT
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.certificates import Certificates
from tests.channels import CHANNELS
from tests.faults.tls.peers import KINDS, VERSIONS, Peers
from tests.recorder import Recorder
from tests.talk import Talk
from tests.tls_pairs import forged, memory
from tests.turns import until

MIB: Final = 1 << 20
WRITE_SIZES: Final = (1, 7, 1400, 16_384, 16_385, 100_000)
# How each client writes down a record of application data that it has read.
RECORDS: Final = {
    ("openssl", "1.2"): r"<<< TLS 1\.2, RecordHeader \[length 0005\]\n +17",
    ("openssl", "1.3"): r"<<< TLS 1\.3, InnerContent \[length 0001\]\n +17",
    ("gnutls", "1.2"): r"Decrypted Packet\[\d+\] Application Data\(23\)",
    ("gnutls", "1.3"): r"Decrypted Packet\[\d+\] Application Data\(23\)",
}
RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+) kB")
PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")


def lines(size: int) -> bytes:
    """Make so many bytes, each line of them another one."""
    numbered = (b"line %d ".ljust(80, b"x") % number for number in itertools.count())
    text = bytearray()
    while len(text) < size:
        text += next(numbered) + b"\n"
    return bytes(text)


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut it into the sizes of our writes, again and again."""
    at = 0
    for size in itertools.cycle(WRITE_SIZES):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_six_mebibytes_arrive_both_ways_at_once__rel_26(
    peers: Peers, kind: str, version: str
) -> None:
    """Written in pieces of very different sizes, everything arrives intact, whoever reads it."""
    ours, theirs = lines(6 * MIB), lines(6 * MIB)

    def begin(transport: Transport) -> None:
        for piece in pieces(ours):
            transport.write(piece)

    server = Recorder(connection_made=begin)
    client = peers.client(kind, peers.serve(server).port, version=version)
    client.pours(theirs)
    until(peers.collection, lambda: len(server.received) >= len(theirs))
    server.transport.close()
    assert client.exits() == 0
    assert client.seen.endswith(ours.decode())
    assert server.received == theirs


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_small_reply_is_one_record__rel_26(peers: Peers, kind: str, version: str) -> None:
    """One small write is one record, and the client reads no more of them than that."""

    def reply(transport: Transport) -> None:
        transport.write(b"a small reply\n")
        transport.close()

    server = peers.serve(Recorder(data_received=reply))
    more = ("-d", "5") if kind == "gnutls" else ()
    client = peers.client(kind, server.port, *more, version=version)
    client.types("a question")
    assert client.exits() == 0
    assert "a small reply" in client.seen
    assert len(re.findall(RECORDS[kind, version], client.notes)) == 1


# Readers that do not read.


class Memory:
    """How much memory this process takes more than at first, at most; Linux tells it."""

    def __init__(self) -> None:
        if not Path("/proc/self/clear_refs").exists():
            pytest.skip("only Linux tells how much memory was taken at most")
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        self._before = self._figure(RESIDENT)

    @property
    def growth(self) -> int:
        """Return bytes."""
        return self._figure(PEAK) - self._before

    def _figure(self, pattern: re.Pattern[str]) -> int:
        found = pattern.search(Path("/proc/self/status").read_text())
        assert found is not None
        return int(found[1]) * 1024


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_reads_nothing_costs_a_limited_sum__rel_28(
    peers: Peers, kind: str, version: str
) -> None:
    """A careless protocol is stopped by an exception at 16 MiB, long before 48 MiB are taken."""
    ours = Recorder()
    server = peers.serve(ours)
    client = peers.client(kind, server.port, version=version)
    client.types("hello")
    until(peers.collection, lambda: ours.received)
    client.stops()
    memory = Memory()

    def flood() -> None:
        for _ in range(100 * MIB // 60_000):
            ours.transport.write(b"x" * 60_000)  # memory that was never touched would not count
            peers.collection.run_once(0)

    with pytest.raises(LimitExceeded):
        flood()
    assert ours.transport.get_write_buffer_size() >= OUTPUT_LIMIT
    assert memory.growth < 48 * MIB
    ours.transport.abort()
    settle(peers.collection)
    assert ours.lost == [None]
    client.dies()


@pytest.mark.parametrize("kind", ["tls12", "tls13"])
def test_who_reads_nothing_and_sends_on_is_not_read_either__rel_28(
    collection: WaitStateCollection, certificates: Certificates, kind: str
) -> None:
    """An echo that minds its pauses takes in a limited sum, and loses nothing of it."""
    ours = Recorder(
        data_received=lambda transport: transport.write(ours.calls.pop()[1]),
        pause_writing=Transport.pause_reading,
        resume_writing=Transport.resume_reading,
    )
    talk = Talk(collection, CHANNELS[kind](certificates), ours).begin()
    memory, sent, heard = Memory(), 0, 0
    while (count := talk.far.write(bytes(60_000))) is not None:
        sent += count
        assert sent < 100 * MIB, "the reading does not stop"
        talk.far.flush()
        talk.settle()
    assert (talk.transport.is_reading(), memory.growth < 48 * MIB) == (False, True)
    while not talk.far.flush():
        heard += len(talk.hear())
    heard += len(talk.hear_all(sent - heard))
    assert heard == sent
    talk.close()


# Keys that change.


def answer(transport: Transport) -> None:
    """Say something, so that what TLS has to answer goes with it."""
    transport.write(b"heard\n")


@pytest.mark.slow
def test_a_thousand_key_updates_of_openssl_are_answered__rel_33(peers: Peers) -> None:
    """Each is answered, the data behind them arrives, and all takes less than 1 s of CPU."""
    server = Recorder(data_received=answer)
    client = peers.client("openssl", peers.serve(server).port)
    client.types("begin")
    client.prints("heard")
    begun = time.process_time()
    for number in range(1000):
        client.types("K")  # one by one: of a piece of input it looks at the first letter
        client.counts("KEYUPDATE", number + 1)
    client.types("end")
    client.counts("heard", 2)
    assert time.process_time() - begun < 1.0
    settle(peers.collection)
    assert client.notes.count(">>> TLS 1.3, Handshake [length 0005], KeyUpdate") == 1000
    assert client.notes.count("<<< TLS 1.3, Handshake [length 0005], KeyUpdate") >= 999
    assert server.received == b"begin\nend\n"


def test_a_thousand_key_updates_of_gnutls_are_followed__rel_33(peers: Peers) -> None:
    """A thousand key updates are followed, and those that want an answer have it."""
    server = Recorder(data_received=answer)
    options = ("--inline-commands", "-d", "5")
    client = peers.client("gnutls", peers.serve(server).port, *options)
    client.types("begin")
    client.prints("heard")
    begun = time.process_time()
    client.pours(b"^rekey1^\n" * 1000 + b"middle\n")
    until(peers.collection, lambda: b"middle" in server.received)
    client.pours(b"^rekey^\n" * 3 + b"end\n")
    until(peers.collection, lambda: b"end" in server.received)
    assert time.process_time() - begun < 1.0
    server.transport.close()
    client.exits()
    assert client.notes.count("Rekey was completed") == 1003
    assert client.seen.count("KEY_UPDATE (24) was received") == 3


def test_a_flood_of_key_updates_is_no_burst__rel_33(
    collection: WaitStateCollection, certificates: Certificates, tmp_path: Path
) -> None:
    """A thousand in one go take a few turns and less than 0.5 s of CPU; then all is quiet."""
    with forged(certificates, tmp_path, capacity=MIB) as (near, far, forger):
        ours = Recorder()
        talk = Talk(collection, (far, near), ours).begin()
        flood = b"".join(forger.key_update() for _ in range(1000))
        turns, begun = collection.health.turns, time.process_time()
        memory(near).write(flood + forger.data(b"after them"))
        talk.settle()
        assert time.process_time() - begun < 0.5
        assert collection.health.turns - turns < 10
        assert (ours.received, collection.run_once(0)) == (b"after them", 0)
        talk.close()


REFUSALS: Final = {
    "openssl": r"<<< TLS 1\.2, Alert \[length 0002\], (warning no_renegotiation)",
    "gnutls": r"(No renegotiation is allowed - was received)",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_may_not_shake_hands_again__rel_33(peers: Peers, kind: str) -> None:
    """Under TLS 1.2 it is told "no renegotiation", and the conversation is as it was."""
    server = Recorder(data_received=answer)
    options = ("--inline-commands", "-d", "5") if kind == "gnutls" else ()
    client = peers.client(kind, peers.serve(server).port, *options, version="1.2")
    client.types("begin")
    client.prints("heard")
    client.types({"openssl": "R", "gnutls": "^renegotiate^"}[kind])
    client.until(lambda: re.search(REFUSALS[kind], client.notes))
    assert server.received == b"begin\n"
    client.dies()
    until(peers.collection, lambda: server.lost)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_may_not_either__rel_33(peers: Peers, kind: str) -> None:
    """A client of ours refuses as well."""
    options = ("-d", "5") if kind == "gnutls" else ()
    program, port = peers.server(kind, *options, version="1.2")
    ours = Recorder(connection_made=lambda transport: transport.write(b"**REHANDSHAKE**\n"))
    peers.connect(ours, port)
    program.prints("**REHANDSHAKE**")
    program.types("r")
    program.until(lambda: re.search(REFUSALS[kind], program.notes))
    program.dies()
    until(peers.collection, lambda: ours.lost)
