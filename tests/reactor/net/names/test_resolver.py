"""The resolver, with a name service that answers when it is told to."""

import logging
import queue
import socket
import subprocess
import sys
import threading
import types
from typing import Any

import pytest

from reactor.errors import (
    ConnectTimedOut,
    NameLookupFailed,
    OperationTimeout,
    SocketError,
    StateClosed,
)
from reactor.net.address import read_target
from reactor.net.lookup_threads import LookupPhase
from reactor.net.resolver import Resolver
from reactor.testing.clock import ManualClock
from tests.reactor.net.names.questions import (
    EITHER,
    PATIENCE,
    Answers,
    NameService,
    addresses,
    begin,
    refusal,
    take,
    target,
)


def test_a_name_is_looked_up_on_another_thread__lw_029(service: NameService) -> None:
    """A name is looked up on another thread while the caller goes on; the answer comes once."""
    resolver = Resolver(lookup=service)
    answers: queue.SimpleQueue[tuple[threading.Thread, object]] = queue.SimpleQueue()
    lookup = resolver.look_up(
        target("one"), EITHER, lambda answer: answers.put((threading.current_thread(), answer))
    )
    assert take(service.asked) == "one.example"
    assert answers.empty()
    assert (lookup.phase, resolver.lookup_count) == (LookupPhase.RUNNING, 1)
    service.answer("one.example")
    thread, answer = take(answers)
    assert answer == addresses()
    assert thread is service.threads["one.example"]
    assert thread.daemon
    assert (lookup.phase, resolver.lookup_count) == (LookupPhase.ANSWERED, 0)
    resolver.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert answers.empty()


def test_an_idle_resolver_has_no_thread(service: NameService) -> None:
    resolver = Resolver(lookup=service)
    _, (answers,) = begin(resolver, "one")
    service.answer("one.example")
    take(answers)
    service.threads["one.example"].join(PATIENCE)
    assert not service.threads["one.example"].is_alive()


@pytest.mark.parametrize("host", ["192.0.2.1", 3221225985, "localhost", "[2001:db8::1]"])
def test_who_needs_no_look_up_is_answered_at_once__lw_029(
    host: str | int, service: NameService
) -> None:
    """Numeric hosts and "localhost" need no thread, and nobody is asked."""
    wanted, answers = read_target(host, 80), queue.SimpleQueue[Any]()
    lookup = Resolver(lookup=service).look_up(wanted, EITHER, answers.put)
    assert answers.get_nowait() == wanted.known_addresses()
    assert service.asked.empty()
    assert not lookup.cancel()


def test_numeric_text_of_the_other_family_is_delivered_as_not_found__lw_026(
    service: NameService,
) -> None:
    """Numeric text of an excluded family is delivered as a failed look-up."""
    answers: Answers = queue.SimpleQueue()
    Resolver(lookup=service).look_up(read_target("::1", 80), socket.AF_INET, answers.put)
    error = answers.get_nowait()
    assert isinstance(error, NameLookupFailed)
    assert error.identifier == "host-not-found"
    assert service.asked.empty()


def test_a_failure_is_delivered_as_ours__cc_083__lw_190(service: NameService) -> None:
    """A name that does not exist is a `NameLookupFailed` with the peer as given."""
    _, (answers,) = begin(Resolver(lookup=service), "one")
    service.answer("one.example", socket.gaierror(socket.EAI_NONAME, "no such name"))
    error = take(answers)
    assert isinstance(error, NameLookupFailed)
    assert (error.identifier, error.peer) == ("host-not-found", ("one.example", 80))


def test_no_more_threads_than_allowed_and_the_others_wait_in_order__rel_48(
    service: NameService,
) -> None:
    """No more look-ups run than there may be threads; the others wait, and are asked in order."""
    resolver = Resolver(lookup=service, thread_count=2)
    _, answers = begin(resolver, "one", "two", "three", "four")
    assert {take(service.asked), take(service.asked)} == {"one.example", "two.example"}
    assert (service.asked.empty(), resolver.lookup_count) == (True, 4)
    service.answer("two.example")
    assert take(answers[1]) == addresses()
    assert take(service.asked) == "three.example"
    assert service.asked.empty()
    assert service.threads["three.example"] is service.threads["two.example"]
    for place, name in ((0, "one"), (2, "three"), (3, "four")):
        service.answer(f"{name}.example")
        assert take(answers[place]) == addresses()
    resolver.close()


