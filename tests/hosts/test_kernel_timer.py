"""The kernel's timer in the selector of a guest: what it is armed for, and where there is none."""

from __future__ import annotations

import errno
import math
import os
import re
import selectors
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor.hosts import guest, kernel_timer
from reactor.hosts.guest import begin_guest
from reactor.hosts.kernel_timer import nanoseconds_of, open_kernel_timer, set_moment
from reactor.loop.collection import WaitStateCollection
from tests.hosts.test_attaching import ManualHost
from tests.reactor.loop.probe import LIMIT, Probe, exit_code_of_child, ready_probe
from tests.reactor.opening.network import no_descriptors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has such timers")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> ManualHost:
    """A loop that the test is; it has no pauses, which turns on a busy machine would bring."""
    monkeypatch.setattr(guest, "TURNS_TIME_LIMIT", math.inf)
    return ManualHost()


@pytest.fixture
def hosted(host: ManualHost) -> Iterator[WaitStateCollection]:
    """A collection in that host, which watches its descriptor; its clock is the kernel's."""
    collection = WaitStateCollection("hosted")
    with begin_guest(host, collection, "descriptor"):
        yield collection
    collection.close()


def readable(fd: int | None, seconds: float = 0.0) -> bool:
    """Whether a descriptor is readable, or will be within so many seconds."""
    assert fd is not None
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def kernel_timers() -> list[int]:
    """The timers of the kernel that this process has."""
    links = {int(path.name): path for path in Path("/proc/self/fd").iterdir()}
    return [fd for fd, path in links.items() if os.path.islink(path) and is_timer(path)]


def is_timer(path: Path) -> bool:
    return os.readlink(path) == "anon_inode:[timerfd]"


def remaining() -> int:
    """Seconds until the only timer of the kernel goes off, to the next ten; 0 if it will not."""
    (fd,) = kernel_timers()
    text = Path(f"/proc/self/fdinfo/{fd}").read_text("utf-8")
    found = re.search(r"it_value: \((\d+), (\d+)\)", text)
    assert found is not None
    return math.ceil((int(found[1]) + int(found[2]) / 1e9) / 10) * 10


def test_the_descriptor_tells_of_time__ho_2(host: ManualHost, hosted: WaitStateCollection) -> None:
    """On Linux the descriptor of a hosted collection is readable when a timer is due, and until the
    turn that runs it; the host has no timer of ours.
    """
    fired = list[str]()
    assert not os.get_inheritable(kernel_timers()[0])
    hosted.call_later(60.0, fired.append, "far")
    assert not readable(hosted.fileno())
    hosted.call_later(0.001, fired.append, "near")
    for _ in range(2):
        assert readable(hosted.fileno(), LIMIT)
    while not fired:  # the first may come too early
        assert readable(hosted.fileno(), LIMIT)
        host.is_ready()
    assert (fired, host.timer, hosted.stats()["states"]) == (["near"], None, 0)
    assert not readable(hosted.fileno())


def test_it_is_armed_for_the_next_moment__ho_2(
    host: ManualHost, hosted: WaitStateCollection
) -> None:
    """The kernel's timer of a hosted collection is armed anew at once for an earlier moment; for a
    later one when the earlier has come, at which a turn finds nothing to do.
    """
    assert remaining() == 0
    hosted.call_later(60.0, len, "")
    assert remaining() == 60
    hosted.call_later(30.0, len, "").cancel()
    hosted.call_later(40.0, len, "")
    assert remaining() == 30
    fired = list[str]()
    hosted.call_later(0.0, fired.append, "cancelled").cancel()
    assert readable(hosted.fileno(), LIMIT)
    host.is_ready()
    assert (fired, remaining()) == ([], 40)
    assert not readable(hosted.fileno())


