"""Paths of Unix sockets, in every form."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from reactor.net.path import PATH_LIMIT, UNIX, is_abstract, read_path

pytestmark = pytest.mark.skipif(not UNIX, reason="this platform has no Unix sockets")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has abstract names")


@pytest.mark.parametrize("path", ["/run/s", b"/run/s", Path("/run/s"), os.fspath("/run/s")])
def test_a_path_has_any_form__lw_199(path: Any) -> None:
    """A path is text, bytes or path-like, and is shown as text without a port."""
    address = read_path(path)
    assert (address.family, address.sockaddr) == (UNIX, b"/run/s")
    assert address.pair == ("/run/s", None)


@linux_only
def test_a_nul_in_front_is_an_abstract_name__lw_199() -> None:
    """A leading NUL means Linux's abstract space, where any byte may follow."""
    address = read_path("\0name\0more")
    assert is_abstract(address)
    assert address.pair == ("\0name\0more", None)
    assert not is_abstract(read_path("name"))


@pytest.mark.parametrize(
    ("path", "error"),
    [("", ValueError), ("a\0b", ValueError), (None, TypeError), (7, TypeError), ((), TypeError)],
)
def test_what_is_no_path_is_refused__lw_199(path: Any, error: type[Exception]) -> None:
    """An empty path, one with a NUL inside, and anything else are refused at the call."""
    with pytest.raises(error):
        read_path(path)


def test_an_overlong_path_is_refused_with_the_limit__cc_10__rel_42() -> None:
    """A path longer than the system takes is a `ValueError` that tells how long it may be."""
    assert len(read_path("x" * PATH_LIMIT).sockaddr) == PATH_LIMIT
    with pytest.raises(ValueError, match=str(PATH_LIMIT)):
        read_path("x" * (PATH_LIMIT + 1))
    with pytest.raises(ValueError, match=str(PATH_LIMIT)):
        read_path("ü" * PATH_LIMIT)  # bytes are what counts