def test_a_stuck_look_up_stalls_nobody_else__rel_48(service: NameService) -> None:
    """While one look-up hangs, a hundred others are answered."""
    resolver = Resolver(lookup=service, thread_count=2)
    (stuck, *_), _ = begin(resolver, "stuck")
    take(service.asked)
    for number in range(100):
        service.answer(f"{number}.example")
        assert resolver.look_up_blocking(target(str(number)), EITHER) == addresses()
    assert stuck.phase is LookupPhase.RUNNING
    resolver.close()


def test_4_are_asked_and_256_wait_by_default__rel_48(service: NameService) -> None:
    """Four look-ups are asked at a time and 256 wait; one more fails at once, and harms none."""
    resolver = Resolver(lookup=service)
    names = [str(number) for number in range(4 + 256)]
    _, answers = begin(resolver, *names, "late")
    assert {take(service.asked) for _ in range(4)} == {f"{name}.example" for name in names[:4]}
    assert service.asked.empty()
    error = refusal(answers[-1])
    assert (error.identifier, error.phase) == ("lookup-limit", "resolve")
    assert error.peer == ("late.example", 80)
    assert "256 wait for 4 threads" in str(error)
    for place, name in zip(answers, names, strict=False):
        service.answer(f"{name}.example")
        assert take(place) == addresses()
    resolver.close()


def test_who_is_cancelled_in_line_is_never_asked__cl_079(service: NameService) -> None:
    """A look-up that is cancelled while it waits is never made, has no callback, and the
    next moves up.
    """
    resolver = Resolver(lookup=service, thread_count=1)
    lookups, answers = begin(resolver, "one", "two", "three")
    assert lookups[1].cancel()
    assert resolver.lookup_count == 2
    service.answer("one.example")
    service.answer("three.example")
    assert take(answers[2]) == addresses()
    assert [take(service.asked), take(service.asked)] == ["one.example", "three.example"]
    assert answers[1].empty()
    assert lookups[1].phase is LookupPhase.DROPPED
    resolver.close()


def test_a_thread_that_nobody_waits_for_is_replaced__lw_029__rel_48(service: NameService) -> None:
    """A look-up that is given up counts no longer among the four, and its answer is dropped."""
    resolver = Resolver(lookup=service, thread_count=1)
    (stuck, _), answers = begin(resolver, "stuck", "next")
    assert take(service.asked) == "stuck.example"
    assert stuck.cancel()
    assert not stuck.cancel()
    assert take(service.asked) == "next.example"
    assert (resolver.abandoned_count, resolver.lookup_count) == (1, 1)
    service.answer("next.example")
    assert take(answers[1]) == addresses()
    service.answer("stuck.example")
    service.threads["stuck.example"].join(PATIENCE)
    assert resolver.abandoned_count == 0
    assert answers[0].empty()
    resolver.close()


def test_too_many_abandoned_threads_refuse_every_look_up__lw_029__rel_48(
    service: NameService,
) -> None:
    """At the limit of abandoned threads look-ups fail at once, until a thread comes back."""
    resolver = Resolver(lookup=service, thread_count=1, abandoned_limit=2)
    lookups, answers = begin(resolver, "one", "two", "three", "four")
    take(service.asked)
    assert lookups[0].cancel()
    take(service.asked)
    assert lookups[1].cancel()
    assert resolver.abandoned_count == 2
    for answer in answers[2:]:  # those in line would go on to make new threads
        assert refusal(answer).identifier == "lookup-limit"
    _, (late,) = begin(resolver, "five")
    assert "2 threads got no answer" in str(refusal(late))
    assert service.asked.empty()
    service.answer("one.example")
    service.threads["one.example"].join(PATIENCE)
    _, (again,) = begin(resolver, "six")
    service.answer("six.example")
    assert take(again) == addresses()
    resolver.close()


