"""Programs that a test talks to: what is typed into them and what they print, with deadlines."""

from __future__ import annotations

import codecs
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

import pytest

PATIENCE: Final = 20.0  # seconds for one answer; a machine under load, and a test that hangs


class Program:
    """A program with pipes; a context manager that ends it whatever happens.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        environment: additions to ours.
    """

    def __init__(
        self, *command: str | Path, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = Path(command[0]).name
        self._pieces: list[str] = []  # of what it has printed
        self._expected = 0  # how much of that was expected already
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            cwd=folder,
            env={**os.environ, **(environment or {})},
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(PATIENCE)

    @property
    def seen(self) -> str:
        """Everything it has printed."""
        self._pieces[:] = ["".join(self._pieces)]
        return self._pieces[0]

    def types(self, line: str) -> None:
        """Send one line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    def types_no_more(self) -> None:
        """Close its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def expect(self, text: str) -> str:
        """Wait until it has printed `text` after what was expected before; return that line."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.seen.find(text, self._expected)) < 0 or "\n" not in self.seen[found:]:
            if not self._read(deadline):
                pytest.fail(f"{self.name} did not print {text!r}, but:\n{self.seen}")
        end = self.seen.index("\n", found)
        self._expected = end
        return self.seen[self.seen.rfind("\n", 0, found) + 1 : end].rstrip("\r")

    def signals(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stops(self) -> None:
        """Let it do nothing until `goes_on`; not on Windows, which has no such signals."""
        if sys.platform != "win32":
            self.signals(signal.SIGSTOP)
            os.waitpid(self._process.pid, os.WUNTRACED)  # it takes effect a little later

    def goes_on(self) -> None:
        """Let it run again."""
        if sys.platform != "win32":
            self.signals(signal.SIGCONT)

    def ends(self) -> int:
        """Read what it still prints, wait until it ends, and return its exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self._process.wait(max(0.0, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        """Take what it prints next; false if that is the end, or comes too late."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return False
        data: bytes = self._process.stdout.read(65536)
        self._pieces.append(self._decoder.decode(data))
        return bool(data)

    def __repr__(self) -> str:
        return f"<Program {self.name}, {len(self.seen)} characters seen>"
