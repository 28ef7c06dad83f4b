# SPDX-License-Identifier: Apache-2.0
"""Tests of users."""

from typing import Literal

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from collector import passwords
from collector.audit import list_entries, verify_audit
from collector.errors import PermissionDeniedError, UsageError
from collector.roles import Role
from collector.sessions import Session, find_session
from collector.store.engine import reading, writing
from collector.store.schema import users
from collector.users import (
    add_user,
    change_password,
    change_roles,
    disable,
    enable,
    list_users,
    reset_password,
    reset_second_factor,
    sign_in,
)
from tests.collector.school import School

PASSWORD = "correct horse battery"


def enter(school: School, name: str, password: str) -> Session:
    """Sign in and return the session."""
    session_id = sign_in(school.engine, school.id, name, password, school.now_ns, address="192.0.2.7")
    session = find_session(school.engine, school.id, session_id, school.now_ns)
    assert session
    return session


def is_live(school: School, session: Session) -> bool:
    """Return whether a session is still in force."""
    return find_session(school.engine, school.id, session.id, school.now_ns) is not None


def find_actions(school: School) -> list[tuple[str, str, str]]:
    """Return what the audit log says, oldest first."""
    return [(each.actor, each.action, each.subject) for each in reversed(list_entries(school.engine, school.id))]


def test_new_user_signs_in_with_the_one_time_password_and_must_change_it(school: School) -> None:
    """The first session of a user asks for a new password; the one after that does not."""
    one_time = school.add_user("anna", Role.TECHNICIAN)
    session = enter(school, "anna", one_time)
    assert session.must_change_password
    change_password(school.engine, school.id, "anna", one_time, PASSWORD, school.now_ns)
    assert not enter(school, "anna", PASSWORD).must_change_password
    with pytest.raises(PermissionDeniedError):
        enter(school, "anna", one_time)


@pytest.mark.parametrize("name", ["a", "Anna", "anna maria", "анна", "anna\n", "x" * 65, "", "../anna", "anna/"])
def test_odd_name_is_refused(school: School, name: str) -> None:
    """A name is small letters, digits, dots, hyphens and underscores."""
    with pytest.raises(UsageError, match="not a user's name"):
        add_user(school.engine, school.id, name, {Role.TECHNICIAN}, school.now_ns)


def test_taken_name_is_refused(school: School) -> None:
    """A second user of one name changes nothing for the first."""
    one_time = school.add_user("anna", Role.TECHNICIAN)
    with pytest.raises(UsageError, match="there is a user anna already"):
        school.add_user("anna", Role.ADMINISTRATOR)
    assert enter(school, "anna", one_time).roles == {Role.TECHNICIAN}


def test_wrong_password_and_unknown_name_get_the_same_answer(school: School) -> None:
    """Nobody learns from the answer which names exist."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    answers = []
    for name in ("anna", "nobody-of-this-name"):
        with pytest.raises(PermissionDeniedError) as refused:
            enter(school, name, "wrong")
        answers.append((refused.value.message, refused.value.hint))
    assert answers[0] == answers[1]


def test_unknown_name_costs_as_much_work(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an unknown name one hash is computed too, with the same parameters."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    computed: list[str] = []

    class CountingHasher(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            computed.append(str(hash).rsplit("$", 2)[0])
            return super().verify(hash, password)

    parameters = passwords.HASHER
    counting = CountingHasher(parameters.time_cost, parameters.memory_cost, parameters.parallelism)
    monkeypatch.setattr(passwords, "HASHER", counting)
    for name in ("anna", "nobody-of-this-name"):
        with pytest.raises(PermissionDeniedError):
            enter(school, name, "wrong")
    assert len(computed) == 2
    assert computed[0] == computed[1]


def test_failed_sign_ins_are_in_the_log_without_unknown_names(school: School) -> None:
    """A failure is recorded; a name that does not exist is not, because it may be a password."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    for name in ("anna", "my secret password"):
        with pytest.raises(PermissionDeniedError):
            enter(school, name, "wrong")
    newest = list_entries(school.engine, school.id, limit=2)
    assert [(each.actor, each.action, each.detail) for each in newest] == [
        ("nobody", "sign_in.failed", "192.0.2.7"),
        ("anna", "sign_in.failed", "192.0.2.7"),
    ]
    assert "secret" not in str(newest)


def test_outdated_hash_is_renewed_at_sign_in(school: School) -> None:
    """A hash with weaker parameters is replaced when the password is at hand."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    with writing(school.engine) as connection:
        connection.execute(update(users).values(password_hash=weak))
    enter(school, "anna", PASSWORD)
    with reading(school.engine) as connection:
        kept = connection.execute(select(users.c.password_hash)).scalar_one()
    assert kept != weak
    assert not passwords.is_outdated(kept)
    assert enter(school, "anna", PASSWORD)


def test_changing_a_password_ends_all_other_sessions(school: School) -> None:
    """Whoever knew the old password is out; the browser that changed it gets a new session."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    first, second = enter(school, "anna", PASSWORD), enter(school, "anna", PASSWORD)
    new = change_password(school.engine, school.id, "anna", PASSWORD, "another long secret", school.now_ns)
    assert not is_live(school, first)
    assert not is_live(school, second)
    assert find_session(school.engine, school.id, new, school.now_ns)


