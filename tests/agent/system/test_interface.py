# SPDX-License-Identifier: Apache-2.0
"""Tests of the values that pass the seam to the operating system."""

from dataclasses import replace

from agent.system.interface import RunningProgram

TOR = RunningProgram(pid=7, started=100, device=1, inode=5, name="tor", path="/usr/bin/tor", changed_ns=3)


def test_a_renamed_program_is_the_same_start():
    """A file that is moved, deleted or replaced while it runs starts nothing."""
    assert replace(TOR, name="rot", path="/tmp/rot", changed_ns=4) == TOR


def test_a_process_id_given_again_is_another_start():
    """Also if the new process runs the same file."""
    assert replace(TOR, started=101) != TOR


def test_a_process_that_turns_into_another_program_is_another_start():
    """The process stays, the file does not."""
    assert replace(TOR, inode=6) != TOR
