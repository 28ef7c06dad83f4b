# SPDX-License-Identifier: Apache-2.0
"""Tests of a machine that enrols again: what it had not told goes along, with the power going before every change."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.enrolment import enrol_machine
from agent.errors import AlreadyRunningError
from agent.identity import Identity
from agent.recorder import Record, Recorder
from agent.spool import Spool
from agent.succession import Succession
from proto.enrolment import ENROLLED_AGAIN
from proto.events import AgentRekeyed, AgentStopped, ChainRestarted, Kind
from proto.token import Token, encode_token
from proto.wire import EnrolReply, EnrolRequest, decode_event
from tests.agent.collector import DEVICE_ID, FakeCollector, open_as_collector
from tests.agent.cuts import every_cut
from tests.agent.spooled import peek_all

COLLECTOR, ELSEWHERE = FakeCollector(), FakeCollector("e" * 16)
BOOT_ID = b"b" * 16
SUCCESSOR_ID = "f" * 16
OTHER_HASH = b"x" * 32
TOLD = [AgentStopped(f"event {number}") for number in range(1, 7)]
ACKNOWLEDGED = 2
HELD = 4
"""The answers to events 3 and 4 were lost."""


class Desk:
    """The collector's side: it admits, and says where its record of the former device ends."""

    def __init__(self, state: Path) -> None:
        self.config = Config(state)
        self.requests: list[EnrolRequest] = []
        self.collector = COLLECTOR
        self.record: dict[str, Any] = {}
        self.hashes: dict[int, bytes] = {}
        """Of the events of the former device, by number."""

    def __call__(self, token: Token, request: EnrolRequest) -> EnrolReply:
        self.requests.append(request)
        return self.collector.answer(request, device_id=SUCCESSOR_ID, **self.record)

    def enrol_again(self) -> None:
        """Do what a technician does."""
        enrol_machine(self.config, encode_token(self.collector.make_token()), again=True)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A machine with four events that wait, two of which the collector holds."""
    desk = Desk(tmp_path / "state")
    monkeypatch.setattr("agent.enrolment.enrol", desk)
    set_up(desk)
    return desk


def set_up(desk: Desk) -> None:
    """Enrol the machine for the first time, and let it record."""
    identity = COLLECTOR.enrol(desk.config.state)
    spool = Spool(desk.config.spool_file, identity.spool_key)
    Recorder(identity, spool, BOOT_ID).record([Record(each, 1) for each in TOLD], bundle_version=1)
    desk.hashes = {event.seq: event.hash for event in peek_all(spool)}
    spool.acknowledge(ACKNOWLEDGED)
    spool.close()
    desk.record = {"former_epoch": 1, "former_seq": HELD, "former_head_hash": desk.hashes[HELD]}


def restart(desk: Desk) -> tuple[Identity, list[Kind | None]]:
    """Start anew and return who this is and what waits, which a collector can open."""
    identity, spool = Succession(desk.config, BOOT_ID).open_chain()
    try:
        waiting = peek_all(spool)
        if waiting and waiting[0].seq == 1:
            open_as_collector(identity, waiting)
        return identity, [decode_event(event.kind, event.payload.body) for event in waiting]
    finally:
        spool.close()


def rekeyed(former_seq: int) -> list[Kind]:
    """Return what a device tells that goes on after an event of the former one."""
    waiting = TOLD[former_seq:]
    return [AgentRekeyed(DEVICE_ID, 1, former_seq, ENROLLED_AGAIN, len(waiting)), *waiting]


@pytest.mark.parametrize("held", [2, 4, 6])
def test_only_what_the_collector_does_not_hold_is_told_again(desk: Desk, held: int) -> None:
    """Its record of the former device ends somewhere in what waits: up to there all is forgotten."""
    desk.record |= {"former_seq": held, "former_head_hash": desk.hashes[held]}
    desk.enrol_again()
    identity, events = restart(desk)
    assert (identity.device_id, identity.epoch, events) == (SUCCESSOR_ID, 1, rekeyed(held))
    assert [each.name for each in desk.config.spool_file.parent.iterdir() if "journal" not in each.name] == ["spool.db"]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ((1, 1, OTHER_HASH), "events up to 2 .* are lost"),
        ((1, 4, OTHER_HASH), "some of it may be there already"),
        ((1, 9, OTHER_HASH), "some of it may be there already"),
        ((2, 1, OTHER_HASH), "some of it may be there already"),
    ],
)
def test_record_that_is_not_of_this_machine_lets_nothing_be_forgotten(
    desk: Desk, caplog: pytest.LogCaptureFixture, record: tuple[int, int, bytes], words: str
) -> None:
    """A collector that was restored, a copy that told other things: all that waits is told again, and it is said."""
    desk.record = dict(zip(("former_epoch", "former_seq", "former_head_hash"), record, strict=True))
    desk.enrol_again()
    assert restart(desk)[1] == rekeyed(ACKNOWLEDGED)
    assert_said(caplog, words)


def test_epoch_that_the_collector_has_not_seen_is_told_from_its_beginning(desk: Desk) -> None:
    """The numbers of the former epoch mean nothing in this one."""
    succession = Succession(desk.config, BOOT_ID)
    desk.config.spool_file.unlink()
    identity, spool = succession.open_chain()
    Recorder(identity, spool, BOOT_ID).record([Record(each, 1) for each in TOLD[:1]], bundle_version=1)
    spool.close()
    desk.enrol_again()
    carried = [ChainRestarted("lost", 1), TOLD[0]]
    assert restart(desk)[1] == [AgentRekeyed(DEVICE_ID, 2, 0, ENROLLED_AGAIN, 2), *carried]


def test_power_may_go_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the swap the machine is the former device and asks again with the same keys, then it is the new one; what
    waits is all there either way, and each of it once.
    """
    first, enrolled_before = Desk(tmp_path / "first"), set()
    set_up(first)
    for cut in every_cut():
        desk = Desk(tmp_path / str(cut.number))
        desk.record = first.record
        shutil.copytree(first.config.state, desk.config.state)
        monkeypatch.setattr("agent.enrolment.enrol", desk)
        with cut:
            desk.enrol_again()
        identity, events = restart(desk)
        enrolled_before.add(identity.device_id)
        if identity.device_id == DEVICE_ID:
            assert [each for each in events if each in TOLD[HELD:]] == TOLD[HELD:]
            desk.enrol_again()
            assert len({each.evidence_public_key for each in desk.requests}) == 1
            identity, events = restart(desk)
        assert (identity.device_id, events) == (SUCCESSOR_ID, rekeyed(HELD))
    assert enrolled_before == {DEVICE_ID, SUCCESSOR_ID}


