"""The trial is tried: each of the things that it watches for is seen once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from reactor.loop.error_handler import log
from tests.certificates import Certificates
from tests.torture.cases import CASES, INJECTED_FLOOR
from tests.torture.conversation import Conversation
from tests.torture.protocols import Echo
from tests.torture.trial import Trial

ROOT: Final = Path(__file__).resolve().parents[2]


class LeavesSocket(Echo):
    def call(self) -> None:
        self.left = socket.socket()
        super().call()


class LeavesTimer(Echo):
    def hang_up(self) -> None:
        super().hang_up()
        self.collection.call_later(60.0, print)


class LeavesWatch(Echo):
    def look_at_bytes(self) -> None:
        self.near_end, self.far_end = socket.socketpair()
        self.collection.watch(self.near_end, print)


class Spins(Echo):
    def call(self) -> None:
        self.collection.call_soon(self.call)


class EndsTwice(Echo):
    def hang_up(self) -> None:
        super().hang_up()
        self.begins("this")
        self.ends("this")
        self.ends("this")


class NeverEnds(Echo):
    def call(self) -> None:
        super().call()
        self.begins("this")


class MakesBytesUp(Echo):
    said = b"something else"


class IsNotServed(Echo):
    due = b"something else"


class Talks(Echo):
    def call(self) -> None:
        super().call()
        log.error("once")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (LeavesSocket, "sockets left"),
        (LeavesTimer, "1 timers left"),
        (LeavesWatch, "1 watches left"),
        (Spins, "it spins"),
        (EndsTwice, "this has ended twice"),
        (NeverEnds, "never ended: ['this']"),
        (MakesBytesUp, "far: 4096 bytes that were not sent so"),
        (IsNotServed, "the client was not served"),
        (IsNotServed, "nobody was told"),
        (IsNotServed, "the next client was not served"),
        (Talks, "logged: ['once', 'once']"),
    ],
)
@pytest.mark.slow  # what never ends is waited for
def test_a_trial_sees_what_is_wrong(
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    make: type[Conversation],
    problem: str,
) -> None:
    monkeypatch.setattr("tests.torture.trial.PATIENCE", 0.5)  # for what never comes
    trial = Trial(make, certificates)
    for name in ("left", "near_end", "far_end"):
        if sock := getattr(trial.conversation, name, None):
            sock.close()
    assert any(problem in found for found in trial.problems), trial.problems


@pytest.mark.slow  # it starts another pytest
@pytest.mark.parametrize("count", [0, INJECTED_FLOOR])
def test_a_run_of_all_cases_that_injects_next_to_nothing_fails(tmp_path: Path, count: int) -> None:
    (tmp_path / "conftest.py").write_text("from tests.torture.conftest import *\n")
    (tmp_path / "test_a.py").write_text(
        "from tests.torture.cases import CASES\n"
        "def test_nothing(tally):\n"
        f"    tally.injected += {count}\n"
        "    tally.cases.update(str(case) for case in CASES)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=.", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout
    assert f"torture: injected {count} faults in {len(CASES)} of {len(CASES)} cases" in done.stdout
    assert ("torture: FAILED" in done.stdout, done.returncode) == (
        (False, 0) if count else (True, 1)
    )
