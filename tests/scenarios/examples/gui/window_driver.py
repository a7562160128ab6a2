"""A program: one of the windows of the chat, with somebody who types and clicks by command.

Commands come as lines, and what the window is told goes out as lines too; all by the collection
that lives in the loop of the window, which is the real one.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from reactor import WaitStateCollection
from reactor.loop.watch import Watch

PAINTED = 300  # milliseconds, in which GTK has painted
BEAT = 10  # milliseconds between two beats of the heart of a window


class TkDriver:
    """Tk, on a display."""

    def __init__(self, place: Any) -> None:
        tkinter: Any = importlib.import_module("tkinter")
        client: Any = importlib.import_module("tk_client")
        self.root = tkinter.Tk()
        self.collection = WaitStateCollection("chat")
        client.tk.attach(self.root, self.collection)
        self.window = client.Window(self.root, self.collection, place)
        self.root.update()

    def run(self) -> None:
        self.root.mainloop()

    def types(self, text: str) -> None:
        entry = self.window.entry
        entry.focus_force()
        entry.insert("end", text)
        entry.event_generate("<Return>")

    def typed(self) -> str:
        return str(self.window.entry.get())

    def presses(self, button: str) -> None:
        [row] = self.window.rows.values()
        buttons = [w for w in row.frame.winfo_children() if w.winfo_class() == "TButton"]
        next(one for one in buttons if str(one["text"]) == button).invoke()

    def every(self, function: Callable[[], object]) -> None:
        def beat() -> None:
            function()
            self.root.after(BEAT, beat)

        self.root.after(BEAT, beat)

    def kept(self) -> int:
        return int(self.window.lines.index("end - 1 char").partition(".")[0])

    def grabs(self, path: str, done: Callable[[], object]) -> None:
        self.root.update()  # who wants a picture has to take it from the display
        done()

    def at_end(self) -> bool:
        return bool(self.window.lines.dlineinfo("end - 2 chars"))

    def measures(self) -> tuple[int, int]:
        self.root.update_idletasks()
        button, width = self.window.button, self.root.winfo_width()
        right = button.winfo_x() + button.winfo_reqwidth() if button.winfo_ismapped() else width + 1
        return width, right

    def chooses(self) -> None:
        self.window.people.selection_set(0)
        self.root.after(1, self.window.choose_file)

    def choosing(self) -> bool:
        return "__tk_filedialog" in self.root.tk.eval("winfo children .")

    def leaves(self) -> None:
        self.window.leave()


class QtDriver:
    """Qt, offscreen."""

    def __init__(self, place: Any) -> None:
        self.core: Any = importlib.import_module("PySide6.QtCore")
        self.gui: Any = importlib.import_module("PySide6.QtGui")
        client: Any = importlib.import_module("qt_client")
        self.app = client.QtWidgets.QApplication([])
        self.collection = WaitStateCollection("chat")
        client.qt.attach(self.app, self.collection)
        self.window = client.Window(self.collection, place)
        self.window.show()

    def run(self) -> None:
        self.app.exec()

    def types(self, text: str) -> None:
        entry = self.window.entry
        entry.insert(text)
        kind, key = self.core.QEvent.Type.KeyPress, self.core.Qt.Key.Key_Return
        event = self.gui.QKeyEvent(kind, key, self.core.Qt.KeyboardModifier.NoModifier)
        self.app.sendEvent(entry, event)

    def typed(self) -> str:
        return str(self.window.entry.text())

    def presses(self, button: str) -> None:
        [row] = self.window.rows.values()
        buttons = row.findChildren(importlib.import_module("PySide6.QtWidgets").QPushButton)
        next(one for one in buttons if one.text() == button).click()

    def every(self, function: Callable[[], object]) -> None:
        timer = self.core.QTimer(self.app)
        timer.timeout.connect(function)
        timer.start(BEAT)

    def kept(self) -> int:
        return int(self.window.lines.blockCount())

    def grabs(self, path: str, done: Callable[[], object]) -> None:
        self.window.grab().save(path)
        done()

    def at_end(self) -> bool:
        bar = self.window.lines.verticalScrollBar()
        return int(bar.value()) == int(bar.maximum())

    def measures(self) -> tuple[int, int]:
        self.app.processEvents()
        return self.window.width(), self.window.button.geometry().right()

    def chooses(self) -> None:
        self.window.people.setCurrentRow(0)
        self.core.QTimer.singleShot(0, self.window.choose_file)

    def choosing(self) -> bool:
        return self.app.activeModalWidget() is not None

    def leaves(self) -> None:
        self.window.close()


class GtkDriver:
    """GTK 4, on a display."""

    def __init__(self, place: Any) -> None:
        client: Any = importlib.import_module("gtk_client")
        self.glib: Any = importlib.import_module("gi.repository.GLib")
        self.app = client.Gtk.Application()
        self.app.register(None)
        self.app.connect("activate", lambda app: None)
        self.collection = WaitStateCollection("chat")
        client.glib.attach(self.app, self.collection)
        self.window = client.Window(self.app, self.collection, place)
        self.window.present()

    def run(self) -> None:
        self.app.run([])

    def types(self, text: str) -> None:
        entry = self.window.entry
        entry.set_text(entry.get_text() + text)
        entry.emit("activate")

    def typed(self) -> str:
        return str(self.window.entry.get_text())

    def presses(self, button: str) -> None:
        [row] = self.window.rows.values()
        child = row.box.get_first_child()
        while getattr(child, "get_label", str)() != button:
            child = child.get_next_sibling()
        child.emit("clicked")

    def every(self, function: Callable[[], object]) -> None:
        self.glib.timeout_add(BEAT, lambda: (function(), True)[1])

    def kept(self) -> int:
        return int(self.window.lines.get_buffer().get_line_count())

    def grabs(self, path: str, done: Callable[[], object]) -> None:
        self.glib.timeout_add(PAINTED, lambda: (done(), False)[1])  # likewise, a little later

    def at_end(self) -> bool:
        bar = self.window.lines.get_vadjustment()
        return float(bar.get_upper() - bar.get_page_size() - bar.get_value()) < 20  # a line has 20

    def measures(self) -> tuple[int, int]:
        button = self.window.button
        right, _ = button.translate_coordinates(self.window, button.get_width(), 0)
        return int(self.window.get_width()), int(right)

    def chooses(self) -> None:
        self.window.people.select_row(self.window.people.get_row_at_index(0))
        self.glib.idle_add(self.window.choose_file)

    def choosing(self) -> bool:
        return hasattr(self.window, "chooser") and bool(self.window.chooser.get_visible())

    def leaves(self) -> None:
        self.window.close()


class Heart:
    """The longest time between two beats."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()

    def beat(self) -> None:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now


