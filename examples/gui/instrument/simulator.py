"""An instrument in software: a voltmeter that answers SCPI over TCP, mostly.

    python examples/gui/instrument/simulator.py --port 5025 --hang 0.05 --garble 0.02

`nc 127.0.0.1 5025` is enough to use it: `*IDN?`, `MEAS:VOLT?`, `SYST:ERR?`. What it can do is in
`scpi.py`; here is how it takes its time, and how it fails. The failures are drawn from a seed, so
they come at the same measurements each time.
"""

import argparse
import contextlib
import math
import random
import signal
from dataclasses import dataclass, field
from typing import Any, Final

from scpi import OVERRUN, Reply, Voltmeter

from protocols import LineProtocol
from reactor import ReactorError, Transport, WaitStateCollection, serve
from reactor.errors import address_text

LINE_LIMIT: Final = 256  # bytes; its input buffer
CONNECTION_LIMIT: Final = 4  # as many as such instruments have; the others wait
WRITE_TIMEOUT: Final = 10.0  # seconds in which a client must have taken something
PERIOD: Final = 20.0  # seconds of the voltage that it measures
NOISE: Final = 0.02  # volts
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Behaviour:
    """How long things take, and what goes wrong; chances are between 0 and 1.

    Attributes:
        seed: of all chance.
        measuring_time: seconds for one measurement.
        hang: the chance that an answer comes late, by `hanging_time` seconds.
        garble: the chance that an answer is not one.
    """

    seed: int = 1
    measuring_time: float = 0.05
    hang: float = 0.0
    hanging_time: float = 3.0
    garble: float = 0.0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def spoil(self, reply: Reply) -> tuple[float, bytes]:
        """Return the seconds until an answer leaves, and what of it does."""
        assert reply.text is not None
        delay, answer = reply.measurement_count * self.measuring_time, reply.text.encode()
        if reply.measurement_count:
            if self.chance.random() < self.hang:
                delay += self.hanging_time
            if self.chance.random() < self.garble:
                answer = bytes(byte | 0x80 if byte % 3 else byte for byte in answer)
        return delay, answer


class Session(LineProtocol):
    """One client. While a measurement runs nothing more is read: answers come in order."""

    line_limit = LINE_LIMIT
    strip_return = True

    def __init__(
        self, collection: WaitStateCollection, meter: Voltmeter, behaviour: Behaviour
    ) -> None:
        super().__init__()
        self.collection = collection
        self.meter = meter
        self.behaviour = behaviour
        self.waits_for: set[str] = set()  # why nothing is read; empty if it is
        self.timer: Any = None

    def connection_made(self, transport: Transport) -> None:
        """Bound how long a client may take nothing."""
        super().connection_made(transport)
        transport.set_timeouts(write=WRITE_TIMEOUT)

    def line_received(self, line: bytes) -> None:
        """Obey; what has to be measured is answered later."""
        reply = self.meter.obey(line)
        if reply.text is None:
            return
        delay, answer = self.behaviour.spoil(reply)
        if not delay:
            self.send_line(answer)
            return
        self.hold("measurement")
        self.timer = self.collection.call_later(delay, self.measured, answer)

    def measured(self, answer: bytes) -> None:
        """Answer, and look at what has come meanwhile."""
        self.send_line(answer)
        self.go_on("measurement")

    def line_too_long(self, error: Exception) -> None:
        """Forget that line, as its buffer does, and let whoever asks know why."""
        self.meter.errors.add(OVERRUN)
        self.discard_line()

    def pause_writing(self) -> None:
        """Take no more questions from a client that does not read the answers."""
        self.hold("reader")

    def resume_writing(self) -> None:
        """It has read."""
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
        """Give up what is being measured."""
        super().connection_lost(exc)
        if self.timer is not None:
            self.timer.cancel()


def wave(collection: WaitStateCollection, seed: int) -> Any:
    """Make what is measured: a slow wave, with a little noise on it."""
    chance, began = random.Random(seed), collection.time()

    def volts() -> float:
        turns = (collection.time() - began) / PERIOD
        slow = 4.0 * math.sin(2 * math.pi * turns) + 1.2 * math.sin(14 * math.pi * turns)
        return 5.0 + slow + chance.gauss(0.0, NOISE)

    return volts


def main() -> None:
    """Serve until a signal."""
    parser = command_line()
    options = parser.parse_args()
    behaviour = Behaviour(
        options.seed, options.measuring_time, options.hang, options.hanging_time, options.garble
    )
    with contextlib.closing(WaitStateCollection("instrument")) as collection:
        for number in SIGNALS:
            collection.on_signal(number, collection.stop)
        meter = Voltmeter(wave(collection, options.seed))
        try:
            server = serve(
                *(collection, lambda: Session(collection, meter, behaviour), options.port),
                address=options.host,
                connection_limit=CONNECTION_LIMIT,
            )
        except ValueError as error:
            parser.error(str(error))
        except ReactorError as error:
            parser.exit(1, f"instrument: {error}\n")
        print(f"instrument {address_text(server.addresses[0])}", flush=True)
        collection.run()


def command_line() -> argparse.ArgumentParser:
    """Return what can be said on the command line."""
    parser = argparse.ArgumentParser(description="A voltmeter that speaks SCPI over TCP.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=5025, help="0: a free one")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance")
    parser.add_argument("--measuring-time", type=float, default=0.05, metavar="S")
    parser.add_argument("--hang", type=float, default=0.0, help="the chance of a late answer")
    parser.add_argument("--hanging-time", type=float, default=3.0, metavar="S", help="how late")
    parser.add_argument("--garble", type=float, default=0.0, help="the chance of garbage")
    return parser


if __name__ == "__main__":
    main()
