# SPDX-License-Identifier: Apache-2.0
"""Tests of a staged roll-out over the real wire: which device is told which policy, and by which it is judged."""

import time
from collections.abc import Iterator
from datetime import UTC

import pytest

from collector import rollouts
from collector.authority import Authority
from collector.changes import FileAdded, WentBack
from collector.pauses import begin_pause, find_span, load_pauses
from collector.store.engine import writing
from proto.events import Program, ProgramStarted
from proto.wire import AgentMessage
from tests.collector.evidence import Device, enrol_device, incidents_of
from tests.collector.line import Listeners
from tests.collector.school import MINUTE_NS, OWN_RULE, School
from tests.collector.small_policy import ask, use_small_packs

ZORK = ProgramStarted(Program("zork", source="process"))


@pytest.fixture
def listeners(school: School, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listeners]:
    """A collector that listens, at a school with a small policy."""
    use_small_packs(school, monkeypatch)
    with Listeners(school, authority) as listeners:
        yield listeners


def pick(school: School, authority: Authority) -> tuple[Device, Device]:
    """Enrol devices until one is in a share of half of them and one is not; the roll-out begins with version 2."""
    found: dict[bool, Device] = {}
    for number in range(40):
        device = enrol_device(school, authority, f"pc-{number}")
        found.setdefault(rollouts.is_in_share(2, device.id, 50), device)
        if len(found) == 2:
            break
    return found[True], found[False]


def test_share_has_the_staged_policy_and_is_judged_by_it(
    school: School, listeners: Listeners, authority: Authority
) -> None:
    """The same program is an incident on the one machine and not on the other, until everybody has it."""
    inside, outside = pick(school, authority)
    with listeners.call(inside) as one, listeners.call(outside) as other:
        for call in (one, other):
            assert call.say_hello()
        rollouts.stage(school.engine, school.id, 50, actor="tess", now_ns=school.now_ns)
        ask(school, FileAdded("games.toml", OWN_RULE))
        assert one.receive().bundle.version == 2
        for call, device in ((one, inside), (other, outside)):
            call.send(AgentMessage(envelope=device.say(ZORK)))
            # The next thing that it hears is that, so the staged one was not sent to the other.
            assert call.receive().WhichOneof("message") == "ack"
        assert [each.device for each in incidents_of(school)] == [inside.id]
        rollouts.give_everywhere(school.engine, school.id, actor="tess", now_ns=school.now_ns)
        assert other.receive().bundle.version == 2
        for call, device in ((one, inside), (other, outside)):
            call.send(AgentMessage(envelope=device.say(ZORK)))
            assert call.receive().WhichOneof("message") == "ack"
    assert {each.device for each in incidents_of(school)} == {inside.id, outside.id}


def test_device_that_falls_out_keeps_what_it_has(school: School, listeners: Listeners, authority: Authority) -> None:
    """Versions only go up: it is sent nothing older, is judged by what it has, and the next newer one reaches it."""
    inside, _ = pick(school, authority)
    rollouts.stage(school.engine, school.id, 50, actor="tess", now_ns=school.now_ns)
    ask(school, FileAdded("games.toml", OWN_RULE))
    rollouts.change_share(school.engine, school.id, 1, actor="tess", now_ns=school.now_ns)
    ingest, deadline = listeners.server._ingest, time.monotonic() + 60
    while (ingest.staged is None or ingest.staged.includes(inside.id)) and time.monotonic() < deadline:
        time.sleep(0.05)
    with listeners.call(inside) as call:
        call.say_hello(bundle_version=2)
        call.send(AgentMessage(envelope=inside.say(ZORK, bundle_version=2)))
        assert call.receive().WhichOneof("message") == "ack"
        assert [each.device for each in incidents_of(school)] == [inside.id]
        ask(school, WentBack(1))
        assert call.receive().bundle.version == 3


def test_pause_that_ends_is_noted_by_the_rounds(
    school: School, listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to look: the collector that runs writes its end into the audit log."""
    monkeypatch.setattr("collector.rounds.SEEN_EVERY_TICKS", 1)
    now_ns = time.time_ns() - 2 * MINUTE_NS
    with writing(school.engine) as connection:
        begin_pause(
            connection,
            school.id,
            "keywords",
            find_span(60, UTC, now_ns),
            reason="x",
            asked_by="tess",
            decided_by="harriet",
            now_ns=now_ns,
        )
    deadline = time.monotonic() + 60
    while load_pauses(school.engine, school.id)[0].ended_at_ns is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert load_pauses(school.engine, school.id)[0].ended_at_ns is not None
