# SPDX-License-Identifier: Apache-2.0
"""Tests of agent.reaper, on real processes."""

import subprocess

from agent.reaper import Reaper
from tests.agent.session.desktop import wait_until
from tests.agent.traced import COMMAND, hold


def test_a_process_is_ended_and_taken_off_the_list():
    """Nothing of it is left."""
    reaper, process = Reaper(), subprocess.Popen(["/bin/sleep", "60"])

    assert reaper.end(process)
    assert process.returncode == -9
    assert reaper.count_left() == 0


def test_a_process_that_somebody_traces_is_not_waited_for():
    """It is kept, and taken off the list when the tracer lets go."""
    reaper, victim = Reaper(), subprocess.Popen(COMMAND)
    with hold(victim.pid):
        assert not reaper.end(victim, patience_s=0.05)
        assert reaper.count_left() == 1

    wait_until(lambda: reaper.count_left() == 0)
    assert victim.returncode == -9
