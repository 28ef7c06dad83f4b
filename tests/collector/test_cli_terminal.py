# SPDX-License-Identifier: Apache-2.0
"""Tests of how the command gets on with the terminal: its alphabet, its reader, its Ctrl-C."""

import os
import subprocess

import pytest

from collector.config import Config, write_config
from collector.proposals import approve_program
from tests.collector.command import Run
from tests.collector.school import School
from tests.path import PROGRAMS

COMMAND = str(PROGRAMS / "schoolwarden-collector")


def test_terminal_that_cannot_write_a_character_gets_another(config: Config, school: School) -> None:
    """A name is shown as well as it can be; the command does not end because of it."""
    write_config(config)
    approve_program(school.engine, school.id, "café", actor="anna", now_ns=school.now_ns)
    done = subprocess.run(
        [COMMAND, "allowed", "list", "--dir", str(config.folder)],
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "caf\\xe9" in done.stdout


def test_reader_that_has_enough_is_no_error(config: Config, school: School) -> None:
    """`schoolwarden-collector ... | head` ends without a complaint."""
    write_config(config)
    approve_program(school.engine, school.id, "vim", actor="anna", now_ns=school.now_ns)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [COMMAND, "allowed", "list", "--dir", str(config.folder)],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_command_ended_from_the_keyboard_is_not_done(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever presses Ctrl-C during `verify` must not take its end for a good result."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    write_config(config)
    monkeypatch.setattr("collector.verify.verify", interrupt)
    assert Run(capsys)("verify", "--dir", config.folder) == 130
