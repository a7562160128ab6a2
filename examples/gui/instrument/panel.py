"""A panel for a voltmeter: polls it over TCP, plots what it shows, and comes back when it is away.

    python examples/gui/instrument/panel.py 127.0.0.1 5025

`simulator.py` is an instrument to try it with. The loop is that of Tk; the collection is a guest
there. What is asked, and when, is in `poller.py`, which knows no window.
"""

import argparse
import contextlib
import signal
import sys
import time
import tkinter
from tkinter import filedialog, messagebox, ttk
from typing import Any, Final

from drawing import Drawing
from poller import INTERVAL_LEAST, Condition, Poller
from readings import Reading, Record, summary

from reactor import WaitStateCollection
from reactor.hosts import tk

PORT_MAX: Final = 65_535
REFRESH: Final = 0.1  # seconds; so the plot moves on between two readings, too
STEPS: Final = 600  # in which it does: a pixel, about; more often there is nothing to see
RANGES: Final = ("AUTO", "1", "10", "100")  # volts
LENGTHS: Final = {"30 s": 30.0, "2 min": 120.0, "10 min": 600.0}
LARGE: Final = ("TkFixedFont", 22, "bold")
COLOURS: Final = {
    Condition.STOPPED: "#9aa5b1",
    Condition.CONNECTING: "#de911d",
    Condition.POLLING: "#3f9142",
    Condition.WAITING: "#ba2525",
}