def test_the_clock_of_a_look_up_starts_with_the_request__lw_029(service: NameService) -> None:
    """The ten seconds of a look-up begin with the request: waiting for a thread counts."""
    clock = ManualClock(100.0)
    resolver = Resolver(lookup=service, thread_count=1, clock=clock)
    (_, waiting), _ = begin(resolver, "one", "two")
    take(service.asked)
    assert waiting.deadline == 110.0
    clock.advance(4)
    service.answer("one.example")
    assert take(service.asked) == "two.example"
    assert waiting.deadline == 110.0
    clock.advance(6.5)
    assert waiting.cancel()
    error = waiting.late_error(OperationTimeout)
    assert (error.limit, error.elapsed, error.phase) == (10.0, 10.5, "resolve")
    assert (error.situation, error.code) == (None, None)
    assert error.identifier == "timed-out"
    resolver.close()


def test_a_connecting_verb_has_its_own_error__lw_029_036__cc_017(service: NameService) -> None:
    """A late look-up of a connecting verb is `ConnectTimedOut`, phase "resolve", with the peer."""
    resolver = Resolver(lookup=service)
    with pytest.raises(ConnectTimedOut) as caught:
        resolver.look_up_blocking(target("one"), EITHER, 0.01, late=ConnectTimedOut)
    error = caught.value
    assert (error.phase, error.identifier) == ("resolve", "connection-timed-out")
    assert (error.peer, error.limit) == (("one.example", 80), 0.01)
    assert "0.01 s" in str(error)
    assert resolver.abandoned_count == 1
    resolver.close()


def test_a_blocking_look_up_returns_or_raises__lw_029(service: NameService) -> None:
    """A blocking look-up gets the same answers as one on the loop, and raises the same errors."""
    resolver = Resolver(lookup=service)
    service.answer("one.example")
    assert resolver.look_up_blocking(target("one"), EITHER, None) == addresses()
    assert resolver.look_up_blocking(read_target("192.0.2.9", 80), EITHER, 0) == addresses(
        "192.0.2.9"
    )
    service.answer("two.example", socket.gaierror(socket.EAI_AGAIN, "later"))
    with pytest.raises(NameLookupFailed) as caught:
        resolver.look_up_blocking(target("two"), EITHER)
    assert caught.value.identifier == "try-again"
    resolver.close()


def test_a_look_up_takes_no_longer_than_the_resolver_allows__lw_029(service: NameService) -> None:
    """A verb with a longer limit does not make the limit of its look-up longer."""
    resolver = Resolver(lookup=service, timeout=0.01)
    for timeout in (3600.0, 0.0):
        with pytest.raises(OperationTimeout) as caught:
            resolver.look_up_blocking(target("one"), EITHER, timeout)
        assert caught.value.limit == min(0.01, timeout)
    resolver.close()


def test_closing_drops_every_look_up__lw_002_011(service: NameService) -> None:
    """Closing a resolver drops every look-up without a call; no idle thread is left."""
    resolver = Resolver(lookup=service, thread_count=1)
    lookups, answers = begin(resolver, "one", "two")
    take(service.asked)
    resolver.close()
    resolver.close()
    assert [lookup.phase for lookup in lookups] == [LookupPhase.DROPPED] * 2
    assert not any(lookup.cancel() for lookup in lookups)
    assert resolver.lookup_count == 0
    with pytest.raises(StateClosed):
        resolver.look_up(target("three"), EITHER, answers[0].put)
    service.answer_all()
    assert service.asked.empty()
    assert all(place.empty() for place in answers)


def test_closing_waits_for_the_thread_that_delivers__lw_002(service: NameService) -> None:
    """A thread that has its answer has ended when `close` of the resolver returns."""
    resolver = Resolver(lookup=service)
    delivering, ended = threading.Event(), []

    def done(_answer: object) -> None:
        delivering.set()
        while "closed=False" in repr(resolver):
            pass
        ended.append("done")

    resolver.look_up(target("one"), EITHER, done)
    service.answer("one.example")
    assert delivering.wait(PATIENCE)
    resolver.close()
    assert ended == ["done"]
    assert not service.threads["one.example"].is_alive()


