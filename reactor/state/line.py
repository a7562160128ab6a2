"""Line: operations that wait for their turn, in order.

It steps none of them: that is `operation_queue`, and the next thing to read.
"""

from collections import deque
from typing import Final

from reactor.deadline import NEVER
from reactor.errors import LimitExceeded
from reactor.operations.operation import Operation

# How many reads may wait in line behind the one that runs (LW-077).
READ_LIMIT: Final = 1_000
# Writes are counted in bytes; so many of them as well, for empty ones take memory too.
WRITE_LIMIT: Final = 65_536


class Line:
    """Operations that wait behind the one that runs, first come, first served.

    `size` is how many bytes they are to move. Before the moment `deadline` none of them is out
    of time; it may be too early, never too late.

    Thread: the owner's. Calls back: never. Source: LW-077, LW-100 to LW-103, LW-196.
    """

    __slots__ = ("_operations", "deadline", "size")

    def __init__(self) -> None:
        self._operations: deque[Operation] = deque()
        self.size = 0
        self.deadline = NEVER

    def __len__(self) -> int:
        return len(self._operations)

    def admit(self, operation: Operation, size_limit: int, state: object) -> None:
        """Put an operation behind the others, if there is room.

        Raises:
            LimitExceeded: so many wait already, or more than `size_limit` bytes would.
        """
        reads = operation.phase == "read"
        if len(self) >= (READ_LIMIT if reads else WRITE_LIMIT):
            raise LimitExceeded(
                f"{len(self)} {'reads' if reads else 'writes'} wait in line already, which is"
                " the limit: wait for callbacks",
                identifier="input-limit" if reads else "output-limit",
                connection=state,
            )
        if not reads and self.size + operation.size > size_limit:
            raise LimitExceeded(
                f"{self.size} bytes wait in line, {operation.size} more exceed the limit"
                f" of {size_limit}: wait for callbacks, or raise `output_limit`",
                identifier="output-limit",
                connection=state,
            )
        self._append(operation)

    def _append(self, operation: Operation) -> None:
        self._operations.append(operation)
        self.size += operation.size
        self.deadline = min(self.deadline, operation.deadline)

    def pop(self) -> Operation:
        """Take out the first operation."""
        operation = self._operations.popleft()
        self.size -= operation.size
        return operation

    def take_late(self, now: float) -> list[list[Operation]]:
        """Take out who is out of time, in order; those who end by one error together.

        Of a stream that is the first of them with all behind it, who would leave a gap. Messages
        do not depend on each other: each is alone.
        """
        if now < self.deadline:
            return []
        late = list[list[Operation]]()
        for operation in self.take():
            if late and operation.sticks:
                late[0].append(operation)
            elif operation.deadline <= now:
                late.append([operation])
            else:
                self._append(operation)
        return late

    def take(self) -> list[Operation]:
        """Take out all of them, in order."""
        operations = list(self._operations)
        self._operations.clear()
        self.size, self.deadline = 0, NEVER
        return operations

    def __repr__(self) -> str:
        return f"<Line of {len(self)}, {self.size} bytes>"