@pytest.mark.parametrize("is_elsewhere", [True, False])
def test_queue_that_nobody_can_take_over_is_set_aside(
    desk: Desk, caplog: pytest.LogCaptureFixture, is_elsewhere: bool
) -> None:
    """Another school does not get what was seen at this one; a collector that says nothing gets nothing twice."""
    if is_elsewhere:
        desk.collector = ELSEWHERE
    else:
        desk.record = {}
    desk.enrol_again()
    assert restart(desk)[1] == []
    assert desk.config.spool_file.with_name("spool.db.old").exists()
    assert_said(caplog, f"the queue of device {DEVICE_ID} is set aside, and is not sent")
    assert bool(desk.requests[0].former_device_id) is not is_elsewhere


def test_queue_that_cannot_be_read_is_set_aside_and_told_of(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """On the machine in words, to the collector as an event of the new device."""
    desk.config.spool_file.write_bytes(b"none of ours" * 1000)
    desk.enrol_again()
    assert restart(desk)[1] == [AgentRekeyed(DEVICE_ID, 2, 0, ENROLLED_AGAIN, 1), ChainRestarted("damaged", 1)]
    assert desk.config.spool_file.with_name("spool.db.old").read_bytes().startswith(b"none of ours")
    assert_said(caplog, "the queue .* is damaged")


def test_agent_that_was_started_meanwhile_keeps_its_device(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it records would be left behind; the same command brings it along later."""
    running = []

    def answer_late(token: Token, request: EnrolRequest) -> EnrolReply:
        running.append(Succession(desk.config, BOOT_ID).open_chain()[1])
        return desk(token, request)

    monkeypatch.setattr("agent.enrolment.enrol", answer_late)
    with pytest.raises(AlreadyRunningError):
        desk.enrol_again()
    running[0].close()
    assert restart(desk)[0].device_id == DEVICE_ID
    monkeypatch.setattr("agent.enrolment.enrol", desk)
    desk.enrol_again()
    assert restart(desk)[1] == rekeyed(HELD)


def assert_said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Check that something was said on stderr."""
    assert re.search(words, caplog.text), caplog.text
