# SPDX-License-Identifier: Apache-2.0
"""The machine on which the tests of the check `keywords` play."""

from pathlib import Path

import pytest

from tests.agent.checks.room import Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A machine with one pupil."""
    return Room(tmp_path)
