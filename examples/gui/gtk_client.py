"""The chat in a window of GTK 4, by PyGObject.

    python3 examples/gui/gtk_client.py localhost 4322 --cafile ~/.cache/waitstate-chat/....pem

The loop is GLib's, and the collection is a guest there: what the network tells may touch the
window, and what is clicked may call the network. There is no thread, and nothing polls.
"""

import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gi
import looks
from command_line import place_of_the_chat
from network import Network, Place, State
from transfers import Phase, Transfer

from reactor import WaitStateCollection
from reactor.hosts import glib

gi.require_version("Gdk", "4.0")
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, Gio, Gtk, Pango  # noqa: E402  # the version comes first

MARGIN: Final = 12  # pixels


class Window(Gtk.ApplicationWindow):  # type: ignore[misc]  # PyGObject has no types
    """What is seen of the chat; a `View` of its network.

    Args:
        app: the application; its loop ends when the window is closed.
        collection: attached to the loop of the application.
        place: where the chat is.
    """

    def __init__(self, app: Any, collection: WaitStateCollection, place: Place) -> None:
        super().__init__(application=app, title=f"Chat at {place.host}")
        self.set_default_size(*looks.SIZE)
        self.collection = collection
        self.network = Network(collection, self, place)
        self.rows: dict[int, Row] = {}
        whole = box(Gtk.Orientation.VERTICAL)
        for side in ("start", "end", "top", "bottom"):
            whole.set_property(f"margin-{side}", MARGIN)
        self.files = box(Gtk.Orientation.VERTICAL)
        for part in (self._top(), self._middle(), self.files, self._bottom()):
            whole.append(part)
        self.set_child(whole)
        self.connect("close-request", self._on_close)
        for name, keys, function in (
            ("send", "<Control>o", self.choose_file),
            ("leave", "<Control>q", self.close),
            ("write", "Escape", self.entry.grab_focus),
        ):
            action = Gio.SimpleAction.new(name, None)
            action.connect("activate", lambda *_, function=function: function())
            self.add_action(action)
            app.set_accels_for_action(f"win.{name}", [keys])
        self.entry.grab_focus()

    def _top(self) -> Any:
        top = box(Gtk.Orientation.HORIZONTAL)
        self.state = Gtk.Label(xalign=0, hexpand=True, wrap=True)
        self.button = button("Connect", self.network.retry)
        top.append(self.state)
        top.append(self.button)
        return top

    def _middle(self) -> Any:
        middle = box(Gtk.Orientation.HORIZONTAL)
        self.lines = Gtk.TextView(
            editable=False, cursor_visible=False, focusable=False, pixels_below_lines=4,
            wrap_mode=Gtk.WrapMode.WORD_CHAR, left_margin=MARGIN, right_margin=MARGIN,
            top_margin=MARGIN, bottom_margin=MARGIN,
        )  # fmt: skip
        text = self.lines.get_buffer()
        for sign, colour in looks.LINE_COLOURS.items():
            text.create_tag(sign, foreground=colour)
        text.create_tag("name", foreground=looks.NAME_COLOUR, weight=Pango.Weight.BOLD)
        text.create_tag("said")
        side = box(Gtk.Orientation.VERTICAL)
        self.room = Gtk.Label(xalign=0)
        self.people = Gtk.ListBox(vexpand=True)
        side.append(self.room)
        side.append(scrolled(self.people, width=150))
        middle.append(scrolled(self.lines))
        keep_the_end(self.lines, text.create_mark("end", text.get_end_iter(), False))
        middle.append(side)
        return middle

    def _bottom(self) -> Any:
        bottom = box(Gtk.Orientation.HORIZONTAL)
        self.entry = Gtk.Entry(hexpand=True, placeholder_text="Say something, or /help")
        self.entry.connect("activate", lambda entry: self.say())
        bottom.append(self.entry)
        bottom.append(button("Say", self.say))
        bottom.append(button("Send file…", self.choose_file))
        return bottom

    # What people do.

    def say(self) -> None:
        """Send what was typed; what cannot be sent stays where it is."""
        if self.network.say(self.entry.get_text()):
            self.entry.set_text("")

    def choose_file(self) -> None:
        """Offer a file to whoever is marked in the list; the network lives on meanwhile."""
        name = self.marked()
        if name is None:
            self.show_line("", looks.NOBODY_MARKED)
            return
        kind = Gtk.FileChooserAction.OPEN
        self.chooser = Gtk.FileChooserNative.new(f"A file for {name}", self, kind, None, None)
        self.chooser.connect("response", self._on_chosen, name)
        self.chooser.show()

    def _on_chosen(self, chooser: Any, response: int, name: str) -> None:
        if response == Gtk.ResponseType.ACCEPT:
            self.network.offer(name, Path(chooser.get_file().get_path()))

    def marked(self) -> str | None:
        """Return who is marked in the list."""
        row = self.people.get_selected_row()
        name: str | None = None if row is None else row.get_child().get_text()
        return name

    def _on_close(self, window: Any) -> bool:
        """Close everything, whatever it is in the middle of; and let the window be closed."""
        self.network.close()
        self.collection.close()
        return False

    # What the network tells.

    def show_line(self, name: str, text: str) -> None:
        """Add a line."""
        buffer = self.lines.get_buffer()
        if name:
            buffer.insert_with_tags_by_name(buffer.get_end_iter(), f"{name}  ", "name")
        tag = text[:1] if not name and text[:1] in looks.LINE_COLOURS else "said"
        buffer.insert_with_tags_by_name(buffer.get_end_iter(), f"{text}\n", tag)
        extra = buffer.get_line_count() - looks.LINES_SHOWN
        if extra > 0:
            buffer.delete(buffer.get_start_iter(), buffer.get_iter_at_line(extra)[1])

    def show_state(self, state: State, text: str) -> None:
        """Show a light, and a button while it is of use."""
        self.state.set_markup(
            f"<span foreground='{looks.STATE_COLOURS[state]}'>●</span>  {escape(text)}"
        )
        self.button.set_visible(state is State.OFFLINE)

    def show_people(self, room: str, names: Sequence[str]) -> None:
        """Show them, with the same one marked."""
        marked = self.marked()
        self.room.set_markup(f"<b>{escape(room)}</b>")
        while (row := self.people.get_row_at_index(0)) is not None:
            self.people.remove(row)
        for number, name in enumerate(names):
            self.people.append(Gtk.Label(label=name, xalign=0))
            if name == marked:
                self.people.select_row(self.people.get_row_at_index(number))

    def show_transfer(self, transfer: Transfer) -> None:
        """Show a row with a bar, until it is over."""
        row = self.rows.get(transfer.number)
        if row is None:
            row = self.rows[transfer.number] = Row(self.network, transfer)
            self.files.append(row.box)
        row.show(transfer)
        if transfer.phase is Phase.OVER:
            del self.rows[transfer.number]
            self.files.remove(row.box)


