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
import json, signal, socket, sys, time
import gi
gi.require_version("Gtk", sys.argv[1])
from gi.repository import GLib, Gtk
from reactor import WaitStateCollection, open_udp
from reactor.hosts import glib

signal.alarm(30)  # if it hangs
frames, datagrams = [], [0]
collection = WaitStateCollection("window")
sender = socket.socket(type=socket.SOCK_DGRAM)

def received(state, data, count):
    datagrams[0] += 1
    sender.send(b"!")  # so there is always one more, on a busy machine too
    state.receive_message(data, received)

def show(app):
    window, label = Gtk.ApplicationWindow(application=app) if app else Gtk.Window(), Gtk.Label()
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
    sender.connect(sink.address[:2])
    sender.send(b"!")
    GLib.timeout_add(500, begin)  # then the flood has begun

def begin():
    frames.clear()
    GLib.timeout_add(1500, flooded, time.process_time())

def flooded(began):
    used = time.process_time() - began  # others may be using the processor, too
    gaps = [after - before for before, after in zip(frames, frames[1:])]
    print(json.dumps([len(frames) / used, max(gaps), datagrams[0]]), flush=True)

def leave():
    collection.close()
    sender.close()
    app.quit() if app else Gtk.main_quit()

app = Gtk.Application() if sys.argv[3] == "application" else None
collection.on_signal(signal.SIGTERM, leave)
with glib.attach(app, collection, mode=sys.argv[2]):
    if app:
        app.connect("activate", show)
        app.run()
    else:
        show(None)
        Gtk.main()
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
@pytest.mark.parametrize(
    ("version", "by"), [("3.0", "application"), ("3.0", "Gtk.main"), ("4.0", "application")]
)
def test_a_window_of_gtk_is_painted_in_a_flood__ho_10(
    screen: str, version: str, by: str, mode: str
) -> None:
    """A window of GTK 3 or 4 is painted 30 times a second while more datagrams come than its
    collection can take, and never freezes for long; a signal ends it in order.
    """
    command = [sys.executable, "-c", PROGRAM, version, mode, by]
    with subprocess.Popen(
        command,
        env=environment(DISPLAY=screen, GDK_BACKEND="x11"),
        stdout=subprocess.PIPE,
        text=True,
    ) as window:
        assert window.stdout is not None
        rate, longest, datagrams = json.loads(window.stdout.readline())
        window.send_signal(signal.SIGTERM)
        assert window.stdout.read() == "over\n"
        assert window.wait(LIMIT) == 0
    assert datagrams > 1000
    assert rate >= 30
    assert longest < 1.0
