"""Accepting: the operation by which a blocking caller takes a client from a listener."""

import socket
from typing import cast

from reactor.channel.base import Channel
from reactor.channel.socket_channel import ListeningChannel
from reactor.errors import Address
from reactor.operations.operation import Operation


class AcceptClient(Operation):
    """Accept one client; it is kept until somebody takes it, so it can be looked for as well.

    Source: CC-28, CC-31, LW-195.
    """

    __slots__ = ("_client",)

    phase = "accept"
    sticks = False

    def __init__(self) -> None:
        super().__init__()
        self._client: tuple[socket.socket, Address] | None = None

    def step(self, channel: Channel) -> bool:
        """Accept, unless somebody has been accepted before."""
        if self._client is None:
            self._client = cast(ListeningChannel, channel).accept()
        return self._client is not None

    def take(self) -> tuple[socket.socket, Address]:
        """Give the client to the caller; there must be one."""
        client, self._client = self._client, None
        assert client is not None, "it is done"
        return client

    def drop(self) -> None:
        """Send a client away who was only looked for."""
        if self._client is not None:
            self.take()[0].close()
