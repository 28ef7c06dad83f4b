# SPDX-License-Identifier: Apache-2.0
"""Tests of the law: nobody decides what he asked for, nor what is for himself."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.audit import COMMAND_LINE, list_entries
from collector.errors import PermissionDeniedError
from collector.exceptions import ExceptionRequest, Scope, Status, find_objection
from collector.roles import Role
from collector.store.engine import reading
from collector.users import add_user, reset_password
from tests.collector.exceptions.conftest import Register
from tests.collector.people.lists import take

TOR = ("bypass-tor",)


@pytest.fixture
def any_request(register: Register) -> ExceptionRequest:
    """A request that waits."""
    return register.find(register.ask())


def objection_of(register: Register, id_: str, user: str) -> str:
    """Return why a user may not decide."""
    with reading(register.school.engine) as connection:
        return find_objection(connection, register.school.id, register.find(id_), user)


def test_somebody_else_decides(register: Register) -> None:
    """A user who neither asked nor is meant may, whether the register of people knows him or not."""
    id_ = register.ask(by="anna")
    assert objection_of(register, id_, "ben") == ""
    assert objection_of(register, id_, "a-stranger") == ""


@pytest.mark.parametrize("user", ["anna", COMMAND_LINE])
def test_neither_the_asker_nor_somebody_unknown_decides(register: Register, user: str) -> None:
    """Neither grants, refuses nor reviews it, and nothing is changed by trying."""
    id_ = register.ask(by="anna")
    rows = len(list_entries(register.school.engine, register.school.id))
    for decide in (register.grant, register.refuse):
        with pytest.raises(PermissionDeniedError):
            decide(id_, by=user)
    assert register.find(id_).find_status(register.school.now_ns) is Status.WAITING
    register.grant(id_, by="ben")
    with pytest.raises(PermissionDeniedError):
        register.review(id_, by=user)
    # That it was granted, and nothing of what was tried.
    assert len(list_entries(register.school.engine, register.school.id)) == rows + 1


def test_asker_at_the_command_line_is_nobody(register: Register) -> None:
    """What was asked there is decided by anybody at the console, never there."""
    id_ = register.ask(by=COMMAND_LINE)
    assert objection_of(register, id_, "anna") == ""
    assert "console" in objection_of(register, id_, COMMAND_LINE)


def test_whoever_it_is_for_does_not_decide(register: Register) -> None:
    """Of several people, none of them."""
    id_ = register.ask(Scope(rules=TOR, people=("p1", "s2")), by="anna")
    assert "for himself" in objection_of(register, id_, "ben")
    with pytest.raises(PermissionDeniedError):
        register.grant(id_, by="ben")
    assert objection_of(register, id_, "carol") == ""


def test_second_name_of_the_same_person_does_not_help(register: Register) -> None:
    """Whoever gets another user name is known by the accounts that he had under the first, as asker and as subject."""
    asked, meant = register.ask(by="anna"), register.ask(Scope(rules=TOR, people=("s1",)), by="carol")
    take(
        register.school,
        {"person_id": "s1", "kind": "staff", "user_name": "anna.green", "accounts": "directory:anna"},
    )
    for user in ("anna", "anna.green"):
        assert objection_of(register, asked, user)
        assert objection_of(register, meant, user)


def test_user_whom_the_asker_made_does_not_decide(register: Register) -> None:
    """Nor whom he gave a new password: he may be that user."""
    school, id_ = register.school, register.ask(by="anna")
    for name, maker in (("second", "anna"), ("third", "ben")):
        add_user(school.engine, school.id, name, {Role.HEADTEACHER}, school.now_ns, actor=maker)
    assert "made your user" in objection_of(register, id_, "second")
    assert objection_of(register, id_, "third") == ""
    reset_password(school.engine, school.id, "third", school.now_ns, actor="anna")
    assert "made your user" in objection_of(register, id_, "third")


def test_person_who_lost_the_user_name_is_known_by_the_accounts(register: Register) -> None:
    """A row that is taken out of the list of users makes nobody a judge of his own exception."""
    id_ = register.ask(Scope(rules=TOR, people=("s2",)), by="anna")
    take(register.school, {"person_id": "s2", "kind": "staff", "accounts": "directory:ben"})
    assert objection_of(register, id_, "ben")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asker=st.sampled_from(["anna", "ben", "carol", COMMAND_LINE]),
    decider=st.sampled_from(["anna", "ben", "carol", COMMAND_LINE]),
    people=st.sets(st.sampled_from(["s1", "s2", "p1"])),
)
def test_law_holds_for_everybody(any_request: ExceptionRequest, register: Register, asker, decider, people) -> None:
    """Whoever asked, whoever decides, whomever it is for: the two are never one."""
    request = replace(any_request, asked_by=asker, scope=replace(any_request.scope, people=tuple(people)))
    with reading(register.school.engine) as connection:
        may = not find_objection(connection, register.school.id, request, decider)
    users = {"s1": "anna", "s2": "ben", "p1": ""}
    assert may is (decider not in (asker, COMMAND_LINE, *(users[each] for each in people)))
