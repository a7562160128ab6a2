"""Transport: the order of hooks, and exactly one end."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Final

import pytest

from reactor.errors import StateClosed, WrongThread
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.reactor.loop.probe import elsewhere
from tests.reactor.transport.conftest import Talks
from tests.recorder import Action, BufferedRecorder, Notes, Recorder

HOOKS: Final = [
    "connection_made",
    "data_received",
    "eof_received",
    "pause_writing",
    "resume_writing",
]
WHERE: Final = contextvars.ContextVar("WHERE", default="nowhere")


def through_all_hooks(talks: Talks, protocol: Notes) -> None:
    """Let every hook be called, if nothing ends the connection before."""
    talk = talks(protocol, capacity=1000)
    if not talk.transport.is_closing():
        talk.transport.write(bytes(100_000))
        talk.hear()
    if not talk.transport.is_closing():
        talk.say(b"something")
    if not talk.transport.is_closing():
        talk.end()
    talk.settle()


def from_beginning_to_end(collection: WaitStateCollection, talks: Talks, protocol: Notes) -> None:
    """Let every hook be called, the last one too."""
    through_all_hooks(talks, protocol)
    protocol.transport.close()
    settle(collection)


def boom(_: Transport) -> None:
    raise KeyError("boom")


def test_the_hooks_come_in_order__pr_4(talks: Talks, kind: str) -> None:
    """A protocol's connection is made, receives, hears the end, and is lost: in this order,
    once each.
    """
    talk = talks(kind=kind)
    talk.say(b"one")
    talk.say(b"two")
    talk.end()
    assert talk.protocol.names == [
        "connection_made",
        "data_received",
        "eof_received",
        "connection_lost",
    ]
    assert (talk.protocol.received, talk.protocol.lost) == (b"onetwo", [None])


@pytest.mark.parametrize("end", [Transport.close, Transport.abort])
@pytest.mark.parametrize("hook", HOOKS)
def test_an_end_inside_a_hook_comes_after_everything_else__pr_4__rel_16(
    talks: Talks, hook: str, end: Action
) -> None:
    """Whichever hook closes or aborts, even twice, `connection_lost` comes once, and last."""

    def twice(transport: Transport) -> bool:
        end(transport)
        end(transport)
        assert protocol.lost == []
        return True

    protocol = Recorder(**{hook: twice})
    through_all_hooks(talks, protocol)
    assert hook in protocol.names
    assert protocol.lost == [None]
    assert protocol.names[-1] == "connection_lost"
    if end is Transport.abort or hook != "pause_writing":
        assert protocol.names[-2] == hook


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_raises_ends_its_connection_only__pr_14__rel_15(
    talks: Talks, errors: list[tuple[object, BaseException]], hook: str
) -> None:
    """When a hook raises the error handler gets transport and exception once,
    `connection_lost` the exception.
    """
    other = talks()
    protocol = Recorder(**{hook: boom})
    through_all_hooks(talks, protocol)
    assert len(protocol.lost) == 1
    assert isinstance(protocol.lost[0], KeyError)
    assert errors == [(protocol.transport, protocol.lost[0])]
    report = protocol.transport.close_report
    assert report is not None
    assert (report.by, report.phase, report.error) == ("error", "callback", protocol.lost[0])
    other.say(b"still here")
    assert other.protocol.received == b"still here"


def test_what_the_last_hook_raises_is_told_too__pr_14(
    talks: Talks, errors: list[tuple[object, BaseException]]
) -> None:
    """A `connection_lost` that raises is called once, and reported."""
    talk = talks(Recorder(connection_lost=boom))
    talk.transport.close()
    talk.settle()
    assert talk.protocol.lost == [None]
    assert [(thing, type(error)) for thing, error in errors] == [(talk.transport, KeyError)]


@pytest.mark.parametrize("hook", [*HOOKS, "connection_lost"])
def test_propagate_lets_it_out_and_the_end_comes_all_the_same__pr_14(
    collection: WaitStateCollection, talks: Talks, hook: str
) -> None:
    """With `propagate` an exception of a hook leaves the loop; the protocol still gets its
    last call.
    """
    collection.error_handler = propagate
    protocol = Recorder(**{hook: boom})
    with pytest.raises(KeyError, match="boom"):
        from_beginning_to_end(collection, talks, protocol)
    settle(collection)
    assert len(protocol.lost) == 1
    assert protocol.names[-1] == "connection_lost"


@pytest.mark.parametrize("protocol", [Recorder, BufferedRecorder])
def test_a_hook_that_raises_in_the_midst_of_its_input_gets_no_more__pr_14(
    talks: Talks, errors: list[tuple[object, BaseException]], protocol: Callable[..., Notes]
) -> None:
    """After a hook has raised nothing is delivered, though more has arrived."""
    talk = talks(protocol(data_received=boom), kind="tcp4")
    talk.far.write(b"first")
    talk.settle()
    talk.far.write(b"second")
    talk.settle()
    assert talk.protocol.received == b"first"
    assert len(errors) == 1


def test_a_closing_collection_makes_the_last_call__pr_4(
    collection: WaitStateCollection, talks: Talks, kind: str
) -> None:
    """`collection.close()` calls `connection_lost` with `StateClosed`, before it returns."""
    talk = talks(kind=kind)
    collection.close()
    assert [type(error) for error in talk.protocol.lost] == [StateClosed]
    assert (talk.report.by, talk.report.error) == ("us", talk.protocol.lost[0])
    assert talk.protocol.names[-1] == "connection_lost"


def test_an_end_just_before_the_collection_closes_is_told__pr_4(
    collection: WaitStateCollection, talks: Talks
) -> None:
    """A connection that has ended, and whose last call is still to come, gets it by the close."""
    talk = talks()
    talk.transport.abort()
    assert talk.protocol.lost == []
    collection.close()
    assert talk.protocol.lost == [None]


def test_last_calls_may_end_other_connections__pr_4(
    collection: WaitStateCollection, talks: Talks
) -> None:
    """While the collection closes a protocol may end another connection: each is told once."""
    first = talks(Recorder(connection_lost=lambda transport: second.transport.abort()))
    second = talks(Recorder(connection_lost=lambda transport: first.transport.close()))
    collection.close()
    assert [type(error) for error in first.protocol.lost] == [StateClosed]
    assert [type(error) for error in second.protocol.lost] == [StateClosed]


@pytest.mark.parametrize("where", ["nowhere", "here"])
def test_a_hook_may_close_the_collection__pr_4(
    collection: WaitStateCollection, talks: Talks, where: str
) -> None:
    """A hook may close the collection, also one that runs in a context of its own."""
    context = contextvars.copy_context()
    if where == "here":
        context.run(WHERE.set, where)
    seen = list[str]()
    protocol = Recorder(
        data_received=lambda transport: collection.close(),
        connection_lost=lambda transport: seen.append(WHERE.get()),
    )
    talk, other = context.run(talks, protocol), talks()
    talk.far.write(b"x")
    collection.run_once(0)
    assert protocol.names == ["connection_made", "data_received", "connection_lost"]
    assert (len(other.protocol.lost), seen) == (1, [where])


def test_hooks_run_in_the_context_of_their_connection__lw_021(
    collection: WaitStateCollection, talks: Talks
) -> None:
    """Whatever calls a hook, it runs in the context in which its connection was made."""
    seen = dict[str, str]()

    def look(name: str) -> Action:
        return lambda transport: seen.__setitem__(name, WHERE.get())

    hooks = [*HOOKS, "connection_lost"]
    protocol = Recorder(**{hook: look(hook) for hook in hooks})
    context = contextvars.copy_context()
    context.run(WHERE.set, "here")
    talk = context.run(talks, protocol, capacity=1000)
    WHERE.set("in the writer")
    talk.transport.write(bytes(100_000))
    talk.hear()
    talk.say(b"x")
    talk.end()
    WHERE.set("nowhere")
    assert seen.pop("pause_writing") == "in the writer"
    assert seen == dict.fromkeys((hook for hook in hooks if hook != "pause_writing"), "here")


VERBS: dict[str, Action] = {
    "write": lambda transport: transport.write(b"x"),
    "writelines": lambda transport: transport.writelines([b"x"]),
    "write_eof": Transport.write_eof,
    "set_write_buffer_limits": Transport.set_write_buffer_limits,
    "output_limit": lambda transport: setattr(transport, "output_limit", 1),
    "pause_reading": Transport.pause_reading,
    "resume_reading": Transport.resume_reading,
    "set_protocol": lambda transport: transport.set_protocol(Recorder()),
    "set_timeouts": Transport.set_timeouts,
    "start_tls": lambda transport: transport.start_tls(True, server_hostname="localhost"),
    "close": Transport.close,
    "abort": Transport.abort,
}


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_belong_to_the_owner__lw_14(talks: Talks, verb: str) -> None:
    """Each verb of a transport raises `WrongThread` in another thread, and changes nothing."""
    talk = talks()
    raised = list[Exception]()

    def attempt() -> None:
        try:
            VERBS[verb](talk.transport)
        except WrongThread as error:
            raised.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert len(raised) == 1
    talk.say(b"a")
    assert (talk.protocol.received, talk.transport.is_closing(), talk.hear()) == (b"a", False, b"")


@pytest.mark.parametrize("verb", [Transport.close, Transport.abort])
def test_ending_again_is_for_the_owner__pr_11__lw_014(talks: Talks, verb: Action) -> None:
    """`close` and `abort` of a closed transport raise `WrongThread` in another thread, unless its
    collection is closed.
    """
    talk = talks()
    talk.transport.abort()
    talk.settle()
    with pytest.raises(WrongThread):
        elsewhere(lambda: verb(talk.transport))
    talk.collection.close()
    elsewhere(lambda: verb(talk.transport))


@pytest.mark.parametrize("verb", ["write", "writelines", "write_eof", "start_tls"])
def test_what_needs_a_connection_raises_after_its_end__pr_5(talks: Talks, verb: str) -> None:
    """After `close` a write raises `StateClosed`, every time, and so does what else needs a
    connection.
    """
    talk = talks()
    talk.transport.close()
    for _ in range(2):
        with pytest.raises(StateClosed):
            VERBS[verb](talk.transport)
        talk.settle()


@pytest.mark.parametrize(
    "verb", ["pause_reading", "resume_reading", "set_timeouts", "close", "abort"]
)
def test_what_needs_none_is_harmless_after_its_end__pr_4(talks: Talks, verb: str) -> None:
    """Verbs that need no connection can be used in `connection_lost` and behind it, and
    call nobody.
    """
    talk = talks(Recorder(connection_lost=VERBS[verb]))
    talk.transport.close()
    talk.settle()
    VERBS[verb](talk.transport)
    talk.settle()
    assert talk.protocol.names == ["connection_made", "connection_lost"]