@pytest.mark.parametrize(
    ("new", "reason"), [("short", "shorter"), (PASSWORD, "present one"), ("anna-2026-anna", "name")]
)
def test_bad_new_password_changes_nothing(school: School, new: str, reason: str) -> None:
    """A new password that may not be chosen leaves password and sessions as they were."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    session = enter(school, "anna", PASSWORD)
    with pytest.raises(UsageError, match=reason):
        change_password(school.engine, school.id, "anna", PASSWORD, new, school.now_ns)
    assert is_live(school, session)
    assert enter(school, "anna", PASSWORD)


def test_one_time_password_cannot_be_kept(school: School) -> None:
    """The one-time password is no choice for the new one."""
    one_time = school.add_user("anna", Role.TECHNICIAN)
    with pytest.raises(UsageError, match="present one"):
        change_password(school.engine, school.id, "anna", one_time, one_time, school.now_ns)


def test_wrong_old_password_changes_nothing(school: School) -> None:
    """A session left open is not enough to change a password; the attempt is in the log."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    with pytest.raises(PermissionDeniedError):
        change_password(school.engine, school.id, "anna", "wrong", "another long secret", school.now_ns)
    assert enter(school, "anna", PASSWORD)
    assert ("anna", "password_change.failed", "user/anna") in find_actions(school)


def test_reset_gives_a_new_one_time_password(school: School) -> None:
    """After a reset the old password and all sessions are gone."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    session = enter(school, "anna", PASSWORD)
    one_time = reset_password(school.engine, school.id, "anna", school.now_ns, actor="root")
    assert not is_live(school, session)
    with pytest.raises(PermissionDeniedError):
        enter(school, "anna", PASSWORD)
    assert enter(school, "anna", one_time).must_change_password


def test_disabled_user_is_out_at_once_and_can_come_back(school: School) -> None:
    """Disabling ends sessions and refuses the right password; enabling gives the password back."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    school.add_user("root", Role.ADMINISTRATOR)
    session = enter(school, "anna", PASSWORD)
    disable(school.engine, school.id, "anna", school.now_ns, actor="root")
    assert not is_live(school, session)
    with pytest.raises(PermissionDeniedError):
        enter(school, "anna", PASSWORD)
    enable(school.engine, school.id, "anna", school.now_ns, actor="root")
    assert not is_live(school, session)
    assert enter(school, "anna", PASSWORD)


def test_somebody_can_always_manage_users(school: School) -> None:
    """The last administrator cannot be disabled, and nobody disables or resets himself."""
    school.add_user("root", Role.ADMINISTRATOR)
    school.add_user("anna", Role.TECHNICIAN)
    with pytest.raises(UsageError, match="nobody would be left"):
        disable(school.engine, school.id, "root", school.now_ns)
    with pytest.raises(UsageError, match="disables himself"):
        disable(school.engine, school.id, "root", school.now_ns, actor="root")
    with pytest.raises(UsageError, match="resets his own"):
        reset_password(school.engine, school.id, "root", school.now_ns, actor="root")
    school.add_user("root2", Role.ADMINISTRATOR)
    disable(school.engine, school.id, "root", school.now_ns, actor="root2")
    assert [user.is_disabled for user in list_users(school.engine, school.id)] == [False, True, False]


@pytest.mark.parametrize("act", [disable, enable, reset_password, reset_second_factor])
def test_unknown_user_is_an_error(school: School, act) -> None:
    """What is done to nobody is refused, and not in the log."""
    with pytest.raises(UsageError, match="there is no user ghost"):
        act(school.engine, school.id, "ghost", school.now_ns)
    assert list_entries(school.engine, school.id) == []


