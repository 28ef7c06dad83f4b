# SPDX-License-Identifier: Apache-2.0
"""Tests of taking a list of people into the register."""

import pytest

from collector.audit import list_entries, verify_audit
from collector.errors import UsageError
from collector.people import find_person, find_person_by_id, import_people
from collector.store.schema import accounts, people
from tests.collector.people.lists import take
from tests.collector.school import SECOND_NS, School

ADA = {"person_id": "ada", "accounts": "directory:ada", "year_group": "7"}
BEN = {"person_id": "ben", "accounts": "directory:ben|sid:S-1-5-21-1-2-3"}


def test_report_says_what_became_of_each(school: School) -> None:
    """New, changed, unchanged, missing and refused; the same file again changes nothing."""
    first = take(school, ADA, BEN)
    assert (first.taken, first.changed, first.unchanged, first.missing) == (("ada", "ben"), (), 0, ())
    second = take(school, ADA | {"year_group": "8"}, {"person_id": "cy"}, {"person_id": "d d"})
    assert (second.taken, second.changed, second.unchanged, second.missing) == (("cy",), ("ada",), 0, ("ben",))
    assert [(each.line, each.column) for each in second.refused] == [(4, "person_id")]
    third = take(school, ADA | {"year_group": "8"}, BEN, {"person_id": "cy"})
    assert (third.taken, third.changed, third.unchanged, third.missing, third.refused) == ((), (), 3, (), ())


def test_dry_run_changes_nothing(school: School) -> None:
    """Neither register nor log; the report is the one of the real run."""
    take(school, ADA)
    before = len(list_entries(school.engine, school.id))
    dry = take(school, ADA | {"class": "8C"}, BEN, is_dry_run=True, ends_missing=True)
    assert (dry.taken, dry.changed, dry.is_dry_run) == (("ben",), ("ada",), True)
    assert school.count(people) == 1
    assert len(list_entries(school.engine, school.id)) == before


def test_missing_people_stay(school: School) -> None:
    """Nobody is deleted, and the account finds its person still."""
    take(school, ADA, BEN)
    report = take(school, ADA)
    assert report.missing == ("ben",)
    assert report.ended == ()
    found = find_person(school.engine, school.id, "directory:ben")
    assert found
    assert found.until_date == ""


def test_time_of_missing_people_can_be_ended(school: School) -> None:
    """They are kept with a last day, are missing no more afterwards, and can come back."""
    take(school, ADA, BEN)
    assert take(school, ADA, ends_missing=True).ended == ("ben",)
    ben = find_person_by_id(school.engine, school.id, "ben")
    assert ben
    assert (ben.until_date, ben.accounts) == ("2026-11-21", ("directory:ben", "sid:S-1-5-21-1-2-3"))
    assert take(school, ADA, ends_missing=True).missing == ()
    assert take(school, ADA, BEN).changed == ("ben",)


def test_somebody_whose_line_was_refused_is_not_missing(school: School) -> None:
    """A typing error ends nobody's time at the school."""
    take(school, ADA, BEN)
    report = take(school, ADA, BEN | {"kind": "pupl"}, ends_missing=True)
    assert (report.missing, len(report.refused)) == ((), 1)


def test_accounts_move_and_go(school: School) -> None:
    """What a person has no more belongs to nobody, or to the other whose line claims it."""
    take(school, ADA, BEN)
    take(school, ADA | {"accounts": "directory:ben"}, BEN | {"accounts": ""})
    owner = find_person(school.engine, school.id, "directory:ben")
    assert owner
    assert owner.person_id == "ada"
    assert find_person(school.engine, school.id, "directory:ada") is None
    assert school.count(accounts) == 1


def test_file_that_is_no_list_changes_nothing(school: School) -> None:
    """Never half of it."""
    take(school, ADA)
    with pytest.raises(UsageError):
        import_people(school.engine, school.id, b"name,kind\nBen,pupil\n", actor="root", now_ns=school.now_ns)
    assert school.count(people) == 1


def test_import_is_in_the_log_without_names(school: School) -> None:
    """How many, and the digest of the file, so that it can be shown later which file it was."""
    take(school, ADA, BEN, {"person_id": "x y"})
    (entry,) = list_entries(school.engine, school.id)
    assert (entry.actor, entry.action, entry.subject) == ("root", "people.imported", "people")
    assert entry.detail.startswith("2 new, 0 changed, 0 unchanged, 0 ended, 1 refused; SHA-256 ")
    assert "ada" not in str(entry).lower()


def test_accounts_of_a_console_user_are_in_the_log_one_by_one(school: School) -> None:
    """They decide what a reader never sees of his own: taking them away from him is seen."""
    dora = {"person_id": "s1", "kind": "staff", "user_name": "dora", "accounts": "directory:dora"}
    take(school, ADA, dora)
    take(school, ADA, dora | {"class": "7B"})
    take(school, ADA, dora | {"accounts": ""})
    take(school, ADA, dora | {"user_name": "", "accounts": ""})
    changes = [each for each in list_entries(school.engine, school.id) if each.action == "person.accounts_changed"]
    assert [(each.subject, each.detail) for each in reversed(changes)] == [
        ("person/s1", "user dora with 1 accounts; before: nobody with 0"),
        ("person/s1", "user dora with 0 accounts; before: dora with 1"),
        ("person/s1", "user nobody with 0 accounts; before: dora with 0"),
    ]
    verify_audit(school.engine, school.id)


def test_many_people_are_taken_at_once(school: School) -> None:
    """More than a database takes in one list of values."""
    pupils = [{"person_id": f"p{number}", "accounts": f"directory:p{number}"} for number in range(3000)]
    assert len(take(school, *pupils).taken) == 3000
    school.pass_time(SECOND_NS)
    assert len(take(school, *(each | {"class": "7B"} for each in pupils)).changed) == 3000
    assert school.count(accounts) == 3000
