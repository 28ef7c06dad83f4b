# SPDX-License-Identifier: Apache-2.0
"""Tests of pauses: how one begins, what devices are told of it, and how its end is noted."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from collector.audit import list_entries
from collector.errors import UsageError
from collector.pauses import (
    Pause,
    begin_pause,
    end_pause,
    find_span,
    load_pauses,
    note_ended,
    show_length,
    verify_what,
    write_rule_files,
)
from collector.store.engine import reading, writing
from rules.load import load_pack, parse_files
from tests.collector.school import MINUTE_NS, SECOND_NS, School

LONDON = ZoneInfo("Europe/London")


def begin(school: School, what: str = "keywords", duration_s: int = 3600) -> Pause:
    """Begin a pause."""
    with writing(school.engine) as connection:
        return begin_pause(
            connection,
            school.id,
            what,
            find_span(duration_s, LONDON, school.now_ns),
            reason="for Anna's class",
            asked_by="tess",
            decided_by="harriet",
            now_ns=school.now_ns,
        )


def at(year: int, month: int, day: int, hour: int) -> int:
    """Return a moment of universal time."""
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * SECOND_NS


def files_of(school: School) -> dict[str, str]:
    """Return what of the pauses goes into a bundle now."""
    with reading(school.engine) as connection:
        return write_rule_files(connection, school.id, load_pack("uk-baseline"), zone=LONDON, now_ns=school.now_ns)


def actions_of(school: School) -> list[tuple[str, str, str]]:
    """Return who did what to what, newest first."""
    return [(each.actor, each.action, each.subject) for each in list_entries(school.engine, school.id)]


def test_pause_is_in_the_bundle_until_it_ends(school: School) -> None:
    """By the school's own clock, and without what was written about it: that may name people."""
    begin(school)
    files = {f"school/{name}": text for name, text in files_of(school).items()}
    (pause,) = parse_files(load_pack("uk-baseline") | files).arrangements.pauses
    assert (pause.what, f"{pause.first:%H:%M}", f"{pause.last:%H:%M}") == ("keywords", "20:46", "21:46")
    assert "Anna" not in "".join(files.values())
    school.now_ns += 60 * MINUTE_NS
    assert files_of(school) == {}


def test_end_by_itself_is_in_the_audit_log_once(school: School) -> None:
    """Nobody did it, and nobody has to."""
    begin(school)
    assert note_ended(school.engine, school.id, school.now_ns) == []
    school.now_ns += 60 * MINUTE_NS
    (ended,) = note_ended(school.engine, school.id, school.now_ns)
    assert note_ended(school.engine, school.id, school.now_ns) == []
    assert actions_of(school) == [
        ("schoolwarden", "pause.ended", "pause/keywords"),
        ("harriet", "pause.begun", "pause/keywords"),
    ]
    (kept,) = load_pauses(school.engine, school.id)
    assert (kept.ended_at_ns, kept.is_on(school.now_ns)) == (ended.last_ns, False)


def test_pause_is_ended_before_its_time(school: School) -> None:
    """It is over from then on, and ends no second time by itself."""
    begin(school)
    school.now_ns += MINUTE_NS
    with writing(school.engine) as connection:
        end_pause(connection, school.id, "keywords", actor="dana", now_ns=school.now_ns)
    assert files_of(school) == {}
    assert actions_of(school)[0] == ("dana", "pause.ended", "pause/keywords")
    school.now_ns += 60 * MINUTE_NS
    assert note_ended(school.engine, school.id, school.now_ns) == []


def test_same_thing_is_not_paused_twice(school: School) -> None:
    """Nobody strings pauses together before the first has ended; another thing may be paused beside it."""
    begin(school)
    begin(school, "check:software")
    with pytest.raises(UsageError, match="paused already"):
        begin(school)


@pytest.mark.parametrize("duration_s", [0, 59, 7 * 86_400 + 1])
def test_pause_has_a_length_within_bounds(school: School, duration_s: int) -> None:
    """A week is the longest: whoever needs longer decides again."""
    with pytest.raises(UsageError, match="seven days"):
        begin(school, duration_s=duration_s)


def test_week_over_the_night_without_an_hour_is_a_week_of_the_calendar(school: School) -> None:
    """Rule files know local time, in which the seven days before the end of March would be an hour longer."""
    school.now_ns = at(2027, 3, 25, 12)
    pause = begin(school, duration_s=7 * 86_400)
    (held,) = parse_files(
        load_pack("uk-baseline") | {"school/pauses.toml": files_of(school)["pauses.toml"]}
    ).arrangements.pauses
    assert (f"{held.first:%d %H:%M}", f"{held.last:%d %H:%M}") == ("25 12:00", "01 12:00")
    assert (pause.last_ns - pause.first_ns) // SECOND_NS == 7 * 86_400 - 3600
    assert "for 6 days 23 hours" in list_entries(school.engine, school.id)[0].detail


def test_pause_that_would_be_over_before_it_begins_is_refused(school: School) -> None:
    """In the hour that comes twice, with what would be right; a longer one is possible."""
    school.now_ns = at(2027, 10, 31, 0) + 50 * MINUTE_NS
    with pytest.raises(UsageError, match="clock goes back") as caught:
        begin(school, duration_s=1800)
    assert "longer one" in caught.value.hint
    assert begin(school, duration_s=2 * 3600)


def test_pause_of_a_rule_that_there_is_not_is_left_out(school: School) -> None:
    """The others stay."""
    for what in ("keywords", "rule:bypass-tor", "rule:no-more"):
        begin(school, what)
    (text,) = files_of(school).values()
    assert [line for line in text.splitlines() if line.startswith("what")] == [
        'what = "keywords"',
        'what = "rule:bypass-tor"',
    ]


@pytest.mark.parametrize("what", ["keywords", "check:usb_storage", "rule:bypass-tor"])
def test_what_the_policy_has_can_be_paused(what: str) -> None:
    """Watching, a check of the agent, a rule."""
    verify_what(what, parse_files(load_pack("uk-baseline")))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("", "cannot be paused"),
        ("everything", "cannot be paused"),
        ("check:", "cannot be paused"),
        ("check:usb", "no check 'usb'"),
        ("rule:bypass-to", "no rule 'bypass-to'"),
    ],
)
def test_what_there_is_not_cannot_be_paused(what: str, words: str) -> None:
    """It is told what would be right."""
    with pytest.raises(UsageError, match=words) as caught:
        verify_what(what, parse_files(load_pack("uk-baseline")))
    assert caught.value.hint


def test_length_is_told_in_words() -> None:
    """Exactly, whatever units it takes."""
    assert show_length(9000) == "2 hours 30 minutes"
    assert show_length(86_400 + 60) == "1 day 1 minute"
    assert show_length(MINUTE_NS // SECOND_NS) == "1 minute"
