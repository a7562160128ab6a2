"""The server of the game: it tells everybody where everybody is, over UDP.

    python examples/gui/game/udp_relay.py --port 4712

An address on a datagram proves nothing: anybody can write any. So whoever is unknown gets a cookie,
which is shorter than what he has sent, and only who returns it is let in, and sent more. The server
keeps nothing about the others, and a room that is empty costs no turn.
"""

import argparse
import contextlib
import hmac
import os
import signal
from typing import Any, Final, TypeAlias

from room import Room
from wire import (
    COOKIE_SIZE,
    PLAYER_LIMIT,
    Refused,
    pack_cookie,
    pack_full,
    pack_snapshot,
    read_move,
)

from reactor import (
    DatagramProtocol,
    DatagramTransport,
    ReactorError,
    WaitStateCollection,
    open_datagram,
)
from reactor.errors import address_text

TICK: Final = 0.05  # seconds between two snapshots
SECRET_SIZE: Final = 16  # bytes
HOST_LIMIT: Final = PLAYER_LIMIT // 2  # players from one host, who cannot fill the room alone
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

Address: TypeAlias = tuple[str, int]


class Relay(DatagramProtocol):
    """The endpoint of all players.

    Args:
        collection: whose loop and clock it uses.
        host_limit: how many may play from one host.

    Attributes:
        room: who plays.
        refused_count: datagrams that were none of ours.
    """

    def __init__(self, collection: WaitStateCollection, host_limit: int = HOST_LIMIT) -> None:
        self.collection = collection
        self.room = Room()
        self.refused_count = 0
        self._host_limit = host_limit
        self._secret = os.urandom(SECRET_SIZE)
        self._ticking: Any = None
        self._full = False  # the kernel takes no more for now

    def connection_made(self, transport: DatagramTransport) -> None:
        """Let little wait: a snapshot that has waited is old."""
        self.transport = transport
        transport.set_write_buffer_limits(high=0)

    def datagram_received(self, data: Any, addr: Address) -> None:
        """Let a player move, if it is one."""
        try:
            move = read_move(data)
        except Refused:
            self.refused_count += 1
            return
        cookie = self.cookie(addr)
        if not hmac.compare_digest(move.cookie, cookie):
            self._send(pack_cookie(move.token, cookie), addr)
        elif move.leaving:
            self.room.leave(addr)
        elif not (self._may_play(addr) and self.room.move(addr, move, self.collection.time())):
            self._send(pack_full(move.token), addr)
        elif self._ticking is None:
            self._ticking = self.collection.call_every(TICK, self.tick)

    def cookie(self, addr: Address) -> bytes:
        """Return what somebody at an address has to know, and nobody else can."""
        text = address_text(addr).encode()
        return hmac.digest(self._secret, text, "sha256")[:COOKIE_SIZE]

    def _may_play(self, addr: Address) -> bool:
        """Tell whether somebody plays, or is not one too many from his host."""
        seats = self.room.seats
        return addr in seats or sum(one[0] == addr[0] for one in seats) < self._host_limit

    def tick(self) -> None:
        """Tell everybody where everybody is."""
        now = self.collection.time()
        self.room.advance(now)
        for addr, seat in self.room.seats.items():
            self._send(pack_snapshot(seat.move.token, self.room.snapshot(seat, now)), addr)
        if not self.room.seats:
            self._ticking.cancel()
            self._ticking = None

    def pause_writing(self) -> None:
        """Drop what cannot leave now: the next snapshot will be better."""
        self._full = True

    def resume_writing(self) -> None:
        """There is room again."""
        self._full = False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tick no more."""
        if self._ticking is not None:
            self._ticking.cancel()

    def _send(self, data: bytes, addr: Any) -> None:
        if not self._full:
            self.transport.sendto(data, addr)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description="Relay where the players of a game are.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to bind")
    parser.add_argument("--port", type=int, default=4712, help="0: a free one")
    options = parser.parse_args()
    with contextlib.closing(WaitStateCollection("relay")) as collection:
        for number in SIGNALS:
            collection.on_signal(number, collection.stop)
        where = {"local_address": options.host, "local_port": options.port}
        try:
            transport = open_datagram(collection, lambda: Relay(collection), **where)
        except ValueError as error:
            parser.error(str(error))
        except ReactorError as error:
            parser.exit(1, f"relay: {error}\n")
        print(f"relay {address_text(transport.get_extra_info('sockname'))}", flush=True)
        collection.run()


if __name__ == "__main__":
    main()
