"""Every example in the documents is run: the blocks of a page are one program, in their order.

A block that opens with three backticks and `python` is a program; one that is not says `text`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import ROOT
from tests.peers import require

DOCUMENTS: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if "_build" not in path.parts
)
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Of what takes long asyncio complains in development mode: the machine may be busy.
SLOW: Final = re.compile(r"^Executing <.*> took [0-9.]+ seconds\n", re.MULTILINE)
LIMIT: Final = 30  # seconds; an example that waits for ever is a broken one


def program(text: str) -> str:
    """Return the blocks of a page, each in the line where it stands there, as errors will say."""
    lines = [""] * len(text.splitlines())
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        code = block[1].splitlines()
        lines[first : first + len(code)] = code
    return "\n".join(lines).rstrip()


def run(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` from the file `path`; a warning, or a socket left open, writes to stderr."""
    path.write_text(code + "\n", "utf-8")
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(path)],
        cwd=path.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.mark.parametrize(
    "document", [one for one in DOCUMENTS if program((ROOT / one).read_text())]
)
def test_the_examples_of_the_page_run(document: str, tmp_path: Path) -> None:
    code = program((ROOT / document).read_text("utf-8"))
    if "openssl" in code:
        require("openssl")
    done = run(code, tmp_path / Path(document).name)
    assert (done.returncode, SLOW.sub("", done.stderr)) == (0, "")


def test_the_readme_has_examples() -> None:
    assert "def data_received" in program((ROOT / "README.md").read_text("utf-8"))


def test_a_broken_example_is_seen_with_its_line(tmp_path: Path) -> None:
    page = (
        "# A\n\n```python\na = 1\n```\n\ntext\n\n```text\nno\n```\n\n```python\nassert a > 1\n```\n"
    )
    done = run(program(page), tmp_path / "page.md")
    assert done.returncode == 1
    assert 'page.md", line 14' in done.stderr


def test_an_example_that_leaves_a_socket_open_is_seen(tmp_path: Path) -> None:
    page = "```python\nimport socket\nsocket.socket()\n```\n"
    assert "unclosed" in run(program(page), tmp_path / "page.md").stderr
