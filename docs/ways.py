"""Ways: which functions a byte goes through, recorded, and drawn as a ladder of calls.

A way has a line for each call, indented under its caller. It has the calls that lead to a landmark
(a system call, OpenSSL, what a program has written), and none of the bookkeeping beside them.
`tests/documents/test_ways.py` sends a byte through the real thing and compares; where they differ
it prints the way as it is now, to be put here.
"""

from collections.abc import Iterator
from typing import Final

from docs.drawings import RIM, WIDTH, Box, arrow, picture, text

# Where a byte leaves our code, or is put down in it.
LANDMARKS: Final = {
    "socket.recv": "the kernel: one system call",
    "socket.send": "the kernel: one system call",
    "MemoryBIO.write": "OpenSSL: ciphertext in",
    "MemoryBIO.read": "OpenSSL: ciphertext out",
    "_SSLSocket.read": "OpenSSL: plaintext out",
    "_SSLSocket.write": "OpenSSL: plaintext in",
    "poll.poll": "the kernel: the caller waits",
    "data_received": "your protocol",
    "callback": "your callback",
    "reactor.operations.streams.Pour.put": "the rest, kept in order",
}

WAYS: Final = {
    "in": """\
reactor.loop.poller.Poller.serve
  reactor.loop.poller.Poller._serve
    reactor.state.operation_queue.OperationQueue.proceed
      reactor.operations.streams.Feed.step
        reactor.channel.socket_channel.SocketChannel.read
          socket.recv
        data_received
""",
    "in-tls": """\
reactor.loop.poller.Poller.serve
  reactor.loop.poller.Poller._serve
    reactor.state.connection.Connection.on_readable
      reactor.state.operation_queue.OperationQueue.proceed
        reactor.operations.streams.Feed.step
          reactor.channel.tls.TLSChannel.read
            reactor.channel.socket_channel.SocketChannel.read
              socket.recv
            reactor.channel.tls_engine.TLSEngine.decrypt
              MemoryBIO.write
              reactor.channel.tls_engine.TLSEngine._pull
                _SSLSocket.read
          data_received
""",
    "out": """\
reactor.transport.Transport.write
  reactor.channel.socket_channel.SocketChannel.write
    socket.send
  reactor.flow.waiting_output.WaitingOutput.keep
    reactor.operations.streams.Pour.put
reactor.loop.poller.Poller.serve
  reactor.loop.poller.Poller._serve
    reactor.loop.poller.Poller._serve_both
      reactor.loop.wait_state.call
        reactor.state.connection.Connection.on_writable
          reactor.state.operation_queue.OperationQueue.proceed
            reactor.operations.streams.Pour.step
              reactor.channel.socket_channel.SocketChannel.write
                socket.send
""",
    "out-tls": """\
reactor.transport.Transport.write
  reactor.channel.tls.TLSChannel.write
    reactor.channel.tls_engine.TLSEngine.write
      _SSLSocket.write
reactor.channel.tls.TLSChannel.rest
  reactor.channel.tls.TLSChannel._push
    MemoryBIO.read
    reactor.channel.socket_channel.SocketChannel.write
      socket.send
""",
    "read_buffer": """\
reactor.loop.poller.Poller.serve
  reactor.loop.poller.Poller._serve
    reactor.state.operation_queue.OperationQueue.proceed
      reactor.operations.reading.Fill.step
        reactor.operations.reading.Fill._receive
          reactor.channel.socket_channel.SocketChannel.read
            socket.recv
      reactor.state.operation_queue.OperationQueue._conclude
        reactor.state.operation_queue.OperationQueue._end
          reactor.operations.operation.Operation.report
            callback
""",
    "write_buffer": """\
reactor.state.async_io_state.AsyncIOState.write_buffer
  reactor.state.state_base.StateBase._start
    reactor.state.operation_queue.OperationQueue.start
      reactor.state.operation_queue.first_try
        reactor.operations.writing.Send.step
          reactor.channel.socket_channel.SocketChannel.write
            socket.send
reactor.loop.calls.CallQueue.run
  reactor.state.operation_queue.QueueOwner._call_guarded
    reactor.state.operation_queue.OperationQueue._proceed_as_posted
      reactor.state.operation_queue.OperationQueue.proceed
        reactor.state.operation_queue.OperationQueue._conclude
          reactor.state.operation_queue.OperationQueue._end
            reactor.operations.operation.Operation.report
              callback
""",
    "blocking": """\
reactor.stream.stream_input.StreamInput.read1
  reactor.stream.stream_input.StreamInput._next
    reactor.stream.stream_base.StreamBase._wait_for_input
      reactor.stream.blocking_socket.BlockingSocket._run
        reactor.operations.reading.Take.step
          reactor.channel.socket_channel.SocketChannel.read
            socket.recv
        reactor.state.blocking.Blocking.run
          reactor.state.drive.wait_until
            reactor.state.drive.wait
              poll.poll
          reactor.state.blocking.Blocking.step
            reactor.state.blocking.Blocking._try
              reactor.operations.reading.Take.step
                reactor.channel.socket_channel.SocketChannel.read
                  socket.recv
""",
}

