"""Recorders: protocols that note how they are called, and do in a hook what a test wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactor.protocol import BaseProtocol, BufferedProtocol, Protocol
from reactor.transport import Transport

Action = Callable[[Transport], object]


class Notes(BaseProtocol):
    """`calls` has the name and the arguments of each hook; `on` maps names to what is done there.

    What an action of `eof_received` returns is what that hook returns.
    """

    transport: Transport

    def __init__(self, **on: Action) -> None:
        self.calls = list[tuple[Any, ...]]()
        self.on = on

    @property
    def names(self) -> list[str]:
        """The hooks that were called, in order; deliveries in a row count once."""
        names = [call[0] for call in self.calls]
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]

    @property
    def received(self) -> bytes:
        """All bytes that came."""
        return b"".join(call[1] for call in self.calls if call[0] == "data_received")

    @property
    def lost(self) -> list[BaseException | None]:
        """What `connection_lost` got, call by call."""
        return [call[1] for call in self.calls if call[0] == "connection_lost"]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.note("connection_made")

    def eof_received(self) -> bool | None:
        return bool(self.note("eof_received"))

    def connection_lost(self, exc: BaseException | None) -> None:
        self.note("connection_lost", exc)

    def pause_writing(self) -> None:
        self.note("pause_writing")

    def resume_writing(self) -> None:
        self.note("resume_writing")

    def note(self, name: str, *arguments: Any) -> object:
        """Write a call down, then do what is to be done in it."""
        self.calls.append((name, *arguments))
        return self.act(name)

    def act(self, name: str) -> object:
        """Do what is to be done in a hook."""
        action = self.on.get(name)
        return None if action is None else action(self.transport)


class Recorder(Notes, Protocol):
    """A recorder that is given bytes."""

    def data_received(self, data: bytes) -> None:
        assert data, "what is delivered is never empty"
        self.note("data_received", data)


class BufferedRecorder(Notes, BufferedProtocol):
    """A recorder that lends a buffer; what came in it is noted as `data_received` too."""

    def __init__(self, size: int = 65536, **on: Action) -> None:
        super().__init__(**on)
        self.buffer = bytearray(size)
        self.hints = list[int]()

    def get_buffer(self, sizehint: int) -> bytearray:
        self.hints.append(sizehint)
        self.act("get_buffer")
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        assert nbytes > 0, "an update is never empty"
        self.note("data_received", bytes(self.buffer[:nbytes]))
