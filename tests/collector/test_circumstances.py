# SPDX-License-Identifier: Apache-2.0
"""Tests of when and before whom an event happened: through ingest, and who is known to be there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collector.circumstances import (
    BEHIND_NS,
    CLOCK_IS_TRUSTED_NS,
    Circumstances,
    Register,
    find_time_ns,
    load_clock_offset_ns,
    load_sessions,
)
from collector.devices import note_hello
from collector.ingest import Ingest
from collector.presence import LONGEST_NS, find_several
from collector.store.engine import writing
from proto.events import AccountSignedOut, AgentStarted, ClockStepped
from rules.arrangements import Arrangements, Period, Timetable
from rules.model import Rule, Times, Who
from rules.moment import Moment
from tests.collector.evidence import TOR_STARTED, Device, incidents_of, numbers_of, send
from tests.collector.machines import ACCOUNT_KEY, sign_in, tell
from tests.collector.people.lists import take
from tests.collector.policies import evaluator_of, rule_of
from tests.collector.school import MINUTE_NS, SECOND_NS, START_NS, School

PUPIL, TEACHER, CLASS, STRANGER = "directory:ben", "directory:mary", "directory:oak", "directory:nobody"
LESSON_NS = 1_794_825_000 * SECOND_NS
"""Monday 16 November 2026, 10:30 in London: five days before the clock of tests."""
BREAK_NS = LESSON_NS + 120 * MINUTE_NS
"""The same day when lessons are over."""
TIMETABLE = Timetable(periods=(Period(kind="lesson", name="1", starts="09:00", ends="12:00"),))
IN_LESSONS = rule_of(times=Times(during=("lesson",)))
OF_PUPILS = rule_of(id="pupils", who=Who(roles=("pupil",)))
NOT_OF_STAFF = rule_of(id="no-staff", who=Who(except_roles=("staff",)))
AT_GUESTS = rule_of(id="guests", who=Who(accounts=("guest",)))

BEN = {"person_id": "ben", "year_group": "8", "accounts": PUPIL}

Judge = Callable[..., set[str]]


@pytest.fixture
def judge(school: School, device: Device) -> Iterator[Judge]:
    """Let a device tell of something under some rules, and return which have an incident."""
    made: list[Ingest] = []

    def say(
        rules: tuple[Rule, ...], *contents: Any, account_key: bytes | None = ACCOUNT_KEY, **policy: Any
    ) -> set[str]:
        evaluator = evaluator_of(*rules, arrangements=Arrangements(timetable=TIMETABLE), **policy)
        made.append(
            Ingest(school.engine, school.id, evaluator, clock_ns=lambda: school.now_ns, account_key=account_key)
        )
        numbers_of(send(made[-1], device.say(*contents)))
        return {incident.rule for incident in incidents_of(school)}

    yield say
    for ingest in made:
        ingest.close()


@pytest.fixture
def listed(school: School) -> None:
    """The school has a pupil, a teacher and a class that shares an account."""
    mary = {"person_id": "mary", "kind": "staff", "accounts": TEACHER}
    oak = {"person_id": "oak", "kind": "shared", "accounts": CLASS, "year_group": "R"}
    take(school, BEN, mary, oak)


# When


def test_late_event_is_judged_by_when_it_happened(device: Device, judge: Judge) -> None:
    """A laptop that was away for a week tells on a Saturday what was done in a lesson on Monday."""
    device.wall_clock_ns = LESSON_NS
    assert judge((IN_LESSONS,), TOR_STARTED) == {"tor"}


def test_what_happened_out_of_lessons_is_not_judged_by_when_it_came(
    device: Device, school: School, judge: Judge
) -> None:
    """What was done on a Sunday is told in Monday's first lesson."""
    school.now_ns = LESSON_NS
    device.wall_clock_ns = LESSON_NS - 24 * 60 * MINUTE_NS
    assert judge((IN_LESSONS,), TOR_STARTED) == set()


def test_late_events_count_in_a_window_as_they_come(device: Device, judge: Judge) -> None:
    """Three in three days that come at once are three within the window: rather one look too many than one too few,
    since by the device's clock anybody who may set it could spread what he does."""
    rule = rule_of(threshold=3, window_s=900)
    for day in range(2):
        device.wall_clock_ns = LESSON_NS + day * 24 * 60 * MINUTE_NS
        assert judge((rule,), TOR_STARTED) == set()
    device.wall_clock_ns = LESSON_NS + 2 * 24 * 60 * MINUTE_NS
    assert judge((rule,), TOR_STARTED) == {"tor"}


