"""Own paths: stale ones are taken over, live ones and files are not, and ours alone is removed."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from reactor.errors import BindError
from reactor.loop.collection import WaitStateCollection
from reactor.net.path import read_path
from reactor.opening.own_path import OwnPath, bind_path, looked_at, remove_if_still, take_over
from reactor.opening.unix import accept_unix, open_unix_datagram
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.settle import settle
from tests.reactor.loop.probe import exit_code_of_child
from tests.reactor.opening.network import no_descriptors

assert sys.platform != "win32", "Python has no Unix sockets there"


def taken(collection: WaitStateCollection, path: Path, kind: str, **options: Any) -> Any:
    """Bind a path, for clients or for datagrams."""
    if kind == "datagram":
        return open_unix_datagram(collection, path, **options)
    return accept_unix(collection, path, print, init_timeout=0, **options)


@pytest.fixture(params=["stream", "datagram"])
def kind(request: pytest.FixtureRequest) -> str:
    """What is bound."""
    name: str = request.param
    return name


def left_behind(path: Path, kind: str) -> None:
    """Leave a path as a server does that has died."""
    number = socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM
    with socket.socket(socket.AF_UNIX, number) as sock:
        sock.bind(os.fspath(path))


def test_a_stale_path_is_taken_over__cc_10__lw_199__lw_200__rel_42(
    collection: WaitStateCollection, path: Path, kind: str
) -> None:
    """The path that a dead server left is taken over."""
    left_behind(path, kind)
    before = path.lstat().st_ino, path.lstat().st_ctime_ns
    taken(collection, path, kind)
    assert (path.lstat().st_ino, path.lstat().st_ctime_ns) != before


def test_a_live_path_is_refused__cc_10__lw_199__lw_200__rel_42(
    collection: WaitStateCollection, path: Path, kind: str
) -> None:
    """The path of a live server is left alone, also if its queue is full: `BindError`,
    `address-in-use`.
    """
    first = taken(collection, path, kind)
    before = path.lstat()
    for _ in range(3):
        with pytest.raises(BindError) as caught:
            taken(collection, path, kind)
        assert caught.value.identifier == "address-in-use"
        assert caught.value.address == (os.fspath(path), None)
    assert os.path.samestat(path.lstat(), before)
    assert not first.closed


@pytest.mark.parametrize("listens", [True, False])
def test_who_lives_at_a_path_is_not_called__cc_10__rel_42(
    collection: WaitStateCollection, path: Path, kind: str, listens: bool
) -> None:
    """A server whose path somebody else wants gets no client that says nothing, and keeps its path
    though it may not be listening yet.
    """
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))
        if listens:
            server.listen()
        with pytest.raises(BindError) as caught:
            taken(collection, path, kind)
        assert caught.value.identifier == "address-in-use"
        server.listen()
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("what", ["file", "folder", "link", "broken link"])
def test_another_file_is_left_alone__cc_10__rel_42(
    collection: WaitStateCollection, path: Path, kind: str, what: str
) -> None:
    """A path that is no socket is in use, and stays: `BindError`, `address-in-use`."""
    if what == "folder":
        path.mkdir()
    elif what == "file":
        path.write_text("precious")
    else:
        target = path.with_name("target")
        if what == "link":
            target.write_text("precious")
        path.symlink_to(target)
    with pytest.raises(BindError) as caught:
        taken(collection, path, kind)
    assert caught.value.identifier == "address-in-use"
    assert os.path.lexists(path)


def test_a_missing_folder_is_a_bind_error__cc_10(
    collection: WaitStateCollection, path: Path, kind: str
) -> None:
    """The folder of a path must exist: `BindError`, with the path and the system's number."""
    with pytest.raises(BindError) as caught:
        taken(collection, path / "below", kind)
    assert caught.value.code
    assert caught.value.address == (os.fspath(path / "below"), None)


def test_our_path_goes_with_us__cc_33__lw_199__lw_200__rel_42(
    collection: WaitStateCollection, path: Path, kind: str
) -> None:
    """A Unix socket takes its path with it when its handle or state is closed."""
    ours = taken(collection, path, kind)
    assert path.is_socket()
    ours.close()
    settle(collection)
    assert not path.exists()


def test_a_collection_takes_its_paths_with_it__lw_011__cc_33(
    collection: WaitStateCollection, path: Path, kind: str
) -> None:
    """Closing the collection removes the paths of its sockets."""
    taken(collection, path, kind)
    collection.close()
    assert not path.exists()


def test_a_path_goes_with_who_has_its_channel_now__cc_33__lw_138(
    collection: WaitStateCollection, path: Path
) -> None:
    """The path of a datagram state that is released stays until its next owner is closed."""
    channel, unread = taken(collection, path, "datagram").release()
    settle(collection)
    assert path.is_socket()
    AsyncIOState(collection, channel, unread).close()
    settle(collection)
    assert not path.exists()


