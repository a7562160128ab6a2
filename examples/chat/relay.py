"""Relay: the bytes of a file on their way through the server, which keeps none of them.

Two connections come with keys of one parcel, and what the giver's brings is written to the taker's.
When the taker is slow its output is too much at some moment, and then the giver is not read: TCP
tells him, all the way back. The taker closes when he has everything, and so says that he has it.
"""

import contextlib
from typing import Final

from parcels import GET, PUT, Parcel, Porter

from protocols import LineProtocol
from reactor import SocketError, Transport

KEY_TIMEOUT: Final = 10.0  # seconds for the line with the key
PROGRESS_TIMEOUT: Final = 60.0  # seconds in which a byte must move, and for the other end to come


class FileConnection(LineProtocol):
    """One end of a parcel; which one, and of which, its only line says."""

    line_limit = 80
    strip_return = True

    def __init__(self, porter: Porter) -> None:
        super().__init__()
        self.porter = porter
        self.parcel: Parcel | None = None
        self.taker: FileConnection | None = None  # only a giver has one, once both are here
        self.giver: FileConnection | None = None
        self.missing = 0  # bytes that a giver still owes
        self.hushed = False  # whether a taker has ended his direction already

    def connection_made(self, transport: Transport) -> None:
        """Wait for the line."""
        super().connection_made(transport)
        transport.set_timeouts(idle=KEY_TIMEOUT)

    def line_received(self, line: bytes) -> None:
        """Be one end, and wait for the other."""
        parcel = self.porter.claim(line.decode(errors="replace"), self)
        if parcel is None:
            self.refuse()
            return
        self.parcel = parcel
        self.missing = parcel.size
        self.transport.set_timeouts(idle=PROGRESS_TIMEOUT)
        self.set_raw_mode()
        self.pause_reading()
        if len(parcel.ends) == 2:
            parcel.ends[PUT].begin(parcel.ends[GET])

    def line_too_long(self, error: Exception) -> None:
        """Be no end: no key is that long."""
        self.refuse()

    def refuse(self) -> None:
        """Have nothing to do with a stranger."""
        self.send_line(b"! that is not the key of a file")
        self.transport.close()

    def begin(self, taker: "FileConnection") -> None:
        """Give to that one."""
        self.taker, taker.giver = taker, self
        taker.resume_reading()  # to see its end
        self.resume_reading()
        if not self.missing:
            self.give(b"")

    def raw_received(self, data: bytes) -> None:
        """Hand on what a giver sends; a taker has nothing to say."""
        if self.parcel is None or self.taker is None:
            return
        self.missing -= len(data)
        if self.missing < 0:
            self.porter.end(self.parcel, "over, more came than was said")
            return
        self.give(data)

    def give(self, data: bytes) -> None:
        """Write it, and the end behind the last of it."""
        assert self.taker is not None
        # It may be lost already; then `connection_lost` is on its way there.
        with contextlib.suppress(SocketError):
            self.taker.transport.write(data)
            if not self.missing:
                self.taker.complete()

    def complete(self) -> None:
        """Tell this taker that it was all; he closes when he has it, or has ended before."""
        if self.hushed:
            self.transport.close()
        else:
            self.transport.write_eof()

    def pause_writing(self) -> None:
        """Read no more from the giver: this taker is slow."""
        if self.giver is not None:
            self.giver.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if self.giver is not None:
            self.giver.resume_reading()

    def eof_received(self) -> bool:
        """Close behind a taker who has everything; else there is something to wait for."""
        super().eof_received()
        if self.parcel is None:
            return False
        if self.taker is not None and self.missing:
            self.porter.end(self.parcel, "over, its giver has stopped")
        self.hushed = True
        return self.giver is None or self.giver.missing > 0

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell what has become of the file, if that was its end."""
        if self.parcel is None:
            return
        if self.giver is not None and not self.giver.missing and exc is None:
            self.porter.arrived(self.parcel)
        elif self.taker is None or self.missing:
            self.porter.end(self.parcel, "over, a connection of it was lost")

    def draining(self) -> None:
        """Give it up because the server ends."""
        if self.parcel is not None:
            self.porter.end(self.parcel, "over, the server ends")
        self.abort()

    def close(self) -> None:
        """End when everything is sent."""
        self.transport.close()

    def abort(self) -> None:
        """End now, so that nobody takes a part for the whole."""
        self.transport.abort()
