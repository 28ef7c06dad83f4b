# SPDX-License-Identifier: Apache-2.0
"""Tests of where an agent keeps its things."""

from pathlib import Path

from agent.checks import CHECKS as KNOWN_CHECKS
from agent.checks import load
from agent.config import CHECKS, Config


def test_everything_lies_in_the_state_folder() -> None:
    """Two agents with two folders have nothing in common."""
    one, two = Config(Path("/state/one")), Config(Path("/state/two"))
    for config in (one, two):
        paths = {config.spool_file, config.policy_file, config.checks_folder, config.status_file}
        assert len(paths) == 4
        assert all(path.is_relative_to(config.state) for path in paths)
        # An identity is moved as a whole: nothing of ours may lie in its folder.
        assert not any(path.is_relative_to(config.state / "identity") for path in paths)


def test_the_checks_that_run_are_there() -> None:
    """Each can be loaded and has the name that it is asked by."""
    assert set(CHECKS) == set(KNOWN_CHECKS)
    assert [load(name).name for name in CHECKS] == list(CHECKS)
