"""Pairs of streams that are connected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import pytest

from reactor.stream.socket_stream import SocketStream
from tests.certificates import Certificates
from tests.reactor.stream.streams import KINDS, PLAIN, TLS, pair_of

Pair: TypeAlias = tuple[SocketStream, SocketStream]


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Pair]:
    """Two streams that speak to each other, over everything that has a descriptor."""
    with pair_of(request.param, certificates) as pair:
        yield pair


@pytest.fixture(params=PLAIN)
def plain_pair(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Pair]:
    """Two streams that speak in clear."""
    with pair_of(request.param, certificates) as pair:
        yield pair


@pytest.fixture(params=TLS)
def tls_pair(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Pair]:
    """Two streams that speak TLS."""
    with pair_of(request.param, certificates) as pair:
        yield pair


@pytest.fixture
def sockets(certificates: Certificates) -> Iterator[Pair]:
    """Two streams over a pair of sockets, where the kind of the channel does not matter."""
    with pair_of("socketpair", certificates) as pair:
        yield pair
