"""AsyncIOState, misused: a wrong argument is an error at the call, and nothing has happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.memory import MemoryChannel
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.state.reports import Reports
from tests.tls_pairs import channels

CALLS: dict[str, Callable[[AsyncIOState, Any], object]] = {
    "abort": lambda state, callback: state.abort(callback),
    "abort_and_close": lambda state, callback: state.abort_and_close(callback),
    "shutdown": lambda state, callback: state.shutdown("io", abort=True, callback=callback),
}
SWITCHES: dict[str, Callable[[AsyncIOState, Any], object]] = {
    "attach_tls": lambda state, callback: state.attach_tls(callback, server_hostname="localhost"),
    "detach_tls": lambda state, callback: state.detach_tls(callback),
}


@pytest.mark.parametrize("verb", CALLS)
def test_what_cannot_be_called_stops_nothing__lw_070(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, verb: str
) -> None:
    """`abort("output")` and its like are refused at the call: what runs goes on."""
    near.read_buffer(bytearray(2), reports := Reports())
    with pytest.raises(TypeError, match="callback"):
        CALLS[verb](near, "output")
    far.write(b"ok")
    settle(collection)
    assert (reports.moved, near.closed) == ([(b"ok", 2)], False)


@pytest.mark.parametrize("callback", [None, "callback"])
@pytest.mark.parametrize("verb", SWITCHES)
def test_a_switch_of_tls_needs_a_callback__lw_070(
    near: AsyncIOState, verb: str, callback: Any
) -> None:
    """A switch of TLS that can tell nobody is refused at the call, and does not begin."""
    with pytest.raises(TypeError, match="callback"):
        SWITCHES[verb](near, callback)
    near.abort(None)  # no exchange is under way: it would be OperationInProgress
    assert near.tls_side is None


@pytest.mark.parametrize("callback", [None, "callback"])
def test_a_handshake_needs_a_callback__lw_070(
    collection: WaitStateCollection, certificates: Certificates, callback: Any
) -> None:
    """A handshake that can tell nobody is refused at the call, and does not begin."""
    near, far = channels(certificates)
    state = AsyncIOState(collection, near)
    with pytest.raises(TypeError, match="callback"):
        state.handshake(callback)
    state.abort(None)  # no exchange is under way: it would be OperationInProgress
    far.close()


@pytest.mark.parametrize("size", [1.5, "1", [1]])
def test_a_wrong_size_is_refused_at_the_call__lw_070_087(near: AsyncIOState, size: Any) -> None:
    """A `max_read` that is no whole number is refused at the call; nothing is started."""
    with pytest.raises(TypeError):
        near.read_with_checking(Reports(), max_read=size)
    near.max_read = size
    with pytest.raises(TypeError):
        near.read_with_checking(Reports())
    assert not near.input.active


@pytest.mark.parametrize("name", ["input_limit", "output_limit"])
@pytest.mark.parametrize(
    ("wrong", "error"), [(1.5, TypeError), (None, TypeError), (-1, ValueError)]
)
def test_a_wrong_limit_is_refused_when_it_is_set__lw_092_103(
    near: AsyncIOState, name: str, wrong: Any, error: type[Exception]
) -> None:
    """A limit of a state is a whole number from 0 on; anything else is refused when it is set."""
    before = getattr(near, name)
    with pytest.raises(error, match=name):
        setattr(near, name, wrong)
    assert getattr(near, name) == before


def test_unread_bytes_need_a_writable_buffer__lw_070_093(near: AsyncIOState) -> None:
    """Where unread bytes cannot be put is refused at the call, though there may be none yet."""
    with pytest.raises(TypeError, match="writable"):
        near.get_buffered_data(b"read only")
    near.unread.append(b"kept")
    with pytest.raises(TypeError, match="writable"):
        near.get_buffered_data(b"read only")
    assert near.buffered_data_length == 4
