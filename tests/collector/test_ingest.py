# SPDX-License-Identifier: Apache-2.0
"""Tests of ingest: what is taken, what a repetition does, and what becomes of an event once it is evidence.

What is refused is in `test_admission`, how it stands when the database fails in `test_ingest_failures`.
"""

import time

import pytest

from collector import ledger
from collector.authority import Authority
from collector.devices import find_device
from collector.incidents import Action, decide, list_history
from collector.ingest import Ingest, Staged
from collector.judgement import record_due
from collector.proposals import list_proposals
from collector.store.schema import envelopes, events, payloads, refused
from collector.verify import verify
from proto.events import (
    AgentStarted,
    Missing,
    PolicyApplied,
    Program,
    SoftwareListed,
)
from tests.collector.evidence import (
    HOUR_NS,
    ORDINARY,
    SECURITY,
    TOR_STARTED,
    Device,
    Said,
    StoppingClock,
    enrol_device,
    headers_of,
    incidents_of,
    numbers_of,
    payloads_of,
    reason_of,
    refusal_of,
    refused_of,
    send,
    submit,
)
from tests.collector.policies import evaluator_of, rule_of
from tests.collector.school import School


def test_good_envelope_is_stored_and_acknowledged(school: School, ingest: Ingest, device: Device) -> None:
    """Every event of it is in the ledger, the chain's end moved, and everything verifies."""
    assert numbers_of(send(ingest, device.say(*[ORDINARY] * 7))) == [7]
    assert ledger.find_head(school.engine, device.id) == ledger.Head(1, 7, device.hash)
    assert [school.count(table) for table in (envelopes, events, payloads)] == [1, 7, 7]
    assert verify(school.engine, school.config).problems == []


def test_event_of_a_rule_is_an_incident(school: School, ingest: Ingest, device: Device) -> None:
    """The incident says which rule, which device, what and how severe."""
    send(ingest, device.say(TOR_STARTED))
    (incident,) = incidents_of(school)
    assert (incident.rule, incident.device, incident.severity, incident.count) == ("bypass-tor", device.id, 4, 1)
    assert incident.summary == "Tor was started: /opt/tor-browser/tor"
    assert incident.clauses == ("BX-07",)


def test_counts_are_exact_over_envelopes_and_batches(
    school: School, ingest: Ingest, device: Device, clock: StoppingClock
) -> None:
    """Fifty starts, told in one batch of many envelopes and then one by one, are one incident that says fifty."""
    with clock.held(ingest):
        waiting = [submit(ingest, device.say(TOR_STARTED, ORDINARY, TOR_STARTED)) for _ in range(20)]
    assert numbers_of(answer.result(60) for answer in waiting) == [3 * (each + 1) for each in range(20)]
    for _ in range(10):
        send(ingest, device.say(TOR_STARTED))
    (incident,) = incidents_of(school)
    assert (incident.count, incident.first_event_id, incident.last_event_id) == (50, 1, 70)
    assert [entry.action for entry in list_history(school.engine, school.id, incident.id)] == ["opened"]


def test_resolved_incident_is_reopened_and_counted(school: School, ingest: Ingest, device: Device) -> None:
    """What comes back after somebody said that it is done is the same incident, open again."""
    send(ingest, device.say(TOR_STARTED))
    (incident,) = incidents_of(school)
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
    send(ingest, device.say(TOR_STARTED))
    (again,) = incidents_of(school)
    assert (again.id, again.state, again.count, again.reopened) == (incident.id, "open", 2, 1)


def test_two_devices_have_incidents_of_their_own(
    school: School, ingest: Ingest, device: Device, authority: Authority, clock: StoppingClock
) -> None:
    """The same program on two machines is two incidents in one group, also when both come in one batch."""
    other = enrol_device(school, authority, "library-02")
    with clock.held(ingest):
        waiting = [submit(ingest, each.say(TOR_STARTED)) for each in (device, other)]
    for answer in waiting:
        answer.result(60)
    first, second = incidents_of(school)
    assert {first.device, second.device} == {device.id, other.id}
    assert first.group == second.group