def test_a_path_that_is_not_ours_any_more_stays__cc_33__rel_42(
    collection: WaitStateCollection, path: Path, kind: str
) -> None:
    """A path that has been given to somebody else meanwhile is never removed."""
    ours = taken(collection, path, kind)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as another:
        another.bind(os.fspath(path))
        inode = path.lstat().st_ino
        ours.close()
        settle(collection)
        assert path.lstat().st_ino == inode


def test_a_path_that_is_gone_is_no_trouble__cc_33(
    collection: WaitStateCollection, path: Path, kind: str
) -> None:
    """Closing is in order if somebody has removed the path before."""
    ours = taken(collection, path, kind)
    path.unlink()
    ours.close()
    settle(collection)


def test_a_child_leaves_the_path_alone__lw_019(path: Path) -> None:
    """A forked process does not remove the path of its parent."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.fspath(path))
        own = OwnPath(os.fsencode(path))
        assert exit_code_of_child(own.remove) == 0
        assert path.exists()
        own.remove()
        assert not path.exists()


@pytest.mark.parametrize("mode", [0o600, 0o666, 0o700])
def test_the_mode_is_set_before_anybody_can_connect__lw_199(
    collection: WaitStateCollection, path: Path, kind: str, mode: int
) -> None:
    """The path has the permissions that were asked for, whatever the process gives to files."""
    taken(collection, path, kind, mode=mode)
    assert stat.S_IMODE(path.lstat().st_mode) == mode


def test_the_mode_is_there_before_listening__lw_199(
    collection: WaitStateCollection, path: Path
) -> None:
    """`init_function` finds the path bound, with its permissions, and nobody can connect yet."""
    seen = list[int]()

    def look(sock: socket.socket) -> None:
        seen.append(stat.S_IMODE(path.lstat().st_mode))
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
            client.connect(os.fspath(path))

    accept_unix(collection, path, print, mode=0o611, init_function=look)
    assert seen == [0o611]


@pytest.mark.parametrize(
    ("mode", "error"), [(0o1777, ValueError), (-1, ValueError), ("", TypeError)]
)
def test_a_mode_is_permissions__lw_199(
    collection: WaitStateCollection, path: Path, kind: str, mode: Any, error: type[Exception]
) -> None:
    """A mode that is no permissions is refused at the call, and there is no path."""
    with pytest.raises(error):
        taken(collection, path, kind, mode=mode)
    assert not path.exists()


@pytest.mark.parametrize("wrong", [{"read_timeout": -1}, {"write_timeout": 0}], ids=str)
def test_a_wrong_limit_takes_no_path_over__lw_200__lw_069(
    collection: WaitStateCollection, path: Path, wrong: dict[str, Any]
) -> None:
    """A wrong limit is refused before anything is done: a stale path is still there."""
    left_behind(path, "datagram")
    with pytest.raises(ValueError, match="timeout"):
        open_unix_datagram(collection, path, **wrong)
    assert path.is_socket()


def test_a_raising_init_function_leaves_no_path__lw_045__cc_25(
    collection: WaitStateCollection, path: Path
) -> None:
    """If `init_function` raises, neither a socket nor a path is left."""

    def fail(sock: socket.socket) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError):
        accept_unix(collection, path, print, init_function=fail)
    assert not path.exists()


def test_a_successor_with_the_same_inode_is_not_removed__cc_10__rel_42(path: Path) -> None:
    """Who has looked at a stale path does not remove the one that somebody has put there since,
    though file systems give the number of a removed file out again at once.
    """
    left_behind(path, "stream")
    before = looked_at(os.fsencode(path))
    assert before is not None
    for _ in range(100_000):  # until the clock of the file system has moved
        path.unlink()
        left_behind(path, "stream")
        if path.lstat().st_ctime_ns != before.st_ctime_ns:
            break
    assert not remove_if_still(os.fsencode(path), before)
    assert path.is_socket()


def test_a_path_that_has_gone_is_free__cc_10(path: Path) -> None:
    """A path that somebody has removed in the meantime can be bound: it is not in use."""
    address = read_path(path)
    assert take_over(address)
    left_behind(path, "stream")
    before = looked_at(os.fsencode(path))
    assert before is not None
    path.unlink()
    assert remove_if_still(os.fsencode(path), before)


def test_without_descriptors_a_path_is_a_bind_error__cc_25__rel_20(path: Path) -> None:
    """If the system has no descriptor for the look at a path, that is a `BindError` too."""
    left_behind(path, "stream")
    with (
        socket.socket(socket.AF_UNIX) as sock,
        no_descriptors(),
        pytest.raises(BindError) as caught,
    ):
        bind_path(sock, read_path(path), None)
    assert caught.value.situation == "socket"
    assert path.is_socket()


def test_a_relative_path_is_found_again__cc_33(
    collection: WaitStateCollection, path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that was given as a relative one is removed from where it is, wherever the process
    has gone since.
    """
    monkeypatch.chdir(path.parent)
    ours = taken(collection, Path(path.name), kind)
    assert path.is_socket()
    monkeypatch.chdir("/")
    ours.close()
    settle(collection)
    assert not path.exists()
