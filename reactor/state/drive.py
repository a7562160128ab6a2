"""drive(): the blocking driver - step, wait, repeat.

What a collection does for many at a time this does for one caller that has nothing else to do. It
steps the very same operations, so a blocking read has the limits, the TLS and the errors of any
other. Whatever can be driven says three things: whether it is done after one more step, which
descriptors it waits for, and when it wants to be stepped even if they are quiet.
"""

import select
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar

from reactor.channel.base import Channel
from reactor.deadline import NEVER, remaining
from reactor.interest import READ, WRITE
from reactor.operations.operation import Operation

Wants: TypeAlias = Iterable[tuple[int, int]]

MILLISECONDS: Final = 1_000  # in a second; what poll() counts in

# Seconds that are waited at once: systems count in 32 bits, and refuse a longer wait.
WAIT_LIMIT: Final = 86400.0


class Drivable(Protocol):
    """What `drive` can drive: an operation on a channel, or a race between addresses."""

    def step(self) -> bool:
        """Try, and return whether it is done."""

    def wants(self) -> Wants:
        """Return pairs of a descriptor and the readiness to wait for, a mask."""

    def next_moment(self) -> float:
        """Return when it wants to be stepped anyway, NEVER if only readiness helps."""


Driven = TypeVar("Driven", bound=Drivable)


class OperationOnChannel:
    """An operation and the channel that it is stepped on.

    Thread: one at a time. Calls back: as the operation does. Source: LW-172.
    """

    __slots__ = ("channel", "operation")

    def __init__(self, operation: Operation, channel: Channel) -> None:
        self.operation = operation
        self.channel = channel

    def step(self) -> bool:
        """Step the operation; as often as the channel holds what no descriptor shows."""
        operation, channel = self.operation, self.channel
        while not (done := operation.step(channel)):
            if not can_go_on(operation, channel):
                break
        return done

    def wants(self) -> Wants:
        """Return what the operation waits for."""
        return ((self.channel.fileno(), self.operation.want(self.channel)),)

    def next_moment(self) -> float:
        """Return NEVER: nothing but readiness brings it on."""
        return NEVER


def can_go_on(operation: Operation, channel: Channel) -> bool:
    """Return whether a further step can do something with what no descriptor shows.

    Who waits for a way out would be stepped in vain, again and again.

    Thread: one at a time. Calls back: never. Source: LW-172.
    """
    return (
        channel.holds_input
        and bool(operation.want(channel) & READ)
        and operation.uses_held(channel)
    )


def drive(
    things: Sequence[Driven],
    deadline: float = NEVER,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> list[Driven]:
    """Step every thing until at least one is done; wait for their descriptors in between.

    Args:
        things: what is driven; each is stepped at least once, whatever the deadline.
        deadline: a moment of `clock`, NEVER for no limit.
        clock: monotonic seconds.

    Returns:
        Those that are done, in the order given; an empty list if the deadline passed before.

    Raises:
        Whatever a step raises.

    Thread: the caller's, which is blocked. Calls back: as the things do. Source: LW-172, LW-195.
    """
    while True:
        done = [thing for thing in things if thing.step()]
        now = clock()
        if done or now >= deadline:
            return done
        when = min(deadline, *(thing.next_moment() for thing in things))
        wait_until(when, [want for thing in things for want in thing.wants()], now)


def wait_until(when: float, wants: Wants, now: float) -> None:
    """Wait until a descriptor is ready, or a moment has come.

    Args:
        when: a moment, NEVER for no limit.
        wants: pairs of a descriptor and the readiness to wait for.
        now: the present moment, of the same clock.

    Thread: the caller's, which is blocked. Calls back: never. Source: LW-172.
    """
    timeout = remaining(when, now)
    wait(list(wants), timeout if timeout is None else min(timeout, WAIT_LIMIT))


if sys.platform == "win32":

    def wait(wants: list[tuple[int, int]], timeout: float | None) -> None:
        """Wait until one of the descriptors is ready, for at most `timeout` seconds."""
        readers = [fd for fd, mask in wants if mask & READ]
        writers = [fd for fd, mask in wants if mask & WRITE]
        if readers or writers:
            select.select(readers, writers, writers, timeout)
        elif timeout is not None:
            time.sleep(timeout)  # select() here refuses to wait for nothing

else:

    def wait(wants: list[tuple[int, int]], timeout: float | None) -> None:
        """Wait until one of the descriptors is ready, for at most `timeout` seconds."""
        poll = select.poll()
        masks: dict[int, int] = {}
        for fd, mask in wants:
            masks[fd] = masks.get(fd, 0) | mask
        for fd, mask in masks.items():
            poll.register(
                fd,
                (select.POLLIN if mask & READ else 0) | (select.POLLOUT if mask & WRITE else 0),
            )
        # Rounded up: poll() counts milliseconds, and a wait that ends too early would spin.
        poll.poll(None if timeout is None else int(timeout * MILLISECONDS) + 1)
