# SPDX-License-Identifier: Apache-2.0
"""Tests of the command in a process of its own: what becomes of its output, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.policy import PolicyStore
from tests.agent.collector import rule_files
from tests.agent.piping import COLLECTOR
from tests.tree import ROOT


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder of a machine that is enrolled and has a policy."""
    identity = COLLECTOR.enrol(tmp_path / "state")
    config = Config(tmp_path / "state")
    PolicyStore(config.policy_file, identity).accept(COLLECTOR.publish(4, rule_files()))
    return config.state


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run the command to its end."""
    options = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE} | options
    command = [sys.executable, "-m", "agent", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, text=False, **options)


def test_a_wrong_call_ends_with_2() -> None:
    """The exit code reaches the shell, with the usage on stderr alone."""
    done = run()
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"usage: schoolwarden-agent")


def test_a_machine_that_is_not_enrolled_ends_with_2(tmp_path: Path) -> None:
    """The hint reaches the shell, without a traceback."""
    done = run("run", "--state", str(tmp_path / "state"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"not enrolled" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["explain", "status"])
def test_a_reader_who_has_enough_is_no_error(state: Path, command: str) -> None:
    """A pager that is closed, or `head`, ends it with 0 and without a word, be the output long or short."""
    read, write = os.pipe()
    os.close(read)
    done = run(command, "--state", str(state), stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["explain", "status"])
def test_output_that_cannot_be_written_is_an_error(state: Path, command: str) -> None:
    """Data that is lost on a full disk does not look like success: 3, and why, once."""
    with Path("/dev/full").open("wb") as full:
        done = run(command, "--state", str(state), stdout=full)
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 1
    assert b"No space left" in done.stderr


def test_a_terminal_without_the_letters_is_no_error(state: Path) -> None:
    """A school's name that the terminal's alphabet cannot write is written by numbers."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = run("explain", "--state", str(state), env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"Sankt-\xc5lund School" in done.stdout


def test_help_needs_nothing_but_python() -> None:
    """Help is there for whoever has no state, no rights and no network."""
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"usage: schoolwarden-agent" in done.stdout


def test_this_machine_can_be_checked() -> None:
    """`check` runs on a real machine, enrolled or not, and gives one result as JSON."""
    done = run("check", "--format", "json")
    assert done.returncode in (0, 1)
    assert done.stdout.startswith(b"[\n {")
    assert b"Traceback" not in done.stderr
