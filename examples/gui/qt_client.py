"""The chat in a window of Qt, by PySide6.

    python examples/gui/qt_client.py localhost 4322 --cafile ~/.cache/waitstate-chat/certificate.pem

The loop is Qt's, and the collection is a guest there: what the network tells may touch the window,
and what is clicked may call the network. There is no thread, and nothing polls.
"""

import contextlib
import html
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import looks
from command_line import place_of_the_chat
from network import Network, Place, State
from PySide6 import QtCore, QtGui, QtWidgets
from transfers import Phase, Transfer

from reactor import WaitStateCollection
from reactor.hosts import qt


class Window(QtWidgets.QWidget):
    """What is seen of the chat; a `View` of its network.

    Args:
        collection: attached to Qt's loop.
        place: where the chat is.
    """

    def __init__(self, collection: WaitStateCollection, place: Place) -> None:
        super().__init__()
        self.collection = collection
        self.network = Network(collection, self, place)
        self.rows: dict[int, Row] = {}
        whole = QtWidgets.QVBoxLayout(self)
        whole.setContentsMargins(14, 10, 14, 14)
        whole.setSpacing(10)
        whole.addLayout(self._top())
        whole.addLayout(self._middle(), 1)
        self.files = QtWidgets.QVBoxLayout()
        whole.addLayout(self.files)
        whole.addLayout(self._bottom())
        self.setWindowTitle(f"Chat at {place.host}")
        self.resize(*looks.SIZE)
        for keys, function in {
            "Ctrl+O": self.choose_file,
            "Ctrl+Q": self.close,
            "Escape": self.entry.setFocus,
        }.items():
            QtGui.QShortcut(QtGui.QKeySequence(keys), self, function)
        self.entry.setFocus()

    def _top(self) -> QtWidgets.QLayout:
        top = QtWidgets.QHBoxLayout()
        self.state = QtWidgets.QLabel()
        self.state.setTextFormat(QtCore.Qt.TextFormat.RichText)
        self.state.setWordWrap(True)
        self.button = QtWidgets.QPushButton("Connect")
        self.button.clicked.connect(lambda: self.network.retry())
        top.addWidget(self.state, 1)
        top.addWidget(self.button)
        return top

    def _middle(self) -> QtWidgets.QLayout:
        middle = QtWidgets.QHBoxLayout()
        self.lines = Lines(readOnly=True)
        self.lines.setMaximumBlockCount(looks.LINES_SHOWN)
        self.lines.document().setDocumentMargin(10)
        self.lines.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
        side = QtWidgets.QVBoxLayout()
        self.room = QtWidgets.QLabel()
        self.people = QtWidgets.QListWidget()
        self.people.setFixedWidth(150)
        self.people.setSpacing(2)
        side.addWidget(self.room)
        side.addWidget(self.people)
        middle.addWidget(self.lines, 1)
        middle.addLayout(side)
        return middle

    def _bottom(self) -> QtWidgets.QLayout:
        bottom = QtWidgets.QHBoxLayout()
        self.entry = QtWidgets.QLineEdit(placeholderText="Say something, or /help")
        self.entry.returnPressed.connect(self.say)
        bottom.addWidget(self.entry, 1)
        for text, function in {"Say": self.say, "Send file…": self.choose_file}.items():
            button = QtWidgets.QPushButton(text)
            button.clicked.connect(lambda checked, function=function: function())
            bottom.addWidget(button)
        return bottom

    # What people do.

    def say(self) -> None:
        """Send what was typed; what cannot be sent stays where it is."""
        if self.network.say(self.entry.text()):
            self.entry.clear()

    def choose_file(self) -> None:
        """Offer a file to whoever is marked in the list; the network lives on meanwhile."""
        name = self.marked()
        if name is None:
            self.show_line("", looks.NOBODY_MARKED)
            return
        path, _ = QtWidgets.QFileDialog.getOpenFileName(self, f"A file for {name}")
        if path:
            self.network.offer(name, Path(path))

    def marked(self) -> str | None:
        """Return who is marked in the list."""
        names = [item.text() for item in self.people.selectedItems()]
        return names[0] if names else None

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Close everything, whatever it is in the middle of."""
        self.network.close()
        self.collection.close()
        event.accept()

    # What the network tells.

    def show_line(self, name: str, text: str) -> None:
        """Add a line; Qt keeps the end in view unless somebody reads further up."""
        colour = "" if name else looks.LINE_COLOURS.get(text[:1], "")
        who = f"<b style='color:{looks.NAME_COLOUR}'>{html.escape(name)}</b>&nbsp; " if name else ""
        self.lines.appendHtml(f"{who}<span style='color:{colour}'>{html.escape(text)}</span>")

    def show_state(self, state: State, text: str) -> None:
        """Show a light, and a button while it is of use."""
        light = f"<span style='color:{looks.STATE_COLOURS[state]}'>●</span>"
        self.state.setText(f"{light}&nbsp; {html.escape(text)}")
        self.button.setVisible(state is State.OFFLINE)

    def show_people(self, room: str, names: Sequence[str]) -> None:
        """Show them, with the same one marked."""
        marked = self.marked()
        self.room.setText(f"<b>{html.escape(room)}</b>")
        self.people.clear()
        self.people.addItems(names)
        if marked in names:
            self.people.setCurrentRow(names.index(marked))

    def show_transfer(self, transfer: Transfer) -> None:
        """Show a row with a bar, until it is over."""
        row = self.rows.get(transfer.number)
        if row is None:
            row = self.rows[transfer.number] = Row(self.network, transfer)
            self.files.addWidget(row)
        row.show_transfer(transfer)
        if transfer.phase is Phase.OVER:
            del self.rows[transfer.number]
            row.deleteLater()


class Lines(QtWidgets.QPlainTextEdit):
    """What was said."""

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Keep the end in view, when a file takes room."""
        bar = self.verticalScrollBar()
        at_end = bar.value() == bar.maximum()
        super().resizeEvent(event)
        if at_end:
            bar.setValue(bar.maximum())


