"""Connections for the tests of transports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.testing.memory import memory_pair
from tests.certificates import Certificates
from tests.channels import CHANNELS, UNIX_CHANNELS, Ends
from tests.recorder import Notes
from tests.talk import Talk
from tests.tls_pairs import channels

Talks: TypeAlias = Callable[..., Talk]


@pytest.fixture(params=["memory", "socketpair", "tcp4", *UNIX_CHANNELS, "tls12", "tls13"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of channel that a transport is tested on."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def talks(collection: WaitStateCollection, certificates: Certificates) -> Iterator[Talks]:
    """Make connections: `talks(protocol, kind=...)`, or over memory with `capacity=...`, `tls=...`.

    Each has begun, unless `begun=False`. They are closed, and then no timer is left.
    """
    with ExitStack() as made:

        def make(
            protocol: Notes | None = None, *, kind: str = "memory", begun: bool = True, **how: Any
        ) -> Talk:
            unread, version = how.pop("unread", b""), how.pop("tls", None)
            if version is not None:
                ends: Ends = channels(certificates, version, **how)
            else:
                ends = memory_pair(**how) if how else CHANNELS[kind](certificates)
            talk = Talk(collection, ends, protocol, unread=unread)
            made.callback(talk.close)
            return talk.begin() if begun else talk

        yield make
    if collection.alive:
        assert len(collection.timers) == 0
        assert collection.held == set()


@pytest.fixture
def errors(collection: WaitStateCollection) -> list[tuple[object, BaseException]]:
    """What the error handler of the collection was given."""
    given = list[tuple[object, BaseException]]()
    collection.error_handler = lambda thing, exception: given.append((thing, exception))
    return given
