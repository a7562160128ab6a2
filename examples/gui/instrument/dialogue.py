"""Dialogue: one question after the other to an instrument, each with a limit of its own.

Nothing in an answer says which question it belongs to: the first line that comes is the answer. So
an answer that is late would be taken for that of the next question, and from then on every reading
would be the one before. There is one cure that needs no help from the instrument: a dialogue that
has missed an answer is over, its connection is closed, and what comes late finds nobody.

It stands on a state and not on a protocol, because a state has what this needs: a read and a write
with a deadline each, and a refusal of the second while the first one runs.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from reactor import AsyncIOState
from reactor.errors import escaped

ANSWER_LIMIT: Final = 1024  # bytes; a reading has 12
SHOWN: Final = 40  # characters of an answer that an error repeats

Answered: TypeAlias = Callable[[str], object]
Broken: TypeAlias = Callable[[BaseException], object]


class Misunderstood(Exception):
    """The instrument has said something that is no answer to what it was asked."""

    def __init__(self, what: str, said: bytes) -> None:
        text = escaped(said[:SHOWN].decode("ascii", "backslashreplace").strip())
        super().__init__(f"{what}: {text}" if text else what)


class Dialogue:
    """Questions to one instrument, over one connection.

    Args:
        state: connected, with nothing running on it.
        timeout: seconds from a question to the end of its answer.
        broken: gets the reason when the dialogue cannot go on; called once, at most, and never by
            `close`.
    """

    def __init__(self, state: AsyncIOState, timeout: float, broken: Broken) -> None:
        self._state = state
        self._timeout = timeout
        self._broken = broken
        self._answered: Answered | None = None
        state.queue_output = True  # an answer may come before the report that the question has left
        self._listen()

    @property
    def asking(self) -> bool:
        """Whether a question waits for its answer."""
        return self._answered is not None

    def ask(self, question: str, answered: Answered) -> None:
        """Send a question, and call `answered` with the line that comes; later, if at all.

        Args:
            question: one line, without its end.
            answered: gets the answer, likewise; may raise `Misunderstood`, which ends the dialogue.

        Raises:
            OperationInProgress: the last one has not been answered.
            StateClosed: the dialogue is over.
        """
        state = self._state
        deadline = state.collection.time() + self._timeout
        if not self.asking:
            state.abort(None)  # what listens meanwhile
        state.read_with_checking(self._look, deadline=deadline)
        state.write_buffer(question.encode("ascii") + b"\n", self._sent, deadline=deadline)
        self._answered = answered

    def close(self) -> None:
        """End it, at any moment; nothing is called any more."""
        if not self._state.closed:
            self._state.abort_and_close()

    def _listen(self) -> None:
        """Between questions nothing may come, and an end should be noticed."""
        self._answered = None
        self._state.wait_for_input(self._unasked)

    def _look(self, state: AsyncIOState, buffer: bytearray, end: int) -> None:
        """See whether the answer is complete: one line, and nothing behind it."""
        if state.read_status is not None:
            self._end(state.read_status)
            return
        size = buffer.find(b"\n", state.old_length, min(end, ANSWER_LIMIT)) + 1
        if not size and end < ANSWER_LIMIT:
            return
        said = bytes(buffer[: size or end])
        answered = self._answered
        if state.finish(size or end) or not size or not said.isascii():
            self._end(Misunderstood("that was no answer", said))
            return
        assert answered is not None
        self._listen()
        try:
            answered(said.decode("ascii").strip())
        except Misunderstood as misunderstood:
            self._end(misunderstood)

    def _sent(self, state: AsyncIOState, *_: Any) -> None:
        if state.write_status is not None:
            self._end(state.write_status)

    def _unasked(self, state: AsyncIOState) -> None:
        self._end(state.read_status or Misunderstood("it speaks unasked", b""))

    def _end(self, reason: BaseException) -> None:
        if not self._state.closed:
            self._state.abort_and_close()
            self._broken(reason)

    def __repr__(self) -> str:
        return f"<Dialogue by {self._state!r}>"
