"""Conformance: what every channel must do, as a table of checks.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_channel(check):
        CHECKS[check](my_pair)       # my_pair() -> (near, far), connected to each other

A check is given a function that makes a pair, and raises AssertionError with a sentence about
what was expected. It steps both ends in turn, as neither may be waited for; and where neither can
move, it waits on the descriptors for just the readiness that the ends say they want. So an end
that wants the wrong thing does not pass: it is found stuck.

What is asked of a pair: nothing is under way, and there is room for `ROOM` bytes each way.
"""

import contextlib
import os
import random
import selectors
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from reactor.channel.base import BytesLike, Channel
from reactor.errors import BrokenPipe, ConnectionReset, ReactorError, SocketError, StateClosed
from reactor.interest import READ

Pair: TypeAlias = Callable[[], tuple[Channel, Channel]]
Check: TypeAlias = Callable[[Pair], None]
Error = TypeVar("Error", bound=ReactorError)

# Every check by its name, in the order of this file: `_check` enters them.
CHECKS: Final[dict[str, Check]] = {}

ROOM: Final = 16  # bytes; what is written without reading at the other end is no more than this
SIZES: Final = (1, 7, 1400, 16385)  # bytes; the last is one more than a TLS record holds
CHUNK_SIZE: Final = 65536  # bytes per call where a check asks for no size
CHUNK: Final = random.Random(0).randbytes(CHUNK_SIZE)  # what fills a channel; always the same
BOUND: Final = 64 << 20  # bytes; a channel that takes more without its peer is not bounded
STEP_LIMIT: Final = 200_000  # of one conversation; 16385 bytes in sips of one need as many
WAIT_LIMIT: Final = 10.0  # seconds in which something must move; local ends need microseconds
DESCRIPTORS: Final = Path("/dev/fd")  # where Unix systems list what a process has open


def _check(body: Callable[[Channel, Channel], None]) -> Check:
    """Enter a check into the table: it gets its two ends made, and closed behind it."""

    def check(pair: Pair) -> None:
        near, far = pair()
        with contextlib.closing(near), contextlib.closing(far):
            body(near, far)

    check.__name__, check.__doc__ = body.__name__, body.__doc__
    CHECKS[body.__name__] = check
    return check


# Reading and writing.


@_check
def nothing_to_read_is_not_now(near: Channel, far: Channel) -> None:
    """Reading where nothing has arrived says None, and leaves the buffer alone."""
    view = memoryview(bytearray(b"untouched"))
    _expect(near.read(10) is None, "read() says None while nothing has arrived")
    _expect(near.readinto(view) is None, "readinto() says None while nothing has arrived")
    _expect(bytes(view) == b"untouched", "readinto() leaves the buffer alone when it says None")
    _expect(carry(b"later", far, near) == b"later", "what comes later is read")


@_check
def bytes_arrive_whole_and_in_order(near: Channel, far: Channel) -> None:
    """What is written in pieces of any size is read unchanged, both ways."""
    for size in SIZES:
        _expect(carry(_data(size), near, far) == _data(size), f"{size} bytes arrive as they were")
    _expect(carry(_data(1400), far, near) == _data(1400), "the way back is as good")


@_check
def any_cut_gives_the_same_bytes(near: Channel, far: Channel) -> None:
    """Reads and writes of random sizes, both ways at once, neither lose nor mix anything."""
    cuts = random.Random(1)  # the same cuts in every run
    out, back = _data(4000), _data(5000)
    sent = returned = 0
    here, there = bytearray(), bytearray()
    for _ in range(STEP_LIMIT):
        sent += near.write(out[sent : sent + cuts.randint(1, 300)]) or 0
        returned += far.write(back[returned : returned + cuts.randint(1, 300)]) or 0
        near.flush()
        far.flush()
        there += far.read(cuts.randint(1, 200)) or b""
        here += near.read(cuts.randint(1, 200)) or b""
        if len(there) >= len(out) and len(here) >= len(back):
            break
    _expect(there == out, "one way is intact")
    _expect(here == back, "the other way is intact")


@_check
def a_read_gives_no_more_than_was_asked_for(near: Channel, far: Channel) -> None:
    """What one read leaves, the next one gets."""
    _send(b"abcdefgh", near)
    first = _read_some(far, 3)
    _expect(0 < len(first) <= 3, "read(3) gives 1 to 3 bytes")
    rest = _read_exactly(8 - len(first), far)
    _expect(first + rest == b"abcdefgh", "what one read leaves, the next one gets")


