# SPDX-License-Identifier: Apache-2.0
"""Tests on every engine, through ingest, of rules that ask for more than one fit or for time: what is remembered is
there with the events that it comes from, or not at all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from collector import memory
from collector.authority import Authority
from collector.errors import StoreError
from collector.incidents import Action, Incident, decide, list_history
from collector.ingest import Ingest
from collector.judgement import SETTLED_NS, Cleared, Fit, judge, record_due
from collector.store.engine import reading, writing
from collector.store.schema import events, held_sightings
from collector.verify import verify
from proto.events import Program, ProgramFound, ProgramRemoved
from rules.model import Clearing, Escalation, Rule
from tests.collector.evidence import SECURITY, TOR_STARTED, Device, enrol_device, incidents_of, numbers_of, send
from tests.collector.policies import evaluator_of, rule_of
from tests.collector.school import MINUTE_NS, School
from tests.collector.test_ingest_failures import failing_commits
from tests.collector.test_memory import cleared, fit

HOUR_NS = 60 * MINUTE_NS
TOR = Program("tor", path="/opt/tor", source="process")
THRICE = rule_of(threshold=3, window_s=15 * 60)
PATIENT = rule_of(grace_s=3600, cleared=Clearing(kinds=("program.removed",)), response="unauthorised-files")

MakeIngest = Callable[..., Ingest]


@pytest.fixture
def make_ingest(school: School) -> Iterator[MakeIngest]:
    """Ingest at work under some rules."""
    made: list[Ingest] = []

    def make(*rules: Rule) -> Ingest:
        ingest = Ingest(school.engine, school.id, evaluator_of(*rules), clock_ns=lambda: school.now_ns)
        made.append(ingest)
        return ingest

    yield make
    for ingest in made:
        ingest.close()


def say(school: School, ingest: Ingest, device: Device, *minutes: int) -> list[int]:
    """Let a device tell of Tor, so many minutes after what it said before; return the count of its incident each
    time."""
    counts = []
    for each in minutes:
        school.pass_time(each * MINUTE_NS)
        numbers_of(send(ingest, device.say(TOR_STARTED)))
        counts.append(sum(incident.count for incident in incidents_of(school)))
    return counts


def resolve(school: School, incident: Incident) -> None:
    """Say that it is done."""
    decide(
        school.engine,
        school.id,
        incident.id,
        audiences=SECURITY,
        actor="anna",
        action=Action.RESOLVED,
        note="removed",
        now_ns=school.now_ns,
    )


def record_due_of(school: School, ingest: Ingest) -> int:
    """Let the round look for what is due, at a collector that has been up for long."""
    return record_due(school.engine, school.id, ingest.find_rule, school.now_ns, listening_since_ns=0)


def test_threshold_is_counted_over_commits(school: School, make_ingest: MakeIngest, device: Device) -> None:
    """The third within the window opens the incident with all three; a restart of ingest changes nothing."""
    first = make_ingest(THRICE)
    assert say(school, first, device, 0, 20, 5) == [0, 0, 0]
    assert say(school, make_ingest(THRICE), device, 5, 1) == [3, 4]
    (incident,) = incidents_of(school)
    assert (incident.first_event_id, incident.last_event_id) == (2, 5)


def test_resolved_incident_needs_the_threshold_again(school: School, make_ingest: MakeIngest, device: Device) -> None:
    """One more later is not remembered as a new incident; three more open it again."""
    ingest = make_ingest(THRICE)
    assert say(school, ingest, device, 0, 0, 0) == [0, 0, 3]
    (incident,) = incidents_of(school)
    resolve(school, incident)
    assert say(school, ingest, device, 60, 1) == [3, 3]
    assert [each.state for each in incidents_of(school)] == ["resolved"]
    assert say(school, ingest, device, 1) == [6]
    assert [(each.state, each.reopened) for each in incidents_of(school)] == [("open", 1)]


@pytest.mark.parametrize("times", [1, 2])
def test_commit_that_fails_counts_nothing(school: School, make_ingest: MakeIngest, device: Device, times: int) -> None:
    """Neither the event nor that it was seen is kept; when it is sent again, it is counted once."""
    ingest = make_ingest(THRICE)
    assert say(school, ingest, device, 0, 0) == [0, 0]
    envelope = device.say(TOR_STARTED)
    for _ in range(times):
        with failing_commits(school.engine), pytest.raises(StoreError):
            send(ingest, envelope)
        assert (school.count(events), school.count(held_sightings), incidents_of(school)) == (2, 2, [])
    numbers_of(send(ingest, envelope, envelope))
    assert [each.count for each in incidents_of(school)] == [3]
    with reading(school.engine) as connection:
        assert set(connection.execute(select(held_sightings.c.state)).scalars()) == {"told"}
    assert verify(school.engine, school.config).problems == []


def test_round_that_fails_tells_it_the_next_time(school: School, make_ingest: MakeIngest, device: Device) -> None:
    """What is due stays due until its incident is committed, and is then told once."""
    ingest = make_ingest(PATIENT)
    assert say(school, ingest, device, 0) == [0]
    school.pass_time(HOUR_NS)
    with failing_commits(school.engine), pytest.raises(StoreError):
        record_due_of(school, ingest)
    assert incidents_of(school) == []
    assert [record_due_of(school, ingest) for _ in range(2)] == [1, 0]
    (incident,) = incidents_of(school)
    assert (incident.count, incident.opened_at_ns) == (1, school.now_ns)


def test_several_devices_are_one_incident(
    school: School, make_ingest: MakeIngest, device: Device, authority: Authority
) -> None:
    """It is the school's, and it is shown where it was last seen."""
    ingest = make_ingest(rule_of(least_devices=2, window_s=3600))
    other = enrol_device(school, authority, "library-02")
    assert say(school, ingest, device, 0, 1) == [0, 0]
    assert say(school, ingest, other, 1) == [3]
    (incident,) = incidents_of(school)
    assert (incident.subject, incident.device) == ("school/program/tor", other.id)
    assert incident.summary.startswith("On 2 devices: Tor was started")
    assert say(school, ingest, device, 1) == [4]
    assert [each.device for each in incidents_of(school)] == [device.id]


