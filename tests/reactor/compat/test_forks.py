"""A child of a program with dispatchers: it goes its own way, and the parent's loop goes on."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from reactor.compat import asyncore
from reactor.compat.residents import Members
from tests.reactor.compat.conftest import Noting, Pair, turns
from tests.reactor.loop.probe import LIMIT, exit_code_of_child

if os.name == "nt":
    pytest.skip("Windows does not fork", allow_module_level=True)
assert sys.platform != "win32"  # says the same to mypy


@pytest.mark.parametrize("closing", [False, True])
def test_a_child_goes_on_by_itself(members: Members, pair: Pair, closing: bool) -> None:
    near, far = pair
    dispatcher = Noting(near, members)
    turns(members)

    def live_on() -> None:
        asyncore.close_all(members)
        far.send(b"hello parent")
        own: Members = {}
        one, other = socket.socketpair()
        heir = Noting(one, own, read=asyncore.dispatcher.close)
        other.send(b"!")
        asyncore.loop(timeout=LIMIT, map=own)
        assert heir.calls == ["read"]

    if closing:  # in a turn
        codes = list[int]()

        def fork(dispatcher: Noting) -> None:
            dispatcher.recv(1)
            codes.append(exit_code_of_child(live_on))

        dispatcher.on["read"] = fork
        far.send(b"!")
        turns(members, 1)
        assert codes == [0]
    else:
        assert exit_code_of_child(live_on) == 0
    dispatcher.on["read"] = asyncore.dispatcher.close
    asyncore.loop(timeout=LIMIT, map=members)  # its registration is still there
    assert dispatcher.calls[-1] == "read"


def scenario() -> None:
    """Fork in the midst of a turn; the child stays in the loop, and then leaves the program."""
    near, far = socket.socketpair()
    members: Members = {}
    parent = os.getpid()
    codes = list[int]()

    def fork(dispatcher: Noting) -> None:
        dispatcher.recv(10)
        child = os.fork()
        if child == 0:
            dispatcher.on["read"] = leave
            far.send(b"child")
        else:
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            dispatcher.close()

    def leave(dispatcher: Noting) -> None:
        raise SystemExit("of the child")

    Noting(near, members, read=fork)
    far.send(b"fork")
    try:
        asyncore.loop(timeout=LIMIT, map=members)
    except SystemExit:
        assert os.getpid() != parent
        os._exit(0)
    assert (os.getpid(), codes) == (parent, [0])


def test_a_child_may_stay_in_the_loop_and_leave_it() -> None:
    assert exit_code_of_child(scenario) == 0  # in a child: what forks in there comes back twice
