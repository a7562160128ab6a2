"""Host: what a guest asks of somebody else's loop.

An adapter says how its toolkit watches a descriptor, has a timer, and is handed a call by another
thread. What to do with these is not known here: that is `guest`, and the next thing to read.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

from reactor.loop.poller import WAIT_LIMIT

Call: TypeAlias = Callable[[], object]


class Host:
    """One loop of somebody else, with at most one descriptor and one timer of ours in it.

    Thread: the host's, save `post`. Calls back: from the host's loop only. Source: HO-01 to HO-10.
    """

    __slots__ = ()

    # Whether signals end an idle wait of this host, so that nobody else need wake it.
    sees_signals = False

    def can_watch(self, fd: int) -> bool:
        """Tell whether the descriptor can be watched in this loop."""
        raise NotImplementedError

    def watch(self, fd: int, ready: Call) -> None:
        """Call `ready` again and again while `fd` is readable; nothing if it is watched already."""
        raise NotImplementedError

    def unwatch(self) -> None:
        """Watch the descriptor no more; nothing if none is watched."""
        raise NotImplementedError

    def arm(self, delay: float, due: Call) -> None:
        """Call `due` once after `delay` seconds, in place of what was armed before."""
        raise NotImplementedError

    def disarm(self) -> None:
        """Forget what was armed, if anything was."""
        raise NotImplementedError

    def expect_posts(self) -> None:
        """Prepare for `post`.

        Raises:
            OperationNotAllowed: other threads have no way into this loop.
        """

    def post(self, call: Call) -> None:
        """Call `call` in the loop soon; must neither wait nor need the loop to run.

        Thread: any.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Leave nothing behind in the loop, which may have ended."""
        self.unwatch()
        self.disarm()


def milliseconds(delay: float) -> int:
    """Round seconds up to the tick of hosts: rounded down, a turn would find nothing to do."""
    return math.ceil(min(max(delay, 0.0), WAIT_LIMIT) * 1000)
