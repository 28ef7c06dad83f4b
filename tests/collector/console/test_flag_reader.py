# SPDX-License-Identifier: Apache-2.0
"""Tests of the one place where the console asks what a user may read."""

from typing import Any, cast

from collector.console.flag_reader import find_reader_of
from collector.console.visit import Visit
from rules.route import Route
from tests.collector.safeguarding import build_safeguarding
from tests.collector.school import School


class Asked:
    """A visit of dana's, with the parts that are asked for."""

    def __init__(self, school: School) -> None:
        self.engine, self.school_id, self.now_ns = school.engine, school.id, school.now_ns
        self.console: Any = type("Console", (), {"config": school.config})
        self.user: Any = type("Session", (), {"user": "dana"})


def test_reader_is_the_user_of_the_visit_unless_another_is_named(school: School) -> None:
    """Routes and own accounts are those of the school's set at this moment."""
    safeguarding = build_safeguarding(school)
    visit = cast("Visit", Asked(school))
    assert find_reader_of(visit) == safeguarding.reader(safeguarding.dsl)
    assert find_reader_of(visit).own_refs == {safeguarding.ref("directory:dana")}
    assert find_reader_of(visit, "heather").routes == {Route.HEAD}
    assert find_reader_of(visit, "nobody").routes == frozenset()
