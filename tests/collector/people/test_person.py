# SPDX-License-Identifier: Apache-2.0
"""Tests of what a person may be."""

import pytest

from collector.people.person import Person, PersonKind, Post, list_contradictions
from collector.roles import Role


def test_every_role_of_the_console_is_a_post() -> None:
    """A member of staff can be listed as what he is at the console."""
    assert {role.value for role in Role} <= {post.value for post in Post}


@pytest.mark.parametrize("post", [Post.DSL, Post.DEPUTY_DSL, Post.HEADTEACHER, Post.CHAIR_OF_GOVERNORS])
def test_administrator_reads_no_safeguarding(post: Post) -> None:
    """Whoever runs the system holds no post that reads flags; a technician may."""
    runs_it = Person(person_id="s1", name="S", kind=PersonKind.STAFF, roles=(Post.ADMINISTRATOR, post))
    assert [column for column, _, _ in list_contradictions(runs_it)] == ["roles"]
    repairs_it = Person(person_id="s1", name="S", kind=PersonKind.STAFF, roles=(Post.TECHNICIAN, post))
    assert list_contradictions(repairs_it) == []
