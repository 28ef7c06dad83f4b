# SPDX-License-Identifier: Apache-2.0
"""Tests of how flags and notices come in: nothing is lost, whatever a device writes into the clear part."""

import logging
from typing import Any

import pytest
from sqlalchemy import select

from collector import flags
from collector.arrivals import count_notices
from collector.audit import list_entries
from collector.drills import list_drills, list_pending, order_drill
from collector.errors import UsageError
from collector.incidents import Incident, list_history, list_incidents
from collector.ingest import Ingest
from collector.ledger import find_event
from collector.store.engine import reading
from collector.store.schema import drills, notices
from collector.verify import verify
from proto.events import Audience, FlagRaised, Missing, NoticeAccepted, Tier
from rules.evaluate import Evaluator
from rules.load import parse_files
from tests.collector.evidence import ORDINARY, POLICY_FILES, Device, Said, numbers_of, send
from tests.collector.evidence import incidents_of as security_of
from tests.collector.safeguarding import PUPIL, SENTENCE, Safeguarding, build_safeguarding, make_nonce
from tests.collector.school import MINUTE_NS, School

CURIOUS_RULE = """
[[rule]]
id = "curious"
title = "A flag"
why = "Somebody wants to know."
advice = "None."
class = "unacceptable"
severity = 2
kinds = ["flag.raised", "notice.accepted"]
clauses = ["BX-01"]
[[rule.test]]
name = "a flag"
expect = "match"
event = { kind = "flag.raised", recipients_version = 1 }
[[rule.test]]
name = "a start"
expect = "silent"
event = { kind = "agent.started", agent_version = "1" }
"""


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers and the set that names them."""
    return build_safeguarding(school)


def sealed_of(school: School) -> list[Incident]:
    """Return the incidents that only readers may know of."""
    return list_incidents(school.engine, school.id, audiences=[Audience.SAFEGUARDING])


def order(safeguarding: Safeguarding, device: Device) -> str:
    """Order a device to drill and return the nonce that it is given."""
    school = safeguarding.school
    order_drill(school.engine, school.id, device_id=device.id, actor="dana", now_ns=school.now_ns)
    return list_pending(school.engine, school.id, school.now_ns)[-1].nonce.hex()


def drills_of(safeguarding: Safeguarding) -> list[bool]:
    """Return for each flag that the DSL sees, newest first, whether it is a drill."""
    school = safeguarding.school
    found = flags.list_flags(school.engine, school.id, reader=safeguarding.reader(safeguarding.dsl))
    return [each.drill for each in found]


@pytest.mark.parametrize(("tier", "severity"), [("call", 5), ("alert", 4), ("review", 3), ("count", 1)])
def test_flag_opens_an_incident_without_content(
    safeguarding: Safeguarding, device: Device, tier: str, severity: int
) -> None:
    """One for the route and the account; its severity is the tier's, and no word of it says what was typed."""
    school = safeguarding.school
    safeguarding.raise_flag(device, tier=tier)
    safeguarding.raise_flag(device, tier="count", category="bullying")
    safeguarding.raise_flag(device, tier=tier, account="directory:other")
    found = {each.subject: each for each in sealed_of(school)}
    mine = found[f"dsl/{safeguarding.ref(PUPIL).hex()}"]
    assert (mine.severity, mine.count, mine.rule, mine.group) == (severity, 2, "safeguarding-flag", "dsl")
    assert mine.summary == "A safeguarding flag was raised"
    assert len(found) == 2
    assert security_of(school) == []
    assert verify(school.engine, school.config).problems == []


def test_repetition_of_a_flag_is_one_flag(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School
) -> None:
    """A device that did not hear the answer sends it again."""
    envelope = safeguarding.say_flag(device)
    assert numbers_of(send(ingest, envelope) + send(ingest, envelope)) == [1, 1]
    assert len(drills_of(safeguarding)) == 1
    assert [each.count for each in sealed_of(school)] == [1]


@pytest.mark.parametrize("route", ["", "DSL", "dsl ", "governor", "x" * 500, "dsl\x00"])
def test_flag_of_an_unknown_route_is_kept_for_nobody_and_said(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School, route: str
) -> None:
    """It is evidence and counted; technicians hear of the fault and of nothing else, not even the event."""
    content = safeguarding.seal_flag(safeguarding.make_content(device))
    numbers_of(send(ingest, device.say(content, tier=Tier.CALL, route=route, audience=Audience.SAFEGUARDING)))
    assert drills_of(safeguarding) == []
    assert sealed_of(school) == []
    (incident,) = security_of(school)
    assert incident.summary == "A device sent a message that does not keep to the contract"
    assert (incident.rule, incident.first_event_id, incident.count) == ("device-strange-message", 0, 1)


