# SPDX-License-Identifier: Apache-2.0
"""Tests of what must hold before a keyboard is watched, and that no policy lowers it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.policy import PolicyStore
from agent.preconditions import (
    GROUPS_UNKNOWN,
    NO_GROUP,
    NOT_X11,
    ROOT,
    STAFF_WITHOUT_REFERENCE,
    find_kind,
    list_unmet_now,
    list_unmet_of_machine,
    list_unmet_of_session,
)
from agent.readers import ReaderStore
from rules.errors import RuleFormatError
from rules.load import parse_files
from rules.model import Keywords
from tests.agent.collector import KEYWORDS, FakeCollector, rule_files
from tests.agent.piping import COLLECTOR, IDENTITY
from tests.agent.safeguarding import make_safeguarding, make_session, make_set

GOOD = replace(parse_files(rule_files(keywords=KEYWORDS)).keywords, dpia_review_date="2027-11-02")
TODAY = date(2026, 11, 2)
MONDAY_10 = datetime(2026, 11, 2, 10, 0).astimezone()


@pytest.fixture
def readers(tmp_path: Path) -> ReaderStore:
    """A machine's readers: all four people."""
    store = ReaderStore(tmp_path / "readers.json", IDENTITY)
    store.accept(make_safeguarding(1))
    return store


def test_with_everything_in_place_a_pupil_is_watched(readers: ReaderStore) -> None:
    """Nothing stands in the way."""
    assert list_unmet_of_machine(readers, GOOD, TODAY) == ()
    at_school = replace(GOOD, out_of_hours_reference="", away_reference="", networks=("10.0.0.0/8",))
    assert list_unmet_now(at_school, MONDAY_10, ("10.1.2.3",)) == ()
    assert list_unmet_of_session(GOOD, make_session()) == ()


# Of the machine


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"enabled": False}, "does not switch keywords on"),
        ({"dpia_reference": ""}, "no data protection impact assessment"),
        ({"dpia_reference": " "}, "no data protection impact assessment"),
        ({"dpia_review_date": ""}, "no day when the impact assessment"),
        ({"dpia_review_date": "soon"}, "no day when the impact assessment"),
        ({"dpia_review_date": "2026-11-01"}, "that day is past"),
        ({"dpia_review_date": "2029-01-11"}, "within 800 days, and its day is later"),
        ({"dpia_review_date": "9999-12-31"}, "within 800 days, and its day is later"),
        ({"notice_version": ""}, "no notice"),
        ({"notice_title": ""}, "no notice"),
        ({"notice_text": "\n"}, "no notice"),
    ],
)
def test_each_lack_of_the_policy_is_said(readers: ReaderStore, changes: dict[str, Any], words: str) -> None:
    """One sentence for each, and it alone."""
    (unmet,) = list_unmet_of_machine(readers, replace(GOOD, **changes), TODAY)
    assert words in unmet


def test_the_day_of_the_review_is_the_last(readers: ReaderStore) -> None:
    """Reviewed on that day is reviewed in time."""
    assert list_unmet_of_machine(readers, replace(GOOD, dpia_review_date="2026-11-02"), TODAY) == ()
    assert list_unmet_of_machine(readers, replace(GOOD, dpia_review_date="2029-01-10"), TODAY) == ()


def test_a_clock_that_was_set_back_does_not_put_the_review_off(readers: ReaderStore) -> None:
    """It is no earlier than when the policy or the set was signed; their clocks, far ahead, end watching."""
    reviewed = replace(GOOD, dpia_review_date="2026-11-02")
    day_after_ns = int(datetime(2026, 11, 3, tzinfo=UTC).timestamp()) * 10**9

    assert list_unmet_of_machine(readers, reviewed, date(2026, 1, 1), policy_made_at_ns=day_after_ns - 1) == ()
    for made_at_ns in (day_after_ns, 2**63, 10**40):
        (unmet,) = list_unmet_of_machine(readers, reviewed, date(2026, 1, 1), policy_made_at_ns=made_at_ns)
        assert "that day is past" in unmet
    readers.accept(make_safeguarding(2, replace(make_set(2), made_at_ns=day_after_ns)))
    (unmet,) = list_unmet_of_machine(readers, reviewed, date(2026, 1, 1))
    assert "that day is past" in unmet


def test_a_bundle_says_when_it_was_signed(tmp_path: Path) -> None:
    """What stands in its signed body is what the day of the review is held against."""
    store = PolicyStore(tmp_path / "bundle.bin", IDENTITY)
    bundle = COLLECTOR.publish(1, rule_files(keywords=KEYWORDS))
    store.accept(bundle)

    assert store.in_force is not None
    assert store.in_force.policy.made_at_ns == json.loads(bundle.body)["made_at_ns"] > 0


def test_each_lack_of_readers_is_said(tmp_path: Path) -> None:
    """No root, no set, too few who can read."""
    without_root = ReaderStore(tmp_path / "a.json", FakeCollector().make_identity())
    store = ReaderStore(tmp_path / "b.json", IDENTITY)

    assert list_unmet_of_machine(without_root, GOOD, TODAY) == (
        "no safeguarding root is pinned: enrol this machine with a new token",
    )
    assert list_unmet_of_machine(store, GOOD, TODAY) == ("no signed set of readers has come yet",)
    for version, people, tested in ((1, ("dana",), True), (2, ("dana", "derek", "hilda"), False)):
        store.accept(make_safeguarding(version, make_set(version, people=people, tested=tested)))
        assert list_unmet_of_machine(store, GOOD, TODAY) == ("fewer than 2 readers have opened a test item",)


# Of the moment


