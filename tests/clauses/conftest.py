# SPDX-License-Identifier: Apache-2.0
"""A school under a pack for each proof."""

from collections.abc import Callable, Iterator

import pytest

from collector.authority import Authority
from tests.clauses.world import World, load_policy_of
from tests.collector.conftest import authority as authority
from tests.collector.conftest import config as config
from tests.collector.conftest import empty_collector as empty_collector
from tests.collector.conftest import engine as engine
from tests.collector.conftest import school as school
from tests.collector.school import School


@pytest.fixture
def make_world(school: School, authority: Authority) -> Iterator[Callable[[str], World]]:
    """Make the world of a pack; it is ended with the test."""
    made: list[World] = []

    def make(pack: str) -> World:
        made.append(World(school, authority, pack, load_policy_of(pack)))
        return made[-1]

    yield make
    for world in made:
        world.close()