@pytest.mark.parametrize("tier", [0, 5, 2**31 - 1])
def test_flag_of_an_unknown_tier_goes_to_its_readers(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School, tier: int
) -> None:
    """A newer agent may know more tiers; a concern is not lost for it, and is to be looked at today."""
    content = safeguarding.seal_flag(safeguarding.make_content(device))
    numbers_of(send(ingest, device.say(content, tier=tier, route="dsl", audience=Audience.SAFEGUARDING)))
    (seen,) = flags.list_flags(school.engine, school.id, reader=safeguarding.reader(safeguarding.dsl))
    assert seen.tier is Tier.ALERT
    assert safeguarding.open(seen.id, safeguarding.dsl).sentence == SENTENCE
    assert [each.severity for each in sealed_of(school)] == [4]


@pytest.mark.parametrize("how", ["missing", "unreadable", "short reference"])
def test_flag_without_its_content_is_shown_all_the_same(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School, how: str
) -> None:
    """A reader sees that there was one, where and when: he can ask."""
    content = safeguarding.seal_flag(safeguarding.make_content(device))
    header: dict[str, Any] = {"tier": Tier.CALL, "route": "dsl", "audience": Audience.SAFEGUARDING}
    said = {
        "missing": lambda: device.say(content, missing=Missing.QUEUE_FULL, **header),
        "unreadable": lambda: device.say(Said(FlagRaised.kind, b"\xff\xff\xff", severity=0), **header),
        "short reference": lambda: device.say(FlagRaised(b"", b"abc", 2**63), **header),
    }[how]()
    assert numbers_of(send(ingest, said, device.say(ORDINARY))) == [1, 2]
    reader = safeguarding.reader(safeguarding.dsl)
    (seen,) = flags.list_flags(school.engine, school.id, reader=reader)
    assert (seen.tier, seen.subject_ref) == (Tier.CALL, bytes(16))
    given = flags.read_sealed(school.engine, school.id, seen.id, reader=reader, now_ns=school.now_ns)
    assert given.sealed == b""
    assert [each.severity for each in sealed_of(school)] == [5]


def test_ordered_drill_is_answered_once_and_is_no_concern(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School
) -> None:
    """It opens no incident and is marked; the same nonce in a second flag is a claim that nobody ordered."""
    nonce = order(safeguarding, device)
    send(ingest, safeguarding.say_flag(device, drill_nonce=nonce))
    assert drills_of(safeguarding) == [True]
    assert (sealed_of(school), security_of(school)) == ([], [])
    assert [each.answered_at_ns for each in list_drills(school.engine, school.id)] == [school.now_ns]
    assert list_pending(school.engine, school.id, school.now_ns) == []
    with reading(school.engine) as connection:
        answered_by = connection.execute(select(drills.c.flag_id)).scalar_one()
    assert flags.find_flag(school.engine, school.id, answered_by, reader=safeguarding.reader(safeguarding.dsl))
    reader = safeguarding.reader(safeguarding.dsl)
    assert flags.count_waiting(school.engine, school.id, reader=reader) == 0
    with pytest.raises(UsageError, match="a drill and needs no decision"):
        flags.decide(
            school.engine,
            school.id,
            answered_by,
            reader=reader,
            verdict=flags.Verdict.CONCERN,
            category="suicide",
            action="police",
            now_ns=school.now_ns,
        )
    send(ingest, safeguarding.say_flag(device, drill_nonce=nonce))
    assert drills_of(safeguarding) == [False, True]
    assert [each.rule for each in security_of(school)] == ["device-strange-message"]


@pytest.mark.parametrize("how", ["never ordered", "of another device", "without a nonce"])
def test_drill_that_nobody_ordered_is_an_ordinary_flag(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School, how: str
) -> None:
    """Whoever can mark a concern as a drill must not hide it: readers see it, technicians hear of the claim."""
    nonce = make_nonce()
    if how == "of another device":
        order_drill(school.engine, school.id, device_id=school.add_device("other"), actor="dana", now_ns=school.now_ns)
        nonce = list_pending(school.engine, school.id, school.now_ns)[-1].nonce.hex()
    content = safeguarding.make_content(device, drill_nonce="" if how == "without a nonce" else nonce)
    header: dict[str, Any] = {"tier": Tier.CALL, "route": "dsl", "audience": Audience.SAFEGUARDING, "drill": True}
    numbers_of(send(ingest, device.say(safeguarding.seal_flag(content), **header)))
    assert drills_of(safeguarding) == [False]
    assert [each.count for each in sealed_of(school)] == [1]
    (incident,) = security_of(school)
    assert incident.summary == "A device sent a message that does not keep to the contract"
    assert (incident.first_event_id, incident.last_event_id) == (0, 0)


