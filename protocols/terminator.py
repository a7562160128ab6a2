r"""TerminatorProtocol: data up to a terminator, in the manner and with the words of asynchat.

The data is given as it comes and is not kept here, so that a body of gigabytes can go to a file.
It is for protocols whose messages end now with some bytes, now after some number of them:

    class Upload(TerminatorProtocol):
        def __init__(self) -> None:
            super().__init__()
            self.set_terminator(b"\n")  # a line with the length comes first

Code that was written for asynchat's `async_chat` finds its two hooks and its two verbs here.
"""

from collections.abc import Callable
from typing import ClassVar

from protocols.codec_protocol import CodecProtocol
from protocols.codecs.frame import FRAME_LIMIT
from protocols.codecs.terminator import Terminator, TerminatorDecoder


class TerminatorProtocol(CodecProtocol):
    """Data in pieces, and a word when its terminator was found.

    Override `collect_incoming_data` and `found_terminator`, and what else is needed of the hooks.
    Until `set_terminator` was called all is data. Too much of it without the terminator goes to
    `input_refused`, which ends the connection.

    Attributes:
        frame_limit: how much data may come before a terminator, in bytes.

    Thread: the owner's. Calls back: the hooks. Source: asynchat; PR-01, PR-04, PR-07, PR-09.
    """

    frame_limit: ClassVar[int] = FRAME_LIMIT

    _decoder: TerminatorDecoder

    def __init__(self) -> None:
        super().__init__(TerminatorDecoder(frame_limit=self.frame_limit))

    def collect_incoming_data(self, data: bytes) -> None:
        """Take some of the data before the terminator.

        Args:
            data: one piece of it, never empty, cut anywhere.

        Thread: the owner's. Calls back: it is a hook. Source: asynchat, PR-04.
        """

    def found_terminator(self) -> None:
        """Handle what was collected: its terminator was found.

        Thread: the owner's. Calls back: it is a hook. Source: asynchat, PR-04.
        """

    def set_terminator(self, terminator: Terminator) -> None:
        """Set what ends the data that comes after this call, and what ends the messages after it.

        Args:
            terminator: bytes that end a message, and go on to end the next; or the number of bytes
                of one message, after which it is 0; or None, 0 or empty bytes: all is data, up to
                the next call of this.

        Raises:
            TypeError: it is none of these. ValueError: it is a negative number.
            LocalViolation: it is a number above `frame_limit`.

        Thread: the owner's. Calls back: never. Source: asynchat, PR-04.
        """
        self._decoder.set_terminator(terminator)

    def get_terminator(self) -> Terminator:
        """Return what ends this message; of a number, what is left of it.

        Thread: the owner's. Calls back: never. Source: asynchat.
        """
        return self._decoder.terminator

    def _hook(self) -> Callable[[bytes], None]:
        return self._give

    def _give(self, data: bytes) -> None:
        if data:
            self.collect_incoming_data(data)
        else:
            self.found_terminator()
