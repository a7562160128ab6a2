"""reconnecting: which failures are worth another attempt, and when there is no other."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    ConnectionRefused,
    ConnectTimedOut,
    EndOfStream,
    NameLookupFailed,
    OperationTimeout,
    StateClosed,
    TLSError,
    TLSHandshakeTimeout,
    TLSTruncated,
    TLSVerificationFailed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.reconnection import Backoff, may_heal, reconnecting
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.reconnection.conftest import HOST, NO_CHANCE, Place, Visitors
from tests.recorder import Recorder

Errors = list[tuple[object, BaseException]]


def fail(*what: object) -> Any:
    raise KeyError("boom")


@pytest.mark.parametrize(
    ("error", "heals"),
    [
        (None, True),
        (ConnectionRefused("nobody"), True),
        (ConnectTimedOut("late"), True),
        (NameLookupFailed("unknown"), True),
        (TLSTruncated("cut"), True),
        (TLSHandshakeTimeout("late"), True),
        (TLSError("nonsense"), True),
        (OperationTimeout("quiet"), True),
        (EndOfStream("the end"), True),
        (StateClosed("by us"), True),
        (TLSVerificationFailed("a stranger"), False),
        (TypeError("a mistake"), False),
        (FileNotFoundError("of the program"), False),
        (ssl.SSLError("of the program"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_the_world_may_heal_and_programs_do_not(error: BaseException | None, heals: bool) -> None:
    assert may_heal(error) is heals


def test_who_cannot_be_verified_is_not_asked_again(
    collection: WaitStateCollection, place: Place, visitors: Visitors, certificates: Certificates
) -> None:
    place.close()
    place.open(tls=ServerTLS(certificates.localhost))
    visitor = visitors(tls=ClientTLS(trusted_file=certificates.stranger))
    settle(collection)
    ((name, error),) = visitor.told
    assert (name, type(error)) == ("gave_up", TLSVerificationFailed)
    assert visitor.client.closed
    assert visitor.client.error is error


def test_attempts_have_a_limit(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    place.close()
    visitor = visitors(backoff=Backoff(jitter=0, attempt_limit=3))
    for _ in range(5):
        settle(collection)
        clock.advance(60.0)
    assert visitor.names == ["waiting", "waiting", "gave_up"]
    assert visitor.client.failure_count == 3


def test_trying_has_a_limit_in_seconds(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    visitor = visitors(backoff=Backoff(jitter=0, time_limit=7.0))
    settle(collection)
    clock.advance(1000.0)
    place.close()
    for wait in (1, 2, 4):  # which is seven
        assert visitor.wait == wait
        clock.advance(wait)
        settle(collection)
    assert visitor.names == ["connected", "waiting", "waiting", "waiting", "gave_up"]


def test_trying_begins_anew_when_the_program_says_so(
    collection: WaitStateCollection, clock: ManualClock, visitors: Visitors, place: Place
) -> None:
    visitor = visitors(backoff=Backoff(jitter=0, time_limit=7.0, reset_after=None))
    settle(collection)
    clock.advance(1000.0)
    visitor.client.reset()
    place.close()
    assert visitor.names == ["connected", "waiting"]


def test_the_program_decides_what_is_worth_it(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    asked = list[BaseException | None]()

    def only_failures(error: BaseException | None) -> bool:
        asked.append(error)
        return error is not None

    place.close()
    visitor = visitors(retry=only_failures)
    settle(collection)
    place.open()
    clock.advance(1.0)
    settle(collection)
    place.close()
    assert visitor.names == ["waiting", "connected", "gave_up"]
    assert [type(error) for error in asked] == [ConnectionRefused, type(None)]


def test_without_a_function_the_error_handler_is_told__pr_2(
    collection: WaitStateCollection, place: Place, errors: Errors
) -> None:
    """Without `gave_up` the error handler gets the client and the last error, once."""
    place.close()
    client = reconnecting(collection, Recorder, HOST, place.port, backoff=Backoff(attempt_limit=1))
    settle(collection)
    assert errors == [(client, client.error)]
    assert type(client.error) is ConnectionRefused


@pytest.mark.parametrize("where", ["factory", "connection_made", "data_received"])
@pytest.mark.parametrize("hears", [True, False])
def test_an_exception_of_the_program_is_reported_once__rel_15(
    collection: WaitStateCollection, place: Place, errors: Errors, where: str, hears: bool
) -> None:
    """A factory or a hook that raises in a client that reconnects is reported once; the client
    gives up, since that does not heal.
    """
    given_up = list[tuple[object, BaseException]]()
    client = reconnecting(
        collection,
        fail if where == "factory" else lambda: Recorder(**{where: fail}),
        *(HOST, place.port),
        gave_up=(lambda *what: given_up.append(what)) if hears else None,
    )
    settle(collection)
    if where == "data_received":
        place.protocols[0].transport.write(b"x")
        settle(collection)
    ((_, error),) = errors
    assert type(error) is KeyError
    assert given_up == ([(client, error)] if hears else [])
    assert client.closed
    assert len(place.protocols[0].lost) == 1


@pytest.mark.parametrize("name", ["connected", "waiting", "gave_up", "retry"])
def test_a_function_that_raises_stops_nothing_else__rel_15(
    collection: WaitStateCollection,
    clock: ManualClock,
    place: Place,
    errors: Errors,
    name: str,
) -> None:
    """A function of a client that raises is reported once, and all goes on as if it had not; of
    `retry` it means no.
    """
    given_up = list[object]()
    backoff = Backoff(jitter=0, attempt_limit=2)
    how: dict[str, Any] = {"gave_up": lambda *what: given_up.append(what), name: fail}
    client = reconnecting(collection, Recorder, HOST, place.port, backoff=backoff, **how)
    settle(collection)
    assert place.protocols[0].names == ["connection_made"]
    place.close()
    assert client.closed is (name == "retry")
    clock.advance(1.0)
    settle(collection)
    assert client.closed
    ((concerned, error),) = errors
    assert concerned is (None if name == "retry" else client)
    assert type(error) is KeyError
    assert len(given_up) == (name != "gave_up")


def test_a_handler_that_ends_the_loop_loses_no_connection__lw_018(
    collection: WaitStateCollection, clock: ManualClock, place: Place
) -> None:
    """With `propagate` a `connected` that raises ends the loop; the next loop finds the connection
    begun, and the client alive.
    """
    collection.error_handler = propagate
    client = reconnecting(collection, Recorder, HOST, place.port, connected=fail, backoff=NO_CHANCE)
    with pytest.raises(KeyError):
        settle(collection)
    settle(collection)
    assert client.connection.get_protocol().names == ["connection_made"]
    place.close()
    assert client.when == clock() + 1
    client.stop()


def test_an_interrupted_factory_is_the_end__lw_018(
    collection: WaitStateCollection, place: Place
) -> None:
    """A factory that is interrupted ends the loop, and its client in the next one."""

    def interrupt() -> Recorder:
        raise KeyboardInterrupt

    client = reconnecting(collection, interrupt, HOST, place.port)
    with pytest.raises(KeyboardInterrupt):
        settle(collection)
    settle(collection)
    assert client.closed
    assert type(client.error) is KeyboardInterrupt
