"""The windows of the chat without a window and without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import place_of_the_chat
from company import PEOPLE_LIMIT, Company
from transfers import NAME_LIMIT, SUFFIX_LIMIT, amount, free_place, safe_name


def company_that_has_heard(*lines: str) -> Company:
    company = Company(lambda: None)
    for line in lines:
        company.hears(line)
    return company


def test_names_are_learned_from_the_servers_lines() -> None:
    company = company_that_has_heard(
        "* welcome, guest1; /help tells what can be done",
        "* in lobby: bob, eve, guest1",
        "* guest1 is now ann",
        "* dan has come to lobby",
        "* bob has left",
        "* eve is now eva",
    )
    assert (company.name, company.room, list(company.names)) == (
        "ann",
        "lobby",
        ["eva", "ann", "dan"],
    )


@pytest.mark.parametrize("reason", ["went to x", "has gone silent", "did not read and was dropped"])
def test_who_is_gone_is_in_no_list(reason: str) -> None:
    company = company_that_has_heard("* in lobby: ann, bob and 7 more", f"* bob {reason}")
    assert list(company.names) == ["ann"]


def test_a_list_that_leaves_some_out_takes_nobody_away() -> None:
    company = company_that_has_heard(
        "* in lobby: ann", "* bob has come to lobby", "* in lobby: eve, ann and 1 more"
    )
    assert list(company.names) == ["ann", "bob", "eve"]
    company.hears("* in garden: dan and 1 more")
    assert list(company.names) == ["dan"]


def test_nobodys_words_are_taken_for_the_servers() -> None:
    company = company_that_has_heard("* in lobby: ann", "<eve> * in garden: eve", "in garden: eve")
    assert (company.room, list(company.names)) == ("lobby", ["ann"])


def test_the_names_have_a_limit() -> None:
    company = company_that_has_heard(
        "* in lobby: ann", *(f"* g{n} has come to lobby" for n in range(PEOPLE_LIMIT + 1))
    )
    company.hears("* in lobby: new and 1 more")
    assert len(company.names) == PEOPLE_LIMIT


@pytest.mark.parametrize(
    ("said", "safe"),
    [
        ("holiday (1).jpg", "holiday (1).jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        (".bashrc", "bashrc"),
        ("a\0b\nc*?:|<>.txt", "a_b_c______.txt"),
        ("..", "file"),
        ("", "file"),
        ("ünïcödé.txt", "ünïcödé.txt"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),  # as a Mac writes it
        ("नमस्ते.txt", "नमस्ते.txt"),
        ("a\u202egpj.exe", "a_gpj.exe"),  # what is behind that sign would be shown from the right
        ("nul", "_nul"),
        ("Aux.tar.gz", "_Aux.tar.gz"),
        ("x" * 300 + ".tar.gz", "x" * (NAME_LIMIT - 3) + ".gz"),
        ("x." + "y" * 300, "x." + "y" * (SUFFIX_LIMIT - 1)),
    ],
)
def test_a_strangers_name_for_a_file_is_made_safe(said: str, safe: str) -> None:
    assert safe_name(said) == safe


@pytest.mark.parametrize("sign", ["漢", "\U0001d50a", "é"])
def test_a_strangers_name_fits_into_a_folder(tmp_path: Path, sign: str) -> None:
    for name in (sign * 300, f"{sign * 300}.{sign * 300}", f"nul.{sign * 300}"):
        safe = safe_name(name)
        assert len(safe.encode()) <= NAME_LIMIT
        assert free_place(tmp_path, safe).name == safe
        assert free_place(tmp_path, safe).name != safe


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_400_000, "12.4 MB"),
        (1 << 30, "1.1 GB"),
        (10**15, "1000000.0 GB"),
    ],
)
def test_a_size_is_written_for_people(size: int, text: str) -> None:
    assert amount(size) == text


def test_a_file_replaces_nothing(tmp_path: Path) -> None:
    places = [free_place(tmp_path, "note.txt").name for _ in range(3)]
    assert places == ["note.txt", "note (2).txt", "note (3).txt"]


def test_the_command_line_protects_when_it_is_told_whom_to_trust(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place_of_the_chat(["localhost", "1"]).tls is None
    tls = place_of_the_chat(["localhost", "1", "--tls"]).tls
    assert tls is not None
    with pytest.raises(SystemExit):
        place_of_the_chat(["localhost", "1", "--cafile", str(tmp_path / "none.pem")])
    assert "--cafile: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "port"),
    [("localhost", "0"), ("localhost", "65536"), ("localhost", "-1"), ("", "1"), ("a..b", "1")],
)
def test_the_command_line_refuses_what_is_nowhere(
    capsys: pytest.CaptureFixture[str], host: str, port: str
) -> None:
    with pytest.raises(SystemExit):
        place_of_the_chat(["--", host, port])
    assert "error: " in capsys.readouterr().err
