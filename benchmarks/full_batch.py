"""Full batch: the precise instrument for an echo; its spread is one to three per cent.

Some connections lead from this process to a server in this process, on one thread. Their far ends
are plain sockets, driven from a call in the server's loop, untimed:

    untimed   every client sends a message: now all connections have one waiting
    timed     the loop turns: poll, receive, send
    untimed   the clients look whether everything has come back; if not, on with the timed part

Read is the CPU time of the thread, not the clock: what others do on this machine hardly shows, and
the work of the kernel for `recv` and `send`, which is most of an echo, is counted with it. The
server runs nothing of ours. It is asked once a turn, not once an echo, whether it is done.
"""

import socket
import ssl
import statistics
import threading
from time import thread_time_ns
from typing import Any

from benchmarks.certificates import client_context, server_context
from benchmarks.clients import connect

WARM_UP = 0.2  # of the batches: measured like the others, then dropped


class FullBatch:
    """A number of connections to one peer, and what its batches have cost."""

    def __init__(self, peer: Any, *, connections: int, size: int, tls: bool = False) -> None:
        """Start the server of `peer` and have a thread connect to it.

        Args:
            peer: a peer that is not running yet.
            connections: how many messages make a batch.
            size: bytes of a message.
            tls: whether to encrypt.
        """
        self._peer = peer
        self._message = b"m" * size
        self._clients: list[socket.socket] = []
        self._missing: list[int] = []  # bytes that each client still has to receive
        self._room = bytearray(size)
        self._costs: list[int] = []  # nanoseconds of each batch
        self._spent = self._resumed = self._wanted = 0
        self._failure: BaseException | None = None
        port = peer.serve(server_context() if tls else None)
        context = client_context() if tls else None
        self._connecting = threading.Thread(target=self._connect, args=(port, context, connections))
        self._connecting.start()

    def run(self, batches: int) -> float:
        """Run the loop of the peer for some batches; may be called again.

        Returns:
            What an echo has cost, in microseconds: the lower quartile over the batches, since a
            neighbour who dirties our cache can only add to them.
        """
        self._costs = []
        self._wanted = batches
        self._resumed = thread_time_ns()
        self._peer.call_soon(self._turn)
        self._peer.run()
        if self._failure:
            raise self._failure
        kept = self._costs[int(batches * WARM_UP) :]
        return statistics.quantiles(kept, n=4)[0] / len(self._clients) / 1000

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            client.close()

    def _connect(self, port: int, tls: ssl.SSLContext | None, count: int) -> None:
        try:
            for _ in range(count):
                client = connect(port, tls)
                client.setblocking(False)
                self._clients.append(client)
        except OSError as error:
            self._failure = error
            raise

    def _turn(self) -> None:
        """Everything in here is untimed."""
        self._spent += thread_time_ns() - self._resumed
        try:
            done = self._play_clients()
        except (OSError, RuntimeError) as error:  # the loop would log it, and turn for ever
            self._failure = error
            done = True
        if done:
            self._peer.stop()
        else:
            self._peer.call_soon(self._turn)
            self._resumed = thread_time_ns()

    def _play_clients(self) -> bool:
        """Do the clients' part and return whether there are batches enough."""
        if self._failure:
            return True
        if self._connecting.is_alive() or not self._all_echoed():
            return False
        if self._missing:
            self._costs.append(self._spent)
            self._missing = []
        if len(self._costs) == self._wanted:
            return True
        self._send_all()
        self._spent = 0
        return False

    def _send_all(self) -> None:
        for client in self._clients:
            client.sendall(self._message)  # raises if a message does not fit into the kernel
        self._missing = [len(self._message)] * len(self._clients)

    def _all_echoed(self) -> bool:
        for index, missing in enumerate(self._missing):
            if missing:
                self._missing[index] = missing = self._receive(self._clients[index], missing)
                if missing:
                    return False
        return True

    def _receive(self, client: socket.socket, missing: int) -> int:
        try:
            while missing:
                count = client.recv_into(self._room, missing)
                if count == 0:
                    raise ConnectionError("the server under test has hung up")
                missing -= count
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        return missing