@_check
def readinto_fills_the_front(near: Channel, far: Channel) -> None:
    """The count says how much of the buffer was filled, and the rest of it stays as it was."""
    _send(b"abc", near)
    buffer = bytearray(b"........")
    count = 0
    while count < 3:
        filled = far.readinto(memoryview(buffer)[count:])
        _expect(filled != 0, "readinto() says 0 at the end of the stream only")
        if filled is None:
            _wait(reading=[far])
        count += filled or 0
    _expect(buffer == b"abc.....", "three bytes are filled in, and the others left alone")


@_check
def every_kind_of_bytes_can_be_written(near: Channel, far: Channel) -> None:
    """Bytes, bytearrays and views go out alike, and are the caller's again at once."""
    lent = bytearray(b"bytearray")
    kinds: tuple[BytesLike, ...] = (b"bytes", lent, memoryview(b"(view)")[1:5])
    for kind in kinds:
        expected = bytes(kind)
        _send(kind, near)
        if kind is lent:
            lent[:] = b"*********"
        got = _read_exactly(len(expected), far)
        _expect(got == expected, f"a {type(kind).__name__} arrives as it was when written")


@_check
def nothing_at_all_moves_nothing(near: Channel, far: Channel) -> None:
    """Operations of size zero are harmless and consume nothing."""
    _expect(near.write(b"") == 0, "write(b'') takes 0 bytes")
    _send(b"x", near)
    _expect(not far.readinto(memoryview(bytearray())), "readinto() an empty view fills nothing")
    _expect(_read_some(far) == b"x", "the byte that waits is still there")


@_check
def a_full_channel_says_not_now_and_goes_on(near: Channel, far: Channel) -> None:
    """Writing to a peer that does not read ends in None; when it reads, all of it arrives."""
    taken = bytearray()
    while _fill(near, taken):
        pass
    _expect(len(taken) > 0, "some bytes are taken first")
    got = _read_exactly(len(taken), far, flushing=near)
    _expect(got == taken, "all that was taken arrives, and nothing else")
    _expect(carry(b"more", near, far) == b"more", "then there is room again")


@_check
def what_was_flushed_needs_us_no_more(near: Channel, far: Channel) -> None:
    """Once `flush` has said yes nothing is held, and the peer gets it all without our help."""
    _send(b"sixteen octets..", near)
    _expect(not near.holds_output, "holds_output is false when flush() has returned True")
    _expect(_read_exactly(16, far) == b"sixteen octets..", "the peer gets every byte")


# What to wait for.


@_check
def a_quiet_channel_does_not_look_readable(near: Channel, far: Channel) -> None:
    """After a "not now" the descriptor is not ready, or who waits on it would spin."""
    for end in (near, far):
        _expect(end.read(1) is None, "nothing has arrived")
        _expect(end.read_want != 0, "who cannot read wants something")
        _expect(not end.holds_input, "nothing is held when read() has just said None")
        _expect(not _ready(end, end.read_want), "the descriptor is not ready while all is quiet")


@_check
def readiness_comes_and_goes_with_the_bytes(near: Channel, far: Channel) -> None:
    """The descriptor is ready while there is something to read, and then no more."""
    _expect(far.read(1) is None, "nothing has arrived")
    _send(b"xy", near)
    _expect(_ready(far, far.read_want, WAIT_LIMIT), "the descriptor becomes ready with the bytes")
    _expect(_ready(far, far.read_want), "it stays ready until they are read")
    _read_exactly(2, far)
    _expect(far.read(1) is None, "all has been read")
    _expect(not _ready(far, far.read_want), "then the descriptor is not ready any more")


@_check
def input_that_no_descriptor_shows_is_told(near: Channel, far: Channel) -> None:
    """Who waits before every read, unless something is held, misses nothing."""
    _send(b"0123456789", near)
    got = b""
    for _ in range(STEP_LIMIT):
        _wait(reading=[far])
        got += far.read(1) or b""
        if len(got) == 10:
            break
    _expect(got == b"0123456789", "every byte comes, one at a time")


@_check
def a_full_channel_does_not_look_writable(near: Channel, far: Channel) -> None:
    """After a "not now" the descriptor becomes ready only when there is room again."""
    taken = bytearray()
    for _ in range(STEP_LIMIT):
        if not _fill(near, taken) and not _ready(near, near.write_want):
            break  # if it looks ready still, the kernel has moved some bytes in between
    else:
        raise AssertionError("expected: a full channel does not look writable")
    for _ in range(STEP_LIMIT):
        if _ready(near, near.write_want):
            break
        _expect(bool(_read_some(far)), "the peer can read what is under way")
        _wait(reading=[far], writing=[near])
    _expect(bool(near.write(b"x")) or near.holds_output, "readiness means that something moves")


# The end.


