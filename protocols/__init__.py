"""Protocols: the handler classes that people subclass, each a thin binding of a pure codec.

A protocol object serves one connection. Its hooks are plain methods, called on the thread of the
collection; it knows its transport and no event loop, so that it runs on asyncio as well.

    transport ──data_received──► LineProtocol ──line_received──► your subclass
                                      │ feed, take
                                 LineDecoder (codecs/line.py: no I/O, no clock)

What is where:

- `LineProtocol` (line.py): lines with a longest length, raw bytes between them.
- `codecs/`: the pure half. `LineDecoder` and `encode_line` can be used with a blocking stream, a
  file or another framework; they raise a `LocalViolation` for a mistake of this program and a
  `RemoteViolation` (for one, `LineTooLong`) for one of the peer. Both are `ProtocolViolation`.

A protocol class turns a remote violation into an error of `reactor.errors` that names the peer;
that error then ends the connection, and nothing else.

Reading order: codecs/__init__.py, codecs/errors.py, codecs/decoder.py, codecs/line.py, line.py.
"""

from protocols.codecs.errors import LocalViolation, ProtocolViolation, RemoteViolation
from protocols.codecs.line import LineDecoder, LineTooLong, encode_line
from protocols.line import LineProtocol

__all__ = [
    "LineDecoder",
    "LineProtocol",
    "LineTooLong",
    "LocalViolation",
    "ProtocolViolation",
    "RemoteViolation",
    "encode_line",
]
