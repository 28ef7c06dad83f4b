# SPDX-License-Identifier: Apache-2.0
"""A school under its own pack, and the people of its office at the console, for stories with a real agent.

    with open_school(tmp_path_factory, "Winchelsea School", "winchelsea") as collector:
        office = Office(collector)
        page = office.visit(Role.TECHNICIAN).get("/incidents")

The collector is a program of its own; the console that people look at here is a second one on the same database.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from collector.console.app import create_app
from collector.publications import list_publications
from collector.roles import Role, needs_second_factor
from tests.collector.console.visitor import Visitor
from tests.collector.school import School
from tests.path import RunningAgent, RunningCollector, wait_for

PASSWORD = "correct horse battery"


@contextmanager
def open_school(factory: pytest.TempPathFactory, name: str, pack: str) -> Iterator[RunningCollector]:
    """Make a collector whose first policy is that of a pack, and let it serve."""
    with RunningCollector(factory.mktemp(pack) / "collector") as collector:
        collector.init("--school", name, "--pack", pack)
        collector.start()
        yield collector


class Office:
    """Whoever works at the console, each with a password and, where the role asks for it, a second factor."""

    def __init__(self, collector: RunningCollector) -> None:
        self.collector = collector
        self._school = School(collector.config, collector.engine)
        self._app = create_app(
            collector.config, collector.engine, publish=self._school.publish, secure_cookies=True, clock_ns=time.time_ns
        )

    def visit(self, role: Role) -> Visitor:
        """Add somebody with a role and return him signed in."""
        self._school.now_ns = time.time_ns()
        self._school.add_user(role.value, role, PASSWORD)
        visitor = Visitor(self._app)
        assert visitor.sign_in(role.value, PASSWORD).status == 303
        if needs_second_factor({role}):
            self._school.add_second_factor(role.value)
            assert visitor.give_code(self._school.make_code(role.value)).status == 303
        return visitor

    def wait_until_applied(self, agent: RunningAgent) -> None:
        """Return when the device works under the newest policy."""
        newest = list_publications(self.collector.engine, self.collector.config.school_id)[0].version
        wait_for(lambda: agent.status()["policy_version"] == newest, "the newest policy", self.collector, agent)
