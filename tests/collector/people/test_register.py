# SPDX-License-Identifier: Apache-2.0
"""Tests of asking the register."""

from typing import Any

import pytest

from collector.people import (
    PersonKind,
    count_people,
    find_person,
    find_person_by_id,
    list_accounts_of_user,
    list_directory,
    list_people,
    list_years,
)
from tests.collector.people.lists import take
from tests.collector.school import School

LOCAL = "local:00112233445566aa:1000"
DORAS = "directory:d|sid:S-1-5-1"


@pytest.fixture
def register(school: School) -> School:
    """A school with a few people."""
    take(
        school,
        {"person_id": "p1", "name": "Ada Byron", "accounts": "directory:ada", "year_group": "7", "class": "7B"},
        {"person_id": "p2", "name": "Zoe 100%", "year_group": "8", "class": "8_C"},
        {"person_id": "p3", "name": "Ben", "accounts": LOCAL, "year_group": "7", "class": "7A"},
        {"person_id": "y1", "name": "Year 1", "kind": "shared", "accounts": "directory:year1"},
        {
            "person_id": "s1",
            "name": "Dora",
            "kind": "staff",
            "user_name": "dora",
            "accounts": DORAS,
        },
    )
    return school


def list_ids(school: School, **asked: Any) -> list[str]:
    """Return the ids of a search."""
    return [person.person_id for person in list_people(school.engine, school.id, limit=10, **asked)[0]]


def test_account_finds_its_person_only_as_a_whole(register: School) -> None:
    """A local account is nobody of the directory, nor of another machine; what is in no row is unmapped."""
    found = find_person(register.engine, register.id, "directory:ada")
    assert found
    assert (found.person_id, found.accounts) == ("p1", ("directory:ada",))
    for account in ("local:00112233445566aa:ada", "local:00112233445566aa:1001", "local:ff112233445566aa:1000", "ada"):
        assert find_person(register.engine, register.id, account) is None
    assert find_person(register.engine, register.id, LOCAL)


def test_accounts_of_a_user_are_those_of_his_person(register: School) -> None:
    """Nobody is the person of an empty name, although most people have none."""
    assert list_accounts_of_user(register.engine, register.id, "dora") == ["directory:d", "sid:S-1-5-1"]
    for name in ("", "ada", "ghost"):
        assert list_accounts_of_user(register.engine, register.id, name) == []


def test_directory_names_every_account(register: School) -> None:
    """Also shared ones; people without an account are not in it."""
    assert list_directory(register.engine, register.id) == [
        ("directory:ada", "Ada Byron", "7B"),
        ("directory:d", "Dora", ""),
        ("directory:year1", "Year 1", ""),
        (LOCAL, "Ben", "7A"),
        ("sid:S-1-5-1", "Dora", ""),
    ]


def test_list_is_by_year_and_name(register: School) -> None:
    """In parts, with how many there are in all."""
    assert list_ids(register) == ["s1", "y1", "p1", "p3", "p2"]
    part, total = list_people(register.engine, register.id, limit=2, offset=2)
    assert ([person.person_id for person in part], total) == (["p1", "p3"], 5)
    assert list_years(register.engine, register.id) == ["7", "8"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("BYRON", ["p1"]), ("p3", ["p3"]), ("7b", ["p1"]), ("%", ["p2"]), ("8_", ["p2"]), ("'; drop", []), ("", 5)],
)
def test_search_finds_parts_of_name_id_and_class(register: School, search: str, found: list[str] | int) -> None:
    """In small letters and capitals; signs that mean something to a database mean themselves."""
    ids = list_ids(register, search=search)
    assert ids == found or len(ids) == found


def test_year_chooses(register: School) -> None:
    """Together with a search."""
    assert list_ids(register, year="7") == ["p1", "p3"]
    assert list_ids(register, year="7", search="ben") == ["p3"]


def test_kinds_are_counted(register: School) -> None:
    """A kind that nobody is of counts as well."""
    counts = count_people(register.engine, register.id)
    assert list(counts.values()) == [3, 1, 1, 0, 0]
    assert list(counts) == list(PersonKind)


def test_people_of_another_school_are_not_ours(register: School) -> None:
    """Every query names the school."""
    other = (register.engine, "another school")
    assert find_person(*other, "directory:ada") is None
    assert find_person_by_id(*other, "p1") is None
    assert list_people(*other, limit=10) == ([], 0)
    assert list_accounts_of_user(*other, "dora") == []
    assert list_directory(*other) == []