@pytest.mark.parametrize("off_ns", [CLOCK_IS_TRUSTED_NS + 1, -BEHIND_NS - 1, -START_NS])
def test_clock_that_cannot_be_right_excuses_nothing(device: Device, judge: Judge, off_ns: int) -> None:
    """A device in the future, or one whose clock was never set, is in no lesson and in every one."""
    device.wall_clock_ns = START_NS + off_ns
    assert judge((IN_LESSONS,), TOR_STARTED) == {"tor"}
    assert find_time_ns(START_NS, START_NS - CLOCK_IS_TRUSTED_NS) == START_NS


class Desk:
    """A device before ingest that tells of Tor by its own clock, under a rule for lessons; it is Monday's break."""

    def __init__(self, school: School, device: Device, ingest: Ingest) -> None:
        self.school, self.device, self.ingest = school, device, ingest
        school.now_ns = BREAK_NS
        device.wall_clock_ns = BREAK_NS

    def say_hello(self, off_ns: int) -> None:
        """Set the clock, and say hello with it."""
        self.ingest.note_hello(
            self.device.id, clock_offset_ns=off_ns, epoch=self.device.epoch, head_seq=self.device.seq
        )
        self.device.wall_clock_ns = BREAK_NS + off_ns

    def is_told(self, *contents: Any) -> bool:
        """Say something and return whether the rule told of it."""
        before = self.count_told()
        numbers_of(send(self.ingest, self.device.say(*contents)))
        return self.count_told() > before

    def count_told(self) -> int:
        """Return how often the rule told of something."""
        return sum(incident.count for incident in incidents_of(self.school) if incident.rule == "tor")


@pytest.fixture
def desk(school: School, device: Device) -> Iterator[Desk]:
    """A device before ingest."""
    evaluator = evaluator_of(IN_LESSONS, arrangements=Arrangements(timetable=TIMETABLE))
    ingest = Ingest(school.engine, school.id, evaluator, clock_ns=lambda: school.now_ns)
    yield Desk(school, device, ingest)
    ingest.close()


@pytest.mark.parametrize("off_ns", [-CLOCK_IS_TRUSTED_NS - 1, -70 * 24 * 60 * MINUTE_NS, CLOCK_IS_TRUSTED_NS + 1])
def test_clock_that_is_far_off_at_the_hello_excuses_nothing(desk: Desk, off_ns: int) -> None:
    """Whoever sets it back into a break, of today or of another term, is judged as if nobody knew the time; once the
    clock is right again, it counts."""
    desk.say_hello(off_ns)
    assert desk.is_told(TOR_STARTED)
    desk.say_hello(-CLOCK_IS_TRUSTED_NS)
    assert not desk.is_told(TOR_STARTED)


def test_clock_that_is_set_after_the_hello_excuses_nothing_until_it_is_set_right(desk: Desk) -> None:
    """The device tells of each step, and the steps are added up."""
    desk.say_hello(0)
    set_back_ns = BREAK_NS - 240 * MINUTE_NS
    assert not desk.is_told(TOR_STARTED)
    desk.device.wall_clock_ns = set_back_ns
    assert desk.is_told(ClockStepped(BREAK_NS, set_back_ns), TOR_STARTED)
    desk.device.wall_clock_ns = BREAK_NS
    assert not desk.is_told(ClockStepped(set_back_ns, BREAK_NS), TOR_STARTED)


def test_step_that_was_queued_at_the_hello_is_in_what_the_hello_said(desk: Desk) -> None:
    """A laptop whose clock was put right while it was away is not taken for one whose clock is wrong."""
    queued = desk.device.say(ClockStepped(BREAK_NS - 24 * 60 * MINUTE_NS, BREAK_NS), TOR_STARTED)
    desk.say_hello(0)
    numbers_of(send(desk.ingest, queued))
    assert desk.count_told() == 0


def test_clock_of_a_device_that_has_gone_is_that_of_its_last_hello(desk: Desk) -> None:
    """What it sent last may still wait to be judged when its stream has ended."""
    ours = {"now_ns": BREAK_NS, "bundle_version": 1}
    assert load_clock_offset_ns(desk.school.engine, desk.device.id) == 0
    note_hello(desk.school.engine, desk.device.id, clock_offset_ns=-CLOCK_IS_TRUSTED_NS - 1, **ours)
    desk.ingest.forget(desk.device.id)
    assert desk.is_told(TOR_STARTED)


