# SPDX-License-Identifier: Apache-2.0
"""The machine on which the tests of the installed half play."""

from pathlib import Path

import pytest

from tests.agent.checks.software.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with nothing on it, and its agent."""
    return Machine(tmp_path)
