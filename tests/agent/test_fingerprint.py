# SPDX-License-Identifier: Apache-2.0
"""Tests of agent.fingerprint, and of the command that prints it."""

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from agent.cli import main
from agent.fingerprint import NoProgramError, take_fingerprint
from rules.check import check_files
from tests.agent.parsing.direct import DirectParsing
from tests.elves import make_elf, make_note, make_texts

ID = make_note(b"GNU", 3, bytes(range(20)))
PROGRAM = make_elf(make_texts(100), notes=ID)
RULE = """
[[rule]]
id = "own-program"
title = "A program"
why = "To test with."
class = "unacceptable"
severity = 3
kinds = ["program.found"]
clauses = []
advice = "Look at it."

[[rule.program]]
name = "A program"
{lines}

[[rule.test]]
name = "a renamed copy"
expect = "match"
event = {{ kind = "program.found", "program.name" = "x", "program.source" = "file", "program.sketch" = "{sketch}" }}

[[rule.test]]
name = "another"
expect = "silent"
event = {{ kind = "program.found", "program.name" = "x", "program.source" = "file" }}
"""


@pytest.mark.parametrize(
    ("content", "known", "notes"),
    [
        (PROGRAM, {"sha256", "build_ids", "sketches"}, 0),
        (make_elf(make_texts(10), notes=ID), {"sha256", "build_ids"}, 1),
        (make_elf(), {"sha256"}, 2),
        (make_elf(make_texts(100), notes=ID, mark=b"AI\2"), {"sha256"}, 1),
        (PROGRAM + bytes(100_000), {"sha256"}, 1),
        (b"#!/bin/sh\necho hello\n", {"sha256"}, 1),
    ],
    ids=["program", "few texts", "no build id", "appimage", "payload", "script"],
)
def test_a_program_is_known_by_what_is_its_own(tmp_path: Path, content: bytes, known: set[str], notes: int):
    """What it only carries around for others is left out, and why is said in comments of the rule file."""
    (tmp_path / "file").write_bytes(content)
    fingerprint = take_fingerprint(tmp_path / "file", DirectParsing())
    lines = fingerprint.to_lines()

    assert fingerprint.sha256 == hashlib.sha256(content).hexdigest()
    assert tomllib.loads("\n".join(lines)).keys() == known
    assert len(fingerprint.notes) == notes == sum(line.startswith("# ") for line in lines) - 1


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", PROGRAM[:100]], ids=["empty", "document", "cut"])
def test_what_is_no_program_has_no_fingerprint(tmp_path: Path, content: bytes):
    """The error says what would be right."""
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(NoProgramError):
        take_fingerprint(tmp_path / "file", DirectParsing())


def test_the_lines_are_good_for_a_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What the command prints is copied into a rule file as it is."""
    (tmp_path / "file").write_bytes(PROGRAM)

    assert main(["fingerprint", str(tmp_path / "file")]) == 0
    lines = capsys.readouterr().out
    (sketch,) = tomllib.loads(lines)["sketches"]
    assert check_files({"own.toml": RULE.format(lines=lines, sketch=sketch)}) == []


def test_several_are_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One entry for each file."""
    (tmp_path / "one").write_bytes(PROGRAM)
    (tmp_path / "two").write_bytes(b"#!/bin/sh\n")

    assert main(["fingerprint", "--format", "json", str(tmp_path / "one"), str(tmp_path / "two")]) == 0
    one, two = json.loads(capsys.readouterr().out)
    assert (one["file"], one["build_id"], one["notes"]) == (str(tmp_path / "one"), bytes(range(20)).hex(), [])
    assert (two["sketch"], len(two["notes"])) == ("", 1)


def test_a_wrong_file_is_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The command ends with 2, and one that is not there with 3; the reason is on stderr."""
    (tmp_path / "file").write_bytes(b"no program")

    assert main(["fingerprint", str(tmp_path / "file")]) == 2
    assert "is no program" in capsys.readouterr().err
    assert main(["fingerprint", str(tmp_path / "missing")]) == 3
