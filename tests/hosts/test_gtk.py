"""GTK: a real window, of either version, is painted in a flood, and ended by a signal.

Both versions cannot live in one process, so each window is a program.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.hosts.conftest import display
from tests.hosts.loops import LIMIT, environment, require_module
from tests.peers import require

PROGRAM = """
import json, signal, subprocess, sys, time
import gi
gi.require_version("Gtk", sys.argv[1])
from gi.repository import GLib, Gtk
from reactor import WaitStateCollection, open_udp
from reactor.hosts import glib

signal.alarm(30)  # if it hangs
FLOOD = '''
import socket, sys
to = socket.socket(type=socket.SOCK_DGRAM)
to.connect(("127.0.0.1", int(sys.argv[1])))
while True: to.send(b"!")
'''
frames, datagrams, senders = [], [0], []
collection = WaitStateCollection("window")

def received(state, data, count):
    datagrams[0] += 1
    state.receive_message(data, received)

def show(app):
    window, label = Gtk.ApplicationWindow(application=app), Gtk.Label()
    label.add_tick_callback(lambda *arguments: (label.set_text(str(datagrams[0])), True)[1])
    if sys.argv[1] == "3.0":
        window.add(label)
        window.show_all()
    else:
        window.set_child(label)
        window.present()
    label.get_frame_clock().connect("after-paint", lambda clock: frames.append(time.monotonic()))
    sink = open_udp(collection, local_address="127.0.0.1", local_port=0)
    sink.receive_message(bytearray(99), received)
    command = [sys.executable, "-SE", "-c", FLOOD, str(sink.address[1])]
    senders.append(subprocess.Popen(command))
    GLib.timeout_add(500, frames.clear)  # then the flood has begun
    GLib.timeout_add(2500, flooded)

def flooded():
    senders[0].kill()
    senders[0].wait()
    gaps = [after - before for before, after in zip(frames, frames[1:])]
    print(json.dumps([len(frames), max(gaps), datagrams[0]]), flush=True)

def leave():
    collection.close()
    app.quit()

app = Gtk.Application()
app.connect("activate", show)
collection.on_signal(signal.SIGTERM, leave)
with glib.attach(app, collection, mode=sys.argv[2]):
    app.run()
print("over")
"""


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display for programs of their own."""
    require("Xvfb")
    require_module("gi", "`make debian` runs this with Debian's Python")
    with display() as name:
        yield name


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_a_window_of_gtk_is_painted_in_a_flood__ho_10(screen: str, version: str, mode: str) -> None:
    """A window of GTK 3 or 4 is painted 30 times a second while more datagrams come than its
    collection can take, and never freezes for long; a signal ends it in order.
    """
    command = [sys.executable, "-c", PROGRAM, version, mode]
    with subprocess.Popen(
        command,
        env=environment(DISPLAY=screen, GDK_BACKEND="x11"),
        stdout=subprocess.PIPE,
        text=True,
    ) as window:
        assert window.stdout is not None
        frames, longest, datagrams = json.loads(window.stdout.readline())
        window.send_signal(signal.SIGTERM)
        assert window.stdout.read() == "over\n"
        assert window.wait(LIMIT) == 0
    assert datagrams > 1000
    assert frames >= 60
    assert longest < 0.5
