"""A resolver in a process that forks while a look-up is under way."""

import subprocess
import sys

import pytest

from tests.reactor.net.names.questions import PATIENCE

FORKING = """
import os, socket, threading
from reactor import Resolver
from reactor.net.address import read_target

parent = os.getpid()
asked = threading.Event()

def lookup(name, *question):
    asked.set()
    if os.getpid() == parent:
        threading.Event().wait()
    return [(socket.AF_INET, 1, 6, "", ("192.0.2.1", 0))]

resolver = Resolver(lookup=lookup, thread_count=1)
target = read_target("one.example", 80)
begun = [resolver.look_up(target, 0, print), resolver.look_up(read_target("two", 80), 0, print)]
asked.wait()
child = os.fork()
if child == 0:
    assert (resolver.lookup_count, [one.cancel() for one in begun]) == (0, [False, False])
    print(resolver.look_up_blocking(target, 0)[0].pair, flush=True)
    resolver.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
print(status, resolver.lookup_count, [one.cancel() for one in begun])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_a_child_looks_up_names_of_its_own__rel_44() -> None:
    """A forked child looks names up with the resolver of its parent, does not wait for what that
    has begun, and leaves it alone.
    """
    ran = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=PATIENCE
    )
    assert ran.stdout == "('192.0.2.1', 80)\n0 2 [True, True]\n", ran.stderr