@_check
def the_end_is_empty_and_stays(near: Channel, far: Channel) -> None:
    """After the last byte reading says b"" or 0, every time."""
    _send(b"last", near)
    _end(near)
    _expect(_read_exactly(4, far) == b"last", "what was written before the end comes first")
    for _ in range(3):
        _expect(_read_some(far) == b"", "then comes the end, every time")
    _expect(far.readinto(memoryview(bytearray(3))) == 0, "readinto() calls it 0")


@_check
def one_way_ends_and_the_other_goes_on(near: Channel, far: Channel) -> None:
    """A half close leaves the other direction whole, until that one is ended as well."""
    _end(near)
    _expect(_read_some(far) == b"", "the peer sees the end")
    _expect(carry(_data(3000), far, near) == _data(3000), "the peer can still write to us")
    _end(far)
    _expect(_read_some(near) == b"", "then it ends its way too")


@_check
def both_may_end_at_once(near: Channel, far: Channel) -> None:
    """Two ends that cross each other are both seen, after the bytes before them."""
    _send(b"here", near)
    _send(b"there", far)
    _end(near)
    _end(far)
    _expect(_read_exactly(4, far) == b"here", "the bytes of one come first")
    _expect(_read_exactly(5, near) == b"there", "the bytes of the other come first")
    _expect(_read_some(far) == _read_some(near) == b"", "then both see the end")


@_check
def nothing_can_be_written_after_the_end(near: Channel, far: Channel) -> None:
    """It raises `BrokenPipe`, while ending once more is harmless."""
    _end(near)
    _expect(near.write_eof(), "write_eof() again is True again")
    _expect_details(_raised(BrokenPipe, lambda: near.write(b"x")), near, "write")
    _expect(_read_some(far) == b"", "the peer sees the end, and no byte after it")


@_check
def a_peer_that_closes_is_the_end(near: Channel, far: Channel) -> None:
    """What it wrote can still be read; then comes the end, or an error that says it was cut."""
    _send(b"bye", far)
    far.close()
    _expect(_read_exactly(3, near) == b"bye", "its last bytes come first")
    _end_or_error(near)


@_check
def a_reset_is_an_error_of_ours(near: Channel, far: Channel) -> None:
    """It is a `ConnectionReset` that says in what phase, and with whom."""
    peer = near.peer_address
    _send(b"never read", near)  # a Unix socket resets only who has written in vain
    far.abort()
    error = _raised(ConnectionReset, lambda: _read_some(near))
    _expect_details(error, near, "read")
    _expect(error.peer == peer, "the error names the peer")


@_check
def shutting_down_keeps_the_descriptor(near: Channel, far: Channel) -> None:
    """Both ways are over for both ends, but the descriptor goes only with `close`."""
    fd = near.fileno()
    near.shutdown(socket.SHUT_RDWR)
    _expect(near.fileno() == fd, "shutdown() leaves the descriptor")
    _expect(_ready(near, READ, WAIT_LIMIT), "who waits on it notices")
    _raised(SocketError, lambda: _send(b"x", near))
    _end_or_error(far)


# Closing.


@_check
def closing_again_is_harmless(near: Channel, far: Channel) -> None:
    """So is aborting what is closed, and closing what was aborted."""
    for verb in (near.close, near.close, near.abort, far.abort, far.abort, far.close):
        verb()
    _expect(near.fileno() == far.fileno() == -1, "a closed channel has no descriptor")


@_check
def after_closing_every_verb_says_so(near: Channel, far: Channel) -> None:
    """It raises `StateClosed`, and nothing that tells of the inside."""
    near.close()
    verbs: tuple[Callable[[], object], ...] = (
        lambda: near.read(1),
        lambda: near.readinto(memoryview(bytearray(1))),
        lambda: near.write(b"x"),
        near.write_eof,
        lambda: near.shutdown(socket.SHUT_RDWR),
    )
    for verb in verbs:
        _expect(_raised(StateClosed, verb).phase is not None, "the error says in what phase")


@_check
def addresses_stay(near: Channel, far: Channel) -> None:
    """They are pairs, and after closing what they were before."""
    for end in (near, far):
        _expect(len(end.address) == len(end.peer_address) == 2, "an address is a pair")
    address, peer_address = near.address, far.address
    near.close()
    far.close()
    _expect(near.address == far.peer_address == address, "the near address stays, at both ends")
    _expect(far.address == near.peer_address == peer_address, "and so does the far one")


def no_descriptor_is_left(pair: Pair) -> None:
    """Whatever a channel opens it gives back, closed or aborted."""
    verbs: tuple[Callable[[Channel], None], ...] = (lambda c: c.close(), lambda c: c.abort())
    before = _descriptors()
    for verb in verbs:
        for end in pair():
            verb(end)
    _expect(_descriptors() == before, "the same descriptors are open as before")


CHECKS[no_descriptor_is_left.__name__] = no_descriptor_is_left


# How the ends are stepped.