def test_late_answer_is_a_drill_still(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School
) -> None:
    """A laptop answers in time and comes back to the network weeks later: nobody is alarmed by a drill."""
    said = safeguarding.say_flag(device, drill_nonce=order(safeguarding, device))
    school.pass_time(30 * 24 * 60 * MINUTE_NS)
    send(ingest, said)
    assert drills_of(safeguarding) == [True]
    assert (sealed_of(school), security_of(school)) == ([], [])
    assert [each.answered_at_ns for each in list_drills(school.engine, school.id)] == [school.now_ns]


def test_nonce_without_the_mark_is_no_drill(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School
) -> None:
    """The signed header alone says that it is one."""
    nonce = order(safeguarding, device)
    content = safeguarding.seal_flag(safeguarding.make_content(device, drill_nonce=nonce))
    send(ingest, device.say(content, tier=Tier.CALL, route="dsl", audience=Audience.SAFEGUARDING))
    assert drills_of(safeguarding) == [False]
    assert [each.answered_at_ns for each in list_drills(school.engine, school.id)] == [None]


def test_accepted_notice_is_kept_once(
    safeguarding: Safeguarding, ingest: Ingest, device: Device, school: School
) -> None:
    """By reference and version, so that it can be said how many accepted which; a strange one breaks nothing."""
    mine, other = safeguarding.ref(PUPIL), safeguarding.ref("directory:other")
    said = [NoticeAccepted(mine, "1"), NoticeAccepted(mine, "1"), NoticeAccepted(mine, "2"), NoticeAccepted(other, "1")]
    strange = [NoticeAccepted(b"short", "1"), NoticeAccepted(mine, "\x00" * 999)]
    assert numbers_of(send(ingest, device.say(*said), device.say(*strange))) == [4, 6]
    assert count_notices(school.engine, school.id) == {"1": 2, "2": 1, "\N{REPLACEMENT CHARACTER}" * 64: 1}
    assert school.count(notices) == 4
    assert count_notices(school.engine, "0" * 16) == {}


def test_rule_about_flags_is_never_asked(safeguarding: Safeguarding, school: School, device: Device) -> None:
    """Whoever writes a school's rules cannot have the flags listed among his incidents."""
    evaluator = Evaluator(parse_files(POLICY_FILES | {"curious.toml": CURIOUS_RULE}, version=1))
    assert "flag.raised" in evaluator.kinds
    ingest = Ingest(school.engine, school.id, evaluator, clock_ns=lambda: school.now_ns)
    try:
        send(ingest, safeguarding.say_flag(device), device.say(NoticeAccepted(safeguarding.ref(), "1")))
    finally:
        ingest.close()
    assert security_of(school) == []
    assert len(sealed_of(school)) == 1


def test_sealed_event_is_shown_to_nobody_who_asks_the_ledger(safeguarding: Safeguarding, device: Device) -> None:
    """Pages about evidence show no reference by which the flags of one account could be told apart."""
    safeguarding.raise_flag(device)
    stored = find_event(safeguarding.school.engine, safeguarding.school.id, 1)
    assert stored is not None
    assert (stored.body, stored.missing) == (None, "what is in it is for its readers only")


def test_logs_hold_neither_flag_nor_name(
    safeguarding: Safeguarding, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a level is set to; and the audit log holds ids, never content."""
    caplog.set_level(logging.DEBUG)
    flag_id = safeguarding.raise_flag(device)
    safeguarding.open(flag_id, safeguarding.dsl)
    said = caplog.text + repr(list_entries(safeguarding.school.engine, safeguarding.school.id))
    for secret in (SENTENCE, PUPIL, "suicide", safeguarding.ref().hex(), safeguarding.dsl.secret):
        assert secret not in said
    assert flag_id not in caplog.text


def test_history_of_a_flags_incident_says_no_more(safeguarding: Safeguarding, device: Device) -> None:
    """Opened by ourselves; the reader who decides is named only there."""
    safeguarding.raise_flag(device)
    (incident,) = sealed_of(safeguarding.school)
    history = list_history(safeguarding.school.engine, safeguarding.school.id, incident.id)
    assert [(each.actor, each.action, each.note) for each in history] == [("schoolwarden", "opened", "")]
