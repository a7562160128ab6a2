"""Waker: one byte for many wake-ups, and none that blocks or gets lost."""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections.abc import Iterator
from typing import Any

import pytest

import reactor.loop.waker
from reactor.loop.waker import Waker, receive
from tests.reactor.loop.probe import elsewhere


@pytest.fixture
def waker() -> Iterator[Waker]:
    with contextlib.closing(Waker()) as waker:
        yield waker


def readable(waker: Waker) -> bool:
    return bool(select.select([waker.fd], [], [], 0)[0])


def test_a_wake_up_shows_until_it_is_drained__lw_009(waker: Waker) -> None:
    """A wake-up is seen by whoever waits, now or later, until a turn has taken it."""
    assert not readable(waker)
    for _ in range(2):
        waker.wake()
        assert readable(waker)
        waker.drain()
        assert not readable(waker)


def test_a_thousand_wake_ups_are_one_byte__lw_009(waker: Waker) -> None:
    """However many threads wake the loop between two turns, it costs one system call."""

    def wake_often() -> None:
        for _ in range(500):
            waker.wake()

    wake_often()
    elsewhere(wake_often)
    assert receive(waker._near, 1000) == b"\0"


def test_draining_when_nobody_woke_is_harmless(waker: Waker) -> None:
    waker.drain()
    waker.wake()
    assert readable(waker)


def test_a_closed_one_ignores_being_woken(waker: Waker) -> None:
    waker.close()
    waker.wake()
    waker.close()


def no_memory_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the first of these calls fail as the kernel lets it fail that has no page left."""
    call = getattr(reactor.loop.waker, name)

    def fail(*_: object) -> None:
        monkeypatch.setattr(reactor.loop.waker, name, call)
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(reactor.loop.waker, name, fail)


def test_a_wake_up_that_cannot_be_read_shows_on(
    waker: Waker, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_memory_once(monkeypatch, "receive")
    waker.wake()
    waker.drain()
    assert readable(waker)
    waker.drain()
    assert not readable(waker)


def test_a_wake_up_that_cannot_be_sent_does_not_silence_the_next_one(
    waker: Waker, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_memory_once(monkeypatch, "send")
    waker.wake()
    assert not readable(waker)
    waker.wake()
    assert readable(waker)


def test_a_wake_up_that_a_ctrl_c_is_read_with_does_not_silence_the_next_one__lw_009(
    waker: Waker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt that comes while a wake-up is read loses no later one."""

    def interrupted(*arguments: Any) -> None:
        receive(*arguments)
        raise KeyboardInterrupt

    waker.wake()
    with monkeypatch.context() as patch:
        patch.setattr(reactor.loop.waker, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            waker.drain()
    waker.wake()
    assert readable(waker)