def test_users_of_another_school_do_not_exist(school: School) -> None:
    """A name and password are good at one school only."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    with pytest.raises(PermissionDeniedError):
        sign_in(school.engine, "another school", "anna", PASSWORD, school.now_ns)
    assert list_users(school.engine, "another school") == []


def test_everything_is_in_the_log(school: School) -> None:
    """Each change of a user is a row of the audit log, with who did it, and the chain verifies."""
    school.add_user("root", Role.ADMINISTRATOR)
    add_user(school.engine, school.id, "anna", {Role.TECHNICIAN}, school.now_ns, actor="root")
    one_time = reset_password(school.engine, school.id, "anna", school.now_ns, actor="root")
    enter(school, "anna", one_time)
    change_password(school.engine, school.id, "anna", one_time, PASSWORD, school.now_ns)
    disable(school.engine, school.id, "anna", school.now_ns, actor="root")
    enable(school.engine, school.id, "anna", school.now_ns, actor="root")
    assert find_actions(school) == [
        ("command line", "user.added", "user/root"),
        ("root", "user.added", "user/anna"),
        ("root", "password.reset", "user/anna"),
        ("anna", "user.signed_in", "user/anna"),
        ("anna", "password.changed", "user/anna"),
        ("root", "user.disabled", "user/anna"),
        ("root", "user.enabled", "user/anna"),
    ]
    assert verify_audit(school.engine, school.id) == 7


@pytest.mark.parametrize("name", ["schoolwarden", "nobody", "init"])
def test_reserved_names_are_refused(school: School, name: str) -> None:
    """Nobody can act under a name that stands in the logs for the program."""
    with pytest.raises(UsageError, match="is reserved"):
        add_user(school.engine, school.id, name, {Role.TECHNICIAN}, school.now_ns)
    assert list_users(school.engine, school.id) == []


def test_roles_that_do_not_go_together_are_refused(school: School) -> None:
    """Whoever gives out accounts reads no flags; and nobody is without a role."""
    for roles in ({Role.ADMINISTRATOR, Role.DSL}, {Role.ADMINISTRATOR, Role.TECHNICIAN, Role.HEADTEACHER}):
        with pytest.raises(UsageError, match="do not go together"):
            school.add_user("anna", roles)
    with pytest.raises(UsageError, match="choose a role"):
        school.add_user("anna", set())
    assert list_users(school.engine, school.id) == []
    school.add_user("anna", {Role.TECHNICIAN, Role.DSL})
    assert list_users(school.engine, school.id)[0].roles == {Role.TECHNICIAN, Role.DSL}


def test_administrator_among_several_roles_counts(school: School) -> None:
    """A technician who is the only administrator cannot be disabled either."""
    school.add_user("root", {Role.ADMINISTRATOR, Role.TECHNICIAN})
    with pytest.raises(UsageError, match="nobody would be left"):
        disable(school.engine, school.id, "root", school.now_ns)


def test_reset_second_factor_signs_its_user_out(school: School) -> None:
    """And leaves the password as it was; nobody does it to himself."""
    school.add_user("dora", Role.DSL, PASSWORD)
    school.add_second_factor("dora")
    session = enter(school, "dora", PASSWORD)
    with pytest.raises(UsageError, match="his own second factor"):
        reset_second_factor(school.engine, school.id, "dora", school.now_ns, actor="dora")
    reset_second_factor(school.engine, school.id, "dora", school.now_ns, actor="root")
    assert not is_live(school, session)
    assert not list_users(school.engine, school.id)[0].has_second_factor
    assert enter(school, "dora", PASSWORD).lacks_second_factor
    with pytest.raises(UsageError, match="dora has no second factor"):
        reset_second_factor(school.engine, school.id, "dora", school.now_ns)
    assert ("root", "second_factor.reset", "user/dora") in find_actions(school)


def test_roles_are_changed(school: School) -> None:
    """At once: the sessions end, and what comes back has the new roles, with a second factor to register for them."""
    school.add_user("root", Role.ADMINISTRATOR)
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    session = enter(school, "anna", PASSWORD)
    change_roles(school.engine, school.id, "anna", {Role.TECHNICIAN, Role.DSL}, school.now_ns, actor="root")
    assert not is_live(school, session)
    again = enter(school, "anna", PASSWORD)
    assert again.roles == {Role.TECHNICIAN, Role.DSL}
    assert again.lacks_second_factor
    assert ("root", "user.roles_changed", "user/anna") in find_actions(school)


@pytest.mark.parametrize(
    ("name", "roles", "actor", "reason"),
    [
        ("anna", {Role.DSL, Role.ADMINISTRATOR}, "root", "do not go together"),
        ("anna", set(), "root", "choose a role"),
        ("anna", {Role.ADMINISTRATOR}, "anna", "his own roles"),
        ("root", {Role.TECHNICIAN}, "command line", "nobody would be left"),
        ("ghost", {Role.TECHNICIAN}, "root", "there is no user ghost"),
    ],
)
def test_roles_that_cannot_be_change_nothing(
    school: School, name: str, roles: set[Role], actor: str, reason: str
) -> None:
    """Neither roles nor log."""
    school.add_user("root", Role.ADMINISTRATOR)
    school.add_user("anna", Role.TECHNICIAN)
    before = find_actions(school)
    with pytest.raises(UsageError, match=reason):
        change_roles(school.engine, school.id, name, roles, school.now_ns, actor=actor)
    assert [user.roles for user in list_users(school.engine, school.id)] == [{Role.TECHNICIAN}, {Role.ADMINISTRATOR}]
    assert find_actions(school) == before
