# SPDX-License-Identifier: Apache-2.0
"""Tests of the past judged again: by the policy of then it says what was said then, by another what that one would."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from collector.authority import Authority
from collector.ingest import Ingest
from collector.judgement import record_due
from collector.replay import WEEK_NS, Replayed, find_unseen, replay
from proto.events import Audience, Program, ProgramFound, ProgramRemoved, ProgramStarted
from rules.evaluate import Evaluator
from rules.model import Clearing, Escalation, Policy, ProgramPattern, Rule, Who
from tests.collector.evidence import TOR_STARTED, Device, Said, enrol_device, incidents_of, numbers_of, send
from tests.collector.machines import ACCOUNT_KEY, sign_in
from tests.collector.people.lists import take
from tests.collector.policies import evaluator_of, rule_of
from tests.collector.safeguarding import build_safeguarding
from tests.collector.school import MINUTE_NS, START_NS, School

ZORK = ProgramPattern(name="Zork", executables=("zork*",))
ZORK_STARTED = ProgramStarted(Program("zork", source="process"))
REMOVED = ProgramRemoved(Program("zork", source="process"))
RULES = (
    rule_of(),
    rule_of(id="zork", programs=(ZORK,), threshold=3, window_s=900),
    rule_of(id="zork-stays", programs=(ZORK,), grace_s=3600, cleared=Clearing(kinds=("program.removed",))),
    rule_of(id="zork-spreads", programs=(ZORK,), least_devices=2, window_s=3600),
    rule_of(id="tor-again", escalations=(Escalation(after=2, within_s=86_400, severity=4),)),
)


@pytest.fixture
def ingest(school: School) -> Iterator[Ingest]:
    """Ingest under rules of every sort."""
    ingest = Ingest(
        school.engine, school.id, evaluator_of(*RULES), clock_ns=lambda: school.now_ns, account_key=ACCOUNT_KEY
    )
    yield ingest
    ingest.close()


def policy_of(*rules: Rule) -> Policy:
    """Return a policy of these rules."""
    return evaluator_of(*rules).policy


def replay_all(school: School, *policies: Policy, **fields: Any) -> Replayed:
    """Judge everything again."""
    span: dict[str, Any] = {"since_ns": 0, "now_ns": school.now_ns, "account_key": ACCOUNT_KEY} | fields
    return replay(school.engine, school.id, policies, **span)


def numbers_by_rule(found: Replayed, place: int = 0) -> dict[str, int]:
    """Return how many incidents each rule would have opened."""
    return {rule: outcome.incidents for rule, outcome in found.outcomes[place].items()}


def test_policy_of_then_says_what_was_said_then(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """Thresholds, grace, groups of devices and escalation included: rule by rule as many incidents as there were."""
    other = enrol_device(school, authority, "library-02")
    for speaker, contents, minutes in (
        (device, [TOR_STARTED, ZORK_STARTED], 0),
        (device, [ZORK_STARTED, TOR_STARTED], 10),
        (other, [ZORK_STARTED, REMOVED], 1),
        (device, [ZORK_STARTED], 1),
        (other, [Said("program.started", b"\xff\xff"), TOR_STARTED], 80),
    ):
        school.pass_time(minutes * MINUTE_NS)
        numbers_of(send(ingest, speaker.say(*contents)))
    record_due(school.engine, school.id, ingest.find_rule, school.now_ns, listening_since_ns=0)
    real: dict[str, int] = {}
    for incident in incidents_of(school):
        real[incident.rule] = real.get(incident.rule, 0) + 1
    assert real == {"tor": 2, "zork": 1, "zork-stays": 1, "zork-spreads": 1, "tor-again": 2}
    found = replay_all(school, policy_of(*RULES))
    assert (numbers_by_rule(found), found.events) == (real, 8)
    assert len(incidents_of(school)) == 7, "nothing was written"


def test_draft_is_judged_beside_what_is_in_force(school: School, ingest: Ingest, device: Device) -> None:
    """A threshold that is higher raises less; the examples say where and what."""
    for _ in range(4):
        numbers_of(send(ingest, device.say(TOR_STARTED)))
    found = replay_all(school, policy_of(rule_of()), policy_of(rule_of(threshold=5, window_s=900)))
    assert (numbers_by_rule(found), numbers_by_rule(found, 1)) == ({"tor": 1}, {})
    (example,) = found.outcomes[0]["tor"].examples
    assert (example.device, example.event_id, example.at_ns) == (device.id, 1, START_NS)
    assert "Tor was started" in example.summary


def test_incidents_a_week_count_what_comes_back(school: School, ingest: Ingest, device: Device) -> None:
    """The same in three weeks is three times work; some days are taken for one week, and none for none."""
    assert replay_all(school, policy_of(rule_of())) == Replayed(events=0, first_ns=None, weeks=1.0, outcomes=({},))
    for _ in range(3):
        numbers_of(send(ingest, device.say(TOR_STARTED, TOR_STARTED)))
        school.pass_time(WEEK_NS)
    found = replay_all(school, policy_of(rule_of()))
    assert (found.weeks, found.outcomes[0]["tor"].incidents, found.outcomes[0]["tor"].a_week) == (3.0, 3, 1.0)
    since = replay_all(school, policy_of(rule_of()), since_ns=START_NS + WEEK_NS)
    assert (since.events, since.first_ns, since.outcomes[0]["tor"].incidents) == (4, START_NS + WEEK_NS, 2)
    assert replay_all(school, policy_of(rule_of()), since_ns=school.now_ns).events == 0


def test_people_are_those_who_were_there(school: School, ingest: Ingest, device: Device) -> None:
    """By the sessions that the events themselves tell of, and by the register of now."""
    take(school, {"person_id": "mary", "kind": "staff", "accounts": "directory:mary"})
    numbers_of(send(ingest, device.say(sign_in("directory:mary", 1), TOR_STARTED)))
    draft = policy_of(rule_of(who=Who(roles=("pupil",))))
    assert numbers_by_rule(replay_all(school, policy_of(rule_of()), draft), 1) == {}
    assert numbers_by_rule(replay_all(school, draft, account_key=None)) == {"tor": 1}


def test_nothing_of_safeguarding_is_tried(school: School, ingest: Ingest, device: Device) -> None:
    """No flag is looked at, and no rule tells what others than technicians would be told."""
    numbers_of(send(ingest, build_safeguarding(school).say_flag(device), device.say(TOR_STARTED)))
    curious = rule_of(id="curious", kinds=("flag.raised",), programs=())
    private = rule_of(id="private", audience=Audience.SAFEGUARDING)
    found = replay_all(school, policy_of(curious, private))
    assert (found.events, found.outcomes) == (1, ({},))


def test_rule_that_asks_for_something_new_is_named() -> None:
    """What devices never sent cannot be found; another severity or window of the same asks for nothing new."""
    now = policy_of(rule_of(), rule_of(id="lost", kinds=("agent.events_lost",), programs=()))
    louder = rule_of(severity=5, threshold=3, window_s=60)
    wider = rule_of(id="found", kinds=(ProgramFound.kind,))
    told_anyway = rule_of(id="other", kinds=("agent.events_lost",), programs=())
    assert find_unseen(now, policy_of(louder, wider, told_anyway)) == ["found"]
    assert find_unseen(now, policy_of(rule_of(programs=(ZORK,)))) == ["tor"]


def test_names_that_a_device_makes_up_count_as_they_would(school: School, ingest: Ingest, device: Device) -> None:
    """What one device has beyond the limit of incidents is one more."""
    said = [ProgramFound(Program(f"thing-{number}", source="dpkg")) for number in range(60)]
    numbers_of(send(ingest, device.say(*said)))
    everything = replace(rule_of(), programs=(), kinds=(ProgramFound.kind,))
    assert numbers_by_rule(replay_all(school, Evaluator(policy_of(everything)).policy)) == {"tor": 51}


def test_progress_is_told(school: School, ingest: Ingest, device: Device) -> None:
    """From nothing to all of them."""
    told: list[tuple[int, int]] = []
    numbers_of(send(ingest, device.say(*[TOR_STARTED] * 5)))
    replay_all(school, policy_of(rule_of()), progress=lambda done, of: told.append((done, of)))
    assert told == [(0, 5), (5, 5)]