def test_device_in_a_roll_out_is_judged_by_what_it_has(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """A policy that only a share of the devices has speaks of these and of no other."""
    other = enrol_device(school, authority, "library-02")
    louder = evaluator_of(rule_of(id="louder", severity=5), version=2)
    ingest.staged = Staged(louder, other.id.__eq__)
    send(ingest, device.say(TOR_STARTED), other.say(TOR_STARTED))
    assert [(each.rule, each.device) for each in incidents_of(school)] == [
        ("bypass-tor", device.id),
        ("louder", other.id),
    ]
    assert ingest.find_rule(other.id, "louder") is not None
    assert ingest.find_rule(other.id, "quieter") is None


def test_device_that_fell_out_of_a_share_is_judged_by_what_it_has(
    school: School, ingest: Ingest, device: Device
) -> None:
    """It keeps the staged policy until a newer one comes, and each of its events says by which it was made."""
    ingest.staged = Staged(evaluator_of(rule_of(id="louder", severity=5), version=2), lambda device_id: False)
    send(ingest, device.say(TOR_STARTED, bundle_version=2), device.say(TOR_STARTED, bundle_version=1))
    assert [(each.rule, each.first_event_id) for each in incidents_of(school)] == [("bypass-tor", 2), ("louder", 1)]


def test_grace_of_a_device_that_fell_out_of_a_share_is_judged_by_what_it_has(
    school: School, ingest: Ingest, device: Device
) -> None:
    """What waits for its time under the staged policy is not forgotten because everybody else has none such."""
    ingest.staged = Staged(evaluator_of(rule_of(id="louder", grace_s=60), version=2), lambda device_id: False)
    send(ingest, device.say(TOR_STARTED, bundle_version=2))
    due_ns = time.time_ns() + HOUR_NS
    assert record_due(school.engine, school.id, ingest.find_rule, due_ns, listening_since_ns=0) == 1
    assert [each.rule for each in incidents_of(school)] == ["louder"]


def test_unknown_kind_is_stored(school: School, ingest: Ingest, device: Device) -> None:
    """An event of a kind that this version does not know is evidence like any other."""
    assert numbers_of(send(ingest, device.say(Said("printer.jammed", b"\x0a\x03abc")))) == [1]
    stored = ledger.find_event(school.engine, school.id, 1)
    assert stored is not None
    assert (stored.kind, stored.body) == ("printer.jammed", None)
    assert "does not know this kind" in stored.missing
    assert verify(school.engine, school.config).problems == []


@pytest.mark.parametrize("kind", ["program.started", "agent.started", "software.listed"])
def test_unreadable_content_is_stored_and_judged_by_nobody(
    school: School, ingest: Ingest, device: Device, kind: str
) -> None:
    """Content that is no message of its kind stays evidence; the events around it are judged as ever."""
    assert numbers_of(send(ingest, device.say(Said(kind, b"\xff\xff\xff"), TOR_STARTED))) == [2]
    stored = ledger.find_event(school.engine, school.id, 1)
    assert stored is not None
    assert stored.missing == "the content cannot be read; it is kept as it came"
    assert [incident.count for incident in incidents_of(school)] == [1]


def test_missing_content_keeps_its_place(school: School, ingest: Ingest, device: Device) -> None:
    """An event whose content the device's full queue let go is taken, says so, and opens no incident."""
    assert numbers_of(send(ingest, device.say(TOR_STARTED, missing=Missing.QUEUE_FULL))) == [1]
    stored = ledger.find_event(school.engine, school.id, 1)
    assert stored is not None
    assert "queue was full" in stored.missing
    assert incidents_of(school) == []
    assert verify(school.engine, school.config).without_content == 1


def test_what_a_device_says_of_itself_is_kept(school: School, ingest: Ingest, device: Device) -> None:
    """Its start, its policy and its software change the device's page and make one proposal."""
    programs = tuple(Program(f"package-{number}", source="dpkg") for number in range(30))
    started = AgentStarted("0.2.0", "library-01b", "linux", "Debian 12", "x86_64", ("software",), ("short programs",))
    send(ingest, device.say(started, PolicyApplied(7, "ab" * 32), SoftwareListed(programs)))
    known = find_device(school.engine, school.id, device.id)
    assert known is not None
    assert (known.hostname, known.agent_version, known.bundle_version) == ("library-01b", "0.2.0", 7)
    assert known.not_watched == ("short programs",)
    assert [proposal.programs for proposal in list_proposals(school.engine, school.id)] == [30]
    assert incidents_of(school) == []


def test_hostile_words_of_a_device_are_kept_short_and_harmless(school: School, ingest: Ingest, device: Device) -> None:
    """What a device calls itself cannot break the database, however it is written."""
    started = AgentStarted("0" * 9999, "\x00\x1b[2J\u202e" * 500, "os", "v", "a", (), tuple("x\x00" * 90))
    assert numbers_of(send(ingest, device.say(started, PolicyApplied(2**64 - 1, "")))) == [2]
    known = find_device(school.engine, school.id, device.id)
    assert known is not None
    assert len(known.hostname) <= 200
    assert "\x00" not in known.hostname
    assert len(known.not_watched) == 20


# What is a repetition


def test_repetition_is_acknowledged_and_nothing_doubled(school: School, ingest: Ingest, device: Device) -> None:
    """A device that did not get its answer sends again; the incident still says one."""
    envelope = device.say(TOR_STARTED)
    assert numbers_of(each for _ in range(3) for each in send(ingest, envelope)) == [1, 1, 1]
    assert [school.count(table) for table in (envelopes, events, payloads, refused)] == [1, 1, 1, 0]
    assert [incident.count for incident in incidents_of(school)] == [1]


def test_repetition_in_other_envelopes_is_acknowledged(school: School, ingest: Ingest, device: Device) -> None:
    """The same events cut into other envelopes are the same events."""
    sent = [device.say(ORDINARY, ORDINARY), device.say(ORDINARY, ORDINARY)]
    send(ingest, *sent)
    again = device.seal(2, headers_of(*sent)[1:3], payloads_of(*sent)[1:3])
    assert numbers_of(send(ingest, again)) == [3]
    assert (school.count(events), refused_of(school, device)) == (4, [])


def test_repetition_within_one_batch_is_acknowledged(
    school: School, ingest: Ingest, device: Device, clock: StoppingClock
) -> None:
    """A device that came back before its last stream was worked off has the same envelope in one batch twice."""
    envelope, following = device.say(TOR_STARTED), device.say(ORDINARY)
    with clock.held(ingest):
        waiting = [submit(ingest, each) for each in (envelope, following, envelope, following, envelope)]
    assert numbers_of(answer.result(60) for answer in waiting) == [1, 2, 1, 2, 1]
    assert (school.count(events), refused_of(school, device)) == (2, [])
    assert [incident.rule for incident in incidents_of(school)] == ["bypass-tor"]


def test_gap_is_refused_with_the_number_that_comes_next(school: School, ingest: Ingest, device: Device) -> None:
    """An envelope that leaves a gap is no evidence of anything: nothing of it is kept, and the device goes back."""
    send(ingest, device.say(ORDINARY))
    device.say(ORDINARY)
    (answer,) = send(ingest, device.say(ORDINARY))
    assert reason_of(answer) == "out_of_order"
    assert refusal_of(answer).expected_seq == 2
    assert (refused_of(school, device), incidents_of(school)) == ([], [])


def test_overlap_is_refused_with_the_number_that_comes_next(school: School, ingest: Ingest, device: Device) -> None:
    """An envelope that begins before the end and goes past it must come again from the end on."""
    first, onward = device.say(ORDINARY, ORDINARY), device.say(ORDINARY)
    send(ingest, first)
    (answer,) = send(ingest, device.seal(1, headers_of(first, onward), payloads_of(first, onward)))
    assert reason_of(answer) == "out_of_order"
    assert refusal_of(answer).expected_seq == 3
    assert numbers_of(send(ingest, onward)) == [3]
