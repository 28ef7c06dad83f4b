# SPDX-License-Identifier: Apache-2.0
"""Tests of whose word on a change is a second person's."""

from collections.abc import Callable

import pytest

from collector import changes, users
from collector.audit import COMMAND_LINE
from collector.changes import FileAdded
from collector.errors import PermissionDeniedError
from collector.roles import Role
from collector.store.engine import writing
from collector.store.schema import users as users_table
from tests.collector.people.lists import take
from tests.collector.school import School
from tests.collector.small_policy import SILENT, ask, school_of


def add(school: School, name: str, actor: str) -> None:
    """Add a user who may give the second word."""
    users.add_user(school.engine, school.id, name, {Role.HEADTEACHER}, school.now_ns, actor=actor)


def give_roles(school: School) -> None:
    """Let tess give the head another role."""
    users.change_roles(school.engine, school.id, "harriet", {Role.DSL}, school.now_ns, actor="tess")


def reset_password(school: School) -> None:
    """Let tess take the head's password."""
    users.reset_password(school.engine, school.id, "harriet", school.now_ns, actor="tess")


def reset_second_factor(school: School) -> None:
    """Let tess take the head's second factor."""
    with writing(school.engine) as connection:
        connection.execute(users_table.update().values(second_factor=b"x"))
    users.reset_second_factor(school.engine, school.id, "harriet", school.now_ns, actor="tess")


def verify_refused(school: School, user: str, words: str) -> None:
    """Check that a user neither agrees to a change of somebody nor refuses it."""
    change = ask(school, FileAdded("quiet.toml", SILENT), author="tess")
    with pytest.raises(PermissionDeniedError, match=words):
        changes.agree(school_of(school), change.id, actor=user, now_ns=school.now_ns)
    with pytest.raises(PermissionDeniedError, match=words):
        changes.refuse(school.engine, school.id, change.id, actor=user, note="no", now_ns=school.now_ns)


def test_user_whom_the_author_made_gives_no_second_word(school: School) -> None:
    """Whoever made a user had the password first."""
    add(school, "second", "tess")
    verify_refused(school, "second", "made your user")


def test_command_line_is_nobody_who_made_users(school: School) -> None:
    """At many schools everybody was made there; somebody has to be able to give the second word on what it asks."""
    add(school, "second", COMMAND_LINE)
    change = ask(school, FileAdded("quiet.toml", SILENT), author=COMMAND_LINE)
    agreed = changes.agree(school_of(school), change.id, actor="second", now_ns=school.now_ns)
    assert agreed.decided_by == "second"


@pytest.mark.parametrize("deed", [give_roles, reset_password, reset_second_factor])
def test_user_whom_the_author_equipped_gives_no_second_word(school: School, deed: Callable[[School], None]) -> None:
    """Nor one who has roles, a password or a second factor from him: he may be that user, or have chosen the word."""
    add(school, "adam", "init")
    users.change_roles(school.engine, school.id, "adam", {Role.ADMINISTRATOR}, school.now_ns, actor="init")
    add(school, "harriet", "adam")
    deed(school)
    verify_refused(school, "harriet", "made your user")
    # On what others ask it is a second person's as before.
    change = ask(school, FileAdded("quiet.toml", SILENT), author="ivo")
    agreed = changes.agree(school_of(school), change.id, actor="harriet", now_ns=school.now_ns)
    assert (agreed.decided_by, agreed.version) == ("harriet", 2)


def test_second_name_of_the_same_person_gives_no_second_word(school: School) -> None:
    """Whoever gets another user name is known by the accounts that he had under the first; so is a user he made."""
    person = {"person_id": "s1", "kind": "staff", "accounts": "directory:tess"}
    take(school, person | {"user_name": "tess"})
    add(school, "second", "tess.green")
    take(school, person | {"user_name": "tess.green"})
    verify_refused(school, "tess.green", "his own change")
    verify_refused(school, "second", "made your user")
