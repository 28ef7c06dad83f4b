# SPDX-License-Identifier: Apache-2.0
"""Tests of absences."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from collector.absences import end_absence, list_absences, list_absent, note_absence, read_days
from collector.audit import list_entries, verify_audit
from collector.errors import UsageError
from collector.roles import Role
from tests.collector.school import SECOND_NS, School

DAY_NS = 86_400 * SECOND_NS


@pytest.fixture
def dora(school: School) -> str:
    """A safeguarding lead."""
    school.add_user("dora", Role.DSL)
    return "dora"


def note(school: School, user: str, from_ns: int, until_ns: int, actor: str = "root") -> None:
    """Note an absence."""
    note_absence(
        school.engine, school.id, user=user, from_ns=from_ns, until_ns=until_ns, actor=actor, now_ns=school.now_ns
    )


def is_away(school: School, user: str) -> bool:
    """Return whether a user is away now."""
    return user in list_absent(school.engine, school.id, school.now_ns)


def test_reader_is_away_from_the_first_moment_to_the_last(school: School, dora: str) -> None:
    """Not before, and not from the moment in which it ends."""
    note(school, dora, school.now_ns + DAY_NS, school.now_ns + 2 * DAY_NS)
    away = []
    for span_ns in (0, DAY_NS, DAY_NS - 1, 1):
        school.pass_time(span_ns)
        away.append(is_away(school, dora))
    assert away == [False, True, True, False]
    assert list_absences(school.engine, school.id, school.now_ns) == []


def test_absence_ends_when_the_reader_is_back(school: School, dora: str) -> None:
    """The one that is in force ends now; one that lies ahead is taken back; then there is none to end."""
    note(school, dora, school.now_ns, school.now_ns + DAY_NS)
    note(school, dora, school.now_ns + DAY_NS, school.now_ns + 2 * DAY_NS)
    school.pass_time(SECOND_NS)
    for left in (1, 0):
        end_absence(school.engine, school.id, user=dora, actor=dora, now_ns=school.now_ns)
        assert len(list_absences(school.engine, school.id, school.now_ns, user=dora)) == left
        assert not is_away(school, dora)
    with pytest.raises(UsageError, match="not noted as away"):
        end_absence(school.engine, school.id, user=dora, actor=dora, now_ns=school.now_ns)


@pytest.mark.parametrize(
    ("user", "from_days", "until_days", "reason"),
    [
        ("dora", 2, 1, "ends after it begins"),
        ("dora", 1, 1, "ends after it begins"),
        ("dora", -2, -1, "over already"),
        ("dora", 0, 400, "at most"),
        ("tess", 0, 1, "reads no safeguarding flags"),
        ("ghost", 0, 1, "there is no user ghost"),
    ],
)
def test_absence_that_cannot_be_is_refused(
    school: School, dora: str, user: str, from_days: int, until_days: int, reason: str
) -> None:
    """Nothing is noted, and nothing stands in the log."""
    school.add_user("tess", Role.TECHNICIAN)
    before = len(list_entries(school.engine, school.id))
    with pytest.raises(UsageError, match=reason):
        note(school, user, school.now_ns + from_days * DAY_NS, school.now_ns + until_days * DAY_NS)
    assert list_absences(school.engine, school.id, 0) == []
    assert len(list_entries(school.engine, school.id)) == before


def test_two_absences_do_not_overlap(school: School, dora: str) -> None:
    """Which of two would be in force cannot be a question."""
    note(school, dora, school.now_ns + DAY_NS, school.now_ns + 3 * DAY_NS)
    for first, last in ((0, 2), (2, 4), (1, 3), (0, 9)):
        with pytest.raises(UsageError, match="in that time already"):
            note(school, dora, school.now_ns + first * DAY_NS, school.now_ns + last * DAY_NS)
    note(school, dora, school.now_ns + 3 * DAY_NS, school.now_ns + 4 * DAY_NS)


def test_absences_are_in_the_log_with_who_noted_them(school: School, dora: str) -> None:
    """An administrator who sends a lead on leave is seen."""
    note(school, dora, school.now_ns, school.now_ns + DAY_NS, actor="root")
    end_absence(school.engine, school.id, user=dora, actor=dora, now_ns=school.now_ns + 1)
    newest = list_entries(school.engine, school.id, limit=2)
    assert [(each.actor, each.action, each.subject) for each in newest] == [
        ("dora", "absence.ended", "user/dora"),
        ("root", "absence.noted", "user/dora"),
    ]
    verify_audit(school.engine, school.id)


def test_absences_of_another_school_are_not_ours(school: School, dora: str) -> None:
    """Every query names the school."""
    note(school, dora, school.now_ns, school.now_ns + DAY_NS)
    assert list_absent(school.engine, "another school", school.now_ns) == frozenset()
    assert list_absences(school.engine, "another school", school.now_ns) == []


def test_days_are_whole_days_of_the_school(school: School) -> None:
    """From the first midnight to the one after the last day, in summer time as well."""
    first, last = read_days("2026-11-23", "2026-11-24", UTC)
    assert last - first == 2 * DAY_NS
    in_summer, _ = read_days("2026-07-01", "2026-07-01", ZoneInfo("Europe/London"))
    assert in_summer == read_days("2026-07-01", "2026-07-01", UTC)[0] - 3600 * SECOND_NS


@pytest.mark.parametrize("day", ["", "tomorrow", "23/11/2026", "2026-13-01", "9999-12-31", "0001-01-01", "\x1b[2J"])
def test_what_is_no_day_is_refused(day: str) -> None:
    """With how a day is written."""
    with pytest.raises(UsageError, match="is no day") as refused:
        read_days("2026-11-23", day, UTC)
    assert "2026-11-23" in refused.value.hint