class Panel:
    """The window: controls below, figures above them, and the plot.

    Args:
        root: an empty window.
        collection: a guest in the loop of that window.
        host: where the instrument is.
        port: likewise.
    """

    def __init__(
        self, root: tkinter.Tk, collection: WaitStateCollection, host: str, port: int
    ) -> None:
        self.root = root
        self.collection = collection
        self.poller = Poller(collection, host, port, self.measured, self.changed)
        self.record = Record(epoch=time.time() - collection.time())
        self.texts = {name: tkinter.StringVar(root) for name in ("name", "state", "value", "sums")}
        self.controls = Controls(root, self)
        self.lamp = self._head()
        self.drawing = self._plot()
        self._figures()
        self.controls.pack(fill="x", padx=12, pady=(4, 12))
        self._refreshing: Any = None
        self.texts["name"].set(f"{host}:{port}")
        root.protocol("WM_DELETE_WINDOW", self.leave)
        self.changed()

    # What the buttons do: called by Tk, outside of any turn.

    def start_or_stop(self) -> None:
        """Begin to poll, or end."""
        if self.poller.condition is Condition.STOPPED:
            self.poller.start()
        else:
            self.poller.stop()
            self.measured(Reading(self.collection.time(), None, "stopped"))

    def pace(self) -> None:
        """Draw, now and then as often as there is something to see."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None
        if self.poller.condition is not Condition.STOPPED:
            interval = max(REFRESH, LENGTHS[self.controls.length.get()] / STEPS)
            self._refreshing = self.collection.call_every(interval, self.refresh)
        self.refresh()

    def ask_for_a_file(self) -> None:
        """Let the user choose a file for the readings; polling goes on meanwhile."""
        try:
            path = filedialog.asksaveasfilename(
                parent=self.root, defaultextension=".csv", initialfile="readings.csv"
            )
        except tkinter.TclError:  # the dialog has lost its window
            if self.collection.alive:
                raise
            return
        if path:
            self.export(path)

    def export(self, path: str) -> None:
        """Write all readings into a file."""
        try:
            with open(path, "w", encoding="utf-8", newline="") as file:
                self.record.write_csv(file)
        except OSError as error:
            messagebox.showerror("Not exported", str(error), parent=self.root)

    def leave(self) -> None:
        """Close the connection, whatever is under way on it, and then the window."""
        self.collection.close()
        self.root.destroy()

    # What the poller tells: called from a turn, in the thread of the window.

    def measured(self, reading: Reading) -> None:
        """Keep a reading, and show it."""
        self.record.add(reading)
        shown = "no reading" if reading.value is None else f"{reading.value:+.5f} V"
        self.texts["value"].set(shown)

    def changed(self) -> None:
        """Show what the poller does now."""
        self.texts["name"].set(self.poller.identity or self.texts["name"].get())
        self.lamp.itemconfigure("lamp", fill=COLOURS[self.poller.condition])
        running = self.poller.condition is not Condition.STOPPED
        self.controls.button.configure(text="Stop" if running else "Start")
        self.pace()

    def refresh(self) -> None:
        """Draw the latest readings, and sum them up."""
        now, length = self.collection.time(), LENGTHS[self.controls.length.get()]
        readings = self.record.since(now - length)
        self.drawing.show(readings, now, length)
        found = summary([one for one in readings if one.when >= now - length])
        if found is not None:
            sums = f"min {found.low:.4f}   mean {found.mean:.4f}   max {found.high:.4f} V"
            self.texts["sums"].set(f"{sums}   of {found.count} readings")
        self.texts["state"].set(self._state())

    def _state(self) -> str:
        poller = self.poller
        if poller.condition is Condition.WAITING:
            wait = (poller.when or 0.0) - self.collection.time()
            return f"{poller.reason}, again in {max(0.0, wait):.1f} s"
        shows = poller.condition in (Condition.POLLING, Condition.STOPPED)
        return (shows and poller.complaint) or str(poller.condition.value)

    # What it looks like.

    def _head(self) -> tkinter.Canvas:
        row = ttk.Frame(self.root)
        row.pack(fill="x", padx=12, pady=(12, 4))
        ttk.Label(row, textvariable=self.texts["name"]).pack(side="left")
        ttk.Label(row, textvariable=self.texts["state"]).pack(side="right")
        ground = self.root["background"]
        lamp = tkinter.Canvas(row, width=14, height=14, highlightthickness=0, background=ground)
        lamp.create_oval(2, 2, 13, 13, width=0, tags="lamp")
        lamp.pack(side="right", padx=6)
        return lamp

    def _plot(self) -> Drawing:
        canvas = tkinter.Canvas(self.root, width=640, height=300)
        canvas.pack(fill="both", expand=True, padx=12)
        canvas.bind("<Configure>", lambda event: self.refresh())
        return Drawing(canvas)

    def _figures(self) -> None:
        row = ttk.Frame(self.root)
        row.pack(fill="x", padx=12, pady=4)
        ttk.Label(row, textvariable=self.texts["value"], font=LARGE).pack(side="left")
        ttk.Label(row, textvariable=self.texts["sums"]).pack(side="right")


class Controls(ttk.Frame):
    """The row at the bottom: what the user may change.

    Args:
        root: the window.
        panel: what the buttons are for.
    """

    def __init__(self, root: tkinter.Tk, panel: Panel) -> None:
        super().__init__(root)
        self.poller = panel.poller
        self.interval = tkinter.StringVar(root, f"{self.poller.interval:g}")
        self.range = tkinter.StringVar(root, self.poller.full_scale)
        self.length = tkinter.StringVar(root, next(iter(LENGTHS)))
        self.button = ttk.Button(self, command=panel.start_or_stop, width=7)
        self.button.pack(side="left")
        spin = ttk.Spinbox(
            self,
            textvariable=self.interval,
            from_=INTERVAL_LEAST,
            to=60.0,
            increment=0.05,
            width=6,
            command=self.take_interval,
        )
        spin.bind("<Return>", lambda event: self.take_interval())
        spin.bind("<FocusOut>", lambda event: self.take_interval())
        self._named("every s", spin)
        ranges = ttk.Combobox(
            self, textvariable=self.range, values=RANGES, width=6, state="readonly"
        )
        ranges.bind("<<ComboboxSelected>>", lambda event: self.take_range())
        self._named("range V", ranges)
        lengths = ttk.Combobox(
            self, textvariable=self.length, values=[*LENGTHS], width=7, state="readonly"
        )
        lengths.bind("<<ComboboxSelected>>", lambda event: panel.pace())
        self._named("show", lengths)
        ttk.Button(self, text="Export CSV…", command=panel.ask_for_a_file).pack(side="right")

    def take_interval(self) -> None:
        """Let the poller have what was typed, or put back what it has."""
        with contextlib.suppress(ValueError):
            self.poller.interval = float(self.interval.get())
        self.interval.set(f"{self.poller.interval:g}")

    def take_range(self) -> None:
        """Let the poller have what was chosen."""
        self.poller.full_scale = self.range.get()

    def _named(self, name: str, widget: ttk.Widget) -> None:
        ttk.Label(self, text=name).pack(side="left", padx=(16, 4))
        widget.pack(side="left")


def dress(root: tkinter.Tk) -> None:
    """Give the window a theme that every Tk has, and its own ground the colour of that."""
    style = ttk.Style(root)
    style.theme_use("clam")
    root.configure(background=style.lookup("TFrame", "background"))


def main() -> None:
    """Show the window until it is closed."""
    parser = argparse.ArgumentParser(description="Poll a voltmeter and plot what it shows.")
    parser.add_argument("host", nargs="?", default="127.0.0.1")
    parser.add_argument("port", type=int, nargs="?", default=5025, help="default: %(default)s")
    options = parser.parse_args()
    if not options.host:
        parser.error("a host has a name")
    if not 0 < options.port <= PORT_MAX:
        parser.error(f"a port is 1 to {PORT_MAX}, not {options.port}")
    try:
        root = tkinter.Tk()
    except tkinter.TclError as error:  # there is no display
        sys.exit(f"panel: {error}")
    root.title("Voltmeter")
    dress(root)
    collection = WaitStateCollection("panel")
    tk.attach(root, collection)
    panel = Panel(root, collection, options.host, options.port)
    for number in (signal.SIGINT, signal.SIGTERM):
        collection.on_signal(number, panel.leave)
    panel.start_or_stop()
    root.mainloop()


if __name__ == "__main__":
    main()