def carry(data: BytesLike, sender: Channel, receiver: Channel) -> bytes:
    """Write `data` at one end while it is read at the other, and return what was read.

    Args:
        data: any number of bytes.
        sender: the end that writes.
        receiver: the end that reads.

    Raises:
        AssertionError: nothing moves any more, or the end came before all was read.

    Thread: the one that owns both. Calls back: never. Source: LW-153.
    """
    view = memoryview(data)
    sent, got = 0, bytearray()
    for _ in range(STEP_LIMIT):
        count = sender.write(view[sent : sent + CHUNK_SIZE]) if sent < len(view) else 0
        sent += count or 0
        flushed = sender.flush()
        piece = receiver.read(CHUNK_SIZE)
        _expect(piece != b"", "the end does not come before all was read")
        got += piece or b""
        if sent == len(view) and flushed and len(got) >= len(view):
            return bytes(got)
        if not count and not piece:
            _wait(reading=[receiver], writing=[] if sent == len(view) and flushed else [sender])
    raise AssertionError(f"{len(data)} bytes do not arrive in {STEP_LIMIT} steps")


def _send(data: BytesLike, end: Channel) -> None:
    """Write and flush at most `ROOM` bytes; nobody has to read meanwhile."""
    sent = 0
    while sent < len(data) or not end.flush():
        count = end.write(data[sent:]) if sent < len(data) else None
        _expect(count != 0, "write() takes a byte or says None")
        sent += count or 0
        if count is None:
            _wait(writing=[end])


def _end(end: Channel) -> None:
    while not end.write_eof():
        _wait(writing=[end])


def _fill(end: Channel, taken: bytearray) -> int | None:
    """Write a chunk, and keep in `taken` what was taken of it."""
    count = end.write(CHUNK)
    _expect(count is None or 0 < count <= CHUNK_SIZE, "write() takes 1 to all bytes, or says None")
    taken += CHUNK[: count or 0]
    _expect(len(taken) <= BOUND, "write() says None before it has taken 64 MiB")
    return count


def _read_some(end: Channel, size: int = CHUNK_SIZE) -> bytes:
    for _ in range(STEP_LIMIT):
        piece = end.read(size)
        if piece is not None:
            return piece
        _wait(reading=[end])
    raise AssertionError("a channel that looks ready can be read")


def _read_exactly(count: int, end: Channel, *, flushing: Channel | None = None) -> bytes:
    """Read `count` bytes; `flushing` is the other end, if it may hold some of them."""
    got = bytearray()
    for _ in range(STEP_LIMIT):
        if len(got) >= count:
            return bytes(got)
        flushed = flushing is None or flushing.flush()
        piece = end.read(min(CHUNK_SIZE, count - len(got)))
        _expect(piece != b"", "the end does not come before all was read")
        got += piece or b""
        if piece is None:
            _wait(reading=[end], writing=[] if flushed or flushing is None else [flushing])
    raise AssertionError(f"{count} bytes can be read in {STEP_LIMIT} steps")


def _end_or_error(end: Channel) -> None:
    try:
        _expect(_read_some(end) == b"", "the end is seen, or an error tells of it")
    except SocketError as error:
        _expect_details(error, end, "read")


def _wait(*, reading: Iterable[Channel] = (), writing: Iterable[Channel] = ()) -> None:
    """Wait until one of them can go on, as far as its wants and its descriptor tell."""
    wants: dict[Channel, int] = {}
    for end in reading:
        if end.holds_input:
            return
        wants[end] = wants.get(end, 0) | end.read_want
    for end in writing:
        wants[end] = wants.get(end, 0) | end.write_want
    with selectors.DefaultSelector() as selector:
        for end, want in wants.items():
            selector.register(end.fileno(), want)
        _expect(bool(selector.select(WAIT_LIMIT)), f"one of {list(wants)} is ready to go on")


def _ready(end: Channel, want: int, seconds: float = 0) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(end.fileno(), want)
        return bool(selector.select(seconds))


def _data(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _descriptors() -> list[str]:
    return sorted(os.listdir(DESCRIPTORS)) if DESCRIPTORS.is_dir() else []


def _raised(kind: type[Error], verb: Callable[[], object]) -> Error:
    try:
        verb()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} is raised")


def _expect_details(error: SocketError, end: Channel, phase: str) -> None:
    _expect(error.phase == phase, f"the phase of the error is {phase!r}, not {error.phase!r}")
    _expect(error.connection is not None, "the error has the connection")
    _expect(error.peer == end.peer_address, "the error names the peer")


def _expect(condition: bool, promise: str) -> None:
    """Raise AssertionError with `promise`; an `assert` would be gone under `python -O`."""
    if not condition:
        raise AssertionError(f"expected: {promise}")
