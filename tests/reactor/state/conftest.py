"""Fixtures for states: what is below TLS, which TLS it is, and two ends with and without it."""

from __future__ import annotations

import ssl

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from tests.certificates import Certificates
from tests.reactor.state.tls_states import BELOW, Pair, attach
from tests.tls_pairs import VERSIONS, contexts


@pytest.fixture(params=BELOW)
def below(request: pytest.FixtureRequest) -> str:
    """What is below TLS."""
    name: str = request.param
    return name


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    """Which TLS is spoken."""
    found: ssl.TLSVersion = request.param
    return found


@pytest.fixture
def plain(collection: WaitStateCollection, certificates: Certificates, below: str) -> Pair:
    """Two states that are connected to each other, in clear."""
    near, far = BELOW[below](certificates)
    return AsyncIOState(collection, near, name="client"), AsyncIOState(
        collection, far, name="server"
    )


@pytest.fixture
def pair(
    collection: WaitStateCollection,
    certificates: Certificates,
    plain: Pair,
    version: ssl.TLSVersion,
) -> Pair:
    """Two states that have shaken hands."""
    attach(collection, plain, *contexts(certificates, version))
    return plain
