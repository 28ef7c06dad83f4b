# SPDX-License-Identifier: Apache-2.0
"""The machine that the tests of installed software fill."""

from pathlib import Path

import pytest

from tests.agent.system.linux.disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A small Debian machine with one person."""
    return Disk(tmp_path.resolve())
