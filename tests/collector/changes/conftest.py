# SPDX-License-Identifier: Apache-2.0
"""A school with a small policy that watches for keywords."""

import pytest

from tests.collector.school import School
from tests.collector.small_policy import use_small_packs


@pytest.fixture(autouse=True)
def small_packs(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packs of these tests."""
    use_small_packs(school, monkeypatch)
