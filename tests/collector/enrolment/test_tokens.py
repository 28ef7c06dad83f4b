# SPDX-License-Identifier: Apache-2.0
"""Tests of tokens as people handle them: made, listed, withdrawn. What they admit is in `test_admission`."""

import pytest

from collector.audit import list_entries
from collector.authority import Authority
from collector.enrolment import list_tokens, withdraw_token
from collector.enrolment.tokens import IssuedToken
from collector.errors import EnrolmentRefusedError, UsageError
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import HOUR_NS, make_school_token
from tests.collector.school import School


def only_token(school: School) -> IssuedToken:
    """Return the only token that was made."""
    (token,) = list_tokens(school.engine, school.id, school.now_ns)
    return token


def test_list_tells_of_each_token_what_became_of_it(school: School, authority: Authority) -> None:
    """Newest first; open until it is used up, withdrawn or expired."""
    make_school_token(school, authority, uses=2, valid_for_ns=HOUR_NS)
    school.pass_time(HOUR_NS)
    Machine(school.id).enrol(school, authority, make_school_token(school, authority))
    school.pass_time(1)
    make_school_token(school, authority, uses=30)
    withdraw_token(school.engine, school.id, only_newest(school).id, now_ns=school.now_ns)
    school.pass_time(1)
    make_school_token(school, authority, uses=3)
    found = list_tokens(school.engine, school.id, school.now_ns)
    assert [(each.state, each.uses, each.uses_allowed) for each in found] == [
        ("open", 0, 3),
        ("withdrawn", 0, 30),
        ("used up", 1, 1),
        ("expired", 0, 2),
    ]
    assert {each.made_by for each in found} == {"command line"}


def only_newest(school: School) -> IssuedToken:
    """Return the token that was made last."""
    return list_tokens(school.engine, school.id, school.now_ns)[0]


def test_list_is_of_no_use_to_a_thief(school: School, authority: Authority) -> None:
    """Nothing of the secret is in it."""
    token = make_school_token(school, authority)
    assert token.secret.hex() not in str(only_token(school))


def test_withdrawn_token_admits_nobody(school: School, authority: Authority) -> None:
    """Nor does it answer the device again that came with it, which goes on as it is."""
    token = make_school_token(school, authority, uses=2)
    machine = Machine(school.id)
    machine.enrol(school, authority, token)
    withdraw_token(school.engine, school.id, only_token(school).id, now_ns=school.now_ns, actor="anna")
    for each in (Machine(school.id), machine):
        with pytest.raises(EnrolmentRefusedError, match="was withdrawn"):
            each.enrol(school, authority, token)
    assert machine.renew(school, authority)
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.actor, entry.action, entry.subject) == (
        "anna",
        "token.withdrawn",
        f"token/{only_token(school).id}",
    )
    assert entry.detail == "1 of 2 devices had enrolled with it"


def test_token_that_is_not_there_is_told(school: School, authority: Authority) -> None:
    """A mistyped id, and one that was withdrawn before; nothing is written into the audit log for it."""
    make_school_token(school, authority)
    withdraw_token(school.engine, school.id, only_token(school).id, now_ns=school.now_ns)
    for wrong, words in (("0" * 16, "there is no token"), (only_token(school).id, "withdrawn before")):
        with pytest.raises(UsageError, match=words) as caught:
            withdraw_token(school.engine, school.id, wrong, now_ns=school.now_ns)
        assert "tokens list" in caught.value.hint
    assert [each.action for each in list_entries(school.engine, school.id)] == ["token.withdrawn", "token.made"]
