"""The instrument of the examples with netcat, and with the panel that plots its readings."""

from __future__ import annotations

import csv
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import ROOT
from tests.hosts.conftest import display
from tests.hosts.loops import require_module
from tests.peers import require
from tests.scenarios.programs import PATIENCE, Program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there Tk watches nothing, and signals just end"),
]

EXAMPLE: Final = ROOT / "examples" / "gui" / "instrument"
ENVIRONMENT: Final = {"PYTHONPATH": f"{ROOT}:{EXAMPLE}"}

# What a user does, in the loop of the window; what is seen there is printed.
USER: Final = """
import sys, tkinter
from drawing import LINE, LOST
from panel import Panel, dress
from reactor import WaitStateCollection
from reactor.hosts import tk

def kinds():
    canvas = panel.drawing.canvas
    return {canvas.type(item) for colour in (LINE, LOST) for item in canvas.find_all()
            if canvas.itemcget(item, "fill") == colour}

def look():
    values = [one.value for one in panel.record.since(0.0)]
    if None in values and values.index(None) > 3 and values[-1] is not None:
        looking.cancel()
        root.update()
        print("seen", *sorted(kinds()), panel.texts["state"].get(), flush=True)
        print(panel.texts["sums"].get().split(" readings")[0], flush=True)
        panel.controls.button.invoke()
        panel.export(sys.argv[2])
        print(panel.controls.button["text"], panel.texts["state"].get(), flush=True)
        panel.controls.button.invoke()
        root.after(1, panel.ask_for_a_file)
        collection.call_every(0.05, leave_behind_the_dialog)

def leave_behind_the_dialog():
    if "__tk_filedialog" in root.tk.eval("winfo children ."):
        panel.leave()

root, collection = tkinter.Tk(), WaitStateCollection("panel")
dress(root)
tk.attach(root, collection)
panel = Panel(root, collection, "127.0.0.1", sys.argv[1])
for typed in ("0.05", "soon", "0"):
    panel.controls.interval.set(typed)
    panel.controls.take_interval()
print("every", panel.controls.interval.get(), flush=True)
panel.controls.button.invoke()
looking = collection.call_every(0.1, look)
root.mainloop()
print("left", collection.alive, flush=True)
"""


@contextmanager
def instrument(folder: Path, *options: str) -> Iterator[str]:
    """Run one, and yield its port."""
    command: list[str | Path] = [sys.executable, EXAMPLE / "simulator.py", "--port", "0", *options]
    with Program(*command, folder=folder, environment=ENVIRONMENT) as program:
        yield program.expect("instrument 127.0.0.1:").rpartition(":")[2]
        program.signals(signal.SIGTERM)
        assert program.ends() == 0


def test_netcat_uses_the_instrument(tmp_path: Path) -> None:
    with (
        instrument(tmp_path, "--measuring-time", "0.001") as port,
        Program(require("nc"), "-N", "127.0.0.1", port, folder=tmp_path) as client,
    ):
        client.types("*IDN?")
        client.expect("WAITSTATE,SIMULATED VOLTMETER")
        client.types("HELLO")
        client.types("SYST:ERR?")
        client.expect('-113,"Undefined header"')
        client.types("CONF:VOLT 100")
        client.types("READ?;CONF?")
        client.types_no_more()
        assert client.expect("E+00;").endswith('"VOLT 100"')
        assert client.ends() == 0


def test_a_panel_plots_an_instrument_that_hangs_at_times(tmp_path: Path) -> None:
    require("Xvfb")
    require_module("_tkinter", "Debian has it in python3-tk")
    options = ("--hang", "0.1", "--hanging-time", "60", "--measuring-time", "0.001")
    with display() as screen, instrument(tmp_path, *options) as port:
        command = (sys.executable, "-X", "dev", "-W", "error", "-c", USER, port, "readings.csv")
        environment = {**ENVIRONMENT, "DISPLAY": screen}
        with Program(*command, folder=tmp_path, environment=environment) as panel:
            panel.expect("every 0.05")
            panel.expect("seen line oval rectangle polling")
            figures = panel.expect("min ").split()
            assert float(figures[1]) <= float(figures[3]) <= float(figures[5])
            panel.expect("Start stopped")
            panel.expect("left False")
            assert panel.ends() == 0
            assert "Traceback" not in panel.seen
    with open(tmp_path / "readings.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["reason"] for row in rows} == {"", "no answer", "stopped"}
    assert all(bool(row["volts"]) != bool(row["reason"]) for row in rows)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


def test_a_panel_says_what_is_wrong_with_an_address(tmp_path: Path) -> None:
    require_module("_tkinter", "Debian has it in python3-tk")
    command = (sys.executable, "-X", "dev", "-W", "error", EXAMPLE / "panel.py", "::1", "65536")
    with Program(*command, folder=tmp_path, environment=ENVIRONMENT) as panel:
        panel.expect("error: a port is 1 to 65535, not 65536")
        assert panel.ends() == 2
        assert "Traceback" not in panel.seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_panel_ends_by_a_signal_in_the_middle_of_a_question(
    tmp_path: Path, number: signal.Signals
) -> None:
    require("Xvfb")
    require_module("_tkinter", "Debian has it in python3-tk")
    with display() as screen, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        command = (sys.executable, "-X", "dev", "-W", "error", EXAMPLE / "panel.py")
        where = ("127.0.0.1", str(server.getsockname()[1]))
        environment = {**ENVIRONMENT, "DISPLAY": screen}
        with Program(*command, *where, folder=tmp_path, environment=environment) as panel:
            far, _ = server.accept()
            with far:
                far.settimeout(PATIENCE)
                assert far.recv(100) == b"*IDN?\n"
                panel.signals(number)
                assert far.recv(1) == b""
            assert panel.ends() == 0
            assert panel.seen == ""
