"""What the tests of faults are lent: servers in processes of their own, all of them watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.conftest import FAILED
from tests.faults.watched import FACES, Watched

Start: TypeAlias = Callable[..., Watched]


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    """Each of the faces under which the server echoes."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A server that stands through all tests: most need no fresh one."""
    with Watched(tmp_path_factory.mktemp("faults")) as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest, standing: Watched) -> Iterator[Watched]:
    """The standing server, which has to give back what it took in this test."""
    standing.look_again()
    yield standing
    if not request.node.stash.get(FAILED, False):
        standing.gives_all_back()


@pytest.fixture
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts fresh servers: `start("--backlog", "400")`; they give all back, and end well."""
    servers = list[Watched]()
    with ExitStack() as running:

        def begin(*options: str) -> Watched:
            servers.append(running.enter_context(Watched(tmp_path, *options)))
            return servers[-1]

        yield begin
        for server in servers if not request.node.stash.get(FAILED, False) else ():
            server.gives_all_back()
            server.types_no_more()
            assert server.ends() == 0
            assert "Warning" not in server.seen  # the last ones come when the interpreter ends
