"""The pitfalls of other libraries that only a conversation shows: each has its guard here."""

import contextlib
from collections.abc import Iterator

import pytest

from reactor.channel.base import Channel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import CHUNK_SIZE
from reactor.channel.tls_settings import tls_plan
from reactor.errors import EndOfStream, ReactorError, TLSError
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.channels import CHANNELS

PLAIN = [name for name in CHANNELS if not name.startswith("tls")]
LINE = b"STARTTLS\r\n"
EVIL = b"EVIL: believe me\r\n"
PATIENCE = 10.0  # seconds until a turn that waits for its peer has waited in vain
STEPS = 50_000  # of one conversation, a byte at a time


@pytest.fixture(params=PLAIN)
def ends(
    request: pytest.FixtureRequest, certificates: Certificates, collection: WaitStateCollection
) -> Iterator[tuple[AsyncIOState, Channel]]:
    """A state on each channel without TLS, and the channel at its other end."""
    near, far = CHANNELS[request.param](certificates)
    state = AsyncIOState(collection, near)
    with contextlib.closing(far):
        yield state, far
        state.close()
        settle(collection, STEPS)


def send(collection: WaitStateCollection, far: Channel, data: bytes) -> None:
    """Write all of it, however little the channel takes at a time."""
    for _ in range(STEPS):
        if not data:
            return
        count = far.write(data)
        data = data[count:] if count else data
        collection.run_once(0)
    raise AssertionError("it does not leave")


def client_of(far: Channel, certificates: Certificates) -> TLSChannel:
    """Make a TLS client on the far end."""
    plan = tls_plan(
        certificates.client_context(), side="client", host="localhost", server_hostname="localhost"
    )
    assert plan is not None
    return TLSChannel(far, plan.engine())


def test_injected_plaintext_is_neither_kept_nor_believed__pitfall_2__tls_6__rel_34(
    ends: tuple[AsyncIOState, Channel],
    collection: WaitStateCollection,
    certificates: Certificates,
) -> None:
    """What an attacker puts behind STARTTLS in clear fails the handshake, and is not read."""
    state, far = ends
    outcome: list[ReactorError | None] = []

    def switch(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        assert (bytes(buffer), count) == (LINE, len(LINE))
        state.attach_tls(lambda _, error: outcome.append(error), tls=certificates.server_context())

    state.read_buffer(bytearray(len(LINE)), switch)
    send(collection, far, LINE + EVIL)
    settle(collection, STEPS)
    assert [type(error) for error in outcome] == [TLSError]
    assert (state.tls_side, state.buffered_data_length) == (None, 0)
    seen: list[tuple[int, ReactorError | None]] = []
    state.read_buffer(
        bytearray(len(EVIL)), lambda state, _, count: seen.append((count, state.read_status))
    )
    settle(collection, STEPS)
    assert [(count, type(status)) for count, status in seen] == [(0, TLSError)]


def test_an_early_clienthello_is_used__pitfall_2__tls_6(
    ends: tuple[AsyncIOState, Channel],
    collection: WaitStateCollection,
    certificates: Certificates,
) -> None:
    """A client that does not wait for the answer to STARTTLS loses nothing by it."""
    state, far = ends
    outcome: list[ReactorError | None] = []
    state.read_buffer(
        bytearray(len(LINE)),
        lambda state, *_: state.attach_tls(
            lambda _, error: outcome.append(error), tls=certificates.server_context()
        ),
    )
    client = client_of(far, certificates)
    client.engine.handshake()
    send(collection, far, LINE + client.engine.take())
    for _ in range(STEPS):
        if client.handshake():
            assert client.read(1) is None  # the session tickets have to get through as well
        if outcome:
            break
        settle(collection, STEPS)
    assert outcome == [None]
    assert client.tls_object.version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["memory-clogged", "tcp4", "tls12", "tls13", "tls-in-tls"])
def test_what_was_reported_as_sent_survives_the_close__pitfall_3__lw_095(
    name: str, collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A report means that the kernel has it all, so closing in the report loses no byte."""
    # The last thousand bytes are too few for TLS to push them by itself.
    size = 20_000 if name == "memory-clogged" else 12 * CHUNK_SIZE + 1_000
    near, far = CHANNELS[name](certificates)
    state = AsyncIOState(collection, near)
    held: list[bool] = []

    def sent(state: AsyncIOState, *_: object) -> None:
        held.append(state.channel.holds_output)
        state.close()

    state.write_buffer(bytes(size), sent)
    arrived = 0
    with contextlib.closing(far):
        for _ in range(STEPS):
            collection.run_once(0)
            far.flush()
            data = far.read(65_536)
            if data == b"":
                break
            arrived += len(data or b"")
        assert (arrived, data) == (size, b"")  # and under TLS the end is a proper one
        assert held == [False]
        if isinstance(far, TLSChannel):
            far.write_eof()
    settle(collection, STEPS)


@pytest.mark.parametrize("name", ["tls12", "tls13", "tls-in-tls"])
def test_a_full_engine_is_read_while_the_socket_is_silent__pitfall_4__tls_5(
    name: str, collection: WaitStateCollection, certificates: Certificates
) -> None:
    """Bytes that are decrypted already are delivered though no descriptor will ever tell."""
    near, far = CHANNELS[name](certificates)
    state = AsyncIOState(collection, near)
    seen: list[int] = []

    def look(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        seen.append(end)
        if len(seen) == 1:
            state.finish(end)

    with contextlib.closing(far):
        assert far.write(bytes(10_000)) == 10_000
        assert far.flush()
        state.read_with_checking(look, max_read=1_000)
        while not seen:
            assert collection.run_once(PATIENCE)
        assert seen == [1_000]
        turns = collection.health.turns
        state.read_with_checking(look, max_read=3_000)
        settle(collection)  # no turn of it waits
        assert seen == [1_000, 3_000, 6_000, 9_000]
        assert collection.health.turns - turns < 20  # and nothing spins afterwards
        state.abort(None)
        settle(collection)
        state.close()
        settle(collection)
    assert not isinstance(state.read_status, EndOfStream)