class Row(QtWidgets.QWidget):
    """One file."""

    def __init__(self, network: Network, transfer: Transfer) -> None:
        super().__init__()
        line = QtWidgets.QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        self.bar = QtWidgets.QProgressBar()
        self.bar.setMaximum(looks.BAR_LENGTH)
        self.accept = QtWidgets.QPushButton("Accept")
        self.accept.clicked.connect(lambda: network.desk.accept(transfer))
        self.accept.setVisible(transfer.incoming)
        cancel = QtWidgets.QPushButton("Cancel")
        cancel.clicked.connect(lambda: network.desk.cancel(transfer))
        self.text = QtWidgets.QLabel()
        policy = QtWidgets.QSizePolicy.Policy
        self.text.setSizePolicy(policy.Ignored, policy.Preferred)  # a name must not widen it
        for widget, stretch in ((self.text, 3), (self.bar, 2), (self.accept, 0), (cancel, 0)):
            line.addWidget(widget, stretch)

    def show_transfer(self, transfer: Transfer) -> None:
        """Show how far it is."""
        self.text.setText(transfer.text)
        self.bar.setValue(int(transfer.fraction * looks.BAR_LENGTH))
        if transfer.phase is Phase.MOVING:
            self.accept.hide()


def main() -> int:
    """Open the window, until it is closed."""
    place = place_of_the_chat()
    app = QtWidgets.QApplication(sys.argv[:1])
    with contextlib.closing(WaitStateCollection("chat")) as collection:
        for number in (signal.SIGINT, signal.SIGTERM):
            collection.on_signal(number, app.closeAllWindows)
        qt.attach(app, collection)
        window = Window(collection, place)
        window.network.retry()
        window.show()
        return app.exec()


if __name__ == "__main__":
    sys.exit(main())
