"""What surrounds every test: the leak guard, the seed of the order, the shared fixtures."""

from __future__ import annotations

import contextlib
import importlib
import signal
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel, memory_pair
from tests import leaks
from tests.certificates import Certificates
from tests.faults.tls.peers import Peers

FAILED: Final = pytest.StashKey[bool]()


def pytest_configure() -> None:
    """Let an example take its time, and the making of one: a busy machine is no failure."""
    if find_spec("hypothesis") is None:
        return  # Debian's own Python runs the tests of its hosts only
    hypothesis = importlib.import_module("hypothesis")
    patient = hypothesis.settings(
        deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.register_profile("patient", patient)
    hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """Have Python hear of a ^C: who is started in the background of a script ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves threads or descriptors behind."""
    before = leaks.inventory()
    yield
    if request.node.stash.get(FAILED, False):
        return  # its traceback holds on to its objects, and one complaint is enough
    if left := leaks.left_since(before):
        pytest.fail("the test left behind " + ", ".join(left), pytrace=False)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until a test advances it."""
    return ManualClock(1000.0)


@pytest.fixture
def collection(clock: ManualClock) -> Iterator[WaitStateCollection]:
    """A collection whose time is `clock`; closed, and then found empty, at the end."""
    collection = WaitStateCollection("of the test", clock=clock)
    yield collection
    collection.close()
    assert collection.stats()["timers"] == 0
    assert collection.stats()["posted_calls"] == 0


@pytest.fixture
def far() -> Iterator[MemoryChannel]:
    """The other end of `near`: a channel in memory."""
    here, there = memory_pair()
    yield there
    here.close()
    there.close()


@pytest.fixture
def near(collection: WaitStateCollection, far: MemoryChannel) -> Iterator[AsyncIOState]:
    """A state over memory; no limit may be left when it has closed."""
    state = AsyncIOState(collection, far.far, name="near")
    yield state
    if collection.alive:
        state.abort_and_close()
        assert len(collection.timers) == 0


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and the certificates that most tests need, made once."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def peers(
    collection: WaitStateCollection, certificates: Certificates, tmp_path: Path
) -> Iterator[Peers]:
    """Programs that speak TLS with what runs in `collection`, ended behind the test."""
    with contextlib.closing(Peers(collection, certificates, tmp_path)) as peers:
        yield peers


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test has failed, for the leak guard."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how to repeat the order of a run that failed."""
    seed = getattr(terminalreporter.config.option, "randomly_seed", None)
    if seed is not None and (terminalreporter.stats.keys() & {"failed", "error"}):
        terminalreporter.write_line(f"the same order again: make test SEED={seed}")
