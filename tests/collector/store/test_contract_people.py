# SPDX-License-Identifier: Apache-2.0
"""Tests of people, absences and second factors on every engine: more of each is told beside its module."""

import threading

import pytest

from collector.absences import end_absence, list_absent, note_absence
from collector.audit import verify_audit
from collector.errors import PermissionDeniedError
from collector.people import count_people, find_person, list_directory, list_people, list_years
from collector.roles import Role
from collector.second_factor import load_second_factor_key, verify_code
from tests.collector.people.lists import take
from tests.collector.school import MINUTE_NS, School

ADA = {"person_id": "p1", "name": "Ada Byron", "accounts": "directory:ada", "year_group": "7"}
BEN = {"person_id": "p2", "name": "Ben", "accounts": "directory:ben", "year_group": "8"}


def test_people_come_change_and_leave(school: School) -> None:
    """Accounts change hands in one list, and a search means the same everywhere."""
    assert take(school, ADA, BEN).taken == ("p1", "p2")
    assert take(school, ADA | {"accounts": "directory:ben"}, BEN | {"accounts": "directory:ada"}).changed == (
        "p1",
        "p2",
    )
    assert take(school, BEN, ends_missing=True).ended == ("p1",)
    found = find_person(school.engine, school.id, "directory:ben")
    assert found
    assert (found.person_id, found.until_date) == ("p1", "2026-11-21")
    assert [person.person_id for person in list_people(school.engine, school.id, search="BYRON", limit=5)[0]] == ["p1"]
    assert list_people(school.engine, school.id, search="%", limit=5) == ([], 0)
    assert list_years(school.engine, school.id) == ["7", "8"]
    assert sum(count_people(school.engine, school.id).values()) == 2
    assert list_directory(school.engine, school.id)[0][0] == "directory:ada"
    verify_audit(school.engine, school.id)


def test_absence_begins_and_ends(school: School) -> None:
    """As it is noted."""
    school.add_user("dora", Role.DSL)
    span = {"from_ns": school.now_ns, "until_ns": school.now_ns + MINUTE_NS}
    note_absence(school.engine, school.id, user="dora", actor="root", now_ns=school.now_ns, **span)
    assert list_absent(school.engine, school.id, school.now_ns) == {"dora"}
    end_absence(school.engine, school.id, user="dora", actor="root", now_ns=school.now_ns + 1)
    assert list_absent(school.engine, school.id, school.now_ns + 1) == frozenset()


def test_code_given_many_times_at_once_comes_through_once(school: School) -> None:
    """However an engine orders those who write."""
    school.add_user("dora", Role.DSL)
    school.add_second_factor("dora")
    key, code, outcomes = load_second_factor_key(school.config), school.make_code("dora"), []

    def try_it() -> None:
        try:
            verify_code(school.engine, school.id, key, user="dora", code=code, now_ns=school.now_ns)
            outcomes.append("in")
        except PermissionDeniedError:
            outcomes.append("out")

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in"] + 5 * ["out"]
    with pytest.raises(PermissionDeniedError):
        verify_code(school.engine, school.id, key, user="dora", code=code, now_ns=school.now_ns)
    verify_audit(school.engine, school.id)