class Row:
    """One file."""

    def __init__(self, network: Network, transfer: Transfer) -> None:
        desk = network.desk
        self.text = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.END)
        self.bar = Gtk.ProgressBar(hexpand=True)
        left = box(Gtk.Orientation.VERTICAL)
        left.append(self.text)
        left.append(self.bar)
        self.accept = button("Accept", lambda: desk.accept(transfer))
        self.accept.set_visible(transfer.incoming)
        self.box = box(Gtk.Orientation.HORIZONTAL)
        for part in (left, self.accept, button("Cancel", lambda: desk.cancel(transfer))):
            self.box.append(part)

    def show(self, transfer: Transfer) -> None:
        """Show how far it is."""
        self.text.set_text(transfer.text)
        self.bar.set_fraction(transfer.fraction)
        if transfer.phase is Phase.MOVING:
            self.accept.set_visible(False)


def box(orientation: Any) -> Any:
    """Make a box with space between its parts."""
    return Gtk.Box(orientation=orientation, spacing=8)


def scrolled(widget: Any, width: int = -1) -> Any:
    """Put a frame with scroll bars around it."""
    return Gtk.ScrolledWindow(
        child=widget, has_frame=True, vexpand=True, hexpand=width < 0, width_request=width
    )


def keep_the_end(lines: Any, mark: Any) -> None:
    """Keep the end in view, whatever comes or takes room, unless somebody reads further up."""
    bar, at_end, last = lines.get_vadjustment(), True, 0.0

    def moved(bar: Any) -> None:
        nonlocal at_end, last
        value, end = bar.get_value(), bar.get_upper() - bar.get_page_size()
        # On its way to the end it only grows, save that it may be rounded there, when more comes;
        # and at the end the margin may be out of view.
        at_end = (at_end and value >= int(last)) or value >= end - 2 * MARGIN
        last = value

    def changed(bar: Any) -> None:
        if at_end:
            lines.scroll_mark_onscreen(mark)

    bar.connect("value-changed", moved)
    bar.connect("changed", changed)


def button(text: str, function: Any) -> Any:
    """Make a button that does something."""
    made = Gtk.Button(label=text)
    made.connect("clicked", lambda button: function())
    return made


def escape(text: str) -> str:
    """Make a text safe in Pango's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def main() -> int:
    """Open the window, until it is closed."""
    place = place_of_the_chat()
    if Gdk.Display.get_default() is None:
        sys.exit("chat: there is no display")
    app = Gtk.Application(application_id=None)
    with contextlib.closing(WaitStateCollection("chat")) as collection:
        glib.attach(app, collection)

        def begin(app: Any) -> None:
            window = Window(app, collection, place)
            for number in (signal.SIGINT, signal.SIGTERM):
                collection.on_signal(number, window.close)
            window.network.retry()
            window.present()

        app.connect("activate", begin)
        return int(app.run([]))


if __name__ == "__main__":
    sys.exit(main())
