"""Codecs: bytes in, events out, and nothing else.

A codec knows one wire format. It does no I/O, asks no clock, starts no thread and calls nobody
back, so it is tested with bytes alone, and serves a reactor, asyncio, a blocking stream or a file.
The classes that people subclass stand one folder up; each is a thin binding of one codec.

    bytes in any pieces ──feed──►  codec  ──take──►  events, one at a time
                                     │
                             what was not taken ──release──►  the next codec, TLS, a report

Words:

- `feed(data)` gives the codec what arrived. Where the pieces were cut never matters.
- `take()` gives the next event, or None when more bytes are needed. One at a time on purpose: who
  handles an event may change what the next bytes mean (raw mode, another protocol, TLS) before
  they are looked at.
- `release()` gives up the bytes that were not taken, for somebody else.
- A violation is an error that says whose fault it was: local (our program asked for what the
  format cannot say) or remote (the peer sent what it must not). After a remote one a codec refuses
  to go on, unless it is told how.
- Whatever is kept between two calls has a limit.
- A frame is a piece of the stream that was sent as one.

Files, in reading order:

    errors.py        ProtocolViolation and its two halves
    decoder.py       Decoder: what all of them do alike
    line.py          LineDecoder: lines with a longest length, and raw bytes between them
    frame.py         FrameDecoder: frames that say how long they are, of one of the next three kinds
    fixed_size.py    FixedSizeDecoder: all of one size
    netstring.py     NetstringDecoder: the length in digits
    length_field.py  LengthFieldDecoder: the length in a field of 1 to 8 bytes, anywhere in the head
    delimiter.py     DelimiterDecoder: frames that end with one of some delimiters
    terminator.py    TerminatorDecoder: data as it comes, up to a terminator that may change
"""