# What a step does, in the words that the drawing has beside it.
WORDS: Final = {
    "reactor.stream.stream_input.StreamInput.read1": "unread bytes come first",
    "reactor.operations.reading.Take.step": "reads once; nothing is the end",
    "reactor.state.drive.wait": "for one descriptor, or for many",
    "reactor.stream.stream_input.StreamInput._next": "a piece, as large as it comes",
    "reactor.stream.stream_base.StreamBase._wait_for_input": "an end, and a loss, are kept",
    "reactor.stream.blocking_socket.BlockingSocket._run": "mostly the first try does it",
    "reactor.state.blocking.Blocking.run": "else: wait, step, and so on",
    "reactor.state.blocking.Blocking.step": "the limits, then one try",
    "reactor.state.blocking.Blocking._try": "closed by another thread?",
    "reactor.state.drive.wait_until": "the moment becomes a span",
    "reactor.channel.socket_channel.SocketChannel.read": "tries once; gives an errno its meaning",
    "reactor.channel.socket_channel.SocketChannel.write": "tries once; how much was taken",
    "reactor.channel.tls.TLSChannel._push": "ciphertext to the channel below",
    "reactor.channel.tls.TLSChannel.read": "pumps the engine over the channel below",
    "reactor.channel.tls.TLSChannel.rest": "when the hook has returned: pushes once",
    "reactor.channel.tls.TLSChannel.write": "encrypts a chunk at most, and holds it",
    "reactor.channel.tls_engine.TLSEngine._pull": "what has become of it",
    "reactor.channel.tls_engine.TLSEngine.decrypt": "no I/O: bytes in, bytes out",
    "reactor.channel.tls_engine.TLSEngine.write": "no I/O: bytes in, bytes out",
    "reactor.flow.waiting_output.WaitingOutput.keep": "begins an operation; perhaps a pause",
    "reactor.loop.calls.CallQueue.run": "a later turn: posted calls",
    "reactor.loop.poller.Poller._serve": "what is ready, one after the other",
    "reactor.loop.poller.Poller._serve_both": "room to write: the rarer case",
    "reactor.loop.poller.Poller.serve": "what the wait has found",
    "reactor.loop.wait_state.call": "in the context of the connection",
    "reactor.state.state_base.StateBase._start": "may it begin here and now?",
    "reactor.state.async_io_state.AsyncIOState.write_buffer": "makes a Send with its limits",
    "reactor.state.connection.Connection.on_readable": "TLS: reads, then pushes answers",
    "reactor.state.connection.Connection.on_writable": "output goes on",
    "reactor.operations.operation.Operation.report": "the one final call",
    "reactor.state.operation_queue.OperationQueue._conclude": "it is done; is there another?",
    "reactor.state.operation_queue.OperationQueue._end": "its limit is disarmed",
    "reactor.state.operation_queue.OperationQueue._proceed_as_posted": "unless it has ended since",
    "reactor.state.operation_queue.OperationQueue.proceed": "steps its operation once",
    "reactor.state.operation_queue.OperationQueue.start": "next, or in line",
    "reactor.state.operation_queue.QueueOwner._call_guarded": "errors go to the handler",
    "reactor.state.operation_queue.first_try": "output is tried at once",
    "reactor.operations.streams.Feed.step": "one piece for the protocol",
    "reactor.operations.reading.Fill._receive": "until the buffer is full",
    "reactor.operations.reading.Fill.step": "what arrives goes into the buffer",
    "reactor.operations.streams.Pour.step": "pours what was kept",
    "reactor.operations.writing.Send.step": "sends what the kernel takes",
    "reactor.transport.Transport.write": "nothing waits: tries the channel",
}

ROW: Final = 34  # from one step to the next
BREAK: Final = 14  # more, where the loop has done other things in between
INDENT: Final = 16  # of a call under its caller
FRAME: Final = 24  # the height of a step
LETTER: Final = 7.4  # the width of a letter of 12 units in a typewriter font
ASIDE: Final = 400  # the room for the words beside a step


def steps_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the depth and the name of each step of a way."""
    for line in text.splitlines():
        name = line.lstrip()
        yield (len(line) - len(name)) // 2, name


def way(name: str) -> str:
    """Draw a way as a ladder: each call under its caller, with its words beside it."""
    parts: list[str] = []
    callers: list[Box] = []
    y = RIM
    for depth, step in steps_of(WAYS[name]):
        if depth == 0 and callers:
            y += BREAK
        module, _, last = step.removeprefix("reactor.").rpartition(".")
        owner = module.rpartition(".")[2] if module.rpartition(".")[2][:1].isupper() else ""
        label = step if step in LANDMARKS and not owner else f"{owner}.{last}".lstrip(".")
        box = Box(RIM + depth * INDENT, y, 16 + LETTER * len(label), FRAME)
        parts.append(box.frame("box landmark" if step in LANDMARKS else "box"))
        parts.append(text(box.x + 8, y + 16, label, "name"))
        words = LANDMARKS.get(step) or WORDS.get(step, "")
        if step in LANDMARKS:
            parts.append(text(WIDTH - ASIDE, y + 16, words, "motto begin"))
        else:
            place = module.removesuffix(f".{owner}").replace(".", "/")
            parts.append(text(WIDTH - ASIDE, y + 10, words))
            parts.append(text(WIDTH - ASIDE, y + 23, f"{place}.py", "file"))
        if depth:
            caller = callers[depth - 1]
            begin, end = (caller.x + 8, caller.bottom), (box.x, y + FRAME / 2)
            parts.append(arrow(begin, end, "", f"V{end[1]:.1f} L", (begin[0], end[1])))
        callers[depth:] = [box]
        y += ROW
    said = "; ".join(step.removeprefix("reactor.") for _, step in steps_of(WAYS[name]))
    return picture(y, f"The way {name}: {said}.", parts)