def test_it_goes_off_ahead_of_a_moment__ho_2(
    hosted: WaitStateCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's timer of a hosted collection goes off ahead of the moment, by what it takes to
    wake a process; where so much is not left, at the moment.
    """
    monkeypatch.setattr(kernel_timer, "AHEAD", 20.0)
    hosted.call_later(60.0, len, "")
    assert remaining() == 40
    hosted.call_later(10.0, len, "")
    assert remaining() == 10


def test_a_wake_up_that_is_too_early_runs_nothing__ho_2(
    host: ManualHost, hosted: WaitStateCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is woken ahead of the moment runs no timer of a hosted collection: it is woken
    again, at that moment.
    """
    monkeypatch.setattr(kernel_timer, "AHEAD", 50.0)
    fired = list[str]()
    hosted.call_later(50.01, fired.append, "early")
    assert readable(hosted.fileno(), LIMIT)
    host.is_ready()
    assert (fired, remaining()) == ([], 50)
    assert not readable(hosted.fileno())


@pytest.mark.parametrize("when", [-math.inf, -1.0, 0.0, 1e-12])
def test_a_moment_that_has_passed_is_now__ho_2(
    host: ManualHost, hosted: WaitStateCollection, when: float
) -> None:
    """A timer of a hosted collection for a moment that has passed fires at once."""
    fired = list[str]()
    hosted.call_at(when, fired.append, "late")
    assert readable(hosted.fileno(), LIMIT)
    host.is_ready()
    assert (fired, remaining()) == (["late"], 0)
    assert not readable(hosted.fileno())


@pytest.mark.parametrize("when", [2.0**31, 2.0**63, 1e300, math.inf])
def test_a_moment_that_never_comes_is_taken__ho_2(hosted: WaitStateCollection, when: float) -> None:
    """A timer of a hosted collection may be for a moment that no kernel can count to."""
    hosted.call_at(when, len, "")
    assert not readable(hosted.fileno())
    assert remaining() == 0 if when == math.inf else remaining() > 2**30


@pytest.mark.parametrize(
    ("when", "count"), [(-1.0, 1), (0.0, 1), (1e-10, 1), (1.2e-9, 2), (0.5, 500_000_000)]
)
def test_a_moment_is_rounded_up__ho_2(when: float, count: int) -> None:
    """A moment is rounded up to the nanoseconds of the kernel, so that no turn comes too early."""
    assert nanoseconds_of(when) == count


def test_a_timer_that_has_gone_off_is_quiet_when_armed(hosted: WaitStateCollection) -> None:
    timer = open_kernel_timer(hosted)
    assert timer is not None
    assert sys.platform != "linux" or not os.get_blocking(timer.fd)
    for when in (60.0, math.inf):  # later than what it was armed for
        timer.arm(0.0)
        assert readable(timer.fd, LIMIT)
        timer.on_readable()
        timer.arm(hosted.time() + when)
        assert not readable(timer.fd)
    timer.on_readable()
    timer.close()
    timer.close()
    timer.arm(0.0)  # nobody's descriptor any more


def test_a_timer_may_run_a_loop_of_the_host__ho_5(
    host: ManualHost, hosted: WaitStateCollection
) -> None:
    """A timer of a hosted collection that runs the host's loop, as a dialog does, is not entered
    again, and the host watches nothing until it has returned.
    """
    told = list[object]()

    def dialog() -> None:
        told.append("began")
        host.is_ready()
        told.append(host.shows())

    hosted.call_later(0.0, dialog)
    assert readable(hosted.fileno(), LIMIT)
    host.is_ready()
    assert told == ["began", (False, None)]
    assert host.shows() == (True, None)
    assert not readable(hosted.fileno())


def test_what_closing_calls_may_set_a_timer__ho_9(host: ManualHost) -> None:
    """Whoever is told that a hosted collection closes may set a timer, which will not fire."""

    class Scheduling(Probe):
        def close_silently(self) -> None:
            super().close_silently()
            collection.call_later(0.001, len, "")

    collection = WaitStateCollection("hosted")
    Scheduling(collection)
    attached = begin_guest(host, collection, "descriptor")
    collection.close()
    assert attached.closed
    assert kernel_timers() == []


def test_its_number_may_be_reused_at_once__ho_9(host: ManualHost) -> None:
    """A callback that closes a guest, and opens what gets the number of the kernel's timer, does
    not let that be taken for ready.
    """
    collection, called = WaitStateCollection("hosted"), list[str]()

    def close(probe: Probe) -> None:
        attached.close()
        ends.extend((*socket.socketpair(), *socket.socketpair()))
        for end in ends:
            collection.watch(end, lambda watch: called.append("not ready"))
        called.append("watched")

    ends = list[socket.socket]()
    ready_probe(collection, close)
    assert readable(collection.fileno())  # it stands in front
    attached = begin_guest(host, collection, "descriptor")
    number = kernel_timers()[0]
    collection.call_later(0.0, called.append, "timer")
    assert readable(number, LIMIT)
    host.is_ready()
    assert called == ["watched", "timer"]
    assert number in [end.fileno() for end in ends]
    collection.close()
    for end in ends:
        end.close()


def test_a_child_leaves_the_timer_alone__ho_9(
    host: ManualHost, hosted: WaitStateCollection
) -> None:
    """A forked child that ends leaves the kernel's timer of its parent's collection as it is."""
    fired = list[str]()
    hosted.call_later(0.001, fired.append, "parent's")
    assert exit_code_of_child(lambda: host.is_ready()) == 0
    assert readable(hosted.fileno(), LIMIT)
    host.is_ready()
    assert fired == ["parent's"]


def test_another_clock_needs_a_timer_of_the_host__ho_2(
    host: ManualHost, collection: WaitStateCollection
) -> None:
    """A hosted collection whose clock is not the kernel's has a timer in its host instead."""
    with begin_guest(host, collection, "descriptor"):
        collection.call_later(60.0, len, "")
        assert kernel_timers() == []
        assert host.timer is not None
        assert host.timer[0] == 60.0


def test_without_descriptors_there_is_no_timer__ho_2() -> None:
    """Where the system has no descriptor left there is no timer of the kernel, and no error."""
    collection = WaitStateCollection()
    with no_descriptors():
        assert open_kernel_timer(collection) is None
    collection.close()
    read, write = os.pipe()
    with pytest.raises(OSError, match="argument"):
        set_moment(read, 1)
    os.close(read)
    os.close(write)


def test_a_timer_that_is_refused_later_is_none__ho_2(
    hosted: WaitStateCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives a timer, and then does not let it be set, there is none."""
    read, write = os.pipe()
    monkeypatch.setattr(kernel_timer, "create", lambda: read)
    assert open_kernel_timer(hosted) is None
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(read)
    os.close(write)


def test_an_interrupt_costs_no_timer__ho_4(
    host: ManualHost, hosted: WaitStateCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ^C that comes as the kernel's timer of a hosted collection is set costs no timer: the next
    turn sets it.
    """

    def interrupted(fd: int, nanoseconds: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kernel_timer, "set_moment", interrupted)
        with pytest.raises(KeyboardInterrupt):
            hosted.call_later(30.0, len, "")
    assert remaining() == 0
    hosted.wake()
    host.is_ready()
    assert remaining() == 30


def test_a_full_selector_needs_a_timer_of_the_host__ho_2(host: ManualHost) -> None:
    """Where the selector does not take the kernel's timer, the host of a collection has one."""

    kind: Any = selectors.DefaultSelector

    class Full(kind):  # type: ignore[misc]  # it is chosen at run time
        def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
            if len(self.get_map()) > 1:  # the waker is in, and what signals wake
                raise OSError(errno.ENOSPC, "full")
            return super().register(fileobj, events, data)

    collection, fired = WaitStateCollection(selector=Full()), list[str]()
    with begin_guest(host, collection, "descriptor"):
        collection.call_later(0.0, fired.append, "near")
        host.is_due()
        assert (fired, kernel_timers()) == (["near"], [])
    collection.close()


@pytest.mark.parametrize("error", [PermissionError, ImportError, AttributeError])
@pytest.mark.parametrize("step", ["create", "set_moment"])
def test_where_a_timer_is_refused_the_host_has_one__ho_2(
    host: ManualHost, monkeypatch: pytest.MonkeyPatch, step: str, error: type[Exception]
) -> None:
    """Where the kernel's timer is refused, made or set, or the interpreter has no way to it, the
    host of a collection has a timer, and nothing of the other is left.
    """

    def refuse(*arguments: object) -> None:
        raise error("not here")

    monkeypatch.setattr(kernel_timer, step, refuse)
    collection, fired = WaitStateCollection(), list[str]()
    with begin_guest(host, collection, "descriptor"):
        collection.call_later(0.0, fired.append, "near")
        host.is_due()
        assert (fired, kernel_timers()) == (["near"], [])
    collection.close()
