"""Protocols: the handler classes that people subclass, each a thin binding of a pure codec.

A protocol object serves one connection. Its hooks are plain methods, called on the thread of the
collection; it knows its transport and no event loop, so that it runs on asyncio as well.

    transport ──data_received──► LineProtocol ──line_received──► your subclass
                                      │ feed, take
                                 LineDecoder (codecs/line.py: no I/O, no clock)

What is where:

- `LineProtocol` (line.py): lines with a longest length, raw bytes between them.
- `FrameProtocol` (frame.py): messages that come as they were sent: `NetstringProtocol`,
  `LengthFieldProtocol` with `Int8Protocol` and its like, `FixedSizeProtocol`, `DelimiterProtocol`.
- `TerminatorProtocol` (terminator.py): data up to a terminator that may change, as in asynchat.
- `asynchat` (asynchat.py): the old module itself, for programs that import it whole.
- `codecs/`: the pure half. `LineDecoder`, `encode_line` and their like can be used with a blocking
  stream, a file or another framework; they raise a `LocalViolation` for a mistake of this program
  and a `RemoteViolation` (for one, `LineTooLong`) for one of the peer. Both are
  `ProtocolViolation`.

A protocol class turns a remote violation into an error of `reactor.errors` that names the peer;
that error then ends the connection, and nothing else.

Reading order: codecs/__init__.py and what it names, codec_protocol.py, line.py,
frame.py, terminator.py, asynchat.py.
"""

from protocols.codecs.delimiter import DelimiterDecoder, encode_delimited
from protocols.codecs.errors import LocalViolation, ProtocolViolation, RemoteViolation
from protocols.codecs.fixed_size import FixedSizeDecoder, encode_fixed_size
from protocols.codecs.frame import FrameTooLong, MalformedFrame
from protocols.codecs.length_field import LengthFieldDecoder, encode_length_field
from protocols.codecs.line import LineDecoder, LineTooLong, encode_line
from protocols.codecs.netstring import NetstringDecoder, encode_netstring
from protocols.codecs.terminator import TerminatorDecoder
from protocols.frame import (
    DelimiterProtocol,
    FixedSizeProtocol,
    FrameProtocol,
    Int8Protocol,
    Int16Protocol,
    Int32Protocol,
    LengthFieldProtocol,
    NetstringProtocol,
)
from protocols.line import LineProtocol
from protocols.terminator import TerminatorProtocol

__all__ = [
    "DelimiterDecoder",
    "DelimiterProtocol",
    "FixedSizeDecoder",
    "FixedSizeProtocol",
    "FrameProtocol",
    "FrameTooLong",
    "Int8Protocol",
    "Int16Protocol",
    "Int32Protocol",
    "LengthFieldDecoder",
    "LengthFieldProtocol",
    "LineDecoder",
    "LineProtocol",
    "LineTooLong",
    "LocalViolation",
    "MalformedFrame",
    "NetstringDecoder",
    "NetstringProtocol",
    "ProtocolViolation",
    "RemoteViolation",
    "TerminatorDecoder",
    "TerminatorProtocol",
    "encode_delimited",
    "encode_fixed_size",
    "encode_length_field",
    "encode_line",
    "encode_netstring",
]
