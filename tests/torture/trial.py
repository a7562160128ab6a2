"""Trial: one conversation with one fault, and everything that has to hold all the same.

A fault may cost the connection that it hits. What it may not cost is an end that is told once, a
descriptor, a timer, a watch, the order of bytes, the loop, or the next client. Whoever is not
served is told, the log has it once at most, and time is what the manual clock says it is.
"""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from reactor.errors import SocketError
from reactor.loop.collection import WaitStateCollection
from reactor.net import options
from reactor.testing.clock import ManualClock
from tests.certificates import Certificates
from tests.torture.conversation import Conversation
from tests.torture.errnos import HARMLESS
from tests.torture.seam import Fault, Seam

# Turns of one conversation; the longest takes a few hundred. More of them are a spin.
TURN_LIMIT: Final = 3000
QUIET_TURNS: Final = 2  # in a row; the first may have found the waker's byte only
PATIENCE: Final = 10.0  # seconds for what must come: the kernel may put an acknowledgement off
BLINK: Final = 0.002  # seconds for what may never come

# Seconds by which the clock is advanced, step by step, while something has not ended: past the
# retry of accept, the limits of parting, those of handshakes, and those of draining and connecting.
STEPS: Final = (0.6, 4.0, 11.0, 31.0)


class Trial:
    """One run of a `conversation`; `problems` has what did not hold.

    Args:
        make: the class of the conversation.
        certificates: for it.
        fault: what fails, None for a clean run.
    """

    def __init__(
        self, make: type[Conversation], certificates: Certificates, fault: Fault | None = None
    ) -> None:
        self.problems = list[str]()
        self._fault = fault
        self._turns = 0
        self._logged = list[logging.LogRecord]()
        self._clock = ManualClock(1000.0)
        self._seam = Seam(fault)
        with self._seam.entered() as patch, listening(self._logged):
            patch.setattr(options, "INHERITED", make.inherited)
            selector = None if make.selector is None else make.selector()
            self._collection = WaitStateCollection(clock=self._clock, selector=selector)
            self.conversation = make(self._collection, certificates)
            try:
                self._run()
            except Exception as error:  # noqa: BLE001  # whatever it is, the table has to tell it
                self.problems.append(f"raised {error!r}")
            finally:
                self._end()

    @property
    def fired(self) -> bool:
        """Whether the fault has happened."""
        return self._seam.fired

    @property
    def counts(self) -> Counter[str]:
        """How often each kind of call was made."""
        return self._seam.counts

    # The run.

    def _run(self) -> None:
        conversation = self.conversation
        with self._seam.watching():
            self._try(conversation.listen, conversation.call)
            self._let_it_end(needed=not conversation.lossy)
        self._judge_the_first()
        if not conversation.listening:
            conversation.listen()
        conversation.call()
        self._turn(lambda: conversation.served and conversation.over, PATIENCE)
        if not conversation.served:
            self.problems.append("the next client was not served")
        with self._seam.watching():
            conversation.hang_up()
            self._let_it_end(needed=True)
        self._look()

    def _try(self, *verbs: Callable[[], object]) -> None:
        """Do what may be refused at once: then that is the report."""
        try:
            for verb in verbs:
                verb()
        except SocketError as error:
            if self._harmless:
                raise
            self.conversation.told.append(error)

    def _let_it_end(self, *, needed: bool) -> None:
        """Take turns until everything has ended; if it must, time passes."""
        conversation = self.conversation

        def over() -> bool:
            return conversation.over and not len(self._collection.timers)

        timeless = needed and self._harmless
        self._turn(over, PATIENCE if timeless else BLINK)
        for step in () if timeless else STEPS:
            if not over():
                # Who has been accepted at last must not run into limits because we are hasty.
                accepting = self._fault is not None and self._fault.call == "accept"
                self._clock.advance(step)
                self._seam.time_has_passed = True
                self._turn(over, PATIENCE if accepting or (step == STEPS[-1] and needed) else BLINK)
        if needed and not over():
            owed = [what for what, count in conversation.owed.items() if count]
            self.problems.append(f"never ended: {owed or self._collection.timers}")

    def _turn(self, over: Callable[[], bool], patience: float) -> None:
        """Take turns until it is over and quiet, or nothing happens any more."""
        quiet = 0
        while quiet < QUIET_TURNS:
            quiet = 0 if self._collection.run_once(0.0 if over() else patience) else quiet + 1
            self._turns += 1
            if self._turns > TURN_LIMIT:
                raise AssertionError("it spins")

    # The verdict.

    @property
    def _harmless(self) -> bool:
        """Whether nothing may be lost, and no time need pass."""
        return self._fault is None or (self._fault.call, self._fault.error) in HARMLESS

    def _judge_the_first(self) -> None:
        """Complain if the client that met the fault should have fared otherwise."""
        fault, served = self._fault, self.conversation.served
        if not (served or self.conversation.told or self._logged):
            self.problems.append("the client was not served, and nobody was told")
        lossy, needed_connect = self.conversation.lossy, self.conversation.needed_connect
        if fault is None or not self.fired or (self._harmless and not lossy):
            expected = True
        elif fault.call == "accept" and needed_connect:  # else a lost client comes again
            expected = not self._seam.client_lost
        elif fault.call == "connect":
            survived = (fault.call, fault.error) in self.conversation.survived
            expected = survived or fault.number != needed_connect
        else:
            return
        if served != expected:
            self.problems.append(f"the client was {'' if served else 'not '}served")

    def _look(self) -> None:
        """See what is left, and what was said."""
        collection, stats = self._collection, self._collection.stats()
        self.conversation.look_at_bytes()
        left = {
            "timers": stats["timers"],
            "posted calls": stats["posted_calls"],
            "connections": stats["states"],
            "watches": watch_count(collection),
            "sockets": len(self._seam.left_open),
            "things held": len(collection.held),
        }
        self.problems += self.conversation.complaints
        self.problems += [f"{count} {what} left" for what, count in left.items() if count]
        if len(self._logged) > (0 if self._harmless else 1):
            self.problems.append(f"logged: {[record.getMessage() for record in self._logged]}")

    def _end(self) -> None:
        """Close the collection, and what a run that has failed has left."""
        self._collection.close()
        for sock in self._seam.left_open:
            sock.close()


@contextmanager
def listening(records: list[logging.LogRecord]) -> Iterator[None]:
    """Keep what the library logs, and let nobody else have it."""
    logger = logging.getLogger("reactor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logger, "handle", records.append)
        yield


def watch_count(collection: WaitStateCollection) -> int:
    """Count what the kernel has in the epoll set of a collection, beside the waker."""
    fd = collection.fileno()
    if sys.platform == "linux" and fd is not None:
        text = Path(f"/proc/self/fdinfo/{fd}").read_text()
        return len(re.findall("^tfd:", text, re.MULTILINE)) - 1
    return 0