@pytest.mark.parametrize(
    ("at", "is_watched"),
    [
        ("2026-11-02T07:00", True),
        ("2026-11-02T06:59", False),
        ("2026-11-02T17:59", True),
        ("2026-11-02T18:00", False),
        ("2026-11-06T10:00", True),
        ("2026-11-07T10:00", False),
        ("2026-11-08T10:00", False),
    ],
)
def test_out_of_hours_nobody_is_watched_without_a_reference(at: str, is_watched: bool) -> None:
    """Monday to Friday from seven to six, unless the policy says otherwise and why."""
    now = datetime.fromisoformat(at).astimezone()
    without = replace(GOOD, out_of_hours_reference="")

    assert (list_unmet_now(without, now, ()) == ()) is is_watched
    assert list_unmet_now(GOOD, now, ()) == ()


@pytest.mark.parametrize(
    ("addresses", "is_watched"),
    [
        (("10.20.3.4",), True),
        (("192.168.1.5", "10.20.3.4"), True),
        (("192.168.1.5",), False),
        (("2001:db8::7",), True),
        (("fe80::1",), False),
        ((), False),
    ],
)
def test_away_from_school_nobody_is_watched_without_a_reference(addresses: tuple[str, ...], is_watched: bool) -> None:
    """By the machine's own addresses; a machine without any is not at school."""
    at_school = replace(GOOD, networks=("10.20.0.0/16", "2001:db8::/32"), away_reference="")

    assert (list_unmet_now(at_school, MONDAY_10, addresses) == ()) is is_watched
    assert list_unmet_now(replace(at_school, away_reference="Loans"), MONDAY_10, addresses) == ()
    assert list_unmet_now(replace(at_school, networks=()), MONDAY_10, addresses)


# Of the session


@pytest.mark.parametrize(
    ("changes", "unmet"),
    [
        ({"kind": "wayland"}, (NOT_X11,)),
        ({"kind": "tty"}, (NOT_X11,)),
        ({"group_names": ("visitors",)}, (NO_GROUP,)),
        ({"group_names": ()}, (NO_GROUP,)),
        ({"uid": 0}, (ROOT,)),
        ({"uid": 0, "are_groups_known": False}, (ROOT,)),
        ({"group_names": (), "are_groups_known": False}, (GROUPS_UNKNOWN,)),
        ({"group_names": ("pupils",), "are_groups_known": False}, (GROUPS_UNKNOWN,)),
        ({"group_names": ("teachers",), "are_groups_known": False}, (STAFF_WITHOUT_REFERENCE,)),
        ({"group_names": (), "are_groups_known": False, "kind": "wayland"}, (GROUPS_UNKNOWN, NOT_X11)),
        ({"uid": 0, "group_names": ("pupils",)}, (ROOT,)),
        ({"group_names": ("teachers",)}, (STAFF_WITHOUT_REFERENCE,)),
        ({"group_names": ("pupils", "teachers")}, (STAFF_WITHOUT_REFERENCE,)),
    ],
)
def test_who_is_not_watched_and_why(changes: dict[str, Any], unmet: tuple[str, ...]) -> None:
    """Neither the administrator, nor strangers, nor staff without a reference of their own."""
    keywords = replace(GOOD, staff_groups=("teachers",))

    assert list_unmet_of_session(keywords, make_session(**changes)) == unmet


def test_staff_are_watched_with_a_reference_of_their_own() -> None:
    """And known as staff, also those who are in a group of pupils."""
    keywords = replace(GOOD, staff_groups=("teachers",), staff_reference="Agreed on 2 May")
    teacher = make_session(group_names=("pupils", "teachers"))

    assert list_unmet_of_session(keywords, teacher) == ()
    assert find_kind(keywords, teacher) == "staff"
    assert find_kind(keywords, make_session()) == "pupil"


# Floors


TRIES = (
    "notice = false",
    "silent = true",
    "sign = false",
    "fewest_tested = 0",
    "recipients = []",
    'root_fingerprint = ""',
    "seal = false",
    "watch_root = true",
    "watch_wayland = true",
    "floors = false",
)


@pytest.mark.parametrize("line", TRIES)
def test_a_bundle_has_no_word_for_lowering_a_floor(line: str) -> None:
    """Notice, sign, readers, sealing: none of it is a key that a policy could set."""
    with pytest.raises(RuleFormatError, match="no such key"):
        parse_files(rule_files(keywords=KEYWORDS + line + "\n"))


def test_a_policy_that_tries_everything_lowers_nothing(tmp_path: Path) -> None:
    """The widest values that any field takes: without readers, for root, on Wayland, for staff without a reference."""
    widest = Keywords(
        enabled=True,
        dpia_reference="x",
        dpia_review_date="9999-12-31",
        notice_version="x",
        notice_title="x",
        notice_text="x",
        watch_groups=("root", "pupils", "", "*"),
        staff_groups=("teachers",),
        protected=(),
        days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        hours="00:00-24:00",
        out_of_hours_reference="x",
        away_reference="x",
    )
    empty = ReaderStore(tmp_path / "readers.json", IDENTITY)

    assert list_unmet_of_machine(empty, widest, TODAY)
    for session in (
        make_session(uid=0, group_names=("root", "pupils")),
        make_session(kind="wayland"),
        make_session(group_names=("teachers", "pupils")),
        make_session(group_names=()),
        make_session(group_names=("visitors",)),
    ):
        assert list_unmet_of_session(widest, session)


def test_a_policy_that_leaves_everything_out_watches_nobody(readers: ReaderStore) -> None:
    """Each field that watching needs is missing from one that says no more than that it is on."""
    bare = Keywords(enabled=True)

    assert len(list_unmet_of_machine(readers, bare, TODAY)) == 3
    assert list_unmet_of_session(bare, make_session()) == (NO_GROUP,)
