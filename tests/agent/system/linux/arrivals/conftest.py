# SPDX-License-Identifier: Apache-2.0
"""The machine on which files arrive."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.system.linux.arrivals.homes import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.watch.close()
