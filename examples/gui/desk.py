"""Desk: the files that we are offered and that we offer, and what is said of them.

The server gives each a number and tells when it may go, by a key for a connection of its own; the
bytes are the business of `transfers`.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from transfers import Giver, Phase, Taker, Transfer

from reactor import WaitStateCollection, connect
from reactor.errors import escaped

TRANSFER_LIMIT: Final = 8  # at a time: the server allows four each way


class Desk:
    """All files that are offered or move.

    Args:
        collection: whose loop moves them.
        host: where the server is.
        tls: how it is reached; None is plain.
        folder: where files go that come.
        send: sends a line to the server; false if it could not, which it has said.
        refuse: says why something is not done; always false.
        show: shows a transfer that is new, has moved, or is over.
    """

    def __init__(
        self,
        collection: WaitStateCollection,
        host: str,
        *,
        tls: Any,
        folder: Path,
        send: Callable[[str], bool],
        refuse: Callable[[str], bool],
        show: Callable[[Transfer], object],
    ) -> None:
        self.transfers: dict[int, Transfer] = {}
        self._collection = collection
        self._host = host
        self._tls = tls
        self._folder = folder
        self._send = send
        self._refuse = refuse
        self._show_it = show
        self._asked: Path | None = None  # the file for which there is no number yet

    def offer(self, name: str, path: Path) -> bool:
        """Offer a file to somebody in the room; false if that is not possible."""
        if self._asked is not None:
            return self._refuse("the server has not answered for the last file yet")
        try:
            if not path.is_file():
                return self._refuse(f"{path} is no file")
            size = path.stat().st_size
        except OSError as error:
            return self._refuse(str(error))
        if not self._send(f"/send {name} {size} {escaped(path.name)}"):
            return False
        self._asked = path
        return True

    def accept(self, transfer: Transfer) -> None:
        """Take a file; it moves when the server has said how."""
        if not transfer.accepted:
            transfer.accepted = self._send(f"/accept {transfer.number}")

    def cancel(self, transfer: Transfer) -> None:
        """Refuse a file, take it back, or stop it."""
        self._end(transfer, "cancelled")

    def stop(self, outcome: str) -> None:
        """End all of them: the server has gone, and knows nothing of them any more."""
        self._asked = None
        for transfer in list(self.transfers.values()):
            transfer.enter(Phase.OVER, f"{transfer.name} {outcome}")

    def hears(self, line: str, name: str) -> bool:
        """Learn from a line; true if it need not be shown as well.

        Args:
            line: the server's.
            name: what we are called.
        """
        match = OFFER.fullmatch(line)
        if match is not None:
            self._be_offered(name, *match.groups())
            return True
        match = NEWS.fullmatch(line)
        if match is not None:
            transfer = self.transfers.get(int(match["number"]))
            if transfer is not None and match["key"] is None:
                reason = match["reason"]
                outcome = match["end"] if reason is None else f": {reason}"
                transfer.enter(Phase.OVER, f"{transfer.name}{outcome}")
            elif transfer is not None and transfer.phase is Phase.OFFERED and transfer.accepted:
                self._move(transfer, int(match["port"]), match["key"])
            return True
        if line.startswith("! not offered: "):
            self._asked = None
        return False

    def _be_offered(self, us: str, number: str, giver: str, taker: str, *what: str) -> None:
        size, name = what
        incoming = giver != us
        path = self._folder if incoming else self._asked
        if not incoming:
            self._asked = None
        if path is None or int(number) in self.transfers or len(self.transfers) >= TRANSFER_LIMIT:
            self._send(f"/cancel {number}")
            return
        transfer = self.transfers[int(number)] = Transfer(
            int(number),
            giver if incoming else taker,
            path,
            name=name,
            size=int(size),
            incoming=incoming,
            changed=self._show,
        )
        transfer.show()

    def _move(self, transfer: Transfer, port: int, key: str) -> None:
        mover = Taker if transfer.incoming else Giver
        try:
            attempt = connect(
                self._collection,
                lambda: mover(self._collection, transfer, key, self._end),
                self._host,
                port,
                tls=self._tls,
                failed=lambda error: self._end(transfer, str(error)),
            )
        except ValueError as error:  # there is no such port
            self._end(transfer, str(error))
            return
        transfer.stop = attempt.close  # until there is a mover
        transfer.enter(Phase.MOVING)

    def _end(self, transfer: Transfer, outcome: str) -> None:
        """End it by ourselves, and tell the server."""
        if transfer.phase is not Phase.OVER:
            transfer.enter(Phase.OVER, f"{transfer.name}: {outcome}")
            self._send(f"/cancel {transfer.number}")

    def _show(self, transfer: Transfer) -> None:
        if transfer.phase is Phase.OVER:
            del self.transfers[transfer.number]
        self._show_it(transfer)

    def __repr__(self) -> str:
        return f"<Desk with {len(self.transfers)} files>"


OFFER: Final = re.compile(r"\* file (\d{1,9}): (\S+) offers (\S+) (\d{1,15}) bytes, (.*)")
NEWS: Final = re.compile(
    r"\* file (?P<number>\d{1,9}):(?:"
    r" (?:give|take) it at port (?P<port>\d{1,5}) behind the line (?P<key>/(?:put|get) \w+)"
    r"| over, (?P<reason>.*)|(?P<end> .*))"
)