# Before whom


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    ("there", "fitting"),
    [
        ([PUPIL], {"pupils", "no-staff"}),
        ([TEACHER], set()),
        ([CLASS], {"pupils", "no-staff"}),
        ([PUPIL, TEACHER], {"pupils", "no-staff"}),
        ([TEACHER, STRANGER], {"pupils", "no-staff"}),
    ],
)
def test_whose_sessions_there_are_decides(judge: Judge, there: list[str], fitting: set[str]) -> None:
    """By the register, through references; one whom it does not have may be anybody."""
    signed_in = [sign_in(account, number) for number, account in enumerate(there)]
    assert judge((OF_PUPILS, NOT_OF_STAFF), *signed_in, TOR_STARTED) == fitting


@pytest.mark.usefixtures("listed")
def test_session_is_followed_in_the_order_of_events(judge: Judge) -> None:
    """In one envelope that came late: what a teacher did before a pupil signed in is the teacher's."""
    teacher, pupil = sign_in(TEACHER, 1), sign_in(PUPIL, 2)
    gone = AccountSignedOut(teacher.account_ref, teacher.session_ref)
    assert judge((OF_PUPILS,), teacher, TOR_STARTED, gone, pupil) == set()
    left = AccountSignedOut(pupil.account_ref, pupil.session_ref)
    assert judge((OF_PUPILS,), left, TOR_STARTED) == set()
    assert judge((OF_PUPILS,), pupil, TOR_STARTED) == {"pupils"}


def test_kind_of_the_account_is_what_the_device_says(judge: Judge) -> None:
    """Also a commit later; a kind that is none of ours is not known."""
    assert judge((AT_GUESTS,), sign_in("directory:x", 1), TOR_STARTED) == set()
    assert judge((AT_GUESTS,), TOR_STARTED) == set()
    assert judge((AT_GUESTS,), sign_in("directory:y", 2, account_kind="robot"), TOR_STARTED) == {"guests"}


@pytest.mark.usefixtures("listed")
def test_what_is_not_known_excuses_nothing(judge: Judge) -> None:
    """Nobody told of a session; there is no key to compare with; the policy does not ask who is there."""
    assert judge((NOT_OF_STAFF,), TOR_STARTED) == {"no-staff"}
    assert judge((rule_of(id="a", who=NOT_OF_STAFF.who),), sign_in(TEACHER, 1), TOR_STARTED, account_key=None) >= {"a"}


def test_restart_ends_sessions_and_a_day_without_word_makes_them_unknown(school: School) -> None:
    """After a restart nobody is there; of a session that only was not heard of any more nobody knows."""
    circumstances = Circumstances(lambda each: load_sessions(school.engine, each), lambda _: {})
    device_id = school.add_device("library-01")
    assert find(circumstances, device_id).account_refs is None
    tell(school, device_id, sign_in(PUPIL, 1))
    circumstances = Circumstances(lambda each: load_sessions(school.engine, each), lambda _: {})
    assert find(circumstances, device_id).account_kinds == {"personal"}
    started = AgentStarted("0.1.0", "library-01", "linux", "12", "x86_64")
    header: Any = type("Header", (), {"kind": started.kind, "boot_id": b"b" * 16})
    circumstances.follow(device_id, header, started)
    assert find(circumstances, device_id).account_refs == frozenset()
    school.pass_time(LONGEST_NS + 1)
    with writing(school.engine) as connection:
        find_several(connection, school.id, school.now_ns)
    assert load_sessions(school.engine, device_id).is_known is False


def test_new_list_of_people_counts_after_a_minute(school: School) -> None:
    """The register is not read at each commit."""
    register = Register(school.engine, school.id, ACCOUNT_KEY)
    assert register.list_entries(school.now_ns) == {}
    take(school, BEN)
    assert register.list_entries(school.now_ns + 59 * SECOND_NS) == {}
    (entry,) = register.list_entries(school.now_ns + 60 * SECOND_NS).values()
    assert (entry.role, entry.year) == ("pupil", "8")
    assert Register(school.engine, school.id, None).list_entries(school.now_ns) == {}


def find(circumstances: Circumstances, device_id: str) -> Moment:
    """Return what is known of an event of now."""
    return circumstances.find_moment(device_id, START_NS, START_NS, needs_people=True)