DRIVERS: dict[str, Callable[[Any], Any]] = {"tk": TkDriver, "qt": QtDriver, "gtk": GtkDriver}


def tell(*what: object) -> None:
    """Say a line to the test; a `print` is refused among tests, mostly with reason."""
    sys.stdout.write(" ".join(map(str, what)) + "\n")
    sys.stdout.flush()


def described(argument: Any) -> str:
    """Say what a window was shown."""
    if not hasattr(argument, "fraction"):
        return str(argument)
    return f"{argument.number} {argument.phase.name} {argument.fraction:.4f}"


class Hand:
    """Does what it is told, and tells what it sees."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.heart: Heart | None = None
        self._rest = b""
        window = driver.window
        for name in ("show_line", "show_state", "show_transfer"):
            self._listen(window, name)
        driver.collection.watch(sys.stdin, self.read)

    def _listen(self, window: Any, name: str) -> None:
        shows = getattr(window, name)

        def show(*arguments: Any) -> None:
            shows(*arguments)
            tell(name, *(described(argument) for argument in arguments))

        setattr(window, name, show)

    def read(self, watch: Watch) -> None:
        *lines, self._rest = (self._rest + os.read(0, 65536)).split(b"\n")
        for line in lines:
            word, _, argument = line.decode().partition(" ")
            getattr(self, f"do_{word}")(argument)

    def do_type(self, text: str) -> None:
        self.driver.types(text)
        tell("typed", repr(self.driver.typed()))

    def do_press(self, button: str) -> None:
        self.driver.presses(button)

    def do_beat(self, _: str) -> None:
        self.heart = Heart()
        self.driver.every(self.heart.beat)
        tell("beating")

    def do_beaten(self, _: str) -> None:
        assert self.heart is not None
        self.heart.beat()  # for the time since the last
        tell("longest", self.heart.longest)

    def do_keep(self, _: str) -> None:
        tell("keeps", self.driver.kept())

    def do_grab(self, path: str) -> None:
        self.driver.grabs(path, lambda: tell("grabbed"))

    def do_choose(self, _: str) -> None:
        def look() -> None:
            if self.driver.choosing():
                looking.cancel()
                tell("choosing")

        self.driver.chooses()
        looking = self.driver.collection.call_every(PAINTED / 10_000, look)

    def do_look(self, _: str) -> None:
        self._at_rest(lambda: tell("end", self.driver.at_end()))

    def do_measure(self, _: str) -> None:
        self._at_rest(lambda: tell("measures", *self.driver.measures()))

    def _at_rest(self, function: Callable[[], object]) -> None:
        """Call it when everything is where it stays."""
        self.driver.collection.call_later(2 * PAINTED / 1000, function)

    def do_leave(self, _: str) -> None:
        self.driver.leaves()


def main() -> None:
    place = importlib.import_module("command_line").place_of_the_chat(sys.argv[2:])
    driver = DRIVERS[sys.argv[1]](place)
    with contextlib.closing(driver.collection):
        Hand(driver)
        driver.window.network.retry()
        driver.run()
    tell("left")


if __name__ == "__main__":
    main()