def test_what_is_removed_in_time_is_no_incident(school: School, make_ingest: MakeIngest, device: Device) -> None:
    """The removal of another program clears nothing; when the rule's own is gone, nothing is due."""
    ingest = make_ingest(PATIENT)
    say(school, ingest, device, 0)
    numbers_of(send(ingest, device.say(ProgramRemoved(TOR))))
    school.pass_time(HOUR_NS)
    assert record_due_of(school, ingest) == 0
    say(school, ingest, device, 0)
    numbers_of(send(ingest, device.say(ProgramRemoved(Program("vim", source="dpkg")))))
    school.pass_time(HOUR_NS)
    assert record_due_of(school, ingest) == 1
    assert [(each.count, each.response) for each in incidents_of(school)] == [(1, "unauthorised-files")]


def test_nothing_is_due_right_after_our_own_start(school: School, make_ingest: MakeIngest, device: Device) -> None:
    """A device that mended it while we were away gets the time to say so."""
    ingest = make_ingest(PATIENT)
    say(school, ingest, device, 0)
    school.pass_time(5 * HOUR_NS)
    started_ns = school.now_ns
    look = {"listening_since_ns": started_ns}
    assert record_due(school.engine, school.id, ingest.find_rule, started_ns + SETTLED_NS - 1, **look) == 0
    assert record_due(school.engine, school.id, ingest.find_rule, started_ns + SETTLED_NS, **look) == 1


def test_it_gets_worse_and_the_history_says_so(school: School, make_ingest: MakeIngest, device: Device) -> None:
    """Also when somebody resolved it meanwhile: that it comes back counts."""
    ingest = make_ingest(rule_of(escalations=(Escalation(after=3, within_s=86_400, severity=4),)))
    assert say(school, ingest, device, 0, 60) == [1, 2]
    (incident,) = incidents_of(school)
    resolve(school, incident)
    assert say(school, ingest, device, 60, 60) == [3, 4]
    (incident,) = incidents_of(school)
    assert (incident.severity, incident.escalated, incident.state) == (4, 1, "open")
    history = [each.action for each in list_history(school.engine, school.id, incident.id)]
    assert history == ["opened", "resolved", "reopened", "escalated"]


def test_many_at_once_open_what_is_already_worse(school: School, make_ingest: MakeIngest, device: Device) -> None:
    """What came in one envelope is counted as what came one by one."""
    ingest = make_ingest(rule_of(escalations=(Escalation(after=3, within_s=86_400, severity=4),)))
    numbers_of(send(ingest, device.say(*[TOR_STARTED] * 5, ProgramFound(TOR))))
    (incident,) = incidents_of(school)
    assert (incident.severity, incident.escalated, incident.count) == (4, 1, 5)


def test_what_cannot_matter_any_more_is_forgotten(school: School, make_ingest: MakeIngest, device: Device) -> None:
    """At the round after its window; what waits for its grace stays until it is told."""
    ingest = make_ingest(THRICE)
    say(school, ingest, device, 0, 1)
    record_due_of(school, ingest)
    assert school.count(held_sightings) == 2
    school.pass_time(15 * MINUTE_NS)
    record_due_of(school, ingest)
    assert school.count(held_sightings) == 1


def test_two_writers_do_not_both_miss_the_last(school: School, device: Device) -> None:
    """Two transactions that each see one of two wait for each other, and the later one finds both."""
    rule = rule_of(threshold=2, window_s=900)

    def write(minute: int) -> int:
        with writing(school.engine) as connection:
            return len(judge(connection, school.id, [fit(rule, minute, device.id)]))

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, [1, 2])) == [0, 2]


def test_mistake_of_ours_keeps_the_evidence(
    school: School, make_ingest: MakeIngest, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be judged is an incident that says so, nothing of it is half written, and the event is taken."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    ingest = make_ingest(THRICE)
    say(school, ingest, device, 0, 0)
    monkeypatch.setattr(memory.Memory, "_trim", fail)
    numbers_of(send(ingest, device.say(TOR_STARTED)))
    (incident,) = incidents_of(school)
    assert (incident.rule, school.count(events), school.count(held_sightings)) == ("collector-rule-failed", 3, 2)


def test_rows_of_many_devices_are_found_and_written_back(school: School) -> None:
    """More than one statement can name, in one commit: each is cleared on its own device."""
    rule = rule_of(grace_s=3600)
    devices = [f"{number:016x}" for number in range(600)]
    observed: list[Fit | Cleared] = [fit(rule, 1, each) for each in devices]
    with writing(school.engine) as connection:
        assert judge(connection, school.id, observed) == []
    with writing(school.engine) as connection:
        assert judge(connection, school.id, [cleared(rule, each) for each in devices[1:]]) == []
    with reading(school.engine) as connection:
        assert list(connection.execute(select(held_sightings.c.device_id)).scalars()) == devices[:1]
