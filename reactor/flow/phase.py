"""Phase: what a transport is doing.

OPEN ──start_tls──► SWITCHING ──output gone──► SHAKING ──handshake──► OPEN
│                     │                         │
├──close──► CLOSING ◄─┘                         │
│              └──output gone, or its limit──►──┤
└──abort, loss, a hook that raises, a limit──►──┴──► CLOSED ──later──► connection_lost
"""

import enum
from typing import Final


class Phase(enum.IntEnum):
    """What a transport is doing; powers of two, so that a set of phases is a mask."""

    OPEN = 1
    SWITCHING = 2  # TLS comes when the output has gone; what is written meanwhile waits for it
    SHAKING = 4  # the handshake is under way
    CLOSING = 8  # nothing is read any more, and what was written still goes
    CLOSED = 16


MOVES: Final[dict[int, int]] = {
    Phase.OPEN: Phase.SWITCHING | Phase.CLOSING | Phase.CLOSED,
    Phase.SWITCHING: Phase.SHAKING | Phase.CLOSING | Phase.CLOSED,
    Phase.SHAKING: Phase.OPEN | Phase.CLOSED,
    Phase.CLOSING: Phase.CLOSED,
    Phase.CLOSED: 0,
}
# A member of an enum costs more than the number that it is.
OPEN: Final[int] = Phase.OPEN.value
SWITCHING: Final[int] = Phase.SWITCHING.value
SHAKING: Final[int] = Phase.SHAKING.value
CLOSING: Final[int] = Phase.CLOSING.value
CLOSED: Final[int] = Phase.CLOSED.value
ENDING: Final[int] = CLOSING | CLOSED
