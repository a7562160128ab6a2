"""A program that forks while it serves; the child tries every verb of everything, and ends.

`forking.py thread` runs the loop in a thread and forks in the main one, `forking.py callback` forks
in a callback of the loop. It prints its port, and forks for each line that it reads. The child
prints what each verb has raised, the parent with which status the child has ended.
"""

from __future__ import annotations

import gc
import inspect
import os
import signal
import sys
import threading
import warnings
from typing import Any, Final

from reactor import (
    DatagramProtocol,
    Protocol,
    WaitStateCollection,
    WrongProcess,
    accept_tcp,
    connect,
    connect_tcp,
    open_datagram,
    serve,
)
from tests.faults.server import HOST, Book, Echo, answer
from tests.reactor.opening.network import full_listener, port_of

assert sys.platform != "win32"  # which does not fork

VERBS: Final = {
    "collection": "apply call_at call_every call_later call_soon close dispatch fileno next_timeout"
    " on_signal run run_once start stats stop submit time wait wake watch",
    "server": "pause resume close",
    "handle": "pause resume close",
    "state": "abort attach_tls detach_tls discard finish get_buffered_data handshake read_buffer"
    " read_with_checking wait_for_input write_buffer shutdown release abort_and_close close",
    "connecting state": "abort get_buffered_data read_buffer write_buffer abort_and_close close",
    "transport": "can_write_eof drain get_extra_info get_protocol get_write_buffer_limits"
    " get_write_buffer_size is_closing is_reading pause_reading resume_reading set_protocol"
    " set_timeouts set_write_buffer_limits start_tls write writelines write_eof abort close",
    "datagram": "get_extra_info get_protocol get_write_buffer_limits get_write_buffer_size"
    " is_closing sendto set_protocol set_write_buffer_limits abort close",
    "connecting": "close",
    "timer": "cancel",
    "repeated": "cancel",
    "watch": "close",
}
# What they are called with, by the names of those parameters that have no default.
ARGUMENTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("abort_callback", "callback", "function"), lambda *_: None),
    **dict.fromkeys(("delay", "interval", "when"), 1.0),
    "buffer": bytearray(1),
    "count": 0,
    "data": b"x",
    "direction": "output",
    "fd": 0,
    "list_of_data": [b"x"],
    "name": "socket",
    "number": signal.SIGTERM,
    "protocol": Protocol(),
    "ready": [],
    "tls": True,
}


def make_one_of_each(collection: WaitStateCollection, silent: int) -> dict[str, Any]:
    """Make everything that has verbs, on the loop; return it by its name in `VERBS`."""
    book = Book(collection)
    handle = accept_tcp(collection, 0, lambda *_: None, address=HOST)
    return {
        "collection": collection,
        "server": serve(collection, lambda: Echo(book, False, None), 0, address=HOST),
        "handle": handle,
        "state": connect_tcp(collection, HOST, handle.local_port, lambda *_: None),
        "connecting state": connect_tcp(collection, HOST, silent, lambda *_: None),
        "connecting": connect(collection, Protocol, HOST, silent, failed=lambda error: None),
        "datagram": open_datagram(collection, DatagramProtocol, local_address=HOST, local_port=0),
        "timer": collection.call_later(3600.0, print),
        "repeated": collection.call_every(3600.0, print),
        "watch": collection.watch(sys.stdin.fileno()),
    }


def try_all(things: dict[str, Any]) -> None:
    """Call each verb of everything, and print what each has raised."""
    (things["transport"], *_) = things["server"].connections
    raised = {}
    for kind, names in VERBS.items():
        for name in names.split():
            verb = getattr(things[kind], name)
            parameters = inspect.signature(verb).parameters.values()
            needed = [each.name for each in parameters if each.default is each.empty]
            arguments = [ARGUMENTS[name] for name in needed if name in ARGUMENTS]
            try:
                verb(*arguments)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is told
                raised[f"{kind}.{name}"] = type(error).__name__
            else:
                raised[f"{kind}.{name}"] = ""
    answer("raised", **raised)
    things.clear()
    gc.collect()


def tell_end_of(child: int) -> None:
    """Say how a child has ended; waits for it."""
    answer("ended", status=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def fork_in_main_thread(collection: WaitStateCollection, silent: int) -> None:
    """Fork beside the loop, which runs in a thread."""
    with collection:
        things = collection.submit(make_one_of_each, collection, silent).result()
        answer("port", number=things["server"].port)
        for _ in sys.stdin:
            child = os.fork()
            if not child:
                try_all(things)
                return
            tell_end_of(child)


def fork_in_callback(collection: WaitStateCollection, silent: int) -> None:
    """Fork in a callback of the loop, which ends in the child by WrongProcess."""
    things = make_one_of_each(collection, silent)

    def fork(_: object) -> None:
        if not os.read(sys.stdin.fileno(), 100):
            collection.stop()
        elif child := os.fork():
            threading.Thread(target=tell_end_of, args=(child,)).start()
        else:
            try_all(things)

    things["watch"].readable = fork
    answer("port", number=things["server"].port)
    try:
        collection.run()
    except WrongProcess:
        return
    collection.close()


def main() -> None:
    """Serve, and fork as we are told."""
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 and later: of threads and forks
    fork = {"thread": fork_in_main_thread, "callback": fork_in_callback}[sys.argv[1]]
    with full_listener() as silent:
        fork(WaitStateCollection("forking"), port_of(silent))


if __name__ == "__main__":
    main()
