"""Connection: a guest of the chat as the reactor sees him.

Three things can be too much, and each has an answer that harms nobody else. He sends too fast:
reading waits until his allowance has grown. He does not read what he is told: reading waits as
well, for he would only cause more; at a limit he is dropped. He does nothing at all: the idle
limit ends it.
"""

import contextlib
from dataclasses import dataclass
from typing import Any, Final

from commands import obey
from flood import Allowance
from parcels import Porter
from rooms import Guest, Hall, Refused

from protocols import LineProtocol
from reactor import OperationTimeout, SocketError, Transport, WaitStateCollection

LINE_LIMIT: Final = 1024  # bytes; what a person types
OUTPUT_LIMIT: Final = 256 * 1024  # bytes that wait for one reader: minutes of a lively room
WRITE_TIMEOUT: Final = 60.0  # seconds in which a reader must have taken something
BURST: Final = 20  # lines at once: somebody pastes a paragraph


@dataclass
class Chat:
    """What all connections share."""

    collection: WaitStateCollection
    hall: Hall
    porter: Porter
    idle_timeout: float  # seconds
    rate: float  # lines a second


class Connection(LineProtocol):
    """One guest: his lines go to the hall, and what the hall tells him goes out."""

    line_limit = LINE_LIMIT
    strip_return = True  # telnet, nc -C and s_client -crlf send one

    def __init__(self, chat: Chat, file_port: int) -> None:
        super().__init__()
        self.chat = chat
        self.file_port = file_port
        self.allowance = Allowance(chat.rate, BURST)
        self.guest: Guest | None = None
        self.reason = "has left"
        self.waits_for: set[str] = set()  # why nothing is read; empty if it is
        self.timer: Any = None

    def connection_made(self, transport: Transport) -> None:
        """Let the guest in."""
        super().connection_made(transport)
        transport.set_timeouts(idle=self.chat.idle_timeout, write=WRITE_TIMEOUT)
        self.guest = self.chat.hall.enter(self.tell, self.dismiss, self.file_port)

    def line_received(self, line: bytes) -> None:
        """Do what the line asks for, and see whether he sends too fast."""
        assert self.guest is not None
        wait = self.allowance.spend(self.chat.collection.time())
        if wait:
            self.hold("allowance")
            self.timer = self.chat.collection.call_later(wait, self.go_on, "allowance")
        try:
            obey(self.chat.hall, self.chat.porter, self.guest, line)
        except Refused as refusal:
            self.tell(f"! {refusal}")

    def line_too_long(self, error: Exception) -> None:
        """Tell him, and go on after that line."""
        self.tell(f"! a line has {LINE_LIMIT} bytes at most, and nobody has seen yours")
        self.discard_line()

    def tell(self, text: str) -> None:
        """Show him a line, unless so many wait that he will never read them."""
        if self.transport.get_write_buffer_size() > OUTPUT_LIMIT:
            self.reason = "did not read and was dropped"
            self.transport.abort()
            return
        # He may be going or lost already, and whoever speaks is not to suffer for it:
        # `connection_lost` is on its way.
        with contextlib.suppress(SocketError):
            self.send_line(text.encode())

    def dismiss(self) -> None:
        """Say goodbye and end, when he has been told everything."""
        self.tell("* goodbye")
        self.transport.close()

    def draining(self) -> None:
        """Say goodbye because the server ends."""
        self.tell("* the server ends")
        self.dismiss()

    def pause_writing(self) -> None:
        """Read nothing from somebody who does not read."""
        self.hold("reader")

    def resume_writing(self) -> None:
        """He has read."""
        self.go_on("reader")

    def hold(self, reason: str) -> None:
        """Read nothing until `go_on` with the same reason."""
        self.waits_for.add(reason)
        self.pause_reading()

    def go_on(self, reason: str) -> None:
        """Read again, unless there is another reason not to."""
        self.waits_for.discard(reason)
        if not self.waits_for:
            self.resume_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let the guest out."""
        if self.timer is not None:
            self.timer.cancel()
        if isinstance(exc, OperationTimeout):
            self.reason = "has gone silent"
        if self.guest is not None:
            self.chat.hall.leave(self.guest, self.reason)
            self.chat.porter.forget(self.guest)
