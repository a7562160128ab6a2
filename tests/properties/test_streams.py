"""Any order of reads on a stream, against a file in memory with the same bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.errors import EndOfStream, OperationTimeout
from reactor.stream.socket_stream import SocketStream
from tests.certificates import Certificates
from tests.channels import CHANNELS

# Pieces as a peer may send them, with line ends, some of them long.
PIECES = st.lists(
    st.one_of(
        st.sampled_from([b"", b"\n", b"\r\n", b"a", b"line\n", b"two\nlines\n"]),
        st.builds(lambda size: b"x" * size, st.sampled_from([1, 100, 8191, 8192, 20_000])),
    ),
    max_size=8,
)
SIZES = st.sampled_from([0, 1, 2, 7, 100, 8191, 8192, 8193, 70_000])
READS = st.lists(
    st.tuples(
        st.sampled_from(
            ["read", "read1", "readinto", "readinto1", "readline", "peek", "read_exactly", "until"]
        ),
        SIZES,
    ),
    max_size=12,
)
KINDS = ["socketpair", pytest.param("tls13", marks=pytest.mark.slow)]
SHORT = 0.001  # seconds: a limit that is meant to pass


def expected(file: io.BytesIO, size: int) -> bytes:
    """Read so many bytes and leave them unread."""
    data = file.read(size)
    file.seek(-len(data), os.SEEK_CUR)
    return data


def read_some(file: io.BytesIO, size: int, got: bytes) -> None:
    """See that what there was is the beginning of what is to come, and at least a byte of it."""
    ahead = expected(file, size)
    assert ahead.startswith(got)
    assert bool(got) == bool(ahead)
    file.seek(len(got), os.SEEK_CUR)


def do(stream: SocketStream, file: io.BytesIO, verb: str, size: int) -> None:
    """Read from both; what they say must be the same."""
    if verb == "read":
        assert stream.read(size) == file.read(size)
    elif verb == "readline":
        assert stream.readline(size) == file.readline(size)
    elif verb == "readinto":
        ours, theirs = bytearray(size), bytearray(size)
        assert stream.readinto(ours) == file.readinto(theirs)
        assert ours == theirs
    elif verb == "read1":
        read_some(file, size, stream.read1(size))
    elif verb == "readinto1":
        buffer = bytearray(size)
        read_some(file, size, bytes(buffer[: stream.readinto1(buffer)]))
    elif verb == "peek":
        ahead = stream.peek(size)
        assert expected(file, len(ahead)) == ahead
        assert ahead or not (size and expected(file, 1))
    else:
        get: Callable[[], bytes] = (
            (lambda: stream.read_exactly(size))
            if verb == "read_exactly"
            else (lambda: stream.read_until(b"\r\n"))
        )
        rest = expected(file, -1)
        end = size if verb == "read_exactly" else rest.find(b"\r\n") + 2
        if end > len(rest) or (verb == "until" and end == 1):
            with pytest.raises(EndOfStream):
                get()
        else:
            assert get() == file.read(end)


@pytest.mark.parametrize("kind", KINDS)
@given(pieces=PIECES, reads=READS)
def test_a_stream_reads_as_a_file_in_memory_does__lw_181(
    certificates: Certificates, kind: str, pieces: list[bytes], reads: list[Any]
) -> None:
    """Any order of reading verbs gives what a file with the same bytes gives, in whatever pieces
    they come.
    """
    near, far = (SocketStream(channel) for channel in CHANNELS[kind](certificates))
    with near, far:
        file = io.BytesIO(b"".join(pieces))
        for piece in pieces:
            far.write(piece)
        far.shutdown("output")
        for verb, size in reads:
            do(near, file, verb, size)
        assert near.read() == file.read()
        assert near.read1() == b""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@given(pieces=PIECES, size=SIZES)
def test_limits_that_pass_lose_nothing__lw_182(
    certificates: Certificates, kind: str, pieces: list[bytes], size: int
) -> None:
    """However often a limit passes in the midst of a read, every byte is read in the end, once."""
    near, far = (SocketStream(channel) for channel in CHANNELS[kind](certificates))
    near.read_timeout = SHORT
    with near, far:
        total, got = b"".join(pieces), b""
        for piece in pieces:
            far.write(piece)
            for read in (near.read_exactly, near.read, lambda n: near.read_until(b"\r\n")):
                try:
                    got += read(size)
                except OperationTimeout:
                    assert size or read not in (near.read_exactly, near.read)
        far.shutdown("output")
        near.read_timeout = None
        assert got + near.read() == total
