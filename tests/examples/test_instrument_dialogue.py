"""The dialogue of the examples on a connection in memory: one question at a time, and its end."""

from __future__ import annotations

import pytest
from dialogue import Dialogue, Misunderstood

from reactor.errors import DeadlinePassed, OperationInProgress, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel
from reactor.testing.settle import settle


@pytest.fixture
def answers() -> list[str]:
    return []


@pytest.fixture
def ends() -> list[BaseException]:
    """Why a dialogue could not go on."""
    return []


@pytest.fixture
def dialogue(near: AsyncIOState, ends: list[BaseException]) -> Dialogue:
    return Dialogue(near, 2.0, ends.append)


def test_a_second_question_is_refused_while_one_runs(
    dialogue: Dialogue, collection: WaitStateCollection, far: MemoryChannel, answers: list[str]
) -> None:
    dialogue.ask("A?", answers.append)
    with pytest.raises(OperationInProgress):
        dialogue.ask("B?", print)
    settle(collection)
    assert far.read(100) == b"A?\n"
    far.write(b"1\r\n")
    settle(collection)
    assert answers == ["1"]
    assert not dialogue.asking


def test_an_answer_may_ask_and_may_refuse(
    dialogue: Dialogue, collection: WaitStateCollection, far: MemoryChannel, ends: list[Exception]
) -> None:
    def refuse(answer: str) -> None:
        raise Misunderstood("not what was wanted", answer.encode())

    dialogue.ask("A?", lambda answer: dialogue.ask("B?", refuse))
    for _ in range(2):
        far.write(b"1\n")
        settle(collection)
    assert far.read(100) == b"A?\nB?\n"
    assert [str(end) for end in ends] == ["not what was wanted: 1"]
    with pytest.raises(StateClosed):
        dialogue.ask("C?", print)


def test_a_question_that_cannot_leave_in_time_ends_it(
    dialogue: Dialogue,
    collection: WaitStateCollection,
    clock: ManualClock,
    ends: list[BaseException],
) -> None:
    dialogue.ask("A" * 1_000_000, print)
    settle(collection)
    clock.advance(2.0)
    settle(collection)
    assert [type(end) for end in ends] == [DeadlinePassed]


def test_who_closes_it_hears_nothing_more(
    dialogue: Dialogue,
    collection: WaitStateCollection,
    far: MemoryChannel,
    answers: list[str],
    ends: list[BaseException],
) -> None:
    dialogue.ask("A?", answers.append)
    settle(collection)
    far.write(b"1\n")
    dialogue.close()
    dialogue.close()
    settle(collection)
    assert (answers, ends) == ([], [])