def test_an_interrupted_wait_gives_its_look_up_up__lw_029(
    service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control-C in a blocking look-up gives the look-up up."""

    class Interrupted(queue.SimpleQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            raise KeyboardInterrupt

    stand_in = types.SimpleNamespace(SimpleQueue=Interrupted, Empty=queue.Empty)
    monkeypatch.setattr("reactor.net.resolver.queue", stand_in)
    resolver = Resolver(lookup=service)
    with pytest.raises(KeyboardInterrupt):
        resolver.look_up_blocking(target("one"), EITHER, None)
    assert (resolver.lookup_count, resolver.abandoned_count) == (0, 1)
    take(service.asked)
    resolver.close()


def test_an_interrupt_while_a_thread_begins_loses_no_thread__lw_029(
    service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control-C while a thread for look-ups begins loses no thread: it serves those in line."""
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        take(service.asked)
        raise KeyboardInterrupt

    resolver = Resolver(lookup=service, thread_count=1)
    answers: Answers = queue.SimpleQueue()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            resolver.look_up(target("one"), EITHER, answers.put)
    assert resolver.lookup_count == 1
    _, (later,) = begin(resolver, "two")
    service.answer("one.example")
    assert take(answers) == addresses()
    service.answer("two.example")
    assert take(later) == addresses()
    resolver.close()


def test_closing_from_an_answer_does_not_wait_for_itself(service: NameService) -> None:
    resolver = Resolver(lookup=service)
    closed = threading.Event()

    def done(_answer: object) -> None:
        resolver.close()
        closed.set()

    resolver.look_up(target("one"), EITHER, done)
    service.answer("one.example")
    assert closed.wait(PATIENCE)


def test_an_answer_that_nobody_can_take_is_logged_and_the_thread_goes_on(
    service: NameService, caplog: pytest.LogCaptureFixture
) -> None:
    resolver = Resolver(lookup=service, thread_count=1)

    def broken(_answer: object) -> None:
        raise RuntimeError("no place for it")

    with caplog.at_level(logging.ERROR, "reactor"):
        resolver.look_up(target("one"), EITHER, broken)
        _, (answers,) = begin(resolver, "two")
        service.answer("one.example")
        service.answer("two.example")
        assert take(answers) == addresses()
    assert "one.example:80" in caplog.text
    assert "no place for it" in caplog.text
    resolver.close()


def test_a_system_without_threads_refuses_the_look_up__rel_48(
    service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no thread can be started a look-up fails, instead of waiting for ever."""

    def no_more(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = Resolver(lookup=service, thread_count=2)
    (first, _), answers = begin(resolver, "one", "two")
    take(service.asked), take(service.asked)
    monkeypatch.setattr(threading.Thread, "start", no_more)
    (second, third), (_, waiting) = begin(resolver, "three", "four")
    assert first.cancel()  # one thread is left, so the line is served
    assert (waiting.empty(), third.phase) == (True, LookupPhase.WAITING)
    assert answers[1].empty()
    service.answer("two.example")
    assert take(answers[1]) == addresses()
    assert take(service.asked) == "three.example"
    assert second.cancel()  # none is left
    assert refusal(waiting).identifier == "lookup-limit"
    _, (alone,) = begin(resolver, "five")
    assert refusal(alone).identifier == "lookup-limit"
    resolver.close()


def test_an_address_has_its_name_looked_up__cl_082() -> None:
    """The name of an address is looked up on the same threads; a name instead is refused at
    the call.
    """
    answers: queue.SimpleQueue[tuple[str, str] | SocketError] = queue.SimpleQueue()
    resolver = Resolver()
    resolver.look_up_name(read_target("127.0.0.1", 80), answers.put)
    answer = take(answers)
    try:
        assert answer == socket.getnameinfo(("127.0.0.1", 80), socket.NI_NAMEREQD)
    except socket.gaierror:
        assert isinstance(answer, NameLookupFailed)
    with pytest.raises(ValueError, match="only an address"):
        resolver.look_up_name(target("one"), answers.put)
    resolver.close()


def test_a_look_up_shows_itself_without_line_ends(service: NameService) -> None:
    (lookup,), _ = begin(Resolver(lookup=service), "bad\u202ename")
    assert repr(lookup) == "<Lookup bad\\u202ename.example:80 running>"
    take(service.asked)
    assert lookup.cancel()


STUCK = """
import threading
from reactor.net.address import read_target
from reactor.net.resolver import Resolver

asked = threading.Event()

def stuck(*question):
    asked.set()
    threading.Event().wait()

Resolver(lookup=stuck).look_up(read_target("one.example", 80), 0, print)
asked.wait()
"""


def test_a_stuck_look_up_does_not_hold_up_the_end_of_the_program__rel_48() -> None:
    """A stuck look-up does not hold up the end of the program."""
    subprocess.run([sys.executable, "-c", STUCK], check=True, timeout=PATIENCE)
