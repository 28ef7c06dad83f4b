# SPDX-License-Identifier: Apache-2.0
"""Tests of the command line as a stranger finds it: wrong calls, help, nothing set up yet."""

import os
import subprocess
from pathlib import Path

import pytest

from collector.opener.cli import main
from tests.collector.opener.staff import OPENER, Reader, Staff, run_apart
from tests.path import DEADLINE_S, PROGRAMS

VERBS = {
    "identity": ("make", "show", "export", "import", "change-passphrase"),
    "flag": ("open", "rewrap"),
    "root": ("make", "show", "share", "rotate", "recover"),
    "readers": ("test", "answer", "sign", "show", "remove"),
    "recovery": ("make", "open", "rewrap", "drill"),
}
KEY = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "frobnicate",
        "identity",
        "identity make --passphrase hunter2",
        "flag open",
        "flag rewrap f --to age1short -o out",
        "flag rewrap f -o out",
        f"root recover --to {KEY[:-1]}x",
        "root make",
        "readers sign c -o s --code anna",
        "readers sign c -o s --code anna=12345",
        "readers sign c -o s --code anna=12345a",
        "readers sign c -o s --code =123456",
        "recovery make --route nowhere --holder a --sheets s",
        "recovery drill",
    ],
)
def test_wrong_call_ends_with_2_and_how_it_is_called(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing on stdout, the usage on stderr; a passphrase cannot be given on the command line."""
    with pytest.raises(SystemExit) as end:
        main(arguments.split())
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    assert said.err.startswith("usage: schoolwarden-open")


@pytest.mark.parametrize("verb", [f"{noun} {verb}" for noun, verbs in VERBS.items() for verb in verbs])
def test_every_verb_has_help_with_an_example_that_is_a_call(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The example calls the same verb."""
    with pytest.raises(SystemExit) as end:
        main([*verb.split(), "--help"])
    said = capsys.readouterr()
    assert (end.value.code, said.err) == (0, "")
    assert f"example:\n  schoolwarden-open {verb}" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("identity show", "there is no identity"),
        ("identity export", "there is no identity"),
        ("identity change-passphrase", "there is no identity"),
        ("root make --school A", "there is no identity"),
        ("root show", "there is no safeguarding root"),
        (f"root recover --to {KEY}", "there is no safeguarding root"),
        ("recovery make --route chair --holder a --holder b --holder c --sheets s", "there is no safeguarding root"),
        ("recovery drill --route dsl", "there is no public part"),
        ("flag open nothing.json", "there is no file nothing.json"),
        ("readers test nothing.json -o items.json", "there is no file nothing.json"),
        ("readers show nothing.txt", "there is no file nothing.txt"),
        ("readers show .", "there is no file ."),
    ],
)
def test_verb_that_finds_nothing_says_how_it_is_made(tmp_path: Path, arguments: str, message: str) -> None:
    """Exit 2, nothing on stdout, and no file is left behind."""
    said = Reader("anna", tmp_path / "anna")(*arguments.split())
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    """They could swap what lies in it: exit 3, with what to do."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    said = Reader("anna", tmp_path / "open")("identity", "show")
    assert (said.code, said.out) == (3, "")
    assert "chmod go-w" in said.err


def test_version_is_printed() -> None:
    """On stdout, for scripts."""
    said = run_apart("--version")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{OPENER} ")


def test_program_ends_with_the_code_of_its_command(tmp_path: Path) -> None:
    """A script sees 2 for a wrong call and for a key that is not there; the usage and the hint are talk."""
    wrong = run_apart()
    assert (wrong.code, wrong.out, wrong.err.startswith(f"usage: {OPENER}")) == (2, "", True)
    missing = Reader("anna", tmp_path / "anna", run_apart)("identity", "show")
    assert (missing.code, missing.out) == (2, "")
    assert "make one: schoolwarden-open identity make" in missing.err


def test_reader_who_has_enough_is_no_failure(ready: Staff) -> None:
    """Who reads our output may go, as `head` does: 0 and not a word. A full disk is told: 3."""
    command = [str(PROGRAMS / OPENER), "identity", "export", "--folder", str(ready["anna"].folder)]
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as nobody, open("/dev/full", "wb") as full:
        gone = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, timeout=DEADLINE_S, check=False)
        lost = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE_S, check=False)
    assert (gone.returncode, gone.stderr) == (0, b"")
    assert (lost.returncode, b"No space left" in lost.stderr, b"Traceback" in lost.stderr) == (3, True, False)
