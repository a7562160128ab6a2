"""What is found ready at once, and served in parts: turns in a host are short."""

from __future__ import annotations

import os
import socket

import pytest

from reactor.hosts.guest import TURN_EVENT_LIMIT, begin_guest
from reactor.loop.collection import WaitStateCollection
from reactor.loop.watch import Watch
from tests.hosts.loops import LIMIT
from tests.hosts.test_attaching import ManualHost


@pytest.mark.usefixtures("spend")
def test_a_dialog_leaves_the_rest_of_a_batch_alone__ho_5(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the wait thread has found, and a turn has left, waits until a dialog that was opened
    meanwhile is over, also where the host calls again in its loop.
    """
    monkeypatch.setattr("reactor.hosts.guest.TURN_EVENT_LIMIT", 1)
    host, collection, served = ManualHost(), WaitStateCollection(), list[int]()
    pairs = [socket.socketpair() for _ in range(3)]

    def dialog(watch: Watch) -> None:
        watch.close()
        served.append(len(served))
        if len(served) > 1:
            host.is_due()

    with begin_guest(host, collection, "wait thread"):
        for near, far in pairs:
            far.send(b"!")
            collection.call_soon(collection.watch, near, dialog)
        for _ in range(2):  # the calls, and what is ready then
            host.posts.get(timeout=LIMIT)()
        for count in (2, 3):
            host.is_due()
            assert len(served) == count
    assert caplog.messages == []
    collection.close()
    for end in (end for pair in pairs for end in pair):
        end.close()


@pytest.mark.skipif(os.name == "nt", reason="there dup2() takes no sockets")
@pytest.mark.usefixtures("spend")
def test_what_a_thread_has_found_is_not_given_to_a_successor__pitfall_5() -> None:
    """What the wait thread has found ready, and is closed before the host serves it, is not taken
    for a descriptor that has the same number by then.
    """
    host, collection, called = ManualHost(), WaitStateCollection(), list[str]()
    (near, far), (quiet, other) = socket.socketpair(), socket.socketpair()
    with near, far, quiet, other, begin_guest(host, collection, "wait thread"):
        watch = collection.watch(near, lambda watch: called.append("closed"))
        far.send(b"!")
        serve = host.posts.get(timeout=LIMIT)
        watch.close()
        os.dup2(quiet.fileno(), near.fileno())
        collection.watch(near, lambda watch: called.append("successor"))
        serve()
        assert called == []
        other.send(b"!")
        host.posts.get(timeout=LIMIT)()
        assert called == ["successor"]
    collection.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no selector with a descriptor")
def test_what_is_left_of_a_batch_is_not_given_to_a_successor__pitfall_5() -> None:
    """What a turn in a host has left for the next one, and is closed in between, is not taken for a
    descriptor that has the same number by then.
    """
    host, collection, called = ManualHost(), WaitStateCollection(), list[int]()
    pairs = [socket.socketpair() for _ in range(TURN_EVENT_LIMIT + 9)]
    with begin_guest(host, collection, "descriptor"):
        watches = {}
        for near, far in pairs:
            watches[near.fileno()] = collection.watch(near, lambda watch: called.append(watch.fd))
            far.send(b"!")
        host.is_ready()
        left = watches.keys() - set(called)
        quiet, other = socket.socketpair()
        for number in left:
            watches[number].close()
            os.dup2(quiet.fileno(), number)
            collection.watch(number, lambda watch: called.append(-1))
        host.is_due()
        assert (len(left), len(called)) == (9, TURN_EVENT_LIMIT)
    collection.close()
    for end in (quiet, other, *(end for pair in pairs for end in pair)):
        end.close()
